"""What is kept of a guest list and for how long: words for a week, seats for the retention, then only numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from openchair.rsvps.v1 import seat_pb2

from services.kit.clock import VirtualClock, instant
from services.kit.store.port import Record
from services.kit.store.sqlite import SqliteStore
from services.rsvps.records import KINDS
from services.rsvps.types import Question, QuestionKind, Quota, Use
from tests.service.rsvps_house import CENTRE, DATE, FACILITATOR, LATER, MEETING, START, House, key_of

if TYPE_CHECKING:
    from pathlib import Path

    from services.kit.store.port import Entry

pytest_plugins = ("tests.service.rsvps_house",)


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


GOING, WAITLISTED = seat_pb2.SEAT_STATE_GOING, seat_pb2.SEAT_STATE_WAITLISTED
END = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
FOR_ORGANISER = (Question(id="t", title="Allergies?", kind=QuestionKind.TEXT, use=Use.ORGANISER),)


async def entries(house: House) -> list[Entry]:
    """Everything in the store."""
    return [entry async for entry in house.store.dump()]


async def published(house: House) -> None:
    """What is marked is told to everybody, as a relay does."""
    for record in await house.store.unpublished(1000):
        for view in record.views:
            if view.pending:
                await house.store.published(record.kind, record.id, view.name, record.epoch, view.revision, 1)


async def pass_on(house: House, when: datetime) -> None:
    """Does what is due by then, and tells it."""
    house.to(when)
    for _ in range(4):
        await house.sweep()
        await published(house)
        house.later(minutes=2)


async def traces(house: House, list_id: str) -> list[Any]:
    """All that still names the list, or belongs to it."""
    await house.store.expire(instant(house.clock.now()))
    return [each for each in await entries(house) if list_id in repr(each) or getattr(each, "kind", "") == "seat"]


async def seated(house: House) -> str:
    """Some keep a seat, with words for the organiser, and check in; gives the id of the list."""
    await house.rules(questions=FOR_ORGANISER)
    for number in range(5):
        said = [{"question": "t", "text": f"nuts-{number}"}]
        await house.reserve(number, answers=said, first_name="Kim", request_id=f"request-{number:08d}")
    await house.call("Cancel", name=DATE, guest_key=key_of(1))
    house.to(END - timedelta(minutes=30))
    code = (await house.call("GetCheckInCode", FACILITATOR, name=DATE)).words
    await house.call("CheckIn", name=DATE, guest_key=key_of(0), code=code)
    ((record, _),) = await house.lists()
    return record.id


async def test_after_the_retention_nothing_is_left_of_a_list_but_numbers(house: House) -> None:
    list_id = await seated(house)
    assert await traces(house, list_id)
    await pass_on(house, END + timedelta(days=29, hours=23))
    assert await house.lists()
    await pass_on(house, END + timedelta(days=30, hours=1))
    assert await traces(house, list_id) == []
    assert await house.store.get("list", list_id) is None
    event = await house.event()
    assert event is not None
    assert (event.lists, event.buried) == ((), ())
    counts = (await house.store.find("count", {"centre": "house"}, limit=100)).records
    assert [each.state["expected"] for each in counts if each.state["expected"]] == [3]
    assert [each for each in await entries(house) if key_of(0) in repr(each) or "nuts" in repr(each)] == []


async def test_what_was_for_the_organiser_is_gone_after_a_week_and_the_seats_are_not(alone: House) -> None:
    list_id = await seated(alone)
    assert any(seat.sealed for seat in await alone.seats(list_id))
    await pass_on(alone, END + timedelta(days=6))
    assert any(seat.sealed for seat in await alone.seats(list_id))
    await pass_on(alone, END + timedelta(days=7, hours=1))
    seats = await alone.seats(list_id)
    assert [seat.sealed for seat in seats] == [""] * 5


async def test_a_list_is_not_forgotten_before_everybody_was_told(alone: House) -> None:
    list_id = await seated(alone)
    alone.to(END + timedelta(days=31))
    for record in await alone.store.due(instant(alone.clock.now()), 100):
        await alone.rsvps.due[record.kind](record)
    await alone.sweep()
    gone = await alone.store.get("list", list_id)
    assert gone is not None
    assert (gone.gone, [view.digest for view in gone.views]) == (True, [""])
    await pass_on(alone, END + timedelta(days=31, minutes=5))
    assert await alone.store.get("list", list_id) is None


async def test_a_shorter_retention_holds_for_words_and_marks_too(alone: House) -> None:
    short = House(alone.store, alone.clock)
    short.rsvps = type(short.rsvps)(short.desk, days=1)
    list_id = await seated(alone)
    await pass_on(short, END + timedelta(days=1, hours=1))
    assert await traces(short, list_id) == []


async def test_what_a_backup_brought_back_is_forgotten_at_once(alone: House) -> None:
    list_id = await seated(alone)
    backup = [entry async for entry in alone.store.dump()]
    restored = type(alone.store)(KINDS, VirtualClock(END + timedelta(days=400)))  # type: ignore[call-arg]  # the store in memory

    async def each() -> Any:
        for entry in backup:
            yield entry

    await restored.fill(each(), 1)
    house = House(restored, restored._clock)  # type: ignore[attr-defined]  # as above
    await pass_on(house, END + timedelta(days=400))
    assert await traces(house, list_id) == []


async def test_a_standing_seat_that_was_given_back_goes_and_the_others_stay(alone: House) -> None:
    await alone.rules(standing_seats=True)
    name = f"{CENTRE}/meetings/{MEETING}"
    for number in (1, 2):
        await alone.reserve(number, name)
    await alone.call("Cancel", name=name, guest_key=key_of(1))
    event = await alone.event()
    assert event is not None
    await pass_on(alone, START + timedelta(days=29))
    assert len(await alone.seats(event.series)) == 2
    await pass_on(alone, START + timedelta(days=36))
    assert [seat.state.value for seat in await alone.seats(event.series)] == ["going"]


async def test_a_later_date_keeps_its_list(alone: House) -> None:
    await alone.reserve(1)
    await alone.reserve(1, LATER)
    await pass_on(alone, END + timedelta(days=31))
    event = await alone.event()
    assert event is not None
    assert [each.date.isoformat() for each in event.lists] == ["2026-12-01"]


async def test_no_byte_of_a_seat_stays_in_the_file(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    store = SqliteStore(tmp_path / "rsvps.db", KINDS, clock)
    await store.open()
    house = House(store, clock)
    await house.part()
    list_id = await seated(house)
    seats = await house.seats(list_id)
    needles = [list_id.encode(), *(seat.mac.encode() for seat in seats), *(seat.id.encode() for seat in seats)]
    assert all(needle in _bytes(tmp_path) for needle in needles)
    await pass_on(house, END + timedelta(days=31))
    await house.store.expire(instant(clock.now()))
    found = _bytes(tmp_path)
    assert [needle for needle in needles if needle in found] == []
    await store.close()


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_when_a_list_is_counted_nothing_tells_any_more_in_which_order_people_came_and_what_they_need(
    house: House,
) -> None:
    """The same people at two lists, in the same order, with the same needs: that would say who is who."""
    counts = (Question(id="n", title="Children?", kind=QuestionKind.NUMBER, highest=99),)
    await house.rules(questions=counts, quotas=(Quota("wheels", "Wheelchair", 2),))
    for number in range(6):
        said = [{"question": "n", "number": number}]
        await house.reserve(number, answers=said, quotas=["wheels"] if number == 3 else [])
    ((record, _),) = await house.lists()
    assert [each.order for each in await house.seats(record.id)] == [1, 2, 3, 4, 5, 6]
    await pass_on(house, END + timedelta(hours=71))
    assert len({each.order for each in await house.seats(record.id)}) == 6

    await pass_on(house, END + timedelta(hours=73))
    seats = await house.seats(record.id)
    assert {(each.order, each.answers, each.quotas) for each in seats} == {(0, (), ())}
    leaves = [each for each in await entries(house) if isinstance(each, Record) and each.kind == "seat"]
    assert len({leaf.state["written"] for leaf in leaves}) == 1
    assert [(await house.mine(number)).state for number in (0, 5)] == [GOING, WAITLISTED]


async def test_a_date_that_is_off_keeps_its_order_since_it_may_come_back(alone: House) -> None:
    await alone.reserve(1)
    await alone.reserve(2)
    ((record, _),) = await alone.lists()
    await alone.part(active=False)
    await alone.rules()
    await pass_on(alone, END + timedelta(days=5))
    assert [each.order for each in await alone.seats(record.id)] == [1, 2]
