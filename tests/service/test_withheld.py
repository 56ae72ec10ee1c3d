"""What is kept back stays so: no number tells of it, no list widens it, no date and no source goes round it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.kit.publication import body
from services.meetings.records import PUBLICATIONS
from tests.service.meetings_house import NOBODY, House
from tests.service.test_meetings_imports import row, take

if TYPE_CHECKING:
    from services.kit.store.port import Record

pytest_plugins = ("tests.service.meetings_house",)

LINK = "https://meet.example.org/1"
DATE = "20261201"


async def record_of(house: House, name: str) -> Record:
    record = await house.store.get("meeting", name.rpartition("/")[2])
    assert record is not None
    return record


async def shown(house: House, name: str, view: str) -> Any:
    """What the event of that view carries."""
    record = await record_of(house, name)
    message_type = type(await house.call("GetMeeting", name=name))
    (publication,) = (each for each in PUBLICATIONS if (each.kind, each.view) == ("meeting", view))
    return body(publication.event(record, "local"), message_type)


async def test_what_no_calendar_shows_moves_nothing_public(house: House) -> None:
    group = (await house.group()).name
    place = await house.place(address_access="ADDRESS_ACCESS_AREA_ONLY")
    online = {"url": LINK, "access": "ONLINE_ACCESS_SEAT_HOLDERS"}
    meeting = await house.meeting(place=place.name, mode="MODE_HYBRID", online=online, invite_group=group)
    date = f"{meeting.name}/occurrences/{DATE}"
    by_code = {"url": f"{LINK}?d", "access": "ONLINE_ACCESS_INVITE_CODE"}
    await house.call("ChangeOccurrence", name=date, change={"online": by_code, "place": place.name})
    before = await shown(house, meeting.name, "public")

    await house.call("UpdateMeeting", meeting={"name": meeting.name, "online": {**online, "url": f"{LINK}/2"}})
    await house.call("ChangeOccurrence", name=date, change={"online": {**by_code, "passcode": "sesame"}})
    await house.call("UpdatePlace", place={"name": place.name, "address": "2 Main St", "notes": "Ring twice"})
    await house.sweep()
    assert (await house.call("GetMeeting", name=meeting.name)).venue.address == "2 Main St"
    assert await shown(house, meeting.name, "public") == before

    await house.call("UpdatePlace", place={"name": place.name, "area": "New Town"})
    await house.sweep()
    after = await shown(house, meeting.name, "public")
    assert (after.sequence, after.venue.area) == (before.sequence + 1, "New Town")


async def test_a_link_that_code_holders_see_still_counts(house: House) -> None:
    online = {"url": LINK, "access": "ONLINE_ACCESS_INVITE_CODE"}
    meeting = await house.meeting(mode="MODE_ONLINE", online=online, invite_group=(await house.group()).name)
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "online": {**online, "url": f"{LINK}/2"}})
    assert (await shown(house, meeting.name, "private")).sequence == meeting.sequence + 1


@pytest.mark.parametrize("visibility", ["VISIBILITY_PUBLIC", "VISIBILITY_UNLISTED", "VISIBILITY_MEMBERS"])
async def test_what_is_for_staff_alone_moves_a_private_view_and_is_not_in_it(house: House, visibility: str) -> None:
    group = (await house.group()).name if visibility == "VISIBILITY_MEMBERS" else ""
    online = {"url": LINK, "access": "ONLINE_ACCESS_SEAT_HOLDERS", "passcode": "sesame"}
    meeting = await house.meeting(visibility=visibility, mode="MODE_ONLINE", online=online, invite_group=group)
    before = await shown(house, meeting.name, "private")
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "online": {**online, "url": f"{LINK}/2"}})
    after = await shown(house, meeting.name, "private")
    assert after.revision == before.revision + 1
    assert (after.etag, after.online.url, after.online.passcode) == ("", "", "")
    if visibility == "VISIBILITY_PUBLIC":
        assert {field.name for field, _ in after.ListFields()} == {"name", "epoch", "revision", "update_time"}


async def test_a_meeting_that_only_staff_see_is_known_by_its_name_alone(house: House) -> None:
    await take(house, [row(1, meeting={"visibility": "VISIBILITY_MEMBERS", "notes": "Bring the key"})])
    (meeting,) = (await house.call("ListMeetings", parent="centres/house")).meetings
    before = await shown(house, meeting.name, "private")
    assert {field.name for field, _ in before.ListFields()} == {"name", "epoch", "revision", "update_time"}
    assert (await record_of(house, meeting.name)).view("public") is None
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "title": "Other"})
    assert (await shown(house, meeting.name, "private")).revision == before.revision + 1


@pytest.mark.parametrize("narrow", ["ONLINE_ACCESS_INVITE_CODE", "ONLINE_ACCESS_SEAT_HOLDERS"])
async def test_a_series_whose_link_is_withheld_withholds_that_of_every_date(house: House, narrow: str) -> None:
    meeting = await house.meeting(mode="MODE_ONLINE", online={"url": LINK})
    date = f"{meeting.name}/occurrences/{DATE}"
    await house.call("ChangeOccurrence", name=date, change={"online": {"url": f"{LINK}?d"}})
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "online": {"url": LINK, "access": narrow}})
    assert [each.online.url for each in await house.listed(days=20, caller=NOBODY)] == [""] * 3
    said = {"online": {"url": f"{LINK}?d", "access": "ONLINE_ACCESS_PUBLIC"}}  # for this date, and on purpose
    await house.call("ChangeOccurrence", name=date, change=said)
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "title": "Other"})
    assert [each.online.url for each in await house.listed(days=20, caller=NOBODY)] == ["", f"{LINK}?d", ""]


async def test_the_page_of_the_source_is_not_told_where_the_link_is_withheld(house: House) -> None:
    source = {"source_url": "https://list.example.org/1"}
    await take(house, [row(1, meeting={"mode": "MODE_HYBRID", "online": {"url": LINK}}, **source)])
    (meeting,) = (await house.call("ListMeetings", parent="centres/house")).meetings
    assert (await house.call("ViewMeeting", NOBODY, name=meeting.name)).source.url == source["source_url"]
    narrow = {"url": LINK, "access": "ONLINE_ACCESS_INVITE_CODE"}
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "online": narrow})
    assert not (await house.call("ViewMeeting", NOBODY, name=meeting.name)).HasField("source")
    assert not (await shown(house, meeting.name, "public")).HasField("source")


async def test_a_list_that_once_leaves_out_the_link_does_not_publish_it_the_next_time(house: House) -> None:
    online = {"mode": "MODE_HYBRID", "online": {"url": LINK}}
    await take(house, [row(1, meeting=online)])
    (meeting,) = (await house.call("ListMeetings", parent="centres/house")).meetings
    narrow = {"url": LINK, "access": "ONLINE_ACCESS_INVITE_CODE"}
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "online": narrow})
    assert await take(house, [row(1)]) == {"changed": 1}
    assert await take(house, [row(1)]) == {"unchanged": 1}
    assert await take(house, [row(1, meeting=online)]) == {"changed": 1}
    assert (await house.call("GetMeeting", name=meeting.name)).online.url == LINK
    assert {each.online.url for each in await house.listed(caller=NOBODY)} == {""}


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ("ADDRESS_ACCESS_AREA_ONLY", "ADDRESS_ACCESS_HOLDERS"),  # would tell holders the address of a shelter
        ("ADDRESS_ACCESS_HOLDERS", "ADDRESS_ACCESS_AREA_ONLY"),  # would tell the public the area
        ("ADDRESS_ACCESS_AREA_ONLY", "ADDRESS_ACCESS_PUBLIC"),
    ],
)
async def test_no_list_tells_anybody_more_of_an_address_than_is_stated_here(
    house: House, stated: str, said: str
) -> None:
    await take(house, [row(1)])
    (place,) = (await house.call("ListPlaces", parent="centres/house")).places
    await house.call("UpdatePlace", place={"name": place.name, "address_access": stated})
    listed = row(1)
    await take(house, [{**listed, "place": {**listed["place"], "address_access": said, "area": "East"}}])
    (place,) = (await house.call("ListPlaces", parent="centres/house")).places
    assert (type(place).DESCRIPTOR.fields_by_name["address_access"].enum_type.values_by_number)[
        place.address_access
    ].name == stated


async def test_a_list_that_knows_codes_tells_no_holder_of_one_what_is_for_seat_holders(house: House) -> None:
    online = {"url": LINK, "access": "ONLINE_ACCESS_INVITE_CODE"}
    await take(house, [row(1, meeting={"mode": "MODE_ONLINE", "online": {**online, "access": "ONLINE_ACCESS_PUBLIC"}})])
    (meeting,) = (await house.call("ListMeetings", parent="centres/house")).meetings
    group = (await house.group()).name
    narrow = {"url": LINK, "access": "ONLINE_ACCESS_SEAT_HOLDERS"}
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "online": narrow, "invite_group": group})
    await take(house, [row(1, meeting={"mode": "MODE_ONLINE", "online": online, "title": "New"})])
    found = await house.call("ViewMeeting", NOBODY, name=meeting.name, invite_code=await house.code(group))
    assert (found.title, found.online.url) == ("New", "")


async def test_a_part_does_not_name_one_that_another_group_opens(house: House) -> None:
    one, other = (await house.group()).name, (await house.group("Others")).name
    meeting = await house.meeting(visibility="VISIBILITY_MEMBERS", invite_group=one)
    await house.call(
        "UpdateMeeting",
        meeting={"name": meeting.name, "visibility": "VISIBILITY_UNLISTED", "invite_group": other},
        scope="EDIT_SCOPE_FOLLOWING",
        occurrence="20261208",
    )
    assert (await shown(house, meeting.name, "private")).next_part == ""
    assert (await house.call("GetMeeting", name=meeting.name)).next_part
