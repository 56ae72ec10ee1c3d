"""The meetings follow the closures of their centre, and its public holidays: one by one, from wherever it stopped.

A closure is an intent, its progress stands on it. What each meeting should be is reckoned anew from everything that is
in force (`closing`), so a pass that was interrupted, or runs twice, writes only what differs. After the first pass it
looks once more, when every decision that may have read what was in force before is over; then once a month, when the
horizon moves. Clocks of instances differ, so whoever wrote a meeting looks at what is in force after that, too.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from services.kit.clock import instant
from services.kit.errors import NotFound, Refusal, Unavailable
from services.kit.middleware import LONGEST_DEADLINE
from services.kit.points import reach
from services.kit.store.port import Commit, Conflict, Record
from services.meetings import closing, offering, records
from services.meetings.claiming import Draft, by_themselves
from services.meetings.desk import Decision, Desk, Held, trail
from services.meetings.types import (
    Centre,
    Closure,
    ClosureEffect,
    ClosureStatus,
    HolidayRule,
    LostDate,
    Meeting,
    Status,
)
from services.meetings.wire import child_name, meeting_name
from services.recurrence.schedule import MAX_MINUTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from services.kit.store.port import Position
    from services.meetings.closing import Frame
    from services.meetings.parts import Parts

SLICE = 50  # meetings between two commits of how far it is
AT_ONCE = 10
COUNTED = 500
MOST_NAMED = 100
"""Dates without their room that a closure names."""
LOOKS_AGAIN = timedelta(seconds=LONGEST_DEADLINE) * 2
"""No call, and no commit that it began, takes as long: whoever decides now has read what is in force now."""
TRIES_AGAIN = timedelta(minutes=5)
LONGEST = timedelta(minutes=MAX_MINUTES)
WHO = "openchair"


class Reclosing:
    """The reconciler of closures and of public holidays."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts
        desk.after = self.written

    async def written(self, meetings: Iterable[Held[Meeting]]) -> None:
        """Looks at closures once more when a meeting stands: one may have been made after it was decided.

        Its first look came too early then, and its second goes by the clock of another instance. What was made after
        this finds the meeting itself.
        """
        try:
            for held in meetings:
                if await self._escaped(held):
                    await self._reclose(meeting_name(held.value))
        except Exception as error:  # noqa: BLE001 - nobody waits for it, and the second look finds the meeting too
            if self.desk.log is not None:
                failed = type(error).__name__
                self.desk.log.warning("could not look at closures after a meeting was written", error=failed)

    async def _escaped(self, held: Held[Meeting]) -> bool:
        """Whether what is in force now makes something else of it than was written."""
        meeting, now = held.value, self.desk.clock.now()
        if held.record.gone or meeting.status is Status.CANCELLED:
            return False
        holidays = meeting.holidays is HolidayRule.NOT_ON_HOLIDAYS
        frame = await self.parts.in_force.frame(meeting.centre, holidays=holidays)
        return bool(frame.closures or meeting.closed or (holidays and frame.calendar)) and _differs(meeting, frame, now)

    async def due(self, record: Record) -> None:
        """Goes one slice further; or looks what time makes of a closure whose meetings have followed."""
        held = Held(record, records.read(record, Closure))
        self.parts.in_force.forget(held.value.centre)  # a commit may have been in doubt
        if await self._forsaken(held):
            return
        await (self._go_on(held) if held.value.passing else self._turn(held))
        self.desk.wake()

    async def centre_due(self, record: Record) -> None:
        """Brings all meetings of a centre in step with its holidays and its zone; again when the horizon moves."""
        centre = records.read(record, Centre)
        self.parts.in_force.forget(centre.id)
        after: Position | None = None
        failed = 0
        while True:
            page = await self.desk.store.find("meeting", {"centre": centre.id}, limit=SLICE, after=after)
            failed += await self._follow(centre.id, page.records)
            if (after := page.after) is None:
                break
        now = self.desk.clock.now()
        seen_twice = record.actor == WHO  # a person's change, or a touch, is looked at a second time
        later = closing.next_roll(now) if centre.holiday_calendar else None
        due_at = _soonest(now + LOOKS_AGAIN if failed or not seen_twice else None, later)
        settled = msgspec.structs.replace(
            record, revision=record.revision + 1, at=instant(now), actor=WHO, due_at=instant(due_at) if due_at else None
        )
        await self._commit(Commit((settled,), (), trail((settled,), settled.at, WHO, "settle")))

    async def _forsaken(self, held: Held[Closure]) -> bool:
        """A closure that was made while its centre was deleted goes after it."""
        centre = await self.desk.store.get("centre", held.value.centre)
        if centre is not None and not centre.gone:
            return False
        at = self.desk.now()
        gone = records.write(held.record, held.value, at=at, actor=WHO, gone=True)
        await self._commit(Commit((gone,), (), trail((gone,), at, WHO, "forget")))
        return True

    async def _go_on(self, held: Held[Closure]) -> None:
        """One slice of a pass."""
        closure = held.value
        first = closure.passes == 0
        if not closure.after:
            closure = msgspec.structs.replace(closure, lost=(), lost_count=0)
            if first:
                closure = msgspec.structs.replace(closure, total=await self._count(closure.centre))
        reach("intent.slice")
        after = (closure.after,) if closure.after else None
        page = await self.desk.store.find("meeting", {"centre": closure.centre}, limit=SLICE, after=after)
        at_once = 1 if closure.effect is ClosureEffect.MOVE else AT_ONCE  # they all move the place's revision
        failed = await self._follow(closure.centre, page.records, at_once)
        followed = sum(map(_living, page.records)) if first else 0
        lost = await self._lost(closure, page.records)
        further = msgspec.structs.replace(
            closure,
            lost=(*closure.lost, *lost)[:MOST_NAMED],
            lost_count=closure.lost_count + len(lost),
            after=page.records[-1].id if page.records else closure.after,
            done=min(closure.total, closure.done + followed),
            failed=closure.failed + failed,
        )
        if page.after is None:
            await self._end_pass(held, further)
        else:
            await self._keep(held, further, self.desk.clock.now(), "go")
        reach("intent.kept")

    async def _end_pass(self, held: Held[Closure], closure: Closure) -> None:
        now = self.desk.clock.now()
        bare = msgspec.structs.replace(closure, after="", failed=0)
        if closure.failed:
            again = msgspec.structs.replace(bare, done=0 if closure.passes == 0 else closure.done)
            await self._keep(held, again, now + TRIES_AGAIN, "go")
            return
        await offering.anew(self.desk, self.parts.in_force, closure.centre, WHO)
        ended = msgspec.structs.replace(bare, passing=False, passes=min(2, closure.passes + 1))
        if closure.passes == 0:
            done = ClosureStatus.IN_FORCE if closure.active else ClosureStatus.WITHDRAWN
            ended = msgspec.structs.replace(ended, status=done, done=closure.total)
            await self._keep(held, ended, now + LOOKS_AGAIN, "done")
        else:
            await self._keep(held, ended, next_due(ended, await self._zone(closure.centre), now), "looked")

    async def _turn(self, held: Held[Closure]) -> None:
        """A second look; its end; its last date over; or the horizon has moved."""
        closure, now = held.value, self.desk.clock.now()
        zone = await self._zone(closure.centre)
        over = closing.window(closure.start, closure.end, zone)[1]
        if closure.passes < 2 or not closure.active or now < over:  # noqa: PLR2004 - the second look is not yet done
            looking = msgspec.structs.replace(closure, passing=True)
            await self._keep(held, looking, now, "look")
        elif closure.status is ClosureStatus.IN_FORCE:
            ended = msgspec.structs.replace(closure, status=ClosureStatus.ENDED)
            await self._keep(held, ended, next_due(ended, zone, now), "end")
        else:
            still = now < over + LONGEST  # a date that began in it may last so long: it stays as it is until it is over
            ended = msgspec.structs.replace(closure, active=still)
            await self._keep(held, ended, next_due(ended, zone, now), "end")

    async def _follow(self, centre: str, found: Sequence[Record], at_once: int = AT_ONCE) -> int:
        """Brings these meetings in step. How many could not be; the others are not kept waiting by them."""
        frame, now = await self.parts.in_force.frame(centre), self.desk.clock.now()
        differing = [record.id for record in found if _differs(records.read(record, Meeting), frame, now)]
        window = asyncio.Semaphore(at_once)

        async def one(id_: str) -> bool:
            async with window:
                return await self._reclose(child_name(centre, "meetings", id_))

        return (await asyncio.gather(*map(one, differing))).count(False)

    async def _reclose(self, name: str) -> bool:
        """Whether the meeting is in step now. Raises Unavailable, to be tried again as a whole."""

        async def decide(at: str) -> Decision[bool]:
            try:
                held = await self.parts.meeting(name)
            except NotFound:
                return Decision((), reply=True, action="close")
            if held.value.status is Status.CANCELLED:
                return Decision((), reply=True, action="close")
            try:
                meeting, moved = await self.parts.housed(held.value, held.value, at, WHO)
            except Unavailable:
                raise
            except Refusal as refusal:
                self._warn(held.value, refusal)
                return Decision((), reply=False, action="close")
            if not by_themselves(held.value, meeting):
                return Decision((), reply=True, action="close")
            drafts, asked = (Draft(held.record, meeting, held.record.due_at),), await self.parts.lenient(meeting)
            return Decision(moved, reply=True, action="close", drafts=drafts, asked=asked)

        return await self.desk.settle(decide, WHO)

    async def _lost(self, closure: Closure, found: Sequence[Record]) -> list[LostDate]:
        """The dates of these meetings, as they are now, that have lost a room by the closure or its withdrawal."""
        lost = list[LostDate]()
        for each in found:
            if (record := await self.desk.store.get("meeting", each.id)) is not None and not record.gone:
                lost += lost_by(closure, records.read(record, Meeting))
        return lost

    def _warn(self, meeting: Meeting, refusal: Refusal) -> None:
        """People may go to what is closed: whoever runs this has to know."""
        if self.desk.log is not None:
            self.desk.log.warning(
                "a meeting cannot follow a closure, tries again",
                centre=meeting.centre,
                meeting=meeting.id,
                reason=refusal.reason,
            )

    async def _count(self, centre: str) -> int:
        """How many living meetings there are."""
        count, after = 0, None
        while True:
            page = await self.desk.store.find("meeting", {"centre": centre}, limit=COUNTED, after=after)
            count += sum(map(_living, page.records))
            if (after := page.after) is None:
                return count

    async def _zone(self, centre: str) -> str:
        return (await self.parts.in_force.frame(centre)).zone

    async def _keep(self, held: Held[Closure], closure: Closure, due: datetime | None, action: str) -> None:
        at = self.desk.now()
        record = records.write(held.record, closure, at=at, actor=WHO, due_at=instant(due) if due else None)
        await self._commit(Commit((record,), (), trail((record,), at, WHO, action)))

    async def _commit(self, change: Commit) -> None:
        try:
            await self.desk.store.commit(change)
        except Conflict:
            return  # a person changed it, or another instance went further; what is due comes again


def next_due(closure: Closure, zone: str, now: datetime) -> datetime | None:
    """When time makes something else of a closure whose meetings have followed; None: never."""
    if not closure.active:
        return None
    over = closing.window(closure.start, closure.end, zone)[1] if closure.end else None
    if closure.status is ClosureStatus.ENDED:
        return over and over + LONGEST
    rolls = over is None or over > closing.horizon(now)
    return _soonest(over, closing.next_roll(now) if rolls else None)


def _soonest(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time is not None), default=None)


def _living(record: Record) -> bool:
    return record.state["status"] != Status.CANCELLED.value


def lost_by(closure: Closure, meeting: Meeting) -> Iterator[LostDate]:
    """The dates of a meeting that have lost a room by a closure, or by its being withdrawn."""
    for each in meeting.lost:
        if each.by != closure.id:
            continue
        if each.key is not None:
            yield LostDate(meeting.id, each.key, each.room)
        else:  # there are so many that it has lost the room as a whole
            yield from (LostDate(meeting.id, one.key, each.room) for one in meeting.closed if each.room in one.rooms)


def _differs(meeting: Meeting, frame: Frame, now: datetime) -> bool:
    return closing.overlaid(meeting, frame, now) is not meeting
