from __future__ import annotations

import asyncio
import json
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from services.kit.http import (
    SECURITY_HEADERS,
    App,
    Check,
    Front,
    Health,
    HttpServer,
    only,
    respond,
    respond_text,
    serve,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def shows(name: str) -> App:
    """An app that answers with its name and the path it was given."""

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        await respond_text(send, 200, f"{name} {scope['path']}")

    return app


@asynccontextmanager
async def running(app: App) -> AsyncIterator[tuple[httpx.AsyncClient, HttpServer]]:
    server = await serve(app, "127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as client:
        yield client, server
    await server.stop()


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/api", "api /api\n"),
        ("/api/", "api /api/\n"),
        ("/api/v1/things?x=1", "api /api/v1/things\n"),
        ("/apix", "rest /apix\n"),
        ("/", "rest /\n"),
        ("/x/api", "rest /x/api\n"),
        ("/api%2Fthings", "api /api/things\n"),
        ("//api", "rest //api\n"),
    ],
)
async def test_the_front_hands_on_by_the_first_segment(path: str, answer: str) -> None:
    async with running(Front({"/api": shows("api")}, shows("rest"))) as (client, server):
        assert (await client.get(f"http://127.0.0.1:{server.port}{path}")).text == answer


async def test_where_nothing_is_mounted_the_answer_is_404() -> None:
    async with running(Front({"/api": shows("api")})) as (client, _):
        answer = await client.get("/elsewhere")
    assert (answer.status_code, answer.text) == (404, "Not found.\n")


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/api/a.json", "json"),
        ("/api/a/b.json", "json"),
        ("/api/a.json.txt", "rest"),
        ("/api/a.json/b", "rest"),
        ("/api", "rest"),
        ("/a.json", "rest"),
        ("/apis/a.json", "rest"),
    ],
)
async def test_a_mount_may_take_what_ends_so_and_leave_the_rest(path: str, answer: str) -> None:
    async with running(Front({"/api/*.json": shows("json")}, shows("rest"))) as (client, _):
        assert (await client.get(path)).text == f"{answer} {path}\n"


@pytest.mark.parametrize("prefix", ["api", "/api/v1", "/api/", "/api/*", "/api/*.a/b"])
def test_a_mount_is_one_first_segment(prefix: str) -> None:
    with pytest.raises(ValueError, match="first segment"):
        Front({prefix: shows("api")})


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
async def test_another_method_is_answered_405_with_what_is_allowed(method: str) -> None:
    async with running(Front({"/api": only(shows("api"), "GET", "HEAD")})) as (client, _):
        answer = await client.request(method, "/api")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_healthz_says_that_the_process_lives_also_when_it_is_not_ready() -> None:
    async def down() -> str:
        return "the database is away"

    async with running(Front(Health({"store": down}).mounts())) as (client, _):
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.head("/healthz")).content == b""
        assert (await client.post("/healthz")).status_code == 405


async def test_readyz_names_each_check_and_its_reason() -> None:
    state = {"store": "", "bus": "sync_interval is not always"}

    async def store() -> str:
        return state["store"]

    async def bus() -> str:
        return state["bus"]

    async with running(Front(Health({"store": store, "bus": bus}).mounts())) as (client, _):
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.headers["cache-control"] == "no-store"
        checks = {"store": "ok", "bus": "sync_interval is not always"}
        assert answer.json() == {"ready": False, "serving": True, "checks": checks, "warnings": {}}
        state["bus"] = ""
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["ready"]) == (200, True)


async def test_what_keeps_it_from_serving_is_less_than_what_keeps_it_from_being_ready() -> None:
    state = {"store": "", "bus": "away", "relay": "waits"}

    def check(name: str) -> Check:
        async def said() -> str:
            return state[name]

        return said

    health = Health(
        {"store": check("store"), "bus": check("bus")}, essential=("store",), warnings={"relay": check("relay")}
    )
    async with running(Front(health.mounts())) as (client, _):
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["warnings"]) == (503, {"relay": "waits"})
        assert (await client.get("/readyz/serving")).status_code == 200
        state.update(store="the disk is full", bus="")
        assert (await client.get("/readyz/serving")).status_code == 503
        assert not health.serves(await health.problems())
        state["store"] = ""
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["warnings"]) == (200, {"relay": "waits"})  # a warning is no reason
        assert (await client.get("/readyz/other")).status_code == 404


async def test_a_check_that_fails_is_a_reason_without_its_words() -> None:
    async def fails() -> str:
        raise ConnectionError("mongodb://app:canary@db")

    async def hangs() -> str:
        await asyncio.Event().wait()
        return ""

    assert await Health({"a": fails, "b": hangs}, seconds=0.02).problems() == {"a": "ConnectionError", "b": "no answer"}


async def test_the_server_names_no_software_and_leaves_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with running(shows("x")) as (client, _):
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
        answer = await client.get("/")
    assert "server" not in answer.headers
    assert "date" in answer.headers


async def test_a_taken_port_is_an_error_of_the_system() -> None:
    async with running(shows("x")) as (_, server):
        with pytest.raises(OSError, match="in use"):
            await serve(shows("y"), "127.0.0.1", server.port)


async def test_stopping_lets_a_request_under_way_end() -> None:
    entered, gate = asyncio.Event(), asyncio.Event()

    async def slow(_scope: Any, _receive: Any, send: Any) -> None:
        entered.set()
        await gate.wait()
        await respond_text(send, 200, "done")

    server = await serve(slow, "127.0.0.1", 0)
    async with httpx.AsyncClient(trust_env=False) as client:
        under_way = asyncio.create_task(client.get(f"http://127.0.0.1:{server.port}/"))
        await entered.wait()
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0)
        gate.set()
        assert (await under_way).text == "done\n"
        await stopping
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{server.port}/")
    await server.stop()


async def test_a_websocket_is_turned_away() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    await Front({})({"type": "websocket", "path": "/"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_pages_load_nothing_from_elsewhere_and_tell_nobody_where_they_are() -> None:
    async def page(_scope: Any, _receive: Any, send: Any) -> None:
        await respond(send, 200, json.dumps("page").encode(), b"text/html; charset=utf-8", SECURITY_HEADERS)

    async with running(page) as (client, _):
        headers = (await client.get("/")).headers
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "http" not in headers["content-security-policy"]
    assert "'unsafe" not in headers["content-security-policy"]
