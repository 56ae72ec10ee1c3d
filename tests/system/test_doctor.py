"""`openchair doctor` on systems that are well, and on systems that are not."""

from __future__ import annotations

import json
import os
import signal
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from openchair.admin.v1.admin_service_pb2 import FollowedStream, ServiceStatus, Status

from services.cli import checkup, computer
from services.cli.finding import Finding, as_json, fine, lines, unknown, wrong
from services.kit.auth import load_or_make_keys
from tests.system.alone import ready, site
from tests.system.running import System, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODE = 0o700


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("patient")) as started:
        yield started


def doctor(system: System, **environ: str) -> tuple[int, dict[str, list[Finding]]]:
    """The exit code, and the findings by their names."""
    before = dict(system.environ)
    system.environ.update(environ)
    try:
        done = system.command("doctor", "--json")
    finally:
        system.environ = before
    assert "Traceback" not in done.stderr, done.stderr
    said = json.loads(done.stdout)
    assert said["fine"] is (done.returncode == 0)
    found: dict[str, list[Finding]] = {}
    for each in said["checks"]:
        found.setdefault(each["name"], []).append(Finding(**each))
    return done.returncode, found


def faults(found: dict[str, list[Finding]]) -> list[str]:
    """What is wrong, each with what to do."""
    return [
        f"{each.name}: {each.text} => {each.cure}" for many in found.values() for each in many if each.state == "wrong"
    ]


def test_a_system_that_is_well_has_nothing_wrong(system: System) -> None:
    code, found = doctor(system)
    assert (code, faults(found)) == (0, [])
    for name in (
        "settings",
        "data folder",
        "disk",
        "keys",
        "HTTP port",
        "gRPC port",
        "server",
        "HTTP",
        "calendar",
        "clock",
    ):
        assert [each.state for each in found[name]] == ["fine"], name
    assert [each.state for each in found["readiness"]] == ["fine"]
    assert [each.state for each in found["broker"]] == ["fine", "fine"]
    for name in ("meetings", "rsvps", "feeds", "web"):
        assert [each.state for each in found[name]] == ["fine"]
    assert f"process {system.pid}" in found["data folder"][0].text
    assert "riverside.ics is served" in found["calendar"][0].text


def test_a_person_is_told_a_line_each_in_characters_that_the_terminal_has(system: System) -> None:
    system.environ["PYTHONIOENCODING"] = "utf-8"
    try:
        said = system.command("doctor").stdout
        assert "✓ server" in said
        assert said.endswith("\nNothing is wrong.\n")
        system.environ["PYTHONIOENCODING"] = "ascii"
        said = system.command("doctor").stdout
    finally:
        del system.environ["PYTHONIOENCODING"]
    assert said.isascii()
    assert "ok server" in said


def test_it_changes_nothing(system: System) -> None:
    def there() -> dict[str, int]:
        return {str(each): each.stat().st_mode for each in system.data.rglob("*") if "nats" not in each.parts}

    before = there()
    doctor(system)
    assert there() == before


@pytest.mark.parametrize(
    ("environ", "name", "says"),
    [
        ({"OPENCHAIR_TOKEN": "eyJcanary.eyJcanary.canary"}, "status", "OPENCHAIR_TOKEN"),
        ({"OPENCHAIR_SITE": "elsewhere"}, "status", "OPENCHAIR_SITE"),
        ({"OPENCHAIR_PUBLIC_URL": "http://localhost:1"}, "public address", "refused"),
        ({"OPENCHAIR_HTP_PORT": "1"}, "settings", "OPENCHAIR_HTTP_PORT"),
        ({"OPENCHAIR_TARGET": "nonsense"}, "server", "OPENCHAIR_TARGET"),
    ],
)
def test_what_is_wrong_with_who_asks_is_told_with_its_cure(
    system: System, environ: dict[str, str], name: str, says: str
) -> None:
    code, found = doctor(system, **environ)
    assert code == 1
    assert [each.split(":")[0] for each in faults(found)] == [name]
    assert says in faults(found)[0]
    assert not faults(found)[0].endswith("=> ")


def test_no_secret_is_shown(system: System) -> None:
    secrets = {
        "OPENCHAIR_TOKEN": "eyJcanary1.eyJcanary1.canary1",
        "OPENCHAIR_PAGE_SECRET": "canary2",
        "MONGODB_URL": "mongodb://kim:canary3@db",
        "NATS_MONITOR_URLS": "http://kim:canary4@127.0.0.1:1",
        "OPENCHAIR_CANARY": "canary5",
    }
    _, found = doctor(system, **secrets)
    assert "canary" not in str(found)
    told = str(found["settings"])
    assert all(key in told for key in ("OPENCHAIR_PAGE_SECRET", "NATS_MONITOR_URLS", "OPENCHAIR_CANARY"))


