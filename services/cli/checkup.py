"""What `openchair doctor` hears from a server: over gRPC, over HTTP, and from its broker. It changes nothing."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from openchair.admin.v1 import admin_service_pb2
from openchair.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from openchair.meetings.v1 import meeting_service_pb2
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.cli.computer import broker, holder_of, is_here
from services.cli.finding import Finding, fine, unknown, wrong
from services.cli.shell import local_address, own_token
from services.kit.client import RpcError, connect, explain
from services.kit.streams import check_sync

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from services.kit.client import Channel, Problem
    from services.kit.settings import Settings

PATIENCE = 5.0
"""Seconds that an answer may take."""
LONGEST_LAG = 60.0
"""Seconds that a change may wait for the broker before it is told as wrong."""
LARGEST_SKEW = 30.0
"""Seconds that two clocks may differ: a token is refused a little later."""
OLDEST_BACKUP = timedelta(days=30)
"""Age at which the newest backup is told as wrong."""
BACKUP = "`openchair backup FILE`, then keep the file elsewhere"
HEALTH = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"
"""HealthCheckResponse with the status SERVING."""
FEEDS = "feeds"
START = "start it: `make run` (or `openchair run`)"


class Answer(NamedTuple):
    """What a GET brought. `date`: when the server says it is; None where it does not."""

    status: int
    body: bytes
    date: datetime | None


async def ask(settings: Settings) -> AsyncIterator[Finding]:
    """Everything that a server tells."""
    try:
        channel = connect(settings.target, _token(settings))
    except ValueError as error:
        yield wrong("server", f"OPENCHAIR_TARGET: {error}", "such as 127.0.0.1:50051")
        return
    async with channel:
        health = await _health(channel, settings)
        yield health
        if health.state == "fine" or "not ready" in health.text:
            status = await _status(channel, settings)
            for each in [status] if isinstance(status, Finding) else _told(status):
                yield each
            for each in await _served(channel, settings, calendars=_serves_calendars(status)):
                yield each
    for each in await _broker_syncs(settings):
        yield each
    if settings.public_url:
        yield await _public(settings.public_url)


def _token(settings: Settings) -> str:
    """Ours, if there is one: that the keys cannot be read is told elsewhere."""
    with suppress(OSError, ValueError):
        token = own_token(settings)
        if token.isascii() and token.isprintable():
            return token
    return ""


async def _health(channel: Channel, settings: Settings) -> Finding:
    check = channel.unary_unary(HEALTH, request_serializer=bytes, response_deserializer=bytes)
    try:
        said = await check(b"", timeout=PATIENCE)
    except RpcError as error:
        return wrong("server", f"no answer at {settings.target} ({explain(error).code})", _start(settings))
    if said != SERVING:
        return wrong("server", f"it answers at {settings.target}, but is not ready", "the reasons follow")
    return fine("server", f"answers at {settings.target}")


def _start(settings: Settings) -> str:
    if not is_here(settings):
        return "is OPENCHAIR_TARGET right, and the server started?"
    holder = holder_of(settings.data)
    return START if holder is None else f"process {holder} owns the data folder: its log says what it does"


async def _status(channel: Channel, settings: Settings) -> admin_service_pb2.Status | Finding:
    """What the server says of itself to operators, or why it does not."""
    try:
        return await AdminServiceStub(channel).GetStatus(admin_service_pb2.GetStatusRequest(), timeout=PATIENCE)
    except RpcError as error:
        return _untold(explain(error), settings)


def _told(status: admin_service_pb2.Status) -> list[Finding]:
    return [
        *_readiness(status),
        *(finding for service in status.services for finding in _service(service)),
        *([broker("broker", status.broker_version)] if status.broker_version else []),
        *([_backups(status, datetime.now(UTC))] if any(each.store for each in status.services) else []),
    ]


def _backups(status: admin_service_pb2.Status, now: datetime) -> Finding:
    """How old the newest is that somebody has fetched: no server keeps them."""
    if not status.HasField("last_backup_time"):
        return unknown("backups", f"none is known of: {BACKUP}")
    made = status.last_backup_time.ToDatetime(UTC)
    text = f"the newest is of {made:%Y-%m-%d}, {(now - made).days} days old"
    return wrong("backups", text, BACKUP) if now - made > OLDEST_BACKUP else fine("backups", text)


def _serves_calendars(status: admin_service_pb2.Status | Finding) -> bool:
    """Whether feeds run in it, as far as is known."""
    return isinstance(status, Finding) or any(each.service == FEEDS for each in status.services)


def _untold(problem: Problem, settings: Settings) -> Finding:
    name = "status"
    if problem.code == "UNIMPLEMENTED":
        return unknown(name, "the server is of a version that does not tell")
    if problem.code == "UNAUTHENTICATED" and settings.token:
        cure = "unset OPENCHAIR_TOKEN, or ask for a new one: it lasts an hour at most, and opens one site"
        return wrong(name, "the server does not take OPENCHAIR_TOKEN", cure)
    if problem.code in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
        cure = "set OPENCHAIR_DATA (and OPENCHAIR_SITE) as the server has them, or OPENCHAIR_TOKEN to an operator's"
        return wrong(name, "the server tells it to operators alone, and does not know us as one", cure)
    return wrong(name, f"the server does not tell: {problem.code} {problem.reason}", "see its log")


def _readiness(status: admin_service_pb2.Status) -> Iterator[Finding]:
    if not status.not_ready:
        yield fine("readiness", f"openchair {status.version}, site {status.site}: ready")
    for reason in status.not_ready:
        yield wrong("readiness", reason, "docs/operations.md says what each reason means")


def _service(service: admin_service_pb2.ServiceStatus) -> Iterator[Finding]:
    """One line for a service that is well, and one for each thing that is wrong with it."""
    name, found = service.service, list[Finding]()
    if service.lag_seconds > LONGEST_LAG:
        text = f"{service.unpublished} changes wait to be published, the oldest for {service.lag_seconds:.0f} s"
        found.append(wrong(name, text, "is the broker reachable, and its disk not full?"))
    found += [wrong(name, f"cannot be published: {alarm}", "see docs/operations.md") for alarm in service.alarms]
    if service.dead_letters:
        text = f"{service.dead_letters} states could not be handled"
        found.append(wrong(name, text, f"openchair dead list --service {name} shows them"))
    for each in service.follows:
        found += _following(name, each)
    yield from found or [fine(name, _well(service))]


def _following(name: str, stream: admin_service_pb2.FollowedStream) -> Iterator[Finding]:
    if not stream.ready:
        yield wrong(name, f"{stream.stream} is still being read", "wait a minute; then see the server's log")
    elif not stream.current:
        yield wrong(name, f"{stream.stream} is not followed just now: what is shown grows old", "is the broker there?")
    if stream.skipped:
        yield wrong(name, f"{stream.stream}: {stream.skipped} messages could not be taken in", "the log names them")


def _well(service: admin_service_pb2.ServiceStatus) -> str:
    parts = [f"{service.store}, epoch {service.epoch}, {service.unpublished} to publish"] if service.store else []
    parts += [f"follows {each.stream}" for each in service.follows]
    return "; ".join(parts) or "runs"


async def _served(channel: Channel, settings: Settings, *, calendars: bool) -> list[Finding]:
    """What people get over HTTP, and what the server's clock says. `calendars`: it serves them itself."""
    base = local_address(settings) or settings.public_url or ""
    if not base:
        return [unknown("HTTP", "its address is not known here: set OPENCHAIR_PUBLIC_URL")]
    answer = await _get(f"{base}/readyz")
    if isinstance(answer, str):
        return [wrong("HTTP", f"no answer at {base}: {answer}", "is OPENCHAIR_HTTP_PORT that of the server?")]
    where = base if calendars else settings.public_url or ""
    return [_ready(base, answer), _clock(answer), await _calendar(channel, where)]


