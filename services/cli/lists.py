"""`openchair import meeting-guide`, `csv` and `bmlt`: the formats in which others keep lists of meetings."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from services.cli import apart
from services.cli.importing import source
from services.cli.shell import EXIT_CODES, USAGE, Failure, centre_id
from services.formats import packed
from services.kit.clock import SystemClock
from services.kit.confined import Limits
from services.recurrence.types import RecurrenceError
from services.recurrence.zones import local_day

if TYPE_CHECKING:
    import argparse

    from services.kit.settings import Settings

LIMITS: Final = Limits(cpu=30, memory=640 * 2**20, wall=60.0, answer=128 * 2**20)
"""What lists of 20 MiB and 20,000 records took: 8 s, 460 MiB and 80 MiB in scripts where JSON takes six bytes for a
letter; 17 s, 490 MiB and 113 MiB as a table with 90 columns that we do not know."""

_STOPPING: Final = """
Ctrl-C: before the list is sent, nothing is in. After that the import goes on by itself on the server, and the command
says how to see its result (`openchair import status`).

What a person changed here since the last import stays as it is; the report names it.

"""
_GUIDE: Final = """examples:
  Look first what would happen. This changes nothing:
    openchair import meeting-guide meetings.json --centre riverside-aa --source aa-list \\
        --timezone America/Edmonton --fellowship AA --dry-run
  Without --dry-run it is put into force. Next week, with the same --source, only what changed changes.
  From a site that publishes its list:
    curl -s https://example.org/meetings.json | openchair import meeting-guide - --centre ...
"""
_TABLE: Final = """example:
  A sheet saved as CSV, its first line naming the columns (Name, Day, Time, Address, Types, Slug ...):
    openchair import csv meetings.csv --centre riverside-aa --source our-sheet \\
        --timezone America/Edmonton --fellowship AA --dry-run
  Each meeting needs a Slug (or ID) of its own that stays the same: by it the meeting is known next time.
"""
_BMLT: Final = """example:
  The server's meetings and what its formats mean, as it gives them:
    curl -s 'https://bmlt.example.org/client_interface/json/?switcher=GetSearchResults&services=3' >meetings.json
    curl -s 'https://bmlt.example.org/client_interface/json/?switcher=GetFormats' >formats.json
    openchair import bmlt meetings.json --formats formats.json --centre riverside-na --source na-list \\
        --timezone Europe/Berlin --dry-run
  What weeks of the month are about comes in from formats; what notes say of weeks stays in the notes.
"""


def add_to(formats: Any) -> None:
    """Adds the formats."""
    guide = _parser(formats, "meeting-guide", "Meeting Guide JSON", "a Meeting Guide JSON file", _GUIDE)
    table = _parser(formats, "csv", "a table (CSV)", "a table with the columns of Meeting Guide", _TABLE)
    for parser in (guide, table):
        parser.set_defaults(formats=None)
        parser.add_argument("--fellowship", required=True, help="AA, NA ...: type codes mean something only with it")
    guide.set_defaults(run=run, form="meeting-guide")
    table.set_defaults(run=run, form="csv")
    server = _parser(
        formats, "bmlt", "meetings of a BMLT server (NA)", "what GetSearchResults of a BMLT server gave", _BMLT
    )
    server.add_argument("--formats", type=Path, metavar="FILE", help="what GetFormats of the same server gave")
    server.set_defaults(run=run, form="bmlt", fellowship="")


def _parser(formats: Any, name: str, what: str, file: str, examples: str) -> Any:
    parser = formats.add_parser(
        name,
        help=f"bring in {what}",
        description=f"Brings in {file}. Importing it again changes only what changed in it.",
        epilog=examples + _STOPPING + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the file; - for standard input")
    parser.add_argument("--centre", required=True, type=centre_id, help="id of the centre it belongs to")
    parser.add_argument(
        "--source", required=True, type=source, help="a name for where it comes from, always the same: edmonton-aa"
    )
    parser.add_argument("--timezone", required=True, help="IANA time zone of records that name none: America/Edmonton")
    parser.add_argument("--language", default="", help="language tag of records that name none")
    parser.add_argument("--dry-run", action="store_true", help="show what would happen; change nothing")
    parser.add_argument("--remove-gone", action="store_true", help="remove meetings that are no longer in the file")
    parser.add_argument("--json", action="store_true", help="the report as JSON on standard output")
    return parser


def run(asked: argparse.Namespace, settings: Settings) -> int:
    """Reads, stages, shows or commits, and reports."""
    return apart.run(asked, settings, _ask)


def _ask(asked: argparse.Namespace) -> apart.Asked:
    data = apart.contents(asked.file)
    formats = apart.contents(asked.formats) if asked.formats else None
    try:
        today = local_day(SystemClock().now(), asked.timezone)
        told = packed.Question(asked.form, data, today, asked.timezone, asked.language, asked.fellowship, formats)
        return apart.Asked(packed.FUNCTION, packed.question(told), LIMITS)
    except RecurrenceError as error:
        raise Failure(f"--timezone: {error.reason}", USAGE) from None
