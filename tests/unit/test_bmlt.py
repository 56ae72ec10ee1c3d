"""BMLT lists of NA: what their formats, days and addresses become, and what is not guessed."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openchair.meetings.v1 import import_pb2 as imports

from services.formats import bmlt
from services.formats.records import Unreadable
from services.meetings import rows as meeting_rows

if TYPE_CHECKING:
    from services.formats.reading import Reading

DATA = Path(__file__).parent.parent / "data" / "bmlt"
FULL = Path(__file__).parents[3] / "shared" / "data" / "recovery"
SATURDAY = date(2026, 11, 21)
GERMAN = "https://narcotics-anonymous.de/bmlt"
ENGLISH = "https://latest.aws.bmlt.app/main_server"


def reading(found: Any, formats: Any = None, zone: str = "Europe/Berlin", language: str = "") -> Reading:
    given_formats = None if formats is None else json.dumps(formats).encode()
    return bmlt.read(json.dumps(found).encode(), given_formats, timezone=zone, today=SATURDAY, language=language)


def one(server: Any = None, /, **fields: str) -> imports.ImportRow:
    record = {
        "id_bigint": "7", "weekday_tinyint": "3", "start_time": "19:00:00", "duration_time": "01:30:00",
        "venue_type": "1", "meeting_name": "A", "location_street": "Hauptstr. 1", "location_municipality": "Berlin",
        "root_server_uri": GERMAN, "published": "1",
    }  # fmt: skip
    (row,) = reading([record | fields], server).rows
    return row


def german(*keys: str, **fields: str) -> imports.ImportRow:
    """A meeting with these formats of the German server."""
    known = json.loads((Path(bmlt.__file__).parent / "bmlt_formats.json").read_text(encoding="utf-8"))[GERMAN]
    ids = {key: id_ for id_, (key, _, _) in known.items()}
    shared = ",".join(ids[key] for key in keys)
    return one(**{"formats": ",".join(keys), "format_shared_id_list": shared} | fields)


def programmes(row: imports.ImportRow) -> list[tuple[list[int], str, list[str], int]]:
    return [(list(each.weeks), each.title, list(each.types), each.who_may_come) for each in row.meeting.programmes]


# --- when -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("day", "code", "start"), [("1", "SU", "22"), ("3", "TU", "24"), ("7", "SA", "21")])
def test_days_are_1_to_7_from_sunday(day: str, code: str, start: str) -> None:
    schedule = one(weekday_tinyint=day).meeting.schedule
    assert (schedule.rule, schedule.start) == (f"FREQ=WEEKLY;BYDAY={code}", f"2026-11-{start}T19:00")
    assert (schedule.minutes, schedule.time_zone) == (90, "Europe/Berlin")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"weekday_tinyint": "0"}, "weekday_tinyint '0'"),
        ({"weekday_tinyint": "8"}, "weekday_tinyint '8'"),
        ({"weekday_tinyint": ""}, "it has no day"),
        ({"start_time": ""}, "it has no time"),
        ({"time_zone": "Mars/Base"}, "time zone 'Mars/Base'"),
        ({"published": "0"}, "not published"),
        ({"meeting_name": ""}, "it has no name"),
        ({"id_bigint": ""}, "it has no id_bigint"),
    ],
)
def test_a_meeting_that_cannot_be_translated_says_why(fields: dict[str, str], reason: str) -> None:
    row = one(**fields)
    assert reason in row.refusal
    assert not row.HasField("meeting")


def test_the_meetings_own_zone_wins_and_a_length_that_is_none_is_an_hour() -> None:
    row = one(time_zone="America/New_York", duration_time="00:00:00")
    assert (row.meeting.schedule.time_zone, row.meeting.schedule.minutes) == ("America/New_York", 60)
    assert "an hour is taken" in row.warnings[0]


# --- formats ----------------------------------------------------------------------------------------------------------


def test_formats_of_weeks_are_programmes_and_no_types() -> None:
    row = german("Sp1", "Sp3", "SpL", "nfh")
    assert programmes(row) == [([1, 3, -1], "Speaker", ["SPK"], 0)]
    assert list(row.meeting.types) == ["JFT"]
    assert row.meeting.who_may_come == 0


def test_the_last_week_is_one_also_where_only_the_description_says_so() -> None:
    said = {"id": "122", "key_string": "FuAL", "world_id": "QA", "format_type_enum": "FC1-*", "name_string": "Q&A"}
    for about in ("Last week of the month: Question and Answer", "Letzte Woche des Monats: Frage und Antwort"):
        row = one([{**said, "description_string": about}], formats="FuAL", format_shared_id_list="122")
        assert programmes(row) == [([-1], "Questions and Answers", ["QA"], 0)]
        assert list(row.meeting.types) == []
    assert programmes(german("FuAL")) == [([-1], "Questions and Answers", ["QA"], 0)]


@pytest.mark.parametrize(
    ("keys", "days", "start"),
    [
        (("Wo1", "Wo3"), "1TU,3TU", "2026-12-01"),
        (("Wo4", "Wo2", "Sp"), "2TU,4TU", "2026-11-24"),
        (("Wo3",), "3TU", "2026-12-15"),
    ],
    ids=["1 and 3", "2 and 4", "3"],
)
def test_what_is_held_in_some_weeks_alone_is_not_weekly(keys: tuple[str, ...], days: str, start: str) -> None:
    row = german(*keys)
    schedule = row.meeting.schedule
    assert (schedule.rule, schedule.start) == (f"FREQ=MONTHLY;BYDAY={days}", f"{start}T19:00")
    assert (programmes(row), list(row.warnings), meeting_rows.problems(row)) == ([], [], ())


def test_weeks_in_which_alone_it_is_held_are_read_where_the_server_says_them() -> None:
    only = [
        {
            "id": str(number),
            "key_string": f"X{number}",
            "name_string": f"Findet nur in der {week} Woche des Monats statt",
        }
        for number, week in enumerate(("2.", "letzten"), 1)
    ]
    row = one(only, formats="X1,X2", format_shared_id_list="1,2")
    assert row.meeting.schedule.rule == "FREQ=MONTHLY;BYDAY=2TU,-1TU"


def test_formats_without_a_name_in_the_language_asked_for_are_those_known_of_the_server() -> None:
    row = one(
        [{"id": "208", "key_string": "pl", "world_id": "LANG"}], formats="Wo1,pl", format_shared_id_list="100,208"
    )
    assert (row.meeting.schedule.rule, row.meeting.language) == ("FREQ=MONTHLY;BYDAY=1TU", "pl")


def test_in_an_open_week_everybody_may_come_and_else_members() -> None:
    row = german("O1", "O5")
    assert programmes(row) == [([1, 5], "Open", ["O"], 1)]
    assert row.meeting.who_may_come == 2


@pytest.mark.parametrize(
    ("keys", "who"),
    [(("O",), 1), (("O", "O1"), 1), (("O1",), 2), (("nfh",), 0)],
    ids=["open", "both", "a week", "none"],
)
def test_who_may_come_is_as_stated(keys: tuple[str, ...], who: int) -> None:
    assert german(*keys).meeting.who_may_come == who


def test_closed_is_for_members_on_a_server_that_says_so() -> None:
    row = one(root_server_uri=ENGLISH, formats="C,CH,WC,YP", format_shared_id_list="4,5,33,34")
    assert (row.meeting.who_may_come, row.meeting.holidays) == (2, 1)
    assert list(row.meeting.types) == ["C", "CH", "WCHR", "Y"]
    assert (list(row.meeting.accessibility), list(row.meeting.focus)) == (["wheelchair"], ["young-people"])


def test_not_on_holidays_is_a_rule_of_the_meeting() -> None:
    assert german("naf").meeting.holidays == 1
    assert german("nfh").meeting.holidays == 0


@pytest.mark.parametrize(("key", "focus"), [("F", "women"), ("M", "men"), ("glbtiiq", "lgbtq"), ("new", "newcomers")])
def test_whom_it_is_for(key: str, focus: str) -> None:
    assert list(german(key).meeting.focus) == [focus]


def test_languages_are_no_types() -> None:
    meeting = german("en", "de", "nfh").meeting
    assert (meeting.language, list(meeting.other_languages), list(meeting.types)) == ("en", ["de"], ["JFT"])
    assert german("nfh", lang_enum="de").meeting.language == "de"
    signed = one(root_server_uri=ENGLISH, formats="SL,ES", format_shared_id_list="24,9", lang_enum="en").meeting
    assert (signed.language, list(signed.other_languages)) == ("es", ["ase"])


def test_the_same_key_is_another_format_on_another_server() -> None:
    assert list(german("CL").meeting.types) == ["LC"]
    candles = one(root_server_uri=ENGLISH, formats="CL", format_shared_id_list="6")
    assert list(candles.meeting.types) == ["CAN"]


def test_an_id_counts_before_a_key() -> None:
    row = one(root_server_uri=ENGLISH, formats="CL", format_shared_id_list="51")
    assert (list(row.meeting.types), list(row.warnings)) == (["LC"], [])


def test_a_key_in_another_language_is_known_by_the_id_beside_it() -> None:
    row = one(formats="wf,zz", format_shared_id_list="110,2222")
    assert (list(row.meeting.types), list(row.warnings)) == (["VAR", "zz"], ["format 'zz' is not known: kept"])


def test_the_formats_that_are_given_count_before_those_known_here() -> None:
    formats = [
        {"id": "1", "key_string": "Xy", "world_id": "", "format_type_enum": "FC1-2", "name_string": "Week 2: Cake"},
        {"id": "2", "key_string": "fr", "world_id": "LANG", "format_type_enum": "FC3", "name_string": "French"},
        {"id": "3", "key_string": "zu", "world_id": "", "format_type_enum": "", "name_string": "Temporarily closed"},
    ]
    row = one(formats, formats="Xy,fr,zu,O", format_shared_id_list="1,2,3,2222")
    assert programmes(row) == [([2], "Xy", ["Xy"], 0)]
    assert (row.meeting.language, list(row.meeting.types)) == ("fr", ["TC", "O"])
    assert row.meeting.state == 2
    assert list(row.warnings) == ["format 'O' is not known: kept"]


def test_formats_that_stand_beside_the_meetings_are_taken() -> None:
    formats = [{"id": "1", "key_string": "q", "world_id": "STEP", "format_type_enum": "FC1"}]
    record = json.loads((DATA / "berlin.json").read_text(encoding="utf-8"))[0]
    record |= {"formats": "q", "format_shared_id_list": "1"}
    (row,) = reading({"meetings": [record], "formats": formats}).rows
    assert list(row.meeting.types) == ["STEP"]


def test_of_a_server_that_is_not_known_nothing_is_made_of_codes() -> None:
    row = one(root_server_uri="https://elsewhere.example.org", formats="zz,O1,naf", format_shared_id_list="1,3,99")
    assert list(row.meeting.types) == ["zz", "O1", "naf"]
    assert (row.meeting.holidays, len(row.meeting.programmes), row.meeting.who_may_come) == (0, 0, 0)
    assert "give --formats" in row.warnings[0]


@pytest.mark.parametrize(
    "notes",
    [
        "1. & 3. Woche Sprecher", "Woche 3: Geburtstag", "Arbeitsmeeting in der 3. Woche des Monats",
        "1st Sunday of the month speaker", "last Friday open", "1. Sprechermeeting 2. Literaturmeeting",
    ],
)  # fmt: skip
def test_weeks_in_free_text_are_not_guessed_and_said_so(notes: str) -> None:
    row = one(comments=notes)
    assert (len(row.meeting.programmes), row.meeting.notes) == (0, notes)
    assert list(row.warnings) == ["its notes speak of weeks of the month: they are kept as notes, and not read"]


# --- where, and how to join -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("venue", "mode"), [("1", 1), ("2", 2), ("3", 3), ("", 1)])
def test_how_people_take_part_is_as_stated(venue: str, mode: int) -> None:
    assert one(venue_type=venue, virtual_meeting_link="https://meet.example.org/1").meeting.mode == mode


def test_an_online_meeting_has_no_place_whatever_the_servers_coordinates_say() -> None:
    row = one(venue_type="2", latitude="34.235918", longitude="-118.563659", virtual_meeting_link="https://a.example/1",
              virtual_meeting_additional_info="Passcode 4711")  # fmt: skip
    assert not row.HasField("place")
    assert row.meeting.online.notes == "Passcode 4711"
    assert "4711" not in row.extra


def test_an_address_is_written_as_there() -> None:
    row = one(location_postal_code_1="10117", location_province="Berlin", location_nation="Deutschland",
              location_city_subsection="Mitte", location_text="Haus#@-@#Alte Post", location_info="Haus D, Raum 5",
              public_transport="\u00d6PNV#@-@#U6", latitude="52.5", longitude="13.4")  # fmt: skip
    assert (row.place.title, row.place.address) == ("Alte Post", "Hauptstr. 1, 10117 Berlin, Deutschland")
    assert (list(row.place.regions), row.place.area) == (["Berlin", "Mitte"], "Mitte, Berlin")
    assert row.place.notes == "Haus D, Raum 5\nU6"
    row = one(location_province="FL", location_postal_code_1="33101", location_municipality="Miami")
    assert row.place.address == "Hauptstr. 1, Miami, FL 33101"


def test_where_no_more_than_a_town_is_told_the_coordinates_are_not_public() -> None:
    row = one(location_street="", latitude="52.44", longitude="13.44")
    assert (row.place.title, row.place.address_access, row.place.approximate) == ("Berlin", 2, True)
    park = one(location_street="", location_text="Am Karpfenteich", latitude="52.44", longitude="13.44")
    assert (park.place.address_access, park.place.approximate) == (1, False)


def test_a_closed_house_suspends_and_a_link_goes_on() -> None:
    assert german("VG").meeting.state == 2
    hybrid = german("TC", venue_type="3", virtual_meeting_link="https://meet.example.org/1").meeting
    assert (hybrid.mode, hybrid.state) == (2, 1)


def test_contacts_and_addresses_for_mail_are_dropped() -> None:
    private = {"contact_name1": "Ann", "contact_phone_1": "+49 30 1234567", "email_contact": "ann@example.org"}
    row = one(**private, comments="Ask b@example.org first", location_info="or b@example.org")
    assert [word for word in ("Ann", "ann@", "1234567") if word in str(row)] == []
    row.ClearField("original")
    assert "@" not in str(row)
    assert "an e-mail address is left out of its comments" in row.warnings


# --- files ------------------------------------------------------------------------------------------------------------


def test_an_excerpt_of_berlin() -> None:
    found = bmlt.read((DATA / "berlin.json").read_bytes(), None, timezone="Europe/Berlin", today=SATURDAY)
    assert found.refused == []
    assert [meeting_rows.problems(row) for row in found.rows] == [()] * len(found.rows)
    assert sum(bool(row.meeting.programmes) for row in found.rows) >= 3


@pytest.mark.skipif(not FULL.exists(), reason="the full list is not beside the checkout")
def test_the_whole_of_berlin() -> None:
    data = (FULL / "bmlt_berlin_meetings.json").read_bytes()
    formats = (FULL / "bmlt_german_formats_en.json").read_bytes()
    given_formats = bmlt.read(data, formats, timezone="Europe/Berlin", today=SATURDAY)
    known = bmlt.read(data, None, timezone="Europe/Berlin", today=SATURDAY)
    assert (len(known.rows), known.refused) == (108, [])
    assert given_formats.rows == known.rows
    assert sum(bool(row.meeting.programmes) for row in known.rows) == 44
    assert sum("FREQ=MONTHLY" in row.meeting.schedule.rule for row in known.rows) == 2
    assert [meeting_rows.problems(row) for row in known.rows] == [()] * 108


@pytest.mark.parametrize("data", [b"", b"<html></html>", b"[]", b'{"a":1}', b"\xff\xfe[", b"[" * 100_000])
def test_what_is_no_list_is_refused_as_a_whole(data: bytes) -> None:
    with pytest.raises(Unreadable):
        bmlt.read(data, None, timezone="UTC", today=SATURDAY)


VALUES = st.one_of(st.text(max_size=40), st.none(), st.integers(), st.lists(st.text(max_size=5), max_size=3))
FIELDS = ["id_bigint", "weekday_tinyint", "start_time", "duration_time", "venue_type", "meeting_name", "formats",
          "format_shared_id_list", "location_street", "location_text", "latitude", "longitude", "comments",
          "virtual_meeting_link", "phone_meeting_number", "lang_enum", "other"]  # fmt: skip


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES), min_size=1, max_size=4))
def test_whatever_a_record_holds_it_gives_one_row_that_can_be_sent(found: list[dict[str, Any]]) -> None:
    rows = reading(found).rows
    assert [row.number for row in rows] == list(range(1, len(found) + 1))
    for row in rows:
        imports.ImportRow.FromString(row.SerializeToString())
        assert bool(row.refusal) != row.HasField("meeting")
        assert row.refusal or meeting_rows.problems(row) == ()
