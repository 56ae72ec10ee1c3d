"""A date whose video account somebody else has: nobody is sent into their meeting by the link of the series."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.meetings import composed, records
from services.meetings.access import Audience
from services.meetings.types import Mode
from services.meetings.types_rooms import Lost
from services.meetings.wire import meeting_message
from tests.service.bookings_house import LEE, book
from tests.service.bookings_house import at as booked
from tests.service.claims_house import a_room, an_account, at, lost, stored
from tests.service.meetings_house import CENTRE, NOBODY, House

pytest_plugins = ("tests.service.meetings_house",)

LINK = {"url": "https://meet.example/1", "phone": "+1 555 123 4567"}
IN_PERSON, ONLINE, HYBRID = 1, 2, 3


class Hosted:
    """A meeting every Tuesday by an account, that somebody else has on the first of December."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.name = self.other = ""

    async def built(self, mode: str) -> Hosted:
        place = (await self.house.place()).name
        room, account = await a_room(self.house, place), await an_account(self.house)
        self.other = (await book(self.house, LEE, account, booked("2026-12-01T19:30", title="Board"))).name
        fields: dict[str, Any] = {"title": "Tuesday Group", "mode": mode, "online": LINK, "online_host": account}
        fields |= {"place": place, "rooms": [room]} if mode == "MODE_HYBRID" else {}
        meeting = {**fields, "schedule": at("2026-11-24", "FREQ=WEEKLY;BYDAY=TU")}
        asked = {"parent": CENTRE, "meeting": meeting, "on_clash": "CLASH_POLICY_SKIP"}
        self.name = (await self.house.call("CreateMeeting", LEE, **asked)).name
        return self

    async def told(self) -> dict[str, tuple[int, str, str, str]]:
        """What everybody reads of each date: its mode, how to join, and why that differs."""
        listed = await self.house.listed(20, caller=NOBODY)
        return {each.local_start[5:10]: (each.mode, each.online.url, each.online.phone, each.reason) for each in listed}

    async def view(self) -> Any:
        return records.public_view(await stored(self.house, self.name))


@pytest.mark.parametrize(
    ("mode", "usual", "then", "why"),
    [
        ("MODE_HYBRID", HYBRID, IN_PERSON, "In person only on this date: it cannot be joined from afar."),
        ("MODE_ONLINE", ONLINE, ONLINE, "How to join on this date is not known yet."),
    ],
)
async def test_a_date_without_its_host_is_told_without_the_link_until_it_has_one_again(
    house: House, mode: str, usual: int, then: int, why: str
) -> None:
    hosted = await Hosted(house).built(mode)
    assert await lost(house, hosted.name) == ["2026-12-01"]
    told = await hosted.told()
    assert told["12-01"] == (then, "", "", why)
    assert told["12-08"] == (usual, LINK["url"], LINK["phone"], "")
    (change,) = (await hosted.view()).changes
    assert change.HasField("online")
    assert not change.online.url
    await house.call("ReleaseBooking", LEE, name=hosted.other, scope="BOOKING_SCOPE_ALL")
    offered = await house.call("ListBookings", LEE, parent=CENTRE, queue="BOOKING_QUEUE_OFFERED")
    await house.call("TakeSkippedDates", LEE, name=offered.bookings[0].name)
    assert set((await hosted.told()).values()) == {(usual, LINK["url"], LINK["phone"], "")}


async def test_a_link_of_the_date_itself_is_told_also_without_the_host(house: House) -> None:
    hosted = await Hosted(house).built("MODE_ONLINE")
    own = {"online": {"url": "https://elsewhere.example/2"}}
    date = f"{hosted.name}/occurrences/20261201"
    await house.call("ChangeOccurrence", LEE, name=date, change=own, update_mask="online")
    assert (await hosted.told())["12-01"][:2] == (ONLINE, "https://elsewhere.example/2")


