"""Target 3: one meeting changes; how long until the feed of 10,000 meetings is served with the change in it."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.field_mask_pb2 import FieldMask
from openchair.meetings.v1 import meeting_pb2, meeting_service_pb2

from tests.bench.process import PATIENCE, get
from tests.bench.report import Row, show, write
from tests.bench.servers import GZIP
from tests.bench.system import CENTRE, FEED, fill, system

if TYPE_CHECKING:
    from pathlib import Path

    from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

    from tests.bench.system import System

EVENTS = 10_000
CHANGES = 300
WARMING = 10
PAUSE = 0.0005
LIMIT = 50.0
PROGRAMMED = 42
"""Of each hundred meetings: two in five of real ones say what is special in which week of the month."""


class Times(NamedTuple):
    """Milliseconds from sending the command: until its answer, until the feed was served with the change."""

    answered: float
    served: float


class Round(NamedTuple):
    """The changes to one calendar: seconds that its import took, the times, and bytes that all held after them."""

    took: float
    times: list[Times]
    resident: int


def measure(folder: Path, changes: int = CHANGES) -> None:
    """Prints and writes."""
    plain = _round(folder / "system", changes, 0)
    special = _round(folder / "programmes", changes, PROGRAMMED)
    rows = [
        *_rows("changed meeting", plain.times),
        *_rows(f"the same where {PROGRAMMED} of 100 have a programme", special.times),
        Row("import of the meetings, commit to done", f"{plain.took:.1f} s, {EVENTS / plain.took:,.0f}/s"),
        Row("resident memory of everything together", f"{plain.resident / 2**20:,.0f} MiB"),
        Row("the same with programmes", f"{special.resident / 2**20:,.0f} MiB"),
    ]
    show(f"Feed of {EVENTS:,} meetings, {changes} changes one after the other, gzip included", rows)
    rounds = {"changes": _figures(plain.times), "programmes": _figures(special.times)}
    write("change", rows, rounds)


def _round(folder: Path, changes: int, programmed: int) -> Round:
    with system(folder) as subject:
        took = asyncio.run(fill(subject, EVENTS, programmed))
        return Round(took, asyncio.run(_changes(subject, changes)), subject.running.resident())


def _rows(what: str, times: list[Times]) -> list[Row]:
    served, answered = [one.served for one in times], [one.answered for one in times]
    worst = _percentile(served, 99)
    return [
        Row(f"{what} -> served feed, p50", f"{statistics.median(served):.1f} ms"),
        Row("the same, p99", f"{worst:.1f} ms", "limit", f"{worst / LIMIT:.2f}", f"<= {LIMIT:.0f} ms", worst <= LIMIT),
        Row("of it, until the command is answered, p50", f"{statistics.median(answered):.1f} ms"),
        Row("the same, p99", f"{_percentile(answered, 99):.1f} ms"),
    ]


def _figures(times: list[Times]) -> dict[str, list[float]]:
    return {"served_ms": [one.served for one in times], "answered_ms": [one.answered for one in times]}


async def _changes(subject: System, count: int) -> list[Times]:
    async with subject.meetings() as stub:
        names = await _names(stub)
        feed = Poll(subject.http_port)
        times = [
            await _change(stub, feed, names[number * 37 % len(names)], number) for number in range(WARMING + count)
        ]
    feed.close()
    return times[WARMING:]


async def _change(stub: MeetingServiceStub, feed: Poll, name: str, number: int) -> Times:
    title = f"Changed {number} times"
    request = meeting_service_pb2.UpdateMeetingRequest(
        meeting=meeting_pb2.Meeting(name=name, title=title),
        update_mask=FieldMask(paths=["title"]),
        request_id=f"bench-change-{number}",
    )
    begun = time.perf_counter()
    await stub.UpdateMeeting(request)
    answered = time.perf_counter()
    body = feed.changed()
    served = time.perf_counter()
    if title.encode() not in gzip.decompress(body):
        raise RuntimeError("the feed changed, but not to what was asked")
    return Times((answered - begun) * 1000, (served - begun) * 1000)


async def _names(stub: MeetingServiceStub) -> list[str]:
    """Names of all meetings of the centre."""
    names: list[str] = []
    token = ""
    while True:
        page = await stub.ListMeetings(
            meeting_service_pb2.ListMeetingsRequest(parent=f"centres/{CENTRE}", page_size=1000, page_token=token)
        )
        names += [meeting.name for meeting in page.meetings]
        token = page.next_page_token
        if not token:
            return names


class Poll:
    """A subscriber that asks all the time, on one connection, with the tag of what it has."""

    def __init__(self, port: int) -> None:
        self._tag = get(port, FEED, GZIP).headers["etag"]
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def changed(self) -> bytes:
        """The gzipped feed as soon as it is another. Raises RuntimeError if it stays the same."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._connection.request("GET", FEED, headers={**GZIP, "If-None-Match": self._tag})
            response = self._connection.getresponse()
            body = response.read()
            if response.status == http.client.OK:
                self._tag = response.headers["etag"]
                return body
            time.sleep(PAUSE)
        raise RuntimeError("the feed does not change")

    def close(self) -> None:
        """Hangs up."""
        self._connection.close()


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
