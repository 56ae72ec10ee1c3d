"""Services one by one, on a broker that `openchair streams` prepared: real processes, as an operator runs them."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING

import nats
import pytest

from services.kit.client import RpcError
from services.kit.streams import inbox
from tests.system import acts
from tests.system.alone import Site, grpc_health, ready, said, site
from tests.system.days import every_week
from tests.system.running import System, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

START = every_week("19:00")


class Running:
    """Meetings, two feeds and the pages."""

    def __init__(self, made: Site) -> None:
        self.broker = made.broker
        self.meetings = made.service("meetings")
        self.meetings.start()
        self.feeds = [made.service("feeds", name) for name in ("feeds-1", "feeds-2")]
        self.web = made.service("web")
        for system in (*self.feeds, self.web):
            system.launch()
        ready(*self.all)

    @property
    def all(self) -> tuple[System, ...]:
        return (self.meetings, *self.feeds, self.web)

    def shows(self, centre: str, titles: list[str]) -> None:
        """Until both feeds show just these, in the same bytes and with the same headers."""
        until(lambda: all(titles_of(one, centre) == titles for one in self.feeds), f"the feeds show {titles[:2]} ...")
        answers = [system.get(f"/calendars/{centre}.ics") for system in self.feeds]
        assert answers[0].body == answers[1].body
        assert answers[0].headers["etag"] == answers[1].headers["etag"]


def titles_of(system: System, centre: str) -> list[str] | None:
    """What the calendar of a centre shows, once there is one."""
    answer = system.get(f"/calendars/{centre}.ics")
    return acts.summaries(answer.body) if answer.status == 200 else None


@pytest.fixture
def site_of(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for all tests here; each leaves it running."""
    with site(tmp_path_factory.mktemp("house")) as made:
        yield Running(made)


async def furnish(house: Running, centre: str, count: int = 5) -> list[str]:
    """A centre with meetings, in both feeds; the names of the meetings."""
    async with house.meetings.meetings() as stub:
        await acts.create_centre(stub, centre)
        titles = [f"Before {number}" for number in range(count)]
        made = [await acts.create_meeting(stub, f"centres/{centre}", title, START) for title in titles]
    house.shows(centre, titles)
    return [meeting.name for meeting in made]


async def test_what_is_created_over_grpc_is_in_both_feeds_in_the_same_bytes_and_on_the_page(house: Running) -> None:
    await furnish(house, "first")
    page = house.web.get("/centre/first")
    assert (page.status, b"Before 3" in page.body) == (200, True)
    assert [await grpc_health(system) for system in house.all] == ["SERVING"] * 4
    assert house.meetings.get("/calendars/first.ics").status == 404  # not 503, which is for what comes


async def test_what_a_service_that_runs_alone_does_not_do_is_told_with_what_to_do_and_leaves_no_backup(
    house: Running, tmp_path: Path
) -> None:
    async with house.meetings.meetings() as stub:
        await acts.create_centre(stub, "alone")
    key, file = tmp_path / "key", tmp_path / "seats.backup"
    key.write_text("k3y-of-nine-owls-and-a-heron-at-dusk")
    key.chmod(0o600)
    done = house.meetings.command("backup", "--service", "rsvps", "--key-file", str(key), str(file))
    assert (done.returncode, file.exists()) == (1, False)
    assert "meetings answers at" in done.stderr
    assert "name the front" in house.meetings.command("statistics", "alone").stderr


async def test_each_is_killed_or_stopped_and_started_again_and_nothing_is_missing(house: Running) -> None:
    names = await furnish(house, "again")
    for system in (house.feeds[0], house.meetings):
        system.kill()
        system.start()
    for system in (house.feeds[1], house.web):
        assert system.stop(signal.SIGTERM) == 0, system.said()
        system.start()
    async with house.meetings.meetings() as stub:
        await acts.rename(stub, names[0], "After 0")
    house.shows("again", ["After 0", *(f"Before {number}" for number in range(1, 5))])


