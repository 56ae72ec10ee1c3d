"""TZif files (RFC 9636), as far as a VTIMEZONE writer needs them: single transitions, and the footer's yearly rule."""

from __future__ import annotations

import re
import struct
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - counts seconds of UTC in naive times
_DAY: Final = 86_400
_HEADER: Final = struct.Struct(">4s1s15x6l")
_LAST_WEEK: Final = 5
_NAME: Final = r"([A-Za-z]{3,}|<[A-Za-z0-9+-]+>)"
_OFFSET: Final = r"([+-]?[0-9]{1,3}(?::[0-9]{2}){0,2})"
_TURN: Final = r"M([0-9]{1,2})\.([1-5])\.([0-6])(?:/([+-]?[0-9]{1,3}(?::[0-9]{2}){0,2}))?"
_FOOTER: Final = re.compile(rf"{_NAME}{_OFFSET}(?:{_NAME}{_OFFSET}?,{_TURN},{_TURN})?", re.ASCII)


class Turn(NamedTuple):
    """A yearly change of the clock: the `week`th `weekday` (0 Monday; week 5: the last) of the month, plus `seconds`.

    `seconds` are of the clock that is in force before, and may be negative or more than a day (RFC 9636 section 3.3.1).
    """

    month: int
    week: int
    weekday: int
    seconds: int

    def local(self, year: int) -> datetime:
        """When it happens in that year, by the clock in force before it (naive)."""
        first = date(year, self.month, 1)
        day = first + timedelta(days=(self.weekday - first.weekday()) % 7 + 7 * (self.week - 1))
        if day.month != self.month:
            day -= timedelta(days=7)
        return datetime.combine(day, datetime.min.time()) + timedelta(seconds=self.seconds)

    def rrule(self) -> str | None:
        """The RRULE value of a VTIMEZONE's observance (RFC 5545 section 3.6.5); None: no RRULE says it."""
        shift, _ = divmod(self.seconds, _DAY)
        name = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")[(self.weekday + shift) % 7]
        if not shift:
            return f"FREQ=YEARLY;BYMONTH={self.month};BYDAY={-1 if self.week == _LAST_WEEK else self.week}{name}"
        days = self._shifted(shift)
        if days is None:
            return None
        return f"FREQ=YEARLY;BYMONTH={self.month};BYMONTHDAY={','.join(map(str, days))};BYDAY={name}"

    def _shifted(self, shift: int) -> range | None:
        """The seven days of the month on which it can fall, counted from the end for the last week."""
        start = (-7 if self.week == _LAST_WEEK else 7 * self.week - 6) + shift
        days = range(start, start + 7)
        inside = days[-1] < 0 if self.week == _LAST_WEEK else days[0] > 0 and days[-1] <= 28  # noqa: PLR2004 - February
        return days if inside else None


class Footer(NamedTuple):
    """The POSIX TZ rule at the end of a TZif file: what holds for ever. Without `dst` the offset no longer changes.

    `start` and `end` are the turns to and from `dst`. In Dublin "dst" is the winter time, behind `std`.
    """

    std_name: str
    std_offset: timedelta
    dst_name: str | None = None
    dst_offset: timedelta | None = None
    start: Turn | None = None
    end: Turn | None = None


class Transition(NamedTuple):
    """A change of a zone's offset. `local` is naive, by the clock in force before: an observance's DTSTART."""

    local: datetime
    offset_before: timedelta
    offset_after: timedelta
    name: str
    daylight: bool

    @property
    def instant(self) -> datetime:
        """When, in UTC (naive)."""
        return self.local - self.offset_before


class Observance(NamedTuple):
    """A transition that repeats every year from `first` on. `rule` None: no RRULE says it, list the dates."""

    first: Transition
    turn: Turn
    rule: str | None


class History(NamedTuple):
    """A zone from the start of a year on: what holds then, what changes once, and what changes every year for ever."""

    name: str
    offset: timedelta
    daylight: bool
    explicit: tuple[Transition, ...]
    yearly: tuple[Observance, ...]


def footer_text(data: bytes) -> str:
    """The POSIX TZ rule that ends a TZif file of version 2 or later."""
    return data.rsplit(b"\n", 2)[1].decode("ascii")


def parse_footer(text: str) -> Footer:
    """The parts of a POSIX TZ rule. Only M rules: tzdata has no other.

    Raises:
        ValueError: another form.
    """
    match = _FOOTER.fullmatch(text)
    if match is None:
        raise ValueError(f"not a POSIX TZ rule of the M form: {text!r}")
    std, std_offset, dst, dst_offset, *turns = match.groups()
    offset = -_seconds(std_offset)
    if dst is None:
        return Footer(std.strip("<>"), timedelta(seconds=offset))
    ahead = -_seconds(dst_offset) if dst_offset else offset + 3600
    return Footer(
        std.strip("<>"),
        timedelta(seconds=offset),
        dst.strip("<>"),
        timedelta(seconds=ahead),
        _turn(turns[:4]),
        _turn(turns[4:]),
    )


def history(data: bytes, since_year: int) -> History:
    """What a VTIMEZONE needs of a TZif file from January 1 of that year (UTC) on."""
    footer = parse_footer(footer_text(data))
    since = datetime(since_year, 1, 1)  # noqa: DTZ001 - naive UTC
    initial, changes = _changes(data, footer, since)
    if footer.start is None:
        return History(*initial, tuple(changes), ())
    explicit, begin = _before_footer(changes, footer, since)
    firsts = [pair for pair in _coming(footer, begin.year) if pair[0].instant >= begin][:2]
    yearly = tuple(Observance(first, turn, turn.rrule()) for first, turn in firsts)
    return History(*initial, tuple(explicit), yearly)


