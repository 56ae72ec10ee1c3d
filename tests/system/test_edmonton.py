"""A real list (Edmonton's) through the real command, and what four calendar programs make of it.

What is expected is reckoned here from the file, with nothing of ours: a day of the week and an hour on the wall.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from openchair.meetings.v1 import meeting_pb2

from services.kit.clock import SystemClock
from services.kit.store.sqlite import SqliteStore
from services.meetings.records import KINDS
from tests.system import acts
from tests.system.feed_readers import READERS
from tests.system.running import ROOT, System, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

    from services.kit.store.port import Where

WHOLE = ROOT.parent / "shared" / "data" / "recovery" / "meeting_guide_feed_edmonton.json"
EXCERPT = ROOT / "tests" / "data" / "meeting_guide" / "edmonton.json"
LIST = WHOLE if os.environ.get("OPENCHAIR_GATE") == "1" and WHOLE.exists() else EXCERPT
"""Before a release the whole list of 315, where it is beside the checkout; else some records of it."""
RECORDS: list[dict[str, Any]] = json.loads(LIST.read_text(encoding="utf-8"))

CENTRE = "centres/edmonton"
DAYS = 60
NEW, CHANGED, REFUSED = (f"ROW_OUTCOME_{word}" for word in ("NEW", "CHANGED", "REFUSED"))


class Imported(NamedTuple):
    """The running system with the list in it, and the report of how it came in."""

    system: System
    report: dict[str, Any]


@pytest.fixture(scope="module")
def edmonton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Imported]:
    with running(tmp_path_factory.mktemp("edmonton")) as system:
        create(system)
        done = bring_in(system, LIST, "--json")
        assert done.returncode == 0, done.stderr
        until(lambda: len(acts.events(system.feed("edmonton"))) == len(active()), "the calendar has them")
        yield Imported(system, json.loads(done.stdout))


def create(system: System) -> None:
    done = system.command("centre", "create", "edmonton", "--title", "Edmonton", "--timezone", acts.ZONE)
    assert done.returncode == 0, done.stderr


def bring_in(
    system: System, file: Path, *options: str, centre: str = "edmonton", form: str = "meeting-guide"
) -> CompletedProcess[str]:
    """`openchair import` of a file."""
    named = ("--centre", centre, "--source", "edmonton-aa", "--timezone", acts.ZONE, "--fellowship", "AA")
    return system.command("import", form, str(file), *named, *options)


def closed(record: dict[str, Any]) -> bool:
    """TC is "location temporarily closed"; who can be joined from afar goes on."""
    return "TC" in record["types"] and not record["conference_url"]


def active() -> list[dict[str, Any]]:
    return [record for record in RECORDS if not closed(record)]


def plain(text: str | None) -> str:
    return " ".join(html.unescape(text or "").split())


def title(record: dict[str, Any]) -> str:
    return plain(record["name"])


def weekly_starts(record: dict[str, Any], since: datetime) -> Iterator[datetime]:
    """Each date in the window: 0 is Sunday, the hour is the wall's."""
    hour = datetime.strptime(record["time"], "%I:%M %p").time()  # noqa: DTZ007 - an hour, no instant
    today = since.astimezone(ZoneInfo(acts.ZONE)).date()
    for number in range(-1, DAYS + 2):
        day = today + timedelta(days=number)
        start = datetime.combine(day, hour, ZoneInfo(acts.ZONE)).astimezone(UTC)
        if day.isoweekday() % 7 in record["day"] and since <= start < since + timedelta(days=DAYS):
            yield start


def test_it_is_the_whole_list() -> None:
    if LIST is EXCERPT:
        pytest.skip("a long form (make gate), with the whole list of Edmonton beside the checkout")
    assert len(RECORDS) == 315


def test_every_record_has_a_line_in_the_report_and_a_meeting(edmonton: Imported) -> None:
    lines = edmonton.report["records"]

    assert edmonton.report["counts"] == {"new": len(RECORDS)}
    assert [line["number"] for line in lines] == list(range(1, len(RECORDS) + 1))
    assert [line["source_id"] for line in lines] == [record["slug"] for record in RECORDS]
    assert {line["outcome"] for line in lines} == {NEW}
    assert len({line["meeting"] for line in lines}) == len(RECORDS)


async def test_each_meeting_is_what_its_record_says_or_a_line_says_what_was_left_out(edmonton: Imported) -> None:
    async with edmonton.system.meetings() as stub:
        found = {meeting.source.id: meeting for meeting in await acts.meetings(stub, CENTRE)}

    assert set(found) == {record["slug"] for record in RECORDS}
    for record, line in zip(RECORDS, edmonton.report["records"], strict=True):
        meeting, warnings = found[record["slug"]], " / ".join(line.get("warnings", []))
        suspended = meeting.state == meeting_pb2.MEETING_STATE_SUSPENDED
        assert (meeting.title, suspended) == (title(record), closed(record)), record["slug"]
        spanish = ["S"] * (meeting.language == "es")
        assert sorted([*meeting.types, *spanish]) == sorted(record["types"]) or "type codes" in warnings, record["slug"]
        assert plain(meeting.notes) == plain(record["notes"]) or "notes" in warnings, record["slug"]
        assert plain(meeting.group) == plain(record["group"]), record["slug"]
        if meeting.mode != meeting_pb2.MODE_ONLINE:
            assert plain(record["location"]) in {meeting.venue.title, ""}, record["slug"]
            assert plain(record["address"]) == meeting.venue.address or "address" in warnings, record["slug"]
        if meeting.mode != meeting_pb2.MODE_IN_PERSON:
            assert record["conference_url"] == meeting.online.url or "join" in warnings, record["slug"]


