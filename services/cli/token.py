"""`openchair token`: a short-lived token, for development and for scripts of whoever owns the data folder."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from openchair.access.v1.access_pb2 import Role

from services.cli.shell import EXIT_CODES, USAGE, Failure
from services.kit.auth import Keys, audience_of, load_or_make_keys, make_token
from services.kit.call import EVERYWHERE
from services.kit.clock import SystemClock

if TYPE_CHECKING:
    import argparse

    from services.kit.settings import Settings

ROLES = tuple(name.removeprefix("ROLE_").lower() for name in Role.keys() if name != "ROLE_UNSPECIFIED")  # noqa: SIM118 - an enum wrapper, not a dict

_EXAMPLES: Final = """examples:
  for a coordinator who works from another computer:
    openchair token --subject kim --role coordinator@riverside-aa
  there, that one keeps it for the hour:
    export OPENCHAIR_TOKEN=...

"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "token",
        help="make a short-lived token",
        description="Makes a token, signed with the key in the data folder (OPENCHAIR_DATA), and prints it. "
        "It lasts an hour at most; whoever has it, has its roles.",
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--subject", required=True, help="who it is for, an id and no full name; stands in the audit trail"
    )
    parser.add_argument(
        "--role",
        action="append",
        required=True,
        metavar="ROLE@CENTRE",
        help=f"one of {', '.join(ROLES)}, at a centre; without @CENTRE: everywhere. May be given again",
    )
    parser.add_argument("--minutes", type=int, default=60, help="how long it lasts, 1 to 60 (default 60)")
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace, settings: Settings) -> int:
    """Prints the token."""
    roles: defaultdict[str, set[str]] = defaultdict(set)
    for text in asked.role:
        role, _, centre = text.partition("@")
        roles[centre or EVERYWHERE].add(role)
    try:
        keys = _keys(settings)
        token = make_token(
            keys.private,
            asked.subject,
            roles,
            audience=audience_of(settings.site),
            lifetime=timedelta(minutes=asked.minutes),
            clock=SystemClock(),
        )
    except ValueError as error:
        raise Failure(str(error), USAGE) from None
    except OSError as error:
        raise Failure(f"the keys in the data folder (OPENCHAIR_DATA): {error}") from None
    print(token)
    return 0


def _keys(settings: Settings) -> Keys:
    """Those that a server made. New ones would open nothing: no server knows them."""
    folder = (settings.data / "keys").absolute()
    if not (folder / "token.key").exists():
        raise Failure(
            f"there are no keys in {folder}: set OPENCHAIR_DATA to the data folder of a server."
            " `make run` makes the keys when it starts for the first time"
        )
    return load_or_make_keys(folder)
