"""Bookings changed and given back by date, from a date on, or whole; what is over stays; what is freed heals."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.errors import Denied, Invalid, NotFound, Unmet
from services.meetings import records
from services.meetings.types_rooms import PastBooking
from tests.service.bookings_house import ANA, BEN, CENTRE, LEE, ZONE, at, book, room, stored, twice
from tests.service.closures_house import FLOOD, close

if TYPE_CHECKING:
    from tests.service.meetings_house import House

pytest_plugins = ("tests.service.meetings_house",)
WEEKLY = "FREQ=WEEKLY;BYDAY=TU"
SKIP = "CLASH_POLICY_SKIP"


async def change(house: House, caller: Any, name: str, scope: str = "ALL", key: str = "", /, **fields: Any) -> Any:
    """Fields of the schedule, or words, of a booking changed."""
    more = {each: fields.pop(each) for each in ("on_clash", "overrule_reason") if each in fields}
    words: dict[str, Any] = {each: fields.pop(each) for each in ("title", "notes", "attendees") if each in fields}
    booking: dict[str, Any] = {"name": name, **words}
    if fields:
        booking["schedule"] = fields
    mask = ",".join([*words, *(f"schedule.{each}" for each in fields)])
    return await house.call(
        "ChangeBooking",
        caller,
        booking=booking,
        update_mask=mask,
        scope=f"BOOKING_SCOPE_{scope}",
        key=key,
        **more,
    )


async def release(house: House, caller: Any, name: str, scope: str = "ALL", key: str = "", **fields: Any) -> Any:
    """Dates of a booking given back."""
    return await house.call("ReleaseBooking", caller, name=name, scope=f"BOOKING_SCOPE_{scope}", key=key, **fields)


async def taken(house: House, name: str, days: int = 60) -> list[str]:
    """Local starts of what is booked in a room, in order."""
    found = []
    for booking in await stored(house):
        if name.endswith(booking.room):
            found += starts(booking.pattern, days)
    return sorted(found)


def starts(pattern: Any, days: int = 60) -> list[str]:
    """Local starts of what a pattern takes from the beginning of November on."""
    from services.recurrence.timetable import at_minute, minute, stretches  # noqa: PLC0415 - for this alone
    from services.recurrence.zones import to_local  # noqa: PLC0415 - for this alone

    since = minute(datetime(2026, 11, 1, tzinfo=UTC))
    return [
        f"{to_local(at_minute(each.start), ZONE):%m-%d %H:%M}"
        for each in stretches(pattern, since, since + days * 24 * 60)
    ]


async def move_to(house: House, day: int, hour: int = 12) -> None:
    """Time passes, up to that hour (UTC) of a day of December 2026."""
    then = datetime(2026, 12, day, hour, tzinfo=UTC)
    await house.clock.advance((then - house.clock.now()).total_seconds())


async def test_one_date_is_moved_and_survives_a_later_change_of_the_series(house: House) -> None:
    """The moved date stays where it is, the released one stays free, when all of it moves to another hour."""
    name = await room(house)
    made = await book(house, ANA, name, at(rule=f"{WEEKLY};COUNT=4"))
    await change(house, ANA, made.name, "THIS", "20261201", start="2026-12-02T10:00", minutes=30)
    await release(house, ANA, made.name, "THIS", "20261208")
    await change(house, ANA, made.name, start="2026-11-24T20:00")
    assert await taken(house, name) == ["11-24 20:00", "12-02 10:00", "12-15 20:00"]
    await book(house, BEN, name, at("2026-12-08T20:00"))
    await book(house, BEN, name, at("2026-12-01T19:00"))


async def test_the_first_date_can_be_given_back(house: House) -> None:
    """The series goes on without it."""
    name = await room(house)
    made = await book(house, ANA, name, at(rule=f"{WEEKLY};COUNT=3"))
    await release(house, ANA, made.name, "THIS", "20261124")
    assert await taken(house, name) == ["12-01 19:00", "12-08 19:00"]


async def test_one_and_those_that_follow_become_another_booking_of_the_lineage(house: House) -> None:
    """The series is cut: what lies before stays as it is, under its name."""
    name = await room(house)
    made = await book(house, ANA, name, at(rule=WEEKLY, title="Yoga"))
    later = await change(house, ANA, made.name, "FOLLOWING", "20261208", start="2026-12-08T09:00", title="Tai chi")
    assert (later.lineage, later.title) == (made.lineage, "Tai chi")
    assert later.name != made.name
    assert (await house.call("GetBooking", ANA, name=made.name)).title == "Yoga"
    assert await taken(house, name, 50) == ["11-24 19:00", "12-01 19:00", "12-08 09:00", "12-15 09:00"]
    with pytest.raises(Invalid, match="before it"):
        await change(house, ANA, later.name, "FOLLOWING", "20261215", start="2026-12-08T09:30", rule="FREQ=DAILY")


async def test_what_is_over_is_never_rewritten(house: House) -> None:
    """A change of all dates leaves those that are over as they were, as history; the booking keeps its name."""
    name = await room(house)
    made = await book(house, ANA, name, at(rule=f"{WEEKLY};COUNT=4", title="Yoga"))
    await move_to(house, 3)
    await change(house, ANA, made.name, start="2026-11-24T08:00", title="Tai chi")
    (past,) = (await house.store.find("past", {"centre": "house"})).records
    was = records.read(past, PastBooking)
    assert (was.booking.title, starts(was.booking.pattern)) == ("Yoga", ["11-24 19:00", "12-01 19:00"])
    assert await taken(house, name) == ["12-08 08:00", "12-15 08:00"]
    for scope, key in (("THIS", "20261201"), ("FOLLOWING", "20261201")):
        with pytest.raises((Unmet, Invalid)):
            await change(house, ANA, made.name, scope, key, start="2026-12-20T08:00")
        with pytest.raises((Unmet, Invalid)):
            await release(house, ANA, made.name, scope, key)


async def test_what_is_on_stays_at_its_hour(house: House) -> None:
    """A date that has begun is neither moved nor given back, whatever becomes of the others."""
    name = await room(house)
    made = await book(house, ANA, name, at(rule=f"{WEEKLY};COUNT=3", minutes=120))
    await move_to(house, 2, 2)  # Tuesday evening there: the second date is on
    assert (await taken(house, name))[1] == "12-01 19:00"
    await change(house, ANA, made.name, start="2026-11-24T15:00")
    assert await taken(house, name) == ["12-01 19:00", "12-08 15:00"]
    with pytest.raises(Unmet, match="begun"):
        await release(house, ANA, made.name, "THIS", "20261201")
    left = await release(house, ANA, made.name)
    assert [each.start for each in left.slots] == ["2026-12-01T19:00"]
    with pytest.raises(Unmet) as refused:
        await release(house, ANA, made.name)
    assert refused.value.reason == "NOTHING_TO_RELEASE"


async def test_released_is_free(house: House) -> None:
    """Of all, of one and those that follow, of one date; the reason is in the trail."""
    name = await room(house)
    made = await book(house, ANA, name, at(rule=WEEKLY))
    await release(house, ANA, made.name, "FOLLOWING", "20261208")
    other = await book(house, BEN, name, at("2026-12-08T19:00", rule=WEEKLY))
    await release(house, ANA, made.name, reason="We moved")
    assert [each.name for each in (await house.call("ListBookings", LEE, parent=CENTRE)).bookings] == [other.name]
    trail = [each async for each in house.store.dump() if getattr(each, "action", "") == "release"]
    assert "We moved" in {each.reason for each in trail}  # type: ignore[union-attr]
    await book(house, BEN, name)


async def test_a_date_newly_claimed_is_refused_where_it_is_taken(house: House) -> None:
    """What it has is no reason to refuse; its own dates are in the way of each other."""
    name = await room(house)
    await book(house, BEN, name, at("2026-12-01T21:00"))
    made = await book(house, ANA, name, at(rule=f"{WEEKLY};COUNT=3"))
    for scope, key, start in (("ALL", "", "2026-11-24T20:30"), ("THIS", "20261208", "2026-12-01T20:30")):
        with pytest.raises(Unmet) as refused:
            await change(house, ANA, made.name, scope, key, start=start)
        assert refused.value.reason == "ROOM_TAKEN"
    with pytest.raises(Invalid, match="same booking"):
        await change(house, ANA, made.name, "THIS", "20261208", start="2026-12-01T19:30")
    assert await taken(house, name) == ["11-24 19:00", "12-01 19:00", "12-01 21:00", "12-08 19:00"]
    skipping = await change(house, ANA, made.name, start="2026-11-24T20:30", on_clash=SKIP)
    assert [each.slot.key for each in skipping.skipped] == ["20261201"]
    retitled = await change(house, ANA, made.name, title="Still it")
    assert [each.slot.key for each in retitled.skipped] == ["20261201"]
    longer = await change(house, ANA, made.name, minutes=90)
    assert [each.slot.minutes for each in longer.skipped] == [90]
    assert not twice(await stored(house), house.clock.now())


async def test_only_its_own_person_or_a_keeper_changes_it(house: House) -> None:
    """Another facilitator is refused; a coordinator may."""
    name = await room(house)
    made = await book(house, ANA, name)
    with pytest.raises(Denied):
        await change(house, BEN, made.name, title="Mine")
    with pytest.raises(Denied):
        await release(house, BEN, made.name)
    with pytest.raises(NotFound):
        await release(house, ANA, f"{name}/bookings/absent")
    assert (await change(house, LEE, made.name, title="Hers")).organiser == "ana"
    await release(house, LEE, made.name)


async def test_a_skipped_date_heals(house: House) -> None:
    """Freed, it is offered in the same commit; another who takes it takes the offer back; taken, it is its own."""
    name = await room(house)
    first = await book(house, ANA, name, at("2026-12-01T19:30"))
    second = await book(house, ANA, name, at("2026-12-08T19:30"))
    series = await book(house, BEN, name, at(rule=f"{WEEKLY};COUNT=4"), on_clash=SKIP)
    assert [(each.slot.key, each.offered) for each in series.skipped] == [("20261201", False), ("20261208", False)]
    with pytest.raises(Unmet):
        await house.call("TakeSkippedDates", BEN, name=series.name)
    await release(house, ANA, first.name)
    queue = await house.call("ListBookings", BEN, parent=CENTRE, queue="BOOKING_QUEUE_OFFERED")
    assert [[each.offered for each in found.skipped] for found in queue.bookings] == [[True, False]]
    faster = await book(house, ANA, name, at("2026-12-01T19:00"))
    assert not (await house.call("ListBookings", BEN, parent=CENTRE, queue="BOOKING_QUEUE_OFFERED")).bookings
    await release(house, ANA, faster.name)
    await change(house, ANA, second.name, start="2026-12-09T19:30")
    done = await house.call("TakeSkippedDates", BEN, name=series.name, keys=["20261208"])
    assert [(each.slot.key, each.offered) for each in done.skipped] == [("20261201", True)]
    done = await house.call("TakeSkippedDates", BEN, name=series.name)
    assert (list(done.without), list(done.slots), list(done.skipped)) == ([], [], [])
    assert (await taken(house, name))[:4] == ["11-24 19:00", "12-01 19:00", "12-08 19:00", "12-09 19:30"]


async def test_what_its_part_had_heals_a_hall(house: House) -> None:
    """A hall skips a date because a part of it is taken; given back, the hall is offered it."""
    place = await house.place(title="Hall")
    part = await house.call("CreateRoom", parent=CENTRE, room={"title": "East", "place": place.name})
    west = await house.call("CreateRoom", parent=CENTRE, room={"title": "West", "place": place.name})
    hall = await house.call(
        "CreateRoom",
        parent=CENTRE,
        room={"title": "Hall", "place": place.name, "parts": [part.name, west.name]},
    )
    east = await book(house, ANA, part.name, at("2026-12-01T19:00"))
    other = await book(house, ANA, west.name, at("2026-12-01T19:00"))
    series = await book(house, BEN, hall.name, at(rule=f"{WEEKLY};COUNT=3"), on_clash=SKIP)
    assert [each.slot.key for each in series.skipped] == ["20261201"]
    await release(house, ANA, east.name)
    assert not (await house.call("GetBooking", BEN, name=series.name)).skipped[0].offered
    await release(house, ANA, other.name)
    assert (await house.call("GetBooking", BEN, name=series.name)).skipped[0].offered
    await book(house, ANA, part.name, at("2026-12-01T19:00"))
    taken = (await house.call("GetBooking", BEN, name=series.name)).skipped[0]
    assert not taken.offered, "who takes a part takes the offer of the hall back"
    with pytest.raises(Invalid, match="together"):
        await house.call("BookRoom", ANA, parent=CENTRE, rooms=[hall.name, part.name], booking=at("2027-01-01T10:00"))


async def test_what_a_meeting_holds_is_changed_with_the_meeting(house: House) -> None:
    """The refusal names the meeting; facilitators, too, may know which one it is."""
    place = await house.place(title="Hall")
    made = await house.call("CreateRoom", parent=CENTRE, room={"title": "Blue", "place": place.name})
    meeting = await house.meeting(place=place.name, rooms=[made.name])
    (held,) = (await house.call("ListBookings", LEE, parent=made.name)).bookings
    assert (held.meeting, held.title) == (meeting.name, "Tuesday Group")
    for caller in (LEE, ANA):
        for act in (change(house, caller, held.name, title="Mine"), release(house, caller, held.name)):
            with pytest.raises(Unmet) as refused:
                await act
            assert (refused.value.reason, refused.value.details) == ("HELD_BY_MEETING", {"meeting": meeting.name})
    with pytest.raises(Unmet) as taken_by:
        await book(house, ANA, made.name, at("2026-12-01T19:30"))
    assert taken_by.value.attached[0].clashes[0].taken_by == "Tuesday Group"  # type: ignore[attr-defined]


async def test_a_date_in_a_closure_is_skipped_and_offered_when_it_is_taken_back(house: House) -> None:
    """A closed date is in the way as a taken one is; offered when it is open again, and no more when it is not."""
    name = await room(house)
    early = await book(house, ANA, name, at("2026-12-01T19:30"))
    closure = await close(house, {**FLOOD, "end": "2026-12-01"})
    with pytest.raises(Unmet) as refused:
        await book(house, BEN, name, at("2026-12-01T10:00"))
    assert refused.value.reason == "ROOM_CLOSED"
    series = await book(house, BEN, name, at(rule=f"{WEEKLY};COUNT=3"), on_clash=SKIP)
    assert [each.slot.key for each in series.skipped] == ["20261201"]
    await release(house, ANA, early.name)
    assert not (await house.call("GetBooking", BEN, name=series.name)).skipped[0].offered
    await house.call("WithdrawClosure", LEE, name=closure.name)
    await house.sweep()
    assert (await house.call("GetBooking", BEN, name=series.name)).skipped[0].offered
    await close(house, {**FLOOD, "end": "2026-12-01"})
    assert not (await house.call("GetBooking", BEN, name=series.name)).skipped[0].offered


async def test_a_date_outside_the_hours_is_offered_when_the_room_opens_longer(house: House) -> None:
    """What the room's hours left out is waited for, too."""
    hours = [{"weekdays": [1, 2, 3, 4, 5, 6, 7], "opens": "09:00", "closes": "22:00"}]
    shut = [{"date": "2026-12-01", "reason": "Stock-taking"}]
    name = await room(house, opening_hours=hours, dated_hours=shut)
    series = await book(house, BEN, name, at(rule=f"{WEEKLY};COUNT=3"), on_clash=SKIP)
    assert [(each.slot.key, each.offered) for each in series.skipped] == [("20261201", False)]
    await house.call("UpdateRoom", LEE, room={"name": name}, update_mask="datedHours")
    await house.sweep()
    assert (await house.call("GetBooking", BEN, name=series.name)).skipped[0].offered
    done = await house.call("TakeSkippedDates", BEN, name=series.name)
    assert not done.skipped
    assert len(await taken(house, name)) == 3


async def test_a_queue_of_facilitators_holds_their_own(house: House) -> None:
    """What others wait for is none of their business; who keeps the list sees all."""
    name = await room(house)
    await book(house, LEE, name, at("2026-12-01T19:00"))
    for caller, hour in ((ANA, "19:00"), (BEN, "18:30")):
        await book(house, caller, name, at(f"2026-11-24T{hour}", rule=f"{WEEKLY};COUNT=2"), on_clash=SKIP)
        await house.call("ReleaseBooking", caller, **await _mine(house, caller))
    queue = {"parent": CENTRE, "queue": "BOOKING_QUEUE_SKIPPED"}
    assert [each.organiser for each in (await house.call("ListBookings", ANA, **queue)).bookings] == ["ana"]
    assert [each.organiser for each in (await house.call("ListBookings", LEE, **queue)).bookings] == ["ana", "ben"]


async def _mine(house: House, caller: Any) -> dict[str, str]:
    """The first date of what somebody booked, to be given back."""
    (booking,) = (await house.call("ListBookings", caller, parent=CENTRE, mine=True)).bookings
    return {"name": booking.name, "scope": "BOOKING_SCOPE_THIS", "key": "20261124"}
