"""Figures: what stays of dates, who may answer questions afterwards, what the centre sees and what leaves it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from services.kit.clock import instant
from services.kit.errors import Invalid, NotFound, Unmet
from services.kit.store.port import Commit
from services.rsvps import records
from services.rsvps.types import Count, Question, QuestionKind, SeatFor
from tests.service.rsvps_house import CENTRE, COORDINATOR, DATE, FACILITATOR, MEETING, House, key_of

pytest_plugins = ("tests.service.rsvps_house",)


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


STARTS = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
AFTER = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
COUNTED = datetime(2026, 11, 28, 4, 0, tzinfo=UTC)
YEAR = {"parent": CENTRE, "first_date": "2026-01-01", "last_date": "2026-12-31"}
ASKED = (
    Question(id="q", title="Did it help?", kind=QuestionKind.CHOICE, choices=("yes", "no")),
    Question(id="n", title="Minutes to get here?", kind=QuestionKind.NUMBER, lowest=0, highest=600),
)


async def attend(house: House, *numbers: int) -> None:
    """Has these check in."""
    for number in numbers:
        code = (await house.call("GetCheckInCode", FACILITATOR, name=DATE)).words
        await house.call("CheckIn", name=DATE, guest_key=key_of(number), code=code)


async def answer(house: House, number: int, choice: int = 0, minutes: int = 0) -> Any:
    said = [{"question": "q", "choices": [choice]}, {"question": "n", "number": minutes}]
    return await house.call("GiveFeedback", name=DATE, guest_key=key_of(number), answers=said)


async def counts(house: House) -> list[Count]:
    page = await house.store.find("count", {"centre": "house"}, ("date",), 1000)
    return [records.read(record, Count) for record in page.records]


async def due(house: House) -> None:
    """Has the event looked after, as it is from the moment on at which it was heard of."""
    record = await house.store.get("event", MEETING)
    assert record is not None
    await house.rsvps.due["event"](record)


@pytest.fixture
async def full(alone: House) -> House:
    """Three are going and one waits; two of them and one more came; then it is over."""
    await alone.rules(capacity=3, feedback=ASKED)
    for number in range(4):
        await alone.reserve(number)
    alone.to(STARTS)
    await attend(alone, 0, 1, 9)
    alone.to(AFTER)
    return alone


async def test_a_date_is_counted_72_hours_after_its_end_and_nobody_is_left_who_was_there(full: House) -> None:
    await answer(full, 0, 0, 30)
    await answer(full, 9, 1, 12)
    full.to(COUNTED)
    await full.sweep()
    (count,) = [each for each in await counts(full) if each.expected]
    assert (count.meeting, count.date.isoformat(), count.weekday, count.held) == (MEETING, "2026-11-24", 2, True)
    figures = (count.expected, count.attended_room, count.attended_online, count.waitlisted, count.unused)
    assert figures == (3, 3, 0, 1, 0)
    said = [(each.question, each.counts, each.answered) for each in count.feedback]
    assert said == [("q", (1, 1), 2), ("n", (42,), 2)]
    ((record, _),) = await full.lists()
    leaves = (await full.store.find("seat", {"head": record.id}, limit=100)).records
    assert {leaf.state["use"] for leaf in leaves} == {SeatFor.SEAT.value}
    assert len(leaves) == 4


async def test_seats_that_nobody_used_are_one_number_and_none_where_nobody_counted(alone: House) -> None:
    for number in range(3):
        await alone.reserve(number)
    alone.to(AFTER)
    await alone.call("HeadCount", FACILITATOR, name=DATE, in_person=1)
    alone.to(COUNTED)
    await alone.sweep()
    (count,) = [each for each in await counts(alone) if each.expected]
    assert (count.expected, count.attended_room, count.unused) == (3, 1, 2)


async def test_dates_without_a_list_are_counted_too(alone: House) -> None:
    await due(alone)
    await alone.sweep()
    alone.to(datetime(2026, 12, 12, 12, tzinfo=UTC))
    await alone.sweep()
    assert [each.date.isoformat() for each in await counts(alone)] == ["2026-11-24", "2026-12-01", "2026-12-08"]
    assert {(each.held, each.expected, each.unused) for each in await counts(alone)} == {(True, 0, 0)}


async def test_only_who_checked_in_is_asked_and_only_once(full: House) -> None:
    with pytest.raises(NotFound):
        await answer(full, 2)
    await answer(full, 1)
    with pytest.raises(Unmet, match="before"):
        await answer(full, 1)
    with pytest.raises(Invalid):
        await answer(full, 0, 7)
    full.to(COUNTED)
    await full.sweep()
    with pytest.raises(NotFound):
        await answer(full, 0)


async def test_an_answer_is_linked_to_no_seat(full: House) -> None:
    await answer(full, 0, 0, 30)
    ((record, _),) = await full.lists()
    leaves = [leaf.state for leaf in (await full.store.find("seat", {"head": record.id}, limit=100)).records]
    macs = [leaf["mac"] for leaf in leaves]
    assert len(set(macs)) == len(macs)
    (said,) = [leaf for leaf in leaves if leaf["use"] == SeatFor.ANSWERED.value]
    assert (said["order"], said["standing"], said["party"]) == (0, "", 1)


def held(meeting: str, month: int, day: int, room: int, **more: Any) -> Count:
    """A date of January or so on which so many were."""
    made = Count(
        id=f"{meeting}-{month}-{day}",
        centre="house",
        event=meeting,
        meeting=meeting,
        date=datetime(2026, month, day, tzinfo=UTC).date(),
        kind="support-meeting",
        rooms=(f"{CENTRE}/rooms/r",),
        weekday=2,
        expected=room,
        attended_room=room,
    )
    return msgspec.structs.replace(made, **more)


async def stored(house: House, *values: Count) -> None:
    at = instant(house.clock.now())
    await house.store.commit(Commit(tuple(records.write(None, each, at=at, actor="test") for each in values)))


@pytest.fixture
async def kept(alone: House) -> House:
    """A meeting with 20 people on four dates, and one that is not public, with 3."""
    await alone.part("secret", visibility="members")
    large = [held(MEETING, 1, day, 20) for day in (6, 13, 20, 27)]
    await stored(alone, *large, held("secret", 1, 7, 3), held("secret", 1, 14, 0, held=False))
    alone.to(datetime(2027, 1, 12, tzinfo=UTC))
    return alone


async def test_the_centre_sees_exact_figures(kept: House) -> None:
    reply = await kept.call("GetStatistics", COORDINATOR, **YEAR, dimensions=["DIMENSION_MEETING", "DIMENSION_MONTH"])
    assert [(list(row.keys), row.advertised.value, row.cancelled.value, row.expected.value) for row in reply.rows] == [
        ([f"{CENTRE}/meetings/secret", "2026-01"], 2, 1, 3),
        ([f"{CENTRE}/meetings/{MEETING}", "2026-01"], 4, 0, 80),
    ]


async def test_an_export_withholds_what_is_small_and_names_nothing_that_is_not_public(kept: House) -> None:
    reply = await kept.call("ExportStatistics", COORDINATOR, **YEAR, dimensions=["DIMENSION_MEETING", "DIMENSION_ROOM"])
    small, large = reply.rows
    assert list(small.keys) == ["", ""]
    assert list(large.keys) == [f"{CENTRE}/meetings/{MEETING}", f"{CENTRE}/rooms/r"]
    assert (small.attended_in_person.suppressed, small.attended_in_person.value) == (True, 0)
    assert (large.attended_in_person.suppressed, large.attended_in_person.value) == (False, 80)
    assert large.advertised.suppressed
    total = (await kept.call("ExportStatistics", COORDINATOR, **YEAR)).rows[0]
    assert (total.attended_in_person.value, total.attended_in_person.withheld) == (80, 1)
    assert {note.figure for note in reply.notes} >= {"advertised", "unused", "value"}


async def test_what_was_counted_after_its_month_was_closed_is_in_no_export(kept: House) -> None:
    before = await kept.call("ExportStatistics", COORDINATOR, **YEAR)
    await stored(kept, held(MEETING, 1, 28, 500, late=True))
    assert await kept.call("ExportStatistics", COORDINATOR, **YEAR) == before


@pytest.mark.parametrize(
    ("first", "last", "refusal"),
    [
        ("2026-01-02", "2026-01-31", Invalid),
        ("2026-01-01", "2026-01-30", Invalid),
        ("2026-02-01", "2026-01-31", Invalid),
        ("2001-01-01", "2026-01-31", Invalid),
        ("yesterday", "2026-01-31", Invalid),
        ("2027-01-01", "2027-01-31", Unmet),
    ],
)
async def test_only_whole_months_that_are_closed_are_exported(
    kept: House, first: str, last: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await kept.call("ExportStatistics", COORDINATOR, parent=CENTRE, first_date=first, last_date=last)


async def test_a_dimension_is_asked_for_once(kept: House) -> None:
    with pytest.raises(Invalid):
        await kept.call("GetStatistics", COORDINATOR, **YEAR, dimensions=["DIMENSION_KIND", "DIMENSION_KIND"])
