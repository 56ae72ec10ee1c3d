"""Meeting Guide JSON into import rows: titles, notes, types, and what must never become public."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.formats import words
from services.formats.meeting_guide import type_name
from services.kit.validation import text_fault
from services.meetings.rows import problems
from tests.unit.guide_examples import one, public_text, reading


def test_unknown_and_numeric_codes_are_kept() -> None:
    row = one(types=["O", 11, "XYZ"])
    assert list(row.meeting.types) == ["O", "11", "XYZ"]
    assert list(row.warnings) == ["type 'XYZ' is not known: kept"]


def test_a_code_means_nothing_without_its_fellowship() -> None:
    row = one(fellowship="SMART", types=["X", "S", "POA"])
    assert list(row.meeting.types) == ["X", "S", "POA"]
    assert not row.meeting.accessibility
    assert row.meeting.language == ""
    assert not row.warnings
    assert type_name("AA", "POA") == "Proof of Attendance"
    assert type_name("NA", "POA") is None
    assert list(one(fellowship="NA", types=["X"]).warnings) == ["type 'X' is not known: kept"]


def test_languages_among_the_types_are_the_meetings_languages_and_no_types() -> None:
    row = one(types=["S", "O", "ASL"])
    assert (row.meeting.language, list(row.meeting.other_languages)) == ("es", ["ase"])
    assert list(row.meeting.types) == ["O"]
    assert one(types=["ASL"]).meeting.language == "ase"
    both = one(types=["EN", "FR"], languages=["pt-BR"]).meeting
    assert (both.language, list(both.other_languages)) == ("pt-BR", ["en", "fr"])


def test_codes_say_whom_it_is_for_and_who_may_come_and_stay_types() -> None:
    meeting = one(types=["C", "W", "Y", "A"]).meeting
    assert list(meeting.types) == ["C", "W", "Y", "A"]
    assert list(meeting.focus) == ["women", "young-people"]
    assert (meeting.who_may_come, meeting.approach) == (2, 2)
    assert one(types=["O"]).meeting.who_may_come == 1
    both = one(types=["O", "C"])
    assert both.meeting.who_may_come == 0
    assert "open and closed" in both.warnings[0]


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
