"""A centre's meetings as Meeting Guide JSON: sound, whole, and read back as what they are."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from openchair.meetings.v1 import meeting_pb2

from services.formats import csv_guide, ours
from services.formats.meeting_guide_out import records, written
from services.formats.weekly import clock
from services.meetings.provenance import FIELDS
from services.meetings.series import WRITABLE
from tests.unit.guide_examples import DATA, FULL, SATURDAY, one, reading
from tests.unit.guide_views import BASE, CENTRE, alike, housed, seen

if TYPE_CHECKING:
    from services.meetings.types import Meeting

SCHEMA = json.loads((DATA / "list.schema.json").read_text(encoding="utf-8"))
LINK = {"conference_url": "https://meet.example.org/a"}
LISTS = {name: DATA / f"{name}.json" for name in ("edmonton", "sussexaa", "oiaa")}
WHOLE = {
    "edmonton": FULL / "meeting_guide_feed_edmonton.json",
    "sussexaa": FULL / "meeting_guide_feed_sussexaa.json",
    "oiaa": FULL / "oiaa_online_meetings.json",
}
LISTS |= {name: path for name, path in WHOLE.items() if path.exists()}


def out(*meetings: meeting_pb2.Meeting, today: date = SATURDAY) -> list[dict[str, Any]]:
    found = records(meetings, CENTRE, BASE, today)
    jsonschema.validate(found, SCHEMA)
    return found


def of(fellowship: str = "AA", **fields: Any) -> dict[str, Any]:
    """What goes out of a record that came in."""
    (found,) = out(seen(housed(one(fellowship, **fields))))
    return found


def meeting(**fields: Any) -> meeting_pb2.Meeting:
    """A public view by its fields."""
    said: dict[str, Any] = {
        "name": "centres/house/meetings/m1",
        "lineage": "m1",
        "title": "Tuesday Group",
        "state": "MEETING_STATE_ACTIVE",
        "mode": "MODE_IN_PERSON",
        "schedule": schedule(),
    }
    return ParseDict(said | fields, meeting_pb2.Meeting())


def schedule(start: str = "2026-11-24T19:00", rule: str = "FREQ=WEEKLY;BYDAY=TU", **more: Any) -> dict[str, Any]:
    return {"start": start, "time_zone": "America/Edmonton", "minutes": 90, "rule": rule, **more}


# --- lists that came in ----------------------------------------------------------------------------------------------


def came_in(name: str) -> list[dict[str, Any]]:
    found = json.loads(LISTS[name].read_text(encoding="utf-8"))
    return list(found["meetings"] if isinstance(found, dict) else found)


@pytest.mark.parametrize("name", LISTS)
def test_what_went_out_comes_in_as_the_same_meetings_and_goes_out_as_the_same_list(name: str) -> None:
    rows = [row for row in reading(LISTS[name].read_bytes()).rows if not row.refusal]
    first = [housed(row) for row in rows]
    told = out(*map(seen, first))
    again = reading(written(told)).rows
    assert len(told) == len(first) == len(again)
    assert [row.refusal for row in again] == [""] * len(again)

    private = {each.id for each in first if withheld(each)}
    assert {row.source_id for row in again} & {each.id for each in first} == private
    second = [housed(row) for row in again if row.source_id not in private]
    assert {each.id: alike(each) for each in second} == {each.id: alike(each) for each in first if not withheld(each)}
    assert out(*map(seen, second)) == [record for record in told if record["slug"] not in private]


def withheld(meeting: Meeting) -> bool:
    """Whether the public does not learn where it is: then it does not learn of its source either."""
    return not seen(meeting).HasField("source")


def normal(key: str, value: Any) -> Any:
    """A value as the documented normalisation has it: docs/formats.md."""
    if key in {"name", "group", "location", "address", "formatted_address", "region"}:
        return " ".join(str(value).split())
    if key == "day":
        days = sorted(day % 7 for day in (value if isinstance(value, list) else [value]))
        return days[0] if len(days) == 1 else days
    if key in {"notes", "location_notes", "group_notes"}:
        return "\n".join(line.rstrip() for line in value.replace("\r\n", "\n").replace("\t", " ").split("\n")).strip()
    if key == "types":
        return sorted({str(code) for code in value} - {""})
    return value


@pytest.mark.skipif("edmonton" not in WHOLE, reason="needs the list")
def test_edmonton_goes_out_with_every_record_and_every_field_that_came_in() -> None:
    sources = {record["slug"]: record for record in came_in("edmonton")}
    rows = {row.source_id: row for row in reading(LISTS["edmonton"].read_bytes()).rows}
    told = {record["slug"]: record for record in out(*(seen(housed(row)) for row in rows.values()))}
    assert told.keys() == sources.keys()

    lost: dict[str, dict[str, tuple[Any, Any, list[str]]]] = {}
    for slug, source in sources.items():
        record, row = told[slug], rows[slug]
        for key, value in source.items():
            if value in (None, "", []):
                continue
            if key == "time":
                same = record["time"] == str(clock(value))[:5]
            elif key == "updated":
                same = f"{record['updated'].replace(' ', 'T')}.000Z" == row.source_update_time
            elif key == "address":
                same = record.get("formatted_address") == normal(key, value)
            else:
                same = normal(key, record.get(key, "")) == normal(key, value)
            if not same:
                lost.setdefault(key, {})[slug] = (value, record.get(key), list(row.warnings))
    explained = {key: {slug: found for slug, found in each.items() if not found[2]} for key, each in lost.items()}
    assert {key: found for key, found in explained.items() if found} == {}
    assert set(lost) <= {"notes", "conference_url", "conference_phone", "types"}


# --- one record -------------------------------------------------------------------------------------------------------


def test_a_record_says_when_and_where_in_the_words_of_the_format() -> None:
    record = of(
        day=2, time="7:00 PM", end_time="8:30 PM", location="Hall", location_notes="Ring", region="Town",
        sub_region="Q",
        group="G", notes="N", group_notes="GN", updated="2026-01-02 03:04:05", types=["O", "S", "ASL"],
        latitude=53.5, longitude=-113.5, url="https://list.example.org/a", district="7",
    )  # fmt: skip
    ours = record.pop("openchair")
    assert record == {
        "name": "A", "slug": "a", "day": 2, "time": "19:00", "end_time": "20:30", "timezone": "America/Edmonton",
        "types": ["O", "S", "ASL"], "region": "Town", "sub_region": "Q", "regions": ["Town", "Q"], "location": "Hall",
        "formatted_address": "1 Main St, Town", "location_notes": "Ring", "approximate": "no", "latitude": 53.5,
        "longitude": -113.5, "group": "G", "notes": "N", "group_notes": "GN", "attendance_option": "in_person",
        "url": "https://list.example.org/a", "updated": "2026-01-02 03:04:05", "district": "7",
        "entity": "The House", "entity_website_url": "https://house.example.org",
    }  # fmt: skip
    assert ours["url"] == "https://house.example.org/centre/house"
    assert ours["calendar"].startswith("https://house.example.org/calendars/house/meeting/")
    assert (ours["source_fields"], ours["meeting"]["kind"]) == (["district", "group_notes"], "support-meeting")


def test_several_days_are_a_list_and_an_end_past_midnight_is_before_the_start() -> None:
    record = of(day=[1, 3, 0], time="23:30", end_time="00:30")
    assert (record["day"], record["time"], record["end_time"]) == ([0, 1, 3], "23:30", "00:30")


@pytest.mark.parametrize(
    ("start", "rule"),
    [
        ("2026-11-03T19:00", "FREQ=MONTHLY;BYDAY=1TU"),
        ("2026-11-10T19:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"),
        ("2026-11-24T19:00", ""),
    ],
    ids=["monthly", "every other week", "once"],
)
def test_what_is_not_held_every_week_has_no_day_and_its_rule_in_our_part(start: str, rule: str) -> None:
    (record,) = out(meeting(schedule=schedule(start, rule)))
    assert not {"day", "time", "end_time"} & record.keys()
    assert record["openchair"]["meeting"]["schedule"].get("rule", "") == rule
    (row,) = reading(written([record])).rows
    assert (row.refusal, row.meeting.schedule.rule, row.meeting.schedule.start) == ("", rule, start)


def test_a_record_of_another_fellowship_than_the_list_is_read_with_its_own_codes() -> None:
    (record,) = out(meeting(fellowship="NA", types=["S", "SPK"]))
    (row,) = reading(written([record])).rows
    assert (row.meeting.fellowship, list(row.meeting.types), row.meeting.language) == ("NA", ["S", "SPK"], "")


def test_what_begins_later_than_in_a_week_has_no_day_yet() -> None:
    (record,) = out(meeting(schedule=schedule("2026-12-08T19:00")))
    assert "day" not in record
    (record,) = out(meeting(schedule=schedule("2026-12-08T19:00")), today=date(2026, 12, 2))
    assert record["day"] == 2


def test_what_is_over_or_deleted_is_not_listed() -> None:
    ended = schedule("2026-11-03T19:00", "FREQ=WEEKLY;UNTIL=20261117;BYDAY=TU")
    assert out(meeting(schedule=ended)) == []
    assert out(meeting(state="MEETING_STATE_CANCELLED")) == []
    moved = [{"date": "2026-11-17", "start": "2026-11-25T19:00"}]
    assert len(out(meeting(schedule=ended, changes=moved))) == 1


def test_of_a_series_that_was_split_the_part_in_force_is_told_and_what_comes_after_it_stands_with_it() -> None:
    now = meeting(schedule=schedule("2026-11-03T19:00", "FREQ=WEEKLY;UNTIL=20261201;BYDAY=TU"))
    then = meeting(name="centres/house/meetings/m2", schedule=schedule("2026-12-08T18:00"))
    (record,) = out(then, now)
    assert (record["slug"], record["time"]) == ("m1", "19:00")
    assert record["openchair"]["later"][0]["from"] == "2026-12-08"
    (row,) = reading(written([record])).rows
    assert row.warnings == ["from 2026-12-08 on it has another schedule: import the list again then"]
    assert row.meeting.schedule.rule.endswith("UNTIL=20261201;BYDAY=TU")
    (record,) = out(now, then, today=date(2026, 12, 2))
    assert (record["slug"], record["time"]) == ("m1", "18:00")


def test_a_suspended_meeting_is_listed_as_closed_and_stays_suspended() -> None:
    record = of(types=["TC", "O"])
    assert ("TC" in record["types"], record["attendance_option"]) == (True, "inactive")
    (record,) = out(meeting(state="MEETING_STATE_SUSPENDED", fellowship="AA", types=["O"]))
    assert (record["types"], record["attendance_option"]) == (["O", "TC"], "inactive")
    (row,) = reading(written([record])).rows
    assert (row.meeting.state, list(row.meeting.types)) == (2, ["O"])


def test_nobody_is_sent_to_a_meeting_of_which_the_next_four_weeks_are_cancelled() -> None:
    off = [
        {"date": day, "cancelled": True, "reason": "Closed", "closure": "centres/house/closures/c"}
        for day in ("2026-11-24", "2026-12-01", "2026-12-08", "2026-12-15")
    ]
    (record,) = out(meeting(changes=off))
    assert record["attendance_option"] == "inactive"
    assert "TC" in record["types"]
    (record,) = out(meeting(changes=off[1:]))
    assert record["attendance_option"] == "in_person"
    assert [each["date"] for each in record["openchair"]["exceptions"]] == ["2026-12-01", "2026-12-08", "2026-12-15"]
    (row,) = reading(written([record])).rows
    assert (row.meeting.state, list(row.changes)) == (1, [])  # a closure is for the house that made it


def test_a_person_who_opens_a_closed_meeting_again_takes_the_code_away() -> None:
    (record,) = out(meeting(fellowship="AA", types=["O", "TC"]))
    assert record["types"] == ["O"]
    (row,) = reading(written([record])).rows
    assert list(row.meeting.types) == ["O", "TC"]


def test_all_that_the_format_cannot_say_is_read_back() -> None:
    told = meeting(
        kind="workshop", fellowship="NA", mode="MODE_HYBRID", language="de", other_languages=["en"],
        approach="APPROACH_SECULAR", focus=["women"], led_by="LED_BY_PEER", who_may_come="WHO_MAY_COME_EVERYBODY",
        first_visit="Come early", capacity=40, holidays="HOLIDAY_RULE_NOT_ON_HOLIDAYS", cost="free", scholarship=True,
        registration_opens="2026-11-01T09:00", website="https://w.example.org", accessibility=["wheelchair"],
        online={"access": 1, "url": "https://meet.example.org/1"},
        programmes=[{"weeks": [3], "title": "Speaker", "who_may_come": 1}],
        changes=[{"date": "2026-12-01", "cancelled": True}, {"date": "2026-12-08", "start": "2026-12-09T18:00"}],
    )  # fmt: skip
    (record,) = out(told)
    (row,) = reading(written([record])).rows
    for field in ours.FIELDS:
        assert getattr(row.meeting, field) == getattr(told, field), field
    assert list(row.changes) == list(told.changes)
    assert row.public_only
    assert not row.warnings


def test_an_agenda_is_read_back_without_the_rooms_that_mean_nothing_elsewhere() -> None:
    sessions = [
        {"id": "s1", "title": "Welcome", "day": 1, "time": "19:00", "minutes": 30, "rooms": ["centres/house/rooms/r"]}
    ]
    (record,) = out(meeting(schedule=schedule(rule=""), sessions=sessions))
    (row,) = reading(written([record])).rows
    assert [(each.title, list(each.rooms)) for each in row.meeting.sessions] == [("Welcome", [])]


@pytest.mark.parametrize("part", [{"meeting": {"mode": []}}, {"exceptions": [7, {"date": 1}]}, {"source_fields": [1]}])
def test_a_part_that_somebody_made_up_breaks_nothing(part: dict[str, Any]) -> None:
    row = one(openchair=part)
    assert row.refusal == ""


# --- what is not told ------------------------------------------------------------------------------------------------


def test_an_address_that_is_withheld_is_not_in_the_list_and_said_to_be_withheld() -> None:
    record = of(**LINK, approximate="yes", formatted_address="12 Secret Ln, Town, ST", location="Ann's", region="Town")
    text = json.dumps(record)
    assert "Secret" not in text
    assert "Ann" not in text
    assert (record["formatted_address"], record["approximate"]) == ("Town", "yes")
    assert record["openchair"]["withheld"] == ["address"]
    (row,) = reading(written([record])).rows
    assert (row.place.title, row.place.address, row.place.address_access) == ("Town", "", 2)


def test_no_list_holds_a_passcode_or_a_contact() -> None:
    record = of(
        **LINK, conference_url_notes="Passcode 4711", notes="Bring a cup\nPassword: 4711", group_notes="pw: 4711",
        contact_1_name="Ann B", contact_1_phone="+1 555 0100", email="ann@example.org",
        feedback_emails=["b@example.org"],
        venmo="@ann", author="Ann", secretary="Ann", hint="call Ann +1 (780) 555-0100", more={"pin": "4711"},
        feedback_url="mailto:ann@example.org", zoom_passcode="4711", deep=[{"mail": "ann@example.org"}],
    )  # fmt: skip
    text = json.dumps(record)
    assert [
        word for word in ("4711", "Ann", "ann@", "example.org/b", "5550100", "555-0100", "@ann") if word in text
    ] == []
    assert record["notes"] == "Bring a cup"


def test_what_no_field_holds_comes_back_as_it_was() -> None:
    fields: dict[str, Any] = {"district": "District 01", "region_id": 213, "edit_url": "https://list.example.org/e/2832480623",
              "flags": {"hidden": False, "ids": [1, 2]}, "time_formatted": "7:00 pm"}  # fmt: skip
    record = of(**fields)
    assert {key: record[key] for key in fields} == fields


def test_what_no_field_holds_is_at_most_16_kib() -> None:
    row = one(long="x" * 17_000, short="y")
    assert json.loads(row.extra) == {"short": "y"}
    assert "its long is too long to be kept" in row.warnings


def test_two_sources_with_the_same_slug_do_not_clash() -> None:
    first, second = seen(housed(one())), seen(housed(one()))
    second.name, second.lineage = "centres/house/meetings/m2", "m2"
    assert sorted(record["slug"] for record in out(first, second)) == ["a", "m2"]


# --- laws -------------------------------------------------------------------------------------------------------------


def test_every_field_that_may_be_written_goes_out_or_is_for_few() -> None:
    in_the_record = {"title", "group", "notes", "schedule", "types", "state", "place", "online"}
    for_few = {"visibility", "invite_group", "rooms", "online_host"}
    assert set(ours.FIELDS) | in_the_record | for_few == set(WRITABLE)


def test_every_field_that_may_be_written_may_be_local_but_for_the_group_that_opens_it() -> None:
    assert set(FIELDS) | {"rooms", "online_host", "invite_group"} == set(WRITABLE)


WORD = st.sampled_from(["Hall", "1 Main St, Town", "Town", "pw: 4711", "\u00dcber", "=1+1", "", "a\nb", "12", " x "])
RECORD = st.fixed_dictionaries(
    {
        "slug": st.sampled_from(["a", "B.c", "with space", "7", "\u00fc", "x" * 80]),
        "name": st.sampled_from(["A", "Noon (pw: 1)", "\u00c4 & B"]),
        "day": st.one_of(st.integers(0, 6), st.lists(st.integers(0, 6), min_size=1, max_size=7)),
        "time": st.sampled_from(["00:00", "7:30 PM", "noon", "23:59"]),
    },
    optional={
        "end_time": st.sampled_from(["00:00", "07:15", "23:58"]),
        "types": st.lists(st.sampled_from(["O", "C", "S", "EN", "ASL", "TC", "ONL", "W", "X", "ZZ", "A"]), unique=True),
        "formatted_address": WORD, "location": WORD, "location_notes": WORD, "region": WORD, "sub_region": WORD,
        "regions": st.lists(WORD, max_size=3), "notes": WORD, "group": WORD, "group_notes": WORD,
        "approximate": st.sampled_from(["yes", "no"]), "latitude": st.sampled_from([53.5461, -0.1, 90]),
        "longitude": st.sampled_from([-113.4938, 0.1]),
        "conference_url": st.sampled_from(["https://a.example.org/1", "x"]), "conference_phone": st.just("+15550100"),
        "attendance_option": st.sampled_from(["in_person", "online", "hybrid", "inactive"]), "district": WORD,
        "id": st.integers(0, 9), "url": st.sampled_from(["https://list.example.org/1", ""]),
        "timezone": st.sampled_from(["Europe/Berlin", "Asia/Kolkata"]), "updated": st.just("2026-01-02 03:04:05"),
    },
)  # fmt: skip


@given(RECORD, st.booleans())
def test_a_record_goes_out_and_comes_in_as_the_same_meeting(record: dict[str, Any], table: bool) -> None:
    (row,) = reading(json.dumps([record]).encode()).rows
    if row.refusal:
        return
    first = housed(row)
    told = out(seen(first))
    (again,) = table_read(told) if table else reading(written(told)).rows
    assert again.refusal == ""
    if withheld(first):
        assert again.source_id == first.id
    else:
        assert alike(housed(again)) == alike(first)


def table_read(told: list[dict[str, Any]]) -> Any:
    """The rows of the same list as a table."""
    data = csv_guide.written(told)
    return csv_guide.read(data, fellowship="AA", timezone="America/Edmonton", today=SATURDAY).rows
