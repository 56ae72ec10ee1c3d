"""What time makes of bookings, over every store: holds expire, ghosts are given back, what is over becomes history."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.clock import instant
from services.meetings import history
from services.meetings.types_rooms import BookingRules, BookingState, Skipped
from services.recurrence.parting import ends
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.timetable import minute, stretches
from services.recurrence.types import Frequency, Rule, Schedule
from tests.service.booked import ZONE, later, now_of, past, put, put_room, waited
from tests.service.meetings_house import START, House

if TYPE_CHECKING:
    from services.meetings.types_rooms import Booking, PastBooking

pytest_plugins = ("tests.service.meetings_house",)

CHECKED = BookingRules(check_in_minutes=15)
DAILY = Rule(Frequency.DAILY)


def at(text: str) -> datetime:
    """A UTC instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def starts(booking: Booking | PastBooking | None, until: str = "2026-12-31") -> list[str]:
    """When its dates begin, UTC."""
    assert booking is not None
    pattern = booking.pattern if hasattr(booking, "pattern") else booking.booking.pattern
    found = stretches(pattern, minute(at("2026-01-01")), minute(at(until)))
    return [f"{datetime.fromtimestamp(each.start * 60, UTC):%m-%d %H:%M}" for each in found]


async def pass_to(house: House, instant_: str) -> None:
    """It is then, and everything due has been done."""
    house.clock.jump(at(instant_))
    await house.sweep()


async def test_a_hold_that_expired_is_gone_and_what_was_private_in_it_a_day_later(house: House) -> None:
    await put_room(house)
    held = await put(house, "2026-11-24T19:00", state=BookingState.HELD, expires_at=later(house, minutes=10))
    await pass_to(house, "2026-11-21T12:09:59")
    assert await now_of(house, held) is not None
    await pass_to(house, "2026-11-21T12:10:00")
    assert await now_of(house, held) is None
    left = await house.store.get("booking", held.id)
    assert left is not None
    assert (left.state["removed"], left.gone) == (True, False)
    await pass_to(house, "2026-11-22T12:10:00")
    left = await house.store.get("booking", held.id)
    assert left is not None
    assert left.gone
    assert "canary" not in str(left.state)
    assert all(view.digest == "" for view in left.views)
    assert await past(house) == []


async def test_a_hold_expires_once_whoever_looks_also_after_a_restart(house: House) -> None:
    await put_room(house)
    held = await put(house, "2026-11-24T19:00", state=BookingState.HELD, expires_at=later(house, minutes=10))
    stays = await put(house, "2026-11-24T21:00")
    house.clock.jump(START + timedelta(minutes=10))
    others = [House(house.store, house.clock) for _ in range(2)]
    due = await house.store.due(instant(house.clock.now()), 10)
    assert [record.id for record in due] == [held.id]
    await waited(house, asyncio.gather(*(other.meetings.due["booking"](due[0]) for other in (*others, house))))
    assert [await now_of(other, held) for other in (*others, house)] == [None] * 3
    assert await now_of(others[0], stays) is not None
    head = await house.store.get("room", "hall")
    assert head is not None
    assert head.revision == 4  # made, booked twice, given back once


async def test_what_a_hold_had_is_offered_to_who_had_to_do_without(house: House) -> None:
    await put_room(house)
    await put(house, "2026-12-01T19:00", state=BookingState.HELD, expires_at=later(house, minutes=10))
    slot = Slot(at("2026-12-01").date(), 0, datetime.fromisoformat("2026-12-01T19:00"), 60)
    weekly = Schedule(datetime.fromisoformat("2026-11-24T19:00"), ZONE, 60, Rule(Frequency.WEEKLY))
    without = Pattern(zone=ZONE, schedule=weekly, without=(slot.key,))
    series = await put(house, "2026-11-24T19:00", pattern=without, id="s", skipped=(Skipped(slot),))
    await pass_to(house, "2026-11-21T12:10:00")
    found = await now_of(house, series)
    assert found is not None
    assert [each.offered for each in found.skipped] == [True]


async def test_a_date_that_nobody_came_to_is_given_back_while_it_is_on(house: House) -> None:
    await put_room(house, rules=CHECKED)
    series = await put(house, "2026-11-23T10:00", DAILY)
    await pass_to(house, "2026-11-23T17:14:59")
    assert starts(await now_of(house, series), "2026-11-25") == ["11-23 17:00", "11-24 17:00"]
    await pass_to(house, "2026-11-23T17:15:00")
    found = await now_of(house, series)
    assert starts(found, "2026-11-25") == ["11-24 17:00"]
    assert found is not None
    assert (found.unused, found.proposed, len(found.released)) == (1, False, 1)
    (was,) = await past(house)
    assert starts(was) == ["11-23 17:00"]
    assert ends(was.booking.pattern) == minute(at("2026-11-23T17:15"))  # it was taken until then
    assert was.booking.released == found.released


