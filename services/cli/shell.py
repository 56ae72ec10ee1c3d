"""What commands share: who they are, the server they talk to, how they fail."""

from __future__ import annotations

import getpass
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.kit.auth import audience_of, load_or_make_keys, make_token
from services.kit.call import EVERYWHERE
from services.kit.client import RpcError, connect, explain
from services.kit.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.kit.settings import Settings

REFUSED, USAGE, PARTLY, NO_SERVER = 1, 2, 3, 4
OWN_TOKEN = timedelta(minutes=55)


class Failure(Exception):  # noqa: N818 - said to a person, with an exit code
    """Why a command did not do what it was asked to."""

    def __init__(self, message: str, code: int = REFUSED) -> None:
        super().__init__(message)
        self.code = code


def own_token(settings: Settings) -> str:
    """OPENCHAIR_TOKEN; else, for whoever may read the data folder's private key, one of an operator; else none."""
    if settings.token:
        return settings.token
    folder = settings.data / "keys"
    if not _readable(folder / "token.key"):
        return ""
    return make_token(
        load_or_make_keys(folder).private,
        subject(),
        {EVERYWHERE: ["operator"]},
        audience=audience_of(settings.site),
        lifetime=OWN_TOKEN,
        clock=SystemClock(),
    )


def subject() -> str:
    """Who is at the keyboard, for the audit trail."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "operator"
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name)[:60] or "operator"


def _readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False


@asynccontextmanager
async def meetings(settings: Settings) -> AsyncIterator[MeetingServiceStub]:
    """The meetings service. Errors of calls leave as Failure, in words."""
    try:
        token = own_token(settings)
    except (OSError, ValueError) as error:
        raise Failure(str(error)) from None
    if not (token.isascii() and token.isprintable()):
        raise Failure("OPENCHAIR_TOKEN is not a token: it has characters that no token has", USAGE)
    try:
        channel = connect(settings.target, token)
    except ValueError as error:
        raise Failure(f"OPENCHAIR_TARGET: {error}", USAGE) from None
    async with channel:
        try:
            yield MeetingServiceStub(channel)
        except RpcError as error:
            raise failure(error, settings) from None


def failure(error: RpcError, settings: Settings) -> Failure:
    """What a refused call means to the person who typed the command."""
    problem = explain(error)
    if problem.code == "UNAVAILABLE" and not problem.reason:
        return Failure(f"no server answers at {settings.target} (OPENCHAIR_TARGET). Is `make run` running?", NO_SERVER)
    if problem.code == "UNAUTHENTICATED":
        return Failure(f"{problem}\nSet OPENCHAIR_TOKEN (see `openchair token --help`).")
    return Failure(str(problem))
