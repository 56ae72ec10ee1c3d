"""The relay between a store and a real nats-server: what was committed arrives, and the past never wins."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from openchair.meetings.v1.place_pb2 import Place

from services.kit.bus_port import BusUnavailable
from services.kit.event import TOMBSTONE_LIFETIME, Event
from services.kit.publication import Publication, body
from services.kit.store.port import Commit
from tests.contract.bus_fixtures import PUBLIC, SITE, Site, until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.kit.bus_port import Begin, Bus, Deliver, Delivered, Work
    from services.kit.store.port import Record
    from services.kit.streams import StreamSettings, StreamState

from tests.service.relay_service import TYPE, Service, last_sequence, render, subject

pytest_plugins = ("tests.service.relay_service",)


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
    await asyncio.wait_for(slow.holding.wait(), 60)  # the late relay has loaded revision 1, and stands still
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
    service = Service(await site.bus("meetings", timeout=2.0))
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
