"""nginx as it is deployed: deploy/nginx/nginx.conf, with host names, ports and folders replaced, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.tools import ROOT, library_path, tool

if TYPE_CHECKING:
    from pathlib import Path

DEPLOYED = ROOT / "deploy/nginx/nginx.conf"


class Ports(NamedTuple):
    """Where the front listens, and where what it stands in front of does, on loopback."""

    http: int
    grpc: int
    feeds: int
    web: int
    meetings: int
    rsvps: int


def local(text: str, folder: Path, ports: Ports) -> str:
    """The configuration for this machine. Raises ValueError where it does not say what is to be replaced."""
    for old, new in (
        ("/tmp/", f"{folder}/"),  # noqa: S108 - as the file says
        ("/dev/stdout", f"{folder}/access.log"),
        ("/var/cache/nginx/feeds", f"{folder}/cache"),
        ("listen 8080;", f"listen 127.0.0.1:{ports.http};"),
        ("listen 50051 http2;", f"listen 127.0.0.1:{ports.grpc} http2;"),
        ("http://feeds:8080", f"http://127.0.0.1:{ports.feeds}"),
        ("http://web:8080", f"http://127.0.0.1:{ports.web}"),
        ("grpc://meetings:50051", f"grpc://127.0.0.1:{ports.meetings}"),
        ("grpc://rsvps:50051", f"grpc://127.0.0.1:{ports.rsvps}"),
    ):
        if old not in text:
            raise ValueError(f"{DEPLOYED} does not say {old}")
        text = text.replace(old, new)
    return text


def command(folder: Path, ports: Ports) -> list[str]:
    """Writes the configuration into the folder; how nginx is started on it. Raises Missing, ValueError."""
    program = tool("nginx")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "nginx.conf"
    path.write_text(local(DEPLOYED.read_text(), folder, ports))
    user = "user root; " if os.geteuid() == 0 else ""  # the folder is ours alone
    return [program, "-e", "stderr", "-c", str(path), "-g", f"{user}daemon off;"]


def environment() -> dict[str, str]:
    """What nginx needs to be told where it was only unpacked."""
    return {"LD_LIBRARY_PATH": library_path()}
