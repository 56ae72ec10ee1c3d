"""deploy/Caddyfile with a real Caddy in front of the real program, over TLS: its own authority's, for localhost."""

from __future__ import annotations

import http.client
import re
import ssl
import subprocess
from contextlib import contextmanager, suppress
from http.client import IncompleteRead
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.bench.process import Answer, free_port
from tests.bench.tools import Missing, tool
from tests.system.echo import echo
from tests.system.empty_room import FORM, SURE, about_to_begin, counted
from tests.system.running import ROOT, System, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = ROOT / "deploy/Caddyfile"
RIVERSIDE = "/calendars/riverside.ics"
OURS_ALONE = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n"
"""So that a test takes no other port and changes nothing of this computer."""


class Front(NamedTuple):
    """Caddy, and what it stands in front of."""

    port: int
    folder: Path
    system: System

    @property
    def authority(self) -> Path:
        return self.folder / "caddy/pki/authorities/local/root.crt"

    def get(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        context = ssl.create_default_context(cafile=str(self.authority))
        connection = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return Answer(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def answers(self) -> bool:
        try:
            return self.get("/").status == 200
        except OSError:
            return False


def caddy() -> str:
    try:
        return tool("caddy")
    except Missing as missing:
        pytest.skip(str(missing))


@contextmanager
def before(folder: Path, http_port: int, grpc_port: int) -> Iterator[int]:
    """Caddy in front of these ports; its own."""
    program, port = caddy(), free_port()
    (folder / "Caddyfile").write_text(FILE.read_text().replace("{\n", OURS_ALONE, 1))
    environ = {
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "OPENCHAIR_DOMAIN": f"localhost:{port}",
        "OPENCHAIR_HTTP": f"127.0.0.1:{http_port}",
        "OPENCHAIR_GRPC": f"127.0.0.1:{grpc_port}",
    }
    command = [program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    caddy()
    folder = tmp_path_factory.mktemp("caddy")
    with running(folder / "system") as system, before(folder, system.http_port, system.grpc_port) as port:
        made = Front(port, folder, system)
        until(made.answers, "Caddy answers")
        yield made


def test_the_file_as_it_stands_is_valid(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "OPENCHAIR_DOMAIN": "chairs.example.org"}
    command = [caddy(), "validate", "--config", str(FILE), "--adapter", "caddyfile"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_pages_and_calendars_come_through_as_they_were_made(front: Front) -> None:
    page = front.get("/")
    assert page.headers["strict-transport-security"] == "max-age=31536000"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for accepted in ("identity", "gzip"):
        through = front.get(RIVERSIDE, accept_encoding=accepted)
        own = front.system.get(RIVERSIDE, accept_encoding=accepted)
        assert (through.status, through.body) == (200, own.body)
        for name in ("etag", "last-modified", "cache-control", "vary", "content-encoding"):
            assert through.headers.get(name) == own.headers.get(name), name
    tag = front.get(RIVERSIDE).headers["etag"]
    assert front.get(RIVERSIDE, if_none_match=tag).status == 304


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics/", "//metrics", "/%6detrics", "/x/../metrics", "/readyz", "/readyz/serving"]
)
def test_what_a_process_tells_of_itself_is_not_told_outside(front: Front, path: str) -> None:
    answer = front.get(path)
    assert (answer.status, b"openchair_" in answer.body, b"checks" in answer.body) == (404, False, False)


def test_a_request_has_an_end(front: Front) -> None:
    form = {"content_type": "application/x-www-form-urlencoded"}
    with suppress(IncompleteRead):  # it may hang up before all of its refusal is out
        answer = front.get("/invited", "POST", b"code=" + b"x" * 100_000, **form)
        assert answer.status in {413, 502}  # some versions of Caddy say it so: they stopped reading while passing it on
    assert front.get("/invited", "POST", b"code=x", **form).status == 404


async def test_grpc_comes_through(front: Front) -> None:
    credentials = grpc.ssl_channel_credentials(front.authority.read_bytes())
    async with grpc.aio.secure_channel(f"localhost:{front.port}", credentials) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=60)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_nothing_behind_it_hears_who_asks_but_for_reports_of_an_empty_room_and_seats(tmp_path: Path) -> None:
    with echo() as own, before(tmp_path, own, own) as port:
        made = Front(port, tmp_path, System(tmp_path / "none"))
        until(made.answers, "Caddy answers")
        heard = made.get("/centre/house", x_forwarded_for="203.0.113.7").body.decode()
        assert not re.search(r"127\.0\.0\.1|203\.0", heard)
        for path in ("/nobody-here/house/x/20261124", "/m/x"):
            heard = made.get(path, x_forwarded_for="203.0.113.7").body.decode()
            assert re.findall(r"(?mi)^x-forwarded-for: (.*)$", heard) == ["127.0.0.1"], path


async def test_whose_report_it_is_is_said_by_the_front_and_not_by_the_reader(front: Front) -> None:
    async with front.system.meetings() as stub:
        path = await about_to_begin(stub, "empty")
        until(lambda: front.get(path).status == 200, "the page asks")
        for forged in ("203.0.113.7", "198.51.100.9"):
            headers = {"content_type": FORM["content-type"], "x_forwarded_for": forged}
            answer = front.get(path, "POST", SURE.encode(), **headers)
            assert (answer.status, b"It is noted" in answer.body) == (200, True)
        assert await counted(stub, "empty") == [1]


def test_no_log_has_an_address_or_what_was_asked_for(front: Front) -> None:
    front.get("/?near=canary-place")
    front.get("/invited/canary-code")
    assert front.system.stop() == 0
    assert front.get("/centre/canary-centre?near=canary-place").status == 502
    assert front.get("/calendars/canary-calendar.ics").status == 502
    log = (front.folder / "log").read_text()
    assert "canary" not in log
    assert "remote" not in log
    assert "127.0.0.1:" not in log.replace(f"127.0.0.1:{front.system.http_port}", "")
