"""The peers: nginx with the same bytes as files, or as a cache in front; Radicale with the same events."""

from __future__ import annotations

import gzip
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.bench.process import free_port, get, started
from tests.bench.tools import ROOT, Missing, library_path, tool

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
  proxy_cache_path {folder}/cache keys_zone=feeds:10m;
  upstream app {{ server 127.0.0.1:{upstream}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{port};
    tcp_nopush on;  # faster here; from the cache each answer over 64 KB would wait 40 ms for an acknowledgement
    location / {{
      root {folder}/files;
      gzip_static always;
      gzip_vary on;
      add_header Cache-Control "public, max-age=900";
      add_header Content-Disposition 'inline; filename="centre.ics"';
    }}
  }}
  server {{
    listen 127.0.0.1:{cached};
    location / {{
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache feeds;
      proxy_cache_lock on;
    }}
  }}
}}
"""


class Nginx:
    """nginx, running: `port` serves the file /centre.ics, `cached` is a cache in front of the app."""

    def __init__(self, running: Running, port: int, cached: int) -> None:
        self.running = running
        self.port = port
        self.cached = cached


@contextmanager
def nginx(folder: Path, packed: bytes, upstream: int) -> Iterator[Nginx]:
    """One worker, access log off, the gzipped bytes as they are. Raises Missing."""
    program, port, cached = tool("nginx"), free_port(), free_port()
    (folder / "files").mkdir(parents=True)
    (folder / "files/centre.ics.gz").write_bytes(packed)
    user = "user root;" if os.geteuid() == 0 else ""
    config = NGINX.format(folder=folder, port=port, cached=cached, upstream=upstream, user=user)
    (folder / "nginx.conf").write_text(config)
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    with started(command, folder, {"LD_LIBRARY_PATH": library_path()}) as running:
        answer = running.wait_for(port, "/centre.ics", GZIP)
        if answer.body != packed:
            raise RuntimeError("nginx does not serve the bytes it was given")
        yield Nginx(running, port, cached)


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
