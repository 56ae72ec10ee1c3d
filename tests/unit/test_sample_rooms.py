"""The sample's rooms: whatever day it is loaded on, no two of its meetings want one at the same time."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from itertools import pairwise
from typing import Any

from google.protobuf.json_format import ParseDict
from openchair.meetings.v1 import schedule_pb2

from services import meetings
from services.meetings.sample import schedule
from services.recurrence.schedule import occurrences
from services.recurrence.wire import to_schedule

WEEKS = 53
AHEAD = timedelta(days=16)
"""Until then everything that is held once is over; what is held every week would clash in any week."""

Taken = tuple[datetime, datetime, str]


def taken(said: dict[str, Any], today: date) -> list[tuple[str, Taken]]:
    """What a meeting takes of its rooms, and its agenda of theirs, in the days from that one on."""
    message = ParseDict(schedule(said, today), schedule_pb2.Schedule())
    since = datetime.combine(today, time(), UTC)
    found = []
    for each in occurrences(to_schedule(message), (), since, since + AHEAD):
        whole = each.local, each.local + timedelta(minutes=message.minutes), said["title"]
        found += [(room, whole) for room in said.get("rooms", [])]
        for session in said.get("sessions", []):
            day = each.local.date() + timedelta(days=session["day"] - 1)
            start = datetime.combine(day, time.fromisoformat(session["time"]))
            part = start, start + timedelta(minutes=session["minutes"]), f"{said['title']}: {session['title']}"
            found += [(room, part) for room in session["rooms"]]
    return found


def test_no_two_meetings_of_the_sample_want_a_room_at_the_same_time() -> None:
    text = resources.files(meetings).joinpath("sample.json").read_text(encoding="utf-8")
    sample = json.loads(text)
    for week in range(WEEKS):
        rooms = defaultdict[str, list[Taken]](list)
        for said in sample["meetings"]:
            for room, each in taken(said, date(2026, 11, 21) + timedelta(weeks=week, days=week % 7)):
                rooms[room].append(each)
        for room, found in rooms.items():
            for one, other in pairwise(sorted(found)):
                assert one[1] <= other[0], f"{room}: {one[2]}, {other[2]} on {other[0]}"
