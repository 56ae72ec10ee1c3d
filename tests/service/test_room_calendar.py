"""What is on in rooms, who may know what of it, how much they are used, and who has come; over every store."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.call import Caller
from services.kit.errors import Denied, Exhausted, Invalid, NotFound, Unmet
from services.meetings import room_calendar
from services.meetings.types_rooms import BookingRules, BookingState
from services.recurrence.timetable import minute, stretches
from services.recurrence.types import Frequency, Key, Rule
from tests.service.booked import WEEKLY, later, now_of, past, put, put_room
from tests.service.closures_house import close
from tests.service.meetings_house import CENTRE, COORDINATOR, NOBODY, OPERATOR, House

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.meetings.types_rooms import Booking

pytest_plugins = ("tests.service.meetings_house",)

ANN = Caller("ann", {"house": frozenset({"facilitator"})})
BEN = Caller("ben", {"house": frozenset({"facilitator"})})
ELSEWHERE = Caller("eve", {"other": frozenset({"administrator"})})
HALL = f"{CENTRE}/rooms/hall"
WEEK: dict[str, Any] = {"start_time": "2026-11-23T00:00:00Z", "end_time": "2026-11-30T00:00:00Z"}
MONTH: dict[str, Any] = {"start_time": "2026-11-23T00:00:00Z", "end_time": "2026-12-24T00:00:00Z"}


async def calendar(house: House, caller: Caller = COORDINATOR, **said: Any) -> list[Any]:
    """What is on in the hall."""
    return list((await house.call("GetRoomCalendar", caller, **{"name": HALL, **WEEK, **said})).events)


async def busy(house: House, caller: Caller = NOBODY, rooms: Sequence[str] = (HALL,), **said: Any) -> list[Any]:
    """When rooms are taken."""
    return list((await house.call("GetFreeBusy", caller, parent=CENTRE, rooms=rooms, **{**WEEK, **said})).rooms)


def times(found: Any) -> list[str]:
    """ "24 02:00-03:00", with "?" where it is tentative."""
    return [
        f"{each.start_time.ToDatetime():%d %H:%M}-{each.end_time.ToDatetime():%H:%M}{'?' if each.tentative else ''}"
        for each in found.busy
    ]


async def test_each_learns_what_is_theirs_to_know(house: House) -> None:
    await put_room(house)
    await put(house, "2026-11-24T19:00", title="Night Owls", meeting="m", organiser="", before=10, after=5)
    await put(house, "2026-11-25T19:00", overruled="canary reason")
    told = {
        caller.subject: [
            (each.title, each.booking != "", each.occurrence, each.overrule_reason)
            for each in await calendar(house, caller)
        ]
        for caller in (ANN, BEN, COORDINATOR)
    }
    meeting = ("Night Owls", True, f"{CENTRE}/meetings/m/occurrences/20261124", "")
    own = ("canary one-to-one", True, "", "canary reason")
    assert told == {"ann": [meeting, own], "ben": [meeting, ("busy", False, "", "")], "lee": [meeting, own]}
    assert "canary" not in str(await calendar(house, BEN))
    (first, _) = await calendar(house, BEN)
    assert (first.local_start, first.before_minutes, first.after_minutes) == ("2026-11-24T19:00", 10, 5)


async def test_what_is_past_and_what_excludes_the_room_is_there_too(house: House) -> None:
    await put_room(house, excludes=("left",))
    await put_room(house, "left", excludes=("hall",))
    await put(house, "2026-11-22T19:00")
    await put(house, "2026-11-24T19:00", room="left", title="In the left half", meeting="m")
    house.clock.jump(datetime(2026, 11, 24, 12, tzinfo=UTC))
    await house.sweep()
    assert len(await past(house)) == 1
    found = await calendar(house, start_time="2026-11-22T00:00:00Z")
    assert [(each.title, each.by_room) for each in found] == [
        ("canary one-to-one", ""),
        ("In the left half", f"{CENTRE}/rooms/left"),
    ]


async def test_an_expired_hold_is_not_on_swept_or_not(house: House) -> None:
    await put_room(house)
    await put(house, "2026-11-24T19:00", state=BookingState.HELD, expires_at=later(house, minutes=10))
    await put(house, "2026-11-24T19:00", state=BookingState.PENDING, competes=True)
    assert sorted(each.state for each in await calendar(house)) == [1, 2]
    assert times((await busy(house, OPERATOR))[0]) == ["25 02:00-03:00?"]
    house.clock.jump(house.clock.now() + timedelta(minutes=10))
    assert [each.state for each in await calendar(house)] == [2]
    assert times((await busy(house, OPERATOR))[0]) == []


async def test_a_date_in_a_closure_says_why(house: House) -> None:
    await put_room(house)
    await put(house, "2026-11-24T19:00", WEEKLY, overruled="the plumber lets us in")
    await close(
        house, {"start": "2026-12-01", "end": "2026-12-02", "reason": "Burst pipe", "effect": "CLOSURE_EFFECT_CANCEL"}
    )
    found = await calendar(house, **MONTH)
    assert [each.closure_reason for each in found] == ["", "Burst pipe", "", "", ""]


async def test_the_public_learns_times_of_rooms_whose_times_are_public_and_nothing_else(house: House) -> None:
    await put_room(house, public_busy=True)
    await put_room(house, "cellar")
    await put(house, "2026-11-24T19:00", before=30, after=30)
    await put(house, "2026-11-24T20:00", state=BookingState.PENDING)
    await put(house, "2026-11-24T19:30", minutes=45, title="other")
    for caller in (NOBODY, ELSEWHERE):
        (found,) = await busy(house, caller)
        assert times(found) == ["25 02:00-03:15", "25 03:15-04:00?"]
        assert "canary" not in str(found)
        for room in ("cellar", "absent"):
            with pytest.raises(NotFound) as refused:
                await busy(house, caller, [HALL, f"{CENTRE}/rooms/{room}"])
            assert refused.value.message.replace(room, "") == f"'{CENTRE}/rooms/' does not exist"
    assert [each.room for each in await busy(house, BEN, [f"{CENTRE}/rooms/cellar"])] == [f"{CENTRE}/rooms/cellar"]


async def test_a_hall_is_busy_while_a_part_is_as_far_as_the_part_lets_the_asker_know(house: House) -> None:
    await put_room(house, excludes=("left",), public_busy=True)
    await put_room(house, "left", excludes=("hall",))
    await put(house, "2026-11-24T19:00", room="left")
    assert times((await busy(house))[0]) == []
    assert times((await busy(house, BEN))[0]) == ["25 02:00-03:00"]
    await put_room(house, "left", excludes=("hall",), public_busy=True)
    assert times((await busy(house))[0]) == ["25 02:00-03:00"]


async def test_who_asks_for_too_much_is_refused(house: House) -> None:
    await put_room(house, public_busy=True)
    refused: list[tuple[str, dict[str, Any]]] = [
        ("GetRoomCalendar", {"name": HALL, **WEEK, "end_time": "2027-11-30T00:00:00Z"}),
        ("GetRoomCalendar", {"name": HALL, **WEEK, "end_time": "2026-11-23T00:00:00Z"}),
        ("GetFreeBusy", {"parent": CENTRE, "rooms": [HALL], **WEEK, "end_time": "2027-02-28T00:00:00Z"}),
        ("GetFreeBusy", {"parent": CENTRE, "rooms": [HALL] * 51, **WEEK}),
        ("GetFreeBusy", {"parent": CENTRE, **WEEK}),
        ("GetFreeBusy", {"parent": CENTRE, "rooms": ["centres/other/rooms/hall"], **WEEK}),
        ("GetUtilisation", {"parent": CENTRE, "first_date": "2026-11-23", "last_date": "2026-11-22"}),
        ("GetUtilisation", {"parent": CENTRE, "first_date": "2026-11-23", "last_date": "2027-12-01"}),
        ("GetUtilisation", {"parent": CENTRE, "first_date": "soon", "last_date": "2026-12-01"}),
        ("GetUtilisation", {"parent": CENTRE, "first_date": "0001-01-01", "last_date": "0001-01-01"}),
    ]
    for method, request in refused:
        with pytest.raises(Invalid):
            await house.call(method, COORDINATOR, **request)
    with pytest.raises(Invalid):  # without a token nobody makes it reckon years ahead
        await busy(house, NOBODY, start_time="2031-11-23T00:00:00Z", end_time="2031-11-24T00:00:00Z")


async def test_an_answer_of_too_many_dates_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_calendar, "MOST_DATES", 3)
    monkeypatch.setattr(room_calendar, "MOST_ROWS", 3)
    await put_room(house)
    await put(house, "2026-11-24T19:00", WEEKLY)
    with pytest.raises(Exhausted):
        await calendar(house, **MONTH)
    with pytest.raises(Exhausted):
        await house.call("GetUtilisation", parent=CENTRE, first_date="2026-11-23", last_date="2026-12-31")


@pytest.mark.parametrize("seed", range(3))
async def test_the_calendar_equals_looking_at_every_booking(house: House, seed: int) -> None:
    """Also when half of it has become history on the way."""
    dice = random.Random(seed)  # noqa: S311 - seeded
    await put_room(house, excludes=("left",))
    await put_room(house, "left", excludes=("hall",))
    made: list[Booking] = []
    for number in range(12):
        rule = dice.choice([None, WEEKLY, Rule(Frequency.DAILY, count=3), Rule(Frequency.WEEKLY, count=2)])
        start = datetime(2026, 11, 22, dice.randrange(24), tzinfo=UTC) + timedelta(days=dice.randrange(9))
        room = dice.choice(["hall", "left"])
        made.append(await put(house, f"{start:%Y-%m-%dT%H:%M}", rule, room=room, id=f"b{number}", meeting=f"m{number}"))
    for hours in range(0, 24 * 14, 50):
        house.clock.jump(datetime(2026, 11, 23, tzinfo=UTC) + timedelta(hours=hours))
        await house.sweep()
    since, until = (minute(datetime.fromisoformat(MONTH[each])) for each in ("start_time", "end_time"))
    wanted = sorted(
        (each.start, each.end, booking.id) for booking in made for each in stretches(booking.pattern, since, until)
    )
    found = await calendar(house, **MONTH)
    ends = [(each.start_time.seconds // 60, each.end_time.seconds // 60, each.booking[-2:]) for each in found]
    assert [(start, end, id_.strip("/")) for start, end, id_ in ends] == [(s, e, i[-2:]) for s, e, i in wanted]
    assert len(await past(house)) > 0


async def test_the_report_counts_who_came_and_what_was_free(house: House) -> None:
    await put_room(house, rules=BookingRules(check_in_minutes=15))
    series = await put(house, "2026-11-23T10:00", Rule(Frequency.DAILY))
    await put(house, "2026-11-24T19:00", title="Night Owls", meeting="m")
    name = f"{HALL}/bookings/{series.id}"
    for day in range(23, 30):
        house.clock.jump(datetime(2026, 11, day, 17, 5, tzinfo=UTC))
        if day in {24, 26}:
            await house.call("CheckInBooking", ANN, name=name)
        house.clock.jump(datetime(2026, 11, day, 17, 16, tzinfo=UTC))
        await house.sweep()
    house.clock.jump(datetime(2026, 12, 5, tzinfo=UTC))
    asked = {"parent": CENTRE, "first_date": "2026-11-25", "last_date": "2026-11-26"}
    (week,) = (await house.call("GetUtilisation", COORDINATOR, **asked)).weeks
    booked = 60 + 2 * 60 + 5 * 16  # the meeting, two visits, and five dates until they were given back
    assert (week.room, week.week, week.open_minutes) == (HALL, "2026-11-23", 168 * 60)
    assert (week.booked_minutes, week.used_minutes, week.bookings) == (booked, 60 + 2 * 60, 8)
    assert week.free_minutes == 168 * 60 - booked
    assert list(week.peaks) == ["Tue 10:00", "Tue 19:00", "Thu 10:00"]
    await put_room(house)  # nobody checks in any more: that nobody came stays known
    (week,) = (await house.call("GetUtilisation", COORDINATOR, **asked)).weeks
    assert (week.booked_minutes, week.used_minutes) == (booked, 60 + 2 * 60)


async def test_the_report_is_in_order_of_week_and_title_and_the_whole_blocks_its_parts(house: House) -> None:
    await put_room(house, excludes=("left",))
    await put_room(house, "left", excludes=("hall",))
    await put(house, "2026-11-24T19:00")
    asked = {"parent": CENTRE, "first_date": "2026-11-23", "last_date": "2026-11-30"}
    weeks = (await house.call("GetUtilisation", COORDINATOR, **asked)).weeks
    assert [(each.week, each.title) for each in weeks] == [
        ("2026-11-23", "Hall"),
        ("2026-11-23", "Left"),
        ("2026-11-30", "Hall"),
        ("2026-11-30", "Left"),
    ]
    left = weeks[1]
    assert (left.booked_minutes, left.free_minutes) == (0, 168 * 60 - 60)


async def test_checking_in_is_for_whoever_booked_or_keeps_the_list_and_only_about_now(house: House) -> None:
    await put_room(house, rules=BookingRules(check_in_minutes=15))
    series = await put(house, "2026-11-23T10:00", WEEKLY)
    name = f"{HALL}/bookings/{series.id}"
    for at in ("2026-11-23T16:29:59", "2026-11-23T18:00:00"):
        house.clock.jump(datetime.fromisoformat(at).replace(tzinfo=UTC))
        with pytest.raises(Unmet) as refused:
            await house.call("CheckInBooking", ANN, name=name)
        assert refused.value.reason == "NOT_NOW"
    house.clock.jump(datetime(2026, 11, 23, 16, 30, tzinfo=UTC))
    with pytest.raises(Denied):
        await house.call("CheckInBooking", BEN, name=name)
    with pytest.raises(Unmet):
        await house.call("CheckInBooking", ANN, name=name, key="20261130")
    for absent in (f"{HALL}/bookings/none", name.replace("hall", "left")):
        with pytest.raises(NotFound):
            await house.call("CheckInBooking", ANN, name=absent)
    told = await house.call("CheckInBooking", ANN, name=name)
    assert (list(told.checked_in), told.title) == (["20261123"], "canary one-to-one")
    again = await house.call("CheckInBooking", COORDINATOR, name=name, key="20261123")
    assert (again.etag, list(again.checked_in)) == (told.etag, ["20261123"])
    record = await house.store.get("booking", series.id)
    assert record is not None
    assert str(record.revision) == told.etag
    house.clock.jump(datetime(2026, 11, 23, 17, 20, tzinfo=UTC))
    await house.sweep()
    found = await now_of(house, series)
    assert found is not None
    assert (found.released, found.checked_in) == ((), (Key(datetime(2026, 11, 23, tzinfo=UTC).date()),))


async def test_who_comes_too_late_is_told_that_the_room_was_given_back(house: House) -> None:
    await put_room(house, rules=BookingRules(check_in_minutes=15))
    series = await put(house, "2026-11-23T10:00", WEEKLY)
    house.clock.jump(datetime(2026, 11, 23, 17, 15, tzinfo=UTC))
    await house.sweep()
    with pytest.raises(Unmet) as refused:
        await house.call("CheckInBooking", ANN, name=f"{HALL}/bookings/{series.id}", key="20261123")
    assert refused.value.reason == "RELEASED"


async def test_what_is_not_confirmed_is_not_checked_in_for(house: House) -> None:
    await put_room(house)
    waiting = await put(house, "2026-11-21T05:00", state=BookingState.PENDING)
    with pytest.raises(Unmet) as refused:
        await house.call("CheckInBooking", COORDINATOR, name=f"{HALL}/bookings/{waiting.id}")
    assert refused.value.reason == "NOT_CONFIRMED"
