"""Guest keys, and what is stored of them: an HMAC that is another one in each list.

The site's secret has versions; a list keeps the version that it was made under. From it come, by HKDF-SHA-256 (RFC
5869), each for one centre: the key of HMACs, the key that seals what is for the organiser, the key that signs slips.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.kit import words
from services.kit.errors import Invalid, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY: Final = 16
"""Bytes of a guest key."""

_TEXT: Final = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)


@dataclass(frozen=True)
class Secrets:
    """The secrets of a site by version; `newest` is that of new lists. Raises KeyError for a version that is gone."""

    versions: Mapping[str, bytes] = field(repr=False)
    newest: str

    def derived(self, version: str, centre: str, use: str) -> bytes:
        """32 bytes for one use ("seats", "sealed", "slips", "check-in", "codes") at one centre."""
        key = self._derived.get((version, centre, use))
        if key is None:
            info = f"openchair guests\0{centre}\0{use}".encode()
            key = HKDF(hashes.SHA256(), 32, None, info).derive(self.versions[version])
            self._derived[version, centre, use] = key
        return key

    def mac(self, version: str, centre: str, list_id: str, key: bytes, label: str = "seat") -> str:
        """What is stored of a guest key in a list, under a label ("seat", "present", "answered"): 128 bits, in hex."""
        text = f"{label}\0{list_id}\0".encode() + key
        return hmac.digest(self.derived(version, centre, "seats"), text, "sha256")[:16].hex()

    _derived: dict[tuple[str, str, str], bytes] = field(default_factory=dict, init=False, repr=False, compare=False)


def read(text: str, field: str = "guest_key") -> bytes:
    """The key that a guest holds: 22 characters of base64url, or six words. Raises Invalid, without quoting it."""
    if _TEXT.fullmatch(text):
        try:
            return base64.b64decode(text + "==", altchars=b"-_", validate=True)
        except binascii.Error:
            raise _refused(field) from None
    said = words.read(text)
    if said == "":
        raise _refused(field)
    return key_of(said)


def key_of(said: str) -> bytes:
    """The key that six words stand for (as `words.read` gives them)."""
    return hashlib.sha256(b"openchair words 1\0" + said.encode()).digest()[:KEY]


def text_of(key: bytes) -> str:
    """The key as text."""
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def _refused(field: str) -> Invalid:
    return Invalid(Violation(field, "must be a guest key: 22 characters, or six words"))


def list_code(secrets: Secrets, centre: str, event: str, said: str) -> str:
    """What is stored of a code that guests have to say: the version of the secret, and an HMAC under it."""
    return f"{secrets.newest}:{_code_mac(secrets, secrets.newest, centre, event, said)}"


def opens(secrets: Secrets, centre: str, event: str, stored: str, said: str) -> bool:
    """Whether that is the code. Case and spaces do not matter; it takes as long whether it is or not."""
    version, _, mac = stored.partition(":")
    return hmac.compare_digest(mac, _code_mac(secrets, version, centre, event, said))


def _code_mac(secrets: Secrets, version: str, centre: str, event: str, said: str) -> str:
    text = f"{event}\0{''.join(said.split()).casefold()}".encode()
    return hmac.digest(secrets.derived(version, centre, "codes"), text, hashlib.sha256)[:16].hex()
