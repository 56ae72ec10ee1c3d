"""Text that comes from elsewhere: cleaned so that what is left may be shown, and links that may be followed."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

_LINK_LENGTH = 2_000
_PHONE = re.compile(r"[0-9+*#(][0-9 +*#(),./;x-]{2,58}")
_ZWNJ, _ZWJ, _EMOJI = "\u200c", "\u200d", "\ufe0f"
_JOINER = re.compile(f"[{_ZWNJ}{_ZWJ}]")
_VIRAMA = 9  # canonical combining class
_SUSPECT = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_PASSCODE = re.compile(
    r"\bpass[\s_-]*(?:code|word)s?(?![a-z])|\bpwd?(?![a-z])|\bpsw\b|\bpass\s*[:#=]|\b(?:access|entry|security)\s+code\b|\bcode\s*[:#=]"
    r"|\bpin\b\W{0,3}\d|\bcontrase\u00f1a\b|\bclave\s*[:#=]|\bmot de passe\b|\bmdp\b|\b(?:kenn|pass)wort\b",
    re.IGNORECASE,
)
_FILLER = re.compile(r"\b(?:is|for|to|the|our|zoom|meeting|es|ist|est)\b", re.IGNORECASE)
_SAID_BEFORE = re.compile(r"(?:\b(?:is|as|es|ist|est)\b|=)(?:\s+\w+){0,2}\s*$", re.IGNORECASE)
_BRACKETED = re.compile(r"[(\[{][^()\[\]{}]*[)\]}]?")
_BETWEEN = re.compile(r"\s+[-\u2013\u2014/\u2022\u00b7~*]+\s+|\s*[|;]\s*|,\s+")
_EDGES = " -\u2013\u2014/\u2022\u00b7~*|;,:"
_NO_PASSCODE = re.compile(r"\bno\s+pass\s*(?:code|word)s?\b(?!\s*\[)", re.IGNORECASE)


def text(value: object) -> str:
    """A string or number as clean text: LF line ends, no blanks at line ends, nothing that cannot be seen."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    lines = re.split(r"\r\n|[\r\n\x85\u2028\u2029]", str(value).replace("\t", " "))
    kept = (_visible(line) for line in lines)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def line(value: object) -> str:
    """The same on one line, blanks collapsed."""
    return " ".join(text(value).split())


def cut(text: str, most: int) -> str:
    """At most that many characters, with nothing at the end that joined what is cut off."""
    return text[:most].rstrip(_ZWNJ + _ZWJ + " \n")


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
        (private if has_passcode(one) else public).append(one)
    return text("\n".join(public)), text("\n".join(private))


def name_without_passcode(name: str) -> tuple[str, str]:
    """What of a line may be public, and the whole line if that is not all of it; else "".

    The parts of a name ("Noon - Zoom, PW: 1234 (women)") are judged one by one: one that speaks of a passcode loses
    what follows the word, and the next part too where it holds only the word.
    """
    if not has_passcode(name):
        return name, ""
    bare = _BRACKETED.sub(lambda match: "" if has_passcode(match[0]) and _holds_more(match[0]) else match[0], name)
    kept: list[str] = []
    last = 0
    owed = False
    for gap in [*_BETWEEN.finditer(bare), None]:
        part, after = bare[last : gap.start() if gap else None], gap[0] if gap else ""
        public, owed = ("", False) if owed else _before_passcode(part)
        kept.append(public + after if public == part else public + " ")
        last = gap.end() if gap else last
    return line("".join(kept)).strip(_EDGES), name


def has_passcode(text: str) -> bool:
    """Whether it seems to hold a passcode: the word for it, without a "no" before."""
    return bool(_PASSCODE.search(_NO_PASSCODE.sub("", text)))


def _before_passcode(part: str) -> tuple[str, bool]:
    """What stands before a passcode in a part of a name, and whether the passcode itself is yet to come."""
    found = _PASSCODE.search(part) if has_passcode(part) else None
    if found is None:
        return part, False
    before = part[: found.start()]
    if _holds_more(part):
        return before.rstrip("([{" + _EDGES), False
    before = "" if _SAID_BEFORE.search(before) else re.split(r"(?<!\S)\S*\d", before, maxsplit=1)[0]
    return before.rstrip("([{" + _EDGES), True


def _holds_more(text: str) -> bool:
    """Whether anything that could be a passcode follows the word for it."""
    found = _PASSCODE.search(text)
    if found is None:
        return False
    return found[0][-1:].isdigit() or any(map(str.isalnum, _FILLER.sub("", text[found.end() :])))


def _visible(text: str) -> str:
    """The text without control characters, lone surrogates, and characters that cannot be seen but for joiners."""
    seen = _SUSPECT.sub(lambda match: match[0] if match[0] in {_ZWNJ, _ZWJ} else "", text).rstrip()
    return _JOINER.sub(lambda match: match[0] if _joins(match) else "", seen).rstrip(_ZWNJ + _ZWJ + " ")


def _joins(match: re.Match[str]) -> bool:
    """Whether writing needs a joiner there: RFC 5892 appendix A.1 and A.2, Arabic script, emoji (UTS 51)."""
    text, at, joiner = match.string, match.start(), match[0]
    if at == 0 or at + 1 == len(text):
        return False
    last, after = text[at - 1], text[at + 1]
    if unicodedata.combining(last) == _VIRAMA:
        return True
    if joiner == _ZWJ and unicodedata.category(after) == "So":
        return unicodedata.category(last) in {"So", "Sk"} or last == _EMOJI
    return unicodedata.bidirectional(last) == unicodedata.bidirectional(after) == "AL"
