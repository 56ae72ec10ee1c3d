"""Who may know of a meeting here. It agrees with `services.meetings.access`: absent and refused are told alike.

What this service has heard of a meeting is what its two views say, so what nobody but staff may see is not here at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from services.kit import code
from services.rsvps import records
from services.rsvps.types import MEMBERS, GroupCodes, Part

if TYPE_CHECKING:
    from services.kit.call import Call
    from services.kit.store.port import Store

INSIDERS: Final = frozenset({"facilitator", "coordinator", "administrator", "operator", "service"})
"""Roles of whoever belongs to a centre."""


async def may_know(store: Store, part: Part, call: Call[Any], now: str) -> bool:
    """Whether this caller may learn that the meeting exists. They know its name, which is the link of an unlisted one.

    A meeting for members opens with an invite code of its group (the request's `invite_code`).
    """
    shown = part.shown
    if shown is None:
        return False
    if shown.visibility != MEMBERS or call.caller.has(INSIDERS, part.centre):
        return True
    said = str(getattr(call.message, "invite_code", ""))
    return bool(said and shown.group) and await opens(store, part.centre, shown.group, said, now)


def anybody_may(part: Part) -> bool:
    """Whether nobody has to say anything to learn that the meeting exists: `may_know` is true for every caller."""
    shown = part.shown
    return shown is not None and shown.visibility != MEMBERS


async def opens(store: Store, centre: str, group: str, said: str, now: str) -> bool:
    """Whether a code, as somebody typed it, is one of that group of that centre at this instant."""
    record = await store.get("group", group)
    if record is None or record.gone or record.state.get("centre") != centre:
        return False
    wanted = code.digest(said)
    known = records.read(record, GroupCodes).digests
    return any(digest == wanted and (not until or until > now) for digest, until in known)
