"""Pages about seats: standing seats and courses."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from services.rsvps.types import Scope
from tests.service.web_seats_house import PAGE, Desk, hidden, title

if TYPE_CHECKING:
    from tests.service.rsvps_house import House

pytest_plugins = ["tests.service.rsvps_house"]


@pytest.fixture
async def desk(alone: House) -> Any:
    made = Desk(alone)
    await made.open()
    yield made
    await made.server.stop(0)


async def test_a_standing_seat_is_kept_on_the_page_of_all_dates_and_one_date_given_back(desk: Desk) -> None:
    await desk.house.rules(standing_seats=True)
    assert 'action="/m/tuesday/all"' in (await desk.ask()).text
    words = await desk.keep("/m/tuesday/all")
    assert words
    one = await desk.ask(PAGE, {"do": "find", "words": words})
    assert title(one.text) == "Your seat is kept"
    await desk.ask(PAGE, {"do": "give-back", "key": words})
    assert title((await desk.ask(PAGE, {"do": "find", "words": words})).text) == "Your seat is given back"
    assert title((await desk.ask("/m/tuesday/all", {"do": "find", "words": words})).text) == "Your seat is kept"


async def test_the_words_of_a_standing_seat_find_it_on_the_page_of_a_date_that_is_far_ahead(desk: Desk) -> None:
    await desk.house.rules(standing_seats=True)
    words = await desk.keep("/m/tuesday/all")
    found = (await desk.ask("/m/tuesday/20270511", {"do": "find", "words": words})).text
    assert title(found) == "Your seat is kept", found
    other = (await desk.ask("/m/tuesday/20270511", {"do": "find", "words": "able " * 6})).text
    assert "These words hold no seat here" in other


async def test_the_page_of_a_standing_seat_asks_to_confirm_its_next_date(desk: Desk) -> None:
    await desk.house.rules(standing_seats=True, confirm_before_minutes=24 * 60)
    words = await desk.keep("/m/tuesday/all")
    page = (await desk.ask("/m/tuesday/all", {"do": "find", "words": words})).text
    assert "Please say by Monday 23 November, 7:00\xa0pm that you come" in page
    confirmed = await desk.ask(PAGE, {"do": "confirm", "key": words})
    assert title(confirmed.text) == "Your seat is kept"
    again = (await desk.ask("/m/tuesday/all", {"do": "find", "words": words})).text
    assert "Please say by Monday 23 November" not in again


async def test_after_the_last_joining_date_a_course_says_that_it_takes_nobody_new(desk: Desk) -> None:
    await desk.house.rules(scope=Scope.SERIES, last_joining_date=date(2026, 11, 22))
    assert "Keep my seat" in (await desk.ask("/m/tuesday/all")).text
    assert "One can join until Sunday 22 November." in (await desk.ask("/m/tuesday/all")).text
    desk.house.to(datetime(2026, 11, 23, 8, tzinfo=UTC))
    late = (await desk.ask("/m/tuesday/all")).text
    assert ("It takes nobody new any more." in late, "Keep my seat" in late) == (True, False)


async def test_who_is_enrolled_sees_the_next_dates_and_which_are_off(desk: Desk) -> None:
    await desk.house.rules(scope=Scope.SERIES)
    desk.meeting(changes=[{"date": "2026-12-01", "cancelled": True}])
    kept = await desk.ask("/m/tuesday/all", hidden((await desk.ask("/m/tuesday/all")).text))
    assert "<li>Tuesday 24 November, 7:00\xa0pm</li>" in kept.text
    assert "<li>Tuesday 1 December, 7:00\xa0pm (cancelled)</li>" in kept.text


async def test_a_course_is_joined_on_its_own_page(desk: Desk) -> None:
    await desk.house.rules(scope=Scope.SERIES)
    dated = (await desk.ask()).text
    assert ("A seat here is one for all dates." in dated, "Keep my seat" in dated) == (True, False)
    words = await desk.keep("/m/tuesday/all")
    found = await desk.ask("/m/tuesday/all", {"do": "find", "words": words})
    assert title(found.text) == "Your seat is kept"
