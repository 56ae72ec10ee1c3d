"""Which date a command about seats means: that of a day, of an id ("20261224-1"), or else the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.cli import dates
from services.cli.house import open_house
from services.cli.series import find
from services.cli.shell import USAGE, Failure
from services.kit.clock import SystemClock

if TYPE_CHECKING:
    import argparse

    from services.cli.dates import Date
    from services.cli.house import House
    from services.cli.series import Series
    from services.cli.server import Site

_ID = len("20261224")


def add_to(parser: Any) -> None:
    """Adds what names a meeting and one of its dates."""
    parser.add_argument("meeting", metavar="MEETING", help="title, its beginning, or id")
    parser.add_argument(
        "date", metavar="DATE", nargs="?", default="", help="such as tuesday, 24 dec (default: the next)"
    )


async def series_of(site: Site, asked: argparse.Namespace) -> tuple[House, Series]:
    """The meeting that is named. Raises Failure."""
    house = await open_house(site, asked.centre)
    return house, await find(site, asked.centre, asked.meeting)


async def date_of(site: Site, asked: argparse.Namespace) -> Date:
    """The date that is named. Raises Failure."""
    house, series = await series_of(site, asked)
    return named(house, series, asked.date)


async def called(site: Site, centre: str, house: House, text: str) -> Date:
    """Another date, as "Workshop South: 5 dec". Raises Failure."""
    title, colon, day = text.rpartition(":")
    if not colon or not title.strip():
        raise Failure(f"{text.strip()!r} is no title and day such as 'Workshop South: 5 dec'", USAGE)
    return named(house, await find(site, centre, title.strip()), day.strip())


def named(house: House, series: Series, text: str, *, ahead: bool = False) -> Date:
    """The date of a series that is called so; the next one without a word, or the next that has not begun.

    Raises:
        Failure: there is none.
    """
    first = text.partition("-")[0]
    if first.isdecimal() and len(first) == _ID:
        return dates.by_id(series.parts, text)
    if text:
        return dates.on_day(series.parts, house.day("DATE", text))
    coming = series.coming()
    if not coming:
        raise Failure("it has no date to come: say which is meant")
    now = SystemClock().now()
    meant = [each for each in coming if not (ahead and each.start <= now)] or coming
    return next((each for each in meant if not each.cancelled), meant[0])
