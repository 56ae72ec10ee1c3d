"""Which meetings and dates of a feed are wanted, and how they are to be shown: the query of its address.

The same wish spelt differently is one `Filter`: values are folded, sorted and unique. A value that means nothing is
refused, since a feed that silently shows everything sends people to the wrong door; so is a parameter that is nearly
one of ours ("days"). Others ("utm_source") are nobody's business.
"""

from __future__ import annotations

import re
from datetime import timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlencode

from services.feeds.text import line
from services.formats.slugs import slug

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
MODES = ("hybrid", "in-person", "online")
NEUTRAL = "Appointment"
LONGEST_WORD = 40
LONGEST_ALARM = timedelta(days=7)
LONGEST_NAME = 14
LONGEST_TITLE = 60
MOST_VALUES = 40

_DURATION = re.compile(r"P(?:(\d{1,2})W)?(?:(\d{1,3})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?", re.ASCII)
_PLAIN = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
_LONGEST_CODE = 60


class FilterError(ValueError):
    """A value that its parameter does not take; the text names both what is wrong and what is taken."""

    def __init__(self, parameter: str, takes: str) -> None:
        super().__init__(f'"{parameter}" takes {takes}.')
        self.parameter = parameter


class Filter(NamedTuple):
    """A wish. Empty fields leave everything; of several values any will do, of several fields all must fit.

    `days`: 0 is Monday. `alarm`: seconds before the start, -1: none. `word`: what every event is called in a discreet
    feed; "": it is not discreet.
    """

    kinds: tuple[str, ...] = ()
    fellowships: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    days: tuple[int, ...] = ()
    accessible: tuple[str, ...] = ()
    cancelled: bool = False
    alarm: int = -1
    word: str = ""

    def takes_whole_meetings(self) -> bool:
        """Whether each meeting that is wanted is shown with all of its dates, and as usual."""
        return self == Filter(self.kinds, self.fellowships, languages=self.languages)

    def said(self) -> str:
        """What is left in, in few words for the title of a calendar: "AA · Sa · Su"; "" for everything."""
        upper = (*self.fellowships, *self.types)
        shown = [each.upper() if len(each) <= len("SMART") else each for each in upper]
        days = [DAYS[day].title() for day in self.days]
        text = " · ".join([*self.kinds, *shown, *self.languages, *self.modes, *days, *self.accessible])
        return text if len(text) <= LONGEST_TITLE else text[: LONGEST_TITLE - 1].rstrip(" ·") + "\u2026"

    def query(self) -> str:
        """The one query that says it, in this order; "" for everything as usual."""
        lists = {
            "kind": self.kinds,
            "fellowship": self.fellowships,
            "type": self.types,
            "language": self.languages,
            "mode": self.modes,
            "day": tuple(DAYS[day] for day in self.days),
            "accessible": self.accessible,
        }
        said = {name: ",".join(values) for name, values in lists.items() if values}
        said |= {"cancelled": "show"} if self.cancelled else {}
        said |= {"alarm": f"PT{self.alarm}S"} if self.alarm >= 0 else {}
        said |= {"discreet": "1" if self.word == NEUTRAL else self.word} if self.word else {}
        return urlencode(said, safe=",")


@lru_cache(1024)
def parse(query: bytes) -> Filter:
    """The wish that a query states. Raises FilterError."""
    text = query.decode("utf-8", "replace")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=100)
    except ValueError as error:
        raise FilterError("query", "at most 100 parameters") from error
    said: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in _READERS:
            said.setdefault(name, []).append(value)
        elif meant := _meant(name):
            raise FilterError(line(name), f'nothing here; "{meant}" does')
    made = {_READERS[name][0]: _READERS[name][1](name, ",".join(values)) for name, values in said.items()}
    return Filter(**made)  # type: ignore[arg-type]  # each reader gives what its field holds


