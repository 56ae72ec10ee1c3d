"""What becomes of a list when its date is over: it is counted, what people wrote goes, then all of it goes for good.

With the count goes the order in which people came.

It is a step of what is done with an event that is due, so it happens whenever the process comes to it: after a restart,
a long pause, or a restore from a backup, what is overdue is done at once.
"""

from __future__ import annotations

import contextlib
import functools
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from services.kit.clock import day, instant, moment
from services.kit.heads import Claim
from services.kit.leaves import Changes, Decision, Facts, Joint
from services.kit.store.port import Audit, Commit, Conflict, Forgotten
from services.recurrence.schedule import occurrences
from services.recurrence.zones import to_local
from services.rsvps import check_in, coming, counting, lists, needed, records
from services.rsvps.reacting import WHO, parts_of
from services.rsvps.sheet import Sheet
from services.rsvps.types import Event, GuestList, Scope, SeatFor, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from services.kit.leaves import Head
    from services.kit.store.port import Record
    from services.recurrence.types import Key
    from services.rsvps.desk import Desk
    from services.rsvps.line import Line
    from services.rsvps.types import Count, DatedList, Part, SisterDate

WORDS_KEPT: Final = timedelta(days=7)
"""So long after the end the organiser can read what was for the organiser."""

RETENTION: Final = 30
"""Days after its end that a list is kept, unless the settings say otherwise."""

BLANK_AFTER: Final = timedelta(days=4)
"""A date without a list is counted so long after its local day began."""

MOST_LISTS: Final = 1000
"""Lists of a series that are looked at for those of sister dates."""
LOOK_AHEAD: Final = timedelta(days=35)
_DAY: Final = timedelta(days=1)
SLICE: Final = 250
"""Records that are written in one commit."""
PUBLISHED_WITHIN: Final = timedelta(minutes=1)
"""After so long it is looked again whether a tombstone is out."""


