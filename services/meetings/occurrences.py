"""Single dates: Cancel, Restore, Change; and List."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from openchair.meetings.v1 import meeting_pb2, occurrence_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.kit.errors import Invalid, NotFound, Violation
from services.kit.paging import page_size
from services.meetings import composed, edits
from services.meetings.access import Audience
from services.meetings.claiming import Asked as Claiming
from services.meetings.claiming import Draft
from services.meetings.codes import viewer_of
from services.meetings.desk import CENTRE, OCCURRENCE, PLACE, ROOM, Decision, Desk, Held, Written, actor, expect_etag
from services.meetings.listing import Asked, Listing, occurrence_message
from services.meetings.masks import merged
from services.meetings.types import Centre, Change, Meeting
from services.meetings.wire import change_message, child_name, read_change
from services.recurrence.schedule import LAST_YEAR, occurrence
from services.recurrence.types import Key, RecurrenceError
from services.recurrence.wire import key_text, parse_key

if TYPE_CHECKING:
    from services.kit.call import Call
    from services.kit.store.port import Record
    from services.meetings.parts import Parts

WRITABLE = frozenset(
    {"start", "minutes", "title", "notes", "mode", "place", "rooms", "reason", "online", "despite_closures"}
)
WINDOW = timedelta(days=7)
LONGEST_WINDOW = timedelta(days=366)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(LAST_YEAR, 12, 31, tzinfo=UTC)
PUBLIC_BEHIND = timedelta(days=35)
PUBLIC_AHEAD = timedelta(days=92)


class Occurrences:
    """The methods about single dates."""

    def __init__(self, desk: Desk, parts: Parts, listing: Listing) -> None:
        self.desk = desk
        self.parts = parts
        self.listing = listing

    async def cancel_occurrence(self, call: Call[pb.CancelOccurrenceRequest]) -> occurrence_pb2.Occurrence:
        """That date does not take place."""

        async def decide(_: str) -> Decision[occurrence_pb2.Occurrence]:
            held, key = await self._date(call.message.name, call.message.etag)
            meeting = edits.cancel_occurrence(held.value, key, call.message.reason.strip())
            asked = await self.parts.lenient(meeting)
            return _decision(held, meeting, key, asked, f"cancel-occurrence {call.message.reason}")

        return await self.desk.write(call, decide)

    async def restore_occurrence(self, call: Call[pb.RestoreOccurrenceRequest]) -> occurrence_pb2.Occurrence:
        """That date is as the series says."""

        async def decide(at: str) -> Decision[occurrence_pb2.Occurrence]:
            held, key = await self._date(call.message.name, call.message.etag)
            restored = edits.restore_occurrence(held.value, key)
            meeting, moved = await self.parts.housed(held.value, restored, at, actor(call))
            asked = await self.parts.asked(call, meeting)
            return _decision(held, meeting, key, asked, "restore-occurrence", moved)

        return await self.desk.write(call, decide)

    async def change_occurrence(self, call: Call[pb.ChangeOccurrenceRequest]) -> occurrence_pb2.Occurrence:
        """That date differs from the series in the fields of the mask."""
        request = call.message

        async def decide(at: str) -> Decision[occurrence_pb2.Occurrence]:
            held, key = await self._date(request.name, request.etag)
            before = held.value.change(key) or Change(date=key.date, ordinal=key.ordinal)
            message = change_message(before, held.value.centre, Audience.STAFF)
            wanted, paths = merged(message, request.change, request.update_mask, WRITABLE, "change")
            clear_unset(wanted, request.change, paths)
            change = located(read_change(wanted, before, held.value.online), wanted, held.value)
            changed = edits.with_change(held.value, change)
            meeting, moved = await self.parts.housed(held.value, changed, at, actor(call))
            asked = await self.parts.asked(call, meeting)
            return _decision(held, meeting, key, asked, f"change-occurrence {change.reason}", moved)

        return await self.desk.write(call, decide)

    async def list_occurrences(self, call: Call[pb.ListOccurrencesRequest]) -> pb.ListOccurrencesResponse:
        """What is on in a window of time."""
        request = call.message
        centre = CENTRE.parse(request.parent, "parent")["centre"]
        await self.desk.held("centre", centre, Centre, request.parent, centre)
        viewer = await viewer_of(self.desk, call, centre)
        since, until = window(request, call.clock.now(), insider=viewer.staff)
        asked = Asked(request, centre, since, until, viewer)
        page, after = await self.listing.page(asked, self.desk.pages.position(call), page_size(request.page_size))
        return pb.ListOccurrencesResponse(
            occurrences=[asked.message(meeting, each) for meeting, each in page],
            next_page_token=self.desk.pages.token(call, after),
        )

    async def _date(self, name: str, etag: str) -> tuple[Held[Meeting], Key]:
        ids = OCCURRENCE.parse(name, "name")
        try:
            key = parse_key(ids["occurrence"])
        except RecurrenceError as error:
            raise Invalid(Violation("name", error.reason)) from error
        try:
            held = await self.parts.meeting(child_name(ids["centre"], "meetings", ids["meeting"]))
        except NotFound as error:
            raise NotFound(name) from error
        expect_etag(name, held.record, etag)
        return held, key


def _decision(
    held: Held[Meeting], meeting: Meeting, key: Key, asked: Claiming, said: str, moved: tuple[Record, ...] = ()
) -> Decision[occurrence_pb2.Occurrence]:
    """The decision to write the meeting for one date, where anything differs. `said`: the action, and why."""
    action, _, reason = said.partition(" ")

    def reply(written: Written) -> occurrence_pb2.Occurrence:
        shown = composed.all_in_one(written[meeting.id].value if written else held.value)
        return occurrence_message(shown, occurrence(shown.schedule, key, shown.change(key)))

    drafts = () if meeting == held.value else (Draft(held.record, meeting),)
    return Decision(moved, reply, action, f"{key_text(key)} {reason}".strip(), drafts=drafts, asked=asked)


def clear_unset(
    wanted: meeting_pb2.OccurrenceChange, update: meeting_pb2.OccurrenceChange, paths: frozenset[str]
) -> None:
    """A field that the mask names and the request does not set goes back to the series' own."""
    for path in paths:
        descriptor = update.DESCRIPTOR.fields_by_name.get(path)
        if descriptor is not None and descriptor.has_presence and not update.HasField(path):  # type: ignore[arg-type]  # a path of the mask
            wanted.ClearField(path)  # type: ignore[arg-type]  # a path of the mask


