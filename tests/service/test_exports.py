"""Somebody asks the service for every export that there is, by all dimensions and of all months, and tries to derive
small numbers from all of them together. The solver is `tests.unit.deriving`; what it knows of the rules beside the
answers is in `tests.unit.test_suppressing`.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from services.kit.clock import instant
from services.kit.store.port import Commit
from services.rsvps import records, suppressing
from services.rsvps.tabulating import DATES, FIGURES, PEOPLE, Cell, Of, Row, item
from tests.service.rsvps_house import CENTRE, COORDINATOR, House
from tests.unit.deriving import Known
from tests.unit.test_suppressing import ALL, BY, LEAST, _identities, counted, figures_of, matches, whole_year

if TYPE_CHECKING:
    from services.rsvps.types import Count

pytest_plugins = ("tests.service.rsvps_house",)


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


ENDS = [date(2026, month, day) for month, day in ((1, 31), (2, 28), (3, 31))]
SPANS = [
    *((ENDS[one].replace(day=1), ENDS[other]) for one, other in [*combinations(range(3), 2), (0, 0), (1, 1), (2, 2)]),
    (date(2025, 12, 1), ENDS[1]),
    (date(2026, 1, 1), date(2026, 12, 31)),
    (date(2025, 1, 1), date(2026, 12, 31)),
]
"""What can be asked for of three months in which something took place: single ones, several, whole years."""
SECRET = "m3"
"""The meeting that is not public."""
SEVERAL = [0, 1, 2, 5, 7, 10, 11, 12, 15, 20]


class Asked(NamedTuple):
    """An export."""

    by: tuple[str, ...]
    first: str
    last: str
    rows: list[Row]


def world(seed: int) -> list[Count]:
    """Dates of three meetings: one often, one in two rooms, one that is not public. Some were called off."""
    source = random.Random(seed)  # noqa: S311 - the same each time
    found = whole_year(30, seed % 12, months=3)
    for number in range(8):
        people = source.choice(SEVERAL), source.choice(SEVERAL), source.randint(-12, 12), source.choice(SEVERAL)
        where = 1 + number % 2, 1 + number % 3, 1 + number
        found.append(counted(*where, *people, held=source.random() < 0.8))
    return [msgspec.structs.replace(count, centre="house") for count in found]


async def stored(house: House, counts: list[Count]) -> None:
    """The house has these, and all of them are closed."""
    for meeting in {count.meeting for count in counts}:
        await house.part(meeting, visibility="members" if meeting == SECRET else "public")
    at = instant(house.clock.now())
    await house.store.commit(Commit(tuple(records.write(None, each, at=at, actor="test") for each in counts)))
    house.to(datetime(2027, 2, 1, tzinfo=UTC))


async def asked(house: House) -> list[Asked]:
    """Everything that anybody could be given."""
    found = []
    for first, last in SPANS:
        for by in BY:
            request: dict[str, Any] = {"parent": CENTRE, "first_date": str(first), "last_date": str(last)}
            request["dimensions"] = [f"DIMENSION_{each.upper()}" for each in by]
            reply = await house.call("ExportStatistics", COORDINATOR, **request)
            rows = [Row(_keys(row, by), _cells(row), []) for row in reply.rows]
            found.append(Asked(by, str(first)[:7], str(last)[:7], rows))
    return found


def _keys(row: Any, by: tuple[str, ...]) -> tuple[str, ...]:
    pairs = zip(by, row.keys, strict=True)
    return tuple(key.rpartition("/")[2] if dimension == "meeting" else key for dimension, key in pairs)


def _cells(row: Any) -> dict[str, Cell]:
    cells = {figure: getattr(row, figure) for figure in FIGURES}
    return {figure: Cell(cell.value, cell.withheld) for figure, cell in cells.items()}


def known_by(counts: list[Count], exports: list[Asked], *, yearly: bool) -> tuple[dict[tuple[Of, str], int], Known]:
    """What there is (people of a month, or dates of a year), and what somebody knows of it who has all of these."""
    truth = figures_of([_as_told(count) for count in counts], yearly=yearly)
    return truth, _learned(truth, exports, yearly=yearly)


def _learned(truth: dict[tuple[Of, str], int], exports: list[Asked], *, yearly: bool) -> Known:
    known = Known()
    blocks = sorted({of for of, _ in truth})
    for each in exports:
        inside = [of for of in blocks if each.first <= of.month <= each.last or (yearly and _whole(each))]
        for row in each.rows:
            for figure in DATES if yearly else PEOPLE:
                cell = row.cells[figure]
                if cell.withheld == 0 and (not yearly or (_whole(each) and "month" not in each.by)):
                    names = [(of, figure) for of in inside if matches(of, each.by, row.keys)]
                    known.sum(dict.fromkeys(names, 1), cell.value, cell.value)
    for of in blocks:
        _identities(known, of, truth, _hidden(of, exports, yearly=yearly), yearly=yearly)
    return known


def _hidden(of: Of, exports: list[Asked], *, yearly: bool) -> set[str]:
    """What is withheld of a block, as the finest export says."""
    by = tuple(each for each in ALL if not (yearly and each == "month"))
    finest = [each for each in exports if set(each.by) == set(by) and _whole(each)]
    rows = [row for each in finest for row in each.rows if matches(of, each.by, row.keys)]
    return {figure for row in rows for figure, cell in row.cells.items() if cell.withheld}


def _whole(each: Asked) -> bool:
    return each.first.endswith("-01") and each.last.endswith("-12")


def _as_told(count: Count) -> Count:
    """Outside the centre, what is not public has no name, nor have its rooms."""
    return msgspec.structs.replace(count, meeting="", rooms=()) if count.meeting == SECRET else count


def derived(counts: list[Count], exports: list[Asked]) -> list[object]:
    """Small numbers for which fewer than five values are left, or that are told."""
    wrong: list[object] = []
    for yearly in (False, True):
        truth, known = known_by(counts, exports, yearly=yearly)
        for name, value in truth.items():
            asked_about = 1 <= value <= suppressing.SMALL and (name[1] in DATES) is yearly
            if asked_about and len(possible := known.values(name, LEAST)) < LEAST:
                assert not possible or value in possible, "who tries is wrong"
                wrong.append((name, value, possible))
    return wrong


async def nothing_follows(house: House, seed: int) -> None:
    counts = world(seed)
    await stored(house, counts)
    exports = await asked(house)
    assert any(cell.value for each in exports for row in each.rows for cell in row.cells.values()), "nothing is told"
    assert any(cell.withheld for each in exports for row in each.rows for cell in row.cells.values())
    assert derived(counts, exports) == []


@pytest.mark.parametrize("seed", [3, 10])
async def test_no_small_number_follows_from_all_exports_that_can_be_asked_for(alone: House, seed: int) -> None:
    await nothing_follows(alone, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
async def test_no_small_number_follows_from_all_exports_of_many_tables(alone: House, seed: int) -> None:
    await nothing_follows(alone, seed)


async def test_a_small_number_that_is_told_once_is_found(alone: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were those of whole years exact, they would tell some; and tell others that months withhold."""
    exact = [item(count) for count in world(3)]
    monkeypatch.setattr(suppressing, "years", lambda _: exact)
    await stored(alone, world(3))
    assert derived(world(3), await asked(alone))
