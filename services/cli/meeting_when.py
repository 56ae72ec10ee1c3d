"""When a meeting is, as options: "--on tuesday --at 19:00 --for 90 --every week"."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from services.cli import reading
from services.cli.rhythm import every, first_from, weekdays
from services.cli.shell import USAGE, Failure
from services.cli.when import Unclear, full
from services.kit.clock import SystemClock
from services.recurrence.edits import derive_start
from services.recurrence.rule import parse_rule
from services.recurrence.types import ByDay, ExtraDate, Frequency, RecurrenceError, Rule, Schedule
from services.recurrence.zones import to_local, to_utc

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from datetime import date

    from services.cli.house import House

OPTIONS: Final[Mapping[str, str]] = {
    "meeting.schedule": "--on, --at, --every",
    "meeting.schedule.start": "--on",
    "meeting.schedule.rule": "--every, --until",
    "meeting.schedule.minutes": "--for",
    "meeting.schedule.time_zone": "--timezone",
    "meeting.schedule.extra_dates": "--also",
    "meeting.registration_opens": "--registration-opens",
}
_HOUR: Final = 60


def add_to(parser: Any, *, new: bool) -> None:
    """Adds the options."""
    group = parser.add_argument_group("when")
    days = "day or days of the week: tuesday, or a date for what is held once" if new else "other days: thursday"
    group.add_argument("--on", metavar="DAY", help=days)
    group.add_argument("--at", metavar="TIME", type=reading.clock, required=new, help="local time: 19:00 or 7pm")
    group.add_argument(
        "--for", dest="minutes", metavar="LENGTH", type=reading.length, help="90 (minutes), 1h30, 2 days"
    )
    group.add_argument("--ends", metavar="WHEN", type=reading.moment_text, help='instead of --for: "14 feb 15:00"')
    group.add_argument(
        "--every", metavar="HOW OFTEN", help='week, "2 weeks", "first tuesday", "last friday of the month", day'
    )
    group.add_argument("--rule", metavar="RRULE", help="for experts, instead of --every: FREQ=MONTHLY;BYDAY=1TU,3TU")
    group.add_argument("--once", dest="rule", action="store_const", const="", help="it is held once")
    group.add_argument("--until", metavar="DATE", type=reading.date_or_nothing, help="the last date it may be on")
    group.add_argument("--no-until", dest="until", action="store_const", const="", help="it goes on")
    group.add_argument(
        "--also", metavar="DATE", type=reading.moment_text, action="append", help='a date besides: "24 dec 17:00"'
    )
    group.add_argument("--no-also", dest="also", action="store_const", const=[], help="no dates besides")
    group.add_argument("--timezone", help="IANA time zone (default: the centre's)")
    group.add_argument("--registration-opens", metavar="WHEN", help='from when one can register: "1 dec 09:00"')
    group.add_argument(
        "--no-registration-opens", dest="registration_opens", action="store_const", const="", help="not stated"
    )
    if new:
        group.add_argument("--from", dest="first", metavar="DATE", type=reading.date_text, help="not before this date")
    else:
        group.add_argument("--starts", metavar="DATE", type=reading.date_text, help="another first date")


def new(asked: argparse.Namespace, house: House) -> Schedule:
    """The schedule that was asked for. Raises Failure."""
    zone = asked.timezone or house.centre.time_zone
    by_weekday = asked.rule != "" and asked.on is not None and weekdays(asked.on)
    named = None if asked.on is None or by_weekday else house.day("--on", asked.on)
    begins = datetime.combine(named, asked.at or time.min) if named else None
    rule = _rule(asked, house, None, begins)
    if rule is None and named is None:
        raise Failure(_once_or_often(asked, house), USAGE)
    if rule is not None and named is not None:
        rule = _on_that_day(rule, named)
    try:
        first = named or first_from(rule, _earliest(asked, house, zone)) if rule else named
    except Unclear as error:
        raise Failure(f"--every: {error}", USAGE) from None
    assert first is not None
    start = datetime.combine(first, asked.at)
    return Schedule(start, zone, _minutes(asked, house, start, zone) or _HOUR, rule, _extra(asked, house) or ())


def _once_or_often(asked: argparse.Namespace, house: House) -> str:
    if asked.on is None:
        return "--on: say on which day: --on tuesday --every week, or --on 2026-12-24 for what is held once"
    day = full(house.day("--on", asked.on)) if asked.on.count(" ") == 0 else ""
    once = f", or --on with a date ({day}) for what is held once" if day else ""
    return f"--on {asked.on}: say how often: --every week{once}"


def _earliest(asked: argparse.Namespace, house: House, zone: str) -> date:
    """Not before --from; without it, not before now."""
    if asked.first is not None:
        return house.day("--from", asked.first)
    now = to_local(SystemClock().now(), zone)
    return now.date() + timedelta(days=asked.at <= now.time())


def _on_that_day(rule: Rule, day: date) -> Rule:
    """A rule that leaves the day open is about the day of its first date."""
    if rule.by_day or rule.by_month_day or rule.frequency is Frequency.DAILY:
        return rule
    if rule.frequency is Frequency.WEEKLY:
        return msgspec.structs.replace(rule, by_day=(ByDay(day.weekday()),))
    return msgspec.structs.replace(rule, by_month_day=(day.day,))


def _rule(asked: argparse.Namespace, house: House, old: Rule | None, begins: datetime | None) -> Rule | None:
    """The rule of a series that had this one, and begins (local) then, where that is known. Raises Failure."""
    try:
        rule = _said(asked, old, begins)
    except Unclear as error:
        raise Failure(f"--every: {error}", USAGE) from None
    except RecurrenceError as error:
        raise Failure(f"--rule: {error.reason}", USAGE) from None
    if asked.until is None:
        return rule
    if rule is None:
        raise Failure("--until: it is held once; say --every, too", USAGE)
    last = house.day("--until", asked.until) if asked.until else None
    return msgspec.structs.replace(rule, until=last, count=None)


def _said(asked: argparse.Namespace, old: Rule | None, begins: datetime | None) -> Rule | None:
    days = weekdays(asked.on) if asked.on else None
    if asked.rule is not None:
        text = asked.rule.removeprefix("RRULE:")
        rule = parse_rule(text, asked.timezone or "UTC", begins) if text else None
    elif asked.every is not None:
        rule = every(asked.every)
        if old is not None:
            rule = msgspec.structs.replace(rule, until=old.until, count=old.count)
            rule = _with_days_of(rule, old)
    else:
        rule = old
    return _on_days(rule, days) if rule is not None and days else rule


def _with_days_of(rule: Rule, old: Rule) -> Rule:
    """Of a series on Tuesdays "every 2 weeks" is every second Tuesday."""
    open_ = rule.frequency is Frequency.WEEKLY and not rule.by_day and old.frequency is Frequency.WEEKLY
    return msgspec.structs.replace(rule, by_day=old.by_day) if open_ else rule


def _on_days(rule: Rule, days: tuple[int, ...]) -> Rule:
    """The same rhythm on these weekdays: the first Tuesdays become first Thursdays."""
    counted = sorted({each.nth for each in rule.by_day})
    if rule.frequency is Frequency.MONTHLY and counted and not rule.by_month_day:
        return msgspec.structs.replace(rule, by_day=tuple(ByDay(day, nth) for day in days for nth in counted))
    if rule.frequency is Frequency.WEEKLY:
        return msgspec.structs.replace(rule, by_day=tuple(ByDay(day) for day in days))
    raise Unclear('it is not by weekdays: say for example --every "first tuesday", without --on')


def _minutes(asked: argparse.Namespace, house: House, start: datetime, zone: str) -> int | None:
    if asked.ends is None:
        length: int | None = asked.minutes
        return length
    end = house.moment("--ends", asked.ends)
    if not isinstance(end, datetime):
        raise Failure('--ends: say the hour, too: "14 feb 15:00"', USAGE)
    minutes = int((to_utc(end, zone) - to_utc(start, zone)).total_seconds()) // 60
    if minutes < 1:
        raise Failure(f"--ends: {full(end)} is not after its start, {full(start)}", USAGE)
    return minutes


def _extra(asked: argparse.Namespace, house: House, base: tuple[ExtraDate, ...] = ()) -> tuple[ExtraDate, ...] | None:
    """Dates besides; on top of those there are, unless they are taken away."""
    if asked.also is None:
        return None
    found = [house.moment("--also", each) for each in asked.also]
    added = [
        ExtraDate(each.date(), 0, each.time()) if isinstance(each, datetime) else ExtraDate(each) for each in found
    ]
    return (*base, *added) if added else ()


def changed(asked: argparse.Namespace, house: House, old: Schedule) -> tuple[Schedule, list[str]]:
    """The schedule as it was asked for instead of this one, and the paths that name what differs. Raises Failure."""
    paths = []
    rule = _rule(asked, house, old.rule, old.start)
    said = any(each is not None for each in (asked.every, asked.rule, asked.on, asked.until))
    if rule != old.rule or (said and rule is not None):
        paths.append("schedule.rule")
    zone = asked.timezone or old.zone
    start = _start(asked, house, old, rule)
    if start is not None:
        paths.append("schedule.start")
    minutes = _minutes(asked, house, start or old.start, zone)
    extra = _extra(asked, house, old.extra)
    paths += [f"schedule.{path}" for path, value in (("minutes", minutes), ("extra_dates", extra)) if value is not None]
    paths += ["schedule.time_zone"] if asked.timezone else []
    schedule = Schedule(start or old.start, zone, minutes or old.minutes, rule, old.extra if extra is None else extra)
    return schedule, paths


def _start(asked: argparse.Namespace, house: House, old: Schedule, rule: Rule | None) -> datetime | None:
    """The start where it is to be said; else it stays, or follows the rule."""
    hour = asked.at or old.start.time()
    if asked.starts is not None:
        return datetime.combine(house.day("--starts", asked.starts), hour)
    if asked.on is not None and (rule is None or not weekdays(asked.on)):
        if rule is not None:
            raise Failure("--on: say the days of the week; one date is moved with `openchair meeting move`", USAGE)
        return datetime.combine(house.day("--on", asked.on), hour)
    if asked.at is None:
        return None
    first = derive_start(old, rule).date() if rule is not None and rule != old.rule else old.start.date()
    return datetime.combine(first, hour)


def registration(asked: argparse.Namespace, house: House) -> str | None:
    """From when one can register, local; None where nothing was said. Raises Failure."""
    if not asked.registration_opens:
        text: str | None = asked.registration_opens
        return text
    at = house.moment("--registration-opens", asked.registration_opens)
    if not isinstance(at, datetime):
        raise Failure('--registration-opens: say the hour, too: "1 dec 09:00"', USAGE)
    return at.isoformat(timespec="minutes")
