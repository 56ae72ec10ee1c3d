"""What is listed of meetings, to whom, and what is refused by the name of its field."""

from __future__ import annotations

from typing import Any

import pytest

from services.kit.errors import Exists, Invalid, Refusal, Unmet
from services.meetings.records import PUBLICATIONS
from tests.service.meetings_house import CENTRE, COORDINATOR, NOBODY, House
from tests.service.test_meetings_edits import dates

pytest_plugins = ("tests.service.meetings_house",)


async def test_whoever_belongs_to_the_centre_sees_what_the_public_does_not(house: House) -> None:
    await house.meeting(visibility="VISIBILITY_MEMBERS", invite_group=(await house.group()).name)
    place = await house.place(address_access="ADDRESS_ACCESS_AREA_ONLY")
    await house.meeting(
        title="Shelter",
        place=place.name,
        online={"url": "https://meet.example.org/x", "access": "ONLINE_ACCESS_SEAT_HOLDERS", "passcode": "p"},
    )
    (seen,) = await house.listed(days=7, caller=NOBODY)
    assert (seen.title, seen.venue.area, seen.venue.address, seen.online.url) == ("Shelter", "Old Town", "", "")
    inside = await house.listed(days=7, caller=COORDINATOR)
    assert {(each.title, each.online.url, each.venue.address) for each in inside} == {
        ("Tuesday Group", "", ""),
        ("Shelter", "https://meet.example.org/x", "1 Main St"),
    }


async def test_what_is_not_public_is_in_no_public_view(house: House) -> None:
    place = await house.place(
        address_access="ADDRESS_ACCESS_HOLDERS", address="CANARY-1", area="CANARY-2", notes="CANARY-3"
    )
    meeting = await house.meeting(
        place=place.name,
        online={
            "url": "https://canary.example.org",
            "access": "ONLINE_ACCESS_INVITE_CODE",
            "passcode": "CANARY-4",
            "notes": "CANARY-5",
            "phone": "555 0199",
        },
    )
    group = (await house.group()).name
    hidden = await house.meeting(visibility="VISIBILITY_MEMBERS", title="CANARY-6", invite_group=group)
    published = b""
    for record in await house.store.unpublished(100):
        for publication in PUBLICATIONS:
            if publication.kind == record.kind and publication.view == "public" and record.view("public"):
                published += publication.event(record, "local").payload or b""
    assert meeting.name.encode() in published
    assert hidden.name.encode() not in published
    for canary in (b"CANARY", b"canary.example", b"0199"):
        assert canary not in published


async def test_listing_pages_are_complete_and_stable(house: House) -> None:
    for number in range(5):
        await house.meeting(title=f"Group {number}")
    whole = await house.listed(days=30)
    seen, token = [], ""
    while True:
        reply = await house.call(
            "ListOccurrences",
            parent=CENTRE,
            start_time="2026-11-21T12:00:00Z",
            end_time="2026-12-21T12:00:00Z",
            page_size=3,
            page_token=token,
        )
        seen += reply.occurrences
        token = reply.next_page_token
        if not token:
            break
    assert seen == whole


async def test_filters_take_what_holds_on_that_date(house: House) -> None:
    place = await house.place()
    meeting = await house.meeting(fellowship="AA", types=["O"], language="en")
    await house.meeting(title="Other", fellowship="NA", mode="MODE_ONLINE")
    await house.call(
        "ChangeOccurrence",
        name=f"{meeting.name}/occurrences/20261201",
        change={"place": place.name, "mode": "MODE_HYBRID"},
    )
    assert len(await house.listed(days=12, fellowship="AA", type="O", language="en")) == 2
    assert dates(await house.listed(days=12, place=place.name)) == ["2026-12-01T19:00"]
    assert dates(await house.listed(days=12, mode="MODE_HYBRID")) == ["2026-12-01T19:00"]
    assert {each.title for each in await house.listed(days=12, meeting=meeting.name)} == {"Tuesday Group"}


