"""What the processes of one site tell each other by way of a third: short texts with a code that only they can make.

An HMAC-SHA-256 (RFC 2104) under a key that all of them hold. What is told is no secret to who carries it, unless it is
a word of `opaque`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from services.kit.clock import instant

if TYPE_CHECKING:
    from datetime import datetime

_LENGTH: Final = 16
"""Bytes of a code: 128 bits."""


@dataclass(frozen=True)
class Vouch:
    """Makes and reads such texts. `use` keeps apart what is told for one purpose from what is told for another."""

    key: bytes = field(default_factory=lambda: os.urandom(32), repr=False)

    @classmethod
    def of(cls, secret: str | None) -> Vouch:
        """With the key of the site's secret; where it has none, one that lives as long as this process."""
        return cls() if secret is None else cls(hmac.digest(secret.encode(), b"openchair vouches", hashlib.sha256))

    def opaque(self, use: str, text: str) -> str:
        """A word that stands for the text, always the same; nobody without the key can tell which it was."""
        return self._code("opaque", use, text)

    def sign(self, use: str, text: str) -> str:
        """The text with its code."""
        return f"{text}.{self._code('signed', use, text)}"

    def read(self, use: str, signed: str) -> str | None:
        """The text that was signed; None for what nobody with the key did."""
        text, _, code = signed.rpartition(".")
        return text if hmac.compare_digest(self._code("signed", use, text).encode(), code.encode()) else None

    def sign_until(self, use: str, text: str, until: datetime) -> str:
        """The same, good until that instant."""
        return self.sign(use, f"{text}@{instant(until)}")

    def read_until(self, use: str, signed: str, now: datetime) -> str:
        """The text that was signed, while it is good; "" otherwise."""
        text, _, until = (self.read(use, signed) or "").rpartition("@")
        return text if until > instant(now) else ""

    def _code(self, how: str, use: str, text: str) -> str:
        return hmac.digest(self.key, f"{how}\0{use}\0{text}".encode(), hashlib.sha256)[:_LENGTH].hex()
