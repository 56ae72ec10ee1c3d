"""Pages about seats: waiting in line, offers, sister dates."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.service.rsvps_house import OPERATOR, weekly
from tests.service.web_seats_house import PAGE, Desk, hidden, six, title

if TYPE_CHECKING:
    from tests.service.rsvps_house import House

pytest_plugins = ["tests.service.rsvps_house"]
THURSDAYS = {
    "start": "2026-11-26T19:00",
    "timeZone": "America/Edmonton",
    "minutes": 60,
    "rule": "FREQ=WEEKLY",
}
RULES = "centres/house/meetings/tuesday/listRules"


@pytest.fixture
async def desk(alone: House) -> Any:
    made = Desk(alone)
    await made.open()
    yield made
    await made.server.stop(0)


THURSDAY = "/m/thursday/20261126"
ELSEWHERE = "centres/house/meetings/thursday/occurrences/20261126"


async def test_a_full_date_has_a_waitlist_whose_line_is_answered_on_the_page(desk: Desk) -> None:
    await desk.house.rules(capacity=1)
    first = await desk.keep()
    assert "Full: you can join the waitlist" in (await desk.ask()).text
    second = await desk.keep(wait="ask")
    waiting = (await desk.ask(PAGE, {"do": "find", "words": second})).text
    assert title(waiting) == "You are on the waitlist"
    assert ("Open chairs instead" in waiting, 'href="tel:988"' in waiting) == (True, True)
    await desk.ask(PAGE, {"do": "give-back", "key": first})
    offered = (await desk.ask(PAGE, {"do": "find", "words": second})).text
    assert (title(offered), "Yes, I take it" in offered) == ("A place is free for you", True)
    taken = await desk.ask(PAGE, {"do": "accept", "key": second})
    assert title(taken.text) == "Your seat is kept"


@pytest.fixture
async def either(desk: Desk) -> Desk:
    """The same workshop on Tuesday, which is full, and on Thursday: one chair each."""
    desk.meeting("thursday", title="Thursday Group", schedule=THURSDAYS)
    await desk.house.part("thursday", schedule=weekly(datetime(2026, 11, 26, 19)))  # noqa: DTZ001 - local
    await desk.house.rules("thursday", capacity=1)
    sisters = [{"names": ["centres/house/meetings/tuesday/occurrences/20261124", ELSEWHERE]}]
    rules = {"name": RULES, "mode": "RSVP_MODE_OPTIONAL", "capacity": 1, "sister_dates": sisters}
    await desk.house.call("SetListRules", OPERATOR, list_rules=rules)
    await desk.keep()
    return desk


async def test_who_gets_a_seat_at_a_sister_date_is_told_of_that_date_and_gets_the_words(either: Desk) -> None:
    kept = await either.ask(PAGE, hidden((await either.ask()).text) | {"also": ELSEWHERE})
    assert (title(kept.text), len(six(kept.text).split())) == ("Your seat is kept", 6)
    assert "Thursday Group, Thursday 26 November" in kept.text
    assert "This is another date than the one you asked for first" in kept.text
    looked = await either.ask(PAGE, {"do": "find", "words": six(kept.text)})
    assert (title(looked.text), "Thursday Group, Thursday 26 November" in looked.text) == ("Your seat is kept", True)
    assert "This is another date than the one you looked at" in looked.text


async def test_who_waits_for_several_dates_sees_all_of_them_and_an_offer_at_any(either: Desk) -> None:
    first = await either.keep(THURSDAY)
    waiting = await either.ask(PAGE, hidden((await either.ask()).text) | {"also": ELSEWHERE, "wait": "ask"})
    words = six(waiting.text)
    assert "You wait for these dates, too" in waiting.text
    assert f'<a href="{THURSDAY}">Thursday Group, Thursday 26 November, 7:00\xa0pm</a></li>' in waiting.text
    await either.ask(THURSDAY, {"do": "give-back", "key": first})
    offered = (await either.ask(PAGE, {"do": "find", "words": words})).text
    assert "A place is free for you at another date" in offered
    assert f'<form class="seat one" method="post" action="{THURSDAY}"' in offered
    taken = await either.ask(THURSDAY, {"do": "accept", "key": words})
    assert title(taken.text) == "Your seat is kept"


async def test_who_waits_for_several_dates_takes_a_name_back_at_all_of_them(either: Desk) -> None:
    await either.keep(THURSDAY)
    form = hidden((await either.ask()).text) | {"also": ELSEWHERE, "wait": "ask", "first-name": "Kim"}
    words = six((await either.ask(PAGE, form)).text)
    shown = (await either.ask(THURSDAY, {"do": "find", "words": words})).text
    assert 'value="Kim"' in shown
    assert 'name="wait"' not in shown
    changed = (await either.ask(PAGE, {"do": "change", "key": words, "first-name": "", "wait": "give"})).text
    assert "You wait for several dates" not in changed
    for page in (PAGE, THURSDAY):
        assert 'value="Kim"' not in (await either.ask(page, {"do": "find", "words": words})).text


async def test_who_let_three_offers_lapse_is_told_and_may_take_what_is_free(desk: Desk) -> None:
    await desk.house.rules(capacity=1, claim_minutes=5)
    first, words = await desk.keep(), await desk.keep(wait="ask")
    await desk.ask(PAGE, {"do": "give-back", "key": first})
    for _ in range(3):
        offered = (await desk.ask(PAGE, {"do": "find", "words": words})).text
        assert title(offered) == "A place is free for you"
        desk.house.later(minutes=6)
        await desk.house.sweep()
    passed = (await desk.ask(PAGE, {"do": "find", "words": words})).text
    assert ("you are not asked again" in passed, "You will be asked" in passed) == (True, False)
    taken = await desk.ask(PAGE, {"do": "accept", "key": words})
    assert title(taken.text) == "Your seat is kept"


async def test_an_offer_is_declined_and_leaves_the_line(desk: Desk) -> None:
    await desk.house.rules(capacity=1)
    first, second = await desk.keep(), await desk.keep(wait="ask")
    await desk.ask(PAGE, {"do": "give-back", "key": first})
    assert title((await desk.ask(PAGE, {"do": "decline", "key": second})).text) == "You said no to the place"


async def test_who_waits_can_look_again_and_giving_back_is_not_the_button_that_stands_out(desk: Desk) -> None:
    await desk.house.rules(capacity=1, waitlist=0)
    first = (await desk.ask(PAGE, {"do": "find", "words": await desk.keep()})).text
    assert '<button type="submit" class="plain">Give my seat back</button>' in first
    assert "Look again" not in first
    waiting = (await desk.ask(PAGE, {"do": "find", "words": (words := await desk.keep())})).text
    assert (title(waiting), "Look again" in waiting) == ("You are on the waitlist", True)
    await desk.ask(PAGE, {"do": "give-back", "key": six(first)})
    again = dict(re.findall(r'name="(do|words)" value="([^"]*)"', waiting.partition("Look again")[0]))
    assert again == {"do": "find", "words": words}
    assert title((await desk.ask(PAGE, again)).text) == "Your seat is kept"
