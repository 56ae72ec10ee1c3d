"""Decisions about several guest lists at once: of a series and its dates, of dates that share a waitlist."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from msgspec.structs import replace

from services.kit.clock import day
from services.kit.heads import Claim
from services.kit.leaves import Changes, Joint
from services.rsvps import following, lists, records, turns
from services.rsvps.reacting import series_of
from services.rsvps.sheet import Sheet
from services.rsvps.types import DatedList, Event, GuestList, Scope

if TYPE_CHECKING:
    from services.kit.call import Call
    from services.kit.leaves import Head, Key
    from services.kit.store.port import Record
    from services.recurrence.types import Key as Date
    from services.rsvps.desk import Desk
    from services.rsvps.line import Line
    from services.rsvps.types import Part

R = TypeVar("R")
Sheets: TypeAlias = Mapping[str, Sheet]
"""Lists while they are decided about, by id."""
Decide: TypeAlias = Callable[["About", Sheets, str], Callable[[], R]]
"""Decides at an instant, and gives what makes the reply when all is settled."""


class Series(NamedTuple):
    """An event as it is to be, its parts, and the record it was read from."""

    event: Event
    parts: tuple[Part, ...]
    record: Record


@dataclass
class About:
    """What is decided about: lists, the events that they are of, and those of them that are to be made."""

    series: dict[str, Series] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    """Ids of lists, and of their events."""
    made: dict[str, GuestList] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    """Ids of events that know of a new list. They are due, for whoever looks after what they need."""
    gone: set[str] = field(default_factory=set)
    """Lists that were asked for and are forgotten: their ids never come back."""

    def of(self, list_id: str) -> Series:
        """What a list belongs to."""
        return self.series[self.lists[list_id]]

    def change(self, event: Event) -> None:
        """The event is written too, as it is here."""
        self.series[event.id] = self.series[event.id]._replace(event=event)
        self.changed.add(event.id)

    def written(self, at: str, actor: str) -> tuple[Record, ...]:
        """The events that are another now. No time is finer than a day."""
        found = [self.series[id_] for id_ in sorted(self.changed)]
        return tuple(records.write(old, new, at=day(at), actor=actor, due_at=day(at)) for new, _, old in found)


class Several:
    """Looks up what belongs together, and decides about it in one commit."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def load(self, about: About, event: str) -> Series | None:
        """An event, for what is decided; None: nothing was ever said about seats of it."""
        if event not in about.series:
            found = await series_of(self.desk.store, event)
            if found is None:
                return None
            record, parts = found
            about.series[event] = Series(records.read(record, Event), parts, record)
        return about.series[event]

    def dated(self, about: About, event: str, date: Date) -> str:
        """The list of a date, made where there is none. "": there is none, and it is no date (any more)."""
        known, parts, _ = about.series[event]
        dated = known.dated(date) or DatedList(date.date, date.ordinal, "")
        id_ = dated.list
        if not id_ and not following.occasion_of(known, parts, date).start:
            return ""
        if not id_:
            id_ = lists.new_id(self.desk.ids)
            others = (each for each in known.lists if each.key != date)
            with_it = sorted((*others, replace(dated, list=id_)), key=lambda each: each.key)
            about.change(replace(known, lists=tuple(with_it)))
            about.made[id_] = replace(self.new(known, id_, Scope.DATE), date=date.date, ordinal=date.ordinal)
        about.lists[id_] = event
        return id_

    def whole(self, about: About, event: str) -> str:
        """The list of the whole series, made where there is none."""
        known = about.series[event].event
        id_ = known.series
        if not id_:
            id_ = lists.new_id(self.desk.ids)
            about.change(replace(known, series=id_))
            about.made[id_] = self.new(known, id_, Scope.SERIES)
        about.lists[id_] = event
        return id_

    def new(self, event: Event, id_: str, scope: Scope) -> GuestList:
        """A list that nobody is in. What it is about it is told before anything is decided."""
        secret = self.desk.secrets.newest
        return GuestList(
            id=id_, centre=event.centre, event=event.id, scope=scope, secret=secret, occasion=following.GONE
        )

    async def decided(
        self,
        prepare: Callable[[], Awaitable[About]],
        decide: Decide[R],
        *,
        call: Call[Any] | None = None,
        actor: str = "",
        action: str = "",
    ) -> R:
        """Decides on the lists that `prepare` names, each brought up to what it is about now; one commit, or none."""

        async def claim() -> Claim[R]:
            about = await prepare()

            def joint(heads: Mapping[Key, Head[Line]], at: str) -> Joint[R]:
                sheets = self._sheets(about, heads, at)
                reply = decide(about, sheets, at)
                for sheet in sheets.values():
                    turns.settle(sheet, at)
                return Joint(reply(), _changes(sheets, at), about.written(at, actor or "guest"), action)

            return Claim([("list", id_) for id_ in about.lists], joint)

        reply = await self.desk.heads.together(claim, call=call, actor=actor)
        self.desk.wake()
        return reply

    def _sheets(self, about: About, heads: Mapping[Key, Head[Line]], at: str) -> dict[str, Sheet]:
        """The lists that there are, and that are to be made."""
        found = {}
        for id_ in about.lists:
            head = heads["list", id_]
            value = self.desk.list_of(head) or about.made.get(id_)
            if value is not None:
                found[id_] = sheet = Sheet(value, head.index)
                event, parts, record = about.of(id_)
                following.bring(sheet, event, parts, record.revision + (event.id in about.changed), at)
                turns.settle(sheet, at)
            else:
                about.gone.add(id_)
        return found


def _changes(sheets: Sheets, at: str) -> dict[Key, Changes]:
    found = {("list", id_): sheet.changes(turns.next_due(sheet, at)) for id_, sheet in sheets.items()}
    return {key: changes for key, changes in found.items() if changes is not None}
