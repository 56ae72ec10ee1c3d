"""A service as others will be: it reacts to public meetings with commits of its own, and shows what it has kept.

GET /followed/<centre> is the title of each meeting of that centre, by id, as last handled.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from openchair.meetings.v1.meeting_pb2 import Meeting

from services.kit.clock import instant
from services.kit.host import Hosted, Plan
from services.kit.http import respond
from services.kit.publication import body
from services.kit.reactor import Reactor
from services.kit.record import revise
from services.kit.store.port import Commit, Kind
from services.kit.streams import public_stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.kit.clock import Clock
    from services.kit.event import Event
    from services.kit.http import Receive, Scope, Send
    from services.kit.store.port import Store

NAME = "follower"
FOLLOWED = Kind("followed", (("centre",),))


class Follower:
    """Keeps the title of each meeting, and of which state it is."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def handle(self, event: Event) -> None:
        """Keeps what is newer than what it has; its revision counts how often that was so."""
        *_, centre, _, id_ = event.subject.split(".")
        before = await self._store.get("followed", id_)
        if before is not None and (before.state["epoch"], before.state["order"]) >= event.order:
            return
        title = body(event, Meeting).title if event.payload is not None else ""
        state = {"centre": centre, "epoch": event.epoch, "order": event.revision, "title": title}
        at = instant(self._clock.now())
        record = revise(before, kind="followed", id=id_, state=state, at=at, actor=NAME, views={})  # type: ignore[arg-type]  # a Document
        await self._store.commit(Commit((record,)))

    async def app(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """What it has kept of a centre."""
        centre = scope["path"].rpartition("/")[2]
        titles: dict[str, object] = {}
        after = None
        while True:
            page = await self._store.find("followed", {"centre": centre}, limit=500, after=after)
            titles.update({record.id: record.state["title"] for record in page.records if record.state["title"]})
            after = page.after
            if after is None:
                break
        await respond(send, 200, json.dumps(titles).encode(), b"application/json")


async def build(hosted: Hosted) -> None:
    """Its reactor, and what it shows."""
    site = hosted.settings.site
    made = Follower(hosted.store, hosted.clock)
    subjects = (f"openchair.{site}.public.meetings.*.meeting.*",)
    hosted.reactors.append(
        Reactor(
            *(hosted.bus, hosted.store, public_stream(site), subjects, made.handle, NAME, site),
            *(hosted.clock, hosted.log),
            patience=2.0,
        )
    )
    hosted.mounts["/followed"] = made.app


def plan(build: Callable[[Hosted], Awaitable[None]] = build) -> Plan:
    """The service."""
    return Plan(NAME, build, kinds=(FOLLOWED,), follows=lambda site: (public_stream(site),), reacts=True)
