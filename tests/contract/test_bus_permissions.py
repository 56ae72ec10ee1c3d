"""No user reads, writes or changes what is not its own, by any verb: tried on the real server, on the bare wire."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.clock import SystemClock, instant
from services.kit.event import Event, Malformed, Stored, subject
from services.kit.streams import (
    NatsUser,
    StreamState,
    dead_stream,
    inbox,
    matches,
    permissions,
    private_stream,
)
from tests.contract.bus_fixtures import PRIVATE, PUBLIC, REACTING, SITE, STREAMS, USERS, Site, event, running, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from services.kit.bus import NatsBus

SERVICES = ("meetings", *REACTING)
NAMES = tuple(user.name for user in USERS)
USER = {user.name: user for user in USERS}
OWNERS = {
    **{private_stream(SITE, name): name for name in SERVICES},
    **{dead_stream(SITE, name): name for name in REACTING},
}


def subject_in(stream: str, id_: str = "canary") -> str:
    """A subject that a stream of one service stores."""
    return subject(SITE, "dead" if stream.startswith("DEAD") else "private", OWNERS[stream], "oak", "thing", id_)


def canary(stream: str) -> bytes:
    """What stands in a stream, and nowhere else."""
    return b"canary in " + stream.encode()


def may_read(user: NatsUser) -> set[str]:
    own = {stream for stream, owner in OWNERS.items() if owner == user.name}
    return {*user.follows, *user.works, *own}


class Wire:
    """A bare connection as one user: what it writes is refused or heard, and every byte that comes in is kept."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.incoming = b""
        self._count = 0

    async def connect(self, site: Site, password: str = "") -> None:
        host, port = site.server.url.removeprefix("nats://").split(":")
        self._reader, self._writer = await asyncio.open_connection(host, int(port), limit=2**24)
        options = {"user": self.user, "pass": password or site.server.password(self.user), "headers": True}
        self.write(f"CONNECT {json.dumps(options | {'verbose': False, 'no_responders': True})}")
        self.write(f"SUB {inbox(self.user)}.> 1")
        await self.settled()

    def write(self, line: str, payload: bytes | None = None) -> None:
        self._writer.write(line.encode() + b"\r\n" + (b"" if payload is None else payload + b"\r\n"))

    def publish(self, subject: str, body: object = None, reply: str = "") -> str:
        """Says where the answer goes."""
        self._count += 1
        payload = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        answer = reply or f"{inbox(self.user)}.{self._count}"
        self.write(f"PUB {subject} {answer} {len(payload)}", payload)
        return answer

    async def settled(self) -> None:
        """The server has dealt with everything that was written."""
        before = self.incoming.count(b"PONG\r\n")
        self.write("PING")
        async with asyncio.timeout(60):
            while self.incoming.count(b"PONG\r\n") == before:
                self.incoming += await self._reader.read(2**20)

    async def answer(self, subject: str, body: object = None) -> dict[str, Any]:
        """Asks, and waits for what the server says to it."""
        place = self.publish(subject, body)
        found = None
        while found is None:
            await self.settled()
            found = re.search(rf"MSG {re.escape(place)} 1 \d+\r\n(.*)\r\n".encode(), self.incoming)
        answer: dict[str, Any] = json.loads(found[1])
        return answer

    def refused(self, kind: str = "Publish") -> set[str]:
        """What the server did not let it publish, or subscribe, to."""
        found = re.findall(rf"Permissions Violation for {kind} to \"([^\"]*)\"".encode(), self.incoming)
        return {one.decode() for one in found}

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


