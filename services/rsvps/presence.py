"""Who is there: check-in, head count: methods of the RsvpService.

Whoever has the code that is shown in the room is in the room: a meeting for members needs no other code of them. A mark
says that somebody was there, never who, nor whether somebody who kept a seat was.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
from openchair.rsvps.v1 import rsvp_service_pb2, seat_pb2

from services.kit.call import EVERYWHERE, NOBODY, Call, Caller
from services.kit.clock import moment
from services.kit.errors import Exhausted, Invalid, NotFound, Unmet, Violation
from services.rsvps import check_in
from services.rsvps.types import Seat, SeatFor, Where

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from services.rsvps.check_in import Code
    from services.rsvps.desk import Desk, Found
    from services.rsvps.sheet import Sheet
    from services.rsvps.types import Occasion

INSIDE: Final = Caller("", {EVERYWHERE: frozenset({"service"})})
"""Who is in the room, or was: they know of the meeting."""

MOST: Final = 5_000
"""People that a date counts, in the room and online each."""

_WAYS: Final[Mapping[int, Where]] = {
    seat_pb2.ATTENDANCE_IN_PERSON: Where.ROOM,
    seat_pb2.ATTENDANCE_ONLINE: Where.ONLINE,
}


class Presence:
    """Who is there: check-in, head count. `base_url`: where the pages are, without a slash at its end."""

    def __init__(self, desk: Desk, base_url: str = "") -> None:
        self._desk = desk
        self._base_url = base_url

    async def check_in(self, call: Call[rsvp_service_pb2.CheckInRequest]) -> rsvp_service_pb2.CheckInResponse:
        """Says that somebody is here, once for each key: said again, what was said last holds."""
        request, desk = call.message, self._desk
        key, people = desk.key(call), check_in.party(request.party_size)
        found = await self._let_in(call)
        id_ = desk.ids.uuid()

        def decide(sheet: Sheet, at: str) -> rsvp_service_pb2.CheckInResponse:
            occasion = check_in.must_be_open(sheet.list.occasion, moment(at))
            _mark(sheet, id_, mark_of(desk, sheet, key), way_of(request.attendance, occasion), people)
            reply = rsvp_service_pb2.CheckInResponse()
            reply.slip_until_time.FromDatetime(moment(occasion.end) + check_in.KEPT)
            return reply

        return await desk.on_list(found, decide, call=replace(call, caller=NOBODY), actor="guest", action="checked in")

    async def get_check_in_code(
        self, call: Call[rsvp_service_pb2.GetCheckInCodeRequest]
    ) -> rsvp_service_pb2.GetCheckInCodeResponse:
        """The code to show in the room just now, and the address of a page that goes on showing it."""
        desk = self._desk
        found = await desk.occurrence(call.message.name, call)
        code, until = self._code(found)
        assert found.key is not None
        part = found.part
        text = check_in.screen(desk.secrets, part.centre, found.event.id, found.key)
        shown = check_in.screen_address(self._base_url, part.centre, part.id, found.key, text)
        reply = rsvp_service_pb2.GetCheckInCodeResponse(words=code.words, url=self._url(found, code), display_url=shown)
        reply.expire_time.FromDatetime(until)
        return reply

    async def show_check_in_code(
        self, call: Call[rsvp_service_pb2.ShowCheckInCodeRequest]
    ) -> rsvp_service_pb2.ShowCheckInCodeResponse:
        """The same for who has the address. Nobody finds it by trying, and a room's network is its guests' too."""
        desk, name = self._desk, call.message.name
        found = await desk.occurrence(name, inside(call))
        assert found.key is not None
        right = check_in.screen(desk.secrets, found.part.centre, found.event.id, found.key)
        if not hmac.compare_digest(right.encode(), call.message.screen.encode()):
            raise NotFound(name)
        code, until = self._code(found)
        reply = rsvp_service_pb2.ShowCheckInCodeResponse(words=code.words, url=self._url(found, code))
        reply.expire_time.FromDatetime(until)
        return reply

    async def head_count(self, call: Call[rsvp_service_pb2.HeadCountRequest]) -> rsvp_service_pb2.Attended:
        """How many are there, as counted by who leads."""
        request = call.message
        found = await self._desk.occurrence(request.name, call)

        def decide(sheet: Sheet, at: str) -> rsvp_service_pb2.Attended:
            occasion = check_in.must_be_countable(sheet.list.occasion, moment(at), over=sheet.list.ended)
            room = _counted(request.in_person, "in_person", Where.ROOM, occasion)
            online = _counted(request.online, "online", Where.ONLINE, occasion)
            sheet.list = msgspec.structs.replace(sheet.list, head_room=room, head_online=online)
            return rsvp_service_pb2.Attended(name=found.name, in_person=room, online=online, counted=True)

        return await self._desk.on_list(found, decide, call=call, action="heads counted")

    async def _let_in(self, call: Call[rsvp_service_pb2.CheckInRequest]) -> Found:
        """The date whose code was said. Whoever may not know of it is told the same as where there is none."""
        desk, name = self._desk, call.message.name
        desk.budgets.may_try(call, name)
        try:
            found = await desk.occurrence(name, inside(call))
            if self._good(found, call.message.code):
                desk.budgets.check_in(call, name)
                return found
            await desk.occurrence(name, call)
        except NotFound:
            desk.budgets.missed(call, name)
            raise
        check_in.must_be_open(found.occasion, desk.clock.now())
        desk.budgets.missed(call, name)
        raise Unmet("it is not the code that is shown in the room now", "WRONG_CODE")

    def _code(self, found: Found) -> tuple[Code, datetime]:
        """The present code of a date, and when the next one is shown. Raises Unmet."""
        now = self._desk.clock.now()
        check_in.must_be_open(found.occasion, now)
        assert found.key is not None
        code = check_in.code(self._desk.secrets, found.part.centre, found.event.id, found.key, now)
        return code, check_in.ends(now)

    def _url(self, found: Found, code: Code) -> str:
        """Where one checks in with it."""
        assert found.key is not None
        return check_in.address(self._base_url, found.part.id, found.key, code.text)

    def _good(self, found: Found, said: str) -> bool:
        assert found.key is not None
        now = self._desk.clock.now()
        return check_in.good(said, self._desk.secrets, found.part.centre, found.event.id, found.key, now)


def inside(call: Call[Any]) -> Call[Any]:
    """The call as of somebody who is let in; what it may do has to be proved by something else."""
    return replace(call, caller=INSIDE)


def mark_of(desk: Desk, sheet: Sheet, key: bytes) -> str:
    """The HMAC under which a key's mark stands in a list, if it has one."""
    return desk.secrets.mac(sheet.list.secret, sheet.list.centre, sheet.list.id, key, "present")


