"""`openchair statistics`: head counts of dates that are over; exact for the centre, suppressed for anybody else."""

from __future__ import annotations

import csv
import json
import sys
from argparse import RawDescriptionHelpFormatter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToDict
from openchair.rsvps.v1 import rsvp_service_pb2 as pb
from openchair.rsvps.v1 import statistics_pb2

from services.cli.acting import obey
from services.cli.house import open_house
from services.cli.series import every_meeting
from services.cli.server import PATIENCE
from services.cli.shell import EXIT_CODES, centre_id, seen

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from datetime import date

    from services.cli.server import Site

BY: Final = {"meeting": 1, "room": 2, "kind": 3, "weekday": 4, "month": 5}
OPTIONS: Final = {"parent": "CENTRE", "first_date": "--from", "last_date": "--until", "dimensions": "--by"}
FIGURES: Final = (
    "advertised", "held", "cancelled", "expected", "attended_in_person", "attended_online", "waitlisted", "unused",
)  # fmt: skip
SUPPRESSED: Final = "suppressed"
_DAYS: Final = ("", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_USUAL: Final = timedelta(days=90)
_CLOSED: Final = timedelta(days=12)
"""So long after its end a month is in exports, wherever the centre is."""
_ABOUT: Final = """Head counts of dates that are over: totals, of nobody. They are exact, and for the centre alone.
What goes to others comes from --export: there every number from 1 to 10, and what would reveal one, is left out."""
_EXAMPLES: Final = """examples:
  openchair statistics riverside                                        the last 90 days, in one row
  openchair statistics riverside --by meeting --from "1 sep" --until "30 nov"
  openchair statistics riverside --by kind --by month --export csv >figures.csv

"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "statistics",
        help="head counts of dates that are over",
        description=_ABOUT,
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("centre", metavar="CENTRE", type=centre_id, help="id of the centre")
    parser.add_argument(
        "--from", dest="since", metavar="DATE", help="first date (default: 90 days ago; exported: 3 months)"
    )
    parser.add_argument("--until", metavar="DATE", help="last date (default: today; exported: the last closed month)")
    parser.add_argument("--by", choices=BY, action="append", default=[], help="what rows are by; may be given again")
    parser.add_argument("--export", choices=("csv", "json"), help="for others: small numbers are suppressed")
    parser.add_argument("--json", action="store_true", help="as JSON on standard output")
    parser.set_defaults(run=lambda asked, settings: obey(_statistics, asked, settings, OPTIONS))


async def _statistics(site: Site, asked: argparse.Namespace) -> None:
    house = await open_house(site, asked.centre)
    first, last = whole_months(house.today) if asked.export else (house.today - _USUAL, house.today)
    span: dict[str, Any] = {
        "parent": house.centre.name,
        "first_date": (house.day("--from", asked.since) if asked.since else first).isoformat(),
        "last_date": (house.day("--until", asked.until) if asked.until else last).isoformat(),
        "dimensions": [BY[each] for each in asked.by],
    }
    found: pb.GetStatisticsResponse | pb.ExportStatisticsResponse
    if asked.export:
        found = await site.seats.ExportStatistics(pb.ExportStatisticsRequest(**span), timeout=PATIENCE)
    else:
        found = await site.seats.GetStatistics(pb.GetStatisticsRequest(**span), timeout=PATIENCE)
    if asked.json or asked.export == "json":
        plain = MessageToDict(found, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
        print(json.dumps(plain, ensure_ascii=False, indent=1))
        return
    meetings = await every_meeting(site, asked.centre, cancelled=True)
    titles = {each.name: each.title for each in meetings} | {each.name: each.title for each in house.rooms}
    rows = table(asked.by, found.rows, titles)
    if asked.export:
        csv.writer(sys.stdout).writerows(rows)
    else:
        print("\n".join(columns(rows)))


def whole_months(today: date) -> tuple[date, date]:
    """The first and the last day of the three newest months that are closed."""
    last = (today - _CLOSED).replace(day=1) - timedelta(days=1)
    first = last.replace(day=1)
    for _ in range(2):
        first = (first - timedelta(days=1)).replace(day=1)
    return first, last


def table(
    by: Sequence[str], rows: Sequence[statistics_pb2.StatisticsRow], titles: Mapping[str, str]
) -> list[list[str]]:
    """A head and a row for each; a suppressed figure says so, and is no number."""
    head = [*by, *(each.replace("_", " ") for each in FIGURES)]
    return [head, *([*_keys(by, row, titles), *(cell(getattr(row, each)) for each in FIGURES)] for row in rows)]


def _keys(by: Sequence[str], row: statistics_pb2.StatisticsRow, titles: Mapping[str, str]) -> list[str]:
    shown = (
        _DAYS[int(key)] if what == "weekday" else titles.get(key, key) for what, key in zip(by, row.keys, strict=True)
    )
    return [f"'{each}" if each[:1] in {"=", "+", "-", "@"} else each for each in map(seen, shown)]


def cell(figure: statistics_pb2.Cell) -> str:
    """A figure, as it may be shown; "+": something of it is withheld, so it is that much at least."""
    return SUPPRESSED if figure.suppressed else f"{figure.value}{'+' * (figure.withheld > 0)}"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows, a line each; figures to the right."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    names = len(rows[0]) - len(FIGURES)
    return [
        "  ".join(
            f"{cell:<{w}}" if n < names else f"{cell:>{w}}" for n, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
