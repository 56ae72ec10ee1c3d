"""What the closures in force and the rules about public holidays make of the dates of one meeting. Pure.

`overlaid` is the one function that writes `Meeting.closed`. It looks at each date as people left it (where it was moved
to, where it is held that day), whether they cancelled it or not: so a cancellation that is taken back uncovers what a
closure says. What is over stays as it is.
"""

from __future__ import annotations

import functools
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from services.meetings import calendars
from services.meetings.types import Closed, Closure, ClosureEffect, HolidayRule, Meeting, Mode, Online, Status
from services.recurrence.schedule import LAST_YEAR, has, occurrence, occurrences
from services.recurrence.stretches import Span, stretches
from services.recurrence.zones import local_day, midnight, to_utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from services.meetings.types import Change
    from services.recurrence.types import Key, Occurrence

MONTHS_AHEAD: Final = 15
LARGEST_CLOSED: Final = 256 * 1024  # bytes of JSON; with all that people may write it stays under the broker's limit
FEW: Final = 32

ONLINE_ONLY = "is held online only"
ON_HOLIDAYS_TOO = "is held on public holidays too"
THERE_ALREADY = "is held there already"
PART_OF_IT = "is held: parts of its agenda are in a closed room, and need another one"
NOT_HOSTED = "is held where it is: who joins online needs another video account"

_DAY: Final = timedelta(days=1)
_FOR_EVER: Final = datetime(LAST_YEAR, 1, 1, tzinfo=UTC)


class Frame(NamedTuple):
    """What counts at a centre: its zone, its public holidays, and its closures in order of (created_at, id).

    `floor` says of each room that a closure names with which others (ids) it shares its floor: they are closed with it.
    """

    zone: str = "UTC"
    calendar: str = ""
    closures: tuple[Closure, ...] = ()
    floor: Mapping[str, frozenset[str]] = MappingProxyType({})

    def shut_by(self, closure: Closure) -> frozenset[str]:
        """The rooms (ids) that a closure closes by their names: a hall with its parts, a part with its halls."""
        return frozenset(closure.rooms).union(*(self.floor.get(room, ()) for room in closure.rooms))


NOTHING: Final = Frame()


class Spot(NamedTuple):
    """Where a date is held, and how; `agenda` are the rooms of each of its sessions, `host` its video account."""

    place: str
    rooms: tuple[str, ...]
    mode: Mode
    agenda: tuple[tuple[str, ...], ...] = ()
    host: str = ""

    def shut(self, rooms: frozenset[str]) -> bool:
        """Whether it cannot be held while these rooms are closed: in one of its own, or with its whole agenda there.

        Nor what is held online only, by a video account among them.
        """
        if self.mode is Mode.ONLINE and self.host in rooms:
            return True
        return not rooms.isdisjoint(self.rooms) or (not self.rooms and 0 < self.lost(rooms) == len(self.agenda))

    def lost(self, rooms: frozenset[str]) -> int:
        """How many of its sessions are held in one of these rooms."""
        return sum(not rooms.isdisjoint(each) for each in self.agenda)


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
    if change is not None and (change.place is not None or change.rooms):
        return Spot(change.place or meeting.place, change.rooms, mode, host=meeting.online_host)
    agenda = tuple(each.rooms for each in meeting.sessions)
    return Spot(meeting.place, meeting.rooms, mode, agenda, meeting.online_host)


def span(closure: Closure, zone: str) -> Span:
    """The closure's time; `zone` is the centre's. By days, an evening that began the day before is not in it."""
    return Span(*window(closure.start, closure.end, zone), days="T" not in closure.start)


def in_time(closure: Closure, each: Occurrence, zone: str) -> bool:
    """Whether a date lies in the closure's time; `zone` is the centre's."""
    if not span(closure, zone).holds(each):
        return False
    return not closure.holidays or _on_holiday(closure, local_day(each.start, zone))


