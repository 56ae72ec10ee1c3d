"""`openchair room`: rooms of a centre's places."""

from __future__ import annotations

import json
import secrets
from argparse import RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import place_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli import asking, room_fields, room_times
from services.cli.acting import action
from services.cli.asking import deleted, edited, give, say, until_current
from services.cli.called import SHORT_ID, folded, id_of
from services.cli.clashes import told_clashes
from services.cli.columns import WIDTH, table
from services.cli.data import whole
from services.cli.facts import lines
from services.cli.house import open_house
from services.cli.room_fields import OPTIONS, facts
from services.cli.room_words import hours_text
from services.cli.server import PATIENCE
from services.cli.shell import EXIT_CODES, USAGE, Failure, seen
from services.formats.folding import fold

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

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

ROOM is a title, the beginning of one, or an id, of which the beginning is enough.

"""


_OPEN: Final = frozenset({place_pb2.ADDRESS_ACCESS_UNSPECIFIED, place_pb2.ADDRESS_ACCESS_PUBLIC})
_HIDDEN: Final = place_pb2.ADDRESS_ACCESS_HOLDERS


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "room",
        help="rooms: hours, rules, parts, what is on, how much they are used",
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
    return {"id": id_of(room), **whole(room)}


async def _create(stubs: Site, asked: argparse.Namespace) -> None:
    house = await open_house(stubs, asked.centre)
    room = place_pb2.Room(
        place="" if asked.video else house.place(asked.place).name,
        kind=place_pb2.ROOM_KIND_VIDEO if asked.video else place_pb2.ROOM_KIND_ROOM,
    )
    _refuse_twin(house, room.place, asked.title)
    room_fields.fill(asked, house, room)
    request = pb.CreateRoomRequest(parent=house.centre.name, room=room, request_id=secrets.token_hex(16))
    made = await told_clashes(house, stubs.rooms.CreateRoom(request, timeout=PATIENCE))
    where = f'The room "{made.title}" of "{house.titles([made.place])[0]}"' if made.place else f'"{made.title}"'
    say(asked, f"{where} is there. Its id is {id_of(made)}.")
    give(asked, _plain(made))


def _refuse_twin(house: House, place: str, title: str, name: str = "") -> None:
    """Raises Failure: two rooms of one name in one house would be mistaken for each other at every booking."""
    for each in house.rooms:
        if each.place == place and folded(each.title) == folded(title) and each.name != name:
            raise Failure(
                f'--title: there is a room "{each.title}" already, {id_of(each)}: '
                f"`openchair room edit {house.id} {id_of(each)[:SHORT_ID]}` changes it"
            )


async def _list(stubs: Site, asked: argparse.Namespace) -> None:
    house = await open_house(stubs, asked.centre)
    if asked.json:
        print(json.dumps([_plain(each) for each in house.rooms], ensure_ascii=False, indent=1))
        return
    for place in (*house.places, None):
        rooms = [each for each in house.rooms if each.place == (place.name if place else "")]
        for line in listed(rooms, house):
            print(seen(line))
    print(f"{len(house.rooms)} room{'s' * (len(house.rooms) != 1)}")


def listed(rooms: Sequence[place_pb2.Room], house: House) -> list[str]:
    """The rooms of one place, or the video accounts, as a table with its headline; none of none."""
    if not rooms:
        return []
    rows = [_row(each, house) for each in sorted(rooms, key=lambda room: fold(room.title))]
    head = house.titles([rooms[0].place])[0] if rooms[0].place else "Video accounts"
    heads = ("ROOM", "CHAIRS" if rooms[0].place else "PEOPLE", "WITH", "OPEN", "ID")
    return [head, *(f"  {line}" for line in table(heads, rows, WIDTH - 2))]


def _row(room: place_pb2.Room, house: House) -> tuple[str, ...]:
    parts = f"made of {' and '.join(house.titles(room.parts))}" if room.parts else ""
    has = ", ".join(filter(None, (parts, *room.accessibility, *room.equipment)))
    return room.title, str(room.capacity or ""), has, ", ".join(hours_text(room.opening_hours)), id_of(room)[:SHORT_ID]


async def _show(stubs: Site, asked: argparse.Namespace) -> None:
    house = await open_house(stubs, asked.centre)
    room = house.room(asked.room)
    if asked.json:
        print(json.dumps(_plain(room), ensure_ascii=False, indent=1))
        return
    told = {"id": id_of(room), **{name: text for name, text in facts(room, house).items() if text}}
    told |= _addresses(room, house)
    for fact in lines(told):
        print("\n".join(map(seen, fact.split("\n"))))


def _addresses(room: place_pb2.Room, house: House) -> dict[str, str]:
    """Where everybody may look: no page of a room whose address is told to some only, busy times where it says so."""
    base, id_ = house.site.address, id_of(room)
    place = next((each for each in house.places if each.name == room.place), place_pb2.Place(address_access=_HIDDEN))
    told = {}
    if place.address_access in _OPEN:
        told = {
            "page": f"{base}/centre/{house.id}/room/{id_}",
            "calendar": f"{base}/calendars/{house.id}/room/{id_}.ics",
        }
    return told | ({"busy times at": f"{base}/freebusy/{house.id}/{id_}.ifb"} if room.public_busy else {})


async def _edit(stubs: Site, asked: argparse.Namespace) -> None:
    async def attempt() -> None:
        house = await open_house(stubs, asked.centre)
        before = house.room(asked.room)
        _refuse_twin(house, before.place, asked.title or "", before.name)
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
