"""What people see of rooms as time goes on: offers whose time passes, lost dates, clocks that change, split series."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.kit.errors import Unmet
from tests.service.bookings_house import ANA
from tests.service.claims_house import a_room, at, bookings, fits, lost, report, taken
from tests.service.closures_house import close
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


async def test_a_series_that_moves_to_another_room_has_lost_nothing_there(house: House, rooms: Rooms) -> None:
    await rooms.one_lost()
    moved = {"name": rooms.weekly, "place": rooms.place, "rooms": [rooms.red]}
    await house.call("UpdateMeeting", meeting=moved, update_mask="place,rooms")
    assert await lost(house, rooms.weekly) == []
    assert "12-01 Tuesday Group" in await taken(house, rooms.red)
    assert [each for each in await taken(house, rooms.blue) if "Group" in each] == []
    assert await rooms.queue(SKIPPED) == []
    listed = await house.listed(30, NOBODY, meeting=rooms.weekly)
    assert {tuple(each.venue.rooms) for each in listed} == {("Red",)}
    await fits(house)


async def test_words_are_never_refused_for_rooms(house: House, rooms: Rooms) -> None:
    """Whatever the room has become since: closed, open for fewer hours, in need of more time between, taken twice."""
    await rooms.one_lost()
    overruling = {"on_clash": "CLASH_POLICY_OVERRULE", "overrule_reason": "Both sit in the corner"}
    await rooms.meeting("Choir", at("2026-12-08", EVERY_WEEK), **overruling)
    hours = [{"weekdays": [3], "opens": "09:00", "closes": "10:00"}]
    room = {"name": rooms.blue, "opening_hours": hours, "before_minutes": 120, "after_minutes": 120}
    await house.call("UpdateRoom", room=room, update_mask="openingHours,beforeMinutes,afterMinutes")
    await house.sweep()
    before = await taken(house, rooms.blue)
    for mask, fields in (
        ("title", {"title": "Tuesday Circle"}),
        ("notes", {"notes": "Bring a friend"}),
        ("capacity", {"capacity": 12}),
        ("visibility", {"visibility": "VISIBILITY_UNLISTED"}),
        ("state", {"state": "MEETING_STATE_SUSPENDED"}),
    ):
        for dry in (True, False):
            meeting = {"name": rooms.weekly, **fields}
            await house.call("UpdateMeeting", meeting=meeting, update_mask=mask, validate_only=dry)
        if mask != "state":
            assert [each.replace("Circle", "Group") for each in await taken(house, rooms.blue)] == before
            assert await lost(house, rooms.weekly) == ["2026-12-01"]


@pytest.mark.parametrize("other", ["America/New_York", "Europe/London"])
async def test_seven_in_the_evening_stays_so_whichever_side_a_room_is_booked_from(
    house: House, rooms: Rooms, other: str
) -> None:
    """A room in Berlin: 19:00 to 20:00 there every day of a year, and what somebody in another zone wants there."""
    berlin = {"start": "2027-01-04T19:00", "time_zone": "Europe/Berlin", "minutes": 60, "rule": "FREQ=DAILY;COUNT=365"}
    await rooms.meeting("Evening", berlin)
    hour = "13:00" if other == "America/New_York" else "18:00"
    before, after = (f"{int(hour[:2]) + by}:00" for by in (-1, 1))
    for start in (before, hour, after):
        schedule = {**berlin, "start": f"2027-01-04T{start}", "time_zone": other}
        found = await house.call(
            "CheckBooking", COORDINATOR, parent=CENTRE, rooms=[rooms.blue], booking={"schedule": schedule}
        )
        expected = clashing(berlin, schedule)
        assert found.total == len(expected) or found.total >= 200
        assert [each.key for each in found.clashes] == expected[:200]
        assert {
            each.taken_start_time.ToDatetime(UTC).astimezone(ZoneInfo("Europe/Berlin")).hour for each in found.clashes
        } <= {19}


def clashing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The dates of the other one that overlap a date of the first, by the clocks of both zones, day by day."""
    has = {start for _, start in _hours(one)}
    near = [timedelta(minutes=each) for each in range(-59, 60)]
    return [key for key, start in _hours(other) if any(start + each in has for each in near)]