async def test_without_its_broker_meetings_takes_changes_feeds_serve_what_they_know_and_all_follows_when_it_is_back(
    house: Running,
) -> None:
    names = await furnish(house, "away")
    before = house.feeds[0].feed("away")
    house.broker.stop()
    for system in house.all:
        said(system, "bus", "not connected to nats-server")
        assert system.readiness().serving
        assert system.get("/readyz/serving").status == 200
    async with house.meetings.meetings() as stub:
        for turn in ("First", "Second"):
            for number, name in enumerate(names):
                await acts.rename(stub, name, f"{turn} {number}")
    assert await grpc_health(house.meetings) == "SERVING"
    assert [system.feed("away") for system in house.feeds] == [before, before]

    house.broker.start()
    house.shows("away", [f"Second {number}" for number in range(5)])
    ready(*house.all)


async def test_a_service_that_starts_before_its_broker_and_its_streams_waits_and_says_what_for(tmp_path: Path) -> None:
    with site(tmp_path, applied=False) as made:
        made.broker.stop()
        meetings, feeds = made.service("meetings"), made.service("feeds")
        meetings.launch()
        said(meetings, "bus", "not connected to nats-server: meetings")
        async with meetings.meetings() as stub:  # the store is the truth
            await acts.create_centre(stub, "house")
        feeds.launch()
        said(feeds, "bus", "not connected to nats-server: feeds")
        assert feeds.get("/calendars/house.ics").status == 503
        made.broker.start()
        said(meetings, "bus", "there is no stream PUBLIC_local")
        said(feeds, "bus", "there is no stream PRIVATE_local_meetings")
        assert not feeds.readiness().serving
        made.broker.apply()
        ready(meetings, feeds)
        until(lambda: feeds.get("/calendars/house.ics").status == 200, "meetings has filled the new streams")


def test_a_service_with_wrong_credentials_goes_on_trying_and_ends_in_good_order(site_of: Site) -> None:
    site_of.service("meetings").start()
    wrong = site_of.folder / "wrong.json"
    wrong.write_text(json.dumps({"user": "feeds", "password": "not the one"}))
    wrong.chmod(0o600)
    feeds = site_of.service("feeds", OPENCHAIR_NATS_CREDENTIALS=str(wrong))
    feeds.launch()
    said(feeds, "bus", "not connected to nats-server: feeds")
    assert not feeds.readiness().serving
    assert feeds.stop(signal.SIGTERM) == 0
    assert "Traceback" not in feeds.said()
    assert "not the one" not in feeds.said()


@pytest.mark.slow
def test_a_broker_that_does_not_sync_always_is_named_and_so_is_one_whose_monitoring_is_not_known(site_of: Site) -> None:
    site_of.broker.stop()
    path = site_of.broker.folder / "nats-server.conf"
    path.write_text(path.read_text().replace("sync_interval: always", "sync_interval: 2m"))
    site_of.broker.start()
    meetings = site_of.service("meetings")
    meetings.launch()
    said(meetings, "bus", "jetstream.sync_interval must be 'always'")
    assert meetings.readiness().serving
    done = site_of.broker.streams("check")
    assert (done.returncode, "sync_interval" in done.stderr) == (1, True)

    unseen = site_of.service("meetings", "unseen", NATS_MONITOR_URLS="")
    unseen.launch()
    said(unseen, "bus", "NATS_MONITOR_URLS names no server (or set OPENCHAIR_NATS_SYNC_TRUSTED=true)")
    trusting = site_of.service("meetings", "trusting", NATS_MONITOR_URLS="", OPENCHAIR_NATS_SYNC_TRUSTED="true")
    trusting.start()


