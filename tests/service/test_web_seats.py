"""Seats without a script: kept, found again by six words, changed, given back; refusals in words; nobody known."""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.channel import LocalServer
from services.kit.logs import make_log
from services.meetings.records import KINDS
from services.rsvps.types import Differing, Question, QuestionKind, Scope, Use
from services.rsvps.types import RsvpMode as Mode
from tests.contract.store_fixtures import ENGINES
from tests.service.meetings_house import House as Meetings
from tests.service.rsvps_house import OPERATOR, weekly
from tests.service.test_web import Markup
from tests.service.web_seats_house import BASE, INVITE, PAGE, Desk, hidden, six, title

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


async def test_sending_the_form_twice_keeps_one_seat_and_each_form_has_its_own_words(desk: Desk) -> None:
    form = hidden((await desk.ask()).text)
    assert six((await desk.ask(PAGE, form)).text) == six((await desk.ask(PAGE, form)).text) == form["key"]
    assert hidden((await desk.ask()).text)["key"] != form["key"]
    (_, found), *others = await desk.house.lists()
    assert others == []
    assert len(await desk.house.seats(found.id)) == 1


async def test_the_address_to_keep_opens_the_seat_and_is_for_nobody_else(desk: Desk) -> None:
    words = await desk.keep()
    link = f"{PAGE}/mine/{words.replace(' ', '-')}"
    assert f">{BASE}{link}</span>" in (await desk.ask(PAGE, {"do": "find", "words": words})).text
    answer = await desk.ask(link)
    assert title(answer.text) == "Your seat is kept"
    assert answer.headers["cache-control"] == "private, no-store"
    assert (answer.headers["x-robots-tag"], answer.headers["referrer-policy"]) == ("noindex", "no-referrer")
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert "set-cookie" not in answer.headers
    wrong = f"{PAGE}/mine/{'-'.join(reversed(words.split()))}"
    assert "These words hold no seat here" in (await desk.ask(wrong)).text


async def test_pages_are_whole_run_no_script_ask_nobody_else_and_have_neutral_titles(desk: Desk) -> None:
    await desk.house.rules(
        capacity=20, waitlist=-1, party_size=4, celebrations=True, standing_seats=True, questions=(ALLERGIES, DIET)
    )
    words = await desk.keep(**{"q-allergy": "Nuts"})
    for path, data in ((PAGE, None), (PAGE, {"do": "find", "words": words}), (f"{PAGE}/here", None), ("/m/none", None)):
        text = (await desk.ask(path, data)).text
        page = Markup(text)
        assert page.open == []
        assert len(page.ids) == len(set(page.ids))
        assert not page.tags & {"script", "iframe", "img", "object", "embed", "base"}
        assert all(load.startswith("data:") for load in page.loads)
        assert "<title>A date · Openchair</title>" in text
        assert set(re.findall(r'<form[^>]* action="([^"]*)"', text)) <= {
            PAGE,
            f"{PAGE}/here",
            "/m/none",
            "/m/tuesday/all",
        }


ALLERGIES = Question(id="allergy", title="Allergies", kind=QuestionKind.TEXT, use=Use.ORGANISER)
DIET = Question(id="diet", title="Do you eat with us?", kind=QuestionKind.CHOICE, choices=("Yes", "No"), required=True)


async def test_each_question_says_who_sees_the_answer_and_what_was_typed_stays(desk: Desk) -> None:
    await desk.house.rules(questions=(ALLERGIES, DIET))
    form = await desk.ask()
    assert "The named organisers see each answer" in form.text
    assert "sees how many gave which answer, not who did" in form.text
    refused = await desk.ask(PAGE, hidden(form.text) | {"q-allergy": "Nuts &<b>", "first-name": "Kim"})
    assert "Something is missing" in refused.text
    assert hidden(refused.text)["key"] == hidden(form.text)["key"]
    assert 'value="Nuts &amp;&lt;b&gt;"' in refused.text
    assert 'value="Kim"' in refused.text
    kept = await desk.ask(PAGE, hidden(refused.text) | {"q-allergy": "Nuts", "q-diet": "1"})
    assert title(kept.text) == "Your seat is kept"
    changed = await desk.ask(PAGE, {"do": "change", "key": six(kept.text), "q-allergy": "None", "q-diet": "0"})
    assert 'value="None"' in changed.text
    assert re.search(r'name="q-diet" value="0"[^>]* checked', changed.text)


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


