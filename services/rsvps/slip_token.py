"""Attendance slips as text that stands by itself: "OCS1.<key id>.<payload>.<signature>". Pure.

The payload is JSON (RFC 8259: keys sorted, no spaces, UTF-8, only what is to be said), the signature Ed25519 (RFC 8032)
over the ASCII of all that stands before it; both are base64url without padding (RFC 4648 section 5). The key id is the
public key's JWK thumbprint (RFC 7638). docs/slips.md tells others how to verify one.
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, date, timedelta
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.kit.auth import key_id

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from services.rsvps.keys import Secrets

VERSION: Final = "OCS1"
LONGEST: Final = 4_000
"""Characters of a token; no slip that is made has as many."""

_EVERYWHERE_OVER: Final = timedelta(hours=12)
"""So long after UTC a day ends where it ends last."""


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a slip says, as `openchair.rsvps.v1.SlipContent` has it; "" is not said. Dates and times are local."""

    id: str
    centre: str
    centre_title: str
    valid_until: str
    person: str = ""
    date: str = ""
    start: str = ""
    end: str = ""
    meeting_title: str = ""
    attendance: str = ""


def signing_keys(secrets: Secrets, centre: str) -> dict[str, Ed25519PrivateKey]:
    """The keys of a centre by the version of the secret that they come from, the newest last."""
    return {
        version: Ed25519PrivateKey.from_private_bytes(secrets.derived(version, centre, "slips"))
        for version in secrets.versions
    }


def pem(key: Ed25519PrivateKey) -> str:
    """The public key, as others keep it (RFC 8410)."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def make(content: Content, key: Ed25519PrivateKey) -> str:
    """The token of a slip."""
    text = json.dumps(msgspec.to_builtins(content), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    signed = f"{VERSION}.{key_id(key.public_key())}.{_text(text.encode())}"
    return f"{signed}.{_text(key.sign(signed.encode()))}"


def centre_of(token: str) -> str:
    """Whose slip it claims to be ("centres/{centre}"), unverified; "" where it is none."""
    try:
        return _content(token).centre
    except ValueError:
        return ""


def read(token: str, keys: Iterable[Ed25519PrivateKey]) -> Content | None:
    """What it says, if one of these keys has signed exactly that; None otherwise."""
    try:
        content = _content(token)
        signed, _, signature = token.rpartition(".")
        known = {key_id(public): public for public in (key.public_key() for key in keys)}
        known[signed.split(".")[1]].verify(_bytes(signature), signed.encode())
    except (ValueError, KeyError, InvalidSignature):
        return None
    return content


def expired(content: Content, now: datetime) -> bool:
    """Whether its last day is over, wherever it is looked at."""
    return date.fromisoformat(content.valid_until) < (now.astimezone(UTC) - _EVERYWHERE_OVER).date()


def _content(token: str) -> Content:
    """Raises ValueError."""
    if len(token) > LONGEST or not token.isascii():
        raise ValueError("no slip")
    version, _, payload, _ = _four(token)
    if version != VERSION:
        raise ValueError("no slip")
    try:
        return msgspec.json.decode(_bytes(payload), type=Content)
    except msgspec.MsgspecError:
        raise ValueError("no slip") from None


def _four(token: str) -> tuple[str, str, str, str]:
    version, key, payload, signature = token.split(".")
    return version, key, payload, signature


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """Raises ValueError, also for another way to write the same bytes."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("not base64url") from None
    if _text(data) != text:
        raise ValueError("not base64url as it is written")
    return data
