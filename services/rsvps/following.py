"""Seats follow their meeting: what a date is now, and what becomes of the list that is kept for it. Pure.

Everything here is made of the newest state alone, so that it ends the same in whatever order states were heard of. What
a list was last told is in its copies (`GuestList.occasion`): a date that is off keeps the time that people know of, so
that it has moved when it comes back at another one. A date that is over is over: no edit changes it any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from services.kit.clock import instant
from services.recurrence.edits import map_date
from services.recurrence.schedule import has, occurrence
from services.recurrence.wire import key_text
from services.rsvps import coming
from services.rsvps.types import PUBLIC, Occasion, OnMove, Scope, Seat, SeatFor, State, Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from services.recurrence.types import Key, Schedule
    from services.rsvps.sheet import Sheet
    from services.rsvps.types import DatedList, Differing, Event, GuestList, Part, Rules, Shown, Sisters

GONE: Final = Occasion(start="", end="", ways=(), off=True)
"""What is no date (any more)."""

HELD: Final = frozenset({State.GOING, State.OFFERED})
IN_LINE: Final = HELD | {State.WAITLISTED}


def part_with(parts: Iterable[Part], key: Key) -> Part | None:
    """The part of a series that has a date. Of several, while a cut is half heard of, the later one."""
    having = [(_rank(part, part.shown), part) for part in parts if part.shown and has(part.shown.schedule, key)]
    return max(having, key=lambda each: each[0])[1] if having else None


def _rank(part: Part, shown: Shown) -> tuple[bool, str, str]:
    return (not shown.deleted, shown.schedule.start.isoformat(), part.id)


def own(event: Event, parts: Iterable[Part]) -> list[Part]:
    """The parts of a series among these."""
    return [part for part in parts if part.lineage == event.id]


def differing(shown: Shown, key: Key) -> Differing | None:
    """What differs on a date."""
    return next((each for each in shown.changes if each.key == key), None)


def occasion_of(event: Event, parts: Iterable[Part], key: Key) -> Occasion:
    """What a date of a series is now; `GONE` where no part has it."""
    part = part_with(own(event, parts), key)
    shown = part.shown if part is not None else None
    if shown is None:
        return GONE
    change = differing(shown, key)
    when = occurrence(shown.schedule, key, change)
    ways = shown.ways if change is None or change.ways is None else change.ways
    off = when.cancelled or not shown.active or shown.deleted
    return Occasion(start=instant(when.start), end=instant(when.end), ways=ways, off=off)


def rules_for(event: Event, key: Key | None) -> Rules:
    """The rules that hold on a date: its own capacity where it has one. None: of the series."""
    dated = event.dated(key) if key is not None else None
    if dated is None:
        return event.rules
    room = event.rules.capacity if dated.capacity is None else dated.capacity
    online = event.rules.online_capacity if dated.online_capacity is None else dated.online_capacity
    return msgspec.structs.replace(event.rules, capacity=room, online_capacity=online)


def is_private(parts: Iterable[Part]) -> bool:
    """Whether a series is not for everybody to know: not unless all that is known of it is."""
    shown = [part.shown for part in parts if part.shown is not None]
    return not shown or any(each.visibility != PUBLIC for each in shown)


def date_private(event: Event, parts: Iterable[Part], key: Key | None) -> bool:
    """Whether a date is not for everybody to know; None: the whole series."""
    part = part_with(own(event, parts), key) if key is not None else None
    shown = part.shown if part is not None else None
    return event.private if shown is None else shown.visibility != PUBLIC


# Lists and their dates


def rekeyed(lists: tuple[DatedList, ...], shown: Shown, applied: str) -> tuple[DatedList, ...]:
    """The lists on the dates where the changes of days after an instant took them.

    One whose date went nowhere stays on it, and is off. One that stood on such a date, of days that were given up
    before, changes places with the list that comes there.
    """
    for said in days_since(shown, applied):
        taken = {each.key: went(said, each.key) for each in lists}
        moves = {key: new for key, new in taken.items() if new is not None and new != key}
        back = {new: old for old, new in moves.items() if new not in moves}
        lists = tuple(_at(each, moves.get(each.key) or back.get(each.key) or each.key) for each in lists)
    return tuple(sorted(lists, key=lambda each: each.key))


def days_since(shown: Shown, applied: str) -> list[tuple[str, Schedule, Schedule]]:
    """The changes of days after an instant, the oldest first."""
    return sorted((each for each in shown.day_changes if each[0] > applied), key=lambda each: each[0])


def went(said: tuple[str, Schedule, Schedule], key: Key) -> Key | None:
    """Where a change of days took a date: None: nowhere, or it was none of its dates. What was over then stays."""
    at, old, new = said
    if not has(old, key):
        return None
    return key if instant(occurrence(old, key).end) <= at else map_date(old, new, key)


def _at(dated: DatedList, key: Key) -> DatedList:
    return msgspec.structs.replace(dated, date=key.date, ordinal=key.ordinal)


def applied(part: Part) -> str:
    """The instant of the newest change of days that was followed, this state of the part included."""
    return max([part.days_applied, *(each[0] for each in part.shown.day_changes)]) if part.shown else part.days_applied


def followed(event: Event, part: Part, parts: Sequence[Part]) -> Event:
    """The event once one of its parts (already among `parts`) says something new."""
    lists = rekeyed(event.lists, part.shown, part.days_applied) if part.shown is not None else event.lists
    return msgspec.structs.replace(event, lists=lists, private=is_private(parts))


def has_lists(event: Event) -> bool:
    """Whether there is anything to bring up to date."""
    return bool(list_ids(event))


def list_ids(event: Event) -> list[str]:
    """Its lists: that of the whole series first, and those of its dates."""
    return [id_ for id_ in (event.series, *(each.list for each in event.lists)) if id_]


# Sister dates


def sister_events(event: Event) -> set[str]:
    """The series (lineages) that its sister dates are of."""
    return {each.event for group in event.rules.sisters for each in group.dates}


def sisters_moved(event: Event, part: Part) -> Event:
    """The event, with sister dates of the part's series where its changed days took them."""
    shown = part.shown
    if shown is None or part.lineage not in sister_events(event):
        return event
    groups = event.rules.sisters
    for said in days_since(shown, part.days_applied):
        groups = tuple(_group_moved(group, part.lineage, said) for group in groups)
    return msgspec.structs.replace(event, rules=msgspec.structs.replace(event.rules, sisters=groups))


