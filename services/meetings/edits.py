"""The rules of editing a series: what one date, all dates, or one date and those that follow become.

Pure. How edits compose with what was recorded about single dates stands in `services.recurrence.edits`; here is what a
meeting adds to it: texts, venues, the sequence number, the parts of a series that was split.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from services.kit.clock import instant, moment
from services.kit.errors import Invalid, NotFound, Unmet, Violation
from services.meetings import composed
from services.meetings.access import Audience, finds, joins, learns_area, no_wider
from services.meetings.check import possible
from services.meetings.types import (
    Change,
    ClosureEffect,
    DayChange,
    HolidayRule,
    Meeting,
    Online,
    OnlineAccess,
    Place,
    Status,
    Venue,
)
from services.recurrence import edits
from services.recurrence.schedule import first_key, has, last_key
from services.recurrence.types import Key, RecurrenceError, Schedule
from services.recurrence.wire import key_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.meetings.types_rooms import Room
    from services.recurrence.edits import Orphans

DAY_CHANGES_KEPT = timedelta(days=400)
LARGEST_CHANGES = 600 * 1024  # bytes of JSON
FEW = 32


class Neighbours(NamedTuple):
    """The parts of a series before and after one of its parts."""

    before: Meeting | None = None
    after: Meeting | None = None


ALONE = Neighbours()


class Edit(NamedTuple):
    """An edit as it was asked for: the meeting as wanted, and what becomes of changed dates that lose their day.

    `start_named`: the caller said where the series starts; otherwise the start follows a rule that changed.
    `orphans` is "keep", "drop" or None: refuse and list them.
    """

    wanted: Meeting
    orphans: Orphans | None = None
    start_named: bool = True


def venue_of(place: Place, rooms: tuple[Room, ...]) -> Venue:
    """A meeting's copy of where it is held. What a room offers counts for the venue too."""
    access = dict.fromkeys((*place.accessibility, *(word for room in rooms for word in room.accessibility)))
    return Venue(
        title=place.title,
        rooms=tuple(room.title for room in rooms),
        address=place.address,
        area=place.area,
        address_access=place.address_access,
        position=place.position,
        approximate=place.approximate,
        accessibility=tuple(access),
        notes=place.notes,
        map_url=place.map_url,
        regions=place.regions,
    )


def with_venues(meeting: Meeting, places: Mapping[str, Place], rooms: Mapping[str, Room]) -> Meeting:
    """The meeting with its copies of places and rooms made anew. Rooms of a date alone are in the series' place."""

    def venue(place: str, used: tuple[str, ...]) -> Venue:
        return venue_of(places[place], tuple(rooms[room] for room in used))

    def of_date(change: Change) -> Venue | None:
        place = change.place or (meeting.place if change.rooms else None)
        return venue(place, change.rooms) if place else None

    changes = tuple(msgspec.structs.replace(change, venue=of_date(change)) for change in meeting.changes)
    closed = tuple(
        msgspec.structs.replace(each, venue=venue(each.place, each.rooms) if each.place else None)
        for each in meeting.closed
    )
    sessions = tuple(
        msgspec.structs.replace(each, room_titles=tuple(rooms[room].title for room in each.rooms))
        for each in meeting.sessions
    )
    own = venue(meeting.place, meeting.rooms) if meeting.place else None
    elsewhere = any(each.place not in {None, meeting.place} for each in meeting.apart())
    return msgspec.structs.replace(
        meeting, venue=own, changes=changes, closed=closed, sessions=sessions, elsewhere=elsewhere
    )


def slim(meeting: Meeting) -> Meeting:
    """The meeting as it is; where the copies of places of single dates are too much for an event, without their notes.

    A place may grow after dates were moved to it, and then nobody is there to be refused.
    """
    if len(meeting.changes) <= FEW or len(msgspec.json.encode(meeting.changes)) <= LARGEST_CHANGES:
        return meeting
    bare = (
        (each, msgspec.structs.replace(each.venue, notes="", map_url="") if each.venue else None)
        for each in meeting.changes
    )
    return msgspec.structs.replace(
        meeting, changes=tuple(msgspec.structs.replace(each, venue=venue) for each, venue in bare)
    )


def numbered(old: Meeting, new: Meeting) -> Meeting:
    """`new`, its SEQUENCE one higher if a person would notice a difference (RFC 5545 section 3.8.7.4).

    A person: a reader of a calendar. The number is public, so what no calendar shows does not raise it.
    """
    reader = Audience.HOLDER if old.invite_group or new.invite_group else Audience.PUBLIC
    same = _noticeable(old, reader) == _noticeable(new, reader)
    return new if same else msgspec.structs.replace(new, sequence=old.sequence + 1)