def _on_holiday(closure: Closure, day: date) -> bool:
    name = holiday(closure.holidays, day)
    return bool(name) and (not closure.holiday_names or not {*name.split("; ")}.isdisjoint(closure.holiday_names))


def kept_because(closure: Closure, spot: Spot, rule: HolidayRule, frame: Frame) -> str | None:
    """Why what is held there stays as it is; "": it does not. None: it is not held where it is closed."""
    scoped, rooms = bool(closure.places or closure.rooms), frame.shut_by(closure)
    if scoped and spot.place not in closure.places and not spot.shut(rooms):
        if spot.mode is Mode.HYBRID and spot.host in rooms:
            return NOT_HOSTED
        return PART_OF_IT if spot.lost(rooms) and spot.mode is not Mode.ONLINE else None
    online_counts = (closure.online_too and not scoped) or spot.host in rooms
    if spot.mode is Mode.ONLINE and not (online_counts and closure.effect is ClosureEffect.CANCEL):
        return ONLINE_ONLY
    if closure.holidays and rule is HolidayRule.ALSO_ON_HOLIDAYS:
        return ON_HOLIDAYS_TOO
    return THERE_ALREADY if _is_there(closure, spot, rooms) else ""


def _is_there(closure: Closure, spot: Spot, shut: frozenset[str]) -> bool:
    """Whether it is held where the closure would move it."""
    if closure.effect is not ClosureEffect.MOVE or spot.place != closure.move_place:
        return False
    return not spot.shut(shut) and closure.move_rooms in {(), spot.rooms}


def verdict(meeting: Meeting, each: Occurrence, change: Change | None, frame: Frame) -> Closed | None:
    """What becomes of one date; None: it is held as people said. A cancellation wins over online, that over a move.

    Where it is moved to, the other closures are looked at. One that was applied already and closes that, too, does not
    move it in circles: it is cancelled.
    """
    if rests(meeting, frame):
        name = holiday(frame.calendar, local_day(each.start, frame.zone))
        if name:
            return _closed(each, ClosureEffect.CANCEL, holiday=name, reason=f"Not held on public holidays: {name}")
    timely = [closure for closure in frame.closures if in_time(closure, each, frame.zone)]
    return _closed_by(meeting, each, change, frame._replace(closures=tuple(timely))) if timely else None


def rests(meeting: Meeting, frame: Frame) -> bool:
    """Whether it is not held on public holidays, of which its centre has some."""
    return bool(frame.calendar) and meeting.holidays is HolidayRule.NOT_ON_HOLIDAYS


def _closed_by(meeting: Meeting, each: Occurrence, change: Change | None, timely: Frame) -> Closed | None:
    spot, moved, rule = spot_of(meeting, change), list[Closure](), meeting.holidays
    while hit := [
        one for one in timely.closures if one not in moved[-1:] and kept_because(one, spot, rule, timely) == ""
    ]:
        against = next((one for one in hit if one.effect is ClosureEffect.CANCEL or one in moved), None)
        if against is not None:
            return _closed(each, ClosureEffect.CANCEL, against)
        if online := [one for one in hit if one.effect is ClosureEffect.ONLINE]:
            return _online(meeting, each, change, online)
        moved.append(hit[0])
        spot = Spot(hit[0].move_place, hit[0].move_rooms, spot.mode, host=spot.host)
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
    frame = frame._replace(closures=bearing(meeting, frame))
    found = list[Closed]()
    for group in groups(meeting, frame, *_looked_at(meeting, frame, at)):
        closed = verdict(meeting, group.first, group.change, frame)
        if closed is not None:
            found += (msgspec.structs.replace(closed, date=key.date, ordinal=key.ordinal) for key in group.keys)
    return found


