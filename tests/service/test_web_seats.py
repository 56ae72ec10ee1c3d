"""Seats without a script: kept, found again by six words, changed, given back; refusals in words; nobody known."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.rsvps_house import House
from tests.service.test_web import Markup
from tests.service.web_seats_house import BASE, INVITE, PAGE, Desk, hidden, six, title

pytest_plugins = ["tests.service.rsvps_house"]


@pytest.fixture
async def desk(alone: House) -> Any:
    made = Desk(alone)
    await made.open()
    yield made
    await made.server.stop(0)


async def test_a_seat_is_kept_and_found_again_by_six_words_and_given_back(desk: Desk) -> None:
    asked = await desk.ask()
    assert title(asked.text) == "Tuesday Group"
    kept = await desk.ask(PAGE, hidden(asked.text))
    words = six(kept.text)
    assert (title(kept.text), len(words.split())) == ("Your seat is kept", 6)
    found = await desk.ask(PAGE, {"do": "find", "words": words.upper().replace(" ", "-")})
    assert (title(found.text), six(found.text)) == ("Your seat is kept", words)
    gone = await desk.ask(PAGE, {"do": "give-back", "key": words})
    assert title(gone.text) == "Your seat is given back"
    assert title((await desk.ask(PAGE, {"do": "find", "words": words})).text) == "Your seat is given back"
