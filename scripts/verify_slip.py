"""Says whether an attendance slip is genuine, offline, with nothing but the centre's public key.

    python verify_slip.py house.pem OCS1.…          the text, as a scan of the QR code gives it
    python verify_slip.py house.pem -               the same, from standard input
    python verify_slip.py house.pem slip.pdf        the PDF, as it was sent

It needs Python 3.11 and the package "cryptography", and nothing of Openchair. It prints what the slip says as JSON and
ends with 0: genuine; 1: no slip, changed, or signed by somebody else; 2: genuine, and no longer valid. Whether a slip
was revoked only the centre can say.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

LONGEST = 4_000
GENUINE, REFUSED, EXPIRED = 0, 1, 2
IN_PDF = re.compile(rb"/Keywords \((OCS1\.[A-Za-z0-9_.-]+)\)")
KEYS = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


class NotGenuineError(Exception):
    """It is no genuine slip."""


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Verifies an attendance slip offline.")
    parser.add_argument("key", type=Path, help="the centre's public keys, PEM, one or more after the other")
    parser.add_argument("slip", help="the text of the QR code, '-' for standard input, or a PDF file")
    parser.add_argument("--on", type=date.fromisoformat, help="as of this date, 2026-11-24; otherwise today")
    asked = parser.parse_args()
    try:
        content = verified(token_of(asked.slip), asked.key.read_bytes())
    except (NotGenuineError, OSError) as error:
        print(f"NOT GENUINE: {error}", file=sys.stderr)
        return REFUSED
    print(json.dumps(content, ensure_ascii=False, indent=2))
    # A day is over where it ends last: twelve hours after it ends in UTC.
    today = asked.on or (datetime.now(UTC) - timedelta(hours=12)).date()
    if date.fromisoformat(content["valid_until"]) < today:
        print(f"EXPIRED: it was valid until {content['valid_until']}", file=sys.stderr)
        return EXPIRED
    return GENUINE


def token_of(slip: str) -> str:
    """The text of a slip. Raises NotGenuineError, OSError."""
    if slip == "-":
        return sys.stdin.read().strip()
    if slip.startswith("OCS1."):
        return slip
    found = set(IN_PDF.findall(Path(slip).read_bytes()))
    if len(found) != 1:
        raise NotGenuineError("there is not exactly one slip in this file")
    return str(found.pop(), "ascii")


def verified(token: str, pem: bytes) -> dict[str, Any]:
    """What it says. Raises NotGenuineError."""
    parts = token.split(".")
    if len(token) > LONGEST or not token.isascii() or len(parts) != 4 or parts[0] != "OCS1":  # noqa: PLR2004 - its form
        raise NotGenuineError("this is not an attendance slip")
    try:
        key = public_keys(pem)[parts[1]]
    except KeyError:
        raise NotGenuineError("it names a key that is not among those given") from None
    try:
        key.verify(decoded(parts[3]), token.rpartition(".")[0].encode())
        content: dict[str, Any] = json.loads(decoded(parts[2]))
    except (InvalidSignature, ValueError):
        raise NotGenuineError("it was changed, or not signed with this key") from None
    return content


def public_keys(pem: bytes) -> dict[str, Ed25519PublicKey]:
    """The keys by their ids. Raises NotGenuineError."""
    try:
        keys = [load_pem_public_key(block) for block in KEYS.findall(pem)]
    except ValueError:
        raise NotGenuineError("the file of keys cannot be read") from None
    return {key_id(key): key for key in keys if isinstance(key, Ed25519PublicKey)}


def key_id(key: Ed25519PublicKey) -> str:
    """The JWK thumbprint of a key (RFC 7638, RFC 8037 appendix A.3)."""
    jwk = f'{{"crv":"Ed25519","kty":"OKP","x":"{encoded(key.public_bytes_raw())}"}}'
    return encoded(hashlib.sha256(jwk.encode()).digest())


def encoded(data: bytes) -> str:
    """Base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """The bytes. Raises ValueError, also for another way to write the same bytes."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encoded(data) != text:
        raise ValueError("not base64url")
    return data


if __name__ == "__main__":
    sys.exit(main())
