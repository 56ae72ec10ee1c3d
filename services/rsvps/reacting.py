"""What this service hears of meetings: each of their states, from the public stream and from the one of code holders.

Kept of it is what seats need, as a record "part" for each meeting and "group" for each group: no link, no passcode, no
address, no note. Each view has an order of its own; a state that is not newer than what is kept of its view is none.
In the commit that keeps a state the event of its series comes to be, its lists follow changed days, and it is due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from google.protobuf.message import Message
from openchair.meetings.v1 import group_pb2, meeting_pb2

from services.kit.event import subject as subject_of
from services.kit.publication import body
from services.kit.reactor import Poison, Reactor
from services.kit.record import transact
from services.kit.store.port import Audit, Commit
from services.kit.streams import private_stream, public_stream, subjects_of_kind
from services.rsvps import following, hearing, records
from services.rsvps.types import Event, GroupCodes, Part

if TYPE_CHECKING:
    from services.kit.event import Event as Said
    from services.kit.host import Hosted
    from services.kit.store.port import Record, Store
    from services.rsvps.desk import Desk

M = TypeVar("M", bound=Message)

WHO: Final = "openchair"
MOST_PARTS: Final = 1000


def reactors(hosted: Hosted, desk: Desk) -> list[Reactor]:
    """Those that the service runs: one for each stream."""
    site = hosted.settings.site
    handle = Hearer(desk, site).handle
    of_stream = {
        public_stream(site): (subjects_of_kind(site, "public", "meetings", "meeting"),),
        private_stream(site, "meetings"): tuple(
            subjects_of_kind(site, "private", "meetings", kind) for kind in ("meeting", "group")
        ),
    }
    return [
        Reactor(
            *(hosted.bus, hosted.store, stream, subjects, handle, hosted.plan.name, site, hosted.clock, hosted.log),
            source=hosted.ids.random,
        )
        for stream, subjects in of_stream.items()
    ]


class Hearer:
    """Takes in states. What can never be read is `Poison`."""

    def __init__(self, desk: Desk, site: str) -> None:
        self._desk = desk
        self._site = site

    async def handle(self, said: Said) -> None:
        """Keeps one state, if it is newer than what is kept of its view."""
        view, centre, kind, id_ = self._about(said)
        if kind == "group":
            await self._group(said, centre, id_)
        else:
            await self._meeting(said, view, centre, id_)
        self._desk.wake()

    def _about(self, said: Said) -> tuple[str, str, str, str]:
        """View, centre, kind and id. Raises Poison."""
        _, _, view, service, centre, kind, id_ = ("", *said.subject.split("."), *[""] * 7)[1:8]
        try:
            ours = said.subject == subject_of(self._site, view, service, centre, kind, id_)
        except ValueError:
            ours = False
        if not ours or service != "meetings" or view not in {"public", "private"} or kind not in {"meeting", "group"}:
            raise Poison("a subject that is none of ours")
        return view, centre, kind, id_

    async def _group(self, said: Said, centre: str, id_: str) -> None:
        message = _read(said, group_pb2.Group, f"centres/{centre}/groups/{id_}")
        digests = hearing.digests(message) if message is not None else ()

        async def attempt() -> tuple[Commit, None]:
            record = await self._desk.store.get("group", id_)
            if record is not None and said.order <= records.read(record, GroupCodes).order:
                return Commit(()), None
            value = GroupCodes(id=id_, centre=centre, digests=digests, order=said.order)
            return Commit((records.write(record, value, at=self._desk.now(), actor=WHO),)), None

        await transact(self._desk.store, self._desk.clock, self._desk.ids, attempt)

    async def _meeting(self, said: Said, view: str, centre: str, id_: str) -> None:
        message = _read(said, meeting_pb2.Meeting, f"centres/{centre}/meetings/{id_}")
        shown = hearing.shown(message) if message is not None else None
        lineage = message.lineage if message is not None else ""

        async def attempt() -> tuple[Commit, None]:
            record = await self._desk.store.get("part", id_)
            before = records.read(record, Part) if record is not None else Part(id=id_, centre=centre, lineage=id_)
            if said.order <= (before.public_order if view == "public" else before.private_order):
                return Commit(()), None
            part = hearing.heard(before, view, shown, said.order, lineage)
            return await kept(self._desk.store, record, before, part, self._desk.now()), None

        await transact(self._desk.store, self._desk.clock, self._desk.ids, attempt)


async def kept(store: Store, record: Record | None, before: Part, part: Part, at: str) -> Commit:
    """The part as it is now and, where it says anything new, the events that it bears on."""
    written: list[Record] = []
    if part.shown != before.shown:
        written = await _events(store, part, at)
        part = msgspec.structs.replace(part, days_applied=following.applied(part))
    trail = (Audit(kind=r.kind, id=r.id, revision=r.revision, at=at, actor=WHO, action="follow") for r in written)
    return Commit((records.write(record, part, at=at, actor=WHO), *written), (), tuple(trail))


async def _events(store: Store, part: Part, at: str) -> list[Record]:
    """The event of the part's series as it is now, and others whose sister dates are of that series."""
    record = await store.get("event", part.lineage)
    event = Event(id=part.lineage, centre=part.centre) if record is None else records.read(record, Event)
    parts = (part, *(each for each in await parts_of(store, part.lineage) if each.id != part.id))
    event = following.followed(event, part, parts)
    page = await store.find("event", {"centre": part.centre, "sistered": True}, limit=MOST_PARTS)
    others = [each for each in page.records if each.id != event.id]
    found = []
    for previous, value in [(record, event), *((each, records.read(each, Event)) for each in others)]:
        if value.id != event.id and event.id not in following.sister_events(value):
            continue
        now = await shared(store, following.sisters_moved(value, part), parts)
        due = at if following.has_lists(now) or previous is None else previous.due_at
        found.append(records.write(previous, now, at=at, actor=WHO, due_at=due))
    return found


async def series_of(store: Store, id_: str) -> tuple[Record, tuple[Part, ...]] | None:
    """An event and its parts as they were at one moment: they are written together. None: there is none."""
    while True:
        record = await store.get("event", id_)
        if record is None or record.gone:
            return None
        parts = await parts_of(store, id_)
        now = await store.get("event", id_)
        if now is not None and now.revision == record.revision:
            return record, parts


async def parts_of(store: Store, lineage: str) -> tuple[Part, ...]:
    """All parts of a series that were heard of."""
    page = await store.find("part", {"lineage": lineage}, limit=MOST_PARTS)
    return tuple(records.read(each, Part) for each in page.records)


async def shared(store: Store, event: Event, known: tuple[Part, ...] = ()) -> Event:
    """The event, with which of its sister dates everybody may know. `known`: parts as they are now."""
    parts = list(known)
    for lineage in following.sister_events(event) - {each.lineage for each in known}:
        parts += await parts_of(store, lineage)
    return msgspec.structs.replace(event, shared=following.shared(event, parts))


def _read(said: Said, shape: type[M], name: str) -> M | None:
    """What a state carries; None: a tombstone. Raises Poison."""
    if said.payload is None:
        return None
    try:
        message = body(said, shape)
    except ValueError:
        raise Poison("its payload is not what it says") from None
    if getattr(message, "name", "") != name:
        raise Poison("subject and payload name different things")
    return message
