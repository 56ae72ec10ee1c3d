"""What a check found, and how it is told: to a person a line each, to a program as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from services.cli.shell import seen
from services.kit.logs import redacted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

State: TypeAlias = Literal["fine", "wrong", "unknown"]

_MARKS: Final = {"fine": "\N{CHECK MARK}", "wrong": "\N{BALLOT X}", "unknown": "\N{EN DASH}"}
_ASCII: Final = {"fine": "ok", "wrong": "!!", "unknown": "--"}
_NAMES = 16  # columns


class Finding(NamedTuple):
    """One line. `cure` says what to do about what is wrong."""

    name: str
    state: State
    text: str
    cure: str = ""


def fine(name: str, text: str) -> Finding:
    """It is as it should be."""
    return Finding(name, "fine", text)


def wrong(name: str, text: str, cure: str = "") -> Finding:
    """It is not as it should be."""
    return Finding(name, "wrong", text, cure)


def unknown(name: str, text: str) -> Finding:
    """It could not be looked at, or there is nothing to look at; that is no fault."""
    return Finding(name, "unknown", text)


def is_wrong(findings: Iterable[Finding]) -> bool:
    """Whether anything is."""
    return any(each.state == "wrong" for each in findings)


def lines(findings: Sequence[Finding], encoding: str) -> list[str]:
    """For a person, in characters that this output can show."""
    unicode = encoding.lower().replace("-", "") == "utf8"
    marks, arrow = (_MARKS, "\N{RIGHTWARDS ARROW}") if unicode else (_ASCII, "->")
    told = []
    for each in findings:
        told.append(f"{marks[each.state]} {each.name:{_NAMES}} {_plain(each.text)}")
        if each.cure:
            told.append(f"{' ' * len(marks[each.state])} {'':{_NAMES}} {arrow} {_plain(each.cure)}")
    count = sum(each.state == "wrong" for each in findings)
    told += ["", {0: "Nothing is wrong.", 1: "One thing is wrong."}.get(count, f"{count} things are wrong.")]
    return told if unicode else [line.encode("ascii", "replace").decode() for line in told]


def as_json(findings: Sequence[Finding]) -> str:
    """For a program."""
    checks = [
        {"name": each.name, "state": each.state, "text": _plain(each.text), "cure": _plain(each.cure)}
        for each in findings
    ]
    return json.dumps({"fine": not is_wrong(findings), "checks": checks}, indent=2)


def _plain(text: str) -> str:
    """As a terminal may show it, without what looks like a secret."""
    return seen(str(redacted(text)))
