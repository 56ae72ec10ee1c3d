"""Many guests at once over gRPC, for one list."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from io import StringIO
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from openchair.rsvps.v1 import rsvp_service_pb2, rsvp_service_pb2_grpc, seat_pb2

from services.kit.auth import TokenVerifier, audience_of
from services.kit.clock import Ids, SystemClock
from services.kit.logs import make_log
from services.kit.middleware import outer
from services.kit.server import GrpcServer
from tests.service.rsvps_house import DATE, key_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from services.rsvps.types import Seat
    from tests.service.rsvps_house import House

AT_A_TIME = 64
KEY = Ed25519PrivateKey.generate()


class Served(NamedTuple):
    """What calls it, and what it has logged."""

    stub: rsvp_service_pb2_grpc.RsvpServiceStub
    log: StringIO


class Told(NamedTuple):
    """What one guest was answered. `sent` and `answered` are places in the order of all that was sent and answered."""

    number: int
    sent: int
    answered: int
    seat: seat_pb2.Seat


@asynccontextmanager
async def served(house: House) -> AsyncIterator[Served]:
    """The house's service behind a real server, with everything around its methods."""
    text = StringIO()
    log, clock = make_log(stream=text), SystemClock()
    verifier = TokenVerifier({"test": KEY.public_key()}, audience_of("test"), clock)
    around = outer(log, Ids(random.Random(3)), verifier)  # noqa: S311 - seeded
    server = GrpcServer(house.rsvps.services, around, host="127.0.0.1", port=0, clock=house.clock, log=log)
    port = await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Served(rsvp_service_pb2_grpc.RsvpServiceStub(channel), text)
    finally:
        await server.stop()


def asked(number: int, name: str = DATE) -> rsvp_service_pb2.ReserveRequest:
    """A seat for that guest, who wants to be asked when a place comes free."""
    return rsvp_service_pb2.ReserveRequest(
        name=name, guest_key=key_of(number), wait=seat_pb2.WAIT_CHOICE_ASK, request_id=f"rush-{number}"
    )


async def rush(stub: rsvp_service_pb2_grpc.RsvpServiceStub, numbers: Iterable[int]) -> list[Told]:
    """All of them ask for a seat, so many at a time."""
    waiting, steps, told = iter(list(numbers)), count(), []

    async def caller() -> None:
        for number in waiting:
            sent = next(steps)
            reply = await stub.Reserve(asked(number))
            told.append(Told(number, sent, next(steps), reply.seat))

    await asyncio.gather(*(caller() for _ in range(AT_A_TIME)))
    return told


def in_order_of_arrival(line: Iterable[Seat], told: Iterable[Told], macs: dict[str, int]) -> bool:
    """Whether nobody stands before somebody who had been answered when they had not even asked."""
    of = {each.number: each for each in told}
    last_sent = -1
    for seat in line:
        each = of[macs[seat.mac]]
        if each.answered < last_sent:
            return False
        last_sent = max(last_sent, each.sent)
    return True
