"""Rules of lists: what staff may set, what everybody is told of them, and that lists follow them and their meeting."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from openchair.rsvps.v1 import list_rules_pb2 as pb

from services.kit import code
from services.kit.clock import instant
from services.kit.errors import Invalid, NotFound, Refusal, Stale, Unmet
from services.kit.store.port import Commit
from services.rsvps import records
from services.rsvps.types import Differing, Event, GroupCodes, Part, RsvpMode, Rules, Where
from services.rsvps.wire import availability_message, invitation_message
from tests.service.rsvps_house import (
    CENTRE,
    COORDINATOR,
    DATE,
    FACILITATOR,
    LATER,
    MEETING,
    STRANGER,
    House,
    weekly,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

pytest_plugins = ("tests.service.rsvps_house",)


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


NAME = f"{CENTRE}/meetings/{MEETING}"
RULES = f"{NAME}/listRules"
CHOICE = {"title": "What will you eat?", "kind": "QUESTION_KIND_CHOICE", "choices": ["Soup", "Bread"]}
GOING, WAITING, CANCELLED = 1, 2, 5
OPEN, WAITLIST, FULL = 1, 2, 3


async def put(house: House, name: str = RULES, /, **fields: Any) -> Any:
    """Sets rules: optional, unless it says otherwise."""
    rules = {"name": name, **({"mode": "RSVP_MODE_OPTIONAL"} if name == RULES else {}), **fields}
    return await house.call("SetListRules", COORDINATOR, list_rules=rules)


async def move(house: House, **change: Any) -> None:
    """The part, with something else on its first date; its event is due, as after any change."""
    await house.part(changes=(Differing(date=datetime(2026, 11, 24).date(), **change),))  # noqa: DTZ001 - local
    record = await house.store.get("event", MEETING)
    assert record is not None
    at = instant(house.clock.now())
    event = records.read(record, Event)
    await house.store.commit(Commit((records.write(record, event, at=at, actor="test", due_at=at),)))


async def in_time(house: House, work: Awaitable[None]) -> None:
    """Lets time pass while it waits for another instance."""
    task = asyncio.ensure_future(work)
    while not (await asyncio.wait({task}, timeout=0.005))[0]:
        if house.clock.asleep:
            await house.clock.advance(0.5)
    await task


# Setting rules


async def test_rules_come_back_as_they_were_set_with_defaults_filled_in(house: House) -> None:
    made = await put(
        house,
        capacity=40,
        party_size=0,
        questions=[CHOICE, {"id": "age", "title": "Age", "kind": "QUESTION_KIND_NUMBER", "lowest": 1, "highest": 99}],
        quotas=[{"title": "Scholarship", "places": 10}],
        organisers=["lee"],
        list_code="Blue door",
    )
    read = await house.call("GetListRules", FACILITATOR, name=RULES)
    assert read == made
    assert (read.capacity, read.party_size, read.claim_minutes) == (40, 1, 720)
    assert read.questions[0].id
    assert read.quotas[0].id
    assert read.questions[1].id == "age"
    assert (read.list_code, read.list_code_set) == ("", True)
    assert b"blue" not in msgspec.json.encode(await house.event()).lower()


async def test_a_code_stays_until_it_is_taken_away(alone: House) -> None:
    await put(alone, list_code="blue door")
    assert (await put(alone)).list_code_set
    with pytest.raises(Refusal):
        await alone.reserve(1, list_code="red door")
    assert (await alone.reserve(1, list_code="Blue Door")).state == GOING
    assert not (await put(alone, list_code="-")).list_code_set


WRONG: dict[str, Mapping[str, Any]] = {
    "capacity": {"capacity": 5001},
    "online_capacity": {"online_capacity": -1},
    "waitlist": {"waitlist": -2},
    "party_size": {"party_size": 21},
    "claim_minutes": {"claim_minutes": 4},
    "opens_before_minutes": {"opens_before_minutes": -1},
    "closes_before_minutes": {"opens_before_minutes": 60, "closes_before_minutes": 60},
    "cut_off_minutes": {"opens_before_minutes": 60, "cut_off_minutes": 90},
    "draw_hours": {"draw_hours": 2},
    "confirm_before_minutes": {"scope": "SEAT_SCOPE_SERIES", "confirm_before_minutes": 60},
    "standing_seats": {"scope": "SEAT_SCOPE_SERIES", "standing_seats": True},
    "last_joining_date": {"scope": "SEAT_SCOPE_SERIES", "last_joining_date": "2026-02-30"},
    "organisers[1]": {"organisers": ["lee", " "]},
    "list_code": {"list_code": "abc"},
    "questions[0].title": {"questions": [CHOICE | {"title": " "}]},
    "questions[0].id": {"questions": [CHOICE | {"id": "A b"}]},
    "questions[1].id": {"questions": [CHOICE | {"id": "a"}, CHOICE | {"id": "a"}]},
    "questions[0].kind": {"questions": [{"title": "What?"}]},
    "questions[0].choices": {"questions": [CHOICE | {"choices": ["Soup"]}]},
    "questions[0].several": {"questions": [{"title": "Age", "kind": "QUESTION_KIND_NUMBER", "several": True}]},
    "questions[0].highest": {"questions": [{"title": "Age", "kind": "QUESTION_KIND_NUMBER", "lowest": 5}]},
    "questions[0].lowest": {"questions": [CHOICE | {"lowest": 5}]},
    "questions[0].use": {"questions": [{"title": "Words", "kind": "QUESTION_KIND_TEXT"}]},
    "feedback[0].required": {"feedback": [CHOICE | {"required": True}]},
    "feedback[0].use": {"feedback": [CHOICE | {"use": "QUESTION_USE_ORGANISER"}]},
    "quotas[0].places": {"quotas": [{"title": "Beds", "places": -1}]},
    "sister_dates[0].names": {"sister_dates": [{"names": [DATE]}]},
    "sister_dates[0].names[1]": {"sister_dates": [{"names": [DATE, f"{NAME}/occurrences/20261125"]}]},
    "sister_dates": {"scope": "SEAT_SCOPE_SERIES", "sister_dates": [{"names": [DATE, LATER]}]},
}


@pytest.mark.parametrize("field", WRONG)
async def test_each_wrong_field_is_named_and_nothing_is_changed(alone: House, field: str) -> None:
    before = await alone.event()
    with pytest.raises(Invalid) as raised:
        await put(alone, **WRONG[field])
    assert f"list_rules.{field}" in [each.field for each in raised.value.violations]
    assert await alone.event() == before


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (f"{CENTRE}/meetings/nothing/listRules", NotFound),
        (f"{NAME}/occurrences/20261125/listRules", NotFound),
        (f"{NAME}/occurrences/soon/listRules", Invalid),
        (f"{NAME}/rules", Invalid),
    ],
)
async def test_rules_are_those_of_a_meeting_that_is_known(alone: House, name: str, error: type[Refusal]) -> None:
    with pytest.raises(error):
        await put(alone, name, capacity=4)


async def test_whoever_has_an_older_etag_decides_again(alone: House) -> None:
    first = await put(alone, capacity=4)
    await alone.reserve(1)
    second = await put(alone, capacity=5, etag=first.etag)
    with pytest.raises(Stale):
        await put(alone, capacity=6, etag=first.etag)
    assert second.etag == (await alone.call("GetListRules", COORDINATOR, name=RULES)).etag


async def test_what_people_answered_goes_on_to_mean_what_it_meant(alone: House) -> None:
    made = await put(alone, questions=[CHOICE])
    question = {"id": made.questions[0].id, **CHOICE}
    await alone.reserve(1, answers=[{"question": question["id"], "choices": [1]}])
    for changed, field in (
        ({"choices": ["Bread", "Soup"]}, "choices"),
        ({"use": "QUESTION_USE_ORGANISER"}, "use"),
        ({"kind": "QUESTION_KIND_NUMBER", "choices": []}, "kind"),
    ):
        with pytest.raises(Invalid) as raised:
            await put(alone, questions=[question | changed])
        assert f"list_rules.questions[0].{field}" in [each.field for each in raised.value.violations]
    await put(alone, questions=[question | {"title": "And to eat?", "choices": ["Soup", "Bread", "Rice"]}])


async def test_a_list_that_people_are_on_stays_one_of_its_kind(alone: House) -> None:
    await alone.reserve(1)
    with pytest.raises(Unmet) as raised:
        await put(alone, scope="SEAT_SCOPE_SERIES")
    assert raised.value.reason == "SCOPE_IN_USE"


async def test_the_same_request_is_done_once(house: House) -> None:
    first = await put(house, capacity=7)
    again = {"list_rules": {"name": RULES, "mode": "RSVP_MODE_OPTIONAL", "capacity": 8}, "request_id": "r1"}
    one = await house.call("SetListRules", COORDINATOR, **again)
    await put(house, capacity=9)
    assert await house.call("SetListRules", COORDINATOR, **again) == one != first
    assert (await house.call("GetListRules", COORDINATOR, name=RULES)).capacity == 9


# One date


async def test_one_date_has_a_capacity_of_its_own_until_it_is_taken_back(alone: House) -> None:
    name = f"{DATE}/listRules"
    whole = await put(alone, capacity=3)
    made = await put(alone, name, capacity=1)
    assert (made.capacity, made.claim_minutes) == (1, whole.claim_minutes)
    assert [(await alone.reserve(number)).state for number in (1, 2)] == [GOING, WAITING]
    assert [(await alone.reserve(number, LATER)).state for number in (1, 2)] == [GOING, GOING]
    made.capacity = 3
    await alone.call("SetListRules", COORDINATOR, list_rules={"name": name, "capacity": 3})
    assert (await alone.mine(2)).state == GOING
    event = await alone.event()
    assert event is not None
    assert {each.capacity for each in event.lists} == {None}


async def test_of_one_date_nothing_else_is_its_own(alone: House) -> None:
    with pytest.raises(Invalid) as raised:
        await put(alone, f"{DATE}/listRules", capacity=2, party_size=4)
    assert [each.field for each in raised.value.violations] == ["list_rules.party_size"]


# Lists follow


async def test_new_rules_hold_at_once_and_for_lists_that_nobody_comes_to(house: House) -> None:
    await put(house, capacity=1)
    assert [(await house.reserve(number)).state for number in (1, 2)] == [GOING, WAITING]
    await put(house, capacity=2)
    assert (await house.mine(2)).state == GOING
    await house.sweep()
    ((record, guest_list),) = await house.lists()
    assert (guest_list.rules.capacity, record.due_at is not None) == (2, True)
    assert [seat.state.value for seat in await house.seats(guest_list.id)] == ["going", "going"]


async def test_a_cancelled_date_releases_everybody_and_gives_them_back(house: House) -> None:
    await house.reserve(1)
    await move(house, cancelled=True)
    assert ((await house.mine(1)).state, (await house.mine(1)).end) == (CANCELLED, 2)
    await house.sweep()
    assert (await house.call("GetAvailability", name=DATE)).cancelled
    await move(house)
    await house.sweep()
    assert (await house.mine(1)).state == GOING


@pytest.mark.parametrize("swept", [True, False], ids=["after the sweeper", "before the sweeper"])
async def test_a_moved_date_keeps_its_seats_or_not_as_the_rules_say(house: House, swept: bool) -> None:
    await house.reserve(1)
    await move(house, start=datetime(2026, 11, 25, 18))  # noqa: DTZ001 - local
    if swept:
        await house.sweep()
    mine = await house.mine(1)
    assert (mine.state, mine.moved) == (GOING, True)
    await put(house, capacity=3, on_move="ON_MOVE_RELEASE")
    assert (await house.mine(1)).state == GOING
    await house.sweep()
    await move(house, start=datetime(2026, 11, 26, 18))  # noqa: DTZ001 - local
    if swept:
        await house.sweep()
    assert ((await house.mine(1)).state, (await house.mine(1)).end) == (CANCELLED, 3)
    assert (await house.reserve(1)).state == GOING


async def test_two_instances_bring_a_list_up_once(house: House) -> None:
    """Each finds the same records due; the second finds nothing to do, or that another was faster."""
    other = House(house.store, house.clock, alone=False)
    await house.reserve(1)
    await move(house, start=datetime(2026, 11, 25, 18))  # noqa: DTZ001 - local
    for record in await house.store.due(instant(house.clock.now()), 100):
        for each in (other, house):
            await in_time(house, each.rsvps.due[record.kind](record))
    ((_, guest_list),) = await house.lists()
    assert guest_list.moves == 1
    await in_time(house, house.sweep())
    assert await house.store.due(instant(house.clock.now()), 100) == []


async def test_after_a_restart_midway_the_rest_is_brought_up(alone: House) -> None:
    await alone.reserve(1)
    await alone.reserve(1, LATER)
    await alone.part(schedule=weekly(datetime(2026, 11, 24, 20)))  # noqa: DTZ001 - local
    event, record = await alone.event(), await alone.store.get("event", MEETING)
    part = await alone.store.get("part", MEETING)
    assert event is not None
    assert record is not None
    assert part is not None
    at = instant(alone.clock.now())
    await alone.store.commit(Commit((records.write(record, event, at=at, actor="test", due_at=at),)))
    parts = (records.read(part, Part),)
    await alone.rsvps.bringing.bring(event.lists[0].list, event, parts, record.revision + 1)
    again = House(alone.store, alone.clock)
    await again.sweep()
    assert [guest_list.moves for _, guest_list in await again.lists()] == [1, 1]


# What everybody is told


async def test_availability_is_a_word_and_a_small_capacity_is_not_told(alone: House) -> None:
    await put(alone, capacity=2, waitlist=1)
    told = []
    for number in (1, 2, 3):
        told.append((await alone.call("GetAvailability", name=DATE)).availability.in_person)
        await alone.reserve(number)
    told.append((await alone.call("GetAvailability", name=DATE)).availability.in_person)
    assert told == [OPEN, OPEN, WAITLIST, FULL]
    assert (await alone.call("GetAvailability", name=DATE)).invitation.capacity == 0
    await put(alone, capacity=11, waitlist=1)
    reply = await alone.call("GetAvailability", name=DATE)
    assert (reply.invitation.capacity, reply.availability.in_person) == (11, OPEN)
    assert reply.start_time.ToJsonString() == reply.close_time.ToJsonString() == "2026-11-25T01:00:00Z"


async def test_of_a_meeting_it_is_the_next_date_that_can_be_had(alone: House) -> None:
    await put(alone, capacity=1, waitlist=-1)
    assert (await alone.call("GetAvailability", name=NAME)).name == DATE
    await alone.reserve(1)
    assert (await alone.call("GetAvailability", name=NAME)).name == LATER
    await move(alone, cancelled=True)
    alone.later(days=8)
    assert (await alone.call("GetAvailability", name=NAME)).name == LATER


async def test_a_course_is_one_list(alone: House) -> None:
    await put(alone, scope="SEAT_SCOPE_SERIES", capacity=12)
    reply = await alone.call("GetAvailability", name=NAME)
    assert (reply.name, reply.availability.in_person, reply.availability.date) == (NAME, OPEN, "")


async def test_a_meeting_for_members_is_unknown_without_a_code_of_its_group(alone: House) -> None:
    await alone.part(visibility="members", group="owls")
    opening = code.make(alone.ids.random)
    for digest, ends in ((code.digest(opening), ""), (code.digest(opening), "2026-01-01T00:00:00.000Z")):
        group = GroupCodes(id="owls", centre="house", digests=((digest, ends),))
        before = await alone.store.get("group", "owls")
        written = records.write(before, group, at=instant(alone.clock.now()), actor="test")
        await alone.store.commit(Commit((written,)))
        for said in ({}, {"invite_code": code.make(alone.ids.random)}):
            with pytest.raises(NotFound):
                await alone.call("GetAvailability", name=DATE, **said)
        if not ends:
            assert (await alone.call("GetAvailability", name=DATE, invite_code=opening)).availability.in_person == OPEN
    with pytest.raises(NotFound):
        await alone.call("GetAvailability", name=DATE, invite_code=opening)
    assert (await alone.call("GetListRules", FACILITATOR, name=RULES)).name == RULES
    with pytest.raises(NotFound):
        await alone.call("GetListRules", STRANGER, name=RULES)


async def test_only_what_is_public_has_public_views(alone: House) -> None:
    await put(alone, capacity=1)
    await alone.reserve(1)
    event, ((_, guest_list),) = await alone.event(), await alone.lists()
    assert event is not None
    invitation, told = invitation_message(event), availability_message(guest_list)
    assert invitation is not None
    assert told is not None
    assert (invitation.mode, told.date) == (pb.RSVP_MODE_OPTIONAL, "2026-11-24")
    assert told.in_person == pb.AVAILABILITY_WAITLIST
    assert invitation_message(msgspec.structs.replace(event, rules=Rules(mode=RsvpMode.OFF))) is None
    await alone.part(visibility="unlisted")
    await put(alone, capacity=3)
    await alone.sweep()
    event, ((_, guest_list),) = await alone.event(), await alone.lists()
    assert event is not None
    assert (invitation_message(event), availability_message(guest_list)) == (None, None)


async def test_sister_dates_that_are_not_public_are_named_to_staff_only(alone: House) -> None:
    for id_, visibility in (("open", "public"), ("hidden", "unlisted")):
        await alone.part(id_, visibility=visibility)
        await alone.rules(id_)
    names = [f"{CENTRE}/meetings/{id_}/occurrences/20261124" for id_ in (MEETING, "open", "hidden")]
    made = await put(alone, sister_dates=[{"names": names}])
    assert list(made.sister_dates[0].names) == names
    reply = await alone.call("GetAvailability", name=DATE)
    assert list(reply.invitation.sister_dates[0].names) == names[:2]
    again = await put(alone, sister_dates=[{"id": made.sister_dates[0].id, "names": names}])
    assert again.etag == made.etag


# Closing by hand


async def test_a_closed_list_takes_nobody_and_keeps_who_is_on_it(house: House) -> None:
    await house.reserve(1)
    await house.call("CloseList", FACILITATOR, name=DATE)
    await house.call("CloseList", FACILITATOR, name=DATE)
    with pytest.raises(Unmet):
        await house.reserve(2)
    reply = await house.call("GetAvailability", name=DATE)
    assert (reply.availability.closed, reply.availability.in_person) == (True, FULL)
    assert (await house.mine(1)).state == GOING
    await house.call("CloseList", FACILITATOR, name=DATE, reopen=True)
    assert (await house.reserve(2)).state == GOING


async def test_a_date_that_nobody_came_to_yet_can_be_closed_and_one_that_is_over_cannot(alone: House) -> None:
    await alone.call("CloseList", FACILITATOR, name=LATER)
    with pytest.raises(Unmet):
        await alone.reserve(1, LATER)
    alone.to(alone.clock.now() + timedelta(days=30))
    with pytest.raises(Unmet) as raised:
        await alone.call("CloseList", FACILITATOR, name=DATE)
    assert raised.value.reason == "DATE_PAST"


async def test_who_had_a_chair_keeps_a_place_when_it_goes_online(alone: House) -> None:
    await put(alone, capacity=2, online_capacity=1)
    assert [(await alone.reserve(number)).state for number in (1, 2, 3)] == [GOING, GOING, WAITING]
    await move(alone, ways=(Where.ONLINE,))
    await alone.sweep()
    assert [(await alone.mine(number)).state for number in (1, 2, 3)] == [GOING, WAITING, WAITING]
    assert (await alone.mine(1)).attendance == 2
