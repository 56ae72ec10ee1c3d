"""What a field may hold. Each check collects what is wrong, so that a caller learns of everything at once."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from services.kit.errors import Invalid, Violation
from services.meetings import calendars
from services.recurrence import wire, zones
from services.recurrence.schedule import check as check_schedule
from services.recurrence.types import RecurrenceError, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sized

    from openchair.meetings.v1 import schedule_pb2

E = TypeVar("E", bound=Enum)

TITLE_LENGTH = 200
TEXT_LENGTH = 8_000
WORD_LENGTH = 60
LIST_LENGTH = 60
MAX_CHAIRS = 100_000

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_SLUG = re.compile(r"[a-z0-9]([a-z0-9.-]{0,58}[a-z0-9])?")
_PHONE = re.compile(r"[0-9+*#(][0-9 +*#(),./;x-]{2,58}")


class Problems:
    """What is wrong with one request, by field. `prefix` is where the message stands in it: "meeting."."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.found: list[Violation] = []

    def add(self, field: str, reason: str) -> None:
        """One more thing that is wrong."""
        self.found.append(Violation(self.prefix + field, reason))

    def settle(self) -> None:
        """Raises Invalid if anything is wrong."""
        if self.found:
            raise Invalid(*self.found)

    def title(self, field: str, text: str) -> str:
        """A line that must be there."""
        text = self.line(field, text)
        if not text:
            self.add(field, "must not be empty")
        return text

    def line(self, field: str, text: str, limit: int = TITLE_LENGTH) -> str:
        """One line of text, without the spaces around it."""
        text = text.strip()
        if len(text) > limit:
            self.add(field, f"is longer than {limit} characters")
        if "\n" in text or "\r" in text:
            self.add(field, "must be one line")
        return text

    def text(self, field: str, text: str) -> str:
        """Several lines of text."""
        text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
        if len(text) > TEXT_LENGTH:
            self.add(field, f"is longer than {TEXT_LENGTH} characters")
        return text

    def words(self, field: str, words: Iterable[str]) -> tuple[str, ...]:
        """A short list of short words, each once, in the order given."""
        kept = tuple(dict.fromkeys(self.line(f"{field}[{n}]", word, WORD_LENGTH) for n, word in enumerate(words)))
        if len(kept) > LIST_LENGTH:
            self.add(field, f"has more than {LIST_LENGTH} entries")
        if "" in kept:
            self.add(field, "has an empty entry")
        return kept

    def url(self, field: str, text: str) -> str:
        """A web address: http or https, with a host, without user and password."""
        text = self.line(field, text, 2_000)
        if not text:
            return ""
        try:
            parts = urlsplit(text)
            good = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
        except ValueError:
            good = False
        if not good or any(c.isspace() or c in '<>"\\' for c in text):
            self.add(field, "must be an http or https address")
        return text

    def https(self, field: str, text: str) -> str:
        """A web address that nobody on the way can read."""
        text = self.url(field, text)
        if text.casefold().startswith("http:"):
            self.add(field, "must be an https address")
        return text

    def within(self, field: str, number: int, low: int, high: int) -> int:
        """A number between two, inclusive."""
        if not low <= number <= high:
            self.add(field, f"must lie between {low} and {high}")
        return number

    def at_most(self, field: str, entries: Sized, most: int) -> None:
        """A list that is not too long."""
        if len(entries) > most:
            self.add(field, f"has more than {most} entries")

    def phone(self, field: str, text: str) -> str:
        """A number as it is dialled."""
        text = self.line(field, text, WORD_LENGTH)
        if text and not _PHONE.fullmatch(text):
            self.add(field, "must be a telephone number: digits, spaces and + ( ) - , # *")
        return text

    def language(self, field: str, text: str) -> str:
        """A BCP 47 tag (RFC 5646), by its form."""
        if text and not _LANGUAGE.fullmatch(text):
            self.add(field, 'must be a language tag such as "en" or "pt-BR"')
        return text

    def slug(self, field: str, text: str) -> str:
        """1 to 60 of a-z, 0-9, "-" and ".", not at an end."""
        if not _SLUG.fullmatch(text):
            self.add(field, 'must be 1 to 60 of a-z, 0-9, "-" and "."')
        return text

    def choice(self, field: str, number: int, choices: dict[int, E], default: E) -> E:
        """The member for an enum number; 0 (unspecified) is the default."""
        if number == 0:
            return default
        if number not in choices:
            self.add(field, "is not one of the values this field takes")
        return choices.get(number, default)

    def stated(self, field: str, number: int, choices: dict[int, E], default: E) -> E:
        """The member for an enum number that must be stated: it is never guessed."""
        if number == 0:
            self.add(field, "must be stated")
        return self.choice(field, number, choices, default)

    def zone(self, field: str, name: str) -> str:
        """An IANA time zone."""
        try:
            zones.zone(name)
        except RecurrenceError as error:
            self.add(field, error.reason)
        return name

    def holiday_calendar(self, field: str, code: str) -> str:
        """An ISO 3166-1 country, or an ISO 3166-2 subdivision, whose public holidays are known."""
        if code and not calendars.known(code):
            self.add(field, 'must be a country or a subdivision whose holidays are known, such as "DE" or "CA-AB"')
        return code

    def schedule(self, field: str, message: schedule_pb2.Schedule) -> Schedule | None:
        """When a series takes place; None when it cannot be read. Whether it can be is for `possible`."""
        try:
            return wire.to_schedule(message)
        except RecurrenceError as error:
            self.add(f"{field}.{error.field}", error.reason)
            return None


def possible(schedule: Schedule, field: str) -> None:
    """Raises Invalid unless the schedule can be: its start is one of its dates, it has an occurrence."""
    try:
        check_schedule(schedule)
    except RecurrenceError as error:
        part = "time_zone" if error.field == "zone" else error.field
        raise Invalid(Violation(f"{field}.{part}", error.reason)) from error
