"""The pages as a process knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from services.kit.host import Plan
from services.kit.streams import private_stream, public_stream
from services.web import web

if TYPE_CHECKING:
    from services.kit.host import Hosted
    from services.kit.http import App


async def build(hosted: Hosted) -> None:
    """The pages, and what they show."""
    settings = hosted.settings
    made = web(hosted.bus, settings.site, hosted.clock, settings.public_url, hosted.log)
    hosted.projections.update({"public views of meetings": made.public, "private views of meetings": made.private})
    hosted.mounts[""] = cast("App", made.app)


def follows(site: str) -> tuple[str, ...]:
    """What is public, and what invite codes open."""
    return (public_stream(site), private_stream(site, "meetings"))


PLAN = Plan("web", build, follows=follows, needs=("targets",))
