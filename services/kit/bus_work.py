"""Working on a stream on NATS: one durable pull consumer for all who share the work, one message at a time for each."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from services.kit.bus_message import delivered
from services.kit.bus_port import Broken, BusUnavailable
from services.kit.bus_wire import translated
from services.kit.streams import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from services.kit.bus_port import Work

MOST_IN_HANDS = 256
"""Messages that all workers together may hold, those that wait to be handed out again included."""

PULL = 30.0
"""Seconds that one request for a message stands."""

RETRY = 0.25

HANDED = "$JS.ACK."
"""What the reply subject of a message that is handed out begins with; statuses have another, or none."""


def post(name: str, subjects: Sequence[str], patience: float) -> dict[str, Any]:
    """The consumer as it should be, in the words of the JetStream API."""
    return {
        "durable_name": name,
        "name": name,
        "deliver_policy": "last_per_subject",
        "ack_policy": "explicit",
        "ack_wait": int(patience * NANOSECONDS),
        "max_deliver": -1,  # who works decides when it is enough
        "max_ack_pending": MOST_IN_HANDS,
        "filter_subjects": sorted(subjects),
        "num_replicas": 0,  # as the stream
    }


def fits(info: dict[str, Any], subjects: Sequence[str], last_sequence: int) -> bool:
    """Whether a consumer as found can be gone on with.

    One for other subjects has left out what it now should have handed out; one that is ahead of its stream belongs to a
    past that the stream has lost.
    """
    config = info["config"]
    found = config.get("filter_subjects") or [config.get("filter_subject", "")]
    return sorted(found) == sorted(subjects) and int(info["delivered"]["stream_seq"]) <= last_sequence


class _Silent(Broken):
    """Nothing was heard where an answer was due."""


class Working:
    """One worker. `run` it until it is cancelled or ends with Broken or BusUnavailable."""

    def __init__(
        self, client: Client, stream: str, name: str, *, patience: float, heartbeat: float, timeout: float
    ) -> None:
        self._client = client
        self._asks = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}"
        self._patience = patience
        self._heartbeat = heartbeat
        self._timeout = timeout
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._heard: asyncio.Queue[Msg | Exception] = asyncio.Queue()
        self._holds = ""
        self._lost: Exception | None = None

    def lose(self, error: Exception) -> None:
        """Ends it, when what is being worked on is dealt with."""
        self._lost = error
        self._heard.put_nowait(error)

    async def run(self, work: Work, idle: Callable[[], None] | None) -> None:
        """Takes and hands out, one at a time."""
        beating = asyncio.create_task(self._beat())
        try:
            await self._listen()
            while True:
                message = await self._next(idle)
                if message is not None:
                    await self._hand(message, work)
        finally:
            beating.cancel()
            await self._turn_away()

    async def _listen(self) -> None:
        """Answers to questions asked before are heard no more."""
        await self._turn_away()
        if self._lost is not None:
            raise self._lost
        self._inbox = self._client.new_inbox()
        with translated():
            self._subscription = await self._client.subscribe(self._inbox, cb=self._take)

    async def _turn_away(self) -> None:
        """The server sends no more; what it sent meanwhile is handed out again at once, not after the patience."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with contextlib.suppress(BusUnavailable), translated():
                if self._lost is not None:  # nobody would answer
                    await subscription.unsubscribe()
                else:
                    async with asyncio.timeout(self._timeout):
                        await subscription.drain()  # type: ignore[no-untyped-call]  # the client leaves it out
        await self._give_back()

    async def _give_back(self) -> None:
        while not self._heard.empty():
            heard = self._heard.get_nowait()
            if not isinstance(heard, Exception) and heard.reply.startswith(HANDED):
                with contextlib.suppress(BusUnavailable), translated():
                    await self._client.publish(heard.reply, b"-NAK")

    async def _take(self, message: Msg) -> None:
        self._heard.put_nowait(message)

    async def _next(self, idle: Callable[[], None] | None) -> Msg | None:
        """A message, once there is one, or None after a while."""
        try:
            message = await self._pull(no_wait=True)
        except _Silent:  # so it is where as many are in hands as may be [run on 2.15.1]
            await self._listen()
        else:
            if message is None and idle is not None:
                idle()
            if message is not None:
                return message
        return await self._pull(no_wait=False)

    async def _pull(self, *, no_wait: bool) -> Msg | None:
        """Asks for a message; None where there is none, now or for a while. Raises Broken, _Silent among them."""
        wanted: dict[str, Any] = {"batch": 1, "no_wait": True}
        if not no_wait:
            times = {"expires": PULL, "idle_heartbeat": self._heartbeat}
            wanted = {"batch": 1} | {name: int(seconds * NANOSECONDS) for name, seconds in times.items()}
        with translated():
            await self._client.publish(self._asks, json.dumps(wanted).encode(), reply=self._inbox)
        silence = self._timeout if no_wait else 2.5 * self._heartbeat
        while True:
            message = await self._hear(silence)
            status = (message.headers or {}).get("Status", "")
            if message.reply.startswith(HANDED):
                return message
            if status != "100":  # that is a heartbeat
                await self._none(status, (message.headers or {}).get("Description", ""))
                return None

    async def _hear(self, silence: float) -> Msg:
        try:
            async with asyncio.timeout(silence):  # wait_for may swallow that we were cancelled
                heard = await self._heard.get()
        except TimeoutError:
            raise _Silent("the server went silent: the stream or the post in it is gone") from None
        if isinstance(heard, Exception):
            raise heard
        return heard

    async def _none(self, status: str, text: str) -> None:
        """Why no message came. Raises Broken where none will come any more."""
        if status == "503" or "Consumer Deleted" in text or "Consumer is push based" in text:
            raise Broken(f"the post in the stream is gone: {status} {text}")
        if status == "409":  # too many wait, or the server is about to go
            await asyncio.sleep(RETRY)

    async def _hand(self, message: Msg, work: Work) -> None:
        self._holds = message.reply
        try:
            await work(_Task(self._client, message, self._timeout))
        finally:
            self._holds = ""

    async def _beat(self) -> None:
        """Says that what is held is still being worked on."""
        while True:
            await asyncio.sleep(self._patience / 3)
            if self._holds:
                with contextlib.suppress(BusUnavailable), translated():
                    await self._client.publish(self._holds, b"+WPI")


class _Task:
    """One message that this worker has taken."""

    def __init__(self, client: Client, message: Msg, timeout: float) -> None:
        standing = message.metadata
        self._client = client
        self._reply = message.reply
        self._timeout = timeout
        self.attempts = int(standing.num_delivered)
        lines = message.headers or {}
        self.delivered = delivered(message.subject, lines, message.data, standing.sequence.stream, standing.num_pending)

    async def done(self) -> None:
        """It is dealt with."""
        await self._say(b"+ACK")

    async def again(self, seconds: float) -> None:
        """It is to be handed out again after so many seconds."""
        await self._say(b'-NAK {"delay": %d}' % int(seconds * NANOSECONDS))

    async def _say(self, word: bytes) -> None:
        with translated():
            await self._client.request(self._reply, word, timeout=self._timeout)
