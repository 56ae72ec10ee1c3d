"""Zones: the wheel's, exact; local times in gaps and folds; what a VTIMEZONE needs."""
# ruff: noqa: DTZ001 - the local times of a series are naive

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.recurrence import zones
from services.recurrence.types import RecurrenceError
from tests.unit import recurrence_model as model
from tests.unit.recurrence_strategies import ZONES

HOUR = timedelta(hours=1)


@given(
    st.sampled_from(ZONES), st.sampled_from([(3, 8), (3, 29), (4, 5), (10, 4), (10, 25), (11, 1), (7, 1)]), st.data()
)
@settings(max_examples=150, deadline=None)
def test_a_local_time_means_the_first_instant_that_shows_it_and_a_skipped_one_moves_on(
    name: str, day: tuple[int, int], data: st.DataObject
) -> None:
    local = datetime(2026, *day) + timedelta(minutes=data.draw(st.integers(0, 5 * 60)))
    assert zones.to_utc(local, name) == model.instant_of(local, zones.zone(name))


@pytest.mark.parametrize(
    ("name", "local", "instant"),
    [
        ("America/Denver", datetime(2026, 3, 8, 2, 30), datetime(2026, 3, 8, 9, 30, tzinfo=UTC)),
        ("America/Denver", datetime(2026, 11, 1, 1, 30), datetime(2026, 11, 1, 7, 30, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 29, 2, 15), datetime(2026, 3, 29, 1, 15, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 25, 2, 15), datetime(2026, 10, 25, 0, 15, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 10, 4, 2, 15), datetime(2026, 10, 3, 15, 45, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2026, 3, 29, 2, 15), datetime(2026, 3, 28, 20, 45, tzinfo=UTC)),
    ],
)
def test_known_gaps_and_folds(name: str, local: datetime, instant: datetime) -> None:
    assert zones.to_utc(local, name) == instant


@pytest.mark.parametrize(
    "name",
    ["", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "america/denver", "Europe", "Factory", "Europe/Berlin\0"],
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    for ask in (zones.zone, zones.footer, zones.transitions):
        with pytest.raises(RecurrenceError) as refusal:
            ask(name)
        assert refusal.value.field == "zone"


def test_legacy_names_are_kept_as_given() -> None:
    assert zones.zone("US/Eastern").key == "US/Eastern"
    assert zones.footer("US/Eastern") == zones.footer("America/New_York") == "EST5EDT,M3.2.0,M11.1.0"


def test_the_systems_own_zones_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONTZPATH", "/nowhere")
    assert zones.zone("Europe/Berlin") is zones.zone("Europe/Berlin")
    assert zones.version()[:2] == "20"


@pytest.mark.parametrize("name", ["America/Edmonton", "America/Vancouver", "Europe/Berlin"])
def test_what_tests_reckon_themselves_goes_by_the_same_release(name: str) -> None:
    """A machine's own may be older: there clocks in Edmonton still go back in November 2026."""
    days = [datetime(2026 + month // 12, 1 + month % 12, 1, tzinfo=UTC) for month in range(36)]
    assert [each.astimezone(ZoneInfo(name)).hour for each in days] == [
        each.astimezone(zones.zone(name)).hour for each in days
    ]


def test_a_day_begins_after_a_gap_at_midnight() -> None:
    assert zones.midnight(date(2026, 4, 24), "Africa/Cairo") == datetime(2026, 4, 23, 22, tzinfo=UTC)
    assert zones.local_day(datetime(2026, 11, 22, 5, tzinfo=UTC), "America/Denver") == date(2026, 11, 21)


def test_the_yearly_changes_are_read_from_the_footer() -> None:
    found = zones.transitions("America/New_York")
    assert (found.explicit, found.offset, found.daylight) == ((), -5 * HOUR, False)
    assert [(each.first.local, each.rule) for each in found.yearly] == [
        (datetime(2020, 3, 8, 2), "FREQ=YEARLY;BYMONTH=3;BYDAY=2SU"),
        (datetime(2020, 11, 1, 2), "FREQ=YEARLY;BYMONTH=11;BYDAY=1SU"),
    ]
    assert zones.posix("Asia/Kolkata").start is None


def test_changes_before_the_footer_holds_are_listed() -> None:
    edmonton = zones.transitions("America/Edmonton", 2020)
    assert edmonton.yearly == ()
    assert [each.local for each in edmonton.explicit[:2]] == [datetime(2020, 3, 8, 2), datetime(2020, 11, 1, 2)]
    assert edmonton.explicit[-1].offset_after == zones.posix("America/Edmonton").std_offset


def test_a_footer_begins_where_its_changes_go_on_without_a_break() -> None:
    cairo = zones.transitions("Africa/Cairo", 2020)
    assert (cairo.explicit, cairo.daylight) == ((), False)
    assert [(each.first.local, each.rule) for each in cairo.yearly] == [
        (datetime(2023, 4, 28), "FREQ=YEARLY;BYMONTH=4;BYDAY=-1FR"),
        (datetime(2023, 10, 27), None),
    ]


def test_winter_time_is_the_standard_time_in_dublin_too() -> None:
    dublin = zones.transitions("Europe/Dublin")
    assert {(each.first.name, each.first.daylight) for each in dublin.yearly} == {("IST", True), ("GMT", False)}
    listed = zones.transitions("Europe/Dublin", 1990).explicit
    assert {(each.name, each.daylight) for each in listed} == {("IST", True), ("GMT", False)}


@pytest.mark.parametrize("name", sorted(zones.names())[::5])
def test_the_changes_of_a_zone_tell_its_offset_at_any_time(name: str) -> None:
    found, zone = zones.transitions(name), zones.zone(name)
    changes = [(each.instant, each.offset_after) for each in found.explicit]
    for each in found.yearly:
        locals_ = (each.turn.local(year) for year in range(each.first.local.year, 2045))
        changes += [
            (at - each.first.offset_before, each.first.offset_after) for at in locals_ if at >= each.first.local
        ]
    changes.sort()
    instant, offset = datetime(2020, 1, 1), found.offset
    while instant < datetime(2045, 1, 1):
        while changes and changes[0][0] <= instant:
            offset = changes.pop(0)[1]
        assert instant.replace(tzinfo=UTC).astimezone(zone).utcoffset() == offset
        instant += timedelta(days=9, hours=5)
