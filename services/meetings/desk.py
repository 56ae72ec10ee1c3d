"""What every method of the service does the same way: find by name, decide, commit with answer and audit line."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import msgspec

from services.kit.clock import Clock, Ids, instant
from services.kit.errors import NotFound, Stale, Unavailable, Unmet
from services.kit.heads import Claim, Heads
from services.kit.leaves import Changes, Head, Joint, Key
from services.kit.names import Pattern
from services.kit.paging import Pages, page_size
from services.kit.store.port import Audit, Conflict, In, Record, Store
from services.kit.vouch import Vouch
from services.meetings import claiming, history, records
from services.meetings.alternatives import Alternatives
from services.meetings.board import Board
from services.meetings.claiming import LENIENT, Asked, Draft
from services.meetings.clashes import Clashing
from services.meetings.diary import SHAPE, Diary
from services.meetings.types_rooms import Booking

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from services.kit.call import Call
    from services.kit.heads import Prepare
    from services.kit.logs import Log
    from services.meetings.types import Meeting

T = TypeVar("T", bound=msgspec.Struct)
R = TypeVar("R")

LARGEST_MEETING = 700 * 1024  # bytes, as it is stored; a broker refuses events over 1 MiB

MOST_STRETCHES = 10_000
"""Single ones, in one booking; an event has some 35 bytes for each."""

ATTEMPTS = 32  # how often a decision is taken anew when somebody was faster

CENTRE = Pattern("centres/{centre}")
PLACE = Pattern("centres/{centre}/places/{place}")
ROOM = Pattern("centres/{centre}/rooms/{room}")
MEETING = Pattern("centres/{centre}/meetings/{meeting}")
OCCURRENCE = Pattern("centres/{centre}/meetings/{meeting}/occurrences/{occurrence}")
GROUP = Pattern("centres/{centre}/groups/{group}")
IMPORT = Pattern("centres/{centre}/imports/{import}")


@dataclass(frozen=True)
class Held(Generic[T]):
    """A value and the record it was read from."""

    record: Record
    value: T


class Written(dict[str, Held["Meeting"]]):
    """The meetings that a decision wrote, by id, as they came to be with their rooms.

    `bookings` are those of them that changed, by id, each with the revision that it has now.
    """

    bookings: Mapping[str, tuple[Booking, int]] = MappingProxyType({})


@dataclass(frozen=True)
class Decision(Generic[R]):
    """What was decided: the records to write (none: nothing changes), the answer, and the line for the trail.

    `drafts` are meetings to be written together with their rooms; then `reply` may be made of what was written, and
    `asked` says what is to become of dates on which a room is taken. `heads` are changes of rooms besides. `kept` is
    the answer for a double of the request, where that is not to be stored as it was given.
    """

    records: tuple[Record, ...]
    reply: R | Callable[[Written], R]
    action: str
    reason: str = ""
    kept: R | None = None
    drafts: tuple[Draft, ...] = ()
    asked: Asked = LENIENT
    heads: Mapping[Key, Changes] = field(default_factory=dict)

    @property
    def moves(self) -> frozenset[Key]:
        """Which records are written that were there before."""
        written = {(each.kind, each.id) for each in self.records if each.revision > 1}
        return frozenset(written | {(each.previous.kind, each.previous.id) for each in self.drafts if each.previous})


@dataclass
class Desk:
    """What the methods work with."""

    store: Store
    clock: Clock
    ids: Ids
    pages: Pages
    wake: Callable[[], None] = lambda: None
    alone: bool = False
    """Whether nobody else writes this store: then what it said may be kept until a commit of our own."""
    log: Log | None = None
    """Of what nobody has asked for and nobody is told of otherwise."""
    first: Callable[[Iterable[str]], Awaitable[None]] | None = None
    """What is done about rooms (ids) before anything is decided about them; None: nothing has to be."""
    after: Callable[[Iterable[Held[Meeting]]], Awaitable[None]] | None = None
    """What is done about meetings once they are written; whoever asked for it does not wait."""
    vouch: Vouch = field(default_factory=Vouch)
    """Reads the passes of those who keep a seat."""

    def now(self) -> str:
        """The present instant, as it is stored."""
        return instant(self.clock.now())

    async def held(self, kind: str, id: str, shape: type[T], name: str, centre: str) -> Held[T]:  # noqa: A002
        """What has this id, if it belongs to this centre. Raises NotFound, the same for absent and for another's."""
        record = await self.store.get(kind, id)
        if record is None or record.gone or record.state.get("centre") != centre:
            raise NotFound(name)
        return Held(record, records.read(record, shape))

    async def every(self, kind: str, shape: type[T], **where: str | bool) -> list[Held[T]]:
        """All records of a kind with these index fields, in order of id."""
        found: list[Held[T]] = []
        after = None
        while True:
            page = await self.store.find(kind, where, limit=500, after=after)
            found.extend(Held(record, records.read(record, shape)) for record in page.records)
            if (after := page.after) is None:
                return found

    async def page(self, call: Call[Any], kind: str, shape: type[T], **where: str | In) -> tuple[list[Held[T]], str]:
        """One page of a list, in order of id, and the token of the next. Raises Invalid for page_size, page_token."""
        after = self.pages.position(call)
        page = await self.store.find(kind, where, limit=page_size(call.message.page_size), after=after)
        found = [Held(record, records.read(record, shape)) for record in page.records]
        return found, self.pages.token(call, page.after)

    @functools.cached_property
    def heads(self) -> Heads:
        """The rooms and their bookings, for whoever decides about them."""
        return Heads(self.store, self.clock, self.ids, (SHAPE,))

    @functools.cached_property
    def board(self) -> Board:
        """The rooms and their bookings, for whoever searches."""
        return Board(self.store)

    @functools.cached_property
    def alternatives(self) -> Alternatives:
        """What would work instead of what cannot be had."""
        return Alternatives(self)

    async def write(self, call: Call[Any], decide: Callable[[str], Awaitable[Decision[R]]]) -> R:
        """Decides at the present instant and commits, again if somebody was faster. Gives the decision's reply.

        Meetings and the rooms that they claim are written together or not at all. Raises what deciding raises, Taken
        and the like for a room that cannot be had, or Unavailable.
        """
        try:
            reply = await self.together(functools.partial(self._prepared, decide, actor(call)), call=call)
        except Clashing as refused:
            raise await self.alternatives.offered(refused) from None
        self.wake()
        return reply

    async def tried(self, call: Call[Any], decide: Callable[[str], Awaitable[Decision[R]]]) -> R:
        """What `write` would answer, or raise; nothing is written."""
        try:
            return await self.together(functools.partial(self._prepared, decide, actor(call), dry=True))
        except Clashing as refused:
            raise await self.alternatives.offered(refused) from None

    async def settle(self, decide: Callable[[str], Awaitable[Decision[R]]], who: str) -> R:
        """The same as `write` for what nobody has asked for just now: what is due, a reconciler. It wakes nobody."""
        return await self.together(functools.partial(self._prepared, decide, who), actor=who)

    async def together(self, prepare: Prepare[R], *, call: Call[Any] | None = None, actor: str = "") -> R:
        """As `Heads.together`, and again where a decision found that it does not hold all that it is about (Conflict).

        What a room excludes is read before the rooms are held, and may have changed since.
        """
        for _ in range(ATTEMPTS):
            with contextlib.suppress(Conflict):
                return await self.heads.together(functools.partial(self.ready, prepare), call=call, actor=actor)
        raise Unavailable("too many others are changing this at once", "CONTENTION")

    async def ready(self, prepare: Prepare[R]) -> Claim[R]:
        """What was prepared, once its rooms are ready to be decided about."""
        claim = await prepare()
        if self.first is not None:
            await self.first(sorted(id_ for _, id_ in claim.heads))
        return claim

    async def _prepared(
        self, decide: Callable[[str], Awaitable[Decision[R]]], who: str, *, dry: bool = False
    ) -> Claim[R]:
        """The decision, and how it is settled once the rooms that it is about are held."""
        at = self.now()
        decision = await decide(at)
        refuse_too_large(decision.records)
        rooms = await reach(self.store, claiming.rooms(decision.drafts, decision.asked))
        keys = (*decision.heads, *(("room", room) for room in rooms))
        last = Written()

        def settle(heads: Mapping[Key, Head[Diary]], now: str) -> Joint[R]:
            refuse_gone(heads[key] for key in decision.heads)
            found = claiming.claim(decision.drafts, heads, decision.asked, now, self.ids)
            nonlocal last
            last = written = Written()
            for draft, meeting in zip(decision.drafts, found.meetings, strict=True):
                record = records.write(draft.previous, meeting, at=at, actor=who, due_at=draft.due_at)
                written[meeting.id] = Held(record, meeting)
            refuse_too_many_stretches(found.changes)
            written.bookings = _bookings(found.changes, heads)
            made = tuple(held.record for held in written.values())
            refuse_too_large(made)
            past = (history.record(each, at, who) for each in found.past)
            reply = decision.reply(written) if callable(decision.reply) else decision.reply
            if dry:
                return Joint(reply, {})
            changes = {**decision.heads, **found.changes}
            return Joint(
                reply, changes, (*made, *decision.records, *past), decision.action, decision.reason, kept=decision.kept
            )

        async def after() -> None:
            if self.after is not None and last:
                await self.after(last.values())

        return Claim(keys, settle) if dry else Claim(keys, settle, decision.moves, after)


