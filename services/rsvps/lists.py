"""Guest lists as heads and their seats as leaves (`kit.heads`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from services.kit.leaves import Facts, Leaf, Shape
from services.rsvps import records
from services.rsvps.line import Line
from services.rsvps.types import GuestList, Seat

if TYPE_CHECKING:
    from services.kit.clock import Ids
    from services.kit.leaves import Head
    from services.kit.store.port import Document, Record


def _put(line: Line, record: Record) -> None:
    line.put(records.read(record, Seat))


def _remove(line: Line, record: Record) -> None:
    line.remove(record.id)


def _bare(state: Document) -> Document:
    """What stays of a seat that is gone for good: that it was one."""
    return {"head": state["head"], "written": state["written"], "removed": state["removed"], "centre": state["centre"]}


SHAPE: Final = Shape("list", "seat", Line, _put, _remove, bare=_bare, coarse=True)
"""A guest list is a head; its seats are the leaves. A leaf has no views: what one person does is in no stream.

No time is finer than a day: two seats of one person, kept one after the other, are not to be found by when they were.
"""


def new_id(ids: Ids) -> str:
    """A random id for a list, 128 bits: one that may be a field's name in a document (`Seat.wanted`)."""
    return f"l{ids.random.getrandbits(128):032x}"


def guest_list(head: Head[Line]) -> GuestList | None:
    """What the head says; None: there is no such list."""
    record = head.record
    return None if record is None or record.gone else msgspec.convert(record.state, GuestList)


def facts(value: GuestList, due_at: str | None) -> Facts:
    """The head that says this."""
    return Facts(records.document(value), records.views(value), due_at)


def leaf(seat: Seat) -> Leaf:
    """The leaf that says this."""
    return Leaf(seat.id, records.document(seat))
