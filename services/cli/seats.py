"""`openchair seats`: seats at meetings: how they are kept, keeping one for somebody, and what who leads has to know."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any, Final

from services.cli import asking, seats_acts, seats_dates, seats_led, seats_rules, seats_there
from services.cli.acting import action
from services.cli.shell import EXIT_CODES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Mapping

    from services.cli.server import Site

OPTIONS: Final[Mapping[str, str]] = {
    **seats_rules.OPTIONS,
    "parent": "CENTRE",
    "name": "DATE",
    "attendance": "--attend",
    "party_size": "--people",
    "answers": "--answer",
    "quotas": "--need",
    "first_name": "--first-name",
    "list_code": "--list-code",
    "also": "--also",
    "code": "--code",
    "person": "--name",
    "days": "--days",
    "fields": "--show",
    "celebration.named": "--named",
    "celebration.milestone": "--milestone",
    "in_person": "--in-person",
    "online": "--online",
}
_TAKES: Final = "MEETING [DATE]"
_EXAMPLES: Final = """examples:
  openchair seats rules riverside "Tuesday Night"                       how seats are kept there
  openchair seats rules riverside "Tuesday Night" --mode optional --capacity 40 --waitlist unlimited
  openchair seats rules riverside Retreat --mode required --capacity 40 --opens "60 days" --draw 24 \\
      --question "Diet: vegan | vegetarian | all" --quota "Scholarship: 10"
  openchair seats rules riverside "Tuesday Night" "24 dec" --capacity 20   on that date only
  openchair seats keep riverside "Tuesday Night" tuesday --for-somebody    prints six words, for paper
  openchair seats show riverside "Tuesday Night" tuesday                   asks for the six words
  openchair seats give-back riverside "Tuesday Night" tuesday
  openchair seats needs riverside "Tuesday Night"                          chairs to put out, and what people need
  openchair seats rules riverside Workshop --sisters "Workshop: 3 dec | Workshop South: 5 dec"
  openchair seats keep riverside Workshop "3 dec" --also "Workshop South: 5 dec"    the first with a place
  openchair seats code riverside "Tuesday Night"                           to check in: shown in the room
  openchair seats count riverside "Tuesday Night" today --in-person 31 --online 4

MEETING is a title, the beginning of one, or an id. DATE is as people say it (tuesday, 24 dec), or an id of a date;
without one it is the next date. The six words are asked for, or read from standard input: they are never an argument.

"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "seats",
        help="seats: rules, keeping one for somebody, chairs to put out, check-in",
        description="Seats at meetings. Nobody needs an account or a name for one.",
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(help_of=parser)
    actions = parser.add_subparsers(metavar="ACTION")
    rules = _action(actions, "rules", "how seats are kept, shown or set", seats_rules.rules)
    seats_rules.add_to(rules)
    asking.add_to(rules)
    _add_guests(actions)
    _add_led(actions)
    _add_there(actions)


def _add_guests(actions: Any) -> None:
    keep = _action(actions, "keep", "a seat, or a place in the line", seats_acts.keep)
    seats_acts.add_fields(keep)
    keep.add_argument("--for-somebody", action="store_true", help="who stands there: you keep it as staff")
    keep.add_argument("--also", action="append", metavar="DATE", help='would do as well: "Workshop South: 5 dec"')
    keep.add_argument("--list-code", metavar="CODE", help="of the list, where it asks for one")
    seats_acts.add_common(keep)
    change = _action(actions, "change", "how one comes, or with how many", seats_acts.change)
    seats_acts.add_fields(change)
    seats_acts.add_common(change)
    for name, text, run in (
        ("show", "a seat, by its six words", seats_acts.show),
        ("give-back", "a seat that is not needed", seats_acts.give_back),
        ("accept", "take the place that is offered", seats_acts.accept),
        ("decline", "leave the place that is offered to the next", seats_acts.decline),
        ("confirm", "say that one still comes", seats_acts.confirm),
    ):
        seats_acts.add_common(_action(actions, name, text, run))


def _add_led(actions: Any) -> None:
    needs = _action(actions, "needs", "chairs to put out, and what people need", seats_led.needs)
    count = _action(actions, "count", "how many are there", seats_led.count)
    count.add_argument("--in-person", type=int, metavar="N", help="in the room")
    count.add_argument("--online", type=int, metavar="N", help="online")
    for name, text, run in (
        ("close", "take no more seats for a date", seats_led.close),
        ("reopen", "take them again", seats_led.reopen),
    ):
        asking.add_to(_action(actions, name, text, run))
    export = _action(actions, "export", "what guests chose to share, as CSV", seats_led.export)
    code = _action(actions, "code", "the code to check in with, as long as you let it run", seats_led.code)
    code.add_argument("--once", action="store_true", help="the present one, and no next")
    for parser in (needs, count, export, code):
        parser.add_argument("--json", action="store_true", help="as JSON on standard output")


def _add_there(actions: Any) -> None:
    there = _action(actions, "check-in", "somebody is there, by the code that is shown", seats_there.check_in)
    seats_there.add_check_in(there)
    slip = _action(actions, "slip", "a slip for who checked in, by the six words of that", seats_there.slip)
    seats_there.add_slip(slip)
    said = _action(actions, "feedback", "answers of who checked in", seats_there.feedback)
    seats_there.add_feedback(said)
    places = _action(actions, "places", "whether there is one, in the word that everybody is told", seats_there.places)
    for parser in (there, slip, said, places):
        parser.add_argument("--json", action="store_true", help="as JSON on standard output")


def _action(actions: Any, name: str, text: str, run: Callable[[Site, argparse.Namespace], Awaitable[None]]) -> Any:
    parser = action(actions, name, text, run, _EXAMPLES, OPTIONS, _TAKES)
    seats_dates.add_to(parser)
    return parser
