"""Following a stream on NATS: one ephemeral push consumer, checked for holes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from services.kit.bus_message import delivered
from services.kit.bus_port import Broken

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from services.kit.bus_port import Deliver


class Following:
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
        self._deliver(delivered(message.subject, lines, message.data, standing.sequence.stream, standing.num_pending))

    async def _control(self, message: Msg) -> None:
        lines = message.headers or {}
        answer = message.reply or lines.get("Nats-Consumer-Stalled", "")
        if answer.startswith("$JS.FC."):
            await self._client.publish(answer)
        if int(lines.get("Nats-Last-Consumer", self._count)) != self._count:
            raise Broken("the last message did not come")
