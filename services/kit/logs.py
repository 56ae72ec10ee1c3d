"""Log lines: JSON where a machine reads them, readable where a person does; ids, never people.

There is no global logger: one is made at the start and passed on. What must not be in a line is taken out by its key
and, as a second net, by its form (tokens, passwords in addresses).
"""

from __future__ import annotations

import functools
import json
import logging
import re
import sys
import time
from collections.abc import Mapping, MutableMapping
from datetime import datetime
from enum import Enum
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any, TextIO, TypeAlias, cast

import structlog

Log: TypeAlias = structlog.typing.FilteringBoundLogger

REDACTED = "[redacted]"

_KEYS = re.compile(
    r"(^|_)(token|authorization|password|passcode|secret|credential|credentials|cookie|payload|body|email|e_mail|phone"
    r"|address|ip|contact|private_key)s?$",
    re.IGNORECASE,
)
_HINT = re.compile(r"eyJ|://|bearer|basic", re.IGNORECASE)
_FORMS = (
    (re.compile(r"eyJ[\w-]{5,}\.[\w-]*(\.[\w-]*)?"), REDACTED),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {REDACTED}"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s@]+@"), rf"\1{REDACTED}@"),
)


def make_log(level: str = "info", stream: TextIO | None = None) -> Log:
    """A logger that writes lines from this level on ("debug", "info", "warning", "error") to the stream (stderr)."""
    target = stream or sys.stderr
    logger = structlog.wrap_logger(
        structlog.WriteLogger(target),
        processors=[*_shared(), _renderer(target)],
        wrapper_class=structlog.make_filtering_bound_logger(level.upper()),
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return cast("Log", logger)


def adopt_libraries(level: str = "info", stream: TextIO | None = None) -> logging.Handler:
    """Brings what libraries log (grpc, uvicorn, nats) into the same form, from warnings on unless level is "debug"."""
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_shared()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(target),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if level == "debug" else max(logging.WARNING, logging.getLevelName(level.upper())))
    return handler


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog: takes out what must not be in a line."""
    for key, value in event.items():
        if _is_secret(key):
            event[key] = REDACTED
        elif type(value) is not int and type(value) is not float:
            event[key] = redacted(value)
    return event


@functools.lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    """Whether what stands under such a key is never shown."""
    return _KEYS.search(key) is not None


def redacted(value: Any) -> Any:
    """The value without what looks like a token or a password, at any depth; of anything but plain values nothing."""
    if isinstance(value, str):
        return value if value.isalnum() or not _HINT.search(value) else _text(value)
    if isinstance(value, Mapping):
        return {key: REDACTED if _KEYS.search(str(key)) else redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    if isinstance(value, BaseException):
        return f"{type(value).__module__}.{type(value).__qualname__}"  # its text may hold what a person wrote
    if isinstance(value, datetime | Path | Enum):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float) else REDACTED


def _text(text: str) -> str:
    for form, instead in _FORMS:
        text = form.sub(instead, text)
    return text


def _shared() -> list[structlog.typing.Processor]:
    return [
        structlog.stdlib.add_log_level,
        _without_words,
        redact,
        _timed,
    ]


def _renderer(stream: TextIO) -> structlog.typing.Processor:
    if stream.isatty():
        return structlog.dev.ConsoleRenderer(timestamp_key="time")
    return structlog.processors.JSONRenderer(_json)


_ENCODER = json.JSONEncoder(ensure_ascii=False, default=repr)


def _json(event: Any, **_: Any) -> str:
    """The line; what its fields are as a rule needs no encoder to be made for it."""
    return f"{{{', '.join([f'{_key(key)}: {_field(value)}' for key, value in event.items()])}}}"


_key = functools.lru_cache(maxsize=1024)(encode_basestring)


def _field(value: Any) -> str:
    if type(value) is str:
        return encode_basestring(value)
    return str(value) if type(value) is int else _ENCODER.encode(value)


def _timed(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog: when, in UTC, to the microsecond."""
    seconds, part = divmod(time.time_ns() // 1000, 1_000_000)
    event["time"] = f"{_second(seconds)}.{part:06}Z"
    return event


@functools.lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    """A second since the epoch as text; many lines are of the same."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _without_words(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Of an exception only its type: its text and its variables may hold what a person wrote."""
    raised = event.pop("exc_info", None)
    if raised is True:
        raised = sys.exc_info()
    kind = raised[0] if isinstance(raised, tuple) else type(raised) if isinstance(raised, BaseException) else None
    if kind is not None:
        event["fault"] = f"{kind.__module__}.{kind.__qualname__}"
    return event
