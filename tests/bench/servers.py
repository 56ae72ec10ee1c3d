"""The peers: nginx with the same bytes as files, or in front of us as it is deployed; Radicale with the same events."""

from __future__ import annotations

import gzip
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from tests.bench import front
from tests.bench.process import free_port, get, started
from tests.bench.tools import ROOT, Missing, tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.process import Running

GZIP = {"Accept-Encoding": "gzip"}
RADICALE = ROOT / ".venv-clients/bin/radicale"
ANYBODY = {"Authorization": "Basic YmVuY2g6"}  # user "bench", no password

NGINX = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  types {{ text/calendar ics; }}
  charset utf-8;
  charset_types text/calendar;
  server {{
    listen 127.0.0.1:{port};
    tcp_nopush on;
    location / {{
      root {folder}/files;
      gzip_static always;
      gzip_vary on;
      add_header Cache-Control "public, max-age=900";
      add_header Content-Disposition 'inline; filename="centre.ics"';
    }}
  }}
}}
"""


class Nginx(NamedTuple):
    """nginx, running, and where it answers."""

    running: Running
    port: int


@contextmanager
def nginx(folder: Path, packed: bytes) -> Iterator[Nginx]:
    """The gzipped bytes as the file /centre.ics. One worker, access log off. Raises Missing."""
    program, port = tool("nginx"), free_port()
    (folder / "files").mkdir(parents=True)
    (folder / "files/centre.ics.gz").write_bytes(packed)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, user=user))
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    with started(command, folder, front.environment()) as running:
        answer = running.wait_for(port, "/centre.ics", GZIP)
        if answer.body != packed:
            raise RuntimeError("nginx does not serve the bytes it was given")
        yield Nginx(running, port)


@contextmanager
def cache(folder: Path, packed: bytes, upstream: int, path: str) -> Iterator[Nginx]:
    """The front of deploy/nginx before a feed, its cache and its log as deployed, with one worker. Raises Missing."""
    folder.mkdir(parents=True)
    port, other = free_port(), free_port()
    command = front.command(folder, front.Ports(port, other, upstream, upstream, upstream, upstream))
    conf = folder / "nginx.conf"
    conf.write_text(conf.read_text().replace("worker_processes auto;", "worker_processes 1;"))
    with started(command, folder, front.environment()) as running:
        running.wait_for(port, path, GZIP)
        answer = get(port, path, GZIP)
        if (answer.headers.get("x-cache"), answer.body) != ("HIT", packed):
            raise RuntimeError("the cache serves other bytes")
        yield Nginx(running, port)


@contextmanager
def radicale(folder: Path, calendar: bytes) -> Iterator[tuple[Running, int]]:
    """Radicale with the events in the collection /bench/events/. Raises Missing."""
    if not RADICALE.exists():
        raise Missing("Radicale is not installed: make clients")
    port = free_port()
    command = [str(RADICALE), "--config", "", "--server-hosts", f"127.0.0.1:{port}", "--auth-type", "none"]
    command += ["--storage-filesystem-folder", str(folder / "data"), "--logging-level", "error"]
    with started(command, folder) as running:
        running.wait_for(port, "/.web/", ANYBODY)
        headers = {**ANYBODY, "Content-Type": "text/calendar; charset=utf-8"}
        answer = get(port, "/bench/events/", headers, "PUT", calendar.decode())
        if answer.status not in {201, 204}:
            raise RuntimeError(f"Radicale does not take the calendar: {answer.status} {answer.body!r}")
        served = get(port, "/bench/events/", ANYBODY).body.count(b"BEGIN:VEVENT")
        if served != calendar.count(b"BEGIN:VEVENT"):
            raise RuntimeError(f"Radicale serves {served} events")
        yield running, port


def packed(data: bytes) -> bytes:
    """gzip as our peers have it, level 6."""
    return gzip.compress(data, 6, mtime=0)
