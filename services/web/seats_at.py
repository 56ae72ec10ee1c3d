"""Which meeting and date an address under /m/ is about, as far as the reader may know, and which dates come next."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from services.kit import code
from services.recurrence.schedule import occurrences
from services.recurrence.types import RecurrenceError
from services.recurrence.wire import key_text, parse_key, to_deviation
from services.recurrence.zones import to_local
from services.web import seats_moved
from services.web.seats_rules import moment, word
from services.web.week import one

if TYPE_CHECKING:
    from datetime import datetime

    from openchair.meetings.v1 import centre_pb2

    from services.recurrence.types import Occurrence
    from services.web.board import Board, CentreBoard
    from services.web.invited import Circles
    from services.web.subscribe import Site
    from services.web.week import Line

ALL: Final = "all"
"""Stands for the date in the address of a standing seat, or of a course."""
MOST: Final = 6
_AHEAD: Final = (timedelta(days=60), timedelta(days=800))


class Date(NamedTuple):
    """One of the next dates: its address, when it is, and a word about seats."""

    path: str
    when: str
    said: str
    chosen: bool


class At(NamedTuple):
    """What an address is about. `code`: of the group, that opened it to them ("": none was needed).

    `key` is the date, or `ALL`; then `line` is the next one. `name` is what the service is asked about.
    """

    id: str
    centre: centre_pb2.Centre
    meeting: str
    key: str
    line: Line
    code: str
    dates: tuple[Date, ...]

    @property
    def path(self) -> str:
        """The address of its page."""
        return f"/m/{self.meeting}/{self.key}"

    @property
    def name(self) -> str:
        """Its resource name."""
        meeting = f"centres/{self.id}/meetings/{self.meeting}"
        return meeting if self.key == ALL else f"{meeting}/occurrences/{self.key}"

    @property
    def meeting_name(self) -> str:
        """That of the meeting."""
        return f"centres/{self.id}/meetings/{self.meeting}"

    def dated(self, name: str) -> str:
        """The address of the page of another occurrence, by its resource name; "" for what is none."""
        parts = name.split("/")
        return f"/m/{parts[3]}/{parts[5]}" if len(parts) == 6 else ""  # noqa: PLR2004 - an occurrence's

    def local(self, instant: datetime) -> str:
        """An instant as the centre's clocks show it."""
        return moment(to_local(instant, self.centre.time_zone))


class Whereabouts:
    """Finds meetings by their id alone, in what is public and in what codes open."""

    def __init__(self, board: Board, circles: Circles | None) -> None:
        self._board = board
        self._circles = circles

    def at(self, meeting: str, key: str, typed: str, site: Site, now: datetime) -> At | None:
        """None for what is not there, and for what the reader may not know, alike. `key` "": the next date."""
        found = self._found(meeting, typed, now)
        if found is None:
            return None
        id_, board, holder = found
        public = self._board.boards.get(id_)
        if public is None or public.centre is None:
            return None
        board.centre = public.centre
        try:
            meeting, wanted = _chosen(board, meeting, key, now)
        except RecurrenceError:
            return None
        line = wanted and one(id_, board, site, now, (meeting, parse_key(wanted)), others=public, holder=holder)
        if not line:
            return None
        coming = _coming(board, meeting, now)
        dates = tuple(_date(board, part, each, public.centre.time_zone, (meeting, wanted)) for part, each in coming)
        shown = code.shown(typed) if holder else ""
        return At(id_, public.centre, meeting, ALL if key == ALL else line.key, line, shown, dates)

    def named(self, name: str, site: Site, now: datetime) -> str:
        """A public date in words, by its resource name; "" for what is none."""
        parts = name.split("/")
        found = self.at(parts[3], parts[5], "", site, now) if len(parts) == 6 else None  # noqa: PLR2004 - an occurrence's
        return f"{found.line.facts.title}, {found.local(found.line.start)}" if found is not None else ""

    def _found(self, meeting: str, typed: str, now: datetime) -> tuple[str, CentreBoard, bool] | None:
        """The centre, the board that has it, and whether a code opened it."""
        opened = self._circles.opened_by(code.digest(typed), now) if typed and self._circles is not None else None
        if opened is not None and self._circles is not None:
            board = self._circles.board(opened)
            if meeting in board.meetings:
                return opened.centre, board, True
        for id_, board in self._board.boards.items():
            if meeting in board.meetings:
                return id_, board, False
        home = self._circles.unlisted(meeting) if self._circles is not None else None
        return (home.centre, self._circles.board(home), False) if home is not None and self._circles else None


def upcoming(board: CentreBoard, meeting: str, now: datetime) -> list[Occurrence]:
    """Its next dates, those that are off too."""
    schedule = board.schedules[meeting]
    deviations = [to_deviation(each) for each in board.changes[meeting].values()]
    found: list[Occurrence] = []
    for ahead in _AHEAD:
        found = occurrences(schedule, deviations, now, now + ahead)
        if len(found) >= MOST:
            break
    return found[:MOST]


def _coming(board: CentreBoard, meeting: str, now: datetime) -> list[tuple[str, Occurrence]]:
    """The next dates of the series, with the part that has each."""
    found = [(part, each) for part in seats_moved.parts(board, meeting) for each in upcoming(board, part, now)]
    return sorted(found, key=lambda pair: pair[1].start)[:MOST]


def _chosen(board: CentreBoard, meeting: str, key: str, now: datetime) -> tuple[str, str]:
    """The part of the series, and the date that is asked for; without one the next that takes place ("": none).

    Raises RecurrenceError for what is none.
    """
    if key not in {"", ALL}:
        part, found = seats_moved.dated(board, meeting, parse_key(key)) or (meeting, parse_key(key))
        return part, key_text(found)
    for part in seats_moved.parts(board, meeting):
        coming = upcoming(board, part, now)
        if coming:
            return part, key_text(next((each for each in coming if not each.cancelled), coming[0]).key)
    return meeting, ""


def _date(board: CentreBoard, meeting: str, each: Occurrence, zone: str, chosen: tuple[str, str]) -> Date:
    key = key_text(each.key)
    lineage = board.meetings[meeting].lineage or meeting
    said = "Cancelled" if each.cancelled else word(board.seats.word(lineage, each.key))
    return Date(f"/m/{meeting}/{key}", moment(to_local(each.start, zone)), said, (meeting, key) == chosen)
