"""What a reader chooses that is the same on all events: what a discreet calendar calls them, and when one is reminded.

Sheets are rendered once for all such choices, with stand-ins; each choice puts its own in their place. So a word that
nobody has chosen before costs no rendering, however long the calendar is.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from icalendar import Event

from services.feeds.drawing import CANCELLED, UNCONFIRMED
from services.feeds.filters import NEUTRAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.feeds.filters import Filter
    from services.feeds.picking import Wish

# Whole content lines: text cannot begin one, as every line end in it is escaped (RFC 5545 section 3.3.11).
_STANDS_IN: Final = re.compile(
    rf"\r\n((?:SUMMARY|DESCRIPTION):(?:{CANCELLED}|{UNCONFIRMED})?{NEUTRAL}|TRIGGER:P0D)(?=\r\n)".encode()
)


def undressed(wish: Wish) -> Wish:
    """The wish with stand-ins for what `dressed` puts in."""
    wanted = wish.filter
    return wish._replace(filter=wanted._replace(word=wanted.word and NEUTRAL, alarm=min(wanted.alarm, 0)))


def dressed(body: bytes, wanted: Filter) -> bytes:
    """The events of an undressed sheet as that filter has them."""
    if wanted.alarm <= 0 and wanted.word in {"", NEUTRAL}:
        return body
    lines = _lines(wanted.word, wanted.alarm)
    return _STANDS_IN.sub(lambda match: lines.get(match[1], match[0]), body)


@lru_cache(256)
def _lines(word: str, alarm: int) -> Mapping[bytes, bytes]:
    """What is put in, each with the line end before it, by the line that stands in for it."""
    found = {}
    if word:
        for name in ("SUMMARY", "DESCRIPTION"):
            for prefix in ("", CANCELLED, UNCONFIRMED):
                found[f"{name}:{prefix}{NEUTRAL}".encode()] = _line(name, prefix + word)
    if alarm >= 0:
        found[b"TRIGGER:P0D"] = _line("TRIGGER", -timedelta(seconds=alarm))
    return found


def _line(name: str, value: str | timedelta) -> bytes:
    """A content line as the library writes it: escaped and folded."""
    event = Event()
    event.add(name, value)
    body: bytes = event.to_ical(sorted=False)
    return body.removeprefix(b"BEGIN:VEVENT").removesuffix(b"\r\nEND:VEVENT\r\n")
