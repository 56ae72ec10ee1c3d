"""Every room with its bookings, as whoever searches needs them: kept in memory, in step with the store.

Decisions are not made on it (`desk.heads` is for that): it may be a moment behind another instance.
"""

from __future__ import annotations

import asyncio
from sys import intern
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from services.meetings import records
from services.meetings.diary import Diary
from services.meetings.types_rooms import Booking, Room

if TYPE_CHECKING:
    from services.kit.clock import Clock
    from services.kit.event import Event
    from services.kit.logs import Log
    from services.kit.store.port import Commit, Record, Store
    from services.recurrence.types import Rule, Schedule

PAGE: Final = 200
"""Records read before others get their turn: some milliseconds."""

SETTLED: Final = 50
"""Bookings that timetables take in before others get their turn: about a millisecond."""

PAUSE: Final = 5.0
"""Seconds that the start of the process, and the index of search, have for themselves."""

KINDS: Final = frozenset({"room", "booking"})


class _Seen(NamedTuple):
    """How far a record is known: (epoch, revision), and the revisions of its views; -1: it has none."""

    epoch: int
    revision: int
    public: int
    private: int


class Diaries(dict[str, Diary]):
    """By room; of one that nobody knows of it is empty."""

    def __missing__(self, room: str) -> Diary:
        self[room] = Diary(room)
        return self[room]


class House:
    """The rooms of one centre, and when they are taken. Bookings hold what decides about time, and nothing else."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}
        self.diaries = Diaries()
        self.seen: dict[str, _Seen] = {}


class Board:
    """The houses of all centres. Each is read when somebody first asks for it, then fed with commits."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._houses: dict[str, House] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._rules: dict[Rule, Rule] = {}
        self._orders: dict[_Seen, _Seen] = {}
        store.watch(self._committed, kinds=KINDS)

    async def house(self, centre: str) -> House:
        """The rooms of a centre (id). Raises what the store raises."""
        if centre not in self._houses:
            self._houses[centre] = House()
            self._loading[centre] = asyncio.create_task(self._load(centre))
        while (loading := self._loading.get(centre)) is not None:
            await asyncio.shield(loading)
        return self._houses[centre]

    def apply(self, record: Record) -> None:
        """Takes in a room or a booking as it is now; an older state than is known changes nothing."""
        house = self._houses.get(str(record.state.get("centre", "")))
        if house is None:
            return
        seen, known = _seen(record), house.seen.get(record.id)
        if known is not None and seen[:2] < known[:2]:
            return
        house.seen[record.id] = self._orders.setdefault(seen, seen)
        if record.kind == "room":
            _take_room(house, record)
        else:
            self._take_booking(house, record)

    def behind(self, id_: str, event: Event) -> bool:
        """Whether the event tells of something newer than what is known of that room or booking."""
        _, _, view, _, centre, *_ = event.subject.split(".")
        house = self._houses.get(centre)
        if house is None:
            return False
        seen = house.seen.get(id_)
        if seen is None:
            return event.payload is not None
        return (seen.epoch, seen.public if view == "public" else seen.private) < event.order

    async def keep_up(self, clock: Clock, log: Log) -> None:
        """Reads all houses and makes their timetables before somebody asks; then there is nothing to do.

        It goes on until it is cancelled.
        """
        await clock.sleep(PAUSE)
        try:
            for centre in await self._centres():
                await _settled(await self.house(centre))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the store, it must not end the process
            log.warning("could not read all rooms yet, reads them when asked for", error=type(error).__name__)
        await asyncio.Event().wait()

    async def _centres(self) -> list[str]:
        found: list[str] = []
        after = None
        while True:
            page = await self._store.find("centre", {}, limit=PAGE, after=after)
            found += [record.id for record in page.records]
            if (after := page.after) is None:
                return found

    def _committed(self, commit: Commit) -> None:
        for record in commit.records:
            if record.kind in KINDS:
                self.apply(record)

    async def _load(self, centre: str) -> None:
        try:
            for kind in ("room", "booking"):
                after = None
                while True:
                    page = await self._store.find(kind, {"centre": centre}, limit=PAGE, after=after)
                    for record in page.records:
                        self.apply(record)
                    if (after := page.after) is None:
                        break
        except BaseException:
            del self._houses[centre]
            raise
        finally:
            del self._loading[centre]

    def _take_booking(self, house: House, record: Record) -> None:
        booking = records.read(record, Booking)
        diary = house.diaries[booking.room]
        if booking.id in diary.bookings:
            diary.remove(booking.id)
        if not record.gone and not record.state.get("removed"):
            diary.put(self._bare(booking))

    def _bare(self, booking: Booking) -> Booking:
        """What of it decides about time; equal rules are one in memory."""
        pattern, schedule = booking.pattern, booking.pattern.schedule
        if schedule is not None:
            pattern = msgspec.structs.replace(pattern, zone=intern(pattern.zone), schedule=self._shared(schedule))
        return Booking(
            id=booking.id,
            centre=intern(booking.centre),
            room=intern(booking.room),
            created_at="",
            lineage="",
            pattern=pattern,
            state=booking.state,
            meeting=booking.meeting,
            before=booking.before,
            after=booking.after,
            organiser=intern(booking.organiser),
            expires_at=booking.expires_at,
            competes=booking.competes,
        )

    def _shared(self, schedule: Schedule) -> Schedule:
        rule = schedule.rule
        shared = None if rule is None else self._rules.setdefault(rule, rule)
        return msgspec.structs.replace(schedule, zone=intern(schedule.zone), rule=shared)


async def _settled(house: House) -> None:
    """Makes the timetables of a house; others get their turn meanwhile."""
    for diary in list(house.diaries.values()):
        while diary.times.settle(SETTLED):  # noqa: ASYNC110 - nothing is waited for: it is work, in slices
            await asyncio.sleep(0)
        await asyncio.sleep(0)


def _take_room(house: House, record: Record) -> None:
    if record.gone:
        house.rooms.pop(record.id, None)
        house.diaries.pop(record.id, None)
    else:
        house.rooms[record.id] = records.read(record, Room)


def _seen(record: Record) -> _Seen:
    views = {view.name: view.revision for view in record.views}
    return _Seen(record.epoch, record.revision, views.get("public", -1), views.get("private", -1))
