"""Seats without a script: kept, found again by six words, changed, given back; refusals in words; nobody known."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.channel import LocalServer
from services.kit.logs import make_log
from services.meetings.records import KINDS
from services.rsvps.types import Differing, Question, QuestionKind, Use
from services.rsvps.types import RsvpMode as Mode
from tests.contract.store_fixtures import ENGINES
from tests.service.meetings_house import House as Meetings
from tests.service.rsvps_house import OPERATOR
from tests.service.test_web import Markup
from tests.service.web_seats_house import BASE, INVITE, PAGE, Desk, hidden, six, title

if TYPE_CHECKING:
    from tests.service.rsvps_house import House

pytest_plugins = ["tests.service.rsvps_house"]
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


async def test_what_is_emptied_in_the_form_is_taken_back(desk: Desk) -> None:
    await desk.house.rules(celebrations=True, questions=(ALLERGIES,))
    words = await desk.keep(**{"first-name": "Kim", "named": "Kim R.", "q-allergy": "Nuts"})
    emptied = {"do": "change", "key": words, "first-name": "", "named": "", "q-allergy": ""}
    changed = (await desk.ask(PAGE, emptied)).text
    assert re.findall(r'value="(Kim|Kim R\.|Nuts)"', changed) == []
    needs = await desk.house.call("GetNeeds", OPERATOR, name="centres/house/meetings/tuesday/occurrences/20261124")
    assert (list(needs.first_names), list(needs.celebrations)) == ([], [])


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


async def test_after_the_cut_off_a_changed_mind_is_told_kindly_and_a_name_can_still_be_taken_back(desk: Desk) -> None:
    await desk.house.rules(cut_off_minutes=120)
    words = await desk.keep(**{"first-name": "Kim"})
    desk.house.to(datetime(2026, 11, 25, 0, 30, tzinfo=UTC))
    late = (await desk.ask(PAGE, {"do": "give-back", "key": words})).text
    assert (title(late), "nobody will ask" in late) == ("Your seat is kept", True)
    back = (await desk.ask(PAGE, {"do": "change", "key": words, "first-name": ""})).text
    assert ('value="Kim"' in back, "It is too late" in back) == (False, False)


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


async def test_a_cancelled_date_says_why_to_who_kept_a_seat_and_asks_nobody_to_keep_another(desk: Desk) -> None:
    words = await desk.keep()
    desk.meeting(changes=[{"date": "2026-11-24", "cancelled": True, "reason": "Snow"}])
    await desk.house.part(changes=(Differing(date=date(2026, 11, 24), cancelled=True),))
    gone = (await desk.ask(PAGE, {"do": "find", "words": words})).text
    assert (title(gone), "Snow" in gone) == ("It does not take place", True)
    assert ("Keep a seat again" in gone, "check in" in gone, "Open chairs instead" in gone) == (False, False, True)


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
