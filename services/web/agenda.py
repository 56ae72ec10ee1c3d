"""The agenda of a retreat or workshop as it stands on a page: day by day, what begins when, where, with whom. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from services.recurrence import wire
from services.recurrence.sessions import begins, titles_left
from services.recurrence.types import RecurrenceError
from services.web import say

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime

    from openchair.meetings.v1 import schedule_pb2


@dataclass(frozen=True)
class Item:
    """One session, until when. `rooms` are titles, as much as the reader may know."""

    until: str
    title: str
    rooms: str
    leader: str
    notes: str


@dataclass(frozen=True)
class Slot:
    """What begins at one time: several at once run side by side."""

    time: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class AgendaDay:
    """One day of it."""

    title: str
    slots: tuple[Slot, ...]


def agenda(
    sessions: Iterable[schedule_pb2.Session],
    usual: datetime,
    moved: timedelta = timedelta(0),
    *,
    roomed: bool = True,
    without: Collection[str] = (),
) -> tuple[AgendaDay, ...]:
    """The agenda of an occurrence that usually begins then, and was moved so far (`sessions.moved_by`); local.

    `roomed`: it is held in the rooms that it names, but for those (names) that it is `without`. What cannot be
    read is left out.
    """
    read = sorted(
        _read(sessions, usual, moved, without if roomed else None), key=lambda pair: (pair[0], pair[1].title.casefold())
    )
    days = groupby(read, key=lambda pair: pair[0].date())
    return tuple(AgendaDay(say.day(day), tuple(_slots(rows))) for day, rows in days)


def _slots(rows: Iterable[tuple[datetime, Item]]) -> Iterator[Slot]:
    for start, items in groupby(rows, key=lambda pair: pair[0]):
        yield Slot(say.clock(start), tuple(item for _, item in items))


def _read(
    sessions: Iterable[schedule_pb2.Session], usual: datetime, moved: timedelta, without: Collection[str] | None
) -> Iterator[tuple[datetime, Item]]:
    for session in sessions:
        try:
            at = wire.parse_time("time", session.time)
        except RecurrenceError:
            continue
        start = begins(usual, session.day, at, moved)
        until = say.clock(start + timedelta(minutes=session.minutes))
        titles = titles_left(session.rooms, session.room_titles, without) if without is not None else ()
        yield start, Item(until, session.title, ", ".join(titles), session.leader, session.notes)
