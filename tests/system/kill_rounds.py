"""Rounds of work in which everything is ended by kill -9 at a named point, and what must hold after each.

Callers repeat, with the same request id, what was not answered. What was acknowledged is there, once; what was not took
effect once or not at all, and once after it was repeated; calendars and a service that reacts show the same; a place
that is closed and opened meanwhile is what was said last; nothing is left to be published and nothing is given up.
"""

from __future__ import annotations

import asyncio
import copy
import json
import signal
import subprocess
import sys
import uuid
from collections import Counter
from http.client import HTTPException
from typing import TYPE_CHECKING, TypeAlias

import grpc
from openchair.admin.v1 import admin_service_pb2 as admin_pb
from openchair.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from openchair.meetings.v1 import import_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1.meeting_pb2 import Meeting
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.kit.client import RpcError
from tests.system import acts
from tests.system.kill_closer import Closer
from tests.system.running import PATIENCE, ROOT, environment, reached, until

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.system.running import System

Change: TypeAlias = pb.CreateMeetingRequest | pb.UpdateMeetingRequest

PROGRAM = "tests.system.killed"
HOUSE = "centres/house"
START = "2026-11-24T19:00"
CALLERS = 3
BATCHES, ROWS = 4, 8
"""Of an import: each batch is a slice, or more."""
AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)

OFTEN = 25
LATEST = {
    "store.commit": 4 * OFTEN,
    "store.committed": 4 * OFTEN,
    "intent.slice": BATCHES,
    "intent.kept": BATCHES,
    "backup.part": 1,
    "restore.fill": 2,
}
"""The last time that counts at points that work comes to less often, or should be at for longer: an import half-way."""
AT_START = ("store.commit", "relay.publish", "projection.apply", "reactor.handle", "reactor.handled")
"""Points that a start may come to."""


class Caller:
    """Makes meetings and renames them, one call after the other; knows what was answered, and what was not."""

    def __init__(self, name: str, source: random.Random) -> None:
        self._name = name
        self._source = source
        self._asked = 0
        self.known: dict[str, Meeting] = {}
        self.unanswered: Change | None = None

    async def go_on(self, stub: MeetingServiceStub, most: int = sys.maxsize) -> None:
        """Until there is no answer, or so many times."""
        for _ in range(most):
            self.unanswered = self._next()
            try:
                answer = await self._ask(stub, self.unanswered)
            except RpcError as error:
                if error.code() not in AWAY:
                    raise
                return
            self._keep(answer)

    async def repeat(self, stub: MeetingServiceStub, there: list[Meeting]) -> None:
        """Asks again, twice, for what was not answered. `there` is what the service had before that."""
        if self.unanswered is None:
            return
        titled = [one for one in there if one.title == self.unanswered.meeting.title]
        assert len(titled) <= 1, titled
        first = await self._ask(stub, self.unanswered)
        assert await self._ask(stub, self.unanswered) == first
        assert titled in ([], [first]), (titled, first)
        self._keep(first)

    def _keep(self, answer: Meeting) -> None:
        before = self.known.get(answer.name)
        assert int(answer.etag) == (int(before.etag) + 1 if before else 1), (before, answer)
        self.known[answer.name] = answer
        self.unanswered = None

    def _next(self) -> Change:
        self._asked += 1
        title, id_ = f"{self._name} {self._asked:04}", str(uuid.UUID(int=self._source.getrandbits(128)))
        if not self.known or self._source.random() < 0.05:
            return pb.CreateMeetingRequest(parent=HOUSE, meeting=acts.weekly(title, START), request_id=id_)
        meeting = Meeting(name=self._source.choice(sorted(self.known)), title=title)
        request = pb.UpdateMeetingRequest(meeting=meeting, request_id=id_)
        request.update_mask.paths.append("title")
        return request

    async def _ask(self, stub: MeetingServiceStub, change: Change) -> Meeting:
        if isinstance(change, pb.CreateMeetingRequest):
            return await stub.CreateMeeting(change)
        return await stub.UpdateMeeting(change)


