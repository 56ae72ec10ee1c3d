"""`openchair room`: rooms of a centre's places."""

from __future__ import annotations

import json
import secrets
from argparse import RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToDict
from openchair.meetings.v1 import place_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli import asking, room_fields, room_times
from services.cli.acting import action
from services.cli.asking import deleted, edited, give, say, until_current
from services.cli.called import id_of
from services.cli.clashes import told_clashes
from services.cli.facts import lines
from services.cli.house import open_house
from services.cli.room_fields import OPTIONS, facts
from services.cli.room_words import hours_text
from services.cli.server import PATIENCE
from services.cli.shell import EXIT_CODES, USAGE, Failure, seen
from services.formats.folding import fold

if TYPE_CHECKING:
    import argparse

    from services.cli.house import House
    from services.cli.server import Site

_EXAMPLES: Final = """examples:
  openchair room create riverside --place "Riverside House" --title "River Hall" --capacity 80 \\
      --accessibility wheelchair,hearing-loop --equipment "projector,piano"
  openchair room create riverside --video --title "Zoom 1" --link https://example.org/j/123
  openchair room edit riverside "River Hall" --hours "mon-fri 09:00-22:00" --hours "sat 10:00-18:00" \\
      --closed "24 dec: Christmas Eve" --setup 15 --teardown 30
  openchair room edit riverside "River Hall" --who coordinators --quota "2 per week" --approval holds
  openchair room edit riverside "Great Hall" --part "River Hall" --part "Small Room"
  openchair room show riverside "River Hall"
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
    where = create.add_mutually_exclusive_group(required=True)
    where.add_argument("--place", metavar="PLACE", help="title or id of the place it belongs to")
    where.add_argument("--video", action="store_true", help="an account for meeting online: it is at no place")
    create.add_argument("--title", required=True, help='as people call it: "River Hall"')
    room_fields.add_to(create)
    create.add_argument("--json", action="store_true", help="the room as JSON on standard output")
    listing = action(actions, "list", "a centre's rooms", _list, _EXAMPLES, OPTIONS)
    listing.add_argument("--json", action="store_true", help="as JSON on standard output")
    show = action(actions, "show", "all that a room says of itself", _show, _EXAMPLES, OPTIONS, "ROOM")
    _add_room(show)
    show.add_argument("--json", action="store_true", help="as JSON on standard output")
    edit = action(actions, "edit", "change what a room says of itself", _edit, _EXAMPLES, OPTIONS, "ROOM")
    _add_room(edit)
    edit.add_argument("--title", metavar="TEXT", help='as people call it: "River Hall"')
    room_fields.add_to(edit)
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
        place="" if asked.video else house.place(asked.place).name,
        kind=place_pb2.ROOM_KIND_VIDEO if asked.video else place_pb2.ROOM_KIND_ROOM,
    )
    room_fields.fill(asked, house, room)
    request = pb.CreateRoomRequest(parent=house.centre.name, room=room, request_id=secrets.token_hex(16))
    made = await told_clashes(house, stubs.rooms.CreateRoom(request, timeout=PATIENCE))
    where = f'The room "{made.title}" of "{house.titles([made.place])[0]}"' if made.place else f'"{made.title}"'
    say(asked, f"{where} is there. Its id is {id_of(made)}.")
    give(asked, _plain(made))


async def _list(stubs: Site, asked: argparse.Namespace) -> None:
    house = await open_house(stubs, asked.centre)
    if asked.json:
        print(json.dumps([_plain(each) for each in house.rooms], ensure_ascii=False, indent=1))
        return
    for place in (*house.places, None):
        rooms = [each for each in house.rooms if each.place == (place.name if place else "")]
        if rooms:
            print(seen(place.title if place else "Video accounts"))
        for each in sorted(rooms, key=lambda room: fold(room.title)):
            print(seen(_line(each, house)))
    print(f"{len(house.rooms)} room{'s' * (len(house.rooms) != 1)}")


def _line(room: place_pb2.Room, house: House) -> str:
    """One room of a list."""
    parts = f"made of {' and '.join(house.titles(room.parts))}" if room.parts else ""
    unit = "participants" if room.kind == place_pb2.ROOM_KIND_VIDEO else "chairs"
    chairs = f"{room.capacity} {unit}" if room.capacity else ""
    told = (chairs, parts, *room.accessibility, *room.equipment, *hours_text(room.opening_hours))
    more = ", ".join(filter(None, told))
    return f"  {id_of(room)}  {room.title}{': ' if more else ''}{more}"


async def _show(stubs: Site, asked: argparse.Namespace) -> None:
    house = await open_house(stubs, asked.centre)
    room = house.room(asked.room)
    if asked.json:
        print(json.dumps(_plain(room), ensure_ascii=False, indent=1))
        return
    told = {"id": id_of(room), **{name: text for name, text in facts(room, house).items() if text}}
    for fact in lines(told):
        print("\n".join(map(seen, fact.split("\n"))))


async def _edit(stubs: Site, asked: argparse.Namespace) -> None:
    async def attempt() -> None:
        house = await open_house(stubs, asked.centre)
        before = house.room(asked.room)
        request = pb.UpdateRoomRequest(room=before, request_id=secrets.token_hex(16))
        request.update_mask.paths.extend(room_fields.fill(asked, house, request.room))
        if not request.update_mask.paths:
            raise Failure("say what is to be changed: `openchair room edit --help` lists it", USAGE)
        say(asked, f'The room "{before.title}", and every meeting held there:')

        async def update() -> place_pb2.Room:
            return await told_clashes(house, stubs.rooms.UpdateRoom(request, timeout=PATIENCE))

        await edited(asked, "room", before, request.room, lambda room: facts(room, house), update)

    await until_current(asked, attempt)


async def _delete(stubs: Site, asked: argparse.Namespace) -> None:
    async def attempt() -> None:
        room = (await open_house(stubs, asked.centre)).room(asked.room)
        request = pb.DeleteRoomRequest(name=room.name, etag=room.etag, request_id=secrets.token_hex(16))

        async def delete() -> None:
            await stubs.rooms.DeleteRoom(request, timeout=PATIENCE)

        await deleted(asked, f'The room "{room.title}"', room, delete)

    await until_current(asked, attempt)
