"""Files that were damaged anyhow: always a report or one reason, never anything else."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.formats.ics import packed
from services.formats.records import Unreadable
from tests.unit.ics_examples import BERLIN, TODAY, event, read, text

if TYPE_CHECKING:
    from openchair.meetings.v1 import import_pb2

DATA: Final = Path(__file__).resolve().parents[1] / "data" / "ics"
RICH: Final = text(
    "METHOD:PUBLISH",
    "X-WR-TIMEZONE:Europe/Berlin",
    *("BEGIN:VTIMEZONE", "TZID:House", "BEGIN:STANDARD", "DTSTART:19700101T000000", "TZOFFSETFROM:+0200"),
    *("TZOFFSETTO:+0100", "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU", "END:STANDARD", "END:VTIMEZONE"),
    *event("RRULE:FREQ=WEEKLY;BYDAY=MO,TH;COUNT=20", "EXDATE:20260112T180000Z", "GEO:53.5;-113.4", "CLASS:PRIVATE"),
    *event(
        "RECURRENCE-ID;TZID=Europe/Berlin:20260119T190000", "SEQUENCE:1", "LOCATION:Park\\, 9 Elm St", title="Other"
    ),
    *event("RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20260126T190000", "STATUS:CONFIRMED"),
    *event("RRULE:FREQ=YEARLY;BYMONTH=3,9;BYDAY=2SA", "RDATE;VALUE=PERIOD:20260101T120000Z/PT2H", uid="b"),
    *event("RRULE:FREQ=MONTHLY;BYDAY=1MO;UNTIL=20260801", uid="c", start="DTSTART;TZID=House:20260105T190000"),
    *event("CONFERENCE;FEATURE=VIDEO:https://a.zoom.us/j/1", "DESCRIPTION:Passcode: 1\\n<b>x</b>", uid="d"),
    *("BEGIN:VEVENT", "BEGIN:VALARM", "END:VALARM", "UID:e", "SUMMARY:E", "DTSTART:20260105T190000", "END:VEVENT"),
)
FILES: Final = [RICH, *(file.read_bytes() for file in sorted(DATA.glob("*.ics")))]
SNIPPETS: Final = (
    *(b"BEGIN:VEVENT\r\n", b"END:VEVENT\r\n", b"BEGIN:VCALENDAR\r\n", b"END:VCALENDAR\r\n", b"\r\n ", b"\0", b"\xff"),
    *(b";TZID=", b"RRULE:FREQ=", b"YEARLY", b"-1", b"0", b"99999999", b"T", b"Z", b":", b";", b",", b'"', b"\\", b"="),
    *(b"RECURRENCE-ID:", b"THISANDFUTURE", b"EXDATE:", b"RDATE:", b"P1W", b"19000101T000000", b"21991231T235959"),
)


def damaged(data: bytes, seed: int) -> bytes:
    """The file after some changes of the kind that programs, people and lines make."""
    chance = random.Random(seed)  # noqa: S311 - to be the same again
    for _ in range(chance.randint(1, 6)):
        at, length = chance.randrange(len(data) + 1), chance.randrange(40)
        match chance.randrange(5):
            case 0:
                data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] + data[at + length :]
            case 2:
                data = data[:at] + chance.choice(SNIPPETS) + data[at:]
            case 3:
                lines = data.split(b"\n")
                chance.shuffle(lines) if chance.random() < 0.1 else lines.insert(at % len(lines), chance.choice(lines))
                data = b"\n".join(lines)
            case _:
                data = data[:at] + data[at : at + length] * 2 + data[at + length :]
    return data


def outcome(data: bytes) -> list[import_pb2.ImportRow] | str:
    """The rows, or why the file is refused."""
    try:
        return read(data, BERLIN, fellowship="AA")
    except Unreadable as unreadable:
        return str(unreadable)


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(FILES), st.integers(0, 2**32))
def test_a_damaged_file_gives_a_report_that_the_service_takes_or_one_reason(data: bytes, seed: int) -> None:
    found = outcome(damaged(data, seed))
    assert found
    if not isinstance(found, str):
        assert all(row.refusal or row.meeting.title for row in found)
        assert all("(line " in row.refusal for row in found if row.refusal)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300))
def test_any_bytes_give_a_report_or_one_reason(data: bytes) -> None:
    framed = b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n" + data + b"\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    assert outcome(data)
    assert outcome(framed)


@pytest.mark.parametrize("data", FILES)
def test_what_the_child_answers_is_what_was_read(data: bytes) -> None:
    sent = packed.answer(packed.question(packed.Question(data, TODAY, BERLIN, "AA")))
    expected = outcome(data)
    if isinstance(expected, str):
        with pytest.raises(Unreadable, match=re.escape(expected)):
            packed.rows(sent)
    else:
        assert packed.rows(sent) == expected
