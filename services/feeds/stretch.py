"""The events of several sheets as one segment, and how long each of them is shown."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from services.feeds import gz
from services.recurrence.zones import local_day

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.feeds.vevent import Sheet

PAST = timedelta(days=90)  # how long one-offs and ended series stay
STRUCK = timedelta(days=30)  # how long a cancelled meeting is shown as such


class Stretch(NamedTuple):
    """One segment of a centre's feed, with what the head has to know of it."""

    segment: gz.Segment
    zones: frozenset[str]
    modified: datetime | None


def bound(sheets: Iterable[Sheet]) -> Stretch:
    """The events of these sheets, in this order."""
    found = list(sheets)
    return Stretch(
        gz.segment(b"".join(sheet.body for sheet in found)),
        frozenset(sheet.zone for sheet in found if sheet.body),
        max((sheet.modified for sheet in found if sheet.body), default=None),
    )


def leaving(sheet: Sheet, zone: str) -> date:
    """The first local day on which it is no longer shown."""
    days = [date.max]
    if sheet.last_end is not None:
        days.append(local_day(sheet.last_end, zone) + PAST + timedelta(days=1))
    if sheet.cancelled is not None:
        days.append(local_day(sheet.cancelled, zone) + STRUCK + timedelta(days=1))
    return min(days)
