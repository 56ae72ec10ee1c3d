"""Sister dates: "the same workshop, other centre, Thursday". Who waits for any stands in the line of each. Pure.

Orders of two lists cannot be compared; so nobody compares them: a place in the line of each date is as good as
anybody's who came to that date at that time. What comes free there is offered, and held by that, until it is taken for
all of the dates in one commit, with the sisters' list as the arbiter: its leaf is there or it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from services.kit.errors import Unmet
from services.rsvps import seating, turns
from services.rsvps.types import End, Seat, State, Wait

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from services.rsvps.seating import Asked
    from services.rsvps.sheet import Sheet


def wait(
    dates: Mapping[str, Sheet], shared: Sheet, asked: Mapping[str, Asked], new: tuple[str, str], at: str
) -> tuple[str, Seat]:
    """A seat at the first of these dates (lists by id) that has a place, or a place in the line of each.

    The first date is the one that was asked for; the others only have to do. Whoever has a seat at one of them, or
    waits, is told of that one. Others that take nobody are left out. `new` are id and HMAC for the sisters' list. It
    gives a list and the seat there. Raises Invalid or Unmet as `seating.reserve` does.
    """
    known = holding(dates, asked)
    if known is not None:
        return known
    first = next(iter(asked))
    places: dict[str, Seat] = {}
    for id_, each in asked.items():
        try:
            seat = seating.reserve(dates[id_], each, at)
        except Unmet:
            if id_ == first:
                raise
            continue
        if seat.state is State.GOING and (id_ == first or seat.wait is Wait.GIVE):
            for other, place in places.items():
                left(dates[other], place)
            return id_, seat
        places[id_] = seat
    if len(places) > 1:
        _tie(dates, shared, places, new)
    return first, dates[first].seat(places[first].id) or places[first]


def _tie(dates: Mapping[str, Sheet], shared: Sheet, places: Mapping[str, Seat], new: tuple[str, str]) -> None:
    id_, mac = new
    for each, seat in places.items():
        dates[each].put(replace(seat, state=State.WAITLISTED, confirmed=False, sisters=shared.list.id))
    wanted = {each: seat.mac for each, seat in places.items()}
    order, centre = shared.next_order(), shared.list.centre
    shared.put(Seat(id=id_, centre=centre, mac=mac, order=order, state=State.WAITLISTED, wanted=wanted))


def holding(dates: Mapping[str, Sheet], asked: Mapping[str, Asked]) -> tuple[str, Seat] | None:
    """The date (its list's id) at which somebody has a seat, or waits, and that."""
    found = []
    for id_, each in asked.items():
        sheet = dates[id_]
        seat = sheet.held(each.mac, each.series_mac) if each.series_mac else sheet.held(each.mac)
        if seat is not None and seat.state in seating.LIVE and seat.era == sheet.list.era:
            found.append((id_, seat))
    return min(found, key=lambda each: each[1].state is not State.GOING, default=None)


def settle(dates: Mapping[str, Sheet], shared: Sheet, at: str, gone: Collection[str] = ()) -> None:
    """Settles each of these dates, and takes what came free for who wants to be given it, until nothing changes.

    `gone` are lists of dates that are forgotten: nobody has to leave those.
    """
    for _ in range(2 * len(dates) + 1):
        for sheet in dates.values():
            turns.settle(sheet, at)
        given = [_given(id_, dates, shared, at, gone) for id_ in dates]
        if not any(given):
            return


def _given(id_: str, dates: Mapping[str, Sheet], shared: Sheet, at: str, gone: Collection[str]) -> bool:
    waiting = [each for each in dates[id_].offered() if each.sisters == shared.list.id and each.wait is Wait.GIVE]
    taken = False
    for each in waiting:
        if each.offered_until > at:
            without_gone(shared, id_, each, gone)
            taken = take(dates, shared, id_, each, at) or taken
    return taken


def take(dates: Mapping[str, Sheet], shared: Sheet, chosen: str, place: Seat, at: str) -> bool:
    """Takes what is free at this date (its list's id), and leaves the other lines. Says whether anything was changed.

    Afterwards it is a seat like any other: nothing that is stored says what else was wanted. Where the sisters' list
    does not know the place any more, it is given up. Nothing is done where a date that is to be left is not here.
    Raises Unmet as `seating.accept` does.
    """
    leaf = leaf_of(shared, chosen, place)
    if leaf is None:
        left(dates[chosen], place)
        return True
    if not leaf.wanted.keys() <= dates.keys():
        return False
    seat = seating.accept(dates[chosen], place, at)
    dates[chosen].put(replace(seat, sisters=""))
    leave(dates, shared, leaf, but=chosen)
    return True


def leave(dates: Mapping[str, Sheet], shared: Sheet, leaf: Seat, *, but: str = "") -> None:
    """Leaves the line of each date, but one, with everything that was said there."""
    for id_, mac in leaf.wanted.items():
        sheet = dates.get(id_)
        place = sheet.held(mac) if sheet is not None and id_ != but else None
        if sheet is not None and place is not None and place.sisters:
            left(sheet, place)
    shared.drop(leaf.id)


def decline(dates: Mapping[str, Sheet], shared: Sheet, declined: str, place: Seat, at: str) -> Seat:
    """Says no to this date (its list's id), and waits on for the others. It gives the seat as it is there now."""
    no = replace(seating.decline(dates[declined], place, at), sisters="")
    dates[declined].put(no)
    leaf = leaf_of(shared, declined, place)
    wanted = {id_: mac for id_, mac in leaf.wanted.items() if id_ != declined} if leaf is not None else {}
    if leaf is not None and wanted:
        shared.put(replace(leaf, wanted=wanted))
    elif leaf is not None:
        shared.drop(leaf.id)
    return no


def without_gone(shared: Sheet, list_id: str, place: Seat, gone: Collection[str]) -> None:
    """Who has this place in the line of one date waits for those no more whose lists are forgotten."""
    leaf = leaf_of(shared, list_id, place) if gone else None
    wanted = {id_: mac for id_, mac in leaf.wanted.items() if id_ not in gone} if leaf is not None else {}
    if leaf is not None and wanted != leaf.wanted:
        shared.put(replace(leaf, wanted=wanted))


def leaf_of(shared: Sheet, list_id: str, place: Seat) -> Seat | None:
    """Who waits for sister dates with this place in the line of one of them."""
    return next((each for each in shared.seats() if each.wanted.get(list_id) == place.mac), None)


def left(sheet: Sheet, place: Seat) -> None:
    """Nothing of it stays; where it was the date of a standing seat that was given back, that."""
    if place.standing:
        sheet.put(replace(turns.gone(place, State.CANCELLED, End.OWN), sisters=""))
    else:
        sheet.drop(place.id)
