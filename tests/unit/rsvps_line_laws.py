"""What must hold of a guest list between one decision and the next, by brute force over all its seats.

`held` is the list after it, `was` the one before; `before` and `after` are their seats by id. A broken law is an
AssertionError that names the seat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.rsvps.times import times
from services.rsvps.types import End, PartyRule, Seat, State, Where
from tests.unit.rsvps_lists import ROOM

if TYPE_CHECKING:
    from services.rsvps.types import GuestList

SEATED = (State.GOING, State.OFFERED)
LIVE = (State.GOING, State.WAITLISTED, State.OFFERED)


def present(held: GuestList, seats: dict[str, Seat]) -> list[Seat]:
    return [seat for seat in seats.values() if seat.era == held.era]


def _taken(seats: list[Seat], where: Where) -> int:
    return sum(seat.party for seat in seats if seat.where is where and seat.state in SEATED)


def _needing(seats: list[Seat], quota: str) -> int:
    return sum(seat.party for seat in seats if quota in seat.quotas and seat.state in SEATED)


def _capacity(held: GuestList, where: Where) -> int:
    return held.rules.capacity if where is ROOM else held.rules.online_capacity


def _waits(held: GuestList, seat: Seat) -> bool:
    """Whether it may be their turn: they have not let three offers lapse, and there are so many places at all."""
    places = [each.places for each in held.rules.quotas if each.id in seat.quotas]
    most = min([_capacity(held, seat.where), *places])
    return seat.state is State.WAITLISTED and seat.lapses < 3 and seat.party <= most


def never_oversold(held: GuestList, before: dict[str, Seat], after: dict[str, Seat]) -> None:
    """No step seats anybody beyond what there is; what was too much, because there is less now, does not grow."""
    was, now = present(held, before), present(held, after)
    for where in Where:
        assert _taken(now, where) <= max(_capacity(held, where), _taken(was, where)), "oversold"
    for quota in held.rules.quotas:
        assert _needing(now, quota.id) <= max(quota.places, _needing(was, quota.id)), "a quota is oversold"


def in_order(was: GuestList, held: GuestList, before: dict[str, Seat], after: dict[str, Seat]) -> None:
    """Settling seats nobody while somebody waits before them who could have had the place."""
    now = present(held, after)
    served = newly_served(held, before, after)
    assert all(before[seat.id].lapses < 3 for seat in served), "who let three offers lapse is asked no more"
    lapsed = [seat for seat in now if seat.lapses > before[seat.id].lapses]
    waiting = [seat for seat in now if _waits(held, seat) and seat.where in held.occasion.ways]
    passing = {
        where: was.passed.get(where.value, 0) + sum(s.party for s in lapsed if s.where is where) for where in Where
    }
    for where in Where:
        excused = 0
        for seat in [each for each in served if each.where is where]:
            passed = [each for each in waiting if each.where is where and each.order < seat.order]
            passed = [each for each in passed if not _cannot(held, each, now, served)]
            lapses = before[seat.id].lapses
            assert all(each.lapses > lapses for each in passed), f"{seat} before {passed}"
            excused += seat.party if passed else 0
        most = passing[where] + 2 if passing[where] else 0  # a party may be larger than what it is served from
        assert excused <= most, "more go on to others than were let lapse"


def newly_served(held: GuestList, before: dict[str, Seat], after: dict[str, Seat]) -> list[Seat]:
    """Who was given, or newly offered, a place."""
    found = []
    for seat in present(held, after):
        had = before[seat.id]
        again = seat.offered_until > had.offered_until or seat.lapses > had.lapses
        if seat.state in SEATED and (had.state is State.WAITLISTED or again):
            found.append(seat)
    return found


def lapsed_passes_on(was: GuestList, held: GuestList, before: dict[str, Seat], after: dict[str, Seat]) -> None:
    """Where only what was let lapse is free, it is not offered to the same again while somebody else waits."""
    now = present(held, after)
    again = [seat for seat in now if seat.lapses > before[seat.id].lapses and seat.state in SEATED]
    released = any(seat.end is not before[seat.id].end for seat in now)
    for seat in again:
        full = _taken(present(was, before), seat.where) >= _capacity(held, seat.where)
        waiting = [each for each in now if each.state is State.WAITLISTED and each.where is seat.where]
        others = [
            each for each in waiting if not each.quotas and each.party <= seat.party and each.lapses < seat.lapses
        ]
        assert released or not full or not others, f"{seat} again, and {others} wait"


def nobody_is_put_out(held: GuestList, before: dict[str, Seat], after: dict[str, Seat], at: str) -> None:
    """Time ends no seat but one that was not confirmed, no offer before its end, and nobody's place in the line."""
    for seat in present(held, after):
        had = before[seat.id]
        if had.state is State.GOING and seat.state is not State.GOING:
            assert (seat.state, seat.end) == (State.CANCELLED, End.NOT_CONFIRMED)
        elif had.state in LIVE:
            assert seat.state in LIVE
        if had.state is State.OFFERED and (seat.state is State.WAITLISTED or seat.lapses > had.lapses):
            assert held.occasion.off or min(had.offered_until, times(held).cut_off) <= at, "an offer ended too soon"


