"""What a row of an import makes of a meeting. Pure: what each meeting should be is a function of it and the row."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from functools import lru_cache

import msgspec
from openchair.meetings.v1 import import_pb2

from services.kit.clock import moment
from services.kit.errors import Invalid, Refusal
from services.kit.validation import TextRules, Walk, text_fault
from services.meetings import edits, provenance
from services.meetings.access import no_wider
from services.meetings.check import TITLE_LENGTH, possible
from services.meetings.types import (
    AddressAccess,
    Change,
    Meeting,
    Mode,
    Online,
    OnlineAccess,
    Place,
    Source,
    Status,
)
from services.meetings.types_imports import Import, Outcome, ReportRow
from services.meetings.wire import read_meeting
from services.meetings.wire_details import TOLD_FROM
from services.meetings.wire_places import read_place
from services.recurrence.schedule import last_end
from services.recurrence.types import RecurrenceError, Schedule

LONGEST_ORIGINAL = 64 * 1024
LONGEST_EXTRA = 16 * 1024
TEXT = TextRules(
    several_lines=frozenset({"notes", "description", "reason", "original", "extra", "first_visit"}),
    longest={"original": LONGEST_ORIGINAL, "extra": LONGEST_EXTRA},
)
TEXT_WALK = Walk(TEXT)
LONGEST_ID = 200
LARGEST_ROW = 512 * 1024  # bytes; the meeting that it makes has room for what people add

_NAMESPACE = uuid.UUID("0c0a2d0e-6b1f-4a55-9c3c-5d0f8f1a7b21")
_BLANK = Schedule(start=datetime(2000, 1, 1), zone="UTC", minutes=60)  # noqa: DTZ001 - local by nature
_UNREPORTED = frozenset({"sequence", "day_changes", "source", "source_name", "venue", "changes", "elsewhere"})


@lru_cache(maxsize=1_024)
def meeting_id(centre: str, source: str, source_id: str) -> str:
    """The id that a source's record has here for ever: it comes back to the same one (UUID version 5)."""
    return str(uuid.uuid5(_NAMESPACE, f"meeting\n{centre}\n{source}\n{source_id}"))


def place_key(intent: Import, row: import_pb2.ImportRow) -> str:
    """What a row's place is known by: its title and address in that source. "" for a row without place."""
    if not row.HasField("place"):
        return ""
    return hashlib.sha256(f"{intent.source}\n{row.place.title}\n{row.place.address}".encode()).hexdigest()


def digest(row: import_pb2.ImportRow) -> str:
    """Over what the source says of the meeting; of one with a rule, whatever day it was read on."""
    said = import_pb2.ImportRow(
        meeting=row.meeting,
        source_url=row.source_url,
        place=row.place if row.HasField("place") else None,
        changes=row.changes,
        extra=row.extra,
    )
    if row.meeting.schedule.rule and not row.start_stated:
        said.meeting.schedule.start = row.meeting.schedule.start.partition("T")[2]
    return hashlib.sha256(said.SerializeToString(deterministic=True)).hexdigest()


def problems(row: import_pb2.ImportRow) -> tuple[str, ...]:
    """Why a row is refused; empty: it is not."""
    if row.refusal:
        return (row.refusal,)
    if faults := TEXT_WALK.violations(row):
        return tuple(f"{fault.field}: {fault.reason}" for fault in faults)
    if fault := _size_fault(row):
        return (fault,)
    try:
        if row.HasField("place"):
            read_place(row.place, Place(id="", centre="", created_at="", title=""), "place.")
        possible(read_meeting(row.meeting, blank("", "", ""), "").schedule, "schedule")
        for change in row.changes:
            provenance.read_source_change(change)
    except Invalid as refusal:
        return tuple(f"{violation.field}: {violation.reason}" for violation in refusal.violations)
    except RecurrenceError as error:
        return (f"changes: {error}",)
    return _extra_fault(row.extra)


def _size_fault(row: import_pb2.ImportRow) -> str:
    """What of the row is too long as a whole; "": nothing."""
    if not row.source_id or len(row.source_id) > LONGEST_ID:
        return f"source_id: must be 1 to {LONGEST_ID} characters"
    large = row.meeting.ByteSize() + sum(change.ByteSize() for change in row.changes) > LARGEST_ROW
    return f"meeting: its texts are more than {LARGEST_ROW // 1024} KiB" if large else ""


