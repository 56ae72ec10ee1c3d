"""Closures through the service, over every store: previewed, put in force, changed, taken back, over by themselves."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from services.kit.errors import NotFound, Unmet
from services.kit.logs import make_log
from services.kit.store.port import Commit
from services.meetings import records
from services.meetings.closing import LARGEST_CLOSED
from services.meetings.types import Closure, ClosureStatus, Meeting
from tests.service.closures_house import (
    CANCELLED,
    ENDED,
    FLOOD,
    IN_FORCE,
    LINK,
    RUNNING,
    WEEK,
    WITHDRAWN,
    close,
    document,
    past_second_look,
    public,
    seen,
    shown,
)
from tests.service.meetings_house import CENTRE, COORDINATOR, House

if TYPE_CHECKING:
    from services.kit.store.port import Record

pytest_plugins = ("tests.service.meetings_house",)


async def test_a_closure_cancels_what_lies_in_it_and_says_why(house: House) -> None:
    meeting = await house.meeting()
    made = await close(house, WEEK)
    assert (made.state, made.etag) == (RUNNING, "1")
    assert await shown(house) == {
        "11-24": (False, ""),
        "12-01": (True, made.name),
        "12-08": (True, made.name),
        "12-15": (False, ""),
    }
    listed = await house.listed(30, show_cancelled=True)
    assert {each.reason for each in listed} == {"", FLOOD["reason"]}
    found = await seen(house, made.name)
    assert (found.state, found.done, found.total) == (IN_FORCE, 1, 1)
    assert (await house.call("GetMeeting", name=meeting.name)).sequence == 1


async def test_withdrawn_everything_is_as_before_to_the_byte(house: House) -> None:
    place, other = await house.place(), await house.place(title="Library")
    room = await house.call("CreateRoom", parent=CENTRE, room={"title": "Blue", "place": other.name})
    meeting = await house.meeting(place=place.name, online={"url": "https://meet.example/own"})
    before = await public(house, meeting.name)
    for closure in (
        FLOOD,
        {**WEEK, "effect": "CLOSURE_EFFECT_ONLINE"},
        {**WEEK, "effect": "CLOSURE_EFFECT_MOVE", "move_place": other.name, "move_rooms": [room.name]},
    ):
        made = await close(house, closure)
        assert (await public(house, meeting.name))[1] != before[1]
        await house.call("WithdrawClosure", COORDINATOR, name=made.name)
        await house.sweep()
        after = await public(house, meeting.name)
        assert after[1] == before[1]
        assert after[0] > before[0]
        assert (await seen(house, made.name)).state == WITHDRAWN
        before = after


async def test_a_closure_moves_meetings_and_nobody_deletes_what_it_needs(house: House) -> None:
    place, other = await house.place(), await house.place(title="Library")
    room = await house.call("CreateRoom", parent=CENTRE, room={"title": "Blue", "place": other.name})
    await house.meeting(place=place.name)
    made = await close(
        house,
        {
            **WEEK,
            "places": [place.name],
            "effect": "CLOSURE_EFFECT_MOVE",
            "move_place": other.name,
            "move_rooms": [room.name],
        },
    )
    venues = {each.local_start[5:10]: each.venue.title for each in await house.listed(30)}
    assert venues == {"11-24": "Church Hall", "12-01": "Library", "12-08": "Library", "12-15": "Church Hall"}
    for method, name in (("DeletePlace", other.name), ("DeletePlace", place.name), ("DeleteRoom", room.name)):
        with pytest.raises(Unmet) as refused:
            await house.call(method, name=name)
        assert made.name in refused.value.details["used_by"]
    await house.call("UpdatePlace", place={"name": other.name, "title": "New Library"}, update_mask="title")
    await house.sweep()
    assert "New Library" in {each.venue.title for each in await house.listed(30)}


async def test_online_goes_by_the_own_link_or_the_closures_or_not_at_all(house: House) -> None:
    await house.meeting(title="Own", online={"url": "https://meet.example/own"})
    await house.meeting(title="None")
    await close(house, {**WEEK, "effect": "CLOSURE_EFFECT_ONLINE"})
    first = {each.title: each for each in await house.listed(11, show_cancelled=True) if each.closure}
    assert (first["Own"].state, first["Own"].mode, first["Own"].online.url) == (1, 2, "https://meet.example/own")
    assert first["None"].state == CANCELLED
    await close(house, {**WEEK, "effect": "CLOSURE_EFFECT_ONLINE", "online": LINK})
    second = {each.title: each for each in await house.listed(11, show_cancelled=True) if each.closure}
    assert (second["None"].state, second["None"].online.url) == (1, LINK["url"])


async def test_a_link_that_is_not_public_is_told_to_nobody_by_a_closure(house: House) -> None:
    meeting = await house.meeting()
    hidden = {"url": "https://meet.example/hidden", "passcode": "canary", "access": "ONLINE_ACCESS_SEAT_HOLDERS"}
    made = await close(house, {**WEEK, "effect": "CLOSURE_EFFECT_ONLINE", "online": hidden})
    record = await house.store.get("closure", made.name.rpartition("/")[2])
    assert record is not None
    told = records.public_view(records.read(record, Closure))
    assert b"canary" not in (await public(house, meeting.name))[1] + told.SerializeToString()  # type: ignore[union-attr]  # it is public
    assert b"hidden" not in (await public(house, meeting.name))[1] + told.SerializeToString()  # type: ignore[union-attr]  # the same
    assert (await seen(house, made.name)).online.passcode == "canary"


async def test_a_changed_closure_is_followed_by_what_is_not_over(house: House) -> None:
    await house.meeting()
    made = await close(house, WEEK)
    await past_second_look(house)
    await house.clock.advance(timedelta(days=12).total_seconds())  # 2026-12-03: the 1st is over
    changed = await house.call(
        "UpdateClosure",
        closure={"name": made.name, "end": "2026-12-04", "reason": "Closed for some days"},
        update_mask="end,reason",
    )
    assert changed.state == RUNNING
    await house.sweep()
    record = await document(house, (await house.call("ListMeetings", parent=CENTRE)).meetings[0].name)
    closed = records.read(record, Meeting).closed
    assert [(each.date.day, each.reason) for each in closed] == [(1, FLOOD["reason"])]
    assert (await seen(house, made.name)).state == IN_FORCE


async def test_a_closure_ends_by_itself_and_its_dates_stay_as_they_were(house: House) -> None:
    meeting = await house.meeting()
    made = await close(house, WEEK)
    await past_second_look(house)
    before = await public(house, meeting.name)
    await house.clock.advance(timedelta(days=25).total_seconds())
    await house.sweep()
    assert (await seen(house, made.name)).state == ENDED
    assert list((await house.call("ListClosures", parent=CENTRE)).closures) == []
    assert [each.name for each in (await house.call("ListClosures", parent=CENTRE, show_past=True)).closures]
    await house.clock.advance(timedelta(days=40).total_seconds())
    await house.sweep()
    record = await house.store.get("closure", made.name.rpartition("/")[2])
    assert record is not None
    assert (record.state["active"], record.due_at) == (False, None)
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "title": "Tuesday Group"}, update_mask="title")
    assert (await public(house, meeting.name))[1] == before[1]
    for method in ("UpdateClosure", "WithdrawClosure"):
        request = {"closure": {"name": made.name, "reason": "No"}} if "Update" in method else {"name": made.name}
        with pytest.raises(Unmet, match="over"):
            await house.call(method, **request)


async def test_until_further_notice_rolls_on_month_by_month(house: House) -> None:
    meeting = await house.meeting()
    await close(house, FLOOD)
    await past_second_look(house)
    closed = records.read(await document(house, meeting.name), Meeting).closed
    await house.clock.advance(timedelta(days=45).total_seconds())
    await house.sweep()
    rolled = records.read(await document(house, meeting.name), Meeting).closed
    assert rolled[: len(closed)] == closed
    assert rolled[-1].date - closed[-1].date > timedelta(days=25)
    ahead = datetime(rolled[-1].date.year, rolled[-1].date.month, rolled[-1].date.day, tzinfo=UTC) - house.clock.now()
    assert ahead > timedelta(days=395)


async def test_what_is_made_changed_split_or_imported_during_a_closure_does_not_escape_it(house: House) -> None:
    made = await close(house, FLOOD)
    late = await house.meeting(title="Late")
    assert set((await shown(house)).values()) == {(False, ""), (True, made.name)}
    await house.call(
        "UpdateMeeting",
        meeting={"name": late.name, "schedule": {**_tuesdays(), "rule": "FREQ=WEEKLY;BYDAY=TU,TH"}},
        update_mask="schedule",
    )
    assert (await shown(house))["12-03"] == (True, made.name)
    after = await house.call(
        "UpdateMeeting",
        meeting={"name": late.name, "title": "Later"},
        update_mask="title",
        scope="EDIT_SCOPE_FOLLOWING",
        occurrence="20261208",
    )
    assert {gone for day, (gone, _) in (await shown(house)).items() if day >= "12-01"} == {True}
    for name, days in ((late.name, ("12-01", "12-03")), (after.name, ("12-08", "12-10"))):
        closed = records.read(await document(house, name), Meeting).closed
        assert tuple(f"{each.date:%m-%d}" for each in closed[:2]) == days
    intent = await house.call("CreateImport", parent=CENTRE, **{"import": {"source": "list"}})
    row = {"title": "From a list", "mode": "MODE_IN_PERSON", "schedule": {**_tuesdays(), "start": "2026-12-01T19:00"}}
    await house.call("AddImportRows", name=intent.name, rows=[{"number": 1, "source_id": "a", "meeting": row}])
    await house.call("CommitImport", name=intent.name)
    await house.sweep()
    listed = await house.listed(30, show_cancelled=True)
    assert {each.state for each in listed if each.title == "From a list"} == {CANCELLED}


def _tuesdays() -> dict[str, Any]:
    return {"start": "2026-11-24T19:00", "time_zone": "America/Edmonton", "minutes": 60, "rule": "FREQ=WEEKLY;BYDAY=TU"}


async def test_a_date_that_is_restored_takes_place_despite_the_closure(house: House) -> None:
    meeting = await house.meeting()
    made = await close(house, FLOOD)
    name = f"{meeting.name}/occurrences/20261201"
    restored = await house.call("RestoreOccurrence", name=name)
    assert (restored.state, restored.closure) == (1, "")
    assert (await shown(house))["12-01"] == (False, "")
    told = await house.call("PreviewClosure", parent=CENTRE, closure={"name": made.name}, page_size=1)
    assert told.impacts[0].reason == "takes place despite closures"
    await house.call("CancelOccurrence", name=name, reason="After all")
    assert (await shown(house))["12-01"] == (True, "")
    assert not (await house.call("GetMeeting", name=meeting.name)).changes[0].despite_closures


async def test_a_date_moved_out_of_a_closure_and_restored_is_closed_again(house: House) -> None:
    meeting = await house.meeting()
    made = await close(house, {**FLOOD, "end": "2026-12-01"})
    name = f"{meeting.name}/occurrences/20261201"
    await house.call("ChangeOccurrence", name=name, change={"start": "2026-12-02T19:00"}, update_mask="start")
    assert (await shown(house))["12-02"] == (False, "")
    restored = await house.call("RestoreOccurrence", name=name)
    assert (restored.state, restored.closure) == (CANCELLED, made.name)


async def test_public_holidays_of_the_centre_cancel_what_is_not_held_on_them(house: House) -> None:
    fridays = {**_tuesdays(), "start": "2026-12-04T19:00", "rule": "FREQ=WEEKLY;BYDAY=FR"}
    meeting = await house.meeting(schedule=fridays, holidays="HOLIDAY_RULE_NOT_ON_HOLIDAYS")
    before = await public(house, meeting.name)
    await house.call(
        "UpdateCentre", centre={"name": CENTRE, "holiday_calendar": "CA-AB"}, update_mask="holidayCalendar"
    )
    await house.sweep()
    assert (await shown(house, 45))["12-25"] == (True, "Christmas Day")
    new = await house.meeting(title="New", schedule=fridays, holidays="HOLIDAY_RULE_NOT_ON_HOLIDAYS")
    assert b"Christmas" in (await public(house, new.name))[1]
    await past_second_look(house)
    await house.clock.advance(timedelta(days=110).total_seconds())  # the horizon rolls
    await house.sweep()
    closed = records.read(await document(house, meeting.name), Meeting).closed
    assert str(closed[-1].date) == "2028-04-14"  # Good Friday
    await house.call("UpdateCentre", centre={"name": CENTRE, "holiday_calendar": ""}, update_mask="holidayCalendar")
    await house.sweep()
    left = records.read(await document(house, meeting.name), Meeting).closed
    assert [str(each.date) for each in left] == ["2026-12-25", "2027-01-01"]  # over, and not written again
    assert before[1] != (await public(house, meeting.name))[1]


async def test_a_centre_that_is_deleted_takes_its_closures_along(house: House) -> None:
    made = await close(house, FLOOD)
    await house.call("DeleteCentre", name=CENTRE)
    with pytest.raises(NotFound):
        await seen(house, made.name)
    await past_second_look(house)


async def test_each_meeting_is_written_once_for_each_change_of_a_closure(house: House) -> None:
    meetings = [await house.meeting(title=f"Group {n}") for n in range(120)]
    made = await close(house, FLOOD)
    found = await seen(house, made.name)
    assert (found.state, found.done, found.total) == (IN_FORCE, 120, 120)
    await past_second_look(house)
    assert {(await document(house, each.name)).revision for each in meetings} == {2}


async def test_an_edit_that_read_before_a_closure_was_made_is_found_by_the_second_look(house: House) -> None:
    meeting = await house.meeting()
    before = await document(house, meeting.name)
    made = await close(house, FLOOD)
    escaped = records.write(
        await document(house, meeting.name),
        records.read(before, Meeting),
        at=before.at,
        actor="who read before",
    )
    await house.store.commit(Commit((escaped,)))
    assert (await shown(house))["12-01"] == (False, "")
    await past_second_look(house)
    assert (await shown(house))["12-01"] == (True, made.name)
    record = await house.store.get("closure", made.name.rpartition("/")[2])
    assert record is not None
    assert records.read(record, Closure).status is ClosureStatus.IN_FORCE


async def test_what_cannot_follow_keeps_nothing_else_waiting_and_is_tried_again(house: House) -> None:
    place = await house.place()
    room = await house.call("CreateRoom", parent=CENTRE, room={"title": "Blue", "place": place.name})
    odd = await house.meeting(title="Odd", place=place.name, rooms=[room.name])
    await house.meeting(title="Even")
    record = await house.store.get("room", room.name.rpartition("/")[2])
    assert record is not None
    await house.store.commit(Commit((_next(record, gone=True),)))  # as no command would leave it
    said = StringIO()
    house.desk.log = make_log("warning", said)
    made = await close(house, WEEK)
    assert (await document(house, odd.name)).id in said.getvalue()  # whoever runs it learns which one
    cancelled = {each.title for each in await house.listed(29, show_cancelled=True) if each.state == CANCELLED}
    assert (cancelled, (await seen(house, made.name)).state) == ({"Even"}, RUNNING)
    gone = await house.store.get("room", record.id)
    assert gone is not None
    await house.store.commit(Commit((_next(gone, gone=False),)))
    await house.clock.advance(600)
    swept = asyncio.create_task(house.sweep())
    while not swept.done():  # the room moved without its bookings knowing: they look again after a pause
        if house.clock.asleep:
            await house.clock.advance(0.1)
        await asyncio.sleep(0)
    await swept
    assert (await shown(house))["12-01"] == (True, made.name)
    found = await seen(house, made.name)
    assert (found.state, found.done, found.total) == (IN_FORCE, 2, 2)
    assert {(await document(house, odd.name)).revision} == {2}


def _next(record: Record, *, gone: bool) -> Record:
    return msgspec.structs.replace(record, revision=record.revision + 1, gone=gone)


async def test_a_suspended_meeting_is_not_counted_and_is_closed_when_it_is_taken_up_again(house: House) -> None:
    meeting = await house.meeting()
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "state": 2}, update_mask="state")
    assert (await house.call("PreviewClosure", parent=CENTRE, closure=WEEK)).occurrences == 0
    made = await close(house, WEEK)
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "state": 1}, update_mask="state")
    assert (await shown(house))["12-01"] == (True, made.name)


async def test_of_more_than_a_meeting_holds_the_nearest_dates_are_kept_and_not_written_again(house: House) -> None:
    other = await house.place(title="Library", notes="x" * 8000)
    meeting = await house.meeting(schedule={**_tuesdays(), "rule": "FREQ=DAILY"})
    made = await close(house, {**FLOOD, "effect": "CLOSURE_EFFECT_MOVE", "move_place": other.name})
    record = await document(house, meeting.name)
    closed = records.read(record, Meeting).closed
    assert len(msgspec.json.encode(closed)) <= LARGEST_CLOSED
    assert [each.date for each in closed] == [date(2026, 12, 1) + timedelta(days=n) for n in range(len(closed))]
    await past_second_look(house)
    assert (await document(house, meeting.name)).revision == record.revision
    assert (await seen(house, made.name)).state == IN_FORCE