def test_a_monitor_that_does_not_answer_is_named(system: System) -> None:
    _, found = doctor(system, NATS_MONITOR_URLS="http://127.0.0.1:1")
    assert "127.0.0.1:1" in str(found["broker"])


@pytest.mark.slow
def test_a_broker_that_says_nothing_is_named(system: System) -> None:
    with system.frozen_nats():
        until(system.unready, "the system notices")
        code, found = doctor(system)
    until(lambda: system.readiness().ready, "it is well again")
    assert code == 1
    assert "not ready" in found["HTTP"][0].text
    assert [each.state for each in found["broker"]][-1] == "wrong"


@pytest.mark.slow
def test_a_server_that_hangs_is_named_by_its_process(system: System) -> None:
    os.kill(system.pid, signal.SIGSTOP)
    try:
        code, found = doctor(system)
    finally:
        os.kill(system.pid, signal.SIGCONT)
    assert code == 1
    assert found["server"][0].cure.startswith(f"process {system.pid} owns the data folder")
    assert "calendar" not in found


def test_without_a_server_it_says_how_to_start_one(tmp_path: Path) -> None:
    code, found = doctor(System(tmp_path))
    assert code == 1
    assert [each.split("=>")[1] for each in faults(found)] == [" start it: `make run` (or `openchair run`)"]
    assert [found[name][0].state for name in ("data folder", "keys", "HTTP port", "gRPC port")] == ["unknown"] * 4
    assert not (tmp_path / "var").exists()


def test_a_port_that_another_program_uses_is_named_with_the_program(tmp_path: Path) -> None:
    system = System(tmp_path)
    with socket.create_server(("127.0.0.1", system.http_port)):
        code, found = doctor(system)
    assert code == 1
    assert f"process {os.getpid()}" in found["HTTP port"][0].text
    assert "OPENCHAIR_HTTP_PORT" in found["HTTP port"][0].cure


def test_a_port_that_another_openchair_uses_is_wrong_and_a_start_names_the_port(system: System, tmp_path: Path) -> None:
    second = System(tmp_path, {"OPENCHAIR_HTTP_PORT": str(system.http_port)})
    code, found = doctor(second)
    assert code == 1
    assert f"process {system.pid} (another Openchair)" in found["HTTP port"][0].text

    second.launch()
    assert second.wait() == 1
    assert f"cannot listen on 127.0.0.1:{system.http_port}: Address already in use" in second.said()
    assert "openchair doctor" in second.said()


@pytest.mark.slow
def test_meetings_alone_has_its_calendars_elsewhere(system: System, tmp_path: Path) -> None:
    with site(tmp_path) as made:
        alone = made.service("meetings", OPENCHAIR_ENV="development")
        alone.start()
        ready(alone)
        _, found = doctor(alone)
        assert (found["calendar"][0].state, "OPENCHAIR_PUBLIC_URL" in found["calendar"][0].text) == ("unknown", True)

        there = f"http://127.0.0.1:{system.http_port}"
        _, found = doctor(alone, OPENCHAIR_PUBLIC_URL=there)
        assert (found["calendar"][0].state, there in found["calendar"][0].text) == ("fine", True)

        made.broker.stop()
        _, found = doctor(alone)
        assert "does nats-server run" in found["broker"][-1].cure


def test_a_data_folder_that_others_may_read_and_a_key_too_are_told(tmp_path: Path) -> None:
    system = System(tmp_path)
    load_or_make_keys(system.data / "keys")
    system.data.chmod(0o755)
    (system.data / "keys" / "token.key").chmod(0o644)
    _, found = doctor(system)
    assert "chmod 700" in found["data folder"][0].cure
    assert "chmod 600" in found["keys"][0].cure


def test_a_data_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    system = System(tmp_path)
    system.data.touch()
    _, found = doctor(system)
    assert (found["data folder"][0].state, found["data folder"][0].cure[:18]) == ("wrong", "set OPENCHAIR_DATA")


