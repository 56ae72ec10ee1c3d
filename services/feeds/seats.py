"""Seats in a calendar: where one keeps one, and on which dates there is a waitlist, or no place at all.

A series says where; a date says a word where it is not open. A word that changes raises SEQUENCE, as calendar programs
want it for whatever a person would notice: `Chairs.revision` for all of a series, `Word.revision` for one date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from openchair.rsvps.v1 import list_rules_pb2

from services.formats.seats import NONE, Chairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.formats.seats import Word

_SAID: Final = {"Waitlist": "All seats are kept. One can wait for one.", "Full": "All seats are kept."}


class Seats(NamedTuple):
    """Of one meeting. `base_url` is the site's, without a slash at its end."""

    chairs: Chairs = NONE
    base_url: str = ""

    def lines(self, meeting: str, word: Word | None) -> Iterator[str]:
        """What DESCRIPTION says of it."""
        if self.chairs.mode == list_rules_pb2.RSVP_MODE_UNSPECIFIED:
            return
        if word is not None and word.differs:
            yield f"Seats, {word.ways}." if word.ways else _SAID[word.said]
        required = self.chairs.mode == list_rules_pb2.RSVP_MODE_REQUIRED
        yield f"{'Keep a seat beforehand' if required else 'Keep a seat'}: {self.base_url}/m/{quote(meeting)}"


NO_SEATS: Final = Seats()


def titled(title: str, word: Word | None) -> str:
    """The title with the word of its date, if it has one."""
    return f"{title} ({word.said.lower()})" if word is not None and word.said else title
