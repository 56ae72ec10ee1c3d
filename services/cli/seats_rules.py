"""`openchair seats rules`: how seats are kept at a meeting, shown and set."""

from __future__ import annotations

import json
import secrets
from argparse import ArgumentTypeError
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from openchair.rsvps.v1 import list_rules_pb2 as rules_pb
from openchair.rsvps.v1 import rsvp_service_pb2 as pb

from services.cli.asking import SAME, UNSEEN, give, go_ahead, say, until_current
from services.cli.facts import changed_lines, differing, lines
from services.cli.seats_answers import keep_ids, question, question_text, quota
from services.cli.seats_dates import called, named, series_of
from services.cli.server import PATIENCE
from services.cli.shell import USAGE, Failure
from services.cli.when import Unclear, full, length, long

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from services.cli.house import House
    from services.cli.server import Site

MODES: Final = {"off": 0, "optional": 1, "required": 2}
SCOPES: Final = {"dates": 0, "series": 1}
MOVES: Final = {"keep": 0, "release": 1}
PARTIES: Final = {"wait": 0, "pass": 1}
_YES: Final = {"yes": True, "no": False}
_OUTPUT: Final = ("name", "etag", "update_time", "list_code_set")
NONE_KEPT: Final = "No seats are kept at this meeting: people just come. --mode optional, or required, changes that."


def count(text: str) -> int:
    """A number; "none" is without limit. Raises ArgumentTypeError."""
    return _number(text, {"none": 0, "unlimited": 0})


def waiting(text: str) -> int:
    """How many may wait: a number, "unlimited", or "none" at all. Raises ArgumentTypeError."""
    return _number(text, {"none": -1, "unlimited": 0})


def _number(text: str, words: Mapping[str, int]) -> int:
    if text in words:
        return words[text]
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is neither a number nor {' or '.join(words)}")
    return int(text)


def before(text: str) -> int:
    """A length before the start, in minutes; "none": not at all. Raises ArgumentTypeError."""
    try:
        return 0 if text == "none" else length(text)
    except Unclear as error:
        raise ArgumentTypeError(str(error)) from None