def changes(data: bytes, until_year: int) -> tuple[timedelta, list[tuple[datetime, timedelta]]]:
    """The offset before all changes, and each change up to the end of that year: when (naive UTC), to which offset."""
    footer = parse_footer(footer_text(data))
    times, types = _read(data)
    found = [
        (_EPOCH + timedelta(seconds=second), offset) for second, (_, offset, _) in zip(times, types[1:], strict=True)
    ]
    latest = found[-1][0] if found else datetime(1900, 1, 1)  # noqa: DTZ001 - naive UTC
    for year in range(latest.year - 1, until_year + 1):
        made = [turn for turn, _ in _turns(footer, year)]
        found += ((turn.instant, turn.offset_after) for turn in made if turn.instant > latest)
    return types[0][1], found


def _seconds(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    hours, minutes, seconds = (*map(int, text.lstrip("+-").split(":")), 0, 0)[:3]
    return sign * (hours * 3600 + minutes * 60 + seconds)


def _turn(fields: list[str | None]) -> Turn:
    month, week, weekday = (int(field or 0) for field in fields[:3])
    return Turn(month, week, (weekday - 1) % 7, _seconds(fields[3] or "2"))


def _turns(footer: Footer, year: int) -> list[tuple[Transition, Turn]]:
    """The two changes that the footer makes in a year."""
    std, dst = footer.std_offset, footer.dst_offset
    if footer.start is None or footer.end is None or dst is None or footer.dst_name is None:
        return []
    to_dst = Transition(footer.start.local(year), std, dst, footer.dst_name, daylight=dst > std)
    to_std = Transition(footer.end.local(year), dst, std, footer.std_name, daylight=std > dst)
    return sorted([(to_dst, footer.start), (to_std, footer.end)])


def _coming(footer: Footer, year: int) -> list[tuple[Transition, Turn]]:
    """The changes that the footer makes in the year before, that year, and two more, in order."""
    return [pair for each in range(year - 1, year + 3) for pair in _turns(footer, each)]


def _before_footer(changes: list[Transition], footer: Footer, since: datetime) -> tuple[list[Transition], datetime]:
    """The changes that are not the footer's own, and the instant from which it holds without a break."""
    kept = list(changes)
    following: Transition | None = None
    while kept:
        made = [turn for turn, _ in _coming(footer, kept[-1].local.year)]
        if kept[-1] not in made or following not in {None, made[made.index(kept[-1]) + 1]}:
            break
        following = kept.pop()
    if following is not None:
        return kept, following.instant
    return kept, kept[-1].instant + timedelta(seconds=1) if kept else since


def _changes(data: bytes, footer: Footer, since: datetime) -> tuple[tuple[str, timedelta, bool], list[Transition]]:
    """What holds at `since`, and the file's own changes after it; those that change nothing are left out."""
    inverted = footer.dst_offset is not None and footer.dst_offset < footer.std_offset
    times, types = _read(data)
    state = types[0]
    changes: list[Transition] = []
    settled = datetime.min  # noqa: DTZ901 - naive UTC
    for second, (name, offset, dst) in zip(times, types[1:], strict=True):
        at = _EPOCH + timedelta(seconds=second)
        kind = (name, offset, dst != inverted)
        if at < since:
            state, settled = kind, at
        elif kind != _now(state, changes):
            before = _now(state, changes)[1]
            changes.append(Transition(at + before, before, offset, name, kind[2]))
    if not changes:
        past = [turn for turn, _ in _coming(footer, since.year) if settled < turn.instant < since]
        return _now(state, past), changes
    return state, changes


def _now(state: tuple[str, timedelta, bool], changes: list[Transition]) -> tuple[str, timedelta, bool]:
    return (changes[-1].name, changes[-1].offset_after, changes[-1].daylight) if changes else state


def _read(data: bytes) -> tuple[tuple[int, ...], list[tuple[str, timedelta, bool]]]:
    """The 64-bit block: the times of the transitions; the local time type before them and after each."""
    begin = _HEADER.size + _block_size(data, 0, 4)
    _, _, _, _, _, timecnt, typecnt, charcnt = _HEADER.unpack_from(data, begin)
    at = begin + _HEADER.size
    times = struct.unpack_from(f">{timecnt}q", data, at)
    indexes = data[at + 8 * timecnt : at + 9 * timecnt]
    at += 9 * timecnt
    names = data[at + 6 * typecnt : at + 6 * typecnt + charcnt]
    kinds = [_kind(struct.unpack_from(">lBB", data, at + 6 * i), names) for i in range(typecnt)]
    return times, [kinds[0], *(kinds[index] for index in indexes)]


def _kind(fields: tuple[int, bool, int], names: bytes) -> tuple[str, timedelta, bool]:
    offset, dst, index = fields
    return names[index : names.index(b"\0", index)].decode("ascii"), timedelta(seconds=offset), bool(dst)


def _block_size(data: bytes, begin: int, time_size: int) -> int:
    _, _, utccnt, stdcnt, leapcnt, timecnt, typecnt, charcnt = _HEADER.unpack_from(data, begin)
    sizes = (timecnt * (time_size + 1), typecnt * 6, charcnt, leapcnt * (time_size + 4), stdcnt, utccnt)
    return int(sum(sizes))
