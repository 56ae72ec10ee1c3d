"""What an event says besides when, and what of it nobody may read."""

from __future__ import annotations

import json

from openchair.meetings.v1 import meeting_pb2 as meetings

from tests.unit.ics_examples import event, only, refusal

ZOOM = "https://example.zoom.us/j/123"


def test_nobody_who_invites_or_is_invited_and_no_alarm_is_read() -> None:
    row = only(
        *event(
            "ORGANIZER;CN=Kim:mailto:kim@example.org",
            "ATTENDEE;CN=Lee:mailto:lee@example.org",
            "CONTACT:Jo\\, +1 555 0100",
            "COMMENT:private remark",
        )[:-1],
        *(
            "BEGIN:VALARM",
            "ACTION:EMAIL",
            "ATTENDEE:mailto:max@example.org",
            "SUMMARY:Alarm",
            "END:VALARM",
            "END:VEVENT",
        ),
    )
    said = str(row)
    assert row.meeting.title == "Evening group"
    assert not [word for word in ("kim", "lee", "max", "Jo", "remark", "Alarm") if word in said]


def test_lines_with_a_passcode_go_where_only_those_who_join_read_them() -> None:
    row = only(*event("DESCRIPTION:All welcome.\\nPasscode: 4711", f"CONFERENCE;FEATURE=VIDEO:{ZOOM}"))
    assert row.meeting.notes == "All welcome."
    assert row.meeting.online.notes == "Passcode: 4711"
    assert any("kept private" in warning for warning in row.warnings)


def test_a_passcode_in_the_title_is_not_published() -> None:
    row = only(*event(f"CONFERENCE;FEATURE=VIDEO:{ZOOM}", title="Noon group - PW: 1234"))
    assert row.meeting.title == "Noon group"
    assert "1234" in row.meeting.online.notes
    hall = only(*event(title="Noon group - PW: 1234"))  # who comes in person is told nothing of how to join
    assert not hall.meeting.HasField("online")
    assert "1234" in hall.original


def test_what_is_marked_private_comes_in_for_members_only() -> None:
    for said in ("PRIVATE", "CONFIDENTIAL", "private"):
        assert only(*event(f"CLASS:{said}")).meeting.visibility == meetings.VISIBILITY_MEMBERS
    assert only(*event("CLASS:PUBLIC")).meeting.visibility == meetings.VISIBILITY_PUBLIC


def test_how_people_take_part_follows_from_where_it_is_and_how_it_is_joined() -> None:
    hall = only(*event())
    assert (hall.meeting.mode, hall.place.title, hall.place.address) == (
        meetings.MODE_IN_PERSON,
        "Hall",
        "Hall, 1 Main St",
    )
    both = only(*event(f"CONFERENCE;VALUE=URI;FEATURE=VIDEO:{ZOOM}"))
    assert (both.meeting.mode, both.meeting.online.url) == (meetings.MODE_HYBRID, ZOOM)
    assert any("taken as in person and online" in warning for warning in both.warnings)
    online = only(*event(f"LOCATION:{ZOOM}"))
    assert (online.meeting.mode, online.meeting.online.url, online.HasField("place")) == (
        meetings.MODE_ONLINE,
        ZOOM,
        False,
    )
    named = only(*event("LOCATION:Zoom", f"URL:{ZOOM}"))
    assert (named.meeting.mode, named.meeting.online.url, named.HasField("place")) == (
        meetings.MODE_ONLINE,
        ZOOM,
        False,
    )
    nowhere = only(*event("LOCATION:"))
    assert nowhere.meeting.mode == meetings.MODE_ONLINE
    assert any("no LOCATION and no link" in warning for warning in nowhere.warnings)


def test_a_link_in_the_text_is_taken_only_where_people_meet_and_it_is_said_so() -> None:
    row = only(*event(f"DESCRIPTION:Join at {ZOOM}.", "LOCATION:"))
    assert row.meeting.online.url == ZOOM
    assert any("taken from its DESCRIPTION" in warning for warning in row.warnings)
    assert not only(*event("DESCRIPTION:See https://example.org/page")).meeting.HasField("online")


