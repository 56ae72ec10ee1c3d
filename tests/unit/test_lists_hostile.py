"""Lists that mean harm: what is in them takes no time, breaks nothing that goes out, and tells nobody's number."""

from __future__ import annotations

import json
import time
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pytest

from services.formats import bmlt, csv_guide, extras, meeting_guide, records
from services.formats.records import Unreadable

if TYPE_CHECKING:
    from openchair.meetings.v1.import_pb2 import ImportRow

TODAY: Final = date(2026, 11, 21)
ZONE: Final = "America/Edmonton"
LONG: Final = 60_000
REGIONS: Final = [f"r{n}" for n in range(5_000)]
DOORS: Final = "".join(f"{n}, " for n in range(3_500))
PATIENCE: Final = 2.0
"""Seconds for one record. Read by going back and forth, each of these took many, some of them minutes."""

GUIDE: Final = {
    "name": "Morning Light", "slug": "morning", "day": 2, "time": "19:00",
    "formatted_address": "1 Main St, Harrow Bend, AB T5J 0N3, Canada",
}  # fmt: skip
SERVER: Final = {
    "id_bigint": "1", "meeting_name": "Morning Light", "weekday_tinyint": "2", "start_time": "19:00:00",
    "duration_time": "01:00:00", "location_street": "1 Main St", "location_municipality": "Harrow Bend",
    "formats": "O", "venue_type": "1",
}  # fmt: skip


def guide(**fields: Any) -> ImportRow:
    data = json.dumps([GUIDE | fields]).encode()
    return meeting_guide.read(data, fellowship="AA", timezone=ZONE, today=TODAY).rows[0]


def server(**fields: Any) -> ImportRow:
    return bmlt.read(json.dumps([SERVER | fields]).encode(), None, timezone=ZONE, today=TODAY).rows[0]


def table(text: str) -> list[ImportRow]:
    return csv_guide.read(text.encode(), fellowship="AA", timezone=ZONE, today=TODAY).rows


@pytest.mark.parametrize(
    ("read", "fields"),
    [
        (guide, {"other": "y" * LONG}),
        (guide, {"other": "1- " * (LONG // 3)}),
        (guide, {"name": "y" * LONG + " passcode"}),
        (guide, {f"k{n}": n for n in range(4_500)}),
        (guide, {"regions": REGIONS, "formatted_address": DOORS}),
        (server, {"comments": "y" * LONG + "@"}),
        (server, {"comments": "erste" + "n" * LONG}),
    ],
)  # fmt: skip
def test_no_text_takes_long(read: Any, fields: dict[str, Any]) -> None:
    begun = time.process_time()
    read(**fields)
    assert time.process_time() - begun < PATIENCE


def test_what_is_dropped_of_a_long_record_is_the_longest_and_the_rest_fits() -> None:
    warnings: list[str] = []
    kept = extras.of({"a": "x" * 9_000, "b": "y" * 9_001, "c": "z"}, (), warnings)
    assert json.loads(kept) == {"a": "x" * 9_000, "c": "z"}
    assert warnings == ["its b is too long to be kept"]
    full = {"a": "x" * (extras.LARGEST - len('{"a":""}'))}
    assert len(extras.of(full, (), warnings)) == extras.LARGEST
    assert extras.of({"a": full["a"] + "x"}, (), []) == ""


@pytest.mark.parametrize("number", ["NaN", "Infinity", "9" * 5_000])
def test_a_number_that_no_list_could_hold_again_is_refused_with_the_file(number: str) -> None:
    data = json.dumps([GUIDE]).encode()[:-2] + f', "other": {number}}}]'.encode()
    with pytest.raises(Unreadable):
        meeting_guide.read(data, fellowship="AA", timezone=ZONE, today=TODAY)


def test_a_number_that_is_too_large_is_kept_as_it_is_written_so_that_it_goes_out_as_json() -> None:
    data = json.dumps([GUIDE]).encode()[:-2] + b', "other": 1e999, "more": {"deep": [-1e999]}}]'
    row = meeting_guide.read(data, fellowship="AA", timezone=ZONE, today=TODAY).rows[0]
    assert json.loads(row.extra, parse_constant=pytest.fail) == {"more": {"deep": ["-1e999"]}, "other": "1e999"}
    assert "Infinity" not in row.original


@pytest.mark.parametrize("cell", ["[" * 30_000, '{"fields": {"other": NaN}}', "[1]", "null"])
def test_our_own_column_that_holds_something_else_is_as_if_it_were_empty(cell: str) -> None:
    text = "Name,Slug,Day,Time,Openchair\r\nMorning,m,Monday,19:00,{}\r\n"
    quoted = '"' + cell.replace('"', '""') + '"'
    assert table(text.format(quoted))[0].extra == table(text.format(""))[0].extra == ""


def test_a_table_with_too_many_lines_is_refused_before_all_are_read() -> None:
    begun = time.process_time()
    with pytest.raises(Unreadable, match=f"more than {records.RECORDS:,} lines"):
        table("Name,Day,Time\n" + "a\n" * 3_000_000)
    assert time.process_time() - begun < PATIENCE


@pytest.mark.parametrize("named", ["contact_1_email", "phone", "conference_phone_notes", "chair_person", "other"])
def test_a_list_that_says_it_is_ours_gets_no_contact_kept(named: str) -> None:
    row = guide(**{named: "ana@example.org", "openchair": {"source_fields": [named, "district"]}, "district": "12"})
    assert json.loads(row.extra) == {"district": "12"}
    kept = guide(group_notes="Tea at 18:30", openchair={"source_fields": ["group_notes"]})
    assert json.loads(kept.extra) == {"group_notes": "Tea at 18:30"}
