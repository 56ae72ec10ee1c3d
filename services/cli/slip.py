"""`openchair slip`: attendance slips: whether one is genuine, the keys they are verified with, declaring one void."""

from __future__ import annotations

import json
import secrets
import sys
from argparse import RawDescriptionHelpFormatter
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToDict
from openchair.rsvps.v1 import rsvp_service_pb2 as pb
from openchair.rsvps.v1 import slip_pb2

from services.cli.acting import obey
from services.cli.asking import say
from services.cli.facts import lines
from services.cli.server import PATIENCE
from services.cli.shell import EXIT_CODES, USAGE, Failure, centre_id, seen
from services.cli.when import full

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

    from services.cli.server import Site

OPTIONS: Final = {"parent": "CENTRE", "name": "SLIP", "token": "TOKEN"}
VERDICTS: Final = {
    slip_pb2.SLIP_VERDICT_UNSPECIFIED: "This is no slip of this site, or it was changed.",
    slip_pb2.SLIP_VERDICT_GENUINE: "This slip is genuine.",
    slip_pb2.SLIP_VERDICT_EXPIRED: "This slip was genuine, and has expired.",
    slip_pb2.SLIP_VERDICT_REVOKED: "This slip was declared void.",
}
_EXAMPLES: Final = """examples:
  openchair slip verify OCS1...                    what the QR code holds; "-" reads it from standard input
  openchair slip keys riverside >riverside.pem     public keys, to verify slips without this server
  openchair slip revoke riverside 7f3a9c...        the id that stands on the slip

"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "slip",
        help="attendance slips: verify, public keys, declare void",
        description="Attendance slips. Who has one shows it; the centre keeps nothing of it.",
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(help_of=parser)
    actions = parser.add_subparsers(metavar="ACTION")
    verify = _action(actions, "verify", "whether a slip is genuine", _verify)
    verify.add_argument("token", metavar="TOKEN", help='what the QR code holds; "-": from standard input')
    verify.add_argument("--json", action="store_true", help="as JSON on standard output")
    keys = _action(actions, "keys", "public keys of a centre, as PEM", _keys)
    keys.add_argument("centre", metavar="CENTRE", type=centre_id, help="id of the centre")
    keys.add_argument("--json", action="store_true", help="as JSON on standard output")
    revoke = _action(actions, "revoke", "declare a slip void", _revoke)
    revoke.add_argument("centre", metavar="CENTRE", type=centre_id, help="id of the centre")
    revoke.add_argument("slip", metavar="SLIP", help="its id, as it stands on the slip")
    revoke.add_argument("--json", action="store_true", help="as JSON on standard output")


def _action(actions: Any, name: str, text: str, run: Callable[[Site, argparse.Namespace], Awaitable[None]]) -> Any:
    parser = actions.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.\n\n{_EXAMPLES.rstrip()}",
        epilog=EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=lambda asked, settings: obey(run, asked, settings, OPTIONS))
    return parser


async def _verify(site: Site, asked: argparse.Namespace) -> None:
    token = asked.token
    if token == "-":  # noqa: S105 - the usual word for standard input
        token = sys.stdin.readline().strip() if sys.stdin is not None else ""
    if not token:
        raise Failure("TOKEN: there is none", USAGE)
    found = await site.seats.VerifyAttendanceSlip(pb.VerifyAttendanceSlipRequest(token=token), timeout=PATIENCE)
    if asked.json:
        print(json.dumps(MessageToDict(found, preserving_proto_field_name=True), ensure_ascii=False, indent=1))
    if found.verdict != slip_pb2.SLIP_VERDICT_GENUINE:
        raise Failure(VERDICTS[found.verdict])
    say(asked, VERDICTS[found.verdict])
    say(asked, "\n".join(lines(facts(found.content))))


def facts(content: slip_pb2.SlipContent) -> dict[str, str]:
    """What stands on it, and no more."""
    told = {
        "centre": content.centre_title or content.centre,
        "person": content.person and f"{content.person}  (as they said; nobody checked it)",
        "date": content.date,
        "from": content.start,
        "to": content.end,
        "meeting": content.meeting_title,
        "taking part": content.attendance,
        "valid until": content.valid_until,
        "id": content.id,
    }
    return {name: text for name, text in told.items() if text}


async def _keys(site: Site, asked: argparse.Namespace) -> None:
    request = pb.ListSlipKeysRequest(parent=f"centres/{asked.centre}")
    found = await site.seats.ListSlipKeys(request, timeout=PATIENCE)
    if asked.json:
        print(json.dumps(MessageToDict(found, preserving_proto_field_name=True), ensure_ascii=False, indent=1))
        return
    for key in found.keys:
        since = f", since {full(key.since_time.ToDatetime(UTC).date())}" if key.since_time.seconds else ""
        print(f"# {seen(key.id)}{since}\n{key.pem.strip()}")


async def _revoke(site: Site, asked: argparse.Namespace) -> None:
    name = f"centres/{asked.centre}/slips/{asked.slip}"
    request = pb.RevokeAttendanceSlipRequest(name=name, request_id=secrets.token_hex(16))
    await site.seats.RevokeAttendanceSlip(request, timeout=PATIENCE)
    say(asked, "This slip is void from now on, where somebody asks this server; offline nobody knows.")
    if asked.json:
        print(json.dumps({"done": True, "name": name}))