async def test_a_suspended_meeting_has_no_occurrences_until_it_is_taken_up_again(house: House) -> None:
    meeting = await house.meeting(state="MEETING_STATE_SUSPENDED")
    assert await house.listed() == []
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "state": "MEETING_STATE_ACTIVE"})
    assert len(await house.listed(days=7)) == 1


async def test_a_centre_that_holds_something_is_not_deleted(house: House) -> None:
    meeting = await house.meeting()
    with pytest.raises(Unmet):
        await house.call("DeleteCentre", name=CENTRE)
    assert (await house.call("GetMeeting", name=meeting.name)).title == "Tuesday Group"
    with pytest.raises(Exists):
        await house.call("CreateCentre", centre_id="house", centre={"title": "X", "time_zone": "UTC"})


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no title": ({"title": " "}, "meeting.title"),
    "mode unsaid": ({"mode": "MODE_UNSPECIFIED"}, "meeting.mode"),
    "no length": ({"schedule": {"minutes": 0}}, "meeting.schedule.minutes"),
    "over 31 days": ({"schedule": {"minutes": 44641}}, "meeting.schedule.minutes"),
    "unknown zone": ({"schedule": {"time_zone": "Mars/Olympus"}}, "meeting.schedule.time_zone"),
    "zone as a path": ({"schedule": {"time_zone": "../etc/passwd"}}, "meeting.schedule.time_zone"),
    "impossible rule": (
        {"schedule": {"rule": "FREQ=MONTHLY;BYMONTHDAY=31;INTERVAL=12", "start": "2026-11-30T19:00"}},
        "meeting.schedule.start",
    ),
    "interval 0": ({"schedule": {"rule": "FREQ=WEEKLY;INTERVAL=0"}}, "meeting.schedule.rule"),
    "count with until": ({"schedule": {"rule": "FREQ=WEEKLY;COUNT=3;UNTIL=20270101"}}, "meeting.schedule.rule"),
    "every second": ({"schedule": {"rule": "FREQ=SECONDLY"}}, "meeting.schedule.rule"),
    "every minute": ({"schedule": {"rule": "FREQ=MINUTELY"}}, "meeting.schedule.rule"),
    "every hour": ({"schedule": {"rule": "FREQ=HOURLY"}}, "meeting.schedule.rule"),
    "an exclusion rule": ({"schedule": {"rule": "EXRULE:FREQ=WEEKLY"}}, "meeting.schedule.rule"),
    "not its own start": ({"schedule": {"start": "2026-11-25T19:00"}}, "meeting.schedule.start"),
    "until before the start": ({"schedule": {"rule": "FREQ=WEEKLY;BYDAY=TU;UNTIL=20261101"}}, "meeting.schedule.rule"),
    "a script for a link": ({"online": {"url": "javascript:alert(1)"}}, "meeting.online.url"),
    "a link with a line break": ({"online": {"url": "https://a.example/\r\nX: y"}}, "meeting.online.url"),
    "a name and password in a link": ({"online": {"url": "https://me:pw@a.example/"}}, "meeting.online.url"),
    "a word for a number": ({"online": {"phone": "call me"}}, "meeting.online.phone"),
    "two lines of title": ({"title": "a\nb"}, "meeting.title"),
    "a hidden direction": ({"title": "a\u202eb"}, "meeting.title"),
    "a zero-width space": ({"title": "a\u200bb"}, "meeting.title"),
    "a NUL": ({"notes": "a\x00b"}, "meeting.notes"),
    "a name of 10 kB": ({"title": "x" * 10_000}, "meeting.title"),
    "another centre's place": ({"place": "centres/other/places/p"}, "meeting.place"),
}


