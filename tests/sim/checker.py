"""The history checker: what must be true after any run, once it is healed and quiet.

1. Every acknowledged command's effect is in the store, listed by every instance and shown in every feed.
2. Each command took effect once at most; a refused one left no trace; an unknown one took effect once or not at all.
3. Feeds are equal byte for byte, with their headers, between instances, with one that was started from nothing, and
   with what the store says.
4. Nothing is left unpublished, held back or skipped, and nobody gave up.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.feeds.app import Calendars
from services.feeds.model import Directory
from services.kit.channel import LocalChannel
from services.kit.http import Front
from services.kit.store.memory import MemoryStore
from services.meetings.records import KINDS, PUBLICATIONS
from services.plans import PLANS
from services.rsvps import records as seats
from tests.service.meetings_house import CENTRE
from tests.sim.history import ACKNOWLEDGED, REFUSED
from tests.sim.site import ADDRESS, SITE, Answer, Node, asked
from tests.system.edit_driver import AFTER, BEFORE, FEED
from tests.system.feed_readers import READERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from services.kit.clock import Clock
    from services.kit.event import Event
    from services.kit.logs import Log
    from services.kit.relay import Relay
    from services.kit.store.port import Record
    from tests.sim.history import History
    from tests.sim.site import Site

CODINGS = ("identity", "gzip")
_KINDS = {"meetings": KINDS, "rsvps": seats.KINDS}


async def check(site: Site, history: History, *, modelled: bool = True) -> None:
    """Raises AssertionError with everything that is wrong. `modelled`: the model says what is to be shown."""
    wrong = [*history.wrong, *effects(history), *_left_over(site), *await _unpublished(site)]
    fresh = await _fresh(site)
    wrong += await _feeds(site, fresh)
    wrong += await _pages(site, fresh)
    if modelled:
        wrong += await _shown(site, history)
    assert not wrong, "\n".join(wrong)


def effects(history: History) -> Iterator[str]:
    """Commands that took effect too often, or not at all."""
    for command in history.commands.values():
        least = 1 if command.outcome == ACKNOWLEDGED and not command.nothing else 0
        most = 0 if command.outcome == REFUSED else 1
        if not least <= command.effects <= most:
            yield str(command)


def _left_over(site: Site) -> Iterator[str]:
    yield from (f"a part of {name} ended" for name in site.failures)
    yield from (f"could not start: {name}" for name in site.unable)
    for node in site.nodes.values():
        for one in node.host.hosted if node.host else ():
            for projection in one.projections.values():
                if projection.held or projection.skipped or not projection.current:
                    state = f"held {projection.held}, skipped {projection.skipped}, current {projection.current}"
                    yield f"{node.name} follows badly: {state}"
            for reactor in one.reactors:
                if reactor.dead or not reactor.current:
                    yield f"{node.name} reacts badly: {reactor.dead} dead letters, current {reactor.current}"
            relay: Relay | None = one.relay
            if relay is not None and (relay.alarms or relay.lag):
                yield f"the relay of {node.name}: {relay.alarms} alarms, lag {relay.lag}"


async def _unpublished(site: Site) -> list[str]:
    left = [record for store in _stores(site) for record in await store.unpublished(10)]
    return [f"unpublished: {record.kind} {record.id}" for record in left]


async def _fresh(site: Site) -> list[Node]:
    """Readers that know nothing but what the streams hold now."""
    nodes = [Node(site, f"{plan.name}-0", (plan,)) for plan in PLANS if plan.name in {"feeds", "web"}]
    for node in nodes:
        site.watch(node)
    await site.all_ready()
    return nodes


async def _feeds(site: Site, fresh: list[Node]) -> list[str]:
    """Equal bytes and headers everywhere."""
    wrong = []
    nodes = {node.name: node for node in (*site.of("feeds"), *fresh) if node.name.startswith("feeds")}
    truth = calendars_of([*await stored(site), *await stored(site, "rsvps")], site.clock, site.log)
    for coding in CODINGS:
        expected = await asked(truth, FEED, {"accept_encoding": coding})
        for name, node in sorted(nodes.items()):
            found = await node.get(FEED, accept_encoding=coding)
            if found != expected:
                wrong.append(f"the feed ({coding}) of {name} is not what the store says: {difference(found, expected)}")
    return wrong


async def _pages(site: Site, fresh: list[Node]) -> list[str]:
    there = await site.nodes["web-1"].get("/centre/house")
    (rebuilt,) = [node for node in fresh if node.name.startswith("web")]
    found = await rebuilt.get("/centre/house")
    return [] if found == there and found.status == 200 else [f"a page rebuilt: {difference(found, there)}"]


async def _shown(site: Site, history: History) -> list[str]:
    wrong = []
    for node in site.of("meetings"):
        assert node.server is not None
        stub = MeetingServiceStub(cast("Any", LocalChannel(node.server, site.token())))
        wrong += [f"{node.name} lists otherwise: {each}" for each in await told_otherwise(stub, history)]
    feed = (await site.nodes["feeds-1"].get(FEED)).body
    return wrong + [f"the feed shows otherwise: {each}" for each in shown_otherwise(feed, history)]


async def told_otherwise(stub: MeetingServiceStub, history: History) -> list[tuple[Any, ...]]:
    """What callers are told, or should be and are not: what the model says is true."""
    since, until = _window(history)
    expected = {
        (f"{history.names[each.part]}/occurrences/{each.identity[1]}", each.start, each.end, each.title, each.cancelled)
        for each in history.truth.shown(since, until)
    }
    return sorted({*await _listed(stub, since, until)} ^ expected)


def shown_otherwise(feed: bytes, history: History) -> list[tuple[Any, ...]]:
    """What calendar programs show, or should and do not."""
    since, until = _window(history)
    expected = {
        (history.names[each.part].rpartition("/")[2], each.start, each.end, each.title)
        for each in history.truth.shown(since, until)
        if each.start >= since and not each.cancelled
    }
    seen = READERS["icalendar"](feed, since, until)
    return sorted({(each.uid[:36], *each[1:]) for each in seen} ^ expected)


def _window(history: History) -> tuple[datetime, datetime]:
    now = history.site.clock.now()
    return now - BEFORE, now + AFTER


async def _listed(stub: MeetingServiceStub, since: datetime, until: datetime) -> list[tuple[Any, ...]]:
    request = pb.ListOccurrencesRequest(parent=CENTRE, show_cancelled=True, page_size=1000)
    request.start_time.FromDatetime(since)
    request.end_time.FromDatetime(until)
    found: list[tuple[Any, ...]] = []
    while True:
        page = await stub.ListOccurrences(request)
        for each in page.occurrences:
            start, end = each.start_time.ToDatetime(UTC), each.end_time.ToDatetime(UTC)
            found.append((each.name, start, end, each.title, each.state == 2))
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


def calendars_of(records: Iterable[Record], clock: Clock, log: Log, buried: Iterable[Event] = ()) -> Front:
    """The calendars made of the store alone, without any bus; and of tombstones of what the store does not know."""
    directory = Directory()
    calendars = Calendars(directory, lambda: True, clock, ADDRESS, log)
    shown = (one for one in (*PUBLICATIONS, *seats.PUBLICATIONS) if one.view == "public")
    pairs = itertools.product(shown, tuple(records))
    mine = (one.event(each, SITE) for one, each in pairs if one.kind == each.kind and each.view("public"))
    for event in (*mine, *buried):
        touched = directory.apply(event)
        if touched is not None:
            calendars.touch(touched)
    return Front({"/calendars": calendars})


async def stored(site: Site, service: str = "meetings") -> list[Record]:
    """All records of a service's store; none of a service that does not run."""
    if service not in site.disks:
        return []
    store = _store(site, service)
    found: list[Record] = []
    for kind in _KINDS[service]:
        for id_ in sorted(site.disks[service].rows.get(kind.name, {})):
            record = await store.get(kind.name, id_)
            assert record is not None
            found.append(record)
    return found


def _stores(site: Site) -> Iterator[MemoryStore]:
    return (_store(site, service) for service in _KINDS if service in site.disks)


def _store(site: Site, service: str) -> MemoryStore:
    return MemoryStore(_KINDS[service], site.clock, site.disks[service])


def difference(found: Answer, expected: Answer) -> str:
    """The headers or first lines that differ."""
    if (found.status, found.headers) != (expected.status, expected.headers):
        return f"{found.status} {sorted({*found.headers} ^ {*expected.headers})}"
    pairs = zip(found.body.splitlines(), expected.body.splitlines(), strict=False)
    return str([pair for pair in pairs if pair[0] != pair[1]][:3])
