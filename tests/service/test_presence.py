"""Who is there: a code that is shown in the room, marks that say nothing of anybody, a head count over them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from openchair.rsvps.v1 import rsvp_service_pb2

from services.kit.errors import Denied, Invalid, NotFound, Refusal, Unauthenticated, Unmet
from services.kit.leaves import Decision
from services.rsvps import check_in, lists, records
from services.rsvps.sheet import Sheet
from services.rsvps.types import Differing, RsvpMode, Scope, Seat, SeatFor, Where
from tests.service.rsvps_house import CENTRE, DATE, FACILITATOR, MEETING, STRANGER, House, key_of

if TYPE_CHECKING:
    from services.kit.leaves import Head
    from services.rsvps.line import Line

pytest_plugins = ("tests.service.rsvps_house",)


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


BEGINS = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 19:00 in Edmonton, which has summer time all year by then
ENDS = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)


async def shown_code(house: House, name: str = DATE) -> Any:
    return await house.call("GetCheckInCode", FACILITATOR, name=name)


async def here(house: House, number: int, code: str = "", **more: Any) -> Any:
    said = code or (await shown_code(house)).words
    return await house.call("CheckIn", name=DATE, guest_key=key_of(number), code=said, **more)


async def leaves(house: House) -> list[Seat]:
    found = await house.store.find("seat", {"head": (await house.lists())[0][1].id}, ("written",), limit=1000)
    return [records.read(each, Seat) for each in found.records]


async def counted(house: House) -> tuple[int, int, bool]:
    """What the date's list says of who was there."""
    (_, guest_list), *_ = await house.lists()
    return await house.desk.heads.look("list", guest_list.id, lambda head: check_in.counts(_sheet(head)))


def _sheet(head: Head[Line]) -> Sheet:
    guest_list = lists.guest_list(head)
    assert guest_list is not None
    return Sheet(guest_list, head.index)


async def test_who_has_the_code_is_there_with_a_seat_or_without_one(house: House) -> None:
    house.to(BEGINS)
    reply = await here(house, 1, party_size=2)
    assert reply.slip_until_time.ToDatetime(UTC) == ENDS + timedelta(hours=72)
    await here(house, 2)
    assert await counted(house) == (3, 0, False)


async def test_a_key_checks_in_once_and_what_it_said_last_holds(house: House) -> None:
    house.to(BEGINS)
    for people in (1, 1, 3):
        await here(house, 1, party_size=people)
    assert await counted(house) == (3, 0, False)
    assert len(await leaves(house)) == 1


async def test_a_mark_shares_nothing_with_the_seat_of_the_same_key(alone: House) -> None:
    await alone.reserve(1)
    alone.to(BEGINS)
    await here(alone, 1)
    seat, mark = sorted(await leaves(alone), key=lambda each: each.use is SeatFor.PRESENT)
    assert (seat.use, mark.use) == (SeatFor.SEAT, SeatFor.PRESENT)
    assert seat.mac != mark.mac
    assert seat.id != mark.id
    assert mark.order == 0
    assert not mark.standing


async def test_checking_in_changes_nothing_of_a_seat(alone: House) -> None:
    await alone.reserve(1)
    before = await alone.mine(1)
    alone.to(BEGINS)
    await here(alone, 1)
    after = await alone.mine(1)
    assert (after.state, after.party_size) == (before.state, before.party_size)


async def test_the_present_code_and_the_one_before_it_are_good_as_words_text_or_address(alone: House) -> None:
    alone.to(BEGINS)
    first = await shown_code(alone)
    assert first.expire_time.ToDatetime(UTC) == BEGINS + timedelta(minutes=1)
    alone.later(seconds=90)
    await here(alone, 1, first.words)
    await here(alone, 2, first.words.upper().replace(" ", ". "))
    await here(alone, 3, first.url)
    await here(alone, 4, first.url.rpartition("=")[2])
    alone.later(seconds=60)
    for said in (first.words, first.url):
        with pytest.raises(Unmet) as refused:
            await here(alone, 5, said)
        assert refused.value.reason == "WRONG_CODE"
    assert (await shown_code(alone)).words != first.words