def _hours(schedule: dict[str, Any]) -> list[tuple[str, datetime]]:
    first, zone = datetime.fromisoformat(schedule["start"]), ZoneInfo(schedule["time_zone"])
    days = [first + timedelta(days=number) for number in range(365)]
    return [(f"{day:%Y%m%d}", day.replace(tzinfo=zone).astimezone(UTC)) for day in days]


async def test_a_retreat_of_31_days_takes_each_room_for_its_sessions_across_midnight_and_the_clock(
    house: House, rooms: Rooms
) -> None:
    sessions = [
        {"title": "Welcome", "day": 1, "time": "18:00", "minutes": 60, "rooms": [rooms.blue]},
        {"title": "Night watch", "day": 14, "time": "23:00", "minutes": 180, "rooms": [rooms.red, rooms.blue]},
        {"title": "Goodbye", "day": 31, "time": "09:00", "minutes": 60, "rooms": [rooms.red]},
    ]
    schedule = {"start": "2027-03-01T17:00", "time_zone": "Europe/Berlin", "minutes": 31 * 1440 - 600, "rule": ""}
    retreat = await rooms.meeting("Retreat", schedule, meeting={"rooms": [], "sessions": sessions})
    times = {}
    for title, room in (("blue", rooms.blue), ("red", rooms.red)):
        span = {"start_time": "2027-02-20T00:00:00Z", "end_time": "2027-04-20T00:00:00Z"}
        found = await house.call("GetRoomCalendar", COORDINATOR, name=room, **span)
        times[title] = [(each.start_time.ToJsonString(), each.end_time.ToJsonString()) for each in found.events]
    watch = ("2027-03-14T22:00:00Z", "2027-03-15T01:00:00Z")
    assert times == {
        "blue": [("2027-03-01T17:00:00Z", "2027-03-01T18:00:00Z"), watch],
        "red": [watch, ("2027-03-31T07:00:00Z", "2027-03-31T08:00:00Z")],  # the clock has been put forward
    }
    await house.call("CancelOccurrence", name=f"{retreat}/occurrences/20270301")
    assert await taken(house, rooms.blue, 200) == await taken(house, rooms.red, 200) == []
    await fits(house)


async def test_of_a_split_series_each_part_keeps_what_it_has_lost_and_is_offered_it(house: House, rooms: Rooms) -> None:
    await rooms.one_lost()
    second = await rooms.meeting("Late speakers", at("2027-01-05"), room=rooms.red)
    moved = {"name": f"{second}/occurrences/20270105", "change": {"title": "Another"}, "update_mask": "title"}
    await house.call("ChangeOccurrence", **moved)
    edit = {"meeting": {"name": rooms.weekly, "title": "Tuesday Circle"}, "update_mask": "title"}
    later = await house.call(
        "UpdateMeeting", scope="EDIT_SCOPE_FOLLOWING", occurrence="20261208", validate_only=True, **edit
    )
    assert later.title == "Tuesday Circle"
    later = await house.call("UpdateMeeting", scope="EDIT_SCOPE_FOLLOWING", occurrence="20261201", **edit)
    assert (await lost(house, rooms.weekly), await lost(house, later.name)) == ([], ["2026-12-01"])
    await house.call("CancelOccurrence", name=f"{rooms.once}/occurrences/20261201")
    assert await rooms.queue(OFFERED) == ["Tuesday Circle 20261201"]
    (mine,) = [each for each in await bookings(house, rooms.blue) if each.title == "Tuesday Circle"]
    await house.call("TakeSkippedDates", COORDINATOR, name=f"{rooms.blue}/bookings/{mine.id}")
    assert "12-01 Tuesday Circle" in await taken(house, rooms.blue)
    await fits(house)


