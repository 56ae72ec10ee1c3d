"""A new version started on a copy of the data, made by the version that runs: whether it opens what is stored."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from services.cli.computer import holder_of
from services.cli.release import Owner, as_owner, obey
from services.cli.shell import Failure
from services.kit.backups import LAST
from services.kit.credentials import write_private
from services.kit.direct import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.kit.settings import Settings

LOOK = 0.2
"""Seconds between two looks at whether it is ready."""
DRAINS = 20.0
"""Seconds until it has to have stopped."""
PYTHON, COMMAND = Path(".venv/bin/python"), Path(".venv/bin/openchair")


def run(old: Path, new: Path, settings: Settings, patience: float) -> None:
    """Comes back when the new version has become ready on a copy. Nothing of it stays. Raises Failure."""
    owner = _owner(settings.data)
    folder = Path(tempfile.mkdtemp(prefix="openchair-trial-", dir=settings.data.absolute().parent))
    try:
        if owner is not None:
            os.chown(folder, owner.user, owner.group)
        environ = _environ(folder)
        _copy(old, folder, settings, environ, owner)
        _try(new, folder, environ, owner, patience)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owner(data: Path) -> Owner | None:
    """Who owns the data, where that is not us."""
    found = data.stat()
    return None if found.st_uid == os.geteuid() else Owner(found.st_uid, found.st_gid)


def _environ(folder: Path) -> dict[str, str]:
    """Ours, but for where data is kept and who is listened to."""
    ports = dict(zip(("OPENCHAIR_HTTP_PORT", "OPENCHAIR_GRPC_PORT"), map(str, _free_ports()), strict=True))
    left_out = {"OPENCHAIR_BACKUPS", "OPENCHAIR_TARGET", "OTEL_EXPORTER_OTLP_ENDPOINT"}
    kept = {key: value for key, value in os.environ.items() if key not in left_out}
    return {**kept, **ports, "OPENCHAIR_DATA": str(folder / "data"), "OPENCHAIR_HOST": "127.0.0.1"}


def _copy(old: Path, folder: Path, settings: Settings, environ: dict[str, str], owner: Owner | None) -> None:
    """What is stored now, by way of a backup that only this run can read."""
    key, file = folder / "key", folder / "backup"
    write_private(key, secrets.token_urlsafe(32))
    if owner is not None:
        os.chown(key, owner.user, owner.group)
    how = [] if holder_of(settings.data) is not None else ["--offline"]
    given = ["--key-file", str(key), str(file)]
    with _not_counted((settings.backups or settings.data / "backups") / LAST):
        obey([str(old / COMMAND), "backup", *how, *given], None, owner, old)
    obey([str(old / COMMAND), "restore", *given], environ, owner, old)


@contextmanager
def _not_counted(mark: Path) -> Iterator[None]:
    """For a backup that nobody keeps: as of when there is one stays as it was said."""
    before = mark.read_text() if mark.exists() else None
    try:
        yield
    finally:
        if before is None:
            mark.unlink(missing_ok=True)
        else:
            mark.write_text(before)


def _try(new: Path, folder: Path, environ: dict[str, str], owner: Owner | None, patience: float) -> None:
    """Raises Failure, with what it said, where it ends or is not ready in time."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [str(new / PYTHON), "-m", "services.everything"],
            cwd=new,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            **as_owner(owner),
        )
    try:
        if not _became_ready(process, f"http://127.0.0.1:{environ['OPENCHAIR_HTTP_PORT']}/readyz", patience):
            said = log.read_text(errors="replace")[-4000:].rstrip()
            raise Failure(f"{new.name} does not come up on a copy of the data. Nothing was changed. It said:\n{said}")
    finally:
        _end(process)


def _became_ready(process: subprocess.Popen[bytes], url: str, patience: float) -> bool:
    left = patience
    while left > 0:
        try:
            fetch(url, LOOK * 10)
        except OSError:
            try:
                process.wait(LOOK)
            except subprocess.TimeoutExpired:
                left -= LOOK
            else:
                return False
        else:
            return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(DRAINS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports() -> list[int]:
    """Two ports that were free a moment ago."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    found: list[int] = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return found
