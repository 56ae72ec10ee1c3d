"""`openchair dead`: what a service could not handle."""

from __future__ import annotations

import asyncio
import json
from argparse import RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToDict
from openchair.admin.v1 import admin_service_pb2 as pb

from services.cli.server import PATIENCE, admin
from services.cli.shell import EXIT_CODES, PARTLY, seen

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Mapping, Sequence

    from openchair.admin.v1.admin_service_pb2_grpc import AdminServiceStub
    from openchair.admin.v1.dead_letter_pb2 import DeadLetter

    from services.kit.settings import Settings

REPLAY_PATIENCE = 600.0
"""Seconds that trying all of them once more may take."""

_OPTIONS: Final = {"service": "--service"}
_ABOUT: Final = """A service that follows others tries a state it cannot handle several times, then puts it aside as a
dead letter and goes on with the rest. A letter names the state and why it failed; it never holds what people wrote.
A newer state of the same thing that is handled removes its letter.
"""
_LIST: Final = """examples:
  openchair dead list
  openchair dead list --service meetings --json

"""
_REPLAY: Final = """examples:
  openchair dead replay --service meetings                          all of them
  openchair dead replay --service meetings openchair.local.public.meetings.riverside.meeting.m1

Each subject's present state is handled once more: do it after the cause is gone. What is handled is removed from the
list; what fails again stays, with its new reason, and the exit code is 3.

"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser("dead", help="what a service could not handle", description=_ABOUT)
    parser.set_defaults(help_of=parser)
    actions = parser.add_subparsers(metavar="ACTION")
    shown = _action(actions, "list", "what is there", _LIST)
    shown.add_argument("--service", default="", metavar="SERVICE", help="of this service alone")
    shown.set_defaults(run=run_list)
    replay = _action(actions, "replay", "try them once more", _REPLAY)
    replay.add_argument("subjects", nargs="*", metavar="SUBJECT", help="as the list has them; none: all of the service")
    replay.add_argument("--service", required=True, metavar="SERVICE", help="the service that could not handle them")
    replay.set_defaults(run=run_replay)


def run_list(asked: argparse.Namespace, settings: Settings) -> int:
    """Lists them."""
    letters = asyncio.run(_list(asked.service, settings))
    if asked.json:
        print(json.dumps({name: [_plain(each) for each in found] for name, found in letters.items()}, indent=1))
        return 0
    for name, found in letters.items():
        _show(name, found)
    if not any(letters.values()):
        print("No dead letters: everything was handled.")
    return 0


def run_replay(asked: argparse.Namespace, settings: Settings) -> int:
    """Tries them again and says what became of them."""
    reply = asyncio.run(_replay(asked.service, asked.subjects, settings))
    if asked.json:
        print(json.dumps({"handled": reply.handled, "failed": [_plain(each) for each in reply.letters]}, indent=1))
    else:
        _show(asked.service, reply.letters)
        print(f"{reply.handled} handled, {len(reply.letters)} failed again.")
    return PARTLY if reply.letters else 0


def _action(actions: Any, name: str, help_: str, epilog: str) -> Any:
    parser = actions.add_parser(
        name,
        help=help_,
        description=_ABOUT,
        epilog=epilog + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="as JSON on standard output")
    return parser


async def _list(service: str, settings: Settings) -> dict[str, list[DeadLetter]]:
    async with admin(settings, _OPTIONS, service) as stub:
        status = await stub.GetStatus(pb.GetStatusRequest(), timeout=PATIENCE)
        names = [service] if service else [each.service for each in status.services]
        return {name: [letter async for letter in _letters(stub, name)] for name in names}


async def _letters(stub: AdminServiceStub, service: str) -> AsyncIterator[DeadLetter]:
    token = ""
    while True:
        request = pb.ListDeadLettersRequest(service=service, page_size=500, page_token=token)
        reply = await stub.ListDeadLetters(request, timeout=PATIENCE)
        for letter in reply.letters:
            yield letter
        token = reply.next_page_token
        if not token:
            return


async def _replay(service: str, subjects: Sequence[str], settings: Settings) -> pb.ReplayDeadLettersResponse:
    async with admin(settings, _OPTIONS, service) as stub:
        request = pb.ReplayDeadLettersRequest(service=service, subjects=subjects)
        return await stub.ReplayDeadLetters(request, timeout=REPLAY_PATIENCE)


def _plain(letter: DeadLetter) -> Mapping[str, Any]:
    return MessageToDict(letter, preserving_proto_field_name=True)


def _show(service: str, letters: Sequence[DeadLetter]) -> None:
    """A letter takes two lines: its subject is long, and its reason a sentence."""
    for letter in letters:
        at = letter.time.ToJsonString()
        print(f"{service}  {at}  tried {letter.attempts} times  {seen(letter.subject)} (revision {letter.revision})")
        print(f"    {seen(letter.reason)}")
