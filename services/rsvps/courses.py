"""A course, or a closed group: one enrolment for all of its dates, in the list of the series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from openchair.rsvps.v1 import rsvp_service_pb2, seat_pb2

from services.kit.errors import NotFound, Unmet
from services.kit.leaves import Decision
from services.rsvps import coming, following, seating, turns
from services.rsvps.application import Application, may_only_show
from services.rsvps.line import Line
from services.rsvps.several import About, Several
from services.rsvps.sheet import Sheet
from services.rsvps.types import Scope
from services.rsvps.wire_seats import seat_message, with_own_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from services.kit.call import Call
    from services.kit.leaves import Changes, Head
    from services.rsvps.admission import Admission
    from services.rsvps.desk import Desk, Found
    from services.rsvps.types import Part, Seat

    Decide: TypeAlias = Callable[[Sheet, Seat | None, str], Seat | None]

R = TypeVar("R")


def _seat(message: seat_pb2.Seat) -> Any:
    """What most methods reply."""
    return message


def reserved(message: seat_pb2.Seat) -> rsvp_service_pb2.ReserveResponse:
    """What Reserve replies."""
    return rsvp_service_pb2.ReserveResponse(seat=message)


class Courses:
    """The methods for names of meetings that are one enrolment."""

    def __init__(self, desk: Desk, admission: Admission) -> None:
        self._desk = desk
        self._admission = admission
        self._several = Several(desk)

    async def reserve(self, call: Call[Any], found: Found) -> rsvp_service_pb2.ReserveResponse:
        """Joins, or waits for a place. Raises Unmet after the last date for that."""
        parts = [each.value for each in await self._desk.known.parts(found.event.id)]
        application = Application(self._desk, found, call.message, "")

        def decide(sheet: Sheet, seat: Seat | None, at: str) -> Seat:
            if seat is not None and seating.standing_of(sheet.list, seat, at)[0] in seating.LIVE:
                return seat
            refuse_too_late(sheet, parts, at)
            return seating.reserve(sheet, application.asked(sheet, self._mac(sheet, call), seat), at)

        if not found.list:
            self._try(found, parts, decide, self._desk.now())
            found = await self._opened(found)
        return await self._decided(call, found, decide, "enrolled", reserved)

    async def change(self, call: Call[Any], found: Found) -> seat_pb2.Seat:
        """Changes one's own enrolment."""
        application = Application(self._desk, found, call.message, "")

        def decide(sheet: Sheet, seat: Seat | None, at: str) -> Seat:
            if seat is None:
                raise NotFound(found.name)
            changed = application.changed(sheet, seat)
            self._admission.more(call, found, seat, changed)
            if not may_only_show(call.message.update_mask):
                return seating.change(sheet, seat, changed, at)
            sheet.put(changed)
            return changed

        return await self._decided(call, found, decide, "changed")

    async def cancel(self, call: Call[Any], found: Found) -> seat_pb2.Seat:
        """Gives it back."""
        return await self._decided(
            call, found, lambda sheet, seat, at: seat and seating.cancel(sheet, seat, at), "left"
        )

    async def accept(self, call: Call[Any], found: Found) -> seat_pb2.Seat:
        """Takes the place that is offered."""
        return await self._decided(call, found, _with_seat(found.name, seating.accept), "accepted")

    async def decline(self, call: Call[Any], found: Found) -> seat_pb2.Seat:
        """Says no to it."""
        return await self._decided(call, found, _with_seat(found.name, seating.decline), "declined")

    async def get_mine(self, call: Call[Any], found: Found) -> seat_pb2.Seat:
        """One's own, with what one wrote."""
        parts = [each.value for each in await self._desk.known.parts(found.event.id)]

        def read(head: Head[Line], at: str) -> Decision[seat_pb2.Seat]:
            sheet = self._sheet(found, parts, head, at)
            seat = sheet.held(self._mac(sheet, call)) if sheet is not None else None
            if sheet is None or seat is None:
                return Decision(seat_pb2.Seat(name=found.name))
            told = self._desk.seals(sheet.list).open(seat.id, seat.sealed)
            return Decision(with_own_words(whole_message(found.name, sheet, seat, at), seat, told))

        return await self._desk.heads.change("list", found.list, read)

    def _try(self, found: Found, parts: Sequence[Part], decide: Decide, at: str) -> None:
        """Raises what whoever comes first is refused with: no list is made for that."""
        empty = self._several.new(found.event, "none", Scope.SERIES)
        sheet = Sheet(empty, Line(empty.id))
        following.bring(sheet, found.event, parts, found.revision, at)
        turns.settle(sheet, at)
        decide(sheet, None, at)

    async def _opened(self, found: Found) -> Found:
        """With a list: it is made before the first who comes is decided about."""

        async def prepare() -> About:
            about = About()
            if await self._several.load(about, found.event.id) is not None:
                self._several.whole(about, found.event.id)
            return about

        await self._several.decided(prepare, lambda *_: lambda: None, action="opened")
        return await self._desk.again(found)

    async def _decided(
        self, call: Call[Any], found: Found, decide: Decide, action: str, told: Callable[[seat_pb2.Seat], R] = _seat
    ) -> R:
        """`told` makes the method's reply: what is decided is what is kept for doubles of the request."""
        parts = [each.value for each in await self._desk.known.parts(found.event.id)]

        def settled(head: Head[Line], at: str) -> Decision[R]:
            message, changes = self._settled(call, found, parts, decide, head, at)
            return Decision(told(message), changes, action)

        return await self._desk.heads.change("list", found.list, settled, call=call)

    def _settled(
        self,
        call: Call[Any],
        found: Found,
        parts: Sequence[Part],
        decide: Decide,
        head: Head[Line],
        at: str,
    ) -> tuple[seat_pb2.Seat, Changes | None]:
        sheet = self._sheet(found, parts, head, at)
        if sheet is None:
            raise NotFound(found.name)
        seat = decide(sheet, sheet.held(self._mac(sheet, call)), at)
        turns.settle(sheet, at)
        changes = sheet.changes(turns.next_due(sheet, at))
        now = sheet.seat(seat.id) or seat if seat is not None else None
        return whole_message(found.name, sheet, now, at), changes

    def _sheet(self, found: Found, parts: Sequence[Part], head: Head[Line], at: str) -> Sheet | None:
        value = self._desk.list_of(head)
        if value is None:
            return None
        sheet = Sheet(value, head.index)
        if value.seen < found.revision or value.occasion.start <= at:  # nothing else makes it another
            following.bring(sheet, found.event, parts, found.revision, at)
        turns.settle(sheet, at)
        return sheet

    def _mac(self, sheet: Sheet, call: Call[Any]) -> str:
        return self._desk.secrets.mac(sheet.list.secret, sheet.list.centre, sheet.list.id, self._desk.key(call))


def refuse_too_late(sheet: Sheet, parts: Sequence[Part], at: str) -> None:
    """Raises Unmet after the last local date on which one may join; that date included one may."""
    last = sheet.list.rules.last_joining_date
    if last is not None and coming.local_date(parts, at) > last:
        raise Unmet("nobody joins any more", "JOINING_OVER", {"last_joining_date": last.isoformat()})


def whole_message(name: str, sheet: Sheet, seat: Seat | None, at: str) -> seat_pb2.Seat:
    """A seat of a whole series as a message: it begins and ends at no instant. None: there is none."""
    if seat is None:
        return seat_pb2.Seat(name=name)
    message = seat_message(name, sheet.list, seat, at)
    message.ClearField("start_time")
    message.ClearField("end_time")
    message.ClearField("moved")
    return message


def _with_seat(name: str, act: Callable[[Sheet, Seat, str], Seat]) -> Decide:
    def decide(sheet: Sheet, seat: Seat | None, at: str) -> Seat:
        if seat is None:
            raise NotFound(name)
        return act(sheet, seat, at)

    return decide
