"""The agenda of many series equals the expansion of each, whatever was put, removed and asked before."""
# ruff: noqa: DTZ001 - the local times of a series are naive

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from services.recurrence.agenda import Agenda
from services.recurrence.rule import parse_rule
from services.recurrence.schedule import occurrences
from services.recurrence.types import Deviation, Occurrence, Schedule
from tests.unit.recurrence_strategies import deviations, schedules

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 5, 1, tzinfo=UTC)
Held = tuple[Schedule, tuple[Deviation, ...]]
DAILY = Schedule(datetime(2026, 3, 3, 19), "America/Denver", 60, parse_rule("FREQ=DAILY"))
RETREAT = Schedule(datetime(2026, 5, 2, 9), "UTC", 44_640)
TUESDAYS = Schedule(datetime(2026, 3, 3, 19), "America/Denver", 60, parse_rule("FREQ=WEEKLY"))


def _expanded(held: Mapping[str, Held], since: datetime, until: datetime) -> list[tuple[str, Occurrence]]:
    rows = [(name, each) for name, series in held.items() for each in occurrences(*series, since, until)]
    return sorted(rows, key=lambda row: (row[1].start, row[0], row[1].key))


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_the_agenda_equals_expansion_after_any_history(data: st.DataObject) -> None:
    agenda = Agenda()
    held: dict[str, Held] = {}
    for _ in range(data.draw(st.integers(1, 12))):
        name = data.draw(st.sampled_from("abc"))
        step = data.draw(st.sampled_from(["put", "put", "remove", "suspend", "ask", "ask", "advance"]))
        if step == "put":
            schedule = data.draw(schedules())
            held[name] = (schedule, data.draw(deviations(schedule)))
            agenda.put(name, *held[name])
        elif step == "suspend" and name in held:
            agenda.put(name, *held.pop(name), suspended=True)
        elif step == "remove":
            held.pop(name, None)
            agenda.remove(name)
        elif step == "advance":
            agenda.advance(NOW + timedelta(days=data.draw(st.integers(0, 60))))
        else:
            since = NOW + timedelta(minutes=data.draw(st.integers(-60_000, 150_000)))
            until = since + timedelta(minutes=data.draw(st.integers(-5, 100_000)))
            assert agenda.between(since, until) == _expanded(held, since, until)
    assert len(agenda) == len(held)
    assert agenda.between(NOW, NOW + timedelta(days=120)) == _expanded(held, NOW, NOW + timedelta(days=120))


def test_a_retreat_that_began_before_is_found_while_it_runs() -> None:
    agenda = Agenda()
    agenda.put("retreat", RETREAT, ())
    end = datetime(2026, 6, 2, 9, tzinfo=UTC)
    assert len(agenda.between(end - timedelta(microseconds=1), end)) == 1
    assert agenda.between(end, end + timedelta(days=1)) == []


def test_it_answers_beyond_its_limit_and_before_its_beginning() -> None:
    agenda = Agenda()
    agenda.put("a", TUESDAYS, ())
    for years in (-1, 0, 1, 2, 3, 30):
        since = NOW + timedelta(days=365 * years)
        until = since + timedelta(days=40)
        assert agenda.between(since, until) == _expanded({"a": (TUESDAYS, ())}, since, until)


def test_occurrences_of_one_start_come_in_order_of_id() -> None:
    agenda = Agenda()
    for name in ("b", "c", "a"):
        agenda.put(name, TUESDAYS, ())
    assert [name for name, _ in agenda.between(NOW, NOW + timedelta(days=7))] == ["a", "b", "c"]


def _kept(agenda: Agenda) -> int:
    weeks = [*agenda._short.weeks.values(), *agenda._long.weeks.values()]
    return sum(len(week.entries) + len(week.waiting) for week in weeks)


def test_a_series_put_again_leaves_nothing_behind() -> None:
    agenda = Agenda()
    for read in (False, True):
        for _ in range(300):
            agenda.put("a", TUESDAYS, [Deviation(date=date(2026, 5, 5), cancelled=True)])
            if read:
                assert len(agenda.between(NOW, NOW + timedelta(days=14))) == 2
        assert _kept(agenda) < 300


def test_what_is_past_is_forgotten() -> None:
    agenda = Agenda()
    agenda.put("a", TUESDAYS, ())
    assert len(agenda.between(NOW, NOW + timedelta(days=70))) == 10
    agenda.advance(NOW + timedelta(days=50))
    assert _kept(agenda) <= 5
    assert len(agenda.between(NOW + timedelta(days=50), NOW + timedelta(days=64))) == 2


def test_of_the_weeks_that_were_read_some_are_kept_and_those_read_last() -> None:
    agenda = Agenda()
    for name in range(150):
        agenda.put(str(name), DAILY, ())
    for week in range(150):
        since = NOW + timedelta(weeks=week)
        assert len(agenda.between(since, since + timedelta(days=7))) == 150 * 7
    assert _kept(agenda) <= 105_000
    assert list(agenda.warm(NOW + timedelta(weeks=148), NOW + timedelta(weeks=150), 1)) == []
    assert list(agenda.warm(NOW, NOW + timedelta(weeks=1), 1))


def test_what_was_warmed_in_slices_is_what_a_reader_finds() -> None:
    agenda, slices = Agenda(), 0
    held = {str(name): (TUESDAYS, ()) for name in range(10)} | {"long": (RETREAT, ())}
    for name, series in held.items():
        agenda.put(name, *series)
    since, until = NOW + timedelta(days=1), NOW + timedelta(days=8)
    for _ in agenda.warm(since, until, 4):
        slices += 1
        agenda.remove("9")
        agenda.put("8", TUESDAYS, ())
    del held["9"]
    assert slices > 3
    assert agenda.between(since, until) == _expanded(held, since, until)