@pytest.mark.parametrize("orphans", ["ORPHAN_POLICY_KEEP", "ORPHAN_POLICY_DROP"])
async def test_where_the_day_changes_what_is_kept_of_single_dates_keeps_its_room(
    house: House, rooms: Rooms, orphans: str
) -> None:
    await rooms.one_lost()
    change = {"start": "2026-12-16T10:00", "title": "Outing"}
    await house.call(
        "ChangeOccurrence", name=f"{rooms.weekly}/occurrences/20261215", change=change, update_mask="start,title"
    )
    schedule = at("2026-11-26", "FREQ=WEEKLY;BYDAY=TH")
    edit = {"name": rooms.weekly, "schedule": schedule}
    await house.call("UpdateMeeting", meeting=edit, update_mask="schedule", orphans=orphans)
    await fits(house)
    assert ("12-15 Tuesday Group" in await taken(house, rooms.blue)) is orphans.endswith("KEEP")
    assert await lost(house, rooms.weekly) == []


async def test_a_date_moved_into_the_past_or_far_away_gives_back_its_room_or_takes_it_there(
    house: House, rooms: Rooms
) -> None:
    weekly = await rooms.meeting("Tuesday Group", at("2026-11-24", EVERY_WEEK))
    far = {"start": "2040-06-06T19:30"}
    await rooms.meeting("Far away", at("2040-06-06"))
    with pytest.raises(Unmet) as refused:
        await house.call("ChangeOccurrence", name=f"{weekly}/occurrences/20261201", change=far, update_mask="start")
    assert refused.value.details["when"] == "2040-06-06 19:30"
    for start in ("2040-06-06T20:00", "2020-01-01T19:00"):
        change = {"change": {"start": start}, "update_mask": "start"}
        await house.call("ChangeOccurrence", name=f"{weekly}/occurrences/20261201", **change)
        assert "12-01 Tuesday Group" not in await taken(house, rooms.blue)
        span = {"start_time": "2040-06-06T12:00:00Z", "end_time": "2040-06-08T00:00:00Z"}
        found = await house.call("GetRoomCalendar", COORDINATOR, name=rooms.blue, **span)
        assert ("Tuesday Group" in [each.title for each in found.events]) is start.startswith("2040")
        await fits(house)


async def test_a_room_that_is_in_use_names_each_user_once(house: House, rooms: Rooms) -> None:
    weekly = await rooms.meeting("Tuesday Group", at("2026-11-24", EVERY_WEEK))
    booking = {"schedule": at("2026-11-26"), "title": "Coaching"}
    made = await house.call("BookRoom", parent=CENTRE, rooms=[rooms.blue], booking=booking)
    with pytest.raises(Unmet) as refused:
        await house.call("DeleteRoom", name=rooms.blue)
    assert refused.value.details == {"used_by": f"{weekly}, {made.bookings[0].name}", "count": "2"}


async def test_whoever_booked_a_room_is_told_of_the_closure_their_dates_lie_in(house: House, rooms: Rooms) -> None:
    booking = {"schedule": at("2026-11-24", EVERY_WEEK), "title": "Coaching"}
    made = await house.call("BookRoom", ANA, parent=CENTRE, rooms=[rooms.blue], booking=booking)
    name = made.bookings[0].name
    closure = {"reason": "The wall is painted", "effect": "CLOSURE_EFFECT_CANCEL", "start": "2026-12-01"}
    closed = await close(house, {**closure, "end": "2026-12-08", "rooms": [rooms.blue]})
    told = await house.call("GetBooking", ANA, name=name)
    dates = [("20261201", "2026-12-01T19:00"), ("20261208", "2026-12-08T19:00")]
    assert [(each.key, each.start, each.reason) for each in told.closed] == [
        (*each, "The wall is painted") for each in dates
    ]
    listed = await house.call("ListBookings", ANA, parent=CENTRE, mine=True)
    assert listed.bookings[0] == told
    await pass_to(house, "2026-12-02T12:00")
    told = await house.call("GetBooking", ANA, name=name)
    assert [each.key for each in told.closed] == ["20261208"]
    await house.call("WithdrawClosure", COORDINATOR, name=closed.name)
    await house.sweep()
    assert not (await house.call("GetBooking", ANA, name=name)).closed


