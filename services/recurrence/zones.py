"""Time zones, from the `tzdata` wheel only: the same answers on every machine, whatever its system knows.

Legacy names ("US/Eastern") are accepted, and kept as they are given: links mean the same zone.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache
from importlib import resources
from io import BytesIO
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped]  # the wheel carries no types

from services.recurrence import tzif
from services.recurrence.types import RecurrenceError

if TYPE_CHECKING:
    from datetime import timedelta

    from services.recurrence.tzif import Footer, History


def version() -> str:
    """The release of the IANA time zone database in use, "2026b"."""
    return str(tzdata.IANA_VERSION)


@cache
def names() -> frozenset[str]:
    """Every zone name there is, links included."""
    listed = (resources.files("tzdata") / "zones").read_text(encoding="utf-8").split()
    return frozenset(listed) - {"Factory"}


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo.from_file(BytesIO(_data(name)), key=name)


def _known(name: str) -> str:
    if name not in names():
        raise RecurrenceError("zone", f"{name[:60]!r} is not an IANA time zone")
    return name


def _data(name: str) -> bytes:
    return resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


def zone(name: str) -> ZoneInfo:
    """The zone of that exact IANA name; one object per name.

    Raises:
        RecurrenceError: "zone", unknown (so is anything that looks like a path).
    """
    return _zone(_known(name))


def to_utc(local: datetime, where: ZoneInfo | str) -> datetime:
    """The instant of a naive local time.

    One that does not exist moves forward by the gap; one that occurs twice means the first (RFC 5545 section 3.3.5).
    """
    info = zone(where) if isinstance(where, str) else where
    return local.replace(tzinfo=info, fold=0).astimezone(UTC)


def to_local(instant: datetime, where: ZoneInfo | str) -> datetime:
    """What the clock there shows at an instant (naive)."""
    info = zone(where) if isinstance(where, str) else where
    return instant.astimezone(info).replace(tzinfo=None, fold=0)


def local_day(now: datetime, where: ZoneInfo | str) -> date:
    """The date it is there at an instant."""
    return to_local(now, where).date()


def midnight(day: date, where: ZoneInfo | str) -> datetime:
    """The instant at which a date begins there (where the clock skips 00:00: the first moment after the gap)."""
    return to_utc(datetime.combine(day, time.min), where)


def footer(name: str) -> str:
    """The POSIX TZ rule that holds there for ever, "EST5EDT,M3.2.0,M11.1.0".

    Raises:
        RecurrenceError: "zone".
    """
    return tzif.footer_text(_data(_known(name)))


def posix(name: str) -> Footer:
    """The same, taken apart."""
    return tzif.parse_footer(footer(name))


@cache
def transitions(name: str, since_year: int = 2020) -> History:
    """What a VTIMEZONE writer needs: what holds at the start of that year, single changes, and the yearly ones.

    Raises:
        RecurrenceError: "zone".
    """
    return tzif.history(_data(_known(name)), since_year)


def changes(name: str, until_year: int) -> tuple[timedelta, list[tuple[datetime, timedelta]]]:
    """The offset before all changes, and each change up to the end of that year: when (naive UTC), to which offset.

    Raises:
        RecurrenceError: "zone".
    """
    return tzif.changes(_data(_known(name)), until_year)
