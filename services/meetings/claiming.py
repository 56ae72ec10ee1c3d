"""The rooms that meetings claim: what is wanted, what can be had, what becomes of what cannot. Pure.

A meeting holds its rooms, and its online host, by bookings that are written in its own commit. Who edits a meeting is
refused what is taken (or skips it, or overrules it); what happens by itself (a closure and its end, an import, an
older version's meetings) takes what is free, and remembers the rest: `Meeting.lost`, `Booking.skipped`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from services.meetings.types_rooms import ClashPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.kit.leaves import Changes, Head, Key
    from services.kit.store.port import Record
    from services.meetings.diary import Diary
    from services.meetings.types import Meeting


class Asked(NamedTuple):
    """How a clash is answered, and for whom: `subject` is that of the token, `reason` that of an overruling one.

    `keeper`: keeps the centre's list, and so may know what is in the way. `lenient`: nobody asked, so nothing is
    refused; what cannot be had is remembered.
    """

    policy: ClashPolicy = ClashPolicy.REFUSE
    reason: str = ""
    subject: str = ""
    keeper: bool = True
    lenient: bool = False


LENIENT: Final = Asked(lenient=True)


class Draft(NamedTuple):
    """A meeting that is to be written, after what is stored (None: it is new)."""

    previous: Record | None
    meeting: Meeting
    due_at: str | None = None


class Claimed(NamedTuple):
    """The meetings of the drafts, in their order, with `claimed` and `lost` as they are now; and what rooms become."""

    meetings: Sequence[Meeting]
    changes: Mapping[Key, Changes]


def rooms(drafts: Sequence[Draft]) -> frozenset[str]:
    """The rooms (ids) that these meetings hold, or want, or use."""
    return frozenset()


def claim(drafts: Sequence[Draft], heads: Mapping[Key, Head[Diary]], asked: Asked, at: str) -> Claimed:
    """What becomes of meetings and rooms. Raises Taken, NotOpen."""
    return Claimed([draft.meeting for draft in drafts], {})
