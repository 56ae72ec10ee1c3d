"""Before anything changes: what it would do is shown, and whoever is at the terminal says yes."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from openchair.meetings.v1 import centre_pb2, place_pb2

from services.cli.called import id_of
from services.cli.data import whole
from services.cli.facts import changed_lines, differing
from services.cli.shell import USAGE, Failure, seen
from services.kit.client import RpcError, explain

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Mapping

    from services.cli.called import Named

M = TypeVar("M", centre_pb2.Centre, place_pb2.Place, place_pb2.Room)
NOTHING = "Nothing was changed."
SAME = "Nothing would be different."
UNSEEN = "  (in what is not shown here)"


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds the options of a command that changes something."""
    parser.add_argument("--yes", action="store_true", help="do it without asking")
    parser.add_argument("--dry-run", action="store_true", help="show what it would do; change nothing")
    parser.add_argument("--json", action="store_true", help="the result as JSON on standard output")


def say(asked: argparse.Namespace, text: str = "") -> None:
    """A line for the person, or several; where standard output is for a program, on standard error."""
    stream = sys.stderr if asked.json else sys.stdout
    try:
        for line in text.split("\n"):
            print(seen(line), file=stream, flush=True)
    except BrokenPipeError:  # `| head -1`: what was said yes to is done all the same
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        asked.unheard = True


def give(asked: argparse.Namespace, result: Any) -> None:
    """The result for a program, where that is asked for."""
    if asked.json:
        print(json.dumps(result, ensure_ascii=False, indent=1))


async def until_current(asked: argparse.Namespace, attempt: Callable[[], Awaitable[None]]) -> None:
    """Shows, asks and does. Where somebody was faster meanwhile, what it would do now is shown, and asked, again."""
    while True:
        try:
            await attempt()
        except RpcError as error:
            if explain(error).reason != "STALE_ETAG" or asked.yes:
                raise
            say(asked, "\nSomebody else changed it meanwhile: nothing was done. What it would do now:\n")
        else:
            return


def go_ahead(asked: argparse.Namespace) -> bool:
    """Whether to do it. Raises Failure where nobody can be asked, or who was asked says no."""
    if asked.dry_run:
        say(asked, f"{NOTHING} (--dry-run)")
        return False
    if asked.yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        raise Failure(f"{NOTHING} Nobody can be asked here: add --yes to do it, or --dry-run to look only", USAGE)
    if getattr(asked, "unheard", False):
        raise Failure(f"{NOTHING} Nobody reads what would be changed: add --yes to do it unseen")
    print("Go ahead? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().casefold() not in {"y", "yes"}:
        raise Failure(NOTHING)
    return True


async def edited(
    asked: argparse.Namespace,
    noun: str,
    before: M,
    wanted: M,
    facts: Callable[[M], Mapping[str, str]],
    update: Callable[[], Awaitable[M]],
) -> None:
    """Says what would differ, and does it once that is said yes to. Where nothing would, nothing is asked or done."""
    found = differing(facts(before), facts(wanted))
    done = False
    if wanted == before:
        say(asked, SAME)
    else:
        say(asked, "\n".join(changed_lines(found)) or UNSEEN)
        done = go_ahead(asked)
    shown = await update() if done else wanted
    if done:
        say(asked, "Done.")
    plain = {"id": id_of(shown), **whole(shown)}
    give(asked, {"done": done, "changes": [each._asdict() for each in found], noun: plain})


async def deleted(asked: argparse.Namespace, what: str, thing: Named, delete: Callable[[], Awaitable[None]]) -> None:
    """Deletes what nothing uses, once that is said yes to; the server refuses what is used, and names what uses it."""
    say(asked, f"{what} would be deleted, if nothing uses it. This cannot be undone.")
    done = go_ahead(asked)
    if done:
        await delete()
        say(asked, "Deleted.")
    give(asked, {"done": done, "name": thing.name})