async def test_a_code_of_another_date_or_centre_opens_nothing(alone: House) -> None:
    await alone.part("other")
    alone.to(BEGINS)
    other = await shown_code(alone, f"{CENTRE}/meetings/other/occurrences/20261124")
    with pytest.raises(Unmet, match="not the code"):
        await here(alone, 1, other.words)


async def test_one_checks_in_from_an_hour_before_the_start_to_the_end(alone: House) -> None:
    for when, open_ in (
        (BEGINS - timedelta(minutes=61), False),
        (BEGINS - timedelta(minutes=60), True),
        (ENDS, True),
        (ENDS + timedelta(seconds=1), False),
    ):
        alone.to(when)
        if open_:
            await here(alone, 1)
            continue
        with pytest.raises(Unmet) as refused:
            await shown_code(alone)
        assert refused.value.reason == "NOT_NOW"
        with pytest.raises(Unmet) as refused:
            await here(alone, 2, "abandon ability able about")
        assert refused.value.reason == "NOT_NOW"


async def test_at_a_date_that_is_off_nobody_is_there(alone: House) -> None:
    await alone.part(changes=(Differing(date=date(2026, 11, 24), cancelled=True),))
    alone.to(BEGINS)
    for method, more in (("GetCheckInCode", {}), ("HeadCount", {"in_person": 3})):
        with pytest.raises(Unmet) as refused:
            await alone.call(method, FACILITATOR, name=DATE, **more)
        assert refused.value.reason == "NOT_ON"


async def test_the_code_in_the_room_opens_a_meeting_for_members_and_without_it_there_is_none(alone: House) -> None:
    await alone.part(visibility="members", group="owls")
    alone.to(BEGINS)
    code = (await shown_code(alone)).words
    with pytest.raises(NotFound) as hidden:
        await here(alone, 1, "abandon ability able about")
    with pytest.raises(NotFound) as absent:
        await alone.call("CheckIn", name=DATE.replace(MEETING, "none"), guest_key=key_of(1), code=code)
    assert hidden.value.reason == absent.value.reason
    await here(alone, 1, code)
    assert await counted(alone) == (1, 0, False)


async def test_tries_of_wrong_codes_are_bounded_by_network_alike_for_what_there_is_and_is_not(alone: House) -> None:
    alone.to(BEGINS)
    for name in (DATE, DATE.replace(MEETING, "none")):
        wrong = rsvp_service_pb2.CheckInRequest(name=name, guest_key=key_of(1), code="abandon ability able about")
        reasons = [await _reason(alone, wrong) for _ in range(22)]
        assert set(reasons[:20]) == {"WRONG_CODE" if name == DATE else "NOT_FOUND"}
        assert set(reasons[20:]) == {"TOO_MANY_FROM_NETWORK"}


async def _reason(house: House, request: rsvp_service_pb2.CheckInRequest) -> str:
    with pytest.raises(Refusal) as refused:
        await house._bound["CheckIn"].answer(request.SerializeToString(), {}, network="a word")
    return refused.value.reason


async def test_a_hybrid_date_counts_both_ways_and_one_says_which(alone: House) -> None:
    await alone.part(ways=(Where.ROOM, Where.ONLINE))
    alone.to(BEGINS)
    with pytest.raises(Invalid, match="attendance"):
        await here(alone, 1)
    await here(alone, 1, attendance="ATTENDANCE_IN_PERSON")
    await here(alone, 2, attendance="ATTENDANCE_ONLINE", party_size=2)
    assert await counted(alone) == (1, 2, False)


async def test_a_head_count_stands_over_marks(house: House) -> None:
    house.to(BEGINS)
    await here(house, 1)
    reply = await house.call("HeadCount", FACILITATOR, name=DATE, in_person=12)
    assert (reply.in_person, reply.online, reply.counted) == (12, 0, True)
    await here(house, 2)
    assert await counted(house) == (12, 0, True)


@pytest.mark.parametrize("rules", [{"mode": RsvpMode.OFF}, {"scope": Scope.SERIES}, {"mode": RsvpMode.REQUIRED}])
async def test_one_checks_in_however_seats_are_kept_there(alone: House, rules: dict[str, Any]) -> None:
    await alone.rules(**rules)
    alone.to(BEGINS)
    await here(alone, 1)
    assert await counted(alone) == (1, 0, False)