class Wired:
    """A site, and bare connections to it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.server = site.server
        self.wires: list[Wire] = []

    async def bus(self, user: str) -> NatsBus:
        return await self._site.bus(user)

    async def wire(self, user: str) -> Wire:
        wire = Wire(user)
        self.wires.append(wire)
        await wire.connect(self._site)
        return wire


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Wired]:
    async with running(tmp_path / "data") as found:
        site = Wired(found)
        for stream, owner in OWNERS.items():
            bus = await site.bus(owner)
            await bus.publish(_event(subject_in(stream), canary(stream)), 0)
        await (await site.bus("meetings")).publish(event("a", 1, payload=b"public"), 0)
        yield site
        for wire in site.wires:
            await wire.close()


def _event(where: str, payload: bytes) -> Event:
    return Event(where, 1, 1, "openchair.test.v1.Thing", instant(SystemClock().now()), payload)


def reads(stream: str, user: str) -> Iterator[tuple[str, object]]:
    """Every way to read of a stream that the server has, or once had."""
    at, to = subject_in(stream), f"{inbox(user)}.stolen"
    pull = {"name": "spy", "deliver_policy": "all", "ack_policy": "none"}
    push = {**pull, "deliver_subject": to}
    durable = {**pull, "durable_name": "spy", "ack_policy": "explicit"}
    for body in ({"last_by_subj": at}, {"seq": 1}, {"seq": 1, "next_by_subj": ">"}):
        yield f"$JS.API.STREAM.MSG.GET.{stream}", body
        yield f"$JS.API.DIRECT.GET.{stream}", body
    yield f"$JS.API.DIRECT.GET.{stream}", {"multi_last": [">"], "batch": 100}
    yield f"$JS.API.DIRECT.GET.{stream}", {"seq": 1, "batch": 100}
    yield f"$JS.API.DIRECT.GET.{stream}.{at}", None
    for config in (pull, push, durable, {**push, "filter_subject": at}, {**push, "filter_subjects": [at]}):
        wanted = {"stream_name": stream, "config": config}
        for name in ("spy", f"{user}-0", user, OWNERS[stream]):
            yield f"$JS.API.CONSUMER.CREATE.{stream}.{name}", wanted
            yield f"$JS.API.CONSUMER.CREATE.{stream}.{name}.{at}", wanted
            yield f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{name}", wanted
        yield f"$JS.API.CONSUMER.CREATE.{stream}", wanted
    for name in ("spy", f"{user}-0", user, OWNERS[stream]):
        yield f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}", {"batch": 10, "no_wait": True}
        for verb in ("INFO", "DELETE", "PAUSE", "UNPIN", "RESET", "LEADER.STEPDOWN"):
            yield f"$JS.API.CONSUMER.{verb}.{stream}.{name}", None
        yield f"$JS.ACK.{stream}.{name}.1.1.1.1.0", b"+NXT"
    for verb in ("CONSUMER.LIST", "CONSUMER.NAMES"):
        yield f"$JS.API.{verb}.{stream}", None
    yield f"$JS.API.STREAM.INFO.{stream}", {"subjects_filter": ">"}
    yield f"$JS.API.STREAM.SNAPSHOT.{stream}", {"deliver_subject": to}


def changes(stream: str) -> Iterator[tuple[str, object]]:
    """Every way to change a stream, or to make one that copies it."""
    source = [{"name": stream}]
    for name in (stream, "COPY"):
        for config in ({"sources": source}, {"mirror": source[0]}, {"subjects": ["copy.>"], "republish": {"src": ">"}}):
            for verb in ("CREATE", "UPDATE"):
                yield f"$JS.API.STREAM.{verb}.{name}", {"name": name, **config}
    for verb in ("DELETE", "PURGE", "MSG.DELETE", "RESTORE", "PEER.REMOVE", "LEADER.STEPDOWN"):
        yield f"$JS.API.STREAM.{verb}.{stream}", {"seq": 1}


ABOUT_ALL = [
    ("$JS.API.STREAM.LIST", None),
    ("$JS.API.STREAM.NAMES", None),
    ("$JS.API.ACCOUNT.PURGE.$G", None),
    ("$JS.API.ACCOUNT.STREAM.MOVE.$G.PUBLIC_home", None),
    ("$JS.API.META.LEADER.STEPDOWN", None),
    ("$JS.API.SERVER.REMOVE", {"peer": "x"}),
    ("$JS.API.STREAM.TEMPLATE.CREATE.x", None),
    ("$SYS.REQ.SERVER.PING.VARZ", None),
    ("$SYS.REQ.USER.INFO", None),
]


@pytest.mark.parametrize("user", NAMES)
async def test_no_byte_of_a_stream_that_is_not_its_own_comes_to_a_user_by_any_verb(site: Wired, user: str) -> None:
    wire = await site.wire(user)
    foreign = sorted(set(OWNERS) - may_read(USER[user]))
    assert len(foreign) >= 4
    tried = [(verb, body) for stream in foreign for verb, body in reads(stream, user)]
    if user == "provisioner":  # it sees that streams exist, and how large they are
        tried = [(verb, body) for verb, body in tried if not verb.startswith("$JS.API.STREAM.INFO.")]
    for verb, body in [*tried, *ABOUT_ALL]:
        wire.publish(verb, body)
    await wire.settled()
    assert wire.refused() == {verb for verb, _ in [*tried, *ABOUT_ALL]}
    await _live_traffic(site)
    await wire.settled()
    assert heard(wire) <= may_read(USER[user])


@pytest.mark.parametrize("user", [name for name in NAMES if name != "provisioner"])
async def test_no_service_changes_any_stream_its_own_included(site: Wired, user: str) -> None:
    before = await _states(site)
    wire = await site.wire(user)
    tried = [verb for stream in (PUBLIC, *OWNERS) for verb, body in changes(stream) if wire.publish(verb, body)]
    await wire.settled()
    assert wire.refused() == set(tried)
    assert await _states(site) == before


@pytest.mark.parametrize("user", NAMES)
async def test_no_user_publishes_as_another(site: Wired, user: str) -> None:
    wire = await site.wire(user)
    views = [(view, name) for name in SERVICES if name != user for view in ("public", "private", "dead")]
    tried = [subject(SITE, view, name, "oak", "thing", "forged") for view, name in views]
    for where in tried:
        wire.publish(where, b"forged")
    await wire.settled()
    assert wire.refused() == set(tried)


@pytest.mark.parametrize("user", NAMES)
async def test_a_user_hears_neither_live_traffic_nor_the_replies_of_others(site: Wired, user: str) -> None:
    wire = await site.wire(user)
    others = [f"{inbox(name)}.>" for name in NAMES if name != user]
    tried = [">", "*.>", "openchair.>", "openchair.*.private.>", "_INBOX.>", "*", "$JS.>", "$SYS.>", "$KV.>", *others]
    for number, where in enumerate([*tried, *(subject_in(stream) for stream in OWNERS)], 100):
        wire.write(f"SUB {where} {number}")
        wire.write(f"SUB {where} queue {number + 1000}")
    await wire.settled()
    await _live_traffic(site)
    await wire.settled()
    refused = {one.partition('" using')[0] for one in wire.refused("Subscription")}
    assert refused == {*tried, *(subject_in(stream) for stream in OWNERS)}
    assert heard(wire) <= may_read(USER[user])
    assert bool(heard(wire)) is (user in SERVICES)  # its own, in answers to another connection of its user


def heard(wire: Wire) -> set[str]:
    """The streams of which something came in, as it is or in base64."""
    forms = {stream: (canary(stream), base64.b64encode(canary(stream))) for stream in OWNERS}
    return {stream for stream, words in forms.items() if any(word in wire.incoming for word in words)}


async def _live_traffic(site: Wired) -> None:
    """Every owner publishes into its private streams, and reads there."""
    for stream, owner in OWNERS.items():
        bus, where = await site.bus(owner), subject_in(stream, "live")
        last = await bus.last(stream, where)
        await bus.publish(_event(where, canary(stream)), last.sequence if last else 0)
        await bus.last(stream, where)
        await bus.close()


async def _states(site: Wired) -> list[object]:
    bus = await site.bus("provisioner")
    return [await bus.stream(name) for name in (PUBLIC, *OWNERS, "COPY")]


async def test_a_public_consumer_cannot_be_turned_into_a_private_one(site: Wired) -> None:
    wire = await site.wire("feeds")
    where, secret = f"$JS.API.CONSUMER.CREATE.{PUBLIC}.feeds-0", private_stream(SITE, "rsvps")
    config = {"name": "feeds-0", "deliver_policy": "all", "ack_policy": "none", "filter_subject": subject_in(secret)}
    answers = [await wire.answer(where, {"stream_name": stream, "config": config}) for stream in (PUBLIC, secret)]
    assert answers[0].get("error") or answers[0]["num_pending"] == 0
    assert "error" in answers[1]


async def test_the_place_of_workers_cannot_be_changed_by_one_who_follows_the_same_stream(site: Wired) -> None:
    async def work(_task: object) -> None: ...

    rsvps = await site.bus("rsvps")
    idle: list[bool] = []
    working = asyncio.create_task(
        rsvps.work(PUBLIC, "rsvps", ("openchair.none",), work, idle=lambda: idle.append(True))
    )
    await until(lambda: idle)
    before = (await rsvps._ask(f"$JS.API.CONSUMER.INFO.{PUBLIC}.rsvps"))["config"]
    wire = await site.wire("feeds")
    config = {"name": "rsvps", "deliver_policy": "all", "ack_policy": "none"}
    for taken in (config, {**config, "durable_name": "rsvps"}):
        answer = await wire.answer(
            f"$JS.API.CONSUMER.CREATE.{PUBLIC}.feeds-1", {"stream_name": PUBLIC, "config": taken}
        )
        assert answer.get("error") or answer["name"] == "feeds-1"
    for verb in ("CREATE", "DURABLE.CREATE", "DELETE", "MSG.NEXT"):
        wire.publish(f"$JS.API.CONSUMER.{verb}.{PUBLIC}.rsvps", {"stream_name": PUBLIC, "config": config})
    wire.publish(f"$JS.API.CONSUMER.CREATE.{PUBLIC}", {"stream_name": PUBLIC, "config": config})
    wire.publish(f"$JS.ACK.{PUBLIC}.rsvps.1.1.1.1.0", b"+ACK")
    await wire.settled()
    assert len(wire.refused()) == 6
    assert (await rsvps._ask(f"$JS.API.CONSUMER.INFO.{PUBLIC}.rsvps"))["config"] == before
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_where_a_consumer_delivers_to_forges_nothing_and_deletes_nothing(site: Wired) -> None:
    before = await _states(site)
    wire = await site.wire("feeds")
    wire.write(f"SUB {inbox('feeds')}.mine 2")  # the server delivers where somebody listens by this very name
    rsvps = private_stream(SITE, "rsvps")
    goals = (subject_in(rsvps, "forged"), f"$JS.API.STREAM.PURGE.{rsvps}", f"$JS.API.STREAM.DELETE.{rsvps}")
    for number, goal in enumerate((*goals, f"{inbox('feeds')}.mine")):
        config = {"name": f"feeds-{number}", "deliver_policy": "all", "ack_policy": "none", "deliver_subject": goal}
        made = await wire.answer(
            f"$JS.API.CONSUMER.CREATE.{PUBLIC}.feeds-{number}", {"stream_name": PUBLIC, "config": config}
        )
        assert made["name"] == f"feeds-{number}"
        wire.publish("$JS.API.INFO", reply=goal)
    while (
        f"$JS.ACK.{PUBLIC}.feeds-3.".encode() not in wire.incoming
    ):  # the last consumer delivers: the others have had their time
        await wire.settled()
    await wire.answer("$JS.API.INFO")
    changed = [now for now, then in zip(await _states(site), before, strict=True) if now != then]
    assert [state.settings.name for state in changed if isinstance(state, StreamState)] == [rsvps]  # see the next test
    bus = await site.bus("rsvps")
    assert isinstance(await bus.last(rsvps, subject_in(rsvps, "forged")), Malformed)


async def test_an_answer_sent_to_the_subject_of_another_is_stored_and_is_no_event(site: Wired) -> None:
    """What permissions do not prevent on this server: whoever may ask chooses where the answer goes. See ADR 9."""
    wire = await site.wire("feeds")
    rsvps, where = await site.bus("rsvps"), subject_in(private_stream(SITE, "rsvps"), "blotted")
    await rsvps.publish(_event(where, b"state"), 0)
    wire.publish("$JS.API.INFO", reply=where)
    await wire.answer("$JS.API.INFO")
    async with asyncio.timeout(60):
        while isinstance(await rsvps.last(private_stream(SITE, "rsvps"), where), Stored):  # noqa: ASYNC110 - no word
            await asyncio.sleep(0.01)
    last = await rsvps.last(private_stream(SITE, "rsvps"), where)
    assert isinstance(last, Malformed)
    assert last.reason == "not a CloudEvents 1.0 message"


@pytest.mark.parametrize("user", ["feeds", "web"])
async def test_readers_follow_the_private_view_of_meetings(site: Wired, user: str) -> None:
    seen: list[object] = []
    bus = await site.bus(user)
    following = asyncio.create_task(bus.follow(PRIVATE, (">",), lambda *_: None, seen.append))
    await until(lambda: seen)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_a_wrong_password_is_let_in_nowhere(site: Wired) -> None:
    host, port = site.server.url.removeprefix("nats://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.readline()
    writer.write(b'CONNECT {"user": "feeds", "pass": "guess"}\r\nPING\r\n')
    assert b"Authorization Violation" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_tombstone_has_a_lifetime_in_its_header_and_every_stream_keeps_to_it(site: Wired) -> None:
    bus = await site.bus("meetings")
    grave = event("grave", 1, payload=None)
    await bus.publish(grave, 0, lifetime=4242)
    wanted = json.dumps({"last_by_subj": grave.subject}).encode()
    block = base64.b64decode((await bus._ask(f"$JS.API.STREAM.MSG.GET.{PUBLIC}", wanted))["message"]["hdrs"])
    assert b"\r\nNats-TTL: 4242\r\n" in block
    provisioner = await site.bus("provisioner")
    states = [await provisioner.stream(settings.name) for settings in STREAMS]
    assert all(state is not None and state.settings.allow_msg_ttl for state in states)


def test_what_a_user_may_say_names_each_subject_of_its_own_and_no_verb_that_changes_streams() -> None:
    for user in USERS:
        may = permissions(user)["publish"]["allow"]
        for stream, owner in OWNERS.items():
            assert any(matches(one, subject_in(stream)) for one in may) is (owner == user.name)
        assert [one for one in may if ".STREAM.DELETE." in one] == (
            ["$JS.API.STREAM.DELETE.*"] if user.provisions else []
        )
