"""What is asked besides the timetable: hours, closures, rules and quotas; skipped dates that heal; a long past.

CPU milliseconds of each question, sorted, with the collector off.
"""

from __future__ import annotations

import gc
import time
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Final

import msgspec

from services.kit.clock import instant
from services.kit.leaves import Changes, Head
from services.kit.store.port import Record
from services.meetings import records
from services.meetings.availability import Booker, hindrances
from services.meetings.diary import SHAPE, Diary, leaf
from services.meetings.skipping import healed
from services.meetings.types import Closure, ClosureEffect
from services.meetings.types_rooms import (
    Booking,
    BookingRules,
    OpeningHours,
    Quota,
    QuotaPeriod,
    Room,
    Skipped,
    WhoMayBook,
)
from services.recurrence.pattern import Slot
from services.recurrence.timetable import at_minute
from tests.bench import room_examples as examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from services.recurrence.pattern import Pattern

AT: Final = instant(at_minute(examples.NOW))
ANA: Final = Booker("ana", WhoMayBook.FACILITATORS)
CHECKS, CLOSURES, QUOTA = 300, 20, 400


def everything(count: int) -> list[float]:
    """Times asked of a room with so many series, hours, closures and quotas; a tenth of them are the asker's."""
    taken = examples.spots(count, "")
    made = diary(taken[:count], lambda number: "ana" if number % 10 == 0 else "ben")
    rules = BookingRules(longest_minutes=240, quotas=(Quota(QuotaPeriod.WEEK, QUOTA), Quota(QuotaPeriod.DAY, QUOTA)))
    hours = (OpeningHours(tuple(range(7)), 0, 24 * 60),)
    hall = msgspec.structs.replace(room(), hours=hours, rules=rules)
    closures = tuple(_closure(number) for number in range(CLOSURES))

    def ask(pattern: Pattern) -> object:
        return hindrances(hall, {"r": made}, pattern, AT, closures=closures, zone=examples.ZONE, booker=ANA)

    return timed(ask, examples.asked(taken[count:], CHECKS))


def healing(count: int, skipped: int) -> list[float]:
    """A booking comes into a room with so many, of which two have done without so many dates together."""
    head = Head(SHAPE, "r")
    head.record = Record("room", "r", 1, records.document(room()), AT, "system")
    spots = examples.spots(count, ";COUNT=20")
    for number, pattern in enumerate(spots[:count]):
        one = booking(number, pattern, "ben")
        head.index.put(_without(one, number, skipped // 2) if number < 2 else one)
    new = [leaf(booking(-1, each, "ana")) for each in spots[count : count + CHECKS // 3]]
    return timed(lambda each: healed({head.key: head}, {head.key: Changes(leaves=(each,))}, AT), new)


def long_past(count: int, past: int) -> list[float]:
    """Free times asked of a room with so many series, and so many single bookings that are over, not yet history."""
    taken, random = examples.spots(count, ""), Random(5)  # noqa: S311 - examples
    over = [
        examples.series(examples.MONDAY - timedelta(days=random.randrange(3, 900), hours=random.randrange(24)), "")
        for _ in range(past)
    ]
    made = diary([*taken[:count], *over], lambda _: "ben")
    return timed(lambda each: hindrances(room(), {"r": made}, each, AT), examples.asked(taken[count:], CHECKS))


def timed(ask: Callable[..., object], asked: Iterable[object]) -> list[float]:
    """CPU milliseconds of each but the first, sorted."""
    found = list[float]()
    gc.collect()
    gc.disable()
    try:
        first, *rest = asked
        ask(first)
        for each in rest:
            begun = time.process_time_ns()
            ask(each)
            found.append((time.process_time_ns() - begun) / 1e6)
    finally:
        gc.enable()
    return sorted(found)


def diary(patterns: Iterable[Pattern], whose: Callable[[int], str]) -> Diary:
    """A room with these."""
    made = Diary("r")
    for number, each in enumerate(patterns):
        made.put(booking(number, each, whose(number)))
    return made


def booking(number: int, pattern: Pattern, whose: str) -> Booking:
    """Somebody's."""
    id_ = f"booking-{number}"
    return Booking(
        id=id_, centre="c", room="r", created_at=AT, lineage=id_, pattern=pattern, organiser=whose, title="Coaching"
    )


def room() -> Room:
    """One without hours and rules."""
    return Room(id="r", centre="c", created_at=AT, title="Hall", place="p", zone=examples.ZONE)


def _without(one: Booking, number: int, skipped: int) -> Booking:
    """The same as a weekly series that has done without its first dates, which nobody has just now."""
    start = examples.MONDAY + timedelta(days=number, minutes=30)
    dates = [start + timedelta(weeks=week) for week in range(skipped)]
    slots = tuple(Skipped(Slot(each.date(), 0, each, 30)) for each in dates)
    return msgspec.structs.replace(one, skipped=slots)


def _closure(number: int) -> Closure:
    day = examples.MONDAY.date() + timedelta(days=40 * number + 30)
    return Closure(
        id=f"closure-{number}",
        centre="c",
        created_at=AT,
        reason="Holiday",
        effect=ClosureEffect.CANCEL,
        start=str(day),
        end=str(day),
    )
