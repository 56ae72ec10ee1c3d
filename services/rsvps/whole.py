"""Seats for whole meetings: a standing seat, or a place in a course. The RPCs of guests for names of meetings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openchair.rsvps.v1 import rsvp_service_pb2, seat_pb2

from services.kit.errors import NotFound, Unmet
from services.rsvps.courses import Courses
from services.rsvps.standing_seats import StandingSeats
from services.rsvps.types import RsvpMode, Scope

if TYPE_CHECKING:
    from services.kit.call import Call
    from services.rsvps.admission import Admission
    from services.rsvps.ahead import Ahead
    from services.rsvps.desk import Desk, Found


class WholeMeetings:
    """The methods, by what the rules make of a whole meeting. `admission` refuses who may not keep a seat."""

    def __init__(self, desk: Desk, ahead: Ahead, admission: Admission) -> None:
        self._desk = desk
        self._admission = admission
        self._courses = Courses(desk, admission)
        self._standing = StandingSeats(desk, ahead, admission)

    async def reserve(self, call: Call[rsvp_service_pb2.ReserveRequest]) -> rsvp_service_pb2.ReserveResponse:
        """Joins a course, or keeps a standing seat; of whoever has one already it is the same, unchanged."""
        found = await self._found(call)
        if found.rules.mode is RsvpMode.OFF:
            raise Unmet("no seats are kept here: people just come", "NO_SEATS_KEPT")
        if found.rules.scope is not Scope.SERIES and not found.rules.standing_seats:
            raise Unmet("seats are kept for single dates here", "NO_STANDING_SEATS")
        self._admission.check(call, found)
        return await self._admission.within(call, found, lambda: self._of(found).reserve(call, found))

    async def change(self, call: Call[rsvp_service_pb2.ChangeRequest]) -> seat_pb2.Seat:
        """Changes it; of a standing seat on every date ahead, where the places are free."""
        found = await self._kept(call)
        return await self._of(found).change(call, found)

    async def cancel(self, call: Call[rsvp_service_pb2.CancelRequest]) -> seat_pb2.Seat:
        """Gives it back, for all dates ahead. Where there is none nothing is said but that."""
        found = await self._found(call)
        if not found.list:
            self._desk.key(call)
            return await self._desk.answered(call, seat_pb2.Seat(name=call.message.name))
        return await self._of(found).cancel(call, found)

    async def confirm(self, call: Call[rsvp_service_pb2.ConfirmRequest]) -> seat_pb2.Seat:
        """There is nothing to confirm of a whole series: dates are confirmed."""
        await self._kept(call)
        raise _dates_only()

    async def get_mine(self, call: Call[rsvp_service_pb2.GetMineRequest]) -> seat_pb2.Seat:
        """One's own, with what one wrote. Of a key that holds none there is no state."""
        found = await self._found(call)
        if not found.list:
            self._desk.key(call)
            return seat_pb2.Seat(name=call.message.name)
        return await self._of(found).get_mine(call, found)

    async def accept_offer(self, call: Call[rsvp_service_pb2.AcceptOfferRequest]) -> seat_pb2.Seat:
        """Takes the place in a course that is offered."""
        found = await self._kept(call)
        if found.rules.scope is not Scope.SERIES:
            raise _dates_only()
        return await self._courses.accept(call, found)

    async def decline_offer(self, call: Call[rsvp_service_pb2.DeclineOfferRequest]) -> seat_pb2.Seat:
        """Says no to it, and leaves the line."""
        found = await self._kept(call)
        if found.rules.scope is not Scope.SERIES:
            raise _dates_only()
        return await self._courses.decline(call, found)

    def _of(self, found: Found) -> Courses | StandingSeats:
        return self._courses if found.rules.scope is Scope.SERIES else self._standing

    async def _found(self, call: Call[Any]) -> Found:
        return await self._desk.meeting(call.message.name, call)

    async def _kept(self, call: Call[Any]) -> Found:
        """Raises NotFound where nobody keeps anything for the whole of it."""
        found = await self._found(call)
        if not found.list:
            self._desk.key(call)
            raise NotFound(call.message.name)
        return found


def _dates_only() -> Unmet:
    return Unmet("this is said for one date: its name is needed", "DATE_NEEDED")
