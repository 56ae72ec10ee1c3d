"""DESCRIPTION: everything else a person wants to know before going, a fact a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openchair.meetings.v1 import meeting_pb2

from services.feeds.face import is_told, join_link, join_phone
from services.feeds.parts import weekday_of
from services.feeds.programmes import in_words, specials_of
from services.feeds.text import clean, line
from services.formats import words
from services.formats.codes import language_codes, type_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from services.feeds.face import Face
    from services.recurrence.types import Schedule

_MODES: dict[int, str] = {
    meeting_pb2.MODE_IN_PERSON: "In person",
    meeting_pb2.MODE_ONLINE: "Online",
    meeting_pb2.MODE_HYBRID: "In person and online",
}
_WHO: dict[int, str] = {1: "Everybody", 2: "Those it is about (closed)", 3: "By referral or appointment"}
_APPROACHES: dict[int, str] = {1: "spiritual", 2: "secular", 3: "clinical"}
_LED_BY: dict[int, str] = {1: "peers", 2: "trained facilitators", 3: "licensed professionals"}


def description(
    meeting: meeting_pb2.Meeting,
    shown: Face,
    schedule: Schedule,
    phone: str,
    agenda: Iterable[str] = (),
    seats: Iterable[str] = (),
) -> str:
    """The text. `phone`: whom to call about the centre's meetings, or ""; `agenda`: a line for each item of it.

    `seats`: lines about whether there is one, and where it is kept.
    """
    found = _facts(meeting, shown, schedule, agenda)
    first = (_warning(meeting, shown, phone), clean(shown.reason))
    return "\n".join(text for text in (*first, *seats, *found) if text)


def _facts(meeting: meeting_pb2.Meeting, shown: Face, schedule: Schedule, agenda: Iterable[str]) -> Iterator[str]:
    yield _listed((_MODES.get(shown.mode, ""), line(meeting.fellowship)))
    yield _labelled("Group", line(meeting.group))
    codes = dict.fromkeys((*meeting.types, *(code for each in shown.programmes for code in each.types)))
    yield _labelled("Types", _listed(_type(meeting.fellowship, code) for code in codes))
    yield from _people(meeting, shown)
    yield clean(shown.notes)
    yield _labelled("First visit", clean(meeting.first_visit))
    yield from in_words(specials_of(meeting), weekday_of(schedule))
    yield from agenda
    yield from _money(meeting)
    yield from _where(meeting, shown)


def _warning(meeting: meeting_pb2.Meeting, shown: Face, phone: str) -> str:
    """What people reported who stood before a closed door."""
    ask = f"call {line(phone)} before you go" if line(phone) else "ask before you go"
    if shown.unconfirmed:
        return f"Not confirmed: people found nobody here. Please {ask}."
    return f"Lately people found nobody here more than once. Please {ask}." if meeting.doubtful else ""


def _people(meeting: meeting_pb2.Meeting, shown: Face) -> Iterator[str]:
    """For whom it is, who leads it, in which languages."""
    yield _labelled("Who may come", _WHO.get(shown.who_may_come, ""))
    yield _labelled("For", _listed(line(each).replace("-", " ") for each in meeting.focus))
    yield _labelled("Approach", _APPROACHES.get(meeting.approach, ""))
    yield _labelled("Led by", _LED_BY.get(meeting.led_by, ""))
    if meeting.other_languages:
        yield _labelled("Languages", _listed(map(_language, (meeting.language, *meeting.other_languages))))


def _money(meeting: meeting_pb2.Meeting) -> Iterator[str]:
    """What it costs, and how to get a place."""
    yield _labelled("Cost", clean(meeting.cost))
    if meeting.scholarship:
        yield "There are places for those who cannot pay."
    yield _labelled("Registration opens", line(meeting.registration_opens).replace("T", " "))
    yield _labelled("Places", str(meeting.capacity) if meeting.capacity else "")
    yield _labelled("Places online", str(meeting.online_capacity) if meeting.online_capacity else "")


def _where(meeting: meeting_pb2.Meeting, shown: Face) -> Iterator[str]:
    yield _labelled("Join online", join_link(shown))
    yield _labelled("Join by phone", join_phone(shown))
    yield _labelled("How to get in", clean(shown.venue.notes))
    in_person = shown.mode != meeting_pb2.MODE_ONLINE and is_told(shown)
    yield _labelled("Map", words.link(shown.venue.map_url) or "" if in_person else "")
    yield _labelled("Website", words.link(meeting.website) or "")
    accessible = dict.fromkeys(map(line, (*meeting.accessibility, *shown.venue.accessibility)))
    yield _labelled("Accessibility", _listed(accessible))


def _language(tag: str) -> str:
    """What a language is called, or its tag where that is not known."""
    (code,) = language_codes("AA", [tag])[:1] or ("",)
    return line((type_name("AA", code) if code else "") or tag)


def _type(fellowship: str, code: str) -> str:
    """The name of a format, or its code where the name is not known."""
    return line(type_name(fellowship, code) or code)


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(text for text in texts if text)


def _labelled(label: str, text: str) -> str:
    return f"{label}: {text}" if text else ""
