"""Whatever is asked of seats: an answer or a refusal, never an error that nobody meant; and a refusal leaves no trace.

Requests are made field by field from what the contract says, of values that are right, nearly right, and hostile. What
is refused does not repeat what somebody wrote.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from google.protobuf import message_factory
from hypothesis import given, settings
from hypothesis import strategies as st
from openchair.access.v1 import access_pb2
from openchair.rsvps.v1 import rsvp_service_pb2 as pb
from openchair.rsvps.v1 import seat_pb2

from services.kit.clock import VirtualClock
from services.kit.errors import Refusal
from services.kit.store.memory import MemoryStore
from services.rsvps.records import KINDS
from services.rsvps.types import Question, QuestionKind, Quota, Scope, Use
from tests.service.rsvps_house import (
    CENTRE,
    COORDINATOR,
    DATE,
    FACILITATOR,
    LATER,
    MEETING,
    NOBODY,
    START,
    STRANGER,
    House,
    key_of,
    weekly,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

    from services.kit.call import Caller

    Step = tuple[str, Message, Caller, int]

SERVICE: Final = pb.DESCRIPTOR.services_by_name["RsvpService"]
WRITTEN: Final = "Zaphod"
"""Somebody's name; it stands in many of these requests, and in no refusal."""

NOW = "the code that is shown now"
WHOLE = f"{CENTRE}/meetings/{MEETING}"
RIGHT: Final[dict[str, Sequence[Any]]] = {
    "ListRules.name": (f"{WHOLE}/listRules", f"{WHOLE}/listRules", f"{DATE}/listRules"),
    "GetListRulesRequest.name": (f"{WHOLE}/listRules", f"{DATE}/listRules"),
    "name": (DATE, DATE, DATE, DATE, LATER, WHOLE, f"{CENTRE}/meetings/course"),
    "parent": (CENTRE,),
    "names": (DATE, LATER),
    "also": (LATER,),
    "date_name": (DATE, LATER),
    "guest_key": tuple(map(key_of, range(3))),
    "attendance": (0, 1),
    "party_size": (0, 1, 2, 3),
    "number": (0, 0, 7),
    "choices": (0, 1),
    "question": ("diet", "age", "note"),
    "quotas": ("wheels",),
    "id": ("diet", "age", "note"),
    "update_mask": ("attendance", "party_size", "answers", "wait", "quotas", "first_name", "celebration"),
    "first_name": (WRITTEN,),
    "person": (WRITTEN, ""),
    "named": (WRITTEN,),
    "milestone": (f"one year, {WRITTEN}",),
    "invite_code": ("", WRITTEN),
    "list_code": ("", WRITTEN),
    "code": (NOW, NOW, "one two three four"),
    "request_id": ("", "one", "two"),
    "first_date": ("2026-11-01", "2026-01-01"),
    "last_date": ("2026-11-30", "2026-12-31"),
    "days": (0, 1, 90),
    "etag": ("",),
    "capacity": (0, 1, 2, 40),
    "online_capacity": (0, 1),
    "waitlist": (0, -1, 2),
    "closes_before_minutes": (0, 60),
    "cut_off_minutes": (0, 120),
    "claim_minutes": (0, 30),
    "draw_hours": (0,),
    "opens_before_minutes": (0,),
    "confirm_before_minutes": (0, 180),
    "kind": (1, 2),
}
"""By field, what may well stand there; of others any of their enumeration, or nothing."""

HOSTILE: Final[Sequence[str]] = (
    "", "a", WRITTEN, f"{WRITTEN}@example.org", f"{WRITTEN} 780 555 0100", "x" * 201, "a\r\nb", "a\x00", "a\u202e",
    "$where", "\u00e9\U0001f600", "a" * 8_001, "one two three four", "9999-12-31", "-", ".", "A" * 21, "=" * 22,
    "able able able able able able", key_of(1)[:-1] + "B", f"{CENTRE}/meetings/course/occurrences/20261124",
    f"{CENTRE}/meetings/members", f"{CENTRE}/meetings/members/occurrences/20261124", "centres/other",
    f"{CENTRE}/meetings/none/occurrences/20261124", f"{WHOLE}/listRules", f"{DATE}/listRules", "centres/$/meetings/.",
    f"{CENTRE}/slips/abcdefghjkmnpqrs", DATE.replace("20261124", "20261125"), DATE.replace("20261124", "99999999"),
    DATE.replace("20261124", "20261124-99999999999999999999"), DATE.replace("house", "elsewhere"),
)  # fmt: skip
NUMBERS: Final = (0, 1, 2, 10, 11, 20, 21, 60, 99, 5_000, 5_001, 10_080, -1, 2**31 - 1, -(2**31))
METHODS: Final = tuple(sorted(SERVICE.methods_by_name))
READS: Final = frozenset(
    ["GetAvailability", "GetCheckInCode", "GetListRules", "GetMine", "GetNeeds", "GetStatistics", "ExportList"]
)


