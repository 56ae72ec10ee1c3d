"""The end of what was reported about a date: 30 days later nothing of it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.kit.record import transact
from services.kit.store.port import Commit
from services.meetings import doubting, records
from services.meetings.desk import Desk, trail
from services.meetings.types import Doubt, Meeting

if TYPE_CHECKING:
    from services.kit.store.port import Record

WHO: Final = "openchair"


class Forgetting:
    """What happens to doubts that are due."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def due(self, record: Record) -> None:
        """30 days have passed: the doubt is forgotten, and the mark on its date goes."""
        doubt = records.read(record, Doubt)

        async def attempt() -> tuple[Commit, None]:
            at = self.desk.now()
            current = await self.desk.store.get("doubt", record.id)
            if current is None or current.gone or current.due_at is None or current.due_at > at:
                return Commit(()), None
            gone = records.write(current, records.read(current, Doubt), at=at, actor=WHO, gone=True)
            written = (gone, *await self._unmarked(doubt, at))
            return Commit(written, (), trail(written, at, WHO, "forget")), None

        await transact(self.desk.store, self.desk.clock, self.desk.ids, attempt)

    async def _unmarked(self, doubt: Doubt, at: str) -> tuple[Record, ...]:
        """The records of the parts that bear the mark, without it: after a split a later part has it too."""
        written: list[Record] = []
        part, passed = doubt.meeting, set[str]()
        while part and part not in passed:
            passed.add(part)
            record = await self.desk.store.get("meeting", part)
            if record is None or record.gone:
                break
            meeting = records.read(record, Meeting)
            bare = doubting.unmarked(meeting, doubt.key)
            if bare != meeting:
                written.append(records.write(record, bare, at=at, actor=WHO, due_at=record.due_at))
            part = meeting.next
        return tuple(written)
