"""Invite codes: which of a group's hold, when they end, and whom they make of somebody who asks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from services.kit import code
from services.kit.clock import instant, moment
from services.kit.errors import Unmet
from services.kit.store.port import Commit, Conflict, Record
from services.meetings import records
from services.meetings.access import Viewer
from services.meetings.desk import Desk, trail
from services.meetings.types import Code, Group

if TYPE_CHECKING:
    from services.kit.call import Call

INSIDERS: Final = frozenset({"facilitator", "coordinator", "administrator", "operator", "service"})
LONGEST_GRACE: Final = timedelta(days=31)
MOST_CODES: Final = 5
WHO: Final = "openchair"


class Expiry:
    """The end of codes whose time is over. They opened nothing any more from that instant on."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def due(self, record: Record) -> None:
        """Forgets what of a group does not hold any more."""
        at = self.desk.now()
        written = write(record, records.read(record, Group), at, WHO)
        try:
            await self.desk.store.commit(Commit((written,), (), trail((written,), at, WHO, "expire")))
        except Conflict:
            return  # somebody was faster; what is due comes again


def write(previous: Record | None, group: Group, at: str, who: str) -> Record:
    """The next revision of a group's record: without codes whose time is over, due when that of another will be."""
    codes = in_force(group.codes, at)
    ends = [each.expires_at for each in codes if each.expires_at is not None]
    group = msgspec.structs.replace(group, codes=codes)
    return records.write(previous, group, at=at, actor=who, due_at=min(ends, default=None))


def in_force(codes: tuple[Code, ...], at: str) -> tuple[Code, ...]:
    """Those that open something at that instant."""
    return tuple(each for each in codes if each.holds(at))


def ending(codes: tuple[Code, ...], at: str, grace: int) -> tuple[Code, ...]:
    """What stays of a group's codes when a new one comes: nothing without grace (in seconds), else all for so long.

    Raises Unmet where there would be too many.
    """
    if not grace:
        return ()
    kept = in_force(codes, at)
    if len(kept) >= MOST_CODES:
        reason = f"{MOST_CODES} codes are in force already: revoke one, or rotate without a time of grace"
        raise Unmet(reason, "TOO_MANY_CODES", {"most": str(MOST_CODES)})
    end = instant(moment(at) + timedelta(seconds=grace))
    return tuple(msgspec.structs.replace(each, expires_at=min(each.expires_at or end, end)) for each in kept)


async def viewer_of(desk: Desk, call: Call[Any], centre: str) -> Viewer:
    """Who asks this centre: one of its own people, somebody with a code (`invite_code`), or anybody."""
    if call.caller.has(INSIDERS, centre):
        return Viewer(staff=True)
    if not call.message.invite_code:
        return Viewer()
    digest, now = code.digest(call.message.invite_code), desk.now()
    groups = await desk.every("group", Group, centre=centre)
    return Viewer(group=next((held.value.id for held in groups if held.value.opens(digest, now)), ""))
