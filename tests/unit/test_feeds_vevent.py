"""What a meeting's VEVENTs say, property by property."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from icalendar import Calendar
from openchair.meetings.v1 import meeting_pb2

from services.feeds.vevent import render
from services.recurrence.types import RecurrenceError
from tests.unit.feeds_examples import id_of, meeting

MOVED = "2026-12-09T18:00"


def lines(one: meeting_pb2.Meeting) -> list[str]:
    """Unfolded content lines, RFC 5545 section 3.1."""
    return render(one).body.decode().replace("\r\n ", "").split("\r\n")


def events(one: meeting_pb2.Meeting) -> list[Any]:
    return list(Calendar.from_ical(b"BEGIN:VCALENDAR\r\n" + render(one).body + b"END:VCALENDAR\r\n").events)


def starting(one: meeting_pb2.Meeting, name: str) -> list[str]:
    return [line for line in lines(one) if re.match(rf"{name}[;:]", line)]


def changed(one: meeting_pb2.Meeting, date: str, **fields: Any) -> meeting_pb2.Meeting:
    one.changes.add(date=date, **fields)
    return one


def online(**fields: Any) -> meeting_pb2.Meeting:
    link: dict[str, Any] = {
        "access": meeting_pb2.ONLINE_ACCESS_PUBLIC,
        "url": "https://meet.example/j/1?a=b,c;d",
        **fields,
    }
    return meeting(mode=meeting_pb2.MODE_HYBRID, online=meeting_pb2.Online(**link))


def test_the_uid_is_the_meetings_id_at_a_fixed_domain() -> None:
    assert starting(meeting(), "UID") == [f"UID:{id_of(1)}@openchair"]


def test_stamps_are_of_the_revision_in_utc_and_stand_once() -> None:
    one = meeting()
    for name, value in {
        "DTSTAMP": "20261101T123015Z",
        "LAST-MODIFIED": "20261101T123015Z",
        "CREATED": "20260102T000000Z",
        "SEQUENCE": "3",
    }.items():
        assert starting(one, name) == [f"{name}:{value}"]


def test_an_override_is_as_new_as_its_master_and_has_its_sequence() -> None:
    one = changed(meeting(), "2026-12-08", start=MOVED)
    for name in ("DTSTAMP", "LAST-MODIFIED", "CREATED", "SEQUENCE", "UID"):
        master, override = starting(one, name)
        assert master == override


def test_times_are_local_with_tzid_also_those_of_a_one_off() -> None:
    for one in (meeting(), meeting(rule="")):
        assert starting(one, "DTSTART") == ["DTSTART;TZID=America/Edmonton:20261124T190000"]
        assert starting(one, "DTEND") == ["DTEND;TZID=America/Edmonton:20261124T200000"]


def test_a_series_has_one_rrule_with_until_in_utc() -> None:
    one = meeting(rule="FREQ=WEEKLY;BYDAY=TU;UNTIL=20270630", zone="Europe/London")

    assert starting(one, "RRULE") == ["RRULE:FREQ=WEEKLY;UNTIL=20270630T180000Z;BYDAY=TU"]


def test_cancelled_dates_are_exdates_in_the_form_of_dtstart_and_no_component() -> None:
    one = changed(changed(meeting(), "2026-12-01", cancelled=True, reason="Flood"), "2026-12-08", cancelled=True)

    assert starting(one, "EXDATE") == ["EXDATE;TZID=America/Edmonton:20261201T190000,20261208T190000"]
    assert len(events(one)) == 1
    assert b"Flood" not in render(one).body


def test_extra_dates_are_rdates() -> None:
    one = meeting()
    one.schedule.extra_dates.add(date="2026-12-24", time="20:30")

    assert starting(one, "RDATE") == ["RDATE;TZID=America/Edmonton:20261224T203000"]


def test_extra_dates_beside_no_rule_name_dtstart_too_or_two_clients_would_leave_it_out() -> None:
    one = meeting(rule="")
    one.schedule.extra_dates.add(date="2026-12-24")

    assert starting(one, "RDATE") == ["RDATE;TZID=America/Edmonton:20261124T190000,20261224T190000"]


def test_a_cancelled_extra_date_is_not_named_at_all() -> None:
    one = meeting()
    one.schedule.extra_dates.add(date="2026-12-24")
    changed(one, "2026-12-24", cancelled=True)

    assert starting(one, "RDATE") == starting(one, "EXDATE") == []


def test_a_moved_date_is_an_override_by_its_original_start_without_a_rule_after_its_master() -> None:
    one = changed(changed(meeting(), "2026-12-08", start=MOVED, reason="Hall is taken"), "2026-12-15", title="Speaker")
    master, moved, renamed = events(one)

    assert starting(one, "RECURRENCE-ID") == [
        "RECURRENCE-ID;TZID=America/Edmonton:20261208T190000",
        "RECURRENCE-ID;TZID=America/Edmonton:20261215T190000",
    ]
    assert "RRULE" in master
    assert "RRULE" not in moved
    assert moved["DTSTART"].dt.replace(tzinfo=None) == datetime(2026, 12, 9, 18, 0)  # noqa: DTZ001 - local
    assert moved["DESCRIPTION"].startswith("Hall is taken\n")
    assert renamed["SUMMARY"] == "Speaker"


def test_a_moved_one_off_is_its_own_master() -> None:
    one = changed(meeting(rule=""), "2026-11-24", start="2026-11-25T18:00", minutes=30)

    assert starting(one, "DTSTART") == ["DTSTART;TZID=America/Edmonton:20261125T180000"]
    assert starting(one, "DTEND") == ["DTEND;TZID=America/Edmonton:20261125T183000"]
    assert starting(one, "RECURRENCE-ID") == []


def test_second_and_fourth_tuesday_are_two_series_tied_together() -> None:
    one = meeting(rule="FREQ=MONTHLY;BYDAY=2TU,4TU;COUNT=5", start="2026-11-24T19:00")
    fourth, second = events(one)

    assert fourth["UID"] == f"{id_of(1)}-4TU@openchair"
    assert second["UID"] == f"{id_of(1)}-2TU@openchair"
    assert starting(one, "RRULE") == [
        "RRULE:FREQ=MONTHLY;UNTIL=20270127T010000Z;BYDAY=4TU",
        "RRULE:FREQ=MONTHLY;UNTIL=20270127T010000Z;BYDAY=2TU",
    ]
    assert starting(one, "DTSTART")[1].endswith(":20261208T190000")
    assert starting(one, "RELATED-TO") == [
        f"RELATED-TO;RELTYPE=SIBLING:{second['UID']}",
        f"RELATED-TO;RELTYPE=SIBLING:{fourth['UID']}",
    ]
    assert starting(one, "REFID") == [f"REFID:{id_of(1)}"] * 2


def test_what_deviates_stands_in_the_part_that_generates_its_date() -> None:
    one = meeting(rule="FREQ=MONTHLY;BYDAY=2TU,4TU")
    changed(changed(one, "2026-12-08", cancelled=True), "2026-12-22", start="2026-12-23T19:00")
    fourth, moved, second = events(one)

    assert moved["UID"] == fourth["UID"]
    assert "EXDATE" in second
    assert "EXDATE" not in fourth


def test_days_counted_from_both_ends_of_a_month_stay_one_series_since_they_may_be_one_date() -> None:
    one = meeting(start="2026-12-31T19:00", rule="FREQ=MONTHLY;BYMONTHDAY=31,-1")

    assert starting(one, "RRULE") == ["RRULE:FREQ=MONTHLY;BYMONTHDAY=-1,31"]


def test_parts_of_a_series_that_was_cut_name_their_neighbours() -> None:
    one = meeting(2, lineage=id_of(1), previous_part=f"centres/alano-club/meetings/{id_of(1)}")

    assert starting(one, "RELATED-TO") == [f"RELATED-TO;RELTYPE=SIBLING:{id_of(1)}@openchair"]
    assert starting(one, "REFID") == [f"REFID:{id_of(1)}"]


def test_a_cancelled_meeting_says_so_in_status_and_title_with_all_its_overrides() -> None:
    one = changed(meeting(state=meeting_pb2.MEETING_STATE_CANCELLED), "2026-12-08", start=MOVED)

    assert starting(one, "STATUS") == ["STATUS:CANCELLED"] * 2
    assert starting(one, "SUMMARY") == ["SUMMARY:Cancelled: Serenity 1"] * 2


def test_a_series_without_any_date_left_is_cancelled_and_has_no_exdate() -> None:
    one = meeting(rule="FREQ=WEEKLY;BYDAY=TU;COUNT=2")
    changed(changed(one, "2026-11-24", cancelled=True), "2026-12-01", cancelled=True)

    assert starting(one, "STATUS") == ["STATUS:CANCELLED"]
    assert starting(one, "EXDATE") == []
    assert starting(one, "SUMMARY") == ["SUMMARY:Cancelled: Serenity 1"]


def test_a_suspended_meeting_has_no_event() -> None:
    assert render(meeting(state=meeting_pb2.MEETING_STATE_SUSPENDED)).body == b""


def test_a_public_link_is_a_conference_and_stands_in_url_and_description() -> None:
    one = online(phone="+1 780 555 0100")

    assert starting(one, "CONFERENCE") == [
        "CONFERENCE;VALUE=URI;FEATURE=VIDEO:https://meet.example/j/1?a=b,c;d",
        "CONFERENCE;VALUE=URI;FEATURE=PHONE:tel:+17805550100",
    ]
    assert starting(one, "URL") == ["URL:https://meet.example/j/1?a=b,c;d"]
    assert "Join online: https://meet.example/j/1?a=b,c;d" in events(one)[0]["DESCRIPTION"]


def test_what_is_online_only_has_its_link_as_location() -> None:
    one = online()
    one.mode = meeting_pb2.MODE_ONLINE

    assert events(one)[0]["LOCATION"] == "https://meet.example/j/1?a=b,c;d"


@pytest.mark.parametrize(
    "access",
    [
        meeting_pb2.ONLINE_ACCESS_UNSPECIFIED,
        meeting_pb2.ONLINE_ACCESS_SEAT_HOLDERS,
        meeting_pb2.ONLINE_ACCESS_INVITE_CODE,
    ],
)
def test_only_a_link_that_is_said_to_be_public_gets_out_and_a_passcode_never(access: int) -> None:
    closed = online(access=access, phone="+1 780 555 0100", passcode="hunter2", notes="hunter2")
    public = online(passcode="hunter2", notes="hunter2")

    assert b"meet.example" not in render(closed).body
    assert b"780" not in render(closed).body
    assert b"hunter2" not in render(closed).body + render(public).body


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "https://u:p@host/x", "https://a b/", "file:///etc/passwd"]
)
def test_an_unsafe_link_never_gets_out(url: str) -> None:
    assert url.encode()[:12] not in render(online(url=url)).body


def test_location_is_one_line_of_rooms_place_and_address() -> None:
    one = meeting()
    one.venue.address = "10 Main St\r\nEdmonton"

    assert events(one)[0]["LOCATION"] == "Room 2, St Mary's, 10 Main St Edmonton"


def test_a_place_known_by_its_area_only_is_told_so_and_has_no_pin() -> None:
    one = meeting()
    one.venue.CopyFrom(
        meeting_pb2.Venue(title="A house", area="Old Strathcona", latitude=53.5, longitude=-113.5, approximate=True)
    )

    assert events(one)[0]["LOCATION"] == "A house, Old Strathcona"
    assert starting(one, "GEO") == starting(one, "X-APPLE-STRUCTURED-LOCATION") == []


def test_a_place_with_a_door_has_geo_and_apples_structured_location() -> None:
    one = meeting()
    one.venue.title, one.venue.latitude, one.venue.longitude = 'The "Hall"; back', 53.546124, -113.4938

    assert starting(one, "GEO") == ["GEO:53.546124;-113.4938"]
    (apple,) = starting(one, "X-APPLE-STRUCTURED-LOCATION")
    name, _, rest = apple.partition(";X-ADDRESS=")
    assert name == "X-APPLE-STRUCTURED-LOCATION;VALUE=URI"
    assert rest == '"10 Main St, Edmonton";X-APPLE-RADIUS=70;X-TITLE="The \'Hall\'; back":geo:53.546124,-113.493800'


def test_subscribing_blocks_nobodys_calendar_and_names_no_person() -> None:
    one = meeting()

    assert starting(one, "TRANSP") == ["TRANSP:TRANSPARENT"]
    assert starting(one, "X-MICROSOFT-CDO-BUSYSTATUS") == ["X-MICROSOFT-CDO-BUSYSTATUS:FREE"]
    for never in ("ATTENDEE", "ORGANIZER", "ATTACH", "BEGIN:VALARM"):
        assert never not in "\n".join(lines(one))


def test_categories_are_fellowship_and_kind() -> None:
    assert starting(meeting(), "CATEGORIES") == ["CATEGORIES:AA,support-meeting"]
    assert starting(meeting(fellowship="", kind=""), "CATEGORIES") == []


def test_the_description_is_what_a_person_wants_to_know() -> None:
    one = online(phone="+1 780 555 0100")
    one.notes, one.group, one.venue.notes = "Bring a mug.", "Tuesday Group", "Ring twice."
    one.types.append("ZZZ")
    one.accessibility.append("wheelchair")
    one.venue.accessibility.extend(["wheelchair", "step-free"])

    assert str(events(one)[0]["DESCRIPTION"]).split("\n") == [
        "In person and online, AA",
        "Group: Tuesday Group",
        "Types: Open, Discussion, ZZZ",
        "Bring a mug.",
        "Join online: https://meet.example/j/1?a=b,c;d",
        "Join by phone: +1 780 555 0100",
        "How to get in: Ring twice.",
        "Accessibility: wheelchair, step-free",
    ]


HOSTILE = "a\x00b\x07\x1b[31m\x85\u2028\u202e\u200b\ufeffc\r\nATTENDEE:mailto:x@y\nBEGIN:VALARM"


def test_no_control_character_gets_out_and_no_text_becomes_a_line_of_its_own() -> None:
    one = online(phone=HOSTILE)
    one.title = one.fellowship = one.kind = one.notes = one.group = HOSTILE
    one.types.append(HOSTILE)
    one.venue.title = one.venue.address = one.venue.notes = HOSTILE
    one.venue.latitude = one.venue.longitude = 1.0
    body = render(one).body.decode()

    assert not re.search("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u200b\ufeff]", body)
    assert not re.search("^(ATTENDEE|BEGIN:VALARM)", "\n".join(lines(one)), re.MULTILINE)


def test_an_impossible_schedule_is_an_error_of_its_own() -> None:
    with pytest.raises(RecurrenceError):
        render(meeting(zone="Mars/Olympus"))


def test_a_start_in_the_gap_of_a_change_is_emitted_as_people_agreed_on_it() -> None:
    one = meeting(start="2027-03-07T02:30", rule="FREQ=WEEKLY;BYDAY=SU", zone="America/New_York")
    changed(one, "2027-03-14", title="In the gap")

    assert starting(one, "RECURRENCE-ID") == ["RECURRENCE-ID;TZID=America/New_York:20270314T023000"]


def test_a_series_is_measured_by_the_clock_also_when_its_first_date_lasts_through_a_change() -> None:
    one = meeting(start="2027-03-13T22:00", rule="FREQ=WEEKLY;BYDAY=SA", zone="America/New_York", minutes=480)

    assert starting(one, "DTEND") == ["DTEND;TZID=America/New_York:20270314T060000"]


@pytest.mark.parametrize(
    ("start", "minutes", "end"),
    [
        ("2026-11-01T01:45", 30, "DTEND:20261101T061500Z"),  # 01:15 again: local it would lie before the start
        ("2026-11-01T01:30", 60, "DTEND:20261101T063000Z"),  # 01:30 again: local it would be no time at all
        ("2026-11-01T00:30", 150, "DTEND;TZID=America/New_York:20261101T020000"),
        ("2026-11-01T00:30", 60, "DTEND;TZID=America/New_York:20261101T013000"),
    ],
)
def test_an_end_in_the_second_pass_of_an_hour_is_said_in_utc(start: str, minutes: int, end: str) -> None:
    assert starting(meeting(start=start, rule="", zone="America/New_York", minutes=minutes), "DTEND") == [end]


def test_the_last_end_is_none_for_a_series_that_goes_on() -> None:
    assert render(meeting()).last_end is None
    assert render(meeting(rule="")).last_end == datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
