"""`openchair import ics`: an iCalendar file comes in, read by a child process with limits."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from services.cli import apart
from services.cli.importing import source
from services.cli.shell import EXIT_CODES, USAGE, Failure, centre_id
from services.formats.ics import packed
from services.kit.clock import SystemClock
from services.kit.confined import Limits
from services.recurrence.types import RecurrenceError
from services.recurrence.zones import zone

if TYPE_CHECKING:
    import argparse

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
    return apart.run(asked, settings, _ask)


def _ask(asked: argparse.Namespace) -> apart.Asked:
    try:
        where = zone(asked.timezone) if asked.timezone else UTC
    except RecurrenceError as error:
        raise Failure(f"--timezone: {error.reason}", USAGE) from None
    data = apart.contents(asked.file)
    today = SystemClock().now().astimezone(where).date()
    told = packed.Question(data, today, asked.timezone, asked.fellowship, asked.kind)
    return apart.Asked(packed.FUNCTION, packed.question(told), Limits())
