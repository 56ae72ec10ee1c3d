"""What happens around every method, whatever the transport: observation, deadlines, stored answers.

The order, outermost first: Observation (trace, log line, faults), Deadline, Authentication, Access, Validation,
Idempotency. `outer` and `inner` put them together: inner ones differ from service to service.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import re
from datetime import timedelta
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pool, message_factory

from services.kit.auth import Authentication, TokenVerifier
from services.kit.clock import MIDNIGHT, Ids, instant
from services.kit.errors import Fault, Invalid, Late, Refusal, Unavailable, Violation
from services.kit.store.port import Answer, Conflict, OutcomeUnknown, RequestKey, Store, Unwritten
from services.kit.validation import TextRules, Validation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from google.protobuf.message import Message

    from services.kit.call import Call, Method, Middleware
    from services.kit.logs import Log

DEFAULT_DEADLINE = 10.0
LONGEST_DEADLINE = 60.0
ANSWERS_KEPT = timedelta(hours=48)
LONGEST_REQUEST_ID = 64

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def outer(log: Log, ids: Ids, verifier: TokenVerifier) -> tuple[Middleware, ...]:
    """The middlewares that are the same for every service of a process."""
    return (Observation(log, ids), Deadline(), Authentication(verifier))


def inner(store: Store | None = None, rules: TextRules | None = None) -> tuple[Middleware, ...]:
    """The middlewares of one service, behind access. A service that changes nothing has no store."""
    stored: tuple[Middleware, ...] = (store_faults, Idempotency(store)) if store is not None else ()
    return (Validation(rules), *stored)


async def store_faults(call: Call[Any], method: Method) -> Message:
    """What a store could not do and the method did not settle itself is told as Unavailable: try again."""
    try:
        return await method(call)
    except Conflict as error:
        raise Unavailable("others are changing the same just now: try again", "CONTENTION") from error
    except OutcomeUnknown as error:
        text = "it may or may not have been done: try again with the same request_id"
        raise Unavailable(text, "OUTCOME_UNKNOWN") from error
    except Unwritten as error:
        raise Unavailable("nothing can be written now: try again later", "STORE_UNAVAILABLE") from error


class Observation:
    """Gives each call a trace id, writes its one log line, and turns what was not foreseen into a Fault.

    The line says method, code, reason, time taken and trace; not who called (the audit trail says who changed what),
    not what about. Of a fault it has types and lines of code: the text of an exception may hold what a person wrote.
    """

    def __init__(self, log: Log, ids: Ids) -> None:
        self._log = log
        self._ids = ids

    async def __call__(self, call: Call[Any], method: Method) -> Message:
        """Passes the call on. Raises what the method refused, or Fault."""
        call = call.having(trace=_trace(call.metadata) or self._ids.digits())
        started = call.clock.monotonic()
        try:
            reply = await method(call)
        except Refusal as refusal:
            self._write(call, started, refusal.code, reason=refusal.reason)
            raise
        except asyncio.CancelledError:
            self._write(call, started, "CANCELLED")
            raise
        except Exception as error:  # noqa: BLE001 - the one spot where the unforeseen becomes an answer
            raise self._fault(call, started, error) from None
        self._write(call, started, "OK")
        return reply

    def _fault(self, call: Call[Any], started: float, error: Exception) -> Fault:
        incident = self._ids.uuid()
        self._log.error("rpc", **self._line(call, started, Fault.code), incident=incident, fault=describe(error))
        return Fault(incident)

    def _write(self, call: Call[Any], started: float, code: str, **more: str) -> None:
        self._log.info("rpc", **self._line(call, started, code), **more)

    @staticmethod
    def _line(call: Call[Any], started: float, code: str) -> dict[str, Any]:
        taken = round((call.clock.monotonic() - started) * 1000, 2)
        return {"method": call.method, "code": code, "ms": taken, "trace": call.trace}


class Deadline:
    """Imposes a deadline on calls that have none, shortens one that is too far off, and keeps it. Raises Late."""

    def __init__(self, default: float = DEFAULT_DEADLINE, longest: float = LONGEST_DEADLINE) -> None:
        self._default = default
        self._longest = longest

    async def __call__(self, call: Call[Any], method: Method) -> Message:
        """Passes the call on with its deadline."""
        asked = call.deadline - call.clock.monotonic()
        seconds = self._default if asked == float("inf") else min(asked, self._longest)
        if seconds <= 0:
            raise _late()
        call = call.having(deadline=call.clock.monotonic() + seconds)
        try:
            async with asyncio.timeout(seconds) as limit:
                return await method(call)
        except TimeoutError:
            if limit.expired():
                raise _late() from None
            raise  # somebody else's timeout is a fault, not the caller's deadline


class Idempotency:
    """Answers a request id that was answered before with what was answered then.

    Who changes something puts `answer_for` into its Commit and, after a Conflict, asks `stored_answer` again: a double
    of the same request may have been the faster one. Callers without a token share the subject "", so their ids must be
    random: whoever guesses an id and has the same body gets the same answer, which they could have asked for anyway.

    `late` are methods (full names) all of whose effects are decisions on heads (`Heads`, with the call): there a double
    meets the stored answer when it is committed, so nobody looks for one before. That is one reading less for each
    request, and one conflict more for each double.
    """

    def __init__(self, store: Store, late: Collection[str] = ()) -> None:
        self._store = store
        self._late = frozenset(late)

    async def __call__(self, call: Call[Any], method: Method) -> Message:
        """Passes the call on unless it was answered. Raises Invalid for a malformed id or one used for another body."""
        if not call.request_id:
            return await method(call)
        check_request_id(call.request_id)
        if call.method in self._late:
            return await self._tried(call, method)
        stored = await stored_answer(self._store, call)
        return stored if stored is not None else await method(call)

    async def _tried(self, call: Call[Any], method: Method) -> Message:
        """What it is answered; where it is refused, what it was answered before that, if it was."""
        try:
            return await method(call)
        except Refusal:
            stored = await stored_answer(self._store, call)
            if stored is None:
                raise
            return stored


async def stored_answer(store: Store, call: Call[Any]) -> Message | None:
    """What this very request was answered, if it was. Raises Invalid (REQUEST_ID_REUSED) if its id had another body."""
    if not call.request_id:
        return None
    answer = await store.answer(_key(call))
    if answer is None or answer.expires_at <= instant(call.clock.now()):
        return None
    if answer.digest != _digest(call.message):
        raise Invalid(Violation("request_id", "was used for another request"), reason="REQUEST_ID_REUSED")
    return _reply_class(call.method).FromString(base64.b64decode(answer.reply))


def answer_for(call: Call[Any], reply: Message, *, coarse: bool = False) -> tuple[Answer, ...]:
    """What a Commit must hold so that the same request is answered the same for 48 hours; nothing without an id.

    `coarse`: until the end of a day (UTC), so that nothing tells when it was asked.
    """
    if not call.request_id:
        return ()
    now = call.clock.now()
    expires_at = _days_end(now.date()) if coarse else instant(now + ANSWERS_KEPT)
    text = base64.b64encode(reply.SerializeToString(deterministic=True)).decode()
    return (Answer(_key(call), _digest(call.message), text, expires_at),)


def check_request_id(text: str) -> None:
    """Raises Invalid unless it is 1 to 64 printable ASCII characters."""
    if not (0 < len(text) <= LONGEST_REQUEST_ID and text.isascii() and text.isprintable()):
        raise Invalid(Violation("request_id", f"must be 1 to {LONGEST_REQUEST_ID} printable ASCII characters"))


def describe(error: BaseException) -> list[str]:
    """An exception and what caused it: types and the lines of code they passed, no message of theirs."""
    lines = []
    seen: BaseException | None = error
    while seen is not None:
        frames = [
            f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in extract_tb(seen.__traceback__)
        ]
        lines.append(f"{type(seen).__module__}.{type(seen).__qualname__} at {' > '.join(frames[-8:]) or '?'}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return lines


def _late() -> Late:
    return Late("there was no answer within the deadline", "DEADLINE_PASSED")


def _trace(metadata: Mapping[str, str]) -> str:
    """The trace id of a W3C traceparent; "" without a sound one."""
    stated = metadata.get("traceparent")
    match = _TRACEPARENT.fullmatch(stated) if stated else None
    return match[1] if match else ""


def _key(call: Call[Any]) -> RequestKey:
    return RequestKey(call.method, call.caller.subject, call.request_id)


@functools.lru_cache(maxsize=8)
def _days_end(today: date) -> str:
    """Until when an answer of this day (UTC) is kept at least, as the beginning of a day."""
    return f"{today + ANSWERS_KEPT + timedelta(days=1)}{MIDNIGHT}"


def _digest(message: Message) -> str:
    return hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest()


def _reply_class(method: str) -> type[Message]:
    """The class of a method's replies, from its descriptor."""
    service, _, name = method.partition("/")
    found = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name]
    return message_factory.GetMessageClass(found.output_type)
