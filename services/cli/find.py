"""`openchair find`: meetings that fit, as everybody may know them."""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToDict
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.cli import find_room, when
from services.cli.finds import table
from services.cli.server import PATIENCE, as_anybody
from services.cli.shell import EXIT_CODES, centre_id, seen

if TYPE_CHECKING:
    import argparse

    from services.kit.settings import Settings

MODES: Final = {"in-person": 1, "online": 2, "hybrid": 3}
USUAL: Final = 20
MOST: Final = 1_000
PAGE: Final = 100
EARTH: Final = 180.0  # degrees

_OPTIONS: Final = {
    "parent": "--centre",
    "text": "WORDS",
    "near.radius_km": "--radius",
    "near": "--near",
    "days": "--day",
    "from_time": "--from",
    "to_time": "--to",
    "fellowships": "--fellowship",
    "kinds": "--kind",
    "types": "--type",
    "languages": "--language",
    "modes": "--mode",
    "accessibility": "--accessible",
    "next_dates": "--dates",
    "seats": "--open",
}
_ABOUT: Final = """Finds meetings with their next dates: when, what, where and how to join. It asks as anybody may,
without a token, and shows what everybody may know.

Every condition that is given must hold; of an option that is given several times any (of --type and --accessible all).
Case and accents do not count, and the last word may be the beginning of one: `openchair find strass` finds Straße.
Days and times are those at which a meeting is usually held, there where it is; --now goes by what is on at this moment,
and dates that are cancelled are left out where there is another."""
_EXAMPLES: Final = """examples:
  openchair find --now                                      being held now, or beginning within half an hour
  openchair find --near 53.5461,-113.4938 --day tue --from 17:00 --to 22:00
                                                            on Tuesday evenings within 25 km, the nearest first
  openchair find big book --fellowship AA --centre riverside
  openchair find --mode online --language pt --dates 3      online, in Portuguese (pt-BR too), three dates of each
  openchair find --type O --accessible wheelchair --near 52.52,13.405 --radius 5
  openchair find --day sat --day sun --from 22:00 --to 02:00
                                                            late at night at the weekend: past midnight too
  openchair find --kind workshop --open                     that have a place on their next date
  openchair find women --json                               for a program
  openchair find room riverside --on tuesday --at 19:00     rooms that are free: `openchair find room --help`

"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    find = commands.add_parser("find", help="meetings that fit: near a place, on a day, now; rooms that are free")
    forms = find.add_subparsers(metavar="WHAT")
    _add_meetings(forms)
    find_room.add_to(forms, _point)
    find.usual, find.actions, find.alone = "meetings", frozenset({"room"}), True
    find.set_defaults(help_of=forms.choices["meetings"])


def _add_meetings(forms: Any) -> None:
    """What is meant unless rooms are named; somebody looks for the word "room" by `find -- room`."""
    parser = forms.add_parser(
        "meetings",
        description=_ABOUT,
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.prog = parser.prog.removesuffix(" meetings")
    parser.add_argument("words", metavar="WORDS", nargs="*", help="of title, group, place, area, fellowship or notes")
    parser.add_argument("--near", type=_point, metavar="LAT,LON", help="degrees; --near=-36.85,174.76 south of 0")
    parser.add_argument("--radius", type=float, metavar="KM", help="how far from there (default 25, at most 500)")
    parser.add_argument("--centre", type=centre_id, default="-", help="of this centre only (default: of all)")
    parser.add_argument("--day", type=_day, action="append", default=[], help="tue; may be given again")
    parser.add_argument("--from", dest="since", type=_time, metavar="TIME", help="begins at 17:00 or later")
    parser.add_argument("--to", dest="until", type=_time, metavar="TIME", help="begins before 22:00")
    _several(parser, "--fellowship", "AA, NA, SMART ...")
    _several(parser, "--kind", "support-meeting, workshop, retreat ...")
    _several(parser, "--type", "format code of its fellowship, such as O")
    _several(parser, "--language", "tag, such as en; pt finds pt-BR too")
    parser.add_argument("--mode", choices=MODES, action="append", default=[], help="hybrid ones are found by each")
    _several(parser, "--accessible", "wheelchair, step-free, hearing-loop ...")
    parser.add_argument("--now", action="store_true", help="being held, or beginning within 30 minutes")
    places = parser.add_mutually_exclusive_group()
    places.add_argument("--open", action="store_true", help="with a place on its next date, or where people just come")
    places.add_argument("--waitlist", action="store_true", help="or one that can be waited for")
    parser.add_argument("--dates", type=int, default=1, metavar="N", help="next dates of each (default 1, at most 10)")
    parser.add_argument("--limit", type=_limit, default=USUAL, metavar="N", help=f"at most so many (default {USUAL})")
    parser.add_argument("--json", action="store_true", help="as JSON on standard output")
    parser.set_defaults(run=find)


def _several(parser: Any, name: str, text: str) -> None:
    parser.add_argument(name, action="append", default=[], help=text)


def find(asked: argparse.Namespace, settings: Settings) -> int:
    """Asks and prints."""
    found, total = asyncio.run(_search(request(asked), asked.limit, settings))
    if asked.json:
        meetings = [MessageToDict(each, preserving_proto_field_name=True) for each in found]
        print(json.dumps({"meetings": meetings, "total": total}, ensure_ascii=False, indent=1))
    elif not found:
        print(nothing(asked))
    else:
        print("\n".join(map(seen, table(found))))
        print(_count(len(found), total))
    return 0


def request(asked: argparse.Namespace) -> pb.SearchMeetingsRequest:
    """What the options ask for."""
    message = pb.SearchMeetingsRequest(
        parent=f"centres/{asked.centre}",
        text=" ".join(asked.words),
        days=sorted(set(asked.day)),
        from_time=asked.since or "",
        to_time=asked.until or "",
        fellowships=asked.fellowship,
        kinds=asked.kind,
        types=asked.type,
        languages=asked.language,
        modes=[MODES[mode] for mode in asked.mode],  # type: ignore[misc]  # the wire's numbers
        accessibility=asked.accessible,
        open_now=asked.now,
        next_dates=asked.dates,
        seats=pb.SEAT_FILTER_OPEN if asked.open else 2 * asked.waitlist,
    )
    if asked.near is not None:
        message.near.latitude, message.near.longitude = asked.near
        message.near.radius_km = asked.radius or 0
    return message


async def _search(
    message: pb.SearchMeetingsRequest, limit: int, settings: Settings
) -> tuple[list[pb.FoundMeeting], int]:
    """Page by page, until there are as many as are wanted; and how many there are in all."""
    found = list[pb.FoundMeeting]()
    async with as_anybody(settings, _OPTIONS) as stub:
        while True:
            message.page_size = min(PAGE, limit - len(found))
            page = await stub.SearchMeetings(message, timeout=PATIENCE)
            found += page.meetings
            message.page_token = page.next_page_token
            if not page.next_page_token or len(found) >= limit:
                return found, page.total


def nothing(asked: argparse.Namespace) -> str:
    """What to try next. Words are not looked for in languages and types: these are options."""
    text = "Nothing fits. Fewer conditions, a larger --radius or other words may find something."
    return text + " What is held in a language is found by --language es." * bool(asked.words)


def _count(shown: int, total: int) -> str:
    if shown >= total:
        return f"{total} meeting{'s' * (total != 1)}"
    return f"{shown} of {total} meetings: --limit shows more"


def _point(text: str) -> tuple[float, float]:
    latitude, comma, longitude = text.partition(",")
    try:
        found = float(latitude), float(longitude)
    except ValueError:
        comma = ""
    if not comma or not (abs(found[0]) <= EARTH / 2 and abs(found[1]) <= EARTH):
        raise ArgumentTypeError("must be two numbers of degrees such as 53.5461,-113.4938: north, then east")
    return found


def _day(text: str) -> int:
    number = when.weekday(text)
    if number is None:
        raise ArgumentTypeError(f"{text!r} is not a day of the week such as tue")
    return number + 1


def _time(text: str) -> str:
    try:
        return f"{when.clock(text):%H:%M}"
    except when.Unclear as unclear:
        raise ArgumentTypeError(str(unclear)) from None


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise ArgumentTypeError(f"must be from 1 to {MOST:,}")
    return int(text)
