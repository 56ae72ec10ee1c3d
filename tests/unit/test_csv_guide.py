"""Meeting lists as tables: the template's columns in and out, and what a spreadsheet must not do."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.formats import csv_guide
from services.formats.meeting_guide_out import records
from services.formats.records import Unreadable
from services.meetings import rows as meeting_rows
from tests.unit.guide_examples import DATA, FULL, SATURDAY
from tests.unit.guide_examples import reading as guide
from tests.unit.guide_views import BASE, CENTRE, alike, housed, seen
from tests.unit.test_meeting_guide_out import meeting, schedule

if TYPE_CHECKING:
    from openchair.meetings.v1 import import_pb2

    from services.formats.reading import Reading

HEADER = "Time,End Time,Day,Name,Location,Address,Region,Sub Region,Types,Slug\n"


def reading(text: str, fellowship: str = "AA") -> Reading:
    return csv_guide.read(text.encode(), fellowship=fellowship, timezone="America/Edmonton", today=SATURDAY)


def one(line: str, header: str = HEADER) -> import_pb2.ImportRow:
    (row,) = reading(header + line).rows
    return row


def table(*lists: dict[str, Any]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_guide.written(lists).decode(), newline="")))


def test_a_line_is_a_meeting_by_the_names_of_its_columns() -> None:
    row = one('6:00 PM,7:30 PM,Monday,After Work,Hall,"1 Main St, Town",Town,Old Quarter,"Open, Wheelchair Access",a\n')
    assert (row.source_id, row.meeting.title, row.place.title) == ("a", "After Work", "Hall")
    assert (row.meeting.schedule.rule, row.meeting.schedule.minutes) == ("FREQ=WEEKLY;BYDAY=MO", 90)
    assert (list(row.meeting.types), list(row.place.regions)) == (["O", "X"], ["Town", "Old Quarter"])


def test_columns_may_stand_in_any_order_with_any_delimiter() -> None:
    found = reading("Slug;Day;Time;Name\r\na;Tuesday, Thursday;19:00;A\r\n").rows
    assert found[0].meeting.schedule.rule == "FREQ=WEEKLY;BYDAY=TU,TH"
    assert reading("\ufeffID\tDay\tTime\tName\na\tTuesday\t19:00\tA\n").rows[0].source_id == "a"


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        ("O", ["O"]),
        ("Mujeres", ["W"]),
        ("Temporary Closure", ["TC"]),
        ("Odd", ["Odd"]),
        ("speaker , men", ["SP", "M"]),
        ("Step Meeting, Open", ["ST", "O"]),
    ],
)
def test_types_are_written_by_name_in_any_language_or_by_code(said: str, codes: list[str]) -> None:
    assert list(one(f'19:00,,Monday,A,H,1 Main St,,,"{said}",a\n').meeting.types) == codes


def test_contacts_of_the_template_are_dropped() -> None:
    header = "Day,Time,Name,Slug,Email,Phone,Contact 1 Name,Contact 1 Phone,Author,Venmo,Mailing Address,Website\n"
    row = one("Monday,19:00,A,a,a@example.org,555-0100,Ann,555-0101,Ann,@ann,1 Box,https://w.example.org\n", header)
    assert json.loads(row.extra) == {"website": "https://w.example.org"}
    row.ClearField("original")
    assert "Ann" not in str(row)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("Name,Day,Time,Slug\n", "it has no lines"),
        ("a,b,c\n1,2,3\n", "does not name the columns"),
        ('[{"name": "A"}]', "not a table"),
        ("<!DOCTYPE html><p>", "not a table"),
        ('Name,Day,Time,Slug\n"A,Monday', "line 2"),
        ("Name,Day,Time,Slug\n" + "x" * 70_000, "its line 2 is longer than 64 KiB"),
        ("Name,Day,Time,Slug\n" + "A,Monday,19:00,a\n" * 20_001, "more than 20,000 lines"),
        ("Name,Day" + ",x" * 300 + "\nA,Monday\n", "more than 200 columns"),
    ],
    ids=["empty", "no lines", "no names", "json", "html", "open quote", "long line", "many lines", "many columns"],
)
def test_what_is_no_table_is_refused_as_a_whole(text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        reading(text)


def test_a_spreadsheets_own_file_is_told_what_to_do_with_it() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as sheet:
        sheet.writestr("xl/workbook.xml", "<workbook/>")
    for data in (file.getvalue(), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)):
        with pytest.raises(Unreadable, match="save it as CSV first"):
            csv_guide.read(data, fellowship="AA", timezone="UTC", today=SATURDAY)


def test_what_is_no_text_or_too_large_is_refused() -> None:
    for data in (b"\xff\xfeN\x00", b"Name\xff", b"x" * (20 * 2**20 + 1)):
        with pytest.raises(Unreadable):
            csv_guide.read(data, fellowship="AA", timezone="UTC", today=SATURDAY)


@pytest.mark.parametrize("name", ["edmonton", "sussexaa", "oiaa"])
def test_what_went_out_comes_in_as_the_same_meetings(name: str) -> None:
    rows = [row for row in guide((DATA / f"{name}.json").read_bytes()).rows if not row.refusal]
    first = {each.id: each for each in map(housed, rows)}
    told = records(map(seen, first.values()), CENTRE, BASE, SATURDAY)
    again = reading(csv_guide.written(told).decode()).rows
    assert [row.refusal for row in again] == [""] * len(rows)
    second = {each.id: each for each in (housed(row) for row in again if row.source_id not in first)}
    public = {id_ for id_, each in first.items() if seen(each).HasField("source")}
    assert {id_: alike(each) for id_, each in second.items()} == {id_: alike(first[id_]) for id_ in public}


def test_what_no_column_says_is_in_our_own() -> None:
    (told,) = records([meeting(schedule=schedule(rule="FREQ=MONTHLY;BYDAY=-1TU"), fellowship="NA", types=["SPK"])],
                      CENTRE, BASE, SATURDAY)  # fmt: skip
    (row,) = reading(csv_guide.written([told]).decode()).rows
    assert (row.meeting.schedule.rule, row.meeting.fellowship) == ("FREQ=MONTHLY;BYDAY=-1TU", "NA")
    assert list(row.meeting.types) == ["SPK"]


@pytest.mark.parametrize("name", ["=1+1", "@cmd", "+A1", "-A1+cmd|'x'", "=HYPERLINK(1)"])
def test_no_cell_is_a_formula_and_the_name_comes_back(name: str) -> None:
    (told,) = records([meeting(title=name)], CENTRE, BASE, SATURDAY)
    (line,) = table(told)
    assert line["Name"] == f"'{name}"
    (row,) = reading(csv_guide.written([told]).decode()).rows
    assert row.meeting.title == name


def test_a_number_to_dial_is_no_formula() -> None:
    online = {"access": 1, "phone": "+1 780 555 0100,,123#"}
    (told,) = records([meeting(mode="MODE_ONLINE", online=online)], CENTRE, BASE, SATURDAY)
    assert table(told)[0]["Conference Phone"] == "+1 780 555 0100,,123#"


@pytest.mark.skipif(not FULL.exists(), reason="the template is not beside the checkout")
def test_the_template_is_read_whole() -> None:
    found = csv_guide.read(
        (FULL / "tsml_template.csv").read_bytes(), fellowship="AA", timezone="UTC", today=SATURDAY
    )  # fmt: skip
    assert (len(found.rows), found.refused) == (36, [])
    assert {row.meeting.schedule.time_zone for row in found.rows} == {"America/Los_Angeles"}
    assert [meeting_rows.problems(row) for row in found.rows] == [()] * 36


@given(st.text(max_size=300))
def test_whatever_stands_under_the_names_is_refused_or_gives_rows(text: str) -> None:
    try:
        rows = reading(HEADER + text).rows
    except Unreadable:
        return
    assert all(row.refusal or meeting_rows.problems(row) == () for row in rows)
