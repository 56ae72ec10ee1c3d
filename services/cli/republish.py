"""`openchair republish`: everything goes to the streams again."""

from __future__ import annotations

import asyncio
import json
from argparse import RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any, Final

from openchair.admin.v1 import admin_service_pb2 as pb

from services.cli.server import PATIENCE, admin
from services.cli.shell import EXIT_CODES

if TYPE_CHECKING:
    import argparse

    from services.kit.settings import Settings

_EPILOG: Final = """examples:
  openchair republish                       a stream lost messages
  openchair republish --service meetings    only what this service owns
  openchair republish --new-epoch           an older copy of a database was put back by hand

The databases are the truth, and streams can always be made again from them. The server notices by itself when a stream
is gone or was emptied; this command is for when you know better. It changes nothing in the databases, and it is
harmless to run it once too often: what a stream holds already stays as it is.

With --new-epoch all states count as newer than everything published before, and what the databases do not know is taken
from the streams, and so from every calendar. `openchair restore` does that by itself.

"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "republish",
        help="publish everything again",
        description="Publishes everything again, from the databases of the running server.",
        epilog=_EPILOG + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--service", action="append", default=[], metavar="SERVICE", help="of this service; more than once: of each"
    )
    parser.add_argument("--new-epoch", action="store_true", help="as newer than all before; bury what is not known")
    parser.add_argument("--json", action="store_true", help="the result as JSON on standard output")
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace, settings: Settings) -> int:
    """Asks for it and says how much it is."""
    count = asyncio.run(_republish(asked, settings))
    if asked.json:
        print(json.dumps({"count": count}))
    else:
        print(f"{count} states are published again. Calendars stay as they are meanwhile.")
    return 0


async def _republish(asked: argparse.Namespace, settings: Settings) -> int:
    async with admin(settings, {"services": "--service"}) as stub:
        request = pb.RepublishRequest(services=asked.service, new_epoch=asked.new_epoch)
        reply = await stub.Republish(request, timeout=PATIENCE)
        return int(reply.count)
