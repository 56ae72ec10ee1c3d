"""What closures and public holidays make of one date, said plainly and slowly: it shares nothing with the service.

It exists to disagree with `services.meetings.closing` where one of them is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import holidays

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CANCEL, ONLINE, MOVE = "CANCEL", "ONLINE", "MOVE"
NOT_ON, ALSO_ON = "NOT_ON_HOLIDAYS", "ALSO_ON_HOLIDAYS"


@dataclass(frozen=True)
class Held:
    """One date as people left it. `link`: there is a way to join it online. Times are UTC."""

    start: datetime
    end: datetime
    mode: str
    place: str
    rooms: frozenset[str]
    link: bool
    holidays: str


@dataclass(frozen=True)
class Shut:
    """A closure in force. `made` orders them; `start` and `end` are as they were asked for, local to the centre."""

    name: str
    made: tuple[str, str]
    effect: str
    start: str
    end: str = ""
    places: frozenset[str] = frozenset()
    rooms: frozenset[str] = frozenset()
    online_too: bool = False
    holidays: str = ""
    move_place: str = ""
    move_rooms: frozenset[str] = frozenset()
    link: bool = False


class Fate(NamedTuple):
    """What becomes of a date. `by` is the name of a closure, or that of a holiday. `lent`: by the closure's link."""

    effect: str
    by: str
    place: str = ""
    rooms: frozenset[str] = frozenset()
    lent: bool = False


@cache
def holidays_of(code: str, year: int) -> dict[date, str]:
    """The public holidays of a country, or a part of one."""
    country, _, part = code.partition("-")
    return dict(holidays.country_holidays(country, subdiv=part or None, years=year))


def is_holiday(code: str, day: date) -> bool:
    """Whether that day is a public holiday there."""
    return bool(code) and day in holidays_of(code, day.year)


def fate(held: Held, closures: Iterable[Shut], zone: str, calendar: str) -> Fate | None:
    """What becomes of it at a centre in that zone, with those public holidays; None: nothing."""
    day = held.start.astimezone(ZoneInfo(zone)).date()
    if held.holidays == NOT_ON and is_holiday(calendar, day):
        return Fate(CANCEL, "holiday")
    timely = sorted((each for each in closures if in_time(each, held, zone)), key=lambda each: each.made)
    return _followed(held, timely, held.place, held.rooms, ())


def _followed(
    held: Held, timely: Sequence[Shut], place: str, rooms: frozenset[str], moves: tuple[Shut, ...]
) -> Fate | None:
    """What becomes of it there, where those closures have moved it one after the other."""
    shut = [each for each in timely if each not in moves[-1:] and is_shut(each, held, place, rooms)]
    for each in shut:
        if each.effect == CANCEL or each in moves:
            return Fate(CANCEL, each.name)
    online = [each for each in shut if each.effect == ONLINE]
    if online:
        return _online(held, online)
    if shut:
        return _followed(held, timely, shut[0].move_place, shut[0].move_rooms, (*moves, shut[0]))
    return Fate(MOVE, moves[-1].name, place, rooms) if moves else None


def _online(held: Held, online: Sequence[Shut]) -> Fate:
    if held.link:
        return Fate(ONLINE, online[0].name)
    for each in online:
        if each.link:
            return Fate(ONLINE, each.name, lent=True)
    return Fate(CANCEL, online[0].name)


def in_time(shut: Shut, held: Held, zone: str) -> bool:
    """Whether a closure is about that time. By days: what begins on them; by moments: what overlaps."""
    day = held.start.astimezone(ZoneInfo(zone)).date()
    if shut.holidays and not is_holiday(shut.holidays, day):
        return False
    if "T" not in shut.start:
        return date.fromisoformat(shut.start) <= day and (not shut.end or day <= date.fromisoformat(shut.end))
    return _instant(shut.start, zone) < held.end and (not shut.end or held.start < _instant(shut.end, zone))


def is_shut(shut: Shut, held: Held, place: str, rooms: frozenset[str]) -> bool:
    """Whether a closure is about what is held in those rooms of that place."""
    somewhere = bool(shut.places or shut.rooms)
    if somewhere and place not in shut.places and not rooms & shut.rooms:
        return False
    if held.mode == ONLINE and (somewhere or not shut.online_too or shut.effect != CANCEL):
        return False
    if shut.holidays and held.holidays == ALSO_ON:
        return False
    there = shut.effect == MOVE and place == shut.move_place
    return not (there and (rooms == shut.move_rooms or (not shut.move_rooms and not rooms & shut.rooms)))


def _instant(local: str, zone: str) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
