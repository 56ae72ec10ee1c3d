"""The relay between a store and a real nats-server: what was committed arrives, and the past never wins."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from openchair.meetings.v1.place_pb2 import Place

from services.kit.bus_port import BusUnavailable
from services.kit.clock import SystemClock, instant
from services.kit.event import TOMBSTONE_LIFETIME, Event, Malformed, Stored
from services.kit.publication import Publication, body
from services.kit.record import revise
from services.kit.relay import Relay
from services.kit.store.memory import Disk, MemoryStore
from services.kit.store.port import Commit, Kind, Unwritten
from tests.contract.bus_fixtures import LOG, PUBLIC, SITE, MemorySite, Site, running, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from services.kit.bus_port import Begin, Bus, Deliver, Delivered, Work
    from services.kit.store.port import Record
    from services.kit.streams import StreamSettings, StreamState

TYPE = "openchair.meetings.v1.Place"
CLOCK = SystemClock()


def render(record: Record) -> Place | None:
    return Place(name=record.id, title=str(record.state["title"])) if record.state["title"] else None


PLACES = Publication("place", "public", "meetings", TYPE, render, "centre")


class Service:
    """A store with a relay running on it."""

    def __init__(self, bus: Bus, disk: Disk | None = None, publication: Publication = PLACES) -> None:
        self.disk = disk or Disk()
        self.store = MemoryStore([Kind("place")], CLOCK, self.disk)
        self.bus = bus
        self.relay = Relay(self.store, bus, [publication], SITE, CLOCK, LOG)
        self.task = asyncio.create_task(self.relay.run())

    async def put(self, id_: str, title: str) -> Record:
        """Commits place `id_` with this title; "": nothing public about it."""
        change = await self.changed(id_, title)
        await self.store.commit(Commit((change,)))
        return change

    async def changed(self, id_: str, title: str) -> Record:
        before = await self.store.get("place", id_)
        content = Place(title=title) if title else None
        return revise(
            before,
            kind="place",
            id=id_,
            state={"centre": "oak", "title": title},
            at=instant(CLOCK.now()),
            actor="test",
            views={"public": content},
        )

    async def settled(self) -> None:
        await asyncio.wait_for(self.relay.settled(), 20)

    async def stream(self, id_: str) -> Event | None:
        """What the stream holds of a place."""
        last = await self.bus.last(PUBLIC, subject(id_))
        assert last is None or isinstance(last, Stored)
        return last.event if last else None

    async def title(self, id_: str) -> str:
        event = await self.stream(id_)
        assert event is not None
        return body(event, Place).title

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def subject(id_: str) -> str:
    return f"openchair.{SITE}.public.meetings.oak.place.{id_}"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path / "data") as site:
        yield site


@pytest.fixture
async def service(site: Site) -> AsyncIterator[Service]:
    service = Service(await site.bus("meetings"))
    yield service
    await service.stop()


async def last_sequence(bus: Bus) -> int:
    state = await bus.stream(PUBLIC)
    assert state is not None
    return state.last_sequence


async def test_a_commit_is_published_with_revision_and_time_of_its_view(service: Service) -> None:
    record = await service.put("hall", "Town hall")
    await service.settled()
    event = await service.stream("hall")
    assert event is not None
    assert (event.epoch, event.revision, event.time) == (1, 1, record.at)
    message = body(event, Place)
    assert (message.title, message.epoch, message.revision, message.etag) == ("Town hall", 1, 1, "")
    assert await service.store.unpublished(10) == []


async def test_a_private_change_publishes_nothing(service: Service) -> None:
    await service.put("hall", "Town hall")
    await service.settled()
    await service.put("hall", "Town hall")
    await service.settled()
    assert await last_sequence(service.bus) == 1


async def test_what_is_no_longer_public_becomes_a_tombstone(service: Service) -> None:
    await service.put("hall", "Town hall")
    await service.put("hall", "")
    await service.settled()
    event = await service.stream("hall")
    assert event is not None
    assert (event.payload, event.revision) == (None, 2)


async def test_a_tombstone_carries_its_lifetime_and_a_state_none(service: Service) -> None:
    await service.put("hall", "Town hall")
    await service.put("den", "Den")
    await service.settled()
    await service.put("hall", "")
    await service.settled()
    replies = [
        await service.bus._ask(f"$JS.API.STREAM.MSG.GET.{PUBLIC}", b'{"last_by_subj":"%s"}' % subject(name).encode())  # type: ignore[attr-defined]  # the adapter's own way to ask
        for name in ("hall", "den")
    ]
    blocks = [base64.b64decode(reply["message"]["hdrs"]).decode() for reply in replies]
    assert f"Nats-TTL: {TOMBSTONE_LIFETIME}\r\n" in blocks[0]
    assert "Nats-TTL" not in blocks[1]


async def test_changes_of_one_place_arrive_in_order_and_the_last_one_stays(service: Service) -> None:
    for number in range(50):
        await service.put("hall", f"Hall {number}")
        await service.put(f"place{number}", "Place")
    await service.settled()
    assert await service.title("hall") == "Hall 49"
    assert len(await service.bus.subjects(PUBLIC, f"openchair.{SITE}.public.meetings.>")) == 51


class Proxy:
    """A bus in front of a real one, on which a test loses or delays what it wants."""

    def __init__(self, bus: Bus) -> None:
        self.real = bus
        self.lose_answers = 0
        self.hold: asyncio.Event | None = None
        self.holding = asyncio.Event()
        self.published: list[str] = []

    @property
    def connected(self) -> bool:
        return self.real.connected

    @property
    def server_version(self) -> str:
        return self.real.server_version

    def watch(self, listener: object) -> None:
        self.real.watch(listener)  # type: ignore[arg-type]  # passed on

    async def publish(
        self, event: Event, expected: int, *, traceparent: str = "", lifetime: int = TOMBSTONE_LIFETIME
    ) -> int:
        if self.hold is not None:
            hold, self.hold = self.hold, None
            self.holding.set()
            await hold.wait()
        sequence = await self.real.publish(event, expected, traceparent=traceparent, lifetime=lifetime)
        self.published.append(event.id)
        if self.lose_answers:
            self.lose_answers -= 1
            raise BusUnavailable("the answer was lost")
        return sequence

    async def last(self, stream: str, subject: str) -> Delivered | None:
        return await self.real.last(stream, subject)

    async def next(self, stream: str, pattern: str, sequence: int) -> Delivered | None:
        return await self.real.next(stream, pattern, sequence)

    async def stream(self, name: str) -> StreamState | None:
        return await self.real.stream(name)

    async def subjects(self, name: str, pattern: str) -> list[str]:
        return await self.real.subjects(name, pattern)

    async def declare(self, settings: StreamSettings) -> None:
        await self.real.declare(settings)

    async def follow(self, stream: str, subjects: Sequence[str], begin: Begin, deliver: Deliver) -> None:
        await self.real.follow(stream, subjects, begin, deliver)

    async def work(self, stream: str, name: str, subjects: Sequence[str], work: Work, **more: Any) -> None:
        await self.real.work(stream, name, subjects, work, **more)

    async def close(self) -> None:
        await self.real.close()


async def test_an_answer_that_was_lost_doubles_nothing(site: Site) -> None:
    proxy = Proxy(await site.bus("meetings"))
    service = Service(proxy)
    proxy.lose_answers = 3
    await service.put("hall", "Town hall")
    await service.put("den", "Den")
    await service.settled()
    assert await last_sequence(proxy) == 2
    assert sorted(proxy.published) == [f"{subject('den')}:1:1", f"{subject('hall')}:1:1"]
    assert await service.store.unpublished(10) == []
    await service.stop()


async def test_a_late_relay_never_puts_an_older_state_over_a_newer_one(site: Site) -> None:
    slow = Proxy(await site.bus("meetings"))
    late = Service(slow)
    await late.settled()
    release = slow.hold = asyncio.Event()
    await late.put("hall", "Old")
    await asyncio.wait_for(slow.holding.wait(), 10)  # the late relay has loaded revision 1, and stands still
    fast = Service(await site.bus("meetings"), late.disk)
    await fast.settled()
    await fast.put("hall", "New")
    await fast.settled()
    release.set()
    await late.settled()
    assert await fast.title("hall") == "New"
    assert slow.published == []
    assert await last_sequence(slow) == 2
    await late.stop()
    await fast.stop()


async def test_two_relays_on_one_store_publish_each_state_once(site: Site) -> None:
    buses = Proxy(await site.bus("meetings")), Proxy(await site.bus("meetings"))
    one = Service(buses[0])
    two = Service(buses[1], one.disk)
    for number in range(300):
        await one.put(f"p{number % 30}", f"Title {number}")
        two.relay.wake()
    await one.settled()
    await two.settled()
    titles = [await one.title(f"p{number}") for number in range(30)]
    assert titles == [f"Title {270 + number}" for number in range(30)]
    stored = buses[0].published + buses[1].published
    assert len(stored) == len(set(stored)) == await last_sequence(one.bus)
    assert one.relay.alarms == two.relay.alarms == []
    await one.stop()
    await two.stop()


async def test_a_commit_does_not_wait_for_a_server_that_is_away_and_the_backlog_drains(site: Site) -> None:
    service = Service(await site.bus("meetings"))
    await service.settled()
    os.kill(site.server.pid, signal.SIGSTOP)
    for number in range(200):
        await service.put(f"p{number % 50}", f"Title {number}")
    await until(lambda: service.relay.lag > 0)
    pid = site.server.pid
    os.kill(pid, signal.SIGKILL)
    await service.settled()
    assert [await service.title(f"p{number}") for number in range(50)] == [f"Title {150 + n}" for n in range(50)]
    assert service.relay.lag == 0
    assert site.server.pid != pid
    await service.stop()


async def test_a_backlog_is_published_oldest_commit_first(site: Site) -> None:
    proxy = Proxy(await site.bus("meetings"))
    service = Service(proxy)
    await service.settled()
    await service.stop()
    for number in range(200):
        await service.put(f"p{number}", "Title")
    again = Service(proxy, service.disk)
    await again.settled()
    wanted = [f"{subject(f'p{number}')}:1:1" for number in range(200)]
    position = {id_: place for place, id_ in enumerate(proxy.published)}
    assert max(abs(position[id_] - place) for place, id_ in enumerate(wanted)) < 64  # within one window
    await again.stop()


async def test_a_stream_made_anew_is_filled_again_while_we_run(site: Site, service: Service) -> None:
    for number in range(30):
        await service.put(f"p{number}", f"Title {number}")
    await service.settled()
    await site.recreate(PUBLIC)
    await service.put("p7", "Title 8")  # the message that this is to replace is missing
    await service.settled()
    wanted = [f"Title {8 if number == 7 else number}" for number in range(30)]
    assert [await service.title(f"p{number}") for number in range(30)] == wanted


async def test_a_lost_past_that_could_not_be_marked_at_once_is_marked_later(site: Site, service: Service) -> None:
    for name in ("hall", "den"):
        await service.put(name, "Title")
    await service.settled()
    remark, failures = service.store.remark, iter((Unwritten("the disk is full"),))

    async def failing() -> int:
        for failure in failures:
            raise failure
        return await remark()

    service.store.remark = failing  # type: ignore[method-assign]  # a disk that is full once
    await site.recreate(PUBLIC)
    await service.put("hall", "Title 2")  # it finds that its predecessor is gone
    await until(lambda: service.relay.published == 5)
    assert [await service.title(name) for name in ("hall", "den")] == ["Title 2", "Title"]


async def test_a_stream_emptied_while_the_service_was_down_is_filled_again(site: Site, service: Service) -> None:
    for number in range(30):
        await service.put(f"p{number}", f"Title {number}")
    await service.settled()
    await service.stop()
    await site.recreate(PUBLIC)
    other = await site.bus("rsvps")  # meanwhile another service has filled the stream beyond our last sequence
    for number in range(40):
        await other._ask(f"openchair.{SITE}.public.rsvps.oak.list.l{number}", b"x")
    again = Service(service.bus, service.disk)
    await again.settled()
    assert [await again.title(f"p{number}") for number in range(30)] == [f"Title {number}" for number in range(30)]
    await again.stop()


@pytest.mark.parametrize("end", ["changed", "hidden", "deleted"])
async def test_a_stream_that_was_set_back_and_grew_while_the_service_was_down_is_filled_again(
    site: Site, end: str
) -> None:
    bus = await site.bus("meetings")
    first = Service(bus)
    await first.put("hall", "Town hall")
    await first.put("annex", "Annex")
    await first.settled()
    backup = [await first.stream(id_) for id_ in ("hall", "annex")]
    await first.put("hall", "Library" if end == "changed" else "")
    if end == "deleted":
        before = await first.store.get("place", "hall")
        assert before is not None
        gone = revise(
            before, kind="place", id="hall", state=before.state, at=before.at, actor="test", views={}, gone=True
        )
        await first.store.commit(Commit((gone,)))
    await first.settled()
    await first.stop()
    await site.recreate(PUBLIC)
    for event in backup:
        assert event is not None
        await bus.publish(event, 0)
    stranger = await site.bus("rsvps")
    for number in range(5):  # the stream has more than one owner
        await stranger.publish(a_list(number), 0)
    second = Service(bus, first.disk)
    await second.settled()
    assert await second.title("annex") == "Annex"
    hall = await second.stream("hall")
    assert hall is not None
    assert (body(hall, Place).title if hall.payload else "") == ("Library" if end == "changed" else "")
    await second.stop()


async def test_a_stream_that_was_set_back_and_grew_as_far_at_once_is_filled_again() -> None:
    site = MemorySite()
    service = Service(await site.bus("meetings"))
    for id_ in ("hall", "annex", "shed"):
        await service.put(id_, "Before")
    await service.settled()
    backup = site.broker.copy(PUBLIC)
    await service.put("hall", "Library")
    await service.settled()
    reached = await last_sequence(service.bus)
    site.broker.roll_back(PUBLIC, backup)
    await service.put("shed", "Barn")  # its sequence is the one that the library had
    assert backup.last_sequence == reached - 1
    await service.settled()
    await until(lambda: site.broker.kept(PUBLIC).last_sequence > reached)
    await service.settled()
    assert [await service.title(id_) for id_ in ("hall", "annex", "shed")] == ["Library", "Before", "Barn"]
    await service.stop()
    await site.close()


def a_list(number: int) -> Event:
    """A state of another service."""
    where = f"openchair.{SITE}.public.rsvps.oak.list.l{number}"
    return Event(where, 1, 1, "openchair.rsvps.v1.GuestList", instant(CLOCK.now()), b"state")


async def test_a_wiped_server_is_filled_again(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as site:
        service = Service(await site.bus("meetings"))
        await service.put("hall", "Town hall")
        await service.settled()
        await site.server.stop()
        _wipe(tmp_path / "data" / "nats" / "jetstream")
        await site.server.start()
        await site.provision()
        await until(lambda: service.relay.published == 2)
        await service.settled()
        assert await service.title("hall") == "Town hall"
        await service.stop()


def _wipe(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        with contextlib.suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()


@pytest.fixture
def newer() -> Event:
    message = Place(title="From the future", epoch=1, revision=9)
    return Event(subject("hall"), 1, 9, TYPE, instant(CLOCK.now()), message.SerializeToString())


async def test_a_stream_newer_than_the_store_is_an_alarm_and_is_left_alone(service: Service, newer: Event) -> None:
    await service.bus.publish(newer, 0)
    await service.put("hall", "Present")
    await service.put("den", "Den")
    await service.settled()
    assert await service.stream("hall") == newer
    assert len(service.relay.alarms) == 1
    assert [record.id for record in await service.store.unpublished(10)] == ["hall"]
    assert await service.title("den") == "Den"


async def test_what_was_in_the_way_is_no_alarm_any_more_when_the_stream_is_another(
    site: Site, service: Service, newer: Event
) -> None:
    await service.bus.publish(newer, 0)
    await service.put("hall", "Present")
    await service.put("den", "Den")
    await service.settled()
    await site.recreate(PUBLIC)
    await service.put("den", "Another den")
    await until(lambda: service.relay.published >= 3)
    await service.settled()
    assert await service.title("hall") == "Present"


async def test_a_newer_epoch_overwrites_the_future_that_was_lost(service: Service, newer: Event) -> None:
    await service.bus.publish(newer, 0)
    await service.put("hall", "Present")
    await service.settled()
    await service.store.raise_epoch(5)
    service.relay.wake()
    await service.settled()
    assert await service.title("hall") == "Present"


async def test_a_forged_message_in_the_stream_is_overwritten(service: Service) -> None:
    await service.bus._ask(subject("hall"), b"no event")  # type: ignore[attr-defined]  # the adapter's own way to ask
    await service.put("hall", "Town hall")
    await service.settled()
    assert await service.title("hall") == "Town hall"


async def test_a_view_that_does_not_render_holds_up_no_other(site: Site) -> None:
    def picky(record: Record) -> Place | None:
        if record.id == "bad":
            raise KeyError("title")
        return render(record)

    service = Service(
        await site.bus("meetings"), publication=Publication("place", "public", "meetings", TYPE, picky, "centre")
    )
    await service.put("bad", "Bad")
    await service.put("good", "Good")
    await service.settled()
    assert await service.title("good") == "Good"
    assert len(service.relay.alarms) == 1
    await service.stop()


async def test_a_view_too_large_for_the_server_holds_up_no_other(service: Service) -> None:
    await service.put("bad", "x" * 1_100_000)
    await service.put("good", "Good")
    await service.settled()
    assert await service.title("good") == "Good"
    assert await service.stream("bad") is None
    await service.put("bad", "short")
    await service.settled()
    assert await service.title("bad") == "short"


async def test_needs_are_published_as_subjects(site: Site) -> None:
    cut = Publication(
        "place", "public", "meetings", TYPE, render, "centre", needs=lambda record: [("place", "next", record.revision)]
    )
    service = Service(await site.bus("meetings"), publication=cut)
    await service.put("hall", "Town hall")
    await service.settled()
    event = await service.stream("hall")
    assert event is not None
    assert event.needs == ((subject("next"), 1),)
    await service.stop()


async def test_a_message_that_disagrees_with_its_headers_is_no_body(newer: Event) -> None:
    with pytest.raises(ValueError, match="disagree"):
        body(newer, Place)


async def test_a_look_back_buries_what_an_older_epoch_left_and_needs_nobody_to_ask(site: Site) -> None:
    old = Service(await site.bus("meetings"))
    for name in ("hall", "den"):
        await old.put(name, "Before the restore")
    await old.settled()
    await old.stop()
    restored = Service(old.bus)
    await restored.stop()
    await restored.put("hall", "From the backup")
    epoch = await restored.store.raise_epoch(9)
    again = Service(old.bus, restored.disk)
    await again.settled()
    assert await again.title("hall") == "From the backup"
    buried = await again.stream("den")
    assert buried is not None
    assert (buried.epoch, buried.revision, buried.payload) == (epoch, 0, None)
    assert again.relay.alarms == []
    await again.put("den", "Made again")
    await again.settled()
    assert await again.title("den") == "Made again"
    await again.stop()


async def test_a_look_back_buries_a_view_that_the_record_did_not_have_when_it_was_backed_up(site: Site) -> None:
    old = Service(await site.bus("meetings"))
    await old.put("hall", "Made public after the backup")
    await old.settled()
    await old.stop()
    restored = Service(old.bus)
    await restored.stop()
    await restored.put("hall", "")
    epoch = await restored.store.raise_epoch(9)
    again = Service(old.bus, restored.disk)
    await again.settled()
    buried = await again.stream("hall")
    assert buried is not None
    assert (buried.epoch, buried.revision, buried.payload) == (epoch, 0, None)
    await again.put("hall", "Made public again")
    await again.settled()
    assert await again.title("hall") == "Made public again"
    await again.stop()


async def test_an_older_copy_of_the_database_is_an_alarm_that_names_the_cure_and_goes_with_it(site: Site) -> None:
    service = Service(await site.bus("meetings"))
    await service.put("hall", "One")
    await service.put("den", "Untouched")
    await service.settled()
    copy = deepcopy(service.disk)
    await service.put("hall", "Two")
    await service.put("shed", "New since")
    await service.settled()
    await service.stop()
    old = Service(service.bus, copy)
    await until(lambda: len(old.relay.alarms) == 2)
    assert sorted(alarm.partition(":")[0] for alarm in old.relay.alarms) == [
        "place hall (public)",
        "place shed (public)",
    ]
    assert all("openchair republish --new-epoch" in alarm for alarm in old.relay.alarms)
    assert await old.title("hall") == "Two"  # nothing is decided for the operator
    await old.relay.begin_epoch(5)
    await old.settled()
    assert old.relay.alarms == []
    assert await old.title("hall") == "One"
    gone = await old.stream("shed")
    assert gone is not None
    assert gone.payload is None
    await old.stop()


async def test_another_rendering_of_the_same_revision_needs_a_new_epoch(site: Site) -> None:
    service = Service(await site.bus("meetings"))
    await service.put("hall", "Town hall")
    await service.settled()
    await service.stop()

    def shout(record: Record) -> Place | None:
        return Place(name=record.id, title=str(record.state["title"]).upper())

    louder = Service(service.bus, service.disk, Publication("place", "public", "meetings", TYPE, shout, "centre"))
    assert await louder.relay.republish() == 1
    await louder.settled()
    (alarm,) = louder.relay.alarms
    assert "another state of the same revision (openchair republish --new-epoch)" in alarm
    await louder.relay.begin_epoch(0)
    await louder.settled()
    assert louder.relay.alarms == []
    assert await louder.title("hall") == "TOWN HALL"
    await louder.stop()


async def test_what_somebody_blotted_out_is_published_again(service: Service) -> None:
    await service.put("hall", "Town hall")
    await service.settled()
    await service.bus._ask(subject("hall"), b"no event")  # type: ignore[attr-defined]  # the adapter's own way to ask
    assert isinstance(await service.bus.last(PUBLIC, subject("hall")), Malformed)
    service.relay._lookback.wanted = True  # as after a while in which nothing happens
    service.relay.wake()
    await service.settled()
    assert await service.title("hall") == "Town hall"


async def test_what_was_blotted_out_before_a_reconnection_and_a_change_is_published_again(service: Service) -> None:
    await service.put("hall", "Town hall")
    await service.settled()
    service.relay._lookback.wanted = True
    service.relay.wake()
    await service.settled()
    await service.bus._ask(subject("hall"), b"no event")  # type: ignore[attr-defined]  # the adapter's own way to ask
    await service.put("den", "Den")
    await service.settled()
    service.relay._lookback.begin_again()  # as after each connection that is made
    service.relay.wake()
    await service.settled()
    assert await service.title("hall") == "Town hall"


async def test_what_was_blotted_out_before_a_change_while_nobody_looked_is_published_again(
    site: Site, service: Service
) -> None:
    await service.put("hall", "Town hall")
    await service.settled()
    await service.bus._ask(subject("hall"), b"no event")  # type: ignore[attr-defined]  # the adapter's own way to ask
    await service.put("den", "Den")
    await service.settled()
    await service.stop()
    later = Service(await site.bus("meetings"), service.disk)
    await later.settled()
    later.relay._lookback.wanted = True
    later.relay.wake()
    await later.settled()
    assert await later.title("hall") == "Town hall"
    await later.stop()


@pytest.mark.parametrize("anew", [False, True])
async def test_what_nobody_knows_of_and_comes_after_the_look_is_buried_by_the_next(
    site: Site, service: Service, anew: bool
) -> None:
    """Another instance may be late: it publishes what it knew before the database was restored."""
    await service.put("hall", "Town hall")
    await service.store.raise_epoch(5)
    service.relay.wake()
    await service.settled()
    if anew:
        await service.put("hall", "City hall")
        await site.recreate(PUBLIC)
    message = Place(title="From the past", epoch=4, revision=9)
    late = Event(subject("den"), 4, 9, TYPE, instant(CLOCK.now()), message.SerializeToString())
    await service.bus.publish(late, 0)
    await service.bus._ask(subject("shed"), b"no event")  # type: ignore[attr-defined]  # the adapter's own way to ask
    for _ in range(2):  # one that sees that the stream is another, one that goes through it
        service.relay._lookback.wanted = True  # as after a while in which nothing happens
        service.relay.wake()
        await service.settled()
    for name in ("den", "shed"):
        buried = await service.stream(name)
        assert buried is not None
        assert (buried.order, buried.payload) == ((5, 0), None)
    assert service.relay.alarms == []


async def test_more_unpublishable_records_than_a_batch_starve_nobody(site: Site) -> None:
    service = Service(await site.bus("meetings"))
    await service.settled()
    await service.stop()
    bad = [await service.changed(f"bad{number}", "Title") for number in range(1100)]
    views = [replace(record, views=tuple(replace(view, name="odd") for view in record.views)) for record in bad]
    for start in range(0, 1100, 100):
        await service.store.commit(Commit(tuple(views[start : start + 100])))
    await service.put("good", "Good")
    again = Service(service.bus, service.disk)
    await again.settled()
    assert await again.title("good") == "Good"
    assert len(again.relay.alarms) == 101
    assert again.relay.alarms[-1] == "and 1000 more"
    await again.stop()


async def test_in_a_full_stream_replacements_go_on_while_new_subjects_wait(site: Site) -> None:
    service = Service(await site.bus("meetings"))
    for name in ("hall", "den"):
        await service.put(name, "A title")
    await service.settled()
    provisioner = await site.bus("provisioner")
    state = await provisioner.stream(PUBLIC)
    assert state is not None
    await provisioner.declare(replace(state.settings, max_bytes=1100))
    for number in range(3):
        await service.put(f"new{number}", "A title")
    await service.put("hall", "B title")
    await service.settled()
    assert await service.title("hall") == "B title"
    waiting = [alarm for alarm in service.relay.alarms if "waits for space" in alarm]
    assert waiting
    await provisioner.declare(replace(state.settings, max_bytes=100_000))
    await until(lambda: not service.relay.alarms, 20)
    await service.settled()
    assert [await service.title(f"new{number}") for number in range(3)] == ["A title"] * 3
    await service.stop()


async def test_the_age_of_the_oldest_mark_grows_while_the_server_is_away(site: Site) -> None:
    service = Service(await site.bus("meetings"))
    await service.settled()
    assert service.relay.oldest == 0.0
    os.kill(site.server.pid, signal.SIGSTOP)
    await service.put("hall", "Town hall")
    await until(lambda: service.relay.oldest > 0.2)
    os.kill(site.server.pid, signal.SIGCONT)
    await service.settled()
    assert (service.relay.oldest, service.relay.lag) == (0.0, 0)
    await service.stop()
