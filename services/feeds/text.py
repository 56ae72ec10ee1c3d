"""Text that is safe to put into any calendar."""

from __future__ import annotations

import re
import unicodedata

# What could end a line in some parser, or reverse or hide text: C0 and C1 but line feed and tab, line and paragraph
# separators, bidirectional controls, zero-width characters but the joiners (emoji and Persian need them).
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\uffff]"
)


def clean(text: str) -> str:
    """Text of several lines without anything that could break a line or deceive a reader."""
    if not text:
        return ""
    unbroken = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return unicodedata.normalize("NFC", _UNSAFE.sub("", unbroken)).strip()


def line(text: str) -> str:
    """Text of one line."""
    return " ".join(clean(text).split())
