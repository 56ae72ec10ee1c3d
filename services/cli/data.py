"""A message as data for a program: the fields of the contract, those that are empty or 0 among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict

if TYPE_CHECKING:
    from google.protobuf.message import Message


def whole(message: Message) -> dict[str, Any]:
    """Every field, by its name in the contract. Only what may be unstated, and is, is left out."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