async def test_three_in_a_row_are_reason_to_ask_whether_it_is_wanted_and_one_visit_answers(house: House) -> None:
    await put_room(house, rules=CHECKED)
    series = await put(house, "2026-11-23T10:00", DAILY)
    for day in (23, 24, 25):
        await pass_to(house, f"2026-11-{day}T17:20:00")
    page = await house.store.find("booking", {"centre": "house", "proposed": True})
    assert [record.id for record in page.records] == [series.id]
    house.clock.jump(at("2026-11-26T16:40"))
    told = await house.call("CheckInBooking", name=f"centres/house/rooms/hall/bookings/{series.id}")
    assert not told.proposed_for_release
    await pass_to(house, "2026-11-26T17:20:00")
    found = await now_of(house, series)
    assert found is not None
    assert (found.unused, len(found.released), len(found.checked_in)) == (0, 3, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"meeting": "m", "published": True},
        {"meeting": "m"},
        {"state": BookingState.PENDING},
    ],
)
async def test_no_date_of_a_meeting_is_ever_given_back(house: House, fields: dict[str, Any]) -> None:
    await put_room(house, rules=CHECKED)
    series = await put(house, "2026-11-23T10:00", DAILY, **fields)
    for day in (23, 24, 25, 26):
        await pass_to(house, f"2026-11-{day}T17:30:00")
    found = await now_of(house, series)
    assert found is not None
    assert (found.unused, found.released, found.pattern) == (0, (), series.pattern)


async def test_who_books_what_is_on_already_has_the_time_to_come(house: House) -> None:
    await put_room(house, rules=CHECKED)
    house.clock.jump(at("2026-11-23T17:40:00"))
    booking = await put(house, "2026-11-23T10:00")
    await pass_to(house, "2026-11-23T17:54:00")
    assert starts(await now_of(house, booking)) == ["11-23 17:00"]
    await pass_to(house, "2026-11-23T17:55:00")
    assert starts(await now_of(house, booking)) == []


async def test_a_date_that_was_over_before_anybody_looked_is_left_alone(house: House) -> None:
    """The service was away: then nobody could check in, either."""
    await put_room(house, rules=CHECKED)
    series = await put(house, "2026-11-23T10:00", DAILY)
    await pass_to(house, "2026-11-25T17:20:00")
    found = await now_of(house, series)
    assert found is not None
    assert (found.unused, len(found.released)) == (1, 1)
    assert starts(found, "2026-11-27") == ["11-23 17:00", "11-24 17:00", "11-26 17:00"]


async def test_what_is_over_is_history_a_day_later_and_its_words_are_forgotten_in_30_days(house: House) -> None:
    await put_room(house)
    booking = await put(house, "2026-11-24T19:00", notes="canary notes")
    stays = await put(house, "2026-11-24T21:00", DAILY)
    await pass_to(house, "2026-11-26T02:59:59")
    assert (await now_of(house, booking), await past(house)) == (booking, [])
    await pass_to(house, "2026-11-26T03:00:00")
    assert await now_of(house, booking) is None
    (was,) = await past(house)
    assert (was.booking.pattern, was.booking.title) == (booking.pattern, "canary one-to-one")
    assert was.ended == "2026-11-25T03:00:00.000Z"
    gone = await house.store.get("booking", booking.id)
    assert gone is not None
    assert gone.gone
    assert "canary" not in str(gone.state)
    await pass_to(house, "2026-12-25T03:00:00")
    (was,) = await past(house)
    assert was.booking.pattern == booking.pattern
    kept = await house.store.get("past", was.id)
    assert kept is not None
    assert "canary" not in str(kept.state)
    assert "ann" not in str(kept.state["booking"])
    assert await now_of(house, stays) is not None


async def test_a_meeting_keeps_its_title_in_history(house: House) -> None:
    await put_room(house)
    await put(house, "2026-11-24T19:00", title="Night Owls", meeting="m", organiser="")
    await pass_to(house, "2027-03-01T00:00:00")
    (was,) = await past(house)
    assert was.booking.title == "Night Owls"


async def test_of_a_series_that_goes_on_what_is_remembered_of_dates_becomes_history_in_time(house: House) -> None:
    await put_room(house, rules=CHECKED)
    series = await put(house, "2026-11-23T10:00", DAILY)
    for day in range(80):
        await pass_to(house, instant(at("2026-11-23T17:20") + timedelta(days=day)).removesuffix("Z"))
    found = await now_of(house, series)
    assert found is not None
    assert len(found.released) <= 71
    assert len(found.pattern.without) <= 71
    dates = [each for each in await past(house) if each.booking.released and len(starts(each, "2027-12-31")) == 1]
    assert len(dates) == 80  # each once


async def test_what_is_past_is_parted_from_what_is_changed(house: House) -> None:
    await put_room(house)
    series = await put(house, "2026-11-24T19:00", Rule(Frequency.WEEKLY))
    rest, was = history.parted(series, "2026-12-03T00:00:00.000Z")
    assert was is not None
    assert starts(was) == ["11-25 02:00", "12-02 02:00"]
    assert starts(rest, "2026-12-16") == ["12-09 02:00", "12-16 02:00"][:1]
    assert history.past_of(rest, "2026-12-03T00:00:00.000Z") is None
    assert history.parted(rest, "2026-12-03T00:00:00.000Z") == (rest, None)
    assert history.past_of(series, "2026-11-24T00:00:00.000Z") is None


async def test_a_booking_is_over_when_its_last_skipped_date_would_be(house: House) -> None:
    await put_room(house)
    skipped = Slot(at("2026-12-03").date(), 0, datetime.fromisoformat("2026-12-03T19:00"), 60)
    had = Slot(at("2026-12-01").date(), 0, datetime.fromisoformat("2026-12-01T19:00"), 60)
    pattern = Pattern(zone=ZONE, slots=(had,))
    booking = await put(house, "2026-12-01T19:00", pattern=pattern, skipped=(Skipped(skipped),))
    assert history.over_at(booking) == "2026-12-05T03:00:00.000Z"
