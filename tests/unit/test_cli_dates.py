"""What a date of a meeting is said to lack at a terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from openchair.meetings.v1 import meeting_pb2, schedule_pb2

from services.cli import dates

START = datetime(2026, 12, 4, 19, tzinfo=UTC)
HOST, RED, BLUE = (f"centres/house/rooms/{name}" for name in ("account", "red", "blue"))


@pytest.mark.parametrize(
    ("lost", "says"),
    [
        ([RED], "without its room, which is taken"),
        ([RED, BLUE], "without its rooms, which are taken"),
        ([HOST], "without its video account, which is taken"),
        ([HOST, RED], "without its room and its video account, which are taken"),
    ],
)
def test_a_date_says_whether_it_lacks_its_room_or_who_hosts_it(lost: list[str], says: str) -> None:
    change = meeting_pb2.OccurrenceChange(date="2026-12-04", lost_rooms=lost)
    schedule = schedule_pb2.Schedule(start="2026-12-04T19:00", time_zone="UTC", minutes=60)
    active = meeting_pb2.MEETING_STATE_ACTIVE
    meeting = meeting_pb2.Meeting(state=active, online_host=HOST, schedule=schedule, changes=[change])
    (date,) = dates.of(meeting, START, START + timedelta(days=1))
    assert date.told() == f"Friday 4 December 2026 19:00  ({says})"
