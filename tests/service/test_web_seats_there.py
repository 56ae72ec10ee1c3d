"""Pages about seats: who is there, the screen in the room, slips, feedback."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.rsvps.types import Question, QuestionKind
from tests.service.rsvps_house import OPERATOR
from tests.service.test_web import Markup
from tests.service.web_seats_house import BASE, INVITE, PAGE, Desk, hidden, six, title

if TYPE_CHECKING:
    from tests.service.rsvps_house import House

pytest_plugins = ["tests.service.rsvps_house"]


@pytest.fixture
async def desk(alone: House) -> Any:
    made = Desk(alone)
    await made.open()
    yield made
    await made.server.stop(0)


async def test_who_is_there_checks_in_with_the_code_that_is_shown_and_takes_a_slip(desk: Desk) -> None:
    await desk.keep()
    name = "centres/house/meetings/tuesday/occurrences/20261124"
    desk.house.to(desk.house.clock.now() + timedelta(days=3, hours=13, minutes=5))  # 19:05 in Edmonton
    shown = await desk.house.call("GetCheckInCode", OPERATOR, name=name)
    scanned = await desk.ask(shown.url)
    assert title(scanned.text) == "I am there"
    inside = await desk.ask(f"{PAGE}/here", hidden(scanned.text) | {"shown": shown.words})
    assert title(inside.text) == "You are checked in"
    wrong = await desk.ask(f"{PAGE}/here", hidden(scanned.text) | {"shown": "about about about about"})
    assert "That is not the code in the room" in wrong.text
    slip = await desk.ask(f"{PAGE}/here", hidden(inside.text) | {"field": ["date", "times"], "person": "Kim"})
    assert slip.headers["content-type"] == "application/pdf"
    assert slip.content.startswith(b"%PDF-")
    assert slip.headers["content-disposition"].startswith("attachment")


async def test_feedback_before_the_start_is_told_when_it_can_be_said(desk: Desk) -> None:
    how = Question(id="how", title="How was it?", kind=QuestionKind.CHOICE, choices=("Good", "Bad"))
    await desk.house.rules(feedback=(how,))
    desk.house.to(desk.house.clock.now() + timedelta(days=3, hours=12, minutes=35))
    name = "centres/house/meetings/tuesday/occurrences/20261124"
    shown = await desk.house.call("GetCheckInCode", OPERATOR, name=name)
    form = hidden((await desk.ask(shown.url)).text)
    await desk.ask(f"{PAGE}/here", form | {"shown": shown.words})
    said = {"do": "feedback", "key": form["key"], "q-how": "0"}
    assert "Not yet, or not any more" in (await desk.ask(f"{PAGE}/here", said)).text
    desk.house.later(minutes=30)
    assert "Your answers are counted, without you." in (await desk.ask(f"{PAGE}/here", said)).text
    assert "You have said it" in (await desk.ask(f"{PAGE}/here", said)).text


async def test_who_has_not_checked_in_is_not_told_that_they_have(desk: Desk) -> None:
    how = Question(id="how", title="How was it?", kind=QuestionKind.CHOICE, choices=("Good", "Bad"))
    await desk.house.rules(feedback=(how,))
    for do in ("slip", "feedback"):
        told = await desk.ask(f"{PAGE}/here", {"do": do, "key": "able " * 6})
        assert (title(told.text), "You have not checked in" in told.text) == ("I am there", True)


async def test_a_screen_in_the_room_shows_the_code_and_asks_for_the_next_one_by_itself(desk: Desk) -> None:
    begins = desk.house.clock.now() + timedelta(days=3, hours=13, minutes=5)
    desk.house.to(begins.replace(second=20, microsecond=0))
    given = await desk.house.call(
        "GetCheckInCode", OPERATOR, name="centres/house/meetings/tuesday/occurrences/20261124"
    )
    shown = await desk.ask(given.display_url)
    assert (shown.status_code, title(shown.text), six(shown.text)) == (200, "Check in", given.words)
    assert '<meta http-equiv="refresh" content="40">' in shown.text
    assert f"{BASE}{PAGE}/here</span>" in shown.text
    assert "Tuesday Group" in shown.text
    assert Markup(shown.text).open == []
    assert (shown.headers["cache-control"], shown.headers["x-robots-tag"]) == ("private, no-store", "noindex")
    inside = await desk.ask(f"{PAGE}/here", hidden((await desk.ask(given.url)).text) | {"shown": six(shown.text)})
    assert title(inside.text) == "You are checked in"
    desk.house.to(begins.replace(second=1) + timedelta(minutes=1))
    assert six((await desk.ask(given.display_url)).text) not in {"", given.words}


async def test_a_screen_of_a_meeting_for_members_does_not_say_what_it_is(desk: Desk) -> None:
    desk.group()
    desk.meeting("owls", "private", visibility="VISIBILITY_MEMBERS", inviteGroup="centres/house/groups/owls")
    await desk.house.part("owls", visibility="members", group="owls")
    desk.house.to(desk.house.clock.now() + timedelta(days=3, hours=13, minutes=5))
    name = "centres/house/meetings/owls/occurrences/20261124"
    given = await desk.house.call("GetCheckInCode", OPERATOR, name=name)
    shown = await desk.ask(given.display_url)
    assert six(shown.text) == given.words
    assert "Tuesday Group" not in shown.text
    scanned = await desk.ask(given.url)
    assert scanned.status_code == 404
    code = html.unescape(re.findall(r'<form class="ask" method="post" action="([^"]+)"', scanned.text)[0])
    assert title((await desk.ask(code, {"code": INVITE})).text) == "I am there"


async def test_a_screen_that_shows_nothing_says_why_and_tries_again_where_that_can_help(desk: Desk) -> None:
    desk.house.to(desk.house.clock.now() + timedelta(days=3, hours=13, minutes=5))
    name = "centres/house/meetings/tuesday/occurrences/20261124"
    url = (await desk.house.call("GetCheckInCode", OPERATOR, name=name)).display_url
    wrong = await desk.ask(f"{url[:-4]}AAAA")
    assert (wrong.status_code, "refresh" in wrong.text, six(wrong.text)) == (404, False, "")
    desk.reached = False
    lost = await desk.ask(url)
    assert (lost.status_code, '<meta http-equiv="refresh"' in lost.text) == (503, True)
    desk.reached = True
    desk.house.to(desk.house.clock.now() + timedelta(hours=2))
    over = await desk.ask(url)
    assert (over.status_code, title(over.text)) == (503, "Not at this time")
