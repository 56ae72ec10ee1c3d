"""`openchair room`: rooms of a centre's places."""

from __future__ import annotations

import json
import secrets
from argparse import RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToDict
from openchair.meetings.v1 import place_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli import asking, room_times
from services.cli.acting import action
from services.cli.asking import deleted, edited, give, say, until_current
from services.cli.called import id_of
from services.cli.house import open_house
from services.cli.reading import words
from services.cli.server import PATIENCE
from services.cli.shell import EXIT_CODES, USAGE, Failure, seen

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
_LISTS: Final = {"accessibility": "wheelchair,hearing-loop", "equipment": "projector,piano"}
_EXAMPLES: Final = """examples:
  openchair room create riverside --place "Riverside House" --title "River Hall" --capacity 80 \\
      --accessibility wheelchair,hearing-loop --equipment "projector,piano"
  openchair room edit riverside "River Hall" --capacity 60 --notes "Up the stairs"
  openchair room delete riverside "River Hall"
  openchair room list riverside

ROOM is a title, the beginning of one, or an id.

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
    edit = action(actions, "edit", "change what a room says of itself", _edit, _EXAMPLES, OPTIONS, "ROOM")
    _add_room(edit)
    edit.add_argument("--title", metavar="TEXT", help='as people call it: "River Hall"')
    edit.add_argument("--capacity", metavar="N", type=int, help="chairs; 0 unsets it")
    for path, example in _LISTS.items():
        edit.add_argument(f"--{path}", metavar="WORDS", type=words, help=f"{example}: all there are")
        edit.add_argument(f"--no-{path}", dest=path, action="store_const", const=[], help="unset it")
    edit.add_argument("--notes", metavar="TEXT", help='where it is; "" unsets it')
    asking.add_to(edit)
    delete = action(actions, "delete", "a room that nothing uses", _delete, _EXAMPLES, OPTIONS, "ROOM")
    _add_room(delete)
    asking.add_to(delete)
    room_times.add_to(actions)


def _add_room(parser: Any) -> None:
    parser.add_argument("room", metavar="ROOM", help="title, its beginning, or id")


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


def _fill(asked: argparse.Namespace, room: place_pb2.Room) -> list[str]:
    """Puts what was said into the message, and names the paths."""
    paths = [path for path in ("title", "capacity", "notes", *_LISTS) if getattr(asked, path) is not None]
    for path in paths:
        if path in _LISTS:
            getattr(room, path)[:] = getattr(asked, path)
        else:
            setattr(room, path, getattr(asked, path))
    return paths


def _facts(room: place_pb2.Room) -> dict[str, str]:
    told = {"title": room.title, "capacity": str(room.capacity or ""), "notes": room.notes}
    return told | {path: ", ".join(getattr(room, path)) for path in _LISTS}


async def _edit(stubs: Site, asked: argparse.Namespace) -> None:
    async def attempt() -> None:
        before = (await open_house(stubs, asked.centre)).room(asked.room)
        request = pb.UpdateRoomRequest(room=before, request_id=secrets.token_hex(16))
        request.update_mask.paths.extend(_fill(asked, request.room))
        if not request.update_mask.paths:
            raise Failure("say what is to be changed: `openchair room edit --help` lists it", USAGE)
        say(asked, f'The room "{before.title}", and every meeting held there:')

        async def update() -> place_pb2.Room:
            return await stubs.rooms.UpdateRoom(request, timeout=PATIENCE)

        await edited(asked, "room", before, request.room, _facts, update)

    await until_current(asked, attempt)


async def _delete(stubs: Site, asked: argparse.Namespace) -> None:
    async def attempt() -> None:
        room = (await open_house(stubs, asked.centre)).room(asked.room)
        request = pb.DeleteRoomRequest(name=room.name, etag=room.etag, request_id=secrets.token_hex(16))

        async def delete() -> None:
            await stubs.rooms.DeleteRoom(request, timeout=PATIENCE)

        await deleted(asked, f'The room "{room.title}"', room, delete)

    await until_current(asked, attempt)
