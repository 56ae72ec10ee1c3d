"""What a source publishes and no field holds: kept as it is, so that an export can give it back.

It is public. So it holds nothing by which a person is reached or paid, and nothing that opens an online room.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from services.formats import records, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST: Final = 16 * 2**10
_AROUND: Final = 2  # a colon, and a comma or a brace

CONTACTS: Final = re.compile(r".*contact.*|.*e?mails?|phone|venmo|paypal|square|cashapp|zelle", re.IGNORECASE)
"""Fields that reach or pay a person: they are not even in what is kept of the original."""

_PRIVATE: Final = re.compile(
    r"author.*|chair.*|gsr.*|secretary.*|owner.*|.*phone.*|.*mailing.*|.*pass_?(?:word|code)s?.*|.*token.*|.*secret.*"
    r"|.*(?:^|_)pins?|conference_.*notes|.*access_code.*|virtual_meeting_additional_info",
    re.IGNORECASE,
)
_REDACTED: Final = "[redacted]"
_REACHES: Final = re.compile(r"[^\s@]@[^\s@]+\.[^\s@]|(?<![\w/.-])\+?\(?\d[\d ().-]{7,30}\d(?![\w/-])")
_MAIL: Final = re.compile(r"[^\s@<>,;:]{1,100}@[^\s@<>,;:]{1,255}\.[a-z]{2,}", re.IGNORECASE)
_DATED: Final = re.compile(r"\d{4}-\d\d-\d\d.*|\d{1,2}/\d{1,2}/\d{4}.*")
_LINK: Final = re.compile(r"https?://\S+")


def without_contacts(value: Any) -> Any:
    """The same without what reaches or pays a person, and without addresses for mail: what is kept of the original."""
    if isinstance(value, dict):
        return {key: without_contacts(inner) for key, inner in value.items() if not CONTACTS.fullmatch(key)}
    if isinstance(value, list):
        return [without_contacts(inner) for inner in value]
    if isinstance(value, str) and "@" in value and not _LINK.fullmatch(value):
        return _MAIL.sub(_REDACTED, value)
    return value


def of(
    record: Mapping[str, Any], held: Iterable[str], warnings: list[str], also: Mapping[str, str] | None = None
) -> str:
    """The fields of a record but for those that are `held` elsewhere, as a JSON object; "" for none.

    `also` is text that is public already and that an export has to tell apart again.
    """
    found: dict[str, Any] = dict(also or {})
    for key in sorted(record.keys() - frozenset(held) - found.keys()):
        value = record[key]
        if not _says(value) or _names_private(key):
            continue
        if _is_private(value):
            warnings.append(f"its {words.line(key)[:40]} seems to hold a contact or a passcode: left out")
        else:
            found[key] = value
    return _within(found, warnings)


def _says(value: object) -> bool:
    """Whether there is anything in it."""
    return value is not None and value not in ("", [], {}) and value != _REDACTED


def _names_private(key: str) -> bool:
    return bool(CONTACTS.fullmatch(key) or _PRIVATE.fullmatch(key))


def _is_private(value: object) -> bool:
    if isinstance(value, dict):
        return any(_names_private(key) or _is_private(each) for key, each in value.items())
    if isinstance(value, list):
        return any(map(_is_private, value))
    if not isinstance(value, str):
        return False
    text = _LINK.sub("", value) if "@" not in value else value
    reaches = not _DATED.fullmatch(text) and _REACHES.search(text)
    return _REDACTED in text or words.has_passcode(value) or bool(reaches)


def _within(found: dict[str, Any], warnings: list[str]) -> str:
    """As JSON of at most 16 KiB: without its longest fields where it is more."""
    lengths = {key: len(json.dumps(key)) + len(records.canonical(value)) + _AROUND for key, value in found.items()}
    size = sum(lengths.values()) + 1
    for key in sorted(lengths, key=lambda key: -lengths[key]):
        if size <= LARGEST:
            break
        size -= lengths[key]
        del found[key]
        warnings.append(f"its {words.line(key)[:40]} is too long to be kept")
    return records.canonical(found) if found else ""
