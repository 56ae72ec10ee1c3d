"""The bus: NATS JetStream. It and its parts (`bus_follow`, `bus_work`, `bus_wire`) alone know it; see `bus_port`."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
from typing import TYPE_CHECKING, Any

from nats.aio.client import Client

from services.kit.bus_follow import Following
from services.kit.bus_message import check_size, delivered, outgoing
from services.kit.bus_port import Broken, Bus, BusError, BusUnavailable, Unpublishable, WrongSequence
from services.kit.bus_wire import NO_MESSAGE, Missing, Taken, attentive, ended, header_lines, refused, translated
from services.kit.bus_work import Working, fits, post
from services.kit.event import TOMBSTONE_LIFETIME
from services.kit.streams import FOLLOWERS, NANOSECONDS, inbox, state, updated, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from structlog.typing import FilteringBoundLogger

    from services.kit.bus_port import Begin, Deliver, Delivered, Work
    from services.kit.event import Event
    from services.kit.streams import StreamSettings, StreamState

__all__ = ["Bus", "BusError", "BusUnavailable", "NatsBus", "Unpublishable", "WrongSequence"]

RETRY = 0.25
AFTER_FAILURE = 5.0


class NatsBus:
    """One connection, as one user, that is made anew for ever; starting does not wait for the server."""

    def __init__(
        self,
        urls: Sequence[str],
        user: str,
        password: str,
        log: FilteringBoundLogger,
        *,
        timeout: float = 3.0,
        heartbeat: float = 2.0,
    ) -> None:
        self._urls = list(urls)
        self._user = user
        self._password = password
        self._log = log.bind(user=user)
        self._timeout = timeout
        self._heartbeat = heartbeat
        self._client = Client()
        self._listeners: list[Callable[[], None]] = []
        self._users: set[Following | Working] = set()
        self._up = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._told: set[str] = set()

    async def open(self) -> None:
        """Starts to connect, in the background."""
        self._keeping = asyncio.create_task(self._keep())

    async def ready(self) -> None:
        """Comes back when there is a connection."""
        await self._up.wait()

    async def close(self) -> None:
        """Lets go of the connection; what is under way fails with BusUnavailable."""
        if self._keeping is not None:
            await ended(self._keeping)
        self._part("the connection was closed")
        with contextlib.suppress(BusError), translated():  # it may be lost in this very moment
            await self._client.close()
        if self._client._reconnection_task is not None:  # noqa: SLF001 - it is cancelled, but may not have noticed
            await ended(self._client._reconnection_task)  # noqa: SLF001 - the same

    @property
    def connected(self) -> bool:
        """Whether a server answers at present."""
        return self._up.is_set()

    @property
    def server_version(self) -> str:
        """That of the server last connected to; "" before."""
        version = self._client.connected_server_version
        try:
            return f"{version.major}.{version.minor}.{version.patch}"
        except ValueError:
            return ""

    def watch(self, listener: Callable[[], None]) -> None:
        """Calls `listener` each time a connection is made."""
        self._listeners.append(listener)

    async def publish(
        self, event: Event, expected: int, *, traceparent: str = "", lifetime: int = TOMBSTONE_LIFETIME
    ) -> int:
        """Stores the event if its subject's last message has the `expected` sequence; says its own."""
        lines = outgoing(event, expected, traceparent, lifetime)
        check_size(lines, event.payload or b"", self._client.max_payload)
        reply = await self._ask(event.subject, event.payload or b"", lines)
        return int(reply["seq"])

    async def last(self, stream: str, subject: str) -> Delivered | None:
        """The last message of a subject."""
        return await self._message(stream, {"last_by_subj": subject})

    async def next(self, stream: str, pattern: str, sequence: int) -> Delivered | None:
        """The first message of these subjects with a sequence above this one."""
        return await self._message(stream, {"seq": sequence + 1, "next_by_subj": pattern})

    async def _message(self, stream: str, wanted: dict[str, Any]) -> Delivered | None:
        try:
            reply = await self._ask(f"$JS.API.STREAM.MSG.GET.{stream}", json.dumps(wanted).encode())
        except Missing as missing:
            if missing.code == NO_MESSAGE:
                return None
            raise
        found = reply["message"]
        lines, payload = header_lines(base64.b64decode(found.get("hdrs", ""))), base64.b64decode(found.get("data", ""))
        return delivered(found["subject"], lines, payload, found["seq"], 0)

    async def stream(self, name: str) -> StreamState | None:
        """What the stream is like now."""
        try:
            return state(await self._ask(f"$JS.API.STREAM.INFO.{name}"))
        except Missing:
            return None

    async def subjects(self, name: str, pattern: str) -> list[str]:
        """The subjects that have a message in the stream; the server lists them in pages."""
        found: list[str] = []
        while True:
            wanted = json.dumps({"subjects_filter": pattern, "offset": len(found)}).encode()
            reply = await self._ask(f"$JS.API.STREAM.INFO.{name}", wanted)
            page = reply["state"].get("subjects") or {}
            found += page
            if not page or len(found) >= reply.get("total", 0):
                return found

    async def declare(self, settings: StreamSettings) -> None:
        """Creates or updates a stream. What `streams.updated` names stays as it is."""
        try:
            found = await self._ask(f"$JS.API.STREAM.INFO.{settings.name}")
        except Missing:
            verb, config = "CREATE", wire(settings)
        else:
            verb, config = "UPDATE", updated(found["config"], settings)
        await self._ask(f"$JS.API.STREAM.{verb}.{settings.name}", json.dumps(config).encode())

    async def follow(self, stream: str, subjects: Sequence[str], begin: Begin, deliver: Deliver) -> None:
        """Delivers the last message of each subject, then each new one, until cancelled or broken."""
        following = Following(self._client, deliver, self._heartbeat)
        self._users.add(following)
        try:
            pending = await self._consume(stream, subjects, following)
            found = await self.stream(stream)  # after the consumer, or the two might be of different streams
            if found is None:
                raise Broken(f"there is no stream {stream}")
            begin(found, pending)
            following.begun.set()
            await following.lasts()
        finally:
            self._users.discard(following)
            following.close()
            await self._stop(following)

    async def _consume(self, stream: str, subjects: Sequence[str], following: Following) -> int:
        """Makes the consumer and says how many messages wait for it."""
        inbox_subject = self._client.new_inbox()
        config = {
            "deliver_policy": "last_per_subject",
            "deliver_subject": inbox_subject,
            "filter_subjects": list(subjects),
            "ack_policy": "none",
            "max_deliver": 1,
            "flow_control": True,
            "idle_heartbeat": int(self._heartbeat * NANOSECONDS),
            "inactive_threshold": int(10 * self._heartbeat * NANOSECONDS),
            "num_replicas": 1,
            "mem_storage": True,
        }
        with translated():
            following.subscription = await self._client.subscribe(inbox_subject, cb=following.take)
        info = await self._create(stream, config)
        following.consumer = f"{stream}.{info['name']}"
        return int(info.get("num_pending", 0))

    async def _create(self, stream: str, config: dict[str, Any]) -> dict[str, Any]:
        """Makes a consumer under one of our names that no other process has."""
        start = secrets.randbelow(FOLLOWERS)
        for number in range(FOLLOWERS):
            name = f"{self._user}-{(start + number) % FOLLOWERS}"
            wanted = {"stream_name": stream, "config": {**config, "name": name}, "action": "create"}
            with contextlib.suppress(Taken):
                return await self._ask(f"$JS.API.CONSUMER.CREATE.{stream}.{name}", json.dumps(wanted).encode())
        raise BusUnavailable(f"{FOLLOWERS} processes follow {stream} as {self._user} already")

    async def _stop(self, following: Following) -> None:
        """Best effort: the server forgets a consumer that nobody listens to."""
        if following.subscription is not None:
            with contextlib.suppress(BusError), translated():
                await following.subscription.unsubscribe()
        if following.consumer and self.connected:
            with contextlib.suppress(BusError):
                await self._ask(f"$JS.API.CONSUMER.DELETE.{following.consumer}")

    async def work(
        self,
        stream: str,
        name: str,
        subjects: Sequence[str],
        work: Work,
        *,
        patience: float = 30.0,
        idle: Callable[[], None] | None = None,
    ) -> None:
        """Hands messages of a stream to the workers that share `name`, until cancelled or broken."""
        await self._find_post(stream, name, subjects, patience)
        working = Working(
            self._client, stream, name, patience=patience, heartbeat=self._heartbeat, timeout=self._timeout
        )
        self._users.add(working)
        try:
            await working.run(work, idle)
        finally:
            self._users.discard(working)

    async def _find_post(self, stream: str, name: str, subjects: Sequence[str], patience: float) -> None:
        """Makes the consumer, or brings it up to date; anew where it cannot be gone on with."""
        found = await self.stream(stream)
        if found is None:
            raise Broken(f"there is no stream {stream}")
        try:
            info = await self._ask(f"$JS.API.CONSUMER.INFO.{stream}.{name}")
        except Missing:
            info = None
        if info is not None and not fits(info, subjects, found.last_sequence):
            await self._ask(f"$JS.API.CONSUMER.DELETE.{stream}.{name}")
        wanted = {"stream_name": stream, "config": post(name, subjects, patience)}
        await self._ask(f"$JS.API.CONSUMER.CREATE.{stream}.{name}", json.dumps(wanted).encode())

    async def _ask(self, subject: str, payload: bytes = b"", lines: dict[str, str] | None = None) -> dict[str, Any]:
        if not self.connected:
            raise BusUnavailable("not connected")
        with translated():
            message = await self._client.request(subject, payload, timeout=self._timeout, headers=lines)
        reply: dict[str, Any] = json.loads(message.data)
        if "error" in reply:
            raise refused(reply["error"])
        return reply

    async def _keep(self) -> None:
        """The client reconnects by itself, but gives up on errors that the server names: then there is a new one."""
        while True:
            closed = asyncio.Event()
            try:
                with attentive():
                    await self._connect(closed)
                await self._found()
                await closed.wait()
            except Exception as error:  # noqa: BLE001 - whatever the client trips over, we go on trying
                self._log.error("cannot connect to NATS", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(AFTER_FAILURE)
            await self._lost()
            await asyncio.sleep(RETRY)

    async def _connect(self, closed: asyncio.Event) -> None:
        async def over() -> None:
            closed.set()

        self._client = Client()
        await self._client.connect(
            servers=self._urls,
            user=self._user,
            password=self._password,
            name=self._user,
            inbox_prefix=inbox(self._user),
            error_cb=self._failed,
            disconnected_cb=self._lost,
            reconnected_cb=self._found,
            closed_cb=over,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RETRY,  # type: ignore[arg-type]  # it sleeps so long, fractions too
            ping_interval=10,
            pending_size=0,  # what is published while away is refused, not kept for when nobody waits for it
        )

    async def _found(self) -> None:
        self._log.info("connected to NATS", server=self.server_version)
        self._told.clear()
        self._up.set()
        for listener in self._listeners:
            listener()

    async def _lost(self) -> None:
        if self.connected:
            self._log.warning("lost NATS")
        self._part("the connection was lost")

    def _part(self, why: str) -> None:
        self._up.clear()
        for one in self._users:
            one.lose(BusUnavailable(why))

    async def _failed(self, error: Exception) -> None:
        """What the client trips over; each kind once until there is a connection, as it tries four times a second."""
        kind, text = type(error).__name__, f"{type(error).__name__}: {error}"
        if "permissions" in str(error).lower():
            self._log.warning("NATS says", error=text)
        elif self.connected or kind in self._told:
            self._log.debug("NATS says", error=text)
        else:
            self._told.add(kind)
            self._log.warning("cannot connect to NATS, tries on", error=text)