def test_what_is_closed_is_in_no_calendar_and_listed_as_closed_on_the_page(edmonton: Imported) -> None:
    meeting_of = {line["source_id"]: line["meeting"].rpartition("/")[2] for line in edmonton.report["records"]}
    shut = [record for record in RECORDS if closed(record)]
    advertised = {key.partition("@")[0] for key in acts.events(edmonton.system.feed("edmonton"))}
    page = edmonton.system.get("/centre/edmonton").body.decode()
    listed = re.findall(r"<h[3-5]>([^<]*)</h[3-5]><p class=\"kinds\">Closed for now", page)

    assert shut
    assert advertised == {meeting_of[record["slug"]] for record in active()}
    assert sorted(map(html.unescape, listed)) == sorted(title(record) for record in shut)


@pytest.mark.parametrize("reader", READERS)
async def test_four_readers_and_the_service_agree_with_the_file_on_the_next_sixty_days(
    edmonton: Imported, reader: str
) -> None:
    since = datetime.now(UTC).replace(microsecond=0)
    async with edmonton.system.meetings() as stub:
        listed = acts.said(await acts.occurrences(stub, CENTRE, since, DAYS), since)
    expected = Counter((start, title(record)) for record in active() for start in weekly_starts(record, since))

    assert Counter((shown.start, shown.title) for shown in listed) == expected
    assert acts.read_by(reader, edmonton.system.feed("edmonton"), since, DAYS) == listed


def test_importing_it_again_changes_nothing(edmonton: Imported) -> None:
    before = edmonton.system.feed("edmonton")
    again = bring_in(edmonton.system, LIST)

    assert again.returncode == 0
    assert re.findall(r"^ +(\d+) (new|changed|unchanged)$", again.stdout, re.MULTILINE) == [
        ("0", "new"), ("0", "changed"), (str(len(RECORDS)), "unchanged"),
    ]  # fmt: skip
    assert edmonton.system.feed("edmonton") == before


def test_it_goes_out_with_every_record_and_comes_in_again_without_a_change(edmonton: Imported, tmp_path: Path) -> None:
    before = edmonton.system.feed("edmonton")
    for form, name in (("meeting-guide", "list.json"), ("csv", "list.csv")):
        file = tmp_path / name
        done = edmonton.system.command("export", form, "edmonton", "-o", str(file))
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert done.stderr == f"{len(RECORDS)} meetings written\n"
        again = bring_in(edmonton.system, file, "--remove-gone", "--json", form=form)
        assert json.loads(again.stdout)["counts"] == {"unchanged": len(RECORDS)}, again.stdout
    listed = json.loads((tmp_path / "list.json").read_text(encoding="utf-8"))
    assert {record["slug"] for record in listed} == {record["slug"] for record in RECORDS}
    assert edmonton.system.feed("edmonton") == before


def test_what_a_person_changed_stays_and_the_report_names_it(tmp_path: Path) -> None:
    good = active()[0]
    file = tmp_path / "list.json"
    with running(tmp_path / "system") as system:
        create(system)
        file.write_text(json.dumps([good]), encoding="utf-8")
        bring_in(system, file)
        first = system.command("meeting", "edit", "edmonton", title(good), "--title", "Our title", "--yes")
        assert first.returncode == 0, first.stderr + first.stdout
        file.write_text(json.dumps([{**good, "notes": "New"}]), encoding="utf-8")
        changed = bring_in(system, file)
        same = bring_in(system, file)

    assert "changed: its notes" in changed.stdout
    assert "kept as it was edited here: its title" in changed.stdout
    assert "kept as it was edited here: its title" in same.stdout


BERLIN = ROOT / "tests" / "data" / "bmlt" / "berlin.json"


