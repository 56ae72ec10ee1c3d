"""The server that commands talk to."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from openchair.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from openchair.meetings.v1.closure_service_pb2_grpc import ClosureServiceStub
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub
from openchair.meetings.v1.room_service_pb2_grpc import RoomServiceStub
from openchair.rsvps.v1.rsvp_service_pb2_grpc import RsvpServiceStub

from services.cli.shell import USAGE, Failure, own_token, site_address
from services.cli.terms import failure
from services.kit.client import RpcError, connect, explain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from services.kit.settings import Settings

PATIENCE = 60.0  # seconds that one call may take


class Site(NamedTuple):
    """The services that coordinators work with, over one connection. `address`: of its pages, as far as it is known."""

    meetings: MeetingServiceStub
    rooms: RoomServiceStub
    closures: ClosureServiceStub
    seats: RsvpServiceStub
    address: str = ""


@asynccontextmanager
async def site(settings: Settings, options: Mapping[str, str]) -> AsyncIterator[Site]:
    """All that a coordinator works with, as `meetings` gives one of them."""
    async with _connected(settings, options) as channel:
        yield Site(
            MeetingServiceStub(channel),
            RoomServiceStub(channel),
            ClosureServiceStub(channel),
            RsvpServiceStub(channel),
            site_address(settings),
        )


@asynccontextmanager
async def meetings(settings: Settings, options: Mapping[str, str]) -> AsyncIterator[MeetingServiceStub]:
    """The meetings service. Errors of calls leave as Failure, in words; `options` as for `terms.failure`."""
    async with _connected(settings, options) as channel:
        yield MeetingServiceStub(channel)


@asynccontextmanager
async def as_anybody(settings: Settings, options: Mapping[str, str]) -> AsyncIterator[MeetingServiceStub]:
    """The meetings service for what everybody may know: with OPENCHAIR_TOKEN, never with this computer's keys."""
    async with _connected(settings, options, settings.token or "") as channel:
        yield MeetingServiceStub(channel)


@asynccontextmanager
async def admin(settings: Settings, options: Mapping[str, str], service: str = "") -> AsyncIterator[AdminServiceStub]:
    """What looks after the process itself, the same way; behind a front, that of this service."""
    async with _connected(settings, options, service=service) as channel:
        yield AdminServiceStub(channel)


@asynccontextmanager
async def _connected(
    settings: Settings, options: Mapping[str, str], token: str | None = None, *, service: str = ""
) -> AsyncIterator[Any]:
    """`token` None: whatever proves who is at the keyboard."""
    try:
        token = own_token(settings) if token is None else token
    except (OSError, ValueError) as error:
        raise Failure(str(error)) from None
    if not (token.isascii() and token.isprintable()):
        raise Failure("OPENCHAIR_TOKEN is not a token: it has characters that no token has", USAGE)
    try:
        channel = connect(settings.target, token, service=service)
    except ValueError as error:
        raise Failure(f"OPENCHAIR_TARGET: {error}", USAGE) from None
    async with channel:
        try:
            yield channel
        except RpcError as error:
            raise failure(explain(error), options, settings) from None
