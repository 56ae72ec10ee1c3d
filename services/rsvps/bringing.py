"""What happens by itself when something is due: lists are brought up to their event, and settled.

It decides nothing that a command would not decide as well: whoever comes to a list brings it up first. So a late
sweeper, a restart or a second instance changes when something is written, and never what is true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from services.kit.leaves import Decision
from services.kit.store.port import Audit, Commit, Conflict
from services.rsvps import following, lists, records, turns
from services.rsvps.reacting import WHO, series_of
from services.rsvps.sheet import Sheet
from services.rsvps.types import Event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from services.kit.leaves import Head
    from services.kit.store.port import Record
    from services.rsvps.desk import Desk
    from services.rsvps.line import Line
    from services.rsvps.types import Part

Step: TypeAlias = "Callable[[Record], Awaitable[str | None]]"
"""Something that is done with a record that is due. It says when the record is due again for it; None: never. It may
write the record: then all of them are asked once more."""

FOLLOW: Final = "follow"


class Bringing:
    """Who is handed events and lists that are due. `of_event` and `of_list` are what else is done with them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.of_event: list[Step] = [self._lists_of]
        self.of_list: list[Step] = []

    async def event_due(self, record: Record) -> None:
        """Brings all lists of an event up to it, one commit each: after a restart it goes on where it was."""
        store, again = self._desk.store, [await step(record) for step in self.of_event]
        now = await store.get(record.kind, record.id)
        if now is None or now.gone or now.revision != record.revision:
            return  # it is another one by now, and due at its own time
        at = self._desk.now()
        due = min((each for each in again if each is not None), default=None)
        written = records.write(now, records.read(now, Event), at=at, actor=WHO, due_at=due)
        trail = Audit(kind=now.kind, id=now.id, revision=written.revision, at=at, actor=WHO, action=FOLLOW)
        try:
            await store.commit(Commit((written,), (), (trail,)))
        except Conflict:
            return  # somebody was faster; what is due comes again

    async def list_due(self, record: Record) -> None:
        """Brings one list up to its event, and does what is to be done by now."""
        for step in self.of_list:
            await step(record)
        found = await series_of(self._desk.store, str(record.state["event"]))
        if found is not None:
            event, parts = found
            await self.bring(record.id, records.read(event, Event), parts, event.revision)

    async def bring(self, list_id: str, event: Event, parts: Sequence[Part], revision: int) -> None:
        """Has a list follow its event as it stands at that revision, and settles it."""

        def decide(head: Head[Line], at: str) -> Decision[None]:
            guest_list = lists.guest_list(head)
            if guest_list is None:
                return Decision(None)
            sheet = Sheet(guest_list, head.index)
            following.bring(sheet, event, parts, revision, at)
            turns.settle(sheet, at)
            return Decision(None, sheet.changes(turns.next_due(sheet, at)), FOLLOW)

        await self._desk.heads.change("list", list_id, decide, actor=WHO)

    async def _lists_of(self, record: Record) -> str | None:
        found = await series_of(self._desk.store, record.id)
        if found is None or found[0].revision != record.revision:
            return None  # it is another one by now, and due at its own time
        event = records.read(record, Event)
        for list_id in following.list_ids(event):
            await self.bring(list_id, event, found[1], record.revision)
        return None