@pytest.mark.slow
def test_a_list_of_another_fellowship_comes_in_beside_it(tmp_path: Path) -> None:
    with running(tmp_path) as system:
        create(system)
        named = ("--centre", "edmonton", "--source", "berlin-na", "--timezone", "Europe/Berlin")
        done = system.command("import", "bmlt", str(BERLIN), *named, "--json")
        again = system.command("import", "bmlt", str(BERLIN), *named, "--json")
        missing = system.command("import", "bmlt", str(BERLIN), *named, "--formats", str(tmp_path / "none.json"))
        page = system.get("/centre/edmonton").body.decode()

    found = json.loads(BERLIN.read_text(encoding="utf-8"))
    assert json.loads(done.stdout)["counts"] == {"new": len(found)}, done.stderr
    assert json.loads(again.stdout)["counts"] == {"unchanged": len(found)}
    assert (missing.returncode, missing.stderr) == (1, f"openchair: {tmp_path}/none.json: No such file or directory\n")
    assert "redacted@example.org" not in page


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<!DOCTYPE html><html><body>Sign in</body></html>", "it is a web page (HTML), not JSON"),
        ("", "it is empty"),
        ("[]", "the list is empty"),
        (LIST.read_text(encoding="utf-8")[:-700], "truncated"),
        ('{"error": "not found"}', "not a list of meetings"),
    ],
    ids=["a web page", "empty", "empty list", "truncated", "an error"],
)
def test_a_file_that_is_no_list_is_refused_in_a_line_and_nothing_is_in(
    edmonton: Imported, tmp_path: Path, text: str, reason: str
) -> None:
    before = edmonton.system.feed("edmonton")
    file = tmp_path / "list.json"
    file.write_text(text, encoding="utf-8")
    done = bring_in(edmonton.system, file, "--remove-gone")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"openchair: {file}: ")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert edmonton.system.feed("edmonton") == before


@pytest.mark.slow
def test_exit_codes_say_what_kind_of_no_it_was(edmonton: Imported, tmp_path: Path) -> None:
    missing = bring_in(edmonton.system, tmp_path / "none.json")
    nowhere = bring_in(edmonton.system, LIST, centre="nowhere")
    garbled = edmonton.system.command("import", "meeting-guide")
    alone = System(tmp_path / "alone", {"OPENCHAIR_DATA": str(edmonton.system.data)})

    assert (missing.returncode, missing.stderr) == (1, f"openchair: {tmp_path}/none.json: No such file or directory\n")
    assert nowhere.returncode == 1
    assert "--centre: there is no centre 'nowhere' here" in nowhere.stderr
    assert garbled.returncode == 2
    assert bring_in(alone, LIST).returncode == 4


def test_a_list_that_shrank_takes_nothing_away(edmonton: Imported, tmp_path: Path) -> None:
    before = edmonton.system.feed("edmonton")
    file = tmp_path / "list.json"
    file.write_text(json.dumps(RECORDS[: len(RECORDS) // 2]), encoding="utf-8")
    done = bring_in(edmonton.system, file, "--remove-gone")

    assert done.returncode == 1
    assert "are taken for a broken list" in done.stderr
    assert edmonton.system.feed("edmonton") == before


async def test_a_dry_run_says_what_would_be_and_leaves_no_trace(tmp_path: Path) -> None:
    with running(tmp_path) as system:
        create(system)
        before = system.feed("edmonton")
        done = bring_in(system, LIST, "--dry-run")

        assert done.returncode == 0
        assert f"Would import, of {len(RECORDS)} records:\n  {len(RECORDS)} new\n" in done.stdout
        assert done.stdout.endswith("Nothing was changed.\n")
        assert system.feed("edmonton") == before
        assert system.stop() == 0
        living, kept = await left_over(system)
    assert living == []
    assert not [record["slug"] for record in RECORDS if record["url"] in kept]


LEAVINGS: dict[str, Where] = {
    "meeting": {"centre": "edmonton"},
    "place": {"centre": "edmonton"},
    "import": {},
    "rows": {},
}


async def left_over(system: System) -> tuple[list[str], str]:
    """Records of the list's centre that are still there, and all that the store says of them otherwise."""
    store = SqliteStore(system.data / "meetings.sqlite", KINDS, SystemClock())
    await store.open()
    try:
        found = [
            record for kind, where in LEAVINGS.items() for record in (await store.find(kind, where, limit=1000)).records
        ]
    finally:
        await store.close()
    return [f"{record.kind} {record.id}" for record in found if not record.gone], str(found)


@pytest.mark.slow
async def test_one_bad_record_is_named_and_the_others_come_in(tmp_path: Path) -> None:
    good, bad = active()[0], {**active()[1], "time": "25:61"}
    file = tmp_path / "list.json"
    with running(tmp_path / "system") as system:
        create(system)
        file.write_text(json.dumps([good, bad]), encoding="utf-8")
        first = bring_in(system, file)
        file.write_text(json.dumps([{**good, "time": "9:15 PM"}, bad]), encoding="utf-8")
        second = bring_in(system, file, "--json")
        async with system.meetings() as stub:
            (meeting,) = await acts.meetings(stub, CENTRE)

    assert first.returncode == second.returncode == 3
    assert "  1 new\n  0 changed\n  0 unchanged\n  1 refused (see above; not in)\n" in first.stdout
    assert re.search(rf"^refused +2 +{bad['slug']}$", first.stdout, re.MULTILINE)
    assert [line["outcome"] for line in json.loads(second.stdout)["records"]] == [CHANGED, REFUSED]
    assert (meeting.title, meeting.schedule.start[-5:]) == (title(good), "21:15")
