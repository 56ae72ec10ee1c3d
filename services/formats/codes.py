"""Type codes of meetings: what they are called, and which of them are languages.

A code means something only together with its fellowship: 39 of 172 codes in use mean different things elsewhere.
"""

from __future__ import annotations

import functools
import importlib.resources
import json

CLOSED = "TC"
"""Location temporarily closed: of every fellowship (it is the format's own, not a fellowship's)."""

ONLINE = "ONL"
"""Held online: in use by every fellowship, though no longer in the specification's list."""

_OF_THE_FORMAT = {CLOSED: "Location Temporarily Closed", ONLINE: "Online Meeting"}

_LANGUAGES_AA = {
    "AF": "af", "AM": "am", "AR": "ar", "BG": "bg", "DA": "da", "DE": "de", "EL": "el", "EN": "en", "FA": "fa",
    "FI": "fi", "FR": "fr", "HE": "he", "HI": "hi", "HR": "hr", "HU": "hu", "IS": "is", "ITA": "it", "JA": "ja",
    "KA": "ka", "KOR": "ko", "LT": "lt", "ML": "ml", "MT": "mt", "NE": "ne", "NL": "nl", "NO": "no", "POL": "pl",
    "POR": "pt", "PUN": "pa", "RUS": "ru", "S": "es", "SK": "sk", "SL": "sl", "SV": "sv", "TH": "th", "TL": "tl",
    "TUR": "tr", "UK": "uk", "ASL": "ase",
}  # fmt: skip

_ACCESSIBILITY_AA = {"X": "wheelchair", "XB": "accessible-bathroom"}


@functools.cache
def _names() -> dict[str, dict[str, str]]:
    """Names by fellowship and code, as the file beside this one has them."""
    text = importlib.resources.files(__package__).joinpath("types_en.json").read_text(encoding="utf-8")
    names: dict[str, dict[str, str]] = json.loads(text)
    return names


def type_name(fellowship: str, code: str) -> str | None:
    """English name of a code in that fellowship ("AA"); None where it is not known."""
    return _names().get(fellowship, {}).get(code) or _OF_THE_FORMAT.get(code)


def is_listed(fellowship: str) -> bool:
    """Whether the codes of that fellowship are known at all: if not, an unknown code says nothing."""
    return fellowship in _names()


def languages(fellowship: str, codes: list[str]) -> list[str]:
    """BCP 47 tags of the codes that name a language; a sign language comes last, since a meeting is also spoken."""
    table = _LANGUAGES_AA if fellowship == "AA" else {}
    return sorted((table[code] for code in codes if code in table), key=lambda tag: tag == "ase")


def accessibility(fellowship: str, codes: list[str]) -> list[str]:
    """The field's words for the codes that are certain to speak of access."""
    table = _ACCESSIBILITY_AA if fellowship == "AA" else {}
    return [table[code] for code in codes if code in table]
