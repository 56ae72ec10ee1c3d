"""What each date of a meeting is, of all that bears on it: people's changes, closures and holidays, reports. Pure.

Each is recorded apart, so that taking one back brings out what the others say. What people cancelled stays cancelled;
what they said takes place despite closures does; otherwise a closure lies over what they changed.
"""

from __future__ import annotations

import msgspec

from services.meetings.types import Change, Closed, ClosureEffect, Meeting, Mode
from services.recurrence.schedule import has


def changes(meeting: Meeting) -> tuple[Change, ...]:
    """Every date that differs from the series, in order of (date, ordinal)."""
    if not meeting.closed and not meeting.unconfirmed:
        return meeting.changes
    found = {change.key: change for change in meeting.changes}
    for closed in meeting.closed:
        change = found.get(closed.key) or Change(date=closed.date, ordinal=closed.ordinal)
        found[closed.key] = under(change, closed)
    for key in meeting.unconfirmed:
        change = found.get(key) or Change(date=key.date, ordinal=key.ordinal)
        if not change.cancelled and has(meeting.schedule, key):  # a split, or an edit, may have taken the date away
            found[key] = msgspec.structs.replace(change, unconfirmed=True)
    return tuple(sorted(found.values(), key=lambda change: change.key))


def under(change: Change, closed: Closed) -> Change:
    """What was said about a date, with a closure laid over it."""
    if change.cancelled or change.despite:
        return change
    caused = msgspec.structs.replace(
        change, closure=closed.closure, holiday=closed.holiday, reason=closed.reason or change.reason
    )
    if closed.effect is ClosureEffect.CANCEL:
        return msgspec.structs.replace(caused, cancelled=True)
    if closed.effect is ClosureEffect.ONLINE:
        return msgspec.structs.replace(caused, mode=Mode.ONLINE, online=closed.online or change.online)
    return msgspec.structs.replace(caused, place=closed.place, rooms=closed.rooms, venue=closed.venue)


def all_in_one(meeting: Meeting) -> Meeting:
    """The meeting for whoever only reads it: `changes` say all."""
    return msgspec.structs.replace(meeting, changes=changes(meeting), closed=(), unconfirmed=())
