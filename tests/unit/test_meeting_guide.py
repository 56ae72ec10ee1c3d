"""Meeting Guide JSON into import rows: each quirk of real lists, one by one."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openchair.meetings.v1 import import_pb2 as imports
from openchair.meetings.v1 import meeting_pb2 as meetings
from openchair.meetings.v1 import place_pb2 as places

from services.formats import words
from services.formats.meeting_guide import Reading, Unreadable, read, type_name
from services.kit.validation import text_fault
from services.meetings.rows import problems

DATA = Path(__file__).parent.parent / "data" / "meeting_guide"
FULL = Path(__file__).parents[3] / "shared" / "data" / "recovery"
SATURDAY = date(2026, 11, 21)


def reading(data: bytes, fellowship: str = "AA", zone: str = "America/Edmonton", language: str = "") -> Reading:
    return read(data, fellowship=fellowship, timezone=zone, today=SATURDAY, language=language)


def one(fellowship: str = "AA", **fields: Any) -> imports.ImportRow:
    record = {"slug": "a", "name": "A", "day": 1, "time": "19:00", "formatted_address": "1 Main St, Town"} | fields
    (row,) = reading(json.dumps([record]).encode(), fellowship).rows
    return row


def excerpt(name: str) -> dict[str, imports.ImportRow]:
    return {row.source_id: row for row in reading((DATA / f"{name}.json").read_bytes()).rows}


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


# --- what -------------------------------------------------------------------------------------------------------


def test_unknown_and_numeric_codes_are_kept() -> None:
    row = one(types=["O", 11, "XYZ"])
    assert list(row.meeting.types) == ["O", "11", "XYZ"]
    assert list(row.warnings) == ["type 'XYZ' is not known: kept"]


def test_a_code_means_nothing_without_its_fellowship() -> None:
    row = one(fellowship="NA", types=["X", "S", "POA"])
    assert list(row.meeting.types) == ["X", "S", "POA"]
    assert not row.meeting.accessibility
    assert row.meeting.language == ""
    assert not row.warnings
    assert type_name("AA", "POA") == "Proof of Attendance"
    assert type_name("NA", "POA") is None


def test_languages_among_the_types_are_the_meetings_language_and_stay_types() -> None:
    row = one(types=["S", "O", "ASL"])
    assert row.meeting.language == "es"
    assert list(row.meeting.types) == ["S", "O", "ASL"]
    assert one(types=["ASL"]).meeting.language == "ase"
    assert "the first is taken" in one(types=["EN", "FR"]).warnings[0]


def test_the_default_language_is_for_records_that_name_none() -> None:
    data = json.dumps([{"slug": "a", "name": "A", "day": 1, "time": "19:00"}]).encode()
    assert reading(data, language="fr").rows[0].meeting.language == "fr"


def test_wheelchair_access_is_said_in_words() -> None:
    assert list(one(types=["X"]).meeting.accessibility) == ["wheelchair"]


@pytest.mark.parametrize(("fields", "title"), [({"group": "G"}, "G"), ({"location": "L"}, "L")])
def test_a_meeting_without_a_name_takes_its_groups_or_locations(fields: dict[str, Any], title: str) -> None:
    row = one(name=" ", **fields)
    assert row.meeting.title == title
    assert len(row.warnings) == 1


def test_notes_of_meeting_and_group_are_joined_and_tidied() -> None:
    row = one(notes=" Side door. \r\n\r\n\r\n\r\nRing twice.\r\n", group_notes="Cake on the 1st.\n")
    assert row.meeting.notes == "Side door.\n\nRing twice.\n\nCake on the 1st."


def test_lines_that_hold_a_passcode_never_become_public() -> None:
    row = one(notes="Bring a cup.\nPasscode: 149695", conference_url="https://meet.example.org/a")
    assert row.meeting.notes == "Bring a cup."
    assert row.meeting.online.notes == "Passcode: 149695"
    assert "kept private" in row.warnings[0]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Noon Zoom (Passcode: 1234)", "Noon Zoom"),
        ("Noon - Zoom, PW: 1234 (women)", "Noon - Zoom"),
        ("Serenity Group Passcode 1234", "Serenity Group"),
        ("Passcode: 1234 - Serenity", "Serenity"),
        ("Serenity | password | sober1 | women", "Serenity | women"),
        ("Serenity - passcode is - sober1", "Serenity"),
        ("Serenity (passcode) 1234", "Serenity"),
        ("Serenity - 1234 is the passcode", "Serenity"),
        ("Serenity sober1 (passcode)", "Serenity"),
        ("Serenity PIN 1234", "Serenity"),
        ("Serenity Passcode1234", "Serenity"),
        ("Passcode: 1234", "AA meeting"),
    ],
)
def test_a_passcode_in_a_name_is_kept_private_and_the_name_still_says_something(name: str, title: str) -> None:
    row = one(name=name, conference_url="https://meet.example.org/a")
    assert row.meeting.title == title
    assert row.meeting.online.notes == name
    assert "its name seems to hold a passcode: that is kept private" in row.warnings
    assert name not in public_text(row)


@pytest.mark.parametrize(
    "name", ["No Password Needed - Noon", "Pass It On", "Code Blue", "Spin Class", "12 & 12 - Noon"]
)
def test_a_name_without_a_passcode_stays_as_it_is(name: str) -> None:
    row = one(name=name)
    assert row.meeting.title == name
    assert not row.warnings


def test_a_passcode_in_the_groups_or_the_locations_name_is_kept_private_too() -> None:
    row = one(name="", group="Happy Hour, pw: 4321", location="Zoom (pw 4321)", conference_url="https://a.example/b")
    assert (row.meeting.title, row.meeting.group, row.place.title) == ("Happy Hour", "Happy Hour", "Zoom")
    assert row.meeting.online.notes == "Happy Hour, pw: 4321"
    assert "4321" not in public_text(row)


def public_text(row: imports.ImportRow) -> str:
    """What members may come to read, and the report."""
    said = imports.ImportRow()
    said.CopyFrom(row)
    said.ClearField("original")
    said.meeting.online.ClearField("notes")
    return str(said)


INVISIBLE = "\u200e\u200f\u00ad\ufeff\u200b\u200c\u200d\u061c\u2060\U000e0067\x00\ud800"
SEEN = "a\u0645\u064b\u0915\u094d\U0001f469\u2764\ufe0f \n\t\x85"


@pytest.mark.parametrize("hidden", list(INVISIBLE))
@pytest.mark.parametrize("key", ["slug", "name", "group", "location", "formatted_address", "region", "notes", "types"])
def test_a_character_that_cannot_be_seen_is_taken_out_without_a_word(key: str, hidden: str) -> None:
    plain, spoilt = "1 No", f"{hidden}1 N{hidden}o{hidden}"
    row = one(**{key: [spoilt] if key == "types" else spoilt}, fellowship="SMART")
    same = one(**{key: [plain] if key == "types" else plain}, fellowship="SMART")
    row.ClearField("original")
    same.ClearField("original")
    assert row == same
    assert problems(row) == ()


@given(st.text(INVISIBLE + SEEN, max_size=12), st.text(INVISIBLE + SEEN, min_size=1, max_size=7))
def test_no_record_is_refused_for_characters_whatever_stands_beside_them(text: str, repeated: str) -> None:
    long = (repeated * 260)[:260]
    keys = ("name", "group", "location", "formatted_address", "region", "location_notes", "conference_url_notes")
    for said in (text, long):
        row = one(**dict.fromkeys(keys, said), notes=long * 10, slug=f"a{said}", fellowship=f"A{text}")
        assert row.refusal in {"", "it has no name"}
        assert row.refusal or problems(row) == ()


def test_characters_that_deceive_are_taken_out() -> None:
    row = one(name="A\u202egnp\u0000\u200b B", notes="x\ud800y")
    assert row.meeting.title == "Agnp B"
    assert row.meeting.notes == "xy"


def test_what_is_left_of_any_text_is_what_the_meetings_service_takes() -> None:
    every = [chr(code) for code in range(0x30000)] + [chr(code) for code in range(0xE0000, 0xE1000)]
    assert [
        c for c in every if text_fault(words.line(f"a{c}b"), 9) or text_fault(words.line(f"\u0645{c}\u0645"), 9)
    ] == []
    assert words.line("\u0645\u06cc\u200c\u0634\u0648\u062f") == "\u0645\u06cc\u200c\u0634\u0648\u062f"
    assert words.line("\U0001f468\u200d\U0001f469") == "\U0001f468\u200d\U0001f469"
    assert words.text("a\u2028b\x85c") == "a\nb\nc"


def test_contacts_and_payment_handles_are_not_in_the_original() -> None:
    row = one(
        contact_1_name="Pat", contact_1_phone="555-0100", feedback_emails=["p@example.org"], email="p@example.org",
        phone="555-0100", venmo="@pat", paypal="pat", square="$pat", last_contact="2021-07-14", website="https://example.org",
    )  # fmt: skip
    kept = json.loads(row.original)
    assert sorted(kept) == ["day", "formatted_address", "name", "slug", "time", "website"]
    assert row.original == json.dumps(kept, sort_keys=True, separators=(",", ":"))


def test_the_same_record_gives_the_same_original_whatever_its_order() -> None:
    assert one(group="G", notes="N").original == one(notes="N", group="G").original


# --- where ------------------------------------------------------------------------------------------------------

LINK = {"conference_url": "https://meet.example.org/a"}
AREA = {"formatted_address": "Sussex County, DE, USA", "approximate": "yes", "location": "Online Meeting"}


@pytest.mark.parametrize(
    ("fields", "mode", "state"),
    [
        ({}, "IN_PERSON", "ACTIVE"),
        (LINK, "HYBRID", "ACTIVE"),
        (LINK | {"types": ["ONL"]}, "HYBRID", "ACTIVE"),
        (LINK | AREA, "ONLINE", "ACTIVE"),
        (LINK | {"formatted_address": ""}, "ONLINE", "ACTIVE"),
        (LINK | {"types": ["TC"]}, "ONLINE", "ACTIVE"),
        ({"types": ["TC"]}, "IN_PERSON", "SUSPENDED"),
        ({"types": ["ONL"]}, "ONLINE", "ACTIVE"),
        ({"conference_phone": "+1 555 0100", "formatted_address": ""}, "ONLINE", "ACTIVE"),
        (LINK | {"attendance_option": "online"}, "ONLINE", "ACTIVE"),
        (LINK | {"attendance_option": "in_person"}, "IN_PERSON", "ACTIVE"),
        (LINK | {"attendance_option": "hybrid", "types": ["TC"]}, "ONLINE", "ACTIVE"),
        ({"attendance_option": "in_person", "types": ["TC"]}, "IN_PERSON", "SUSPENDED"),
        ({"attendance_option": "inactive"}, "IN_PERSON", "SUSPENDED"),
    ],
)
def test_the_mode_is_as_stated_or_follows_from_what_there_is(fields: dict[str, Any], mode: str, state: str) -> None:
    meeting = one(**fields).meeting
    assert meetings.Mode.Name(meeting.mode) == f"MODE_{mode}"
    assert meetings.MeetingState.Name(meeting.state) == f"MEETING_STATE_{state}"


def test_what_is_taken_as_online_with_doubt_says_so() -> None:
    assert "no street address" in one(**LINK, formatted_address="Edmonton, Alberta, Canada").warnings[0]
    assert "no link or number" in one(formatted_address="").warnings[0]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "zoommtg://x", "https://user@example.org/", "https://", "meet"])
def test_a_link_that_is_not_http_is_dropped_with_a_line(url: str) -> None:
    row = one(conference_url=url)
    assert not row.meeting.HasField("online")
    assert "not an http or https link" in row.warnings[0]


def test_a_link_is_public_and_what_is_said_about_it_private() -> None:
    online = one(**LINK, conference_url_notes="Passcode 1234", conference_phone="+15550100").meeting.online
    assert online.access == meetings.ONLINE_ACCESS_PUBLIC
    assert online.url == "https://meet.example.org/a"
    assert online.phone == "+15550100"
    assert online.notes == "Passcode 1234"
    assert online.passcode == ""


def test_a_place_has_its_own_fields() -> None:
    row = one(
        location="Hall", location_notes="Back\r\ndoor", regions=["County", "Town"], latitude="38.5", longitude=-75.0,
    )  # fmt: skip
    assert row.place == places.Place(
        title="Hall", address="1 Main St, Town", area="Town, County", latitude=38.5, longitude=-75.0,
        notes="Back\ndoor", address_access=places.ADDRESS_ACCESS_PUBLIC,
    )  # fmt: skip


def test_an_address_in_parts_is_joined() -> None:
    parts: dict[str, Any] = {
        "address": "1 Main St",
        "city": "Town",
        "state": "DE",
        "postal_code": 19930,
        "country": "USA",
    }
    assert one(formatted_address=None, **parts).place.address == "1 Main St, Town, DE, 19930, USA"


def test_an_approximate_address_is_an_area_for_the_public() -> None:
    place = one(**LINK, **AREA).place
    assert place.approximate
    assert place.address_access == places.ADDRESS_ACCESS_AREA_ONLY
    assert place.area == "Sussex County, DE, USA"


@pytest.mark.parametrize(
    ("fields", "area"),
    [
        ({"formatted_address": "12 Oak St, Town"}, "Town"),
        ({"formatted_address": "12 Oak St, Town, DE 19930, USA"}, "Town, DE, USA"),
        ({"formatted_address": "The Hall, Unit 5, 12 Oak St, Edmonton, AB T5J 2R7, Canada"}, "Edmonton, AB, Canada"),
        ({"formatted_address": "Oak Street, Town, London SW1A 1AA, UK"}, "Town, London, UK"),
        ({"formatted_address": "Oak Ave. NW, Town"}, "Town"),
        ({"formatted_address": "Torstra\u00dfe 12, 10115 Berlin, Germany"}, "Germany"),
        ({"formatted_address": "The Elms, Town", "address": "The Elms"}, "Town"),
        ({"formatted_address": None, "address": "12 Oak St", "city": "Town", "postal_code": "19930"}, "Town"),
        ({"formatted_address": "12 Oak St"}, ""),
        ({"formatted_address": "12 Oak St, Town", "region": "12 oak st"}, "Town"),
        ({"formatted_address": "12 Oak St, Town", "regions": ["County", "Town, 12 Oak St"]}, "County"),
        ({"formatted_address": "12 Oak Street, Town", "region": "12 Oak St"}, "Town"),
        ({"formatted_address": "12 Oak St, Town", "region": "District 7"}, "District 7"),
        (
            {"formatted_address": "Edmonton, AB, Canada", "address": "Edmonton", "city": "Edmonton"},
            "Edmonton, AB, Canada",
        ),
    ],
)
def test_the_area_of_an_approximate_address_never_says_the_door(fields: dict[str, Any], area: str) -> None:
    place = one(approximate="yes", **fields).place
    assert place.address_access == places.ADDRESS_ACCESS_AREA_ONLY
    assert place.area == area


def test_an_exact_address_has_no_area_of_its_own_and_a_region_that_is_its_street_is_none() -> None:
    assert one(formatted_address="12 Oak St, Town").place.area == ""
    assert one(formatted_address="12 Oak St, Town", region="12 Oak St").place.area == ""


def test_a_nameless_meeting_does_not_take_a_private_door_for_a_name() -> None:
    assert (
        "no name" in one(name="", location="12 Oak St", formatted_address="12 Oak St, Town", approximate="yes").refusal
    )


def test_no_address_and_no_location_is_no_place() -> None:
    assert not one(**LINK, formatted_address="").HasField("place")


@pytest.mark.parametrize("position", [(0, 0), (91, 10), ("north", 10), (10, None), (1e999, 1)])
def test_coordinates_of_nowhere_are_left_out_and_said(position: tuple[Any, Any]) -> None:
    record = {"slug": "a", "name": "A", "day": 1, "time": "19:00", "location": "L", "latitude": position[0]}
    text = json.dumps([record | {"longitude": position[1]}]).replace("Infinity", "1e999")
    (row,) = reading(text.encode()).rows
    assert not row.place.HasField("latitude")
    assert any("latitude" in warning for warning in row.warnings)


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
