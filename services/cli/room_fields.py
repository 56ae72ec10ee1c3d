"""The options that say what a room is, and what they make of it: the same for a new one and for a change."""

from __future__ import annotations

from argparse import BooleanOptionalAction
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import place_pb2

from services.cli import when
from services.cli.reading import put, words
from services.cli.room_words import closed_on, dated_text, hours, hours_text, minutes, open_on, quota, quota_text
from services.cli.shell import USAGE, Failure
from services.cli.when import Unclear

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from services.cli.house import House

OPTIONS: Final[Mapping[str, str]] = {
    "parent": "CENTRE",
    "room.title": "--title",
    "room.place": "--place",
    "room.kind": "--video",
    "room.capacity": "--capacity",
    "room.accessibility": "--accessibility",
    "room.equipment": "--equipment",
    "room.notes": "--notes",
    "room.photos": "--photo",
    "room.join_url": "--link",
    "room.opening_hours": "--hours",
    "room.dated_hours": "--closed",
    "room.before_minutes": "--setup",
    "room.after_minutes": "--teardown",
    "room.parts": "--part",
    "room.time_zone": "--timezone",
    "room.rules.who": "--who",
    "room.rules.most_days_ahead": "--days-ahead",
    "room.rules.least_minutes_ahead": "--notice",
    "room.rules.shortest_minutes": "--shortest",
    "room.rules.longest_minutes": "--longest",
    "room.rules.quotas": "--quota",
    "room.rules.approval": "--approval",
    "room.rules.check_in_minutes": "--check-in",
    "room.rules.hold_minutes": "--hold",
}
_LISTS: Final = {"accessibility": "wheelchair,hearing-loop", "equipment": "projector,piano"}
_PLAIN: Final = {
    "title": "title",
    "capacity": "capacity",
    "notes": "notes",
    "link": "join_url",
    "setup": "before_minutes",
    "teardown": "after_minutes",
    "timezone": "time_zone",
    "public_busy": "public_busy",
    "public_title": "public_title",
}
_RULES: Final = {
    "days_ahead": "most_days_ahead",
    "notice": "least_minutes_ahead",
    "shortest": "shortest_minutes",
    "longest": "longest_minutes",
    "without_end": "without_end",
    "check_in": "check_in_minutes",
    "hold": "hold_minutes",
}
_WHO: Final = {"facilitators": 1, "coordinators": 2, "administrators": 3}
_APPROVALS: Final = {"none": 0, "holds": 1, "competes": 2}


def add_to(parser: Any) -> None:
    """Adds what may be said of a room, but for its title and where it is."""
    parser.add_argument("--capacity", metavar="N", type=int, help="chairs, or participants; 0 unsets it")
    for path, example in _LISTS.items():
        _add_list(parser, f"--{path}", path, metavar="WORDS", type=words, help=f"{example}: all there are")
    parser.add_argument("--notes", metavar="TEXT", help='where it is; "" unsets it')
    _add_many(parser, "--photo", "photos", metavar="URL", help="an https link to a picture; again for another")
    parser.add_argument("--link", metavar="URL", help="of a video account: where its meetings are; staff only")
    _add_many(parser, "--part", "parts", metavar="ROOM", help="of a hall that splits: a room it is made of; again")
    parser.add_argument("--setup", metavar="LENGTH", type=minutes, help="before each date: 15; 0 unsets it")
    parser.add_argument("--teardown", metavar="LENGTH", type=minutes, help="after each date")
    help_ = "whether everybody may know when it is taken, never by what"
    parser.add_argument("--public-busy", action=BooleanOptionalAction, default=None, help=help_)
    help_ = "whether everybody may know its title and see its photos, on its page"
    parser.add_argument("--public-title", action=BooleanOptionalAction, default=None, help=help_)
    _add_hours(parser)
    _add_rules(parser)


def _add_hours(parser: Any) -> None:
    group = parser.add_argument_group("opening hours")
    text = "'mon-fri 09:00-22:00': again for other days; all there are"
    _add_many(group, "--hours", "hours", metavar="HOURS", type=hours, help=text)
    group.add_argument("--closed", metavar="DATE", action="append", help="not open on it: '24 dec: Stock-taking'")
    group.add_argument("--open-on", metavar="HOURS", action="append", help="other hours on it: '31 dec 18:00-24:00'")
    group.add_argument("--as-usual", metavar="DATE", action="append", help="nothing special on that date any more")
    group.add_argument("--timezone", metavar="ZONE", help="of the hours, where it is not the centre's")


def _add_rules(parser: Any) -> None:
    group = parser.add_argument_group("rules for booking it (meetings of the centre are not asked)")
    group.add_argument("--who", choices=_WHO, help="may book it, and those above them")
    group.add_argument("--days-ahead", metavar="DAYS", type=int, help="at most so many; 0: any")
    group.add_argument("--notice", metavar="LENGTH", type=minutes, help="at least so long before it begins; 0: any")
    group.add_argument("--shortest", metavar="LENGTH", type=minutes, help="of one date; 0: any")
    group.add_argument("--longest", metavar="LENGTH", type=minutes, help="of one date; 0: any")
    text = "a series may go on, however few days ahead may be booked"
    group.add_argument("--without-end", action=BooleanOptionalAction, default=None, help=text)
    text = "for each person: '2 per week', '3 hours per month'; again"
    _add_many(group, "--quota", "quotas", metavar="QUOTA", type=quota, help=text)
    text = "who is not of the centre's staff waits; `competes` holds no time meanwhile"
    group.add_argument("--approval", choices=_APPROVALS, help=text)
    text = "so long after the start a date nobody checked in for is given back; 0: nobody checks in"
    group.add_argument("--check-in", metavar="LENGTH", type=minutes, help=text)
    group.add_argument("--hold", metavar="LENGTH", type=minutes, help="how long it is held for somebody; 0: 10 minutes")


