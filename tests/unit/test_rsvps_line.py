"""The index over the seats of a list, and what is laid over it while it is decided about."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from services.kit.record import revise
from services.rsvps import records
from services.rsvps.line import Line
from services.rsvps.lists import SHAPE
from services.rsvps.sheet import Sheet
from services.rsvps.types import Seat, SeatFor, State, Wait, Where
from tests.unit.index_law import obeys
from tests.unit.rsvps_lists import NOW, a_list

QUOTAS = ((), ("beds",), ("beds", "ramp"))


def _seat(number: int, source: random.Random) -> Seat:
    state = source.choice(list(State))
    return Seat(
        id=f"s{number}",
        centre="c",
        mac=f"m{number // 2}" if source.random() < 0.1 else f"m{number}.",
        use=source.choice([SeatFor.SEAT] * 5 + [SeatFor.PRESENT, SeatFor.ANSWERED]),
        order=number,
        era=source.choice([0, 0, 1]),
        where=source.choice(list(Where)),
        state=state,
        party=source.randint(1, 3),
        wait=source.choice(list(Wait)),
        quotas=source.choice(QUOTAS),
        lapses=source.randint(0, 4),
        offered_until=f"2026-11-2{source.randint(1, 5)}T10:00:00.000Z" if state is State.OFFERED else "",
        sisters=source.choice(["", "", "l9"]),
        confirmed=source.choice([True, False]),
    )


def test_the_line_depends_on_nothing_but_which_seats_are_in_it() -> None:
    """Put and removed in any order; two leaves under one HMAC too."""
    source = random.Random(7)  # noqa: S311 - the same seats in every run
    leaves = [
        revise(
            None,
            kind="seat",
            id=seat.id,
            state={**records.document(seat), "removed": False},
            at=NOW,
            actor="",
            views={},
        )
        for seat in (_seat(number, source) for number in range(50))
    ]
    obeys(SHAPE, leaves, vars)


@given(st.integers(0, 1 << 20))
def test_a_sheet_counts_as_the_line_will_when_it_is_written(seed: int) -> None:
    """What is laid over a line reads like a line that has it; and the line underneath stays as it was."""
    source = random.Random(seed)  # noqa: S311 - an example is its seed
    before = [_seat(number, source) for number in range(source.randint(0, 12))]
    line, after = _line(before), {seat.id: seat for seat in before}
    sheet = Sheet(a_list(), line)
    for _ in range(source.randint(0, 8)):
        seat = _seat(source.randint(0, 15), source)
        if source.random() < 0.2:
            sheet.drop(seat.id)
            after.pop(seat.id, None)
        else:
            sheet.put(seat)
            after[seat.id] = seat
    expected = Sheet(a_list(), _line(list(after.values())))
    assert _read(sheet) == _read(expected)
    assert vars(line) == vars(_line(before))


def _line(seats: list[Seat]) -> Line:
    line = Line("l1")
    for seat in seats:
        line.put(seat)
    return line


def _read(sheet: Sheet) -> object:
    """All that a rule may ask."""
    return (
        {seat.id: seat for seat in sheet.leaves()},
        [(sheet.taken(where), sheet.waits(where), list(sheet.waiting(where))) for where in Where],
        [sorted(seat.id for seat in sheet.firsts(where)) for where in Where],
        [sheet.people(where, state) for where in Where for state in State],
        [sheet.marked(use, where) for use in SeatFor for where in Where],
        [sheet.quota_taken(quota) for quota in ("beds", "ramp", "none")],
        (list(sheet.offered()), sheet.lapsing(), list(sheet.unsure()), sheet.eager()),
        {mac: sheet.held(mac) for mac in [f"m{number}." for number in range(16)]},
    )