@pytest.mark.slow
async def test_streams_that_differ_are_named_and_brought_up_to_date_by_the_one_user_that_may(site_of: Site) -> None:
    found = json.loads((site_of.broker.folder / "provisioner.json").read_text())
    connection = await nats.connect(
        site_of.broker.environ["NATS_URL"], **found, inbox_prefix=inbox("provisioner").encode()
    )
    streams = connection.jetstream()
    config = (await streams.stream_info("PUBLIC_local")).config
    await streams.update_stream(config, discard="old")

    check = site_of.broker.streams("check")
    assert check.returncode == 1
    assert "stream PUBLIC_local: discard is 'old', should be 'new'" in check.stderr
    assert site_of.broker.streams("apply", user="web").returncode == 1
    assert (await streams.stream_info("PUBLIC_local")).config.discard == "old"
    await connection.close()
    site_of.broker.apply()
    check = site_of.broker.streams("check")
    assert (check.returncode, check.stderr) == (0, "")


def test_config_again_keeps_every_password_and_what_the_operator_wrote(site_of: Site) -> None:
    folder = site_of.broker.folder
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != "log"}
    site_of.broker.configure()
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert {path.stat().st_mode & 0o077 for path in folder.glob("*.json")} == {0}
    assert (folder / "users.conf").stat().st_mode & 0o077 == 0


def test_a_second_meetings_on_the_same_data_folder_is_refused_naming_the_first(site_of: Site) -> None:
    first = site_of.service("meetings")
    first.start()
    second = site_of.service("meetings", "second", OPENCHAIR_DATA=str(first.data))
    second.launch()
    assert second.wait() == 1
    assert f"belongs to the running process {first.pid}" in second.said()
    assert first.readiness().ready


def test_what_a_service_cannot_run_without_is_named_before_anything_starts(tmp_path: Path) -> None:
    made = Site(tmp_path)
    made.broker.configure()
    system = made.service("feeds", NATS_URL="", OPENCHAIR_PUBLIC_URL="", OPENCHAIR_NATS_CREDENTIALS="/nowhere")
    try:
        system.launch()
        assert system.wait() == 2
        for key in ("NATS_URL is needed", "OPENCHAIR_PUBLIC_URL is needed", "OPENCHAIR_NATS_CREDENTIALS: "):
            assert key in system.said()
        assert not system.data.exists()
    finally:
        made.clean()


async def test_sigterm_under_load_with_the_broker_frozen_keeps_what_was_acknowledged(house: Running) -> None:
    await furnish(house, "busy")
    done: set[str] = set()
    house.broker.signal(signal.SIGSTOP)
    try:
        async with house.meetings.meetings() as stub:
            callers = [asyncio.create_task(_create(stub, number, done)) for number in range(10)]
            while len(done) < 20:  # noqa: ASYNC110 - what the callers count up
                await asyncio.sleep(0.01)
            code = await asyncio.to_thread(house.meetings.stop, signal.SIGTERM)
            refused = await asyncio.gather(*callers)
    finally:
        house.broker.signal(signal.SIGCONT)
    assert code == 0, house.meetings.said()
    assert set(refused) <= {"UNAVAILABLE", "CANCELLED"}
    house.meetings.start()
    until(lambda: done <= set(titles_of(house.feeds[0], "busy") or ()), "what was acknowledged is in the feed")


async def _create(stub: MeetingServiceStub, caller: int, done: set[str]) -> str:
    """Creates meetings until it is refused; how."""
    for number in range(10_000):
        title = f"Meeting {number} of caller {caller}"
        try:
            await acts.create_meeting(stub, "centres/busy", title, START)
        except RpcError as error:
            return error.code().name
        done.add(title)
    raise AssertionError("the server never went")


async def test_a_second_signal_ends_at_once_and_loses_nothing_either(house: Running) -> None:
    names = await furnish(house, "twice")
    house.broker.stop()
    async with house.meetings.meetings() as stub:
        await acts.rename(stub, names[0], "Late")
    process = house.meetings.process
    assert process is not None
    process.send_signal(signal.SIGTERM)  # it now waits for the broker, for a while
    until(lambda: house.meetings.readiness().checks.keys() == {"http"}, "it takes no requests any more")
    assert house.meetings.stop(signal.SIGTERM) == 128 + signal.SIGTERM
    house.broker.start()
    house.meetings.start()
    until(lambda: "Late" in (titles_of(house.feeds[0], "twice") or ()), "it is in the feed")