def nobody_is_passed(held: GuestList, before: dict[str, Seat], after: dict[str, Seat], at: str) -> None:
    """Who takes places by a command of their own passes nobody who could have had them; nobody does before the lots."""
    there = present(held, before)
    for seat in present(held, after):
        had = before.get(seat.id)
        more = had is None or (had.state, had.where, had.party) != (seat.state, seat.where, seat.party)
        fewer = had is not None and had.where is seat.where and had.state in SEATED and had.party >= seat.party
        if seat.state not in SEATED or not more or fewer:
            continue
        assert held.drawn or at >= times(held).draw, "lots are not drawn yet"
        waiting = [each for each in there if _waits(held, each)]
        waiting = [each for each in waiting if each.where is seat.where and each.id != seat.id]
        assert all(_cannot(held, each, there, []) for each in waiting), f"{seat} passes some of {waiting}"


def _cannot(held: GuestList, seat: Seat, now: list[Seat], served: list[Seat]) -> bool:
    """Whether somebody who waits could not have been served, even had nobody behind them been.

    A place of a need that was let lapse goes on, too: to who has fewer lapses, whichever way they take part.
    """
    later = {each.id for each in served if each.order > seat.order and each.lapses >= seat.lapses}
    there = [each for each in now if each.id not in later]
    places = {each.id: each.places for each in held.rules.quotas}

    def lacks(one: Seat) -> set[str]:
        return {quota for quota in one.quotas if _needing(there, quota) + one.party > places[quota]}

    if lacks(seat):
        return True
    if held.rules.party_rule is PartyRule.FILL:
        return _taken(there, seat.where) + seat.party > _capacity(held, seat.where)
    ahead = [each for each in now if _waits(held, each) and each.order < seat.order]
    return any((lacks(each) or _keeps(held, each, there)) & set(seat.quotas) for each in ahead)


def _keeps(held: GuestList, seat: Seat, there: list[Seat]) -> set[str]:
    """The needs of which a party that waits for more places than there are free keeps places."""
    return set(seat.quotas) if _taken(there, seat.where) < _capacity(held, seat.where) else set()


def nobody_is_forgotten(held: GuestList, now: list[Seat], where: Where) -> None:
    """No place is free that somebody who waits could have: with everybody looked at, one after the other."""
    free = _capacity(held, where) - _taken(now, where)
    strict = held.rules.party_rule is PartyRule.IN_ORDER
    places = {each.id: each.places for each in held.rules.quotas}
    waiting = [each for each in now if _waits(held, each) and each.where in held.occasion.ways]
    kept: set[str] = set()
    blocked: set[Where] = set()
    for seat in sorted(waiting, key=lambda each: each.order):
        if _taken(now, seat.where) >= _capacity(held, seat.where):
            continue
        back = seat.where in blocked or kept & set(seat.quotas)
        lacking = {quota for quota in seat.quotas if _needing(now, quota) + seat.party > places[quota]}
        kept |= (lacking or set(seat.quotas)) if strict else set()
        blocked |= {seat.where} if strict and not lacking and not back else set()
        if not lacking and not back and seat.where is where:
            fewer = any(each.lapses < seat.lapses for each in waiting if each.where is where)
            room = free - (held.passed.get(where.value, 0) if fewer else 0)
            assert seat.party > room, f"{free} free, and {seat} waits"
