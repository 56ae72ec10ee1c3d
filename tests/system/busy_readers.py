"""Four calendar programs, each asked the same: which periods does this free/busy object say, of which type?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import icalendar
import vobject
from ical.calendar_stream import IcsCalendarStream

from tests.system.feed_readers import ical_js

if TYPE_CHECKING:
    from collections.abc import Callable


class Period(NamedTuple):
    """One of them, in UTC; `kind` is its FBTYPE."""

    kind: str
    start: datetime
    end: datetime


Reader: TypeAlias = "Callable[[bytes], list[Period]]"


def icalendar_periods(body: bytes) -> list[Period]:
    """`icalendar`."""
    calendar = icalendar.Calendar.from_ical(body)
    (component,) = calendar.walk("VFREEBUSY")
    assert not component.errors
    found: Any = component.get("FREEBUSY", [])
    listed = found if isinstance(found, list) else [found]
    return [Period(str(each.params["FBTYPE"]), *(at.astimezone(UTC) for at in each.dt)) for each in listed]


def ical_periods(body: bytes) -> list[Period]:
    """`ical`, the strict parser of Home Assistant."""
    (component,) = IcsCalendarStream.calendar_from_ics(body.decode()).freebusy
    found: Any = component.freebusy
    return [Period(each.free_busy_type.value, each.start, each.end_value) for each in found]


def vobject_periods(body: bytes) -> list[Period]:
    """`vobject`, validating."""
    calendar = vobject.readOne(body.decode())
    assert calendar.validate(raiseException=True)
    lines = calendar.vfreebusy.contents.get("freebusy", [])
    return [
        Period(line.params["FBTYPE"][0], *(at.astimezone(UTC) for at in period))
        for line in lines
        for period in line.value
    ]


def ical_js_periods(body: bytes) -> list[Period]:
    """`ical.js` (Thunderbird, Nextcloud). Skips the test where there is no node."""
    found = ical_js({"feed": body.decode()})["busy"]
    return [Period(kind, *(datetime.fromtimestamp(at, UTC) for at in ends)) for kind, *ends in found]


READERS: dict[str, Reader] = {
    "icalendar": icalendar_periods,
    "ical": ical_periods,
    "vobject": vobject_periods,
    "ical.js": ical_js_periods,
}
