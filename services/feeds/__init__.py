"""The feeds service: every calendar that others read. Projections of what is public and what is not, HTTP over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from services.feeds.app import Calendars
from services.feeds.busy import BOOKING
from services.feeds.freebusy import FreeBusyTimes
from services.feeds.guide import Guide
from services.feeds.invited import Hidden, Invited
from services.feeds.model import Directory
from services.kit.projection import Projection
from services.kit.streams import private_stream, public_stream, subjects_of, subjects_of_kind

if TYPE_CHECKING:
    from services.kit.bus import Bus
    from services.kit.clock import Clock
    from services.kit.event import Event
    from services.kit.logs import Log


class Feeds(NamedTuple):
    """What to run and what to mount.

    `calendars` under /calendars, `guide` under /meeting-guide, `freebusy` under /freebusy, `invited` under /invited for
    what ends in ".ics". Each answers 503 until the projections it needs have caught up once.
    """

    public: Projection
    private: Projection
    calendars: Calendars
    invited: Invited
    guide: Guide
    freebusy: FreeBusyTimes


def feeds(bus: Bus, site: str, clock: Clock, base_url: str, log: Log) -> Feeds:
    """The service. `base_url` stands in the feeds (SOURCE, URL): OPENCHAIR_PUBLIC_URL, else the address listened on."""
    directory, hidden = Directory(), Hidden()

    def apply(event: Event) -> None:
        freebusy.apply(event)
        if event.type == BOOKING:  # no calendar says anything of it
            return
        touched = directory.apply(event)
        if touched is not None:
            calendars.touch(touched)
            guide.touch(touched)
            invited.touch(touched, hidden=False)

    def apply_hidden(event: Event) -> None:
        touched = hidden.apply(event)
        if touched is not None:
            calendars.spoil(touched.centre)
            invited.touch(touched, hidden=True)

    def reset() -> None:
        directory.reset()
        calendars.reset()
        guide.reset()
        invited.reset()
        freebusy.reset()

    def reset_hidden() -> None:
        hidden.reset()
        calendars.reset()
        invited.reset()

    subjects = [subjects_of(site, "public", service) for service in ("meetings", "rsvps")]
    public = Projection(bus, public_stream(site), subjects, apply, reset, clock, log)
    private = Projection(
        bus,
        private_stream(site, "meetings"),
        [subjects_of_kind(site, "private", "meetings", kind) for kind in ("meeting", "group")],
        apply_hidden,
        reset_hidden,
        clock,
        log,
    )

    def both() -> bool:
        return public.ready.is_set() and private.ready.is_set()

    invited = Invited(directory, hidden, both, clock, base_url, log)
    calendars = Calendars(directory, public.ready.is_set, clock, base_url, log, invited)
    guide = Guide(directory, public.ready.is_set, clock, base_url)
    freebusy = FreeBusyTimes(public.ready.is_set, clock, base_url, log)
    return Feeds(public, private, calendars, invited, guide, freebusy)
