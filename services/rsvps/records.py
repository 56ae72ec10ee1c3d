"""Between what the service owns and its records: kinds, documents, views."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import msgspec

from services.kit.leaves import BY_HEAD
from services.kit.publication import Publication
from services.kit.record import revise
from services.kit.store.port import Document, Kind, Record
from services.rsvps.types import Count, Event, GroupCodes, GuestList, Part, Revoked
from services.rsvps.wire import availability_message, invitation_message

if TYPE_CHECKING:
    from google.protobuf.message import Message

T = TypeVar("T", bound=msgspec.Struct)
_WRITE = msgspec.json.Encoder().encode
_READ = msgspec.json.Decoder().decode  # to_builtins would keep tuples, which no store takes
Owned = Part | Event | GuestList | Count | Revoked | GroupCodes

KINDS = (
    Kind("part", indexes=(("centre",), ("lineage",))),
    Kind("event", indexes=(("centre",), ("centre", "sistered"))),
    Kind("list", indexes=(("centre",), ("event",))),
    Kind("seat", indexes=(BY_HEAD,), scattered=True),
    Kind("count", indexes=(("centre", "date"), ("event", "date"))),
    Kind("revoked", indexes=(("centre",),)),
    Kind("group", indexes=(("centre",),)),
)

_SHAPE_OF: dict[str, type[Owned]] = {
    "part": Part,
    "event": Event,
    "list": GuestList,
    "count": Count,
    "revoked": Revoked,
    "group": GroupCodes,
}
_KIND_OF: dict[type, str] = {shape: kind for kind, shape in _SHAPE_OF.items()}


def read(record: Record, shape: type[T]) -> T:
    """What the record holds."""
    return msgspec.convert(record.state, shape)


def document(value: msgspec.Struct) -> Document:
    """The value as it is stored; fields at their default are stored too, so that a document can be read by itself."""
    return cast("Document", _READ(_WRITE(value)))


def views(value: Owned) -> dict[str, Message | None]:
    """The public view of a list or an event; the others have none."""
    if isinstance(value, GuestList):
        return {"public": availability_message(value)}
    if isinstance(value, Event):
        return {"public": invitation_message(value)}
    return {}


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
        views={} if gone else views(value),
        due_at=due_at,
        gone=gone,
    )


def _render(record: Record) -> Message | None:
    return views(read(record, _SHAPE_OF[record.kind])).get("public")


PUBLICATIONS = (
    Publication("event", "public", "rsvps", "openchair.rsvps.v1.Invitation", _render, "centre"),
    Publication("list", "public", "rsvps", "openchair.rsvps.v1.ListAvailability", _render, "centre"),
)
