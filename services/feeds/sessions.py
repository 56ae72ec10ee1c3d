"""The agenda of a retreat or workshop: which of its items are shown, when each is, and where."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from openchair.meetings.v1 import meeting_pb2

from services.feeds.face import is_told
from services.feeds.series import alone_token
from services.feeds.text import clean, line
from services.recurrence.schedule import added
from services.recurrence.sessions import begins, moved_by, titles_left, usually
from services.recurrence.types import Key
from services.recurrence.wire import parse_time, to_deviation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from openchair.meetings.v1.schedule_pb2 import Session

    from services.feeds.face import Face
    from services.feeds.series import Date, Laying
    from services.recurrence.types import Schedule


MOST_ITEMS = 12  # that stand in the description of the whole


class Item(NamedTuple):
    """An item of the agenda on one of the meeting's dates. `start` is naive and local.

    `token` tells its UID from that of the date it belongs to, `parent`.
    """

    session: Session
    date: Date
    start: datetime
    token: str
    parent: str


def items(laying: Laying, meeting: meeting_pb2.Meeting, *, struck: bool) -> Iterator[Item]:
    """Those that are wanted, date by date: they go along with a date that was moved."""
    first = Key(laying.schedule.start.date())
    changes = {to_deviation(change).key: change for change in meeting.changes}
    alone = {each.key for each in laying.alone}
    off = meeting.state != meeting_pb2.MEETING_STATE_ACTIVE
    for key in sorted({first, *(each.key for each in added(laying.schedule))}):
        one = laying.date(key, changes.get(key))
        if one.cancelled and not (struck or off or _is_whole(laying.schedule)):
            continue
        whole = laying.takes(one)
        suffix = "" if key == first else alone_token(key)
        parent = alone_token(key) if key in alone else ""
        for session in meeting.sessions:
            if laying.pick.takes_session(session.rooms, one.change, whole=whole):
                token = "-".join(filter(None, (session.id, suffix)))
                yield Item(session, one, _start(laying, session, one), token, parent)


def _is_whole(schedule: Schedule) -> bool:
    """Whether the date is all there is of it: cancelled it stands there as such, and so does its agenda."""
    return not added(schedule)


def _start(laying: Laying, session: Session, one: Date) -> datetime:
    usual, moved = usually(one.key.date, laying.schedule), _moved(laying.schedule, one)
    return begins(usual, session.day, parse_time("sessions.time", session.time), moved)


def _moved(schedule: Schedule, one: Date) -> timedelta:
    return moved_by(usually(one.key.date, schedule), one.start, one.minutes - schedule.minutes)


def in_words(meeting: meeting_pb2.Meeting, schedule: Schedule, one: Date | None) -> Iterator[str]:
    """The first items, by day and time, as they are on a date; None: as usual."""
    several = len({each.day for each in meeting.sessions}) > 1
    day = one.key.date if one is not None else schedule.start.date()
    moved = _moved(schedule, one) if one is not None else timedelta(0)
    first = one.start.date() if one is not None and moved else day
    for each in meeting.sessions[:MOST_ITEMS]:
        start = begins(usually(day, schedule), each.day, parse_time("sessions.time", each.time), moved)
        yield (f"Day {(start.date() - first).days + 1}, " if several else "") + f"{start:%H:%M}: {line(each.title)}"
    if len(meeting.sessions) > MOST_ITEMS:
        yield f"And {len(meeting.sessions) - MOST_ITEMS} more"


def placed(shown: Face, item: Item) -> Face:
    """Where it is held: in its own rooms, where the date is at the place they belong to."""
    change = item.date.change
    moved = change is not None and (change.HasField("venue") or bool(change.rooms))
    without = change.agenda_without if change is not None else ()
    titles = titles_left(item.session.rooms, item.session.room_titles, without)
    if moved or not titles or not is_told(shown):
        return shown
    venue = meeting_pb2.Venue()
    venue.CopyFrom(shown.venue)
    venue.rooms[:] = titles
    return shown._replace(venue=venue)


def description(item: Item, shown: Face, title: str) -> str:
    """Of what it is a part, who leads it, and its notes."""
    leader = line(item.session.leader)
    texts = (
        clean(shown.reason),
        f"Part of: {line(title)}" if line(title) else "",
        f"Led by: {leader}" if leader else "",
        clean(item.session.notes),
    )
    return "\n".join(text for text in texts if text)
