"""HTTP, as raw ASGI: one front that hands requests to the apps behind it, health, and the server in our own loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import uvicorn

from services.kit.patient import PatientProtocol

if TYPE_CHECKING:
    from services.kit.kept import Keeper, Kept

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
Check: TypeAlias = Callable[[], Awaitable[str]]
"""Gives "" when all is well, and the reason when it is not."""

GRACE = 6
"""Seconds that requests under way have when the server stops."""
CHECK_SECONDS = 2.0
"""How long one check may take."""

SECURITY_HEADERS: Headers = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
            b" font-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none';"
            b" frame-ancestors 'none'"
        ),
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), interest-cohort=()"),
)
"""For pages: nothing from elsewhere, no frame around us, no address of ours told to others."""


async def respond(send: Send, status: int, body: bytes, content_type: bytes, headers: Headers = ()) -> None:
    """One whole answer."""
    plain = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": plain})
    await send({"type": "http.response.body", "body": body})


async def respond_text(send: Send, status: int, text: str, headers: Headers = ()) -> None:
    """One line of plain text, kept by nobody."""
    plain: Headers = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"), *headers)
    await respond(send, status, f"{text}\n".encode(), b"text/plain; charset=utf-8", plain)


async def not_found(_scope: Scope, _receive: Receive, send: Send) -> None:
    """The app for addresses where nothing is."""
    await respond_text(send, 404, "Not found.")


def only(app: App, *methods: str) -> App:
    """The app for these methods; any other is answered 405 with Allow."""
    allowed = frozenset(methods)
    allow: Headers = ((b"allow", ", ".join(sorted(allowed)).encode()),)

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in allowed:
            await app(scope, receive, send)
        else:
            await respond_text(send, 405, "Method not allowed.", allow)

    return guarded


class Front:
    """Hands each request to the app mounted under the first segment of its path ("/api"), else to `otherwise`.

    The scope goes on as it came: apps see the whole path. A dictionary access, no copy, no wrapper.
    """

    def __init__(self, mounts: Mapping[str, App], otherwise: App = not_found) -> None:
        self._mounts: dict[str, App] = {}
        self.otherwise = otherwise
        self.keepers: list[Keeper] = []
        for prefix, app in mounts.items():
            self.mount(prefix, app)

    def kept(self, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Kept | None:
        """An answer that one of the keepers has at hand."""
        for keeper in self.keepers:
            if (answer := keeper.kept(url, headers)) is not None:
                return answer
        return None

    def mount(self, prefix: str, app: App) -> None:
        """One more app; also while serving: what an app needs to know may be known only then (its own port).

        "/api/*.json" is what ends so of the paths under "/api": two services may share a segment.
        """
        segment, slash, ending = prefix.removeprefix("/").partition("/")
        if not prefix.startswith("/") or (slash and not (segment and ending.startswith("*.") and "/" not in ending)):
            raise ValueError(f"{prefix!r} is not the first segment of a path")
        self._mounts[prefix] = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request. Anything but HTTP is turned away."""
        if scope["type"] != "http":
            await _turn_away(scope, send)
            return
        path: str = scope["path"]
        end = path.find("/", 1)
        segment = path if end < 0 else path[:end]
        app = self._mounts.get(segment) or self._mounts.get(f"{segment}/*{path[path.rfind('.') :]}", self.otherwise)
        await app(scope, receive, send)


class Health:
    """/healthz: the process lives. /readyz: all is well, or which checks say why not, and what to look at even so.

    /readyz/serving: it can answer, be it from what it knew before something it depends on went away. That needs only
    the checks named in `essential`; a balancer that asked for more would take away all instances at once.
    """

    def __init__(
        self,
        checks: Mapping[str, Check] | None = None,
        seconds: float = CHECK_SECONDS,
        *,
        essential: Collection[str] = (),
        warnings: Mapping[str, Check] | None = None,
    ) -> None:
        self.checks = dict(checks or {})
        self.warnings = dict(warnings or {})
        self._essential = frozenset(essential)
        self._seconds = seconds

    def mounts(self) -> dict[str, App]:
        """What a Front takes."""
        return {"/healthz": only(self._alive, "GET", "HEAD"), "/readyz": only(self._ready, "GET", "HEAD")}

    async def problems(self) -> dict[str, str]:
        """The reason of each check that fails, by its name."""
        return await _failing(self.checks, self._seconds)

    def serves(self, problems: Mapping[str, str]) -> bool:
        """Whether it can answer, with these problems."""
        return not self._essential & problems.keys()

    async def _alive(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await respond_text(send, 200, "ok")

    async def _ready(self, scope: Scope, _receive: Receive, send: Send) -> None:
        path = scope["path"].rstrip("/")
        if path not in {"/readyz", "/readyz/serving"}:
            await not_found(scope, _receive, send)
            return
        problems, warnings = await asyncio.gather(self.problems(), _failing(self.warnings, self._seconds))
        serving = self.serves(problems)
        answer = {
            "ready": not problems,
            "serving": serving,
            "checks": {name: problems.get(name, "ok") for name in self.checks},
            "warnings": warnings,
        }
        well = serving if path.endswith("/serving") else not problems
        headers: Headers = ((b"cache-control", b"no-store"),)
        await respond(send, 200 if well else 503, json.dumps(answer).encode(), b"application/json", headers)


class HttpServer:
    """An app on a port, served by uvicorn in the running loop. Signals stay ours; nothing is logged per request."""

    def __init__(self, app: App, host: str, port: int, *, date_header: bool = True) -> None:
        self._config = uvicorn.Config(
            cast("Any", app),
            http=PatientProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=date_header,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE,
        )
        self._server = _Server(self._config)
        self._task: asyncio.Task[None] | None = None
        self._host = host
        self.port = port

    async def start(self) -> int:
        """Listens, and gives the port, which `port` 0 leaves to the system. Raises OSError if it is taken."""
        listener = _listen(self._host, self.port)
        self.port = listener.getsockname()[1]
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        up = asyncio.create_task(self._server.up.wait())
        await asyncio.wait((up, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not up.done():
            up.cancel()
            await self._task  # raises what kept it from starting
        return self.port

    async def stop(self) -> None:
        """Takes no new connections and lets requests under way end, for six seconds at most."""
        if self._task is None:
            return
        self._server.should_exit = True
        await self._task
        self._task = None


async def serve(app: App, host: str, port: int, *, date_header: bool = True) -> HttpServer:
    """The app, listening. `server.port` is the real port."""
    server = HttpServer(app, host, port, date_header=date_header)
    await server.start()
    return server


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, saying when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to whoever runs the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens."""
        await super().startup(sockets)
        self.up.set()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise OSError(f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}") from error


async def _failing(checks: Mapping[str, Check], seconds: float) -> dict[str, str]:
    """The reason of each check that fails, by its name."""
    reasons = await asyncio.gather(*(_reason(check, seconds) for check in checks.values()))
    return {name: reason for name, reason in zip(checks, reasons, strict=True) if reason}


async def _reason(check: Check, seconds: float) -> str:
    """What a check says. One that hangs or fails is a reason too; its text stays out of the answer."""
    try:
        async with asyncio.timeout(seconds):
            return await check()
    except TimeoutError:
        return "no answer"
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the answer is: not ready
        return type(error).__name__


async def _turn_away(scope: Scope, send: Send) -> None:
    """A WebSocket is closed before it opens (RFC 6455 section 7.4.1: 1008 is a policy); a lifespan is not ours."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
