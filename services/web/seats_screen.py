"""The screen of a room: the code to check in with, as QR and as four words; the page shows the next one by itself.

Whoever leads opens it by an address that GetCheckInCode gives; it shows the codes of one date, and nothing else.
"""

from __future__ import annotations

import math
from datetime import UTC
from typing import TYPE_CHECKING, Final

from openchair.rsvps.v1 import rsvp_service_pb2 as pb

from services.kit.client import Problem
from services.web import seats_said
from services.web.answers import answer
from services.web.seats import PRIVATE

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from services.kit.clock import Clock
    from services.web.page import Pages
    from services.web.seats import SeatPages
    from services.web.seats_calls import SeatCalls

ADDRESS: Final = "/m/{meeting}/{key}/screen/{centre}/{screen}"
LONGEST: Final = 61
"""Seconds: a code is shown for a minute."""
_AGAIN: Final = 20
"""Seconds until it is tried again where there is no code: before the room opens, or while nobody answers."""


class ScreenPages:
    """The requests of screens. `seats` knows what everybody may know of a date."""

    def __init__(self, pages: Pages, clock: Clock, seats: SeatPages, calls: SeatCalls) -> None:
        self._pages = pages
        self._clock = clock
        self._seats = seats
        self._calls = calls

    async def page(self, request: Request) -> Response:
        """The present code. The page asks for itself again when there is another."""
        path = request.path_params
        name = f"centres/{path['centre']}/meetings/{path['meeting']}/occurrences/{path['key']}"
        asking = pb.ShowCheckInCodeRequest(name=name, screen=path["screen"])
        reply = await self._calls.ask("ShowCheckInCode", asking, self._seats.network(request))
        if isinstance(reply, Problem):
            return self._refused(request, reply)
        left = (reply.expire_time.ToDatetime(UTC) - self._clock.now()).total_seconds()
        page = self._pages.seats(
            "screen.html",
            refresh=min(max(math.ceil(left), 1), LONGEST),
            at=self._seats.at(request, ""),
            words=reply.words.split(),
            url=reply.url,
            typed=f"{self._seats.base(request)}/m/{path['meeting']}/{path['key']}/here",
        )
        return answer(request, page, 200, PRIVATE)

    def _refused(self, request: Request, problem: Problem) -> Response:
        """In words; what may be otherwise in a moment is asked for again."""
        said = seats_said.refused(problem)
        lost = problem.code in {"NOT_FOUND", "INVALID_ARGUMENT"}
        page = self._pages.plain(said.title, said.text, None if lost else _AGAIN)
        return answer(request, page, 404 if lost else 503, PRIVATE)
