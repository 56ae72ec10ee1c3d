"""The site of docker-compose.yml, each service started as the file says, seen over its front alone."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest
from openchair.meetings.v1 import meeting_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from tests.bench.process import get
from tests.bench.tools import Missing, tool
from tests.system import acts
from tests.system.deployed_site import OURS, Deployed, deployed
from tests.system.empty_room import FORM, SURE, about_to_begin, counted
from tests.system.running import ROOT, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIST = ROOT / "tests/data/meeting_guide/edmonton.json"
FEED = "/calendars/edmonton.ics"
GZIP = {"accept_encoding": "gzip, deflate, br"}
KEPT = 5.0
"""Seconds that the front answers by itself (proxy_cache_valid)."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """One for all tests here, with a real list in it, brought in through the front."""
    try:
        tool("nginx")
    except Missing as missing:
        pytest.skip(str(missing))
    with deployed(tmp_path_factory.mktemp("site")) as site:
        command = site.caller.command
        done = command("centre", "create", "edmonton", "--title", "Edmonton", "--timezone", acts.ZONE)
        assert done.returncode == 0, done.stderr
        named = ("--centre", "edmonton", "--source", "aa", "--timezone", acts.ZONE, "--fellowship", "AA")
        done = command("import", "meeting-guide", str(LIST), *named)
        assert done.returncode in {0, 3}, done.stderr  # 3: some rows of a real list are refused
        until(lambda: titles(site), "the calendar has them")
        yield site


def titles(site: Deployed) -> list[str]:
    answer = site.get(FEED)
    return acts.summaries(answer.body) if answer.status == 200 else []


def upstream(site: Deployed, path: str = FEED, **headers: str) -> Any:
    """What feeds itself says, past the front."""
    return get(site.ports["feeds"].http, path, {name.replace("_", "-"): one for name, one in headers.items()})


def test_every_service_is_healthy_by_its_own_check(house: Deployed) -> None:
    assert all(house.healthy(name) for name in (*OURS, "nats", "front"))


def test_pages_and_calendars_come_through_the_front_in_the_bytes_and_with_the_tags_of_the_services(
    house: Deployed,
) -> None:
    page = house.get("/centre/edmonton")
    assert (page.status, b"Edmonton" in page.body) == (200, True)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for headers in ({}, GZIP):
        front, own = house.get(FEED, **headers), upstream(house, **headers)
        assert (front.status, front.body) == (200, own.body)
        for name in ("etag", "last-modified", "cache-control", "vary", "content-type", "content-encoding"):
            assert front.headers.get(name) == own.headers.get(name), name
    assert house.get(FEED, **GZIP).headers["etag"] != house.get(FEED).headers["etag"]


def test_the_second_reader_is_answered_by_the_cache_and_who_has_it_already_by_304(house: Deployed) -> None:
    for headers in ({}, GZIP):
        first = house.get(FEED, **headers)
        assert house.get(FEED, **headers).headers["x-cache"] == "HIT"
        tag = first.headers["etag"]
        again = house.get(FEED, if_none_match=tag, **headers)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
        assert house.get(FEED, if_none_match='"another"', **headers).status == 200


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip", True), ("deflate, gzip;q=0.5", True), ("gzip;q=0", False), ("br", False), ("GZIP;q=1.0", True)],
)
def test_who_takes_gzip_gets_it_and_nobody_else(house: Deployed, accepted: str, packed: bool) -> None:
    answer = house.get(FEED, accept_encoding=accepted)
    assert answer.headers.get("content-encoding") == ("gzip" if packed else None)


def test_what_did_not_change_is_asked_for_by_its_tag(house: Deployed) -> None:
    made = answered(house, "304")
    until(lambda: house.get(FEED).headers["x-cache"] == "REVALIDATED", "it is asked for again", KEPT * 3, 0.2)
    assert answered(house, "304") > made
    assert house.get(FEED).headers["x-cache"] == "HIT"


def answered(site: Deployed, status: str) -> float:
    """How often feeds answered so."""
    text = get(site.ports["feeds"].http, "/metrics").body.decode()
    lines = [line for line in text.splitlines() if f'"{status}"' in line and not line.startswith("#")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


@pytest.mark.slow
async def test_a_change_is_seen_within_the_time_that_the_cache_keeps_an_answer(house: Deployed) -> None:
    async with house.caller.meetings() as stub:
        made = await acts.create_meeting(stub, "centres/edmonton", "As it was", "2026-11-24T19:00")
        until(lambda: "As it was" in titles(house), "the front shows it", KEPT + 3)
        await acts.rename(stub, made.name, "Renamed a moment ago")
    until(lambda: "Renamed a moment ago" in titles(house), "the front shows it renamed", KEPT + 3)
    assert "As it was" not in titles(house)


async def test_what_is_found_by_its_address_alone_is_in_no_cache(house: Deployed) -> None:
    async with house.caller.meetings() as stub:
        await acts.create_centre(stub, "quiet")
        meeting = acts.weekly("Unlisted", "2026-11-24T19:00")
        meeting.visibility = meeting_pb2.VISIBILITY_UNLISTED
        made = await stub.CreateMeeting(pb.CreateMeetingRequest(parent="centres/quiet", meeting=meeting))
    path = f"/calendars/quiet/meeting/{made.name.rpartition('/')[2]}.ics"
    until(lambda: house.get(path).status == 200, "it is served")
    answers = [house.get(path) for _ in range(3)]
    assert [answer.headers["x-cache"] for answer in answers] == ["MISS"] * 3
    assert "private" in answers[0].headers["cache-control"]
    assert not any(made.name.encode() in path.read_bytes() for path in kept(house))
    assert "x-cache" not in house.get("/invited/nothing.ics").headers


def kept(site: Deployed) -> list[Any]:
    return [path for path in (site.folder / "front/cache").rglob("*") if path.is_file()]


async def test_a_report_of_an_empty_room_reaches_meetings_and_is_counted_by_the_network_that_tls_ended_for(
    house: Deployed,
) -> None:
    async with house.caller.meetings() as stub:
        path = await about_to_begin(stub, "empty")
        until(lambda: house.get(path).status == 200, "the page asks")
        for asker in ("203.0.113.7", "203.0.113.8", "192.0.2.1, 198.51.100.9"):
            headers = {**FORM, "x-forwarded-for": asker}
            answer = get(house.ports["front"].http, path, headers, "POST", SURE)
            assert (answer.status, b"It is noted" in answer.body) == (200, True)
        assert await counted(stub, "empty") == [2]


def test_meeting_guide_lists_are_kept_too_and_are_for_every_page(house: Deployed) -> None:
    path = "/meeting-guide/edmonton.json"
    until(lambda: house.get(path).status == 200, "it is served")
    first, own = house.get(path), upstream(house, path)
    assert (first.body, first.headers["etag"]) == (own.body, own.headers["etag"])
    assert first.headers.get("access-control-allow-origin") == own.headers.get("access-control-allow-origin")
    assert house.get(path).headers["x-cache"] == "HIT"
    assert house.get(path, if_none_match=own.headers["etag"]).status == 304


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/metrics/", "//metrics", "/%6detrics", "/x/../metrics", "/readyz", "/readyz/serving", "/%2Freadyz"],
)
def test_what_a_process_tells_of_itself_is_not_told_outside(house: Deployed, path: str) -> None:
    answer = house.get(path)
    assert (answer.status, b"openchair" in answer.body, b"checks" in answer.body) == (404, False, False)


def test_calendars_outlive_the_process_that_makes_them_and_follow_again_when_it_is_back(house: Deployed) -> None:
    before = house.get(FEED)
    assert house.stop("feeds") == 0
    until(lambda: house.get(FEED).headers["x-cache"] == "STALE", "feeds are gone, the calendar is not", KEPT * 3, 0.2)
    stale = house.get(FEED)
    assert (stale.status, stale.body) == (200, before.body)
    assert house.get(FEED, if_none_match=before.headers["etag"]).status == 304
    assert house.get("/calendars/never-asked-for.ics").status == 502
    house.launch("feeds")
    house.await_("feeds")
    until(lambda: house.get(FEED).headers["x-cache"] in {"REVALIDATED", "EXPIRED"}, "it follows again", KEPT * 3, 0.2)


def test_no_log_has_an_address_a_query_or_a_code(house: Deployed) -> None:
    house.get(f"{FEED}?near=53.54,-113.49&discreet=canary-word")
    house.get("/invited/canary-code-canary-code")
    house.get("/invited/canary-code-canary-code.ics")
    house.get("/?near=canary-place")
    log = until(lambda: _lines(house, '"kind":"invited"'), "they are counted")
    assert {*json.loads(log.splitlines()[0])} == {"time", "kind", "method", "status", "bytes", "seconds", "cache"}
    assert {json.loads(line)["kind"] for line in log.splitlines()} <= {
        "start", "other", "centre", "calendars", "meeting-guide", "invited", "nobody-here", "m",
    }  # fmt: skip
    logs = log + "".join(house.said(name) for name in (*OURS, "front"))
    assert not re.search(r"canary|53\.54|near=", logs)
    assert "127.0.0.1" not in log + house.said("front")


def _lines(site: Deployed, wanted: str) -> str:
    text = (site.folder / "front/access.log").read_text()
    return text if wanted in text else ""


def test_a_backup_comes_over_the_front(house: Deployed, tmp_path: Path) -> None:
    key, file = tmp_path / "key", tmp_path / "chairs.backup"
    key.write_text("k3y-of-nine-owls-and-a-heron-at-dusk")
    key.chmod(0o600)
    done = house.caller.command("backup", "--key-file", str(key), "--json", str(file))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["services"]["meetings"]["meeting"] > 5
    done = house.caller.command("backup", "--service", "rsvps", "--key-file", str(key), "--json", f"{file}-rsvps")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["services"]["rsvps"]["part"] > 5


def test_each_stops_in_good_order_in_the_time_that_the_file_gives(house: Deployed) -> None:
    for name in ("front", "web", "feeds", "rsvps", "meetings"):
        assert house.stop(name) == 0, house.said(name)
    house.running["nats"].send_signal(signal.SIGTERM)
    house.running["nats"].wait(60)
