"""The bus: NATS JetStream. The only module that knows it; `bus_port` says what it does for others."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from typing import TYPE_CHECKING, Any

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js import errors as stream_errors
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from services.kit.bus_port import Broken, Bus, BusError, BusUnavailable, Unpublishable, WrongSequence
from services.kit.event import TOMBSTONE_LIFETIME, Malformed, Stored, headers, received
from services.kit.streams import inbox, state, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nats.aio.msg import Msg
    from structlog.typing import FilteringBoundLogger

    from services.kit.bus_port import Begin, Deliver, Delivered
    from services.kit.event import Event
    from services.kit.streams import StreamSettings, StreamState

__all__ = ["Bus", "BusError", "BusUnavailable", "NatsBus", "Unpublishable", "WrongSequence"]

WRONG_SEQUENCE = frozenset({10071, 10163, 10164})
"""Error codes: wrong last sequence; on replicated streams also while an earlier message is in flight."""

TOO_LARGE = 10054
NO_MESSAGE = 10037
NO_STREAM = 10059
HEADER_BLOCK = len("NATS/1.0\r\n\r\n")  # around the header lines
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
        self._js = JetStreamContext(self._client, timeout=timeout)
        self._listeners: list[Callable[[], None]] = []
        self._followings: set[_Following] = set()
        self._up = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Starts to connect, in the background."""
        self._keeping = asyncio.create_task(self._keep())

    async def ready(self) -> None:
        """Comes back when there is a connection."""
        await self._up.wait()

    async def close(self) -> None:
        """Lets go of the connection; what is under way fails with BusUnavailable."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        self._part("the connection was closed")
        await self._client.close()

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
        lines = headers(event, traceparent) | {"Nats-Expected-Last-Subject-Sequence": str(expected)}
        if event.payload is None:
            lines["Nats-TTL"] = str(lifetime)
        self._check_size(event, lines)
        reply = await self._ask(event.subject, event.payload or b"", lines)
        return int(reply["seq"])

    def _check_size(self, event: Event, lines: dict[str, str]) -> None:
        """Raises Unpublishable where the server would hang up: it counts headers too, which the client does not."""
        size = HEADER_BLOCK + sum(len(f"{name}: {value}\r\n".encode()) for name, value in lines.items())
        if size + len(event.payload or b"") > self._client.max_payload:
            raise Unpublishable("larger than the server takes, headers and all")

    async def last(self, stream: str, subject: str) -> Delivered | None:
        """The last message of a subject."""
        wanted = json.dumps({"last_by_subj": subject}).encode()
        try:
            reply = await self._ask(f"$JS.API.STREAM.MSG.GET.{stream}", wanted)
        except _Missing as missing:
            if missing.code == NO_MESSAGE:
                return None
            raise
        message = reply["message"]
        lines = _header_lines(base64.b64decode(message.get("hdrs", "")))
        return _delivered(subject, lines, base64.b64decode(message.get("data", "")), message["seq"], 0)

    async def stream(self, name: str) -> StreamState | None:
        """What the stream is like now."""
        try:
            return state(await self._ask(f"$JS.API.STREAM.INFO.{name}"))
        except _Missing:
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
        """Creates or updates a stream."""
        exists = await self.stream(settings.name) is not None
        verb = "UPDATE" if exists else "CREATE"
        await self._ask(f"$JS.API.STREAM.{verb}.{settings.name}", json.dumps(wire(settings)).encode())

    async def follow(self, stream: str, subjects: Sequence[str], begin: Begin, deliver: Deliver) -> None:
        """Delivers the last message of each subject, then each new one, until cancelled or broken."""
        following = _Following(self._client, deliver, self._heartbeat)
        self._followings.add(following)
        try:
            pending = await self._consume(stream, subjects, following)
            found = await self.stream(stream)  # after the consumer, or the two might be of different streams
            if found is None:
                raise Broken(f"there is no stream {stream}")
            begin(found, pending)
            following.begun.set()
            await following.lasts()
        finally:
            self._followings.discard(following)
            following.close()
            await self._stop(stream, following)

    async def _consume(self, stream: str, subjects: Sequence[str], following: _Following) -> int:
        """Makes the consumer and says how many messages wait for it."""
        inbox_subject = self._client.new_inbox()
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.LAST_PER_SUBJECT,
            deliver_subject=inbox_subject,
            filter_subjects=list(subjects),
            ack_policy=AckPolicy.NONE,
            max_deliver=1,
            flow_control=True,
            idle_heartbeat=self._heartbeat,
            inactive_threshold=10 * self._heartbeat,
            num_replicas=1,
            mem_storage=True,
        )
        with _translated():
            following.subscription = await self._client.subscribe(inbox_subject, cb=following.take)
            info = await self._js.add_consumer(stream, config)
        following.consumer = str(info.name)
        return int(info.num_pending or 0)

    async def _stop(self, stream: str, following: _Following) -> None:
        """Best effort: the server forgets a consumer that nobody listens to."""
        with contextlib.suppress(BusError):
            if following.subscription is not None:
                with _translated():
                    await following.subscription.unsubscribe()
            if following.consumer and self.connected:
                await self._ask(f"$JS.API.CONSUMER.DELETE.{stream}.{following.consumer}")

    async def _ask(self, subject: str, payload: bytes = b"", lines: dict[str, str] | None = None) -> dict[str, Any]:
        if not self.connected:
            raise BusUnavailable("not connected")
        with _translated():
            message = await self._client.request(subject, payload, timeout=self._timeout, headers=lines)
        reply: dict[str, Any] = json.loads(message.data)
        if "error" in reply:
            raise _error(reply["error"])
        return reply

    async def _keep(self) -> None:
        """The client reconnects by itself, but gives up on errors that the server names: then there is a new one."""
        while True:
            closed = asyncio.Event()
            try:
                with _attentive():
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
        self._js = JetStreamContext(self._client, timeout=self._timeout)
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
        self._up.set()
        for listener in self._listeners:
            listener()

    async def _lost(self) -> None:
        if self.connected:
            self._log.warning("lost NATS")
        self._part("the connection was lost")

    def _part(self, why: str) -> None:
        self._up.clear()
        for following in self._followings:
            following.lose(BusUnavailable(why))

    async def _failed(self, error: Exception) -> None:
        level = self._log.warning if "permissions" in str(error).lower() else self._log.debug
        level("NATS says", error=f"{type(error).__name__}: {error}")


class _Following:
    """One ephemeral ordered push consumer: checks that nothing is missing, answers flow control.

    The client's own ordered consumer does not tell how much there is to catch up with, and goes on by sequence in a
    stream that was made anew under the same name, where that sequence means something else.
    """

    def __init__(self, client: Client, deliver: Deliver, heartbeat: float) -> None:
        self._client = client
        self._deliver = deliver
        self._silence = 2.5 * heartbeat
        self._count = 0
        self._heard = True
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begun = asyncio.Event()
        self.subscription: Any = None
        self.consumer = ""

    def lose(self, error: Exception) -> None:
        """Ends it, once."""
        if not self._end.done():
            self._end.set_exception(error)

    async def lasts(self) -> None:
        """Raises what ended it; two missed heartbeats do."""
        while True:
            self._heard = False
            await asyncio.wait({self._end}, timeout=self._silence)
            if self._end.done():
                return self._end.result()
            if not self._heard:
                raise Broken("the server went silent: the stream or its consumer is gone")

    def close(self) -> None:
        """Nobody waits for its end any more."""
        if not self._end.cancel() and not self._end.cancelled():
            self._end.exception()  # seen, or the loop would complain that nobody looked

    async def take(self, message: Msg) -> None:
        """Takes one message off the wire."""
        await self.begun.wait()
        self._heard = True
        if self._end.done():
            return
        try:
            if message.reply.startswith("$JS.ACK."):
                self._take(message)
            else:
                await self._control(message)
        except Exception as error:  # noqa: BLE001 - handed to whoever follows
            self.lose(error)

    def _take(self, message: Msg) -> None:
        standing = message.metadata
        self._count += 1
        if standing.sequence.consumer != self._count:
            raise Broken(f"message {standing.sequence.consumer} came where {self._count} was due")
        lines = message.headers or {}
        self._deliver(_delivered(message.subject, lines, message.data, standing.sequence.stream, standing.num_pending))

    async def _control(self, message: Msg) -> None:
        lines = message.headers or {}
        answer = message.reply or lines.get("Nats-Consumer-Stalled", "")
        if answer.startswith("$JS.FC."):
            await self._client.publish(answer)
        if int(lines.get("Nats-Last-Consumer", self._count)) != self._count:
            raise Broken("the last message did not come")


class _Missing(BusUnavailable):
    """The server answered "not found"."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        super().__init__(text)


