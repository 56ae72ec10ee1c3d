"""Where the site's secret comes from: its settings, or a file of the data folder that is made at the first start."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Final

from services.kit.credentials import OTHERS, write_private
from services.rsvps.keys import Secrets

if TYPE_CHECKING:
    from services.kit.clock import Ids
    from services.kit.settings import Settings

FILE: Final = "guest.secret"
"""In the folder "keys" of the data folder, so that it is in every backup. A line for each version: "1 <base64>"."""


def secrets_of(settings: Settings, ids: Ids) -> Secrets:
    """The secrets of this site. Raises OSError, or ValueError naming what is wrong, and no secret."""
    folder = settings.data / "keys"
    path = folder / FILE
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = base64.b64encode(ids.random.getrandbits(256).to_bytes(32, "big")).decode()
        write_private(path, f"1 {made}\n")
    if os.stat(path).st_mode & OTHERS:
        raise ValueError(f"{path}: others may read or change it; chmod 600 it")
    return parse(path.read_text(), str(path))


def parse(text: str, where: str) -> Secrets:
    """The versions, the newest last. Raises ValueError."""
    found: dict[str, bytes] = {}
    for line in text.splitlines():
        version, _, secret = line.strip().partition(" ")
        if version:
            found[version] = base64.b64decode(secret, validate=True)
    if not found or any(len(secret) < 32 for secret in found.values()):  # noqa: PLR2004 - 256 bits
        raise ValueError(f"{where}: must hold a line for each version: a name, a space, 32 random bytes in base64")
    return Secrets(found, next(reversed(found)))
