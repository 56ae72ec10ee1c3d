"""Codes that open something for whoever has them: random, easy to type and to read aloud, kept as a digest only.

28 symbols of Crockford's base 32 in blocks of four ("7K3M-..."): 140 random bits. Nobody finds one by trying, so one
round of SHA-256 is enough to keep it (a slow hash is for what people think up), and tries need no limit. A look-up by
digest tells by its time nothing about a code that is not there: whoever tries cannot choose the digest.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random

SYMBOLS: Final = 28
BLOCK: Final = 4
LONGEST_TYPED: Final = 100  # characters that are looked at: more is no code, however many hyphens are in it

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_ALIKES: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})
_BETWEEN: Final = re.compile("[\\s\u00ad\u200b\u2010-\u2015\u2212\ufeff-]")
"""Spaces and hyphens of every kind: telephones and word processors put in their own."""


def make(source: random.Random) -> str:
    """A new code, as it is shown."""
    return _blocks("".join(source.choice(_ALPHABET) for _ in range(SYMBOLS)))


def shown(typed: str) -> str:
    """A code that somebody typed, as it was shown when it was made; "" for what is no code."""
    return _blocks(_read(typed))


def digest(typed: str) -> str:
    """SHA-256, in hex, of a code as somebody typed it: case, spaces, hyphens, and O for 0, I or L for 1, do not matter.

    What is no code has one too, which no code has: so looking it up takes as long as looking up any other.
    """
    return hashlib.sha256(_read(typed).encode()).hexdigest()


def _blocks(text: str) -> str:
    return "-".join(text[start : start + BLOCK] for start in range(0, len(text), BLOCK))


def _read(typed: str) -> str:
    """The symbols of a code; "" for what is none."""
    text = _BETWEEN.sub("", typed[:LONGEST_TYPED]).upper().translate(_LOOK_ALIKES)
    sound = len(typed) <= LONGEST_TYPED and len(text) == SYMBOLS and set(text) <= set(_ALPHABET)
    return text if sound else ""
