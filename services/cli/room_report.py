"""`openchair room report`: how much of each room was booked and used, week by week; as a table, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli import reading
from services.cli.acting import action
from services.cli.columns import table
from services.cli.data import whole
from services.cli.house import open_house
from services.cli.server import PATIENCE
from services.cli.shell import USAGE, Failure, seen
from services.cli.when import short

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from services.cli.house import House
    from services.cli.server import Site

HEADS: Final = ("WEEK OF", "ROOM", "OPEN", "BOOKED", "USED", "FREE", "BUSIEST")
COLUMNS: Final = (
    "week", "room", "title", "open_minutes", "booked_minutes", "used_minutes", "free_minutes", "bookings", "peaks",
)  # fmt: skip
_HOUR: Final = 60
_WEEK: Final = 7
_MOST_WEEKS: Final = 53
_FOUR_WEEKS: Final = timedelta(weeks=4)
_HALF_A_YEAR: Final = timedelta(days=183)
_LEAP: Final = (2, 29)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_STANDARD_OUTPUT: Final = "-"


def add_to(actions: Any, examples: str, options: Mapping[str, str]) -> None:
    """Adds the action."""
    text = "how much of each room was booked and used, week by week"
    report = action(actions, "report", text, _report, examples, options, "[ROOM ...]")
    report.add_argument("rooms", metavar="ROOM", nargs="*", help="title, its beginning, or id (default: all)")
    report.add_argument(
        "--from",
        dest="since",
        metavar="DATE",
        type=reading.date_text,
        help="the first week holds it (four weeks ago); without a year the nearest",
    )
    report.add_argument("--to", metavar="DATE", type=reading.date_text, help="the last week holds it (today)")
    report.add_argument("--csv", metavar="FILE", help="as a table for a spreadsheet; - for standard output")
    report.add_argument("--json", action="store_true", help="as JSON on standard output")


async def _report(site: Site, asked: argparse.Namespace) -> None:
    if asked.csv and asked.json:
        raise Failure("--csv and --json: say one of them", USAGE)
    house = await open_house(site, asked.centre)
    request = _request(asked, house)
    found = list((await site.rooms.GetUtilisation(request, timeout=PATIENCE)).weeks)
    if asked.json:
        plain = [whole(each) for each in found]
        print(json.dumps({"weeks": plain}, ensure_ascii=False, indent=1))
    elif asked.csv:
        _write(asked.csv, found)
    else:
        print("\n".join(map(seen, told(found))) if found else "There is no room.")


def _request(asked: argparse.Namespace, house: House) -> pb.GetUtilisationRequest:
    """Raises Failure."""
    last = _near(house, "--to", asked.to) if asked.to else house.today
    first = _near(house, "--from", asked.since) if asked.since else last - _FOUR_WEEKS
    if last < first:
        said = f"--to: {short(last)} is before {short(first)}" if asked.to else f"--from: {short(first)} is to come"
        raise Failure(said, USAGE)
    if (last - first).days + first.weekday() >= _MOST_WEEKS * _WEEK:  # whole weeks, from their Monday
        raise Failure(f"--to: at most {_MOST_WEEKS} weeks at once, from {short(first)} on", USAGE)
    rooms = [house.room(each).name for each in asked.rooms]
    return pb.GetUtilisationRequest(
        parent=house.centre.name, first_date=first.isoformat(), last_date=last.isoformat(), rooms=rooms
    )


def _near(house: House, option: str, text: str) -> date:
    """The date; without a year the nearest, since reports are mostly of what was. Raises Failure."""
    found = house.day(option, text)
    if found - house.today <= _HALF_A_YEAR or str(found.year) in text:
        return found
    return found.replace(year=found.year - 1) if (found.month, found.day) != _LEAP else found


def told(found: Sequence[pb.RoomWeek]) -> list[str]:
    """A table, in hours."""
    return table(HEADS, [_row(each) for each in found])


def _row(week: pb.RoomWeek) -> tuple[str, ...]:
    minutes = (week.open_minutes, week.booked_minutes, week.used_minutes, week.free_minutes)
    return short(date.fromisoformat(week.week)), week.title, *map(hours, minutes), ", ".join(week.peaks)


def hours(minutes: int) -> str:
    """In hours: "12h", "1h30"."""
    return f"{minutes // _HOUR}h{minutes % _HOUR:02}" if minutes % _HOUR else f"{minutes // _HOUR}h"


def _write(where: str, found: Sequence[pb.RoomWeek]) -> None:
    """To a file, or to standard output."""
    if where == _STANDARD_OUTPUT:
        sys.stdout.write(as_csv(found))
        return
    try:
        Path(where).write_text(as_csv(found), "utf-8", newline="")
    except OSError as error:
        raise Failure(f"--csv: {where}: {error.strerror}") from None
    print(f"{where}: {len(found)} lines, and one of headings")


def as_csv(found: Sequence[pb.RoomWeek]) -> str:
    """Minutes, and the names of the contract (RFC 4180)."""
    file = io.StringIO()
    lines = csv.writer(file, lineterminator="\r\n")
    lines.writerow(COLUMNS)
    for each in found:
        cells = [getattr(each, name) for name in COLUMNS[:-1]]
        lines.writerow([*map(_plain, cells), "; ".join(each.peaks)])
    return file.getvalue()


def _plain(cell: object) -> object:
    """A text that a spreadsheet would take for a formula is a text all the same."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
