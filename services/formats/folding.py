"""Text as people type it when they look for something: case, accents and punctuation do not count. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_LETTERS: Final = str.maketrans(
    {"\u0131": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "'": "", "\u2019": ""}
)
"""Letters that Unicode does not take apart (U+0131 is the Turkish i without a dot); "women's" is one word."""

_WORD: Final = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u0e00-\u0eff\u3040-\u9fff]+")
"""What is written without spaces (Thai, Lao, Japanese, Chinese) is found by its characters."""


def fold(text: str) -> str:
    """The text in the form in which it is compared: "Straße" and "STRASSE" are "strasse", "İzmir" is "izmir"."""
    if text.isascii():
        return text.lower().replace("'", "")
    plain = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in plain if unicodedata.category(c) != "Mn")
    return bare.casefold().translate(_LETTERS)


def words(text: str) -> list[str]:
    """Its words, folded, in order."""
    return _WORD.findall(fold(text))
