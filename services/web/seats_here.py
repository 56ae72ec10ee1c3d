"""Somebody is there: checking in with the code that is shown in the room, then a slip and a few questions, if wanted.

A seat is not needed for it, and nothing ties the two together: the key is made anew, with the form.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from openchair.rsvps.v1 import rsvp_service_pb2 as pb
from openchair.rsvps.v1 import seat_pb2, slip_pb2
from starlette.responses import Response

from services.kit import words
from services.kit.client import Problem
from services.web import seats_forms, seats_said
from services.web.answers import GUARDED, HEADERS, answer
from services.web.nobody import is_own
from services.web.seats import PRIVATE, one
from services.web.seats_at import ALL
from services.web.seats_rules import asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from services.web.page import Pages
    from services.web.seats import SeatPages
    from services.web.seats_at import At
    from services.web.seats_calls import SeatCalls

FIELDS: Final = {
    "date": ("The date", slip_pb2.SLIP_FIELD_DATE),
    "times": ("From when to when", slip_pb2.SLIP_FIELD_TIMES),
    "meeting": ("What it was (otherwise it says “a meeting”)", slip_pb2.SLIP_FIELD_MEETING),
    "attendance": ("Whether in the room or online", slip_pb2.SLIP_FIELD_ATTENDANCE),
}
_SOURCE: Final = random.SystemRandom()
_PDF: Final = {
    **{name: value for name, value in HEADERS.items() if name != "content-security-policy"},
    **GUARDED,
    "content-type": "application/pdf",
    "content-disposition": 'attachment; filename="slip.pdf"',
}


class HerePages:
    """The requests of whoever is there. `seats` finds out what the address is about."""

    def __init__(self, pages: Pages, seats: SeatPages, calls: SeatCalls, base_url: Callable[[], str | None]) -> None:
        self._pages = pages
        self._seats = seats
        self._calls = calls
        self._base_url = base_url

    async def page(self, request: Request) -> Response:
        """The form by GET, its field filled in by the QR code's address; what somebody does by POST and "do"."""
        said = await seats_forms.fields(request) if request.method == "POST" else {}
        at = self._seats.at(request, one(said, "code"))
        if at is None or at.key == ALL:
            return self._seats.unknown(request, missed="code" in said)
        do = _ACTIONS.get(one(said, "do")) if is_own(request, self._base_url() or "") else None
        if do is None:
            return await self._show(request, at, words.make(_SOURCE), shown=request.query_params.get("here", "")[:200])
        done: Response = await do(self, request, at, said, one(said, "key"))
        return done

    async def check_in(self, request: Request, at: At, said: dict[str, list[str]], key: str) -> Response:
        """Says that somebody is here."""
        way = seat_pb2.ATTENDANCE_ONLINE if one(said, "attendance") == "online" else seat_pb2.ATTENDANCE_IN_PERSON
        asking = pb.CheckInRequest(name=at.name, guest_key=key, code=one(said, "shown"), attendance=way)
        if "attendance" not in said:
            asking.attendance = seat_pb2.ATTENDANCE_UNSPECIFIED
        reply = await self._ask("CheckIn", asking, request)
        if isinstance(reply, Problem):
            told = seats_said.refused(reply)
            return await self._show(request, at, key, shown=one(said, "shown"), refusal=told)
        return await self._show(request, at, key, inside=True)

    async def slip(self, request: Request, at: At, said: dict[str, list[str]], key: str) -> Response:
        """The slip, to save and print."""
        chosen = [FIELDS[name][1] for name in said.get("field", ()) if name in FIELDS]
        person, days = one(said, "person"), one(said, "days")
        asking = pb.IssueAttendanceSlipRequest(name=at.name, guest_key=key, fields=chosen, person=person)
        asking.days = int(days) if days in {"7", "30", "90"} else 30
        if person:
            asking.fields.append(slip_pb2.SLIP_FIELD_NAME)
        reply = await self._ask("IssueAttendanceSlip", asking, request)
        if isinstance(reply, Problem):
            return await self._show(request, at, key, inside=_inside(reply), refusal=seats_said.refused(reply))
        return Response(reply.pdf, 200, _PDF)

    async def feedback(self, request: Request, at: At, said: dict[str, list[str]], key: str) -> Response:
        """Passes on what was answered."""
        available = await self._available(request, at)
        asking = pb.GiveFeedbackRequest(name=at.name, guest_key=key)
        asking.answers.extend(seats_forms.answers(available.invitation.feedback, seats_forms.typed(said)))
        reply = await self._ask("GiveFeedback", asking, request)
        told = seats_said.not_said(reply) if isinstance(reply, Problem) else seats_said.THANKS
        done = not isinstance(reply, Problem)
        return await self._show(request, at, key, inside=done or _inside(reply), refusal=told, answered=done)

    async def _ask(self, method: str, asking: Any, request: Request) -> Any:
        return await self._calls.ask(method, asking, self._seats.network(request))

    async def _available(self, request: Request, at: At) -> pb.GetAvailabilityResponse:
        asking = pb.GetAvailabilityRequest(name=at.name, invite_code=at.code)
        reply = await self._ask("GetAvailability", asking, request)
        return pb.GetAvailabilityResponse() if isinstance(reply, Problem) else reply

    async def _show(self, request: Request, at: At, key: str, **shown: Any) -> Response:
        available = await self._available(request, at)
        both = available.availability.in_person and available.availability.online
        page = self._pages.seats(
            "here.html",
            at=at,
            key=key,
            slip_fields=[(name, text) for name, (text, _) in FIELDS.items()],
            questions=[asked(each) for each in available.invitation.feedback],
            hybrid=bool(both) or at.line.facts.mode_word == "hybrid",
            typed=seats_forms.Typed(),
            **{"shown": "", "inside": False, "answered": False, "refusal": None} | shown,
        )
        return answer(request, page, 200, PRIVATE)


def _inside(problem: Problem) -> bool:
    """Whether whoever met this has checked in."""
    return problem.reason not in {"NOT_CHECKED_IN", "NOT_FOUND"}


_ACTIONS: Final[dict[str, Any]] = {
    "check-in": HerePages.check_in,
    "slip": HerePages.slip,
    "feedback": HerePages.feedback,
}