class Forgetting:
    """Counts, and forgets. `days`: how long after its end a list is kept."""

    def __init__(self, desk: Desk, days: int = RETENTION) -> None:
        self._desk = desk
        self._days = timedelta(days=days)

    async def step(self, record: Record) -> str | None:
        """Does with an event what is to be done by now. Says when something else is (`clock.instant`).

        Whatever writes the event ends it: it is due again at once.
        """
        current = await self._desk.store.get("event", record.id)
        if current is None or current.revision != record.revision:
            return self._desk.now()
        event, parts = records.read(record, Event), await parts_of(self._desk.store, record.id)
        works = [functools.partial(self._over, record, event, parts, each) for each in event.lists]
        works += [functools.partial(each, record, event, parts) for each in (self._series, self._sisters, self._bury)]
        works.append(functools.partial(self._blanks, record, event, parts))
        ahead = []
        for work in works:
            due = await work()
            if due is not None and due <= self._desk.now():
                return due
            ahead.append(due)
        return min((each for each in ahead if each), default=None)

    # Lists of dates

    async def _over(self, _: Record, event: Event, parts: Sequence[Part], dated: DatedList) -> str | None:
        """One list. When it is counted its marks go: from then on nothing tells that anybody was there."""
        held, now = await self._list(dated.list), self._desk.clock.now()
        if held is None:
            return None
        end = ends(held)
        if now >= end + self._days:
            return await self._forget(event.id, held.id)
        if now >= end + self._soon(counting.COUNTED_AFTER) and not held.ended:
            await self._count(
                held.id, counting.blank(event, parts, dated.key, instant(now)), await self._enrolled(event)
            )
        if now >= end + self._soon(counting.COUNTED_AFTER):
            await self._level(held.id)
        if now >= end + self._soon(WORDS_KEPT):
            await self._purge(held.id)
        steps = (self._soon(counting.COUNTED_AFTER), self._soon(WORDS_KEPT), self._days)
        return min((instant(end + step) for step in steps if end + step > now), default=None)

    def _soon(self, after: timedelta) -> timedelta:
        return min(after, self._days)

    async def _enrolled(self, event: Event) -> int:
        """People who are enrolled in a course, and so expected on each of its dates."""
        if event.rules.scope is not Scope.SERIES or not event.series:
            return 0

        def read(head: Head[Line]) -> int:
            series = lists.guest_list(head)
            return 0 if series is None else counting.enrolled_in(series, head.index.seats.values())

        return await self._desk.heads.look("list", event.series, read)

    async def _count(self, list_id: str, blank: Count | None, enrolled: int) -> None:
        before = await self._desk.store.get("count", blank.id) if blank is not None else None

        def decide(head: Head[Line], at: str) -> Decision[None]:
            held = lists.guest_list(head)
            if held is None or held.ended:
                return Decision(None)
            written: tuple[Record, ...] = ()
            if blank is not None and before is None:
                value = counting.counted(blank, Sheet(held, head.index))
                written = (records.write(None, counting.enrolled(value, enrolled), at=day(at), actor=WHO),)
            marks = tuple(id_ for id_, leaf in head.index.seats.items() if leaf.use is not SeatFor.SEAT)
            room, online, _ = check_in.counts(Sheet(held, head.index))
            over = msgspec.structs.replace(held, ended=True, head_room=room, head_online=online)
            facts = lists.facts(over, head.record.due_at if head.record else None)
            return Decision(None, Changes(facts, forgotten=marks), "counted", records=written)

        await self._desk.heads.change("list", list_id, decide, actor=WHO)

    async def _level(self, list_id: str) -> None:
        """Takes away in which order people came, what they need, and what they said that counts: all of it is over.

        Who keeps seats at two lists could be recognised by that. Each seat says by which change it was written; so they
        are written again, in no order.
        """

        def decide(head: Head[Line], _: str) -> Decision[int]:
            held = lists.guest_list(head)
            over = held is not None and held.ended and not held.occasion.off  # a date that was off may come back
            rest = needed.shuffled((leaf for leaf in head.index.seats.values() if over and leaf.order), source)[:SLICE]
            leaves = tuple(lists.leaf(msgspec.structs.replace(leaf, order=0, answers=(), quotas=())) for leaf in rest)
            return Decision(len(leaves), Changes(leaves=leaves) if leaves else None, "levelled")

        source = self._desk.ids.random
        while await self._desk.heads.change("list", list_id, decide, actor=WHO):
            pass

    async def _purge(self, list_id: str) -> None:
        """Takes away what was for the organiser."""

        def decide(head: Head[Line], _: str) -> Decision[int]:
            said = [leaf for leaf in head.index.seats.values() if leaf.sealed][:SLICE]
            leaves = tuple(lists.leaf(msgspec.structs.replace(leaf, sealed="")) for leaf in said)
            return Decision(len(leaves), Changes(leaves=leaves) if leaves else None, "purged")

        while await self._desk.heads.change("list", list_id, decide, actor=WHO):
            pass

    # Lists of whole series, and of sister dates

    async def _series(self, _record: Record, event: Event, _: Sequence[Part]) -> str | None:
        """Standing seats that were given back; of a course everything, when it has been over for long."""
        held = await self._list(event.series) if event.series else None
        if held is None:
            return None
        now = self._desk.clock.now()
        if event.rules.scope is Scope.SERIES and held.occasion.end:
            end = ends(held)
            if now >= end + self._days:
                return await self._forget(event.id, held.id)
            if now >= end + self._soon(WORDS_KEPT):
                await self._purge(held.id)
        old, tomorrow = instant(now - self._days), instant(now + timedelta(days=1))
        await self._desk.heads.forget("list", held.id, lambda leaf: _ended(leaf) and leaf.at <= old, actor=WHO)
        left = await self._desk.heads.look("list", held.id, lambda head: any(map(_ended, head.leaves.values())))
        return tomorrow if left or event.rules.scope is Scope.SERIES else None

    async def _sisters(self, _record: Record, event: Event, _: Sequence[Part]) -> str | None:
        """A waitlist of sister dates goes with the last of them, also when the rules have none any more."""
        ahead, known = [], {each.list: each.dates for each in event.rules.sisters}
        page = await self._desk.store.find("list", {"event": event.id}, limit=MOST_LISTS)
        for list_id in (each.id for each in page.records if each.state["scope"] == Scope.SISTERS.value):
            over = await self._waited_until(list_id, known.get(list_id, ())) + self._days
            if self._desk.clock.now() >= over:
                return await self._forget(event.id, list_id)
            ahead.append(instant(over))
        return min(ahead, default=None)

    async def _waited_until(self, list_id: str, dates: Sequence[SisterDate]) -> datetime:
        """When the last of these dates is over, and of those that anybody waits for in this list."""
        ends_ = [_midnight(each.date + timedelta(days=2)) for each in dates]
        for each in await self._desk.heads.look("list", list_id, _wanted):
            held = await self._list(each)
            ends_ += [ends(held)] if held is not None else []
        return max(ends_, default=_midnight(date.min + _DAY))

    # For good

    async def _forget(self, event_id: str, list_id: str) -> str:
        """Its leaves, then the list: its tombstone is published, and the event remembers to forget that too."""
        store, heads = self._desk.store, self._desk.heads
        await heads.forget("list", list_id, lambda _: True, actor=WHO)

        async def prepare() -> Claim[None]:
            record = await store.get("event", event_id)
            assert record is not None
            after = without(records.read(record, Event), list_id)
            bare = Facts({"id": list_id, "centre": after.centre, "event": ""}, {"public": None}, None, gone=True)

            def decide(_: object, at: str) -> Joint[None]:
                written = records.write(record, after, at=day(at), actor=WHO, due_at=day(at))
                return Joint(None, {("list", list_id): Changes(bare)}, (written,), "forgotten")

            return Claim([("list", list_id)], decide)

        await heads.together(prepare, actor=WHO)
        return self._desk.now()

    async def _bury(self, record: Record, event: Event, _: Sequence[Part]) -> str | None:
        """What is gone, and told to be gone, is forgotten: the last trace of a list, and that the event knew it."""
        found = {list_id: await self._desk.store.get("list", list_id) for list_id in event.buried}
        told = [each for each in found.values() if each and not any(view.pending for view in each.views)]
        left = tuple(list_id for list_id, each in found.items() if each is not None and each not in told)
        if left != event.buried:
            lost = tuple(Forgotten("list", each.id, each.revision) for each in told)
            return await self._write(record, msgspec.structs.replace(event, buried=left), (), lost)
        return instant(self._desk.clock.now() + PUBLISHED_WITHIN) if left else None

    # Dates that nobody kept a seat for

    async def _blanks(self, record: Record, event: Event, parts: Sequence[Part]) -> str | None:
        """Counts the dates that have no list, from the day on from which the event is known."""
        now = self._desk.clock.now()
        today = coming.local_date(parts, instant(now))
        if event.counted is None:
            return await self._write(record, msgspec.structs.replace(event, counted=today - _DAY), ())
        due = dates(parts, event.counted, today - BLANK_AFTER)
        if due:
            counts, over = await self._blank(event, parts, [key for _, key in due]), {key for _, key in due}
            kept = tuple(each for each in event.lists if each.list or each.key not in over)
            after = msgspec.structs.replace(event, lists=kept, counted=due[-1][0])
            return await self._write(record, after, counts)
        ahead = dates(parts, event.counted, today + LOOK_AHEAD)
        first = ahead[0][0] if ahead else today + LOOK_AHEAD
        return instant(_midnight(first) + BLANK_AFTER + _DAY) if parts else None

    async def _blank(self, event: Event, parts: Sequence[Part], keys: Sequence[Key]) -> list[Record]:
        """Counts of those that have no list and are not counted yet."""
        at, enrolled = self._desk.now(), await self._enrolled(event)
        listed = {each.key for each in event.lists if each.list}
        found = [counting.blank(event, parts, key, at) for key in keys if key not in listed]
        new = [each for each in found if each is not None and await self._desk.store.get("count", each.id) is None]
        return [records.write(None, counting.enrolled(each, enrolled), at=day(at), actor=WHO) for each in new]

    async def _write(
        self, record: Record, event: Event, others: Sequence[Record], lost: tuple[Forgotten, ...] = ()
    ) -> str:
        """Writes the event. Whoever was faster has it done again, at once."""
        at = self._desk.now()
        written = records.write(record, event, at=day(at), actor=WHO, due_at=day(at))
        trail = Audit("event", event.id, written.revision, day(at), WHO, "counted")
        with contextlib.suppress(Conflict):
            await self._desk.store.commit(Commit((written, *others), (), (trail,), lost))
        return at

    async def _list(self, list_id: str) -> GuestList | None:
        record = await self._desk.store.get("list", list_id)
        return None if record is None or record.gone else records.read(record, GuestList)


