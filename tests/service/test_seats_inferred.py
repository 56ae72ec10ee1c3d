"""What somebody who watches what is public, and asks as often as they like, learns of seats: no more than the word."""

from __future__ import annotations

from typing import Any

import pytest
from openchair.rsvps.v1 import list_rules_pb2 as pb

from services.kit.errors import Exhausted, Refusal, Unmet
from services.rsvps.types import Quota, Scope
from tests.service.rsvps_house import CENTRE, COORDINATOR, DATE, MEETING, House, key_of
from tests.service.test_presence import BEGINS
from tests.service.test_rsvps_passes import from_afar

pytest_plugins = ("tests.service.rsvps_house",)


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


async def shown(house: House) -> Any:
    """What everybody is told of the date."""
    return await house.call("GetAvailability", name=DATE)


async def told(house: House) -> list[tuple[int, bool]]:
    """Revisions of what is in the public stream of lists, and whether there is anything."""
    return [(view.revision, bool(view.digest)) for record, _ in await house.lists() for view in record.views]


async def invited(house: House) -> Any:
    """What is in the public stream of how seats are kept, but for whether it was published."""
    record = await house.store.get("event", MEETING)
    assert record is not None
    return [(view.name, view.revision, view.at, view.digest) for view in record.views]


async def test_that_somebody_keeps_a_seat_changes_nothing_that_is_public(alone: House) -> None:
    """Not even that there is a list: it would say that there is one guest, and to the second since when."""
    nobody, rules = await shown(alone), await invited(alone)
    await alone.reserve(1)

    assert await shown(alone) == nobody
    assert await told(alone) == []
    assert await invited(alone) == rules
    await alone.reserve(2)
    await alone.call("Cancel", name=DATE, guest_key=key_of(2))
    await alone.call("Cancel", name=DATE, guest_key=key_of(1))
    assert await shown(alone) == nobody
    assert await told(alone) == []


async def test_nor_do_standing_seats_for_which_lists_are_made_ahead(alone: House) -> None:
    await alone.rules(standing_seats=True)
    nobody, rules = await shown(alone), await invited(alone)
    await alone.reserve(1, f"{CENTRE}/meetings/{MEETING}")
    for _ in range(3):
        await alone.sweep()
        alone.later(hours=12)
    assert len(await alone.lists()) > 2

    assert await shown(alone) == nobody
    assert await told(alone) == []
    assert await invited(alone) == rules


async def test_a_check_in_changes_nothing_that_is_public(alone: House) -> None:
    nobody = await shown(alone)
    alone.to(BEGINS)
    code = (await alone.call("GetCheckInCode", COORDINATOR, name=DATE)).words
    before = await shown(alone)
    await alone.call("CheckIn", name=DATE, guest_key=key_of(1), code=code)

    assert await shown(alone) == before
    assert await told(alone) == []
    assert before.availability.name == nobody.availability.name


@pytest.mark.parametrize("rules", [{"closes_before_minutes": 60}, {"opens_before_minutes": 20_000, "draw_hours": 24}])
async def test_nor_does_it_when_time_changes_the_word_of_every_date(alone: House, rules: dict[str, Any]) -> None:
    await alone.rules(**rules)
    await alone.reserve(1)
    for _ in range(6):
        alone.later(days=1)
        await alone.sweep()
        assert await told(alone) == []


async def test_a_word_is_public_from_the_first_time_on_that_it_says_something(alone: House) -> None:
    for number in (1, 2, 3):
        assert await told(alone) == []
        await alone.reserve(number)

    assert await told(alone) == [(1, True)]
    assert (await shown(alone)).availability.in_person == pb.AVAILABILITY_WAITLIST
    await alone.reserve(4)
    assert await told(alone) == [(1, True)]
    for number in (4, 3, 2):
        await alone.call("Cancel", name=DATE, guest_key=key_of(number))
    assert await told(alone) == [(2, True)]
    assert (await shown(alone)).availability.in_person == pb.AVAILABILITY_OPEN


async def test_a_list_that_is_closed_by_hand_says_so_also_where_it_was_closed_while_its_date_was_off(
    alone: House,
) -> None:
    await alone.reserve(1)
    await alone.part(active=False)
    await alone.call("CloseList", COORDINATOR, name=DATE)
    assert await told(alone) == []
    await alone.part()
    await alone.sweep()
    await alone.mine(1)
    await alone.call("CloseList", COORDINATOR, name=DATE)
    assert await told(alone) == [(1, True)]
    assert (await shown(alone)).availability.closed


