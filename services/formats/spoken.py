"""Which languages are spoken: apart from types, the first one the meeting's, the others spoken too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from services.formats import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from openchair.meetings.v1 import meeting_pb2 as meetings

SIGNED: Final = frozenset({"ase"})
_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_MOST: Final = 60


def stated(record: Mapping[str, Any]) -> list[str]:
    """The BCP 47 tags that a record names."""
    said = record.get("languages") or record.get("language") or []
    return [tag for tag in map(words.line, said if isinstance(said, list) else [said]) if _TAG.fullmatch(tag)]


def say(meeting: meetings.Meeting, named: Iterable[str], coded: Iterable[str], otherwise: str) -> None:
    """Sets them: as they are named, then by code, a sign language last; none: `otherwise`."""
    found = list(dict.fromkeys((*named, *coded)))
    spoken = [tag for tag in found if tag not in SIGNED] or found
    meeting.language = spoken[0] if spoken else otherwise
    meeting.other_languages.extend([tag for tag in found if tag != meeting.language][:_MOST])
