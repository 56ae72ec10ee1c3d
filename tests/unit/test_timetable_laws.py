"""The timetable against a brute force that shares no code with it: no date that clashes is ever missed or made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.recurrence.timetable import Clash, Timetable
from tests.unit import timetable_examples as examples

if TYPE_CHECKING:
    from random import Random

    from tests.unit.timetable_examples import Date, Held

LAW = settings(
    deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
DAYS = 400
NOW = st.integers(0, 300).map(lambda days: examples.NOW + days * 1_440)


def full(others: list[Held]) -> Timetable:
    table = Timetable()
    for each in others:
        table.put(*each)
    return table


def plain(clash: Clash) -> tuple[Date, str, Date]:
    by = clash.by
    return (
        examples.Date(clash.start, clash.end, clash.key),
        by.owner,
        examples.Date(by.start, by.end, by.key),
    )


def agree(asked: Held, others: list[Held], now: int, days: int) -> None:
    until = now + days * 1_440
    found = full(others).clashes(*asked[1:], now, most=10**6, until=until)
    assert [plain(each) for each in found] == examples.clashes(asked, others, now, until)


@LAW
@given(examples.randoms, NOW)
def test_clashes_are_those_that_brute_force_finds(random: Random, now: int) -> None:
    agree(examples.held(random, "asked"), examples.several(random, 6), now, DAYS)
