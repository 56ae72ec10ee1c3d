"""Pages of a list: their size and the opaque token that goes on (AIP-158).

A token is the position in the store's order, bound to the method and to every other field of the request, under an
HMAC: one that was made up, or taken from another query, is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import msgspec

from services.kit.errors import Invalid, Violation

if TYPE_CHECKING:
    from services.kit.call import Call
    from services.kit.clock import Ids
    from services.kit.store.port import Position

DEFAULT_SIZE = 100
LARGEST_SIZE = 1000
LONGEST_TOKEN = 4000

_MAC = 16
_position = msgspec.json.Decoder(list[str | int | bool])


def page_key(secret: str | None, ids: Ids) -> bytes:
    """The key of page tokens: from the site's secret, or, where it has none, one for as long as the process lives."""
    if secret is not None:
        return hmac.digest(secret.encode(), b"openchair page tokens", hashlib.sha256)
    return ids.random.getrandbits(256).to_bytes(32, "big")


def page_size(asked: int, default: int = DEFAULT_SIZE, largest: int = LARGEST_SIZE) -> int:
    """How many to give: 0 means the default, more than the largest means the largest. Raises Invalid below 0."""
    if asked < 0:
        raise Invalid(Violation("page_size", "must not be negative"))
    return min(asked or default, largest)


class Pages:
    """Makes and reads page tokens of one site. Instances that share the key understand each other's."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:  # noqa: PLR2004 - 128 bits
            raise ValueError("the key of page tokens is too short")
        self._key = key

    def token(self, call: Call[Any], after: Position | None) -> str:
        """What goes on after this position of this query; "" after the last page."""
        if after is None:
            return ""
        body = msgspec.json.encode(list(after))
        return base64.urlsafe_b64encode(self._sign(call, body) + body).decode().rstrip("=")

    def position(self, call: Call[Any]) -> Position | None:
        """Where the request's `page_token` goes on; None: from the start. Raises Invalid for one not made for it."""
        text: str = call.message.page_token
        if not text:
            return None
        signed = _decode(text)
        if not hmac.compare_digest(signed[:_MAC], self._sign(call, signed[_MAC:])):
            raise _refused()
        return tuple(_position.decode(signed[_MAC:]))

    def _sign(self, call: Call[Any], body: bytes) -> bytes:
        query = f"{call.method}\0".encode() + _query(call) + b"\0" + body
        return hmac.digest(self._key, query, hashlib.sha256)[:_MAC]


def _query(call: Call[Any]) -> bytes:
    """What the request asks for, whichever page of it."""
    rest = type(call.message)()
    rest.CopyFrom(call.message)
    for name in ("page_token", "page_size"):
        rest.ClearField(name)
    return hashlib.sha256(rest.SerializeToString(deterministic=True)).digest()


def _decode(text: str) -> bytes:
    """The bytes of a token. Raises Invalid."""
    if len(text) > LONGEST_TOKEN:
        raise _refused()
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused() from error


def _refused() -> Invalid:
    return Invalid(Violation("page_token", "was not given for this query: leave it empty to start again"))
