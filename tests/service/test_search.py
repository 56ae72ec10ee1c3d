"""SearchMeetings over every store: who finds what, what is refused, and that the index follows every edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.kit.errors import Invalid, NotFound
from services.meetings.listing import Listing
from tests.service.meetings_house import CENTRE, COORDINATOR, NOBODY, House

if TYPE_CHECKING:
    from openchair.meetings.v1 import meeting_service_pb2 as pb

pytest_plugins = ["tests.service.meetings_house"]

HERE = {"latitude": 53.5461, "longitude": -113.4938}
EVERYWHERE = "centres/-"


async def found(house: House, caller: Any = NOBODY, /, **asked: Any) -> list[str]:
    """Titles of what is found, in order."""
    return [each.title for each in (await search(house, caller, **asked)).meetings]


async def search(house: House, caller: Any = NOBODY, /, **asked: Any) -> pb.SearchMeetingsResponse:
    reply: pb.SearchMeetingsResponse = await house.call("SearchMeetings", caller, **{"parent": CENTRE, **asked})
    return reply


async def test_a_meeting_is_found_by_what_everybody_may_know(house: House) -> None:
    place = await house.place(**HERE, regions=["Downtown"], accessibility=["wheelchair"])
    await house.meeting(
        place=place.name,
        fellowship="AA",
        types=["O", "X"],
        language="pt-BR",
        notes="Ring twice.",
        group="Früh auf",
        focus=["women"],
        approach="APPROACH_SPIRITUAL",
        led_by="LED_BY_PEER",
        programmes=[{"title": "Speaker évening", "weeks": [1]}],
    )
    fits: list[dict[str, Any]] = [
        {},
        {"parent": EVERYWHERE},
        {"text": "TUESDAY gro"},
        {"text": "downtown ring fruh church main old aa speaker evening"},
        {"near": {"latitude": 53.55, "longitude": -113.49, "radius_km": 2}},
        {"days": [1, 2]},
        {"from_time": "19:00", "to_time": "19:01"},
        {"from_time": "18:00", "to_time": "02:00"},
        {"fellowships": ["NA", "aa"]},
        {"kinds": ["support-meeting"]},
        {"types": ["X", "O"]},
        {"languages": ["pt"]},
        {"modes": ["MODE_IN_PERSON"]},
        {"accessibility": ["wheelchair"]},
        {"focus": ["men", "women"]},
        {"approaches": ["APPROACH_SPIRITUAL"]},
        {"led_by": ["LED_BY_PEER"]},
    ]
    for asked in fits:
        assert await found(house, **asked) == ["Tuesday Group"], asked
    misses: list[dict[str, Any]] = [
        {"text": "tues group"},
        {"text": "tuesday sunday"},
        {"near": {"latitude": 53.6, "longitude": -113.49, "radius_km": 2}},
        {"days": [3]},
        {"from_time": "19:01"},
        {"to_time": "19:00"},
        {"fellowships": ["A"]},
        {"types": ["O", "C"]},
        {"languages": ["pt-PT", "en"]},
        {"modes": ["MODE_ONLINE"]},
        {"accessibility": ["wheelchair", "hearing-loop"]},
        {"who_may_come": ["WHO_MAY_COME_EVERYBODY"]},
        {"open_now": True},
    ]
    for asked in misses:
        assert await found(house, **asked) == [], asked


async def test_what_is_found_says_when_and_where(house: House) -> None:
    place = await house.place(**HERE)
    made = await house.meeting(place=place.name, mode="MODE_HYBRID", online={"url": "https://meet.example/1"})
    (one,) = (await search(house, near=HERE, next_dates=2)).meetings
    assert (one.name, one.url, one.venue.address, one.distance_m) == (
        made.name,
        "https://meet.example/1",
        "1 Main St",
        0,
    )
    assert one.HasField("distance_m")
    assert [each.local_start for each in one.next_dates] == ["2026-11-24T19:00", "2026-12-01T19:00"]
    assert one.next_dates[0].name == f"{made.name}/occurrences/20261124"


async def test_a_cancelled_date_is_left_out_where_there_is_another(house: House) -> None:
    made = await house.meeting()
    await house.call("CancelOccurrence", name=f"{made.name}/occurrences/20261124", reason="flooded")
    (one,) = (await search(house)).meetings
    assert [each.local_start for each in one.next_dates] == ["2026-12-01T19:00"]


async def test_the_only_date_is_told_as_cancelled(house: House) -> None:
    schedule = {"start": "2026-11-24T19:00", "time_zone": "America/Edmonton", "minutes": 60}
    made = await house.meeting(schedule=schedule)
    await house.call("CancelOccurrence", name=f"{made.name}/occurrences/20261124", reason="flooded")
    (one,) = (await search(house)).meetings
    (date,) = one.next_dates
    assert (date.state, date.reason) == (2, "flooded")
    await house.clock.advance(10 * 24 * 3600)
    assert await found(house) == []


async def test_a_date_elsewhere_says_so(house: House) -> None:
    """Whoever goes by a list goes where it says."""
    place, other = await house.place(), await house.place(title="Library", address="9 High St")
    made = await house.meeting(place=place.name)
    name = f"{made.name}/occurrences/20261124"
    await house.call("ChangeOccurrence", name=name, change={"place": other.name, "reason": "repairs"})
    (one,) = (await search(house, next_dates=2)).meetings
    assert one.venue.title == "Church Hall"
    assert [(each.venue.title, each.reason) for each in one.next_dates] == [("Library", "repairs"), ("", "")]


async def test_open_now_is_from_half_an_hour_before_until_the_end(house: House) -> None:
    await house.meeting()
    start = (await search(house)).meetings[0].next_dates[0].start_time.seconds - house.clock.now().timestamp()
    for seconds, open_now in ((start - 1801, False), (start - 1800, True), (start + 3599, True), (start + 3600, False)):
        await house.clock.advance(seconds - house.clock.monotonic())
        assert bool(await found(house, open_now=True)) == open_now, seconds


async def test_who_may_come_goes_by_the_next_date(house: House) -> None:
    """A programme may open a closed meeting: on the first Tuesday of the month, 1 December."""
    await house.meeting(
        who_may_come="WHO_MAY_COME_MEMBERS",
        programmes=[{"title": "Open", "weeks": [1], "who_may_come": "WHO_MAY_COME_EVERYBODY"}],
    )
    assert await found(house, who_may_come=["WHO_MAY_COME_EVERYBODY"]) == []
    await house.clock.advance(4 * 24 * 3600)
    assert await found(house, who_may_come=["WHO_MAY_COME_EVERYBODY"]) == ["Tuesday Group"]
    assert await found(house, who_may_come=["WHO_MAY_COME_MEMBERS"]) == []


async def test_an_address_that_is_not_public_finds_nothing(house: House) -> None:
    place = await house.place(address_access="ADDRESS_ACCESS_AREA_ONLY", **HERE)
    hidden = await house.place(title="Cellar", address_access="ADDRESS_ACCESS_HOLDERS", area="Riverside", **HERE)
    group = (await house.group()).name
    await house.meeting(title="One", place=place.name, invite_group=group)
    await house.meeting(title="Two", place=hidden.name, invite_group=group)
    code = await house.code(group)
    expected: list[tuple[dict[str, Any], list[str], list[str], list[str]]] = [
        ({"text": "church"}, [], [], ["One"]),
        ({"text": "old town"}, ["One"], ["One"], ["One"]),
        ({"text": "riverside"}, [], ["Two"], ["Two"]),
        ({"text": "cell"}, [], ["Two"], ["Two"]),
        ({"near": HERE, "order": "SEARCH_ORDER_TITLE"}, [], ["Two"], ["One", "Two"]),
    ]
    for asked, anybody, holder, staff in expected:
        assert await found(house, **asked) == anybody, asked
        assert await found(house, **asked, invite_code=code) == holder, asked
        assert await found(house, COORDINATOR, **asked) == staff, asked
        assert await found(house, COORDINATOR, **{**asked, "parent": EVERYWHERE}) == staff, asked
        assert await found(house, **{**asked, "parent": EVERYWHERE}, invite_code=code) == holder, asked


async def test_what_is_not_public_is_found_by_those_who_may_see_it(house: House) -> None:
    group = (await house.group()).name
    await house.meeting(title="Members", visibility="VISIBILITY_MEMBERS", invite_group=group)
    await house.meeting(title="Unlisted", visibility="VISIBILITY_UNLISTED")
    code = await house.code(group)
    for parent in (CENTRE, EVERYWHERE):
        assert (await search(house, parent=parent)).total == 0
        assert await found(house, parent=parent, invite_code="0000-0000-0000-0000-0000-0000-0000") == []
        assert await found(house, parent=parent, invite_code=code) == ["Members"]
        assert await found(house, COORDINATOR, parent=parent, order="SEARCH_ORDER_TITLE") == ["Members", "Unlisted"]


async def test_a_link_for_code_holders_is_shown_to_them_alone(house: House) -> None:
    group = (await house.group()).name
    online = {"url": "https://meet.example/secret", "passcode": "tulip", "access": "ONLINE_ACCESS_INVITE_CODE"}
    await house.meeting(mode="MODE_ONLINE", online=online, invite_group=group)
    code = await house.code(group)
    everybody, holder = await search(house), await search(house, invite_code=code)
    assert everybody.meetings[0].url == ""
    assert holder.meetings[0].url == "https://meet.example/secret"
    assert b"tulip" not in everybody.SerializeToString() + holder.SerializeToString()
    assert (await search(house)).meetings[0].url == ""


async def test_what_is_suspended_or_deleted_is_not_found(house: House) -> None:
    one, two = await house.meeting(title="One"), await house.meeting(title="Two")
    await house.call("UpdateMeeting", meeting={"name": one.name, "state": "MEETING_STATE_SUSPENDED"})
    assert await found(house) == ["Two"]
    await house.call("DeleteMeeting", name=two.name)
    assert await found(house) == []
    await house.call("UpdateMeeting", meeting={"name": one.name, "state": "MEETING_STATE_ACTIVE"})
    assert await found(house) == ["One"]


async def test_of_a_series_that_was_split_the_part_with_the_next_date_is_found(house: House) -> None:
    made = await house.meeting()
    later = await house.call(
        "UpdateMeeting",
        meeting={"name": made.name, "title": "New Name"},
        update_mask="title",
        scope="EDIT_SCOPE_FOLLOWING",
        occurrence="20261215",
    )
    assert later.name != made.name
    assert await found(house) == ["Tuesday Group"]
    assert await found(house, text="new") == ["New Name"]
    await house.clock.advance(20 * 24 * 3600)
    reply = await search(house)
    assert ([each.title for each in reply.meetings], reply.total) == (["New Name"], 1)


async def test_of_a_series_whose_first_part_is_called_off_the_part_that_is_held_is_found(house: House) -> None:
    made = await house.meeting()
    await house.call(
        "UpdateMeeting",
        meeting={"name": made.name, "title": "New Name"},
        update_mask="title",
        scope="EDIT_SCOPE_FOLLOWING",
        occurrence="20261208",
    )
    for day in ("20261124", "20261201"):
        await house.call("CancelOccurrence", name=f"{made.name}/occurrences/{day}")
    assert await found(house) == ["New Name"]


async def test_another_instance_finds_what_this_one_wrote(house: House) -> None:
    made = await house.meeting()
    other = Listing(house.store, house.clock)
    await other.load()
    while other.finder.settle(100):
        pass
    assert len(other.finder) == 1
    record = await house.store.get("meeting", made.name.rpartition("/")[2])
    assert record is not None
    other.apply(record)
    while other.finder.settle(100):
        pass
    assert len(other.finder) == 1


async def test_pages_hold_everything_once(house: House) -> None:
    for number in range(5):
        await house.meeting(title=f"Meeting {number}")
    titles, token = list[str](), ""
    while not titles or token:
        reply = await search(house, page_size=2, page_token=token, order="SEARCH_ORDER_TITLE")
        assert reply.total == 5
        titles += [each.title for each in reply.meetings]
        token = reply.next_page_token
    assert titles == [f"Meeting {number}" for number in range(5)]


async def test_a_token_of_another_search_is_refused(house: House) -> None:
    for number in range(3):
        await house.meeting(title=f"Meeting {number}")
    token = (await search(house, page_size=1)).next_page_token
    with pytest.raises(Invalid) as refused:
        await search(house, page_size=1, page_token=token, text="meeting")
    assert [each.field for each in refused.value.violations] == ["page_token"]


async def test_a_centre_that_is_not_there_is_not_found(house: House) -> None:
    assert (await search(house)).total == 0
    with pytest.raises(NotFound):
        await search(house, parent="centres/nowhere")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"parent": "house"}, "parent"),
    ({"text": "a" * 201}, "text"),
    ({"text": "a\u202eb"}, "text"),
    ({"near": {"latitude": 91, "longitude": 0}}, "near.latitude"),
    ({"near": {"latitude": "NaN", "longitude": 0}}, "near.latitude"),
    ({"near": {"latitude": 0, "longitude": -181}}, "near.longitude"),
    ({"near": {"latitude": 0, "longitude": 0, "radius_km": 501}}, "near.radius_km"),
    ({"near": {"latitude": 0, "longitude": 0, "radius_km": -1}}, "near.radius_km"),
    ({"near": {"latitude": 0, "longitude": 0, "radius_km": "Infinity"}}, "near.radius_km"),
    ({"days": [0]}, "days[0]"),
    ({"days": [1, 8]}, "days[1]"),
    ({"days": [1] * 8}, "days"),
    ({"from_time": "7pm"}, "from_time"),
    ({"to_time": "24:00"}, "to_time"),
    ({"from_time": "19:00", "to_time": "19:00"}, "to_time"),
    ({"fellowships": [""]}, "fellowships"),
    ({"kinds": ["k" * 61]}, "kinds[0]"),
    ({"types": [str(number) for number in range(61)]}, "types"),
    ({"languages": ["english!"]}, "languages[0]"),
    ({"modes": [0]}, "modes[0]"),
    ({"modes": [9]}, "modes[0]"),
    ({"approaches": [0]}, "approaches[0]"),
    ({"led_by": [0]}, "led_by[0]"),
    ({"who_may_come": [0]}, "who_may_come[0]"),
    ({"order": 9}, "order"),
    ({"order": "SEARCH_ORDER_DISTANCE"}, "order"),
    ({"next_dates": 11}, "next_dates"),
    ({"next_dates": -1}, "next_dates"),
    ({"page_size": -1}, "page_size"),
    ({"page_token": "made-up"}, "page_token"),
]


@pytest.mark.parametrize(("asked", "field"), REFUSED)
async def test_what_cannot_be_asked_is_refused_by_its_field(house: House, asked: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await search(house, **asked)
    assert [each.field for each in refused.value.violations] == [field]


async def test_what_was_searched_for_stands_in_no_refusal(house: House) -> None:
    with pytest.raises(Invalid) as refused:
        await search(house, text="whiskey" * 30, near={"latitude": 91.2345, "longitude": 0}, from_time="whiskey")
    said = str(refused.value) + str(refused.value.violations)
    assert "whiskey" not in said
    assert "91.2345" not in said
