"""The list of NA in Berlin, and what takes place by it: reckoned from the file alone, with nothing of ours.

A format "Sp1" is "week 1: speaker" there, "O2" "open in week 2", "FuAL" "questions and answers in the last week"; "Wo1"
says that a meeting is held in the first week of the month only.
"""

from __future__ import annotations

import calendar
import json
import os
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from tests.system.running import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from subprocess import CompletedProcess

    from tests.system.running import System

ZONE: Final = "Europe/Berlin"
WHOLE: Final = ROOT.parent / "shared" / "data" / "recovery" / "bmlt_berlin_meetings.json"
FORMATS: Final = WHOLE.with_name("bmlt_german_formats_en.json")
EXCERPT: Final = ROOT / "tests" / "data" / "bmlt" / "berlin_weeks.json"
LIST: Final = WHOLE if os.environ.get("OPENCHAIR_GATE") == "1" and WHOLE.exists() else EXCERPT
"""Before a release the whole list, where it is beside the checkout; else a meeting for each format, and a house."""
RECORDS: Final[list[dict[str, Any]]] = json.loads(LIST.read_text(encoding="utf-8"))
ABOUT: Final = {"Sp": "Speaker", "O": "Open", "FuA": "Questions and Answers"}
HOUSE: Final = "Schudomastraße 45"
"""A place without a name of its own, known by its street."""


class Held(NamedTuple):
    """One date: its start in UTC, the meeting's name, and what is special on it."""

    start: datetime
    title: str
    special: frozenset[str]

    def summary(self, record_order: tuple[str, ...]) -> str:
        """As a calendar calls it."""
        said = ", ".join(each for each in record_order if each in self.special)
        return f"{self.title} ({said})" if said else self.title


def bring_in(system: System, *options: str) -> CompletedProcess[str]:
    """`openchair import bmlt` of the list, with its formats where they are beside it."""
    formats = ("--formats", str(FORMATS)) if LIST is WHOLE else ()
    named = ("--centre", "berlin", "--source", "berlin-na", "--timezone", ZONE)
    return system.command("import", "bmlt", str(LIST), *named, *formats, *options)


def in_house(record: Mapping[str, Any]) -> bool:
    """Whether it is held in that place."""
    return record.get("location_street") == HOUSE and not record.get("location_text")


def title(record: Mapping[str, Any]) -> str:
    """Its name, blanks collapsed."""
    return " ".join(record["meeting_name"].split())


def about(record: Mapping[str, Any]) -> tuple[str, ...]:
    """What is special in some weeks, in the order of its formats."""
    found = (re.fullmatch(r"(Sp|O|FuA)[1-5L]", key) for key in record["formats"].split(","))
    return tuple(dict.fromkeys(ABOUT[each[1]] for each in found if each))


def dates(record: Mapping[str, Any], first: date, days: int) -> Iterator[Held]:
    """Each date from a local day on, for so many days."""
    keys = record["formats"].split(",")
    only = [key[2:] for key in keys if re.fullmatch(r"Wo[1-5L]", key)]
    for day in (first + timedelta(days=number) for number in range(days)):
        if day.isoweekday() % 7 == int(record["weekday_tinyint"]) - 1 and (not only or _weeks(day) & set(only)):
            found = (re.fullmatch(r"(Sp|O|FuA)([1-5L])", key) for key in keys)
            special = frozenset(ABOUT[each[1]] for each in found if each and each[2] in _weeks(day))
            local = datetime.combine(day, time.fromisoformat(record["start_time"]), ZoneInfo(ZONE))
            yield Held(local.astimezone(UTC), title(record), special)


def held(first: date, days: int) -> list[tuple[Held, dict[str, Any]]]:
    """All of the list's, with their records."""
    return [(each, record) for record in RECORDS for each in dates(record, first, days)]


def _weeks(day: date) -> set[str]:
    """The names of the week of the month that a day is in: the 22nd is a fourth, and may be the last."""
    last = day.day + 7 > calendar.monthrange(day.year, day.month)[1]
    return {str((day.day + 6) // 7), *("L" if last else "")}
