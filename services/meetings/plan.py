"""The meetings service as a process knows it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from services.kit.host import Plan
from services.kit.paging import Pages, page_key
from services.kit.streams import private_stream, public_stream
from services.meetings.desk import Desk
from services.meetings.following import Following
from services.meetings.moving_in import MovingIn
from services.meetings.parts import Parts
from services.meetings.records import KINDS, PUBLICATIONS
from services.meetings.renewal import Renewal
from services.meetings.service import Meetings

if TYPE_CHECKING:
    from services.kit.clock import Clock, Ids
    from services.kit.host import Hosted
    from services.kit.store.port import Store
    from services.meetings.following import Keeper


async def build(hosted: Hosted) -> None:
    """Its methods, what it does when something is due, and what it keeps in memory."""
    pages = Pages(page_key(hosted.settings.page_secret, hosted.ids))
    desk = Desk(hosted.store, hosted.clock, hosted.ids, pages, hosted.wake, alone=not hosted.shared, log=hosted.log)
    desk.vouch = hosted.vouch
    meetings = Meetings(desk)
    kept: dict[str, Keeper] = {"meeting": meetings.listing, "room": meetings.board, "booking": meetings.board}
    following = Following(hosted.store, kept, hosted.clock, hosted.log)
    desk.store = following.doubting()
    await meetings.load()
    hosted.works["reads what others wrote"] = following.run
    hosted.works["takes meetings into the search"] = partial(meetings.listing.finder.keep_up, hosted.clock)
    hosted.works["reads rooms for whoever searches"] = partial(meetings.board.keep_up, hosted.clock, hosted.log)
    hosted.works["brings up what is shown"] = Renewal(desk, hosted.log).run
    hosted.works["books the rooms of older meetings"] = MovingIn(desk, Parts(desk), hosted.log).run
    if hosted.shared:
        hosted.projections.update(following.projections(hosted.bus, hosted.settings.site))
    hosted.projections["public views of seats"] = meetings.seats_told.projection(hosted)
    hosted.services += meetings.services
    hosted.due.update(meetings.due)


async def load_sample(store: Store, clock: Clock, ids: Ids) -> None:
    """A centre to look at, in a new database."""
    meetings = Meetings(Desk(store, clock, ids, Pages(page_key(None, ids))))
    await meetings.load()
    await meetings.sample.load()


def follows(site: str) -> tuple[str, ...]:
    """Its own streams, as another instance of it may have written what stands there; and what is public of seats."""
    return (public_stream(site), private_stream(site, "meetings"))


PLAN = Plan("meetings", build, KINDS, PUBLICATIONS, follows, sample=load_sample)
