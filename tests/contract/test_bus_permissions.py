"""No user reads, writes or changes what is not its own, by any verb: tried on the real server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import nats.errors
import pytest
from nats.aio.client import Client

from services.kit.streams import inbox
from tests.contract.bus_fixtures import PRIVATE, PUBLIC, Site, event, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SECRET = b"a private word"


class Intruder:
    """A raw client with a user's credentials: it speaks to the server as it likes."""

    def __init__(self) -> None:
        self.client = Client()
        self.refusals: list[str] = []

    async def connect(self, site: Site, user: str) -> None:
        async def refused(error: Exception) -> None:
            self.refusals.append(str(error))

        await self.client.connect(
            site.server.url,
            user=user,
            password=site.server.password(user),
            inbox_prefix=inbox(user),
            error_cb=refused,
        )

    async def ask(
        self, subject: str, body: object = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any] | None:
        """The answer; None where the server refused to hear the question."""
        before = len(self.refusals)
        payload = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        request = asyncio.ensure_future(self.client.request(subject, payload, timeout=5, headers=headers))
        while not request.done() and len(self.refusals) == before:  # noqa: ASYNC110 - either of two things
            await asyncio.sleep(0.005)
        if not request.done():
            request.cancel()
            await asyncio.gather(request, return_exceptions=True)
            return None
        try:
            message = request.result()
        except nats.errors.Error:
            return None
        return json.loads(message.data) if message.data.startswith(b"{") else {"data": message.data}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path / "data") as site:
        owner = await site.bus("meetings")
        await owner.publish(event("a", 1, view="private", payload=SECRET), 0)
        await owner.publish(event("a", 1, payload=b"public"), 0)
        yield site


@pytest.fixture
async def feeds(site: Site) -> AsyncIterator[Intruder]:
    intruder = Intruder()
    await intruder.connect(site, "feeds")
    yield intruder
    await intruder.client.close()


SUBJECT = event("a", 1, view="private").subject
CONSUMER = {"stream_name": PRIVATE, "config": {"deliver_policy": "all", "ack_policy": "none", "name": "spy"}}

READS: list[tuple[str, object]] = [
    (f"$JS.API.STREAM.MSG.GET.{PRIVATE}", {"last_by_subj": SUBJECT}),
    (f"$JS.API.STREAM.MSG.GET.{PRIVATE}", {"seq": 1}),
    (f"$JS.API.DIRECT.GET.{PRIVATE}", {"seq": 1}),
    (f"$JS.API.DIRECT.GET.{PRIVATE}.{SUBJECT}", None),
    (f"$JS.API.CONSUMER.CREATE.{PRIVATE}", CONSUMER),
    (f"$JS.API.CONSUMER.CREATE.{PRIVATE}.spy", CONSUMER),
    (f"$JS.API.CONSUMER.CREATE.{PRIVATE}.spy.{SUBJECT}", CONSUMER),
    (f"$JS.API.CONSUMER.DURABLE.CREATE.{PRIVATE}.spy", CONSUMER),
    (f"$JS.API.CONSUMER.MSG.NEXT.{PRIVATE}.spy", None),
    (f"$JS.API.CONSUMER.INFO.{PRIVATE}.spy", None),
    (f"$JS.API.CONSUMER.LIST.{PRIVATE}", None),
    (f"$JS.API.STREAM.INFO.{PRIVATE}", {"subjects_filter": ">"}),
    ("$JS.API.STREAM.LIST", None),
    ("$JS.API.STREAM.NAMES", None),
    (f"$JS.API.STREAM.SNAPSHOT.{PRIVATE}", {"deliver_subject": "_INBOX_feeds.x"}),
]

CHANGES: list[tuple[str, object]] = [
    (event("a", 1).subject, b"forged"),
    (SUBJECT, b"forged"),
    (f"$JS.API.STREAM.CREATE.{PUBLIC}_2", {"name": f"{PUBLIC}_2", "sources": [{"name": PRIVATE}]}),
    (f"$JS.API.STREAM.UPDATE.{PUBLIC}", {"name": PUBLIC, "sources": [{"name": PRIVATE}]}),
    (f"$JS.API.STREAM.PURGE.{PUBLIC}", None),
    (f"$JS.API.STREAM.DELETE.{PUBLIC}", None),
    (f"$JS.API.STREAM.MSG.DELETE.{PUBLIC}", {"seq": 1}),
    (f"$JS.API.STREAM.RESTORE.{PUBLIC}", {}),
    (f"$JS.API.STREAM.PURGE.{PRIVATE}", None),
    (f"$JS.API.STREAM.DELETE.{PRIVATE}", None),
]


