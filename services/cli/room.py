"""`openchair room`: rooms of a centre's places."""

from __future__ import annotations

import json
import secrets
from argparse import RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToDict
from openchair.meetings.v1 import place_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli.acting import action
from services.cli.asking import give, say
from services.cli.called import id_of
from services.cli.house import open_house
from services.cli.reading import words
from services.cli.server import PATIENCE
from services.cli.shell import EXIT_CODES, seen

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from services.cli.server import Site

OPTIONS: Final[Mapping[str, str]] = {
    "parent": "CENTRE",
    "room.title": "--title",
    "room.place": "--place",
    "room.capacity": "--capacity",
    "room.accessibility": "--accessibility",
    "room.equipment": "--equipment",
    "room.notes": "--notes",
}
_EXAMPLES: Final = """examples:
  openchair room create riverside --place "Riverside House" --title "River Hall" --capacity 80 \\
      --accessibility wheelchair,hearing-loop --equipment "projector,piano"
  openchair room list riverside

"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "room",
        help="rooms of places",
        description="Rooms of a centre's places.",
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(help_of=parser)
    actions = parser.add_subparsers(metavar="ACTION")
    create = action(actions, "create", "a new room", _create, _EXAMPLES, OPTIONS)
    create.add_argument("--place", metavar="PLACE", required=True, help="title or id of the place it belongs to")
    create.add_argument("--title", required=True, help='as people call it: "River Hall"')
    create.add_argument("--capacity", metavar="N", type=int, default=0, help="chairs")
    create.add_argument("--accessibility", metavar="WORDS", type=words, default=[], help="wheelchair,hearing-loop")
    create.add_argument("--equipment", metavar="WORDS", type=words, default=[], help="projector,piano")
    create.add_argument("--notes", default="", help="where it is")
    create.add_argument("--json", action="store_true", help="the room as JSON on standard output")
    listing = action(actions, "list", "a centre's rooms", _list, _EXAMPLES, OPTIONS)
    listing.add_argument("--json", action="store_true", help="as JSON on standard output")


def _plain(room: place_pb2.Room) -> dict[str, Any]:
    return {"id": id_of(room), **MessageToDict(room, preserving_proto_field_name=True)}


async def _create(stubs: Site, asked: argparse.Namespace) -> None:
    house = await open_house(stubs, asked.centre)
    room = place_pb2.Room(
        title=asked.title,
        place=house.place(asked.place).name,
        capacity=asked.capacity,
        accessibility=asked.accessibility,
        equipment=asked.equipment,
        notes=asked.notes,
    )
    request = pb.CreateRoomRequest(parent=house.centre.name, room=room, request_id=secrets.token_hex(16))
    made = await stubs.rooms.CreateRoom(request, timeout=PATIENCE)
    say(asked, f'The room "{made.title}" of "{house.titles([made.place])[0]}" is there. Its id is {id_of(made)}.')
    give(asked, _plain(made))


async def _list(stubs: Site, asked: argparse.Namespace) -> None:
    house = await open_house(stubs, asked.centre)
    if asked.json:
        print(json.dumps([_plain(each) for each in house.rooms], ensure_ascii=False, indent=1))
        return
    for place in house.places:
        rooms = [each for each in house.rooms if each.place == place.name]
        if rooms:
            print(seen(place.title))
        for each in rooms:
            chairs = f"{each.capacity} chairs" if each.capacity else ""
            more = ", ".join(filter(None, (chairs, *each.accessibility, *each.equipment)))
            print(f"  {id_of(each)}  {seen(each.title)}{': ' if more else ''}{seen(more)}")
    print(f"{len(house.rooms)} room{'s' * (len(house.rooms) != 1)}")
