"""Standing seats: "I come every Tuesday". The series has a list of them, and each date has them in its own. Pure.

The series' list is the intent: it has no capacity and no waitlist, and `GuestList.standing` of it counts its changes. A
date's list says which of these changes are in it; `arrange` brings it up, whoever comes first: whoever makes the list,
the next decision about it, or the sweeper ahead of time. So nothing depends on who is punctual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from services.rsvps import turns
from services.rsvps.types import Scope, SeatFor, State, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from services.rsvps.sheet import Sheet
    from services.rsvps.types import GuestList, Seat


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
) -> None:
    """Brings a date's list up to the standing seats there are now, in their order, and settles it.

    Of a standing seat that has ended every trace goes; one that was kept anew is new. Whoever has a seat at this date
    already, or has given it back, keeps it so. Where the date is full one waits, also where others could not. `new`
    makes ids; `resealed` seals what was sealed for the series for this seat (its id) of the date.
    """
    if sheet.list.occasion.start <= at or sheet.list.occasion.off:
        return
    holding = kept(seats)
    ids = {each.id for each in holding}
    mine = {each.standing: each for each in _of_standing(sheet)}
    for gone in sorted(mine.keys() - ids):
        sheet.drop(mine.pop(gone).id)
    if sheet.list.closed:  # nobody is taken in; as soon as it is open again, they are
        return
    made = [_placed(sheet, each, new(), resealed) for each in holding if each.id not in mine]
    turns.settle(sheet, at)
    for seat in made:
        _asked(sheet, seat)
    sheet.list = replace(sheet.list, standing=series.standing)


def _of_standing(sheet: Sheet) -> Iterator[Seat]:
    return (each for each in sheet.every() if each.standing)


def _placed(sheet: Sheet, seat: Seat, id_: str, resealed: Callable[[Seat, str], str]) -> Seat:
    """At the end of the line. First it is to be given what is free: only then it may want to be asked."""
    placed = replace(
        seat,
        id=id_,
        standing=seat.id,
        order=sheet.next_order(),
        era=sheet.list.era,
        moves=sheet.list.moves,
        state=State.WAITLISTED,
        wait=Wait.GIVE,
        sealed=resealed(seat, id_),
        confirmed=False,
    )
    sheet.put(placed)
    return replace(placed, wait=seat.wait)


def _asked(sheet: Sheet, made: Seat) -> None:
    """Whoever still waits does so as they said."""
    now = sheet.seat(made.id)
    if made.wait is Wait.ASK and now is not None and now.state is State.WAITLISTED:
        sheet.put(replace(now, wait=Wait.ASK))
