"""How one service calls another: by its name, in this process where it runs here too, else where the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from services.kit.client import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from services.kit.client import Channel
    from services.kit.settings import Settings


class Unknown(Exception):  # noqa: N818 - a state of affairs that callers tell people about
    """Nobody has said where this service answers."""


class Reach:
    """Channels to services, made when first asked for. `here` are the services of this process.

    `own` makes a channel to this process, `afar` one to a service elsewhere; who has another transport sets his.
    """

    def __init__(self, here: Collection[str], settings: Settings) -> None:
        self._here = frozenset(here)
        self._targets = dict(settings.targets or ())
        self._channels: dict[str, Channel] = {}
        self.own: Callable[[], Channel] | None = None
        self.afar: Callable[[str], Channel] = self._dial

    def to(self, service: str) -> Channel:
        """A channel for stubs of that service; it stays open until `close`. Raises Unknown."""
        if service not in self._channels:
            near = self.own if service in self._here else None
            self._channels[service] = self.afar(service) if near is None else near()
        return self._channels[service]

    async def close(self) -> None:
        """Ends what is under way."""
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()

    def _dial(self, service: str) -> Channel:
        if service not in self._targets:
            raise Unknown(service)
        parts = urlsplit(self._targets[service])
        return connect(parts.netloc, plain=parts.scheme == "grpc")
