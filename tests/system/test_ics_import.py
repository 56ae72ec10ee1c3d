"""A calendar through the real command into a running system, and files that mean harm, which keep nobody waiting."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import date
from typing import TYPE_CHECKING, Final

import pytest

from services.formats.ics import packed
from services.formats.records import Unreadable
from services.kit.confined import Confinement, Exceeded, Limits
from tests.system import acts
from tests.system.ics_hostile import EVENTS, GREEDY, WHOLE, calendar, event
from tests.system.running import ROOT, System, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

ORIGINALS: Final = ROOT.parent / "shared" / "data" / "ics"
SAMPLES: Final = ORIGINALS if ORIGINALS.exists() else ROOT / "tests" / "data" / "ics"
TODAY: Final = date(2026, 11, 21)
SECRETS: Final = ("kim@example.org", "4711", "hunter2")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("ics")) as started:
        done = started.command("centre", "create", "hall", "--title", "Hall", "--timezone", "Europe/Berlin")
        assert done.returncode == 0, done.stderr
        yield started


def bring_in(system: System, file: Path, *options: str, source: str = "calendar") -> CompletedProcess[str]:
    return system.command("import", "ics", str(file), "--centre", "hall", "--source", source, *options)


def written(tmp_path: Path, data: bytes) -> Path:
    file = tmp_path / "calendar.ics"
    file.write_bytes(data)
    return file


def weekly() -> bytes:
    start = "DTSTART;TZID=Europe/Berlin:20260105T190000"
    return calendar(
        *event(
            "RRULE:FREQ=WEEKLY",
            "ORGANIZER:mailto:kim@example.org",
            "DESCRIPTION:Welcome.\\nPasscode: 4711",
            "CONFERENCE;FEATURE=VIDEO:https://example.zoom.us/j/1",
            start=start,
        ),
        *event("RRULE:FREQ=WEEKLY", "CLASS:PRIVATE", "DESCRIPTION:hunter2", uid="b@example.org", start=start),
        *event("RRULE:FREQ=HOURLY", uid="c@example.org", start=start),
    )


def test_a_calendar_comes_in_with_a_report_and_shows_what_is_public(system: System, tmp_path: Path) -> None:
    done = bring_in(system, written(tmp_path, gzip.compress(weekly())), "--json")
    assert done.returncode == 3, done.stderr
    report = json.loads(done.stdout)
    assert report["counts"] == {"new": 2, "refused": 1}
    assert [line["number"] for line in report["records"]] == [1, 2, 3]
    assert "FREQ=HOURLY" in report["records"][2]["reasons"][0]
    until(lambda: len(acts.events(system.feed("hall"))) == 1, "the calendar has the public one")
    shown = system.feed("hall") + system.get("/centre/hall").body
    assert b"Evening group" in shown
    assert not [secret for secret in SECRETS if secret.encode() in shown]
    assert "Nothing was changed." in bring_in(system, written(tmp_path, weekly()), "--dry-run").stdout


@pytest.mark.slow
def test_a_file_that_is_refused_is_refused_in_one_line_and_nothing_is_in(system: System, tmp_path: Path) -> None:
    for make, why in (WHOLE["METHOD:CANCEL"], WHOLE["latin-1"], WHOLE["a gzip bomb"]):
        done = bring_in(system, written(tmp_path, make()), "--remove-gone")
        assert (done.returncode, done.stdout) == (1, "")
        assert why in done.stderr
        assert done.stderr.count("\n") == 1
    assert bring_in(system, written(tmp_path, weekly()), "--timezone", "Mars/Olympus").returncode == 2
    assert bring_in(system, tmp_path / "none.ics").returncode == 1


@pytest.mark.parametrize(
    "file",
    sorted(SAMPLES.glob("*.ics")),
    ids=lambda file: file.name,
)
def test_every_sample_gives_a_report_or_one_line(system: System, file: Path) -> None:
    done = bring_in(
        system, file, "--timezone", "Europe/Berlin", "--json", source=f"{file.stem.replace('_', '-').lower()}"
    )
    if done.returncode == 1:
        assert done.stderr.startswith(f"openchair: {file}: ")
        assert done.stderr.count("\n") == 1
        return
    report = json.loads(done.stdout)
    assert done.returncode == (3 if report["counts"].get("refused") else 0)
    refused = [line for line in report["records"] if line["outcome"] == "ROW_OUTCOME_REFUSED"]
    assert all("(line " in reason for line in refused for reason in line["reasons"])


async def test_twenty_files_that_mean_harm_keep_nobody_waiting(system: System) -> None:
    """The event loop that has them read goes on, and so does the system beside it; each is refused for what it is."""
    makers = [make for make, _ in (*WHOLE.values(), *EVENTS.values())][:18]
    files = [make() for make in (*makers, *GREEDY.values())]
    confinement = Confinement(Limits(cpu=2), at_once=2)
    all_ = asyncio.gather(*(outcome(confinement, data) for data in files))
    answers, turns = 0, 0
    while not all_.done():
        answer = await asyncio.to_thread(system.get, "/calendars/hall.ics")
        answers += answer.status == 200
        turns += 1
        await asyncio.sleep(0)
    assert answers == turns > 20
    refused = await all_
    assert len(refused) == 20
    assert all(refused)
    assert refused[-2:] == ["cpu", "cpu"]


async def outcome(confinement: Confinement, data: bytes) -> str:
    """Why a file is refused, or its first event; the limit that it ran into."""
    try:
        answer = await confinement.run(packed.FUNCTION, packed.question(packed.Question(data, TODAY, "Europe/Berlin")))
        return packed.rows(answer)[0].refusal
    except Unreadable as unreadable:
        return str(unreadable)
    except Exceeded as exceeded:
        return exceeded.limit


@pytest.mark.slow
async def test_ten_thousand_events_are_read_within_the_limits() -> None:
    lines = [
        line
        for number in range(10_000)
        for line in event("RRULE:FREQ=WEEKLY", "DESCRIPTION:All welcome", uid=f"e{number}@example.org")
    ]
    asked = packed.question(packed.Question(calendar(*lines), TODAY))
    rows = packed.rows(await Confinement(Limits(wall=60.0)).run(packed.FUNCTION, asked))
    assert (len(rows), sum(bool(row.refusal) for row in rows)) == (10_000, 0)
