"""The rsvps service as a process knows it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from services.kit.host import Plan
from services.kit.paging import Pages, page_key
from services.kit.streams import private_stream, public_stream
from services.rsvps import sample
from services.rsvps.centres import Centres
from services.rsvps.desk import Desk
from services.rsvps.reacting import reactors
from services.rsvps.records import KINDS, PUBLICATIONS
from services.rsvps.secrets import secrets_of
from services.rsvps.service import Rsvps

if TYPE_CHECKING:
    from services.kit.host import Hosted


async def build(hosted: Hosted) -> None:
    """Its methods, what it follows, and what it does when something is due."""
    pages = Pages(page_key(hosted.settings.page_secret, hosted.ids))
    secrets = secrets_of(hosted.settings, hosted.ids)
    desk = Desk(hosted.store, hosted.clock, hosted.ids, pages, secrets, hosted.wake, alone=not hosted.shared)
    desk.vouch = hosted.vouch
    centres = Centres()
    days = hosted.settings.guest_retention_days
    rsvps = Rsvps(desk, centres, hosted.settings.public_url or hosted.address, days=days)
    hosted.projections["what centres are called"] = centres.follow(hosted)
    hosted.services += rsvps.services
    hosted.due.update(rsvps.due)
    hosted.reactors += reactors(hosted, desk)
    if await sample.is_wanted(hosted):
        hosted.works["sets up seats of the sample"] = partial(sample.load, desk)


def follows(site: str) -> tuple[str, ...]:
    """What meetings there are: what is public of them, and what holders of codes may know."""
    return (public_stream(site), private_stream(site, "meetings"))


PLAN = Plan(
    "rsvps",
    build,
    KINDS,
    PUBLICATIONS,
    follows,
    reacts=True,
    needs=("token_keys", "page_secret"),
    needs_shared=("guest_secret",),
)
