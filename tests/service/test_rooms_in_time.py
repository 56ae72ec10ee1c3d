"""What people see of rooms as time goes on: offers whose time passes, lost dates, clocks that change, split series."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.kit.errors import Unmet
from tests.service.claims_house import a_room, at, bookings, fits, lost, taken
from tests.service.meetings_house import CENTRE, COORDINATOR, NOBODY, House

pytest_plugins = ("tests.service.meetings_house",)

EVERY_WEEK = "FREQ=WEEKLY;BYDAY=TU"
SKIP = "CLASH_POLICY_SKIP"
OFFERED, SKIPPED = "BOOKING_QUEUE_OFFERED", "BOOKING_QUEUE_SKIPPED"


class Rooms:
    """A place with two rooms; one meeting on 1 December at 19:00, and a weekly one that has to do without that date."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.place = self.blue = self.red = self.once = self.weekly = ""

    async def furnished(self) -> Rooms:
        self.place = (await self.house.place()).name
        self.blue, self.red = await a_room(self.house, self.place), await a_room(self.house, self.place, "Red")
        return self

    async def meeting(self, title: str, schedule: dict[str, Any], room: str = "", **request: Any) -> str:
        fields = {"title": title, "mode": "MODE_IN_PERSON", "place": self.place, "rooms": [room or self.blue]}
        meeting = {**fields, "schedule": schedule, **request.pop("meeting", {})}
        made = await self.house.call("CreateMeeting", parent=CENTRE, meeting=meeting, **request)
        return str(made.name)

    async def one_lost(self) -> Rooms:
        self.once = await self.meeting("Speakers", at("2026-12-01"))
        self.weekly = await self.meeting("Tuesday Group", at("2026-11-24", EVERY_WEEK), on_clash=SKIP)
        return self

    async def queue(self, queue: str) -> list[str]:
        """What waits in a queue of the coordinator: "Tuesday Group 20261201"."""
        found = await self.house.call("ListBookings", COORDINATOR, parent=CENTRE, queue=queue)
        return [f"{each.title} {one.slot.key}" for each in found.bookings for one in each.skipped]


@pytest.fixture
async def rooms(house: House) -> Rooms:
    return await Rooms(house).furnished()


async def pass_to(house: House, utc: str) -> None:
    """It is then, and everything due has been done."""
    house.clock.jump(datetime.fromisoformat(utc).replace(tzinfo=UTC))
    await house.sweep()


async def test_an_offer_of_a_date_that_has_begun_is_none_any_more(house: House, rooms: Rooms) -> None:
    await rooms.one_lost()
    await house.call("CancelOccurrence", name=f"{rooms.once}/occurrences/20261201")
    assert await rooms.queue(OFFERED) == ["Tuesday Group 20261201"]
    await pass_to(house, "2026-12-02T00:59")  # 18:59 in Edmonton
    assert await rooms.queue(OFFERED) == ["Tuesday Group 20261201"]
    await pass_to(house, "2026-12-02T01:00")
    assert await rooms.queue(OFFERED) == []
    assert await rooms.queue(SKIPPED) == ["Tuesday Group 20261201"]
    await fits(house)


async def test_a_lost_date_leaves_the_queue_a_day_after_it_was_over_and_the_meeting_still_says_it(
    house: House, rooms: Rooms
) -> None:
    await rooms.one_lost()
    await pass_to(house, "2026-12-03T01:59")
    assert await rooms.queue(SKIPPED) == ["Tuesday Group 20261201"]
    await pass_to(house, "2026-12-03T02:00")
    assert await rooms.queue(SKIPPED) == []
    assert await lost(house, rooms.weekly) == ["2026-12-01"]
    await house.call("UpdateMeeting", meeting={"name": rooms.weekly, "title": "Another"}, update_mask="title")
    assert await lost(house, rooms.weekly) == ["2026-12-01"]


async def test_that_a_lost_date_is_over_does_not_mean_that_it_was_taken(house: House, rooms: Rooms) -> None:
    await rooms.meeting("Late speakers", at("2026-12-08"))
    await rooms.one_lost()
    house.clock.jump(datetime(2026, 12, 2, 12, tzinfo=UTC))
    (mine,) = [each for each in await bookings(house, rooms.blue) if each.title == "Tuesday Group"]
    with pytest.raises(Unmet) as refused:
        await house.call("TakeSkippedDates", COORDINATOR, name=f"{rooms.blue}/bookings/{mine.id}")
    assert refused.value.reason == "NOTHING_FREE"
    await fits(house)
