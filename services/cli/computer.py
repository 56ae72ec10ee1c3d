"""What `openchair doctor` sees on this computer, whether a server runs or not. It changes nothing."""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import platform
import pwd
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.cli.finding import Finding, fine, unknown, wrong
from services.kit.auth import load_or_make_keys, load_public_keys
from services.kit.natsd import NatsFailed, find_server
from services.kit.settings import Settings, SettingsError, is_loopback, keys, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

LEAST_FREE = 500_000_000
"""Bytes that must be free on the data folder's disk."""
OLDEST_BROKER = (2, 14)
PATIENCE = 1.0  # seconds for a port of this computer
OTHERS = 0o077  # what others may do
LISTENS = "0A"  # as /proc/net/tcp has it

_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


def settings_of(environ: Mapping[str, str]) -> tuple[Settings, list[Finding]]:
    """The settings as far as they can be understood: what cannot be is told, and left at its default."""
    left, found = dict(environ), list[Finding]()
    while True:
        try:
            settings = read(left)
        except SettingsError as error:
            found += [wrong("settings", problem, "all settings are in .env.example") for problem in error.problems]
            named = {problem.split()[0].rstrip(":") for problem in error.problems} & left.keys()
            if not named:
                return Settings(), found
            left = {key: value for key, value in left.items() if key not in named}
        else:
            count = sum(bool(environ.get(key, "").strip()) for key in keys())
            return settings, found or [fine("settings", f"{count} set, the rest at their defaults")]


def is_here(settings: Settings) -> bool:
    """Whether the server that commands talk to is on this computer."""
    return is_loopback(settings.target.rpartition(":")[0])