THURSDAY = "/m/thursday/20261126"
ELSEWHERE = "centres/house/meetings/thursday/occurrences/20261126"


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


async def test_what_is_emptied_in_the_form_is_taken_back(desk: Desk) -> None:
    await desk.house.rules(celebrations=True, questions=(ALLERGIES,))
    words = await desk.keep(**{"first-name": "Kim", "named": "Kim R.", "q-allergy": "Nuts"})
    emptied = {"do": "change", "key": words, "first-name": "", "named": "", "q-allergy": ""}
    changed = (await desk.ask(PAGE, emptied)).text
    assert re.findall(r'value="(Kim|Kim R\.|Nuts)"', changed) == []
    needs = await desk.house.call("GetNeeds", OPERATOR, name="centres/house/meetings/tuesday/occurrences/20261124")
    assert (list(needs.first_names), list(needs.celebrations)) == ([], [])


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


async def test_what_is_refused_is_said_in_words_and_bad_news_names_other_chairs(desk: Desk) -> None:
    desk.meeting("later", title="Later Group", fellowship="AA")
    await desk.house.rules(capacity=1, waitlist=-1)
    late = hidden((await desk.ask()).text)
    await desk.keep()
    full = await desk.ask(PAGE, late)
    assert "All places are taken" in full.text
    assert "Keep my seat" not in (await desk.ask()).text
    assert re.findall(r'<a href="/centre/house#[^"]+">Tuesday, 7:00\s+pm: (Later Group)</a>', full.text) == [
        "Later Group"
    ]
    assert 'href="tel:988"' in full.text


async def test_when_it_is_too_early_or_too_late_the_page_says_so_in_place_of_the_form(desk: Desk) -> None:
    await desk.house.rules(opens_before_minutes=60 * 24, closes_before_minutes=60)
    early = (await desk.ask()).text
    assert "They can be kept from <strong>Monday 23 November, 7:00" in early
    desk.house.to(desk.house.clock.now() + timedelta(days=3))
    assert "Keep my seat" in (await desk.ask()).text
    desk.house.later(hours=12, minutes=30)
    late = (await desk.ask()).text
    assert ("No more seats are kept for this date." in late, "You can still just come." in late) == (True, True)
    assert not any("Keep my seat" in text for text in (early, late))


async def test_a_cancelled_date_says_so_and_names_other_chairs(desk: Desk) -> None:
    desk.meeting("later", title="Later Group")
    words = await desk.keep()
    change = {"date": "2026-11-24", "cancelled": True, "reason": "Snow"}
    desk.meeting(changes=[change])
    page = (await desk.ask()).text
    assert ("Cancelled" in page, "Snow" in page, "Later Group" in page, "Keep my seat" in page) == (True,) * 3 + (
        False,
    )
    assert title((await desk.ask(PAGE, {"do": "find", "words": words})).text)


async def test_where_no_seats_are_kept_the_page_says_that_people_just_come(desk: Desk) -> None:
    await desk.house.rules(mode=Mode.OFF)
    text = (await desk.ask()).text
    assert "No seat is needed here" in text
    assert "Keep my seat" not in text


async def test_without_the_service_the_page_still_says_when_and_where(desk: Desk) -> None:
    desk.reached = False
    text = (await desk.ask()).text
    assert ("Seats cannot be reached just now" in text, "1 Main St" in text) == (True, True)
    assert "try again" in (await desk.ask(PAGE, {"do": "keep", "key": ""})).text


@pytest.mark.parametrize(
    "said", [{"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site"}, {"origin": "https://else.example.com"}]
)
async def test_no_other_site_has_its_readers_keep_or_give_back_seats(desk: Desk, said: dict[str, str]) -> None:
    words = await desk.keep()
    for data in ({"do": "keep", "key": ""}, {"do": "give-back", "key": words}):
        assert title((await desk.ask(PAGE, data, **said)).text) == "Tuesday Group"
    assert title((await desk.ask(PAGE, {"do": "find", "words": words})).text) == "Your seat is kept"
    (_, found), *_ = await desk.house.lists()
    assert len(await desk.house.seats(found.id)) == 1


