"""Whether everybody may know the title and the photos of a room: it says so, and its place's address is public.

Either may tell the address. So the level of the place wins, also when it changes: its rooms follow (`follow`), and
whoever begins to tell moves the place, so that nobody withholds it meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.kit.heads import Claim
from services.kit.leaves import Changes, Facts, Joint
from services.meetings import records
from services.meetings.access import Audience, finds
from services.meetings.types import Place
from services.meetings.types_rooms import Room
from services.meetings.wire import child_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.kit.leaves import Head, Key
    from services.kit.store.port import Record
    from services.meetings.desk import Desk, Held
    from services.meetings.diary import Diary


def titled(room: Room, place: Place | None) -> Room:
    """The room as its place, by now, has it told; a video account (None) is at no place."""
    public = place is None or finds(place.address_access, Audience.PUBLIC)
    return msgspec.structs.replace(room, titled=room.public_title and public)


def relied_on(before: Room | None, room: Room, place: Held[Place] | None, at: str, who: str) -> tuple[Record, ...]:
    """The place, moved on, if the room begins to be told because of its level."""
    if place is None or not room.titled or (before is not None and before.titled):
        return ()
    return (records.touch(place.record, at, who),)


async def place_of(desk: Desk, room: Room) -> Held[Place] | None:
    """The place of a room; None: it is a video account. Raises NotFound."""
    if not room.place:
        return None
    return await desk.held("place", room.place, Place, child_name(room.centre, "places", room.place), room.centre)


async def follow(desk: Desk, place: Place, who: str) -> None:
    """Has the rooms of a place told as its level is by now; those that are told so already are not touched."""
    for held in await desk.every("room", Room, centre=place.centre, place=place.id):
        if titled(held.value, place) != held.value:
            await _follow_one(desk, held.value, who)


async def _follow_one(desk: Desk, found: Room, who: str) -> None:
    async def prepare() -> Claim[None]:
        place = await place_of(desk, found)
        key = ("room", found.id)

        def settle(heads: Mapping[Key, Head[Diary]], at: str) -> Joint[None]:
            record = heads[key].record
            if record is None or record.gone or place is None:
                return Joint(None, {})
            before = records.read(record, Room)
            room = titled(before, place.value)
            if room == before:
                return Joint(None, {})
            facts = Facts(records.document(room), records.views(room), record.due_at)
            return Joint(None, {key: Changes(facts)}, relied_on(before, room, place, at, who), "show")

        return Claim([key], settle)

    await desk.together(prepare, actor=who)