class Importer:
    """Brings in one list; does all of it again, with the same request ids, where it was interrupted."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.titles = [f"List {number:03} {row:02}" for row in range(BATCHES * ROWS)]
        self.name = ""

    async def go_on(self, stub: MeetingServiceStub) -> None:
        """Until it is done, or there is no answer."""
        try:
            await self.bring(stub)
        except RpcError as error:
            if error.code() not in AWAY:
                raise

    async def bring(self, stub: MeetingServiceStub) -> None:
        """All of it; each row became a meeting once."""
        create = pb.CreateImportRequest(parent=HOUSE, request_id=f"list-{self._number}")
        getattr(create, "import").source = f"list-{self._number}"
        self.name = (await stub.CreateImport(create)).name
        for batch in range(BATCHES):
            first = batch * ROWS
            rows = [
                import_pb2.ImportRow(
                    number=row + 1, source_id=f"row-{row}", meeting=acts.weekly(self.titles[row], START), original="{}"
                )
                for row in range(first, first + ROWS)
            ]
            await stub.AddImportRows(
                pb.AddImportRowsRequest(name=self.name, rows=rows, request_id=f"list-{self._number}-{first}")
            )
        await stub.CommitImport(pb.CommitImportRequest(name=self.name, request_id=f"list-{self._number}-commit"))
        done = await reached(lambda: self._done(stub), f"{self.name} is done")
        assert (done.done, done.new_rows, done.refused_rows) == (len(self.titles), len(self.titles), 0)

    async def _done(self, stub: MeetingServiceStub) -> import_pb2.Import | None:
        found = await acts.imported(stub, self.name)
        return found if found.state == import_pb2.IMPORT_STATE_DONE else None


class House:
    """A system that is killed and started again, and what must be in it."""

    def __init__(self, system: System, folder: Path, source: random.Random) -> None:
        self.system = system
        self._folder = folder
        self._source = source
        self._callers = [Caller(f"Caller {number}", source) for number in range(CALLERS)]
        self._lists: list[Importer] = []
        self._closer = Closer()
        self._rounds = 0

    async def furnish(self) -> None:
        """The centre, and a little in it."""
        async with self.system.meetings() as stub:
            await acts.create_centre(stub, "house")
            await self._closer.furnish(stub)
            await self._work(stub, 5)

    async def round(self, point: str) -> None:
        """Killed at that point, at some time that it is come to; started again, perhaps killed meanwhile; looked at."""
        self._rounds += 1
        nth = self._source.randint(1, LATEST.get(point, OFTEN))
        if point == "restore.fill":
            await self._restore(point, nth)
        else:
            await self._kill(point, nth)
        await self.look()

    async def _kill(self, point: str, nth: int) -> None:
        backup = self._folder / f"killed-{self._rounds}.backup"
        saving = asyncio.create_task(self._save(backup)) if point == "backup.part" else None
        bringing = point.startswith(("intent.", "store.")) or self._source.random() < 1 / 4
        if bringing:
            self._lists.append(Importer(self._rounds))
        assert self.system.get(f"/kill/{point}/{nth}").status == 200
        async with self.system.channel() as channel, asyncio.timeout(PATIENCE):
            stub = MeetingServiceStub(channel)
            lists = (each.go_on(stub) for each in self._lists[-1:] if bringing)
            await asyncio.gather(self._work(stub), self._closer.go_on(channel), *lists)
        code = await asyncio.to_thread(self.system.wait, PATIENCE)
        assert code == -signal.SIGKILL, f"{point} {nth}: {self.system.said()}"
        if saving is not None:
            assert (await saving).returncode != 0
            assert not backup.exists()
        self._start_again()

    def _start_again(self) -> None:
        """Once more, if it is killed while it starts."""
        if self._source.random() < 1 / 3:
            self.system.environ["KILL_AT"] = f"{self._source.choice(AT_START)}:{self._source.randint(1, OFTEN)}"
            self.system.launch()
            ended = until(self._ready_or_ended, "it is ready, or was killed")
            del self.system.environ["KILL_AT"]
            if ended == "ready":
                return
            assert self.system.wait() == -signal.SIGKILL, self.system.said()
        self.system.start()

    def _ready_or_ended(self) -> str:
        """What of the two it is; one that is ready is not killed any more."""
        assert self.system.process is not None
        if self.system.process.poll() is not None:
            return "ended"
        try:
            return "ready" if self.system.readiness().ready and self.system.get("/kill/nowhere/1").status else ""
        except (OSError, HTTPException):
            return ""

    async def _work(self, stub: MeetingServiceStub, most: int = sys.maxsize) -> None:
        await asyncio.gather(*(caller.go_on(stub, most) for caller in self._callers))

    async def _save(self, backup: Path) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(self.system.command, "backup", str(backup))

    async def _restore(self, point: str, nth: int) -> None:
        """A restore that is killed keeps everything from starting until it is run again; all is as it was."""
        backup = self._folder / f"{self._rounds}.backup"
        saved = await self._save(backup)
        assert saved.returncode == 0, saved.stderr
        then = copy.deepcopy([caller.known for caller in self._callers])
        async with self.system.meetings() as stub:
            await self._work(stub, 10)
        assert self.system.stop() == 0, self.system.said()
        command = [sys.executable, "-m", PROGRAM, "restore", "--replace", str(backup)]
        environ = environment({**self.system.environ, "KILL_AT": f"{point}:{nth}"})
        ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=False)  # noqa: ASYNC221 - nothing else goes on
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        self.system.launch()
        assert self.system.wait() == 1
        assert "a restore was not finished" in self.system.said()
        again = self.system.command("restore", "--replace", str(backup))
        assert again.returncode == 0, again.stderr
        for caller, known in zip(self._callers, then, strict=True):
            caller.known = known
        self.system.start()

    async def look(self) -> None:
        """Everything that must hold once it runs again."""
        async with self.system.channel() as channel:
            stub = MeetingServiceStub(channel)
            there = await acts.meetings(stub, HOUSE)
            for caller in self._callers:
                await caller.repeat(stub, there)
            for each in self._lists[-1:]:
                await each.bring(stub)
            await self._closer.look(channel)
            await self._look_at_all(stub)
            await reached(lambda: _quiet(AdminServiceStub(channel)), "nothing is left to publish or given up")
        assert not list(self.system.data.rglob("*.backup*"))

    async def _look_at_all(self, stub: MeetingServiceStub) -> None:
        there = await acts.meetings(stub, HOUSE)
        known = {name: one for caller in self._callers for name, one in caller.known.items()}
        assert {one.name: (one.title, one.etag) for one in there if one.name in known} == {
            name: (one.title, one.etag) for name, one in known.items()
        }
        wanted = Counter(one.title for one in known.values())
        wanted.update(title for one in self._lists for title in one.titles)
        wanted.update(self._closer.titles)
        assert Counter(one.title for one in there) == wanted
        until(lambda: Counter(acts.summaries(self.system.feed("house"))) == wanted, "the calendar shows the same")
        until(lambda: Counter(self._followed().values()) == wanted, "the service that reacts has the same")

    def _followed(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.system.get("/followed/house").body)
        return found

    async def close(self) -> None:
        """Made afresh, the calendar is the same; a backup of all of it can be used."""
        shown = self.system.feed("house")
        backup = self._folder / "last.backup"
        assert (await self._save(backup)).returncode == 0
        assert self.system.command("backup", "--verify", str(backup)).returncode == 0
        assert self.system.stop() == 0, self.system.said()
        self.system.start()
        assert self.system.feed("house") == shown


async def _quiet(stub: AdminServiceStub) -> bool:
    status = await stub.GetStatus(admin_pb.GetStatusRequest())
    assert sum(one.dead_letters for one in status.services) == 0
    assert [alarm for one in status.services for alarm in one.alarms] == []
    return not any(one.unpublished for one in status.services)
