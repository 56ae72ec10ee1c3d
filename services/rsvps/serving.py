"""Who is served next, when places are free, and whether somebody who comes now may have one at once. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.rsvps.line import LAPSES
from services.rsvps.times import times
from services.rsvps.types import GuestList, PartyRule, RsvpMode, Seat, Where

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.rsvps.sheet import Sheet


def draws(guest_list: GuestList, at: str) -> bool:
    """Whether everybody waits for lots to be drawn."""
    return not guest_list.drawn and at < times(guest_list).draw


def moves(guest_list: GuestList, at: str) -> bool:
    """Whether places that are free are given and offered: not before the draw, and not after the cut-off."""
    if guest_list.occasion.off or guest_list.rules.mode is RsvpMode.OFF or draws(guest_list, at):
        return False
    return at < times(guest_list).cut_off


def seats_now(sheet: Sheet, where: Where, people: int, needs: Mapping[str, int] | None = None, *, at: str) -> bool:
    """Whether so many more may take places by themselves: they are free, and nobody who waits would be passed.

    `needs` are places of quotas. After the cut-off the line does not move, and what is free is for who takes it.
    """
    guest_list = sheet.list
    if guest_list.occasion.off or guest_list.rules.mode is RsvpMode.OFF or draws(guest_list, at):
        return False
    if where not in guest_list.occasion.ways or sheet.free(where) < people or at >= times(guest_list).start:
        return False
    needs = needs or {}
    if any(need > _quota_free(sheet, quota) for quota, need in needs.items()):
        return False
    return at >= times(guest_list).cut_off or not _passes(sheet, where, needs)


def next_of(sheet: Sheet) -> tuple[Seat, bool] | None:
    """Who gets what is free, and whether it is a place that somebody let lapse.

    Such a place goes to whoever waits with the fewest lapses; other places go strictly in order.
    """
    free = {where: sheet.free(where) for where in sheet.list.occasion.ways}
    passed = sheet.list.passed
    found = _first(sheet, free, passed)
    if found is not None:
        return found, passed.get(found.where.value, 0) > 0
    if passed:
        found = _first(sheet, {where: count - passed.get(where.value, 0) for where, count in free.items()}, {})
    return None if found is None else (found, False)


def _first(sheet: Sheet, free: Mapping[Where, int], passed: Mapping[str, int]) -> Seat | None:
    """The first whose turn it is: strictly in order, a party that is not seated yet keeps others from passing it.

    Who waits for a place of a quota keeps back nobody but who needs one of that too, and came later. A party that waits
    for places keeps those of its quotas, too, or others would take them meanwhile, and it would be passed for want of
    them.
    """
    strict = sheet.list.rules.party_rule is PartyRule.IN_ORDER
    kept: dict[str, int] = {}
    blocked: set[Where] = set()
    for seat in _candidates(sheet, [where for where in free if sheet.free(where) > 0], passed):
        if seat.where in blocked or any(kept.get(quota, seat.order) < seat.order for quota in seat.quotas):
            continue
        lacking = _lacking(sheet, seat)
        if not lacking and seat.party <= free[seat.where]:
            return seat
        if strict:
            held = lacking or seat.quotas
            kept.update({quota: min(kept.get(quota, seat.order), seat.order) for quota in held})
            blocked |= set() if lacking else {seat.where}
    return None


def _passes(sheet: Sheet, where: Where, needs: Mapping[str, int]) -> bool:
    """Whether somebody who comes now and is seated would pass somebody who waits."""
    ways = [way for way in sheet.list.occasion.ways if way is where or sheet.list.rules.quotas]
    strict = sheet.list.rules.party_rule is PartyRule.IN_ORDER
    kept: set[str] = set()
    for seat in _candidates(sheet, [way for way in ways if sheet.free(way) > 0], {}):
        if not kept.isdisjoint(seat.quotas):
            continue
        lacking = _lacking(sheet, seat)
        if lacking:
            kept |= lacking if strict else set()
        elif _ahead(sheet, seat, where, needs, strict=strict):
            return True
        elif strict and seat.party > sheet.free(seat.where):
            kept.update(seat.quotas)
    return not kept.isdisjoint(needs)


def _ahead(sheet: Sheet, seat: Seat, where: Where, needs: Mapping[str, int], *, strict: bool) -> bool:
    """Whether one whose quotas are free, if any, has a right to what somebody who comes now would take."""
    concerned = seat.where is where or not needs.keys().isdisjoint(seat.quotas)
    return concerned and (strict or seat.party <= sheet.free(seat.where))


def _candidates(sheet: Sheet, ways: list[Where], passed: Mapping[str, int]) -> list[Seat]:
    """The first of those alike in each of these ways, in the order in which it is their turn.

    Who has let too many offers lapse is passed over, and who is more by now than there are places in all.
    """
    found = [
        seat
        for where in ways
        if sheet.waits(where)
        for seat in sheet.firsts(where)
        if seat.lapses < LAPSES and seat.party <= _most(sheet, seat)
    ]
    found.sort(key=lambda seat: (seat.lapses if passed.get(seat.where.value) else 0, seat.order, seat.id))
    return found


def _most(sheet: Sheet, seat: Seat) -> int:
    """How many could be seated together, were nobody else there."""
    places = [each.places for each in sheet.list.rules.quotas if each.id in seat.quotas]
    return min([sheet.capacity(seat.where), *places])


def _lacking(sheet: Sheet, seat: Seat) -> set[str]:
    """The quotas of which there are not enough places."""
    return {quota for quota in seat.quotas if seat.party > _quota_free(sheet, quota)}


def _quota_free(sheet: Sheet, quota: str) -> int:
    """Places of a quota that are free; one that the rules do not know any more keeps nobody back."""
    places = next((each.places for each in sheet.list.rules.quotas if each.id == quota), None)
    return 1 << 30 if places is None else places - sheet.quota_taken(quota)
