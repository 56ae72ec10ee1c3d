"""Meeting Guide JSON into import rows: each quirk of real lists, one by one."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openchair.meetings.v1 import import_pb2 as imports
from openchair.meetings.v1 import meeting_pb2 as meetings
from openchair.meetings.v1 import place_pb2 as places

from services.formats import meeting_guide
from services.formats.meeting_guide import Unreadable
from services.meetings.rows import problems
from tests.unit.guide_examples import FULL, excerpt, one, reading

# --- the file ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "looks_like"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"[]", "list is empty"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"BEGIN:VCALENDAR\r\n", "iCalendar"),
        (b"name,day,time\nA,1,19:00\n", "table"),
        (b'[{"slug": "a"', "truncated"),
        (b'{"message": "not found"}', "one JSON object ('message')"),
        (b'"meetings"', "not a list"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        ('[{"name": "Réunion"}]'.encode("latin-1"), "not UTF-8"),
        ("[]".encode("utf-16"), "UTF-16"),
        (b'[{"latitude": NaN}]', "NaN"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" + b"9" * 10_000 + b"]", "not JSON"),
        (b" " * (20 * 2**20 + 1), "larger than 20 MiB"),
        (b"[" + b"0," * 20_000 + b"0]", "more than 20,000"),
    ],
)
def test_a_file_that_is_no_list_of_meetings_is_refused_and_named(data: bytes, looks_like: str) -> None:
    with pytest.raises(Unreadable, match=looks_like.replace("(", r"\(").replace(")", r"\)")):
        reading(data)


def test_a_byte_order_mark_and_a_wrapped_list_are_read() -> None:
    data = b'\xef\xbb\xbf{"meetings": [{"slug": "a", "name": "A", "day": 1, "time": "19:00"}]}'
    assert [row.refusal for row in reading(data).rows] == [""]


def test_an_unknown_default_zone_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="tz database"):
        reading(b"[1]", zone="America/Nowhere")


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("America/Edmonton", "2026-11-27T21:00"),  # Friday, a day before the reader's: it may be held there tonight
        ("Europe/Berlin", "2026-12-04T21:00"),
        ("Europe/Paris", "2026-12-04T21:00"),
        ("Pacific/Auckland", "2026-12-04T21:00"),
    ],
)
def test_what_is_held_tonight_where_it_is_still_the_day_before_starts_with_that_day(zone: str, start: str) -> None:
    data = json.dumps([{"slug": "a", "name": "A", "day": 5, "time": "21:00", "timezone": zone}]).encode()
    found = meeting_guide.read(data, fellowship="AA", timezone="Europe/Berlin", today=date(2026, 11, 28))
    assert found.rows[0].meeting.schedule.start == start


def test_every_record_gives_one_row_in_the_order_of_the_file() -> None:
    rows = reading(b'[1, null, [], {"slug": "a"}, {"slug": "b", "name": "B", "day": 0, "time": "7:00 pm"}]').rows
    assert [row.number for row in rows] == [1, 2, 3, 4, 5]
    assert [bool(row.refusal) for row in rows] == [True, True, True, True, False]


def test_a_refused_row_names_its_reason_and_carries_no_meeting() -> None:
    row = one(time="")
    assert "no time" in row.refusal
    assert not row.HasField("meeting")
    assert not row.HasField("place")
    assert row.source_id == "a"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"day": None, "time": None}, "no day and time"),
        ({"day": []}, "no day"),
        ({"day": 8}, "not a day of the week"),
        ({"day": "Someday"}, "not a day of the week"),
        ({"day": [1, -1]}, "not a day of the week"),
        ({"time": "25:00"}, "not a time of day"),
        ({"time": "13:00 PM"}, "not a time of day"),
        ({"time": "evening"}, "not a time of day"),
        ({"timezone": "Mountain"}, "not in the tz database"),
        ({"timezone": "../../etc/passwd"}, "not in the tz database"),
        ({"slug": None}, "no slug"),
        ({"name": "", "formatted_address": ""}, "no name"),
        ({"archived": True}, "archived"),
        ({"notes": "x" * 65_536}, "larger than 64 KiB"),
        ({"notes": [[[[[[[1]]]]]]]}, "nested more than 6"),
    ],
)
def test_a_record_that_cannot_be_translated_says_why(fields: dict[str, Any], reason: str) -> None:
    assert reason in one(**fields).refusal


def test_a_slug_that_comes_twice_is_refused_naming_the_first() -> None:
    first = {"slug": "a", "name": "A", "day": 1, "time": "19:00"}
    rows = reading(json.dumps([first, first | {"slug": "b"}, first]).encode()).rows
    assert [row.refusal for row in rows] == ["", "", "its slug 'a' is that of record 1 too"]


def test_an_id_stands_in_for_a_missing_slug() -> None:
    assert one(slug="", id=6055).source_id == "6055"
    assert one(slug=None, _id="f00").source_id == "f00"


# --- when -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "rule", "start"),
    [
        (0, "SU", "2026-11-22"),
        (6, "SA", "2026-11-21"),
        ("3", "WE", "2026-11-25"),
        ([5], "FR", "2026-11-27"),
        (["1", 3, 1], "MO,WE", "2026-11-23"),
        ([6, 0], "SA,SU", "2026-11-21"),
        ("Tuesday", "TU", "2026-11-24"),
    ],
)
def test_days_become_one_weekly_rule_that_starts_on_its_first_date(day: Any, rule: str, start: str) -> None:
    schedule = one(day=day).meeting.schedule
    assert schedule.rule == f"FREQ=WEEKLY;BYDAY={rule}"
    assert schedule.start == f"{start}T19:00"


def test_day_seven_is_sunday_and_said_so() -> None:
    row = one(day=7)
    assert row.meeting.schedule.rule == "FREQ=WEEKLY;BYDAY=SU"
    assert list(row.warnings) == ["day 7 is taken as Sunday"]


@pytest.mark.parametrize(
    ("said", "clock"),
    [
        ("19:00", "19:00"), ("9:05", "09:05"), ("19:00:00", "19:00"), ("11:00 AM", "11:00"), ("7:00 pm", "19:00"),
        ("7pm", "19:00"), ("12:01 PM", "12:01"), ("12:15 a.m.", "00:15"), ("noon", "12:00"), ("Midnight", "00:00"),
        ("00:00", "00:00"),
    ],
)  # fmt: skip
def test_times_of_day_as_they_are_written(said: str, clock: str) -> None:
    assert one(time=said).meeting.schedule.start.endswith(f"T{clock}")


@pytest.mark.parametrize(
    ("fields", "minutes", "doubts"),
    [
        ({}, 60, 0),
        ({"end_time": "20:30"}, 90, 0),
        ({"time": "23:00", "end_time": "00:00"}, 60, 0),
        ({"time": "11:00 pm", "end_time": "12:15 am"}, 75, 0),
        ({"duration": 45}, 45, 0),
        ({"duration": "90", "end_time": "19:30"}, 30, 0),
        ({"end_time": "19:00"}, 60, 1),
        ({"end_time": "late"}, 60, 1),
        ({"duration": "an hour"}, 60, 1),
        ({"duration": -5}, 60, 1),
        ({"end_time": "08:00"}, 780, 1),
    ],
)
def test_the_length_is_up_to_the_end_or_the_duration_or_an_hour(
    fields: dict[str, Any], minutes: int, doubts: int
) -> None:
    row = one(**fields)
    assert row.meeting.schedule.minutes == minutes
    assert len(row.warnings) == doubts


def test_the_records_zone_wins_and_legacy_names_are_kept() -> None:
    assert one().meeting.schedule.time_zone == "America/Edmonton"
    assert one(timezone="Europe/Kiev").meeting.schedule.time_zone == "Europe/Kiev"


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("2022-07-09 19:32:28", "2022-07-09T19:32:28.000Z"),
        ("8/25/2022 11:17:07 AM", "2022-08-25T11:17:07.000Z"),
        ("2025-01-30T14:13:55.582Z", "2025-01-30T14:13:55.582Z"),
        ("2025-01-30T14:13:55+02:00", "2025-01-30T12:13:55.000Z"),
        (None, ""),
    ],
)
def test_updated_is_utc(said: str | None, time: str) -> None:
    row = one(updated=said)
    assert row.source_update_time == time
    assert not row.warnings


def test_an_unreadable_updated_is_left_out_and_said() -> None:
    row = one(updated="yesterday")
    assert row.source_update_time == ""
    assert len(row.warnings) == 1


# --- real lists -------------------------------------------------------------------------------------------------


def test_edmonton() -> None:
    rows = excerpt("edmonton")
    assert not [row for row in rows.values() if row.refusal]
    assert rows["6"].meeting.schedule.start == "2026-11-21T11:00"
    assert rows["6"].source_update_time == "2022-08-25T11:17:07.000Z"
    assert rows["8"].meeting.mode == meetings.MODE_HYBRID
    assert rows["16"].meeting.state == meetings.MEETING_STATE_SUSPENDED
    assert rows["1321"].meeting.mode == meetings.MODE_ONLINE
    assert "Passcode" not in rows["1321"].meeting.notes
    assert rows["1293"].meeting.language == "es"
    assert rows["1473"].meeting.mode == meetings.MODE_ONLINE


def test_sussex() -> None:
    rows = excerpt("sussexaa")
    assert rows["last-call"].meeting.schedule.minutes == 60
    assert rows["rehoboth-beach-speaker"].place.notes.startswith("Parking is NOT")
    assert rows["wednesday-as-bill-sees-it"].place.address_access == places.ADDRESS_ACCESS_AREA_ONLY
    assert rows["love-service"].meeting.mode == meetings.MODE_HYBRID


def test_online_intergroup() -> None:
    rows = excerpt("oiaa")
    assert "no day and time" in rows["la-runion-entre-les-runions"].refusal
    assert rows["aa-womens-meeting-1"].meeting.schedule.rule == "FREQ=WEEKLY;BYDAY=SU"
    assert rows["-10"].meeting.language == "uk"
    assert rows["-10"].meeting.schedule.time_zone == "Europe/Kiev"
    assert "PASSWORD" not in rows["grupo-centinela-talca-chile-2"].meeting.notes


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12) | st.sampled_from(
        ["7:00 pm", "19:00", "America/Denver", "https://a.example", "TC", "ONL", "online", "yes", "Friday", "2022-07-9"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
KEYS = [
    "slug", "id", "name", "day", "time", "end_time", "duration", "timezone", "types", "languages", "location", "group",
    "formatted_address", "address", "city", "region", "regions", "latitude", "longitude", "approximate", "notes",
    "conference_url", "conference_phone", "attendance_option", "updated", "url", "archived", "contact_1_name",
]  # fmt: skip


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES) | VALUES, min_size=1, max_size=4))
def test_whatever_a_record_holds_it_gives_one_row_that_can_be_sent(found: list[Any]) -> None:
    sound = {"slug": "a", "name": "A", "day": 1, "time": "19:00"}
    mixed = [sound | record if isinstance(record, dict) else record for record in found]
    rows = reading(json.dumps([*found, *mixed]).replace("Infinity", "1e999").encode()).rows
    assert [row.number for row in rows] == list(range(1, 2 * len(found) + 1))
    for row in rows:
        assert imports.ImportRow.FromString(row.SerializeToString()) == row
        assert bool(row.refusal) != row.HasField("meeting")
        assert row.refusal or problems(row) == ()


@pytest.mark.parametrize("name", ["edmonton", "sussexaa", "oiaa"])
def test_what_is_translated_is_what_the_meetings_service_takes(name: str) -> None:
    for row in excerpt(name).values():
        assert problems(row) == ((row.refusal,) if row.refusal else ())


def test_what_is_too_long_is_cut_to_what_the_meetings_service_takes() -> None:
    row = one(name="N" * 300, notes="n" * 9_000, group="g" * 300, formatted_address="1 " + "a" * 600, region="r" * 300)
    assert problems(row) == ()


@pytest.mark.skipif(not FULL.is_dir(), reason="the full lists are not beside this checkout")
@pytest.mark.parametrize(
    ("name", "records", "refused"),
    [
        ("meeting_guide_feed_edmonton", 315, 0),
        ("meeting_guide_feed_sussexaa", 123, 0),
        ("oiaa_online_meetings", 160, 10),
    ],
)
def test_full_lists_are_read_whole(name: str, records: int, refused: int) -> None:
    found = reading((FULL / f"{name}.json").read_bytes())
    assert len(found.rows) == records
    assert len(found.refused) == refused
    assert all(
        row.meeting.title and row.meeting.mode and row.meeting.schedule.rule for row in found.rows if not row.refusal
    )
