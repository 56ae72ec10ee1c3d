"""No number of 1 to 10 leaves the centre, nor can it be derived: not from sums, not from several exports.

Whoever tries knows how figures are made and withheld, every export by every set of dimensions and of every range of
months, and the schedule of no meeting. For every small number at least five values must still be possible.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.rsvps import suppressing
from services.rsvps.tabulating import (
    ADVERTISED,
    CANCELLED,
    DATES,
    DIMENSIONS,
    EXPECTED,
    FIGURES,
    HELD,
    ONLINE,
    PEOPLE,
    ROOM,
    UNUSED,
    Cell,
    Item,
    Of,
    Row,
    item,
    rows,
)
from services.rsvps.types import Count, Said
from tests.unit.deriving import MOST, Known

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LEAST = 5
"""Values that a small number may still have, at least."""

MEETINGS = (("m1", ("r1",), 2), ("m2", ("r1", "r2"), 2), ("m3", (), 4))
BY = [subset for size in range(6) for subset in itertools.combinations(DIMENSIONS, size)]
ALL = ("meeting", "kind", "room", "weekday", "month")


def counted(meeting: int, month: int, day: int, *people: int, held: bool = True, said: tuple[int, ...] = ()) -> Count:
    name, rooms, weekday = MEETINGS[meeting]
    room, online, walked, waitlisted = people
    there = (room, online) if held else (0, 0)
    expected = max(0, sum(there) + walked) if held else 0
    return Count(
        id=f"{meeting}-{month}-{day}",
        centre="c",
        event=name,
        meeting=name,
        date=date(2026, month, day),
        kind="course" if meeting else "support-meeting",
        rooms=rooms,
        weekday=weekday,
        held=held,
        expected=expected,
        attended_room=there[0],
        attended_online=there[1],
        waitlisted=waitlisted if held else 0,
        unused=max(0, expected - sum(there)),
        feedback=(Said("q", "Helpful?", said, sum(said)),) if said and held else (),
    )


PEOPLE_OF_A_DATE = st.sampled_from([0, 0, 0, 1, 2, 5, 7, 10, 11, 12, 15, 20])
COUNTS = st.lists(
    st.builds(
        counted,
        st.integers(0, 2),
        st.integers(1, 2),
        st.integers(1, 28),
        PEOPLE_OF_A_DATE,
        PEOPLE_OF_A_DATE,
        st.integers(-12, 12),
        PEOPLE_OF_A_DATE,
        held=st.sampled_from([True, True, True, False]),
        said=st.sampled_from([(), (), (11, 12), (3, 12), (0, 12)]),
    ),
    max_size=5,
    unique_by=lambda count: count.id,
)


def whole_year(advertised: int, cancelled: int, months: int = 12) -> list[Count]:
    """Dates of a meeting, so many in each month as it takes, at each of which there were 20."""
    where = [(1 + n % months, 1 + n // months) for n in range(advertised)]
    return [counted(0, month, day, 20, 0, 0, 0, held=n >= cancelled) for n, (month, day) in enumerate(where)]


# Who tries

Export = tuple[tuple[str, ...], list[Row]]


def exports(
    counts: Sequence[Count], make: Callable[[Sequence[Count]], list[Item]], by: Sequence[tuple[str, ...]]
) -> list[tuple[Sequence[str], list[Row]]]:
    """What was told by each set of dimensions."""
    return [(each, rows(make(counts), each)) for each in by]


def figures_of(counts: Sequence[Count], *, yearly: bool) -> dict[tuple[Of, str], int]:
    """Every number there is, by block."""
    found: dict[tuple[Of, str], int] = defaultdict(int)
    for each in map(item, counts):
        year = each.of._replace(month=each.of.month[:4])
        for figure in FIGURES:
            of = year if figure in DATES and yearly else each.of
            found[of, figure] += each.figures[figure] or 0
    return found


def matches(of: Of, by: Sequence[str], keys: Sequence[str]) -> bool:
    values = {"meeting": of.meeting, "kind": of.kind, "weekday": of.weekday, "month": of.month}
    return all(
        key in (of.rooms or ("",)) if dimension == "room" else values[dimension] == key
        for dimension, key in zip(by, keys, strict=True)
    )


def learned(
    truth: dict[tuple[Of, str], int], told: Sequence[tuple[Sequence[str], list[Row]]], *, yearly: bool
) -> Known:
    """All that somebody knows who has these exports."""
    known = Known()
    blocks = sorted({of for of, _ in truth})
    for by, found in told:
        for row in found:
            for figure, cell in row.cells.items():
                if cell.withheld == 0 and figure in (DATES if yearly else FIGURES):
                    names = [(of, figure) for of in blocks if (of, figure) in truth and matches(of, by, row.keys)]
                    known.sum(dict.fromkeys(names, 1), cell.value, cell.value)
    finest = told[-1][1]
    for of in blocks:
        mine = [row for row in finest if matches(of, told[-1][0], row.keys)]
        hidden = {figure for row in mine for figure, cell in row.cells.items() if cell.withheld}
        _identities(known, of, truth, hidden, yearly=yearly)
    return known


def _identities(known: Known, of: Of, truth: dict[tuple[Of, str], int], hidden: set[str], *, yearly: bool) -> None:
    """What holds of every block, and why something is withheld in it."""
    if not yearly and (of, EXPECTED) in truth:
        known.sum({(of, UNUSED): 1, (of, EXPECTED): -1, (of, ROOM): 1, (of, ONLINE): 1}, 0, 4 * MOST)
        known.sum({(of, EXPECTED): 1, (of, UNUSED): -1}, 0, MOST)
        for figure in (ROOM, ONLINE, "waitlisted"):
            if figure in hidden:
                known.one_small((of, figure))
        if EXPECTED in hidden or UNUSED in hidden:
            known.one_small(*((of, figure) for figure in (EXPECTED, UNUSED, ROOM, ONLINE)))
    if yearly and (of, HELD) in truth:
        known.sum({(of, ADVERTISED): 1, (of, HELD): -1, (of, CANCELLED): -1}, 0, 0)
        there = [
            each for each in {each for each, _ in truth} if each.month != of.month and each.month.startswith(of.month)
        ]
        active = sum(
            any(truth.get((each, figure)) for figure in PEOPLE) for each in there if each._replace(month=of.month) == of
        )
        known.sum({(of, HELD): 1}, active, MOST)
        if {HELD, CANCELLED, ADVERTISED} & hidden:
            known.one_small(*((of, figure) for figure in DATES))


def derived(
    counts: Sequence[Count], make: Callable[[Sequence[Count]], list[Item]], *, yearly: bool = False
) -> list[object]:
    """Small numbers that are told, or for which fewer than five values are left."""
    by = [each for each in BY if not (yearly and "month" in each)]
    told = exports(counts, make, by if yearly else [*by, ALL])
    truth = figures_of(counts, yearly=yearly)
    known = learned(truth, told, yearly=yearly)
    wrong: list[object] = []
    for name, value in truth.items():
        if 1 <= value <= 10 and name[1] in (DATES if yearly else PEOPLE):
            possible = known.values(name, LEAST)
            if len(possible) < LEAST:
                assert not possible or value in possible, "who tries is wrong"
                wrong.append((name, value, possible))
    return wrong


# The law


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(COUNTS)
def test_no_small_number_of_people_can_be_derived_from_all_exports_together(counts: list[Count]) -> None:
    assert derived(counts, suppressing.months) == []


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.sampled_from(BY))
def test_nothing_from_1_to_10_is_told_in_any_cell(counts: list[Count], by: tuple[str, ...]) -> None:
    for make in (suppressing.months, suppressing.years):
        for row in rows(make(counts), by):
            cells = [*row.cells.values(), *(cell for asked in row.answers for cell in (*asked.counts, asked.answered))]
            assert not [cell for cell in cells if 1 <= abs(cell.value) <= 10]


@settings(max_examples=40, deadline=None)
@given(COUNTS, st.sampled_from(BY))
def test_every_export_follows_from_the_finest_one_and_of_any_months_from_the_months(
    counts: list[Count], by: tuple[str, ...]
) -> None:
    def told(some: Sequence[Count]) -> list[Item]:
        return suppressing.months(some)

    january = [count for count in counts if count.date.month == 1]
    rest = [count for count in counts if count.date.month != 1]
    assert rows(told(counts), by) == rows([*told(january), *told(rest)], by)
    finest = {(each.of, figure): value for each in told(counts) for figure, value in each.figures.items()}
    for row in rows(told(counts), by):
        for figure, cell in row.cells.items():
            own = [value for (of, name), value in finest.items() if name == figure and matches(of, by, row.keys)]
            assert cell == Cell(sum(value or 0 for value in own), own.count(None))


@pytest.mark.parametrize(
    ("advertised", "cancelled"), [(30, 1), (30, 10), (52, 3), (12, 1), (13, 10), (20, 15), (4, 1), (11, 11), (22, 9)]
)
@pytest.mark.parametrize("months", [2, 11, 12])
def test_no_small_number_of_dates_can_be_derived(advertised: int, cancelled: int, months: int) -> None:
    assert derived(whole_year(advertised, cancelled, months), suppressing.years, yearly=True) == []


def test_what_is_large_is_told() -> None:
    counts = [counted(0, 1, day, 12, 0, 0, 0) for day in (6, 13, 20, 27)]
    (row,) = rows(suppressing.months(counts), ["meeting"])
    assert {figure: row.cells[figure] for figure in PEOPLE} == {
        EXPECTED: Cell(48),
        ROOM: Cell(48),
        ONLINE: Cell(),
        "waitlisted": Cell(),
        UNUSED: Cell(),
    }
    (row,) = rows(suppressing.years(whole_year(52, 3)), [])
    assert [row.cells[figure] for figure in DATES] == [Cell(52), Cell(0, 1), Cell(0, 1)]


def test_a_total_says_how_many_blocks_are_not_in_it() -> None:
    counts = [counted(0, 1, 6, 12, 0, 0, 0), counted(1, 1, 6, 3, 0, 0, 0)]
    (row,) = rows(suppressing.months(counts), [])
    assert row.cells[ROOM] == Cell(12, 1)


def test_answers_are_withheld_as_a_whole() -> None:
    counts = [counted(0, 1, 6, 30, 0, 0, 0, said=(3, 20))]
    (row,) = rows(suppressing.months(counts), [])
    (asked,) = row.answers
    assert [*asked.counts, asked.answered] == [Cell(0, 1)] * 3


# A weaker rule is noticed


def _weaker(hidden: Callable[[Item], set[str]]) -> Callable[[Sequence[Count]], list[Item]]:
    def make(counts: Sequence[Count]) -> list[Item]:
        blocks: dict[Of, dict[str, int]] = {}
        for each in map(item, counts):
            block = blocks.setdefault(each.of, dict.fromkeys(FIGURES, 0))
            for figure in FIGURES:
                block[figure] += each.figures[figure] or 0
        made = [Item(of, dict(figures)) for of, figures in blocks.items()]
        return [
            Item(one.of, {figure: None if figure in hidden(one) else value for figure, value in one.figures.items()})
            for one in made
        ]

    return make


def _small(one: Item) -> set[str]:
    return {figure for figure, value in one.figures.items() if value and value <= suppressing.SMALL}


def test_small_numbers_alone_are_not_enough_to_withhold() -> None:
    """30 were expected, 20 came, each of the ten who did not come is one unused seat: 30 - 20 tells it."""
    counts = [counted(0, 1, 6, 20, 0, 10, 0)]
    assert derived(counts, _weaker(_small))
    assert derived(counts, suppressing.months) == []


def test_totals_of_all_are_too_much_where_one_is_withheld() -> None:
    """15 and 3 are 18: whoever tells 15 and 18 tells 3."""
    counts = [counted(0, 1, 6, 15, 0, 0, 0), counted(1, 1, 6, 3, 0, 0, 0)]
    assert derived(counts, suppressing.months) == []
    truth = figures_of(counts, yearly=False)
    total = Row((), {ROOM: Cell(18)}, [])
    known = learned(truth, [((), [total]), *exports(counts, suppressing.months, [ALL])], yearly=False)
    of = next(of for of, figure in truth if of.meeting == "m2")
    assert known.values((of, ROOM)) == [3]


def test_held_and_cancelled_must_be_withheld_together() -> None:
    def weaker(counts: Sequence[Count]) -> list[Item]:
        found = suppressing.years(counts)
        return [one._replace(figures={**one.figures, HELD: 29}) if HELD in one.figures else one for one in found]

    assert derived(whole_year(30, 1), weaker, yearly=True)


def test_where_nearly_every_month_is_known_to_have_a_date_all_are_withheld() -> None:
    """12 were advertised, in 11 months somebody came: were the 12 told, one would have been cancelled."""

    def weaker(counts: Sequence[Count]) -> list[Item]:
        found = suppressing.years(counts)
        return [one._replace(figures={**one.figures, ADVERTISED: 12}) if HELD in one.figures else one for one in found]

    assert derived(whole_year(12, 1), weaker, yearly=True)
    assert derived(whole_year(12, 1), suppressing.years, yearly=True) == []
