"""A staged row is read back as it was, however its document spells it."""

from __future__ import annotations

import pytest
from google.protobuf.json_format import MessageToJson, ParseDict
from openchair.meetings.v1 import import_pb2

from services.meetings.importing import parsed, staged

PLAIN = {
    "number": 7,
    "sourceId": "m7",
    "sourceUrl": "https://aa.example/7",
    "warnings": ["type XYZ is not known"],
    "meeting": {
        "title": "Größe “Sieben”",
        "types": ["O", "D"],
        "mode": "MODE_HYBRID",
        "visibility": "VISIBILITY_PUBLIC",
        "online": {"url": "https://meet.example/7"},
        "schedule": {"start": "2026-11-24T19:00", "minutes": 60, "rule": "FREQ=WEEKLY", "timeZone": "America/Denver"},
    },
    "place": {"title": "Oak Hall", "address": "1 Oak St", "latitude": 39.0, "longitude": -104.25},
}
TIMED = PLAIN | {"meeting": {"title": "m", "createTime": "2026-11-21T12:00:00.250Z", "epoch": "5"}}


@pytest.mark.parametrize("fields", [{}, PLAIN, TIMED])
def test_a_row_comes_back_as_it_was_staged(fields: dict[str, object]) -> None:
    row = ParseDict(fields, import_pb2.ImportRow())
    assert parsed(staged(row)) == row


@pytest.mark.parametrize("fields", [PLAIN, TIMED])
@pytest.mark.parametrize("as_in_the_contract", [True, False])
def test_a_row_that_an_older_version_staged_is_read_back_as_it_was(
    fields: dict[str, object], as_in_the_contract: bool
) -> None:
    row = ParseDict(fields, import_pb2.ImportRow())
    text = MessageToJson(row, indent=None, preserving_proto_field_name=as_in_the_contract)
    assert parsed(text) == row


def test_a_field_that_is_no_longer_known_is_left_out() -> None:
    assert parsed('{"number": 7, "colour": "green"}') == import_pb2.ImportRow(number=7)
