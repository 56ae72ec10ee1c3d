"""`openchair import ics`: an iCalendar file comes in, read by a child process with limits."""

from __future__ import annotations

import asyncio
import re
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from services.cli.importing import bring_in, source, standard_input
from services.cli.shell import EXIT_CODES, STOPPED, USAGE, Failure, centre_id
from services.formats.ics import packed
from services.formats.ics.lines import FILE_BYTES
from services.formats.records import Unreadable
from services.kit.clock import SystemClock
from services.kit.confined import Confined, Confinement
from services.recurrence.types import RecurrenceError
from services.recurrence.zones import zone

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from openchair.meetings.v1 import import_pb2

    from services.cli.report import Report
    from services.kit.settings import Settings

_KIND: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+){0,8}")
_GUIDE: Final = """examples:
  Look first what would happen. This changes nothing:
    openchair import ics calendar.ics --centre riverside-aa --source hall-calendar \\
        --timezone America/Edmonton --dry-run
  Without --dry-run it is put into force. Next week, with the same --source, only what changed changes.
  A Google or Outlook calendar, by the address that it gives for subscribing:
    curl -sL https://calendar.example.org/basic.ics | openchair import ics - --centre ...

Every event of the file is in the report: what it became, or why it was refused, with its line in the file. All-day
events are refused, since a meeting needs an hour. Who is invited, and who invites, is not read.

"""


def add_to(formats: Any) -> None:
    """Adds the format."""
    ics = formats.add_parser(
        "ics",
        help="bring in an iCalendar file",
        description="Brings in an iCalendar file (.ics, .ics.gz). Importing it again changes only what changed in it.",
        epilog=_GUIDE + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    ics.add_argument("file", metavar="FILE", type=Path, help="the file; - for standard input")
    ics.add_argument("--centre", required=True, type=centre_id, help="id of the centre it belongs to")
    ics.add_argument(
        "--source", required=True, type=source, help="a name for where it comes from, always the same: hall-calendar"
    )
    ics.add_argument("--timezone", default="", help="IANA time zone of times that name none: America/Edmonton")
    ics.add_argument("--fellowship", default="", help="AA, NA ..., if all of them are of one")
    ics.add_argument("--kind", default="support-meeting", type=kind, help="workshop, retreat ... (support-meeting)")
    ics.add_argument("--dry-run", action="store_true", help="show what would happen; change nothing")
    ics.add_argument("--remove-gone", action="store_true", help="remove meetings that are no longer in the file")
    ics.add_argument("--json", action="store_true", help="the report as JSON on standard output")
    ics.set_defaults(run=run)


def kind(text: str) -> str:
    """An argument that is a kind of meeting. Raises ArgumentTypeError."""
    if not _KIND.fullmatch(text) or len(text) > 60:  # noqa: PLR2004 - as long as the service takes
        raise ArgumentTypeError('must be a word such as retreat or support-meeting: a-z, 0-9 and "-"')
    return text


def run(asked: argparse.Namespace, settings: Settings) -> int:
    """Reads, stages, shows or commits, and reports."""
    try:
        question = _question(asked)
    except KeyboardInterrupt:
        raise _stopped() from None
    report = asyncio.run(_read_and_bring_in(asked, question, settings))
    report.write(as_json=asked.json)
    return report.code


async def _read_and_bring_in(asked: argparse.Namespace, question: packed.Question, settings: Settings) -> Report:
    try:
        rows = await rows_of(question, str(asked.file))
    except asyncio.CancelledError:
        raise _stopped() from None
    return await bring_in(asked, rows, settings)


def _stopped() -> Failure:
    return Failure("stopped: nothing is in", STOPPED)


async def rows_of(question: packed.Question, file: str) -> Sequence[import_pb2.ImportRow]:
    """The rows, read in a child process. Raises Failure, naming the file."""
    try:
        return packed.rows(await Confinement().run(packed.FUNCTION, packed.question(question)))
    except (Unreadable, Confined) as error:
        raise Failure(f"{file}: {error}") from None


def _question(asked: argparse.Namespace) -> packed.Question:
    try:
        where = zone(asked.timezone) if asked.timezone else UTC
        data = standard_input() if str(asked.file) == "-" else asked.file.read_bytes()
    except RecurrenceError as error:
        raise Failure(f"--timezone: {error.reason}", USAGE) from None
    except OSError as error:
        raise Failure(f"{asked.file}: {error.strerror}") from None
    if len(data) > FILE_BYTES:
        raise Failure(f"{asked.file}: it is larger than {FILE_BYTES // 2**20} MiB")
    today = SystemClock().now().astimezone(where).date()
    return packed.Question(data, today, asked.timezone, asked.fellowship, asked.kind)