def refuse_gone(heads: Iterable[Head[Diary]]) -> None:
    """Raises Conflict for a room that was there when it was decided to move it on, and is not now."""
    if any(head.record is None or head.record.gone for head in heads):
        raise Conflict


def _bookings(changes: Mapping[Key, Changes], heads: Mapping[Key, Head[Diary]]) -> dict[str, tuple[Booking, int]]:
    """The bookings that are written, each with its next revision."""
    found = {}
    for key, each in changes.items():
        for leaf in each.leaves:
            before = heads[key].leaves.get(leaf.id) or heads[key].removed.get(leaf.id)
            found[leaf.id] = msgspec.convert(leaf.state, Booking), before.revision + 1 if before else 1
    return found


async def excluding(store: Store, rooms: Iterable[str]) -> frozenset[str]:
    """These rooms (ids) and all that cannot be taken together with them: whoever claims one of them holds all."""
    found = set(rooms)
    for room in tuple(found):
        record = await store.get("room", room)
        if record is not None:
            found.update(cast("list[str]", record.state.get("excludes", [])))
    return frozenset(found)


async def reach(store: Store, rooms: Iterable[str]) -> frozenset[str]:
    """These rooms, all that they exclude, and all that those exclude.

    Whoever frees one of them holds all: only then can be said whether a hall is free now that a part of it is.
    """
    rooms = frozenset(rooms)
    near = await excluding(store, rooms)
    return near if near == rooms else await excluding(store, near)


