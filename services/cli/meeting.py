"""`openchair meeting`: what a coordinator does with meetings."""

from __future__ import annotations

import json
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from services.cli import (
    asking,
    dates,
    doubts,
    if_taken,
    meeting_dates,
    meeting_facts,
    meeting_fields,
    meeting_series,
    meeting_when,
    meeting_where,
    reading,
)
from services.cli.acting import action
from services.cli.called import id_of
from services.cli.facts import lines
from services.cli.house import open_house
from services.cli.series import every_meeting, find
from services.cli.shell import EXIT_CODES, seen

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

    from services.cli.server import Site

OPTIONS: Final = {**meeting_series.OPTIONS, **meeting_dates.OPTIONS, **if_taken.OPTIONS}
_EXAMPLES: Final = """examples:
  openchair meeting create riverside --title "Tuesday Night" --mode in-person --fellowship AA \\
      --on tuesday --at 19:00 --for 1h30 --every week --place "Riverside House" --room "River Hall"
  openchair meeting list riverside
  openchair meeting edit riverside "Tuesday Night" --at 18:30 --from "1 dec"      from then on
  openchair meeting edit riverside "Tuesday Night" --only tuesday --room "Willow Room"
  openchair meeting move riverside "Tuesday Night" --on tuesday --to "wednesday 17:00"
  openchair meeting cancel riverside "Tuesday Night" --on tuesday --because "The speaker is ill"
  openchair meeting restore riverside "Tuesday Night" --on tuesday
  openchair meeting confirm riverside "Tuesday Night"                            we are on

MEETING is a title, the beginning of one, or an id. Dates: 2026-12-24, "24 dec", today, tomorrow, thursday (the next
one, today included). Each command shows what it would do and asks; --dry-run only shows, --yes does not ask.

"""
_CREATE: Final = """examples:
  openchair meeting create riverside --title "Tuesday Night" --mode in-person \\
      --on tuesday --at 19:00 --for 90 --every week --place "Riverside House"
  openchair meeting create riverside --title "Open talk" --mode hybrid --every "last friday of the month" \\
      --at 8pm --for 1h --place "Riverside House" --link https://example.org/join --from 2027-01-01
  openchair meeting create riverside --title "Winter retreat" --kind retreat --mode in-person \\
      --on 2027-02-12 --at 17:00 --ends "2027-02-14 15:00" --place "Riverside House" --agenda agenda.csv

programmes, what is special in some weeks:
  --programme "1st week: Speaker" "3rd,5th: Business meeting" "last: Open, everybody"
  --programme "every 2 weeks from 2026-12-01: Step study; bring your book"

agenda of a retreat: a CSV file whose first line is day,time,minutes,title,room,leader,notes; day 1 is the first.

"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "meeting",
        help="create, show, change, cancel and move meetings",
        description="Meetings of a centre: as a whole, from a date on, or on one date.",
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(help_of=parser)
    actions = parser.add_subparsers(metavar="ACTION")
    _add_reading(actions)
    _add_create(actions)
    _add_edit(actions)
    _add_dates(actions)
    doubts.add_to(actions)


def _add_reading(actions: Any) -> None:
    listing = action(actions, "list", "a centre's meetings, in order of title", _list, _EXAMPLES, OPTIONS)
    listing.add_argument("--cancelled", action="store_true", help="those that were deleted, too")
    listing.add_argument("--json", action="store_true", help="as JSON on standard output")
    show = action(
        actions, "show", "all that a meeting says of itself, and its next dates", _show, _EXAMPLES, OPTIONS, "MEETING"
    )
    _add_meeting(show)
    show.add_argument("--show-passcode", action="store_true", help="the passcode, too")
    show.add_argument("--json", action="store_true", help="as JSON on standard output")


def _add_create(actions: Any) -> None:
    create = action(actions, "create", "a new meeting", meeting_series.create, _CREATE, OPTIONS)
    meeting_when.add_to(create, new=True)
    meeting_fields.add_to(create, required=True)
    meeting_where.add_to(create, series=True)
    _add_programme(create)
    if_taken.add_to(create)
    asking.add_to(create)


def _add_edit(actions: Any) -> None:
    edit = action(
        actions,
        "edit",
        "change a meeting: all its dates, those from a date on, or one",
        _edit,
        _EXAMPLES,
        OPTIONS,
        "MEETING",
    )
    _add_meeting(edit)
    scope = edit.add_mutually_exclusive_group()
    scope.add_argument("--only", metavar="DATE", help="this date alone")
    scope.add_argument(
        "--from", dest="scope_from", metavar="DATE", type=reading.date_text, help="this date and those that follow"
    )
    edit.add_argument("--because", metavar="WHY", help="why; with --only it is read by whoever would have come")
    orphans = edit.add_mutually_exclusive_group()
    orphans.add_argument("--keep-changed", action="store_true", help="dates that were changed stay, on days they lose")
    orphans.add_argument("--drop-changed", action="store_true", help="dates that were changed go with their days")
    meeting_when.add_to(edit, new=False)
    meeting_fields.add_to(edit, required=False)
    meeting_where.add_to(edit, series=True)
    _add_programme(edit)
    if_taken.add_to(edit)
    edit.add_argument(
        "--follow-source", metavar="FIELD", action="append", default=[], help="let an import change this field again"
    )
    asking.add_to(edit)


def _add_programme(parser: Any) -> None:
    group = parser.add_argument_group("programme and agenda")
    group.add_argument("--programme", metavar="WEEKS: WHAT", nargs="+", action="extend", help='"1st week: Speaker" ...')
    group.add_argument("--no-programmes", dest="programme", action="store_const", const=[], help="no programmes")
    group.add_argument("--agenda", metavar="FILE", type=Path, help="sessions from a CSV file; - for standard input")
    group.add_argument("--no-agenda", dest="agenda", action="store_const", const="", help="no agenda")


def _add_dates(actions: Any) -> None:
    cancel = _on_dates(actions, "cancel", "single dates are not held", meeting_dates.cancel, several=True)
    cancel.add_argument("--from", dest="scope_from", metavar="DATE", type=reading.date_text, help="all from this date")
    cancel.add_argument("--until", metavar="DATE", type=reading.date_text, help="to this date")
    cancel.add_argument("--because", metavar="WHY", help="read by whoever would have come")
    restore = _on_dates(actions, "restore", "undo what was changed on single dates", meeting_dates.restore)
    restore.add_argument("--despite-closures", action="store_true", help="hold it although the centre is closed")
    if_taken.add_to(restore)
    move = _on_dates(actions, "move", "one date is at another time, or elsewhere", meeting_dates.move)
    move.add_argument("--to", metavar="WHEN", type=reading.moved_text, help='"26 dec 17:00", "26 dec", 17:00')
    move.add_argument("--for", dest="minutes", metavar="LENGTH", type=reading.length, help="90 (minutes), 1h30")
    move.add_argument("--because", metavar="WHY", help="read by whoever would have come")
    meeting_where.add_to(move, series=False)
    if_taken.add_to(move)
    confirm = action(
        actions, "confirm", "we are on: somebody is there", meeting_dates.confirm, _EXAMPLES, OPTIONS, "MEETING"
    )
    _add_meeting(confirm)
    confirm.add_argument("--on", metavar="DATE", help="which date (default: the next one, or the one that is on)")
    confirm.add_argument("--json", action="store_true", help="as JSON on standard output")
    delete = action(actions, "delete", "end a meeting for good", meeting_dates.delete, _EXAMPLES, OPTIONS, "MEETING")
    _add_meeting(delete)
    delete.add_argument("--because", metavar="WHY", help="why")
    asking.add_to(delete)


def _on_dates(
    actions: Any,
    name: str,
    text: str,
    run: Callable[[Site, argparse.Namespace], Awaitable[None]],
    *,
    several: bool = False,
) -> Any:
    parser = action(actions, name, text, run, _EXAMPLES, OPTIONS, "MEETING")
    _add_meeting(parser)
    parser.add_argument(
        "--on", metavar="DATE", action="append", required=not several, help="the date; say it again for another"
    )
    asking.add_to(parser)
    return parser


def _add_meeting(parser: Any) -> None:
    parser.add_argument("meeting", metavar="MEETING", help="title, its beginning, or id")


async def _edit(stubs: Site, asked: argparse.Namespace) -> None:
    await (meeting_dates.edit_one if asked.only else meeting_series.edit)(stubs, asked)


async def _list(stubs: Site, asked: argparse.Namespace) -> None:
    await open_house(stubs, asked.centre)  # says so where there is no such centre
    found = await every_meeting(stubs, asked.centre, cancelled=asked.cancelled)
    found.sort(key=lambda each: (each.title.casefold(), each.schedule.start))
    if asked.json:
        print(json.dumps([meeting_facts.plain(each) for each in found], ensure_ascii=False, indent=1))
        return
    for each in found:
        state = {2: "  (suspended)", 3: "  (cancelled)"}.get(each.state, "")
        doubt = "  (people found nobody there)" if each.doubtful else ""
        print(f"{id_of(each)}  {seen(each.title)}: {dates.rhythm_of(each)}{state}{doubt}")
    print(f"{len(found)} meeting{'s' * (len(found) != 1)}")


async def _show(stubs: Site, asked: argparse.Namespace) -> None:
    house = await open_house(stubs, asked.centre)
    series = await find(stubs, asked.centre, asked.meeting)
    coming = series.coming()
    if asked.json:
        parts = [meeting_facts.plain(part, passcode=asked.show_passcode) for part in series.parts]
        print(
            json.dumps({"parts": parts, "next_dates": meeting_facts.plain_dates(coming)}, ensure_ascii=False, indent=1)
        )
        return
    for part in series.parts:
        print(id_of(part))
        told = meeting_facts.facts(part, house)
        if asked.show_passcode and part.online.passcode:
            told["passcode"] = part.online.passcode
        if part.local_fields:
            told["edited here"] = ", ".join(part.local_fields)
        for line in "\n".join(lines(told)).split("\n"):
            print(seen(line))
    print("Next dates:")
    print("\n".join(map(seen, meeting_facts.next_lines(coming))))
