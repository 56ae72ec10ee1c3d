"""When a room is wanted, as options: "--on 2026-12-01 --at 19:00 --for 60", with "--every week" a series."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from services.cli import meeting_when, reading
from services.cli.rhythm import weekdays
from services.cli.shell import USAGE, Failure
from services.kit.clock import SystemClock
from services.recurrence.zones import to_local

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.cli.house import House
    from services.recurrence.types import Schedule

OPTIONS: Final[Mapping[str, str]] = {
    "booking.schedule": "--on, --at, --every",
    "booking.schedule.start": "--on, --at",
    "booking.schedule.rule": "--every, --until",
    "booking.schedule.minutes": "--for",
    "booking.schedule.extra_dates": "--also",
    "booking.title": "--title",
    "booking.attendees": "--people",
    "booking.notes": "--notes",
}
_WEEK: Final = timedelta(days=7)


def add_to(parser: Any, *, new: bool) -> None:
    """Adds the options. `new`: of what is not there yet."""
    group = parser.add_argument_group("when (local to the room)")
    days = "2026-12-01, tuesday (the next one), tomorrow; of a series the days of the week"
    group.add_argument("--on", metavar="DAY", help=days if new else "of a series other days of the week: thursday")
    group.add_argument("--at", metavar="TIME", type=reading.clock, help="19:00 or 7pm")
    group.add_argument(
        "--for", dest="minutes", metavar="LENGTH", type=reading.length, help="60 (minutes; default), 1h30, 2 days"
    )
    group.add_argument("--ends", metavar="WHEN", type=reading.moment_text, help='instead of --for: "14 feb 15:00"')
    group.add_argument("--every", metavar="HOW OFTEN", help='a series: week, "2 weeks", "first tuesday", weekday, year')
    group.add_argument("--rule", metavar="RRULE", help="for experts, instead of --every: FREQ=MONTHLY;BYDAY=1TU,3TU")
    group.add_argument("--until", metavar="DATE", type=reading.date_text, help="the last date it may be on")
    if new:
        text = 'a date besides: "24 dec 17:00"; may be given again'
        group.add_argument("--also", metavar="DATE", type=reading.moment_text, action="append", help=text)
        group.add_argument("--from", dest="first", metavar="DATE", type=reading.date_text, help="not before this date")
    parser.set_defaults(timezone=None, starts=None, **({} if new else {"also": None}))


def add_about(parser: Any) -> None:
    """Adds what is said of a booking besides."""
    group = parser.add_argument_group("what for")
    group.add_argument("--title", metavar="TEXT", help="told to you and to those who keep the centre's list")
    group.add_argument("--people", metavar="N", type=int, help="how many are expected")
    group.add_argument("--notes", metavar="TEXT", help="told as the title is")


def wanted(asked: argparse.Namespace, house: House, zone: str) -> Schedule:
    """The time that was asked for: a single stretch, unless it says how often. Raises Failure."""
    if asked.at is None:
        raise Failure("--at: say from when: --at 19:00", USAGE)
    given = argparse.Namespace(**{**vars(asked), "timezone": zone})
    if asked.every is None and asked.rule is None:
        given.rule = ""
        given.on = _one_day(asked, zone)
    return meeting_when.new(given, house)


def _one_day(asked: argparse.Namespace, zone: str) -> str:
    """The day of a single stretch; a weekday is the next one on which that time is not over."""
    if asked.on is None:
        raise Failure("--on: say on which day: --on 2026-12-01, or --every week for a series", USAGE)
    named: str = asked.on
    days = weekdays(named)
    if not days:
        return named
    if len(days) > 1:
        raise Failure(f"--on {named}: say how often: --every week", USAGE)
    now = to_local(SystemClock().now(), zone)
    day = now.date() + timedelta(days=(days[0] - now.weekday()) % 7)
    start = datetime.combine(day, asked.at)
    return (start + _WEEK * (start <= now)).date().isoformat()
