"""Meetings through the service: series, single dates, scopes, places that move, the end of a meeting."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.kit.errors import Invalid, NotFound, Stale, Unmet
from tests.service.meetings_house import CENTRE, House

pytest_plugins = ("tests.service.meetings_house",)


def dates(listed: list[object]) -> list[str]:
    return [each.local_start for each in listed]  # type: ignore[attr-defined]


async def test_a_weekly_meeting_takes_place_every_week_at_its_hour_across_the_clock_change(house: House) -> None:
    await house.meeting()
    assert dates(await house.listed(days=12)) == ["2026-11-24T19:00", "2026-12-01T19:00"]


async def test_an_edit_of_all_dates_moves_the_hour_and_counts_in_sequence(house: House) -> None:
    meeting = await house.meeting()
    edited = await house.call(
        "UpdateMeeting",
        meeting={"name": meeting.name, "schedule": {"start": "2026-11-24T18:30"}},
        update_mask="schedule.start",
    )
    assert edited.sequence == meeting.sequence + 1
    assert dates(await house.listed(days=12)) == ["2026-11-24T18:30", "2026-12-01T18:30"]


async def test_an_edit_that_changes_nothing_a_person_would_notice_leaves_the_sequence(house: House) -> None:
    meeting = await house.meeting(online={"url": "https://meet.example.org/a", "passcode": "1"})
    edited = await house.call(
        "UpdateMeeting", meeting={"name": meeting.name, "online": {"passcode": "2"}}, update_mask="online.passcode"
    )
    assert (edited.sequence, edited.online.passcode) == (0, "2")


async def test_this_and_following_makes_a_second_part_of_the_same_lineage(house: House) -> None:
    meeting = await house.meeting()
    part = await house.call(
        "UpdateMeeting",
        meeting={"name": meeting.name, "schedule": {"start": "2026-12-08T20:00"}},
        update_mask="schedule.start",
        scope="EDIT_SCOPE_FOLLOWING",
        occurrence="20261208",
    )
    assert (part.lineage, part.previous_part, part.sequence) == (meeting.lineage, meeting.name, 0)
    first = await house.call("GetMeeting", name=meeting.name)
    assert (first.next_part, first.sequence) == (part.name, 1)
    assert dates(await house.listed(days=20)) == ["2026-11-24T19:00", "2026-12-01T19:00", "2026-12-08T20:00"]


async def test_a_second_part_on_other_days_says_where_its_dates_went(house: House) -> None:
    meeting = await house.meeting()
    part = await house.call(
        "UpdateMeeting",
        meeting={"name": meeting.name, "schedule": {"start": "2026-12-09T19:00", "rule": "FREQ=WEEKLY;BYDAY=WE"}},
        update_mask="schedule.start,schedule.rule",
        scope="EDIT_SCOPE_FOLLOWING",
        occurrence="20261208",
    )
    assert part.lineage == meeting.lineage
    went = [(each.old_schedule.start, each.new_schedule.start) for each in part.day_changes]
    assert went == [("2026-12-08T19:00", "2026-12-09T19:00")], "seats of these dates follow"


async def test_the_first_date_and_those_that_follow_is_all_of_them(house: House) -> None:
    meeting = await house.meeting()
    edited = await house.call(
        "UpdateMeeting",
        meeting={"name": meeting.name, "title": "New Name"},
        scope="EDIT_SCOPE_FOLLOWING",
        occurrence="20261124",
    )
    assert (edited.name, edited.title) == (meeting.name, "New Name")


async def test_new_days_follow_the_rule_when_no_start_is_named(house: House) -> None:
    meeting = await house.meeting()
    edited = await house.call(
        "UpdateMeeting",
        meeting={"name": meeting.name, "schedule": {"rule": "FREQ=WEEKLY;BYDAY=TH"}},
        update_mask="schedule.rule",
    )
    assert edited.schedule.start == "2026-11-26T19:00"
    assert [change.old_schedule.rule for change in edited.day_changes] == ["FREQ=WEEKLY;BYDAY=TU"]


async def test_a_cancelled_date_stays_cancelled_when_the_hour_changes(house: House) -> None:
    meeting = await house.meeting()
    await house.call("CancelOccurrence", name=f"{meeting.name}/occurrences/20261201", reason="snow")
    await house.call(
        "UpdateMeeting",
        meeting={"name": meeting.name, "schedule": {"start": "2026-11-24T20:00"}},
        update_mask="schedule.start",
    )
    assert dates(await house.listed(days=20)) == ["2026-11-24T20:00", "2026-12-08T20:00"]
    shown = await house.listed(days=20, show_cancelled=True)
    assert [each.reason for each in shown] == ["", "snow", ""]


async def test_the_first_date_can_be_cancelled_and_a_later_edit_does_not_bring_it_back(house: House) -> None:
    meeting = await house.meeting()
    await house.call("CancelOccurrence", name=f"{meeting.name}/occurrences/20261124")
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "title": "Other"})
    assert dates(await house.listed(days=12)) == ["2026-12-01T19:00"]


async def test_a_moved_date_whose_day_goes_is_asked_about_and_nothing_is_changed(house: House) -> None:
    meeting = await house.meeting()
    await house.call(
        "ChangeOccurrence", name=f"{meeting.name}/occurrences/20261201", change={"start": "2026-12-02T17:00"}
    )
    edit = {
        "meeting": {"name": meeting.name, "schedule": {"rule": "FREQ=WEEKLY;BYDAY=TH"}},
        "update_mask": "schedule.rule",
    }
    with pytest.raises(Unmet) as refusal:
        await house.call("UpdateMeeting", **edit)
    assert (refusal.value.reason, refusal.value.details["occurrences"]) == ("ORPHANED_OCCURRENCES", "20261201")
    assert "2026-12-02T17:00" in dates(await house.listed(days=20))
    await house.call("UpdateMeeting", **edit, orphans="ORPHAN_POLICY_KEEP")
    assert dates(await house.listed(days=14)) == ["2026-11-26T19:00", "2026-12-02T17:00", "2026-12-03T19:00"]


async def test_a_field_named_in_the_mask_and_not_set_goes_back_to_the_series(house: House) -> None:
    meeting = await house.meeting()
    name = f"{meeting.name}/occurrences/20261124"
    await house.call("ChangeOccurrence", name=name, change={"title": "Birthday", "minutes": 90})
    await house.call("ChangeOccurrence", name=name, change={}, update_mask="minutes")
    (first, *_) = await house.listed(days=7)
    assert first.title == "Birthday"
    assert first.end_time.seconds - first.start_time.seconds == 3600


async def test_restoring_a_date_undoes_everything_about_it(house: House) -> None:
    meeting = await house.meeting()
    name = f"{meeting.name}/occurrences/20261124"
    await house.call("ChangeOccurrence", name=name, change={"title": "Birthday"})
    await house.call("CancelOccurrence", name=name)
    await house.call("RestoreOccurrence", name=name)
    (first, *_) = await house.listed(days=7)
    assert (first.title, first.changed) == ("Tuesday Group", False)


async def test_a_new_address_reaches_every_meeting_that_is_held_there(house: House) -> None:
    place = await house.place()
    meeting = await house.meeting(place=place.name)
    await house.call("UpdatePlace", place={"name": place.name, "address": "2 New Road"})
    await house.sweep()
    moved = await house.call("GetMeeting", name=meeting.name)
    assert (moved.venue.address, moved.sequence) == ("2 New Road", 1)


async def test_a_place_in_use_is_not_deleted_and_says_by_what(house: House) -> None:
    place = await house.place()
    meeting = await house.meeting()
    await house.call("ChangeOccurrence", name=f"{meeting.name}/occurrences/20261201", change={"place": place.name})
    with pytest.raises(Unmet) as refusal:
        await house.call("DeletePlace", name=place.name)
    assert meeting.name in refusal.value.details["used_by"]
    await house.call("RestoreOccurrence", name=f"{meeting.name}/occurrences/20261201")
    await house.call("DeletePlace", name=place.name)
    with pytest.raises(NotFound):
        await house.call("GetPlace", name=place.name)


async def test_a_meeting_that_starts_to_use_a_place_moves_the_places_etag(house: House) -> None:
    place = await house.place()
    await house.meeting(place=place.name)
    with pytest.raises(Stale):
        await house.call("DeletePlace", name=place.name, etag=place.etag)


async def test_a_room_belongs_to_the_place_that_is_given(house: House) -> None:
    place, other = await house.place(), await house.place(title="Other")
    room = await house.call("CreateRoom", parent=CENTRE, room={"title": "Blue", "place": place.name})
    with pytest.raises(Invalid):
        await house.meeting(place=other.name, rooms=[room.name])
    held = await house.meeting(place=place.name, rooms=[room.name])
    assert list(held.venue.rooms) == ["Blue"]
    with pytest.raises(Unmet):
        await house.call("DeleteRoom", name=room.name)


async def test_a_deleted_meeting_is_shown_as_cancelled_for_thirty_local_days_and_then_forgotten(house: House) -> None:
    meeting = await house.meeting()
    deleted = await house.call("DeleteMeeting", name=meeting.name, reason="moved away")
    assert (deleted.state, deleted.sequence) == (3, 1)
    assert await house.listed() == []
    await house.clock.advance(timedelta(days=30, hours=17).total_seconds())
    await house.sweep()
    assert (await house.call("GetMeeting", name=meeting.name)).cancel_time == deleted.cancel_time
    await house.clock.advance(timedelta(hours=7).total_seconds())
    await house.sweep()
    with pytest.raises(NotFound):
        await house.call("GetMeeting", name=meeting.name)
    record = await house.store.get("meeting", meeting.name.rpartition("/")[2])
    assert record is not None
    assert record.gone
    view = record.view("public")
    assert view is not None
    assert view.digest == ""


async def test_deleting_the_part_in_the_middle_joins_its_neighbours(house: House) -> None:
    meeting = await house.meeting()
    edit = {"scope": "EDIT_SCOPE_FOLLOWING", "update_mask": "title"}
    middle = await house.call(
        "UpdateMeeting", meeting={"name": meeting.name, "title": "B"}, occurrence="20261208", **edit
    )
    last = await house.call("UpdateMeeting", meeting={"name": middle.name, "title": "C"}, occurrence="20261222", **edit)
    await house.call("DeleteMeeting", name=middle.name)
    assert (await house.call("GetMeeting", name=meeting.name)).next_part == last.name
    assert (await house.call("GetMeeting", name=last.name)).previous_part == meeting.name


async def test_parts_stay_apart(house: House) -> None:
    meeting = await house.meeting()
    await house.call(
        "UpdateMeeting",
        meeting={"name": meeting.name, "title": "B"},
        scope="EDIT_SCOPE_FOLLOWING",
        occurrence="20261208",
    )
    with pytest.raises(Invalid) as refusal:
        await house.call(
            "UpdateMeeting",
            meeting={"name": meeting.name, "schedule": {"rule": "FREQ=WEEKLY;BYDAY=TU"}},
            update_mask="schedule.rule",
        )
    assert refusal.value.violations[0].field == "meeting.schedule"


async def test_the_same_request_twice_makes_one_meeting(house: House) -> None:
    first = await house.meeting()
    request = {
        "parent": CENTRE,
        "request_id": "r1",
        "meeting": {
            "title": "X",
            "mode": "MODE_ONLINE",
            "schedule": {"start": "2026-11-24T19:00", "time_zone": "UTC", "minutes": 30},
        },
    }
    one, two = await house.call("CreateMeeting", **request), await house.call("CreateMeeting", **request)
    assert one == two
    listed = await house.call("ListMeetings", parent=CENTRE)
    assert {each.name: each for each in listed.meetings} == {first.name: first, one.name: one}
    request["meeting"] = {**request["meeting"], "title": "Y"}  # type: ignore[dict-item]
    with pytest.raises(Invalid) as refusal:
        await house.call("CreateMeeting", **request)
    assert refusal.value.reason == "REQUEST_ID_REUSED"


async def test_a_stale_etag_is_refused_and_says_the_present_one(house: House) -> None:
    meeting = await house.meeting()
    edited = await house.call("UpdateMeeting", meeting={"name": meeting.name, "title": "A", "etag": meeting.etag})
    with pytest.raises(Stale) as refusal:
        await house.call("UpdateMeeting", meeting={"name": meeting.name, "title": "B", "etag": meeting.etag})
    assert refusal.value.details["etag"] == edited.etag
