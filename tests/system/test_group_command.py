"""`openchair group` as a coordinator uses it: by titles, on the sample, from the first code to letting go."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.system.running import System, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TITLE = "Big Book Study"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("group")) as started:
        assert started.command("group", "create", "riverside", "--title", "Owls").returncode == 0
        yield started


def shows(system: System) -> bool:
    return TITLE.encode() in system.feed("riverside")


def test_a_meeting_is_named_by_its_title_and_hidden_and_shown_again(system: System) -> None:
    until(lambda: shows(system), "the sample is published")
    opened = system.command("group", "open", "riverside", "owls", TITLE.lower(), "--members-only")
    assert opened.returncode == 0, opened.stderr
    until(lambda: not shows(system), "nobody else sees it")

    closed = system.command("group", "close", "riverside", TITLE)
    assert (closed.returncode, "--public" in closed.stderr) == (1, True)

    assert system.command("group", "close", "riverside", TITLE, "--public").returncode == 0
    until(lambda: shows(system), "everybody sees it again")


@pytest.mark.slow
def test_a_meeting_is_named_by_the_address_of_its_calendar(system: System) -> None:
    page = system.get("/centre/riverside").body.decode()
    address = next(part.split('"')[0] for part in page.split("/calendars/riverside/meeting/")[1:])
    whole = f"http://127.0.0.1:{system.http_port}/calendars/riverside/meeting/{address}"

    assert system.command("group", "open", "riverside", "Owls", whole).returncode == 0
    refused = system.command("group", "delete", "riverside", "Owls")
    assert (refused.returncode, f"close riverside {address.removesuffix('.ics')}" in refused.stderr) == (1, True)

    assert system.command("group", "close", "riverside", whole).returncode == 0
    assert system.command("group", "delete", "riverside", "Owls").returncode == 0
    system.command("group", "create", "riverside", "--title", "Owls")


def test_a_title_that_names_no_meeting_or_several_is_refused(system: System, tmp_path: Path) -> None:
    twins = tmp_path / "twins.json"
    twins.write_text(json.dumps([{"name": "Twin", "slug": slug, "day": 1, "time": "12:00"} for slug in "ab"]))
    named = ("--centre=riverside", "--source=twins", "--timezone=America/Edmonton", "--fellowship=AA")
    assert system.command("import", "meeting-guide", str(twins), *named).returncode == 0

    for title, says in (("Nobody knows this", "there is no meeting"), ("twin", "by its id (")):
        refused = system.command("group", "open", "riverside", "Owls", title)
        assert (refused.returncode, says in refused.stderr) == (1, True), refused.stderr
