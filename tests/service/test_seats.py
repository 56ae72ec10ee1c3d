"""A guest's own seat, through the methods: what is answered, what is refused, what is shown."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from openchair.rsvps.v1 import seat_pb2 as pb

from services.kit.errors import Denied, Invalid, NotFound, Refusal, Unauthenticated, Unmet
from services.recurrence.zones import to_local
from services.rsvps import keys
from services.rsvps.types import Differing, Question, QuestionKind, Quota, RsvpMode, Use, Where
from tests.service.rsvps_house import (
    CENTRE,
    COORDINATOR,
    DATE,
    FACILITATOR,
    LATER,
    STRANGER,
    ZONE,
    House,
    key_of,
    weekly,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

pytest_plugins = ("tests.service.rsvps_house",)


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


GOING, WAITLISTED, OFFERED = pb.SEAT_STATE_GOING, pb.SEAT_STATE_WAITLISTED, pb.SEAT_STATE_OFFERED
CANCELLED, NONE = pb.SEAT_STATE_CANCELLED, pb.SEAT_STATE_UNSPECIFIED
DIET = Question(id="diet", title="Diet", kind=QuestionKind.CHOICE, choices=("any", "vegan"), required=True)
CHILDREN = Question(id="children", title="Children", kind=QuestionKind.NUMBER, lowest=0, highest=4)
NOTE = Question(id="note", title="Anything else", kind=QuestionKind.TEXT, use=Use.ORGANISER)


async def refused(call: Awaitable[Any], kind: type[Refusal], reason: str = "") -> Refusal:
    with pytest.raises(kind) as caught:
        await call
    if reason:
        assert caught.value.reason == reason
    return caught.value


async def test_seats_are_given_by_arrival_and_the_rest_wait(house: House) -> None:
    states = [(await house.reserve(number)).state for number in range(5)]

    assert states == [GOING] * 3 + [WAITLISTED] * 2


async def test_of_many_who_come_first_at_once_one_makes_the_list(house: House) -> None:
    seats = await asyncio.gather(*(house.reserve(number) for number in range(8)))

    assert sorted(seat.state for seat in seats) == [GOING] * 3 + [WAITLISTED] * 5
    (held,) = await house.lists()
    assert len(await house.seats(held[1].id)) == 8


async def test_a_second_seat_with_the_same_key_is_the_same_seat_unchanged(house: House) -> None:
    await house.rules(party_size=4)
    first = await house.reserve(1, party_size=1)
    again = await house.reserve(1, party_size=2)

    assert again == first
    assert len(await house.seats((await house.lists())[0][1].id)) == 1


async def test_a_seat_given_back_goes_to_who_waits(house: House) -> None:
    for number in range(4):
        await house.reserve(number)

    back = await house.call("Cancel", name=DATE, guest_key=key_of(0))

    assert (back.state, back.end) == (CANCELLED, pb.SEAT_END_OWN)
    assert (await house.mine(3)).state == GOING
    assert (await house.call("Cancel", name=DATE, guest_key=key_of(0))) == back


async def test_who_wants_to_be_asked_is_asked_and_says_yes_or_no(alone: House) -> None:
    await alone.rules(capacity=1)
    await alone.reserve(0)
    for number in (1, 2):
        await alone.reserve(number, wait="WAIT_CHOICE_ASK")
    await alone.call("Cancel", name=DATE, guest_key=key_of(0))
    offered = await alone.mine(1)

    assert (offered.state, offered.HasField("offer_expire_time")) == (OFFERED, True)
    assert (await alone.call("DeclineOffer", name=DATE, guest_key=key_of(1))).state == pb.SEAT_STATE_DECLINED
    assert (await alone.call("AcceptOffer", name=DATE, guest_key=key_of(2))).state == GOING


async def test_unknown_and_long_gone_keys_are_answered_alike(alone: House) -> None:
    nothing = pb.Seat(name=DATE)

    assert await alone.mine(9) == nothing  # there is no list
    assert await alone.call("Cancel", name=DATE, guest_key=key_of(9)) == nothing
    await alone.reserve(1)
    assert await alone.mine(9) == nothing
    assert await alone.call("Cancel", name=DATE, guest_key=key_of(9)) == nothing
    for method in ("Confirm", "AcceptOffer", "DeclineOffer"):
        await refused(alone.call(method, name=DATE, guest_key=key_of(9)), NotFound)
    await refused(alone.call("Change", name=DATE, guest_key=key_of(9), update_mask=["wait"]), NotFound)


async def test_what_a_guest_may_see_of_a_seat(alone: House) -> None:
    await alone.rules(cut_off_minutes=60, confirm_before_minutes=120)
    seat = await alone.reserve(1)

    start = seat.start_time.ToDatetime(UTC)
    assert to_local(start, ZONE) == datetime(2026, 11, 24, 19)  # noqa: DTZ001 - local times are naive
    assert seat.end_time.ToDatetime(UTC) - start == timedelta(hours=1)
    assert start - seat.change_until_time.ToDatetime(UTC) == timedelta(hours=1)
    assert start - seat.confirm_until_time.ToDatetime(UTC) == timedelta(hours=2)
    assert not (await alone.call("Confirm", name=DATE, guest_key=key_of(1))).HasField("confirm_until_time")


async def test_names_that_are_not_there_not_here_or_not_to_be_seen_are_told_alike(alone: House) -> None:
    await alone.part("hidden", visibility="members", group="g1")
    await alone.part("theirs", centre="other")
    said = set()
    for name in ("nowhere", "hidden", "theirs", "tuesday"):
        date = f"{CENTRE}/meetings/{name}/occurrences/20261125"  # a Wednesday
        error = await refused(alone.call("Reserve", name=date, guest_key=key_of(1)), NotFound, "NOT_FOUND")
        said.add(str(error).replace(name, "X"))
    hidden = f"{CENTRE}/meetings/hidden/occurrences/20261124"
    await refused(alone.call("GetMine", name=hidden, guest_key=key_of(1)), NotFound)
    assert len(said) == 1


@pytest.mark.parametrize("key", ["", "short", "a" * 22 + "=", "one two three four five six"])
async def test_what_is_no_guest_key_is_refused_and_not_quoted(alone: House, key: str) -> None:
    error = await refused(alone.call("Reserve", name=DATE, guest_key=key), Invalid)

    assert error.violations[0].field == "guest_key"
    assert not key or key not in str(error)


async def test_where_no_seats_are_kept_none_is(alone: House) -> None:
    await alone.rules(mode=RsvpMode.OFF)

    await refused(alone.reserve(1), Unmet, "NO_SEATS_KEPT")
    assert await alone.lists() == []


async def test_a_refused_first_seat_makes_no_list(alone: House) -> None:
    alone.to(datetime(2026, 11, 25, 3, tzinfo=UTC))

    await refused(alone.reserve(1), Unmet, "PAST")
    assert await alone.lists() == []
    await refused(alone.reserve(1, party_size=2, name=LATER), Invalid)


async def test_a_cancelled_date_takes_no_seat_and_those_kept_come_back_with_it(alone: House) -> None:
    await alone.reserve(1)
    off = Differing(date=datetime(2026, 11, 24, tzinfo=UTC).date(), cancelled=True)
    await alone.part(changes=(off,))

    assert (await alone.mine(1)).end == pb.SEAT_END_MEETING_CANCELLED
    await refused(alone.reserve(2), Unmet, "DATE_CANCELLED")
    await alone.part()
    assert (await alone.mine(1)).state == GOING


async def test_a_seat_is_found_under_the_old_name_when_its_days_have_changed(alone: House) -> None:
    """The first part of a series lost its dates to another: its links still work."""
    await alone.reserve(1, LATER)
    cut = weekly(rule="FREQ=WEEKLY;UNTIL=20261124")
    later = weekly(datetime(2026, 12, 1, 19))  # noqa: DTZ001 - local times are naive
    await alone.part(schedule=cut)
    await alone.part("second", lineage="tuesday", schedule=later)

    assert (await alone.mine(1, LATER)).state == GOING
    assert (await alone.mine(1, LATER.replace("tuesday", "second"))).state == GOING


async def test_answers_have_to_fit_their_questions(alone: House) -> None:
    await alone.rules(questions=(DIET, CHILDREN, NOTE))
    for answers, field in (
        ([], "answers"),
        ([{"question": "diet"}], "answers"),
        ([{"question": "diet", "choices": [2]}], "answers[0].choices"),
        ([{"question": "diet", "choices": [0, 1]}], "answers[0].choices"),
        ([{"question": "diet", "choices": [0]}, {"question": "children", "number": 5}], "answers[1].number"),
        ([{"question": "diet", "choices": [0]}, {"question": "note", "text": "x" * 201}], "answers[1].text"),
        ([{"question": "diet", "choices": [0]}, {"question": "age", "number": 5}], "answers[1].question"),
        ([{"question": "diet", "choices": [0], "text": "x"}], "answers[0].text"),
    ):
        error = await refused(alone.reserve(1, answers=answers), Invalid, "INVALID_FIELD")
        assert field in {each.field for each in error.violations}, answers
    assert (await alone.reserve(1, answers=[{"question": "diet", "choices": [1]}])).state == GOING


async def test_what_a_guest_wrote_is_shown_to_them_and_stored_sealed(house: House) -> None:
    await house.rules(questions=(DIET, NOTE), celebrations=True)
    said = [{"question": "diet", "choices": [1]}, {"question": "note", "text": "Nut canary allergy"}]
    seat = await house.reserve(
        1, answers=said, first_name="Zoé-Ann", celebration={"chip": True, "milestone": "canary year"}, request_id="r1"
    )
    mine = await house.mine(1)

    assert not seat.answers
    assert (mine.first_name, mine.celebration.milestone) == ("Zoé-Ann", "canary year")
    assert [each.question for each in mine.answers] == ["diet", "note"]
    stored = str([entry async for entry in house.store.dump()])
    assert "canary" not in stored
    assert "Zo" not in stored
    assert key_of(1) not in stored


async def test_a_first_name_is_taken_back(alone: House) -> None:
    await alone.rules(cut_off_minutes=600)
    await alone.reserve(1, first_name="Ann")
    alone.to(datetime(2026, 11, 24, 20, tzinfo=UTC))  # after the cut-off

    await alone.call("Change", name=DATE, guest_key=key_of(1), update_mask=["first_name"])
    assert (await alone.mine(1)).first_name == ""


@pytest.mark.parametrize(
    "words", ["ann@example.org", "ann\uff20example.org", "780 555 0199", "\uff17\uff18\uff10 5550199"]
)
async def test_a_milestone_is_nothing_that_somebody_is_reached_by(alone: House, words: str) -> None:
    """However it is written: letters as wide as ideographs are letters."""
    await alone.rules(celebrations=True)
    error = await refused(alone.reserve(1, celebration={"milestone": words}), Invalid)
    assert words not in str(error)


@pytest.mark.parametrize("name", ["ann@example.org", "780 555 0199", "x" * 41, "Ann2", "-", "<b>Ann</b>"])
async def test_what_is_no_first_name_is_refused_and_not_quoted(alone: House, name: str) -> None:
    error = await refused(alone.reserve(1, first_name=name), Invalid, "NOT_A_FIRST_NAME")

    assert error.violations[0].field == "first_name"
    assert name == "-" or name not in str(error)


async def test_a_change_says_what_it_changes(alone: House) -> None:
    await alone.rules(party_size=3, quotas=(Quota("bed", "Bed", 2),))
    await alone.reserve(1)
    changed = await alone.call(
        "Change", name=DATE, guest_key=key_of(1), update_mask=["party_size", "quotas"], party_size=2, quotas=["bed"]
    )

    assert (changed.party_size, list(changed.quotas)) == (2, ["bed"])
    wrong = alone.call("Change", name=DATE, guest_key=key_of(1), update_mask=["quotas"], quotas=["chair"])
    assert (await refused(wrong, Invalid)).violations[0].field == "quotas[0]"
    for mask in ([], ["name"]):
        await refused(alone.call("Change", name=DATE, guest_key=key_of(1), update_mask=mask), Invalid)


async def test_where_both_ways_are_possible_it_has_to_be_said(alone: House) -> None:
    await alone.part(ways=(Where.ROOM, Where.ONLINE))
    await refused(alone.reserve(1), Invalid)
    assert (await alone.reserve(1, attendance="ATTENDANCE_ONLINE")).attendance == pb.ATTENDANCE_ONLINE
    await alone.part("room")
    await alone.rules("room")
    name = DATE.replace("tuesday", "room")
    await refused(alone.reserve(1, name, attendance="ATTENDANCE_ONLINE"), Invalid, "WAY_NOT_OFFERED")


async def test_a_code_of_the_list_has_to_be_said(alone: House) -> None:
    code = keys.list_code(alone.desk.secrets, "house", "tuesday", "blue door")
    await alone.rules(code=code)

    for said in ("", "red door"):
        await refused(alone.reserve(1, list_code=said), Unmet, "LIST_CODE_NEEDED")
    assert (await alone.reserve(1, list_code="Blue  Door")).state == GOING


async def test_staff_keeps_a_seat_for_somebody_else_and_nobody_else_does(alone: House) -> None:
    request = {"name": DATE, "guest_key": key_of(1), "on_behalf": True}
    await refused(alone.call("Reserve", **request), Unauthenticated)
    await refused(alone.call("Reserve", STRANGER, **request), Denied)
    for caller in (FACILITATOR, COORDINATOR):
        assert (await alone.call("Reserve", caller, **request)).seat.state == GOING


async def test_the_name_of_a_meeting_is_none_of_a_date(alone: House) -> None:
    await refused(alone.reserve(1, f"{CENTRE}/meetings/tuesday/occurrences/2026"), Invalid)
    await refused(alone.reserve(1, f"{CENTRE}/rooms/tuesday"), Refusal)
