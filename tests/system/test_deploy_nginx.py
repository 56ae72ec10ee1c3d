"""deploy/nginx/nginx.conf with a real nginx: what a service behind it hears of who asks."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.bench import front
from tests.bench.process import free_port, get, started
from tests.bench.tools import Missing
from tests.system.echo import echo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ASKED = {"x-forwarded-for": "203.0.113.7", "accept-encoding": "br, gzip;q=0.5"}


@contextmanager
def nginx(folder: Path, own: int) -> Iterator[int]:
    ports = front.Ports(free_port(), free_port(), own, own, own, own)
    try:
        command = front.command(folder, ports)
    except Missing as missing:
        pytest.skip(str(missing))
    with started(command, folder, front.environment()) as running:
        running.wait_for(ports.http, "/healthz")
        yield ports.http


def test_nothing_behind_it_hears_who_asks_but_for_reports_of_an_empty_room_and_seats(tmp_path: Path) -> None:
    with echo() as own, nginx(tmp_path / "front", own) as port:
        feeds = ("/calendars/house.ics", "/freebusy/house/hall.ifb", "/invited/code.ics", "/meeting-guide/house.json")
        for path in ("/", "/centre/house", *feeds):
            heard = get(port, path, ASKED).body.decode()
            assert not re.search(r"127\.0\.0\.1|203\.0", heard), path
        for path in ("/nobody-here/house/x/20261124", "/m/x"):
            heard = get(port, path, ASKED).body.decode()
            assert re.findall(r"(?mi)^x-forwarded-for: (.*)$", heard) == ["203.0.113.7"], path


def test_a_service_is_asked_for_one_of_two_codings_alone(tmp_path: Path) -> None:
    with echo() as own, nginx(tmp_path / "front", own) as port:
        for accepted, passed in (("br, gzip;q=0.5", ["gzip"]), ("br", []), ("gzip;q=0", [])):
            heard = get(port, "/calendars/house.ics", {"accept-encoding": accepted}).body.decode()
            assert re.findall(r"(?mi)^accept-encoding: (.*)$", heard) == passed


def test_an_answer_that_says_nothing_of_being_kept_is_not_kept(tmp_path: Path) -> None:
    with echo() as own, nginx(tmp_path / "front", own) as port:
        for path in ("/calendars/house.ics", "/freebusy/house/hall.ifb"):
            assert [get(port, path).headers["x-cache"] for _ in range(3)] == ["MISS"] * 3