async def test_a_meeting_for_members_is_found_with_the_code_alone_and_the_code_is_in_no_address(desk: Desk) -> None:
    desk.group()
    desk.meeting("owls", "private", visibility="VISIBILITY_MEMBERS", inviteGroup="centres/house/groups/owls")
    hidden_page, absent = await desk.ask("/m/owls"), await desk.ask("/m/none")
    assert hidden_page.status_code == absent.status_code == 404
    assert hidden_page.text.replace("/m/owls", "/m/none") == absent.text
    opened = await desk.ask("/m/owls", {"code": INVITE})
    assert title(opened.text) == "Tuesday Group"
    assert INVITE not in re.sub(r'<input[^>]*name="code"[^>]*>', "", opened.text)
    assert "This code opens nothing here" in (await desk.ask("/m/owls", {"code": "0" * 28})).text


async def test_an_unlisted_meeting_is_found_by_its_address_and_shows_what_the_public_may_see_of_others(
    desk: Desk,
) -> None:
    link = {"access": "ONLINE_ACCESS_INVITE_CODE", "url": "https://meet.example.org/x", "passcode": "SESAME"}
    desk.meeting("quiet", "private", visibility="VISIBILITY_UNLISTED", mode="MODE_HYBRID", online=link)
    text = (await desk.ask("/m/quiet")).text
    assert title(text) == "Tuesday Group"
    assert ("meet.example.org" in text, "SESAME" in text) == (False, False)


async def test_who_keeps_a_seat_is_told_how_to_join_and_nobody_else_not_even_with_the_groups_code(
    desk: Desk, request: pytest.FixtureRequest
) -> None:
    async with ENGINES["memory"](request, desk.house.clock) as engine:
        meetings = Meetings(await engine.start(KINDS), desk.house.clock)
        await meetings.centre()
        link = {"url": "https://meet.example.org/x", "passcode": "SESAME", "notes": "Say friend"}
        online = {**link, "access": "ONLINE_ACCESS_SEAT_HOLDERS"}
        place = await meetings.place(title="Church Hall", address_access="ADDRESS_ACCESS_HOLDERS")
        made = await meetings.meeting(mode="MODE_HYBRID", online=online, place=place.name)
        meetings.desk.vouch = desk.house.desk.vouch
        desk.others["meetings"] = LocalServer(meetings.meetings.services, (), clock=desk.house.clock)
        await desk.others["meetings"].start()
        id_ = made.name.rpartition("/")[2]
        await desk.house.part(id_)
        await desk.house.rules(id_, capacity=1)
        desk.meeting(id_, mode="MODE_HYBRID", online={"access": "ONLINE_ACCESS_SEAT_HOLDERS"}, venue={})
        page = f"/m/{id_}/20261124"
        words, waiting = await desk.keep(page), await desk.keep(page)
        kept = (await desk.ask(page, {"do": "find", "words": words})).text
        told = ("https://meet.example.org/x", "SESAME", "Say friend", "1 Main St", "Church Hall")
        assert [each for each in told if each not in kept] == []
        others = [await desk.ask(page), await desk.ask(page, {"do": "find", "words": waiting})]
        others.append(await desk.ask(page, {"do": "give-back", "key": words}))
        for each in others:
            assert [each for secret in told if secret in each.text] == []
        await desk.others["meetings"].stop(0)


async def test_a_list_with_a_code_asks_for_it(desk: Desk) -> None:
    await desk.house.call(
        "SetListRules", OPERATOR, list_rules={"name": RULES, "mode": "RSVP_MODE_OPTIONAL", "list_code": "open sesame"}
    )
    form = await desk.ask()
    assert "The code of this list" in form.text
    assert "The code for this list is needed" in (await desk.ask(PAGE, hidden(form.text))).text
    kept = await desk.ask(PAGE, hidden(form.text) | {"list-code": "open sesame"})
    assert title(kept.text) == "Your seat is kept"


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


