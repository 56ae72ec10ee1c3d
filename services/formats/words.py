"""Text that comes from elsewhere: cleaned so that what is left may be shown, and links that may be followed."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

_LINK_LENGTH = 2_000
_PHONE = re.compile(r"[0-9+*#(][0-9 +*#(),./;x-]{2,58}")
_ZWNJ, _ZWJ, _EMOJI = "\u200c", "\u200d", "\ufe0f"
_VIRAMA = 9  # canonical combining class
_SUSPECT = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_PASSCODE = re.compile(
    r"\bpass\s*(?:code|word)s?\b|\bpwd?\b|\bpsw\b|\bpass\s*[:#=]|\b(?:access|entry|security)\s+code\b|\bcode\s*[:#=]"
    r"|\bpin\b\W{0,3}\d|\bcontrase\u00f1a\b|\bclave\s*[:#=]|\bmot de passe\b|\bmdp\b|\b(?:kenn|pass)wort\b",
    re.IGNORECASE,
)
_NO_PASSCODE = re.compile(r"\bno\s+pass\s*(?:code|word)s?\b(?!\s*\[)", re.IGNORECASE)


def text(value: object) -> str:
    """A string or number as clean text: LF line ends, no blanks at line ends, nothing that cannot be seen."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    lines = re.split(r"\r\n|[\r\n\x85\u2028\u2029]", str(value).replace("\t", " "))
    kept = (_visible(line).rstrip() for line in lines)
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


def _visible(text: str) -> str:
    """The text without control characters, lone surrogates, and characters that cannot be seen but for joiners."""
    return _SUSPECT.sub(lambda match: match[0] if _joins(match) else "", text)


def _joins(match: re.Match[str]) -> bool:
    """Whether writing needs a joiner there: RFC 5892 appendix A.1 and A.2, Arabic script, emoji (UTS 51)."""
    text, at, joiner = match.string, match.start(), match[0]
    if joiner not in {_ZWNJ, _ZWJ} or at == 0 or at + 1 == len(text):
        return False
    last, after = text[at - 1], text[at + 1]
    if unicodedata.combining(last) == _VIRAMA:
        return True
    if joiner == _ZWJ and unicodedata.category(after) == "So":
        return unicodedata.category(last) in {"So", "Sk"} or last == _EMOJI
    return unicodedata.bidirectional(last) == unicodedata.bidirectional(after) == "AL"
