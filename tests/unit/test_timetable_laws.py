"""The timetable against a brute force that shares no code with it: no date that clashes is ever missed or made up."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.recurrence.timetable import LOOKED_AT, Clash, Timetable, stretches
from tests.unit import timetable_examples as examples

if TYPE_CHECKING:
    from random import Random

    from tests.unit.timetable_examples import Date, Held

LAW = settings(
    deadline=None, max_examples=450, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
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


@settings(LAW, max_examples=250)
@given(examples.randoms, NOW)
def test_patterns_of_zones_that_change_their_clocks_at_different_times(random: Random, now: int) -> None:
    names = examples.ZONES + examples.FAR_ZONES
    agree(examples.held(random, "asked", names), examples.several(random, 6, names), now, DAYS)


@settings(LAW, max_examples=25)
@given(examples.randoms, NOW)
def test_they_agree_for_years(random: Random, now: int) -> None:
    agree(examples.held(random, "asked"), examples.several(random, 2), now, 9 * 366)


@settings(LAW, max_examples=40)
@given(examples.randoms, NOW)
def test_they_agree_as_far_as_is_looked(random: Random, now: int) -> None:
    asked, others = examples.held(random, "asked"), examples.several(random, 3)
    table = full(others)
    found = table.clashes(*asked[1:], now, most=10**6)
    until = now + LOOKED_AT // timedelta(minutes=1)
    assert [plain(each) for each in found] == examples.clashes(asked, others, now, until)
    meets = {each.by.owner for each in found}
    assert table.free(*asked[1:], now, counts=lambda _: True) == (not meets)
    assert all(table.free(*asked[1:], now, counts=owner.__eq__) == (owner not in meets) for owner, *_ in others)


@settings(LAW, max_examples=150)
@given(examples.randoms, NOW, st.sampled_from([1, 2, 7, 60]))
def test_the_earliest_are_told_and_only_of_owners_that_count(random: Random, now: int, most: int) -> None:
    asked, others = examples.held(random, "asked"), examples.several(random, 6)
    counting = [each for each in others if random.random() < 0.6]
    until = now + DAYS * 1_440
    found = full(others).clashes(
        *asked[1:], now, most=most, until=until, counts={each.owner for each in counting}.__contains__
    )
    assert [plain(each) for each in found] == examples.clashes(asked, counting, now, until)[:most]


@settings(LAW, max_examples=80)
@given(examples.randoms)
def test_remove_undoes_put_whatever_was_asked_meanwhile(random: Random) -> None:
    others, asked = examples.several(random, 8), examples.held(random, "asked")
    table = Timetable()
    there: list[Held] = []
    for each in others * 2:
        if each in there:
            there.remove(each)
            table.remove(each.owner)
        elif random.random() < 0.8:
            there.append(each)
            table.put(*each)
        if random.random() < 0.5:
            now = examples.NOW + random.randint(-300, 300) * 1_440
            until = now + 200 * 1_440
            found = table.clashes(*asked[1:], now, most=10**6, until=until)
            assert [plain(each) for each in found] == examples.clashes(asked, there, now, until)
    assert len(table) == len(there)


@settings(LAW, max_examples=150)
@given(examples.randoms, st.integers(-40, 300), st.sampled_from([30, 1_440, 9 * 1_440, 90 * 1_440]))
def test_between_tells_what_is_taken_in_order(random: Random, day: int, minutes: int) -> None:
    others = examples.several(random, 6, examples.ZONES + examples.FAR_ZONES)
    since = examples.NOW + day * 1_440 + random.randint(0, 1_440)
    found = [(each.start, each.owner, each.end, each.key) for each in full(others).between(since, since + minutes)]
    wanted = [
        (date.start, each.owner, date.end, date.key)
        for each in others
        for date in examples.dates(each.pattern, since, since + minutes)
    ]
    assert found == sorted(wanted, key=lambda each: (each[0], each[1], each[3]))
    table = full(others)
    while table.settle(random.randint(1, 3)):
        pass
    times = [
        (begin, owner, begin + long) for owner, long, begins in table.times(since, since + minutes) for begin in begins
    ]
    assert set(times) == {each[:3] for each in found}


@settings(LAW, max_examples=150)
@given(examples.randoms, st.integers(-40, 300), st.sampled_from([30, 1_440, 90 * 1_440]))
def test_stretches_are_the_dates_of_a_pattern(random: Random, day: int, minutes: int) -> None:
    one = examples.pattern(random, examples.ZONES + examples.FAR_ZONES)
    since = examples.NOW + day * 1_440
    found = [(each.start, each.end, each.key) for each in stretches(one, since, since + minutes)]
    assert sorted(found) == examples.dates(one, since, since + minutes)
