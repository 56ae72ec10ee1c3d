"""Meeting Guide JSON into import rows: mode, links, places."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openchair.meetings.v1 import meeting_pb2 as meetings
from openchair.meetings.v1 import place_pb2 as places

from tests.unit.guide_examples import one, reading

LINK = {"conference_url": "https://meet.example.org/a"}
AREA = {"formatted_address": "Sussex County, DE, USA", "approximate": "yes", "location": "Online Meeting"}


@pytest.mark.parametrize(
    ("fields", "mode", "state"),
    [
        ({}, "IN_PERSON", "ACTIVE"),
        (LINK, "HYBRID", "ACTIVE"),
        (LINK | {"types": ["ONL"]}, "HYBRID", "ACTIVE"),
        (LINK | AREA, "ONLINE", "ACTIVE"),
        (LINK | {"formatted_address": ""}, "ONLINE", "ACTIVE"),
        (LINK | {"types": ["TC"]}, "ONLINE", "ACTIVE"),
        ({"types": ["TC"]}, "IN_PERSON", "SUSPENDED"),
        ({"types": ["ONL"]}, "ONLINE", "ACTIVE"),
        ({"conference_phone": "+1 555 0100", "formatted_address": ""}, "ONLINE", "ACTIVE"),
        (LINK | {"attendance_option": "online"}, "ONLINE", "ACTIVE"),
        (LINK | {"attendance_option": "in_person"}, "IN_PERSON", "ACTIVE"),
        (LINK | {"attendance_option": "hybrid", "types": ["TC"]}, "ONLINE", "ACTIVE"),
        ({"attendance_option": "in_person", "types": ["TC"]}, "IN_PERSON", "SUSPENDED"),
        ({"attendance_option": "inactive"}, "IN_PERSON", "SUSPENDED"),
    ],
)
def test_the_mode_is_as_stated_or_follows_from_what_there_is(fields: dict[str, Any], mode: str, state: str) -> None:
    meeting = one(**fields).meeting
    assert meetings.Mode.Name(meeting.mode) == f"MODE_{mode}"
    assert meetings.MeetingState.Name(meeting.state) == f"MEETING_STATE_{state}"


def test_what_is_taken_as_online_with_doubt_says_so() -> None:
    assert "no street address" in one(**LINK, formatted_address="Edmonton, Alberta, Canada").warnings[0]
    assert "no link or number" in one(formatted_address="").warnings[0]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "zoommtg://x", "https://user@example.org/", "https://", "meet"])
def test_a_link_that_is_not_http_is_dropped_with_a_line(url: str) -> None:
    row = one(conference_url=url)
    assert not row.meeting.HasField("online")
    assert "not an http or https link" in row.warnings[0]


def test_a_link_is_public_and_what_is_said_about_it_private() -> None:
    online = one(**LINK, conference_url_notes="Passcode 1234", conference_phone="+15550100").meeting.online
    assert online.access == meetings.ONLINE_ACCESS_PUBLIC
    assert online.url == "https://meet.example.org/a"
    assert online.phone == "+15550100"
    assert online.notes == "Passcode 1234"
    assert online.passcode == ""


def test_a_place_has_its_own_fields() -> None:
    row = one(
        location="Hall", location_notes="Back\r\ndoor", regions=["County", "Town"], latitude="38.5", longitude=-75.0,
    )  # fmt: skip
    assert row.place == places.Place(
        title="Hall", address="1 Main St, Town", area="Town, County", latitude=38.5, longitude=-75.0,
        notes="Back\ndoor", address_access=places.ADDRESS_ACCESS_PUBLIC, regions=["County", "Town"],
    )  # fmt: skip


def test_regions_come_as_a_list_or_as_region_and_sub_region_from_wide_to_narrow() -> None:
    assert list(one(region="Town", sub_region="Old Quarter").place.regions) == ["Town", "Old Quarter"]
    assert one(region="Town", sub_region="Old Quarter").place.area == "Old Quarter, Town"
    assert list(one(region="Other", regions=["County", "Town"]).place.regions) == ["County", "Town"]


def test_no_region_says_the_door_of_an_address_that_is_withheld() -> None:
    place = one(**LINK, **AREA, regions=["Town", "1 Main St"]).place
    assert "Main" not in str(list(place.regions))


def test_an_address_in_parts_is_joined() -> None:
    parts: dict[str, Any] = {
        "address": "1 Main St",
        "city": "Town",
        "state": "DE",
        "postal_code": 19930,
        "country": "USA",
    }
    assert one(formatted_address=None, **parts).place.address == "1 Main St, Town, DE, 19930, USA"


def test_an_approximate_address_is_an_area_for_the_public() -> None:
    place = one(**LINK, **AREA).place
    assert place.approximate
    assert place.address_access == places.ADDRESS_ACCESS_AREA_ONLY
    assert place.area == "Sussex County, DE, USA"


@pytest.mark.parametrize(
    ("fields", "area"),
    [
        ({"formatted_address": "12 Oak St, Town"}, "Town"),
        ({"formatted_address": "12 Oak St, Town, DE 19930, USA"}, "Town, DE, USA"),
        ({"formatted_address": "The Hall, Unit 5, 12 Oak St, Edmonton, AB T5J 2R7, Canada"}, "Edmonton, AB, Canada"),
        ({"formatted_address": "Oak Street, Town, London SW1A 1AA, UK"}, "Town, London, UK"),
        ({"formatted_address": "Oak Ave. NW, Town"}, "Town"),
        ({"formatted_address": "Torstra\u00dfe 12, 10115 Berlin, Germany"}, "Germany"),
        ({"formatted_address": "The Elms, Town", "address": "The Elms"}, "Town"),
        ({"formatted_address": None, "address": "12 Oak St", "city": "Town", "postal_code": "19930"}, "Town"),
        ({"formatted_address": "12 Oak St"}, ""),
        ({"formatted_address": "12 Oak St, Town", "region": "12 oak st"}, "Town"),
        ({"formatted_address": "12 Oak St, Town", "regions": ["County", "Town, 12 Oak St"]}, "County"),
        ({"formatted_address": "12 Oak Street, Town", "region": "12 Oak St"}, "Town"),
        ({"formatted_address": "12 Oak St, Town", "region": "District 7"}, "District 7"),
        (
            {"formatted_address": "Edmonton, AB, Canada", "address": "Edmonton", "city": "Edmonton"},
            "Edmonton, AB, Canada",
        ),
    ],
)
def test_the_area_of_an_approximate_address_never_says_the_door(fields: dict[str, Any], area: str) -> None:
    place = one(approximate="yes", **fields).place
    assert place.address_access == places.ADDRESS_ACCESS_AREA_ONLY
    assert place.area == area


def test_an_exact_address_has_no_area_of_its_own_and_a_region_that_is_its_street_is_none() -> None:
    assert one(formatted_address="12 Oak St, Town").place.area == ""
    assert one(formatted_address="12 Oak St, Town", region="12 Oak St").place.area == ""


def test_a_nameless_meeting_does_not_take_a_private_door_for_a_name() -> None:
    assert (
        "no name" in one(name="", location="12 Oak St", formatted_address="12 Oak St, Town", approximate="yes").refusal
    )


def test_no_address_and_no_location_is_no_place() -> None:
    assert not one(**LINK, formatted_address="").HasField("place")


@pytest.mark.parametrize("position", [(0, 0), (91, 10), ("north", 10), (10, None), (1e999, 1)])
def test_coordinates_of_nowhere_are_left_out_and_said(position: tuple[Any, Any]) -> None:
    record = {"slug": "a", "name": "A", "day": 1, "time": "19:00", "location": "L", "latitude": position[0]}
    text = json.dumps([record | {"longitude": position[1]}]).replace("Infinity", "1e999")
    (row,) = reading(text.encode()).rows
    assert not row.place.HasField("latitude")
    assert any("latitude" in warning for warning in row.warnings)
