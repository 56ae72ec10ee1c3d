from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.empty_pb2 import Empty
from openchair.access.v1 import access_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.kit.access import ROLES, Access, Rule, rule_of, rules_of
from services.kit.call import NOBODY, Call, Caller
from services.kit.clock import SystemClock
from services.kit.errors import Denied, Invalid, NotFound, Refusal

STAFF = frozenset({"coordinator", "administrator"})
ACCESS = Access(
    {
        "Open": Rule(public=True),
        "Get": Rule(roles=STAFF, scope="name"),
        "Update": Rule(roles=STAFF, scope="meeting.name"),
        "Create": Rule(roles=frozenset({"operator"})),
    }
)


def caller(**roles: str) -> Caller:
    return Caller("p1", {scope.replace("everywhere", "*"): frozenset({role}) for scope, role in roles.items()})


async def ask(method: str, who: Caller, name: str = "centres/c1/meetings/m1") -> str:
    message: Any = pb.GetMeetingRequest(name=name)
    if method == "Update":
        message = pb.UpdateMeetingRequest()
        message.meeting.name = name
    try:
        await ACCESS(Call(method, message, who, 0.0, SystemClock()), answer)
    except Refusal as refusal:
        return refusal.code
    return "OK"


async def answer(_call: Call[Any]) -> Empty:
    return Empty()


@pytest.mark.parametrize(
    ("method", "who", "code"),
    [
        ("Open", NOBODY, "OK"),
        ("Open", caller(c1="member"), "OK"),
        ("Get", NOBODY, "UNAUTHENTICATED"),
        ("Get", caller(c1="coordinator"), "OK"),
        ("Update", caller(c1="coordinator"), "OK"),
        ("Get", caller(everywhere="administrator"), "OK"),
        ("Get", caller(c1="member"), "PERMISSION_DENIED"),
        ("Get", caller(everywhere="member"), "PERMISSION_DENIED"),
        ("Get", caller(c2="coordinator"), "NOT_FOUND"),
        ("Update", caller(c2="coordinator"), "NOT_FOUND"),
        ("Get", Caller("p1"), "NOT_FOUND"),
        ("Get", Caller("p1", {"c1": frozenset()}), "NOT_FOUND"),
        ("Get", caller(c2="administrator", c1="member"), "PERMISSION_DENIED"),
        ("Create", caller(everywhere="operator"), "OK"),
        ("Create", caller(c1="operator"), "PERMISSION_DENIED"),
        ("Create", NOBODY, "UNAUTHENTICATED"),
        ("Unlisted", caller(everywhere="operator"), "PERMISSION_DENIED"),
    ],
)
async def test_who_may_call(method: str, who: Caller, code: str) -> None:
    assert await ask(method, who) == code


async def test_a_scope_of_another_is_answered_exactly_as_an_absent_object() -> None:
    name = "centres/c1/meetings/m1"
    call = Call("Get", pb.GetMeetingRequest(name=name), caller(c2="coordinator"), 0.0, SystemClock())
    with pytest.raises(NotFound) as refused:
        await ACCESS(call, answer)
    absent = NotFound(name)
    assert vars(refused.value) == vars(absent)


async def test_the_refusal_of_the_known_names_the_roles_needed() -> None:
    call = Call("Get", pb.GetMeetingRequest(name="centres/c1"), caller(c1="member"), 0.0, SystemClock())
    with pytest.raises(Denied) as refused:
        await ACCESS(call, answer)
    assert refused.value.reason == "ROLE_MISSING"
    assert refused.value.details == {"roles": "administrator, coordinator"}


@pytest.mark.parametrize(
    "name", ["", "centres", "centres/", "centres//meetings/x", "centres/*", "centres/c1\u202e/x", "a/" * 900]
)
async def test_a_scope_that_is_no_name_is_refused_without_repeating_it(name: str) -> None:
    call = Call("Get", pb.GetMeetingRequest(name=name), caller(c2="coordinator"), 0.0, SystemClock())
    with pytest.raises(Invalid) as refused:
        await ACCESS(call, answer)
    assert [(wrong.field, wrong.reason) for wrong in refused.value.violations] == [("name", "must be a resource name")]


async def test_the_scope_everywhere_cannot_be_asked_for() -> None:
    assert await ask("Get", caller(everywhere="member"), "centres/*") == "INVALID_ARGUMENT"


def test_the_rules_are_those_beside_the_methods() -> None:
    rules = rules_of(pb.DESCRIPTOR.services_by_name["MeetingService"])
    update = rules["openchair.meetings.v1.MeetingService/UpdateMeeting"]
    assert update == Rule(roles=frozenset({"coordinator", "administrator", "operator"}), scope="meeting.name")
    assert rules["openchair.meetings.v1.MeetingService/GetCentre"] == Rule(public=True)


def test_roles_are_the_names_of_the_proto() -> None:
    assert {"member", "facilitator", "coordinator", "administrator", "operator", "service"} == ROLES


def a_method(option: access_pb2.Access | None) -> Any:
    """A method of a service made up here, with this option."""
    file = descriptor_pb2.FileDescriptorProto(name="x.proto", package="x", syntax="proto3")
    inner = file.message_type.add(name="Inner")
    inner.field.add(name="name", number=1, type="TYPE_STRING", label="LABEL_OPTIONAL")
    request = file.message_type.add(name="Request")
    request.field.add(name="inner", number=1, type="TYPE_MESSAGE", type_name=".x.Inner", label="LABEL_OPTIONAL")
    request.field.add(name="many", number=2, type="TYPE_MESSAGE", type_name=".x.Inner", label="LABEL_REPEATED")
    request.field.add(name="size", number=3, type="TYPE_INT32", label="LABEL_OPTIONAL")
    method = file.service.add(name="X").method.add(name="Do", input_type=".x.Request", output_type=".x.Request")
    if option is not None:
        method.options.Extensions[access_pb2.access].CopyFrom(option)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool.FindServiceByName("x.X").methods_by_name["Do"]


def option(**fields: Any) -> access_pb2.Access:
    return access_pb2.Access(**fields)


def test_a_rule_that_can_be_enforced_is_taken() -> None:
    rule = rule_of(a_method(option(roles=[access_pb2.ROLE_MEMBER], scope="inner.name")))
    assert rule == Rule(roles=frozenset({"member"}), scope="inner.name")


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        option(),
        option(roles=[access_pb2.ROLE_UNSPECIFIED]),
        option(public=True, roles=[access_pb2.ROLE_MEMBER]),
        option(roles=[access_pb2.ROLE_MEMBER], scope="nothing"),
        option(roles=[access_pb2.ROLE_MEMBER], scope="inner"),
        option(roles=[access_pb2.ROLE_MEMBER], scope="inner.nothing"),
        option(roles=[access_pb2.ROLE_MEMBER], scope="many.name"),
        option(roles=[access_pb2.ROLE_MEMBER], scope="size"),
        option(roles=[access_pb2.ROLE_MEMBER], scope="size.name"),
    ],
)
def test_no_rule_or_one_that_cannot_be_enforced_is_refused_naming_the_method(wrong: access_pb2.Access | None) -> None:
    with pytest.raises(ValueError, match=r"x\.X\.Do"):
        rules_of(a_method(wrong).containing_service)
