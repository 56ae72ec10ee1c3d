"""What a guest asks of a list: a seat, another party, giving it back. Pure; the list is settled before and after."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from services.kit.errors import Invalid, Unmet, Violation
from services.rsvps import chairs, turns
from services.rsvps.line import unsure
from services.rsvps.serving import draws, seats_now
from services.rsvps.times import times
from services.rsvps.types import Answer, End, GuestList, RsvpMode, Scope, Seat, State, Wait, Where

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.rsvps.sheet import Sheet

LIVE: Final = frozenset({State.GOING, State.WAITLISTED, State.OFFERED})
"""States of a seat that is one."""

LOTS: Final = 1 << 40
"""So many lots there are; they are drawn above all who are in the line already."""


class Asked(NamedTuple):
    """What somebody asks for. `id` is for the leaf, should it be a new one; it is random, and lots come from it.

    `mac` is the HMAC of the key in this list, `series_mac` that in the series' list ("": there is none). `where` None:
    as it is held.
    """

    id: str
    mac: str
    series_mac: str = ""
    where: Where | None = None
    party: int = 1
    wait: Wait = Wait.GIVE
    quotas: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    sealed: str = ""
    wanted: Mapping[str, str] = {}


def standing_of(guest_list: GuestList, seat: Seat | None, at: str) -> tuple[State | None, End | None]:
    """Where a guest stands in effect, and why no more; None: under this key is nothing."""
    if seat is None:
        return None, None
    if seat.state not in LIVE:
        return seat.state, seat.end
    if seat.era != guest_list.era:
        return State.CANCELLED, End.MOVED
    if guest_list.occasion.off:
        return State.CANCELLED, End.MEETING_CANCELLED
    if seat.state is State.OFFERED and seat.offered_until <= at:
        return State.WAITLISTED, None
    return seat.state, None


def reserve(sheet: Sheet, asked: Asked, at: str) -> Seat:
    """A seat, or a place in the line; the same as before for whoever has one. Raises Invalid or Unmet."""
    found = sheet.held(asked.mac, asked.series_mac) if asked.series_mac else sheet.held(asked.mac)
    if found is not None and _lives(sheet.list, found):
        return found
    _refuse_now(sheet.list, at)
    asked = asked._replace(quotas=tuple(sorted(set(asked.quotas))))
    where = way(sheet.list, asked.where)
    _refuse_size(sheet, where, asked.party, asked.quotas)
    seat = _asked_for(sheet, asked, where, found)
    if seats_now(sheet, where, asked.party, dict.fromkeys(asked.quotas, asked.party), at=at):
        seat = turns.going(sheet.list, seat, at)
    elif not chairs.may_wait(sheet, asked.party, at):
        raise Unmet("there is no place left, and nobody else can wait for one", "LIST_FULL")
    elif draws(sheet.list, at):
        seat = replace(seat, order=LOTS + _lot(sheet.list, seat))
    sheet.put(seat)
    return seat


def change(sheet: Sheet, seat: Seat, changed: Seat, at: str) -> Seat:
    """The seat as its guest wants it now: `changed` differs in `where`, `party`, `wait`, `quotas`, `answers`, `sealed`.

    Who asks for no more than before keeps what they have. More places are taken where they are free and nobody who
    waits would be passed; otherwise it is refused, and nothing is lost. In the line, who asks for more goes to its end.
    Raises Invalid or Unmet.
    """
    now = _own(sheet, seat)
    wanted = replace(
        now,
        where=way(sheet.list, changed.where),
        party=changed.party,
        wait=changed.wait,
        quotas=tuple(sorted(set(changed.quotas))),
        answers=changed.answers,
        sealed=changed.sealed,
    )
    if (wanted.where, wanted.party, wanted.quotas) != (now.where, now.party, now.quotas):
        refuse_late(sheet.list, at)
        wanted = _other(sheet, now, wanted, at)
    if wanted != now:
        sheet.put(wanted)
    return wanted


def cancel(sheet: Sheet, seat: Seat, at: str, end: End = End.OWN) -> Seat:
    """Gives a seat, or a place in the line, back. Repeating it is no error. Raises Unmet after the cut-off."""
    now = sheet.seat(seat.id) or seat
    if now.state not in LIVE:
        return now
    if not _lives(sheet.list, now):  # released when the date moved: now what it said is gone too
        end = End.MOVED
    elif end is End.OWN and not sheet.list.occasion.off and now.state is not State.WAITLISTED:
        refuse_late(sheet.list, at)
    back = turns.gone(now, State.CANCELLED, end)
    sheet.put(back)
    return back


def confirm(sheet: Sheet, seat: Seat, at: str) -> Seat:
    """Says that one still comes. Raises Unmet for who is not going."""
    now = _own(sheet, seat)
    if now.state is not State.GOING:
        raise Unmet("there is no seat yet that could be confirmed", "NOT_GOING")
    if unsure(now) and (sheet.list.confirm or at < times(sheet.list).confirm):
        now = replace(now, confirmed=True)
        sheet.put(now)
    return now


def accept(sheet: Sheet, seat: Seat, at: str) -> Seat:
    """Takes what is offered; or what is free, for who waits and is not offered it any more. Raises Unmet."""
    now = _own(sheet, seat)
    if now.state is State.GOING:
        return now
    lapsed = now.state is State.OFFERED and now.offered_until <= at
    if now.state is State.WAITLISTED or lapsed:
        needs = dict.fromkeys(now.quotas, now.party)
        if lapsed or not seats_now(sheet, now.where, now.party, needs, at=at):
            raise _no_offer(lapsed=lapsed or now.lapses > 0)
    taken = turns.going(sheet.list, now, at)
    sheet.put(taken)
    return taken


def decline(sheet: Sheet, seat: Seat, at: str) -> Seat:
    """Says no to what is, or was, offered, and leaves the line. Repeating it is no error. Raises Unmet."""
    now = sheet.seat(seat.id) or seat
    if now.state is State.DECLINED:
        return now
    now = _own(sheet, now)
    if at >= times(sheet.list).start:
        raise _begun(sheet.list)
    if now.state is State.GOING or (now.state is State.WAITLISTED and not now.lapses):
        raise _no_offer(lapsed=False)
    no = turns.gone(now, State.DECLINED, None)
    sheet.put(no)
    return no


def way(guest_list: GuestList, where: Where | None) -> Where:
    """How one takes part. Raises Invalid where it has to be said, or it is not held so."""
    ways = guest_list.occasion.ways
    if where is None and len(ways) == 1:
        return ways[0]
    if where is None or where not in ways:
        reason = "must be said, as both are possible" if where is None else "is not a way to take part in this"
        raise Invalid(Violation("attendance", reason))
    return where


def refuse_late(guest_list: GuestList, at: str) -> None:
    """Raises Unmet once guests cannot change or give back any more."""
    found = times(guest_list)
    if at >= found.start:
        raise _begun(guest_list)
    if at >= found.cut_off:
        raise Unmet("it is too late to change this", "CUT_OFF_PASSED", {"until": found.cut_off})


# A new seat


def _lives(guest_list: GuestList, seat: Seat) -> bool:
    """Whether it is one, as far as this says: also while the date is off."""
    return seat.state in LIVE and seat.era == guest_list.era


def _refuse_now(guest_list: GuestList, at: str) -> None:
    found, rules = times(guest_list), guest_list.rules
    if rules.mode is RsvpMode.OFF:
        raise Unmet("no seats are kept here: people just come", "NO_SEATS_KEPT")
    if guest_list.occasion.off:
        raise Unmet("it does not take place", "DATE_CANCELLED")
    if at >= found.start:
        raise _begun(guest_list)
    if at < found.opens:
        raise Unmet("seats cannot be kept yet", "NOT_YET_OPEN", {"opens": found.opens})
    if guest_list.closed:
        raise Unmet("no more seats are kept", "LIST_CLOSED")
    if at >= found.closes:
        raise Unmet("seats cannot be kept any more", "CLOSED", {"closed": found.closes})


def _refuse_size(sheet: Sheet, where: Where, party: int, quotas: tuple[str, ...]) -> None:
    """Raises Invalid for what could never be had, Unmet for more than there are places."""
    rules = sheet.list.rules
    if not 1 <= party <= rules.party_size:
        most = rules.party_size
        reason = f"must be 1 to {most}" if most > 1 else "must be 1: here everybody keeps a seat of their own"
        raise Invalid(Violation("party_size", reason))
    places = {each.id: each.places for each in rules.quotas}
    if unknown := [quota for quota in quotas if quota not in places]:
        raise Invalid(Violation("quotas", f"{unknown[0]!r} is not one of this list's"))
    if party > min([places[quota] for quota in quotas], default=party):
        raise Unmet("there are not so many places for this need", "PARTY_TOO_LARGE")
    if party > sheet.capacity(where) and sheet.list.scope is not Scope.SISTERS:
        raise Unmet("there are not so many places", "PARTY_TOO_LARGE")


def _asked_for(sheet: Sheet, asked: Asked, where: Where, found: Seat | None) -> Seat:
    """A place at the end of the line; under the leaf that is there already, if the key had one once."""
    return Seat(
        id=found.id if found else asked.id,
        centre=sheet.list.centre,
        mac=found.mac if found else asked.mac,
        standing=found.standing if found else "",
        order=sheet.next_order(),
        era=sheet.list.era,
        where=where,
        state=State.WAITLISTED,
        party=asked.party,
        wait=asked.wait,
        quotas=asked.quotas,
        answers=asked.answers,
        sealed=asked.sealed,
        moves=sheet.list.moves,
        wanted=dict(asked.wanted),
    )


def _lot(guest_list: GuestList, seat: Seat) -> int:
    """A lot: nobody can choose it, and giving the place back and keeping it again draws no other."""
    text = f"{guest_list.id}\0{seat.id}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:5], "big")


# Another seat


def _own(sheet: Sheet, seat: Seat) -> Seat:
    """The seat as it is now. Raises Unmet where it is none any more."""
    now = sheet.seat(seat.id) or seat
    if sheet.list.occasion.off:
        raise Unmet("it does not take place", "DATE_CANCELLED")
    if not _lives(sheet.list, now):
        raise Unmet("there is no seat any more", "SEAT_GONE")
    return now


def _other(sheet: Sheet, now: Seat, wanted: Seat, at: str) -> Seat:
    """With other places than before. Raises Invalid or Unmet."""
    more, needs = _more(now, wanted)
    if more or needs:
        _refuse_size(sheet, wanted.where, wanted.party, wanted.quotas)
    if not more and not needs:
        return wanted
    if now.state is State.WAITLISTED:
        return _further_back(sheet, now, wanted, at)
    if not seats_now(sheet, wanted.where, more, needs, at=at):
        raise Unmet("there are not so many places free", "NOT_ENOUGH_PLACES")
    return wanted


def _more(now: Seat, wanted: Seat) -> tuple[int, dict[str, int]]:
    """How many places more than before it needs, and how many of which quotas."""
    more = wanted.party if wanted.where is not now.where else max(0, wanted.party - now.party)
    needs = {quota: wanted.party - (now.party if quota in now.quotas else 0) for quota in wanted.quotas}
    return more, {quota: need for quota, need in needs.items() if need > 0}


def _further_back(sheet: Sheet, now: Seat, wanted: Seat, at: str) -> Seat:
    if wanted.party > now.party and not chairs.may_wait(sheet, wanted.party - now.party, at):
        raise Unmet("nobody else can wait", "LIST_FULL")
    if draws(sheet.list, at):
        return wanted
    return replace(wanted, order=sheet.next_order())


def _begun(guest_list: GuestList) -> Unmet:
    return Unmet("it has begun", "PAST", {"start": times(guest_list).start})


def _no_offer(*, lapsed: bool) -> Unmet:
    if lapsed:
        return Unmet("it was offered until some time ago; the place in the line is kept", "OFFER_LAPSED")
    return Unmet("nothing is offered just now", "NO_OFFER")
