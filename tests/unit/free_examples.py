"""A small house on the board, and what is free in it by looking at every five minutes: for tests of what is found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st

from services.kit.clock import instant
from services.meetings.board import House
from services.meetings.closing import Frame, in_time
from services.meetings.free_times import Look
from services.meetings.types import Closure, ClosureEffect
from services.meetings.types_rooms import Booking, BookingState, OpeningHours, Room
from services.recurrence.pattern import Pattern
from services.recurrence.timetable import at_minute, minute, stretches
from services.recurrence.types import Frequency, Key, Occurrence, Rule, Schedule
from services.recurrence.zones import to_local, to_utc

ZONE: Final = "Europe/Berlin"
NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)  # a Saturday
WEEKLY: Final = Rule(Frequency.WEEKLY)
DAILY: Final = Rule(Frequency.DAILY)
STEP: Final = 5


def room(id_: str, **more: Any) -> Room:
    return Room(
        **{
            "id": id_,
            "centre": "c",
            "created_at": instant(NOW),
            "title": id_.title(),
            "place": "p",
            "zone": ZONE,
            **more,
        }
    )


def when(start: str, minutes: int = 60, rule: Rule | None = None) -> Pattern:
    return Pattern(zone=ZONE, schedule=Schedule(datetime.fromisoformat(start), ZONE, minutes, rule))


def booking(id_: str, of: Room, pattern: Pattern, **more: Any) -> Booking:
    fields = {"before": of.before, "after": of.after, "created_at": instant(NOW), **more}
    return Booking(id=id_, centre="c", room=of.id, lineage=id_, pattern=pattern, **fields)


def house(rooms: list[Room], *bookings: Booking) -> House:
    made = House()
    made.rooms = {each.id: each for each in rooms}
    for each in bookings:
        made.diaries[each.room].put(each)
    return made


def look(*closures: Closure, **more: Any) -> Look:
    return Look(instant(NOW), Frame(ZONE, "", closures), **more)


def closure(start: str, end: str, **more: Any) -> Closure:
    return Closure(
        id=f"{start}{end}",
        centre="c",
        created_at="",
        reason="r",
        effect=ClosureEffect.CANCEL,
        start=start,
        end=end,
        **more,
    )


def can_be_had(of: House, one: Room, start: int, minutes: int, asked: Look) -> bool:
    """By brute force."""
    end = start + minutes
    for id_ in (one.id, *one.excludes):
        for other in of.diaries[id_].bookings.values():
            if other.holds(asked.at) and other.id not in asked.ignoring:
                before, after = max(other.before, one.after), max(other.after, one.before)
                if stretches(other.pattern, start - after, end + before):
                    return False
    return _open(one, start, end) and not any(_shut(each, start, end, asked) for each in asked.frame.closures)


def _open(one: Room, start: int, end: int) -> bool:
    return not one.hours or all(_open_at(one, at) for at in range(start, end, STEP))


def _open_at(one: Room, at: int) -> bool:
    local = to_local(at_minute(at), ZONE)
    clock = local.hour * 60 + local.minute
    return any(local.weekday() in each.weekdays and each.opens <= clock < each.closes for each in one.hours)


def _shut(one: Closure, start: int, end: int, asked: Look) -> bool:
    begins = at_minute(start)
    date = Occurrence(Key(begins.date()), begins.replace(tzinfo=None), begins, at_minute(end))
    return in_time(one, date, asked.frame.zone)


def local(at: int) -> str:
    return to_local(at_minute(at), ZONE).isoformat(timespec="minutes")


def at(text: str) -> int:
    """The minute of a local time."""
    return minute(to_utc(datetime.fromisoformat(text), ZONE))


EXPIRED: Final[dict[str, Any]] = {"state": BookingState.HELD, "expires_at": instant(NOW - timedelta(minutes=1))}
MINUTES = st.integers(0, 3 * 24 * 12).map(lambda number: number * STEP)
BUFFERS = st.sampled_from([0, 0, 5, 15, 45])
HOURS = st.lists(
    st.builds(
        OpeningHours,
        st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
        st.sampled_from([0, 7 * 60, 9 * 60, 14 * 60 + 30]),
        st.sampled_from([18 * 60, 21 * 60 + 45, 24 * 60]),
    ),
    max_size=2,
).map(tuple)
CLOSURES = st.lists(
    st.sampled_from(
        [
            closure("2026-11-22", "2026-11-22"),
            closure("2026-11-22T10:00", "2026-11-22T20:00"),
            closure("2026-11-23T18:30", "2026-11-24T08:15"),
        ]
    ),
    unique_by=lambda each: each.id,
    max_size=2,
)


@st.composite
def houses(draw: st.DrawFn) -> House:
    """Two rooms that share a wall, or do not, and what is taken in them."""
    apart = draw(st.booleans())
    rooms = [
        room(
            id_,
            before=draw(BUFFERS),
            after=draw(BUFFERS),
            hours=draw(HOURS),
            capacity=draw(st.sampled_from([0, 8, 12])),
            excludes=() if apart else (other,),
        )
        for id_, other in (("a", "b"), ("b", "a"))
    ]
    bookings = []
    for number in range(draw(st.integers(0, 6))):
        of = draw(st.sampled_from(rooms))
        start = to_local(NOW, ZONE) + timedelta(minutes=draw(MINUTES))
        pattern = when(
            start.isoformat(), draw(st.sampled_from([30, 60, 95, 600])), draw(st.sampled_from([None, DAILY]))
        )
        fields: dict[str, Any] = draw(st.sampled_from([{}, {"before": 45, "after": 10}, {"competes": True}, EXPIRED]))
        bookings.append(booking(str(number), of, pattern, **fields))
    return house(rooms, *bookings)
