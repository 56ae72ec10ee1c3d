"""Closures through the service, over every store: previewed, put in force, changed, taken back, over by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from openchair.meetings.v1 import closure_service_pb2

from services.kit.errors import Invalid, NotFound, Stale, Unmet
from services.kit.store.port import Commit
from services.meetings import records
from services.meetings.reclosing import LOOKS_AGAIN
from services.meetings.types import Closure, ClosureStatus, Meeting
from tests.service import meetings_house
from tests.service.meetings_house import CENTRE, COORDINATOR, House

if TYPE_CHECKING:
    from openchair.meetings.v1 import meeting_pb2

    from services.kit.store.port import Record

pytest_plugins = ("tests.service.meetings_house",)
meetings_house.MESSAGES.update(vars(closure_service_pb2))

FLOOD = {"reason": "Closed: the cellar is under water", "effect": "CLOSURE_EFFECT_CANCEL", "start": "2026-12-01"}
WEEK = {**FLOOD, "end": "2026-12-14"}
LINK = {"url": "https://meet.example/lent"}
RUNNING, IN_FORCE, WITHDRAWN, ENDED = 1, 2, 4, 5
CANCELLED = 2


async def close(house: House, closure: dict[str, Any], **more: Any) -> Any:
    """A closure, and the meetings have followed."""
    made = await house.call("CreateClosure", COORDINATOR, parent=CENTRE, closure=closure, **more)
    await house.sweep()
    return made


async def past_second_look(house: House) -> None:
    await house.clock.advance(LOOKS_AGAIN.total_seconds())
    await house.sweep()


async def shown(house: House, days: int = 30) -> dict[str, tuple[bool, str]]:
    """Each date of the next days: whether it is cancelled, and by which closure or holiday."""
    listed = await house.listed(days, show_cancelled=True)
    return {each.local_start[5:10]: (each.state == CANCELLED, each.closure or each.holiday) for each in listed}


async def document(house: House, name: str) -> Record:
    record = await house.store.get("meeting", name.rpartition("/")[2])
    assert record is not None
    return record


async def public(house: House, name: str) -> tuple[int, bytes]:
    """The SEQUENCE, and all else that everybody is told, as bytes."""
    record = await document(house, name)
    message = records.public_view(records.read(record, Meeting))
    sequence = message.sequence  # type: ignore[union-attr]  # a public meeting
    message.ClearField("sequence")  # type: ignore[union-attr]  # the same
    return sequence, message.SerializeToString(deterministic=True)  # type: ignore[union-attr]  # the same


async def seen(house: House, name: str) -> Any:
    return await house.call("GetClosure", name=name)


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


async def test_a_preview_says_what_will_be_and_changes_nothing(house: House) -> None:
    place = await house.place()
    meeting = await house.meeting(place=place.name)
    await house.meeting(title="Afar", mode="MODE_ONLINE")
    also = await house.meeting(title="Always", holidays="HOLIDAY_RULE_ALSO_ON_HOLIDAYS")
    await house.call("CancelOccurrence", name=f"{meeting.name}/occurrences/20261208", reason="Ill")
    before = [(await document(house, each.name)).revision for each in (meeting, also)]
    told = await house.call("PreviewClosure", COORDINATOR, parent=CENTRE, closure=WEEK)
    assert (told.occurrences, told.meetings, told.cancelled, told.online, told.moved, told.kept) == (3, 2, 3, 0, 0, 3)
    assert told.until == "2026-12-14"
    assert [(each.title, each.local_start[5:10], each.outcome) for each in told.impacts if each.outcome] == [
        *sorted([("Tuesday Group", "12-01", 1), ("Always", "12-01", 1)], key=lambda row: _id(meeting, also, row[0])),
        ("Always", "12-08", 1),
    ]
    assert {(each.title, each.reason) for each in told.impacts if not each.outcome} == {
        ("Afar", "is held online only"),
        ("Tuesday Group", "was cancelled already"),
    }
    assert {getattr(each, "from") for each in told.impacts} == {"Church Hall", ""}
    holidays = await house.call(
        "PreviewClosure", parent=CENTRE, closure={**FLOOD, "start": "2026-12-25", "holidays": "CA-AB"}
    )
    assert {each.reason for each in holidays.impacts if each.title == "Always"} <= {"is held on public holidays too"}
    assert [(await document(house, each.name)).revision for each in (meeting, also)] == before
    assert list((await house.call("ListClosures", parent=CENTRE)).closures) == []
    made = await close(house, WEEK)
    listed = await house.listed(30, show_cancelled=True)
    assert sorted((each.title, each.local_start[5:10]) for each in listed if each.closure == made.name) == [
        ("Always", "12-01"),
        ("Always", "12-08"),
        ("Tuesday Group", "12-01"),
    ]


def _id(meeting: meeting_pb2.Meeting, also: meeting_pb2.Meeting, title: str) -> str:
    return str(meeting.name if title == "Tuesday Group" else also.name)


async def test_a_preview_in_pages_is_the_same_as_in_one(house: House) -> None:
    for number in range(4):
        await house.meeting(title=f"Group {number}")
    whole = await house.call("PreviewClosure", parent=CENTRE, closure=FLOOD, page_size=1000)
    starts = [each.start_time.seconds for each in whole.impacts]
    assert (len(starts), starts, whole.next_page_token) == (whole.occurrences, sorted(starts), "")
    found, token = [], ""
    while True:
        page = await house.call("PreviewClosure", parent=CENTRE, closure=FLOOD, page_size=7, page_token=token)
        assert (page.occurrences, page.meetings) == (whole.occurrences, 4)
        found += list(page.impacts)
        if not (token := page.next_page_token):
            break
    assert found == list(whole.impacts)


async def test_a_preview_by_name_says_what_a_change_would_do(house: House) -> None:
    await house.meeting()
    made = await close(house, WEEK)
    told = await house.call("PreviewClosure", parent=CENTRE, closure={"name": made.name})
    assert (told.occurrences, told.cancelled) == (2, 2)
    longer = await house.call("PreviewClosure", parent=CENTRE, closure={"name": made.name, "end": "2026-12-22"})
    assert longer.occurrences == 4
    another = await house.call("PreviewClosure", parent=CENTRE, closure=WEEK)
    assert (another.occurrences, another.kept) == (0, 2)


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
    record = await house.store.get("centre", "house")
    assert record is not None
    assert record.due_at is not None
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


async def test_a_closure_is_asked_for_twice_and_made_once(house: House) -> None:
    request = {"parent": CENTRE, "closure": FLOOD, "request_id": "once"}
    first = await house.call("CreateClosure", **request)
    assert await house.call("CreateClosure", **request) == first
    assert len((await house.call("ListClosures", parent=CENTRE)).closures) == 1
    await house.call("WithdrawClosure", name=first.name)
    await house.call("WithdrawClosure", name=first.name)
    await house.sweep()
    assert (await seen(house, first.name)).state == WITHDRAWN


async def test_an_older_etag_is_refused(house: House) -> None:
    made = await close(house, FLOOD)
    with pytest.raises(Stale):
        await house.call("UpdateClosure", closure={"name": made.name, "etag": made.etag, "reason": "Other"})
    with pytest.raises(Stale):
        await house.call("WithdrawClosure", name=made.name, etag=made.etag)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("closure.reason", {"reason": " "}),
        ("closure.reason", {"reason": "x" * 501}),
        ("closure.effect", {"effect": 0}),
        ("closure.effect", {"effect": 77}),
        ("closure.start", {"start": ""}),
        ("closure.start", {"start": "2026-13-01"}),
        ("closure.start", {"start": "9999-12-31"}),
        ("closure.end", {"end": "9999-12-31"}),
        ("closure.end", {"end": "2026-11-30"}),
        ("closure.end", {"end": "2026-12-02T10:00"}),
        ("closure.end", {"start": "2026-11-01", "end": "2026-11-20"}),
        ("closure.holidays", {"holidays": "XX"}),
        ("closure.holidays", {"holiday_names": ["Christmas Day"]}),
        ("closure.move_place", {"effect": "CLOSURE_EFFECT_MOVE"}),
        ("closure.move_place", {"move_place": "centres/house/places/p"}),
        ("closure.places[0]", {"places": ["centres/other/places/p"]}),
        ("closure.places[0]", {"places": ["nonsense"]}),
        ("closure.places", {"places": ["centres/house/places/p"] * 101}),
        ("closure.online.url", {"effect": "CLOSURE_EFFECT_ONLINE", "online": {"url": "javascript:alert(1)"}}),
    ],
)
async def test_what_is_wrong_with_a_closure_is_named(house: House, field: str, wrong: dict[str, Any]) -> None:
    for method in ("CreateClosure", "PreviewClosure"):
        with pytest.raises(Invalid) as refused:
            await house.call(method, parent=CENTRE, closure={**FLOOD, **wrong})
        assert field in {violation.field for violation in refused.value.violations}


async def test_what_a_closure_names_must_be_there_and_fit(house: House) -> None:
    place, other = await house.place(), await house.place(title="Library")
    room = await house.call("CreateRoom", parent=CENTRE, room={"title": "Blue", "place": other.name})
    with pytest.raises(NotFound):
        await house.call("CreateClosure", parent=CENTRE, closure={**FLOOD, "places": [f"{CENTRE}/places/none"]})
    move = {**FLOOD, "effect": "CLOSURE_EFFECT_MOVE"}
    for field, wrong in (
        ("closure.move_rooms", {"move_place": place.name, "move_rooms": [room.name]}),
        ("closure.move_place", {"move_place": place.name, "places": [place.name]}),
        ("closure.move_rooms", {"move_place": other.name, "move_rooms": [room.name], "rooms": [room.name]}),
    ):
        with pytest.raises(Invalid) as refused:
            await house.call("CreateClosure", parent=CENTRE, closure={**move, **wrong})
        assert field in {violation.field for violation in refused.value.violations}
    with pytest.raises(NotFound):
        await seen(house, f"{CENTRE}/closures/none")
    with pytest.raises(NotFound):
        await house.call("CreateClosure", parent="centres/none", closure=FLOOD)


async def test_a_centre_has_no_more_closures_than_every_write_can_look_at(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.meetings.closures.MOST_IN_FORCE", 2)
    await close(house, FLOOD)
    second = await close(house, WEEK)
    with pytest.raises(Unmet, match="at most 2"):
        await house.call("CreateClosure", parent=CENTRE, closure=FLOOD)
    await house.call("WithdrawClosure", name=second.name)
    await house.call("CreateClosure", parent=CENTRE, closure=FLOOD)


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
    made = await close(house, WEEK)
    cancelled = {each.title for each in await house.listed(29, show_cancelled=True) if each.state == CANCELLED}
    assert (cancelled, (await seen(house, made.name)).state) == ({"Even"}, RUNNING)
    gone = await house.store.get("room", record.id)
    assert gone is not None
    await house.store.commit(Commit((_next(gone, gone=False),)))
    await house.clock.advance(600)
    await house.sweep()
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
