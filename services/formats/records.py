"""A JSON list of records from elsewhere, read within bounds: nothing that comes in is trusted."""

from __future__ import annotations

import codecs
import json
import math
from typing import Any, Final

FILE_BYTES: Final = 20 * 2**20
RECORDS: Final = 20_000


class Unreadable(ValueError):  # noqa: N818 - what the file is
    """The file as a whole is not a list of meetings; the text says what it looks like."""


def records(data: bytes) -> list[Any]:
    """The records of a top-level array, or of {"meetings": [...]}. Raises Unreadable."""
    found = _list(_parse(text_of(data)))
    if not found:
        raise Unreadable("the list is empty: that is taken as a fault of the source, not as 'there are no meetings'")
    if len(found) > RECORDS:
        raise Unreadable(f"it has {len(found):,} records: more than {RECORDS:,}")
    return found


def beside(data: bytes, key: str) -> list[Any]:
    """Another list that stands beside the records: {"meetings": [...], "formats": [...]}. Raises Unreadable."""
    value = _parse(text_of(data))
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def depth(value: object, limit: int) -> int:
    """How many levels of lists and objects are nested, counted up to `limit` + 1."""
    if limit < 0 or not isinstance(value, (dict, list)):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max((depth(item, limit - 1) for item in inner), default=0)


def canonical(value: object) -> str:
    """The one JSON text of a value: sorted keys, no blanks, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def pretty(value: object) -> bytes:
    """A value as a file that people may read: UTF-8, indented, with a line end."""
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def object_of(text: str) -> dict[str, Any]:
    """The object that a JSON text holds; empty where it holds none."""
    try:
        found = _loaded(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def text_of(data: bytes) -> str:
    """The text of a file of at most 20 MiB. Raises Unreadable."""
    if len(data) > FILE_BYTES:
        raise Unreadable(f"it is larger than {FILE_BYTES // 2**20} MiB")
    if data.startswith(b"\x1f\x8b"):
        raise Unreadable("it is compressed (gzip)")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Unreadable("it is UTF-16, and has to be UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"it is not UTF-8 (byte {error.start + 1})") from error
    if not text.strip():
        raise Unreadable("it is empty")
    return text


def _parse(text: str) -> object:
    try:
        return _loaded(text)
    except json.JSONDecodeError as error:
        raise Unreadable(_looks_like(text, error)) from error
    except RecursionError as error:
        raise Unreadable("it is nested too deeply") from error
    except ValueError as error:
        raise Unreadable(f"it is not JSON: {str(error)[:80]}") from error


def _loaded(text: str) -> object:
    return json.loads(text, parse_constant=_no_constant, parse_float=_number)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _number(digits: str) -> float | str:
    """The number, or its text where none can hold it: 1e999 would go out as Infinity, which is no JSON."""
    found = float(digits)
    return found if math.isfinite(found) else digits


def _looks_like(text: str, error: json.JSONDecodeError) -> str:
    start = text.lstrip()[:400].lower()
    if start.startswith(("<!doctype html", "<html")):
        return "it is a web page (HTML), not JSON"
    if start.startswith("<"):
        return "it looks like XML or HTML, not JSON"
    if start.startswith("begin:vcalendar"):
        return "it is a calendar (iCalendar), not JSON"
    cut = error.msg.startswith("Unterminated string") or not text[error.pos :].strip()
    if start[:1] in "[{" and cut:
        return "it is JSON that ends in the middle: truncated"
    if "," in start.partition("\n")[0] and start[:1] not in "[{":
        return "it looks like a table (CSV), not JSON"
    return f"it is not JSON (line {error.lineno}, column {error.colno})"


def _list(value: object) -> list[Any]:
    if isinstance(value, dict) and isinstance(value.get("meetings"), list):
        value = value["meetings"]
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        keys = ", ".join(repr(key[:20]) for key in list(value)[:4])
        raise Unreadable(f"it is one JSON object ({keys or 'empty'}), not a list of meetings")
    raise Unreadable("it is JSON, but not a list of meetings")