def _group_moved(group: Sisters, lineage: str, said: tuple[str, Schedule, Schedule]) -> Sisters:
    dates = []
    for each in group.dates:
        key = (went(said, each.key) if each.event == lineage else None) or each.key
        dates.append(msgspec.structs.replace(each, date=key.date, ordinal=key.ordinal))
    return msgspec.structs.replace(group, dates=tuple(dates))


def shared(event: Event, parts: Sequence[Part]) -> dict[str, tuple[str, ...]]:
    """The names of those sister dates that everybody may know, by the id of the group of them."""
    found = {}
    for group in event.rules.sisters:
        named = ((each, part_with((p for p in parts if p.lineage == each.event), each.key)) for each in group.dates)
        names = [date_name(part, each.key) for each, part in named if part is not None and _is_public(part)]
        if names:
            found[group.id] = tuple(names)
    return found


def _is_public(part: Part) -> bool:
    return part.shown is not None and part.shown.visibility == PUBLIC


def date_name(part: Part, key: Key) -> str:
    """What a date of a part is called."""
    return f"centres/{part.centre}/meetings/{part.id}/occurrences/{key_text(key)}"


# A list and what it is about


def bring(sheet: Sheet, event: Event, parts: Sequence[Part], revision: int, at: str) -> None:
    """Has a list follow its event as it stands at that revision."""
    held = sheet.list
    if held.scope is Scope.SISTERS:
        return
    if held.scope is Scope.SERIES:
        last = event.rules.last_joining_date
        rules, occasion = coming.rules_of_series(event.rules), coming.of_series(own(event, parts), at, last)
        follow(sheet, occasion, rules, revision, at, private=event.private)
        return
    key = next((each.key for each in event.lists if each.list == held.id), None)
    if key is None:
        return
    occasion, private = occasion_of(event, parts, key), date_private(event, parts, key)
    follow(sheet, occasion, rules_for(event, key), revision, at, key=key, private=private)


