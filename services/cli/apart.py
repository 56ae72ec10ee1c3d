"""What every `openchair import FORMAT` begins with: a file of a person's is read in a child process with limits."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.cli.importing import bring_in
from services.cli.shell import STOPPED, Failure
from services.formats import answers
from services.formats.records import FILE_BYTES, Unreadable
from services.kit.confined import Confined, Confinement, Limits

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from openchair.meetings.v1 import import_pb2

    from services.cli.report import Report
    from services.kit.settings import Settings

_STANDARD_INPUT: Final = "-"


@dataclass(frozen=True)
class Asked:
    """What the child runs ("package.module:name", see `formats.answers`), on what, and how much it may take."""

    function: str
    question: bytes
    limits: Limits


def run(asked: argparse.Namespace, settings: Settings, ask: Callable[[argparse.Namespace], Asked]) -> int:
    """Reads the file as `ask` says, stages, shows or commits, and reports. The exit code. Raises Failure."""
    try:
        told = ask(asked)
    except KeyboardInterrupt:
        raise _stopped() from None
    report = asyncio.run(_read_and_bring_in(asked, told, settings))
    report.write(as_json=asked.json)
    return report.code


def contents(file: Path) -> bytes:
    """All of a file, or of standard input ("-"). Raises Failure: it cannot be read, or is larger than a list may be."""
    try:
        data = _standard_input() if str(file) == _STANDARD_INPUT else _begin_of(file)
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from None
    if len(data) > FILE_BYTES:
        raise Failure(f"{file}: it is larger than {FILE_BYTES // 2**20} MiB")
    return data


async def rows(told: Asked, file: str) -> Sequence[import_pb2.ImportRow]:
    """The rows, read in a child process. Raises Failure, naming the file."""
    try:
        return answers.rows(await Confinement(told.limits).run(told.function, told.question))
    except (Unreadable, Confined) as error:
        raise Failure(f"{file}: {error}") from None


async def _read_and_bring_in(asked: argparse.Namespace, told: Asked, settings: Settings) -> Report:
    try:
        found = await rows(told, str(asked.file))
    except asyncio.CancelledError:
        raise _stopped() from None
    return await bring_in(asked, found, settings)


def _stopped() -> Failure:
    return Failure("stopped: nothing is in", STOPPED)


def _standard_input() -> bytes:
    if sys.stdin is None:  # closed by whoever started the command
        raise Failure("standard input is closed")
    return sys.stdin.buffer.read(FILE_BYTES + 1)


def _begin_of(file: Path) -> bytes:
    """No more than shows that it is too large: it may be a pipe, or a device without an end."""
    with file.open("rb") as opened:
        return opened.read(FILE_BYTES + 1)
