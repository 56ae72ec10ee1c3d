"""What a running system shows of itself: its metrics as a scraper sees them, its traces as a collector gets them."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.system import acts
from tests.system.collector import collecting
from tests.system.running import ROOT, System, environment, reached, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prometheus_client import Metric

LABELS = {
    "method": re.compile(r"openchair\.[a-z]+\.v1\.[A-Za-z]+/[A-Za-z]+"),
    "code": re.compile(r"[A-Z_]{2,20}|[1-5]\d\d"),
    "service": re.compile(r"meetings|rsvps|feeds|web"),
    "stream": re.compile(r"(?:PUBLIC|PRIVATE|DEAD)_[a-z0-9_-]{1,64}"),
    "projection": re.compile(r"[a-z ]{3,40}"),
    "mount": re.compile(r"/[a-z-]*"),
    "kept": re.compile(r"yes|no"),
    "le": re.compile(r"[\d.]+|\+Inf"),
    "generation": re.compile(r"\d"),
}
"""What a label may hold: all of it stands in the program."""

FREE_TEXT = {"openchair_build_info", "python_info"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("observed")) as started:
        yield started


def families(system: System) -> dict[str, Metric]:
    answer = system.get("/metrics")
    assert answer.status == 200
    assert dict(answer.headers)["cache-control"] == "no-store"
    return {family.name: family for family in text_string_to_metric_families(answer.body.decode())}


def value(system: System, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels."""
    return sum(
        sample.value
        for family in families(system).values()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def followed(system: System, name: str) -> set[float]:
    """What is said of everything that is followed."""
    return {sample.value for sample in families(system)[f"openchair_projection_{name}"].samples}


async def test_the_way_of_a_change_can_be_followed_in_figures(system: System) -> None:
    before = {
        name: value(system, name, service="meetings")
        for name in ("openchair_store_commits_total", "openchair_relay_published_total")
    }
    async with system.meetings() as stub:
        await acts.create_centre(stub, "figures")
    until(lambda: system.get("/calendars/figures.ics").status == 200, "it is served")
    etag = dict(system.get("/calendars/figures.ics").headers)["etag"]
    assert system.get("/calendars/figures.ics", if_none_match=etag).status == 304
    assert system.get("/calendars/canary.ics").status == 404
    for name, count in before.items():
        assert value(system, name, service="meetings") > count, name
    create = {"method": "openchair.meetings.v1.MeetingService/CreateCentre", "code": "OK"}
    assert value(system, "openchair_rpc_requests_total", **create) == 1
    for code, kept in (("200", "yes"), ("304", "yes"), ("404", "no")):
        assert value(system, "openchair_http_responses_total", mount="/calendars", code=code, kept=kept) >= 1, code
    for name in ("ready", "current"):
        samples = families(system)[f"openchair_projection_{name}"].samples
        assert {sample.labels["service"] for sample in samples} >= {"feeds", "web"}
    until(lambda: followed(system, "ready") == followed(system, "current") == {1.0}, "all is followed")
    assert value(system, "openchair_relay_unpublished") == value(system, "openchair_relay_alarms") == 0
    assert value(system, "openchair_ready") == 1
    assert value(system, "openchair_bus_connected") == len({"meetings", "rsvps", "feeds", "web"})
    assert value(system, "openchair_data_free_bytes", service="meetings") > 0
    assert value(system, "process_open_fds") > 0


def test_a_broker_that_is_away_is_seen_in_the_figures(system: System) -> None:
    with system.frozen_nats():
        until(lambda: value(system, "openchair_ready") == 0, "it is not ready")
    until(lambda: value(system, "openchair_ready") == 1, "it is ready again")


async def test_no_label_holds_what_people_wrote_or_anything_without_a_bound(system: System) -> None:
    async with system.meetings() as stub:
        await acts.create_centre(stub, "canary-centre")
        await acts.create_meeting(stub, "centres/canary-centre", "Canary title", "2027-01-05T19:00")
        with pytest.raises(grpc.aio.AioRpcError):
            await acts.create_meeting(stub, "centres/canary-unknown", "Canary title", "2027-01-05T19:00")
    for path in ("/calendars/canary-path.ics", "/canary-first/segment", "/canary?canary=1", "/readyz"):
        system.get(path)
    system.get("/calendars/riverside.ics", method="CANARY")
    checked = 0
    for family in families(system).values():
        assert re.fullmatch(r"(openchair|process|python)_[a-z_]+", family.name)
        for sample in family.samples:
            assert "canary" not in str(sample.labels).lower()
            for label, text in sample.labels.items():
                if sample.name not in FREE_TEXT:
                    assert LABELS[label].fullmatch(text), (sample.name, label, text)
                    checked += 1
    assert checked > 100


def test_names_follow_the_conventions_of_prometheus(system: System) -> None:
    for family in families(system).values():
        if not family.name.startswith("openchair_"):
            continue
        assert family.documentation.endswith(".")
        assert family.type in {"counter", "gauge", "histogram"}
        assert family.name.split("_")[-1] not in {"total", "count", "ms", "milliseconds"}


async def test_one_trace_leads_from_the_call_through_commit_and_broker_to_the_readers(tmp_path: Path) -> None:
    create = "openchair.meetings.v1.MeetingService/CreateMeeting"
    with collecting() as collector:
        system = System(tmp_path, collector.environ)
        try:
            await asyncio.to_thread(system.start)
            async with system.meetings() as stub:
                await acts.create_centre(stub, "traced")
                await acts.create_meeting(stub, "centres/traced", "Canary title", "2027-01-05T19:00")

            async def whole() -> list[Any]:
                await asyncio.sleep(0.02)
                found = collector.trace(create)
                names = [span.name for span in found]
                return found if names.count("apply") >= 2 else []

            spans = await reached(whole, "feeds and web have taken it in")
            assert await asyncio.to_thread(system.stop) == 0
        finally:
            system.clean()
    by_id = {span.span_id: span for span in spans}
    ways = {(*_way(span, by_id), _about(span)["openchair.service"]) for span in spans if span.name == "apply"}
    assert {(create, "commit", "publish", "apply", reader) for reader in ("feeds", "web")} <= ways
    (call,) = [span for span in spans if span.name == create]
    assert _about(call) == {"rpc.system.name": "grpc", "rpc.method": create, "rpc.response.status_code": "OK"}
    assert f'"trace": "{call.trace_id.hex()}"' in system.said()
    assert "canary" not in str(collector.spans).lower()
    named = {each.key: each.value.string_value for each in collector.sent[0].resource_spans[0].resource.attributes}
    assert named["service.name"] == "openchair"


def _way(span: Any, by_id: dict[bytes, Any]) -> tuple[str, ...]:
    """The names from the root to this span."""
    parent = by_id.get(span.parent_span_id)
    return (*(() if parent is None else _way(parent, by_id)), span.name)


def _about(span: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in span.attributes}


@pytest.mark.slow
async def test_a_collector_that_takes_nothing_costs_a_line_in_the_log_and_no_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it accepts, and says nothing
        system = System(
            tmp_path,
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}",
                "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
                "OTEL_BSP_SCHEDULE_DELAY": "50",
            },
        )
        try:
            await asyncio.to_thread(system.start)
            async with system.meetings() as stub:
                await acts.create_centre(stub, "untraced")
            until(lambda: "traces are lost" in system.said(), "it says so")
            async with system.meetings() as stub:
                await acts.create_centre(stub, "untraced-too")
            assert await asyncio.to_thread(system.stop) == 0
        finally:
            system.clean()
    assert system.said().count("traces are lost") == 1
    assert "Traceback" not in system.said()


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip")]
)
def test_a_setting_of_the_library_that_cannot_be_read_stops_the_start(tmp_path: Path, name: str, value: str) -> None:
    changes = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", name: value}
    done = subprocess.run(
        [sys.executable, "-m", "services.everything"],
        cwd=ROOT,
        env=environment({"OPENCHAIR_DATA": str(tmp_path / "var"), **changes}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "OTEL_" in done.stderr


def test_who_names_no_collector_loads_nothing_of_it(tmp_path: Path) -> None:
    program = (
        "import sys, services.everything, services.kit.process;"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment({"OPENCHAIR_DATA": str(tmp_path)}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]", done.stderr
