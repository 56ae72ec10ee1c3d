"""Whose turn it is: what time and free places make of a list. Pure.

Nothing here depends on having been called in time: an offer that has lapsed has lapsed, whoever finds it first.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from services.rsvps import chairs
from services.rsvps.serving import moves, next_of
from services.rsvps.times import claimed_until, shifted, times
from services.rsvps.types import End, GuestList, Scope, Seat, State, Wait, Where

if TYPE_CHECKING:
    from services.rsvps.sheet import Sheet

MOST: Final = 200
"""Seats that are changed at once; what is left is due at once."""


def settle(sheet: Sheet, at: str) -> None:
    """Brings a list up to the instant: offers that lapsed, seats nobody confirmed, lots, and who gets what is free.

    A list of sister dates is left alone: what comes free there comes free in the lists of the dates.
    """
    if sheet.list.scope is Scope.SISTERS or sheet.settled(at):
        return
    _arm(sheet, at)
    if sheet.list.occasion.off:
        _withdraw(sheet)
    else:
        left = MOST - _shorten(sheet)
        left -= _lapse(sheet, at, left)
        left -= _release(sheet, at, left)
        _fill(sheet, at, left)
    _forget_passed(sheet)
    chairs.say(sheet, at)


def undisturbed(sheet: Sheet, at: str) -> bool:
    """Whether what was decided is that somebody came to the end of a line in which nothing can move, and no more.

    Then a list that was settled before is settled, its words are true, and it is due when it was: `settle` and
    `next_due` would say the same, for more.
    """
    held, joined = sheet.list, sheet.joined(at)
    if joined is None or held.passed or held.occasion.off or joined.where not in held.occasion.ways:
        return False
    for where in held.occasion.ways:
        if sheet.free(where) or held.words.get(where.value) != chairs.WAITLIST:
            return False
    return len(held.words) == len(held.occasion.ways) and chairs.may_wait(sheet, 1, at)


def next_due(sheet: Sheet, at: str) -> str | None:
    """When time makes something else of a settled list; at once, where there was more to do than is done at once."""
    if sheet.list.scope is Scope.SISTERS:
        return None
    if _unfinished(sheet, at):
        return at
    if sheet.list.occasion.off:
        return None
    found, words = times(sheet.list), sheet.list.words.values()
    ahead = [sheet.lapsing() or "", sheet.list.confirm]
    if not sheet.list.drawn:
        ahead.append(found.draw)
    if chairs.WAITLIST in words or any(sheet.waits(where) for where in sheet.list.occasion.ways):
        ahead.append(found.cut_off)
    if chairs.WAITLIST in words or chairs.OPEN in words:
        ahead.append(found.closes)
    return min((each for each in ahead if each > at), default=None)


def going(guest_list: GuestList, seat: Seat, at: str) -> Seat:
    """The seat, going. Whoever comes to that so late that it could hardly be confirmed has confirmed it."""
    deadline = guest_list.confirm
    late = bool(deadline) and at >= shifted(deadline, -guest_list.rules.claim_minutes)
    return replace(
        seat,
        state=State.GOING,
        end=None,
        offered_until="",
        offered_list="",
        lapses=0,
        confirmed=seat.confirmed or late,
    )


# What time does


def _arm(sheet: Sheet, at: str) -> None:
    """Lots that are drawn by now, and by when seats have to be confirmed: never by an instant that nobody was told."""
    held, found = sheet.list, times(sheet.list)
    confirm = "" if held.occasion.off else found.confirm
    if confirm <= at and confirm != held.confirm:
        confirm = ""
    drawn = held.drawn or bool(found.draw and found.draw <= at)
    if (confirm, drawn) != (held.confirm, held.drawn):
        sheet.list = replace(held, confirm=confirm, drawn=drawn)


def _withdraw(sheet: Sheet) -> None:
    """While a date is off nothing of it is offered; who had an offer waits, and has let nothing lapse."""
    for seat in list(islice(sheet.offered(), MOST)):
        sheet.put(replace(seat, state=State.WAITLISTED, offered_until=""))


def _shorten(sheet: Sheet) -> int:
    """No offer holds beyond the cut-off, also where that is sooner by now than when it was made. It says how many."""
    last = times(sheet.list).cut_off
    if sheet.last_lapsing() <= last:
        return 0
    longer = [seat for seat in sheet.offered() if seat.offered_until > last][:MOST]
    for seat in longer:
        sheet.put(replace(seat, offered_until=last))
    return len(longer)


def _lapse(sheet: Sheet, at: str, most: int) -> int:
    """Takes back what was offered until now. It says how much."""
    lapsed = [seat for seat in islice(sheet.offered(), most) if seat.offered_until <= at]
    for seat in lapsed:
        sheet.put(replace(seat, state=State.WAITLISTED, lapses=seat.lapses + 1, offered_until=""))
        _pass_on(sheet, seat.where, seat.party)
    return len(lapsed)


def _release(sheet: Sheet, at: str, most: int) -> int:
    """Releases, once, who has not confirmed in time. It says how many."""
    if not sheet.list.confirm or at < sheet.list.confirm:
        return 0
    late = list(islice(sheet.unsure(), most))
    for seat in late:
        sheet.put(gone(seat, State.CANCELLED, End.NOT_CONFIRMED))
    if next(sheet.unsure(), None) is None:
        sheet.list = replace(sheet.list, confirm="")
    return len(late)


def gone(seat: Seat, state: State, end: End | None) -> Seat:
    """The seat given back, without anything that it said."""
    return replace(
        seat,
        state=state,
        end=end,
        quotas=(),
        answers=(),
        sealed="",
        lapses=0,
        offered_until="",
        offered_list="",
        confirmed=False,
    )


def _fill(sheet: Sheet, at: str, most: int) -> None:
    if not moves(sheet.list, at):
        return
    for _ in range(most):
        found = next_of(sheet)
        if found is None:
            return
        seat, passed = found
        if passed:
            _pass_on(sheet, seat.where, -seat.party)
        sheet.put(_served(sheet.list, seat, at))


def _served(guest_list: GuestList, seat: Seat, at: str) -> Seat:
    """Given, or where the guest wants to be asked, or waits elsewhere too, offered."""
    if seat.wait is Wait.GIVE and not seat.sisters:
        return going(guest_list, seat, at)
    until = min(claimed_until(at, guest_list.rules.claim_minutes), times(guest_list).cut_off)
    return replace(seat, state=State.OFFERED, offered_until=until)


# Places that somebody let lapse


def _pass_on(sheet: Sheet, where: Where, people: int) -> None:
    count = max(0, sheet.list.passed.get(where.value, 0) + people)
    kept = {key: value for key, value in sheet.list.passed.items() if key != where.value}
    sheet.list = replace(sheet.list, passed={**kept, where.value: count} if count else kept)


def _forget_passed(sheet: Sheet) -> None:
    """No more of them than are free, and none where nobody waits."""
    for key, count in tuple(sheet.list.passed.items()):
        where = Where(key)
        most = sheet.free(where) if sheet.waits(where) else 0
        if most < count:
            _pass_on(sheet, where, most - count)


def _unfinished(sheet: Sheet, at: str) -> bool:
    lapsing = sheet.lapsing()
    if sheet.last_lapsing() > times(sheet.list).cut_off:
        return True
    if sheet.list.occasion.off:
        return lapsing is not None
    if (lapsing is not None and lapsing <= at) or sheet.eager():
        return True
    if sheet.list.confirm and sheet.list.confirm <= at:
        return True
    return moves(sheet.list, at) and next_of(sheet) is not None
