"""Figures about a process for Prometheus: what was asked and how long it took, and how well the services keep up.

Everything a service counts by itself is read from its plain attributes when somebody scrapes: nothing is counted twice,
and nobody pays for figures that nobody reads. No label holds what a person wrote, an id or anything without a bound:
methods, codes, names of services, streams and mounts, all of which stand in the program.
"""

from __future__ import annotations

import asyncio
import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from services.kit.errors import Refusal
from services.kit.hits import CountedKeeper, Hits, counted
from services.kit.http import only, respond

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from google.protobuf.message import Message

    from services.kit.call import Call, Method
    from services.kit.host import Hosted
    from services.kit.http import App, Headers, Receive, Scope, Send
    from services.kit.projection import Projection
    from services.kit.reactor import Reactor
    from services.kit.relay import Relay
    from services.kit.store.port import Commit

# Without it a second family stands beside each counter and histogram, of when it began: nothing here asks for that.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library does not annotate it

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of call durations, in seconds: a read takes one or two milliseconds, no call more than its deadline."""

FAULT = "INTERNAL"
ELSEWHERE = "/"
"""The mount of whatever has none of its own."""


class Metrics:
    """The figures of one process, in a registry of its own. `problems` gives the reasons why it is not ready."""

    def __init__(self, problems: Callable[[], Awaitable[Mapping[str, str]]] | None = None) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._problems = problems
        self._ready = Gauge(
            "openchair_ready", "1: nothing keeps it from its work, as /readyz says.", registry=self.registry
        )
        self._services = _Services()
        self._requests = Counter(
            "openchair_rpc_requests", "Calls answered, by code.", ("method", "code"), registry=self.registry
        )
        self._duration = Histogram(
            "openchair_rpc_duration_seconds",
            "Time taken by calls.",
            ("method",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._counts: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self.registry.register(self._services)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        Info("openchair_build", "What runs.", registry=self.registry).info({"version": program_version()})

    async def middleware(self, call: Call[Any], method: Method) -> Message:
        """Counts the call. Stands outermost, so that what was not foreseen has its code."""
        started = call.clock.monotonic()
        code = FAULT
        try:
            reply = await method(call)
            code = "OK"
        except Refusal as refusal:
            code = refusal.code
            raise
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        finally:
            self._count(call.method, code, call.clock.monotonic() - started)
        return reply

    def _count(self, method: str, code: str, seconds: float) -> None:
        counts = self._counts.get((method, code))
        if counts is None:
            counts = (self._requests.labels(method, code), self._duration.labels(method))
            self._counts[method, code] = counts
        counts[0].inc()
        counts[1].observe(seconds)

    def add(self, hosted: Hosted) -> None:
        """Shows what the service counts, once it is built. What it answers over HTTP is counted from here on."""
        self._services.add(hosted)

    @property
    def app(self) -> App:
        """GET /metrics: text, or OpenMetrics where asked for. For operators: no proxy in front passes it on."""
        return only(self._answer, "GET", "HEAD")

    async def _answer(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if self._problems is not None:
            self._ready.set(not await self._problems())
        accepted = b",".join(value for name, value in scope["headers"] if name == b"accept")
        encode, content_type = choose_encoder(accepted.decode("latin-1"))
        headers: Headers = ((b"cache-control", b"no-store"),)
        await respond(send, 200, encode(self.registry), content_type.encode(), headers)


def program_version() -> str:
    """That of the installed program; "unknown" in a folder where it is not installed."""
    try:
        return version("openchair")
    except PackageNotFoundError:
        return "unknown"


class _Watched:
    """What is read of one service. Whatever it answers over HTTP is counted from here on."""

    def __init__(self, hosted: Hosted) -> None:
        self.hosted = hosted
        self.commits = 0
        self.hits = {prefix or ELSEWHERE: Hits() for prefix in hosted.mounts}
        if hosted.own_store is not None:
            hosted.own_store.watch(self._committed, kinds=())
        hosted.keepers[:] = [CountedKeeper(keeper, self._hits_of(keeper)) for keeper in hosted.keepers]
        for prefix, app in hosted.mounts.items():
            hosted.mounts[prefix] = counted(app, self.hits[prefix or ELSEWHERE])

    def _hits_of(self, keeper: object) -> Hits:
        """Those of the first mount whose app keeps these answers."""
        mounted = next((prefix for prefix, app in self.hosted.mounts.items() if app is keeper), "")
        return self.hits.setdefault(mounted or ELSEWHERE, Hits())

    def _committed(self, _: Commit) -> None:
        self.commits += 1


Values: TypeAlias = "Iterator[tuple[tuple[str, ...], float]]"


class _Figure(NamedTuple):
    """One metric: `read` gives the values of its labels, after the service's, with what is counted there."""

    name: str
    family: type[CounterMetricFamily | GaugeMetricFamily]
    says: str
    labels: tuple[str, ...]
    read: Callable[[_Watched], Values]


