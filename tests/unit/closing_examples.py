"""Meetings and closures for tests of what the ones make of the others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.meetings import closing, edits
from services.meetings.closing import Frame
from services.meetings.types import Closure, ClosureEffect, Meeting, Online, Place
from services.meetings.types_rooms import Room
from services.recurrence.types import ByDay, Frequency, Rule, Schedule

CANCEL, ONLINE, MOVE = ClosureEffect.CANCEL, ClosureEffect.ONLINE, ClosureEffect.MOVE
ZONE = "America/Edmonton"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)  # a Saturday
LINK = Online(url="https://meet.example/own")
PLACES = {id_: Place(id=id_, centre="house", created_at="", title=f"Place {id_}") for id_ in ("p1", "p2", "p3")}
ROOMS = {
    id_: Room(id=id_, centre="house", created_at="", title=f"Room {id_}", place=f"p{id_[1]}")
    for id_ in ("r1", "r1b", "r2")
}


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def weekly(**fields: Any) -> Meeting:
    """Tuesdays at 19:00, from 2026-11-24 on, at p1 in r1."""
    schedule = Schedule(local("2026-11-24T19:00"), ZONE, 60, Rule(Frequency.WEEKLY, by_day=(ByDay(1),)))
    return Meeting(
        **{
            "id": "m",
            "centre": "house",
            "created_at": "2026-11-01T00:00:00.000Z",
            "lineage": "m",
            "title": "Tuesday Group",
            "schedule": schedule,
            "place": "p1",
            "rooms": ("r1",),
            **fields,
        }
    )


def closure(number: int = 1, effect: ClosureEffect = CANCEL, start: str = "2026-12-01", **fields: Any) -> Closure:
    return Closure(
        id=f"c{number}",
        centre="house",
        created_at=f"2026-11-2{number}T00:00:00.000Z",
        reason=f"Reason {number}",
        effect=effect,
        start=start,
        **fields,
    )


def frame(*closures: Closure, calendar: str = "") -> Frame:
    return Frame(ZONE, calendar, closing.ordered(closures))


def overlaid(meeting: Meeting, *closures: Closure, at: datetime = NOW, calendar: str = "") -> Meeting:
    return edits.with_venues(closing.overlaid(meeting, frame(*closures, calendar=calendar), at), PLACES, ROOMS)


def said(meeting: Meeting, *closures: Closure, **more: Any) -> dict[str, tuple[ClosureEffect, str]]:
    """What becomes of which date, and by which closure or holiday."""
    return {
        str(each.date): (each.effect, each.closure or each.holiday)
        for each in overlaid(meeting, *closures, **more).closed
    }


def dates(meeting: Meeting, *closures: Closure, **more: Any) -> list[str]:
    return [*said(meeting, *closures, **more)]
