"""The pages as a process knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from services.kit.host import Plan
from services.kit.streams import private_stream, public_stream
from services.web import web
from services.web.reports import Reports
from services.web.seats_calls import SeatCalls

if TYPE_CHECKING:
    from services.kit.host import Hosted
    from services.kit.http import App


async def build(hosted: Hosted) -> None:
    """The pages, and what they show."""
    settings = hosted.settings
    secret = hosted.ids.random.getrandbits(256).to_bytes(32, "big")
    if settings.targets and settings.page_secret is None:
        hosted.log.warning("without OPENCHAIR_PAGE_SECRET all who keep seats by these pages count as one network")
    made = web(
        hosted.bus,
        settings.site,
        hosted.clock,
        settings.public_url,
        hosted.log,
        reports=Reports(lambda: hosted.reach("meetings"), secret),
        seats=SeatCalls(hosted.reach, hosted.vouch),
        behind_proxy=settings.behind_tls_proxy,
    )
    hosted.projections.update({"public views of meetings": made.public, "private views of meetings": made.private})
    hosted.mounts[""] = cast("App", made.app)


def follows(site: str) -> tuple[str, ...]:
    """What is public, and what invite codes open."""
    return (public_stream(site), private_stream(site, "meetings"))


PLAN = Plan("web", build, follows=follows, needs=("targets", "page_secret"))
