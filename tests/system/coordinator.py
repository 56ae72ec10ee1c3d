"""A coordinator at a terminal, on the sample: what tests of the commands do and look at.

Test modules name this one in `pytest_plugins`: that gives each of them a site of its own, `system`. They import from it
first, so its asserts stay as they are: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from services.cli.__main__ import main
from tests.system.running import PATIENCE, ROOT, System, environment, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONE = "America/Edmonton"
NEW = ("--mode=in-person", "--at=19:00", "--for=1h30", "--place=Riverside House", "--room=River Hall")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("meeting")) as started, pytest.MonkeyPatch.context() as patch:
        until(lambda: b"Big Book Study" in started.feed("riverside"), "the sample is published")
        for name in os.environ.keys() - environment({}).keys():
            patch.delenv(name)
        for name, value in started.environ.items():
            patch.setenv(name, value)
        yield started


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in this process, without a terminal: a new interpreter for each takes longer than what it does."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(out), redirect_stderr(err), Path(os.devnull).open(encoding="utf-8") as nothing:
        before, sys.stdin = sys.stdin, nothing
        try:
            main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            sys.stdin = before
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def done(_: System, *arguments: str) -> str:
    """What the command says, which must succeed."""
    answer = command(*arguments)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def refused(_: System, *arguments: str) -> tuple[int, str]:
    """The exit code of a command that must not succeed, and what it says."""
    answer = command(*arguments)
    assert answer.returncode != 0, answer.stdout
    assert "Traceback" not in answer.stderr
    return answer.returncode, answer.stderr


def asked_json(system: System, *arguments: str) -> Any:
    return json.loads(done(system, *arguments, "--json"))


def changes_nothing(system: System, *arguments: str) -> None:
    """The edit says so, and asks nothing: where nobody can answer, a question is an error."""
    for words in ((), ("--yes",), ("--dry-run",)):
        assert "Nothing would be different.\n" in done(system, *arguments, *words), arguments
        told = asked_json(system, *arguments, *words)
        assert (told["done"], told["changes"]) == (False, []), arguments


def made(system: System, title: str, *arguments: str) -> None:
    """A meeting in a room of its own, so that no two of them are in each other's way."""
    done(system, "room", "create", "riverside", "--place=Riverside House", f"--title={room_of(title)}")
    words = (f"--title={title}", *NEW[:-1], f"--room={room_of(title)}", *arguments)
    done(system, "meeting", "create", "riverside", *words, "--yes")


def room_of(title: str) -> str:
    return f"Room of {title}"


def shown(system: System, title: str) -> Any:
    return asked_json(system, "meeting", "show", "riverside", title)


def starts(system: System, title: str) -> list[str]:
    return [each["local_start"] for each in shown(system, title)["next_dates"]]


def next_days(system: System, title: str) -> list[date]:
    return [datetime.fromisoformat(each).date() for each in starts(system, title)]


def events(system: System, title: str) -> list[str]:
    """Its VEVENTs as everybody reads them."""
    text = system.feed("riverside").decode().replace("\r\n ", "")
    return [part for part in text.split("BEGIN:VEVENT")[1:] if title in part]


class Terminal:
    """The command on a terminal, at which somebody answers."""

    def __init__(self, system: System, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.child = subprocess.Popen(
            [sys.executable, "-m", "services.cli", *arguments],
            cwd=ROOT,
            env=environment(system.environ),
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        self.said = ""

    def asks(self, question: str = "Go ahead? [y/N]") -> str:
        """What it said until it asks, since it asked last."""
        before = len(self.said)
        while question not in self.said[before:]:
            self.said += os.read(self.master, 4096).decode()
        return self.said[before:]

    def answers(self, text: str) -> None:
        os.write(self.master, f"{text}\n".encode())

    def ends(self) -> int:
        """Its exit code, and the rest of what it said in `said`."""
        try:
            while chunk := os.read(self.master, 4096):
                self.said += chunk.decode()
        except OSError:  # the other end is closed
            pass
        os.close(self.master)
        return self.child.wait(PATIENCE)