async def test_after_the_cut_off_a_changed_mind_is_told_kindly_and_a_name_can_still_be_taken_back(desk: Desk) -> None:
    await desk.house.rules(cut_off_minutes=120)
    words = await desk.keep(**{"first-name": "Kim"})
    desk.house.to(datetime(2026, 11, 25, 0, 30, tzinfo=UTC))
    late = (await desk.ask(PAGE, {"do": "give-back", "key": words})).text
    assert (title(late), "nobody will ask" in late) == ("Your seat is kept", True)
    back = (await desk.ask(PAGE, {"do": "change", "key": words, "first-name": ""})).text
    assert ('value="Kim"' in back, "It is too late" in back) == (False, False)


async def test_who_is_enrolled_sees_the_next_dates_and_which_are_off(desk: Desk) -> None:
    await desk.house.rules(scope=Scope.SERIES)
    desk.meeting(changes=[{"date": "2026-12-01", "cancelled": True}])
    kept = await desk.ask("/m/tuesday/all", hidden((await desk.ask("/m/tuesday/all")).text))
    assert "<li>Tuesday 24 November, 7:00\xa0pm</li>" in kept.text
    assert "<li>Tuesday 1 December, 7:00\xa0pm (cancelled)</li>" in kept.text


async def test_chairs_instead_are_free_ones_and_of_a_far_date_the_next_with_their_day(desk: Desk) -> None:
    desk.meeting("full", title="Full Group")
    desk.meeting("later", title="Later Group")
    await desk.house.part("full")
    for id_, capacity in (("tuesday", 1), ("full", 1)):
        rules = {"mode": "RSVP_MODE_REQUIRED", "capacity": capacity, "waitlist": -1}
        name = f"centres/house/meetings/{id_}/listRules"
        await desk.house.call("SetListRules", OPERATOR, list_rules={"name": name, **rules})
    for page in (PAGE, "/m/tuesday/20261215", "/m/full/20261124"):
        await desk.keep(page)
    await desk.follow()
    near, far = [(await desk.ask(page)).text for page in (PAGE, "/m/tuesday/20261215")]
    chair = r'<a href="/centre/house#[^"]+">([^<]+)</a>'
    assert re.findall(chair, near) == ["Tuesday, 7:00\xa0pm: Later Group"]
    assert re.findall(chair, far) == ["Tuesday 24 November, 7:00\xa0pm: Later Group"]


async def test_an_address_that_was_kept_leads_on_when_the_series_was_split_or_its_days_were_changed(
    desk: Desk,
) -> None:
    weekly = {"start": "2026-11-24T19:00", "timeZone": "America/Edmonton", "minutes": 60}
    tuesdays, wednesdays = ({**weekly, "rule": f"FREQ=WEEKLY;BYDAY={day}"} for day in ("TU", "WE"))
    wednesdays["start"] = "2026-12-02T19:00"
    went = [{"time": "2026-11-20T10:00:00.000Z", "oldSchedule": tuesdays, "newSchedule": wednesdays}]
    until = {**tuesdays, "rule": "FREQ=WEEKLY;BYDAY=TU;UNTIL=20261124"}
    desk.meeting(schedule=until, nextPart="centres/house/meetings/later")
    before = {"previousPart": "centres/house/meetings/tuesday", "lineage": "tuesday"}
    desk.meeting("later", schedule={**tuesdays, "start": "2026-12-01T19:00"}, **before)
    page = (await desk.ask("/m/tuesday/20261201")).text
    assert (title(page), "Tuesday 1 December" in page) == ("Tuesday Group", True)
    assert re.findall(r'<a href="/m/(\w+/2026\d+)"', page)[:2] == ["tuesday/20261124", "later/20261208"]
    desk.meeting("later", schedule=wednesdays, dayChanges=went, **before)
    assert "Wednesday 2 December" in (await desk.ask("/m/tuesday/20261201")).text
    assert "Tuesday 24 November" in (await desk.ask("/m/later/20261124")).text
    assert (await desk.ask("/m/tuesday/20261203")).status_code == 404


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


