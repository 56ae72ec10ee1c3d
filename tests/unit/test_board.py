"""The board says what the store says: after any change, also while it is being read, and from other instances."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from services.kit.clock import Ids, VirtualClock, instant
from services.kit.heads import Heads
from services.kit.leaves import Changes, Decision, Facts
from services.kit.store.memory import Disk, MemoryStore
from services.kit.store.port import Commit, Page, Unwritten
from services.meetings import records
from services.meetings.board import PAUSE, SETTLED, Board, House
from services.meetings.diary import SHAPE, leaf
from services.meetings.records import KINDS, PUBLICATIONS
from services.meetings.types import Centre
from services.recurrence.timetable import minute
from tests.contract.bus_fixtures import until
from tests.unit.free_examples import NOW, WEEKLY, booking, room, when

if TYPE_CHECKING:
    from services.kit.event import Event
    from services.kit.store.port import Record
    from services.meetings.types_rooms import Booking, Room

CLOCK = VirtualClock(NOW)


class Shop:
    """Rooms of a centre in a store, changed as the service does; `disk` may be shared with others."""

    def __init__(self, disk: Disk | None = None) -> None:
        self.store = Slow(KINDS, CLOCK, disk or Disk())
        self.heads = Heads(self.store, CLOCK, Ids(random.Random(3)), (SHAPE,))  # noqa: S311 - seeded
        self.board = Board(self.store)

    async def put_room(self, one: Room, *, gone: bool = False) -> None:
        facts = Facts(records.document(one), records.views(one), gone=gone)
        await self._change(one.id, lambda _, __: Decision(None, Changes(facts=facts)))

    async def put(self, one: Booking) -> None:
        await self._change(one.room, lambda _, __: Decision(None, Changes(leaves=(leaf(one),))))

    async def remove(self, one: Booking) -> None:
        await self._change(one.room, lambda _, __: Decision(None, Changes(removed=(one.id,))))

    async def archive(self, one: Booking) -> None:
        await self._change(one.room, lambda _, __: Decision(None, Changes(archived=(one.id,))))

    async def _change(self, id_: str, decide: Any) -> None:
        await self.heads.change("room", id_, decide, actor="t")

    async def record(self, kind: str, id_: str) -> Record:
        found = await self.store.get(kind, id_)
        assert found is not None
        return found


class Slow(MemoryStore):
    """A store whose searches wait at a gate, if it is shut, once they have read; or fail."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0
        self.fault: Exception | None = None

    async def find(self, *args: Any, **named: Any) -> Page:
        if self.fault is not None:
            raise self.fault
        found = await super().find(*args, **named)
        self.waiting += 1
        await self.gate.wait()
        return found


def told(of: House) -> dict[str, Any]:
    """What a house says, in a form that can be compared."""
    diaries = {id_: diary for id_, diary in of.diaries.items() if diary.bookings}
    since, until_ = minute(NOW), minute(NOW) + 90 * 1440
    return {
        "rooms": of.rooms,
        "bookings": {id_: diary.bookings for id_, diary in diaries.items()},
        "taken": {id_: [*diary.times.between(since, until_)] for id_, diary in diaries.items()},
    }


BLUE, RED = room("blue"), room("red")


async def test_it_says_what_one_says_that_is_read_now() -> None:
    shop, chance = Shop(), random.Random(5)  # noqa: S311 - seeded
    await shop.put_room(BLUE)
    await shop.put_room(RED)
    await shop.board.house("c")
    standing: dict[str, Booking] = {}
    for number in range(120):
        drawn = chance.random()
        if standing and drawn < 0.3:
            one = standing.pop(chance.choice(sorted(standing)))
            await (shop.remove(one) if drawn < 0.2 else shop.archive(one))
        elif standing and drawn < 0.5:
            one = standing[chance.choice(sorted(standing))]
            await shop.put(booking(one.id, room(one.room), when(f"2026-12-{1 + number % 28:02}T10:00")))
        elif drawn < 0.55:
            await shop.put_room(room("blue", capacity=number))
        else:
            of = chance.choice((BLUE, RED))
            one = booking(f"b{number}", of, when(f"2026-11-{22 + number % 7}T10:00", 60, chance.choice((None, WEEKLY))))
            standing[one.id] = one
            await shop.put(one)
    assert told(await shop.board.house("c")) == told(await Board(shop.store).house("c"))
    assert len(standing) == sum(len(each) for each in told(await shop.board.house("c"))["bookings"].values()) > 10


async def test_nothing_that_is_committed_while_it_reads_is_lost_or_comes_back() -> None:
    shop = Shop()
    await shop.put_room(BLUE)
    gone, changed = booking("gone", BLUE, when("2026-11-24T10:00")), booking("changed", BLUE, when("2026-11-25T10:00"))
    await shop.put(gone)
    await shop.put(changed)
    shop.store.gate.clear()
    shop.store.waiting = 0
    reading = asyncio.create_task(shop.board.house("c"))
    await until(lambda: shop.store.waiting == 1)
    shop.store.gate.set()
    await asyncio.sleep(0)
    shop.store.gate.clear()
    await until(lambda: shop.store.waiting == 2)  # the bookings are read, and not taken in
    await shop.put(booking("new", BLUE, when("2026-11-26T10:00")))
    await shop.put(booking("changed", BLUE, when("2026-11-27T10:00")))
    await shop.archive(gone)
    shop.store.gate.set()
    house = await reading
    assert told(house) == told(await Board(shop.store).house("c"))
    assert {*house.diaries["blue"].bookings} == {"new", "changed"}


