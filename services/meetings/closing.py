"""What the closures in force and the rules about public holidays make of the dates of one meeting. Pure.

`overlaid` is the one function that writes `Meeting.closed`. It looks at each date as people left it (where it was moved
to, where it is held that day), whether they cancelled it or not: so a cancellation that is taken back uncovers what a
closure says. What is over stays as it is.
"""

from __future__ import annotations

import functools
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from services.meetings import calendars
from services.meetings.types import Closed, Closure, ClosureEffect, HolidayRule, Meeting, Mode, Online, Status
from services.recurrence.schedule import LAST_YEAR, has, occurrence, occurrences
from services.recurrence.zones import local_day, midnight, to_utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.meetings.types import Change
    from services.recurrence.types import Occurrence

MONTHS_AHEAD: Final = 15
LARGEST_CLOSED: Final = 256 * 1024  # bytes of JSON; with all that people may write it stays under the broker's limit
FEW: Final = 32

ONLINE_ONLY = "is held online only"
ON_HOLIDAYS_TOO = "is held on public holidays too"
THERE_ALREADY = "is held there already"

_DAY: Final = timedelta(days=1)
_FOR_EVER: Final = datetime(LAST_YEAR, 1, 1, tzinfo=UTC)


class Frame(NamedTuple):
    """What counts at a centre: its zone, its public holidays, and its closures in order of (created_at, id)."""

    zone: str = "UTC"
    calendar: str = ""
    closures: tuple[Closure, ...] = ()


NOTHING: Final = Frame()


class Spot(NamedTuple):
    """Where a date is held, and how."""

    place: str
    rooms: tuple[str, ...]
    mode: Mode


def horizon(at: datetime) -> datetime:
    """Up to when dates are looked at: a first of a month, 424 to 457 days ahead, so that it moves once a month."""
    return _first_of_month(at, MONTHS_AHEAD)


def next_roll(at: datetime) -> datetime:
    """When the horizon moves next."""
    return _first_of_month(at, 1)


def _first_of_month(at: datetime, months: int) -> datetime:
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)


def ordered(closures: tuple[Closure, ...]) -> tuple[Closure, ...]:
    """In the order in which they count."""
    return tuple(sorted(closures, key=lambda each: (each.created_at, each.id)))


@functools.lru_cache(1024)
def window(start: str, end: str, zone: str) -> tuple[datetime, datetime]:
    """The instants at which a closure begins and is over, from its local days or moments."""
    if "T" in start:
        return to_utc(datetime.fromisoformat(start), zone), (
            to_utc(datetime.fromisoformat(end), zone) if end else _FOR_EVER
        )
    return midnight(date.fromisoformat(start), zone), (
        midnight(date.fromisoformat(end) + _DAY, zone) if end else _FOR_EVER
    )


def holiday(code: str, day: date) -> str:
    """What public holiday a date is there; "": none."""
    return calendars.of_year(code, day.year).get(day, "") if code and calendars.known(code) else ""


def spot_of(meeting: Meeting, change: Change | None) -> Spot:
    """Where people said that a date is held."""
    mode = (change.mode if change else None) or meeting.mode
    if change is not None and change.place is not None:
        return Spot(change.place, change.rooms, mode)
    return Spot(meeting.place, meeting.rooms, mode)


def in_time(closure: Closure, each: Occurrence, zone: str) -> bool:
    """Whether a date lies in the closure's time; `zone` is the centre's."""
    low, high = window(closure.start, closure.end, zone)
    if each.start >= high or each.end <= low:
        return False
    if "T" not in closure.start and each.start < low and each.end - each.start < _DAY:
        return False  # it began the evening before
    return not closure.holidays or _on_holiday(closure, local_day(each.start, zone))


def _on_holiday(closure: Closure, day: date) -> bool:
    name = holiday(closure.holidays, day)
    return bool(name) and (not closure.holiday_names or not {*name.split("; ")}.isdisjoint(closure.holiday_names))


def kept_because(closure: Closure, spot: Spot, rule: HolidayRule) -> str | None:
    """Why what is held there stays as it is; "": it does not. None: it is not held where it is closed."""
    scoped = bool(closure.places or closure.rooms)
    if scoped and spot.place not in closure.places and set(closure.rooms).isdisjoint(spot.rooms):
        return None
    online_counts = closure.online_too and not scoped and closure.effect is ClosureEffect.CANCEL
    if spot.mode is Mode.ONLINE and not online_counts:
        return ONLINE_ONLY
    if closure.holidays and rule is HolidayRule.ALSO_ON_HOLIDAYS:
        return ON_HOLIDAYS_TOO
    return THERE_ALREADY if _is_there(closure, spot) else ""


def _is_there(closure: Closure, spot: Spot) -> bool:
    """Whether it is held where the closure would move it."""
    if closure.effect is not ClosureEffect.MOVE or spot.place != closure.move_place:
        return False
    open_rooms = set(closure.rooms).isdisjoint(spot.rooms)
    return spot.rooms == closure.move_rooms or (not closure.move_rooms and open_rooms)


