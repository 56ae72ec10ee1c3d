"""The relay looks back at a real nats-server: what a stream lost comes again, strays go or are told."""

from __future__ import annotations

import contextlib
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
from openchair.meetings.v1.place_pb2 import Place

from services.kit.clock import instant
from services.kit.event import Event, Malformed
from services.kit.publication import body
from services.kit.record import revise
from services.kit.store.port import Commit, Unwritten
from tests.contract.bus_fixtures import PUBLIC, SITE, MemorySite, Site, running, until

if TYPE_CHECKING:
    from pathlib import Path


from tests.service.relay_service import CLOCK, TYPE, Service, last_sequence, subject

pytest_plugins = ("tests.service.relay_service",)


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
