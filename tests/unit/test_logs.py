from __future__ import annotations

import json
import logging
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openchair.meetings.v1 import meeting_pb2

from services.kit.logs import REDACTED, adopt_libraries, make_log

if TYPE_CHECKING:
    from collections.abc import Iterator

JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def line(level: str = "info", **fields: Any) -> dict[str, Any]:
    stream = StringIO()
    make_log(level, stream).warning("happened", **fields)
    found: dict[str, Any] = json.loads(stream.getvalue())
    return found


def test_a_line_is_json_where_no_person_reads_it() -> None:
    found = line(count=3, path=Path("/x"), ok=True, ids=["a", "b"], nothing=None)
    assert found.pop("time").endswith("Z")
    assert found == {
        "event": "happened",
        "level": "warning",
        "count": 3,
        "path": "/x",
        "ok": True,
        "ids": ["a", "b"],
        "nothing": None,
    }


def test_a_line_is_text_on_a_terminal() -> None:
    stream = Terminal()
    make_log("info", stream).info("happened", count=3)
    assert "happened" in stream.getvalue()
    with pytest.raises(json.JSONDecodeError):
        json.loads(stream.getvalue())


def test_lines_below_the_level_are_left_out() -> None:
    stream = StringIO()
    log = make_log("warning", stream)
    log.info("not this")
    log.warning("this")
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    "key",
    [
        "token",
        "authorization",
        "user_email",
        "phone",
        "MONGODB_PASSWORD",
        "cookies",
        "payload",
        "body",
        "address",
        "ip",
        "api_token",
    ],
)
def test_what_must_not_be_in_a_line_is_taken_out_by_its_key(key: str) -> None:
    assert line(**{key: "canary"})[key] == REDACTED
    assert line(detail={"deep": [{key: "canary"}]})["detail"] == {"deep": [{key: REDACTED}]}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (f"refused {JWT} here", "refused [redacted] here"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer [redacted]"),
        ("mongodb://app:canary@db/x", "mongodb://[redacted]@db/x"),
        ("nats://canary@bus:4222", "nats://[redacted]@bus:4222"),
        (b"canary", REDACTED),
        (meeting_pb2.Meeting(title="canary"), REDACTED),
        (object(), REDACTED),
        (ValueError("canary"), "builtins.ValueError"),
    ],
)
def test_what_must_not_be_in_a_line_is_taken_out_by_its_form(value: Any, written: str) -> None:
    assert line(what=value)["what"] == written


def test_a_text_with_line_breaks_stays_one_line() -> None:
    stream = StringIO()
    make_log("info", stream).info("happened", text="a\nb\r\x1b[31m")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


def test_an_exception_is_logged_without_its_words() -> None:
    stream = StringIO()
    log = make_log("info", stream)
    try:
        int("canary")
    except ValueError:
        log.exception("failed")
    assert "canary" not in stream.getvalue()
    assert json.loads(stream.getvalue())["fault"] == "builtins.ValueError"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.mark.usefixtures("root")
def test_lines_of_libraries_take_the_same_form() -> None:
    stream = StringIO()
    adopt_libraries("info", stream)
    library = logging.getLogger("some.library")
    library.info("not this")
    try:
        int("canary")
    except ValueError:
        library.exception("it broke with %s", JWT)
    found = json.loads(stream.getvalue())
    assert found["event"] == "it broke with [redacted]"
    assert found["fault"] == "builtins.ValueError"
    assert found["logger"] == "some.library"
    assert "canary" not in stream.getvalue()