def _ready(base: str, answer: Answer) -> Finding:
    try:
        said = json.loads(answer.body)
        ready, checks, warnings = bool(said["ready"]), dict(said["checks"]), dict(said.get("warnings", {}))
    except (ValueError, KeyError, TypeError):
        return wrong(
            "HTTP", f"{base}/readyz is answered by something else (status {answer.status})", "is the port right?"
        )
    reasons = [f"{name}: {reason}" for name, reason in (*checks.items(), *warnings.items()) if reason != "ok"]
    if not ready or warnings:
        text = f"{base} is {'ready, with a warning' if ready else 'not ready'}: {'; '.join(reasons)}"
        return wrong("HTTP", text, "docs/operations.md says what each reason means")
    return fine("HTTP", f"{base} is ready")


def _clock(answer: Answer) -> Finding:
    if answer.date is None:
        return unknown("clock", "the server does not say what time it is")
    skew = (datetime.now(UTC) - answer.date).total_seconds()
    if abs(skew) > LARGEST_SKEW:
        return wrong("clock", f"this computer and the server differ by {abs(skew):.0f} s", "switch on NTP on both")
    return fine("clock", "agrees with the server's")


async def _calendar(channel: Channel, base: str) -> Finding:
    """One calendar, as a subscriber gets it."""
    if not base:
        return unknown("calendar", "this process serves none: set OPENCHAIR_PUBLIC_URL to where people get them")
    try:
        asked = meeting_service_pb2.ListCentresRequest(page_size=1)
        centres = (await MeetingServiceStub(channel).ListCentres(asked, timeout=PATIENCE)).centres
    except RpcError as error:
        return unknown("calendar", f"the centres could not be listed: {explain(error).code}")
    if not centres:
        return unknown("calendar", "there is no centre yet: `openchair centre create --help`")
    url = f"{base}/calendars/{centres[0].name.rpartition('/')[2]}.ics"
    answer = await _get(url)
    if isinstance(answer, str) or answer.status != 200 or not answer.body.startswith(b"BEGIN:VCALENDAR"):  # noqa: PLR2004 - OK
        text = answer if isinstance(answer, str) else f"status {answer.status}"
        return wrong("calendar", f"{url} is not served: {text}", "see the server's log")
    return fine("calendar", f"{url} is served ({answer.body.count(b'BEGIN:VEVENT')} events)")