def _add_list(parser: Any, option: str, dest: str, **more: Any) -> None:
    parser.add_argument(option, dest=dest, **more)
    parser.add_argument(f"--no-{option[2:]}", dest=dest, action="store_const", const=[], help="unset it")


def _add_many(parser: Any, option: str, dest: str, **more: Any) -> None:
    _add_list(parser, option, dest, action="append", **more)


def fill(asked: argparse.Namespace, house: House, room: place_pb2.Room) -> list[str]:
    """Puts what was said into the message, and names the paths. Raises Failure."""
    paths = list(_plain(asked, room, _PLAIN))
    for path in _LISTS:
        if getattr(asked, path) is not None:
            getattr(room, path)[:] = getattr(asked, path)
            paths.append(path)
    if asked.photos is not None:
        room.photos[:] = asked.photos
        paths.append("photos")
    if asked.parts is not None:
        room.parts[:] = [house.room(each, room.place).name for each in asked.parts]
        paths.append("parts")
    if asked.hours is not None:
        put(room.opening_hours, asked.hours)
        paths.append("opening_hours")
    if asked.closed or asked.open_on or asked.as_usual:
        put(room.dated_hours, _dated(asked, house, room))
        paths.append("dated_hours")
    return paths + [f"rules.{path}" for path in _fill_rules(asked, room.rules)]


def _plain(asked: argparse.Namespace, message: Any, fields: Mapping[str, str]) -> Iterator[str]:
    for said, field in fields.items():
        if getattr(asked, said) is not None:
            setattr(message, field, getattr(asked, said))
            yield field


def _fill_rules(asked: argparse.Namespace, rules: place_pb2.BookingRules) -> Iterator[str]:
    yield from _plain(asked, rules, _RULES)
    if asked.who is not None:
        rules.who = _WHO[asked.who] if asked.who != "facilitators" else 0  # type: ignore[assignment]  # its number
        yield "who"
    if asked.approval is not None:
        rules.approval = _APPROVALS[asked.approval]  # type: ignore[assignment]  # as above
        yield "approval"
    if asked.quotas is not None:
        put(rules.quotas, asked.quotas)
        yield "quotas"


def _dated(asked: argparse.Namespace, house: House, room: place_pb2.Room) -> list[place_pb2.DatedHours]:
    """The dates with hours of their own: those there are, with the new ones in place of what was said of theirs."""
    try:
        usual = {when.day(text, house.today).isoformat() for text in asked.as_usual or ()}
    except Unclear as error:
        raise Failure(f"--as-usual: {error}", USAGE) from None
    new = []
    for option, read, texts in (("--closed", closed_on, asked.closed), ("--open-on", open_on, asked.open_on)):
        try:
            new += [read(text, house.today) for text in texts or ()]
        except Unclear as error:
            raise Failure(f"{option}: {error}", USAGE) from None
    said = usual | {each.date for each in new}
    return sorted([*(each for each in room.dated_hours if each.date not in said), *new], key=lambda each: each.date)


def facts(room: place_pb2.Room, house: House) -> dict[str, str]:
    """What it says of itself, by name; what is not stated is empty."""
    video = room.kind == place_pb2.ROOM_KIND_VIDEO
    told = {
        "title": room.title,
        "kind": "video account" if video else "room",
        "place": ", ".join(house.titles([room.place])) if room.place else "",
        "capacity": str(room.capacity or ""),
        "notes": room.notes,
        **{path: ", ".join(getattr(room, path)) for path in _LISTS},
        "photos": ", ".join(room.photos),
        "link": room.join_url,
        "parts": ", ".join(house.titles(room.parts)),
        "not together with": ", ".join(house.titles(room.excludes)),
        "hours": ", ".join(hours_text(room.opening_hours)) or "always open",
        "special dates": "; ".join(dated_text(room.dated_hours)),
        "time zone": room.time_zone,
        "set-up": _length(room.before_minutes),
        "tear-down": _length(room.after_minutes),
        "busy times": "everybody may know" if room.public_busy else "",
        "title and photos": "everybody may know" if room.public_title else "",
    }
    return told | _rule_facts(room.rules)


def _rule_facts(rules: place_pb2.BookingRules) -> dict[str, str]:
    return {
        "who may book": next(word for word, number in _WHO.items() if number == (rules.who or 1)),
        "days ahead": f"at most {rules.most_days_ahead}" if rules.most_days_ahead else "",
        "without end": "may be" if rules.without_end else "",
        "notice": _length(rules.least_minutes_ahead),
        "shortest": _length(rules.shortest_minutes),
        "longest": _length(rules.longest_minutes),
        "quotas": ", ".join(map(quota_text, rules.quotas)),
        "approval": {number: word for word, number in _APPROVALS.items() if number}.get(rules.approval, ""),
        "check-in": f"within {_length(rules.check_in_minutes)}" if rules.check_in_minutes else "",
        "held for": _length(rules.hold_minutes),
    }


def _length(number: int) -> str:
    return when.long(number) if number else ""
