from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openchair.meetings.v1 import meeting_service_pb2 as pb
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from services.kit.broker import MemoryBroker
from services.kit.bus_memory import MemoryBus
from services.kit.call import NOBODY, Call, chain
from services.kit.clock import Ids, SystemClock
from services.kit.errors import NotFound
from services.kit.host import Hosted, Plan
from services.kit.http import Front, respond_text
from services.kit.kept import Kept
from services.kit.logs import make_log
from services.kit.metrics import _FIGURES, Metrics
from services.kit.middleware import Observation
from services.kit.reactor import Reactor
from services.kit.relay import Relay
from services.kit.settings import read
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Commit, Kind, Record
from services.kit.streams import NatsUser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.kit.event import Event
    from services.kit.http import Receive, Scope, Send

METHOD = "openchair.meetings.v1.MeetingService/GetCentre"
LOG = make_log("error")
DOCUMENTED = Path(__file__).parents[2] / "docs" / "observability.md"


async def ask(app: Any, path: str = "/metrics", method: str = "GET", accept: bytes = b"") -> tuple[int, bytes, str]:
    """Status, type and body of one request."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "method": method, "headers": [(b"accept", accept)]}
    await app(scope, None, send)
    return sent[0]["status"], dict(sent[0]["headers"])[b"content-type"], sent[1]["body"].decode()


async def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Every sample of ours as name and label values, in the order of the labels' names."""
    _, _, text = await ask(metrics.app)
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("openchair_")
    }


def a_service(**parts: Any) -> Hosted:
    async def build(_: Hosted) -> None: ...

    clock = SystemClock()
    bus = MemoryBus(MemoryBroker(clock), NatsUser("things"), clock)
    return Hosted(Plan("things", build), read({}), clock, Ids(), LOG, bus, **parts)


async def call(metrics: Metrics, error: BaseException | None = None) -> None:
    async def method(_: Call[Any]) -> Any:
        if error:
            raise error
        return pb.GetCentreRequest()

    outer = chain([metrics.middleware, Observation(LOG.bind(), Ids())], method)
    message = pb.GetCentreRequest(name="centres/canary")
    await outer(Call(METHOD, message, NOBODY, float("inf"), SystemClock(), metadata={"x-canary": "canary"}))


async def test_calls_are_counted_by_method_and_code_and_timed_by_method() -> None:
    metrics = Metrics()
    await call(metrics)
    await call(metrics)
    for error in (NotFound("centres/canary"), KeyError("canary"), asyncio.CancelledError()):
        with pytest.raises(BaseException, match=r".*"):
            await call(metrics, error)
    found = await samples(metrics)
    counts = {key[1]: value for key, value in found.items() if key[0] == "openchair_rpc_requests_total"}
    assert counts == {"OK": 2, "NOT_FOUND": 1, "INTERNAL": 1, "CANCELLED": 1}
    assert found["openchair_rpc_duration_seconds_count", METHOD] == 5
    assert "canary" not in (await ask(metrics.app))[2]


async def test_commits_are_counted_by_service() -> None:
    metrics = Metrics()
    store = MemoryStore((Kind("thing"),), SystemClock())
    metrics.add(a_service(own_store=store, engine="memory"))
    await store.commit(Commit((Record("thing", "canary", 1, {}, "2026-11-21T12:00:00.000Z", "kim"),)))
    assert (await samples(metrics))["openchair_store_commits_total", "things"] == 1
    assert "canary" not in (await ask(metrics.app))[2]


async def test_it_says_whether_it_is_ready_as_of_now() -> None:
    problems: dict[str, str] = {}

    async def ask_them() -> dict[str, str]:
        return problems

    metrics = Metrics(ask_them)
    assert (await samples(metrics))["openchair_ready",] == 1
    problems["store"] = "canary"
    assert (await samples(metrics))["openchair_ready",] == 0
    assert "canary" not in (await ask(metrics.app))[2]


