"""HTTP to what belongs to the installation: never by way of a proxy that the environment names for the world outside.

A proxy that does not know this machine, or this network, would make a broker that is well look as if it were gone.
"""

from __future__ import annotations

import urllib.request
from typing import Final

SECONDS = 3.0

_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(url: str, seconds: float = SECONDS) -> bytes:
    """What is there. Raises OSError (`urllib.error.HTTPError` for a refusal), ValueError, http.client.HTTPException."""
    with _OPENER.open(url, timeout=seconds) as reply:
        body: bytes = reply.read()
    return body
