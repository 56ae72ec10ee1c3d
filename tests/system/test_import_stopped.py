"""An import that is cut down with kill -9, command or server, is not in or is in whole; nobody's number stays."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final

import pytest
from google.protobuf.json_format import ParseDict
from openchair.meetings.v1 import import_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from tests.system import acts
from tests.system.running import ROOT, System, environment, reached, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

PARENT: Final = "centres/town"
ROWS: Final = 400
CONTACT: Final = "zq-canary-4711"
WORDS: Final = ("--centre=town", "--source=list", "--timezone=America/Edmonton")
SCHEDULE: Final = {"start": "2026-11-24T19:00", "time_zone": "America/Edmonton", "minutes": 60}


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with running(tmp_path) as started:
        assert (
            started.command("centre", "create", "town", "--title=Town", "--timezone=America/Edmonton").returncode == 0
        )
        yield started


def stored(system: System, kind: str) -> int:
    """How many there are in the database, whoever has it open."""
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(f"file:{system.data / 'meetings.sqlite'}?mode=ro", uri=True)) as found,
    ):
        return int(found.execute(f"SELECT count(*) FROM record_{kind}").fetchone()[0])  # noqa: S608 - a word of ours
    return 0


def row(number: int) -> import_pb2.ImportRow:
    meeting = {"title": f"M{number}", "mode": "MODE_IN_PERSON", "schedule": SCHEDULE | {"rule": "FREQ=WEEKLY;BYDAY=TU"}}
    return ParseDict({"number": number, "source_id": f"m{number}", "meeting": meeting}, import_pb2.ImportRow())


async def staged(stub: MeetingServiceStub) -> str:
    request = pb.CreateImportRequest(parent=PARENT, **{"import": import_pb2.Import(source="list")})  # type: ignore[arg-type]  # a word of Python
    name = (await stub.CreateImport(request)).name
    await stub.AddImportRows(pb.AddImportRowsRequest(name=name, rows=[row(n) for n in range(1, ROWS + 1)]))
    return name


async def titles(system: System) -> list[str]:
    async with system.meetings() as stub:
        return sorted(each.title for each in await acts.meetings(stub, PARENT))


ALL: Final = sorted(f"M{n}" for n in range(1, ROWS + 1))


@pytest.mark.slow
async def test_a_server_that_is_killed_before_the_commit_has_nothing_in_and_takes_the_commit_later(
    system: System,
) -> None:
    async with system.meetings() as stub:
        name = await staged(stub)
    system.kill()
    system.start()
    assert await titles(system) == []
    async with system.meetings() as stub:
        await stub.CommitImport(pb.CommitImportRequest(name=name))

    async def whole() -> bool:
        return await titles(system) == ALL

    await reached(whole, "it is in")


async def test_a_server_that_is_killed_after_the_commit_finishes_and_has_each_meeting_once(system: System) -> None:
    before = stored(system, "meeting")
    async with system.meetings() as stub:
        name = await staged(stub)
        await stub.CommitImport(pb.CommitImportRequest(name=name))
    until(lambda: stored(system, "meeting") > before, "some of it is in", interval=0)
    system.kill()
    assert before < stored(system, "meeting") < before + ROWS, "the kill came too late to show anything"
    system.start()

    async def told() -> bool:
        async with system.meetings() as stub:
            found = await stub.GetImport(pb.GetImportRequest(name=name, page_size=1000))
            return getattr(found, "import").state == import_pb2.IMPORT_STATE_DONE and len(found.report) == ROWS

    await reached(told, "its report is whole")
    assert await titles(system) == ALL


def test_a_command_that_is_killed_leaves_nothing_or_all_and_comes_again(system: System, tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_text(json.dumps([guide(n) for n in range(1, ROWS + 1)]), "utf-8")
    arguments = ("import", "meeting-guide", str(file), *WORDS, "--fellowship=AA")
    before = stored(system, "import")
    child = subprocess.Popen(
        [sys.executable, "-m", "services.cli", *arguments],
        cwd=ROOT, env=environment(system.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: stored(system, "import") > before, "it has begun", interval=0)
    child.kill()
    child.wait()

    def again() -> bool:
        answer = system.command(*arguments)
        assert answer.returncode == 0 or "another import of this source goes on" in answer.stderr, answer.stderr
        return answer.returncode == 0

    until(again, "it comes in")
    assert asyncio.run(titles(system)) == ALL


def guide(number: int) -> dict[str, Any]:
    return {"name": f"M{number}", "slug": f"m{number}", "day": 2, "time": "19:00", "location": "Hall",
            "formatted_address": "1 Main St, Harrow Bend"}  # fmt: skip


LISTS: Final = {
    "meeting-guide": json.dumps([
        guide(1) | {"contact_1_name": CONTACT, "contact_1_email": f"{CONTACT}@example.org", "phone": CONTACT,
                    "venmo": CONTACT, "feedback_emails": [CONTACT], "other": {"email": CONTACT},
                    "last": f"ask {CONTACT}@example.org"},
        guide(2) | {"contact_1_phone": CONTACT,
                    "openchair": {"source_fields": ["contact_1_phone"],
                                  "meeting": {"contact": CONTACT, "mode": "MODE_IN_PERSON"}}},
    ]),
    "csv": f"Name,Slug,Day,Time,Address,Contact 1 Name,Contact 1 Email,Phone\nM1,c1,Tuesday,19:00,1 Main St,"
           f"{CONTACT},{CONTACT}@example.org,{CONTACT}\n",
    "bmlt": json.dumps([
        {"id_bigint": "1", "meeting_name": "M1", "weekday_tinyint": "2", "start_time": "19:00:00", "formats": "O",
         "location_street": "1 Main St", "location_municipality": "Harrow Bend", "venue_type": "1",
         "contact_name_1": CONTACT, "contact_phone_1": CONTACT, "contact_email_1": CONTACT, "email_contact": CONTACT,
         "comments": f"Ask {CONTACT}@example.org"},
    ]),
    "ics": "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20261124T190000Z\r\n"
           f"SUMMARY:M1\r\nORGANIZER;CN={CONTACT}:mailto:{CONTACT}@example.org\r\n"
           f"ATTENDEE;CN={CONTACT}:mailto:{CONTACT}@example.org\r\nCONTACT:{CONTACT}\r\nCOMMENT:{CONTACT}\r\n"
           f"X-CONTACT:{CONTACT}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
}  # fmt: skip


@pytest.mark.slow
def test_who_is_to_be_asked_about_a_meeting_is_in_no_file_whatever_list_it_came_in(
    system: System, tmp_path: Path
) -> None:
    before = stored(system, "meeting")
    for form, text in LISTS.items():
        file = tmp_path / f"list.{form}"
        file.write_bytes(text.encode())
        more = ("--fellowship=AA",) if form in {"meeting-guide", "csv"} else ()
        words = ("--centre=town", f"--source={form}", "--timezone=America/Edmonton", *more)
        answer = system.command("import", form, str(file), *words)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert CONTACT not in answer.stdout + answer.stderr
    assert stored(system, "meeting") == before + 5
    until(lambda: system.feed("town").count(b"SUMMARY:M") >= 5, "everybody reads it")
    kept = [each for each in (*system.data.rglob("*"), system.log) if each.is_file() and not each.is_symlink()]
    assert [each for each in kept if CONTACT.encode() in each.read_bytes()] == []
