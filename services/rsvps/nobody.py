"""Guests are nobody: whoever calls, with a token too, is forgotten before anything is decided or stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openchair.rsvps.v1 import rsvp_service_pb2

from services.kit.call import NOBODY, Call, Method

if TYPE_CHECKING:
    from google.protobuf.message import Message

_SERVICE: Final = rsvp_service_pb2.DESCRIPTOR.services_by_name["RsvpService"].full_name

GUESTS: Final = frozenset(
    f"{_SERVICE}/{name}"
    for name in (
        "Reserve",
        "Change",
        "Cancel",
        "Confirm",
        "GetMine",
        "AcceptOffer",
        "DeclineOffer",
        "CheckIn",
        "IssueAttendanceSlip",
        "GiveFeedback",
    )
)
"""What a guest does. Of who keeps a seat for somebody else (`on_behalf`) the trail says who it was."""


LATE: Final = frozenset(
    f"{_SERVICE}/{name}" for name in ("Reserve", "Change", "Cancel", "Confirm", "AcceptOffer", "DeclineOffer")
)
"""All that these do is decided about lists: a double of a request meets its answer there."""


async def guests_are_nobody(call: Call[Any], method: Method) -> Message:
    """Passes the call on, without its caller where a guest is meant."""
    if call.caller.subject and call.method in GUESTS and not getattr(call.message, "on_behalf", False):
        call = call.having(caller=NOBODY)
    return await method(call)