async def test_a_house_that_could_not_be_read_is_read_when_somebody_asks_again() -> None:
    shop = Shop()
    await shop.put_room(BLUE)
    shop.store.fault = Unwritten("the database is away")
    for _ in range(2):
        with pytest.raises(Unwritten):
            await shop.board.house("c")
    shop.store.fault = None
    assert {*(await shop.board.house("c")).rooms} == {"blue"}


async def test_a_caller_who_goes_away_does_not_stop_the_reading() -> None:
    shop = Shop()
    await shop.put_room(BLUE)
    shop.store.gate.clear()
    first, second = (asyncio.create_task(shop.board.house("c")) for _ in range(2))
    await until(lambda: shop.store.waiting >= 1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    shop.store.gate.set()
    assert {*(await second).rooms} == {"blue"}


async def test_a_room_that_is_gone_is_gone_with_its_bookings() -> None:
    shop = Shop()
    await shop.put_room(BLUE)
    await shop.put(booking("1", BLUE, when("2026-11-24T10:00")))
    house = await shop.board.house("c")
    await shop.put_room(BLUE, gone=True)
    assert told(house) == {"rooms": {}, "bookings": {}, "taken": {}}


async def test_it_keeps_nothing_that_a_person_wrote_about_a_booking() -> None:
    shop = Shop()
    await shop.put_room(BLUE)
    said = dict.fromkeys(("title", "notes", "overruled", "overruled_by"), "canary")
    await shop.put(booking("1", BLUE, when("2026-11-24T10:00"), **said))
    house = await shop.board.house("c")
    assert "canary" not in repr(house.diaries["blue"].bookings)


def event(record: Record, view: str) -> Event:
    publication = next(each for each in PUBLICATIONS if (each.kind, each.view) == (record.kind, view))
    return publication.event(record, "home")


async def test_it_is_behind_what_another_instance_wrote_until_it_is_told() -> None:
    disk = Disk()
    one, other = Shop(disk), Shop(disk)
    await one.put_room(BLUE)
    await one.put(booking("1", BLUE, when("2026-11-24T10:00")))
    house = await other.board.house("c")
    before = await one.record("booking", "1")
    assert not other.board.behind("1", event(before, "private"))
    await one.put(booking("1", BLUE, when("2026-11-25T10:00")))
    await one.put(booking("2", BLUE, when("2026-11-26T10:00")))
    for id_ in ("1", "2"):
        record = await one.record("booking", id_)
        assert other.board.behind(id_, event(record, "private"))
        other.board.apply(record)
        assert not other.board.behind(id_, event(record, "private"))
    other.board.apply(before)
    assert told(house) == told(await one.board.house("c"))
    await one.put_room(room("blue", notes="only staff knows"))
    record = await one.record("room", "blue")
    assert not other.board.behind("blue", event(record, "public"))
    assert other.board.behind("blue", event(record, "private"))


async def test_of_a_house_that_nobody_asked_for_it_keeps_nothing() -> None:
    shop = Shop()
    await shop.put_room(BLUE)
    await shop.put(booking("1", BLUE, when("2026-11-24T10:00")))
    assert not shop.board.behind("1", event(await shop.record("booking", "1"), "private"))
    assert not shop.board._houses


async def test_timetables_are_made_before_somebody_asks() -> None:
    shop, clock = Shop(), VirtualClock(NOW)
    centre = Centre(id="c", centre="c", created_at=instant(NOW), title="C", zone="UTC")
    await shop.store.commit(Commit((records.write(None, centre, at=instant(NOW), actor="t"),)))
    await shop.put_room(BLUE)
    for number in range(2 * SETTLED + 1):
        await shop.put(booking(str(number), BLUE, when("2026-11-24T10:00")))
    task = asyncio.create_task(shop.board.keep_up(clock, structlog.get_logger()))
    await asyncio.sleep(0)
    await clock.advance(PAUSE)
    times = (await shop.board.house("c")).diaries["blue"].times
    await until(lambda: len(times) == 2 * SETTLED + 1 and not times.settle(0))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_all_houses_are_read_some_time_after_the_start() -> None:
    shop, clock = Shop(), VirtualClock(NOW)
    centre = Centre(id="c", centre="c", created_at=instant(NOW), title="C", zone="UTC")
    await shop.store.commit(Commit((records.write(None, centre, at=instant(NOW), actor="t"),)))
    task = asyncio.create_task(shop.board.keep_up(clock, structlog.get_logger()))
    await asyncio.sleep(0)
    await clock.advance(PAUSE)
    shop.store.waiting = 0
    await shop.put_room(BLUE)
    await shop.board.house("c")
    assert shop.store.waiting == 0  # it was read before
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
