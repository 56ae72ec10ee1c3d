"""`openchair centre`: homes for meetings."""

from __future__ import annotations

import asyncio
import json
from argparse import RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import centre_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.cli import centre_edit
from services.cli.server import PATIENCE, meetings
from services.cli.shell import EXIT_CODES, seen, site_address

if TYPE_CHECKING:
    import argparse

    from services.kit.settings import Settings

_OPTIONS: Final = {
    "centre_id": "ID",
    "centre.title": "--title",
    "centre.time_zone": "--timezone",
    "centre.language": "--language",
    "centre.crisis_line": "--crisis-line",
}
_CREATE: Final = """examples:
  openchair centre create riverside-aa --title "Riverside AA" --timezone America/Edmonton
  openchair centre create jardin --title "Le Jardin" --timezone Europe/Paris --language fr --crisis-line "3114"

Its calendar is then at /calendars/ID.ics and its page at /centre/ID.

"""
_LIST: Final = """examples:
  openchair centre list
  openchair centre list --json

"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "centre",
        help="create and change a centre; list those there are",
        description="A centre is the home of meetings: it has a calendar and a page of its own.",
    )
    parser.set_defaults(help_of=parser)
    actions = parser.add_subparsers(metavar="ACTION")
    _add_create(actions)
    _add_list(actions)
    centre_edit.add_to(actions)


def _add_create(actions: Any) -> None:
    create = actions.add_parser(
        "create",
        help="a new centre",
        description="Makes a new centre. Its id stands in every address, so it stays; all else can be changed later.",
        epilog=_CREATE + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    create.add_argument("id", metavar="ID", help='2 to 40 of a-z, 0-9 and "-": riverside-aa')
    create.add_argument("--title", required=True, help='as people call it: "Riverside Recovery Centre"')
    create.add_argument("--timezone", required=True, help="IANA time zone: America/Edmonton")
    create.add_argument("--language", default="en", help="language tag (default en)")
    create.add_argument("--crisis-line", default="", help='whom to call in need, as it should be read: "988"')
    create.set_defaults(run=create_centre)


def _add_list(actions: Any) -> None:
    listing = actions.add_parser(
        "list",
        help="the centres there are",
        description="Lists the centres of this server: id, title, time zone.",
        epilog=_LIST + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    listing.add_argument("--json", action="store_true", help="as JSON on standard output")
    listing.set_defaults(run=list_centres)


def create_centre(asked: argparse.Namespace, settings: Settings) -> int:
    """Creates it and says where its calendar is."""
    centre = centre_pb2.Centre(
        title=asked.title, time_zone=asked.timezone, language=asked.language, crisis_line=asked.crisis_line
    )
    asyncio.run(_create(pb.CreateCentreRequest(centre_id=asked.id, centre=centre), settings))
    base = site_address(settings)
    print(f"The centre {asked.id} is there.")
    print(f"  its page      {base}/centre/{asked.id}\n  its calendar  {base}/calendars/{asked.id}.ics")
    return 0


def list_centres(asked: argparse.Namespace, settings: Settings) -> int:
    """Prints them in order of id."""
    centres = asyncio.run(_list(settings))
    found = [
        {"id": centre.name.partition("/")[2], "title": centre.title, "time_zone": centre.time_zone}
        for centre in centres
    ]
    if asked.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    elif not found:
        print("There is no centre yet: `openchair centre create --help` shows how to make one.")
    else:
        _print(found)
    return 0


def _print(found: list[dict[str, str]]) -> None:
    rows = [("ID", "TIME ZONE", "TITLE"), *((each["id"], each["time_zone"], seen(each["title"])) for each in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for id_, zone, title in rows:
        print(f"{id_:<{widths[0]}}  {zone:<{widths[1]}}  {title}")
    print(f"{len(found)} centre{'s' * (len(found) != 1)}")


async def _create(request: pb.CreateCentreRequest, settings: Settings) -> None:
    async with meetings(settings, _OPTIONS) as stub:
        await stub.CreateCentre(request, timeout=PATIENCE)


async def _list(settings: Settings) -> list[centre_pb2.Centre]:
    found: list[centre_pb2.Centre] = []
    token = ""
    async with meetings(settings, {}) as stub:
        while True:
            page = await stub.ListCentres(pb.ListCentresRequest(page_token=token), timeout=PATIENCE)
            found.extend(page.centres)
            token = page.next_page_token
            if not token:
                return found