def follow(
    sheet: Sheet,
    occasion: Occasion,
    rules: Rules,
    seen: int,
    at: str,
    *,
    key: Key | None = None,
    private: bool | None = None,
) -> None:
    """Brings the list's copies up to what its date is, as it stands at the event's revision `seen`. Older is ignored.

    A date at another time: its seats stay, and are told so (`moves`); or they are all released (`era`), whichever the
    rules say. Seats of a way in which nobody can take part any more go over to the other (`_turn`). `key` and `private`
    None: as they were.
    """
    held = sheet.list
    if seen < held.seen:
        return
    day = (held.date, held.ordinal) if key is None else key
    hidden = held.private if private is None else private
    new = held.occasion if held.occasion == occasion else _told(held, occasion, at)
    now = msgspec.structs.replace(
        held, occasion=new, rules=rules, seen=seen, private=hidden, date=day[0], ordinal=day[1]
    )
    if now == held:
        return
    sheet.list = now
    if held.scope is not Scope.DATE or new.off:
        return
    if held.occasion.start and new.start != held.occasion.start:
        _move(sheet, held.rules.on_move, at)
    if new.ways != held.occasion.ways:
        _turn(sheet, new.ways)


def _told(held: GuestList, now: Occasion, at: str) -> Occasion:
    """What a list is to say of its date. What is over stays, unless it was off, or is a series that goes on."""
    was, goes_on = held.occasion, held.scope is Scope.SERIES and not now.off
    if was.start and was.end and was.end <= at and not was.off and not goes_on:
        return was
    return msgspec.structs.replace(was, off=True) if now.off and was.start else now


def _move(sheet: Sheet, rule: OnMove, at: str) -> None:
    """It goes by the rule that people were told; one that was set meanwhile is for the next time."""
    held = sheet.list
    ahead = held.occasion.start > at
    began, ended = held.began and not ahead, held.ended and not ahead
    sheet.list = msgspec.structs.replace(held, moves=held.moves + 1, began=began, ended=ended)
    if rule is OnMove.RELEASE:
        sheet.list = msgspec.structs.replace(sheet.list, era=held.era + 1, passed={}, drawn=False)


def _turn(sheet: Sheet, ways: tuple[Where, ...]) -> None:
    """Takes who cannot take part any more as they wanted to over to the other way, in their order.

    Who has a place keeps one while there are any; the others wait, in their order, before all who come later.
    """
    if len(ways) != 1:
        return
    (only,) = ways
    for seat in [each for each in _in_line(sheet) if each.where is not only]:
        sheet.put(_turned(sheet, seat, only))


def _turned(sheet: Sheet, seat: Seat, only: Where) -> Seat:
    capacity = sheet.list.rules.capacity if only is Where.ROOM else sheet.list.rules.online_capacity
    fits = not capacity or sheet.taken(only) + seat.party <= capacity
    if seat.state in HELD and fits:
        return msgspec.structs.replace(seat, where=only)
    return msgspec.structs.replace(seat, where=only, state=State.WAITLISTED, offered_until="")


def _in_line(sheet: Sheet) -> list[Seat]:
    """The seats of this era that are held or waited for: those with a place first, in order."""
    found = [each for each in sheet.seats() if _waits(each, sheet.list.era)]
    return sorted(found, key=lambda each: (each.state not in HELD, each.order))


def _waits(seat: Seat, era: int) -> bool:
    return seat.use is SeatFor.SEAT and seat.era == era and seat.state in IN_LINE
