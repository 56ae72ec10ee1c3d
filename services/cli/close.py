"""`openchair close`: one act that closes a centre, a place or a room for a time, and undoes itself."""

from __future__ import annotations

from argparse import BooleanOptionalAction, RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any, Final

from services.cli import asking, closing, reading
from services.cli.acting import action
from services.cli.meeting_where import add_joining
from services.cli.shell import EXIT_CODES

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: Final[Mapping[str, str]] = {
    "parent": "CENTRE",
    "closure.reason": "--because",
    "closure.places": "--place",
    "closure.rooms": "--room",
    "closure.online_too": "--online-too",
    "closure.meetings_only": "--meetings-only",
    "closure.start": "--from",
    "closure.end": "--until",
    "closure.holidays": "--holidays",
    "closure.holiday_names": "--holiday",
    "closure.effect": "--online, --move-to",
    "closure.move_place": "--move-to",
    "closure.move_rooms": "--to-room",
    "closure.online": "--link",
    "closure.online.url": "--link",
    "closure.online.phone": "--phone",
}
_EXAMPLES: Final = """examples:
  openchair close riverside --today --because "Snow"                          a snow day
  openchair close riverside --from "24 dec" --until "26 dec" --because "Closed over Christmas"
  openchair close riverside --on "24 dec" --because "Closing early" --from-time 14:00
  openchair close riverside --holidays --because "Public holiday"            all of them, from today on
  openchair close riverside --room "River Hall" --from monday --until "further notice" --because "The heating is off"
  openchair close riverside --place "Riverside House" --from monday --until friday --because "Painting" \\
      --move-to "Parish Hall"                                                 held elsewhere
  openchair close riverside --today --because "Snow" --online                 by each meeting's own link
  openchair close riverside --on "25 dec" --because "Christmas" --meetings-only   others may book the rooms
  openchair close list riverside
  openchair close show riverside "Painting"
  openchair close extend riverside "Painting" --until "2 jan"
  openchair close withdraw riverside "Painting"                               open again

It shows which dates of which meetings become what, and asks. A date that was restored with --despite-closures, and
what lies in the past, stays as it is. CLOSURE is the beginning of its reason, or an id.

"""


def add_to(commands: Any) -> None:
    """Adds the command. A centre after `close` means a new closure."""
    parser = commands.add_parser(
        "close",
        help="close a centre, a place or a room for a time",
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(metavar="ACTION")
    _add_create(actions)
    listing = action(
        actions, "list", "closures of a centre that are in force or to come", closing.listed, _EXAMPLES, OPTIONS
    )
    listing.add_argument("--past", action="store_true", help="those that are over or withdrawn, too")
    listing.add_argument("--json", action="store_true", help="as JSON on standard output")
    show = action(
        actions, "show", "a closure, and what it makes of which dates", closing.shown, _EXAMPLES, OPTIONS, "CLOSURE"
    )
    _add_closure(show)
    show.add_argument("--all", action="store_true", help="every date, not only the first ones")
    show.add_argument("--json", action="store_true", help="as JSON on standard output")
    withdraw = action(actions, "withdraw", "take a closure back", closing.withdraw, _EXAMPLES, OPTIONS, "CLOSURE")
    _add_closure(withdraw)
    withdraw.add_argument("--all", action="store_true", help="show every date, not only the first ones")
    _add_asking(withdraw)
    extend = action(
        actions,
        "extend",
        "another end, another reason, or what is closed",
        closing.extend,
        _EXAMPLES,
        OPTIONS,
        "CLOSURE",
    )
    _add_closure(extend)
    extend.add_argument("--until", metavar="WHEN", type=reading.end_text, help='the last day; "further notice"')
    extend.add_argument("--because", metavar="WHY", help="another reason")
    extend.add_argument(
        "--meetings-only",
        action=BooleanOptionalAction,
        help="only meetings pause: others may book the rooms; or the house is closed to everybody",
    )
    extend.add_argument("--all", action="store_true", help="show every date, not only the first ones")
    _add_asking(extend)
    parser.usual = "create"
    parser.actions = frozenset({"create", "list", "show", "withdraw", "extend"})
    parser.set_defaults(help_of=actions.choices["create"])


def _add_create(actions: Any) -> None:
    create = action(
        actions, "create", "close a centre, a place or a room for a time", closing.create, _EXAMPLES, OPTIONS
    )
    create.prog = create.prog.removesuffix(" create")
    create.add_argument("--because", metavar="WHY", required=True, help="read by whoever would have come")
    time = create.add_argument_group("when")
    time.add_argument("--today", dest="on", action="store_const", const="today", help="today, all day")
    time.add_argument("--on", metavar="DATE", type=reading.date_text, help="one day")
    time.add_argument("--from-time", metavar="TIME", type=reading.clock, help="of that day only from this hour on")
    time.add_argument("--from", dest="first", metavar="WHEN", type=reading.moment_text, help='"24 dec", "24 dec 14:00"')
    time.add_argument("--until", metavar="WHEN", type=reading.end_text, help='the last day, included; "further notice"')
    time.add_argument(
        "--holidays", metavar="CODE", nargs="?", const="", help="only on public holidays: DE-BE (default: the centre's)"
    )
    time.add_argument("--holiday", metavar="NAME", action="append", help='of these only this one: "Christmas Day"')
    what = create.add_argument_group("what is closed (without these: the whole centre)")
    what.add_argument("--place", metavar="PLACE", action="append", default=[], help="title or id; may be repeated")
    what.add_argument("--room", metavar="ROOM", action="append", default=[], help="title or id; may be repeated")
    what.add_argument("--online-too", action="store_true", help="what is held online only, too")
    what.add_argument(
        "--meetings-only", action="store_true", help="meetings pause, the house stays open: others may book the rooms"
    )
    instead = create.add_argument_group("instead of cancelling")
    instead.add_argument("--online", action="store_true", help="held online: by its own link, else by --link")
    instead.add_argument("--move-to", metavar="PLACE", help="held at this place")
    instead.add_argument("--to-room", metavar="ROOM", action="append", default=[], help="in this room there")
    add_joining(instead)
    create.add_argument("--all", action="store_true", help="show every date, not only the first ones")
    _add_asking(create)


def _add_closure(parser: Any) -> None:
    parser.add_argument("closure", metavar="CLOSURE", help="the beginning of its reason, or its id")


def _add_asking(parser: Any) -> None:
    asking.add_to(parser)
    parser.add_argument("--no-wait", action="store_true", help="do not wait until every meeting has followed")
