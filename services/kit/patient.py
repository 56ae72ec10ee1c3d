"""How long a connection may keep us waiting, and what every request has to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.kept import KeptProtocol

if TYPE_CHECKING:
    import asyncio


class PatientProtocol(KeptProtocol):
    """The protocol with an end to its patience: nobody holds a connection by saying nothing, or half a request.

    Between two requests the library's own limit holds. An HTTP/1.1 request names one host, or is refused (RFC 9112
    section 3.2).
    """

    patience = 15.0
    """Seconds from the beginning of a connection, or of a request, to the end of its headers."""

    _since: float | None = None
    _check: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A connection begins."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._look_later(self._since)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if self._check is not None:
            self._check.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Everything but a body is known."""
        self._since = None
        if self.parser.get_http_version() == "1.1" and sum(name == b"host" for name, _ in self.headers) != 1:
            self.send_400_response("A request names one host.")
            return
        super().on_headers_complete()

    def _look_later(self, since: float) -> None:
        self._check = self.loop.call_at(since + self.patience, self._look)

    def _look(self) -> None:
        now = self.loop.time()
        if self._since is not None and now - self._since >= self.patience:
            self.transport.close()
        else:
            self._look_later(now if self._since is None else self._since)
