"""What a room's rules say against a booking: each one, by date, and never more than was asked to be looked at."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.call import EVERYWHERE, Caller
from services.meetings.booking_rules import Booker, Breach, approval, booker, breaches
from services.meetings.types_rooms import Approval, BookingRules, Quota, QuotaPeriod, WhoMayBook
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.schedule import dates
from services.recurrence.timetable import minute
from services.recurrence.types import ByDay, Frequency, Key, Rule, Schedule

BERLIN = "Europe/Berlin"
NOW = minute(datetime(2026, 11, 21, 12, tzinfo=UTC))  # a Saturday
ANA = Booker("ana", WhoMayBook.FACILITATORS)


def weekly(start: str = "2026-11-24T19:00", minutes: int = 90, rule: Rule | None = None) -> Pattern:
    schedule = Schedule(datetime.fromisoformat(start), BERLIN, minutes, rule or Rule(Frequency.WEEKLY))
    return Pattern(zone=BERLIN, schedule=schedule)


def once(start: str, minutes: int = 60) -> Pattern:
    at = datetime.fromisoformat(start)
    return Pattern(zone=BERLIN, schedule=Schedule(at, BERLIN, minutes))


def against(pattern: Pattern, *own: Pattern, most: int = 1_000, **rules: Any) -> list[Breach]:
    return breaches(BookingRules(**rules), pattern, own, NOW, ANA, zone=BERLIN, most=most)


def days(found: list[Breach]) -> list[str]:
    return [each.key.date.isoformat() for each in found]


def test_rules_that_say_nothing_are_broken_by_nothing() -> None:
    assert against(weekly()) == []


@pytest.mark.parametrize("who", WhoMayBook)
def test_only_who_is_high_enough_may_book(who: WhoMayBook) -> None:
    levels = list(WhoMayBook)
    for level in levels:
        found = breaches(BookingRules(who=who), weekly(), (), NOW, Booker("ana", level), zone=BERLIN)
        wanted = [] if levels.index(level) >= levels.index(who) else ["NOT_ALLOWED"]
        assert [each.rule for each in found] == wanted
        assert days(found) == ["2026-11-24"] * len(wanted)


def test_the_level_of_a_caller_is_that_of_the_highest_role_at_that_centre() -> None:
    told = {
        name: booker(Caller("x", {scope: frozenset({name})}), "house").level
        for name, scope in (
            ("facilitator", "house"),
            ("coordinator", "house"),
            ("administrator", "house"),
            ("operator", EVERYWHERE),
        )
    }
    assert told == {
        "facilitator": WhoMayBook.FACILITATORS,
        "coordinator": WhoMayBook.COORDINATORS,
        "administrator": WhoMayBook.ADMINISTRATORS,
        "operator": WhoMayBook.ADMINISTRATORS,
    }
    elsewhere = Caller("x", {"other": frozenset({"administrator"}), "house": frozenset({"facilitator"})})
    assert booker(elsewhere, "house").level is WhoMayBook.FACILITATORS


@pytest.mark.parametrize("wanted", Approval)
def test_who_approves_needs_no_approval(wanted: Approval) -> None:
    rules = BookingRules(approval=wanted)
    assert [approval(rules, Booker("ana", level)) for level in WhoMayBook] == [wanted, Approval.NONE, Approval.NONE]


def test_how_far_ahead_counts_local_days_and_names_each_date_beyond() -> None:
    two = Rule(Frequency.WEEKLY, count=4)
    assert days(against(weekly(rule=two), most_days_ahead=10)) == ["2026-12-08", "2026-12-15"]
    assert days(against(weekly(rule=two), most_days_ahead=10, most=1)) == ["2026-12-08"]
    assert against(once("2026-12-01T23:00"), most_days_ahead=10) == []  # ten days from a Saturday: all of that Tuesday
    assert [each.rule for each in against(once("2026-12-02T00:00"), most_days_ahead=10)] == ["TOO_FAR_AHEAD"]


def test_a_series_without_end_is_one_wish_where_there_is_a_limit() -> None:
    found = against(weekly(), most_days_ahead=10)
    assert [(each.rule, each.key) for each in found] == [("WITHOUT_END", Key(date(2026, 11, 24)))]
    assert against(weekly(), most_days_ahead=10, without_end=True) == []
    assert against(weekly(), longest_minutes=120) == []


def test_how_soon_before_it_begins_it_may_be_booked() -> None:
    assert [each.rule for each in against(once("2026-11-21T14:00"), least_minutes_ahead=61)] == ["TOO_SOON"]
    assert against(once("2026-11-21T14:00"), least_minutes_ahead=60) == []
    assert days(against(weekly("2026-11-22T19:00"), least_minutes_ahead=2 * 1440)) == ["2026-11-22"]


def test_how_long_each_date_may_be() -> None:
    slot = Slot(date(2026, 12, 1), 0, datetime.fromisoformat("2026-12-01T19:00"), 200)
    series = weekly(minutes=90, rule=Rule(Frequency.WEEKLY, count=3))
    mixed = Pattern(zone=BERLIN, schedule=series.schedule, slots=(slot,))
    assert [(each.rule, each.reason) for each in against(series, shortest_minutes=120)] == [
        ("TOO_SHORT", "at least 2 hours at a time")
    ] * 3
    assert days(against(mixed, longest_minutes=120)) == ["2026-12-01"]
    assert days(against(mixed, shortest_minutes=120)) == ["2026-11-24", "2026-12-08"]
    assert against(mixed, shortest_minutes=90, longest_minutes=200) == []


def quota(period: QuotaPeriod, count: int = 0, minutes: int = 0) -> tuple[Quota, ...]:
    return (Quota(period, count, minutes),)


def test_a_quota_counts_what_somebody_has_in_the_period_and_what_is_new() -> None:
    own = once("2026-11-25T10:00"), once("2026-11-29T23:30", 20)  # Wednesday and Sunday of one week
    found = against(weekly(), *own, quotas=quota(QuotaPeriod.WEEK, 2))
    assert [(each.rule, each.key.date.isoformat(), each.reason) for each in found] == [
        ("QUOTA_COUNT_WEEK", "2026-11-24", "at most 2 bookings a week")
    ]
    assert against(weekly(), own[0], quotas=quota(QuotaPeriod.WEEK, 2)) == []
    later = once("2026-11-30T00:00")  # Monday
    assert against(weekly(), own[0], later, quotas=quota(QuotaPeriod.WEEK, 2)) == []


def test_what_is_over_counts_for_the_period_in_which_it_was() -> None:
    monday = once("2026-11-16T19:00")
    assert days(against(once("2026-11-22T19:00"), monday, quotas=quota(QuotaPeriod.WEEK, 1))) == ["2026-11-22"]
    assert days(against(once("2026-11-24T19:00"), monday, quotas=quota(QuotaPeriod.MONTH, 1))) == ["2026-11-24"]
    assert against(once("2026-12-01T19:00"), monday, quotas=quota(QuotaPeriod.MONTH, 1)) == []


def test_a_date_that_lies_in_two_of_the_spans_that_are_looked_at_counts_once() -> None:
    own = once("2026-11-30T10:00"), once("2026-12-16T23:30")  # 31 days after its week began one is on
    assert against(once("2026-12-18T19:00"), *own, quotas=quota(QuotaPeriod.WEEK, 2)) == []
    third = once("2026-12-19T09:00")
    assert days(against(once("2026-12-18T19:00"), *own, third, quotas=quota(QuotaPeriod.WEEK, 2))) == ["2026-12-18"]


def test_a_date_that_is_on_where_one_span_of_looking_ends_is_named_once() -> None:
    series = weekly("2026-11-24T12:30", 60, Rule(Frequency.WEEKLY, count=6))  # on 22 December it is on 31 days from now
    found = days(against(series, longest_minutes=30))
    assert found == ["2026-11-24", "2026-12-01", "2026-12-08", "2026-12-15", "2026-12-22", "2026-12-29"]
    assert against(series, once("2027-03-01T10:00"), quotas=quota(QuotaPeriod.WEEK, 1)) == []


def test_what_is_on_since_yesterday_counts_for_yesterday() -> None:
    on, morning = once("2026-11-20T23:00", 900), once("2026-11-20T10:00")
    assert days(against(on, morning, quotas=quota(QuotaPeriod.DAY, 1))) == ["2026-11-20"]
    assert against(on, once("2026-11-21T20:00"), quotas=quota(QuotaPeriod.DAY, 1)) == []


def test_dates_that_a_quota_does_not_allow_count_for_nothing() -> None:
    three = weekly("2026-11-23T19:00", 60, Rule(Frequency.DAILY, count=9))
    found = against(three, quotas=quota(QuotaPeriod.WEEK, 0, 180))
    assert {each.rule for each in found} == {"QUOTA_MINUTES_WEEK"}
    assert days(found) == ["2026-11-26", "2026-11-27", "2026-11-28", "2026-11-29"]
    assert found[0].reason == "at most 3 hours a week"


def test_a_month_may_have_five_of_a_weekday() -> None:
    found = days(against(weekly(rule=Rule(Frequency.WEEKLY, count=8)), quotas=quota(QuotaPeriod.MONTH, 4)))
    assert found == ["2026-12-29"]
    assert against(weekly(rule=Rule(Frequency.WEEKLY, count=8)), quotas=quota(QuotaPeriod.MONTH, 5)) == []


@st.composite
def singles(draw: st.DrawFn) -> Pattern:
    at = draw(st.datetimes(datetime.fromisoformat("2026-11-23"), datetime.fromisoformat("2027-01-10")))
    return once(at.replace(second=0, microsecond=0).isoformat(), draw(st.integers(15, 200)))


RULES = (
    Rule(Frequency.DAILY),
    Rule(Frequency.DAILY, 3),
    Rule(Frequency.WEEKLY),
    Rule(Frequency.WEEKLY, 2, (ByDay(0), ByDay(3))),
    Rule(Frequency.MONTHLY),
    Rule(Frequency.MONTHLY, by_day=(ByDay(0, 4), ByDay(1, 2))),
    Rule(Frequency.MONTHLY, by_month_day=(-1, 23)),
)


@settings(deadline=None)
@given(
    st.lists(singles(), max_size=6),
    st.lists(st.sampled_from(RULES), max_size=2),
    st.sampled_from(RULES),
    st.sampled_from(QuotaPeriod),
    st.sampled_from([(1, 0), (2, 0), (6, 0), (0, 60), (0, 200), (3, 500)]),
)
def test_a_quota_is_what_counting_each_date_in_its_turn_gives(
    own: list[Pattern], had_rules: list[Rule], rule: Rule, period: QuotaPeriod, most: tuple[int, int]
) -> None:
    count, minutes = most
    until = date(2027, 1, 10)
    new = weekly("2026-11-23T18:00", 45, msgspec.structs.replace(rule, until=until))
    own = [*own, *(weekly("2026-11-23T09:00", 30, each) for each in had_rules)]

    def of(day: date) -> object:
        month, week = (day.year, day.month), day - timedelta(days=day.weekday())
        return {QuotaPeriod.DAY: day, QuotaPeriod.WEEK: week, QuotaPeriod.MONTH: month}[period]

    had = [
        (of(key.date), each.schedule.minutes)
        for each in own
        if each.schedule
        for key in dates(each.schedule, until=date(2027, 1, 31))
    ]
    wanted = []
    for key in dates(new.schedule) if new.schedule else ():
        lengths = [length for when, length in had if when == of(key.date)]
        if (count and len(lengths) >= count) or (minutes and sum(lengths) + 45 > minutes):
            wanted.append(key.date.isoformat())
        else:
            had.append((of(key.date), 45))
    assert days(against(new, *own, quotas=quota(period, count, minutes))) == wanted
