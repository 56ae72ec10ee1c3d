"""What a guest holds, types or writes is marked in the contracts: whoever prints a message to debug leaves it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openchair.rsvps.v1 import list_rules_pb2, rsvp_service_pb2, seat_pb2, slip_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import FieldDescriptor

FILES = (list_rules_pb2, rsvp_service_pb2, seat_pb2, slip_pb2)
GUESTS = {
    "guest_key", "first_name", "first_names", "named", "milestone", "text", "person", "token", "invite_code",
    "list_code", "code", "words", "url", "display_url", "screen", "seat_pass",
}  # fmt: skip
OTHERS = {"FigureNote.text"}
"""What documents a figure is for everybody."""


def fields() -> Iterator[FieldDescriptor]:
    for file in FILES:
        for message in file.DESCRIPTOR.message_types_by_name.values():
            yield from message.fields


def test_what_guests_hold_and_write_is_not_printed() -> None:
    found = [each for each in fields() if each.name in GUESTS]
    assert len(found) > 30
    plain = {each.full_name.rpartition("v1.")[2] for each in found if not each.GetOptions().debug_redact}
    assert plain - OTHERS == set()
