"""A meeting and its rooms are one commit: what is taken is refused, skipped or overruled, and never half held."""

from __future__ import annotations

import asyncio
from io import StringIO
from typing import Any

import msgspec
import pytest

from services.kit.errors import Denied, Invalid, Unmet
from services.kit.leaves import Changes, Decision
from services.kit.logs import make_log
from services.kit.store.port import Commit
from services.meetings import records
from services.meetings.moving_in import BEFORE, MovingIn
from services.meetings.parts import Parts
from services.meetings.types import Meeting
from tests.service.claims_house import a_room, an_account, at, bookings, every, fits, lost, report, stored, taken
from tests.service.closures_house import past_second_look
from tests.service.meetings_house import CENTRE, COORDINATOR, NOBODY, House

pytest_plugins = ("tests.service.meetings_house",)

EVERY_WEEK = "FREQ=WEEKLY;BYDAY=TU"
THIRD = "FREQ=MONTHLY;BYDAY=3TU"
SKIP, OVERRULE = "CLASH_POLICY_SKIP", "CLASH_POLICY_OVERRULE"


class Home:
    """A place with two rooms, and another one."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.place = self.blue = self.red = self.there = self.green = ""

    async def furnished(self) -> Home:
        self.place, self.there = (await self.house.place()).name, (await self.house.place(title="Library")).name
        self.blue, self.red = await a_room(self.house, self.place), await a_room(self.house, self.place, "Red")
        self.green = await a_room(self.house, self.there, "Green")
        return self

    async def meeting(self, title: str = "Tuesday Group", room: str = "", **fields: Any) -> str:
        wanted = {"title": title, "place": self.place, "rooms": [room or self.blue], **fields}
        return str((await self.house.meeting(**wanted)).name)

    async def create(self, title: str, caller: Any = None, *, room: str = "", **request: Any) -> Any:
        meeting = {
            "title": title,
            "mode": "MODE_IN_PERSON",
            "place": self.place,
            "rooms": [room or self.blue],
            "schedule": request.pop("schedule", at("2026-11-24", EVERY_WEEK)),
        }
        return await self.house.call("CreateMeeting", caller, parent=CENTRE, meeting=meeting, **request)


@pytest.fixture
async def home(house: House) -> Home:
    return await Home(house).furnished()


async def test_a_room_that_is_taken_is_refused_with_every_date_that_clashes(house: House, home: Home) -> None:
    first = await home.meeting()
    with pytest.raises(Unmet) as refused:
        await home.meeting("Speakers", schedule=at("2026-12-15", THIRD))
    assert (refused.value.reason, refused.value.details["date"]) == ("ROOM_TAKEN", "20261215")
    clash = report(refused.value).clashes[0]
    assert (clash.key, clash.taken_by, clash.taken_by_name) == ("20261215", "Tuesday Group", first)
    assert [each.title for each in await every(house, "meeting", Meeting)] == ["Tuesday Group"]
    await fits(house)


async def test_a_weekly_and_a_yearly_meeting_that_first_meet_in_year_4_are_refused_naming_that_date(
    house: House, home: Home
) -> None:
    await home.meeting()
    yearly = {"rule": "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=26", "start": "2026-11-26T19:00"}
    with pytest.raises(Unmet) as refused:
        await home.meeting("Anniversary", schedule={**at("2026-11-26"), **yearly})
    assert refused.value.details["date"] == "20301126"  # the first 26 November that is a Tuesday
    await fits(house)


async def test_what_is_skipped_is_remembered_shown_and_taken_once_it_is_free(house: House, home: Home) -> None:
    one = await home.meeting("Speakers", schedule=at("2026-12-15", THIRD))
    weekly = (await home.create("Tuesday Group", on_clash=SKIP)).name
    assert (await lost(house, weekly))[:2] == ["2026-12-15", "2027-01-19"]
    staff = await house.call("GetMeeting", name=weekly)
    assert {each.date: list(each.lost_rooms) for each in staff.changes}["2026-12-15"] == [home.blue]
    shown = {each.local_start[5:10]: list(each.venue.rooms) for each in await house.listed(40, NOBODY, meeting=weekly)}
    assert (shown["12-08"], shown["12-15"]) == (["Blue"], [])
    await fits(house)
    await house.call("CancelOccurrence", name=f"{one}/occurrences/20261215")
    mine = next(each for each in await bookings(house, home.blue) if each.title == "Tuesday Group")
    assert [str(each.slot.date) for each in mine.skipped if each.offered] == ["2026-12-15"]
    assert "2026-12-15" in await lost(house, weekly)  # offered, and not taken by itself
    await house.call("TakeSkippedDates", COORDINATOR, name=f"{home.blue}/bookings/{mine.id}")
    assert "2026-12-15" not in await lost(house, weekly)
    assert "12-15 Tuesday Group" in await taken(house, home.blue)
    await fits(house)


async def test_only_administrators_overrule_and_say_why(house: House, home: Home) -> None:
    await home.meeting()
    with pytest.raises(Denied):
        await home.create("Clinic", COORDINATOR, on_clash=OVERRULE, overrule_reason="The board wants it")
    with pytest.raises(Invalid):
        await home.create("Clinic", on_clash=OVERRULE)
    await home.create("Clinic", on_clash=OVERRULE, overrule_reason="The board wants it")
    found = {each.title: each.overruled for each in await bookings(house, home.blue)}
    assert found == {"Tuesday Group": "", "Clinic": "The board wants it"}
    await fits(house)


async def test_an_edit_is_refused_only_for_dates_that_it_newly_claims(house: House, home: Home) -> None:
    await home.meeting("Late", schedule=at("2026-12-15T20:00", THIRD))
    weekly = await home.meeting()
    overruling = await home.create("Clinic", on_clash=OVERRULE, overrule_reason="Once")
    with pytest.raises(Unmet):
        await house.call("UpdateMeeting", meeting={"name": weekly, "schedule": at("2026-11-24T19:30", EVERY_WEEK)})
    shorter = {"name": overruling.name, "schedule": at("2026-11-24", EVERY_WEEK, minutes=45)}
    await house.call("UpdateMeeting", meeting=shorter, update_mask="schedule")
    await house.call("UpdateMeeting", meeting={"name": weekly, "notes": "Ring the bell"}, update_mask="notes")
    await fits(house)


async def test_every_scope_of_an_edit_takes_and_gives_back_rooms(house: House, home: Home) -> None:
    weekly = await home.meeting()
    date = f"{weekly}/occurrences/20261208"
    moved = {"place": home.place, "rooms": [home.red]}
    await house.call("ChangeOccurrence", name=date, change=moved, update_mask="place,rooms")
    assert (await taken(house, home.red), "12-08 Tuesday Group" in await taken(house, home.blue)) == (
        ["12-08 Tuesday Group"],
        False,
    )
    await house.call("RestoreOccurrence", name=date)
    assert await taken(house, home.red) == []
    following = {"name": weekly, "rooms": [home.red]}
    await house.call(
        "UpdateMeeting", meeting=following, update_mask="rooms", scope="EDIT_SCOPE_FOLLOWING", occurrence="20261215"
    )
    assert (await taken(house, home.blue), (await taken(house, home.red))[0]) == (
        ["11-24 Tuesday Group", "12-01 Tuesday Group", "12-08 Tuesday Group"],
        "12-15 Tuesday Group",
    )
    await fits(house)
    after = (await stored(house, weekly)).next
    await house.call("UpdateMeeting", meeting={"name": weekly, "state": "MEETING_STATE_SUSPENDED"}, update_mask="state")
    assert await taken(house, home.blue) == []
    await house.call("DeleteMeeting", name=f"{CENTRE}/meetings/{after}")
    assert await taken(house, home.red) == []
    await fits(house)


async def test_restoring_a_date_whose_room_is_taken_is_refused(house: House, home: Home) -> None:
    weekly = await home.meeting()
    date = f"{weekly}/occurrences/20261208"
    await house.call("CancelOccurrence", name=date)
    await home.meeting("Wake", schedule=at("2026-12-08"))
    with pytest.raises(Unmet):
        await house.call("RestoreOccurrence", name=date)
    await house.call("RestoreOccurrence", name=date, on_clash=SKIP)
    assert await lost(house, weekly) == ["2026-12-08"]
    await fits(house)


async def test_what_would_work_instead_of_one_moved_date_is_about_that_date_alone(house: House, home: Home) -> None:
    name = await home.meeting()
    await home.meeting("Friday Speakers", schedule=at("2026-11-27", minutes=90))
    date, change = f"{name}/occurrences/20261124", {"start": "2026-11-27T19:30"}
    with pytest.raises(Unmet) as refused:
        await house.call("ChangeOccurrence", name=date, change=change)
    offered = report(refused.value).alternatives
    assert [(each.room_title, each.start, each.free, each.total) for each in offered] == [
        ("Blue", "2026-11-27T20:30", 1, 1),
        ("Red", "", 1, 1),
        ("Blue", "2026-11-27T18:00", 1, 1),
    ]


async def test_dates_that_are_over_stay_as_they_were_booked(house: House, home: Home) -> None:
    weekly = await home.meeting()
    await house.clock.advance(15 * 86400)
    await house.call("UpdateMeeting", meeting={"name": weekly, "schedule": at("2026-11-24T08:00", EVERY_WEEK)})
    past = (await house.store.find("past", {}, limit=10)).records
    assert [each.state["booking"]["pattern"]["schedule"]["start"] for each in past] == ["2026-11-24T19:00:00"]  # type: ignore[index,call-overload]  # a document
    (booking,) = await bookings(house, home.blue)
    assert booking.pattern.schedule is not None
    assert str(booking.pattern.schedule.start) == "2026-12-08 08:00:00"
    await fits(house)


async def test_two_meetings_are_not_hosted_by_one_account_at_one_time(house: House, home: Home) -> None:
    account = await an_account(house)
    online = {"mode": "MODE_ONLINE", "online": {"url": "https://meet.example/1"}, "online_host": account}
    first = await house.meeting(**online)
    assert first.online_host == account
    with pytest.raises(Unmet):
        await house.meeting(title="Other", **online)
    await home.meeting("In the room", online_host=account)  # held in the room alone, it needs no host
    for wrong in ({"online_host": home.blue}, {"place": home.place, "rooms": [account]}):
        with pytest.raises(Invalid):
            await house.meeting(title="Wrong", **wrong)
    await fits(house)


async def test_of_ten_meetings_that_want_one_hour_at_once_one_has_it(house: House, home: Home) -> None:
    async def one(number: int) -> str | None:
        try:
            return str((await home.create(f"Group {number}")).name)
        except Unmet:
            return None

    found = await asyncio.gather(*map(one, range(10)))
    assert sum(each is not None for each in found) == 1
    await fits(house)


async def test_a_closure_frees_rooms_and_what_is_taken_meanwhile_is_named_when_it_is_withdrawn(
    house: House, home: Home
) -> None:
    weekly = await home.meeting()
    closure = {
        "reason": "Snow",
        "effect": "CLOSURE_EFFECT_MOVE",
        "start": "2026-12-01",
        "end": "2026-12-09",
        "places": [home.place],
        "move_place": home.there,
        "move_rooms": [home.green],
    }
    await house.meeting(title="Readers", place=home.there, rooms=[home.green], schedule=at("2026-12-08"))
    made = await house.call("CreateClosure", COORDINATOR, parent=CENTRE, closure=closure)
    await house.sweep()
    seen = await house.call("GetClosure", name=made.name)
    assert [(each.title, each.local_start, each.room_title) for each in seen.lost] == [
        ("Tuesday Group", "2026-12-08T19:00", "Green")
    ]
    assert (seen.lost_count, await lost(house, weekly)) == (1, ["2026-12-08"])
    assert await taken(house, home.green) == ["12-01 Tuesday Group", "12-08 Readers"]
    await fits(house)
    await _occupy(house, home)
    await house.call("WithdrawClosure", name=made.name)
    await past_second_look(house)
    seen = await house.call("GetClosure", name=made.name)
    assert [(each.local_start, each.room_title) for each in seen.lost] == [("2026-12-01T19:00", "Blue")]
    assert await lost(house, weekly) == ["2026-12-01"]
    assert "12-08 Tuesday Group" in await taken(house, home.blue)
    await fits(house)


async def _occupy(house: House, home: Home) -> None:
    """Somebody is let in while it is closed."""
    booking = {"schedule": at("2026-12-01"), "title": "Plumbers"}
    await house.call(
        "BookRoom", parent=CENTRE, rooms=[home.blue], booking=booking, on_clash=OVERRULE, overrule_reason="The pipes"
    )


async def test_meetings_of_an_older_version_get_their_rooms_and_keep_clashes_as_they_were(
    house: House, home: Home
) -> None:
    first = await home.meeting()
    second = await home.meeting("Same hour", schedule=at("2026-11-25", "FREQ=WEEKLY;BYDAY=WE"))
    schedule = records.document(await stored(house, first))["schedule"]
    for name in (first, second):
        record = await house.store.get("meeting", name.rpartition("/")[2])
        assert record is not None
        old = {**record.state, "claimed": [], "schedule": schedule}
        await house.store.commit(Commit((msgspec.structs.replace(record, revision=record.revision + 1, state=old),)))
    room = home.blue.rpartition("/")[2]
    await house.desk.heads.change(
        "room", room, lambda head, _: Decision(None, Changes(removed=tuple(head.index.bookings)))
    )
    moving = MovingIn(house.desk, Parts(house.desk), make_log("warning", StringIO()))
    assert (await moving.book(), await moving.book()) == (2, 0)
    assert sorted(each.overruled for each in await bookings(house, home.blue)) == ["", BEFORE]
    await fits(house)