def actor(call: Call[Any]) -> str:
    """Who did it, for the trail."""
    return call.caller.subject or "guest"


def trail(written: Iterable[Record], at: str, who: str, action: str, reason: str = "") -> tuple[Audit, ...]:
    """One line per record."""
    return tuple(
        Audit(kind=r.kind, id=r.id, revision=r.revision, at=at, actor=who, action=action, reason=reason)
        for r in written
    )


def refuse_too_large(written: Iterable[Record]) -> None:
    """Raises Unmet for a meeting that would be more than one event may hold: nobody could be told of it any more.

    What closures make of it has a limit of its own (`closing.fitting`), and keeps nobody from cancelling a date.
    """
    for record in written:
        if record.kind == "meeting" and len(msgspec.json.encode({**record.state, "closed": ()})) > LARGEST_MEETING:
            raise Unmet("so many changed dates and so much text are more than one meeting holds", "MEETING_TOO_LARGE")


def refuse_too_many_stretches(changes: Mapping[Key, Changes]) -> None:
    """Raises Unmet for a meeting that takes a room for more single stretches than one event may hold."""
    for leaf in (leaf for each in changes.values() for leaf in each.leaves):
        if len(cast("dict[str, list[object]]", leaf.state["pattern"])["slots"]) > MOST_STRETCHES:
            raise Unmet("so many single times in one room are more than one meeting holds", "MEETING_TOO_LARGE")


def expect_etag(name: str, record: Record, etag: str) -> None:
    """Raises Stale if the caller decided on another revision."""
    if etag and etag != str(record.revision):
        raise Stale(name, str(record.revision))
