"""Where the site's secret comes from: its settings, or a file of the data folder that is made at the first start."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from services.kit.credentials import OTHERS, write_private
from services.kit.settings import read_versions
from services.rsvps.keys import Secrets

if TYPE_CHECKING:
    from services.kit.clock import Ids
    from services.kit.settings import Settings

FILE: Final = "guest.secret"
"""In the folder "keys" of the data folder, so that it is in every backup. A line for each version: "1 <base64>"."""


def secrets_of(settings: Settings, ids: Ids) -> Secrets:
    """The secrets of this site. Raises OSError, or ValueError naming what is wrong, and no secret."""
    if settings.guest_secret is not None:
        return Secrets(dict(settings.guest_secret), settings.guest_secret[-1][0])
    folder = settings.data / "keys"
    path = folder / FILE
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = base64.b64encode(ids.random.getrandbits(256).to_bytes(32, "big")).decode()
        write_private(path, f"1 {made}\n")
    if path.stat().st_mode & OTHERS:
        raise ValueError(f"{path}: others may read or change it; chmod 600 it")
    return parse(path.read_text(), str(path))


def parse(text: str, where: str) -> Secrets:
    """The versions, the newest last. Raises ValueError."""
    try:
        found = read_versions(text)
    except ValueError as error:
        raise ValueError(f"{where} {error}") from None
    return Secrets(dict(found), found[-1][0])