async def test_one_checks_in_at_a_meeting_of_whose_seats_nothing_was_ever_said(alone: House) -> None:
    await alone.part("quiet")
    alone.to(BEGINS)
    name = f"{CENTRE}/meetings/quiet/occurrences/20261124"
    code = (await shown_code(alone, name)).words
    await alone.call("CheckIn", name=name, guest_key=key_of(1), code=code)
    assert await counted(alone) == (1, 0, False)


async def test_heads_are_counted_of_a_date_without_a_list(alone: House) -> None:
    alone.to(ENDS + timedelta(hours=72))
    await alone.call("HeadCount", FACILITATOR, name=DATE, in_person=0)
    assert await counted(alone) == (0, 0, True)
    alone.later(seconds=1)
    with pytest.raises(Unmet, match="72 hours"):
        await alone.call("HeadCount", FACILITATOR, name=DATE, in_person=3)


@pytest.mark.parametrize("wrong", [{"in_person": -1}, {"in_person": 5001}, {"online": 1}])
async def test_a_head_count_that_cannot_be_is_refused(alone: House, wrong: dict[str, int]) -> None:
    alone.to(BEGINS)
    with pytest.raises(Invalid):
        await alone.call("HeadCount", FACILITATOR, name=DATE, **wrong)


async def test_only_who_leads_sees_the_code_and_counts(alone: House) -> None:
    alone.to(BEGINS)
    for method in ("GetCheckInCode", "HeadCount", "GetNeeds", "ExportList"):
        with pytest.raises(Unauthenticated):
            await alone.call(method, name=DATE)
        with pytest.raises((Denied, NotFound)):
            await alone.call(method, STRANGER, name=DATE)


@pytest.mark.parametrize("people", [-1, 21])
async def test_a_party_that_is_none_does_not_check_in(alone: House, people: int) -> None:
    alone.to(BEGINS)
    with pytest.raises(Invalid, match="party_size"):
        await here(alone, 1, party_size=people)


async def test_heads_are_not_counted_once_the_figures_are_made(alone: House) -> None:
    alone.to(BEGINS)
    await here(alone, 1)
    (_, guest_list), *_ = await alone.lists()

    def decide(head: Head[Line], _: str) -> Decision[None]:
        sheet = _sheet(head)
        sheet.list = msgspec.structs.replace(sheet.list, ended=True)
        return Decision(None, sheet.changes(None))

    await alone.desk.heads.change("list", guest_list.id, decide)
    with pytest.raises(Unmet) as refused:
        await alone.call("HeadCount", FACILITATOR, name=DATE, in_person=3)
    assert refused.value.reason == "NOT_NOW"


async def test_a_screen_shows_the_codes_of_its_date_to_whoever_has_its_address(house: House) -> None:
    house.to(BEGINS)
    given = await shown_code(house)
    screen = given.display_url.rpartition("/")[2]
    shown = await house.call("ShowCheckInCode", name=DATE, screen=screen)
    assert (shown.words, shown.url, shown.expire_time) == (given.words, given.url, given.expire_time)
    house.to(BEGINS + timedelta(minutes=1))
    assert (await house.call("ShowCheckInCode", name=DATE, screen=screen)).words not in {"", given.words}
    assert given.display_url.rpartition("/")[2] == (await shown_code(house)).display_url.rpartition("/")[2]


@pytest.mark.parametrize("screen", ["", "x", "A" * 22])
async def test_without_its_address_there_is_no_screen_and_no_date(house: House, screen: str) -> None:
    house.to(BEGINS)
    with pytest.raises(NotFound) as refused:
        await house.call("ShowCheckInCode", name=DATE, screen=screen)
    assert refused.value.reason == "NOT_FOUND"


async def test_a_screen_is_of_one_date_and_of_its_time(house: House) -> None:
    house.to(BEGINS)
    screen = (await shown_code(house)).display_url.rpartition("/")[2]
    with pytest.raises(NotFound):
        await house.call("ShowCheckInCode", name=DATE.replace("20261124", "20261201"), screen=screen)
    house.to(ENDS + timedelta(seconds=1))
    with pytest.raises(Unmet) as refused:
        await house.call("ShowCheckInCode", name=DATE, screen=screen)
    assert refused.value.reason == "NOT_NOW"
