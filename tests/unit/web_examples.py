"""A centre as its events tell it: for the tests of the pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from google.protobuf.json_format import ParseDict
from openchair.meetings.v1 import centre_pb2, closure_pb2, meeting_pb2

from services.kit.clock import instant
from services.kit.event import Event, subject
from services.web.board import CENTRE, CLOSURE, MEETING, Board
from services.web.subscribe import Site
from services.web.week import Line, Week, week

SITE = Site("https://chairs.example.org")
NOON = datetime(2026, 11, 24, 19, 0, tzinfo=UTC)
"""Noon of a Tuesday in Denver."""


def event(kind: str, id_: str, payload: bytes | None, revision: int = 1, centre: str = "oak") -> Event:
    where = subject("home", "public", "meetings", centre, kind, id_)
    return Event(where, 1, revision, CENTRE if kind == "centre" else MEETING, instant(NOON), payload)


def centre_event(revision: int = 1, **fields: Any) -> Event:
    known = {"name": "centres/oak", "title": "Oak House", "timeZone": "America/Denver", "language": "en"}
    message = ParseDict(known | fields, centre_pb2.Centre())
    return event("centre", "oak", message.SerializeToString(), revision)


def meeting_event(id_: str, start: str, rule: str = "", *, revision: int = 1, **fields: Any) -> Event:
    """`fields` are the JSON of a Meeting; `minutes` and `zone` those of its schedule."""
    schedule = {
        "start": start,
        "rule": rule,
        "minutes": fields.pop("minutes", 60),
        "timeZone": fields.pop("zone", "America/Denver"),
    }
    plain = {
        "name": f"centres/oak/meetings/{id_}",
        "title": id_.capitalize(),
        "kind": "support-meeting",
        "mode": "MODE_IN_PERSON",
        "state": "MEETING_STATE_ACTIVE",
        "visibility": "VISIBILITY_PUBLIC",
        "language": "en",
        "schedule": schedule,
    }
    message = ParseDict(plain | fields, meeting_pb2.Meeting())
    return event("meeting", id_, message.SerializeToString(), revision)


def closure(id_: str = "c", **fields: Any) -> Event:
    known = {
        "name": f"centres/oak/closures/{id_}",
        "reason": "The heating is being repaired",
        "start": "2026-11-25",
        "end": "2026-11-26",
        "effect": "CLOSURE_EFFECT_CANCEL",
        "state": "CLOSURE_STATE_IN_FORCE",
    }
    message = ParseDict(known | fields, closure_pb2.Closure())
    where = subject("home", "public", "meetings", "oak", "closure", id_)
    return Event(where, 1, 1, CLOSURE, instant(NOON), message.SerializeToString())


def board(*events: Event) -> Board:
    made = Board()
    for each in (centre_event(), *events):
        made.apply(each)
    return made


def week_of(*events: Event, now: datetime = NOON) -> Week:
    return week("oak", board(*events).boards["oak"], SITE, now)


def lines_of(*events: Event, now: datetime = NOON) -> list[Line]:
    return [line for day in week_of(*events, now=now).days for line in day.lines]