def _noticeable(meeting: Meeting, reader: Audience) -> Meeting:
    """The meeting as a calendar of that reader shows it."""
    changes = tuple(_change_seen(each, reader) for each in composed.changes(meeting))
    meeting = composed.shown(meeting)
    found = meeting.venue is None or finds(meeting.venue.address_access, reader)
    sessions = tuple(
        msgspec.structs.replace(each, rooms=(), room_titles=each.room_titles if found else ())
        for each in meeting.sessions
    )
    return msgspec.structs.replace(
        meeting,
        sequence=0,
        previous="",
        next="",
        next_revision=0,
        next_private_revision=0,
        invite_group="",
        day_changes=(),
        source=None,
        source_name="",
        withdrawn=False,
        elsewhere=False,
        place="",
        rooms=(),
        online_host="",
        claimed=(),
        lost=(),
        changes=changes,
        sessions=sessions,
        closed=(),
        unconfirmed=(),
        doubted=(),
        holidays=HolidayRule.ANY_DAY,
        local_fields=(),
        overruled=(),
        capacity=0,
        online_capacity=0,
        venue=_venue_seen(meeting.venue, reader),
        online=_online_seen(meeting.online, reader),
    )


def _change_seen(change: Change, reader: Audience) -> Change:
    """What differs on one date, without what only says how it is recorded."""
    return msgspec.structs.replace(
        change,
        venue=_venue_seen(change.venue, reader),
        online=_online_seen(change.online, reader),
        place=None,
        rooms=(),
        source=False,
    )


def _venue_seen(venue: Venue | None, reader: Audience) -> Venue | None:
    if venue is None or finds(venue.address_access, reader):
        return venue
    area = venue.area if learns_area(venue.address_access, reader) else ""
    return Venue(title="", area=area, address_access=venue.address_access, accessibility=venue.accessibility)


def _online_seen(online: Online | None, reader: Audience) -> Online | None:
    """No calendar holds passcode and notes."""
    if online is None or not joins(online.access, reader):
        return online and Online(access=online.access)
    return msgspec.structs.replace(online, passcode="", notes="")


def edit_all(meeting: Meeting, edit: Edit, at: str, neighbours: Neighbours = ALONE) -> Meeting:
    """Every date of this part. Raises Invalid, or Unmet with the dates that the caller must decide about."""
    refuse_cancelled(meeting)
    schedule = edit.wanted.schedule
    if not edit.start_named and schedule.rule is not None and schedule.rule != meeting.schedule.rule:
        schedule = _start_with_rule(meeting.schedule, schedule, neighbours)
    schedule, changes = _reschedule(meeting, schedule, edit.orphans)
    changes = _as_withheld(meeting.online, edit.wanted.online, changes)
    _apart(schedule, neighbours)
    days = _day_changes(meeting, schedule, at)
    return numbered(meeting, msgspec.structs.replace(edit.wanted, schedule=schedule, changes=changes, day_changes=days))


