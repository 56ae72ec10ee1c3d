"""Faults that were found by reading the service in order to break it, each pinned by the rule it broke."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.kit.store.port import Commit
from services.meetings import records
from services.meetings.desk import LARGEST_MEETING
from services.meetings.types import Change, Closed, ClosureEffect, Meeting
from tests.service.closures_house import CANCELLED, WEEK, close, document
from tests.service.meetings_house import CENTRE, COORDINATOR, START, House
from tests.service.test_meetings_imports import report, row, stage, take

pytest_plugins = ("tests.service.meetings_house",)

BEGINS = datetime(2026, 11, 25, 2, tzinfo=UTC)  # 19:00 in Edmonton on the day before
RETREAT = {
    "start": "2026-12-04T18:00",
    "time_zone": "America/Edmonton",
    "minutes": 2 * 24 * 60,
}


def session(id_: str, *rooms: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "title": f"Session {id_}", "day": 2, "time": "10:00", "minutes": 60, "rooms": rooms, **more}


async def a_room(house: House, place: str, title: str = "Blue") -> str:
    made = await house.call("CreateRoom", parent=CENTRE, room={"title": title, "place": place})
    return str(made.name)


async def sequence(house: House, name: str) -> int:
    return int((await house.call("GetMeeting", name=name)).sequence)


async def everything(house: House) -> list[Any]:
    return list((await house.call("ListMeetings", parent=CENTRE)).meetings)


async def test_a_room_of_an_agenda_that_nobody_is_told_of_raises_no_sequence(house: House) -> None:
    place = await house.place(address_access="ADDRESS_ACCESS_AREA_ONLY")
    room, other = await a_room(house, place.name), await a_room(house, place.name, "Red")
    retreat = await house.meeting(schedule=RETREAT, place=place.name, sessions=[session("a", room)])
    await house.call("UpdateRoom", room={"name": room, "title": "The room behind the bakery"})
    await house.sweep()
    agenda = (await house.call("GetMeeting", name=retreat.name)).sessions
    assert list(agenda[0].room_titles) == ["The room behind the bakery"]
    assert await sequence(house, retreat.name) == 0
    await house.call("UpdateMeeting", meeting={"name": retreat.name, "sessions": [session("a", other)]})
    assert await sequence(house, retreat.name) == 0


async def test_a_room_of_an_agenda_that_everybody_is_told_of_raises_the_sequence(house: House) -> None:
    place = await house.place()
    room = await a_room(house, place.name)
    retreat = await house.meeting(schedule=RETREAT, place=place.name, sessions=[session("a", room)])
    await house.call("UpdateRoom", room={"name": room, "title": "Green"})
    await house.sweep()
    assert await sequence(house, retreat.name) == 1


async def test_a_date_at_another_place_of_which_nobody_is_told_raises_no_sequence_twice(house: House) -> None:
    hidden = {"address_access": "ADDRESS_ACCESS_AREA_ONLY"}
    one, other = await house.place(**hidden), await house.place(**hidden, title="Library")
    meeting = await house.meeting(place=one.name)
    date = f"{meeting.name}/occurrences/20261201"
    await house.call("ChangeOccurrence", name=date, change={"place": one.name})
    before = await sequence(house, meeting.name)
    await house.call("ChangeOccurrence", name=date, change={"place": other.name})
    assert await sequence(house, meeting.name) == before


async def test_what_comes_back_from_a_list_comes_back_though_a_place_of_one_of_its_dates_is_gone(house: House) -> None:
    others = [row(n) for n in range(2, 10) if n % 3 != 1]  # they are held elsewhere
    assert await take(house, [row(1), *others]) == {"new": 7}
    (meeting,) = [each for each in await everything(house) if each.title == "Group 1"]
    lent = await house.place(title="Library")
    date = f"{meeting.name}/occurrences/20261201"
    await house.call("ChangeOccurrence", name=date, change={"place": lent.name, "title": "Birthday"})
    made = await close(
        house,
        {
            **WEEK,
            "start": "2026-12-08",
            "places": [meeting.place],
            "effect": "CLOSURE_EFFECT_MOVE",
            "move_place": lent.name,
        },
    )
    house.clock.jump(START + timedelta(days=20))  # both dates are over
    await house.call("WithdrawClosure", COORDINATOR, name=made.name)
    await house.sweep()
    assert await take(house, others, remove_gone=True) == {"unchanged": 6, "gone": 1}
    await house.call("DeletePlace", name=lent.name)
    assert await take(house, [row(1), *others]) == {"changed": 1, "unchanged": 6}
    back = await house.call("GetMeeting", name=meeting.name)
    assert back.state == 1
    assert {change.title: change.place for change in back.changes} == {"Birthday": ""}


async def test_a_meeting_at_its_limit_can_still_be_cancelled_whatever_a_closure_says_of_it(house: House) -> None:
    meeting = await house.meeting(rooms=[])
    record = await document(house, meeting.name)
    value = records.read(record, Meeting)
    closed = tuple(
        Closed(date=START.date() + timedelta(days=n), effect=ClosureEffect.CANCEL, reason="R" * 480) for n in range(400)
    )
    weeks = range((LARGEST_MEETING - 20_000) // 8_400)
    full = tuple(Change(date=START.date() + timedelta(days=3, weeks=n), notes="n" * 8_000) for n in weeks)
    written = records.write(
        record, msgspec.structs.replace(value, closed=closed, changes=full), at=record.at, actor="test"
    )
    await house.store.commit(Commit((written,), (), ()))
    date = f"{meeting.name}/occurrences/20261201"
    reply = await house.call("CancelOccurrence", name=date)
    assert reply.state == CANCELLED


async def test_a_row_that_is_more_than_an_event_holds_is_refused_and_the_others_come_in(house: House) -> None:
    agenda = [
        {"id": f"s{n}", "title": "T", "day": 1, "time": "19:00", "minutes": 10, "notes": "n" * 8_000}
        for n in range(120)
    ]
    large = row(1, meeting={"schedule": {**RETREAT, "start": "2026-12-04T18:00"}, "sessions": agenda})
    name = await stage(house, [large, row(2)])
    planned = {line.source_id: line.outcome for line in await report(house, name)}
    assert planned == {"g1": 5, "g2": 1}
    await house.call("CommitImport", name=name)
    await house.sweep()
    assert {line.source_id: line.outcome for line in await report(house, name)} == planned
    assert [each.title for each in await everything(house)] == ["Group 2"]


async def test_a_closed_room_of_an_agenda_is_named_before_and_a_whole_agenda_in_it_is_closed(house: House) -> None:
    place = await house.place()
    room, other = await a_room(house, place.name), await a_room(house, place.name, "Red")
    await house.meeting(
        title="Both", schedule=RETREAT, place=place.name, sessions=[session("a", room), session("b", other)]
    )
    await house.meeting(title="One", schedule=RETREAT, place=place.name, sessions=[session("a", room, time="14:00")])
    closure = {**WEEK, "rooms": [room]}
    preview = await house.call("PreviewClosure", parent=CENTRE, closure=closure)
    assert {each.title: (each.outcome, "agenda" in each.reason) for each in preview.impacts} == {
        "Both": (0, True),
        "One": (1, False),
    }
    await close(house, closure)
    listed = await house.listed(30, show_cancelled=True)
    assert {each.title: each.state == CANCELLED for each in listed} == {"Both": False, "One": True}


async def test_what_is_asked_twice_with_one_request_id_is_done_once_and_answered_alike(house: House) -> None:
    meeting, date = await house.meeting(), "20261124"
    made = await house.call("CreateClosure", COORDINATOR, parent=CENTRE, closure=WEEK)
    asked: list[tuple[str, dict[str, Any]]] = [
        ("CreateClosure", {"parent": CENTRE, "closure": WEEK}),
        ("UpdateClosure", {"closure": {"name": made.name, "reason": "Flood again"}}),
        ("WithdrawClosure", {"name": made.name}),
        ("ReportNobodyHere", {"name": f"{meeting.name}/occurrences/{date}"}),
        ("ConfirmOccurrence", {"name": f"{meeting.name}/occurrences/{date}"}),
        ("ResolveDoubts", {"name": meeting.name}),
    ]
    house.clock.jump(BEGINS)
    for number, (method, request) in enumerate(asked):
        once = await house.call(method, COORDINATOR, **request, request_id=f"r{number}")
        states = await written(house)
        assert await house.call(method, COORDINATOR, **request, request_id=f"r{number}") == once, method
        assert await written(house) == states, method


async def written(house: House) -> dict[tuple[str, str], int]:
    """The revision of everything."""
    kinds = ("meeting", "closure", "doubt", "centre")
    found = [record for kind in kinds for record in (await house.store.find(kind, {}, limit=100)).records]
    return {(record.kind, record.id): record.revision for record in found}


async def test_what_a_person_deleted_from_some_day_on_is_not_brought_back_by_the_next_list(house: House) -> None:
    assert await take(house, [row(1)]) == {"new": 1}
    (meeting,) = await everything(house)
    following = {"scope": "EDIT_SCOPE_FOLLOWING", "occurrence": "20261215"}
    later = await house.call("UpdateMeeting", meeting={"name": meeting.name, "title": "Later"}, **following)
    await house.call("DeleteMeeting", name=later.name)
    dates = [each.local_start for each in await house.listed()]
    assert dates == [f"2026-{day}T19:00" for day in ("11-24", "12-01", "12-08")]
    assert await take(house, [row(1, meeting={"notes": "Ring twice"})]) == {"changed": 1}
    assert [each.local_start for each in await house.listed()] == dates
    assert (await house.call("GetMeeting", name=meeting.name)).notes == "Ring twice"


async def test_what_a_person_deleted_up_to_some_day_is_not_brought_back_by_a_list_that_states_its_start(
    house: House,
) -> None:
    assert await take(house, [row(1, start_stated=True)]) == {"new": 1}
    (meeting,) = await everything(house)
    following = {"scope": "EDIT_SCOPE_FOLLOWING", "occurrence": "20261215"}
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "title": "Later"}, **following)
    await house.call("DeleteMeeting", name=meeting.name)
    dates = [each.local_start for each in await house.listed()]
    assert dates[0] == "2026-12-15T19:00"
    assert await take(house, [row(1, start_stated=True, meeting={"notes": "Ring twice"})]) == {"changed": 1}
    assert [each.local_start for each in await house.listed()] == dates


@pytest.mark.parametrize("resumed", [False, True])
async def test_what_a_person_suspended_is_suspended_when_a_list_forgets_it_and_brings_it_back(
    house: House, *, resumed: bool
) -> None:
    rows = [row(n) for n in range(1, 7)]
    assert await take(house, rows) == {"new": 6}
    (meeting,) = [each for each in await everything(house) if each.title == "Group 1"]
    for state in ("STATE_SUSPENDED", "STATE_ACTIVE")[: 1 + resumed]:
        await house.call("UpdateMeeting", meeting={"name": meeting.name, "state": f"MEETING_{state}"})
    assert (await take(house, rows[1:], remove_gone=True))["gone"] == 1
    assert (await take(house, rows))["changed"] == 1
    back = await house.call("GetMeeting", name=meeting.name)
    assert back.state == (1 if resumed else 2)


@pytest.mark.parametrize("house", ["memory"], indirect=True)
async def test_a_place_that_grows_makes_no_meeting_larger_than_an_event_may_be(house: House) -> None:
    meeting, other = await house.meeting(), await house.place(title="Library")
    for week in range(150):
        date = START.date() + timedelta(days=3, weeks=week)
        await house.call(
            "ChangeOccurrence", name=f"{meeting.name}/occurrences/{date:%Y%m%d}", change={"place": other.name}
        )
    await house.call("UpdatePlace", place={"name": other.name, "notes": "n" * 8_000, "address": "2 Main St"})
    await house.sweep()
    record = await document(house, meeting.name)
    assert len(msgspec.json.encode(record.state)) < LARGEST_MEETING
    assert {change.venue.address for change in records.read(record, Meeting).changes if change.venue} == {"2 Main St"}
    await house.call("CancelOccurrence", name=f"{meeting.name}/occurrences/20261201")


async def test_what_a_list_calls_off_is_off_in_the_part_of_a_split_series_that_still_goes_on(house: House) -> None:
    assert await take(house, [row(1)]) == {"new": 1}
    (meeting,) = await everything(house)
    following = {"scope": "EDIT_SCOPE_FOLLOWING", "occurrence": "20261215"}
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "title": "Later"}, **following)
    off = [{"date": day, "cancelled": True} for day in ("2026-12-01", "2026-12-22")]
    assert await take(house, [row(1, changes=off)]) == {"changed": 1}
    held = [each.local_start[5:10] for each in await house.listed(40)]
    assert held == ["11-24", "12-08", "12-15", "12-29"]
    assert await take(house, [row(1)]) == {"changed": 1}
    assert len(await house.listed(40)) == 6
    assert await take(house, [row(1, meeting={"state": "MEETING_STATE_SUSPENDED"})]) == {"changed": 1}
    assert await house.listed(40) == []
    house.clock.jump(START + timedelta(days=30))  # the first part is over: what is over stays
    revision = (await house.call("GetMeeting", name=meeting.name)).etag
    assert await take(house, [row(1)]) == {"changed": 1}
    assert (await house.call("GetMeeting", name=meeting.name)).etag == revision
