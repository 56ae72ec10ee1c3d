"""What must be true of two instances once all is healed and quiet, whatever became of their past."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.feeds.plan import PLAN as FEEDS
from services.kit.dead import DeadLetters
from services.kit.event import Stored
from services.kit.store.port import Record
from services.kit.streams import stream_of, subjects_of
from services.meetings.plan import PLAN as MEETINGS
from services.meetings.records import PUBLICATIONS
from tests.sim.checker import CODINGS, calendars_of, difference, effects, shown_otherwise, told_otherwise
from tests.sim.house_checker import otherwise
from tests.sim.room_keepers import Keepers
from tests.sim.rooms_checker import Rooms, stored_otherwise
from tests.sim.rooms_told import told_otherwise as told_otherwise_of_rooms
from tests.sim.site import SITE, asked
from tests.system.edit_driver import FEED
from tests.system.second_site import PUBLIC
from tests.system.second_watcher import EFFECT, KNOWN, effect_of, order_of
from tests.system.second_watcher import NAME as WATCHER

if TYPE_CHECKING:
    from services.kit.event import Event
    from services.kit.http import Front
    from tests.sim.history import History
    from tests.sim.house import House
    from tests.system.second_faults import Faults
    from tests.system.second_site import Node, Site


async def restless(site: Site) -> list[str]:
    """What is still under way."""
    found = [f"{node.name} is not ready" for node in site.nodes.values() if not node.ready]
    for name, database in site.databases.items():
        found += [f"{name}: unpublished {one.kind} {one.id}" for one in await database.store.unpublished(10)]
    return found + [f"{node.name}: {text}" for node in site.nodes.values() for text in node.restless()]


async def check(site: Site, history: History, faults: Faults, house: House | Keepers | None = None) -> list[str]:
    """Everything that is wrong. `house`: what is shown is as it says, not as the model of edits alone."""
    wrong = [*history.wrong, *site.witness.wrong, *effects(history), *await restless(site)]
    wrong += await _feeds(site, None if house else history)
    wrong += await (_told(site, house) if house else _lists(site, history))
    wrong += await _left_over(site)
    wrong += await _letters(site, faults)
    return wrong + await _reactions(site)


async def _told(site: Site, house: House | Keepers) -> list[str]:
    """Also of an instance that built its index from what there is."""
    fresh = await site.add(MEETINGS, 3)
    try:
        await site.until(lambda: fresh.ready, "a new instance of meetings is ready")
        if isinstance(house, Keepers):
            return await _rooms(site, house)
        stubs = {node.name: node.stub() for node in site.of("meetings")}
        feed = (await site.nodes["feeds-1"].get(FEED)).body
        return await otherwise(house, {one.id: one for one in await _records(site)}, stubs, feed, site.clock.now())
    finally:
        await fresh.stop()
        del site.nodes[fresh.name]


async def _rooms(site: Site, keepers: Keepers) -> list[str]:
    """The rooms are as people were told, and every instance shows them so."""
    now = site.clock.now()
    rooms = Rooms.of(await _records(site), now, keepers.closures)
    return [*stored_otherwise(keepers, rooms), *await told_otherwise_of_rooms(rooms, site.channels(), now)]


async def _feeds(site: Site, history: History | None) -> list[str]:
    """Bytes and headers are those of what the store says: in both instances, and in one that knows the streams only."""
    truth = calendars_of(await _records(site), site.clock, site.log, await _buried(site))
    fresh = await site.add(FEEDS, 3)
    try:
        await site.until(lambda: fresh.ready, "a new instance of feeds is ready")
        wrong = [text for node in site.of("feeds") for text in await _differences(truth, node)]
    finally:
        await fresh.stop()
        del site.nodes[fresh.name]
    if history is None:
        return wrong
    feed = (await asked(truth, FEED, {})).body
    return wrong + [f"the feed shows otherwise: {each}" for each in shown_otherwise(feed, history)]


async def _differences(truth: Front, node: Node) -> list[str]:
    """Also of who has the feed already: what is told to those that know only a date may differ (ADR 13)."""
    wrong = []
    for coding in CODINGS:
        expected = await asked(truth, FEED, {"accept_encoding": coding})
        tag = dict(expected.headers)[b"etag"].decode()
        for asks in ({"accept_encoding": coding}, {"accept_encoding": coding, "if_none_match": tag}):
            found, told = await node.get(FEED, **asks), await asked(truth, FEED, asks)
            if found != told:
                wrong.append(f"the feed ({asks}) of {node.name} is not what the store says: {difference(found, told)}")
    return wrong


async def _lists(site: Site, history: History) -> list[str]:
    wrong = []
    for node in site.of("meetings"):
        wrong += [f"{node.name} lists otherwise: {each}" for each in await told_otherwise(node.stub(), history)]
    return wrong


async def _left_over(site: Site) -> list[str]:
    """What nobody knows of is buried, and what somebody wrote over is there again."""
    store, bus, wrong = site.databases["meetings"].store, site.tools["meetings"], list[str]()
    for one in PUBLICATIONS:
        where = subjects_of(SITE, one.view, one.service).replace(">", f"*.{one.kind}.*")
        for subject in await bus.subjects(stream_of(where), where):
            last = await bus.last(stream_of(where), subject)
            known = await store.get(one.kind, subject.rpartition(".")[2]) is not None
            if not isinstance(last, Stored) or not (known or last.event.payload is None):
                wrong.append(f"left over, {'known' if known else 'unknown'}: {last}")
    return wrong


async def _letters(site: Site, faults: Faults) -> list[str]:
    """Those of what was injected and is in the stream must be there, and none of what was put right or never wrong.

    A letter outlives a message that went with its stream.
    """
    found = {letter.subject for letter in await DeadLetters(site.tools[WATCHER], WATCHER, SITE).all()}
    wrong = [f"no dead letter: {one}" for one in faults.lasting - found]
    wrong += [f"a dead letter of what was never injected: {one}" for one in found - faults.injected]
    for one in found:
        if one.split(".")[-2] in KNOWN and isinstance(await site.tools[WATCHER].last(PUBLIC, one), Stored):
            wrong.append(f"a dead letter of what was put right: {one}")
    return wrong


async def _reactions(site: Site) -> list[str]:
    """Each newest state had its effect, and no state had one twice, or after a newer one."""
    store, bus, wrong = site.databases[WATCHER].store, site.tools[WATCHER], list[str]()
    for subject in await bus.subjects(PUBLIC, subjects_of(SITE, "public", "meetings")):
        last = await bus.last(PUBLIC, subject)
        if isinstance(last, Stored) and subject.split(".")[-2] in KNOWN:
            effect = await store.get(EFFECT, effect_of(subject))
            if effect is None or order_of(effect) != last.event.order:
                wrong.append(f"{subject} is at {last.event.order}, its effect at {effect and order_of(effect)}")
    for entry in [entry async for entry in store.dump()]:
        if isinstance(entry, Record):
            lines = await store.history(EFFECT, entry.id, 1000)
            orders = [tuple(map(int, line.action.split(":"))) for line in reversed(lines)]
            if orders != sorted(set(orders)):
                wrong.append(f"the effects of {entry.id}: {orders}")
    return wrong


async def _buried(site: Site) -> list[Event]:
    """Tombstones of what the store does not know. They move Last-Modified, as the calendar has changed with them."""
    found: list[Event] = []
    store, bus = site.databases["meetings"].store, site.tools["meetings"]
    for subject in await bus.subjects(PUBLIC, subjects_of(SITE, "public", "meetings")):
        last = await bus.last(PUBLIC, subject)
        kind, id_ = subject.split(".")[-2:]
        if isinstance(last, Stored) and kind in KNOWN and await store.get(kind, id_) is None:
            found.append(last.event)
    return found


async def _records(site: Site) -> list[Record]:
    """What the store holds."""
    return [entry async for entry in site.databases["meetings"].store.dump() if isinstance(entry, Record)]
