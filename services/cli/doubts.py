"""`openchair meeting doubts`: where people found nobody, and that somebody has looked into it."""

from __future__ import annotations

import asyncio
import json
import secrets
from argparse import RawDescriptionHelpFormatter
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.cli.called import id_of, pages
from services.cli.series import find
from services.cli.server import PATIENCE, site
from services.cli.shell import EXIT_CODES, centre_id, seen
from services.cli.when import full
from services.recurrence.zones import to_local

if TYPE_CHECKING:
    import argparse

    from openchair.meetings.v1 import doubt_pb2

    from services.cli.server import Site
    from services.kit.settings import Settings

_EXAMPLES: Final = """examples:
  openchair meeting doubts riverside
  openchair meeting doubts riverside --resolve "Tuesday Night"     you have looked into it, and it is held

Reports know nobody who made them, and go away after 30 days.

"""


def add_to(actions: Any) -> None:
    """Adds the action."""
    parser = actions.add_parser(
        "doubts",
        help="where people found nobody there; say that it was looked into",
        description="Lists the dates on which people found nobody there, newest first.",
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("centre", metavar="CENTRE", type=centre_id, help="id of the centre")
    parser.add_argument("--resolve", metavar="MEETING", help="this one was looked into: it is doubtful no more")
    parser.add_argument("--json", action="store_true", help="as JSON on standard output")
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace, settings: Settings) -> int:
    """Lists or resolves."""

    async def whole() -> None:
        async with site(settings, {"parent": "CENTRE"}) as stubs:
            await (_resolve if asked.resolve else _list)(stubs, asked)

    asyncio.run(whole())
    return 0


async def _resolve(stubs: Site, asked: argparse.Namespace) -> None:
    series = await find(stubs, asked.centre, asked.resolve)
    for part in series.parts:
        request = pb.ResolveDoubtsRequest(name=part.name, request_id=secrets.token_hex(16))
        await stubs.meetings.ResolveDoubts(request, timeout=PATIENCE)
    if asked.json:
        print(json.dumps({"done": True, "meetings": [part.name for part in series.parts]}))
    else:
        print(f'"{seen(series.title)}" is doubtful no more.')


async def _list(stubs: Site, asked: argparse.Namespace) -> None:
    parent = f"centres/{asked.centre}"
    centre = await stubs.meetings.GetCentre(pb.GetCentreRequest(name=parent), timeout=PATIENCE)
    found = await pages(stubs.meetings.ListDoubts, pb.ListDoubtsRequest(parent=parent), "doubts", PATIENCE)
    if asked.json:
        print(json.dumps([_plain(each) for each in found], ensure_ascii=False, indent=1))
        return
    for each in found:
        print(_line(each, centre.time_zone))
    print(f"{len(found)} date{'s' * (len(found) != 1)} on which people found nobody, in the last 30 days")


def _line(doubt: doubt_pb2.Doubt, zone: str) -> str:
    start = full(to_local(doubt.start_time.ToDatetime(UTC), zone))
    answer = "somebody who leads it said that it is on" if doubt.HasField("confirm_time") else "nobody has answered yet"
    count = f"{doubt.reports} report{'s' * (doubt.reports != 1)}"
    return f"{start}  {seen(doubt.title)}: {count}; {answer}"


def _plain(doubt: doubt_pb2.Doubt) -> dict[str, Any]:
    return {
        "id": id_of(doubt),
        "occurrence": doubt.occurrence,
        "title": doubt.title,
        "start_time": doubt.start_time.ToJsonString(),
        "reports": doubt.reports,
        "confirmed": doubt.HasField("confirm_time"),
    }