@contextlib.contextmanager
def _attentive() -> Iterator[None]:
    """Around calls of the client, which may swallow that we were cancelled.

    Its own flush always does; `asyncio.wait_for` before Python 3.12 does when the answer comes in the same moment.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        with _attentive():
            yield
    except nats.errors.MaxPayloadError as error:
        raise Unpublishable("larger than the server takes") from error
    except stream_errors.APIError as error:
        raise _error({"err_code": error.err_code, "description": error.description}) from error
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailable(f"{type(error).__name__}: {error}") from error


def _error(answer: dict[str, Any]) -> BusError:
    code, text = answer.get("err_code") or 0, f"{answer.get('description')} ({answer.get('err_code')})"
    if code in WRONG_SEQUENCE:
        return WrongSequence(text)
    if code == TOO_LARGE:
        return Unpublishable(text)
    return _Missing(code, text) if code in (NO_MESSAGE, NO_STREAM) else BusUnavailable(text)


def _delivered(subject: str, lines: dict[str, str], payload: bytes, sequence: int, pending: int) -> Delivered:
    try:
        return Stored(received(subject, lines, payload), sequence, pending, lines.get("traceparent", ""))
    except ValueError as error:
        return Malformed(subject, sequence, str(error), pending)


def _header_lines(block: bytes) -> dict[str, str]:
    """The header block of a stored message: "NATS/1.0", then a line each."""
    pairs = (line.partition(b":") for line in block.split(b"\r\n")[1:])
    return {
        name.decode("ascii", "replace"): value.strip().decode("utf-8", "replace") for name, _, value in pairs if name
    }
