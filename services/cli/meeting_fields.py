"""What a meeting says of itself, as options: one table for help, requests, refusals, and for reading it back."""

from __future__ import annotations

from argparse import SUPPRESS
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from services.cli.reading import words

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from openchair.meetings.v1 import meeting_pb2

MODES: Final = {"in-person": 1, "online": 2, "hybrid": 3}
VISIBILITIES: Final = {"public": 1, "unlisted": 2, "members": 3}
APPROACHES: Final = {"spiritual": 1, "secular": 2, "clinical": 3}
LED_BY: Final = {"peer": 1, "trained": 2, "licensed": 3}
WHO_MAY_COME: Final = {"everybody": 1, "members": 2, "referred": 3}
HOLIDAYS: Final = {"any day": 0, "not on holidays": 1, "also on holidays": 2}
STATES: Final = {"active": 1, "suspended": 2, "cancelled": 3}


class Text(NamedTuple):
    """A field of words. `unset`: it may be empty."""

    option: str
    path: str
    help: str
    unset: bool = True


class Choice(NamedTuple):
    """A field that takes one of a few values."""

    option: str
    path: str
    choices: Mapping[str, int]
    help: str
    unset: bool = True


TEXTS: Final = (
    Text("--title", "title", 'as people call it: "Big Book Study"', unset=False),
    Text("--kind", "kind", "support-meeting (default), workshop, retreat, drop-in, social, or one of the centre's own"),
    Text("--fellowship", "fellowship", "AA, NA, SMART, Recovery Dharma ...; leave it out where there is none"),
    Text("--language", "language", "language tag: en, es, pt-BR"),
    Text("--notes", "notes", "what else people should know"),
    Text("--group", "group", "name of the group that holds it, as it calls itself"),
    Text("--first-visit", "first_visit", "what somebody who comes for the first time wants to know"),
    Text("--cost", "cost", 'in words: "by donation, 40 suggested"'),
    Text("--website", "website", "its page on the web: https://..."),
)
LISTS: Final = (
    Text("--type", "types", "format codes of the fellowship: O,D (may be repeated)"),
    Text("--accessibility", "accessibility", "wheelchair,step-free,hearing-loop (may be repeated)"),
    Text("--focus", "focus", "whom or what it is about: women, men, lgbtq, young-people, newcomers, trauma"),
    Text("--other-language", "other_languages", "spoken too: es,fr"),
)
CHOICES: Final = (
    Choice("--mode", "mode", MODES, "how people take part; always stated, never guessed", unset=False),
    Choice("--visibility", "visibility", VISIBILITIES, "who may learn that it exists (default public)", unset=False),
    Choice("--approach", "approach", APPROACHES, "what carries the work"),
    Choice("--led-by", "led_by", LED_BY, "a peer, somebody trained, or a licensed professional"),
    Choice("--who-may-come", "who_may_come", WHO_MAY_COME, 'everybody ("open"), members ("closed"), or by referral'),
)
NUMBERS: Final = (
    Text("--capacity", "capacity", "chairs; the public is told from 11 on"),
    Text("--online-capacity", "online_capacity", "places online"),
)
FLAGS: Final = (
    Choice("--not-on-holidays", "holidays", {"holidays": 1}, "it is not held on public holidays"),
    Choice("--also-on-holidays", "holidays", {"holidays": 2}, "it is held on public holidays, whatever closes then"),
    Choice("--holidays-like-any-day", "holidays", {"holidays": 0}, "a public holiday is a day like any other"),
    Choice("--scholarship", "scholarship", {"scholarship": 1}, "there are places for those who cannot pay"),
    Choice("--no-scholarship", "scholarship", {"scholarship": 0}, "there are none"),
    Choice("--suspend", "state", {"state": 2}, "closed until it is taken up again: it stays listed, without dates"),
    Choice("--resume", "state", {"state": 1}, "take it up again"),
)
OPTIONS: Final[Mapping[str, str]] = {
    f"meeting.{each.path}": each.option for each in (*TEXTS, *LISTS, *NUMBERS, *CHOICES, *FLAGS[::-1])
}


def add_to(parser: Any, *, required: bool) -> None:
    """Adds the options. `required`: of a new meeting, whose title and mode must be said."""
    group = parser.add_argument_group("what it is", "To unset one: --no-notes, --no-type and so on.")
    for text in TEXTS:
        must = required and text.path == "title"
        group.add_argument(text.option, dest=text.path, metavar="TEXT", help=text.help, required=must)
        _add_unset(group, text, "")
    for text in LISTS:
        group.add_argument(text.option, dest=text.path, metavar="WORDS", type=words, action="extend", help=text.help)
        _add_unset(group, text, [])
    for choice in CHOICES:
        must = required and choice.path == "mode"
        group.add_argument(
            choice.option, dest=choice.path, choices=list(choice.choices), help=choice.help, required=must
        )
        _add_unset(group, choice, "")
    for text in NUMBERS:
        group.add_argument(text.option, dest=text.path, metavar="N", type=int, help=text.help)
        _add_unset(group, text, 0)
    for flag in FLAGS:
        number = next(iter(flag.choices.values()))
        group.add_argument(flag.option, dest=flag.path, action="store_const", const=number, help=flag.help)


def _add_unset(group: Any, field: Text | Choice, empty: object) -> None:
    if field.unset:
        option = field.option.replace("--", "--no-", 1)
        group.add_argument(option, dest=field.path, action="store_const", const=empty, help=SUPPRESS)


def fill(asked: argparse.Namespace, message: Any) -> list[str]:
    """Puts what was said into a message that has these fields, and names their paths."""
    paths: list[str] = []
    tables = {each.path: each.choices for each in CHOICES}
    for path in dict.fromkeys(each.path for each in (*TEXTS, *CHOICES, *NUMBERS, *FLAGS)):
        value = getattr(asked, path, None)
        if value is not None:
            setattr(message, path, tables[path].get(value, 0) if path in tables else value)
            paths.append(path)
    for each in LISTS:
        value = getattr(asked, each.path, None)
        if value is not None:
            getattr(message, each.path)[:] = value
            paths.append(each.path)
    return paths


def word(choices: Mapping[str, int], number: int) -> str:
    """The word for an enum number; empty where it is not stated."""
    return next((word for word, value in choices.items() if value == number and number), "")


def read_back(meeting: meeting_pb2.Meeting) -> dict[str, str]:
    """What it says of itself, by the name of the option, in words; what is not stated is left out."""
    told = {each.option: getattr(meeting, each.path) for each in TEXTS}
    told |= {each.option: ", ".join(getattr(meeting, each.path)) for each in LISTS}
    told |= {each.option: word(each.choices, getattr(meeting, each.path)) for each in CHOICES}
    told |= {each.option: str(getattr(meeting, each.path) or "") for each in NUMBERS}
    told["--holidays"] = word(HOLIDAYS, meeting.holidays)
    told["--scholarship"] = "yes" if meeting.scholarship else ""
    told["--state"] = word(STATES, meeting.state)
    return {option.removeprefix("--").replace("-", " "): text for option, text in told.items() if text}