class Shelf:
    """An app that has one answer at hand."""

    def kept(self, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Kept | None:
        return Kept(304 if headers else 200, b"", b"") if url == b"/shelf/1" else None

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["path"].endswith("fault"):
            raise ValueError("canary")
        await respond_text(send, 404 if scope["path"].endswith("canary") else 200, "text")


async def test_answers_over_http_are_counted_by_mount_whether_made_or_kept() -> None:
    metrics, shelf = Metrics(), Shelf()
    hosted = a_service(mounts={"/shelf": shelf, "": shelf}, keepers=[shelf])
    metrics.add(hosted)
    front = Front({}, hosted.mounts.pop(""))
    for prefix, app in hosted.mounts.items():
        front.mount(prefix, app)
    front.keepers.extend(hosted.keepers)
    for url in (b"/shelf/1", b"/shelf/1", b"/shelf/canary"):
        front.kept(url, ())
    front.kept(b"/shelf/1", [(b"if-none-match", b"x")])
    await ask(front, "/shelf/2")
    await ask(front, "/shelf/canary")
    await ask(front, "/canary")
    with pytest.raises(ValueError, match="canary"):
        await ask(front, "/shelf/fault")
    found = await samples(metrics)
    assert {key[1:4]: value for key, value in found.items() if key[0] == "openchair_http_responses_total"} == {
        ("200", "yes", "/shelf"): 2,
        ("304", "yes", "/shelf"): 1,
        ("200", "no", "/shelf"): 1,
        ("404", "no", "/shelf"): 1,
        ("500", "no", "/shelf"): 1,
        ("404", "no", "/"): 1,
    }


async def test_the_text_format_is_given_unless_openmetrics_is_asked_for() -> None:
    metrics = Metrics()
    await call(metrics)
    status, kind, _ = await ask(metrics.app)
    assert (status, kind.split(b";")[0]) == (200, b"text/plain")
    status, kind, text = await ask(metrics.app, accept=b"application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert (status, kind.split(b";")[0]) == (200, b"application/openmetrics-text")
    names = {family.name for family in openmetrics.text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]  # it carries no types
    assert {"openchair_rpc_requests", "openchair_build", "process_open_fds", "python_info"} <= names
    assert (await ask(metrics.app, method="POST"))[0] == 405


async def test_two_processes_in_one_share_no_figure() -> None:
    one, other = Metrics(), Metrics()
    await call(one)
    assert ("openchair_rpc_requests_total", "OK", METHOD) not in await samples(other)


def test_the_documentation_lists_every_metric_with_its_labels() -> None:
    told = dict(re.findall(r"^\| `(openchair_\w+)` +\| ([\w, ]+?) +\|", DOCUMENTED.read_text(), re.MULTILINE))
    ours = {f"{each.name}_total" if each.family is CounterMetricFamily else each.name: each for each in _FIGURES}
    shown = {name: ", ".join(("service", *each.labels)) for name, each in ours.items()}
    shown["openchair_rpc_requests_total"], shown["openchair_rpc_duration_seconds"] = "method, code", "method"
    shown["openchair_build_info"], shown["openchair_ready"] = "version", "none"
    assert told == shown


async def test_nothing_is_shown_that_the_documentation_does_not_list() -> None:
    metrics = Metrics()
    await call(metrics)
    _, _, text = await ask(metrics.app)
    listed = set(re.findall(r"openchair_\w+", DOCUMENTED.read_text()))
    shown = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    assert {re.sub("_(bucket|count|sum)$", "", name) for name in shown if name.startswith("openchair_")} <= listed


async def test_alerts_that_are_recommended_are_about_metrics_that_there_are() -> None:
    metrics = Metrics()
    await call(metrics)
    _, _, text = await ask(metrics.app)
    shown = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    shown |= {f"{each.name}_total" if each.family is CounterMetricFamily else each.name for each in _FIGURES}
    assert set(re.findall(r"openchair_\w+", DOCUMENTED.read_text())) - {"openchair_rpc_duration_seconds"} <= shown


async def test_what_a_reactor_counts_is_shown_by_service_and_stream() -> None:
    async def handle(_: Event) -> None: ...

    metrics, store = Metrics(), MemoryStore((), SystemClock())
    hosted = a_service(own_store=store)
    reactor = Reactor(hosted.bus, store, "PUBLIC_home", ["openchair.>"], handle, "things", "home", hosted.clock, LOG)
    hosted.reactors.append(reactor)
    metrics.add(hosted)
    reactor.handled, reactor.failed, reactor.dead, reactor.pending = 7, 3, 1, 2
    found = {key[0]: value for key, value in (await samples(metrics)).items() if key[1:] == ("things", "PUBLIC_home")}
    assert found == {
        "openchair_reactor_handled_total": 7,
        "openchair_reactor_failed_total": 3,
        "openchair_reactor_dead_letters_total": 1,
        "openchair_reactor_pending": 2,
        "openchair_reactor_current": 0,
    }


async def test_what_a_relay_counts_is_shown_by_service() -> None:
    metrics, store = Metrics(), MemoryStore((), SystemClock())
    hosted = a_service(own_store=store)
    hosted.relay = Relay(store, hosted.bus, (), "home", hosted.clock, LOG)
    metrics.add(hosted)
    hosted.relay.published, hosted.relay.lag = 5, 4
    found = {key[0]: value for key, value in (await samples(metrics)).items() if key[0].startswith("openchair_relay_")}
    assert found == {
        "openchair_relay_published_total": 5,
        "openchair_relay_unpublished": 4,
        "openchair_relay_oldest_seconds": 0,
        "openchair_relay_alarms": 0,
    }
