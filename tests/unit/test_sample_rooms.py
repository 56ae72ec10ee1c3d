"""The sample's rooms: whatever day it is loaded on, no two things want one at the same time, and each is open then."""

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
    """What a meeting, its agenda, or a booking takes of rooms and of its host in the days from that one on."""
    wanted = [*said.get("rooms", []), *(said[path] for path in ("onlineHost", "room") if path in said)]
    message = ParseDict(schedule(said, today), schedule_pb2.Schedule())
    since = datetime.combine(today, time(), UTC)
    found = []
    for each in occurrences(to_schedule(message), (), since, since + AHEAD):
        whole = each.local, each.local + timedelta(minutes=message.minutes), said["title"]
        found += [(room, whole) for room in wanted]
        for session in said.get("sessions", []):
            day = each.local.date() + timedelta(days=session["day"] - 1)
            start = datetime.combine(day, time.fromisoformat(session["time"]))
            part = start, start + timedelta(minutes=session["minutes"]), f"{said['title']}: {session['title']}"
            found += [(room, part) for room in session["rooms"]]
    return found


def kept(room: dict[str, Any], each: Taken) -> Taken:
    """With the minutes for setting up and tearing down."""
    before, after = (timedelta(minutes=room.get(path, 0)) for path in ("beforeMinutes", "afterMinutes"))
    return each[0] - before, each[1] + after, each[2]


def is_open(room: dict[str, Any], each: Taken) -> bool:
    """Whether it lies within the opening hours of its day; a room that states none is always open."""
    hours = room.get("openingHours")
    day, start, end = each[0].isoweekday(), f"{each[0]:%H:%M}", f"{each[1]:%H:%M}"
    return not hours or any(day in one["weekdays"] and one["opens"] <= start <= end <= one["closes"] for one in hours)


def test_no_two_things_of_the_sample_want_a_room_at_the_same_time_or_when_it_is_not_open() -> None:
    sample = json.loads(resources.files(meetings).joinpath("sample.json").read_text(encoding="utf-8"))
    rooms = {each["name"]: each for each in sample["rooms"]}
    for week in range(WEEKS):
        today = date(2026, 11, 21) + timedelta(weeks=week, days=week % 7)
        floors = defaultdict[str, list[Taken]](list)
        for said in [*sample["meetings"], *sample["bookings"]]:
            for room, each in taken(said, today if "by" not in said else today + timedelta(days=1)):
                assert is_open(rooms[room], each), f"{room}: {each[2]} at {each[0]}"
                for part in rooms[room].get("parts", [room]):
                    floors[part].append(kept(rooms[room], each))
        for floor, found in floors.items():
            for one, other in pairwise(sorted(found)):
                assert one[1] <= other[0], f"{floor}: {one[2]}, {other[2]} on {other[0]}"
