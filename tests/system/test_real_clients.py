"""The calendar programs themselves, on a calendar written by hand, which other tests rely on, and on our own."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from services.recurrence.weeks import falls_on
from services.recurrence.wire import to_weeks
from tests.system.real_clients import ClientError, Entry, Subscriber, needs_clients
from tests.unit.feeds_examples import EDMONTON, Feeds, meeting
from tests.unit.feeds_shapes import retreat, special, turning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openchair.meetings.v1 import meeting_pb2

pytestmark = needs_clients

CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Openchair//tests//EN
METHOD:PUBLISH
BEGIN:VTIMEZONE
TZID:America/New_York
BEGIN:STANDARD
DTSTART:20071104T020000
RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
TZNAME:EST
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:20070311T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU
TZOFFSETFROM:-0500
TZOFFSETTO:-0400
TZNAME:EDT
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:1@example.org
DTSTAMP:20261101T000000Z
SEQUENCE:0
DTSTART;TZID=America/New_York:20261027T190000
DTEND;TZID=America/New_York:20261027T200000
RRULE:FREQ=WEEKLY
SUMMARY:Step study
END:VEVENT
END:VCALENDAR
"""
CANCELLED = CALENDAR.replace("SEQUENCE:0", "SEQUENCE:1").replace(
    "RRULE:FREQ=WEEKLY\nSUMMARY", "RRULE:FREQ=WEEKLY\nEXDATE;TZID=America/New_York:20261110T190000\nSUMMARY"
)


class Shelf:
    """One address that answers with `text`, or with an error where it is None."""

    def __init__(self, text: str | None) -> None:
        self.text = text
        self.url = ""


@contextmanager
def serving(shelf: Shelf) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if shelf.text is not None else 503)
            self.send_header("Content-Type", "text/calendar; charset=utf-8")
            self.end_headers()
            self.wfile.write((shelf.text or "").replace("\n", "\r\n").encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name http.server gives it
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/centre.ics"
        server.shutdown()
        thread.join()


def test_subscribe_change_see_the_change(tmp_path: Path) -> None:
    shelf = Shelf(CALENDAR)
    with serving(shelf) as url:
        reader = Subscriber(tmp_path / "reader", url, "America/New_York")
        reader.fetch()
        before = reader.agenda(date(2026, 10, 26), 21)
        shelf.text = CANCELLED
        reader.fetch()
        after = reader.agenda(date(2026, 10, 26), 21)
    assert before == [Entry(day, "19:00", "Step study") for day in ("2026-10-27", "2026-11-03", "2026-11-10")]
    assert after == before[:2]


def test_a_reader_elsewhere_sees_the_hour_of_their_own_zone(tmp_path: Path) -> None:
    with serving(Shelf(CALENDAR)) as url:
        reader = Subscriber(tmp_path / "reader", url, "Europe/Berlin")
        reader.fetch()
        agenda = reader.agenda(date(2026, 10, 26), 14)
    assert [(entry.date, entry.time) for entry in agenda] == [("2026-10-28", "00:00"), ("2026-11-04", "01:00")]


def test_an_outage_is_an_error_and_leaves_what_was_fetched(tmp_path: Path) -> None:
    shelf = Shelf(CALENDAR)
    with serving(shelf) as url:
        reader = Subscriber(tmp_path / "reader", url, "America/New_York")
        reader.fetch()
        shelf.text = None
        with pytest.raises(ClientError, match="503"):
            reader.fetch()
    assert reader.agenda(date(2026, 10, 27), 1) == [Entry("2026-10-27", "19:00", "Step study")]


async def ours(query: str = "", *messages: meeting_pb2.Meeting) -> str:
    answer = await Feeds(*messages).get(query=query.encode())
    return answer.body.decode().replace("\r\n", "\n")


def agenda(folder: Path, text: str, first: date, days: int) -> list[Entry]:
    with serving(Shelf(text)) as url:
        reader = Subscriber(folder / "reader", url, EDMONTON)
        reader.fetch()
        return reader.agenda(first, days)


async def test_a_programme_has_its_title_on_its_own_weeks_in_any_year(tmp_path: Path) -> None:
    speakers = special(meeting(1), "Speaker", 3)
    books = turning(meeting(2, "2026-11-25T12:00", "FREQ=WEEKLY;BYDAY=WE"), "Book", 2, 3)
    text = await ours("", speakers, books)

    found = agenda(tmp_path, text, date(2031, 1, 6), 28)
    assert [entry.title for entry in found if entry.time == "19:00"] == [
        "Serenity 1" + (" (Speaker)" if week == 3 else "") for week in (1, 2, 3, 4)
    ]
    expected = [falls_on(to_weeks(books.programmes[0]), date(2031, 1, 8 + 7 * week)) for week in range(4)]
    assert ["Book" in entry.title for entry in found if entry.time == "12:00"] == expected


async def test_a_retreat_reads_as_one_event_with_its_agenda_day_by_day(tmp_path: Path) -> None:
    text = await ours("", retreat(1))

    found = agenda(tmp_path, text, date(2027, 5, 7), 3)
    assert [entry for entry in found if "retreat" not in entry.title] == [
        Entry("2027-05-07", "18:00", "Opening circle"),
        Entry("2027-05-08", "07:30", "Morning sit"),
        Entry("2027-05-09", "11:00", "Closing"),
    ]
    assert sum("Spring retreat" in entry.title for entry in found) == 3


async def test_a_discreet_calendar_shows_a_neutral_word(tmp_path: Path) -> None:
    text = await ours("discreet=1&alarm=PT1H", retreat(1), meeting(2))

    found = agenda(tmp_path, text, date(2026, 11, 23), 7)
    assert found == [Entry("2026-11-24", "19:00", "Appointment")]
