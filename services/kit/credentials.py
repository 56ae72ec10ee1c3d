"""Credentials files: who a process is to the broker."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from services.kit.settings import Settings

OTHERS = 0o027
"""What nobody may: the owner reads and writes, the group reads (Kubernetes gives secrets to a group), that is all."""


class Credentials(NamedTuple):
    """A user and its password."""

    user: str
    password: str


def credentials_of(settings: Settings) -> Credentials:
    """Those that the settings name. Raises ValueError, beginning with the key and without a secret."""
    path = settings.nats_credentials
    if path is None:
        raise ValueError(
            "OPENCHAIR_NATS_CREDENTIALS is needed: a file with the user and password of this service"
            " (`openchair streams config` writes them)"
        )
    try:
        return read_credentials(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"OPENCHAIR_NATS_CREDENTIALS: {error}") from None


def read_credentials(path: Path) -> Credentials:
    """What the file says: {"user": ..., "password": ...}. Raises OSError, or ValueError naming the file."""
    if path.stat().st_mode & OTHERS:
        raise ValueError(f"{path}: others may read or change it; chmod 600 it, or 640 for a group that reads it")
    text = path.read_text()
    if "-----BEGIN" in text:
        raise ValueError(f"{path} holds an NKEY or a JWT: this program signs in with a user and a password")
    try:
        found = json.loads(text)
        user, password = found["user"], found["password"]
    except (ValueError, KeyError, TypeError):
        user = password = ""
    if not (isinstance(user, str) and isinstance(password, str) and user and password):
        raise ValueError(f'{path}: must hold {{"user": "...", "password": "..."}}')
    return Credentials(user, password)


def write_private(path: Path, text: str) -> None:
    """A new file for its owner alone. Raises FileExistsError where there is one."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
