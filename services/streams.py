"""Prepares a broker for all services: what `openchair streams` becomes."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import TYPE_CHECKING

from services.cli.shell import REFUSED, STOPPED, USAGE
from services.cli.streams import add_to
from services.kit.bus_port import BusError
from services.kit.credentials import credentials_of
from services.kit.host import streams_of, users_of
from services.kit.logs import make_log
from services.kit.provisioning import Listening, apply, look, write_config
from services.kit.settings import SettingsError, read
from services.plans import PLANS

if TYPE_CHECKING:
    from services.kit.settings import Settings


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="openchair")
    add_to(parser.add_subparsers())
    asked = parser.parse_args(["streams", *sys.argv[1:]])
    code = REFUSED
    try:
        settings = read(os.environ)
        problems = config(asked, settings) if asked.action == "config" else asyncio.run(broker(asked.action, settings))
    except SettingsError as error:
        problems, code = error.problems, USAGE
    except (BusError, OSError, ValueError) as error:
        problems = [str(error)]
    except KeyboardInterrupt:
        problems, code = ["stopped"], STOPPED
    for problem in problems:
        print(f"openchair: {problem}", file=sys.stderr)
    raise SystemExit(code if problems else 0)


async def broker(action: str, settings: Settings) -> list[str]:
    """Makes the streams, or only looks; what is wrong. Raises SettingsError, BusError, OSError, ValueError."""
    if not settings.nats_url:
        raise SettingsError(["NATS_URL is needed: where the broker is, such as nats://127.0.0.1:4222"])
    try:
        credentials_of(settings)
    except ValueError as error:
        raise SettingsError([str(error)]) from None
    streams = streams_of(PLANS, settings.site, settings.nats_replicas)
    found = await (apply if action == "apply" else look)(settings, streams, make_log("error"))
    names = ", ".join(stream.name for stream in streams)
    if action == "apply":
        print(f"made or brought up to date: {names}")
    elif not found:
        print(f"as services need it: {names}")
    return found


def config(asked: argparse.Namespace, settings: Settings) -> list[str]:
    """Writes the files."""
    folder = asked.folder.absolute()
    listening = Listening(asked.host, asked.port, asked.monitor_port, asked.store or str(folder / "streams"))
    for path in write_config(folder, f"openchair-{settings.site}", users_of(PLANS, settings.site), listening):
        print(path)
    return []


if __name__ == "__main__":
    main()
