"""What who leads has to know of a date: exactly, from those who are going, and nothing of who they are."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.kit.errors import Unmet
from services.rsvps.needed import shuffled
from services.rsvps.types import Differing, Question, QuestionKind, Quota, Scope, Use, Where
from tests.service.rsvps_house import COORDINATOR, DATE, FACILITATOR, House

pytest_plugins = ("tests.service.rsvps_house",)


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


ENDS = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
DIET = Question(id="diet", title="Diet", kind=QuestionKind.CHOICE, choices=("any", "vegan", "no nuts"), several=True)
CHILDREN = Question(id="children", title="Children", kind=QuestionKind.NUMBER, lowest=0, highest=5)
ALLERGY = Question(id="allergy", title="Allergy", kind=QuestionKind.TEXT, use=Use.ORGANISER)
QUESTIONS = (DIET, CHILDREN, ALLERGY)


def answers(*diet: int, children: int | None = None, allergy: str = "") -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = [{"question": "diet", "choices": diet}] if diet else []
    said += [{"question": "children", "number": children}] if children is not None else []
    return said + ([{"question": "allergy", "text": allergy}] if allergy else [])


async def needs(house: House, caller: Any = FACILITATOR) -> Any:
    return await house.call("GetNeeds", caller, name=DATE)


async def test_chairs_are_people_who_are_going_each_way(house: House) -> None:
    await house.part(ways=(Where.ROOM, Where.ONLINE))
    await house.rules(capacity=3, online_capacity=10, party_size=3)
    for number, way, people in ((1, "IN_PERSON", 2), (2, "IN_PERSON", 1), (3, "IN_PERSON", 1), (4, "ONLINE", 3)):
        await house.reserve(number, attendance=f"ATTENDANCE_{way}", party_size=people)
    found = await needs(house)
    assert (found.expected_in_person, found.expected_online) == (3, 3)
    assert (found.waitlisted_in_person, found.waitlisted_online, found.offered) == (1, 0, 0)


async def test_of_a_date_nobody_keeps_a_seat_for_nothing_is_needed_and_nothing_is_written(alone: House) -> None:
    found = await needs(alone)
    assert (found.expected_in_person, list(found.first_names)) == (0, [])
    assert not await alone.lists()


async def test_totals_are_those_of_who_is_going(house: House) -> None:
    await house.rules(capacity=3, questions=QUESTIONS)
    await house.reserve(1, answers=answers(0, 1, children=2))
    await house.reserve(2, answers=answers(1))
    await house.reserve(3, answers=answers(2, children=5))
    await house.reserve(4, answers=answers(0, children=4))  # waits
    await house.call("Cancel", name=DATE, guest_key="AAAAAAAAAAAAAAAAAAAAAw")
    found = await needs(house)
    diet, children = found.totals
    assert (list(diet.counts), diet.answered) == ([2, 2, 0], 3)  # the fourth was given the third's place
    assert (children.sum, children.answered) == (6, 2)
    assert diet.question.title == "Diet"


async def test_answers_for_the_organiser_are_for_those_who_are_named(house: House) -> None:
    await house.rules(questions=QUESTIONS, organisers=("ada",))
    await house.reserve(1, answers=answers(1, allergy="peanuts"))
    await house.reserve(2, answers=answers(allergy="latex"))
    found = await needs(house, FACILITATOR)
    said = sorted(row.answers[0].text for row in found.organiser_answers)
    assert said == ["latex", "peanuts"]
    assert all([answer.question for answer in row.answers] == ["allergy"] for row in found.organiser_answers)
    assert [total.question.id for total in found.totals] == ["diet", "children"]
    assert not (await needs(house, COORDINATOR)).organiser_answers


async def test_answers_for_the_organiser_are_not_stored_as_text(house: House) -> None:
    await house.rules(questions=QUESTIONS, organisers=("ada",))
    await house.reserve(1, answers=answers(allergy="peanuts"), first_name="Zenobia")
    (_, guest_list), *_ = await house.lists()
    stored = repr((await house.store.find("seat", {"head": guest_list.id}, ("written",))).records)
    assert "peanuts" not in stored
    assert "Zenobia" not in stored


async def test_first_names_are_those_that_guests_show_and_can_be_taken_back(house: House) -> None:
    await house.reserve(1, first_name="Zoë")
    await house.reserve(2)
    assert list((await needs(house)).first_names) == ["Zoë"]
    await house.call("Change", name=DATE, guest_key="AAAAAAAAAAAAAAAAAAAAAQ", update_mask=["first_name"])
    assert not (await needs(house)).first_names


async def test_celebrations_are_told_to_who_leads(alone: House) -> None:
    await alone.rules(celebrations=True)
    await alone.reserve(1, celebration={"chip": True, "named": "Zoë", "milestone": "one year"})
    await alone.reserve(2)
    (told,) = (await needs(alone)).celebrations
    assert (told.chip, told.named, told.milestone) == (True, "Zoë", "one year")


async def test_no_list_of_rows_is_in_the_order_of_another(alone: House) -> None:
    await alone.rules(capacity=40, questions=QUESTIONS, organisers=("ada",), celebrations=True)
    for number in range(1, 31):
        celebration = {"milestone": f"{number:02} years"}
        await alone.reserve(
            number, first_name=_letters(number), celebration=celebration, answers=answers(allergy=f"a{number:02}")
        )
    found = await needs(alone)
    names = [f"{25 * (ord(each[0]) - 65) + ord(each[1]) - 97:02}" for each in found.first_names]
    milestones = [each.milestone[:2] for each in found.celebrations]
    told = [row.answers[0].text[1:] for row in found.organiser_answers]
    everyone = [f"{number:02}" for number in range(1, 31)]
    assert sorted(names) == sorted(milestones) == sorted(told) == everyone
    for one, other in ((names, everyone), (milestones, everyone), (told, everyone), (names, milestones), (names, told)):
        assert sum(a == b for a, b in zip(one, other, strict=True)) < 10


def _letters(number: int) -> str:
    """A name for each number."""
    return chr(65 + number // 25) + chr(97 + number % 25)


async def test_how_many_places_of_a_quota_are_taken_is_for_coordinators(house: House) -> None:
    await house.rules(quotas=(Quota("fund", "Scholarship", 2),), party_size=2)
    await house.reserve(1, quotas=["fund"], party_size=2)
    await house.reserve(2)
    (found,) = (await needs(house, COORDINATOR)).quotas
    assert (found.quota.title, found.quota.places, found.taken) == ("Scholarship", 2, 2)
    assert not (await needs(house, FACILITATOR)).quotas


async def test_needs_are_told_until_twelve_hours_after_the_end(alone: House) -> None:
    await alone.reserve(1)
    alone.to(ENDS + timedelta(hours=12))
    assert (await needs(alone)).expected_in_person == 1
    alone.later(seconds=1)
    for method in ("GetNeeds", "ExportList"):
        with pytest.raises(Unmet) as refused:
            await alone.call(method, COORDINATOR, name=DATE)
        assert refused.value.reason == "NEEDS_OVER"


async def test_of_a_date_that_is_off_nothing_is_needed(alone: House) -> None:
    await alone.reserve(1, first_name="Zoë")
    await alone.part(changes=(Differing(date=date(2026, 11, 24), cancelled=True),))
    found = await needs(alone)
    assert (found.expected_in_person, list(found.first_names)) == (0, [])


@pytest.mark.parametrize("day", ["20261124", "20261229"])  # one that is near, one of which nobody has made a list yet
async def test_standing_seats_are_expected(alone: House, day: str) -> None:
    await alone.rules(standing_seats=True)
    meeting = DATE.partition("/occurrences/")[0]
    await alone.reserve(1, meeting, first_name="Zoë")
    found = await alone.call("GetNeeds", FACILITATOR, name=f"{meeting}/occurrences/{day}")
    assert (found.expected_in_person, list(found.first_names)) == (1, ["Zoë"])


async def test_at_each_date_of_a_course_those_who_are_enrolled_are_expected(alone: House) -> None:
    await alone.rules(scope=Scope.SERIES, capacity=1, questions=QUESTIONS)
    meeting = DATE.partition("/occurrences/")[0]
    await alone.reserve(1, meeting, first_name="Zoë", answers=answers(1))
    await alone.reserve(2, meeting, answers=answers(1))  # waits
    for day in ("20261124", "20261201"):
        found = await alone.call("GetNeeds", FACILITATOR, name=f"{meeting}/occurrences/{day}")
        assert (found.expected_in_person, found.waitlisted_in_person) == (1, 1)
        assert (list(found.first_names), list(found.totals[0].counts)) == (["Zoë"], [0, 1, 0])
    await alone.part(changes=(Differing(date=date(2026, 11, 24), cancelled=True),))
    assert (await needs(alone)).expected_in_person == 0


async def test_marks_are_no_seats(alone: House) -> None:
    await alone.reserve(1)
    alone.to(ENDS - timedelta(minutes=30))
    code = (await alone.call("GetCheckInCode", FACILITATOR, name=DATE)).words
    await alone.call("CheckIn", name=DATE, guest_key="AAAAAAAAAAAAAAAAAAAACQ", code=code)
    assert (await needs(alone)).expected_in_person == 1


async def test_an_export_is_what_guests_chose_to_share_and_nothing_else(alone: House) -> None:
    await alone.rules(celebrations=True, questions=QUESTIONS, organisers=("lee",), capacity=9)
    await alone.reserve(1, first_name="Zoë", answers=answers(1, allergy="peanuts"))
    await alone.reserve(2, celebration={"chip": True})
    await alone.reserve(3, answers=answers(2, allergy="latex"))
    rows = (await alone.call("ExportList", COORDINATOR, name=DATE)).rows
    assert sorted((row.first_name, row.celebration.chip) for row in rows) == [("", True), ("Zoë", False)]
    assert "peanuts" not in str(rows)
    assert "latex" not in str(rows)


def test_the_order_is_drawn_anew_each_time() -> None:

    source = random.Random(1)  # noqa: S311 - seeded
    assert shuffled(range(30), source) != shuffled(range(30), source)