async def test_who_edits_a_meeting_without_its_host_loses_neither_its_link_nor_its_mode(house: House) -> None:
    hosted = await Hosted(house).built("MODE_HYBRID")
    await house.call("UpdateMeeting", LEE, meeting={"name": hosted.name, "title": "Tuesday"}, update_mask="title")
    seen = await house.call("GetMeeting", LEE, name=hosted.name)
    assert (seen.title, seen.mode, seen.online.url) == ("Tuesday", HYBRID, LINK["url"])
    assert (await stored(house, hosted.name)).changes == ()


async def test_a_meeting_that_lost_its_host_on_all_dates_tells_no_link_but_to_those_who_edit_it(house: House) -> None:
    hosted = await Hosted(house).built("MODE_HYBRID")
    found = await stored(house, hosted.name)
    whole = msgspec.structs.replace(found, lost=(Lost(found.online_host),))
    view: Any = records.public_view(whole)
    assert (view.mode, view.HasField("online")) == (IN_PERSON, False)
    seen = composed.all_in_one(whole)
    assert (seen.mode, seen.online) == (Mode.IN_PERSON, None)
    message = meeting_message(whole, Audience.STAFF)
    assert (message.mode, message.online.url) == (HYBRID, LINK["url"])


async def test_of_a_meeting_without_its_host_a_date_can_be_joined_by_a_link_of_its_own_and_by_no_other(
    house: House,
) -> None:
    hosted = await Hosted(house).built("MODE_HYBRID")
    for day, change in (("08", {"online": {"url": "https://elsewhere.example/2"}}), ("15", {"mode": "MODE_ONLINE"})):
        date = f"{hosted.name}/occurrences/202612{day}"
        await house.call("ChangeOccurrence", LEE, name=date, change=change, update_mask=next(iter(change)))
    found = await stored(house, hosted.name)
    view: Any = records.public_view(msgspec.structs.replace(found, lost=(Lost(found.online_host),)))
    told = {each.date: (each.mode, each.online.url, each.reason) for each in view.changes}
    assert told == {
        "2026-12-08": (HYBRID, "https://elsewhere.example/2", ""),
        "2026-12-15": (ONLINE, "", "How to join on this date is not known yet."),
    }


@pytest.mark.parametrize("access", ["PUBLIC", "SEAT_HOLDERS", "INVITE_CODE"])
async def test_the_link_of_an_account_is_told_by_no_meeting_that_it_hosts(house: House, access: str) -> None:
    """Whoever gave none may have left it out on purpose: it leads into every meeting of that account."""
    account = await an_account(house)
    link = "https://example.org/j/CANARY"
    await house.call("UpdateRoom", room={"name": account, "join_url": link}, update_mask="joinUrl")
    group = (await house.group()).name
    said: dict[str, Any] = {"online": {"access": f"ONLINE_ACCESS_{access}"}, "mode": "MODE_ONLINE"}
    hosted = await house.meeting(**said, online_host=account, invite_group=group)
    found = await stored(house, hosted.name)
    for audience in Audience:
        assert "CANARY" not in str(meeting_message(found, audience)), audience


async def test_of_an_agenda_only_the_date_whose_room_somebody_else_has_is_without_it(house: House) -> None:
    place = (await house.place()).name
    room = await a_room(house, place)
    await book(house, LEE, room, booked("2026-12-05T10:00", title="Board"))
    schedule = {**at("2026-11-28T09:00", minutes=480), "extra_dates": [{"date": "2026-12-05"}, {"date": "2026-12-12"}]}
    talk = {"id": "talk", "title": "Talk", "day": 1, "time": "10:00", "minutes": 60, "rooms": [room]}
    retreat = {"title": "Retreat", "kind": "retreat", "mode": "MODE_IN_PERSON", "place": place, "sessions": [talk]}
    asked = {"meeting": {**retreat, "schedule": schedule}, "on_clash": "CLASH_POLICY_SKIP"}
    made = await house.call("CreateMeeting", LEE, parent=CENTRE, **asked)
    view: Any = records.public_view(await stored(house, made.name))
    assert [len(each.room_titles) for each in view.sessions] == [1]
    assert {each.date: list(each.agenda_without) for each in view.changes} == {"2026-12-05": [room]}
