"""A broker of one's own: its configuration, one credentials file for each of its users, and its streams."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from typing import TYPE_CHECKING, NamedTuple

from services.kit.bus import NatsBus
from services.kit.bus_port import BusError
from services.kit.credentials import credentials_of, read_credentials, write_private
from services.kit.streams import authorization, check, check_sync, provision

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from services.kit.logs import Log
    from services.kit.settings import Settings
    from services.kit.streams import NatsUser, StreamSettings

PATIENCE = 10.0
"""Seconds until a broker that does not let us in is given up."""

_CONF = """\
# nats-server 2.14 or newer for Openchair: nats-server -c {folder}/nats-server.conf
# Yours to change: it is written once. Who may do what stands in users.conf, which is written anew each time.

server_name: {name}
listen: {host}:{port}

# What services look at to see that everything is on disk before it is acknowledged (NATS_MONITOR_URLS). It has no
# password: let nobody but them reach it.
http: {host}:{monitor}

jetstream {{
  store_dir: {store}
  # Without it a power cut may take back what was acknowledged. Services are not ready until it is set.
  sync_interval: always
}}

# Passwords travel in the clear without it: needed as soon as a service runs on another machine (NATS_URL=tls://...).
# tls {{
#   cert_file: "/etc/nats/server.pem"
#   key_file: "/etc/nats/server.key"
# }}

include ./users.conf
"""


class Listening(NamedTuple):
    """Where a broker listens and keeps its streams."""

    host: str
    port: int
    monitor: int
    store: str


def write_config(folder: Path, name: str, users: Sequence[NatsUser], listening: Listening) -> list[Path]:
    """Writes what is missing: nats-server.conf and credentials once, users.conf each time. Says what it wrote.

    Raises OSError, or ValueError for credentials there that cannot be taken over.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = [path for user in users if (path := _credentials(folder, user))]
    passwords = {user.name: read_credentials(folder / f"{user.name}.json").password for user in users}
    if not (folder / "nats-server.conf").exists():
        written.append(folder / "nats-server.conf")
        write_private(written[-1], _configuration(folder, name, listening))
    draft = folder / "users.conf.new"
    draft.unlink(missing_ok=True)
    write_private(draft, f'"authorization": {json.dumps(authorization(users, passwords), indent=2)}\n')
    return [*written, draft.replace(folder / "users.conf")]


def _credentials(folder: Path, user: NatsUser) -> Path | None:
    """The user's file, where there was none."""
    path = folder / f"{user.name}.json"
    if path.exists():
        return None
    write_private(path, json.dumps({"user": user.name, "password": secrets.token_urlsafe(32)}) + "\n")
    return path


def _configuration(folder: Path, name: str, listening: Listening) -> str:
    host = f"[{listening.host}]" if ":" in listening.host else listening.host
    return _CONF.format(
        folder=folder,
        name=json.dumps(name),
        host=host,
        port=listening.port,
        monitor=listening.monitor,
        store=json.dumps(listening.store),
    )


async def apply(settings: Settings, streams: Sequence[StreamSettings], log: Log) -> list[str]:
    """Makes the streams, as the user that may; what is wrong even then. Raises ValueError, BusError, TimeoutError."""
    async with _connected(settings, log) as bus:
        await provision(bus, streams)
        return [*await check(bus, streams), *await _sync(settings)]


async def look(settings: Settings, streams: Sequence[StreamSettings], log: Log) -> list[str]:
    """What is wrong with the broker, a sentence each; changes nothing. Raises as `apply`."""
    async with _connected(settings, log) as bus:
        return [*await check(bus, streams), *await _sync(settings)]


async def _sync(settings: Settings) -> list[str]:
    return [] if settings.nats_sync_trusted else await check_sync(settings.nats_monitor_urls)


@contextlib.asynccontextmanager
async def _connected(settings: Settings, log: Log) -> AsyncIterator[NatsBus]:
    user, password = credentials_of(settings)
    urls = [url.strip() for url in (settings.nats_url or "").split(",")]
    bus = NatsBus(urls, user, password, log)
    await bus.open()
    try:
        async with asyncio.timeout(PATIENCE):
            await bus.ready()
    except TimeoutError:
        await bus.close()
        raise BusError(
            f"NATS did not let {user} in within {PATIENCE:.0f} s: is it there, is the password its own?"
        ) from None
    try:
        yield bus
    finally:
        await bus.close()
