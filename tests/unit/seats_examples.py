"""What is public of seats, as the bus brings it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from openchair.rsvps.v1 import list_rules_pb2 as pb

from services.kit.clock import instant
from services.kit.event import Event, subject

OPEN, WAITLIST, FULL = pb.AVAILABILITY_OPEN, pb.AVAILABILITY_WAITLIST, pb.AVAILABILITY_FULL
DAY = datetime(2026, 11, 20, tzinfo=UTC)


def invitation(centre: str, lineage: str, revision: int = 1, **more: Any) -> Event:
    """That seats are kept at a series; `mode` unspecified: that they are not (any more)."""
    fields: dict[str, Any] = {"mode": pb.RSVP_MODE_OPTIONAL, "waitlist": True, "party_size": 1, "capacity": 40} | more
    message = pb.Invitation(
        name=f"centres/{centre}/events/{lineage}", epoch=1, revision=revision, lineage=lineage, **fields
    )
    return _stated(message, centre, "event", lineage, revision)


def word(
    centre: str, lineage: str, date: str, in_person: int, revision: int = 1, *, time: datetime = DAY, **more: Any
) -> Event:
    """Whether there is a place on a date, or with "" in a course."""
    id_ = f"list-{lineage[:8]}-{date or 'series'}"
    fields: dict[str, Any] = {"lineage": lineage, "date": date, "in_person": in_person} | more
    message = pb.ListAvailability(name=f"centres/{centre}/lists/{id_}", epoch=1, revision=revision, **fields)
    return _stated(message, centre, "list", id_, revision, time)


def withdrawn(event: Event) -> Event:
    """The tombstone of it."""
    return Event(event.subject, event.epoch, event.revision + 1, event.type, event.time, None)


def _stated(message: Any, centre: str, kind: str, id_: str, revision: int, time: datetime = DAY) -> Event:
    message.update_time.FromDatetime(time)
    where = subject("home", "public", "rsvps", centre, kind, id_)
    payload = message.SerializeToString(deterministic=True)
    return Event(where, 1, revision, message.DESCRIPTOR.full_name, instant(time), payload)
