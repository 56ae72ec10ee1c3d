"""Sister dates: "the same workshop, other centre, Thursday". Who waits for any stands in the line of each. Pure.

Orders of two lists cannot be compared; so nobody compares them: a place in the line of each date is as good as
anybody's who came to that date at that time. What comes free there is offered, and held by that, until it is taken for
all of the dates in one commit, with the sisters' list as the arbiter: its leaf is there or it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from services.rsvps import turns
from services.rsvps.types import Seat, State, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from services.rsvps.sheet import Sheet

LIVE = (State.GOING, State.WAITLISTED, State.OFFERED)


def joined(
    dates: Mapping[str, Sheet], shared: Sheet, seat: Seat, macs: Mapping[str, str], new: Callable[[], str]
) -> Seat:
    """A place in the line of each of these dates (lists by id), for who is not there yet; the leaf of all of them.

    `seat` is the leaf of the sisters' list; `macs` what the guest's key is at each date. It is not settled here.
    """
    leaf = replace(seat, order=shared.next_order(), state=State.WAITLISTED, wanted=dict(macs))
    shared.put(leaf)
    for id_, sheet in dates.items():
        place = replace(
            leaf,
            id=new(),
            mac=macs[id_],
            order=sheet.next_order(),
            era=sheet.list.era,
            sisters=shared.list.id,
            wanted={},
            sealed="",
        )
        sheet.put(place)
    return leaf


def holding(dates: Mapping[str, Sheet], macs: Mapping[str, str]) -> str:
    """The list (id) of a date at which somebody has a seat of their own, or waits; "": at none."""
    for id_, sheet in dates.items():
        seat = sheet.held(macs[id_])
        if seat is not None and seat.state in LIVE:
            return id_
    return ""


def settle(dates: Mapping[str, Sheet], shared: Sheet, at: str) -> None:
    """Settles each of these dates, and takes what came free for who wants to be given it, until nothing changes.

    `dates` are all that anybody waits for here, or at least all of whoever is taken: others are left for later.
    """
    for _ in range(len(dates) * 2 + 1):
        for sheet in dates.values():
            turns.settle(sheet, at)
        if not _given(dates, shared):
            return


def _given(dates: Mapping[str, Sheet], shared: Sheet) -> bool:
    found = False
    for id_, sheet in dates.items():
        for seat in [each for each in sheet.offered() if each.sisters == shared.list.id and each.wait is Wait.GIVE]:
            found = True
            take(dates, shared, id_, seat)
    return found


def take(dates: Mapping[str, Sheet], shared: Sheet, chosen: str, place: Seat) -> Seat | None:
    """Takes what is offered at this date (its list's id), and leaves the other lines; None: it is not there any more.

    Afterwards it is a seat like any other: nothing that is stored says what else was wanted.
    """
    leaf = leaf_of(shared, chosen, place)
    if leaf is None or leaf.wanted.keys() - dates.keys():
        if leaf is None:
            dates[chosen].drop(place.id)
        return None
    seat = replace(place, state=State.GOING, offered_until="", sisters="", lapses=0)
    leave(dates, shared, leaf, but=chosen)
    dates[chosen].put(seat)
    return seat


def leave(dates: Mapping[str, Sheet], shared: Sheet, leaf: Seat, *, but: str = "") -> None:
    """Leaves the line of each date, but one, with everything that it said."""
    for id_, mac in leaf.wanted.items():
        sheet = dates.get(id_)
        place = sheet.held(mac) if sheet is not None and id_ != but else None
        if sheet is not None and place is not None and place.sisters:
            sheet.drop(place.id)
    shared.drop(leaf.id)


def decline(dates: Mapping[str, Sheet], shared: Sheet, declined: str, place: Seat) -> Seat:
    """Says no to this date (its list's id), and waits on for the others. It gives the seat as it is at this date."""
    leaf = leaf_of(shared, declined, place)
    no = replace(place, state=State.DECLINED, offered_until="", sisters="")
    dates[declined].put(no)
    if leaf is not None:
        wanted = {id_: mac for id_, mac in leaf.wanted.items() if id_ != declined}
        if wanted:
            shared.put(replace(leaf, wanted=wanted))
        else:
            shared.drop(leaf.id)
    return no


def leaf_of(shared: Sheet, list_id: str, place: Seat) -> Seat | None:
    """Who waits for sister dates with this place in the line of one of them."""
    return next((each for each in shared.every() if each.wanted.get(list_id) == place.mac), None)
