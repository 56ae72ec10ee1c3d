"""Pages: what is on in the next seven days, and how to keep it in a calendar. Projections of views, no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from services.kit.projection import Projection
from services.kit.streams import private_stream, public_stream, subjects_of, subjects_of_kind
from services.web.app import Web
from services.web.board import Board
from services.web.invited import Circles
from services.web.page import Pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.applications import Starlette

    from services.kit.bus import Bus
    from services.kit.clock import Clock
    from services.kit.logs import Log
    from services.web.reports import Reports
    from services.web.seats_calls import SeatCalls


class Readers(NamedTuple):
    """What to run and what to mount. `app` answers 503 until the projections a page needs have caught up once."""

    public: Projection
    private: Projection
    app: Starlette


def web(
    bus: Bus,
    site: str,
    clock: Clock,
    base_url: Callable[[], str | None] | str | None,
    log: Log,
    *,
    reports: Reports | None = None,
    seats: SeatCalls | None = None,
    behind_proxy: bool = False,
) -> Readers:
    """The service: "/", "/centre/<id>", its rooms, "/m/<meeting>", "/nobody-here/..." and "/invited/<code>".

    `base_url` is how others reach the site (OPENCHAIR_PUBLIC_URL), or what will tell; None: it has no public address,
    and the pages say so. `reports` passes on what readers report, `seats` what they do about seats. `behind_proxy`:
    nobody but a proxy reaches us.
    """
    board, circles = Board(), Circles()
    subjects = [subjects_of(site, "public", service) for service in ("meetings", "rsvps")]
    public = Projection(bus, public_stream(site), subjects, board.apply, board.reset, clock, log)
    subjects = [subjects_of_kind(site, "private", "meetings", kind) for kind in ("meeting", "group")]
    stream = private_stream(site, "meetings")
    private = Projection(bus, stream, subjects, circles.apply, circles.reset, clock, log)
    app = Web(
        Pages(board),
        clock,
        base_url if callable(base_url) else lambda: base_url,
        ready=public.ready.is_set,
        current=lambda: public.current,
        log=log,
        board=board,
        circles=circles,
        private_ready=private.ready.is_set,
        private_current=lambda: private.current,
        reports=reports,
        seats=seats,
        behind_proxy=behind_proxy,
    )
    return Readers(public, private, app.app())
