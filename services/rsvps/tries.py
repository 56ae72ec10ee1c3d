"""Around a guest's own seat: how often codes that hold nothing may be tried, and the pass of who is going."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openchair.rsvps.v1 import seat_pb2

from services.kit.errors import NotFound
from services.rsvps.passes import with_pass

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from services.kit.call import Call, Method
    from services.rsvps.desk import Desk

_LOOK: Final = "GetMine"
_OWN: Final = frozenset({_LOOK, "Change", "Cancel", "Confirm", "AcceptOffer", "DeclineOffer"})


class Tries:
    """The middleware. A key that holds nothing is a try, whatever was to be done with it.

    Six words are 64 bits: nobody finds them by trying. The limit is there so that nobody makes us look for long.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def __call__(self, call: Call[Any], method: Method) -> Message:
        """Passes the call on. Raises Exhausted (TOO_MANY_FROM_NETWORK)."""
        rpc = call.method.rpartition("/")[2]
        if rpc not in _OWN:
            return await method(call)
        budgets, name = self._desk.budgets, call.message.name
        budgets.may_try(call, name)
        try:
            reply = await method(call)
        except NotFound:
            budgets.missed(call, name)
            raise
        if isinstance(reply, seat_pb2.Seat) and not reply.state:
            budgets.missed(call, name)
        elif isinstance(reply, seat_pb2.Seat) and rpc == _LOOK:
            return with_pass(reply, self._desk.vouch, call.clock.now())
        return reply
