"""Laws of standing seats and of sister dates, whatever happens in whatever order."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.kit.errors import Unmet
from services.rsvps import coming, seating, sisters, standing
from services.rsvps.seating import Asked
from services.rsvps.sheet import Sheet
from services.rsvps.times import shifted
from services.rsvps.types import GuestList, Occasion, Scope, Seat, State, Wait
from tests.unit.rsvps_lists import ROOM, START, Paper, a_list, rules

if TYPE_CHECKING:
    from collections.abc import Callable

GUESTS: Final = 5
DATES: Final = 3
HELD: Final = {State.GOING, State.OFFERED}


def whole(id_: str, scope: Scope) -> GuestList:
    """The list of a series, or of sister dates."""
    occasion = Occasion(start=START, end="", ways=(ROOM,))
    kept = coming.rules_of_series(rules(capacity=1))
    return GuestList(id=id_, centre="c", event="e", scope=scope, secret="1", occasion=occasion, rules=kept)


def single(number: int, capacity: int) -> Paper:
    """The list of one date."""
    return Paper(replace(a_list(capacity=capacity), id=f"d{number}"))


def people(paper: Paper) -> int:
    """How many go, or are offered it."""
    return sum(each.party for each in paper.line.seats.values() if each.state in HELD)


class Weekly:
    """A series' list and those of its dates that have one."""

    def __init__(self) -> None:
        self.series = Paper(whole("s", Scope.SERIES))
        self.dates: dict[int, Paper] = {}
        self.ids = (f"n{number}" for number in itertools.count())

    def date(self, number: int) -> Paper:
        """The list of a date, made where it is not, with the standing seats that there are now."""
        fresh = number not in self.dates
        paper = self.dates.setdefault(number, single(number, 2))

        def arrange(sheet: Sheet) -> None:
            seats = self.series.line.seats.values()
            standing.arrange(sheet, self.series.list, seats, paper.at, new=lambda: next(self.ids), fresh=fresh)

        if fresh or standing.behind(paper.list, self.series.list):
            paper.decide(arrange)
        return paper

    def stand(self, guest: int, _: int) -> None:
        """Somebody keeps a standing seat; dates that they keep already become part of it."""

        def keep(sheet: Sheet) -> Seat:
            known = sheet.held(f"s{guest}")
            if known is not None and known.state is State.GOING:
                return known
            if known is not None:
                sheet.drop(known.id)
            standing.counted(sheet)
            return seating.reserve(sheet, Asked(id=next(self.ids), mac=f"s{guest}"), self.series.at)

        seat = self.series.decide(keep)
        for paper in self.dates.values():
            paper.decide(lambda sheet: adopt(sheet, f"g{guest}", seat))

    def end(self, guest: int, _: int) -> None:
        """Somebody gives their standing seat back."""

        def leave(sheet: Sheet) -> None:
            seat = sheet.held(f"s{guest}")
            if seat is not None and seat.state is State.GOING:
                standing.ended(sheet, seat)

        self.series.decide(leave)

    def come(self, guest: int, number: int) -> None:
        """Somebody keeps a seat on one date."""
        asked = Asked(id=next(self.ids), mac=f"g{guest}", series_mac=f"s{guest}")
        paper = self.date(number)
        paper.decide(lambda sheet: seating.reserve(sheet, asked, paper.at))

    def stay_away(self, guest: int, number: int) -> None:
        """Somebody gives one date back."""
        paper = self.date(number)

        def cancel(sheet: Sheet) -> None:
            seat = sheet.held(f"g{guest}", f"s{guest}")
            if seat is not None:
                seating.cancel(sheet, seat, paper.at)

        paper.decide(cancel)

    def resize(self, capacity: int, number: int) -> None:
        """A date has another number of chairs."""
        self.date(number).has(capacity=capacity + 1)


def adopt(sheet: Sheet, mac: str, seat: Seat) -> None:
    """Whoever has a seat of their own here has it as one of their standing seat."""
    mine = sheet.held(mac)
    if mine is not None and mine.state in seating.LIVE:
        standing.adopt(sheet, mine, seat)


STEPS: Final = ("stand", "end", "come", "stay_away", "resize")


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, GUESTS - 1), st.integers(0, DATES - 1)), max_size=30))
def test_no_date_is_oversold_and_each_standing_seat_is_in_one_state_on_each_date(
    steps: list[tuple[str, int, int]],
) -> None:
    world = Weekly()
    for step, guest, number in steps:
        before = {each: people(paper) for each, paper in world.dates.items()}
        getattr(world, step)(guest, number)
        kept = {each.id for each in standing.kept(world.series.line.seats.values())}
        for each in tuple(world.dates):
            paper = world.date(each)
            seats = list(paper.line.seats.values())
            had = before.get(each, 2)  # a list is made with two chairs, then there are fewer
            assert people(paper) <= max(paper.list.rules.capacity, had)
            assert sorted(seat.standing for seat in seats if seat.standing) == sorted(kept)
            assert len({seat.mac[1:] for seat in seats if seat.state in seating.LIVE}) == len(
                [seat for seat in seats if seat.state in seating.LIVE]
            ), "nobody has two"
            waiting = any(seat.state is State.WAITLISTED for seat in seats)
            assert not waiting or people(paper) >= paper.list.rules.capacity, "no chair stays empty"


