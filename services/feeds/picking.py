"""Which meetings, and which of their dates, a feed is about. Pure.

What is the same on every date (fellowship, kind, languages) is asked of the meeting; what a change or a closure may
make different (mode, room, place, weekday, what is special) is asked of each date: whoever stands at a door, or cannot
climb stairs, sees the dates that are held there, and no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from openchair.meetings.v1 import meeting_pb2

from services.feeds.filters import Filter
from services.formats.slugs import slug
from services.formats.told import finds

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from openchair.meetings.v1.schedule_pb2 import Programme

_MODES: dict[int, frozenset[str]] = {
    meeting_pb2.MODE_IN_PERSON: frozenset({"in-person"}),
    meeting_pb2.MODE_ONLINE: frozenset({"online"}),
    meeting_pb2.MODE_HYBRID: frozenset({"in-person", "online", "hybrid"}),
}


class Wish(NamedTuple):
    """What an address asks for: the whole centre ("") or one room, fellowship, kind or meeting, and a filter."""

    what: str = ""
    id: str = ""
    filter: Filter = Filter()


def takes_meeting(wish: Wish, meeting: meeting_pb2.Meeting) -> bool:
    """Whether any date of the meeting may be wanted, by what is the same on all of them."""
    wanted = wish.filter
    kind, fellowship = slug(meeting.kind), slug(meeting.fellowship)
    return (
        (wish.what != "kind" or wish.id == kind)
        and (wish.what != "fellowship" or wish.id == fellowship)
        and (wish.what != "room" or wish.id in rooms_ever(meeting))
        and (not wanted.kinds or kind in wanted.kinds)
        and (not wanted.fellowships or fellowship in wanted.fellowships)
        and (not wanted.languages or _speaks(meeting, wanted.languages))
    )


def rooms_ever(meeting: meeting_pb2.Meeting) -> set[str]:
    """Ids of the rooms in which any date, or a part of the agenda, is held."""
    named = (meeting.rooms, *(change.rooms for change in meeting.changes), *(each.rooms for each in meeting.sessions))
    return {name.rpartition("/")[2] for names in named for name in names}


class Pick:
    """What is wanted of the dates of one meeting. `everything`: no date of it is left out."""

    def __init__(self, wish: Wish, meeting: meeting_pb2.Meeting) -> None:
        wanted = wish.filter
        self._meeting = meeting
        self._room = wish.id if wish.what == "room" else ""
        self._modes, self._types, self._accessible = set(wanted.modes), set(wanted.types), set(wanted.accessible)
        self.days = frozenset(wanted.days)
        self.everything = not (self._room or self._modes or self._types or self._accessible or self.days)

    def regular(self, programmes: Iterable[Programme] | None) -> bool | None:
        """Whether dates that nobody changed are wanted, weekdays aside; None: it depends on what is special on them."""
        if programmes is not None:
            return self._fits(None, programmes)
        if self._fits(None, ()):
            return True
        return None if self._fits(None, self._meeting.programmes) else False

    def takes(
        self, day: date, change: meeting_pb2.OccurrenceChange | None, programmes: Iterable[Programme] | None
    ) -> bool:
        """Whether a date that begins on this local day is wanted."""
        return (not self.days or day.weekday() in self.days) and self._fits(change, programmes or ())

    def takes_session(self, rooms: Iterable[str], change: meeting_pb2.OccurrenceChange | None, *, whole: bool) -> bool:
        """Whether an item of the agenda is wanted; `whole`: its date is. One in a room of its own is held there."""
        if not self._room or not rooms or _elsewhere(change):
            return whole
        in_person = _mode(self._meeting, change) != meeting_pb2.MODE_ONLINE
        lacks = _ids(change.agenda_without) if change is not None else ()
        return in_person and finds(self._meeting.venue) and self._room in _ids(rooms) and self._room not in lacks

    def _fits(self, change: meeting_pb2.OccurrenceChange | None, programmes: Iterable[Programme]) -> bool:
        one = self._meeting
        return (
            (not self._room or self._room in _rooms(one, change))
            and (not self._modes or bool(self._modes & _MODES.get(_mode(one, change), frozenset())))
            and (not self._types or bool(self._types & _types(one, programmes)))
            and (not self._accessible or bool(self._accessible & _accessibility(one, change)))
        )


def _mode(meeting: meeting_pb2.Meeting, change: meeting_pb2.OccurrenceChange | None) -> int:
    return change.mode if change is not None and change.HasField("mode") else meeting.mode


def _elsewhere(change: meeting_pb2.OccurrenceChange | None) -> bool:
    """Whether a date is held at another place or in other rooms."""
    return change is not None and (change.HasField("place") or bool(change.rooms) or change.HasField("venue"))


def _venue(meeting: meeting_pb2.Meeting, change: meeting_pb2.OccurrenceChange | None) -> meeting_pb2.Venue:
    return change.venue if change is not None and change.HasField("venue") else meeting.venue


def _rooms(meeting: meeting_pb2.Meeting, change: meeting_pb2.OccurrenceChange | None) -> set[str]:
    """Ids of the rooms that a date is held in: none online, none at a place of which the address is kept back.

    A room that it was to have and has not is none of them.
    """
    if _mode(meeting, change) == meeting_pb2.MODE_ONLINE or not finds(_venue(meeting, change)):
        return set()
    if change is None:
        return _ids(meeting.rooms)
    return _ids(change.rooms if _elsewhere(change) else meeting.rooms) - _ids(change.lost_rooms)


def _accessibility(meeting: meeting_pb2.Meeting, change: meeting_pb2.OccurrenceChange | None) -> set[str]:
    """Of the place; what is said of the series is said of its own place, not of another."""
    own = () if change is not None and change.HasField("venue") else meeting.accessibility
    return {slug(word) for word in (*own, *_venue(meeting, change).accessibility)}


def _types(meeting: meeting_pb2.Meeting, programmes: Iterable[Programme]) -> set[str]:
    return {code.casefold() for codes in (meeting.types, *(each.types for each in programmes)) for code in codes}


def _speaks(meeting: meeting_pb2.Meeting, wanted: Iterable[str]) -> bool:
    """Whether one of them is spoken: "pt" is where "pt-BR" is."""
    spoken = [tag.casefold() for tag in (meeting.language, *meeting.other_languages) if tag]
    return any(tag == each or tag.startswith(f"{each}-") for tag in spoken for each in wanted)


def _ids(names: Iterable[str]) -> set[str]:
    return {name.rpartition("/")[2] for name in names}