@pytest.mark.parametrize("case", BAD)
async def test_bad_input_names_the_field_and_changes_nothing(house: House, case: str) -> None:
    fields, field = BAD[case]
    schedule = {
        "start": "2026-11-24T19:00",
        "time_zone": "America/Edmonton",
        "minutes": 60,
        "rule": "FREQ=WEEKLY;BYDAY=TU",
    }
    fields = {**fields, "schedule": {**schedule, **fields.get("schedule", {})}}
    before = await house.store.unpublished(100)
    with pytest.raises(Invalid) as refusal:
        await house.meeting(**fields)
    assert field in [violation.field for violation in refusal.value.violations]
    assert await house.store.unpublished(100) == before


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("GetMeeting", {"name": "centres/other/meetings/{id}"}),
        ("GetMeeting", {"name": "centres/house/meetings/absent"}),
        ("DeleteMeeting", {"name": "centres/other/meetings/{id}"}),
        ("CancelOccurrence", {"name": "centres/house/meetings/{id}/occurrences/20261125"}),
        ("CancelOccurrence", {"name": "centres/other/meetings/{id}/occurrences/20261124"}),
    ],
)
async def test_what_is_not_there_and_what_is_anothers_are_the_same(
    house: House, method: str, request_: dict[str, str]
) -> None:
    meeting = await house.meeting()
    name = request_["name"].replace("{id}", meeting.name.rpartition("/")[2])
    with pytest.raises(Refusal) as refusal:
        await house.call(method, name=name)
    assert (refusal.value.code, refusal.value.reason, refusal.value.details) == (
        "NOT_FOUND",
        "NOT_FOUND",
        {"name": name},
    )


@pytest.mark.parametrize("mask", ["sequence", "lineage", "nonsense", "schedule.nonsense"])
async def test_a_mask_names_only_what_may_be_changed(house: House, mask: str) -> None:
    meeting = await house.meeting()
    with pytest.raises(Invalid) as refusal:
        await house.call("UpdateMeeting", meeting={"name": meeting.name}, update_mask=mask)
    assert refusal.value.violations[0].field == "update_mask"


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        ("2026-10-01T00:00:00Z", "2026-10-08T00:00:00Z", "start_time"),
        ("2026-12-01T00:00:00Z", "2027-03-01T00:00:00Z", "end_time"),
    ],
)
async def test_the_public_asks_about_what_is_near_and_the_centres_own_people_about_a_year(
    house: House, start: str, end: str, field: str
) -> None:
    await house.meeting()
    window = {"parent": CENTRE, "start_time": start, "end_time": end}
    with pytest.raises(Invalid) as refusal:
        await house.call("ListOccurrences", NOBODY, **window)
    assert refusal.value.violations[0].field == field
    await house.call("ListOccurrences", COORDINATOR, **window)


async def test_an_occurrence_that_has_begun_is_listed_once_over_all_pages(house: House) -> None:
    schedule = {"start": "2026-11-20T10:00", "time_zone": "America/Edmonton", "minutes": 4000}
    await house.meeting(title="Retreat", schedule=schedule)
    await house.meeting()
    names, token = [], ""
    while True:
        reply = await house.call("ListOccurrences", parent=CENTRE, page_size=1, page_token=token)
        names += [each.title for each in reply.occurrences]
        token = reply.next_page_token
        if not token:
            break
    assert names == ["Retreat", "Tuesday Group"]


async def test_a_part_is_not_held_back_for_one_that_is_public_no_more(house: House) -> None:
    meeting = await house.meeting()
    part = await house.call(
        "UpdateMeeting",
        meeting={"name": meeting.name, "title": "B"},
        scope="EDIT_SCOPE_FOLLOWING",
        occurrence="20261208",
    )
    assert (await house.call("GetMeeting", name=meeting.name)).next_part_revision == 1
    hidden = {"visibility": "VISIBILITY_MEMBERS", "invite_group": (await house.group()).name}
    await house.call("UpdateMeeting", meeting={"name": part.name, **hidden})
    first = await house.call("GetMeeting", name=meeting.name)
    assert (first.next_part, first.next_part_revision, first.sequence) == (part.name, 0, 1)
