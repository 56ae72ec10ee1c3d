"""What tests do to a running system over gRPC, in few words, and what they look at in a feed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from openchair.meetings.v1 import centre_pb2, import_pb2, meeting_pb2, schedule_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from tests.system.feed_readers import READERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub
    from openchair.meetings.v1.occurrence_pb2 import Occurrence

ZONE = "America/Edmonton"

_EVENT = re.compile(rb"BEGIN:VEVENT\r\n.*?END:VEVENT\r\n", re.DOTALL)


class Shown(NamedTuple):
    """One date as people see it, in UTC."""

    start: datetime
    end: datetime
    title: str


async def create_centre(stub: MeetingServiceStub, id: str) -> str:  # noqa: A002 - the field is named id everywhere
    """A centre in Edmonton; its name."""
    centre = centre_pb2.Centre(title=f"The {id} house", time_zone=ZONE, language="en")
    return (await stub.CreateCentre(pb.CreateCentreRequest(centre_id=id, centre=centre))).name


def weekly(title: str, start: str, **fields: Any) -> meeting_pb2.Meeting:
    """A public meeting in person, an hour long, every week from `start` (local)."""
    schedule = schedule_pb2.Schedule(start=start, time_zone=ZONE, minutes=60, rule="FREQ=WEEKLY")
    return meeting_pb2.Meeting(
        title=title,
        kind="support-meeting",
        fellowship="AA",
        mode=meeting_pb2.MODE_IN_PERSON,
        language="en",
        visibility=meeting_pb2.VISIBILITY_PUBLIC,
        schedule=schedule,
        **fields,
    )


def beginning(title: str, start: datetime) -> meeting_pb2.Meeting:
    """The same from an instant on, in UTC: where clocks go back an hour is there twice, and means the first."""
    meeting = weekly(title, f"{start.astimezone(UTC):%Y-%m-%dT%H:%M}")
    meeting.schedule.time_zone = "Etc/UTC"
    return meeting


async def create_meeting(stub: MeetingServiceStub, centre: str, title: str, start: str) -> meeting_pb2.Meeting:
    """Makes a weekly meeting."""
    return await stub.CreateMeeting(pb.CreateMeetingRequest(parent=centre, meeting=weekly(title, start)))


async def rename(stub: MeetingServiceStub, name: str, title: str) -> meeting_pb2.Meeting:
    """Gives a meeting another title."""
    request = pb.UpdateMeetingRequest(meeting=meeting_pb2.Meeting(name=name, title=title))
    request.update_mask.paths.append("title")
    return await stub.UpdateMeeting(request)


async def stage(stub: MeetingServiceStub, centre: str, titles: Iterable[str], start: str) -> str:
    """Stages an import of weekly meetings, 500 at the most; its name."""
    request = pb.CreateImportRequest(parent=centre)
    getattr(request, "import").source = "list"
    made = await stub.CreateImport(request)
    rows = [
        import_pb2.ImportRow(number=number, source_id=f"slug-{number}", meeting=weekly(title, start), original="{}")
        for number, title in enumerate(titles, 1)
    ]
    await stub.AddImportRows(pb.AddImportRowsRequest(name=made.name, rows=rows))
    return made.name


async def imported(stub: MeetingServiceStub, name: str) -> import_pb2.Import:
    """How far an import is."""
    answer = await stub.GetImport(pb.GetImportRequest(name=name, page_size=1))
    found: import_pb2.Import = getattr(answer, "import")
    return found


async def titles(stub: MeetingServiceStub, centre: str) -> list[str]:
    """The titles of a centre's living meetings, sorted."""
    return sorted(meeting.title for meeting in await meetings(stub, centre))


async def meetings(stub: MeetingServiceStub, centre: str) -> list[meeting_pb2.Meeting]:
    """A centre's living meetings."""
    found: list[meeting_pb2.Meeting] = []
    token = ""
    while True:
        answer = await stub.ListMeetings(pb.ListMeetingsRequest(parent=centre, page_token=token))
        found.extend(answer.meetings)
        if not (token := answer.next_page_token):
            return found


async def occurrences(
    stub: MeetingServiceStub, centre: str, since: datetime, days: int, **filters: Any
) -> list[Occurrence]:
    """What takes place, as the service lists it."""
    request = pb.ListOccurrencesRequest(parent=centre, **filters)
    request.start_time.FromDatetime(since)
    request.end_time.FromDatetime(since + timedelta(days=days))
    found: list[Occurrence] = []
    while True:
        answer = await stub.ListOccurrences(request)
        found.extend(answer.occurrences)
        if not answer.next_page_token:
            return found
        request.page_token = answer.next_page_token


def said(listed: Iterable[Occurrence], since: datetime) -> list[Shown]:
    """The dates that start from `since` on, as a calendar would show them."""
    shown = [
        Shown(each.start_time.ToDatetime(UTC), each.end_time.ToDatetime(UTC), each.title.strip()) for each in listed
    ]
    return sorted(each for each in shown if each.start >= since)


def read_by(reader: str, feed: bytes, since: datetime, days: int) -> list[Shown]:
    """What one calendar program shows of a feed."""
    seen = READERS[reader](feed, since, since + timedelta(days=days))
    return sorted(Shown(each.start, each.end, each.summary.strip()) for each in seen)


def events(feed: bytes) -> dict[str, bytes]:
    """The bytes of each VEVENT, by its UID and, of an override, its RECURRENCE-ID."""
    found = {_key(event): event for event in _EVENT.findall(feed)}
    assert len(found) == feed.count(b"BEGIN:VEVENT"), "two events with one identity"
    return found


def value(event: bytes, name: str) -> str:
    """The value of a property, unfolded (RFC 5545 section 3.1); "" where the event has none."""
    unfolded = event.replace(b"\r\n ", b"").decode()
    match = re.search(rf"^{name}(?:;[^:\r]*)?:(.*)\r$", unfolded, re.MULTILINE)
    return match[1] if match else ""


def summaries(feed: bytes) -> list[str]:
    """The titles of all events, sorted."""
    return sorted(value(event, "SUMMARY") for event in events(feed).values())


def _key(event: bytes) -> str:
    return " ".join(filter(None, (value(event, "UID"), value(event, "RECURRENCE-ID"))))
