"""What the methods work with: the store, the heads, the secrets, and how an occurrence's list is found."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakValueDictionary

import msgspec

from services.kit.clock import day, instant
from services.kit.errors import Invalid, NotFound, Violation
from services.kit.heads import Claim, Heads
from services.kit.leaves import Decision, Joint
from services.kit.names import Pattern
from services.kit.vouch import Vouch
from services.recurrence.types import Key, RecurrenceError
from services.recurrence.wire import key_text, parse_key
from services.rsvps import finding, following, gate, keys, lists, records, turns
from services.rsvps.budgets import Budgets
from services.rsvps.known import Kept, Known
from services.rsvps.lists import SHAPE
from services.rsvps.reacting import series_of
from services.rsvps.sealing import Seals
from services.rsvps.sheet import Sheet
from services.rsvps.types import PUBLIC, DatedList, Event, GuestList, Occasion, Part, Rules, Scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from services.kit.call import Call
    from services.kit.clock import Clock, Ids
    from services.kit.leaves import Changes, Head
    from services.kit.leaves import Key as HeadKey
    from services.kit.paging import Pages
    from services.kit.store.port import Record, Store
    from services.rsvps.keys import Secrets
    from services.rsvps.line import Line

R = TypeVar("R")

MEETING: Final = Pattern("centres/{centre}/meetings/{meeting}")
OCCURRENCE: Final = Pattern("centres/{centre}/meetings/{meeting}/occurrences/{occurrence}")

_KEPT: Final = 1_000
"""Lists that are kept as values beside their records."""
_SEATS_KEPT: Final = 50_000
"""Seats in memory when nobody is at their lists, about 2.5 KB each with their places in the line."""


@dataclass(frozen=True)
class Found:
    """What a name is about. `key` is that of an occurrence, None of a whole meeting; `list` "": there is none yet.

    `revision` is the event's (0: nothing was ever said about its seats). `occasion` None: it is no date any more, or a
    whole meeting.
    """

    name: str
    event: Event
    revision: int
    part: Part
    key: Key | None
    list: str
    occasion: Occasion | None

    @functools.cached_property
    def rules(self) -> Rules:
        """How seats are kept here, with what is said of this date alone."""
        return following.rules_for(self.event, self.key)

    @property
    def private(self) -> bool:
        """Whether the date is not for everybody to know."""
        return self.part.shown is None or self.part.shown.visibility != PUBLIC


@dataclass
class Desk:
    """What the methods work with."""

    store: Store
    clock: Clock
    ids: Ids
    pages: Pages
    secrets: Secrets
    wake: Callable[[], None] = lambda: None
    alone: bool = False
    """Whether nobody else writes this store."""
    budgets: Budgets = field(default_factory=Budgets)
    vouch: Vouch = field(default_factory=Vouch)
    first: Callable[[Found], Awaitable[Found]] | None = None
    """What is done about a date of a series that has standing seats before anything is decided about it."""

    def now(self) -> str:
        """The present instant, as it is stored."""
        return instant(self.clock.now())

    @functools.cached_property
    def heads(self) -> Heads:
        """The guest lists and their seats, for whoever decides about them."""
        return Heads(self.store, self.clock, self.ids, (SHAPE,), kept=_SEATS_KEPT)

    @functools.cached_property
    def known(self) -> Known:
        """Parts and events, for whoever reads them."""
        return Known(self.store, alone=self.alone)

    def key(self, call: Call[Any]) -> bytes:
        """The guest key of a request. Raises Invalid, without quoting it."""
        return keys.read(call.message.guest_key)

    def seals(self, guest_list: GuestList) -> Seals:
        """What seals and opens what guests of a list wrote."""
        return Seals(self.secrets, guest_list)

    def is_occurrence(self, name: str) -> bool:
        """Whether a name is one of a date, and not of a whole meeting."""
        return OCCURRENCE.matches(name)

    async def meeting(self, name: str, call: Call[Any]) -> Found:
        """What the name of a meeting is about: `list` is that of its series. Raises Invalid or NotFound."""
        ids = MEETING.parse(name, "name")
        part = await self._part(name, ids["centre"], ids["meeting"], call)
        event, revision = await self._event(part.value)
        return Found(name, event, revision, part.value, None, event.series, None)

    async def occurrence(self, name: str, call: Call[Any], field: str = "name") -> Found:
        """What the name of a date is about. Raises Invalid, or NotFound alike for absent, another's and unseen."""
        heard, kept = self.known.heard, self._dates.get(name)
        if kept is not None and kept[0] == heard:
            return kept[1]
        found = await self._occurrence(name, call, field)
        if self.alone and self.known.heard == heard and gate.anybody_may(found.part):
            if len(self._dates) >= _KEPT:
                self._dates.clear()
            self._dates[name] = heard, found
        return found

    async def _occurrence(self, name: str, call: Call[Any], field: str) -> Found:
        ids = OCCURRENCE.parse(name, field)
        try:
            key = parse_key(ids["occurrence"])
        except RecurrenceError as error:
            raise Invalid(Violation(field, error.reason)) from None
        while True:
            part = await self._part(name, ids["centre"], ids["meeting"], call)
            event, revision = await self._event(part.value)
            if await self._same_part(part):
                found = await self._dated(name, (part, event, revision), key, call)
                if found is not None:
                    return found

    async def _dated(self, name: str, known: tuple[Kept[Part], Event, int], key: Key, call: Call[Any]) -> Found | None:
        """What a date is, by a part and its event as they were at one moment; None: more was looked at, and has moved.

        They are written in one commit. What belongs to different moments may be neither what the date was, nor what it
        is: seats would be released as if it had been moved, and moved back.
        """
        part, event, revision = known
        occasion = self.known.occasion(part, key)
        if occasion is None:
            if event.dated(key) is None:
                part, key = await self._elsewhere(name, part, key, call)
                occasion = self.known.occasion(part, key)
            else:
                part, occasion = await self._carried_on(part, key)
            if (await self._event(part.value))[1] != revision:
                return None
        dated = event.dated(key)
        if occasion is None and dated is None:
            raise NotFound(name)
        return Found(name, event, revision, part.value, key, dated.list if dated else "", occasion)

    async def again(self, found: Found) -> Found:
        """The same, by what its event says now; what the date is goes with that."""
        if (await self._event(found.part))[1] == found.revision:
            return found
        now = await series_of(self.store, found.event.id)
        if now is None:
            return found
        event, revision, parts = records.read(now[0], Event), now[0].revision, now[1]
        if found.key is None:
            return replace(found, event=event, revision=revision, list=event.series)
        occasion, dated = following.occasion_of(event, parts, found.key), event.dated(found.key)
        part = following.part_with(parts, found.key) or found.part
        there = occasion if occasion.start else None
        return replace(
            found, event=event, revision=revision, part=part, list=dated.list if dated else "", occasion=there
        )

    async def on_list(
        self,
        found: Found,
        decide: Callable[[Sheet, str], Callable[[], R] | R],
        *,
        call: Call[Any] | None = None,
        action: str = "",
        actor: str = "",
    ) -> R:
        """Has a date's list decided about; one that does not exist yet is made, if anything comes of it.

        `decide` gets the list, up to date, and the present instant; what it gives is the reply, or makes it when what
        follows is decided too. It runs again where another instance was faster.
        """
        if self.first is not None and found.event.series and found.key is not None:
            found = await self.first(found)
        if not found.list:
            async with self._turn(found.event.id, found.key):
                found = await self.again(found)
                if not found.list:
                    prepare = functools.partial(self._opened, found, decide, action)
                    return await self.heads.together(prepare, call=call, actor=actor)
        decided = functools.partial(self._decided, found, decide, action)
        return await self.heads.change("list", found.list, decided, call=call, actor=actor)

    async def answered(self, call: Call[Any], reply: R) -> R:
        """The reply to a request that changes nothing, kept for its doubles: what happens meanwhile is not theirs.

        It is decided about a list that there is not, so that of this, too, no time is kept that is finer than a day.
        """

        async def prepare() -> Claim[R]:
            return Claim([("list", "none")], lambda *_: Joint(reply, {}))

        return await self.heads.together(prepare, call=call)

    async def look(self, found: Found, read: Callable[[Sheet, str], R]) -> R | None:
        """What `read` finds in a date's list, brought up to date for this once; None: there is no list."""
        if not found.list:
            return None

        def decide(head: Head[Line], at: str) -> Decision[R | None]:
            value = self.list_of(head)
            return Decision(None if value is None else read(self._sheet(found, value, head.index, at), at))

        return await self.heads.change("list", found.list, decide)

    def list_of(self, head: Head[Line]) -> GuestList | None:
        """What a list's head says, read once for each of its records."""
        if head.record is None or head.record.gone:
            return None
        record, value = self._values.get(head.id, (None, None))
        if record is not head.record:
            value = lists.guest_list(head)
            if value is not None:
                self._keep(head.id, head.record, value)
        return value

    def fresh(self, found: Found, id_: str) -> GuestList:
        """A list for the date, without anybody on it. Raises NotFound where it is no date."""
        if found.key is None or found.occasion is None:
            raise NotFound(found.name)
        return GuestList(
            id=id_,
            centre=found.event.centre,
            event=found.event.id,
            scope=Scope.DATE,
            secret=self.secrets.newest,
            date=found.key.date,
            ordinal=found.key.ordinal,
            occasion=found.occasion,
            rules=found.rules,
            seen=found.revision,
            private=found.private,
        )

    # How what is decided comes to be

    def _sheet(self, found: Found, value: GuestList, line: Line, at: str) -> Sheet:
        sheet = Sheet(value, line, found.event.series)
        occasion = found.occasion or msgspec.structs.replace(value.occasion, off=True)
        following.follow(sheet, occasion, found.rules, found.revision, at, key=found.key, private=found.private)
        if sheet.touched or not value.words or (value.due and value.due <= at):  # else it is as it was left
            turns.settle(sheet, at)
        return sheet

    def _run(
        self, found: Found, decide: Callable[[Sheet, str], Any], value: GuestList, line: Line, at: str
    ) -> tuple[Any, Changes | None]:
        sheet = self._sheet(found, value, line, at)
        reply = decide(sheet, at)
        if not sheet.touched:
            return (reply() if callable(reply) else reply), None
        if turns.undisturbed(sheet, at):
            due = value.due or None
        else:
            turns.settle(sheet, at)
            due = turns.next_due(sheet, at)
        return (reply() if callable(reply) else reply), sheet.changes(due)

    def _decided(
        self, found: Found, decide: Callable[[Sheet, str], Any], action: str, head: Head[Line], at: str
    ) -> Decision[Any]:
        value = self.list_of(head)
        if value is None:  # its time is over
            raise NotFound(found.name)
        reply, changes = self._run(found, decide, value, head.index, at)
        return Decision(reply, changes, action)

    async def _opened(self, found: Found, decide: Callable[[Sheet, str], Any], action: str) -> Claim[Any]:
        """The list and the event that knows it, in one commit."""
        while True:
            found = await self.again(found)
            record = await self.store.get("event", found.event.id)
            if (0 if record is None or record.gone else record.revision) == found.revision:
                break
        event, key = found.event, found.key
        assert key is not None
        id_ = found.list or lists.new_id(self.ids)
        more = () if found.list else (_with(event, key, id_),)
        found = replace(found, list=id_)
        after = replace(found, revision=found.revision + len(more))

        def settle(heads: Mapping[HeadKey, Head[Line]], at: str) -> Joint[Any]:
            head = heads["list", id_]
            value = self.list_of(head) or self.fresh(found, id_)
            reply, changes = self._run(after, decide, value, head.index, at)
            if changes is None:
                return Joint(reply, {})
            written = tuple(records.write(record, each, at=day(at), actor="guest", due_at=day(at)) for each in more)
            return Joint(reply, {("list", id_): changes}, written, action)

        return Claim([("list", id_)], settle)

    def _turn(self, event: str, key: Key | None) -> asyncio.Lock:
        """One after the other: of many who come first, one makes the list."""
        where = f"{event} {key_text(key) if key else ''}"
        lock = self._turns.get(where)
        if lock is None:
            self._turns[where] = lock = asyncio.Lock()
        return lock

    # How a name is read

    async def _part(self, name: str, centre: str, meeting: str, call: Call[Any]) -> Kept[Part]:
        part = await self.known.part(meeting)
        if part is None or part.value.centre != centre:
            raise NotFound(name)
        if not await gate.may_know(self.store, part.value, call, self.now()):
            raise NotFound(name)
        return part

    async def _same_part(self, part: Kept[Part]) -> bool:
        """Whether it is still what it was when it was read: what was read meanwhile goes with it."""
        now = await self.known.part(part.value.id)
        return now is not None and now.revision == part.revision

    async def _event(self, part: Part) -> tuple[Event, int]:
        event = await self.known.event(part.lineage)
        if event is None:
            return Event(id=part.lineage, centre=part.centre), 0
        return event.value, event.revision

    async def _elsewhere(self, name: str, part: Kept[Part], key: Key, call: Call[Any]) -> tuple[Kept[Part], Key]:
        """The part of the series that has the date by now, or the date that it went to. Raises NotFound."""
        series = await self.known.parts(part.value.lineage)
        goals = [key, *(went for each in series if (went := finding.moved(each.value, key)) is not None)]
        for goal in goals:
            for each in series:
                is_one = self.known.occasion(each, goal) is not None
                if is_one and await gate.may_know(self.store, each.value, call, self.now()):
                    return each, goal
        raise NotFound(name)

    async def _carried_on(self, part: Kept[Part], key: Key) -> tuple[Kept[Part], Occasion | None]:
        """The part that a date with a list belongs to by now, where it is still a date of any."""
        for each in await self.known.parts(part.value.lineage):
            occasion = self.known.occasion(each, key)
            if occasion is not None:
                return each, occasion
        return part, None

    def _keep(self, id_: str, record: Record, value: GuestList) -> None:
        if len(self._values) >= _KEPT:
            self._values.clear()
        self._values[id_] = record, value

    @functools.cached_property
    def _values(self) -> dict[str, tuple[Record, GuestList]]:
        return {}

    @functools.cached_property
    def _dates(self) -> dict[str, tuple[int, Found]]:
        """Dates that anybody may know, by name, and how much had been heard when they were looked up."""
        return {}

    @functools.cached_property
    def _turns(self) -> WeakValueDictionary[str, asyncio.Lock]:
        return WeakValueDictionary()


def _with(event: Event, key: Key, list_id: str) -> Event:
    """The event, once this date has that list."""
    dated = event.dated(key) or DatedList(key.date, key.ordinal, "")
    others = tuple(each for each in event.lists if each.key != key)
    made = msgspec.structs.replace(dated, list=list_id)
    return msgspec.structs.replace(event, lists=tuple(sorted((*others, made), key=lambda each: each.key)))