async def _broker_syncs(settings: Settings) -> list[Finding]:
    """Whether the broker writes to disk before it acknowledges."""
    monitors = list(settings.nats_monitor_urls) or (_own_monitor(settings) if is_here(settings) else [])
    if not monitors:
        return []
    problems = await check_sync(monitors)
    return [wrong("broker", problem, _cure(problem)) for problem in problems] or [
        fine("broker", "writes to disk at once")
    ]


def _cure(problem: str) -> str:
    """Of what `check_sync` says."""
    if "does not say" in problem:
        return "does nats-server run, and is this its monitoring address (NATS_MONITOR_URLS)?"
    return "set jetstream.sync_interval to always, and restart it: else a power failure loses what it acknowledged"


def _own_monitor(settings: Settings) -> list[str]:
    """Where the nats-server that is a child of the server says how it is."""
    if holder_of(settings.data) is None:
        return []
    with suppress(OSError, ValueError, LookupError):
        for ports in sorted((settings.data / "nats").glob("*.ports")):
            return [str(json.loads(ports.read_bytes())["monitoring"][0])]
    return []


async def _public(url: str) -> Finding:
    answer = await _get(f"{url}/healthz")
    cure = "does the name point to this site, and does its proxy pass requests on?"
    if isinstance(answer, str):
        return wrong("public address", f"{url}: {answer}", cure)
    if answer.status != 200 or answer.body.strip() != b"ok":  # noqa: PLR2004 - OK
        return wrong("public address", f"{url} is answered by something else (status {answer.status})", cure)
    return fine("public address", f"{url} answers")


async def _get(url: str) -> Answer | str:
    """The answer, or why there is none."""
    try:
        async with asyncio.timeout(PATIENCE * 2):
            return await asyncio.to_thread(_fetch, url)
    except TimeoutError:
        return "no answer in time"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return str(reason) or type(error).__name__


def _fetch(url: str) -> Answer:
    local = urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if local else []))
    try:
        reply = opener.open(url, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        reply = error
    with reply:
        date = reply.headers.get("date")
        return Answer(reply.status, reply.read(1 << 22), parsedate_to_datetime(date) if date else None)
