"""The closures in force of each centre, as every write of a meeting needs them.

They are read from the store each time, since another instance may have written them a moment ago. Where this process is
the only one that writes the store, they are kept until one of its own commits changes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from services.meetings import records
from services.meetings.closing import NOTHING, Frame, ordered
from services.meetings.types import Centre, Closure

if TYPE_CHECKING:
    from services.kit.store.port import Commit, Record
    from services.meetings.desk import Desk


class InForce:
    """What counts at each centre."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._frames: dict[str, Frame] = {}
        self._turn = 0
        desk.store.watch(self._committed, kinds=("closure", "centre", "room"))

    async def frame(self, centre: str, *, holidays: bool = True) -> Frame:
        """What counts there now. Without `holidays` an empty frame will do where nothing is closed."""
        if centre in self._frames:  # only where nobody else writes
            return self._frames[centre]
        turn = self._turn
        found = await self.desk.every("closure", Closure, centre=centre, active=True)
        closures = ordered(tuple(held.value for held in found))
        if not (closures or holidays or self.desk.alone):
            return NOTHING
        record = await self.desk.store.get("centre", centre)
        if record is None or record.gone:
            return NOTHING
        value = records.read(record, Centre)
        frame = Frame(value.zone, value.holiday_calendar, closures, await self.floor(*closures))
        if self.desk.alone and turn == self._turn:  # nothing was committed while it was read
            self._frames[centre] = frame
        return frame

    async def floor(self, *closures: Closure) -> dict[str, frozenset[str]]:
        """With which others (ids) each of the rooms that these closures name shares its floor."""
        found = dict[str, frozenset[str]]()
        for room in {room for closure in closures for room in closure.rooms}:
            record = await self.desk.store.get("room", room)
            found[room] = frozenset() if record is None else _excludes(record)
        return found

    def forget(self, centre: str) -> None:
        """Something may have been written there of which nobody was told."""
        self._turn += 1
        self._frames.pop(centre, None)

    def _committed(self, commit: Commit) -> None:
        for record in commit.records:
            if record.kind in {"closure", "centre"} or (record.kind == "room" and self._split_anew(record)):
                self.forget(str(record.state.get("centre", "")))

    def _split_anew(self, room: Record) -> bool:
        """Whether other rooms are closed with it than is known. While a frame is read that is not known: yes."""
        frame = self._frames.get(str(room.state.get("centre", "")))
        return frame is None or frame.floor.get(room.id, _excludes(room)) != _excludes(room)


def _excludes(room: Record) -> frozenset[str]:
    return frozenset(cast("list[str]", room.state.get("excludes", [])))