async def test_a_course_is_joined_on_its_own_page(desk: Desk) -> None:
    await desk.house.rules(scope=Scope.SERIES)
    dated = (await desk.ask()).text
    assert ("A seat here is one for all dates." in dated, "Keep my seat" in dated) == (True, False)
    words = await desk.keep("/m/tuesday/all")
    found = await desk.ask("/m/tuesday/all", {"do": "find", "words": words})
    assert title(found.text) == "Your seat is kept"


async def test_one_network_keeps_a_dozen_seats_and_is_told_when_to_try_again(desk: Desk) -> None:
    await desk.house.rules(capacity=100)
    for _ in range(12):
        assert await desk.keep()
    refused = await desk.ask(PAGE, hidden((await desk.ask()).text))
    assert "Too many from your network at once" in refused.text
    assert "Try again in 5 minutes." in refused.text
    desk.address = "198.51.100.7"
    assert await desk.keep()


async def test_wrong_words_are_tried_twenty_times(desk: Desk) -> None:
    words = await desk.keep()
    wrong = {"do": "find", "words": " ".join(["about"] * 6)}
    for _ in range(20):
        assert "These words hold no seat here" in (await desk.ask(PAGE, wrong)).text
    assert "Too many from your network" in (await desk.ask(PAGE, {"do": "find", "words": words})).text
    desk.address = "198.51.100.7"
    assert title((await desk.ask(PAGE, {"do": "find", "words": words})).text) == "Your seat is kept"


async def test_somebody_is_sent_the_page_and_it_says_nothing_of_who_sent_it(desk: Desk) -> None:
    words = await desk.keep()
    found = await desk.ask(PAGE, {"do": "find", "words": words})
    assert f"{BASE}{PAGE}/together</span>" in found.text
    sent = (await desk.ask(f"{PAGE}/together")).text
    assert "Somebody thought that you might like to come, too." in sent
    assert not any(word in sent for word in [words, words.replace(" ", "-")])


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


async def test_a_cancelled_date_says_why_to_who_kept_a_seat_and_asks_nobody_to_keep_another(desk: Desk) -> None:
    words = await desk.keep()
    desk.meeting(changes=[{"date": "2026-11-24", "cancelled": True, "reason": "Snow"}])
    await desk.house.part(changes=(Differing(date=date(2026, 11, 24), cancelled=True),))
    gone = (await desk.ask(PAGE, {"do": "find", "words": words})).text
    assert (title(gone), "Snow" in gone) == ("It does not take place", True)
    assert ("Keep a seat again" in gone, "check in" in gone, "Open chairs instead" in gone) == (False, False, True)


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


async def test_lines_of_the_week_lead_to_the_page_where_seats_are_kept_and_say_a_word(desk: Desk) -> None:
    assert PAGE not in (await desk.ask("/")).text
    await desk.house.call(
        "SetListRules", OPERATOR, list_rules={"name": RULES, "mode": "RSVP_MODE_OPTIONAL", "capacity": 1}
    )
    await desk.follow()
    assert f'href="{PAGE}"' in (await desk.ask("/")).text
    await desk.keep()
    await desk.follow()
    assert re.search(rf'href="{PAGE}"[^>]*>Keep a seat</a> \(waitlist\)', (await desk.ask("/")).text)


async def test_no_log_line_holds_words_an_address_or_a_name(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    written = StringIO()
    monkeypatch.setattr("tests.service.web_seats_house.LOG", make_log("debug", written))
    words = await desk.keep(**{"first-name": "Kimberley"})
    monkeypatch.setattr("services.web.seats.seats_said.of_seat", lambda _seat: 1 / 0)
    broken = await desk.ask(f"{PAGE}/mine/{words.replace(' ', '-')}")
    assert broken.status_code == 500
    text = written.getvalue()
    assert '"/m"' in text
    said = words.split()  # one of them alone may be a word of the log
    for trace in (*map("-".join, pairwise(said)), *map(" ".join, pairwise(said)), "Kimberley", "203.0.113", "tuesday"):
        assert trace not in text
