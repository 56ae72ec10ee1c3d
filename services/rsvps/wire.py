"""What is stored as messages, and messages as what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openchair.rsvps.v1 import list_rules_pb2

if TYPE_CHECKING:
    from services.rsvps.types import Event, GuestList


def availability_message(value: GuestList) -> list_rules_pb2.ListAvailability | None:
    """What everybody may know of a list: words, never numbers; None: nothing."""
    return None if value.private else list_rules_pb2.ListAvailability(name=f"centres/{value.centre}/lists/{value.id}")


def invitation_message(value: Event) -> list_rules_pb2.Invitation | None:
    """What everybody may know of how seats are kept; None: nothing."""
    return list_rules_pb2.Invitation(name=f"centres/{value.centre}/events/{value.id}")
