"""Type codes of meetings: what they are called, and which of them are languages.

A code means something only together with its fellowship: 39 of 172 codes in use mean different things elsewhere.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

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

_FOCUS: dict[str, dict[str, str]] = {
    "AA": {
        "W": "women", "M": "men", "Y": "young-people", "LGBTQ": "lgbtq", "L": "lesbian", "G": "gay", "BI": "bisexual",
        "T": "transgender", "BE": "newcomers", "SEN": "seniors", "P": "professionals", "POC": "people-of-color",
        "N": "native-american", "NDG": "indigenous", "NB": "non-binary", "DD": "dual-diagnosis",
    },
    "NA": {
        "W": "women", "M": "men", "Y": "young-people", "GL": "lgbtq", "BEG": "newcomers", "flinta": "flinta",
    },
}  # fmt: skip

_OPEN, _SHUT = "O", "C"
_SECULAR = {"AA": "A"}


@functools.cache
def _names() -> dict[str, dict[str, dict[str, str]]]:
    """Names by fellowship, code and language, as the file beside this one has them."""
    text = importlib.resources.files(__package__).joinpath("types.json").read_text(encoding="utf-8")
    names: dict[str, dict[str, dict[str, str]]] = json.loads(text)
    return names


def type_name(fellowship: str, code: str, language: str = "en") -> str | None:
    """Name of a code in that fellowship ("AA"), in that language (BCP 47) or else in English; None: not known."""
    names = _names().get(fellowship, {}).get(code, {})
    return names.get(language.partition("-")[0].lower()) or names.get("en") or _OF_THE_FORMAT.get(code)


def names_of(fellowship: str) -> list[tuple[str, str]]:
    """Every code of a fellowship with each of its names; the English ones last."""
    found = [(code, name) for code, names in _names().get(fellowship, {}).items() for name in names.values()]
    english = [(code, names["en"]) for code, names in _names().get(fellowship, {}).items() if "en" in names]
    return [*found, *_OF_THE_FORMAT.items(), *english]


def is_listed(fellowship: str) -> bool:
    """Whether the codes of that fellowship are known at all: if not, an unknown code says nothing."""
    return fellowship in _names()


def languages(fellowship: str, codes: list[str]) -> list[str]:
    """BCP 47 tags of the codes that name a language; a sign language comes last, since a meeting is also spoken."""
    table = _LANGUAGES_AA if fellowship == "AA" else {}
    return sorted((table[code] for code in codes if code in table), key=lambda tag: tag == "ase")


def without_languages(fellowship: str, codes: list[str]) -> list[str]:
    """The codes that name no language: these stand in fields of their own."""
    table = _LANGUAGES_AA if fellowship == "AA" else {}
    return [code for code in codes if code not in table]


def language_codes(fellowship: str, tags: Iterable[str]) -> list[str]:
    """The codes for BCP 47 tags, where the fellowship has one ("pt-BR" is "pt")."""
    table = {tag: code for code, tag in _LANGUAGES_AA.items()} if fellowship == "AA" else {}
    found = (table.get(tag) or table.get(tag.partition("-")[0]) for tag in tags)
    return list(dict.fromkeys(code for code in found if code))


def focus(fellowship: str, codes: list[str]) -> list[str]:
    """Whom it is for, as slugs."""
    table = _FOCUS.get(fellowship, {})
    return list(dict.fromkeys(table[code] for code in codes if code in table))


def is_secular(fellowship: str, codes: list[str]) -> bool:
    """Whether a code says that it is secular."""
    return _SECULAR.get(fellowship) in codes


def is_open(fellowship: str, codes: list[str]) -> bool | None:
    """Whether everybody may come; None where the codes do not say, or say both."""
    stated = (_OPEN in codes, _SHUT in codes) if fellowship in _names() else (False, False)
    return stated[0] if stated[0] != stated[1] else None


def accessibility(fellowship: str, codes: list[str]) -> list[str]:
    """The field's words for the codes that are certain to speak of access."""
    table = _ACCESSIBILITY_AA if fellowship == "AA" else {}
    return [table[code] for code in codes if code in table]
