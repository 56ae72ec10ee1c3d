"""Where a meeting is: each reader learns what the level of its address says, whatever else the message holds."""

from __future__ import annotations

import pytest
from openchair.meetings.v1 import meeting_pb2, place_pb2

from services.formats.told import as_told, finds

WHOLE = {"title": "Alder House", "address": "7 Sample Close", "rooms": ["Den"], "notes": "Ring", "area": "Old Mill"}
PUBLIC, AREA_ONLY, HOLDERS = (
    place_pb2.ADDRESS_ACCESS_PUBLIC,
    place_pb2.ADDRESS_ACCESS_AREA_ONLY,
    place_pb2.ADDRESS_ACCESS_HOLDERS,
)


@pytest.mark.parametrize(
    ("level", "holder", "told"),
    [
        (place_pb2.ADDRESS_ACCESS_UNSPECIFIED, False, WHOLE),
        (PUBLIC, False, WHOLE),
        (AREA_ONLY, False, {"area": "Old Mill"}),
        (AREA_ONLY, True, {"area": "Old Mill"}),
        (HOLDERS, False, {}),
        (HOLDERS, True, WHOLE),
    ],
)
def test_no_more_of_a_venue_is_told_than_its_level_says(
    level: place_pb2.AddressAccess.ValueType, *, holder: bool, told: dict[str, object]
) -> None:
    always = meeting_pb2.Venue(accessibility=["step-free"], address_access=level)
    venue, expected = meeting_pb2.Venue(**WHOLE), meeting_pb2.Venue(**told)  # type: ignore[arg-type]  # its fields
    venue.MergeFrom(always)
    expected.MergeFrom(always)

    assert as_told(venue, holder=holder) == expected
    assert finds(venue, holder=holder) is (told == WHOLE)
