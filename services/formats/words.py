"""Text that comes from elsewhere: cleaned so that what is left may be shown, and links that may be followed."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

_LINK_LENGTH = 2_000
_PHONE = re.compile(r"[0-9+*#(][0-9 +*#(),./;x-]{2,58}")
_ZERO_WIDTH = "\u200b\u2060\ufeff"
_PASSCODE = re.compile(
    r"\bpass\s*(?:code|word)s?\b|\bpwd\b|\bpasscode\b|\bcontrase\u00f1a\b|\bmot de passe\b", re.IGNORECASE
)
_NO_PASSCODE = re.compile(r"\bno\s+pass\s*(?:code|word)s?\b(?!\s*\[)", re.IGNORECASE)


def text(value: object) -> str:
    """A string or number as clean text: LF line ends, no blanks at line ends, no control or direction characters."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    lines = str(value).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept = ("".join(filter(_shows, line.replace("\t", " "))).rstrip() for line in lines)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def line(value: object) -> str:
    """The same on one line, blanks collapsed."""
    return " ".join(text(value).split())


def link(value: object) -> str | None:
    """An http or https address with a host and nothing odd in it; "" for none, None where it is not one."""
    found = line(value)
    if not found:
        return ""
    try:
        parts = urlsplit(found)
        host = parts.hostname
    except ValueError:
        return None
    sound = parts.scheme in {"http", "https"} and host and "@" not in parts.netloc
    printable = found.isascii() and " " not in found and not set(found) & set('<>"\\^`{|}')
    return found if sound and printable and len(found) <= _LINK_LENGTH else None


def phone(value: object) -> str | None:
    """A number as it is dialled; "" for none, None where it is not one."""
    found = line(value)
    return found if not found or _PHONE.fullmatch(found) else None


def without_passcodes(notes: str) -> tuple[str, str]:
    """The lines that may be public, and those that seem to hold a passcode."""
    public: list[str] = []
    private: list[str] = []
    for one in notes.split("\n"):
        speaks = _PASSCODE.search(_NO_PASSCODE.sub("", one))
        (private if speaks else public).append(one)
    return text("\n".join(public)), text("\n".join(private))


def _shows(character: str) -> bool:
    """Not a control character, a lone surrogate, a direction control (RFC 3987 section 4.1) or of no width."""
    if character in _ZERO_WIDTH or unicodedata.bidirectional(character) in _DIRECTIONS:
        return False
    return unicodedata.category(character) not in {"Cc", "Cs"}


_DIRECTIONS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
