"""What is said of a seat at a terminal."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from openchair.rsvps.v1 import list_rules_pb2, seat_pb2

from services.cli.when import full
from services.recurrence.zones import to_local

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.timestamp_pb2 import Timestamp

STATES: Final[Mapping[int, str]] = {
    seat_pb2.SEAT_STATE_UNSPECIFIED: "no seat is kept with these words",
    seat_pb2.SEAT_STATE_GOING: "going",
    seat_pb2.SEAT_STATE_WAITLISTED: "on the waitlist",
    seat_pb2.SEAT_STATE_OFFERED: "a place is free, and held for a while: `openchair seats accept` takes it",
    seat_pb2.SEAT_STATE_DECLINED: "given up: an offer was declined",
    seat_pb2.SEAT_STATE_CANCELLED: "given back",
}
_ENDS: Final[Mapping[int, str]] = {
    seat_pb2.SEAT_END_MEETING_CANCELLED: "the date is cancelled; the seat comes back with it",
    seat_pb2.SEAT_END_MOVED: "the date was moved, and seats are kept anew",
    seat_pb2.SEAT_END_NOT_CONFIRMED: "it was not confirmed in time",
    seat_pb2.SEAT_END_STAFF: "given back by who looks after the list",
}
WAYS: Final[Mapping[int, str]] = {seat_pb2.ATTENDANCE_IN_PERSON: "in person", seat_pb2.ATTENDANCE_ONLINE: "online"}
PLACES: Final[Mapping[int, str]] = {
    list_rules_pb2.AVAILABILITY_OPEN: "there are places",
    list_rules_pb2.AVAILABILITY_WAITLIST: "waitlist",
    list_rules_pb2.AVAILABILITY_FULL: "full",
}


def facts(seat: seat_pb2.Seat, zone: str) -> dict[str, str]:
    """All of it, by names; times as the clocks of the place show them."""
    held = seat.state != seat_pb2.SEAT_STATE_UNSPECIFIED
    told = {
        "seat": _ENDS.get(seat.end, "") or STATES[seat.state],
        "taking part": WAYS.get(seat.attendance, ""),
        "people": str(seat.party_size) if seat.party_size > 1 else "",
        "when": _moment(seat.start_time, zone),
        "moved": "the date was moved since the seat was kept" if seat.moved else "",
        "when a place is free": _wait(seat) if seat.state == seat_pb2.SEAT_STATE_WAITLISTED else "",
        "not asked again": "three offers lapsed; `accept` takes what is free" if seat.passed_over else "",
        "held until": _moment(seat.offer_expire_time, zone),
        "lots are drawn": _moment(seat.draw_time, zone),
        "confirm by": _moment(seat.confirm_until_time, zone),
        "change until": _moment(seat.change_until_time, zone) if held else "",
        "also waits for": ", ".join(seat.also),
        "of those for": ", ".join(seat.quotas),
        "name shown": seat.first_name,
    }
    return {name: text for name, text in told.items() if text}


def _wait(seat: seat_pb2.Seat) -> str:
    return "you are asked" if seat.wait == seat_pb2.WAIT_CHOICE_ASK else "it is yours"


def _moment(stamp: Timestamp, zone: str) -> str:
    """A stamp that is not set is the beginning of time."""
    return full(to_local(stamp.ToDatetime(UTC), zone)) if stamp.seconds else ""
