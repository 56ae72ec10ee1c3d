"""`openchair centre create`: a home for meetings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openchair.meetings.v1 import centre_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.cli.shell import meetings

if TYPE_CHECKING:
    import argparse

    from services.kit.settings import Settings


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser("centre", help="create a centre")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    create = actions.add_parser("create", help="a new centre: its id stands in every address, so it stays")
    create.add_argument("id", help='2 to 40 of a-z, 0-9 and "-"')
    create.add_argument("--title", required=True, help='"Riverside Recovery Centre"')
    create.add_argument("--timezone", required=True, help='IANA time zone, "America/Edmonton"')
    create.add_argument("--language", default="en", help="language tag (default en)")
    create.add_argument("--crisis-line", default="", help="whom to call in need, as it should be read")
    create.set_defaults(run=run)


async def run(asked: argparse.Namespace, settings: Settings) -> int:
    """Creates it and says where its calendar is."""
    centre = centre_pb2.Centre(
        title=asked.title, time_zone=asked.timezone, language=asked.language, crisis_line=asked.crisis_line
    )
    async with meetings(settings) as stub:
        made = await stub.CreateCentre(pb.CreateCentreRequest(centre_id=asked.id, centre=centre))
    print(f"{made.name} is there. Its calendar: /calendars/{asked.id}.ics")
    return 0
