"""Rules, schedules and exceptions of every shape, for property tests. Dates lie around clock changes of 2026/27."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import msgspec
from hypothesis import assume
from hypothesis import strategies as st

from services.recurrence.types import ByDay, Deviation, ExtraDate, Frequency, Rule, Schedule
from tests.unit import recurrence_model as model

ZONES = (
    "America/Edmonton",
    "America/Denver",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Phoenix",
    "Asia/Kolkata",
    "UTC",
)
FIRST = date(2026, 2, 20)
HORIZON = date(2027, 12, 31)
HOURS = (time(0, 0), time(1, 30), time(2, 15), time(2, 45), time(19, 0), time(23, 45))

day_numbers = st.lists(st.sampled_from([1, 2, 15, 28, 29, 30, 31, -1, -2, -31]), min_size=1, max_size=3, unique=True)
weekdays = st.lists(st.integers(0, 6), min_size=1, max_size=4, unique=True)


@st.composite
def ordinal_days(draw: st.DrawFn) -> tuple[ByDay, ...]:
    tokens = [ByDay(day, draw(st.sampled_from([1, 2, 3, 4, 5, -1, -2, -5]))) for day in draw(weekdays)]
    more = [ByDay(t.weekday, t.nth % 5 + 1) for t in tokens[:1] if 0 < t.nth < 5]
    return tuple(sorted({*tokens, *more}))


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    plain = weekdays.map(lambda found: tuple(sorted(ByDay(day) for day in found)))
    frequency, by_day, by_month_day = draw(
        st.one_of(
            st.just((Frequency.DAILY, (), ())),
            st.tuples(st.just(Frequency.WEEKLY), st.just(()) | plain, st.just(())),
            st.tuples(st.just(Frequency.MONTHLY), st.just(()) | plain | ordinal_days(), st.just(())),
            st.tuples(st.just(Frequency.MONTHLY), st.just(()), day_numbers.map(lambda found: tuple(sorted(found)))),
        )
    )
    return Rule(frequency, draw(st.integers(1, 4)), by_day, by_month_day, None, None, draw(st.integers(0, 6)))


@st.composite
def extra_dates(draw: st.DrawFn) -> tuple[ExtraDate, ...]:
    """Ordinal 0 at the hour of the series, others at hours that are nobody else's."""
    keys = draw(st.sets(st.tuples(st.integers(-20, 200), st.integers(0, 2)), max_size=4))
    return tuple(
        ExtraDate(FIRST + timedelta(days=n), ordinal, time(10 + ordinal, 5) if ordinal else None)
        for n, ordinal in sorted(keys)
    )


@st.composite
def schedules(draw: st.DrawFn, *, limited: bool = False, extra: bool = True) -> Schedule:
    """`limited`: it ends before the horizon of the model."""
    rule: Rule | None = draw(rules())
    assert rule is not None
    base = FIRST + timedelta(days=draw(st.integers(0, 60)))
    near = (base + timedelta(days=n) for n in range(120))
    start = next((day for day in near if model.named(rule, base, day)), None)
    assume(start is not None)
    assert start is not None
    limit = draw(st.sampled_from(["until", "count", "one"] if limited else ["until", "count", "one", "never"]))
    if limit == "until":
        rule = msgspec.structs.replace(rule, until=start + timedelta(days=draw(st.integers(0, 300))))
    elif limit == "count":
        rule = msgspec.structs.replace(rule, count=draw(st.integers(1, 5)), interval=min(rule.interval, 2))
    begin = datetime.combine(start, draw(st.sampled_from(HOURS)))
    minutes = draw(st.sampled_from([30, 90, 1440, 44640]))
    found = draw(extra_dates()) if extra else ()
    return Schedule(begin, draw(st.sampled_from(ZONES)), minutes, None if limit == "one" else rule, found)


@st.composite
def deviations(draw: st.DrawFn, schedule: Schedule) -> tuple[Deviation, ...]:
    """Some of the series' dates cancelled, moved (far, too) or longer."""
    keys = model.keys(schedule, FIRST + timedelta(days=200))
    chosen = draw(st.lists(st.sampled_from(keys), max_size=4, unique=True))
    return tuple(draw(_deviation(key.date, key.ordinal)) for key in sorted(chosen))


@st.composite
def _deviation(draw: st.DrawFn, day: date, ordinal: int) -> Deviation:
    moved = st.integers(-80, 80).map(lambda n: datetime.combine(day + timedelta(days=n), time(18, 20)))
    return Deviation(
        date=day,
        ordinal=ordinal,
        cancelled=draw(st.booleans()),
        start=draw(st.none() | moved),
        minutes=draw(st.none() | st.sampled_from([15, 44640])),
    )
