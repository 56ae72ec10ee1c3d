"""Between what the service owns and its records: kinds, documents, views."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import msgspec
from openchair.meetings.v1 import meeting_pb2, place_pb2

from services.kit.leaves import BY_HEAD
from services.kit.publication import Publication
from services.kit.record import NOTHING, digest, revise
from services.kit.store.port import Document, Kind, Record
from services.meetings.access import Audience, sees
from services.meetings.types import Centre, Closure, Doubt, Group, Meeting, Place, Status, Visibility
from services.meetings.types_rooms import Booking, BookingState, Room
from services.meetings.wire import child_name, keeps_back, meeting_message, meeting_name
from services.meetings.wire_bookings import Told, booking_message
from services.meetings.wire_closures import closure_message, doubt_message
from services.meetings.wire_places import centre_message, group_message, place_message
from services.meetings.wire_rooms import etag, room_message

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from services.kit.publication import Needs

T = TypeVar("T", bound=msgspec.Struct)
Owned = Centre | Place | Room | Group | Meeting | Closure | Doubt | Booking


def _without_group(state: Document) -> Document:
    """A meeting of 0.1.0, which knew no groups."""
    return {"invite_group": "", **state}


def _by_organiser(state: Document) -> Document:
    """A piece of history of when quotas did not look there."""
    booking = cast("Document", state["booking"])
    return {"organiser": booking.get("organiser", ""), **state}


def _by_overruling(state: Document) -> Document:
    """A booking of when those that overrule others were in no list of their own."""
    return {"overrules": bool(state.get("overruled")), **state}


KINDS = (
    Kind("centre"),
    Kind("place", indexes=(("centre",), ("centre", "source_key"))),
    Kind("room", indexes=(("centre",), ("centre", "place"))),
    Kind("group", indexes=(("centre",),)),
    Kind(
        "meeting",
        indexes=(
            ("centre",),
            ("centre", "status"),
            ("centre", "source_name"),
            ("centre", "place"),
            ("centre", "elsewhere"),
            ("centre", "invite_group"),
        ),
        version=2,
        upgrades={1: _without_group},
    ),
    Kind("closure", indexes=(("centre",), ("centre", "active"))),
    Kind("doubt", indexes=(("centre",), ("centre", "meeting"))),
    Kind(
        "booking",
        indexes=(
            BY_HEAD,
            ("centre", "removed", "created_at"),
            ("centre", "room", "removed", "created_at"),
            ("centre", "state", "removed", "created_at"),
            ("centre", "organiser", "removed", "created_at"),
            ("centre", "offers", "removed", "created_at"),
            ("centre", "skips", "removed", "created_at"),
            ("centre", "proposed", "removed", "created_at"),
            ("centre", "overrules", "removed", "created_at"),
        ),
        version=2,
        upgrades={1: _by_overruling},
    ),
    Kind(
        "past",
        indexes=(("centre",), ("room", "ended"), ("centre", "organiser", "ended")),
        version=2,
        upgrades={1: _by_organiser},
    ),
    Kind("holder"),
    Kind("import", indexes=(("centre",),)),
    Kind("rows", indexes=(("of", "first"),)),
)

_SHAPE_OF: dict[str, type[Owned]] = {
    "centre": Centre,
    "place": Place,
    "room": Room,
    "group": Group,
    "meeting": Meeting,
    "closure": Closure,
    "doubt": Doubt,
    "booking": Booking,
}
_KIND_OF: dict[type, str] = {shape: kind for kind, shape in _SHAPE_OF.items()}
SHOWN = tuple(_SHAPE_OF)
"""The kinds of which others see something."""


def read(record: Record, shape: type[T]) -> T:
    """What the record holds."""
    return msgspec.convert(record.state, shape)


def document(value: msgspec.Struct) -> Document:
    """The value as it is stored; fields at their default are stored too, so that a document can be read by itself."""
    return cast("Document", msgspec.json.decode(msgspec.json.encode(value)))


def public_view(value: Owned) -> Message | None:
    """What everybody may see; None: nothing at all."""
    if isinstance(value, Meeting):
        return meeting_message(value, Audience.PUBLIC) if sees(value.visibility, Audience.PUBLIC) else None
    if isinstance(value, Group | Doubt):
        return None
    if isinstance(value, Closure):
        return closure_message(value)
    if isinstance(value, Booking):
        told = value.public_busy and value.state is not BookingState.HELD and not value.competes  # a hold is soon gone
        return booking_message(value, Told.TIMES) if told else None
    if isinstance(value, Place):
        return place_message(value, Audience.PUBLIC)
    return room_message(value, Audience.PUBLIC) if isinstance(value, Room) else centre_message(value)


def private_view(value: Owned) -> Message | None:
    """What the services that serve code holders have to know; None where nobody but the public asks.

    It is what a code holder may see and no more: an address of which only the area is told is in no view at all. An
    unlisted meeting without a group is there as whoever knows the link sees it.

    What is kept back for the centre's own people moves the view, and is not in it: other instances of this service know
    by that when to look. Where nobody else is to see anything more than the public it holds its name alone.
    """
    if isinstance(value, Group):
        return group_message(value, digests=True)
    if isinstance(value, Doubt):
        return doubt_message(value)
    if isinstance(value, Booking | Room):
        return _of_room(value)
    if not isinstance(value, Meeting):
        return None
    reader = _inside(value)
    widest = reader or (Audience.PUBLIC if sees(value.visibility, Audience.PUBLIC) else None)
    kept = widest is None or keeps_back(value, widest)
    if reader is None and not kept:
        return None
    view = meeting_message(value, reader) if reader else meeting_pb2.Meeting(name=meeting_name(value))
    view.etag = digest(_listed(value)) if kept else ""  # it is cleared when the view is published
    return view


def _of_room(value: Booking | Room) -> Message:
    """Of a room its name alone: the view moves with all that staff knows of it."""
    if isinstance(value, Booking):
        return booking_message(value, Told.EVENT)
    return place_pb2.Room(name=child_name(value.centre, "rooms", value.id), etag=etag(value))


def _inside(meeting: Meeting) -> Audience | None:
    """For whom there is a view beside the public one."""
    if meeting.invite_group:
        return Audience.HOLDER
    return Audience.LINK if meeting.visibility is Visibility.UNLISTED else None


def _listed(meeting: Meeting) -> Message:
    """What the centre's own people see of it in lists."""
    message = meeting_message(meeting, Audience.STAFF)
    for unlisted in ("source", "previous_part", "next_part", "next_part_revision", "day_changes"):
        message.ClearField(unlisted)
    return message


