"""`openchair book`: rooms, taken for an hour or every week; what is in the way, and what would work instead."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any, Final

from services.cli import asking, book_acts, book_change, book_found, book_new, book_read, book_when, if_taken
from services.cli.acting import action
from services.cli.shell import EXIT_CODES

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: Final[Mapping[str, str]] = {
    **book_when.OPTIONS,
    **if_taken.OPTIONS,
    "parent": "CENTRE",
    "rooms": "ROOM",
    "room": "ROOM",
    "key": "--only, --from, --on",
    "keys": "--on",
    "booking.name": "BOOKING",
    "reason": "--because",
}
_EXAMPLES: Final = """examples:
  openchair book riverside "River Hall" --on 2026-12-01 --at 19:00 --for 60 --title "Coaching" --people 2
  openchair book riverside "River Hall" --on tuesday --at 19:00 --for 1h30 --every week --until "30 jun"
  openchair book riverside "River Hall" --on tuesday --at 19:00 --every week --if-taken skip     the free dates
  openchair book riverside "River Hall" --on tomorrow --at 19:00 --hold            for a few minutes, then
  openchair book confirm riverside 28821358 --title "Coaching"
  openchair book list riverside --mine
  openchair book list riverside --waiting                    that somebody has to approve
  openchair book approve riverside "Coaching"
  openchair book change riverside "Coaching" --only "8 dec" --to 20:00
  openchair book release riverside "Coaching" --from "1 jan"
  openchair book list riverside --offered                    dates that were taken and are free now
  openchair book take riverside "Coaching"
  openchair book list riverside --overruled                  what stands over what, who said so and why

ROOM is a title, the beginning of one, or an id; so is BOOKING, of whose id the beginning is enough. Times are local to
the room. What is in the way is shown date by date, with what would work instead: at a terminal one can take that by its
number. A meeting's rooms are booked with the meeting (`openchair meeting`), free ones are found by
`openchair find room`, what is on in one is shown by `openchair room calendar`.

"""
_ACTIONS: Final = frozenset(
    {"create", "list", "show", "change", "release", "approve", "decline", "confirm", "check-in", "take"}
)


def add_to(commands: Any) -> None:
    """Adds the command. A centre after `book` means a new booking."""
    parser = commands.add_parser(
        "book",
        help="take a room, for once or every week; approve, change, release",
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(metavar="ACTION")
    _add_create(actions)
    _add_reading(actions)
    _add_change(actions)
    _add_deciding(actions)
    _add_acts(actions)
    parser.usual = "create"
    parser.actions = _ACTIONS
    parser.set_defaults(help_of=actions.choices["create"])


def _add_create(actions: Any) -> None:
    create = action(actions, "create", "take a room, or several at once", book_new.create, _EXAMPLES, OPTIONS, "ROOM")
    create.prog = create.prog.removesuffix(" create")
    create.add_argument("rooms", metavar="ROOM", nargs="+", help="title, its beginning, or id; of several all or none")
    book_when.add_to(create, new=True)
    book_when.add_about(create)
    if_taken.add_to(create)
    create.add_argument("--hold", action="store_true", help="only for a few minutes: `book confirm` makes it a booking")
    asking.add_to(create)


def _add_reading(actions: Any) -> None:
    listing = action(actions, "list", "bookings, and lists to work through", book_read.listed, _EXAMPLES, OPTIONS)
    book_read.add_to(listing)
    show = action(actions, "show", "all about a booking", book_read.shown, _EXAMPLES, OPTIONS, "BOOKING")
    book_found.add_to(show)
    show.add_argument("--json", action="store_true", help="as JSON on standard output")


def _add_change(actions: Any) -> None:
    change = action(actions, "change", "another time, or title", book_change.change, _EXAMPLES, OPTIONS, "BOOKING")
    book_found.add_to(change)
    book_change.add_change(change)
    asking.add_to(change)
    release = action(actions, "release", "give a room back", book_change.release, _EXAMPLES, OPTIONS, "BOOKING")
    book_found.add_to(release)
    book_change.add_scope(release, "give back")
    release.add_argument("--because", metavar="WHY", help="why")
    asking.add_to(release)


def _add_deciding(actions: Any) -> None:
    text = "confirm a booking that waits"
    approve = action(actions, "approve", text, book_acts.approve, _EXAMPLES, OPTIONS, "BOOKING")
    book_found.add_to(approve)
    if_taken.add_to(approve)
    asking.add_to(approve)
    text = "turn a booking that waits down"
    decline = action(actions, "decline", text, book_acts.decline, _EXAMPLES, OPTIONS, "BOOKING")
    book_found.add_to(decline)
    decline.add_argument("--because", metavar="WHY", help="why")
    asking.add_to(decline)


def _add_acts(actions: Any) -> None:
    text = "make a booking of what is held"
    confirm = action(actions, "confirm", text, book_acts.confirm, _EXAMPLES, OPTIONS, "BOOKING")
    book_found.add_to(confirm)
    book_acts.add_confirm(confirm)
    text = "somebody has come: the room is not given away"
    check_in = action(actions, "check-in", text, book_acts.check_in, _EXAMPLES, OPTIONS, "BOOKING")
    book_found.add_to(check_in)
    book_acts.add_on(check_in, "which date (default: what is on now, or begins within half an hour)")
    check_in.add_argument("--json", action="store_true", help="the booking as JSON on standard output")
    text = "take dates that were taken, and are free now"
    take = action(actions, "take", text, book_acts.take, _EXAMPLES, OPTIONS, "BOOKING")
    book_found.add_to(take)
    book_acts.add_on(take, "only this date; may be given again (default: all that are free)", action="append")
    asking.add_to(take)
