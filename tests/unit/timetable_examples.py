"""Patterns of every shape that often come close to each other, and what they take, found without our own code.

The brute force knows the types only: dateutil gives the days, zoneinfo the instants, and every pair is compared.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec
from dateutil import rrule
from hypothesis import strategies as st

from services.recurrence import zones
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.types import ByDay, ExtraDate, Frequency, Key, Rule, Schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

ZONES = ("America/Denver", "America/Denver", "America/Denver", "Europe/Berlin", "Europe/London", "UTC")
FAR_ZONES = ("Australia/Sydney", "Australia/Lord_Howe", "America/Edmonton", "Asia/Kolkata", "America/Denver")
HOURS = (time(0, 30), time(1, 30), time(2, 30), time(3, 0), time(18, 0), time(18, 30), time(19, 0), time(20, 0))
WEEKDAYS = (1, 5, 6)
SOME = 0.3  # of all
MINUTES = (30, 59, 60, 60, 60, 61, 90, 24 * 60, 3 * 24 * 60, 31 * 24 * 60)
BUFFERS = (0, 0, 0, 1, 15, 30, 90)
FIRST = date(2026, 2, 2)
NOW = 29_570_000  # minutes: in March 2026
DAY = 24 * 60
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Held(NamedTuple):
    """What an owner has: as `Timetable.put` takes it."""

    owner: str
    pattern: Pattern
    before: int
    after: int


class Date(NamedTuple):
    """One date, in minutes."""

    start: int
    end: int
    key: Key


def rule_text(rule: Rule) -> str:
    """Its RRULE value."""
    names = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
    parts = [f"FREQ={rule.frequency.name}", f"INTERVAL={rule.interval}", f"WKST={names[rule.week_start]}"]
    if rule.by_day:
        parts.append("BYDAY=" + ",".join(f"{each.nth or ''}{names[each.weekday]}" for each in rule.by_day))
    if rule.by_month_day:
        parts.append("BYMONTHDAY=" + ",".join(map(str, rule.by_month_day)))
    if rule.count is not None:
        parts.append(f"COUNT={rule.count}")
    if rule.until is not None:
        parts.append(f"UNTIL={rule.until:%Y%m%d}")
    return ";".join(parts)


def days(schedule: Schedule, high: date) -> set[date]:
    """The days of its rule up to one."""
    start = schedule.start.date()
    if schedule.rule is None:
        return {start}
    found = rrule.rrulestr(rule_text(schedule.rule), dtstart=datetime.combine(start, time()))
    return {
        each.date() for each in found.between(datetime.combine(start, time()), datetime.combine(high, time()), inc=True)
    }


def instant(local: datetime, zone: str) -> int:
    """In minutes."""
    return int((local.replace(tzinfo=zones.zone(zone)).astimezone(UTC) - EPOCH).total_seconds() // 60)


def dates(pattern: Pattern, since: int, until: int) -> list[Date]:
    """Those that end after `since` and start before `until`, in order."""
    gone = {*pattern.without, *(slot.key for slot in pattern.slots)}
    starts = [(slot.start, slot.minutes, slot.key) for slot in pattern.slots]
    schedule = pattern.schedule
    if schedule is not None:
        hours = {
            Key(day): schedule.start.time()
            for day in days(schedule, (EPOCH + timedelta(minutes=until)).date() + timedelta(days=2))
        }
        hours |= {each.key: each.time or schedule.start.time() for each in schedule.extra}
        starts += [
            (datetime.combine(key.date, hour), schedule.minutes, key) for key, hour in hours.items() if key not in gone
        ]
    found = [Date(at, at + minutes, key) for local, minutes, key in starts for at in (instant(local, pattern.zone),)]
    return sorted(each for each in found if each.end > since and each.start < until)


def clashes(asked: Held, others: list[Held], since: int, until: int) -> list[tuple[Date, str, Date]]:
    """Each pair of dates that are too near, in order of time: the one asked for, the owner of the other, the other."""
    found = []
    mine = dates(asked.pattern, since, until)
    for other in others:
        low, high = max(asked.before, other.after), max(asked.after, other.before)
        its = dates(other.pattern, since - 64 * DAY, until + 64 * DAY)
        for one in mine:
            for each in its[bisect_left(its, (one.start - 40 * DAY,)) :]:  # none is longer than that
                if each.start >= one.end + high:
                    break
                if each.end > one.start - low:
                    found.append((one, other.owner, each))
    return sorted(found, key=lambda each: (each[0].start, each[0].key, each[2].start, each[1], each[2].key))


def _some(random: Random, among: Sequence[T], most: int) -> list[T]:
    return random.sample(among, random.randint(1, min(most, len(among))))


def rule(random: Random) -> Rule:
    """Without a limit."""
    interval = random.choice([1, 1, 1, 2, 3, 4, 7, 12])
    week_start = random.choice([0, 0, 2, 6])
    plain = tuple(ByDay(day) for day in sorted(_some(random, WEEKDAYS, 3)))
    nth = (ByDay(random.choice([1, 6]), random.choice([1, 2, 3, 4, 5, -1, -2])),)
    month_days = tuple(sorted(_some(random, [1, 2, 15, 29, 30, 31, -1, -2], 2)))
    weekly, monthly = Frequency.WEEKLY, Frequency.MONTHLY
    shapes = [
        Rule(Frequency.DAILY, interval),
        Rule(weekly, interval, (), (), None, None, week_start),
        *[Rule(weekly, interval, plain, (), None, None, week_start)] * 3,
        *[Rule(monthly, interval, nth)] * 2,
        Rule(monthly, interval, plain),
        Rule(monthly, interval, (), month_days),
        Rule(monthly, interval),
    ]
    return random.choice(shapes)


def schedule(random: Random, zone: str) -> Schedule:
    """Of one length, endless or not, with a few dates besides."""
    start = datetime.combine(FIRST + timedelta(days=random.randint(0, 60)), random.choice(HOURS))
    minutes, extra = random.choice(MINUTES), extra_dates(random) if random.random() < SOME else ()
    if random.random() < SOME / 2:
        return Schedule(start, zone, minutes, None, extra)
    found = rule(random)
    start = rrule.rrulestr(rule_text(msgspec.structs.replace(found, interval=1)), dtstart=start)[0]
    limit = random.choice(["never", "never", "until", "count"])
    if limit == "until":
        found = msgspec.structs.replace(found, until=start.date() + timedelta(days=random.randint(0, 700)))
    if limit == "count":
        found = msgspec.structs.replace(found, count=random.choice([1, 2, 9, 40, 70]))
    return Schedule(start, zone, minutes, found, extra)


def extra_dates(random: Random) -> tuple[ExtraDate, ...]:
    """At the hour of the rule, or with an ordinal at one of their own."""
    keys = {(random.randint(0, 90), random.randint(0, 1)) for _ in range(3)}
    return tuple(
        ExtraDate(FIRST + timedelta(days=n), ordinal, time(12) if ordinal else None) for n, ordinal in sorted(keys)
    )


def pattern(random: Random, names: Sequence[str] = ZONES) -> Pattern:
    """With dates taken out, and moved."""
    zone = random.choice(names)
    if random.random() < SOME / 3:
        return Pattern(zone=zone, slots=slots(random, [Key(FIRST + timedelta(days=n)) for n in range(90)]))
    made = schedule(random, zone)
    keys = sorted({Key(day) for day in days(made, FIRST + timedelta(days=200))} | {each.key for each in made.extra})
    without = _some(random, keys, 4) if keys and random.random() < SOME else []
    moved = slots(random, keys) if keys and random.random() < SOME else ()
    return Pattern(zone=zone, schedule=made, without=tuple(sorted(without)), slots=moved)


def slots(random: Random, keys: Sequence[Key]) -> tuple[Slot, ...]:
    """Single stretches in place of dates."""
    return tuple(
        Slot(
            key.date,
            key.ordinal,
            datetime.combine(FIRST + timedelta(days=random.randint(0, 120)), random.choice(HOURS)),
            random.choice(MINUTES),
        )
        for key in sorted(_some(random, keys, 3))
    )


def held(random: Random, owner: str, names: Sequence[str] = ZONES) -> Held:
    """What one owner has."""
    return Held(owner, pattern(random, names), random.choice(BUFFERS), random.choice(BUFFERS))


def several(random: Random, most: int, names: Sequence[str] = ZONES) -> list[Held]:
    """What some owners have."""
    return [held(random, f"owner-{n}", names) for n in range(random.randint(1, most))]


randoms = st.integers(0, 2**40).map(Random)
"""Hypothesis chooses the seed only: drawing each choice of a pattern takes longer than everything that is tested."""