def test_standing_seats_are_in_their_order_before_whoever_makes_the_list() -> None:
    world = Weekly()
    for guest in (3, 1, 2):
        world.stand(guest, 0)
    world.come(0, 0)
    found = sorted(world.dates[0].line.seats.values(), key=lambda each: each.order)
    assert [(each.mac, each.state) for each in found] == [
        ("s3", State.GOING),
        ("s1", State.GOING),
        ("s2", State.WAITLISTED),
        ("g0", State.WAITLISTED),
    ]


def test_who_wants_to_be_asked_has_at_once_what_is_free_and_is_asked_later() -> None:
    world = Weekly()
    for guest in range(3):
        asked = Asked(id=f"x{guest}", mac=f"s{guest}", wait=Wait.ASK)
        world.series.decide(functools.partial(seating.reserve, asked=asked, at=world.series.at))
    paper = world.date(0)
    assert [each.state for each in paper.line.seats.values()] == [State.GOING, State.GOING, State.WAITLISTED]
    world.stay_away(0, 0)
    assert paper.seat("s2").state is State.OFFERED


class Workshops:
    """Three dates of one chair each that share a waitlist."""

    def __init__(self) -> None:
        self.papers = {f"d{number}": single(number, 1) for number in range(DATES)}
        self.shared = Paper(whole("w", Scope.SISTERS))
        self.ids = (f"n{number}" for number in itertools.count())

    def both(self, act: Callable[[dict[str, Sheet], Sheet], None]) -> None:
        """Has all lists decided about in one commit; a refusal leaves nothing behind."""
        sheets = {id_: Sheet(paper.list, paper.line) for id_, paper in self.papers.items()}
        shared = Sheet(self.shared.list, self.shared.line)
        try:
            act(sheets, shared)
        except Unmet:
            return
        sisters.settle(sheets, shared, self.at)
        for id_, sheet in sheets.items():
            self.papers[id_]._take_in(sheet)
        self.shared._take_in(shared)

    @property
    def at(self) -> str:
        """The present instant."""
        return self.shared.at

    def wait(self, guest: int, number: int) -> None:
        """Somebody would come to any; odd ones want to be asked."""
        order = [f"d{(number + step) % DATES}" for step in range(DATES)]
        asked = {
            each: Asked(id=next(self.ids), mac=f"{each}g{guest}", wait=Wait.ASK if guest % 2 else Wait.GIVE)
            for each in order
        }
        self.both(
            lambda dates, shared: ignore(sisters.wait(dates, shared, asked, (next(self.ids), f"w{guest}"), self.at))
        )

    def come(self, guest: int, number: int) -> None:
        """Somebody wants one date alone, decided on its list alone."""
        paper = self.papers[f"d{number}"]
        asked = Asked(id=next(self.ids), mac=f"d{number}o{guest}")
        paper.decide(lambda sheet: seating.reserve(sheet, asked, self.at))

    def back(self, guest: int, number: int) -> None:
        """Whoever goes there gives it back, decided on its list alone."""
        paper = self.papers[f"d{number}"]

        def cancel(sheet: Sheet) -> None:
            going = [each for each in sheet.seats() if each.state is State.GOING]
            if going:
                seating.cancel(sheet, going[guest % len(going)], self.at)

        paper.decide(cancel)

    def accept(self, guest: int, number: int) -> None:
        """Somebody who was asked says yes."""
        id_ = f"d{number}"

        def act(dates: dict[str, Sheet], shared: Sheet) -> None:
            place = dates[id_].held(f"{id_}g{guest}")
            if place is not None and place.state is State.OFFERED and place.sisters:
                sisters.take(dates, shared, id_, place, self.at)

        self.both(act)

    def look(self, _: int, __: int) -> None:
        """The sweeper comes by."""
        self.both(lambda _, __: None)

    def later(self, hours: int, _: int) -> None:
        """Time passes."""
        at = shifted(self.at, 60 * 5 * hours)
        for paper in (*self.papers.values(), self.shared):
            paper.at = at


def ignore(_: object) -> None:
    """A reply that nobody needs."""


TURNS: Final = ("wait", "come", "back", "accept", "look", "later")


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(TURNS), st.integers(0, GUESTS - 1), st.integers(0, DATES - 1)), max_size=30))
def test_one_wait_is_never_two_seats_and_what_is_held_for_it_ends(steps: list[tuple[str, int, int]]) -> None:
    world = Workshops()
    for turn, guest, number in [*steps, ("look", 0, 0)]:
        getattr(world, turn)(guest, number)
        for paper in world.papers.values():
            assert people(paper) <= 1
    leaves = list(world.shared.line.seats.values())
    for guest in range(GUESTS):
        mine = [
            seat
            for id_, paper in world.papers.items()
            for seat in paper.line.seats.values()
            if seat.mac == f"{id_}g{guest}" and seat.state in seating.LIVE
        ]
        assert sum(each.state is State.GOING for each in mine) <= 1
        assert not (any(each.sisters for each in mine) and any(each.state is State.GOING for each in mine))
        assert bool([each for each in mine if each.sisters]) == any(each.mac == f"w{guest}" for each in leaves)
        assert not any(each.state is State.OFFERED and each.wait is Wait.GIVE for each in mine), "it is taken"
    world.later(24, 0)
    world.look(0, 0)
    for paper in world.papers.values():
        assert all(each.offered_until > world.at for each in paper.line.seats.values() if each.state is State.OFFERED)