def way_of(said: int, occasion: Occasion) -> Where:
    """How somebody takes part. Raises Invalid where it has to be said, or is not possible."""
    way = _WAYS.get(said)
    if way is None and len(occasion.ways) == 1:
        return occasion.ways[0]
    if way is None or way not in occasion.ways:
        raise Invalid(Violation("attendance", "must be a way in which this date takes place"))
    return way


def _mark(sheet: Sheet, id_: str, mac: str, where: Where, people: int) -> None:
    """Puts the mark, or what is said now in place of what was said before."""
    before = sheet.held(mac)
    if before is None and sheet.marked(SeatFor.PRESENT, where) + people > MOST:
        raise Exhausted("so many have checked in that no more are counted", "TOO_MANY")
    mark = Seat(
        id=before.id if before else id_,
        centre=sheet.list.centre,
        mac=mac,
        use=SeatFor.PRESENT,
        where=where,
        party=people,
    )
    if mark != before:
        sheet.put(mark)


def _counted(said: int, field: str, where: Where, occasion: Occasion) -> int:
    """Raises Invalid."""
    if not 0 <= said <= MOST:
        raise Invalid(Violation(field, f"must be from 0 to {MOST}"))
    if said and where not in occasion.ways:
        raise Invalid(Violation(field, "this date does not take place that way"))
    return said
