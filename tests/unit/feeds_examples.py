"""Meetings as the bus brings them, and the feeds application asked without a server."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from openchair.meetings.v1 import booking_pb2, centre_pb2, meeting_pb2, place_pb2, schedule_pb2

from services.feeds.app import Calendars
from services.feeds.model import Directory
from services.kit.clock import VirtualClock, instant
from services.kit.event import Event, subject

if TYPE_CHECKING:
    from services.kit.http import App

NOON = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)  # 13:00 in Edmonton
WRITTEN = datetime(2026, 11, 1, 12, 30, 15, 999000, tzinfo=UTC)
EDMONTON = "America/Edmonton"
SITE = "home"
CENTRE = "alano-club"
ADDRESS = "https://calendars.example.org"


def id_of(number: int) -> str:
    """A meeting's id, the same in every run."""
    return str(uuid.UUID(int=uuid.uuid5(uuid.NAMESPACE_OID, str(number)).int))


def meeting(
    number: int = 1, start: str = "2026-11-24T19:00", rule: str = "FREQ=WEEKLY;BYDAY=TU", **more: Any
) -> meeting_pb2.Meeting:
    """A public weekly meeting in a hall. `zone` and `minutes` go to its schedule."""
    zone, minutes = more.pop("zone", EDMONTON), more.pop("minutes", 60)
    fields: dict[str, Any] = {
        "name": f"centres/{CENTRE}/meetings/{id_of(number)}",
        "lineage": id_of(number),
        "title": f"Serenity {number}",
        "fellowship": "AA",
        "kind": "support-meeting",
        "types": ["O", "D"],
        "mode": meeting_pb2.MODE_IN_PERSON,
        "state": meeting_pb2.MEETING_STATE_ACTIVE,
        "visibility": meeting_pb2.VISIBILITY_PUBLIC,
        "sequence": 3,
        "venue": meeting_pb2.Venue(title="St Mary's", address="10 Main St, Edmonton", rooms=["Room 2"]),
    }
    made = meeting_pb2.Meeting(**(fields | more))
    made.schedule.CopyFrom(schedule_pb2.Schedule(start=start, rule=rule, time_zone=zone, minutes=minutes))
    made.create_time.FromDatetime(datetime(2026, 1, 2, tzinfo=UTC))
    made.update_time.FromDatetime(WRITTEN)
    return made


def centre(zone: str = EDMONTON, title: str = "Alano Club") -> centre_pb2.Centre:
    """The centre of all examples."""
    return centre_pb2.Centre(name=f"centres/{CENTRE}", title=title, time_zone=zone, description="A house of meetings")


def stated(
    message: meeting_pb2.Meeting | centre_pb2.Centre | place_pb2.Place | place_pb2.Room | booking_pb2.Booking,
    revision: int = 1,
    time: datetime = WRITTEN,
) -> Event:
    """The event that says so."""
    tokens = message.name.split("/")
    scope, id_ = tokens[1], tokens[-1]
    kind = message.DESCRIPTOR.name
    return Event(
        subject(SITE, "public", "meetings", scope, kind.lower(), id_),
        1,
        revision,
        message.DESCRIPTOR.full_name,
        instant(time),
        message.SerializeToString(deterministic=True),
    )


def gone(number: int, revision: int = 2, time: datetime = WRITTEN) -> Event:
    """The tombstone of a meeting."""
    made = stated(meeting(number), revision, time)
    return Event(made.subject, made.epoch, made.revision, made.type, made.time, None)


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


async def asked(app: App, path: str, method: str = "GET", query: bytes = b"", **headers: str) -> Answer:
    """What an application answers to one request; `if_none_match="x"` is the header If-None-Match."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": lines}
    await app(scope, receive, send)
    got = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], got, b"".join(message["body"] for message in sent[1:]))


class Feeds:
    """The feeds application with its directory, on a clock that the test moves."""

    def __init__(self, *messages: meeting_pb2.Meeting, now: datetime = NOON, ready: bool = True) -> None:
        self.clock = VirtualClock(now)
        self.directory = Directory()
        self.ready = ready
        self.app = Calendars(self.directory, lambda: self.ready, self.clock, ADDRESS, structlog.get_logger())
        self.apply(stated(centre()), *map(stated, messages))

    def apply(self, *events: Event) -> None:
        """As the projection does."""
        for event in events:
            touched = self.directory.apply(event)
            if touched is not None:
                self.app.touch(touched)

    async def get(
        self, path: str = f"/calendars/{CENTRE}.ics", method: str = "GET", query: bytes = b"", **headers: str
    ) -> Answer:
        """One request; `if_none_match="x"` is the header If-None-Match."""
        return await asked(self.app, path, method, query, **headers)

    async def body(self, path: str = f"/calendars/{CENTRE}.ics") -> bytes:
        """The feed as it is without compression."""
        answer = await self.get(path)
        assert answer.status == 200
        return answer.body
