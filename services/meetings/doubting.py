"""What reports that nobody was there make of a date and of its series. Pure; `doubts.py` keeps and answers them."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

from services.kit.clock import moment
from services.kit.errors import Exhausted, Unmet
from services.meetings import composed, edits
from services.meetings.types import Doubt, Meeting, Status
from services.recurrence.schedule import occurrence

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from services.recurrence.types import Key, Occurrence

BEFORE: Final = timedelta(minutes=15)
"""From so long before its start on a date takes reports."""
AFTER: Final = timedelta(minutes=60)
"""Until so long after its start."""
HOSTS_BEFORE: Final = timedelta(minutes=60)
"""From so long before its start on whoever leads it can say that it is on."""
KEPT: Final = timedelta(days=30)
"""How long after its start a doubt, and the mark on its date, are kept."""
WITHIN: Final = timedelta(days=60)
"""Two dates that lie no further apart make a series doubtful."""
MARKING: Final = 2
"""So many reports mark a date as unconfirmed."""
MOST_REPORTS: Final = 20
MOST_DATES: Final = 20
"""Dates that a series remembers as doubted."""
MOST_PER_MINUTE: Final = 60
"""Reports that one centre takes in a minute."""


def taking_place(meeting: Meeting, key: Key) -> Occurrence:
    """That date, with all that bears on it. Raises Unmet where it does not take place."""
    found = occurrence(meeting.schedule, key, composed.all_in_one(meeting).change(key))
    if meeting.status is not Status.ACTIVE or found.cancelled:
        raise Unmet("it does not take place on this date", "NOT_ON")
    return found


def must_take_reports(found: Occurrence, now: datetime) -> None:
    """Raises Unmet before and after the time in which somebody may stand there alone."""
    if not found.start - BEFORE <= now <= found.start + AFTER:
        raise Unmet("it takes reports from 15 minutes before its start to 60 minutes after", "NOT_NOW")


def must_be_confirmable(found: Occurrence, now: datetime) -> None:
    """Raises Unmet for a date that is not about to begin, and for one whose doubts are forgotten."""
    if not found.start - HOSTS_BEFORE <= now < found.start + KEPT:
        raise Unmet("it is confirmed from 60 minutes before its start to 30 days after", "NOT_NOW")


def takes_more(doubt: Doubt) -> bool:
    """Whether one more report changes anything: not where somebody who leads it has answered, nor beyond the most."""
    return doubt.confirmed_at is None and doubt.reports < MOST_REPORTS


def marked(meeting: Meeting, key: Key) -> Meeting:
    """The meeting with that date unconfirmed, and doubtful where another such date lies near."""
    if key in meeting.unconfirmed:
        return meeting
    near = meeting.doubted if meeting.doubtful else (each for each in meeting.doubted if _near(each, key))
    doubted = tuple(sorted({*near, key}))[-MOST_DATES:]
    unconfirmed = tuple(sorted({*meeting.unconfirmed, key}))
    doubtful = meeting.doubtful or _often(doubted)
    return edits.numbered(
        meeting, msgspec.structs.replace(meeting, unconfirmed=unconfirmed, doubted=doubted, doubtful=doubtful)
    )


def confirmed(meeting: Meeting, key: Key) -> Meeting:
    """The meeting with that date as if nobody had reported it."""
    if key not in meeting.unconfirmed and key not in meeting.doubted:
        return meeting
    doubted = tuple(each for each in meeting.doubted if each != key)
    bare = msgspec.structs.replace(
        unmarked(meeting, key), doubted=doubted, doubtful=meeting.doubtful and _often(doubted)
    )
    return edits.numbered(meeting, bare)


def resolved(meeting: Meeting) -> Meeting:
    """The meeting, of which somebody has looked into all that was reported so far. Marks of dates stay."""
    return edits.numbered(meeting, msgspec.structs.replace(meeting, doubted=(), doubtful=False))


def unmarked(meeting: Meeting, key: Key) -> Meeting:
    """The meeting with no mark on that date. Whether the series is doubtful stays; no reader needs to be told."""
    return msgspec.structs.replace(meeting, unconfirmed=tuple(each for each in meeting.unconfirmed if each != key))


def _near(each: Key, key: Key) -> bool:
    return abs(each.date - key.date) <= WITHIN


def _often(keys: Iterable[Key]) -> bool:
    """Whether two different days among them lie near each other."""
    days = sorted({key.date for key in keys})
    return any(later - earlier <= WITHIN for earlier, later in pairwise(days))


def forgotten_at(doubt: Doubt) -> datetime:
    """When nothing of it is to be kept any more."""
    return moment(doubt.start) + KEPT


class Budget:
    """How many reports each centre takes in a minute, in memory: it knows minutes and numbers, and nobody who asked."""

    def __init__(self, most: int = MOST_PER_MINUTE) -> None:
        self._most = most
        self._minute = 0
        self._taken: dict[str, int] = {}

    def take(self, centre: str, now: datetime) -> None:
        """Counts one. Raises Exhausted where the minute has had its share."""
        minute = int(now.timestamp()) // 60
        if minute != self._minute:
            self._minute, self._taken = minute, {}
        if self._taken.get(centre, 0) >= self._most:
            raise Exhausted("too many reports just now: try again in a minute", "TOO_MANY_REPORTS")
        self._taken[centre] = self._taken.get(centre, 0) + 1