def test_a_page_is_a_page_and_a_map_is_a_map() -> None:
    row = only(*event("URL:https://example.org/group", "LOCATION:Hall\\, 1 Main St https://maps.app.goo.gl/abc"))
    assert (row.meeting.website, row.source_url) == ("https://example.org/group",) * 2
    assert (row.place.map_url, row.place.address) == ("https://maps.app.goo.gl/abc", "Hall, 1 Main St")
    assert row.meeting.mode == meetings.MODE_IN_PERSON


def test_a_link_that_nobody_should_follow_is_left_out() -> None:
    row = only(*event("CONFERENCE;FEATURE=VIDEO:https://user:word@example.org/", "URL:javascript:alert(1)"))
    assert not row.meeting.HasField("online")
    assert row.meeting.website == ""


def test_no_chair_no_chat_but_the_number_for_all() -> None:
    row = only(
        *event(
            "CONFERENCE;VALUE=URI;FEATURE=PHONE,MODERATOR:tel:+1-412-555-0123",
            "CONFERENCE;VALUE=URI;FEATURE=CHAT:https://chat.example.org/room",
            "CONFERENCE;VALUE=URI;FEATURE=PHONE:tel:+1-412-555-0199",
        )
    )
    assert (row.meeting.online.url, row.meeting.online.phone) == ("", "+1-412-555-0199")


def test_coordinates_are_those_of_a_place_or_left_out() -> None:
    row = only(*event("GEO:53.5;-113.4"))
    assert (row.place.latitude, row.place.longitude) == (53.5, -113.4)
    for wrong in ("0;0", "91;0", "nan;1", "1", "a;b", "1;2;3"):
        row = only(*event(f"GEO:{wrong}"))
        assert not row.place.HasField("latitude")
        assert any("GEO" in warning for warning in row.warnings)


def test_categories_say_whom_it_is_for_and_are_kept() -> None:
    row = only(*event("CATEGORIES:Women,Book\\, study,AA", "CATEGORIES:Newcomers"))
    assert list(row.meeting.focus) == ["women", "newcomers"]
    assert json.loads(row.extra) == {"categories": ["Women", "Book, study", "AA", "Newcomers"]}
    assert not row.meeting.types


def test_escapes_and_markup_become_plain_text() -> None:
    row = only(*event("DESCRIPTION:<p>One\\, two</p><br>three &amp\\; <b>four</b>\\\\n\\nfive", title="A\\;B\\, C"))
    assert row.meeting.title == "A;B, C"
    assert row.meeting.notes == "One, two\n\nthree & four\\n\nfive"


def test_folds_inside_of_a_character_are_undone() -> None:
    folded = event("DESCRIPTION:caf\N{LATIN SMALL LETTER E WITH ACUTE}")
    data = (
        "\r\n".join(["BEGIN:VCALENDAR", *folded, "END:VCALENDAR", ""]).encode().replace(b"\xc3\xa9", b"\xc3\r\n \xa9")
    )
    from tests.unit.ics_examples import read  # noqa: PLC0415 - of this test alone

    for text in (data, b"\xef\xbb\xbf" + data, data.replace(b"\r\n", b"\n")):
        assert read(text)[0].meeting.notes == "caf\N{LATIN SMALL LETTER E WITH ACUTE}"


def test_when_it_was_changed_is_what_it_says_and_not_when_it_was_written_out() -> None:
    assert only(*event("LAST-MODIFIED:20260101T120000Z")).source_update_time == "2026-01-01T12:00:00.000Z"
    assert only(*event("DTSTAMP:20260101T120000Z")).source_update_time == ""


def test_what_is_said_of_all_of_them_is_said_of_each() -> None:
    row = only(*event(), fellowship="AA", kind="workshop")
    assert (row.meeting.fellowship, row.meeting.kind) == ("AA", "workshop")


def test_an_event_without_a_name_or_an_id_is_refused() -> None:
    assert "no SUMMARY" in refusal(*event(title=""))
    assert "no UID" in refusal(*event(uid=""))