def _extra_fault(extra: str) -> tuple[str, ...]:
    """Why what no field holds cannot be kept."""
    if len(extra.encode()) > LONGEST_EXTRA:
        return (f"extra: is larger than {LONGEST_EXTRA // 1024} KiB",)
    try:
        sound = not extra or isinstance(msgspec.json.decode(extra), dict)
    except msgspec.DecodeError:
        sound = False
    return () if sound else ("extra: must be a JSON object",)


def blank(id: str, centre: str, at: str) -> Meeting:  # noqa: A002 - the field is named id everywhere
    """A meeting about which nothing is said yet."""
    return Meeting(id=id, centre=centre, created_at=at, lineage=id, title="", schedule=_BLANK)


def wanted_place(row: import_pb2.ImportRow, base: Place, withheld: AddressAccess) -> Place:
    """What the row's place should be. What was withheld from the public here stays so, whatever the source says.

    `withheld` is the level at the meeting's former place: a source that corrects an address does not publish it.
    """
    said = read_place(row.place, base)
    level = no_wider(no_wider(said.address_access, withheld), base.address_access)
    return msgspec.structs.replace(said, address_access=level)


def private_as(current: Meeting, said: Meeting) -> Meeting:
    """What the source says, no more public than the meeting is here: a coordinator's choice outlives the next list.

    Also a list that leaves out how to join: who may learn it is kept for the link that the list after it brings.
    """
    online, stated = said.online, current.online.access if current.online else OnlineAccess.PUBLIC
    if online is not None:
        online = msgspec.structs.replace(online, access=no_wider(online.access, stated))
    elif stated is not OnlineAccess.PUBLIC:
        online = Online(access=stated)
    return msgspec.structs.replace(said, visibility=no_wider(said.visibility, current.visibility), online=online)


def wanted_meeting(
    row: import_pb2.ImportRow,
    intent: Import,
    current: Meeting | None,
    place: str,
    at: str,
    neighbours: edits.Neighbours = edits.ALONE,
) -> Meeting:
    """What the row's meeting should be, at the place of that id ("": none).

    The first import fixes where it starts, unless the source states it; dates that people changed keep their changes,
    fields that they edited too.
    """
    base = current or blank(meeting_id(intent.centre, intent.source, row.source_id), intent.centre, at)
    base = revived(provenance.without_source_changes(base))
    said = stated(row, intent, base, place)
    if current is None:
        return provenance.with_source_changes(said, row.changes)
    wanted = provenance.with_local(said, base)
    if keeps_place(row, base):
        wanted = msgspec.structs.replace(wanted, place=base.place, rooms=base.rooms)
    edited = edits.edit_all(base, edits.Edit(wanted, "keep", start_named=begins_as_said(row, base)), at, neighbours)
    edited = provenance.with_source_changes(edited, row.changes)
    return edits.numbered(current, msgspec.structs.replace(edited, sequence=current.sequence))


def wanted_earlier(row: import_pb2.ImportRow, part: Meeting, at: str) -> Meeting:
    """What the row makes of the part before the last one of a series that was split here, while that part goes on.

    Whether it is held at all, and what becomes of single dates: nobody is to stand there because of a split. All else
    that the source says is the last part's.
    """
    end = last_end(part.schedule, part.changes)
    if end is not None and end <= moment(at):
        return part
    said = read_meeting(row.meeting, part, "").status
    status = part.status if "state" in part.local_fields else said
    bare = msgspec.structs.replace(provenance.without_source_changes(part), status=status)
    return edits.numbered(part, provenance.with_source_changes(bare, row.changes))


def revived(meeting: Meeting) -> Meeting:
    """The same, not deleted. One that a person suspended (a local field) is so again."""
    suspended = meeting.status is not Status.ACTIVE and "state" in meeting.local_fields
    status = Status.SUSPENDED if suspended else Status.ACTIVE
    return msgspec.structs.replace(meeting, status=status, cancelled_at=None, withdrawn=False)


def stated(row: import_pb2.ImportRow, intent: Import, base: Meeting, place: str) -> Meeting:
    """What the source says the meeting is, whatever was edited here."""
    said = private_as(base, read_meeting(row.meeting, base, ""))
    if row.public_only:
        said = _with_untold(said, base)
    said = msgspec.structs.replace(
        said, place=place, rooms=(), source_name=intent.source, source=source(row, intent, base)
    )
    if row.public_only and base.place == place:
        said = msgspec.structs.replace(said, rooms=base.rooms)
    if not base.source_name:
        return said
    fixed = said.schedule.rule and not begins_as_said(row, base)
    day = (base if fixed else said).schedule.start.date()
    extra = provenance.merged_extra(said.schedule.extra, base)
    start = datetime.combine(day, said.schedule.start.time())
    return msgspec.structs.replace(said, schedule=msgspec.structs.replace(said.schedule, start=start, extra=extra))