async def test_a_closure_withdrawn_midway_leaves_what_is_over_and_says_everywhere_what_cannot_be_put_back(
    house: House, rooms: Rooms
) -> None:
    weekly = await rooms.meeting("Tuesday Group", at("2026-11-24", EVERY_WEEK))
    closure = {"reason": "Flood", "effect": "CLOSURE_EFFECT_MOVE", "start": "2026-12-01", "end": "2026-12-15"}
    there = (await house.place(title="Library")).name
    closed = await close(house, {**closure, "rooms": [rooms.blue], "move_place": there})
    assert await taken(house, rooms.blue, 25) == ["11-24 Tuesday Group"]
    booking = {"schedule": at("2026-12-15"), "title": "Coaching"}
    overruled = {"on_clash": "CLASH_POLICY_OVERRULE", "overrule_reason": "With rubber boots"}
    await house.call("BookRoom", parent=CENTRE, rooms=[rooms.blue], booking=booking, **overruled)
    await pass_to(house, "2026-12-03T12:00")
    await house.call("WithdrawClosure", COORDINATOR, name=closed.name)
    await house.sweep()
    staff = await house.call("GetMeeting", name=weekly)
    assert {each.date: (each.place, list(each.lost_rooms)) for each in staff.changes} == {
        "2026-12-01": (there, []),
        "2026-12-15": (rooms.place, [rooms.blue]),
    }
    public = {each.local_start[5:10]: list(each.venue.rooms) for each in await house.listed(32, NOBODY, meeting=weekly)}
    assert public == {"12-08": ["Blue"], "12-15": [], "12-22": ["Blue"]}
    assert await rooms.queue(SKIPPED) == ["Tuesday Group 20261215"]
    told = await house.call("GetClosure", COORDINATOR, name=closed.name)
    assert [(each.local_start, each.room) for each in told.lost] == [("2026-12-15T19:00", rooms.blue)]
    calendar = await house.call("GetRoomCalendar", COORDINATOR, name=rooms.blue, end_time="2026-12-17T00:00:00Z")
    assert [(each.local_start[5:10], each.title) for each in calendar.events] == [
        ("12-08", "Tuesday Group"),
        ("12-15", "Coaching"),
    ]
    await fits(house)


async def test_until_further_notice_rooms_are_free_month_by_month_and_taken_again_when_it_ends(
    house: House, rooms: Rooms
) -> None:
    weekly = await rooms.meeting("Tuesday Group", at("2026-11-24", EVERY_WEEK))
    closure = {"reason": "Flood", "effect": "CLOSURE_EFFECT_CANCEL", "start": "2026-12-01"}
    closed = await close(house, {**closure, "rooms": [rooms.blue]})
    for month in ("2027-01-02", "2027-02-02", "2027-03-02"):
        await pass_to(house, f"{month}T12:00")
        await fits(house)
        assert await taken(house, rooms.blue, 400) == []
    await house.call("WithdrawClosure", COORDINATOR, name=closed.name)
    await house.sweep()
    assert (await taken(house, rooms.blue, 20))[:2] == ["03-02 Tuesday Group", "03-09 Tuesday Group"]
    assert await lost(house, weekly) == []
    await fits(house)


async def test_a_closure_that_begins_in_the_middle_of_a_date_is_in_the_way_as_it_is_for_meetings(
    house: House, rooms: Rooms
) -> None:
    weekly = await rooms.meeting("Tuesday Group", at("2026-11-24", EVERY_WEEK))
    closure = {"reason": "Fire drill", "effect": "CLOSURE_EFFECT_CANCEL", "rooms": [rooms.blue, rooms.red]}
    await close(house, {**closure, "start": "2026-12-01T19:30", "end": "2026-12-01T21:00"})
    assert "12-01 Tuesday Group" not in await taken(house, rooms.blue)
    for start, free in (("2026-12-01T18:29", True), ("2026-12-01T18:31", False), ("2026-12-01T21:00", True)):
        booking = {"schedule": at(start)}
        found = await house.call("CheckBooking", COORDINATOR, parent=CENTRE, rooms=[rooms.red], booking=booking)
        assert found.free is free, start
    await house.call("RestoreOccurrence", name=f"{weekly}/occurrences/20261201")  # despite the closure
    assert "12-01 Tuesday Group" in await taken(house, rooms.blue)
    await fits(house)


