"""Where a meeting is held and how it is joined, as options."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from services.cli.meeting_fields import word
from services.cli.shell import USAGE, Failure

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from openchair.meetings.v1 import meeting_pb2

    from services.cli.house import House

ACCESS: Final = {"everybody": 1, "seats": 2, "code": 3}
OPTIONS: Final[Mapping[str, str]] = {
    "meeting.place": "--place",
    "meeting.rooms": "--room",
    "meeting.online_host": "--host",
    "meeting.online": "--link",
    "meeting.online.url": "--link",
    "meeting.online.phone": "--phone",
    "meeting.online.passcode": "--passcode-file",
    "meeting.online.notes": "--join-notes",
    "meeting.online.access": "--link-for",
    "meeting.invite_group": "--invite-group",
}
_ONLINE: Final = (("link", "url"), ("phone", "phone"), ("join_notes", "notes"))


def add_to(parser: Any, *, series: bool) -> None:
    """Adds the options; `series`: also those that are not about one date."""
    group = parser.add_argument_group("where, and how to join")
    group.add_argument("--place", metavar="PLACE", help="title or id of a place (`openchair place list`)")
    group.add_argument("--no-place", dest="place", action="store_const", const="", help="at no place: online only")
    group.add_argument("--room", dest="room", metavar="ROOM", action="append", help="title or id; may be repeated")
    group.add_argument("--no-room", dest="room", action="store_const", const=[], help="in no certain room")
    add_joining(group)
    group.add_argument("--no-online", action="store_true", help="unset link, number, passcode and how to join")
    group.add_argument("--link-for", choices=list(ACCESS), help="who is told how to join: everybody, seats or code")
    if series:
        group.add_argument("--host", metavar="ACCOUNT", help="the video account that hosts it where it is online")
        group.add_argument("--no-host", dest="host", action="store_const", const="", help="hosted by no account")
        group.add_argument("--invite-group", metavar="GROUP", help="whose invite codes open it (`openchair group`)")
        group.add_argument("--no-invite-group", dest="invite_group", action="store_const", const="", help="no codes")


def add_joining(group: Any) -> None:
    """Adds what is told to whoever joins from afar."""
    group.add_argument("--link", metavar="URL", help="https link to join by")
    group.add_argument("--phone", metavar="NUMBER", help="dial-in number: +1 780 555 0100")
    group.add_argument("--passcode-file", metavar="FILE", type=Path, help="file with the passcode; - asks for it")
    group.add_argument("--join-notes", metavar="TEXT", help="how to join; told as the passcode is")


async def fill(asked: argparse.Namespace, house: House, message: Any) -> list[str]:
    """Puts what was said into a meeting, or into the change of one date, and names the paths."""
    paths = _place(asked, house, message)
    paths += online(asked, message.online) if not asked.no_online else ["online"]
    if asked.no_online:
        message.ClearField("online")
    host = getattr(asked, "host", None)
    if host is not None:
        message.online_host = house.room(host).name if host else ""
        paths.append("online_host")
    group = getattr(asked, "invite_group", None)
    if group is not None:
        message.invite_group = house.group(group).name if group else ""
        paths.append("invite_group")
    return paths


def _place(asked: argparse.Namespace, house: House, message: Any) -> list[str]:
    paths = []
    if asked.place is not None:
        message.place = house.place(asked.place).name if asked.place else ""
        paths.append("place")
    if asked.room is not None or asked.place is not None:
        message.rooms[:] = [house.room(each, message.place).name for each in asked.room or ()]
        if asked.room and not message.place:
            message.place = house.room(asked.room[0]).place
            paths.append("place")
        paths.append("rooms")
    return paths


def online(asked: argparse.Namespace, message: meeting_pb2.Online) -> list[str]:
    """Puts what was said of joining into the message, and names the paths."""
    paths = []
    for option, path in _ONLINE:
        value = getattr(asked, option)
        if value is not None:
            setattr(message, path, value)
            paths.append(f"online.{path}")
    if asked.passcode_file is not None:
        message.passcode = _passcode(asked.passcode_file)
        paths.append("online.passcode")
    if getattr(asked, "link_for", None) is not None:
        message.access = ACCESS[asked.link_for]  # type: ignore[assignment]  # the wire's number
        paths.append("online.access")
    return paths


def _passcode(file: Path) -> str:
    """From a file, or typed without being shown: it never stands in a command, where others could read it."""
    if str(file) != "-":
        try:
            return file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Failure(f"--passcode-file: {file}: {error}", USAGE) from None
    if sys.stdin is None or not sys.stdin.isatty():
        raise Failure("--passcode-file -: nobody can be asked here; name a file", USAGE)
    return getpass.getpass("Passcode: ").strip()


def read_back(meeting: meeting_pb2.Meeting, house: House) -> dict[str, str]:
    """Where it is, in words; that there is a passcode, and never which."""
    online_ = meeting.online
    told = {
        "place": ", ".join(house.titles([meeting.place] if meeting.place else [])),
        "room": ", ".join(house.titles(meeting.rooms)),
        "lost rooms": ", ".join(house.titles(meeting.lost_rooms)),
        "host": ", ".join(house.titles([meeting.online_host] if meeting.online_host else [])),
        "link": online_.url,
        "phone": online_.phone,
        "passcode": "there is one" if online_.passcode else "",
        "join notes": "there are some" if online_.notes else "",
        "link for": word(ACCESS, online_.access) if meeting.HasField("online") else "",
        "invite group": ", ".join(house.titles([meeting.invite_group] if meeting.invite_group else [])),
    }
    return {name: text for name, text in told.items() if text}
