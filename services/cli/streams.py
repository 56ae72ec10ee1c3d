"""`openchair streams`: what services that run one by one need of their broker. The work is done by services.streams."""

from __future__ import annotations

import os
import sys
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from services.cli.shell import EXIT_CODES

if TYPE_CHECKING:
    import argparse

    from services.kit.settings import Settings

_EXAMPLES: Final = """everything in one process (`make run`) needs none of this: it brings a broker of its own.

examples, for a broker on this machine:
  openchair streams config nats
  nats-server -c nats/nats-server.conf &
  export NATS_URL=nats://127.0.0.1:4222 NATS_MONITOR_URLS=http://127.0.0.1:8222
  OPENCHAIR_NATS_CREDENTIALS=nats/provisioner.json openchair streams apply
  OPENCHAIR_NATS_CREDENTIALS=nats/provisioner.json openchair streams check
  OPENCHAIR_NATS_CREDENTIALS=nats/meetings.json python -m services.meetings

docs/operations.md has the rest: several processes, several machines, upgrades.

"""


def add_to(commands: Any) -> None:
    """Adds the commands."""
    parser = commands.add_parser(
        "streams",
        help="prepare a broker (NATS) for services that run one by one",
        description="Prepares a broker for services that run one by one, and looks whether it is as they need it.",
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(help_of=parser)
    actions = parser.add_subparsers(metavar="ACTION")
    _add(
        actions,
        "apply",
        "make the streams, or bring them up to date",
        "Needs the credentials of `provisioner`. What is in the streams stays.",
    )
    _add(
        actions, "check", "say what differs from what services need", "Changes nothing. Exit code 1: something differs."
    )
    config = _add(
        actions,
        "config",
        "write a configuration of nats-server, and a credentials file for each service",
        "nats-server.conf and the credentials are written once, users.conf each time: call it again after an upgrade,\n"
        "and let nats-server read it again (nats-server --signal reload). Existing passwords stay.",
    )
    config.add_argument("folder", type=Path, metavar="DIR", help="where to; readable by you alone")
    config.add_argument("--host", default="127.0.0.1", help="where nats-server listens (127.0.0.1)")
    config.add_argument("--port", type=int, default=4222, help="its port (4222)")
    config.add_argument("--monitor-port", type=int, default=8222, help="the port of its monitoring (8222)")
    config.add_argument("--store", help="its folder for streams (DIR/streams)")


def _add(actions: Any, name: str, help_: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name,
        help=help_,
        description=f"{help_[0].upper()}{help_[1:]}.\n{description}",
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(help_of=parser, run=run, action=name)
    return parser


def run(asked: argparse.Namespace, _: Settings) -> NoReturn:
    """Becomes the program that knows all services."""
    words = [asked.action]
    if asked.action == "config":
        words += [str(asked.folder), "--host", asked.host, "--port", str(asked.port)]
        words += ["--monitor-port", str(asked.monitor_port), *(("--store", asked.store) if asked.store else ())]
    os.execv(sys.executable, [sys.executable, "-m", "services.streams", *words])  # noqa: S606 - our own module
