"""Offers looked at anew: where something else than a booking frees time, or takes it, such as a closure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.heads import Claim
from services.kit.leaves import Joint
from services.meetings.desk import excluding
from services.meetings.skipping import healed
from services.meetings.types_rooms import Booking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.kit.leaves import Head, Key
    from services.meetings.desk import Desk
    from services.meetings.diary import Diary
    from services.meetings.in_force import InForce


async def anew(desk: Desk, in_force: InForce, centre: str, who: str) -> None:
    """Offers what is free now of all skipped dates of a centre's bookings, and takes back what is not. Room by room."""
    waiting = await desk.every("booking", Booking, centre=centre, skips=True, removed=False)
    for room in sorted({held.value.room for held in waiting}):
        await _of_room(desk, in_force, centre, room, who)


async def _of_room(desk: Desk, in_force: InForce, centre: str, room: str, who: str) -> None:
    async def prepare() -> Claim[None]:
        frame = await in_force.frame(centre)
        keys = [("room", id_) for id_ in sorted(await excluding(desk.store, [room]))]

        def decide(heads: Mapping[Key, Head[Diary]], at: str) -> Joint[None]:
            changes = healed(heads, {}, at, closures=frame.closures, zone=frame.zone, afresh=True)
            return Joint(None, changes, (), "offer")

        return Claim(keys, decide)

    await desk.together(prepare, actor=who)
