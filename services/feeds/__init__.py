"""The feeds service: every calendar that others read. A projection of the PUBLIC stream, and HTTP over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.feeds.app import Calendars
from services.feeds.model import Directory
from services.kit.projection import Projection

if TYPE_CHECKING:
    from services.kit.bus import Bus
    from services.kit.clock import Clock
    from services.kit.event import Event
    from services.kit.logs import Log


def feeds(bus: Bus, site: str, clock: Clock, base_url: str, log: Log) -> tuple[Projection, Calendars]:
    """The projection to run and the ASGI application to mount under /calendars/.

    `base_url` stands in the feeds themselves (SOURCE, URL): OPENCHAIR_PUBLIC_URL, else the address listened on. The
    application answers 503 until the projection has caught up once.
    """
    directory = Directory()

    def apply(event: Event) -> None:
        touched = directory.apply(event)
        if touched is not None:
            calendars.touch(touched)

    def reset() -> None:
        directory.reset()
        calendars.reset()

    subjects = [f"openchair.{site}.public.meetings.>"]
    projection = Projection(bus, f"PUBLIC_{site}", subjects, apply, reset, clock, log)
    calendars = Calendars(directory, projection.ready.is_set, clock, base_url, log)
    return projection, calendars