def _among(words: Mapping[str, Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if text not in words:
            raise ArgumentTypeError(f"must be {' or '.join(words)}")
        return words[text]

    return read


FIELDS: Final[Mapping[str, tuple[str, Callable[[str], Any], str]]] = {
    "--mode": ("mode", _among(MODES), "off: people just come; optional; required"),
    "--for": ("scope", _among(SCOPES), "dates: each for itself; series: one seat for all (a course)"),
    "--capacity": ("capacity", count, "chairs in the room, or none: without limit"),
    "--online-capacity": ("online_capacity", count, "places online, or none: without limit"),
    "--waitlist": ("waitlist", waiting, "how many may wait: a number, unlimited, or none"),
    "--party-size": ("party_size", int, "how many may come together on one seat"),
    "--party-rule": ("party_rule", _among(PARTIES), "wait: nobody passes a party that waits; pass: smaller ones do"),
    "--opens": ("opens_before_minutes", before, 'how long before the start, such as "14 days"; none: always'),
    "--closes": ("closes_before_minutes", before, "the same; none: at the start"),
    "--cut-off": ("cut_off_minutes", before, "after which guests change nothing; none: at the start"),
    "--claim": ("claim_minutes", before, "how long a free place is held for who was asked; none: 12 hours"),
    "--on-move": ("on_move", _among(MOVES), "when a date is moved: keep, or release all seats"),
    "--draw": ("draw_hours", count, "hours after the opening until lots are drawn; none: by arrival"),
    "--confirm": ("confirm_before_minutes", before, "by when a seat has to be confirmed; none: not at all"),
    "--standing": ("standing_seats", _among(_YES), "yes: one may keep a seat on all dates; no"),
    "--last-joining": (
        "last_joining_date",
        lambda text: "" if text == "none" else text,
        "of a course: 2026-12-31; none",
    ),
    "--celebrations": ("celebrations", _among(_YES), "yes: one may ask for a chip, or to be named; no"),
}
OPTIONS: Final[Mapping[str, str]] = {f"list_rules.{field}": option for option, (field, _, _) in FIELDS.items()} | {
    "list_rules.questions": "--question",
    "list_rules.feedback": "--ask-afterwards",
    "list_rules.sister_dates": "--sisters",
    "list_rules.quotas": "--quota",
    "list_rules.organisers": "--organiser",
    "list_rules.list_code": "--list-code-file",
}


def add_to(parser: Any) -> None:
    """Adds an option for every rule."""
    for option, (field, read, text) in FIELDS.items():
        parser.add_argument(option, dest=f"rule_{field}", type=read, metavar="VALUE", help=text)
    parser.add_argument(
        "--question",
        action="append",
        metavar="TEXT",
        help='"Diet: vegan | all (required)"; "Chairs (0-4)"; a text; none; may be given again',
    )
    parser.add_argument(
        "--ask-afterwards", action="append", metavar="TEXT", help="of those who were there: choices and numbers; none"
    )
    parser.add_argument(
        "--sisters",
        action="append",
        metavar="DATES",
        help='dates that share a waitlist: "Workshop: 3 dec | Workshop South: 5 dec"; none',
    )
    parser.add_argument("--quota", action="append", metavar="TEXT", help='"Scholarship: 10"; may be given again')
    parser.add_argument("--organiser", action="append", metavar="SUBJECT", help="who reads answers for the organiser")
    parser.add_argument(
        "--list-code-file", metavar="FILE", help='a file with a code that guests have to say; "-": none'
    )
    parser.add_argument("--from-json", metavar="FILE", help="all rules, as --json shows them; options lie over them")


async def rules(site: Site, asked: argparse.Namespace) -> None:
    """Shown, or where anything is said, changed."""

    async def attempt() -> None:
        house, series = await series_of(site, asked)
        of = named(house, series, asked.date).name if asked.date else series.named.name
        found = await site.seats.GetListRules(pb.GetListRulesRequest(name=f"{of}/listRules"), timeout=PATIENCE)
        wanted = rules_pb.ListRules()
        wanted.CopyFrom(found)
        _fill(asked, wanted)
        await _fill_sisters(site, asked, house, wanted)
        if wanted == found:
            _show(asked, found, changed=_states(asked))
            return
        await _set(site, asked, house, found, wanted)

    await until_current(asked, attempt)


def _states(asked: argparse.Namespace) -> bool:
    """Whether anything was to be changed."""
    lists = (asked.question, asked.ask_afterwards, asked.sisters, asked.quota, asked.organiser)
    rules = [getattr(asked, f"rule_{field}") for field, _, _ in FIELDS.values()]
    return any(each is not None for each in (*lists, *rules, asked.list_code_file, asked.from_json))


def _kept(found: rules_pb.ListRules) -> bool:
    """Whether there is more to say than that people just come."""
    return bool(facts(found).items() - facts(rules_pb.ListRules()).items())


def _show(asked: argparse.Namespace, found: rules_pb.ListRules, *, changed: bool) -> None:
    say(asked, SAME if changed else "\n".join(lines(facts(found))) if _kept(found) else NONE_KEPT)
    give(asked, MessageToDict(found, preserving_proto_field_name=True))


async def _set(
    site: Site, asked: argparse.Namespace, house: House, found: rules_pb.ListRules, wanted: rules_pb.ListRules
) -> None:
    told = differing(facts(found), facts(wanted))
    say(asked, f"How seats are kept at this meeting of {house.centre.title}:")
    say(asked, "\n".join(changed_lines(told)) or UNSEEN)
    if found.mode and wanted.capacity and wanted.capacity < (found.capacity or wanted.capacity + 1):
        say(asked, "Nobody loses a seat: a smaller number is reached as seats are given back.")
    done = go_ahead(asked)
    if done:
        request = pb.SetListRulesRequest(list_rules=wanted, request_id=secrets.token_hex(16))
        wanted = await site.seats.SetListRules(request, timeout=PATIENCE)
        say(asked, "Done.")
        if wanted.mode and not asked.date:
            say(asked, f"People keep a seat at {site.address}/m/{wanted.name.split('/')[3]}")
    plain = MessageToDict(wanted, preserving_proto_field_name=True)
    give(asked, {"done": done, "changes": [each._asdict() for each in told], "rules": plain})


def _fill(asked: argparse.Namespace, wanted: rules_pb.ListRules) -> None:
    """Lays over the rules what was said."""
    if asked.from_json:
        _read(asked.from_json, wanted)
    for field, _, _ in FIELDS.values():
        value = getattr(asked, f"rule_{field}")
        if value is not None:
            setattr(wanted, field, value)
    for field, texts, read in (
        ("questions", asked.question, question),
        ("feedback", asked.ask_afterwards, question),
        ("quotas", asked.quota, quota),
        ("organisers", asked.organiser, str),
    ):
        if texts is None:
            continue
        before, made = list(getattr(wanted, field)), [read(text) for text in texts if text != "none"]
        if field != "organisers":
            keep_ids(made, before)
        del getattr(wanted, field)[:]
        getattr(wanted, field).extend(made)
    if asked.list_code_file:
        wanted.list_code = "-" if asked.list_code_file == "-" else _text(asked.list_code_file).strip()


async def _fill_sisters(site: Site, asked: argparse.Namespace, house: House, wanted: rules_pb.ListRules) -> None:
    """Groups of sister dates; one of the same dates as before stays what it was: people wait in it."""
    if asked.sisters is None:
        return
    before = {frozenset(each.names): (each.id, list(each.names)) for each in wanted.sister_dates}
    del wanted.sister_dates[:]
    for text in asked.sisters:
        if text != "none":
            names = [(await called(site, asked.centre, house, each)).name for each in text.split("|")]
            id_, names = before.get(frozenset(names), ("", names))
            wanted.sister_dates.add(id=id_, names=names)


def _read(path: str, wanted: rules_pb.ListRules) -> None:
    """Replaces the rules by those of a file; what only the server says stays. Raises Failure."""
    kept = {field: getattr(wanted, field) for field in ("name", "etag")}
    try:
        said = json.loads(_text(path))
        said = said.get("rules", said)
        wanted.Clear()
        ParseDict({key: value for key, value in said.items() if key not in _OUTPUT}, wanted)
    except (ValueError, AttributeError, ParseError) as error:
        raise Failure(f"--from-json: these are no rules: {error}", USAGE) from None
    for field, value in kept.items():
        setattr(wanted, field, value)


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: {error}", USAGE) from None


def facts(found: rules_pb.ListRules) -> dict[str, str]:
    """The rules in words."""
    told = {
        "seats": _word(MODES, found.mode),
        "kept for": _word(SCOPES, found.scope),
        "chairs": str(found.capacity or "without limit"),
        "places online": str(found.online_capacity or "without limit"),
        "waitlist": {-1: "none", 0: "unlimited"}.get(found.waitlist, str(found.waitlist)),
        "party": f"{found.party_size} at most" if found.party_size > 1 else "",
        "parties that wait": "smaller ones pass them" if found.party_rule else "nobody passes them",
        "opens": _before(found.opens_before_minutes, "at once"),
        "closes": _before(found.closes_before_minutes, "at the start"),
        "guests change until": _before(found.cut_off_minutes, "the start"),
        "an offer holds": long(found.claim_minutes or 720),
        "a date is moved": "all seats are given back" if found.on_move else "seats are kept",
        "lots are drawn": f"{found.draw_hours} hours after the opening" if found.draw_hours else "",
        "to be confirmed": _before(found.confirm_before_minutes, ""),
        "standing seats": "yes" if found.standing_seats else "no",
        "last joining date": found.last_joining_date,
        "questions": "\n".join(map(question_text, found.questions)),
        "quotas": "\n".join(f"{each.id}  {each.title}: {each.places}" for each in found.quotas),
        "sister dates": "\n".join(" | ".join(_dates(each.names, found.name)) for each in found.sister_dates),
        "organisers": ", ".join(found.organisers),
        "celebrations": "yes" if found.celebrations else "no",
        "list code": _code(found),
        "asked afterwards": "\n".join(map(question_text, found.feedback)),
    }
    return {name: text for name, text in told.items() if text}


def _dates(names: Iterable[str], rules: str) -> Iterator[str]:
    """Occurrences as days; of another meeting than that of the rules with its id."""
    for name in names:
        meeting, _, key = name.partition("/occurrences/")
        day = full(date.fromisoformat(key[:10].partition("-")[0]))
        yield day if rules.startswith(f"{meeting}/") else f"{meeting.rpartition('/')[2]}: {day}"


def _code(found: rules_pb.ListRules) -> str:
    """Whether guests have to say one; a new one is not shown."""
    if found.list_code:
        return "none" if found.list_code == "-" else "a new one"
    return "needed" if found.list_code_set else ""


def _word(words: Mapping[str, int], number: int) -> str:
    return next(word for word, each in words.items() if each == number)


def _before(minutes: int, nothing: str) -> str:
    return f"{long(minutes)} before the start" if minutes else nothing
