"""What stands in the way of a booking, as a table for a terminal."""

from __future__ import annotations

from google.protobuf.any_pb2 import Any
from google.protobuf.json_format import ParseDict
from openchair.meetings.v1 import booking_pb2

from services.cli.clashes import attached, told
from services.kit.client import Problem

HALL = "centres/c/rooms/hall"
REPORT = ParseDict(
    {
        "clashes": [
            {
                "kind": "CLASH_KIND_TAKEN",
                "room": HALL,
                "startTime": "2026-11-24T18:00:00Z",
                "endTime": "2026-11-24T19:30:00Z",
                "reason": "taken by Tuesday Group",
            },
            {
                "kind": "CLASH_KIND_NOT_OPEN",
                "room": HALL,
                "startTime": "2026-12-01T21:00:00Z",
                "endTime": "2026-12-02T00:00:00Z",
                "reason": "closes at 22:00",
            },
        ],
        "total": 30,
        "alternatives": [
            {"room": HALL, "roomTitle": "Hall", "start": "2026-11-24T20:30", "free": 1, "total": 1},
            {"room": HALL, "roomTitle": "Attic", "free": 50, "total": 52, "skipped": ["20261124", "20261201"]},
        ],
    },
    booking_pb2.ClashReport(),
)


def test_clashes_are_told_in_local_time_with_their_weekday_and_what_would_work_instead() -> None:
    assert told(REPORT, "Europe/Berlin", {HALL: "Hall"}) == [
        "  WHEN                                          ROOM  IN THE WAY",
        "  Tue 24 Nov 2026 19:00 to 20:30                Hall  taken by Tuesday Group",
        "  Tue 1 Dec 2026 22:00 to Wed 2 Dec 2026 01:00  Hall  not open: closes at 22:00",
        "  and 28 more",
        "What could be had instead:",
        "  Hall: Tuesday 24 November 2026 20:30",
        "  Attic: 50 of 52 dates at that time, not Tue 24 Nov 2026, Tue 1 Dec 2026",
    ]


def test_a_report_is_found_among_the_details_of_a_refusal_and_only_there() -> None:
    packed, other = Any(), Any()
    packed.Pack(REPORT)
    other.Pack(booking_pb2.Booking(title="another detail"))
    assert attached(Problem("FAILED_PRECONDITION", "...", "ROOM_TAKEN", attached=(other, packed))) == REPORT
    assert attached(Problem("FAILED_PRECONDITION", "...", "IN_USE", attached=(other,))) is None
    assert told(booking_pb2.ClashReport()) == []
