"""The whole system under measurement, as `make run` starts it, filled through its own RPCs."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from openchair.meetings.v1 import centre_pb2, import_pb2, meeting_pb2, meeting_service_pb2, place_pb2, schedule_pb2
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.kit.auth import audience_of, load_or_make_keys, make_token
from services.kit.client import connect
from services.kit.clock import SystemClock
from tests.bench.process import PATIENCE, free_port, get, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from grpc.aio import Channel

    from tests.bench.process import Running

CENTRE = "bench"
FEED = f"/calendars/{CENTRE}.ics"
ZONE = "America/New_York"
ROWS = 500
FIRST = date(2026, 1, 5)  # a Monday
SPEAKER = schedule_pb2.Programme(weeks=[3], title="Speaker")
WEEKS = 5
WORDS = [
    "step",
    "study",
    "speaker",
    "open",
    "door",
    "newcomers",
    "candle",
    "light",
    "quiet",
    "hour",
    "big",
    "book",
    "living",
    "sober",
    "daily",
    "morning",
    "noon",
]


@dataclass(frozen=True)
class System:
    """Everything, running."""

    running: Running
    http_port: int
    grpc_port: int
    data: Path

    @asynccontextmanager
    async def meetings(self) -> AsyncIterator[MeetingServiceStub]:
        """The meetings service, called as an operator."""
        async with self.channel() as channel:
            yield MeetingServiceStub(channel)

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[Channel]:
        """A connection as an operator."""
        keys = load_or_make_keys(self.data / "keys")
        token = make_token(
            keys.private,
            "bench",
            {"*": ["operator"]},
            audience=audience_of("local"),
            lifetime=timedelta(hours=1),
            clock=SystemClock(),
        )
        async with connect(f"127.0.0.1:{self.grpc_port}", token) as channel:
            yield channel


@contextmanager
def system(folder: Path) -> Iterator[System]:
    """Starts everything on the servers' core, with its data in `folder`."""
    http_port, grpc_port, data = free_port(), free_port(), folder / "var"
    environ = {
        "OPENCHAIR_HTTP_PORT": str(http_port),
        "OPENCHAIR_GRPC_PORT": str(grpc_port),
        "OPENCHAIR_DATA": str(data),
        "OPENCHAIR_LOG_LEVEL": "warning",
    }
    with started([sys.executable, "-m", "services.everything"], folder, environ) as running:
        running.wait_for(http_port, "/readyz")
        yield System(running, http_port, grpc_port, data)


async def fill(subject: System, count: int, programmed: int = 0) -> float:
    """Imports so many weekly meetings and waits for its feed to have them. Seconds from commit to done.

    `programmed` of each hundred have a programme, which makes a series of each week of the month.
    """
    async with subject.meetings() as stub:
        await stub.CreateCentre(
            meeting_service_pb2.CreateCentreRequest(
                centre_id=CENTRE,
                centre=centre_pb2.Centre(title="Bench", time_zone=ZONE, language="en"),
                request_id="bench-centre",
            )
        )
        name = await _stage(stub, count, programmed)
        begun = time.monotonic()
        await stub.CommitImport(meeting_service_pb2.CommitImportRequest(name=name, request_id="bench-commit"))
        await _done(stub, name, count)
        took = time.monotonic() - begun
    special = sum(_has_programme(number, programmed) for number in range(1, count + 1))
    await _served(subject, count + special * (WEEKS - 1))
    return took


async def _stage(stub: MeetingServiceStub, count: int, programmed: int) -> str:
    made = await stub.CreateImport(
        meeting_service_pb2.CreateImportRequest(
            parent=f"centres/{CENTRE}", **{"import": import_pb2.Import(source="bench")}, request_id="bench-import"
        )
    )
    source = random.Random(20261121)  # noqa: S311 - the same calendar in every run
    for begin in range(0, count, ROWS):
        rows = [_row(number, source, programmed) for number in range(begin + 1, min(begin + ROWS, count) + 1)]
        request_id = f"bench-rows-{begin}"
        await stub.AddImportRows(
            meeting_service_pb2.AddImportRowsRequest(name=made.name, rows=rows, request_id=request_id)
        )
    return made.name


def _has_programme(number: int, programmed: int) -> bool:
    return number % 100 < programmed


def _row(number: int, source: random.Random, programmed: int) -> import_pb2.ImportRow:
    """A meeting such as lists have: a few words of notes, an address, once a week."""
    start = f"{FIRST + timedelta(days=number % 7)}T{6 + number % 16:02}:{15 * (number % 4):02}"
    street = source.randint(100, 900)
    return import_pb2.ImportRow(
        number=number,
        source_id=f"meeting-{number}",
        meeting=meeting_pb2.Meeting(
            title=f"{' '.join(source.sample(WORDS, 3)).capitalize()} {number}",
            kind="support-meeting",
            fellowship=source.choice(["AA", "NA", "SMART"]),
            types=source.sample(["O", "C", "D", "SP", "ST", "X"], 2),
            mode=meeting_pb2.MODE_IN_PERSON,
            language="en",
            visibility=meeting_pb2.VISIBILITY_PUBLIC,
            notes=f"{' '.join(source.choices(WORDS, k=12)).capitalize()}. Door code at the desk.",
            schedule=schedule_pb2.Schedule(start=start, time_zone=ZONE, minutes=60, rule="FREQ=WEEKLY"),
            programmes=[SPEAKER] if _has_programme(number, programmed) else [],
        ),
        place=place_pb2.Place(
            title=f"Hall {street}",
            address=f"{street} Main Street, Springfield, NY",
            area="Springfield",
            address_access=place_pb2.ADDRESS_ACCESS_PUBLIC,
        ),
        original=json.dumps({"slug": f"meeting-{number}"}),
    )


async def _done(stub: MeetingServiceStub, name: str, count: int) -> None:
    deadline = time.monotonic() + PATIENCE * 5
    while time.monotonic() < deadline:
        answer = await stub.GetImport(meeting_service_pb2.GetImportRequest(name=name, page_size=1))
        state = getattr(answer, "import")
        if state.state == import_pb2.IMPORT_STATE_DONE:
            if state.new_rows != count:
                raise RuntimeError(f"the import ended otherwise than thought: {state}")
            return
        await asyncio.sleep(0.1)
    raise RuntimeError("the import does not end")


async def _served(subject: System, count: int) -> None:
    deadline = time.monotonic() + PATIENCE * 2
    while time.monotonic() < deadline:
        if get(subject.http_port, FEED).body.count(b"BEGIN:VEVENT") == count:
            return
        await asyncio.sleep(0.2)
    raise RuntimeError("the feed does not get there")