class _Services(Collector):
    """Reads the services' own counts when it is asked."""

    def __init__(self) -> None:
        self._watched: list[_Watched] = []

    def add(self, hosted: Hosted) -> None:
        self._watched.append(_Watched(hosted))

    def describe(self) -> Iterable[Metric]:
        """The families, without reading anything."""
        return [figure.family(figure.name, figure.says) for figure in _FIGURES]

    def collect(self) -> Iterator[Metric]:
        """All figures as they are now."""
        for figure in _FIGURES:
            family = figure.family(figure.name, figure.says, labels=("service", *figure.labels))
            for one in self._watched:
                for labels, value in figure.read(one):
                    family.add_metric((one.hosted.plan.name, *labels), value)
            yield family


def _commits(one: _Watched) -> Values:
    if one.hosted.own_store is not None:
        yield (), one.commits


def _connected(one: _Watched) -> Values:
    yield (), one.hosted.bus.connected


def _free(one: _Watched) -> Values:
    data = one.hosted.settings.data
    if one.hosted.engine == "sqlite" and data.is_dir():
        yield (), shutil.disk_usage(data).free


def _of_relay(read: Callable[[Relay], float]) -> Callable[[_Watched], Values]:
    def values(one: _Watched) -> Values:
        if one.hosted.relay is not None:
            yield (), read(one.hosted.relay)

    return values


def _of_projections(read: Callable[[Projection], float]) -> Callable[[_Watched], Values]:
    def values(one: _Watched) -> Values:
        for name, projection in one.hosted.projections.items():
            yield (name,), read(projection)

    return values


def _of_reactors(read: Callable[[Reactor], float]) -> Callable[[_Watched], Values]:
    def values(one: _Watched) -> Values:
        for reactor in one.hosted.reactors:
            yield (reactor.stream,), read(reactor)

    return values


def _responses(one: _Watched) -> Values:
    for mount, hits in one.hits.items():
        for kept, counts in (("no", hits.made), ("yes", hits.kept)):
            for code, count in counts.copy().items():
                yield (mount, str(code), kept), count


_PROJECTION = ("projection",)
_REACTOR = ("stream",)
_FIGURES: Final = (
    _Figure("openchair_store_commits", CounterMetricFamily, "Commits of this process.", (), _commits),
    _Figure("openchair_data_free_bytes", GaugeMetricFamily, "Free on the disk of the data folder.", (), _free),
    _Figure("openchair_bus_connected", GaugeMetricFamily, "1: the broker answers.", (), _connected),
    _Figure(
        "openchair_relay_published",
        CounterMetricFamily,
        "States that the broker has acknowledged.",
        (),
        _of_relay(lambda relay: relay.published),
    ),
    _Figure(
        "openchair_relay_unpublished",
        GaugeMetricFamily,
        "States seen waiting to be published, counted up to a bound.",
        (),
        _of_relay(lambda relay: relay.lag),
    ),
    _Figure(
        "openchair_relay_oldest_seconds",
        GaugeMetricFamily,
        "For how long the oldest state waits to be published; 0: none waits.",
        (),
        _of_relay(lambda relay: relay.oldest),
    ),
    _Figure(
        "openchair_relay_alarms",
        GaugeMetricFamily,
        "States that cannot be published, for a reason that waiting does not cure.",
        (),
        _of_relay(lambda relay: len(relay.alarms)),
    ),
    _Figure(
        "openchair_projection_ready",
        GaugeMetricFamily,
        "1: everything there was at the start has been read.",
        _PROJECTION,
        _of_projections(lambda projection: projection.ready.is_set()),
    ),
    _Figure(
        "openchair_projection_current",
        GaugeMetricFamily,
        "1: it follows its stream right now and has caught up.",
        _PROJECTION,
        _of_projections(lambda projection: projection.current),
    ),
    _Figure(
        "openchair_projection_skipped",
        CounterMetricFamily,
        "Messages that could not be taken in.",
        _PROJECTION,
        _of_projections(lambda projection: projection.skipped),
    ),
    _Figure(
        "openchair_projection_held",
        GaugeMetricFamily,
        "Messages held back because what they need has not come.",
        _PROJECTION,
        _of_projections(lambda projection: projection.held),
    ),
    _Figure(
        "openchair_reactor_handled",
        CounterMetricFamily,
        "States handled.",
        _REACTOR,
        _of_reactors(lambda reactor: reactor.handled),
    ),
    _Figure(
        "openchair_reactor_failed",
        CounterMetricFamily,
        "Attempts to handle a state that failed.",
        _REACTOR,
        _of_reactors(lambda reactor: reactor.failed),
    ),
    _Figure(
        "openchair_reactor_dead_letters",
        CounterMetricFamily,
        "States given up, as dead letters that this process wrote.",
        _REACTOR,
        _of_reactors(lambda reactor: reactor.dead),
    ),
    _Figure(
        "openchair_reactor_pending",
        GaugeMetricFamily,
        "States that waited behind the one taken last.",
        _REACTOR,
        _of_reactors(lambda reactor: reactor.pending),
    ),
    _Figure(
        "openchair_reactor_current",
        GaugeMetricFamily,
        "1: it works right now, and nothing was left when it last asked.",
        _REACTOR,
        _of_reactors(lambda reactor: reactor.current),
    ),
    _Figure(
        "openchair_http_responses",
        CounterMetricFamily,
        "Answers over HTTP by status; kept: the bytes were at hand.",
        ("mount", "code", "kept"),
        _responses,
    ),
)