async def test_the_time_between_two_bookings_holds_on_every_path(house: House, rooms: Rooms) -> None:
    """20 minutes before and 45 after are needed: of two bookings the larger counts, whoever comes and however."""
    room = {"name": rooms.blue, "before_minutes": 20, "after_minutes": 45}
    await house.call("UpdateRoom", room=room, update_mask="beforeMinutes,afterMinutes")
    await rooms.meeting("Group", at("2026-12-01T19:00"))
    other = await rooms.meeting("Movable", at("2026-12-02T19:00"))
    weekly = await rooms.meeting("Weekly", at("2026-12-03T19:00", "FREQ=WEEKLY;BYDAY=TH"))
    booked = {"schedule": at("2026-12-04T10:00"), "title": "Coaching"}
    coaching = (await house.call("BookRoom", parent=CENTRE, rooms=[rooms.blue], booking=booked)).bookings[0].name
    near = {"schedule": at("2026-12-01T20:44")}
    early = {"schedule": at("2026-12-01T17:16")}
    moved = {"start": "2026-12-01T20:44"}
    date = {"change": moved, "update_mask": "start"}
    changed = {
        "booking": {"name": coaching, "schedule": {"start": "2026-12-01T20:44"}},
        "update_mask": "schedule.start",
    }
    paths: list[tuple[str, dict[str, Any]]] = [
        ("BookRoom", {"parent": CENTRE, "rooms": [rooms.blue], "booking": near}),
        ("BookRoom", {"parent": CENTRE, "rooms": [rooms.blue], "booking": early}),
        ("HoldRoom", {"parent": CENTRE, "room": rooms.blue, "booking": near}),
        ("ChangeBooking", {**changed, "scope": "BOOKING_SCOPE_ALL"}),
        ("ChangeBooking", {**changed, "scope": "BOOKING_SCOPE_THIS", "key": "20261204"}),
        ("UpdateMeeting", {"meeting": {"name": other, "schedule": at("2026-12-01T20:44")}, "update_mask": "schedule"}),
        ("ChangeOccurrence", {"name": f"{other}/occurrences/20261202", **date}),
        ("ChangeOccurrence", {"name": f"{weekly}/occurrences/20261210", **date}),
    ]
    for method, request in paths:
        with pytest.raises(Unmet) as refused:
            await house.call(method, **request)
        assert refused.value.reason == "ROOM_TAKEN", method
        (clash,) = report(refused.value).clashes
        assert "too little time between" in clash.reason
    for start in ("2026-12-01T20:45", "2026-12-01T17:15"):
        await house.call("BookRoom", parent=CENTRE, rooms=[rooms.blue], booking={"schedule": at(start)})
    await fits(house)


async def test_a_closure_over_part_of_a_week_that_is_made_twice_closes_once_and_opens_once(
    house: House, rooms: Rooms
) -> None:
    daily = await rooms.meeting("Morning", at("2026-11-30T07:00", "FREQ=DAILY"))
    closure = {"reason": "Flood", "effect": "CLOSURE_EFFECT_CANCEL", "start": "2026-12-02", "end": "2026-12-03"}
    made = [await close(house, {**closure, "rooms": [rooms.blue]}) for _ in range(2)]
    open_days = ["11-30 Morning", "12-01 Morning", "12-04 Morning", "12-05 Morning"]
    assert (await taken(house, rooms.blue, 16))[:4] == open_days
    await house.call("WithdrawClosure", COORDINATOR, name=made[0].name)
    await house.sweep()
    assert (await taken(house, rooms.blue, 16))[:4] == open_days
    await house.call("WithdrawClosure", COORDINATOR, name=made[1].name)
    await house.sweep()
    assert (await taken(house, rooms.blue, 16))[2:4] == ["12-02 Morning", "12-03 Morning"]
    assert len(await bookings(house, rooms.blue)) == 1
    assert await lost(house, daily) == []
    await fits(house)
