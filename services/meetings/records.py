"""Between what the service owns and its records: kinds, documents, views."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import msgspec

from services.kit.publication import Publication
from services.kit.record import revise
from services.kit.store.port import Document, Kind, Record
from services.meetings.types import Centre, Meeting, Place, Room, Status, Visibility
from services.meetings.wire import centre_message, meeting_message, place_message, room_message

if TYPE_CHECKING:
    from google.protobuf.message import Message

T = TypeVar("T", bound=msgspec.Struct)
Owned = Centre | Place | Room | Meeting

KINDS = (
    Kind("centre"),
    Kind("place", indexes=(("centre",), ("centre", "source_key"))),
    Kind("room", indexes=(("centre",), ("centre", "place"))),
    Kind(
        "meeting",
        indexes=(
            ("centre",),
            ("centre", "status"),
            ("centre", "source_name"),
            ("centre", "place"),
            ("centre", "elsewhere"),
        ),
    ),
    Kind("import", indexes=(("centre",),)),
    Kind("rows", indexes=(("of", "first"),)),
)

_KIND_OF: dict[type, str] = {Centre: "centre", Place: "place", Room: "room", Meeting: "meeting"}


def read(record: Record, shape: type[T]) -> T:
    """What the record holds."""
    return msgspec.convert(record.state, shape)


def document(value: msgspec.Struct) -> Document:
    """The value as it is stored; fields at their default are stored too, so that a document can be read by itself."""
    return cast("Document", msgspec.json.decode(msgspec.json.encode(value)))


def public_view(value: Owned) -> Message | None:
    """What everybody may see; None: nothing at all."""
    if isinstance(value, Meeting):
        return meeting_message(value, public=True) if value.visibility is Visibility.PUBLIC else None
    if isinstance(value, Place):
        return place_message(value, public=True)
    return room_message(value, public=True) if isinstance(value, Room) else centre_message(value)


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
        views={"public": None if gone else public_view(value)},
        due_at=due_at,
        gone=gone,
    )


def touch(record: Record, at: str, actor: str) -> Record:
    """The same at the next revision: whoever decided on the old one must decide again."""
    return msgspec.structs.replace(record, revision=record.revision + 1, at=at, actor=actor)


def _needs(record: Record) -> tuple[tuple[str, str, int], ...]:
    meeting = read(record, Meeting)
    if not meeting.next_revision or meeting.status is Status.CANCELLED:
        return ()
    return (("meeting", meeting.next, meeting.next_revision),)


def _publication(kind: str, message_type: str, shape: type[Owned]) -> Publication:
    return Publication(
        kind=kind,
        view="public",
        service="meetings",
        type=f"openchair.meetings.v1.{message_type}",
        render=lambda record: public_view(read(record, shape)),
        scope="centre",
        needs=_needs if kind == "meeting" else None,
    )


PUBLICATIONS = (
    _publication("centre", "Centre", Centre),
    _publication("place", "Place", Place),
    _publication("room", "Room", Room),
    _publication("meeting", "Meeting", Meeting),
)