def messages(descriptor: Descriptor, depth: int = 0) -> st.SearchStrategy[Message]:
    """Messages of a type, whatever may stand in them."""
    made = message_factory.GetMessageClass(descriptor)
    usual = {field.name: values(field, depth) for field in descriptor.fields if field.name in {"name", "guest_key"}}
    more = {field.name: values(field, depth) for field in descriptor.fields if field.name not in usual}
    if depth > 2:
        return st.just(made())
    return st.fixed_dictionaries(usual, optional=more).map(lambda fields: made(**fields))


def values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    """What stands in a field: mostly what may well be right."""
    one: st.SearchStrategy[Any]
    if field.message_type is not None:
        one = messages(field.message_type, depth + 1)
        if field.message_type is seat_pb2.Answer.DESCRIPTOR:
            one = ANSWERS | ANSWERS | one
    elif field.type == field.TYPE_BOOL:
        one = st.sampled_from([False] * 5 + [True])
    else:
        text = field.type == field.TYPE_STRING
        any_ = HOSTILE if text else [*field.enum_type.values_by_number, 99] if field.enum_type is not None else NUMBERS
        known = RIGHT.get(field.full_name.rpartition("v1.")[2]) or RIGHT.get(field.name, ())
        right = [each for each in known if isinstance(each, str) is text] or any_
        one = st.sampled_from([*right] * max(1, 300 // len(right)) + [*any_])
    return st.lists(one, max_size=2) if field.is_repeated else one


ANSWERS = st.sampled_from(
    [
        seat_pb2.Answer(question="diet", choices=[1]),
        seat_pb2.Answer(question="age", number=40),
        seat_pb2.Answer(question="note", text=WRITTEN),
    ]
)
CALLERS = st.sampled_from([NOBODY, *[COORDINATOR] * 4, FACILITATOR, STRANGER])
PUBLIC: Final = tuple(
    name
    for name, method in SERVICE.methods_by_name.items()
    if method.GetOptions().Extensions[access_pb2.access].public and "name" in method.input_type.fields_by_name
)
"""Methods for everybody that are about a meeting."""
TO_START: Final = (datetime(2026, 11, 25, 0, 50, tzinfo=UTC) - START).total_seconds()
GUESTS: Final = ("Reserve", "Change", "Cancel", "AcceptOffer", "CheckIn", "GiveFeedback")
STEPS = st.sampled_from([*METHODS, *GUESTS, *GUESTS, "SetListRules"]).flatmap(
    lambda method: st.tuples(
        st.just(method),
        messages(SERVICE.methods_by_name[method].input_type),
        CALLERS,
        st.sampled_from([0, 0, 0, 3_000, TO_START, TO_START + 90_000]),
    )
)


async def _house(*, standing: bool) -> House:
    clock = VirtualClock(START)
    store = MemoryStore(KINDS, clock)
    await store.open()
    house = House(store, clock)
    await house.part()
    await house.part("course", schedule=weekly(rule="FREQ=WEEKLY;COUNT=4"))
    await house.part("members", visibility="members", group="g")
    questions = (
        Question(id="diet", title="Diet", kind=QuestionKind.CHOICE, choices=("none", "vegan")),
        Question(id="age", title="Age", kind=QuestionKind.NUMBER, lowest=-5, highest=120),
        Question(id="note", title="Note", kind=QuestionKind.TEXT, use=Use.ORGANISER),
    )
    rules: dict[str, Any] = {"questions": questions, "party_size": 3, "celebrations": True, "feedback": questions[:2]}
    await house.rules(**rules, capacity=2, quotas=(Quota("wheels", "Wheelchair", 1),), standing_seats=standing)
    await house.rules("course", **rules, scope=Scope.SERIES)
    return house


async def _run(steps: Sequence[Step], *, standing: bool) -> int:
    house, answered = await _house(standing=standing), 0
    for number, name in ((0, DATE), (1, DATE), (2, DATE), (1, LATER), (0, f"{CENTRE}/meetings/course")):
        await house.reserve(number, name, wait="WAIT_CHOICE_ASK", first_name=WRITTEN)
    for method, message, caller, seconds in steps:
        await house.clock.advance(seconds)
        await house.sweep()
        await _say_code(house, message)
        before = await _all(house)
        try:
            await house.send(method, message, caller)
            answered += 1
        except Refusal as refusal:
            assert standing or await _all(house) == before, f"{method} was refused, and left something"
            told = f"{refusal} {refusal.reason} {refusal.details} {getattr(refusal, 'violations', ())}"
            assert WRITTEN not in told.replace(getattr(message, "name", ""), ""), told
        if method in READS:
            assert standing or await _all(house) == before, f"{method} wrote something"
    await house.clock.advance(timedelta(days=60).total_seconds())
    await house.sweep()
    await house.store.close()
    return answered


async def _say_code(house: House, message: Message) -> None:
    """Has it say the code that is shown in the room, if there is one."""
    if getattr(message, "code", "") == NOW:
        with contextlib.suppress(Refusal):
            shown = await house.call("GetCheckInCode", FACILITATOR, name=getattr(message, "name", ""))
            message.code = shown.words  # type: ignore[attr-defined]  # it has one


async def _all(house: House) -> list[str]:
    return [repr(entry) async for entry in house.store.dump()]


@pytest.mark.parametrize("standing", [False, True])
def test_whatever_is_asked_is_answered_or_refused_and_a_refusal_leaves_no_trace(*, standing: bool) -> None:
    @settings(max_examples=20, deadline=None)
    @given(st.lists(STEPS, min_size=1, max_size=8))
    def run(steps: list[Step]) -> None:
        asyncio.run(_run(steps, standing=standing))

    run()


def told(refusal: Refusal, name: str) -> str:
    """A refusal as its caller sees it, but for the name that they said themselves."""
    said = f"{refusal.code} {refusal.reason} {refusal} {refusal.details} {getattr(refusal, 'violations', ())}"
    return said.replace(name, "…")


@pytest.mark.parametrize("date", ["", "/occurrences/20261124"])
def test_a_meeting_for_members_is_told_of_as_one_that_there_is_not(date: str) -> None:
    """Whatever is asked without a code of its group, before the date and while it is on; also with somebody in it."""

    @settings(max_examples=15, deadline=None)
    @given(
        st.sampled_from(PUBLIC).flatmap(
            lambda method: st.tuples(st.just(method), messages(SERVICE.methods_by_name[method].input_type))
        ),
        st.sampled_from([0, TO_START]),
        st.sampled_from([key_of(0), key_of(1), "A" * 21]),
    )
    def run(asked: tuple[str, Message], seconds: float, key: str) -> None:
        if "guest_key" in asked[1].DESCRIPTOR.fields_by_name:
            asked[1].guest_key = key  # type: ignore[attr-defined]  # it has one
        asyncio.run(_alike(*asked, seconds, date))

    run()


async def _alike(method: str, message: Message, seconds: float, date: str) -> None:
    house = await _house(standing=True)
    await house.part("members")
    await house.rules("members", standing_seats=True)
    for place in ("", "/occurrences/20261124"):
        await house.reserve(0, f"{CENTRE}/meetings/members{place}")
    await house.part("members", visibility="members", group="g")
    await house.clock.advance(seconds)
    outcomes = []
    for meeting in ("members", "there-is-none"):
        name = f"{CENTRE}/meetings/{meeting}{date}"
        message.name = name  # type: ignore[attr-defined]  # they all have one
        with pytest.raises(Refusal) as refused:
            await house.send(method, message)
        outcomes.append(told(refused.value, name))
    assert outcomes[0] == outcomes[1]
    await house.store.close()


@pytest.mark.slow
@pytest.mark.parametrize("standing", [False, True])
def test_the_same_for_long(*, standing: bool) -> None:
    @settings(max_examples=1_500, deadline=None)
    @given(st.lists(STEPS, min_size=1, max_size=15))
    def run(steps: list[Step]) -> None:
        asyncio.run(_run(steps, standing=standing))

    run()