def without(event: Event, list_id: str) -> Event:
    """The event, which has to bury the list, and knows nothing else of it."""
    lists_ = tuple(each for each in event.lists if each.list != list_id)
    series = "" if event.series == list_id else event.series
    buried = event.buried if list_id in event.buried else (*event.buried, list_id)
    return msgspec.structs.replace(event, lists=lists_, series=series, buried=buried)


def ends(held: GuestList) -> datetime:
    """When the date of a list is over; where nobody knows any more when it was, its local day, wherever that is."""
    if held.occasion.end:
        return moment(held.occasion.end)
    return _midnight((held.date or date.max - _DAY) + _DAY)


def dates(parts: Iterable[Part], after: date, until: date) -> list[tuple[date, Key]]:
    """Local days after one day, to another, on which there is a date, called off or not; in order."""
    found = {}
    for shown in (part.shown for part in parts):
        if shown is not None:
            since, to = _midnight(after) - _DAY, _midnight(until) + 2 * _DAY
            for each in occurrences(shown.schedule, shown.changes, since, to):
                found[each.key] = to_local(each.start, shown.schedule.zone).date()
    return sorted((day_, key) for key, day_ in found.items() if after < day_ <= until)


def _wanted(head: Head[Line]) -> set[str]:
    return {list_id for seat in head.index.seats.values() for list_id in seat.wanted}


def _ended(leaf: Record) -> bool:
    return leaf.state.get("state") in {State.CANCELLED.value, State.DECLINED.value}


def _midnight(day_: date) -> datetime:
    return datetime(day_.year, day_.month, day_.day, tzinfo=UTC)
