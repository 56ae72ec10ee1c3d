"""Calendars as programs write them: what each becomes, and that an independent program finds the same dates in them.

The shapes are those of well known test files of other projects, which are under other licences: what stands in
tests/data/ics was written anew. Where the originals lie in a folder beside the checkout they are read too.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from services.formats.records import Unreadable
from tests.system.ics_hostile import WHOLE
from tests.unit.ics_examples import BERLIN, ours, read, starts, theirs

ROOT: Final = Path(__file__).resolve().parents[2]
OWN: Final = ROOT / "tests" / "data" / "ics"
ORIGINALS: Final = ROOT.parent / "shared" / "data" / "ics"
ALL_DAY: Final = "all-day event"


class Expected(NamedTuple):
    """How many rows a file gives, and why which are refused."""

    rows: int = 0
    refused: dict[int, str] = {}  # noqa: RUF012 - nobody changes it
    unreadable: str = ""


EXPECTED: Final = {
    "cancelled_occurrence_status.ics": Expected(1),
    "dst_recurring.ics": Expected(13),
    "libical_stresstest.ics": Expected(unreadable="it has no events"),
    "malformed_big_bad.ics": Expected(unreadable="it ends inside of the VCALENDAR of line 1: truncated"),
    "outlook_windows_tzid.ics": Expected(1),
    "rdate_period.ics": Expected(1),
    "rfc7986_conferences.ics": Expected(1, {1: "it has no UID: nothing says which it is (line 2)"}),
    "rrule_until_utc.ics": Expected(
        5, {1: ALL_DAY, 2: ALL_DAY, **dict.fromkeys((3, 4, 5), "the series to which it belongs (event 1) is refused")}
    ),
    "thisandfuture_range.ics": Expected(3),
    "utf8_bom.ics": Expected(unreadable="it has no events"),
}
FILES: Final = [
    pytest.param(folder / name, id=f"{folder.parts[-3]}-{name}")
    for folder in (OWN, ORIGINALS)
    for name in EXPECTED
    if (folder / name).exists()
]


@pytest.mark.parametrize("file", FILES)
def test_each_file_gives_the_report_that_is_right(file: Path) -> None:
    expected = EXPECTED[file.name]
    if expected.unreadable:
        with pytest.raises(Unreadable, match=expected.unreadable.split("(", maxsplit=1)[0]):
            read(file.read_bytes(), BERLIN)
        return
    rows = read(file.read_bytes(), BERLIN)
    refused = {row.number: row.refusal for row in rows if row.refusal}
    assert len(rows) == expected.rows
    assert set(refused) == set(expected.refused)
    assert all(expected.refused[number] in reason for number, reason in refused.items())
    assert all("(line " in reason for reason in refused.values())


@pytest.mark.parametrize("file", [each for each in FILES if not EXPECTED[each.values[0].name].unreadable])  # type: ignore[union-attr]  # a path
def test_an_independent_program_finds_the_same_dates(file: Path) -> None:
    rows = read(file.read_bytes(), BERLIN)
    if file.name in {"rfc7986_conferences.ics", "rrule_until_utc.ics"}:
        assert ours(rows) == []
        return
    found, independent = ours(rows), theirs(file.read_bytes())
    if file.name == "thisandfuture_range.ics":  # UNTIL is a day: they take its midnight, we take all of it
        assert found.pop()[0].isoformat() == "2025-09-21T14:22:00+00:00"
    assert found == independent
    assert found


def test_the_cancelled_date_is_the_one_that_is_missing() -> None:
    (row,) = read((OWN / "cancelled_occurrence_status.ics").read_bytes())
    assert starts(row) == ["2020-01-28T22:00", "2020-01-30T22:00"]


def test_a_period_keeps_its_own_length() -> None:
    (row,) = read((OWN / "rdate_period.ics").read_bytes())
    assert [(change.date, change.minutes) for change in row.changes] == [("2023-12-13", 180)]
    assert "2023-12-13T12:00" in starts(row)
    assert "2023-12-20T12:00" not in starts(row)


def test_this_and_future_makes_a_part_each_and_the_first_keeps_the_uid() -> None:
    rows = read((OWN / "thisandfuture_range.ics").read_bytes())
    assert [row.source_id for row in rows] == ["210", "210/20240913T1200", "210/20240921T1200"]
    assert [row.meeting.schedule.minutes for row in rows] == [120, 420, 111]
    assert starts(rows[1]) == [
        "2024-09-13T09:00",
        "2024-09-14T06:00",
        "2024-09-15T17:00",
        "2024-09-17T09:00",
        "2024-09-19T09:00",
    ]


def test_a_file_of_two_thousand_root_components_gives_a_row_for_what_counts_and_a_reason_for_the_rest() -> None:
    data = (ORIGINALS / "huge_1MB_evolution.ics") if ORIGINALS.exists() else None
    if data is None or not data.exists():
        pytest.skip("the original is not beside the checkout, and is not ours to copy")
    rows = read(data.read_bytes(), BERLIN)
    assert (len(rows), sum(bool(row.refusal) for row in rows)) == (589, 576)
    assert "no UID" in rows[0].refusal
    assert [row.meeting.title for row in rows if not row.refusal][0] == "Annual Employee Review"  # noqa: RUF015 - the first


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_means_harm_is_refused_for_what_it_is(name: str) -> None:
    make, why = WHOLE[name]
    with pytest.raises(Unreadable, match=re.escape(why)):
        read(make(), BERLIN)