def bearing(meeting: Meeting, frame: Frame) -> tuple[Closure, ...]:
    """The closures of places where the meeting is held on any date, or to which another one of these moves it."""
    spots = list(dict.fromkeys([spot_of(meeting, None), *(spot_of(meeting, change) for change in meeting.changes)]))
    found = dict[str, Closure]()
    for spot in spots:  # it grows
        for closure in frame.closures:
            if closure.id not in found and kept_because(closure, spot, meeting.holidays, frame) == "":
                found[closure.id] = closure
                if closure.effect is ClosureEffect.MOVE:
                    spots.append(Spot(closure.move_place, closure.move_rooms, spot.mode, host=spot.host))
    return tuple(closure for closure in frame.closures if closure.id in found)


def _looked_at(meeting: Meeting, frame: Frame, at: datetime) -> tuple[datetime, datetime]:
    """The time in which something in the frame may bear on a date of the meeting."""
    until = horizon(at)
    times = [window(each.start, each.end, frame.zone) for each in frame.closures]
    if rests(meeting, frame):
        times.append((at, until))
    low = min((time[0] for time in times), default=until)
    return max(at, low), min(until, max((time[1] for time in times), default=at))


class Group(NamedTuple):
    """Dates of a meeting of which the same becomes: the first, what people said about it, and all of them."""

    first: Occurrence
    change: Change | None
    keys: list[Key]


def groups(meeting: Meeting, frame: Frame, low: datetime, high: datetime) -> Iterator[Group]:
    """The dates that end after `low` and start before `high`. Dates near a holiday, or changed, are each a group."""
    schedule, changes = meeting.schedule, {change.key: change for change in meeting.changes}
    if high <= low:
        return
    if schedule.extra:  # at hours of their own
        for each in occurrences(schedule, meeting.changes, low, high):
            yield Group(each, changes.get(each.key), [each.key])
        return
    days = _feasts(meeting, frame, low, high)
    for stretch in stretches(schedule, [span(each, frame.zone) for each in frame.closures], low, high):
        usual = [key for key in stretch.keys if key not in changes]
        alike = [key for key in usual if key.date not in days] if days else usual
        apart = [[key] for key in usual if key.date in days] if days else []
        for keys in (alike, *apart):
            if keys:
                yield Group(occurrence(schedule, keys[0]), None, keys)
    for change in meeting.changes:
        each = occurrence(schedule, change.key, change)
        if each.end > low and each.start < high and has(schedule, change.key):
            yield Group(each, change, [change.key])


def _feasts(meeting: Meeting, frame: Frame, low: datetime, high: datetime) -> frozenset[date]:
    """The days on which, in some zone, it is a public holiday that is asked for."""
    codes = {each.holidays for each in frame.closures} | ({frame.calendar} if rests(meeting, frame) else set())
    years = low.year - 1, high.year + 1
    return frozenset[date]().union(*(_near_holidays(code, *years) for code in codes if code and calendars.known(code)))


@functools.lru_cache(64)
def _near_holidays(code: str, first: int, last: int) -> frozenset[date]:
    days = (day for year in range(first, last + 1) for day in calendars.of_year(code, year))
    return frozenset(day + _DAY * n for day in days for n in (-1, 0, 1))


def _over(meeting: Meeting, at: datetime) -> Iterator[Closed]:
    """What was said about dates that are over; dates that the series has lost are lost."""
    changes = {change.key: change for change in meeting.changes}
    ahead = at.date() + _DAY * 2
    for each in meeting.closed:
        change = changes.get(each.key)
        near = change is not None or each.date < ahead
        if near and has(meeting.schedule, each.key) and occurrence(meeting.schedule, each.key, change).end <= at:
            yield each


def _bare(closed: Closed) -> Closed:
    return closed if closed.venue is None else msgspec.structs.replace(closed, venue=None)


def fitting(meeting: Meeting, at: datetime) -> Meeting:
    """The meeting with as much of `closed` as it can hold: the dates nearest to now; the rest follows in time."""
    if len(meeting.closed) <= FEW or len(msgspec.json.encode(meeting.closed)) <= LARGEST_CLOSED:
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
