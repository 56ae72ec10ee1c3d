"""Programmes as people write them: "1st week: Speaker", "3rd, 5th: Business meeting", "last: Open, everybody"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from openchair.meetings.v1 import schedule_pb2

from services.cli.meeting_fields import WHO_MAY_COME, word
from services.cli.rhythm import LAST, ORDINALS, nth
from services.cli.when import Unclear, day, full
from services.recurrence.weeks import MOST
from services.recurrence.wire import parse_date

if TYPE_CHECKING:
    from datetime import date

FORM: Final = (
    '"1st week: Speaker", "3rd,5th: Business meeting", "last: Open, everybody",'
    ' "every 2 weeks from 2026-12-01: Step study", with notes after ";"'
)
_ROTATION: Final = re.compile(r"every (other|\d{1,2}) ?(?:weeks?)?(?: from (.+))?")
_NUMBER: Final = re.compile(r"(\d)(?:st|nd|rd|th)?")
_WHO: Final = {
    **WHO_MAY_COME,
    "open to everybody": 1,
    "members only": 2,
    "closed": 2,
    "by referral": 3,
}
_EMPTY: Final = {"week", "weeks", "and", "the", "of", "month", "in"}


def read(text: str, today: date) -> schedule_pb2.Programme:
    """What is special in some weeks. Raises Unclear."""
    weeks, colon, rest = text.partition(":")
    title, _, notes = rest.partition(";")
    if not colon or not title.strip():
        raise Unclear(f"{text!r} is no programme: {FORM}")
    programme = _weeks(weeks, text, today)
    kept = []
    for part in (each.strip() for each in title.split(",")):
        if part.casefold() in _WHO:
            programme.who_may_come = _WHO[part.casefold()]  # type: ignore[assignment]  # the wire's number
        elif part.casefold().startswith("type "):
            programme.types.extend(part[5:].split())
        else:
            kept.append(part)
    programme.title, programme.notes = ", ".join(kept), notes.strip()
    return programme


def _weeks(text: str, whole: str, today: date) -> schedule_pb2.Programme:
    words = " ".join(text.casefold().split())
    if match := _ROTATION.fullmatch(words):
        if match[2] is None:
            raise Unclear(f'{whole!r}: say a date in the first such week: "every 2 weeks from 2026-12-01: ..."')
        number = 2 if match[1] == "other" else int(match[1])
        return schedule_pb2.Programme(rotation=number, turn=1, anchor=day(match[2], today).isoformat())
    named = [word for word in words.replace(",", " ").split() if word not in _EMPTY]
    weeks = [_week(word) for word in named]
    if not weeks or None in weeks:
        raise Unclear(f"{whole!r} is no programme: {FORM}")
    return schedule_pb2.Programme(weeks=dict.fromkeys(each for each in weeks if each is not None))


def _week(name: str) -> int | None:
    if name == "last":
        return LAST
    if name in ORDINALS:
        return ORDINALS.index(name) + 1
    match = _NUMBER.fullmatch(name)
    return int(match[1]) if match and 1 <= int(match[1]) <= MOST else None


def said(programme: schedule_pb2.Programme) -> str:
    """The programme, read back."""
    what = ", ".join(
        filter(
            None,
            (
                programme.title,
                word(WHO_MAY_COME, programme.who_may_come),
                f"type {' '.join(programme.types)}" if programme.types else "",
            ),
        )
    )
    return f"{_when(programme)}: {what}" + (f"; {programme.notes}" if programme.notes else "")


def _when(programme: schedule_pb2.Programme) -> str:
    if programme.rotation:
        turn = f", week {programme.turn}" if programme.turn > 1 else ""
        return f"every {programme.rotation} weeks from {full(parse_date('anchor', programme.anchor))}{turn}"
    return ", ".join("last" if week == LAST else nth(week) for week in programme.weeks) + " week"
