"""What meetings claim, and what they remember of it, does not grow without bound."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.errors import Invalid, Unmet
from services.meetings import desk
from tests.service.booked import waited
from tests.service.claims_house import a_room, at, bookings, fits, lost, stored
from tests.service.meetings_house import CENTRE

if TYPE_CHECKING:
    from tests.service.meetings_house import House

pytest_plugins = ("tests.service.meetings_house",)
DAILY = "FREQ=DAILY"


def retreat(room: str, sessions: int, dates: int) -> dict[str, Any]:
    """An agenda of many sessions, on many dates."""
    days = (date(2026, 12, 1) + timedelta(days=n) for n in range(dates - 1))
    schedule = at("2026-11-24T08:00", minutes=600)
    return {
        "schedule": {**schedule, "extra_dates": [{"date": day.isoformat()} for day in days]},
        "sessions": [
            {"title": f"No {n}", "day": 1, "time": f"{8 + n // 60:02}:{n % 60:02}", "minutes": 1, "rooms": [room]}
            for n in range(sessions)
        ],
    }


async def test_an_agenda_on_many_dates_has_few_entries(house: House) -> None:
    place = (await house.place()).name
    room = await a_room(house, place)
    with pytest.raises(Invalid) as refused:
        await house.meeting(place=place, **retreat(room, 300, 11))
    assert [each.field for each in refused.value.violations] == ["meeting.sessions"]
    await house.meeting(place=place, **retreat(room, 60, 6))
    assert [len(each.pattern.slots) for each in await bookings(house, room)] == [360]


async def test_a_booking_that_no_event_could_hold_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "MOST_STRETCHES", 10)
    place = (await house.place()).name
    room = await a_room(house, place)
    with pytest.raises(Unmet) as refused:
        await house.meeting(place=place, **retreat(room, 6, 2))
    assert refused.value.reason == "MEETING_TOO_LARGE"
    assert await bookings(house, room) == []


async def test_what_a_meeting_had_to_do_without_is_remembered_for_a_year(house: House) -> None:
    place = (await house.place()).name
    room = await a_room(house, place)
    await house.meeting(title="Readers", place=place, rooms=[room], schedule=at("2026-11-24", f"{DAILY};COUNT=3"))
    meeting = {"title": "Daily", "mode": "MODE_IN_PERSON", "place": place, "rooms": [room]}
    ask = {"parent": CENTRE, "meeting": {**meeting, "schedule": at("2026-11-24", DAILY)}}
    made = await house.call("CreateMeeting", **ask, on_clash="CLASH_POLICY_SKIP")
    for day, kept in (("2027-11-25", ["2026-11-24", "2026-11-25", "2026-11-26"]), ("2027-11-29", [])):
        house.clock.jump(datetime.fromisoformat(day).replace(tzinfo=UTC))
        edited = {"name": made.name, "title": f"Daily {day}"}
        await waited(house, house.call("UpdateMeeting", meeting=edited, update_mask="title"))
        assert await lost(house, made.name) == kept
        await fits(house)


async def test_a_part_that_is_cut_off_without_rooms_says_of_none_that_it_has_or_lacks_them(house: House) -> None:
    place = (await house.place()).name
    room = await a_room(house, place)
    await house.meeting(title="Readers", place=place, rooms=[room], schedule=at("2026-12-08"))
    meeting = {"title": "Tuesdays", "mode": "MODE_IN_PERSON", "place": place, "rooms": [room]}
    ask = {"parent": CENTRE, "meeting": {**meeting, "schedule": at("2026-11-24", "FREQ=WEEKLY")}}
    made = await house.call("CreateMeeting", **ask, on_clash="CLASH_POLICY_SKIP")
    online = {"name": made.name, "mode": "MODE_ONLINE", "online": {"url": "https://example.org/join"}}
    split = {"scope": "EDIT_SCOPE_FOLLOWING", "occurrence": "20261201", "update_mask": "mode,online,place,rooms"}
    cut_off = await stored(house, (await house.call("UpdateMeeting", meeting=online, **split)).name)
    assert cut_off.previous
    assert (cut_off.claimed, cut_off.lost) == ((), ())
    await fits(house)
