from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st
from openchair.meetings.v1 import meeting_pb2, place_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.kit.call import NOBODY, Call
from services.kit.clock import SystemClock
from services.kit.errors import Invalid
from services.kit.validation import MOST_REPORTED, TextRules, Validation, Walk, text_fault

RULES = TextRules(
    several_lines=frozenset({"notes"}), longest={"openchair.meetings.v1.Meeting.title": 20, "original": 65536}
)


def faults(message: Any, rules: TextRules = RULES) -> dict[str, str]:
    return {violation.field: violation.reason for violation in Walk(rules).violations(message)}


def test_a_sound_message_has_no_fault() -> None:
    meeting = meeting_pb2.Meeting(title="Grupo Día", notes="one\r\n\ttwo\n", types=["O"], mode=meeting_pb2.MODE_HYBRID)
    assert faults(pb.CreateMeetingRequest(parent="centres/c1", meeting=meeting)) == {}


def test_a_fault_names_the_path_of_its_field() -> None:
    request = pb.UpdateMeetingRequest()
    for _ in range(3):
        request.meeting.changes.add(title="fine")
    request.meeting.changes[2].title = "a\0b"
    request.meeting.types.extend(["O", "x\n"])
    request.update_mask.paths.append("title\n")
    assert faults(request) == {
        "meeting.types[1]": "must be one line, without tabs",
        "meeting.changes[2].title": "must not hold the control character U+0000",
        "update_mask.paths[0]": "must be one line, without tabs",
    }


def test_lengths_are_limited_by_field_full_name_and_kind() -> None:
    meeting = meeting_pb2.Meeting(title="t" * 21, kind="k" * 1001, notes="n" * 10_001)
    meeting.source.original = "o" * 65536
    assert faults(meeting) == {
        "title": "must not be longer than 20 characters",
        "kind": "must not be longer than 1000 characters",
        "notes": "must not be longer than 10000 characters",
    }
    assert faults(place_pb2.Place(title="t" * 1000)) == {}


@pytest.mark.parametrize("number", [99, -1])
def test_a_number_that_the_enumeration_does_not_have_is_refused(number: int) -> None:
    meeting = meeting_pb2.Meeting(mode=number)  # type: ignore[arg-type]  # what is tested
    assert faults(meeting) == {"mode": "is not one of the values there are"}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_refused(number: float) -> None:
    assert faults(place_pb2.Place(latitude=number)) == {"latitude": "must be a finite number"}


@pytest.mark.parametrize(
    "stamp", [{"seconds": 253402300800}, {"seconds": -62135596801}, {"nanos": -1}, {"nanos": 10**9}]
)
def test_an_instant_that_no_calendar_has_is_refused(stamp: dict[str, int]) -> None:
    request = pb.ListOccurrencesRequest()
    request.start_time.seconds = stamp.get("seconds", 0)
    request.start_time.nanos = stamp.get("nanos", 0)
    assert faults(request) == {"start_time": "must be an instant of the years 1 to 9999"}


def test_keys_of_maps_are_text_too_and_are_not_repeated() -> None:
    struct = struct_pb2.Struct()
    struct.update({"fine": "a", "canary\u202e": {"b": "c\0"}})
    assert sorted(faults(struct)) == ["fields[1].key", "fields[1].value.struct_value.fields[0].value.string_value"] or (
        sorted(faults(struct)) == ["fields[0].key", "fields[0].value.struct_value.fields[0].value.string_value"]
    )


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0)])
def test_no_control_character_stands_in_one_line(code: int) -> None:
    assert text_fault(f"a{chr(code)}b", 100)


@pytest.mark.parametrize("code", sorted({*range(0x20), *range(0x7F, 0xA0)} - {9, 10, 13}))
def test_several_lines_take_tabs_and_line_breaks_and_no_other_control(code: int) -> None:
    assert text_fault("a\tb\r\nc\u2028d", 100, several_lines=True) is None
    assert text_fault(f"a{chr(code)}b", 100, several_lines=True) == f"must not hold the control character U+{code:04X}"


@pytest.mark.parametrize(
    "code",
    [
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        0x200B,
        0x200E,
        0x200F,
        0x2060,
        0xFEFF,
        0xAD,
        0x61C,
        0x3164,
        0xE0041,
    ],
)
def test_no_invisible_character(code: int) -> None:
    reason = f"must not hold the invisible character U+{code:04X}"
    assert text_fault(f"Anna{chr(code)}", 100) == reason
    assert text_fault(f"Anna{chr(code)}", 100, several_lines=True) == reason


@pytest.mark.parametrize("joiner", ["\u200c", "\u200d"])
@pytest.mark.parametrize("text", ["Ann{}a", "{}Anna", "Anna{}", "😀{}", "{}😀", "क{}", "\u0627{}x", "1{}2"])
def test_no_joiner_where_nothing_is_joined(joiner: str, text: str) -> None:
    assert "invisible" in (text_fault(text.format(joiner), 100) or "")


@pytest.mark.parametrize(
    "text",
    [
        "می‌خواهم",  # Persian, ZERO WIDTH NON-JOINER between Arabic letters
        "क्‍ष",  # Devanagari, ZERO WIDTH JOINER after a virama
        "👩‍🚀 👩🏽‍⚕️ 🏳️‍🌈 👨‍👩‍👧",  # emoji
        "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f",  # Wales
        "❤️ Ünïcödé 会議 שלום e\u0301",
    ],
)
def test_writing_keeps_what_it_needs(text: str) -> None:
    assert text_fault(text, 100) is None


@pytest.mark.parametrize("text", ["\U000e0067", "🏴x\U000e0067", "🏴" + "\U000e0067" * 9])
def test_no_tag_outside_a_flag(text: str) -> None:
    assert "invisible" in (text_fault(text, 100) or "")


def test_a_lone_surrogate_is_refused() -> None:
    assert text_fault("a\ud800b", 100) == "must not hold the control character U+D800"


@given(st.text(max_size=30))
def test_a_reason_never_repeats_the_text(text: str) -> None:
    reason = text_fault(f"kanarie{text}", 5)
    assert reason == "must not be longer than 5 characters"
    assert "kanarie" not in (text_fault(f"kanarie{text}\0", 100) or "")


def test_at_most_twenty_faults_are_told() -> None:
    assert len(Walk(RULES).violations(meeting_pb2.Meeting(types=["\0"] * 1000))) == MOST_REPORTED


async def test_the_middleware_refuses_with_every_field_that_is_wrong() -> None:
    async def method(_call: Call[Any]) -> Any:
        raise AssertionError

    message = meeting_pb2.Meeting(title="\0", kind="\u202e")
    with pytest.raises(Invalid) as refused:
        await Validation(RULES)(Call("x", message, NOBODY, 0.0, SystemClock()), method)
    assert [wrong.field for wrong in refused.value.violations] == ["title", "kind"]
