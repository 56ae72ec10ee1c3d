"""The feeds service as a process knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.feeds import feeds
from services.kit.host import Plan
from services.kit.streams import private_stream, public_stream

if TYPE_CHECKING:
    from services.kit.host import Hosted


async def build(hosted: Hosted) -> None:
    """The calendars and lists, and what they are made of."""
    settings = hosted.settings
    base_url = settings.public_url or hosted.address
    made = feeds(hosted.bus, settings.site, hosted.clock, base_url, hosted.log)
    hosted.projections.update({"public views of meetings": made.public, "private views of meetings": made.private})
    hosted.mounts |= {"/calendars": made.calendars, "/meeting-guide": made.guide, "/freebusy": made.freebusy}
    hosted.mounts |= {"/invited/*.ics": made.invited}
    hosted.keepers += [made.calendars, made.guide, made.freebusy]


def follows(site: str) -> tuple[str, ...]:
    """What is public, and what invite codes open."""
    return (public_stream(site), private_stream(site, "meetings"))


PLAN = Plan("feeds", build, follows=follows, needs=("public_url",))
