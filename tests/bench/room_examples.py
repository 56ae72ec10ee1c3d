"""Rooms full of bookings, for measuring: recurring ones that leave each other free, and single ones."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from services.meetings.types_rooms import Booking
from services.recurrence.pattern import Pattern
from services.recurrence.rule import parse_rule
from services.recurrence.timetable import Timetable, minute
from services.recurrence.types import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONE = "America/Denver"
MONDAY = datetime.fromisoformat("2026-11-23T00:00")
NOW = minute(datetime(2026, 11, 21, tzinfo=UTC))
HOURS = 7 * 24


def series(start: datetime, rule: str, minutes: int = 60) -> Pattern:
    """A schedule by itself."""
    return Pattern(zone=ZONE, schedule=Schedule(start, ZONE, minutes, parse_rule(rule) if rule else None))


def spots(count: int, rules: str) -> list[Pattern]:
    """More series than that, shuffled, none of which meets another: each has an hour of a week of so many weeks.

    `rules` is what follows the interval: "" goes on for ever, ";COUNT=20" does not.
    """
    weeks = count // HOURS + 2
    found = [
        series(MONDAY + timedelta(hours=hour, weeks=week), f"FREQ=WEEKLY;INTERVAL={weeks}{rules}")
        for hour in range(HOURS)
        for week in range(weeks)
    ]
    Random(count).shuffle(found)  # noqa: S311 - examples
    return found


def room(taken: list[Pattern]) -> Timetable:
    """One that has these."""
    made = Timetable()
    for number, each in enumerate(taken):
        made.put(f"booking-{number}", each, 0, 0)
    return made


def asked(free: list[Pattern], count: int) -> Iterator[Pattern]:
    """What people ask for: half of it is free, the other half a weekly meeting at some hour, some of them for ever."""
    random = Random(7)  # noqa: S311 - examples
    for number in range(count):
        if number % 2:
            yield free[number % len(free)]
        else:
            start = MONDAY + timedelta(hours=random.randrange(HOURS), weeks=random.randrange(4))
            yield series(start, "FREQ=WEEKLY" + ("" if number % 3 else ";COUNT=12"))


def bookings(room_id: str, count: int, random: Random) -> Iterator[Booking]:
    """Of a room as it is in use: two fifths go on for ever, a fifth for ten weeks, two fifths are single ones."""
    rules = ("FREQ=WEEKLY", "FREQ=WEEKLY;INTERVAL=2", "FREQ=WEEKLY;COUNT=10", "", "")
    for number in range(count):
        rule = rules[number % len(rules)]
        start = MONDAY + timedelta(days=random.randrange(7 if rule else 500), hours=random.randrange(24))
        id_, meeting = secrets.token_hex(10), secrets.token_hex(10) if number % 5 < 2 else ""
        yield Booking(
            id=id_,
            centre="kr2fnbayqw",
            room=room_id,
            created_at="2026-11-21T12:00:00.000Z",
            lineage=id_,
            pattern=series(start, rule),
            meeting=meeting,
            published=bool(meeting),
            organiser="" if meeting else secrets.token_hex(12),
            title="Evening meditation group",
        )
