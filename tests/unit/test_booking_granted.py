"""What becomes of a wish at its borders: what may be skipped, how much of it, what one has already, what is over."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.kit.clock import instant
from services.kit.errors import Invalid, Unmet
from services.meetings.booking import MOST_SKIPPED, Person, Wish, granted, refuse_impossible
from services.meetings.closing import NOTHING
from services.meetings.diary import Diary
from services.meetings.rebooking import rescheduled
from services.meetings.types_rooms import (
    Booking,
    BookingRules,
    ClashPolicy,
    Quota,
    QuotaPeriod,
    Room,
    WhoMayBook,
)
from services.recurrence.pattern import Pattern
from services.recurrence.rule import parse_rule
from services.recurrence.timetable import minute, stretches
from services.recurrence.types import Schedule

SINCE = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = instant(SINCE)
ANA = Person("ana", WhoMayBook.FACILITATORS, keeper=False)
SKIPS = ANA._replace(policy=ClashPolicy.SKIP)
HALL = Room(id="hall", centre="c", created_at=AT, title="Hall", place="p", zone="UTC")


def series(start: str, rule: str = "", minutes: int = 60) -> Pattern:
    schedule = Schedule(datetime.fromisoformat(start), "UTC", minutes, parse_rule(rule) if rule else None)
    return Pattern(zone="UTC", schedule=schedule)


def booking(id_: str, when: Pattern) -> Booking:
    return Booking(id=id_, centre="c", room="hall", created_at=AT, lineage=id_, pattern=when, organiser=id_)


def asked(wish: Wish, *held: Pattern, rules: BookingRules | None = None) -> Booking:
    diary = Diary("hall")
    for number, each in enumerate(held):
        diary.put(booking(f"other-{number}", each))
    room = Room(id="hall", centre="c", created_at=AT, title="Hall", place="p", zone="UTC", rules=rules or HALL.rules)
    return granted(room, {"hall": diary}, wish, AT, NOTHING)


def test_a_rule_for_people_is_never_skipped_however_many_dates_it_would_leave() -> None:
    wish = Wish(booking("ana", series("2026-11-23T19:00", "FREQ=DAILY;COUNT=9")), SKIPS)
    rules = BookingRules(quotas=(Quota(QuotaPeriod.WEEK, 5),))
    with pytest.raises(Unmet) as refused:
        asked(wish, rules=rules)
    assert refused.value.reason == "BOOKING_RULE"
    with pytest.raises(Unmet) as refused:
        asked(wish, series("2026-11-24T19:00"), rules=rules)
    assert refused.value.reason == "BOOKING_RULE"
    assert len(asked(wish, series("2026-11-24T19:00")).skipped) == 1


def test_as_many_dates_as_may_be_skipped_are_and_one_more_is_refused() -> None:
    most = series("2026-11-23T19:00", f"FREQ=DAILY;COUNT={MOST_SKIPPED}")
    more = series("2026-11-23T19:00", f"FREQ=DAILY;COUNT={MOST_SKIPPED + 1}")
    wish = Wish(booking("ana", series("2026-11-23T19:00", "FREQ=DAILY")), SKIPS)
    assert len(asked(wish, most).skipped) == MOST_SKIPPED
    with pytest.raises(Unmet):
        asked(wish, more)


def test_what_is_longer_than_what_one_has_is_asked_for_anew() -> None:
    own, next_one = series("2026-11-24T19:00"), series("2026-11-24T20:00")
    wish = Wish(booking("ana", series("2026-11-24T19:00", minutes=90)), ANA, taken=own)
    with pytest.raises(Unmet) as refused:
        asked(wish, next_one)
    assert refused.value.reason == "ROOM_TAKEN"
    shorter = Wish(booking("ana", series("2026-11-24T19:15", minutes=45)), ANA, taken=own)
    assert asked(shorter, own).pattern == shorter.booking.pattern


def test_what_ends_at_this_very_moment_is_over() -> None:
    with pytest.raises(Invalid):
        refuse_impossible(Schedule(datetime.fromisoformat("2026-11-21T11:00"), "UTC", 60), AT, "schedule")
    refuse_impossible(Schedule(datetime.fromisoformat("2026-11-21T11:00"), "UTC", 61), AT, "schedule")


def test_a_date_that_is_over_is_not_on_again_when_the_others_become_longer() -> None:
    """Monday was over on Tuesday: it does not go on until Sunday because the ones to come are to."""
    had = booking("ana", series("2026-11-16T00:00", "FREQ=WEEKLY", 1440))
    longer = Schedule(datetime.fromisoformat("2026-11-16T00:00"), "UTC", 6 * 1440, parse_rule("FREQ=WEEKLY"))
    made = rescheduled(had, longer, AT)
    now = minute(SINCE)
    assert [str(each.key.date) for each in stretches(made.pattern, now, now + 9 * 1440)] == ["2026-11-23", "2026-11-30"]