def _as_withheld(old: Online | None, new: Online | None, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Where the series' link is told to fewer from now on, no date's own link is told to more than that."""
    former = old.access if old else OnlineAccess.PUBLIC
    if new is None or no_wider(former, new.access) is former:
        return changes
    limit = new.access

    def kept(online: Online) -> Online:
        return msgspec.structs.replace(online, access=no_wider(online.access, limit))

    return tuple(msgspec.structs.replace(each, online=each.online and kept(each.online)) for each in changes)


def _start_with_rule(old: Schedule, new: Schedule, neighbours: Neighbours) -> Schedule:
    last = last_key(neighbours.before.schedule) if neighbours.before else None
    not_before = last.date + timedelta(days=1) if last else None
    try:
        start = edits.derive_start(old, new.rule, not_before=not_before)
    except RecurrenceError as error:
        raise Invalid(Violation(f"meeting.schedule.{error.field}", error.reason)) from error
    return msgspec.structs.replace(new, start=start)


def _reschedule(meeting: Meeting, new: Schedule, orphans: Orphans | None) -> tuple[Schedule, tuple[Change, ...]]:
    possible(new, "meeting.schedule")
    try:
        return edits.reschedule(meeting.schedule, new, meeting.changes, orphans)
    except edits.Orphaned as orphaned:
        dates = ", ".join(key_text(key) for key in orphaned.keys)
        raise Unmet(
            f"these dates were changed and would lose their day: {dates}; say whether to keep or drop them (orphans)",
            "ORPHANED_OCCURRENCES",
            {"occurrences": dates},
        ) from orphaned
    except RecurrenceError as error:
        raise Invalid(Violation(f"meeting.schedule.{error.field}", error.reason)) from error


def _apart(schedule: Schedule, neighbours: Neighbours) -> None:
    """A part's dates lie after those of the part before it and before those of the next."""
    before = last_key(neighbours.before.schedule) if neighbours.before else None
    after = first_key(neighbours.after.schedule) if neighbours.after else None
    try:
        edits.between_parts(before, schedule, after)
    except RecurrenceError as error:
        raise Invalid(Violation("meeting.schedule", error.reason)) from error


def _day_changes(meeting: Meeting, new: Schedule, at: str) -> tuple[DayChange, ...]:
    old = meeting.schedule
    horizon = instant(moment(at) - DAY_CHANGES_KEPT)
    kept = tuple(change for change in meeting.day_changes if change.at > horizon)
    return kept if edits.same_days(old, new) else (*kept, DayChange(at=at, old=old, new=new))


def split(meeting: Meeting, key: Key, new_id: str, at: str) -> tuple[Meeting, Meeting] | None:
    """The part before `key` and, as a part of its own, what follows; None if `key` is the first date: nothing to cut.

    Raises NotFound if the meeting does not take place on that date.
    """
    refuse_cancelled(meeting)
    must_have(meeting, key)
    try:
        parts = edits.split(meeting.schedule, meeting.changes, key)
    except RecurrenceError as error:
        raise Invalid(Violation(error.field, error.reason)) from error
    if parts is None:
        return None
    before, after = parts
    closed = tuple(each for each in meeting.closed if each.date < key.date)
    cut = msgspec.structs.replace(
        meeting, schedule=before.schedule, changes=before.deviations, closed=closed, next=new_id
    )
    continuation = msgspec.structs.replace(
        meeting,
        id=new_id,
        created_at=at,
        sequence=0,
        previous=meeting.id,
        day_changes=(),
        schedule=after.schedule,
        changes=after.deviations,
    )
    return numbered(meeting, cut), continuation


def must_have(meeting: Meeting, key: Key) -> None:
    """Raises NotFound unless the rule or an extra date puts an occurrence there."""
    if not has(meeting.schedule, key):
        raise NotFound(f"centres/{meeting.centre}/meetings/{meeting.id}/occurrences/{key_text(key)}")


def refuse_cancelled(meeting: Meeting) -> None:
    """Raises Unmet if the meeting was deleted."""
    if meeting.status is Status.CANCELLED:
        raise Unmet("the meeting was deleted; it is only shown as cancelled", "MEETING_CANCELLED")


def with_change(meeting: Meeting, change: Change) -> Meeting:
    """The meeting with this recorded about one date, and nothing if nothing differs. Raises NotFound, Unmet."""
    refuse_cancelled(meeting)
    must_have(meeting, change.key)
    change = msgspec.structs.replace(change, source=False)
    others = [other for other in meeting.changes if other.key != change.key]
    changes = sorted(others if change.empty() else [*others, change], key=lambda each: each.key)
    was = meeting.change(change.key)
    overruled = {*meeting.overruled, change.key} if was is not None and was.source else meeting.overruled
    return numbered(
        meeting, msgspec.structs.replace(meeting, changes=tuple(changes), overruled=tuple(sorted(overruled)))
    )


def cancel_occurrence(meeting: Meeting, key: Key, reason: str) -> Meeting:
    """That date does not take place. What else was recorded about it is kept, should it be restored in part."""
    change = meeting.change(key) or Change(date=key.date, ordinal=key.ordinal)
    return with_change(meeting, msgspec.structs.replace(change, cancelled=True, despite=False, reason=reason))


def restore_occurrence(meeting: Meeting, key: Key) -> Meeting:
    """That date is as the series says: despite a closure, where it was the closure that had it otherwise.

    A date that people cancelled, and that a closure moves or holds online, is where the closure has it: nobody has said
    that it takes place where it is closed.
    """
    closed = next((each for each in meeting.closed if each.key == key), None)
    change = meeting.change(key)
    despite = closed is not None and (closed.effect is ClosureEffect.CANCEL or change is None or not change.cancelled)
    return with_change(meeting, Change(date=key.date, ordinal=key.ordinal, despite=despite))


def without(meeting: Meeting, gone: frozenset[str], at: str) -> Meeting:
    """The meeting with nothing of the places and rooms of single dates that are gone (ids).

    A date that was to be held at such a place is cancelled: nobody has said that it is held as usual.
    """
    today = moment(at).date()

    def kept(change: Change) -> Change:
        if change.place not in gone:
            return msgspec.structs.replace(change, rooms=tuple(room for room in change.rooms if room not in gone))
        bare = msgspec.structs.replace(change, place=None, rooms=(), venue=None)
        return bare if change.date < today else msgspec.structs.replace(bare, cancelled=True)

    closed = tuple(each for each in meeting.closed if gone.isdisjoint({each.place, *each.rooms}))
    return msgspec.structs.replace(meeting, changes=tuple(map(kept, meeting.changes)), closed=closed)


def cancel_meeting(meeting: Meeting, at: str, *, withdrawn: bool) -> Meeting:
    """Deleted: shown as cancelled until its tombstone is due. `withdrawn`: by a person, so no import brings it back.

    `next` stays, so that an import finds the living part.
    """
    refuse_cancelled(meeting)
    active = meeting.status is Status.ACTIVE  # so that `rows.revived` knows what a person suspended
    cancelled = msgspec.structs.replace(
        meeting,
        status=Status.CANCELLED,
        local_fields=tuple(each for each in meeting.local_fields if each != "state" or not active),
        cancelled_at=at,
        withdrawn=withdrawn,
        previous="",
        next_revision=0,
        next_private_revision=0,
    )
    return numbered(meeting, cancelled)