def _followed(part: Meeting, following: Meeting) -> bool:
    """Whether somebody who sees a part in its private view sees the one after it, too."""
    unlisted = part.visibility is following.visibility is Visibility.UNLISTED
    return unlisted or (following.invite_group != "" and part.invite_group == following.invite_group)


def seen_with(part: Meeting, following: Meeting) -> Meeting:
    """The part, cut for the one that follows it, which is new: in each view it waits for that one, if it has that view.

    A view that the other never had would be waited for in vain, and one that is for others would tell its id.
    """
    return msgspec.structs.replace(
        part,
        next_revision=int(public_view(following) is not None),
        next_private_revision=int(_followed(part, following)),
    )


def seen_alone(part: Meeting, before: Meeting, after: Meeting) -> Meeting:
    """The part, whose next one was `before` and is `after`: it waits no more for a view that the next one has lost."""
    lost_public = public_view(before) is not None and public_view(after) is None
    lost_private = _followed(part, before) and not _followed(part, after)
    return msgspec.structs.replace(
        part,
        next_revision=0 if lost_public else part.next_revision,
        next_private_revision=0 if lost_private else part.next_private_revision,
    )


def write(
    previous: Record | None, value: Owned, *, at: str, actor: str, due_at: str | None = None, gone: bool = False
) -> Record:
    """The next revision of the value's record."""
    return revise(
        previous,
        kind=_KIND_OF[type(value)],
        id=value.id,
        state=document(value),
        at=at,
        actor=actor,
        views={"public": None, "private": None} if gone else views(value),
        due_at=due_at,
        gone=gone,
    )


def views(value: Owned) -> dict[str, Message | None]:
    """Every view of the value, by name."""
    return {"public": public_view(value), "private": private_view(value)}


def as_shown(record: Record) -> bool:
    """Whether its views are what they are to be by now: an older version made others, or none."""
    if record.gone or record.kind not in _SHAPE_OF or record.state.get("removed"):
        return True
    known = {view.name: view.digest for view in record.views}
    wanted = views(read(record, _SHAPE_OF[record.kind]))
    return all(known.get(name, NOTHING) == digest(content) for name, content in wanted.items())


def shown(record: Record, at: str, actor: str) -> Record:
    """The same at the next revision, with the views that it is to have by now; what is kit's of a leaf stays."""
    written = write(record, read(record, _SHAPE_OF[record.kind]), at=at, actor=actor, due_at=record.due_at)
    return msgspec.structs.replace(written, state={**record.state, **written.state})


def touch(record: Record, at: str, actor: str) -> Record:
    """The same at the next revision: whoever decided on the old one must decide again."""
    return msgspec.structs.replace(record, revision=record.revision + 1, at=at, actor=actor)


def _needs(view: str) -> Needs:
    """What must be shown before a part of a series: the one after it, in the same view."""

    def needs(record: Record) -> tuple[tuple[str, str, int], ...]:
        meeting = read(record, Meeting)
        revision = meeting.next_revision if view == "public" else meeting.next_private_revision
        if not revision or meeting.status is Status.CANCELLED:
            return ()
        return (("meeting", meeting.next, revision),)

    return needs


def _publication(kind: str, message_type: str, shape: type[Owned], view: str = "public") -> Publication:
    render = public_view if view == "public" else private_view
    return Publication(
        kind=kind,
        view=view,
        service="meetings",
        type=f"openchair.meetings.v1.{message_type}",
        render=lambda record: None if record.state.get("removed") else render(read(record, shape)),
        scope="centre",
        needs=_needs(view) if kind == "meeting" else None,
    )


PUBLICATIONS = (
    _publication("centre", "Centre", Centre),
    _publication("place", "Place", Place),
    _publication("room", "Room", Room),
    _publication("room", "Room", Room, "private"),
    _publication("meeting", "Meeting", Meeting),
    _publication("meeting", "Meeting", Meeting, "private"),
    _publication("group", "Group", Group, "private"),
    _publication("closure", "Closure", Closure),
    _publication("doubt", "Doubt", Doubt, "private"),
    _publication("booking", "Booking", Booking),
    _publication("booking", "Booking", Booking, "private"),
)