def service(**fields: Any) -> ServiceStatus:
    return ServiceStatus(service="meetings", store="sqlite", epoch=1, **fields)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (service(unpublished=7, lag_seconds=90), "7 changes wait"),
        (service(alarms=["meeting m1 public: too large"]), "too large"),
        (service(dead_letters=3), "openchair dead list"),
        (service(follows=[FollowedStream(stream="PUBLIC_home")]), "still being read"),
        (service(follows=[FollowedStream(stream="PUBLIC_home", ready=True)]), "not followed just now"),
        (service(follows=[FollowedStream(stream="PUBLIC_home", ready=True, current=True, skipped=2)]), "2 messages"),
    ],
)
def test_what_a_service_says_of_itself_is_told_in_words(status: ServiceStatus, says: str) -> None:
    (found,) = checkup._service(status)
    assert found.state == "wrong"
    assert says in f"{found.text} {found.cure}"


def test_a_service_that_is_a_moment_behind_is_well() -> None:
    follows = [FollowedStream(stream="PUBLIC_home", ready=True, current=True, held=1)]
    (found,) = checkup._service(service(unpublished=2, lag_seconds=1.5, follows=follows))
    assert found.state == "fine"


@pytest.mark.parametrize(("days", "state"), [(None, "unknown"), (29, "fine"), (31, "wrong")])
def test_a_backup_that_is_old_is_told(days: int | None, state: str) -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    status = Status()
    if days is not None:
        status.last_backup_time.FromDatetime(now - timedelta(days=days))
    found = checkup._backups(status, now)
    assert found.state == state
    assert ("openchair backup FILE" in found.text + found.cure) is (state != "fine")


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"OPENCHAIR_HTTP_PORT": "80800", "OPENCHAIR_FOO": "x", "OPENCHAIR_SITE": "oak"}, 2),
        ({"OPENCHAIR_HTTP_PORT": "50051", "OPENCHAIR_SITE": "oak"}, 1),
        ({"OPENCHAIR_HOST": "0.0.0.0", "OPENCHAIR_ENV": "canary", "OPENCHAIR_SITE": "oak"}, 2),  # noqa: S104 - nothing listens
    ],
)
def test_all_settings_that_are_wrong_are_told_at_once(environ: dict[str, str], told: int) -> None:
    _, found = computer.settings_of(environ)
    assert [each.state for each in found] == ["wrong"] * told
    assert all(each.text.startswith("OPENCHAIR_") for each in found)


@pytest.mark.parametrize(
    ("said", "state", "says"),
    [
        ({"ready": True, "checks": {"store": "ok"}, "warnings": {}}, "fine", "ready"),
        ({"ready": True, "checks": {"store": "ok"}, "warnings": {"relay": "it waits"}}, "wrong", "relay: it waits"),
        ({"ready": False, "checks": {"store": "no space", "bus": "ok"}}, "wrong", "store: no space"),
        ({"status": "UP"}, "wrong", "something else"),
    ],
)
def test_what_readyz_says_is_told(said: dict[str, Any], state: str, says: str) -> None:
    found = checkup._ready("http://site", checkup.Answer(200, json.dumps(said).encode(), None))
    assert found.state == state
    assert says in found.text
    assert "bus" not in found.text


def test_each_reason_not_to_be_ready_is_a_line() -> None:
    found = list(checkup._readiness(Status(not_ready=["one", "two"])))
    assert [(each.state, each.text) for each in found] == [("wrong", "one"), ("wrong", "two")]


@pytest.mark.parametrize(
    ("version", "state"), [("2.15.1", "fine"), ("2.14.0", "fine"), ("2.13.9", "wrong"), ("", "wrong")]
)
def test_a_broker_before_2_14_is_too_old(version: str, state: str) -> None:
    assert computer.broker("broker", version).state == state


@pytest.mark.parametrize(("year", "state"), [(2027, "fine"), (2031, "wrong")])
def test_rules_of_time_zones_that_are_years_old_are_told(year: int, state: str) -> None:
    assert computer._time_zones(datetime(year, 1, 1, tzinfo=UTC)).state == state


def test_a_clock_that_is_off_is_told() -> None:
    long_ago = checkup.Answer(200, b"", datetime(2020, 1, 1, tzinfo=UTC))
    assert checkup._clock(long_ago).state == "wrong"
    assert checkup._clock(checkup.Answer(200, b"", datetime.now(UTC))).state == "fine"


def test_what_a_server_says_moves_no_cursor_and_shows_no_token() -> None:
    found = [wrong("server", "\x1b[2Jgone eyJhbGciOi.eyJzdWIi.canary", "x"), unknown("a", "b"), fine("c", "d")]
    for text in ("\n".join(lines(found, "UTF-8")), "\n".join(lines(found, "latin-1")), as_json(found)):
        assert "\x1b" not in text
        assert "canary" not in text
    assert lines(found, "UTF-8")[-1] == "One thing is wrong."
