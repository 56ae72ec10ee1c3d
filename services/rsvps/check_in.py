"""Codes to check in with, when they are good, and what the marks of those who checked in add up to. Pure.

A code is good for a minute and the next one. It is derived from the site's secret, so that no process has to tell
another, and nothing of it is stored: 64 bits as the QR code has it, four words (43 bits) as they are read out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from services.kit import words
from services.kit.clock import moment
from services.kit.errors import Invalid, Unmet, Violation
from services.recurrence.wire import key_text
from services.rsvps.types import SeatFor, Where

if TYPE_CHECKING:
    from services.recurrence.types import Key
    from services.rsvps.keys import Secrets
    from services.rsvps.sheet import Sheet
    from services.rsvps.types import Occasion

BEFORE: Final = timedelta(minutes=60)
"""So long before the start the room opens."""
KEPT: Final = timedelta(hours=72)
"""So long after the end a mark is kept, for a slip; then it is a number."""
LIVES: Final = timedelta(minutes=1)
WORDS: Final = 4
MOST_PARTY: Final = 20
PARAMETER: Final = "here"
"""Of the address that the QR code holds."""


class Code(NamedTuple):
    """What is shown in the room."""

    words: str
    text: str


def code(secrets: Secrets, centre: str, event: str, key: Key, at: datetime) -> Code:
    """The code of a date at that instant."""
    minute = int(at.timestamp() // LIVES.total_seconds())
    secret = secrets.derived(secrets.newest, centre, "check-in")
    digest = hmac.digest(secret, f"{event}\0{key_text(key)}\0{minute}".encode(), hashlib.sha256)
    text = base64.urlsafe_b64encode(digest[:8]).decode().rstrip("=")
    return Code(_words(int.from_bytes(digest[8:], "big")), text)


def ends(at: datetime) -> datetime:
    """When the next code is shown."""
    minute = at.timestamp() // LIVES.total_seconds()
    return datetime.fromtimestamp(minute * LIVES.total_seconds(), UTC) + LIVES


def good(said: str, secrets: Secrets, centre: str, event: str, key: Key, at: datetime) -> bool:
    """Whether it is the present code, or the one before it: as words, as the QR code has it, or its whole address."""
    text = _from_address(said)
    spoken = words.read(said, WORDS)
    found = False
    for each in (at, at - LIVES):
        right = code(secrets, centre, event, key, each)
        found |= hmac.compare_digest(right.text.encode(), text.encode())
        found |= hmac.compare_digest(right.words.encode(), spoken.encode())
    return found


def address(base_url: str, meeting: str, key: Key, text: str) -> str:
    """What the QR code holds: the page where one checks in."""
    return f"{base_url}/m/{meeting}?date={key_text(key)}&{PARAMETER}={text}"


def screen(secrets: Secrets, centre: str, event: str, key: Key) -> str:
    """What opens the page that shows a date's codes: 128 bits, of that date alone, derived as they are."""
    secret = secrets.derived(secrets.newest, centre, "check-in")
    digest = hmac.digest(secret, f"{event}\0{key_text(key)}\0screen".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def screen_address(base_url: str, centre: str, meeting: str, key: Key, text: str) -> str:
    """Where that page is."""
    return f"{base_url}/m/{meeting}/{key_text(key)}/screen/{centre}/{text}"


def must_be_on(occasion: Occasion | None) -> Occasion:
    """Raises Unmet for a date that does not take place."""
    if occasion is None or occasion.off:
        raise Unmet("it does not take place on this date", "NOT_ON")
    return occasion


def must_be_open(occasion: Occasion | None, at: datetime) -> Occasion:
    """Raises Unmet unless people are coming in, or are there."""
    found = must_be_on(occasion)
    if not moment(found.start) - BEFORE <= at <= moment(found.end):
        raise Unmet("one checks in from 60 minutes before its start to its end", "NOT_NOW")
    return found


def must_be_countable(occasion: Occasion | None, at: datetime, *, over: bool) -> Occasion:
    """Raises Unmet before anybody can be there, when nobody remembers any more, and once the figures are made."""
    found = must_be_on(occasion)
    if over or not moment(found.start) - BEFORE <= at <= moment(found.end) + KEPT:
        raise Unmet("heads are counted from 60 minutes before its start to 72 hours after its end", "NOT_NOW")
    return found


def party(said: int) -> int:
    """How many came together. Raises Invalid."""
    if not 0 <= said <= MOST_PARTY:
        raise Invalid(Violation("party_size", f"must be from 1 to {MOST_PARTY}"))
    return said or 1


def counts(sheet: Sheet) -> tuple[int, int, bool]:
    """How many were in the room and online, and whether who leads has counted them: that stands over the marks."""
    guest_list = sheet.list
    if guest_list.head_room is not None or guest_list.head_online is not None:
        return guest_list.head_room or 0, guest_list.head_online or 0, True
    return sheet.marked(SeatFor.PRESENT, Where.ROOM), sheet.marked(SeatFor.PRESENT, Where.ONLINE), False


def _words(number: int) -> str:
    """Four words, of a number that is far larger than it has to be."""
    known, found = words.known(), []
    for _ in range(WORDS):
        number, index = divmod(number, len(known))
        found.append(known[index])
    return " ".join(found)


def _from_address(said: str) -> str:
    """The code in an address that was scanned; otherwise what was said."""
    try:
        asked = parse_qs(urlsplit(said).query)
    except ValueError:
        return said
    return asked.get(PARAMETER, [said])[0]
