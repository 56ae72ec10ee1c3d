"""What centres are called, as the public stream tells it: in memory, for what is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openchair.meetings.v1.centre_pb2 import Centre

from services.kit.projection import Projection
from services.kit.publication import body
from services.kit.streams import public_stream, subjects_of_kind

if TYPE_CHECKING:
    from services.kit.event import Event
    from services.kit.host import Hosted


class Centres:
    """The centres there are, and their titles."""

    def __init__(self) -> None:
        self._titles: dict[str, str] = {}

    def title(self, centre: str) -> str:
        """What it is called; its id where that is not known."""
        return self._titles.get(centre) or centre

    def __contains__(self, centre: str) -> bool:
        return centre in self._titles

    def take(self, event: Event) -> None:
        """Its newest state. Raises ValueError for what is no centre."""
        name = event.subject.rpartition(".")[2]
        if event.payload is None:
            self._titles.pop(name, None)
        else:
            self._titles[name] = body(event, Centre).title

    def clear(self) -> None:
        """Forgets all: they are told again."""
        self._titles.clear()

    def follow(self, hosted: Hosted) -> Projection:
        """What keeps it up to date."""
        site = hosted.settings.site
        subjects = (subjects_of_kind(site, "public", "meetings", "centre"),)
        return Projection(hosted.bus, public_stream(site), subjects, self.take, self.clear, hosted.clock, hosted.log)