def begins_as_said(row: import_pb2.ImportRow, base: Meeting) -> bool:
    """Whether the series begins on the date of the row: the source states it, and no part went before this one."""
    return row.start_stated and base.id == base.lineage


def _with_untold(said: Meeting, current: Meeting) -> Meeting:
    """With what no public export tells, as it is here: how few chairs, rooms of an agenda, how to join."""
    rooms = {each.id: {"rooms": each.rooms, "room_titles": each.room_titles} for each in current.sessions}
    few = {field: getattr(current, field) for field in ("capacity", "online_capacity") if not getattr(said, field)}
    return msgspec.structs.replace(
        said,
        **{field: chairs for field, chairs in few.items() if chairs < TOLD_FROM},
        sessions=tuple(msgspec.structs.replace(each, **rooms.get(each.id, {})) for each in said.sessions),
        online=_untold_online(said, current.online),
    )


def _untold_online(said: Meeting, here: Online | None) -> Online | None:
    """What only whoever may join is told: a link that is not public; passcode and notes, where the link is the same."""
    online = said.online
    if here is None or said.mode is Mode.IN_PERSON:
        return online
    told = (online.url, online.phone) if online else ("", "")
    withheld = here.access is not OnlineAccess.PUBLIC and told == ("", "")
    kept = told == (here.url, here.phone) and bool(here.notes or here.passcode)
    return here if withheld or kept else online


def keeps_place(row: import_pb2.ImportRow, meeting: Meeting | None) -> bool:
    """Whether it stays where it is, whatever the row says: it was edited here, or no public export tells it."""
    if meeting is None:
        return False
    withheld = meeting.venue is not None and meeting.venue.address_access is not AddressAccess.PUBLIC
    return "place" in meeting.local_fields or (row.public_only and withheld)


def kept(row: import_pb2.ImportRow, intent: Import, current: Meeting, place: str) -> tuple[str, ...]:
    """The fields that were edited here, and that the row has otherwise."""
    if not current.local_fields:
        return ()
    return provenance.kept(stated(row, intent, revived(current), place), revived(current))


def source(row: import_pb2.ImportRow, intent: Import, current: Meeting) -> Source:
    """Where the meeting comes from; of one whose source no public export tells, that stays."""
    known = current.source
    if known is not None and row.public_only and row.source_id == current.lineage:
        return msgspec.structs.replace(known, digest=digest(row), by=intent.id)
    return Source(
        source=intent.source,
        id=row.source_id,
        url=row.source_url,
        update_time=row.source_update_time,
        digest=digest(row),
        original=row.original,
        by=intent.id,
        extra=row.extra,
        series=row.series,
    )


def fields_changed(old: Meeting, new: Meeting) -> tuple[str, ...]:
    """Names of the fields that differ, for the report."""
    return tuple(
        field
        for field in Meeting.__struct_fields__
        if field not in _UNREPORTED and getattr(old, field) != getattr(new, field)
    ) + (("changes",) if _source_changes(old) != _source_changes(new) else ())


def _source_changes(meeting: Meeting) -> tuple[Change, ...]:
    return tuple(change for change in meeting.changes if change.source)


def report(
    row: import_pb2.ImportRow,
    outcome: Outcome,
    meeting: str,
    reasons: tuple[str, ...] = (),
    kept: tuple[str, ...] = (),
) -> ReportRow:
    """The row's line of the report."""
    return ReportRow(
        number=row.number,
        source_id=row.source_id,
        title=row.meeting.title if text_fault(row.meeting.title, TITLE_LENGTH) is None else "",
        outcome=outcome,
        reasons=reasons,
        warnings=tuple(row.warnings),
        meeting=meeting,
        kept=kept,
    )


def refused(row: import_pb2.ImportRow, why: tuple[str, ...] | Refusal) -> ReportRow:
    """The line of a row that is not imported."""
    reasons = (why.message,) if isinstance(why, Refusal) else why
    return report(row, Outcome.REFUSED, "", reasons)
