"""What each date of a meeting is, of all that bears on it: people's changes, closures and holidays, reports. Pure.

Each is recorded apart, so that taking one back brings out what the others say. What people cancelled stays cancelled;
what they said takes place despite closures does; otherwise a closure lies over what they changed. A room that a date
was to have, and has not because somebody else has it, is not named: nobody is sent to an occupied room. Nor is the link
of the series told for a date whose video account somebody else has: it would lead into their meeting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from services.meetings.types import Change, Closed, ClosureEffect, Meeting, Mode, Online
from services.recurrence.schedule import has
from services.recurrence.sessions import titles_left

if TYPE_CHECKING:
    from services.meetings.types import Session, Venue
    from services.recurrence.types import Key

FEW: Final = 32
"""Dates with a copy of their place of their own; of more of them the copies are without its notes."""

MOST_OF_AGENDA: Final = 1_000
"""Rooms of an agenda that single dates lack, of all dates together, that are told date by date."""

NOT_FROM_AFAR = "In person only on this date: it cannot be joined from afar."
NO_LINK_YET = "How to join on this date is not known yet."


def changes(meeting: Meeting) -> tuple[Change, ...]:
    """Every date that differs from the series, in order of (date, ordinal)."""
    if not meeting.lost:
        return said(meeting)
    dated, whole, agenda = lost_on(meeting), lost_whole(meeting), agenda_on(meeting)
    found = {change.key: change for change in said(meeting)}
    for key in {*dated, *(each.key for each in found.values() if whole and _goes_its_own_way(each))}:
        lost = dated.get(key, frozenset()) | whole
        change = found.get(key) or Change(date=key.date, ordinal=key.ordinal)
        change = _unhosted(meeting, _elsewhere_in_it(meeting, change, lost), lost)
        change = msgspec.structs.replace(change, without=agenda.get(key, ()))
        if len(dated) > FEW and change.venue is not None:  # an event has to hold them all
            venue = msgspec.structs.replace(change.venue, notes="", map_url="")
            change = msgspec.structs.replace(change, venue=venue)
        found[key] = change
    bare = (each for each in found.values() if each != Change(date=each.date, ordinal=each.ordinal))
    return tuple(sorted(bare, key=lambda change: change.key))


def said(meeting: Meeting) -> tuple[Change, ...]:
    """The same as it would be if every date had its rooms."""
    if not meeting.closed and not meeting.unconfirmed:
        return meeting.changes
    found = {change.key: change for change in meeting.changes}
    for closed in meeting.closed:
        change = found.get(closed.key) or Change(date=closed.date, ordinal=closed.ordinal)
        found[closed.key] = under(change, closed)
    for key in meeting.unconfirmed:
        change = found.get(key) or Change(date=key.date, ordinal=key.ordinal)
        if not change.cancelled and has(meeting.schedule, key):  # a split, or an edit, may have taken the date away
            found[key] = msgspec.structs.replace(change, unconfirmed=True)
    return tuple(sorted(found.values(), key=lambda change: change.key))


def under(change: Change, closed: Closed) -> Change:
    """What was said about a date, with a closure laid over it."""
    if change.cancelled or change.despite:
        return change
    caused = msgspec.structs.replace(
        change, closure=closed.closure, holiday=closed.holiday, reason=closed.reason or change.reason
    )
    if closed.effect is ClosureEffect.CANCEL:
        return msgspec.structs.replace(caused, cancelled=True)
    if closed.effect is ClosureEffect.ONLINE:
        return msgspec.structs.replace(caused, mode=Mode.ONLINE, online=closed.online or change.online)
    return msgspec.structs.replace(caused, place=closed.place, rooms=closed.rooms, venue=closed.venue)


def lost_on(meeting: Meeting) -> dict[Key, frozenset[str]]:
    """The rooms (ids) that single dates were to have and have not."""
    found: dict[Key, frozenset[str]] = {}
    for each in meeting.lost:
        if each.key is not None and has(meeting.schedule, each.key):
            found[each.key] = found.get(each.key, frozenset()) | {each.room}
    return found


def agenda_on(meeting: Meeting) -> dict[Key, tuple[str, ...]]:
    """The rooms (ids) of its agenda that single dates have not.

    None where these are too many for an event to hold: then the agenda is without them on every date (`shown`).
    """
    agenda = frozenset(room for each in meeting.sessions for room in each.rooms)
    found = {key: tuple(sorted(agenda & rooms)) for key, rooms in lost_on(meeting).items()} if agenda else {}
    return found if sum(map(len, found.values())) <= MOST_OF_AGENDA else {}


def lost_whole(meeting: Meeting) -> frozenset[str]:
    """The rooms (ids) that it was to have and has not at all."""
    return frozenset(each.room for each in meeting.lost if each.key is None)


def _elsewhere_in_it(meeting: Meeting, change: Change, lost: frozenset[str]) -> Change:
    """The date at its place, without the rooms that it has lost."""
    own = change.place is not None or bool(change.rooms)
    rooms, venue = (change.rooms, change.venue) if own else (meeting.rooms, meeting.venue)
    if lost.isdisjoint(rooms) or venue is None:
        return change
    left = tuple(room for room in rooms if room not in lost)
    place = change.place or meeting.place
    return msgspec.structs.replace(change, place=place, rooms=left, venue=_less(venue, rooms, lost))


def _goes_its_own_way(change: Change) -> bool:
    """Whether it says by itself where it is held, or how one joins."""
    return bool(change.place is not None or change.rooms or change.mode is not None or change.online is not None)


def _unhosted(meeting: Meeting, change: Change, lost: frozenset[str]) -> Change:
    """The date without the link of the series, if it has lost its host; one with a link of its own keeps that."""
    mode = change.mode or meeting.mode
    if meeting.online_host not in lost or change.cancelled or mode is Mode.IN_PERSON:
        return change
    everywhere = meeting.online_host in lost_whole(meeting)
    if change.online is not None:  # the series may be told as held in person only (`shown`)
        return msgspec.structs.replace(change, mode=mode) if everywhere else change
    if everywhere and change.mode is None:  # it is as the series is
        return change
    if mode is Mode.HYBRID:
        return msgspec.structs.replace(
            change, mode=Mode.IN_PERSON, online=Online(), reason=change.reason or NOT_FROM_AFAR
        )
    return msgspec.structs.replace(change, online=Online(), reason=change.reason or NO_LINK_YET)


def _less(venue: Venue, rooms: tuple[str, ...], lost: frozenset[str]) -> Venue:
    """The copy of a place without the titles of these rooms; of none, where it is not known which is which."""
    known = len(venue.rooms) == len(rooms)
    titles = (title for room, title in zip(rooms, venue.rooms, strict=False) if known and room not in lost)
    return msgspec.structs.replace(venue, rooms=tuple(titles))


def shown(meeting: Meeting, *, as_wanted: bool = False) -> Meeting:
    """The meeting without the rooms that it has not: the copies of places, and the agenda. Its `rooms` stay as wanted.

    Without its host it has no link, and is held in person where it can be; `as_wanted`: that, and the rooms of the
    agenda, stay as people said it, for those who edit it. What the agenda lacks on single dates is said there.
    """
    if not meeting.lost:
        return meeting
    if meeting.online_host in lost_whole(meeting) and not as_wanted:
        mode = Mode.IN_PERSON if meeting.mode is Mode.HYBRID else meeting.mode
        meeting = msgspec.structs.replace(meeting, mode=mode, online=None)
    gone, venue = lost_whole(meeting), meeting.venue
    if venue is not None and not gone.isdisjoint(meeting.rooms):
        venue = _less(venue, meeting.rooms, gone)
    never = gone if agenda_on(meeting) else frozenset(each.room for each in meeting.lost)
    sessions = tuple(_session_less(each, never, as_wanted=as_wanted) for each in meeting.sessions)
    return msgspec.structs.replace(meeting, venue=venue, sessions=sessions)


def _session_less(session: Session, never: frozenset[str], *, as_wanted: bool) -> Session:
    titles = titles_left(session.rooms, session.room_titles, never)
    rooms = session.rooms if as_wanted else tuple(room for room in session.rooms if room not in never)
    return msgspec.structs.replace(session, rooms=rooms, room_titles=tuple(titles))


def all_in_one(meeting: Meeting) -> Meeting:
    """The meeting for whoever only reads it: `changes` say all."""
    found = changes(meeting)
    return msgspec.structs.replace(shown(meeting), changes=found, closed=(), unconfirmed=(), lost=())