def located(change: Change, message: meeting_pb2.OccurrenceChange, meeting: Meeting) -> Change:
    """The change with the ids of the place and rooms that the message names. Raises Invalid."""
    place = PLACE.parse(message.place, "change.place") if message.HasField("place") else None
    rooms = [ROOM.parse(room, f"change.rooms[{n}]") for n, room in enumerate(message.rooms)]
    if rooms and place is None:
        raise Invalid(Violation("change.place", "rooms go with the place they are in"))
    if any(ids["centre"] != meeting.centre for ids in ([place] if place else []) + rooms):
        raise Invalid(Violation("change.place", "must belong to the same centre"))
    return msgspec.structs.replace(
        change,
        place=place["place"] if place else None,
        rooms=tuple(room["room"] for room in rooms),
        venue=change.venue if place else None,  # else a date that is as usual again would keep a copy of its own
    )


def window(request: pb.ListOccurrencesRequest, now: datetime, *, insider: bool) -> tuple[datetime, datetime]:
    """The window that was asked for: seven days from now unless stated. Raises Invalid.

    The public asks within what is kept at hand: whoever has no token makes nobody reckon years ahead.
    """
    since = request.start_time.ToDatetime(UTC) if request.HasField("start_time") else now
    if not EARLIEST <= since <= LATEST:
        raise Invalid(Violation("start_time", f"must lie in the years {EARLIEST.year} to {LATEST.year}"))
    until = request.end_time.ToDatetime(UTC) if request.HasField("end_time") else since + WINDOW
    if until <= since:
        raise Invalid(Violation("end_time", "must be after start_time"))
    if until - since > LONGEST_WINDOW:
        raise Invalid(Violation("end_time", f"must be at most {LONGEST_WINDOW.days} days after start_time"))
    if not insider and since < now - PUBLIC_BEHIND:
        raise Invalid(Violation("start_time", f"must be at most {PUBLIC_BEHIND.days} days ago"))
    if not insider and until > now + PUBLIC_AHEAD:
        raise Invalid(Violation("end_time", f"must be at most {PUBLIC_AHEAD.days} days from now"))
    return since, until
