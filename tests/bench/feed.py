"""Targets 1 and 2: a feed of 1,000 events, against nginx with the same bytes and Radicale with the same events."""

from __future__ import annotations

import asyncio
import gzip
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.bench.load import Contestant, race
from tests.bench.prepared import ETAG
from tests.bench.process import free_port, get, started
from tests.bench.report import Row, show, write
from tests.bench.servers import ANYBODY, GZIP, cache, nginx, radicale
from tests.bench.system import FEED, fill, system
from tests.bench.tools import Missing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.process import Answer
    from tests.bench.system import System

EVENTS = 1_000
STATIC = "/centre.ics"


def measure(folder: Path, rounds: int) -> None:
    """Prints and writes. Raises Missing where there is no wrk."""
    with ExitStack() as stack:
        subject = stack.enter_context(system(folder / "system"))
        asyncio.run(fill(subject, EVENTS))
        served = get(subject.http_port, FEED, GZIP)
        field = _subject(subject, served) + _limit(stack, folder / "prepared", served.body)
        field += _nginx(stack, folder / "nginx", subject, served)
        field += _radicale(stack, folder / "radicale", gzip.decompress(served.body))
        race(field, rounds)
    of = {contestant.name: contestant for contestant in field}
    rows = _rows(of, len(served.body))
    show(f"Feed of {EVENTS:,} events, {len(served.body):,} bytes gzipped, 32 connections, one server core", rows)
    write("feed", rows, {name: {"rate": one.rates, "per_cpu": one.per_cpu} for name, one in of.items()})


def _unless(tag: str) -> dict[str, str]:
    return {**GZIP, "If-None-Match": tag}


def _subject(subject: System, served: Answer) -> list[Contestant]:
    port, tag = subject.http_port, served.headers["etag"]
    if get(port, FEED, _unless(tag)).status != 304:
        raise RuntimeError("the feed does not answer 304")
    return [
        Contestant("openchair 200", subject.running, port, FEED, GZIP),
        Contestant("openchair 304", subject.running, port, FEED, _unless(tag)),
    ]


def _limit(stack: ExitStack, folder: Path, packed: bytes) -> list[Contestant]:
    folder.mkdir(parents=True)
    (folder / "body").write_bytes(packed)
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.prepared", str(port), str(folder / "body")]
    running = stack.enter_context(started(command, folder))
    running.wait_for(port, FEED, GZIP)
    return [
        Contestant("raw ASGI 200", running, port, FEED, GZIP),
        Contestant("raw ASGI 304", running, port, FEED, _unless(ETAG.decode())),
    ]


def _nginx(stack: ExitStack, folder: Path, subject: System, served: Answer) -> list[Contestant]:
    try:
        peer = stack.enter_context(nginx(folder / "static", served.body))
        front = stack.enter_context(cache(folder / "front", served.body, subject.http_port, FEED))
    except Missing as missing:
        print(f"Without nginx: {missing}")
        return []
    tag = get(peer.port, STATIC, GZIP).headers["etag"]
    return [
        Contestant("nginx 200", peer.running, peer.port, STATIC, GZIP),
        Contestant("nginx 304", peer.running, peer.port, STATIC, _unless(tag)),
        Contestant("cached 200", front.running, front.port, FEED, GZIP),
        Contestant("cached 304", front.running, front.port, FEED, _unless(served.headers["etag"])),
    ]


def _radicale(stack: ExitStack, folder: Path, calendar: bytes) -> list[Contestant]:
    try:
        running, port = stack.enter_context(radicale(folder, calendar))
    except Missing as missing:
        print(f"Without Radicale: {missing}")
        return []
    return [Contestant("Radicale", running, port, "/bench/events/", {**GZIP, **ANYBODY}, seconds=8)]


def _rows(of: dict[str, Contestant], size: int) -> list[Row]:
    rows = []
    for status in ("200", "304"):
        rows += _against_nginx(of, "openchair", status, 0.5)
        rows += _against_nginx(of, "raw ASGI", status, None)
        rows += _against_nginx(of, "cached", status, 0.8)
    rows += [_figures(of[name]) for name in of if name.startswith("nginx")]
    if "Radicale" in of:
        ratio = of["openchair 200"].efficiency / of["Radicale"].efficiency
        figure = f"{of['Radicale'].efficiency:.1f} per CPU second"
        rows.append(Row("Radicale, 200", figure))
        what = f"openchair, 200 ({size:,} bytes)"
        efficiency = f"{of['openchair 200'].efficiency:,.0f} per CPU second"
        rows.append(Row(what, efficiency, "Radicale", f"{ratio:,.0f}x", ">= 1,000x", ratio >= 1_000))
    return rows


def _against_nginx(of: dict[str, Contestant], name: str, status: str, target: float | None) -> list[Row]:
    one, peer = of.get(f"{name} {status}"), of.get(f"nginx {status}")
    if one is None:
        return []
    if peer is None:
        return [_figures(one)]
    rate, efficiency = one.rate / peer.rate, one.efficiency / peer.efficiency
    wanted = f">= {target:.2f}x" if target else ""
    ratio = f"{rate:.2f}x ({efficiency:.2f}x per CPU second)"
    return [Row(one.name, _figures(one).figure, "nginx", ratio, wanted, rate >= target if target else None)]


def _figures(one: Contestant) -> Row:
    return Row(one.name, f"{one.rate:,.0f}/s, {one.efficiency:,.0f} per CPU second")
