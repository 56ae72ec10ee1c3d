"""Pages: what is on in the next seven days, and how to keep it in a calendar. A projection of public views, no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.projection import Projection
from services.kit.streams import public_stream, subjects_of
from services.web.app import Web
from services.web.board import Board
from services.web.page import Pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.applications import Starlette

    from services.kit.bus import Bus
    from services.kit.clock import Clock
    from services.kit.logs import Log


def web(
    bus: Bus, site: str, clock: Clock, base_url: Callable[[], str | None] | str | None, log: Log
) -> tuple[Projection, Starlette]:
    """The projection to run, and the ASGI application for "/" and "/centre/<id>".

    `base_url` is how others reach the site (OPENCHAIR_PUBLIC_URL), or what will tell; None: it has no public address,
    and the pages say so. The application answers 503 until the projection has caught up once.
    """
    board = Board(clock)
    subjects = [subjects_of(site, "public", "meetings")]
    projection = Projection(bus, public_stream(site), subjects, board.apply, board.reset, clock, log)
    address = base_url if callable(base_url) else lambda: base_url
    ready, current = projection.ready.is_set, lambda: projection.current
    app = Web(Pages(board), clock, address, ready=ready, current=current, log=log)
    return projection, app.app()
