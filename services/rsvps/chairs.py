"""Whether there is a place, in a word: for who comes alone and needs no place of a quota. Pure."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from services.rsvps.line import Line
from services.rsvps.serving import draws, seats_now
from services.rsvps.sheet import Sheet
from services.rsvps.times import times
from services.rsvps.types import GuestList, RsvpMode, Scope, State, Where

OPEN: Final = "open"
WAITLIST: Final = "waitlist"
FULL: Final = "full"

MOST_WAITING: Final = 5_000
"""Where the rules say no number."""


def word(guest_list: GuestList, line: Line | Sheet, where: Where, at: str) -> str:
    """The word for one way of taking part; "": one does not take part that way, or no seats are kept."""
    sheet = line if isinstance(line, Sheet) else Sheet(guest_list, line)
    if where not in guest_list.occasion.ways or guest_list.rules.mode is RsvpMode.OFF:
        return ""
    if guest_list.scope is Scope.DATE and guest_list.rules.scope is Scope.SERIES:
        return ""  # it is the course that has places
    if guest_list.occasion.off or guest_list.closed or at >= times(guest_list).closes:
        return FULL
    if seats_now(sheet, where, 1, at=at):
        return OPEN
    return WAITLIST if may_wait(sheet, 1, at) else FULL


def may_wait(sheet: Sheet, people: int, at: str) -> bool:
    """Whether so many more may join the line. Before lots are drawn everybody may, as far as a list is long."""
    found = times(sheet.list)
    if at >= found.cut_off:
        return False
    limit = sheet.list.rules.waitlist
    if limit == 0 or draws(sheet.list, at):
        limit = max(limit, MOST_WAITING)
    waiting = sheet.people(Where.ROOM, State.WAITLISTED) + sheet.people(Where.ONLINE, State.WAITLISTED)
    return waiting + people <= limit


def say(sheet: Sheet, at: str) -> None:
    """Has the list say the words that are true now, and whether there is more in them than everybody knows anyway."""
    said = _words(sheet, at)
    told = sheet.list.told or _tells(sheet.list, said, at)
    if said != sheet.list.words or told is not sheet.list.told:
        sheet.list = replace(sheet.list, words=said, told=told)


def _words(sheet: Sheet, at: str) -> dict[str, str]:
    return {where.value: found for where in Where if (found := word(sheet.list, sheet, where, at))}


def _tells(guest_list: GuestList, said: dict[str, str], at: str) -> bool:
    """Whether it is another word than that of a list with nobody in it: else that there is a list is told by it."""
    if all(each == OPEN for each in said.values()):
        return False
    return said != _words(Sheet(replace(guest_list, closed=False), Line(guest_list.id)), at)
