"""Feeds as bytes kept ready: an event spoils what it touches, and the next reader finds it made anew.

A centre's meetings stand in segments by the hash of their id, so that one change renders one meeting and compresses
one segment, however long the feed is.
"""

from __future__ import annotations

import zlib
from itertools import islice
from typing import TYPE_CHECKING

from services.feeds import gz
from services.feeds.calendar import END, Kind, filtered, head, of_centre, of_meeting, of_part
from services.feeds.cuts import MOST_BYTES, MOST_CUTS, Cut, Recent
from services.feeds.dress import dressed, undressed
from services.feeds.filters import Filter
from services.feeds.known import candidates, title_of
from services.feeds.manner import Manner
from services.feeds.model import BEGINNING
from services.feeds.page import Page, lasting
from services.feeds.picking import Wish, takes_meeting
from services.feeds.seats import Seats
from services.feeds.series import horizon
from services.feeds.stretch import Stretch, bound, leaving
from services.feeds.vevent import Sheet, render
from services.recurrence.types import RecurrenceError
from services.recurrence.zones import local_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date, datetime

    from services.feeds.model import Listing
    from services.kit.logs import Log

SEGMENT = 64  # meetings in a segment, at least, on average

EVERYTHING = Filter()

_END = gz.segment(END)


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
        self._changing: set[str] = set()
        self._buckets: list[set[str]] = []
        self._stretches: dict[int, Stretch] = {}
        self._cuts: Recent[Wish, Cut] = Recent(MOST_CUTS, MOST_BYTES)
        self._manner: Manner | None = None
        self.day: date | None = None
        self._zone = ""

    def touch(self, meeting: str) -> None:
        """Forgets what was made of a meeting, which has changed, come or gone."""
        self._forget(meeting)
        if not (known := meeting in self._listing.meetings):
            self._waiting.pop(meeting, None)
        for cut in self._cuts.values():
            cut.touch(meeting)
        if self._buckets:
            bucket = self._buckets[self._number(meeting)]
            (bucket.add if known else bucket.discard)(meeting)

    def _forget(self, meeting: str) -> None:
        self._sheets.pop(meeting, None)
        self._leaves.pop(meeting, None)
        self._changing.discard(meeting)
        self._waiting[meeting] = None
        if self._buckets:
            self._stretches.pop(self._number(meeting), None)

    def unrendered(self, most: int) -> list[str]:
        """Some of the meetings whose sheet is still to be made."""
        return list(islice(self._waiting, most))

    def sheet(self, meeting: str) -> Sheet | None:
        """The meeting's sheet; None for one that cannot be rendered: the rest of the feed goes on without it.

        It is that of the day to which the shelf was turned last.
        """
        if meeting not in self._sheets:
            sheet = self._sheets[meeting] = self._render(meeting, None)
            self._waiting.pop(meeting, None)
            if sheet is not None and (sheet.dated or sheet.asks):
                self._changing.add(meeting)
        return self._sheets[meeting]

    def centre_page(self, now: datetime) -> Page | None:
        """The feed of the whole centre; None without the centre's own record."""
        if self._listing.centre is None:
            return None
        self.turn(now)
        stretches = [self._stretch(number) for number in range(len(self._buckets))]
        return self.page(of_centre(self._listing.centre), stretches, now)

    def meeting_page(self, meeting: str, now: datetime, wanted: Filter = EVERYTHING) -> Page | None:
        """The feed of one meeting with all parts of its lineage; None when it is not known here."""
        parts = self._listing.lineage(meeting)
        if self._listing.centre is None or not parts:
            return None
        titled = self._listing.meetings[meeting if meeting in parts else parts[0]]
        kind = filtered(of_meeting(self._id, meeting, titled), wanted)
        return self.page(kind, [self.stretch(parts, now, wanted)], now)

    def kind(self, wish: Wish) -> Kind | None:
        """What the feed of a wish is called; None where the centre has no such part."""
        centre = self._listing.centre
        if centre is None:
            return None
        if not wish.what:
            return filtered(of_centre(centre), wish.filter)
        title = title_of(self._listing, wish)
        return None if title is None else filtered(of_part(centre, wish.what, wish.id, title), wish.filter)

    def cut(self, wish: Wish) -> Cut:
        """What is made for a wish, undressed, with what is still to be looked at for it."""
        wish = undressed(wish)
        cut = self._cuts.get(wish)
        if cut is None:
            cut = Cut(wish, sorted(candidates(self._listing, wish)))
            self._cuts.put(wish, cut, 0)
        return cut

    def has(self, cut: Cut) -> bool:
        """Whether it is kept, so that it hears of changes."""
        return self._cuts.get(cut.wish) is cut

    def look_at(self, cut: Cut, most: int) -> None:
        """Makes the sheets of some of those that wait."""
        for meeting in list(islice(cut.waiting, most)):
            del cut.waiting[meeting]
            sheet = self._wished(meeting, cut.wish)
            if sheet is not None and sheet.body:
                cut.put(meeting, sheet)
        if self.has(cut):
            self._cuts.put(cut.wish, cut, cut.weight)

    def stretches(self, cut: Cut, wanted: Filter) -> Iterator[Stretch]:
        """Its events as a filter has them, some at a time, in an order that does not depend on how they came."""
        meetings = sorted(cut.sheets)
        for start in range(0, len(meetings), SEGMENT):
            sheets = [cut.sheets[each] for each in meetings[start : start + SEGMENT] if each in cut.sheets]
            shown = [each for each in sheets if self.day is not None and self.day < leaving(each, self._zone)]
            yield bound(each._replace(body=dressed(each.body, wanted)) for each in shown)

    def _wished(self, meeting: str, wish: Wish) -> Sheet | None:
        """The sheet of a meeting as a wish has it; None where nothing of it is wanted."""
        if meeting not in self._listing.meetings:
            return None
        message = self._listing.meetings[meeting]
        if not takes_meeting(wish, message):
            return None
        plain = wish.what != "room" and wish.filter.takes_whole_meetings()
        return self.sheet(meeting) if plain else self._render(meeting, wish)

    def stretch(self, meetings: Iterable[str], now: datetime, wanted: Filter = EVERYTHING) -> Stretch:
        """The events of some meetings, in this order. The centre's own record must be there."""
        self.turn(now)
        if wanted == EVERYTHING:
            return self._bind(meetings)
        sheets = (self._wished(each, Wish(filter=wanted)) for each in meetings)
        assert self.day is not None
        return bound(each for each in sheets if each is not None and self.day < leaving(each, self._zone))

    def page(self, kind: Kind, stretches: Sequence[Stretch], now: datetime, *, guarded: bool = False) -> Page:
        """A feed of stretches that were made for the same day. The centre's own record must be there."""
        centre = self._listing.centre
        assert centre is not None
        times = [stretch.modified for stretch in stretches if stretch.modified is not None]
        zones = frozenset[str]().union(*(stretch.zones for stretch in stretches))
        first = gz.segment(head(kind, centre, max(times, default=None), zones, self._base_url))
        filled = [stretch.segment for stretch in stretches if stretch.segment.plain]
        newest = max(self._listing.newest, self.besides)
        stated, span = lasting(newest, self._zone, now, self.arrived)
        return Page([first, *filled, _END], stated, span, kind.file_name, guarded=guarded)

    def turn(self, now: datetime) -> None:
        """Brings what is kept to the centre's present day, to what it says of itself, and to its number of meetings."""
        centre = self._listing.centre
        assert centre is not None
        if centre.time_zone != self._zone:
            self._zone, self.day = centre.time_zone, None
            self._leaves.clear()
            self._stretches.clear()
        today = local_day(now, self._zone)
        manner = Manner(horizon(today), holder=self._holder, house=centre.title, phone=centre.phone)
        if manner != self._manner:
            self._change_manner(manner)
        if today != self.day:
            self._drop_changed_by_day(self.day, today)
            self.day = today
        wanted = _buckets_for(len(self._listing.meetings))
        if wanted != len(self._buckets):
            self._deal(wanted)

    def _change_manner(self, manner: Manner) -> None:
        """Spoils what depends on the month, and on what the centre says of itself."""
        self._manner = manner
        for meeting in list(self._changing):
            self._forget(meeting)
        self._cuts.clear()

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
        return bound(sheet for meeting in meetings if (sheet := self._shown(meeting)) is not None)

    def _shown(self, meeting: str) -> Sheet | None:
        sheet = self.sheet(meeting)
        if sheet is None or not sheet.body:
            return None
        if meeting not in self._leaves:
            self._leaves[meeting] = leaving(sheet, self._zone)
        return sheet if self.day is not None and self.day < self._leaves[meeting] else None

    def _render(self, meeting: str, wish: Wish | None) -> Sheet | None:
        """The sheet as a wish has it, or with None as it is kept."""
        assert self._manner is not None
        manner = self._manner if wish is None else self._manner.wished(wish.filter)
        try:
            seats = Seats(self._listing.told.of(self._listing.series_of(meeting)), self._base_url.rstrip("/"))
            return render(self._listing.meetings[meeting], manner, wish, seats)
        except (ValueError, OverflowError) as error:  # a RecurrenceError, a date outside of the calendar
            reason = error.reason if isinstance(error, RecurrenceError) else type(error).__name__
            self._log.error("meeting left out of feeds", centre=self._id, meeting=meeting, reason=reason)
            return None


def _buckets_for(meetings: int) -> int:
    """A power of two, so that most changes of the number of meetings leave the segments alone."""
    return 1 << (max(1, meetings // SEGMENT).bit_length() - 1)
