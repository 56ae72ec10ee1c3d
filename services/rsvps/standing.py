"""Standing seats: "I come every Tuesday". The series has a list of them, and each date has them in its own. Pure.

The series' list is the intent: it has no capacity and no waitlist, and `GuestList.standing` of it counts its changes. A
date's list says which of these changes are in it; `arrange` brings it up, whoever comes first: whoever makes the list,
the next decision about it, or the sweeper ahead of time. So nothing depends on who is punctual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from services.rsvps import serving, turns
from services.rsvps.times import times
from services.rsvps.types import End, RsvpMode, Scope, SeatFor, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from services.rsvps.sheet import Sheet
    from services.rsvps.types import GuestList, Seat, Where


def kept(seats: Iterable[Seat]) -> list[Seat]:
    """The standing seats that hold, in order."""
    found = (each for each in seats if each.use is SeatFor.SEAT and each.state is State.GOING)
    return sorted(found, key=lambda each: each.order)


def behind(guest_list: GuestList, series: GuestList | None) -> bool:
    """Whether standing seats have changed since this date's list was brought up."""
    return series is not None and series.rules.scope is Scope.DATE and guest_list.standing != series.standing


def arrange(
    sheet: Sheet,
    series: GuestList,
    seats: Iterable[Seat],
    at: str,
    *,
    new: Callable[[], str],
    resealed: Callable[[Seat, str], str] = lambda seat, _: seat.sealed,
    fresh: bool = False,
) -> None:
    """Brings a date's list up to the standing seats there are now, in their order. It is not settled here.

    Of a standing seat that has ended every trace goes; one that was kept anew is new. Whoever has a seat at this date
    already, or has given it back, keeps it so. Where the date is full one waits, also where others could not. `new`
    makes ids; `resealed` seals what was sealed for the series for this seat (its id) of the date; `fresh`: the list is
    being made.
    """
    guest_list = sheet.list
    if guest_list.occasion.off or guest_list.occasion.start <= at or guest_list.rules.mode is RsvpMode.OFF:
        return
    holding = kept(seats)
    ids = {each.id for each in holding}
    mine = {each.standing: each for each in sheet.seats() if each.standing}
    for gone in sorted(mine.keys() - ids):
        sheet.drop(mine.pop(gone).id)
    missing = [each for each in holding if each.id not in mine]
    if missing and not fresh and (guest_list.closed or at >= times(guest_list).closes):
        return  # nobody is taken in; if that changes, they are
    for each in missing:
        sheet.put(_placed(sheet, each, new(), resealed, at))
    sheet.list = replace(sheet.list, standing=series.standing)


def _placed(sheet: Sheet, seat: Seat, id_: str, resealed: Callable[[Seat, str], str], at: str) -> Seat:
    """What is free is its own, also where lots decide about the rest; otherwise it waits at the end of the line."""
    placed = replace(
        seat,
        id=id_,
        standing=seat.id,
        order=sheet.next_order(),
        era=sheet.list.era,
        moves=sheet.list.moves,
        state=State.WAITLISTED,
        sealed=resealed(seat, id_),
        confirmed=False,
        where=way(sheet, seat),
    )
    before, needs = sheet.list, dict.fromkeys(seat.quotas, seat.party)
    sheet.list = replace(before, drawn=True)
    free = serving.seats_now(sheet, placed.where, placed.party, needs, at=at)
    sheet.list = before
    return turns.going(before, placed, at) if free else placed


def way(sheet: Sheet, seat: Seat) -> Where:
    """As one always does, or as this date is held."""
    ways = sheet.list.occasion.ways
    return ways[0] if len(ways) == 1 else seat.where


def adopt(sheet: Sheet, single: Seat, seat: Seat) -> None:
    """The seat that somebody kept for this one date becomes a date of their standing seat, and stays as it is."""
    sheet.put(replace(single, mac=seat.mac, standing=seat.id))


def ended(sheet: Sheet, seat: Seat) -> Seat:
    """The standing seat, given back."""
    back = turns.gone(seat, State.CANCELLED, End.OWN)
    sheet.put(back)
    counted(sheet)
    return back


def counted(sheet: Sheet) -> None:
    """The standing seats are others than before: dates have to be brought up."""
    sheet.list = replace(sheet.list, standing=sheet.list.standing + 1)
