"""Passes: whoever is going is told how to join and where it is, by the service that knows, for a few minutes each time.

A pass names the date, or the meeting of a standing seat, and nobody: it is the same for everybody who is going.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from openchair.rsvps.v1 import seat_pb2

if TYPE_CHECKING:
    from datetime import datetime

    from services.kit.vouch import Vouch

USE: Final = "seat"
LIVES: Final = timedelta(minutes=10)


def with_pass(seat: seat_pb2.Seat, vouch: Vouch, now: datetime) -> seat_pb2.Seat:
    """The seat, with a pass if its guest is going. Only for answers that are not stored."""
    if seat.state == seat_pb2.SEAT_STATE_GOING:
        seat.seat_pass = vouch.sign_until(USE, seat.name, now + LIVES)
    return seat
