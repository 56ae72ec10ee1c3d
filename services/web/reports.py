"""What readers report is passed on to who answers for it. Nobody is known by it: not who asked, not from where.

The id of a report is an HMAC over the date and the reader's network, under a secret that lives in the memory of this
process alone: one network is one report for each date, and nobody can tell afterwards which network it was.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from typing import TYPE_CHECKING, Final, NamedTuple

from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import occurrence_pb2
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.kit.client import RpcError, explain
from services.kit.reach import Unknown
from services.kit.settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from services.kit.client import Channel

SECONDS: Final = 5.0
"""How long somebody in front of a door waits for an answer."""
_PREFIX: Final = {4: 24, 6: 48}


class Told(NamedTuple):
    """What was answered. `outcome`: "counted", or the stable reason of a refusal; "UNREACHABLE": there was no answer.

    `call` and `crisis_line` are as the centre says them; "" where it was not told.
    """

    outcome: str
    call: str = ""
    crisis_line: str = ""
    unconfirmed: bool = False


COUNTED: Final = "counted"
UNREACHABLE: Final = "UNREACHABLE"


class Reports:
    """Passes reports on. `channel` gives the way to the service; `secret` is for as long as the process lives."""

    def __init__(self, channel: Callable[[], Channel], secret: bytes) -> None:
        self._channel = channel
        self._secret = secret

    def request_id(self, name: str, network: str) -> str:
        """The same for the same date and network, and for nothing else."""
        return hmac.digest(self._secret, f"{name}\0{network}".encode(), hashlib.sha256).hex()[:40]

    async def nobody_here(self, name: str, network: str, code: str = "") -> Told:
        """Reports that nobody is at an occurrence; `code`: of the group that the meeting is for."""
        request = pb.ReportNobodyHereRequest(name=name, request_id=self.request_id(name, network), invite_code=code)
        try:
            reply = await MeetingServiceStub(self._channel()).ReportNobodyHere(request, timeout=SECONDS)
        except Unknown:
            return Told(UNREACHABLE)
        except RpcError as error:
            return Told(explain(error).reason or UNREACHABLE)
        unconfirmed = reply.state == occurrence_pb2.OCCURRENCE_STATE_UNCONFIRMED
        return Told(COUNTED, reply.call, reply.crisis_line, unconfirmed)


def network_of(request: Request, *, behind_proxy: bool) -> str:
    """The network that a reader is in: 24 bits of an IPv4 address, 48 of an IPv6 one; "" where that is not known.

    A proxy in front says the address last in X-Forwarded-For; it is believed from this machine, and where the settings
    say that nobody but a proxy reaches us.
    """
    peer = request.client.host if request.client else ""
    if behind_proxy or is_loopback(peer):
        said = ",".join(request.headers.getlist("x-forwarded-for"))  # some proxies add a line, below the reader's own
        peer = said.rpartition(",")[2].strip() or peer
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((address, _PREFIX[address.version]), strict=False))
