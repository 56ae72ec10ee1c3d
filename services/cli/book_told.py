"""A booking as it is read: in a table, fact by fact, as JSON."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import booking_pb2

from services.cli import book_clashes, book_dates
from services.cli.called import SHORT_ID, id_of
from services.cli.columns import table
from services.cli.data import whole
from services.cli.when import long, short
from services.recurrence.wire import parse_key
from services.recurrence.zones import to_local

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from services.cli.house import House

HEADS: Final = ("WHEN", "ROOM", "WHAT", "STATE", "ID")
NEXT: Final = 5
STATES: Final[Mapping[int, str]] = {
    booking_pb2.BOOKING_STATE_HELD: "held",
    booking_pb2.BOOKING_STATE_PENDING: "waits for approval",
    booking_pb2.BOOKING_STATE_CONFIRMED: "booked",
}


def room_of(booking: booking_pb2.Booking) -> str:
    """Name of the room that it is of."""
    return booking.name.partition("/bookings/")[0]


def rows(found: Sequence[booking_pb2.Booking], house: House) -> list[str]:
    """A table of bookings. The beginning of an id is enough to name one."""
    return table(HEADS, [_row(each, house) for each in found])


def _row(booking: booking_pb2.Booking, house: House) -> tuple[str, ...]:
    (room,) = house.titles([room_of(booking)])
    return book_dates.rhythm_of(booking), room, booking.title, state(booking), id_of(booking)[:SHORT_ID]


def state(booking: booking_pb2.Booking) -> str:
    """What it is, and what is to be done about it."""
    said = [STATES.get(booking.state, "")]
    if booking.HasField("expire_time") and booking.state == booking_pb2.BOOKING_STATE_HELD:
        said[0] = f"held until {_local(booking):%H:%M}"
    if booking.meeting:
        said[0] = "by its meeting"
    if booking.competes:
        said.append("holds nothing meanwhile")
    offered = sum(each.offered for each in booking.skipped)
    if booking.skipped:
        said.append(f"without {_dates(len(booking.skipped))}" + (f" ({offered} free now)" if offered else ""))
    if booking.closed:
        more = f" and {_dates(len(booking.closed) - 1)} more" if len(booking.closed) > 1 else ""
        said.append(f"closed on {_day(booking.closed[0].key)}{more}: {booking.closed[0].reason}")
    if booking.released:
        said.append(f"nobody came on {_day(booking.released[-1])}, given back")
    if booking.proposed_for_release:
        said.append("nobody came lately")
    if booking.overrule_reason:
        said.append(f"overruled: {booking.overrule_reason}")
    return "; ".join(filter(None, said))


def _local(booking: booking_pb2.Booking) -> datetime:
    return to_local(booking.expire_time.ToDatetime(tzinfo=UTC), book_dates.zone_of(booking))


def _dates(number: int) -> str:
    return f"{number} date{'s' * (number != 1)}"


def facts(booking: booking_pb2.Booking, house: House, now: datetime) -> dict[str, str]:
    """All that it says of itself; what is not stated is left out."""
    (room,) = house.titles([room_of(booking)])
    meeting = booking.meeting.rpartition("/")[2]
    told = {
        "room": room,
        "when": book_dates.rhythm_of(booking),
        "what": booking.title,
        "state": state(booking),
        "people": str(booking.attendees or ""),
        "notes": booking.notes,
        "booked by": booking.organiser,
        "its meeting": f"openchair meeting show {house.id} {meeting}" if meeting else "",
        "overruled by": booking.overruled_by,
        "stands over": "\n".join(stands_over(booking, house)),
        "kept free": buffers(booking.before_minutes, booking.after_minutes),
        "left out": "\n".join(left_out(booking)),
        "next dates": "\n".join(each.told() for each in book_dates.coming(booking, now)[:NEXT]),
        "given back": ", ".join(map(_day, booking.released)),
        "somebody came": ", ".join(map(_day, booking.checked_in)),
        "id": id_of(booking),
    }
    if zone := different_zone(booking, house):
        told["timezone"] = zone
    return {name: text for name, text in told.items() if text}


def stands_over(booking: booking_pb2.Booking, house: House) -> list[str]:
    """What has the room at the same time as a booking that somebody overruled a clash for, date by date."""
    zone = book_dates.zone_of(booking)
    return [book_clashes.one(each, house, zone) for each in booking.stands_over]


def overruled(booking: booking_pb2.Booking, house: House) -> list[str]:
    """Who overruled something for it, why, and what it stands over: some lines."""
    said = f"overruled by {booking.overruled_by}" if booking.overruled_by else "overruled"
    over = stands_over(booking, house) or ["in nobody's way any more"]
    return [about(booking, house), f"  {said}: {booking.overrule_reason}", *(f"  over: {each}" for each in over)]


def different_zone(booking: booking_pb2.Booking, house: House) -> str:
    """Its time zone, where it is not the centre's."""
    zone = book_dates.zone_of(booking)
    return zone if zone != house.centre.time_zone else ""


def left_out(booking: booking_pb2.Booking) -> list[str]:
    """Dates that it could not have, and which of them it could have now."""
    zone = book_dates.zone_of(booking)
    return [
        book_dates.slot(each.slot, zone).told() + (": free now" if each.offered else "") for each in booking.skipped
    ]


def buffers(before: int, after: int) -> str:
    """The minutes that nobody else may have."""
    parts = ((before, "before"), (after, "after"))
    return " and ".join(f"{long(minutes)} {word}" for minutes, word in parts if minutes)


def _day(key: str) -> str:
    try:
        return short(parse_key(key).date)
    except ValueError:
        return key


def plain(booking: booking_pb2.Booking) -> dict[str, Any]:
    """For a program: the fields of the contract, and the id."""
    return {"id": id_of(booking), **whole(booking)}


def about(booking: booking_pb2.Booking, house: House) -> str:
    """It in a line: 'River Hall, "Coaching", every Tuesday, 19:00 to 20:00'."""
    (room,) = house.titles([room_of(booking)])
    title = f'"{booking.title}"' if booking.title else ""
    return ", ".join(filter(None, (room, title, book_dates.rhythm_of(booking))))
