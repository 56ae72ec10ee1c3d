"""`openchair group`: groups whose members open their meetings with an invite code."""

from __future__ import annotations

import asyncio
import json
import re
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import group_pb2, meeting_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.cli.server import PATIENCE, meetings
from services.cli.shell import EXIT_CODES, Failure, centre_id, seen, site_address
from services.kit.client import RpcError, explain

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

    from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

    from services.kit.settings import Settings

_OPTIONS: Final = {
    "parent": "CENTRE",
    "group.title": "--title",
    "grace_seconds": "--grace",
    "invite_code_id": "CODE",
    "meeting.name": "MEETING",
    "meeting.visibility": "--members-only",
}
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_ABOUT: Final = """A group is people who share a code, and no list of them: whoever has the code is in. It opens the
group's meetings with what others are not told: links, passcodes, addresses told to holders.
The code is shown once, when it is made; what is kept cannot be turned back into it."""
_EXAMPLES: Final = """examples:
  openchair group create riverside --title "Night Owls"     a group and its first code
  openchair group open riverside "Night Owls" "Owls online" --members-only
                                                            its code opens this meeting, which nobody else sees
  openchair group close riverside "Owls online" --public    no code opens it any more, and everybody sees it
  openchair group rotate riverside "Night Owls" --grace 7d  a new code; the old one goes on for a week
  openchair group revoke riverside "Night Owls" 822a3ad2    ends one code at once: it got about
  openchair group list riverside                            groups, and the ids of their codes

GROUP is a title or an id. MEETING is a title, an id, or the address of the meeting's calendar.

"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "group",
        help="groups with invite codes: what is told to members only",
        description=_ABOUT,
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(help_of=parser)
    actions = parser.add_subparsers(metavar="ACTION")
    create = _action(actions, "create", "a new group, and its first code", _create, group=False)
    create.add_argument("--title", required=True, help='as its members call it: "Night Owls"')
    create.add_argument("--json", action="store_true", help="as JSON on standard output")
    _action(actions, "list", "a centre's groups and the codes in force", _list, group=False).add_argument(
        "--json", action="store_true", help="as JSON on standard output"
    )
    opening = _action(actions, "open", "let the group's codes open a meeting", _open)
    opening.add_argument("meeting", metavar="MEETING", help="title or id of the meeting")
    opening.add_argument("--members-only", action="store_true", help="and nobody else is to know of it")
    closing = _action(actions, "close", "let no code open a meeting any more", _close, group=False)
    closing.add_argument("meeting", metavar="MEETING", help="title or id of the meeting")
    closing.add_argument("--public", action="store_true", help="and everybody is to know of it")
    rotate = _action(actions, "rotate", "a new code; the one before it ends", _rotate)
    rotate.add_argument("--grace", type=_seconds, default=0, help="how long the old code goes on: 12h, 7d (default: 0)")
    rotate.add_argument("--json", action="store_true", help="as JSON on standard output")
    revoke = _action(actions, "revoke", "end one code at once", _revoke)
    revoke.add_argument("code", metavar="CODE", help="id of the code, as `list` shows it: not the code itself")
    _action(actions, "delete", "remove a group that no meeting needs", _delete)


def _action(actions: Any, name: str, text: str, run: Callable[..., Awaitable[None]], *, group: bool = True) -> Any:
    parser = actions.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.\n\n{_ABOUT}",
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("centre", metavar="CENTRE", type=centre_id, help="id of the centre")
    if group:
        parser.add_argument("group", metavar="GROUP", help="id or title of the group")
    parser.set_defaults(run=lambda asked, settings: _run(run, asked, settings))
    return parser


def _run(action: Callable[..., Awaitable[None]], asked: argparse.Namespace, settings: Settings) -> int:
    async def whole() -> None:
        async with meetings(settings, _OPTIONS) as stub:
            await action(stub, asked, settings)

    asyncio.run(whole())
    return 0


async def _create(stub: MeetingServiceStub, asked: argparse.Namespace, settings: Settings) -> None:
    request = pb.CreateGroupRequest(parent=f"centres/{asked.centre}", group=group_pb2.Group(title=asked.title))
    group = await stub.CreateGroup(request, timeout=PATIENCE)
    made = await stub.RotateInviteCode(pb.RotateInviteCodeRequest(name=group.name), timeout=PATIENCE)
    _tell(made, settings, as_json=asked.json)


async def _list(stub: MeetingServiceStub, asked: argparse.Namespace, _: Settings) -> None:
    found = [_plain(group) for group in await _groups(stub, asked.centre)]
    if asked.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    elif not found:
        print(f"There is no group yet: `openchair group create {asked.centre} --title ...` makes one.")
    for group in [] if asked.json else found:
        print(f"{group['id']}  {seen(group['title'])}")
        for code in group["codes"]:
            print(f"  code {code['id']}, made {code['made']}" + (f", until {code['until']}" if code["until"] else ""))


async def _open(stub: MeetingServiceStub, asked: argparse.Namespace, _: Settings) -> None:
    group = await _group(stub, asked)
    meeting = meeting_pb2.Meeting(
        name=await _meeting(stub, asked), invite_group=group.name, visibility=meeting_pb2.VISIBILITY_MEMBERS
    )
    changed = await _update(stub, meeting, visibility=asked.members_only)
    others = "nobody else sees it" if asked.members_only else "others see of it what they saw before"
    print(f'The codes of "{seen(group.title)}" open "{seen(changed.title)}"; {others}.')


async def _close(stub: MeetingServiceStub, asked: argparse.Namespace, _: Settings) -> None:
    meeting = meeting_pb2.Meeting(name=await _meeting(stub, asked), visibility=meeting_pb2.VISIBILITY_PUBLIC)
    try:
        changed = await _update(stub, meeting, visibility=asked.public)
    except RpcError as error:
        if "meeting.invite_group" not in {wrong.field for wrong in explain(error).violations}:
            raise
        raise Failure(
            "it is for members only, and without a group nobody could open it: say --public, or give it another group"
            " with `openchair group open`"
        ) from None
    others = "everybody sees it" if asked.public else "others see of it what they saw before"
    print(f'No code opens "{seen(changed.title)}" any more; {others}.')


async def _update(stub: MeetingServiceStub, meeting: meeting_pb2.Meeting, *, visibility: bool) -> meeting_pb2.Meeting:
    request = pb.UpdateMeetingRequest(meeting=meeting)
    request.update_mask.paths.extend(["invite_group", *(["visibility"] if visibility else [])])
    return await stub.UpdateMeeting(request, timeout=PATIENCE)


async def _rotate(stub: MeetingServiceStub, asked: argparse.Namespace, settings: Settings) -> None:
    group = await _group(stub, asked)
    request = pb.RotateInviteCodeRequest(name=group.name, grace_seconds=asked.grace)
    _tell(await stub.RotateInviteCode(request, timeout=PATIENCE), settings, as_json=asked.json)


async def _revoke(stub: MeetingServiceStub, asked: argparse.Namespace, _: Settings) -> None:
    group = await _group(stub, asked)
    request = pb.RevokeInviteCodeRequest(name=group.name, invite_code_id=asked.code)
    left = await stub.RevokeInviteCode(request, timeout=PATIENCE)
    count = len(left.invite_codes)
    print(f"The code {asked.code} opens nothing any more. In force: {count or 'no code'}.")


async def _delete(stub: MeetingServiceStub, asked: argparse.Namespace, _: Settings) -> None:
    group = await _group(stub, asked)
    await stub.DeleteGroup(pb.DeleteGroupRequest(name=group.name), timeout=PATIENCE)
    print(f'The group "{seen(group.title)}" is gone, and its codes with it.')


async def _groups(stub: MeetingServiceStub, centre: str) -> list[group_pb2.Group]:
    found: list[group_pb2.Group] = []
    token = ""
    while True:
        request = pb.ListGroupsRequest(parent=f"centres/{centre}", page_token=token)
        page = await stub.ListGroups(request, timeout=PATIENCE)
        found.extend(page.groups)
        if not (token := page.next_page_token):
            return found


async def _group(stub: MeetingServiceStub, asked: argparse.Namespace) -> group_pb2.Group:
    """The group with this id, or the only one with this title. Raises Failure."""
    groups = await _groups(stub, asked.centre)
    wanted = asked.group.casefold()
    found = [each for each in groups if wanted in {_id(each), each.title.casefold()}]
    if len(found) == 1:
        return found[0]
    ids = ", ".join(_id(each) for each in found)
    many = f"several groups are called {asked.group!r}: say which by its id ({ids})"
    none = f"there is no group {asked.group!r} here. `openchair group list {asked.centre}` shows which there are"
    raise Failure(many if found else none)


async def _meeting(stub: MeetingServiceStub, asked: argparse.Namespace) -> str:
    """The name of the meeting with this id or calendar address, or of the only one with this title. Raises Failure."""
    wanted = asked.meeting.rpartition("/")[2].removesuffix(".ics")
    found: list[meeting_pb2.Meeting] = []
    token = ""
    while True:
        request = pb.ListMeetingsRequest(parent=f"centres/{asked.centre}", page_token=token)
        page = await stub.ListMeetings(request, timeout=PATIENCE)
        found += [each for each in page.meetings if _is_called(each, asked.meeting, wanted)]
        if not (token := page.next_page_token):
            break
    if len(found) == 1:
        return found[0].name
    ids = ", ".join(_id(each) for each in found)
    many = f"several meetings are called {asked.meeting!r}: say which by its id ({ids})"
    none = f"there is no meeting {asked.meeting!r} here: say its title as its centre's page has it"
    raise Failure(many if found else none)


def _is_called(meeting: meeting_pb2.Meeting, title: str, id_: str) -> bool:
    return _id(meeting) == id_ or meeting.title.casefold() == title.casefold()


def _tell(made: pb.RotateInviteCodeResponse, settings: Settings, *, as_json: bool) -> None:
    """The code, this once, and what it is for."""
    base = site_address(settings)
    page = f"{base}/invited/{made.invite_code}"
    if as_json:
        print(json.dumps({**_plain(made.group), "code": made.invite_code, "page": page, "calendar": f"{page}.ics"}))
        return
    print(f'The code of "{seen(made.group.title)}", shown this once:\n\n  {made.invite_code}\n')
    print(f"  {page}      what the group's meetings are, and how to join\n  {page}.ics  the same as a calendar\n")
    print(f"On paper the code is enough: it is typed in at {base}/invited.\n")
    print("Whoever has the code sees all of it: pass it on to members only. If it gets about, `openchair group rotate`")
    print("makes another. It opens the meetings that name the group: `openchair group open` adds one.")
    if not base:
        print("Before these paths goes the address of the site (OPENCHAIR_PUBLIC_URL).")
    elif settings.public_url is None:
        print("These addresses work on this computer only (OPENCHAIR_PUBLIC_URL gives the site one of its own).")


def _plain(group: group_pb2.Group) -> dict[str, Any]:
    codes = [
        {
            "id": code.id,
            "made": f"{code.create_time.ToDatetime(UTC):%Y-%m-%d}",
            "until": f"{code.expire_time.ToDatetime(UTC):%Y-%m-%dT%H:%MZ}" if code.HasField("expire_time") else None,
        }
        for code in group.invite_codes
    ]
    return {"id": _id(group), "title": group.title, "codes": codes}


def _id(named: group_pb2.Group | meeting_pb2.Meeting) -> str:
    return named.name.rpartition("/")[2]


def _seconds(text: str) -> int:
    """A stretch of time as people write it: "0", "30m", "12h", "7d". Raises ArgumentTypeError."""
    match = re.fullmatch(r"(\d{1,6})([mhd])", text)
    if match is None and text != "0":
        raise ArgumentTypeError(f"{text!r} is no time: 30m, 12h, 7d, or 0")
    return int(timedelta(**{_UNITS[match[2]]: int(match[1])}).total_seconds()) if match else 0
