"""`openchair doctor`: what is wrong, and what to do about it. For whoever's system does not work."""

from __future__ import annotations

import asyncio
import sys
from argparse import RawDescriptionHelpFormatter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from services.cli.checkup import ask
from services.cli.computer import look, settings_of
from services.cli.finding import Finding, as_json, is_wrong, lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

_ABOUT: Final = """Looks at this computer and at the server, and says what is wrong and what to do about it.
Nothing is changed, and no secret is shown: what it prints may be sent to whoever helps."""

_EXAMPLES: Final = """examples:
  nothing works:
    openchair doctor
  a server on another computer:
    OPENCHAIR_TARGET=chairs.example.org:443 OPENCHAIR_TOKEN=... openchair doctor
  for a program that watches:
    openchair doctor --json

exit codes:
  0    nothing is wrong
  1    something is: its line says what, and the line below it what to do
"""


def add_to(commands: Any) -> None:
    """Adds the command. It reads the environment by itself: wrong settings are what it is for."""
    parser = commands.add_parser(
        "doctor",
        help="say what is wrong, and what to do about it",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="all findings as JSON")
    parser.set_defaults(run=run, bare=True)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Prints what was found."""
    findings = asyncio.run(examine(environ))
    if asked.json:
        print(as_json(findings))
    else:
        print(*lines(findings, sys.stdout.encoding or "ascii"), sep="\n")
    return int(is_wrong(findings))


async def examine(environ: Mapping[str, str]) -> list[Finding]:
    """Every finding, in the order in which a person looks."""
    settings, findings = settings_of(environ)
    findings += look(settings, datetime.now(UTC))
    findings += [each async for each in ask(settings)]
    return findings
