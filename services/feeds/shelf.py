"""Feeds as bytes kept ready: an event spoils what it touches, and the next reader finds it made anew.

A centre's meetings stand in segments by the hash of their id, so that one change renders one meeting and compresses
one segment, however long the feed is.
"""

from __future__ import annotations

import zlib
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from services.feeds import gz
from services.feeds.calendar import END, Kind, head, of_centre, of_meeting
from services.feeds.model import BEGINNING
from services.feeds.page import Page, Span, Stated
from services.feeds.vevent import Sheet, render
from services.recurrence.types import RecurrenceError
from services.recurrence.zones import local_day, midnight

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from services.feeds.model import Listing
    from services.kit.logs import Log

PAST = timedelta(days=90)  # how long one-offs and ended series stay
STRUCK = timedelta(days=30)  # how long a cancelled meeting is shown as such
SEGMENT = 64  # meetings in a segment, at least, on average

_END = gz.segment(END)


class Stretch(NamedTuple):
    """One segment of a centre's feed, with what the head has to know of it."""

    segment: gz.Segment
    zones: frozenset[str]
    modified: datetime | None


class Shelf:
    """The sheets and segments of one centre. `render` is all that costs much, and is done once per revision.

    `arrived` is when the last state of this centre came in here, however old it was. `besides` is the time of the last
    change of what is not in the listing and yet in the pages. `holder`: it is for holders of codes.
    """

    def __init__(
        self,
        id: str,  # noqa: A002 - the field is named id everywhere
        listing: Listing,
        base_url: str,
        log: Log,
        arrived: datetime,
        *,
        holder: bool = False,
    ) -> None:
        self._id = id
        self.arrived = arrived
        self.besides = BEGINNING
        self._holder = holder
        self._listing = listing
        self._base_url = base_url
        self._log = log
        self._waiting = dict.fromkeys(listing.meetings)
        self._sheets: dict[str, Sheet | None] = {}
        self._leaves: dict[str, date] = {}
        self._buckets: list[set[str]] = []
        self._stretches: dict[int, Stretch] = {}
        self._day: date | None = None
        self._zone = ""

    def touch(self, meeting: str) -> None:
        """Forgets what was made of a meeting, which has changed, come or gone."""
        known = meeting in self._listing.meetings
        self._sheets.pop(meeting, None)
        self._leaves.pop(meeting, None)
        self._waiting.pop(meeting, None)
        if known:
            self._waiting[meeting] = None
        if self._buckets:
            number = self._number(meeting)
            self._stretches.pop(number, None)
            bucket = self._buckets[number]
            (bucket.add if known else bucket.discard)(meeting)

    def unrendered(self, most: int) -> list[str]:
        """Some of the meetings whose sheet is still to be made."""
        return list(islice(self._waiting, most))

    def sheet(self, meeting: str) -> Sheet | None:
        """The meeting's sheet; None for one that cannot be rendered: the rest of the feed goes on without it."""
        if meeting not in self._sheets:
            self._sheets[meeting] = self._render(meeting)
            self._waiting.pop(meeting, None)
        return self._sheets[meeting]

    def centre_page(self, now: datetime) -> Page | None:
        """The feed of the whole centre; None without the centre's own record."""
        if self._listing.centre is None:
            return None
        self._turn(now)
        stretches = [self._stretch(number) for number in range(len(self._buckets))]
        return self.page(of_centre(self._listing.centre), stretches, now)

    def meeting_page(self, meeting: str, now: datetime) -> Page | None:
        """The feed of one meeting with all parts of its lineage; None when it is not known here."""
        parts = self._listing.lineage(meeting)
        if self._listing.centre is None or not parts:
            return None
        titled = self._listing.meetings[meeting if meeting in parts else parts[0]]
        return self.page(of_meeting(self._id, meeting, titled), [self.stretch(parts, now)], now)

    def stretch(self, meetings: Iterable[str], now: datetime) -> Stretch:
        """The events of some meetings, in this order. The centre's own record must be there."""
        self._turn(now)
        return self._bind(meetings)

    def page(self, kind: Kind, stretches: Sequence[Stretch], now: datetime, *, guarded: bool = False) -> Page:
        """A feed of stretches that were made for the same day. The centre's own record must be there."""
        centre = self._listing.centre
        assert centre is not None
        times = [stretch.modified for stretch in stretches if stretch.modified is not None]
        zones = frozenset[str]().union(*(stretch.zones for stretch in stretches))
        first = gz.segment(head(kind, centre, max(times, default=None), zones, self._base_url))
        filled = [stretch.segment for stretch in stretches if stretch.segment.plain]
        stated, span = self._times(now)
        return Page([first, *filled, _END], stated, span, kind.file_name, guarded=guarded)

    def _times(self, now: datetime) -> tuple[Stated, Span]:
        """Last-Modified is that of all the centre's records or of its day, whichever is newer (DESIGN 10)."""
        today = local_day(now, self._zone)
        begun, ends = midnight(today, self._zone), midnight(today + timedelta(days=1), self._zone)
        stated = Stated(max(self._listing.newest, self.besides, begun), now, self.arrived)
        return stated, Span(begun, min(ends, stated.until) if stated.until else ends)

    def _turn(self, now: datetime) -> None:
        """Brings the segments to the centre's present day and to the number of its meetings."""
        assert self._listing.centre is not None
        zone = self._listing.centre.time_zone
        if zone != self._zone:
            self._zone, self._day = zone, None
            self._leaves.clear()
            self._stretches.clear()
        today = local_day(now, zone)
        if today != self._day:
            self._drop_changed_by_day(self._day, today)
            self._day = today
        wanted = _buckets_for(len(self._listing.meetings))
        if wanted != len(self._buckets):
            self._deal(wanted)

    def _drop_changed_by_day(self, before: date | None, today: date) -> None:
        """Spoils the segments of meetings that are shown on one of the days and not on the other."""
        for meeting, leaves in self._leaves.items():
            if before is None or (before < leaves) != (today < leaves):
                self._stretches.pop(self._number(meeting), None)

    def _deal(self, count: int) -> None:
        self._stretches.clear()
        self._buckets = [set() for _ in range(count)]
        for meeting in self._listing.meetings:
            self._buckets[self._number(meeting)].add(meeting)

    def _number(self, meeting: str) -> int:
        return zlib.crc32(meeting.encode()) * len(self._buckets) >> 32

    def _stretch(self, number: int) -> Stretch:
        if number not in self._stretches:
            self._stretches[number] = self._bind(sorted(self._buckets[number]))
        return self._stretches[number]

    def _bind(self, meetings: Iterable[str]) -> Stretch:
        """The events of these meetings that are shown today, in this order."""
        sheets = [sheet for meeting in meetings if (sheet := self._shown(meeting)) is not None]
        return Stretch(
            gz.segment(b"".join(sheet.body for sheet in sheets)),
            frozenset(sheet.zone for sheet in sheets),
            max((sheet.modified for sheet in sheets), default=None),
        )

    def _shown(self, meeting: str) -> Sheet | None:
        sheet = self.sheet(meeting)
        if sheet is None or not sheet.body:
            return None
        if meeting not in self._leaves:
            self._leaves[meeting] = _leaving(sheet, self._zone)
        return sheet if self._day is not None and self._day < self._leaves[meeting] else None

    def _render(self, meeting: str) -> Sheet | None:
        try:
            return render(self._listing.meetings[meeting], holder=self._holder)
        except (ValueError, OverflowError) as error:  # a RecurrenceError, a date outside of the calendar
            reason = error.reason if isinstance(error, RecurrenceError) else type(error).__name__
            self._log.error("meeting left out of feeds", centre=self._id, meeting=meeting, reason=reason)
            return None


def _leaving(sheet: Sheet, zone: str) -> date:
    """The first local day on which it is no longer shown."""
    days = [date.max]
    if sheet.last_end is not None:
        days.append(local_day(sheet.last_end, zone) + PAST + timedelta(days=1))
    if sheet.cancelled is not None:
        days.append(local_day(sheet.cancelled, zone) + STRUCK + timedelta(days=1))
    return min(days)


def _buckets_for(meetings: int) -> int:
    """A power of two, so that most changes of the number of meetings leave the segments alone."""
    return 1 << (max(1, meetings // SEGMENT).bit_length() - 1)
