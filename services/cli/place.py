"""`openchair place`: addresses where meetings are held."""

from __future__ import annotations

import json
import re
import secrets
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import place_pb2

from services.cli import asking
from services.cli.acting import action
from services.cli.asking import deleted, edited, give, say, until_current
from services.cli.called import id_of
from services.cli.data import whole
from services.cli.facts import lines
from services.cli.house import open_house
from services.cli.meeting_fields import word
from services.cli.reading import words
from services.cli.server import PATIENCE
from services.cli.shell import EXIT_CODES, USAGE, Failure, seen

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from services.cli.server import Site

ACCESS: Final = {"everybody": 1, "area-only": 2, "holders": 3}
OPTIONS: Final[Mapping[str, str]] = {
    "parent": "CENTRE",
    "place.title": "--title",
    "place.address": "--address",
    "place.area": "--area",
    "place.address_access": "--address-for",
    "place.latitude": "--position",
    "place.longitude": "--position",
    "place.accessibility": "--accessibility",
    "place.notes": "--notes",
    "place.map_url": "--map",
    "place.regions": "--region",
}
_TEXTS: Final = {
    "title": ("--title", 'as people call it: "Riverside House"'),
    "address": ("--address", "one line, as for an envelope"),
    "area": ("--area", "town or quarter: told where the address is not"),
    "notes": ("--notes", "how to get in"),
    "map_url": ("--map", "https link to a map"),
}
_LISTS: Final = {
    "accessibility": ("--accessibility", "wheelchair,step-free,hearing-loop (may be repeated)"),
    "regions": ("--region", "from wide to narrow: Alberta,Edmonton (may be repeated)"),
}
_POSITION: Final = re.compile(r"(-?\d{1,3}(?:\.\d+)?) ?[, ] ?(-?\d{1,3}(?:\.\d+)?)")
_EXAMPLES: Final = """examples:
  openchair place create riverside --title "Riverside House" --address "210 Ferry Lane, Harrow Bend" \\
      --accessibility wheelchair,step-free --notes "The blue door. Ring the bell."
  openchair place create riverside --title "Alder House" --address "7 Sample Close" --area "Old Mill" \\
      --address-for area-only                                  a house whose address is not public
  openchair place edit riverside "Riverside House" --notes "The green door from May on"
  openchair place delete riverside "Parish Hall"
  openchair place list riverside

PLACE is a title, the beginning of one, or an id. What a meeting says of its place follows by itself.

"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "place",
        help="addresses where meetings are held",
        description="Places of a centre. A meeting is held at one of them, or online.",
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(help_of=parser)
    actions = parser.add_subparsers(metavar="ACTION")
    create = action(actions, "create", "a new place", _create, _EXAMPLES, OPTIONS)
    _add_fields(create, new=True)
    create.add_argument("--json", action="store_true", help="the place as JSON on standard output")
    listing = action(actions, "list", "a centre's places", _list, _EXAMPLES, OPTIONS)
    listing.add_argument("--json", action="store_true", help="as JSON on standard output")
    edit = action(actions, "edit", "change what a place says of itself", _edit, _EXAMPLES, OPTIONS, "PLACE")
    edit.add_argument("place", metavar="PLACE", help="title, its beginning, or id")
    _add_fields(edit, new=False)
    asking.add_to(edit)
    delete = action(actions, "delete", "a place where nothing is held", _delete, _EXAMPLES, OPTIONS, "PLACE")
    delete.add_argument("place", metavar="PLACE", help="title, its beginning, or id")
    asking.add_to(delete)


def _add_fields(parser: Any, *, new: bool) -> None:
    for path, (option, text) in _TEXTS.items():
        parser.add_argument(option, dest=path, metavar="TEXT", help=text, required=new and path == "title")
    for path, (option, text) in _LISTS.items():
        parser.add_argument(option, dest=path, metavar="WORDS", type=words, action="extend", help=text)
        parser.add_argument(option.replace("--", "--no-"), dest=path, action="store_const", const=[], help="unset it")
    parser.add_argument("--address-for", dest="address_access", choices=list(ACCESS), help="who is told the address")
    parser.add_argument("--position", metavar="LAT,LON", type=_position, help='degrees: "53.5461,-113.4938"')
    parser.add_argument("--no-position", dest="position", action="store_const", const=(), help="not known")
    parser.add_argument("--approximate", action="store_true", default=None, help="the position is that of an area")


def _position(text: str) -> tuple[float, float]:
    match = _POSITION.fullmatch(text.strip())
    if match is None:
        raise ArgumentTypeError('must be two numbers of degrees, north and east: "53.5461,-113.4938"')
    return float(match[1]), float(match[2])


def _fill(asked: argparse.Namespace, place: place_pb2.Place) -> list[str]:
    """Puts what was said into the message, and names the paths."""
    paths = []
    for path in (*_TEXTS, "approximate"):
        if getattr(asked, path) is not None:
            setattr(place, path, getattr(asked, path))
            paths.append(path)
    for path in _LISTS:
        if getattr(asked, path) is not None:
            getattr(place, path)[:] = getattr(asked, path)
            paths.append(path)
    if asked.address_access is not None:
        place.address_access = ACCESS[asked.address_access]  # type: ignore[assignment]  # the wire's number
        paths.append("address_access")
    if asked.position is not None:
        place.ClearField("latitude")
        place.ClearField("longitude")
        if asked.position:
            place.latitude, place.longitude = asked.position
        paths += ["latitude", "longitude"]
    return paths


def _facts(place: place_pb2.Place) -> dict[str, str]:
    position = f"{place.latitude:.5f}, {place.longitude:.5f}" if place.HasField("latitude") else ""
    told = {option: getattr(place, path) for path, (option, _) in _TEXTS.items()}
    told |= {option: ", ".join(getattr(place, path)) for path, (option, _) in _LISTS.items()}
    told |= {"--position": position + (" (about there)" if place.approximate and position else "")}
    told |= {"--address-for": word(ACCESS, place.address_access)}
    return {name.removeprefix("--").replace("-", " "): text for name, text in told.items() if text}


def _plain(place: place_pb2.Place) -> dict[str, Any]:
    return {"id": id_of(place), **whole(place)}


async def _create(stubs: Site, asked: argparse.Namespace) -> None:
    place = place_pb2.Place()
    _fill(asked, place)
    request = pb.CreatePlaceRequest(parent=f"centres/{asked.centre}", place=place, request_id=secrets.token_hex(16))
    made = await stubs.meetings.CreatePlace(request, timeout=PATIENCE)
    say(asked, f'The place "{made.title}" is there. Its id is {id_of(made)}.')
    give(asked, _plain(made))


async def _list(stubs: Site, asked: argparse.Namespace) -> None:
    found = (await open_house(stubs, asked.centre)).places
    if asked.json:
        print(json.dumps([_plain(each) for each in found], ensure_ascii=False, indent=1))
        return
    for each in sorted(found, key=lambda each: each.title.casefold()):
        print(f"{id_of(each)}  {seen(each.title)}")
        for line in lines({name: text for name, text in _facts(each).items() if name != "title"}):
            print("\n".join(map(seen, line.split("\n"))))
    print(f"{len(found)} place{'s' * (len(found) != 1)}")


async def _edit(stubs: Site, asked: argparse.Namespace) -> None:
    async def attempt() -> None:
        house = await open_house(stubs, asked.centre)
        before = house.place(asked.place)
        wanted = place_pb2.Place()
        wanted.CopyFrom(before)
        request = pb.UpdatePlaceRequest(place=wanted, request_id=secrets.token_hex(16))
        request.update_mask.paths.extend(_fill(asked, request.place))
        if not request.update_mask.paths:
            raise Failure("say what is to be changed: `openchair place edit --help` lists it", USAGE)
        say(asked, f'The place "{before.title}", and every meeting held there:')

        async def update() -> place_pb2.Place:
            return await stubs.meetings.UpdatePlace(request, timeout=PATIENCE)

        await edited(asked, "place", before, request.place, _facts, update)

    await until_current(asked, attempt)


async def _delete(stubs: Site, asked: argparse.Namespace) -> None:
    async def attempt() -> None:
        place = (await open_house(stubs, asked.centre)).place(asked.place)
        request = pb.DeletePlaceRequest(name=place.name, etag=place.etag, request_id=secrets.token_hex(16))

        async def delete() -> None:
            await stubs.meetings.DeletePlace(request, timeout=PATIENCE)

        await deleted(asked, f'The place "{place.title}"', place, delete)

    await until_current(asked, attempt)