# Who counts what is free by asking for it


async def asked(house: House, *requests: tuple[str, dict[str, Any]]) -> int:
    """How many of these requests are looked at before it is said that there were too many, and none after that."""
    for number, (method, request) in enumerate(requests):
        try:
            await house.call(method, **request)
        except Unmet:
            continue
        except Exhausted:
            return number
    return len(requests)


async def test_a_network_keeps_a_dozen_places_however_large_its_parties_are(alone: House) -> None:
    await alone.rules(capacity=100, party_size=20)
    from_afar(alone)
    parties = [("Reserve", {"name": DATE, "guest_key": key_of(n), "party_size": 6}) for n in range(10)]
    assert await asked(alone, *parties) == 2


async def test_free_places_are_not_counted_by_asking_for_more_and_more(alone: House) -> None:
    await alone.rules(capacity=12, party_size=20)
    await alone.reserve(1, party_size=9)
    await alone.reserve(2)
    from_afar(alone)
    larger = [
        ("Change", {"name": DATE, "guest_key": key_of(2), "party_size": size, "update_mask": ["party_size"]})
        for size in range(20, 1, -1)
    ]
    assert await asked(alone, *larger) == 1
    await alone.call("Change", name=DATE, guest_key=key_of(2), wait="WAIT_CHOICE_ASK", update_mask=["wait"])


async def test_who_gives_places_back_is_never_refused_for_what_others_of_the_network_did(alone: House) -> None:
    await alone.rules(capacity=40, party_size=20)
    await alone.reserve(1, party_size=5)
    from_afar(alone)
    await asked(alone, ("Reserve", {"name": DATE, "guest_key": key_of(2), "party_size": 20}))
    smaller = {"name": DATE, "guest_key": key_of(1), "party_size": 4, "update_mask": ["party_size"]}
    assert (await alone.call("Change", **smaller)).party_size == 4
    await alone.call("Cancel", name=DATE, guest_key=key_of(1))


async def test_places_of_a_need_and_of_the_line_are_asked_for_a_dozen_times(alone: House) -> None:
    await alone.rules(capacity=1, party_size=20, waitlist=5, quotas=(Quota("wheels", "Wheelchair", 4),))
    await alone.reserve(1)
    from_afar(alone)
    needs = [
        ("Reserve", {"name": DATE, "guest_key": key_of(9), "party_size": 20 - n % 10, "quotas": ["wheels"]})
        for n in range(30)
    ]
    assert await asked(alone, *needs) == 12


@pytest.mark.parametrize("rules", [{"scope": Scope.SERIES}, {"standing_seats": True}])
async def test_nor_by_asking_for_more_in_a_course_or_on_every_date(alone: House, rules: dict[str, Any]) -> None:
    await alone.rules(capacity=12, party_size=20, **rules)
    whole = f"{CENTRE}/meetings/{MEETING}"
    await alone.reserve(1, whole)
    from_afar(alone)
    larger = [
        ("Change", {"name": whole, "guest_key": key_of(1), "party_size": size, "update_mask": ["party_size"]})
        for size in (20, 1) * 10
    ]
    assert await asked(alone, *larger) == 2


async def test_a_date_has_one_budget_by_whatever_name_it_is_asked_for(alone: House) -> None:
    """After a split the dates that follow are found by the name of the first part too."""
    await alone.rules(capacity=100)
    await alone.part("continued", lineage=MEETING)
    from_afar(alone)
    names = [DATE, DATE.replace(MEETING, "continued")]
    keep = [("Reserve", {"name": names[n % 2], "guest_key": key_of(n)}) for n in range(30)]
    assert await asked(alone, *keep) == 12


# Who has no code of a group


@pytest.mark.parametrize("method", ["IssueAttendanceSlip", "CheckIn", "GiveFeedback", "Reserve", "GetMine"])
async def test_what_is_no_key_does_not_tell_a_meeting_for_members_from_one_that_there_is_not(
    alone: House, method: str
) -> None:
    await alone.part("members", visibility="members", group="g")
    refused = []
    for meeting in ("members", "none"):
        with pytest.raises(Refusal) as refusal:
            await alone.call(method, name=DATE.replace(MEETING, meeting), guest_key="no key")
        refused.append((refusal.value.code, refusal.value.reason))
    assert refused[0] == refused[1]
