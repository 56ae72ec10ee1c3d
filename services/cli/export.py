"""`openchair export`: a centre's public meetings as a list that other programs read."""

from __future__ import annotations

import asyncio
import os
import sys
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.cli.server import PATIENCE, meetings
from services.cli.shell import EXIT_CODES, Failure, centre_id
from services.formats import csv_guide, meeting_guide_out
from services.kit.clock import SystemClock
from services.recurrence.zones import local_day

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from openchair.meetings.v1 import centre_pb2, meeting_pb2
    from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

    from services.kit.settings import Settings

    Writer = Callable[[Sequence[dict[str, Any]]], bytes]

PAGE: Final = 200
_GUIDE: Final = """example:
  openchair export meeting-guide riverside-aa -o meetings.json

Only what everybody may see is in it. What the format cannot say (monthly meetings, changed dates, programmes) stands in
a part of each record named "openchair". The same list is always current at /meeting-guide/CENTRE.json of the site.

"""
_TABLE: Final = """example:
  openchair export csv riverside-aa -o meetings.csv

Only what everybody may see is in it. It opens in any spreadsheet, and `openchair import csv` reads it again; leave the
column Slug as it is.

"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "export", help="write a centre's public meetings as a list", description="Writes a centre's public meetings."
    )
    parser.set_defaults(help_of=parser)
    formats = parser.add_subparsers(metavar="FORMAT")
    for name, what, examples, writer in (
        ("meeting-guide", "Meeting Guide JSON", _GUIDE, meeting_guide_out.written),
        ("csv", "a table (CSV)", _TABLE, csv_guide.written),
    ):
        one = formats.add_parser(
            name,
            help=f"as {what}",
            description=f"Writes a centre's public meetings as {what}.",
            epilog=examples + EXIT_CODES,
            formatter_class=RawDescriptionHelpFormatter,
        )
        one.add_argument("centre", metavar="CENTRE", type=centre_id, help="id of the centre")
        one.add_argument("-o", "--output", type=Path, metavar="FILE", help="the file to write (standard output)")
        one.set_defaults(run=run, writer=writer)


def run(asked: argparse.Namespace, settings: Settings) -> int:
    """Asks for the meetings, and writes them in one go: no half of a list."""
    centre, found = asyncio.run(_ask(asked.centre, settings))
    today = local_day(SystemClock().now(), centre.time_zone)
    told = meeting_guide_out.records(found, centre, (settings.public_url or "").rstrip("/"), today)
    writer: Writer = asked.writer
    _write(asked.output, writer(told))
    print(f"{len(told)} meeting{'s' * (len(told) != 1)} written", file=sys.stderr)
    return 0


async def _ask(centre: str, settings: Settings) -> tuple[centre_pb2.Centre, list[meeting_pb2.Meeting]]:
    name = f"centres/{centre}"
    async with meetings(settings, {"name": "CENTRE", "parent": "CENTRE"}) as stub:
        found = await stub.GetCentre(pb.GetCentreRequest(name=name), timeout=PATIENCE)
        return found, await _public(stub, name)


async def _public(stub: MeetingServiceStub, centre: str) -> list[meeting_pb2.Meeting]:
    found: list[meeting_pb2.Meeting] = []
    token = ""
    while True:
        request = pb.ListMeetingsRequest(parent=centre, public_only=True, page_size=PAGE, page_token=token)
        page = await stub.ListMeetings(request, timeout=PATIENCE)
        found.extend(page.meetings)
        token = page.next_page_token
        if not token:
            return found


def _write(file: Path | None, data: bytes) -> None:
    if file is None:
        if sys.stdout is None:
            raise Failure("standard output is closed")
        sys.stdout.buffer.write(data)
        return
    try:
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        beside.write_bytes(data)
        beside.replace(file)
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from None