def look(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Everything that needs no server."""
    yield _packages()
    yield _time_zones(now)
    if not is_here(settings):
        yield unknown("data folder", f"the server is on another computer ({settings.target})")
        return
    if not settings.nats_url:
        yield _broker_program()
    holder = holder_of(settings.data)
    yield from _folder(settings.data, holder)
    yield from _keys(settings)
    http, grpc = settings.http_port, settings.grpc_port
    yield _port("HTTP port", "OPENCHAIR_HTTP_PORT", settings.host, (http, grpc), holder)
    yield _port("gRPC port", "OPENCHAIR_GRPC_PORT", settings.host, (grpc, http), holder)


def _packages() -> Finding:
    python = f"Python {platform.python_version()}"
    try:
        wanted = importlib.metadata.requires("openchair") or []
    except importlib.metadata.PackageNotFoundError:
        return unknown("program", f"{python}; openchair runs from a folder where it is not installed")
    names = [match[0] for line in wanted if ";" not in line and (match := _NAME.match(line))]
    missing = [name for name in names if not _installed(name)]
    if missing:
        return wrong("program", f"{python}; not installed: {', '.join(missing)}", "run `make setup`")
    version = importlib.metadata.version("openchair")
    return fine("program", f"openchair {version}, {python}, {len(names)} packages")


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _time_zones(now: datetime) -> Finding:
    """The rules of time zones: governments change them a few times a year."""
    if not _installed("tzdata"):
        return wrong("time zones", "the package tzdata is missing", "run `make setup`")
    version = importlib.metadata.version("tzdata")
    if int(version.split(".")[0]) < now.year - 1:
        return wrong("time zones", f"the rules are of {version}: hours may be wrong", "update the package tzdata")
    return fine("time zones", f"tzdata {version}")


def _broker_program() -> Finding:
    try:
        said = subprocess.run([find_server(), "--version"], capture_output=True, text=True, check=True, timeout=10)  # noqa: S603 - our own program
    except NatsFailed as error:
        return wrong("nats-server", str(error), "run `make setup`")
    except (OSError, subprocess.SubprocessError) as error:
        return wrong("nats-server", f"it does not run: {type(error).__name__}", "run `make setup`")
    version = said.stdout.rsplit("v", 1)[-1].strip()
    return broker("nats-server", version)


def broker(name: str, version: str) -> Finding:
    """Whether a nats-server of this version will do."""
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST_BROKER:
        wanted = ".".join(str(part) for part in OLDEST_BROKER)
        return wrong(name, f"version {version} is too old", f"{wanted} or newer is needed")
    return fine(name, f"version {version}")


def holder_of(data: Path) -> int | None:
    """The process that owns the folder: None where nobody does, 0 where it is not known who."""
    try:
        with (data / "lock").open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                said = lock.read(32).strip()
                return int(said) if said.isdigit() else 0
    except OSError:
        return None
    return None


def _folder(path: Path, holder: int | None) -> Iterator[Finding]:
    name, where = "data folder", path.absolute()
    if not path.exists():
        yield _absent(where)
        return
    if not path.is_dir():
        yield wrong(name, f"{where} is no folder", "set OPENCHAIR_DATA to another one")
        return
    stat = path.stat()
    if stat.st_uid != os.geteuid():
        yield wrong(
            name,
            f"{where} belongs to {_user(stat.st_uid)}",
            f"work as that user, or `sudo chown -R` it to {_user(os.geteuid())}",
        )
    elif stat.st_mode & OTHERS:
        yield wrong(name, f"others may look into {where} (mode {stat.st_mode & 0o777:o})", f"chmod 700 {where}")
    elif not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield wrong(name, f"{where} cannot be written to", f"chmod 700 {where}, or mount its disk for writing")
    else:
        owner = "nobody uses it" if holder is None else f"in use by process {holder or '(unknown)'}"
        yield fine(name, f"{where}, {owner}")
    yield _space(path)


def _absent(where: Path) -> Finding:
    above = next(folder for folder in where.parents if folder.exists())
    if os.access(above, os.W_OK | os.X_OK):
        return unknown("data folder", f"there is none at {where} yet: the first start makes it")
    return wrong("data folder", f"{where} cannot be made: {above} cannot be written to", "set OPENCHAIR_DATA")


def _space(path: Path) -> Finding:
    free = shutil.disk_usage(path).free
    text = f"{free / 1e9:.1f} GB free"
    if free < LEAST_FREE:
        return wrong("disk", text, "make space: nothing can be changed while the disk is full")
    return fine("disk", text)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _keys(settings: Settings) -> Iterator[Finding]:
    if settings.token_keys is not None:
        try:
            count = len(load_public_keys(settings.token_keys))
        except (OSError, ValueError) as error:
            yield wrong("keys", f"OPENCHAIR_TOKEN_KEYS: {error}", "the server's user must be able to read them")
        else:
            yield fine("keys", f"{count} public in {settings.token_keys}")
    folder = settings.data / "keys"
    try:
        there = (folder / "token.key").exists() and (folder / "token.pub").exists()
        if there:
            load_or_make_keys(folder)
    except (OSError, ValueError) as error:
        yield wrong("keys", str(error), f"chmod 600 {folder.absolute() / 'token.key'}, as the user who owns it")
        return
    if there:
        yield fine("keys", f"a pair in {folder.absolute()}")
    elif settings.token_keys is None:
        yield unknown("keys", "none yet: the first start makes a pair")


def _port(name: str, key: str, host: str, ports: tuple[int, int], holder: int | None) -> Finding:
    """`ports`: this one, and the other one of the same server."""
    port, other = ports
    if port == 0:
        return unknown(name, f"{key}=0: another one at each start")
    if not _taken(host, port):
        if holder is None:
            return unknown(name, f"{port} is free")
        return wrong(
            name, f"{port} is not listened on, though process {holder} runs", "is it still starting? see its log"
        )
    user = _listener(port)
    if holder is not None and user in {holder, None}:
        return fine(name, f"{port}, in use by the server")
    if user is not None and _is_ours(user) and other and _listener(other) == user:
        return fine(name, f"{port}, in use by Openchair's process {user}")
    who = "another program" if user is None else f"process {user} ({_command(user)})"
    return wrong(
        name,
        f"{port} is in use by {who}",
        f"stop it, or set {key}; if that is the server, set OPENCHAIR_DATA as it has it",
    )


def _taken(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), PATIENCE):
            return True
    except OSError:
        return False


def _listener(port: int) -> int | None:
    """The process that listens there, as far as this user may know."""
    sockets = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listening(table, port)}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(each) in sockets for each in (process / "fd").iterdir()):  # noqa: PTH115 - no path
                return int(process.name)
        except OSError:
            continue
    return None


def _listening(table: str, port: int) -> Iterator[str]:
    try:
        rows = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    except OSError:
        return
    for row in rows:
        _, local, _, state, *rest = row.split()
        if state == LISTENS and int(local.rsplit(":", 1)[1], 16) == port:
            yield rest[5]


def _is_ours(process: int) -> bool:
    """Whether it runs a service of ours: one that keeps nothing has no data folder to hold."""
    try:
        return b"\0services." in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def _command(process: int) -> str:
    if _is_ours(process):
        return "another Openchair"
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return "?"
