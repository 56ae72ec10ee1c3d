"""What the NATS client and server say, in the words of the bus port."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import nats.errors
from nats.js import errors as stream_errors

from services.kit.bus_port import BusError, BusUnavailable, Full, Unpublishable, WrongSequence

if TYPE_CHECKING:
    from collections.abc import Iterator

WRONG_SEQUENCE = frozenset({10071, 10163, 10164})
"""Error codes: wrong last sequence; on replicated streams also while an earlier message is in flight."""

TOO_LARGE = 10054
FULL = 10077
NO_MESSAGE = 10037
NO_STREAM = 10059
NO_CONSUMER = 10014
TAKEN = frozenset({10013, 10148})
"""Error codes: there is a consumer of that name, and it is another one."""


class Taken(BusUnavailable):
    """The server has a consumer of that name."""


class Missing(BusUnavailable):
    """The server answered "not found"."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        super().__init__(text)


@contextlib.contextmanager
def attentive() -> Iterator[None]:
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


async def ended(task: asyncio.Task[None]) -> None:
    """Cancels a task of the client until it is over: where it does not notice the first time it goes on for ever."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Around calls of the client: its exceptions become those of the port."""
    try:
        with attentive():
            yield
    except nats.errors.MaxPayloadError as error:
        raise Unpublishable("larger than the server takes") from error
    except stream_errors.APIError as error:
        raise refused({"err_code": error.err_code, "description": error.description}) from error
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailable(f"{type(error).__name__}: {error}") from error


def refused(answer: dict[str, Any]) -> BusError:
    """What an answer that is an error means."""
    code, text = answer.get("err_code") or 0, f"{answer.get('description')} ({answer.get('err_code')})"
    if code in WRONG_SEQUENCE:
        return WrongSequence(text)
    if code == TOO_LARGE:
        return Unpublishable(text)
    if code == FULL and "maximum" in text:  # the code stands for other failures of the store too
        return Full(text)
    if code in TAKEN:
        return Taken(text)
    return Missing(code, text) if code in (NO_MESSAGE, NO_STREAM, NO_CONSUMER) else BusUnavailable(text)


def header_lines(block: bytes) -> dict[str, str]:
    """The header block of a stored message: "NATS/1.0", then a line each."""
    pairs = (line.partition(b":") for line in block.split(b"\r\n")[1:])
    return {
        name.decode("ascii", "replace"): value.strip().decode("utf-8", "replace") for name, _, value in pairs if name
    }
