"""Attendance slips: methods of the RsvpService.

A slip holds what was asked for, and nothing of it is stored: the centre cannot say whom it gave one to.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Final

from openchair.rsvps.v1 import rsvp_service_pb2, slip_pb2

from services.kit.auth import key_id
from services.kit.clock import instant, moment
from services.kit.errors import NotFound, Unmet
from services.kit.names import Pattern
from services.kit.record import transact
from services.rsvps import check_in, revoking, slip_page, slip_token, slip_wanted
from services.rsvps.centres import Centres
from services.rsvps.presence import inside, mark_of

if TYPE_CHECKING:
    from services.kit.call import Call
    from services.kit.store.port import Record
    from services.rsvps.desk import Desk, Found
    from services.rsvps.sheet import Sheet
    from services.rsvps.slip_token import Content
    from services.rsvps.types import Occasion, Where

CENTRE: Final = Pattern("centres/{centre}")
SLIP: Final = Pattern("centres/{centre}/slips/{slip}")


class Slips:
    """Attendance slips. `centres` says what a centre is called."""

    def __init__(self, desk: Desk, centres: Centres | None = None) -> None:
        self._desk = desk
        self._centres = centres or Centres()
        self._printing = asyncio.Lock()

    async def issue_attendance_slip(
        self, call: Call[rsvp_service_pb2.IssueAttendanceSlipRequest]
    ) -> slip_pb2.AttendanceSlip:
        """A slip for who checked in, until 72 hours after the end. Nothing is written anywhere."""
        request, desk = call.message, self._desk
        wanted, guest = slip_wanted.read(request), desk.key(call)
        desk.budgets.may_try(call, request.name)
        try:
            found = await desk.occurrence(request.name, inside(call))
            occasion, where = await self._present(found, guest, call)
        except (NotFound, Unmet):
            desk.budgets.missed(call, request.name)
            raise
        desk.budgets.slip(call, request.name)
        title = self._centres.title(found.part.centre)
        content = slip_wanted.content(wanted, found.part, occasion, where, title, desk.clock.now(), desk.ids)
        key = slip_token.signing_keys(desk.secrets, found.part.centre)[desk.secrets.newest]
        token = slip_token.make(content, key)
        pdf = await self._printed(content, token, request.language)
        return slip_pb2.AttendanceSlip(content=slip_wanted.message(content), token=token, pdf=pdf)

    async def verify_attendance_slip(
        self, call: Call[rsvp_service_pb2.VerifyAttendanceSlipRequest]
    ) -> rsvp_service_pb2.VerifyAttendanceSlipResponse:
        """Whether a slip is genuine, and neither expired nor revoked. What it says only where it is."""
        token = call.message.token.strip()
        content = await self._read(token)
        if content is None:
            return rsvp_service_pb2.VerifyAttendanceSlipResponse()
        if await revoking.is_revoked(self._desk.store, content.centre.removeprefix("centres/"), content.id):
            return rsvp_service_pb2.VerifyAttendanceSlipResponse(verdict=slip_pb2.SLIP_VERDICT_REVOKED)
        if slip_token.expired(content, self._desk.clock.now()):
            return rsvp_service_pb2.VerifyAttendanceSlipResponse(verdict=slip_pb2.SLIP_VERDICT_EXPIRED)
        said = slip_wanted.message(content)
        return rsvp_service_pb2.VerifyAttendanceSlipResponse(verdict=slip_pb2.SLIP_VERDICT_GENUINE, content=said)

    async def revoke_attendance_slip(
        self, call: Call[rsvp_service_pb2.RevokeAttendanceSlipRequest]
    ) -> rsvp_service_pb2.RevokeAttendanceSlipResponse:
        """Declares a slip void. That it was ever issued is not checked: nobody knows."""
        desk, ids = self._desk, SLIP.parse(call.message.name, "name")
        slip_wanted.must_be_id(ids["slip"])
        attempt = functools.partial(revoking.revoked, desk.store, call, ids["centre"], ids["slip"])
        return await transact(desk.store, desk.clock, desk.ids, attempt)

    async def list_slip_keys(
        self, call: Call[rsvp_service_pb2.ListSlipKeysRequest]
    ) -> rsvp_service_pb2.ListSlipKeysResponse:
        """The public keys of a centre, the one that signs last. Raises NotFound for what is no centre."""
        centre = CENTRE.parse(call.message.parent, "parent")["centre"]
        if not await self._is_centre(centre):
            raise NotFound(call.message.parent)
        keys = slip_token.signing_keys(self._desk.secrets, centre).values()
        return rsvp_service_pb2.ListSlipKeysResponse(
            keys=[slip_pb2.SlipKey(id=key_id(key.public_key()), pem=slip_token.pem(key)) for key in keys]
        )

    async def _present(
        self, found: Found, key: bytes, call: Call[rsvp_service_pb2.IssueAttendanceSlipRequest]
    ) -> tuple[Occasion, Where]:
        """When it was, and how somebody was there. Raises Unmet, or NotFound for who may not know of the meeting."""

        def read(sheet: Sheet, at: str) -> tuple[Occasion, Where] | None:
            mark = sheet.held(mark_of(self._desk, sheet, key))
            over = moment(at) > moment(sheet.list.occasion.end) + check_in.KEPT
            return None if mark is None or over else (sheet.list.occasion, mark.where)

        present = await self._desk.look(found, read)
        if present is None:
            await self._desk.occurrence(call.message.name, call)
            raise Unmet("slips are for who checked in, until 72 hours after the end", "NOT_CHECKED_IN")
        return present

    async def _printed(self, content: Content, token: str, language: str) -> bytes:
        """The page; it takes a while, so one at a time, beside everything else."""
        async with self._printing:
            return await asyncio.to_thread(slip_page.page, content, token, language)

    async def _read(self, token: str) -> Content | None:
        """What a genuine slip says. Only keys of centres that there are are looked at."""
        name = slip_token.centre_of(token)
        if not CENTRE.matches(name):
            return None
        centre = name.removeprefix("centres/")
        if not await self._is_centre(centre):
            return None
        return slip_token.read(token, slip_token.signing_keys(self._desk.secrets, centre).values())

    async def _is_centre(self, centre: str) -> bool:
        if centre in self._centres:
            return True
        return bool((await self._desk.store.find("part", {"centre": centre}, limit=1)).records)


async def forget(desk: Desk, record: Record) -> None:
    """A slip that was revoked would have expired by now: nothing of it is left."""
    if record.due_at is not None and record.due_at <= instant(desk.clock.now()):
        await transact(desk.store, desk.clock, desk.ids, functools.partial(revoking.forgotten, desk.store, record.id))
