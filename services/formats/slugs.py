"""Addresses made of words: "Al-Anon" is found under "al-anon"."""

from __future__ import annotations

import re
import unicodedata

_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})
_OTHER = re.compile(r"[^a-z0-9]+")
_LONGEST = 60


def slug(text: str) -> str:
    """Lower-case a-z, 0-9 and "-", without marks over letters; "" where nothing of the text is left.

    What it makes of a slug is that slug.
    """
    folded = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    bare = "".join(each for each in folded if not unicodedata.combining(each))
    return _OTHER.sub("-", bare).strip("-")[:_LONGEST].strip("-")