def _meant(name: str) -> str:
    """The parameter that was mistyped ("days", "day[]"); "" where it is none of ours."""
    name = name.strip().removesuffix("[]")
    close = get_close_matches(name.casefold(), _READERS, 1, 0.8) if len(name) <= LONGEST_NAME else []
    return close[0] if close else ""


def _values(name: str, text: str, takes: str) -> list[str]:
    values = [value.strip() for value in text.split(",")]
    if not all(values) or len(values) > MOST_VALUES:
        raise FilterError(name, takes)
    return values


def _slugs(name: str, text: str) -> tuple[str, ...]:
    takes = f'words such as "{_EXAMPLES[name]}", separated by commas'
    found = {slug(value) for value in _values(name, text, takes)}
    if "" in found:
        raise FilterError(name, takes)
    return tuple(sorted(found))


def _codes(name: str, text: str) -> tuple[str, ...]:
    takes = 'codes such as "O" or "BT", separated by commas'
    found = {line(value).casefold() for value in _values(name, text, takes)}
    if any(not value or len(value) > _LONGEST_CODE for value in found):
        raise FilterError(name, takes)
    return tuple(sorted(found))


def _languages(name: str, text: str) -> tuple[str, ...]:
    takes = 'languages such as "es" or "pt-BR", separated by commas'
    found = {value.casefold().replace("_", "-") for value in _values(name, text, takes)}
    if not all(map(_PLAIN.fullmatch, found)):
        raise FilterError(name, takes)
    return tuple(sorted(found))


def _modes(name: str, text: str) -> tuple[str, ...]:
    takes = '"in-person", "online" or "hybrid"'
    found = {value.casefold().replace("_", "-") for value in _values(name, text, takes)}
    if not found <= set(MODES):
        raise FilterError(name, takes)
    return tuple(sorted(found))


def _days(name: str, text: str) -> tuple[int, ...]:
    takes = "days: mo, tu, we, th, fr, sa, su, or 1 (Monday) to 7"
    known = {day: number for number, day in enumerate(DAYS)} | {str(number + 1): number for number in range(7)}
    values = [value.casefold() for value in _values(name, text, takes)]
    if not all(value in known for value in values):
        raise FilterError(name, takes)
    return tuple(sorted({known[value] for value in values}))


def _cancelled(name: str, text: str) -> bool:
    if text not in {"show", "hide"}:
        raise FilterError(name, '"show" or "hide"')
    return text == "show"


def _alarm(name: str, text: str) -> int:
    match = _DURATION.fullmatch(text.upper())
    numbers = [int(each or 0) for each in match.groups()] if match else []
    if not match or text.upper()[-1] in "PT":
        raise FilterError(name, 'a duration before the start, from "PT0S" to "P7D", such as "PT1H"')
    length = timedelta(weeks=numbers[0], days=numbers[1], hours=numbers[2], minutes=numbers[3], seconds=numbers[4])
    if length > LONGEST_ALARM:
        raise FilterError(name, 'a duration before the start, from "PT0S" to "P7D", such as "PT1H"')
    return int(length.total_seconds())


def _word(name: str, text: str) -> str:
    word = line(text)
    if not word or len(word) > LONGEST_WORD:
        raise FilterError(name, f'"1", "0", or a word of your own of up to {LONGEST_WORD} characters')
    return {"1": NEUTRAL, "0": ""}.get(word, word)


_EXAMPLES = {"kind": "support-meeting", "fellowship": "al-anon", "accessible": "wheelchair"}
_READERS: Mapping[str, tuple[str, Callable[[str, str], object]]] = {
    "kind": ("kinds", _slugs),
    "fellowship": ("fellowships", _slugs),
    "type": ("types", _codes),
    "language": ("languages", _languages),
    "mode": ("modes", _modes),
    "day": ("days", _days),
    "accessible": ("accessible", _slugs),
    "cancelled": ("cancelled", _cancelled),
    "alarm": ("alarm", _alarm),
    "discreet": ("word", _word),
}
