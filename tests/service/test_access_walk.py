"""Every method of every service in the protos, by a real server: who is let in is what the proto says."""

from __future__ import annotations

import importlib
import pkgutil
import random
from contextlib import asynccontextmanager
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import jwt
import openchair
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import message_factory
from openchair.access.v1 import access_pb2

from services.kit.access import ROLES, rule_of
from services.kit.auth import TokenVerifier, audience_of, key_id, make_token
from services.kit.client import RpcError, connect, explain
from services.kit.clock import Ids, SystemClock
from services.kit.logs import make_log
from services.kit.middleware import inner, outer
from services.kit.server import GrpcServer
from services.kit.service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
    from google.protobuf.message import Message

    from services.kit.call import Call

KEY = Ed25519PrivateKey.generate()
KEYS = {key_id(KEY.public_key()): KEY.public_key()}
AUDIENCE = audience_of("test")
CLOCK = SystemClock()
HERE, ELSEWHERE = "here", "elsewhere"
NAME = f"centres/{HERE}/things/t1"


def services() -> list[ServiceDescriptor]:
    """Every service of the generated modules."""
    names = [module.name for module in pkgutil.walk_packages(openchair.__path__, "openchair.")]
    files = [importlib.import_module(name).DESCRIPTOR for name in names if name.endswith("_pb2")]
    return [service for file in files for service in file.services_by_name.values()]


METHODS = [method for service in services() for method in service.methods]


class Recorder:
    """Answers every method with an empty message and keeps what it was called with."""

    def __init__(self) -> None:
        self.calls: list[Call[Any]] = []

    def implementation(self, service: ServiceDescriptor) -> object:
        """An object with every method of the service."""
        methods = {Service.method_name(method): self._method(method) for method in service.methods}
        return type("Implementation", (), methods)()

    def _method(self, descriptor: MethodDescriptor) -> Any:
        reply = message_factory.GetMessageClass(descriptor.output_type)

        async def answer(_self: object, call: Call[Any]) -> Message:
            self.calls.append(call)
            return reply()

        return answer


@asynccontextmanager
async def running(recorder: Recorder) -> AsyncIterator[int]:
    log = make_log("error", StringIO())
    bound = [Service(service, recorder.implementation(service), middleware=inner()) for service in services()]
    middleware = outer(log, Ids(random.Random(1)), TokenVerifier(KEYS, AUDIENCE, CLOCK))  # noqa: S311 - seeded
    server = GrpcServer(bound, middleware, host="127.0.0.1", port=0, clock=CLOCK, log=log)
    yield await server.start()
    await server.stop(0)


def request_for(method: MethodDescriptor, name: str = NAME) -> Message:
    """A request whose scope is HERE."""
    message = message_factory.GetMessageClass(method.input_type)()
    *steps, last = rule_of(method).scope.split(".")
    target = message
    for step in steps:
        target = getattr(target, step)
    if last:
        setattr(target, last, name)
    return message


def a_token(roles: dict[str, list[str]], audience: str = AUDIENCE) -> str:
    return make_token(KEY, "p1", roles, audience=audience, lifetime=timedelta(minutes=5), clock=CLOCK)


def forged(alg: str, key: Any, lives: int) -> str:
    """A token that would open everything if it were taken."""
    now = int(CLOCK.now().timestamp())
    roles = {"*": sorted(ROLES), HERE: sorted(ROLES)}
    claims = {"sub": "p1", "aud": AUDIENCE, "iat": now - 3600, "exp": now + lives, "roles": roles}
    return jwt.encode(claims, key, algorithm=alg, headers={"kid": next(iter(KEYS))})


async def codes(token: str) -> dict[str, str]:
    """What each method answers to this token; "OK" only if the implementation was reached."""
    recorder, found = Recorder(), {}
    async with running(recorder) as port:
        channel: Any = connect(f"127.0.0.1:{port}", token)
        for method in METHODS:
            before = len(recorder.calls)
            path = f"/{method.containing_service.full_name}/{method.name}"
            try:
                await channel.unary_unary(path)(request_for(method).SerializeToString(), timeout=60)
                code = "OK"
            except RpcError as error:
                code = explain(error).code
            assert (code == "OK") == (len(recorder.calls) > before), method.full_name
            found[method.full_name] = code
        await channel.close()
    return found


def test_there_are_services_to_walk() -> None:
    names = {service.full_name for service in services()}
    assert {"openchair.meetings.v1.MeetingService", "openchair.meetings.v1.RoomService"} <= names
    assert len(METHODS) > 20


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_every_method_says_who_may_call_it(method: MethodDescriptor) -> None:
    assert method.GetOptions().HasExtension(access_pb2.access)
    rule = rule_of(method)
    assert rule.public or rule.roles


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda: forged("EdDSA", KEY, -1), id="expired"),
        pytest.param(lambda: forged("none", None, 600), id="alg:none"),
        pytest.param(lambda: forged("HS256", "s" * 64, 600), id="another algorithm"),
        pytest.param(lambda: forged("EdDSA", Ed25519PrivateKey.generate(), 600), id="another key"),
        pytest.param(lambda: forged("EdDSA", KEY, 48 * 3600), id="too long a life"),
        pytest.param(lambda: a_token({"*": ["operator"]}, audience_of("other")), id="wrong audience"),
        pytest.param(lambda: "nonsense", id="no token at all"),
    ],
)
async def test_a_token_that_does_not_hold_opens_no_method_not_even_a_public_one(token: Any) -> None:
    assert set((await codes(token())).values()) == {"UNAUTHENTICATED"}


async def test_without_a_token_only_public_methods_answer() -> None:
    expected = {method.full_name: "OK" if rule_of(method).public else "UNAUTHENTICATED" for method in METHODS}
    assert await codes("") == expected


async def test_a_token_without_any_role_is_told_that_nothing_is_there() -> None:
    assert await codes(a_token({})) == {method.full_name: elsewhere(method) for method in METHODS}


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_a_role_in_the_scope_opens_the_methods_that_name_it(role: str) -> None:
    def expected(method: MethodDescriptor) -> str:
        rule = rule_of(method)
        return "OK" if rule.public or (rule.scope and role in rule.roles) else "PERMISSION_DENIED"

    assert await codes(a_token({HERE: [role]})) == {method.full_name: expected(method) for method in METHODS}


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_a_role_everywhere_opens_the_methods_that_name_it(role: str) -> None:
    def expected(method: MethodDescriptor) -> str:
        rule = rule_of(method)
        return "OK" if rule.public or role in rule.roles else "PERMISSION_DENIED"

    assert await codes(a_token({"*": [role]})) == {method.full_name: expected(method) for method in METHODS}


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_a_role_in_another_scope_is_told_that_nothing_is_there(role: str) -> None:
    assert await codes(a_token({ELSEWHERE: [role]})) == {method.full_name: elsewhere(method) for method in METHODS}


def elsewhere(method: MethodDescriptor) -> str:
    """What whoever has no role in the scope is told."""
    rule = rule_of(method)
    if rule.public:
        return "OK"
    return "NOT_FOUND" if rule.scope else "PERMISSION_DENIED"
