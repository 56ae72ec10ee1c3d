"""What a meeting says of itself beside time and place, in words: who may come, what it costs, what is special when.

Pure, in English.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from openchair.meetings.v1 import meeting_pb2, schedule_pb2

from services.formats import codes, words
from services.recurrence import wire
from services.recurrence.types import RecurrenceError
from services.recurrence.weeks import falls_on
from services.web import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

WHO: Final[dict[int, str]] = {
    schedule_pb2.WHO_MAY_COME_EVERYBODY: "Open to everybody",
    schedule_pb2.WHO_MAY_COME_MEMBERS: "Only for those it is about",
    schedule_pb2.WHO_MAY_COME_REFERRED: "By referral or appointment",
}
APPROACHES: Final[dict[int, str]] = {
    meeting_pb2.APPROACH_SPIRITUAL: "Spiritual",
    meeting_pb2.APPROACH_SECULAR: "Secular",
    meeting_pb2.APPROACH_CLINICAL: "Clinical",
}
LED_BY: Final[dict[int, str]] = {
    meeting_pb2.LED_BY_PEER: "peers",
    meeting_pb2.LED_BY_TRAINED: "people trained for it",
    meeting_pb2.LED_BY_LICENSED: "licensed professionals",
}
FOCUS: Final = {"lgbtq": "LGBTQ+", "bipoc": "BIPOC"}
ORDINALS: Final = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last"}


class Special(NamedTuple):
    """What is special on a date: "Speaker", with what is said of it, and who may come where that differs."""

    title: str
    notes: str
    who: str
    types: tuple[str, ...]


class Detail(NamedTuple):
    """One thing that is said: "Cost", "By donation"; `link` where it is an address on the web."""

    label: str
    text: str
    link: str = ""


def specials(meeting: meeting_pb2.Meeting, day: date | None) -> tuple[Special, ...]:
    """The programmes that apply on the date that was `day` originally."""
    on = [each for each in meeting.programmes if day is not None and _applies(each, day)]
    return tuple(
        Special(
            each.title,
            each.notes,
            WHO.get(each.who_may_come, ""),
            tuple(name for name in _names(meeting.fellowship, each.types) if name.casefold() != each.title.casefold()),
        )
        for each in on
    )


def _names(fellowship: str, types: Iterable[str]) -> Iterator[str]:
    """What codes are called; a code that is not known is not shown."""
    yield from filter(None, (codes.type_name(fellowship, code) for code in types))


def who_may_come(meeting: meeting_pb2.Meeting, special: tuple[Special, ...]) -> str:
    """Who may come, on a date with these programmes; "" where nobody says."""
    return next((each.who for each in special if each.who), WHO.get(meeting.who_may_come, ""))


def details(meeting: meeting_pb2.Meeting, map_url: str = "") -> tuple[Detail, ...]:
    """All that is folded away on a page, in the order in which somebody new asks."""
    found = [each for each in _details(meeting) if each.text]
    links = (("Map", map_url, "where it is"), ("Its own page", meeting.website, ""))
    for label, url, text in links:
        address = words.link(url) if url else None
        if address:
            found.append(Detail(label, text or address.split("/")[2], address))
    return tuple(found)


def _details(meeting: meeting_pb2.Meeting) -> Iterator[Detail]:
    yield Detail("Your first time", meeting.first_visit)
    yield Detail("For", ", ".join(map(focus, meeting.focus)))
    yield Detail("Approach", APPROACHES.get(meeting.approach, ""))
    yield Detail("Led by", LED_BY.get(meeting.led_by, ""))
    yield Detail("Programme", "; ".join(map(programme, meeting.programmes)))
    yield Detail("Also in", ", ".join(map(say.language, meeting.other_languages)))
    yield Detail("Cost", meeting.cost)
    yield Detail("If you cannot pay", "There are places for you too." if meeting.scholarship else "")
    yield Detail("Registration opens", _moment(meeting.registration_opens))
    yield Detail("Chairs", _chairs(meeting))


def _chairs(meeting: meeting_pb2.Meeting) -> str:
    here = str(meeting.capacity) if meeting.capacity else ""
    return ", ".join(filter(None, (here, f"{meeting.online_capacity} online" if meeting.online_capacity else "")))


def _moment(text: str) -> str:
    try:
        local = wire.parse_local("registration_opens", text) if text else None
    except RecurrenceError:
        return ""
    return f"{say.day(local.date())} {local.year}, {say.clock(local)}" if local else ""


def focus(slug: str) -> str:
    """Whom it is about: "young people"."""
    return FOCUS.get(slug, slug.replace("-", " "))


def programme(message: schedule_pb2.Programme) -> str:
    """What is special, and in which weeks: "first and third of the month: Speaker"."""
    if message.rotation:
        return f"week {message.turn} of every {message.rotation}: {message.title}"
    names = [ORDINALS.get(each, str(each)) for each in message.weeks]
    weeks = " and ".join(filter(None, (", ".join(names[:-1]), names[-1] if names else "")))
    return f"{weeks} of the month: {message.title}"


def _applies(message: schedule_pb2.Programme, day: date) -> bool:
    try:
        return falls_on(wire.to_weeks(message), day)
    except RecurrenceError:
        return False  # what cannot be read is said nowhere