def verdict(meeting: Meeting, each: Occurrence, change: Change | None, frame: Frame) -> Closed | None:
    """What becomes of one date; None: it is held as people said. A cancellation wins over online, that over a move.

    Where it is moved to, the other closures are looked at. One that was applied already and closes that, too, does not
    move it in circles: it is cancelled.
    """
    if meeting.holidays is HolidayRule.NOT_ON_HOLIDAYS and frame.calendar:
        name = holiday(frame.calendar, local_day(each.start, frame.zone))
        if name:
            return _closed(each, ClosureEffect.CANCEL, holiday=name, reason=f"Not held on public holidays: {name}")
    timely = [closure for closure in frame.closures if in_time(closure, each, frame.zone)]
    return _closed_by(meeting, each, change, timely) if timely else None


def _closed_by(meeting: Meeting, each: Occurrence, change: Change | None, timely: list[Closure]) -> Closed | None:
    spot, moved = spot_of(meeting, change), list[Closure]()
    while hit := [one for one in timely if one not in moved[-1:] and kept_because(one, spot, meeting.holidays) == ""]:
        against = next((one for one in hit if one.effect is ClosureEffect.CANCEL or one in moved), None)
        if against is not None:
            return _closed(each, ClosureEffect.CANCEL, against)
        if online := [one for one in hit if one.effect is ClosureEffect.ONLINE]:
            return _online(meeting, each, change, online)
        moved.append(hit[0])
        spot = Spot(hit[0].move_place, hit[0].move_rooms, spot.mode)
    return _closed(each, ClosureEffect.MOVE, moved[-1], place=spot.place, rooms=spot.rooms) if moved else None


def _online(meeting: Meeting, each: Occurrence, change: Change | None, closures: list[Closure]) -> Closed:
    """By the date's own link, else by the first one that a closure brings along."""
    if _leads_in((change.online if change else None) or meeting.online):
        return _closed(each, ClosureEffect.ONLINE, closures[0])
    by = next((one for one in closures if _leads_in(one.online)), None)
    if by is None:
        return _closed(each, ClosureEffect.CANCEL, closures[0])
    return _closed(each, ClosureEffect.ONLINE, by, online=by.online)


def _leads_in(online: Online | None) -> bool:
    """Whether there is a way to join, whoever may learn it."""
    return online is not None and bool(online.url or online.phone)


def _closed(
    each: Occurrence,
    effect: ClosureEffect,
    closure: Closure | None = None,
    *,
    holiday: str = "",
    reason: str = "",
    place: str | None = None,
    rooms: tuple[str, ...] = (),
    online: Online | None = None,
) -> Closed:
    return Closed(
        date=each.key.date,
        ordinal=each.key.ordinal,
        effect=effect,
        closure=closure.id if closure else "",
        holiday=holiday,
        reason=closure.reason if closure else reason,
        place=place,
        rooms=rooms,
        online=online,
    )


def overlaid(meeting: Meeting, frame: Frame, at: datetime) -> Meeting:
    """The meeting with what closures and holidays make of its dates: those that are over as they were, others anew.

    The very same object where nothing differs. The copies of places are for `edits.with_venues`.
    """
    if meeting.status is Status.CANCELLED:
        return meeting
    ahead = reckoned(meeting, frame, at)
    closed = tuple(sorted((*_over(meeting, at), *ahead), key=lambda each: each.key))
    same = tuple(map(_bare, closed)) == tuple(map(_bare, meeting.closed))
    return meeting if same else msgspec.structs.replace(meeting, closed=closed)


def reckoned(meeting: Meeting, frame: Frame, at: datetime) -> list[Closed]:
    """What becomes of the dates that are not over, up to the horizon."""
    found = (verdict(meeting, each, change, frame) for each, change in _dates(meeting, frame, at))
    return [closed for closed in found if closed is not None]


def _dates(meeting: Meeting, frame: Frame, at: datetime) -> Iterator[tuple[Occurrence, Change | None]]:
    """The dates that something in the frame may bear on, with what people changed."""
    until = horizon(at)
    spans = [window(each.start, each.end, frame.zone) for each in frame.closures]
    if frame.calendar and meeting.holidays is HolidayRule.NOT_ON_HOLIDAYS:
        spans.append((at, until))
    if not spans:
        return
    low, high = max(at, min(span[0] for span in spans)), min(until, max(span[1] for span in spans))
    changes = {change.key: change for change in meeting.changes}
    for each in occurrences(meeting.schedule, meeting.changes, low, high):
        yield each, changes.get(each.key)


def _over(meeting: Meeting, at: datetime) -> Iterator[Closed]:
    """What was said about dates that are over; dates that the series has lost are lost."""
    for each in meeting.closed:
        if has(meeting.schedule, each.key):
            change = meeting.change(each.key)
            if occurrence(meeting.schedule, each.key, change).end <= at:
                yield each


def _bare(closed: Closed) -> Closed:
    return closed if closed.venue is None else msgspec.structs.replace(closed, venue=None)


def fitting(meeting: Meeting, at: datetime) -> Meeting:
    """The meeting with as much of `closed` as it can hold: the dates nearest to now; the rest follows in time."""
    if len(meeting.closed) <= FEW:
        return meeting
    today, left, kept = at.date(), LARGEST_CLOSED, list[Closed]()
    for each in sorted(meeting.closed, key=lambda each: (abs((each.date - today).days), each.key)):
        left -= len(msgspec.json.encode(each))
        if left < 0:
            break
        kept.append(each)
    if len(kept) == len(meeting.closed):
        return meeting
    return msgspec.structs.replace(meeting, closed=tuple(sorted(kept, key=lambda each: each.key)))
