"""A guest's own seat: methods of the RsvpService.

Names of dates are dealt with here, those of whole meetings (standing seats, enrolments) by `whole`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from openchair.rsvps.v1 import rsvp_service_pb2, seat_pb2

from services.kit.errors import Invalid, NotFound, Unavailable, Unmet, Violation
from services.rsvps import seating
from services.rsvps.application import Application, may_only_show
from services.rsvps.sister_seats import SisterSeats, Tied
from services.rsvps.types import RsvpMode, Scope, State
from services.rsvps.wire_seats import seat_message, with_own_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.kit.call import Call
    from services.kit.leaves import Head
    from services.rsvps.admission import Admission
    from services.rsvps.desk import Desk, Found
    from services.rsvps.line import Line
    from services.rsvps.sheet import Sheet
    from services.rsvps.types import Seat

MOST_DATES: Final = 20
"""Sister dates that somebody waits for."""

_HELD: Final = frozenset({State.GOING, State.WAITLISTED, State.OFFERED})


TRIES: Final = 8
"""How often it is looked anew where the series has its first standing seat meanwhile."""


class Behind(Exception):  # noqa: N818 - it says what was found
    """The series has a list by now: somebody may hold the date by a standing seat. Nothing was decided."""


class Whole(Protocol):
    """The same methods for names of whole meetings."""

    async def reserve(self, call: Call[rsvp_service_pb2.ReserveRequest]) -> rsvp_service_pb2.ReserveResponse:
        """Reserve."""

    async def change(self, call: Call[rsvp_service_pb2.ChangeRequest]) -> seat_pb2.Seat:
        """Change."""

    async def cancel(self, call: Call[rsvp_service_pb2.CancelRequest]) -> seat_pb2.Seat:
        """Cancel."""

    async def confirm(self, call: Call[rsvp_service_pb2.ConfirmRequest]) -> seat_pb2.Seat:
        """Confirm."""

    async def get_mine(self, call: Call[rsvp_service_pb2.GetMineRequest]) -> seat_pb2.Seat:
        """GetMine."""

    async def accept_offer(self, call: Call[rsvp_service_pb2.AcceptOfferRequest]) -> seat_pb2.Seat:
        """AcceptOffer."""

    async def decline_offer(self, call: Call[rsvp_service_pb2.DeclineOfferRequest]) -> seat_pb2.Seat:
        """DeclineOffer."""


class Seats:
    """A guest's own seat. `whole` None: there are none of whole meetings."""

    def __init__(self, desk: Desk, admission: Admission, shared: SisterSeats, whole: Whole | None = None) -> None:
        self._desk = desk
        self._shared = shared
        self._admission = admission
        self._whole = whole

    async def reserve(self, call: Call[rsvp_service_pb2.ReserveRequest]) -> rsvp_service_pb2.ReserveResponse:
        """Keeps a seat, or a place in the line; of whoever has one already it is the same, unchanged."""
        if (whole := self._of_whole(call)) is not None:
            return await whole.reserve(call)
        for _ in range(TRIES):
            with suppress(Behind):
                return await self._reserve(call)
        raise Unavailable("others are changing the same just now: try again", "CONTENTION")

    async def _reserve(self, call: Call[rsvp_service_pb2.ReserveRequest]) -> rsvp_service_pb2.ReserveResponse:
        """Of a date. Raises Behind."""
        message, desk = call.message, self._desk
        key = desk.key(call)
        found = await desk.occurrence(message.name, call)
        refuse_unless_kept(found)
        self._admission.check(call, found)
        if message.also:
            wanted = await self._wanted(call, found, key)
            return await self._admission.within(call, found, lambda: self._shared.reserve(call, wanted))
        application = Application(desk, found, message, await self._key_elsewhere(found, key))

        def decide(sheet: Sheet, at: str) -> Callable[[], rsvp_service_pb2.ReserveResponse]:
            if sheet.series != found.event.series:
                raise Behind
            mac = self._mac(sheet, key)
            seat = sheet.held(mac, application.series_mac)
            if seat is None or seating.standing_of(sheet.list, seat, at)[0] not in _HELD:
                seat = seating.reserve(sheet, application.asked(sheet, mac, seat), at)
            return lambda: rsvp_service_pb2.ReserveResponse(seat=self._now(sheet, seat, message.name, at))

        return await self._admission.within(
            call, found, lambda: desk.on_list(found, decide, call=call, action="reserved")
        )

    async def change(self, call: Call[rsvp_service_pb2.ChangeRequest]) -> seat_pb2.Seat:
        """Changes one's own seat. A first name, and what one celebrates, can be taken back until it begins."""
        if (whole := self._of_whole(call)) is not None:
            return await whole.change(call)
        message = call.message
        found, key, series_mac = await self._mine(call)
        application = Application(self._desk, found, message, series_mac)

        def decide(sheet: Sheet, at: str, seat: Seat) -> None:
            if seat.sisters and not may_only_show(message.update_mask):
                raise Unmet("who waits for several dates gives that back, and waits anew", "SEVERAL_DATES")
            changed = application.changed(sheet, seat)
            self._admission.more(call, found, seat, changed)
            if may_only_show(message.update_mask) and at < sheet.list.occasion.start:
                sheet.put(changed)
            else:
                seating.change(sheet, seat, changed, at)

        return await self._on_mine(call, found, (key, series_mac), decide, "changed")

    async def cancel(self, call: Call[rsvp_service_pb2.CancelRequest]) -> seat_pb2.Seat:
        """Gives back one's own seat, or place in the line. Where there is none nothing is said but that."""
        if (whole := self._of_whole(call)) is not None:
            return await whole.cancel(call)
        found, key, series_mac = await self._mine(call)

        def decide(sheet: Sheet, at: str, seat: Seat) -> None:
            refuse_tied(sheet, seat)
            seating.cancel(sheet, seat, at)  # also while the date is off: it is not to come back with it

        try:
            return await self._on_mine(call, found, (key, series_mac), decide, "cancelled", absent=True)
        except Tied as tied:
            return await self._shared.cancel(call, tied)

    async def confirm(self, call: Call[rsvp_service_pb2.ConfirmRequest]) -> seat_pb2.Seat:
        """Says that one still comes."""
        if (whole := self._of_whole(call)) is not None:
            return await whole.confirm(call)
        found, key, series_mac = await self._mine(call)

        def decide(sheet: Sheet, at: str, seat: Seat) -> None:
            seating.confirm(sheet, seat, at)

        return await self._on_mine(call, found, (key, series_mac), decide, "confirmed")

    async def get_mine(self, call: Call[rsvp_service_pb2.GetMineRequest]) -> seat_pb2.Seat:
        """One's own seat, with what one wrote. Of a key that holds none, or none any more, there is no state."""
        if (whole := self._of_whole(call)) is not None:
            return await whole.get_mine(call)
        name = call.message.name
        found, key, series_mac = await self._mine(call)
        if self._desk.first is not None and (found.list or await self._stands(found, series_mac)):
            found = await self._desk.first(found)

        def read(sheet: Sheet, at: str) -> seat_pb2.Seat:
            seat = sheet.held(self._mac(sheet, key), series_mac)
            if seat is None:
                return seat_pb2.Seat(name=name)
            told = self._desk.seals(sheet.list).open(seat.id, seat.sealed)
            if seat.sisters:
                tied.append((Tied(sheet.list.id, seat.mac), seat))
            return with_own_words(seat_message(name, sheet.list, seat, at), seat, told)

        tied: list[tuple[Tied, Seat]] = []
        message = await self._desk.look(found, read) or seat_pb2.Seat(name=name)
        if tied:
            message.also.extend(await self._shared.also(*tied[-1]))
        return message

    async def accept_offer(self, call: Call[rsvp_service_pb2.AcceptOfferRequest]) -> seat_pb2.Seat:
        """Takes the place that is offered, or one that is free after all."""
        if (whole := self._of_whole(call)) is not None:
            return await whole.accept_offer(call)
        found, key, series_mac = await self._mine(call)

        def decide(sheet: Sheet, at: str, seat: Seat) -> None:
            refuse_tied(sheet, seat)
            seating.accept(sheet, seat, at)

        try:
            return await self._on_mine(call, found, (key, series_mac), decide, "accepted")
        except Tied as tied:
            chosen = call.message.date_name
            other = await self._desk.occurrence(chosen, call, "date_name") if chosen else None
            return await self._shared.accept(call, tied, other.list if other is not None else "")

    async def decline_offer(self, call: Call[rsvp_service_pb2.DeclineOfferRequest]) -> seat_pb2.Seat:
        """Says no to the place that is offered, and leaves the line."""
        if (whole := self._of_whole(call)) is not None:
            return await whole.decline_offer(call)
        found, key, series_mac = await self._mine(call)

        def decide(sheet: Sheet, at: str, seat: Seat) -> None:
            refuse_tied(sheet, seat)
            seating.decline(sheet, seat, at)

        try:
            return await self._on_mine(call, found, (key, series_mac), decide, "declined")
        except Tied as tied:
            return await self._shared.decline(call, tied)

    # What they have alike

    def _of_whole(self, call: Call[Any]) -> Whole | None:
        """Who deals with the call, where its name is not one of a date."""
        if self._desk.is_occurrence(call.message.name):
            return None
        if self._whole is None:
            raise Invalid(Violation("name", "must be the name of an occurrence"))
        return self._whole

    async def _wanted(self, call: Call[Any], found: Found, key: bytes) -> list[tuple[Found, str]]:
        """The date and its sisters, each with what the key is in the list of its series. Raises as for one of them."""
        also = list(call.message.also)
        names = dict.fromkeys(each for each in also if each != call.message.name)
        if len(names) >= MOST_DATES:
            raise Invalid(Violation("also", f"must be fewer than {MOST_DATES}"))
        others = [await self._desk.occurrence(name, call, f"also[{also.index(name)}]") for name in names]
        for each in others:
            refuse_unless_kept(each)
            self._admission.check(call, each)
        first = [await self._desk.first(each) if self._desk.first else each for each in (found, *others)]
        return [(each, await self._key_elsewhere(each, key)) for each in first]

    async def _mine(self, call: Call[Any]) -> tuple[Found, bytes, str]:
        """The date, the key, and what a standing seat's date would be under."""
        key = self._desk.key(call)
        found = await self._desk.occurrence(call.message.name, call)
        return found, key, await self._key_elsewhere(found, key)

    async def _key_elsewhere(self, found: Found, key: bytes) -> str:
        """The HMAC of the key in the series' list; "" where there is none."""
        series = found.event.series
        version = await self._desk.known.secret_of(series) if series else None
        return "" if version is None else self._desk.secrets.mac(version, found.event.centre, series, key)

    async def _stands(self, found: Found, series_mac: str) -> bool:
        """Whether somebody has a standing seat: who does has one at every date, also where nobody came to it yet."""

        def read(head: Head[Line]) -> bool:
            seat = head.index.seats.get(head.index.by_mac.get(series_mac, ""))
            return seat is not None and seat.state is State.GOING

        return bool(series_mac) and await self._desk.heads.look("list", found.event.series, read)

    async def _on_mine(
        self,
        call: Call[Any],
        found: Found,
        held: tuple[bytes, str],
        decide: Callable[[Sheet, str, Seat], None],
        action: str,
        *,
        absent: bool = False,
    ) -> seat_pb2.Seat:
        """Has something done about one's own seat; where there is none, nothing, if that may be, else NotFound."""
        name, (key, series_mac) = call.message.name, held

        def about(sheet: Sheet, at: str) -> Callable[[], seat_pb2.Seat]:
            seat = sheet.held(self._mac(sheet, key), series_mac)
            if seat is None:
                _refuse_absent(name, absent=absent)
                return lambda: seat_pb2.Seat(name=name)
            decide(sheet, at, seat)
            return lambda: self._now(sheet, seat, name, at)

        if not found.list and found.event.series == "":
            _refuse_absent(name, absent=absent)
            return await self._desk.answered(call, seat_pb2.Seat(name=name))
        return await self._desk.on_list(found, about, call=call, action=action)

    def _mac(self, sheet: Sheet, key: bytes) -> str:
        return self._desk.secrets.mac(sheet.list.secret, sheet.list.centre, sheet.list.id, key)

    @staticmethod
    def _now(sheet: Sheet, seat: Seat, name: str, at: str) -> seat_pb2.Seat:
        """The seat when all is decided."""
        return seat_message(name, sheet.list, sheet.seat(seat.id) or seat, at)


def refuse_tied(sheet: Sheet, seat: Seat) -> None:
    """Raises Tied for a place in the lines of several dates: all of them have to be decided together."""
    if seat.sisters:
        raise Tied(sheet.list.id, seat.mac)


def refuse_unless_kept(found: Found) -> None:
    """Raises Unmet where no seats of single dates are kept."""
    if found.rules.mode is RsvpMode.OFF:
        raise Unmet("no seats are kept here: people just come", "NO_SEATS_KEPT")
    if found.rules.scope is Scope.SERIES:
        name = f"centres/{found.event.centre}/meetings/{found.part.id}"
        raise Unmet("one joins for all dates at once", "WHOLE_SERIES", {"name": name})


def _refuse_absent(name: str, *, absent: bool) -> None:
    if not absent:
        raise NotFound(name)
