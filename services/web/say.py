"""How times, modes and languages are said on a page, in English."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from openchair.meetings.v1 import meeting_pb2

from services.formats.kinds import kind_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

MODES: Final[dict[int, str]] = {
    meeting_pb2.MODE_IN_PERSON: "In person",
    meeting_pb2.MODE_ONLINE: "Online",
    meeting_pb2.MODE_HYBRID: "In person and online",
}
ORDINARY: Final = "support-meeting"
"""The kind that most are: nobody needs to be told."""
ACCESS: Final = {
    "wheelchair": "wheelchair access",
    "step-free": "step-free",
    "hearing-loop": "hearing loop",
    "accessible-bathroom": "accessible bathroom",
}
LANGUAGES: Final = {
    "ar": "Arabic", "ase": "American Sign Language", "da": "Danish", "de": "German", "en": "English", "es": "Spanish",
    "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "it": "Italian", "ja": "Japanese",
    "ko": "Korean", "nl": "Dutch", "no": "Norwegian", "pa": "Punjabi", "pl": "Polish", "pt": "Portuguese",
    "ru": "Russian", "sv": "Swedish", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian", "zh": "Chinese",
}  # fmt: skip

NO_KINDS: Final[Mapping[str, str]] = MappingProxyType({})

_NOON: Final = 12
_NUMBER: Final = re.compile(r"\+?\d[\d .-]*\d")
_SHORTEST: Final = 3  # digits of a number: 988, 112


def clock(local: datetime) -> str:
    """A time of day that cannot be misread: "7:00 pm", "noon", "midnight"."""
    if local.minute == 0 and local.hour in {0, _NOON}:
        return "noon" if local.hour else "midnight"
    return f"{local.hour % _NOON or _NOON}:{local:%M}\N{NO-BREAK SPACE}{'am' if local.hour < _NOON else 'pm'}"


def day(when: date) -> str:
    """A date without its year: "Tuesday 24 November"."""
    return f"{DAYS[when.weekday()]} {when.day} {MONTHS[when.month - 1]}"


def near_day(when: date, today: date) -> str:
    """The same, saying so when it is today or tomorrow."""
    near = {0: "Today, ", 1: "Tomorrow, "}.get((when - today).days, "")
    return near + day(when)


def short_day(when: date, today: date) -> str:
    """For a row of links: "Today", "Tue 24"."""
    return "Today" if when == today else f"{DAYS[when.weekday()][:3]} {when.day}"


def span(start: datetime, end: datetime) -> str:
    """From when to when, both local: "7:00 pm to 8:15 pm"; the end's day is said unless it is a night's end."""
    night = end.date() != start.date() and (end - start).total_seconds() > _NOON * 3600
    return f"{clock(start)} to {DAYS[end.weekday()] + ' ' if night else ''}{clock(end)}"


def dial(text: str) -> tuple[str, str, str]:
    """What stands before, in and after the first telephone number of a text; all in the first where there is none."""
    found = next((each for each in _NUMBER.finditer(text) if sum(map(str.isdigit, each[0])) >= _SHORTEST), None)
    return (text[: found.start()], found[0], text[found.end() :]) if found else (text, "", "")


def kind(word: str, own: Mapping[str, str] = NO_KINDS) -> str:
    """A kind of event in words, `own` being those of its centre; nothing for the ordinary one."""
    if word == ORDINARY:
        return ""
    return own.get(word) or kind_name(word) or word.replace("-", " ").capitalize()


def access(word: str) -> str:
    """A word of accessibility as it is read."""
    return ACCESS.get(word, word)


def language(tag: str) -> str:
    """Name of a BCP 47 language, or the tag itself."""
    return LANGUAGES.get(tag.partition("-")[0].lower(), tag)
