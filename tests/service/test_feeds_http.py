"""The feeds service over real HTTP, following a real nats-server."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from msgspec.structs import replace

from services.feeds import feeds
from services.kit.clock import VirtualClock
from services.kit.http import Front, serve
from tests.contract.bus_fixtures import LOG, PRIVATE, SITE, Site, kill, running, until
from tests.unit.busy_examples import HALL, PATH, booking, room
from tests.unit.feeds_examples import CENTRE, NOON, centre, gone, id_of, meeting, stated
from tests.unit.feeds_shapes import held_in, special
from tests.unit.test_feeds_invited import CODE, UNLISTED, group, hidden

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.feeds import Feeds
    from services.kit.bus import Bus
    from services.kit.event import Event

INVITED = f"/invited/{CODE}.ics"
FEED = f"/calendars/{CENTRE}.ics"


class Running:
    """The service on its port, and the pen of the meetings service."""

    def __init__(self, meetings: Bus, client: httpx.AsyncClient, clock: VirtualClock, made: Feeds) -> None:
        self.made = made
        self.client = client
        self.clock = clock
        self._meetings = meetings
        self._sequences: dict[str, int] = {}

    async def publish(self, *events: Event) -> None:
        """States records as the meetings service does."""
        for event in events:
            before = self._sequences.get(event.subject, 0)
            self._sequences[event.subject] = await self._meetings.publish(event, before)

    async def get(self, path: str = FEED, **headers: str) -> httpx.Response:
        """One GET; `accept_encoding` is Accept-Encoding."""
        lines = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.get(path, headers={"accept-encoding": "identity"} | lines)

    async def shows(self, text: str, *, shown: bool = True) -> None:
        """Comes back when the feed says so (or no longer does)."""
        async with asyncio.timeout(60):
            while (text in (await self.get()).text) is not shown:
                pass


@asynccontextmanager
async def service(site: Site, *, private: bool = True) -> AsyncIterator[Running]:
    """The service; `private`: its private stream is there."""
    clock = VirtualClock(NOON)
    made = feeds(await site.bus("feeds"), SITE, clock, "http://127.0.0.1", LOG)
    front = Front({"/calendars": made.calendars, "/meeting-guide": made.guide, "/invited/*.ics": made.invited})
    front.mount("/freebusy", made.freebusy)
    front.keepers += [made.calendars, made.guide, made.freebusy]
    server = await serve(front, "127.0.0.1", 0)
    tasks = [asyncio.create_task(projection.run()) for projection in (made.public, made.private)]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            for projection in (made.public, made.private) if private else (made.public,):
                await asyncio.wait_for(projection.ready.wait(), 60)
            yield Running(await site.bus("meetings"), client, clock, made)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.stop()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path) as started:
        yield started


async def test_a_published_meeting_is_in_its_centres_feed_and_a_tombstone_takes_it_out(site: Site) -> None:
    async with service(site) as running_one:
        assert (await running_one.get()).status_code == 503  # the stream is empty: it may be about to be filled
        await running_one.publish(stated(centre()), stated(meeting(1)), stated(meeting(2)))
        await running_one.shows("Serenity 2")
        await running_one.publish(gone(1))
        await running_one.shows("Serenity 1", shown=False)
        assert "Serenity 2" in (await running_one.get()).text


async def test_http_says_the_same_for_get_head_gzip_and_conditions(site: Site) -> None:
    async with service(site) as running_one:
        await running_one.publish(stated(centre()), stated(meeting(1)))
        await running_one.shows("Serenity 1")
        running_one.clock.jump(NOON + timedelta(days=1))
        plain = await running_one.get()
        packed = await running_one.get(accept_encoding="gzip")
        head = await running_one.client.head(FEED, headers={"accept-encoding": "identity"})
        assert plain.content == packed.content
        assert packed.headers["content-encoding"] == "gzip"
        assert head.content == b""
        assert _without_date(head) == _without_date(plain)
        for condition in (
            {"if-none-match": plain.headers["etag"]},
            {"if-modified-since": plain.headers["last-modified"]},
        ):
            again = await running_one.get(**condition)
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == plain.headers["etag"]
            assert again.headers["last-modified"] == plain.headers["last-modified"]
        assert (await running_one.client.post(FEED)).status_code == 405
        assert (await running_one.get(f"/calendars/{CENTRE}/meeting/{id_of(1)}.ics")).status_code == 200
        assert (await running_one.get("/calendars/..%2fetc%2fpasswd.ics")).status_code == 404


async def test_a_booking_is_told_at_its_rooms_address_and_moves_no_calendar(site: Site) -> None:
    """Neither a public view of one nor a private one, of which there may be very many: those are not even read."""
    async with service(site) as running_one:
        await running_one.publish(stated(centre()), stated(meeting(1)), stated(room()))
        await running_one.shows("Serenity 1")
        before = [await running_one.get(path) for path in (FEED, f"/calendars/{CENTRE}/room/{HALL}.ics")]
        public = stated(booking(), 1, NOON)
        private = replace(public, subject=public.subject.replace(".public.", ".private."))
        group_of = group(CODE)
        await running_one.publish(private, public, group_of)
        async with asyncio.timeout(60):
            while "FBTYPE=BUSY:20261125T010000Z" not in (await running_one.get(PATH)).text:
                pass
        await until(lambda: running_one.made.private.order(group_of.subject) is not None)
        after = [await running_one.get(path) for path in (FEED, f"/calendars/{CENTRE}/room/{HALL}.ics")]
        assert [(_without_date(each), each.content) for each in after] == [
            (_without_date(each), each.content) for each in before
        ]
        assert running_one.made.private.order(private.subject) is None
        kept = await running_one.get(PATH)
        assert (await running_one.get(PATH, if_none_match=kept.headers["etag"])).status_code == 304


async def test_every_kind_of_feed_and_the_list_follow_the_stream_and_two_instances_say_the_same(site: Site) -> None:
    paths = [
        f"/calendars/{CENTRE}/fellowship/aa.ics",
        f"/calendars/{CENTRE}/kind/support-meeting.ics",
        f"/calendars/{CENTRE}/room/hearth.ics",
        f"{FEED}?day=tu,th&alarm=PT1H",
        f"{FEED}?discreet=1",
        f"{FEED}?discreet=Yoga&alarm=PT5M",
        f"{FEED}?cancelled=show&type=o",
        f"/meeting-guide/{CENTRE}.json",
    ]
    async with service(site) as one:
        await one.publish(stated(centre()), *(stated(held_in(number, "hearth")) for number in range(70)))
        await one.publish(stated(special(held_in(5, "hearth", title="Renamed"), "Speaker", 3), 2))
        await one.shows("Renamed")
        async with service(site) as other:
            for path in paths:
                first, second = await one.get(path, accept_encoding="gzip"), await other.get(path)
                assert (first.status_code, first.text) == (200, second.text), path
                assert "Renamed" in first.text or "discreet" in path, path
                again = await one.get(path, accept_encoding="gzip", if_none_match=first.headers["etag"])
                assert again.status_code == 304
        refused = await one.get(f"{FEED}?day=never")
        assert (refused.status_code, refused.headers["cache-control"]) == (400, "no-store")


async def test_an_instance_started_later_serves_the_same_bytes_under_the_same_tag(site: Site) -> None:
    async with service(site) as one:
        await one.publish(stated(centre()), *(stated(meeting(number)) for number in range(70)))
        await one.publish(stated(meeting(5, title="Renamed"), 2))
        await one.shows("Renamed")
        async with service(site) as other:
            first, second = await one.get(accept_encoding="gzip"), await other.get(accept_encoding="gzip")
            assert first.content == second.content
            assert _without_date(first) == _without_date(second)


async def test_feeds_go_on_while_nats_is_away(site: Site) -> None:
    async with service(site) as running_one:
        await running_one.publish(stated(centre()), stated(meeting(1)))
        await running_one.shows("Serenity 1")
        killed = kill(site.server)
        assert (await running_one.get()).status_code == 200
        await until(lambda: _runs_again(site, killed))


async def test_a_code_opens_its_calendar_on_two_instances_alike_until_it_is_revoked(site: Site) -> None:
    async with service(site) as one:
        await one.publish(stated(centre()), group(CODE), *(hidden(number) for number in range(20)))
        await until_status(one, 200)
        async with service(site) as other:
            first, second = await one.get(INVITED), await other.get(INVITED)
            assert (first.content.count(b"BEGIN:VEVENT"), first.content) == (20, second.content)
            assert _without_date(first) == _without_date(second)
            await one.publish(group(revision=2))
            for each in (one, other):
                await until_status(each, 404)


async def test_while_what_codes_open_cannot_be_read_nobody_is_told_that_there_is_nothing(site: Site) -> None:
    await (await site.bus("provisioner"))._ask(f"$JS.API.STREAM.DELETE.{PRIVATE}")
    async with service(site, private=False) as running_one:
        await running_one.publish(stated(centre()), stated(meeting(1)))
        await running_one.shows("Serenity 1")
        for path in (INVITED, "/invited/nonsense.ics", f"/calendars/{CENTRE}/meeting/{id_of(7)}.ics"):
            assert (await running_one.get(path)).status_code == 503
        await site.provision()
        await running_one.publish(group(CODE), hidden(7, visibility=UNLISTED))
        await until_status(running_one, 200)
        assert (await running_one.get("/invited/nonsense.ics")).status_code == 404
        await until_status(running_one, 200, f"/calendars/{CENTRE}/meeting/{id_of(7)}.ics")


async def test_what_a_code_opens_is_served_on_while_nats_is_away(site: Site) -> None:
    async with service(site) as running_one:
        await running_one.publish(stated(centre()), group(CODE), hidden(1))
        await until_status(running_one, 200)
        killed = kill(site.server)
        assert (await running_one.get(INVITED)).status_code == 200
        await until(lambda: _runs_again(site, killed))


async def until_status(running_one: Running, status: int, path: str = INVITED) -> None:
    """Comes back when the address answers so."""
    async with asyncio.timeout(60):
        while (await running_one.get(path)).status_code != status:
            await running_one.clock.advance(1)  # a follower that lost its stream looks again after a while


def _runs_again(site: Site, killed: int) -> bool:
    """Whether the server runs as another process than that one."""
    try:
        return site.server.pid != killed
    except RuntimeError:  # it is being started
        return False


def _without_date(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name != "date"}
