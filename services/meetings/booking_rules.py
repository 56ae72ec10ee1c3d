"""The rules of a room for bookings by people: who, how far ahead, how long, how much, and who approves. Pure.

A rule about single dates names each of them, so that a series may be had without them; one about the whole has the
first date's key. Dates that are over are no concern of rules, but count for what somebody has of a room in a period.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from services.meetings.quotas import too_much
from services.meetings.types_rooms import Approval, QuotaPeriod, WhoMayBook
from services.recurrence.schedule import last_key
from services.recurrence.timetable import LOOKED_AT, at_minute, minute, stretches
from services.recurrence.zones import midnight, to_local

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.kit.call import Caller
    from services.meetings.quotas import Excess
    from services.meetings.types_rooms import BookingRules
    from services.recurrence.pattern import Pattern
    from services.recurrence.timetable import Stretch
    from services.recurrence.types import Key

RANKS: Final = {WhoMayBook.FACILITATORS: 0, WhoMayBook.COORDINATORS: 1, WhoMayBook.ADMINISTRATORS: 2}
_DAY: Final = timedelta(days=1)
_WORDS: Final = {QuotaPeriod.DAY: "a day", QuotaPeriod.WEEK: "a week", QuotaPeriod.MONTH: "a month"}


class Booker(NamedTuple):
    """Who books, for the rules of a room: `level` is the highest of `WhoMayBook` that the caller is one of.

    `had` is what they have of rooms (ids) besides their bookings as they stand: what is over (`had.lately`), and what
    stays of a booking of which the rest is asked for anew. Quotas count it.
    """

    subject: str
    level: WhoMayBook
    had: tuple[tuple[str, Pattern], ...] = ()


class Breach(NamedTuple):
    """A date that a rule does not allow. `start` and `end` are minutes; `rule` is UPPER_SNAKE, `reason` in words."""

    key: Key
    start: int
    end: int
    rule: str
    reason: str


def booker(caller: Caller, centre: str) -> Booker:
    """Who is calling, for the rooms of a centre."""
    if caller.has(frozenset({"administrator", "operator"}), centre):
        return Booker(caller.subject, WhoMayBook.ADMINISTRATORS)
    if caller.has(frozenset({"coordinator"}), centre):
        return Booker(caller.subject, WhoMayBook.COORDINATORS)
    return Booker(caller.subject, WhoMayBook.FACILITATORS)


def approval(rules: BookingRules, who: Booker) -> Approval:
    """Whether a booking has to be approved: who approves those of others needs nobody for their own."""
    return Approval.NONE if who.level is not WhoMayBook.FACILITATORS else rules.approval


def breaches(
    rules: BookingRules,
    pattern: Pattern,
    own: Sequence[Pattern],
    since: int,
    who: Booker,
    *,
    zone: str,
    most: int = 1_000,
) -> list[Breach]:
    """What the rules say against a pattern, from the minute `since` on; in order of time, at most `most` per rule.

    `own` are the patterns of what they have in that room already; `zone` is the room's.
    """
    if not _says_anything(rules):
        return []
    first = next(ahead(pattern, since), None)
    if first is None:
        return []
    if RANKS[who.level] < RANKS[rules.who]:
        return [Breach(*first, "NOT_ALLOWED", f"only {rules.who.value} may book it")]
    found = [
        *_lengths(rules, pattern, since, most),
        *_too_soon(rules, pattern, since),
        *_too_far(rules, pattern, since, zone, first, most),
    ]
    found += map(_more, too_much(rules.quotas, pattern, own, since, zone, first, most))
    return sorted(found, key=lambda each: (each.start, each.key, each.rule))


def _says_anything(rules: BookingRules) -> bool:
    lengths = rules.shortest_minutes, rules.longest_minutes
    ahead = rules.most_days_ahead, rules.least_minutes_ahead
    return rules.who is not WhoMayBook.FACILITATORS or bool(rules.quotas) or any((*lengths, *ahead))


def ahead(pattern: Pattern, since: int, until: int | None = None) -> Iterator[Stretch]:
    """The dates that end after `since` and begin before `until`, in order of time; reckoned as far as somebody asks."""
    end = since + LOOKED_AT // timedelta(minutes=1) if until is None else until
    low, step = since, 31 * 1440
    while low < end:
        high = min(low + step, end)
        yield from (each for each in stretches(pattern, low, high) if low == since or each.start >= low)
        if _over(pattern, high):
            return
        low, step = high, 366 * 1440


def _over(pattern: Pattern, at: int) -> bool:
    """Whether it is plain that nothing of the pattern begins later."""
    day = at_minute(at).date() - 2 * _DAY
    last = last_key(pattern.schedule) if pattern.schedule else None
    ends = pattern.schedule is None or (last is not None and last.date < day)
    return ends and all(slot.start.date() < day for slot in pattern.slots)


def _lengths(rules: BookingRules, pattern: Pattern, since: int, most: int) -> Iterator[Breach]:
    """Dates that are too short or too long; the dates of a schedule are all of one length."""
    schedule = pattern.schedule
    if schedule is not None and _length(rules, schedule.minutes) is None:
        pattern = msgspec.structs.replace(pattern, schedule=None)
    told = ((each, _length(rules, each.end - each.start)) for each in ahead(pattern, since))
    yield from islice((Breach(*each, *wrong) for each, wrong in told if wrong is not None), most)


def _length(rules: BookingRules, minutes: int) -> tuple[str, str] | None:
    """The rule that so many minutes break, and in words."""
    if minutes < rules.shortest_minutes:
        return "TOO_SHORT", f"at least {_long(rules.shortest_minutes)} at a time"
    if 0 < rules.longest_minutes < minutes:
        return "TOO_LONG", f"at most {_long(rules.longest_minutes)} at a time"
    return None


def _too_soon(rules: BookingRules, pattern: Pattern, since: int) -> Iterator[Breach]:
    earliest = since + rules.least_minutes_ahead
    if rules.least_minutes_ahead:
        reason = f"must be booked at least {_long(rules.least_minutes_ahead)} before it begins"
        yield from (
            Breach(*each, "TOO_SOON", reason) for each in ahead(pattern, since, earliest) if each.start < earliest
        )


def _too_far(
    rules: BookingRules, pattern: Pattern, since: int, zone: str, first: Stretch, most: int
) -> Iterator[Breach]:
    """Dates beyond what may be booked; a series without end is one wish, and has its own permission."""
    if not rules.most_days_ahead:
        return
    reason = f"at most {rules.most_days_ahead} days ahead"
    if pattern.schedule is not None and last_key(pattern.schedule) is None:
        if not rules.without_end:
            yield Breach(*first, "WITHOUT_END", f"a series must have an end, {reason}")
        return
    today = to_local(at_minute(since), zone).date()
    limit = minute(midnight(today + _DAY * (rules.most_days_ahead + 1), zone))
    beyond = (each for each in ahead(pattern, limit, since + LOOKED_AT // timedelta(minutes=1)) if each.start >= limit)
    yield from (Breach(*each, "TOO_FAR_AHEAD", reason) for each in islice(beyond, most))


def _more(found: Excess) -> Breach:
    quota = found.quota
    name, words = quota.period.name, _WORDS[quota.period]
    if found.counted:
        reason = f"at most {quota.count} booking{'s' * (quota.count > 1)} {words}"
        return Breach(*found.date, f"QUOTA_COUNT_{name}", reason)
    return Breach(*found.date, f"QUOTA_MINUTES_{name}", f"at most {_long(quota.minutes)} {words}")


def _long(minutes: int) -> str:
    """A length in words: "2 hours", "90 minutes"."""
    for unit, name in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes % unit == 0:
            return f"{minutes // unit} {name}{'s' * (minutes != unit)}"
    return ""