@pytest.mark.parametrize(("verb", "body"), READS)
async def test_a_reader_of_the_public_stream_reads_no_private_byte(feeds: Intruder, verb: str, body: object) -> None:
    assert await feeds.ask(verb, body) is None
    assert any("permissions violation" in refusal.lower() for refusal in feeds.refusals)


@pytest.mark.parametrize(("verb", "body"), CHANGES)
async def test_a_reader_changes_nothing(site: Site, feeds: Intruder, verb: str, body: object) -> None:
    assert await feeds.ask(verb, body) is None
    owner = await site.bus("meetings")
    states = [await owner.stream(name) for name in (PUBLIC, PRIVATE)]
    assert [(state.messages, state.last_sequence) for state in states if state] == [(1, 1), (1, 1)]


@pytest.mark.parametrize("subject", [">", "openchair.>", SUBJECT, "_INBOX_meetings.>", "_INBOX.>", "$JS.>"])
async def test_a_reader_hears_neither_live_traffic_nor_the_replies_of_others(
    site: Site, feeds: Intruder, subject: str
) -> None:
    heard: list[bytes] = []

    async def hear(message: Any) -> None:
        heard.append(message.data)

    await feeds.client.subscribe(subject, cb=hear)
    await feeds.client.flush()
    owner = await site.bus("meetings")
    await owner.publish(event("b", 1, view="private", payload=SECRET), 0)
    await owner.last(PRIVATE, SUBJECT)
    await feeds.client.flush()
    assert heard == []
    assert any("permissions violation" in refusal.lower() for refusal in feeds.refusals)


async def test_a_public_consumer_cannot_be_turned_into_a_private_one_by_its_filter(feeds: Intruder) -> None:
    config = {"name": "spy", "deliver_policy": "all", "ack_policy": "none", "filter_subject": SUBJECT}
    created = await feeds.ask(f"$JS.API.CONSUMER.CREATE.{PUBLIC}.spy", {"stream_name": PUBLIC, "config": config})
    assert created is not None
    assert created.get("error") or created["num_pending"] == 0
    other = await feeds.ask(f"$JS.API.CONSUMER.CREATE.{PUBLIC}.spy2", {"stream_name": PRIVATE, "config": config})
    assert other is not None
    assert "error" in other


async def test_a_service_publishes_only_as_itself_and_reads_only_its_own_stream(site: Site) -> None:
    rsvps = Intruder()
    await rsvps.connect(site, "rsvps")
    assert await rsvps.ask(event("a", 1).subject, b"forged") is None
    assert await rsvps.ask(f"$JS.API.STREAM.MSG.GET.{PRIVATE}", {"seq": 1}) is None
    assert await rsvps.ask("openchair.home.private.rsvps.oak.seat.s", b"mine") == {
        "stream": "PRIVATE_home_rsvps",
        "seq": 1,
    }
    await rsvps.client.close()


async def test_the_provisioner_makes_streams_and_reads_none(site: Site) -> None:
    provisioner = Intruder()
    await provisioner.connect(site, "provisioner")
    assert await provisioner.ask(f"$JS.API.STREAM.MSG.GET.{PRIVATE}", {"seq": 1}) is None
    assert await provisioner.ask(f"$JS.API.STREAM.INFO.{PRIVATE}") is not None
    await provisioner.client.close()


async def test_a_wrong_password_is_let_in_nowhere(site: Site) -> None:
    host, port = site.server.url.removeprefix("nats://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.readline()
    writer.write(b'CONNECT {"user": "feeds", "pass": "guess"}\r\nPING\r\n')
    assert b"Authorization Violation" in await reader.readline()
    writer.close()
    await writer.wait_closed()
