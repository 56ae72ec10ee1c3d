"""`openchair find` against a running site, by somebody without keys or token."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from tests.system.running import ROOT, System, environment, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "whiskeyville"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("find")) as started:
        yield started


def find(system: System, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command where no keys are."""
    environ = environment({**system.environ, "OPENCHAIR_DATA": str(folder)})
    command = [sys.executable, "-m", "services.cli", "find", *words]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60)


def list_of_two(folder: Path) -> str:
    """A list with a meeting on every Tuesday and one on every Sunday, in Edmonton."""
    here = {"formatted_address": "1 Main St, Edmonton", "latitude": 53.5461, "longitude": -113.4938}
    two = [
        {"name": "Tuesday Straße", "slug": "one", "day": 2, "time": "19:00", "location": "Hall", **here},
        {"name": "Sunday Group", "slug": "two", "day": 0, "time": "10:00", "conference_url": "https://zoom.us/j/1"},
    ]
    (folder / "list.json").write_text(json.dumps(two))
    return str(folder / "list.json")


def test_anybody_finds_meetings_and_no_log_says_what_was_searched(system: System, tmp_path: Path) -> None:
    options = ("--centre=riverside", "--source=find", "--timezone=America/Edmonton", "--fellowship=FIND")
    assert system.command("import", "meeting-guide", list_of_two(tmp_path), *options).returncode == 0
    found = find(system, tmp_path, "strasse", "--near=53.55,-113.5", "--day=tue", "--from=17:00", "--fellowship=find")
    assert (found.returncode, found.stderr) == (0, "")
    head, line, count = found.stdout.splitlines()
    assert head.split() == ["WHEN", "WHAT", "WHERE", "HOW", "TO", "JOIN"]
    now = datetime.now(ZoneInfo("America/Edmonton"))
    assert line.startswith("Tuesday ")
    assert datetime.strptime(" ".join(line.split()[1:4]), "%d %B %Y").date() - now.date() <= timedelta(days=7)  # noqa: DTZ007 - a date
    assert "Tuesday Straße (FIND)" in line
    assert count == "1 meeting"
    asked = ("--fellowship=FIND", "--dates=2", "--json")
    told = json.loads(find(system, tmp_path, *asked).stdout)
    assert told["total"] == 2
    assert {len(each["next_dates"]) for each in told["meetings"]} == {2}
    nothing = find(system, tmp_path, SECRET, "--near=12.3456,65.4321")
    assert (nothing.returncode, nothing.stdout.startswith("Nothing fits.")) == (0, True)
    for secret in (SECRET, "12.3456", "65.4321"):
        assert secret not in system.said()


def test_the_sample_is_found_by_where_it_is(system: System, tmp_path: Path) -> None:
    near = json.loads(
        find(system, tmp_path, "--near=53.54,-113.49", "--radius=1", "--centre=riverside", "--json").stdout
    )
    places = {meeting["venue"]["title"] for meeting in near["meetings"]}
    assert (places, near["total"] > 0) == ({"Riverside House"}, True)


@pytest.mark.slow
def test_mistakes_are_answered_in_the_words_of_the_options(system: System, tmp_path: Path) -> None:
    for words, code, says in (
        (("--radius=501", "--near=1,1"), 2, "--radius: must lie between 0 and 500 km"),
        (("--centre=nowhere",), 1, "there is no centre 'nowhere' here"),
        (("x" * 201,), 2, "WORDS: is longer than 200 characters"),
        (("--language=english!",), 2, "--language: must be a language tag"),
        (("--dates=11",), 2, "--dates: must lie between 0 and 10"),
    ):
        ended = find(system, tmp_path, *words)
        assert (ended.returncode, says in ended.stderr) == (code, True), ended.stderr
