"""What is asked of the monitors of a broker, and of its version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.kit.http import respond, serve
from services.kit.streams import (
    StreamSettings,
    check,
    check_sync,
)
from tests.contract.test_bus_permissions import site as site  # noqa: PLC0414 - a fixture

if TYPE_CHECKING:
    from services.kit.http import Receive, Scope, Send
    from tests.contract.test_bus_permissions import Wired


async def test_every_monitor_is_asked_and_each_that_is_wrong_is_named(site: Wired) -> None:
    good = site.server.monitor_url
    assert await check_sync([good, good]) == []
    problems = await check_sync([good, "http://127.0.0.1:1", "ftp://x"])
    assert [problem.split(": ")[1].split(" ")[0] for problem in problems] == ["http://127.0.0.1:1", "ftp://x"]


async def test_a_monitor_that_is_the_port_of_clients_is_named(site: Wired) -> None:
    address = site.server.url.replace("nats://", "http://")
    assert await check_sync([address]) == [
        f"NATS_MONITOR_URLS: {address} does not say how it writes to disk: it speaks no HTTP"
    ]


async def test_a_monitor_that_answers_something_else_is_named() -> None:
    async def elsewhere(scope: Scope, _receive: Receive, send: Send) -> None:
        await respond(send, 200, b'{"jetstream": null}' if scope["path"] == "/odd/varz" else b"[1]", b"text/plain")

    server = await serve(elsewhere, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.port}"
    problems = await check_sync([address, f"{address}/odd"])
    await server.stop()
    assert [problem.split(": ")[0] for problem in problems] == ["NATS_MONITOR_URLS", "NATS_MONITOR_URLS"]


async def test_monitors_are_asked_directly_whatever_proxy_the_environment_names(
    site: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert await check_sync([site.server.monitor_url]) == []


@pytest.mark.parametrize(
    ("version", "good"),
    [("2.14.0", True), ("2.15.1", True), ("3.0.0", True), ("2.13.9", False), ("2.9.10", False), ("", False)],
)
async def test_a_server_older_than_2_14_is_refused_by_name(version: str, good: bool) -> None:
    class Old:
        server_version = version

        async def stream(self, _name: str) -> None: ...

    wrong = await check(Old(), [StreamSettings("X", ("x",))])  # type: ignore[arg-type]  # all that is asked of it
    assert wrong[-1] == "there is no stream X"
    assert bool(wrong[:-1]) is not good
    assert good or "2.14 or newer is needed" in wrong[0]
