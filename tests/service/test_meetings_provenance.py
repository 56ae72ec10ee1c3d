"""What was edited here outlives the next list, field by field and date by date, until it is given back."""

from __future__ import annotations

from typing import Any

import pytest

from services.kit.errors import Invalid, Unmet
from tests.service.meetings_house import CENTRE, House
from tests.service.test_meetings_imports import NAMES, drain, report, row, stage

pytest_plugins = ("tests.service.meetings_house",)

MINE = {"title": "Our own title"}


async def bring_in(house: House, *rows: dict[str, Any]) -> list[Any]:
    """The report of a list that came in."""
    name = await stage(house, list(rows))
    await house.call("CommitImport", name=name)
    await drain(house)
    return await report(house, name)


async def only(house: House) -> Any:
    (found,) = (await house.call("ListMeetings", parent=CENTRE)).meetings
    return found


async def edit(house: House, mask: str, /, **fields: Any) -> Any:
    meeting = {"name": (await only(house)).name, **fields}
    return await house.call("UpdateMeeting", meeting=meeting, update_mask=mask)


def at(hour: str) -> dict[str, Any]:
    return {"schedule": {**row(1)["meeting"]["schedule"], "start": f"2026-11-24T{hour}"}}


async def test_a_field_that_a_person_changed_stays_and_the_others_follow_the_source(house: House) -> None:
    await bring_in(house, row(1))
    edited = await edit(house, "title,kind", title="Our own title", kind="support-meeting")
    assert list(edited.local_fields) == ["title"]  # a kind that is the same is no change

    (line,) = await bring_in(house, row(1, meeting={"title": "Theirs", "notes": "New notes"}))
    assert (NAMES[line.outcome], list(line.reasons), list(line.kept)) == ("changed", ["notes"], ["title"])
    after = await only(house)
    assert (after.title, after.notes) == ("Our own title", "New notes")


async def test_what_is_kept_is_said_before_the_list_is_in_force_and_every_time_after(house: House) -> None:
    await bring_in(house, row(1))
    await edit(house, "title", **MINE)
    (plan,) = await report(house, await stage(house, [row(1)]))
    (line,) = await bring_in(house, row(1))
    assert [(NAMES[each.outcome], list(each.kept)) for each in (plan, line)] == [("unchanged", ["title"])] * 2


async def test_a_field_given_back_follows_the_source_with_its_next_list(house: House) -> None:
    await bring_in(house, row(1))
    edited = await edit(house, "title", **MINE)
    back = await house.call("UpdateMeeting", meeting={"name": edited.name}, follow_source=["title"])
    assert (list(back.local_fields), back.title) == ([], "Our own title")

    (line,) = await bring_in(house, row(1))
    assert (NAMES[line.outcome], list(line.reasons), list(line.kept)) == ("changed", ["title"], [])
    assert (await only(house)).title == "Group 1"


async def test_only_a_field_that_was_edited_here_can_be_given_back(house: House) -> None:
    await bring_in(house, row(1))
    await edit(house, "title", **MINE)
    with pytest.raises(Invalid) as refusal:
        await house.call("UpdateMeeting", meeting={"name": (await only(house)).name}, follow_source=["notes"])
    assert refusal.value.violations[0].field == "follow_source"


async def test_an_edit_that_the_source_comes_to_agree_with_stays_local(house: House) -> None:
    await bring_in(house, row(1))
    await edit(house, "title", **MINE)
    (agreed,) = await bring_in(house, row(1, meeting=MINE))
    assert (NAMES[agreed.outcome], list(agreed.kept)) == ("changed", [])
    (line,) = await bring_in(house, row(1, meeting={"title": "Otherwise again"}))
    assert list(line.kept) == ["title"]
    assert (await only(house)).title == "Our own title"


async def test_hours_that_were_changed_here_stay_and_so_does_the_room(house: House) -> None:
    await bring_in(house, row(1))
    place = (await only(house)).place
    room = await house.call("CreateRoom", parent=CENTRE, room={"title": "Attic", "place": place})
    await edit(house, "rooms", rooms=[room.name])
    await edit(house, "schedule.start", **at("18:00"))

    elsewhere = {"title": "Other Hall", "address": "9 Side St"}
    (line,) = await bring_in(house, row(1, meeting={**at("20:00"), "notes": "x"}, place=elsewhere))
    assert sorted(line.kept) == ["place", "schedule"]
    after = await only(house)
    assert (after.schedule.start, after.place, list(after.rooms)) == ("2026-11-24T18:00", place, [room.name])
    places = (await house.call("ListPlaces", parent=CENTRE)).places
    assert [each.title for each in places] == ["Hall 1"]  # a place that nothing uses is not made


async def test_a_meeting_suspended_here_is_not_opened_by_a_list(house: House) -> None:
    await bring_in(house, row(1))
    await edit(house, "state", state="MEETING_STATE_SUSPENDED")
    (line,) = await bring_in(house, row(1, meeting={"notes": "x"}))
    assert (list(line.reasons), list(line.kept)) == (["notes"], ["state"])
    assert (await only(house)).state == 2


async def test_what_was_made_here_has_no_source_to_follow(house: House) -> None:
    made = await house.meeting()
    edited = await house.call("UpdateMeeting", meeting={"name": made.name, "title": "Other"}, update_mask="title")
    assert list(edited.local_fields) == []
    with pytest.raises(Invalid):
        await house.call("UpdateMeeting", meeting={"name": made.name}, follow_source=["title"])


async def test_a_part_that_was_split_off_keeps_what_was_edited_in_it(house: House) -> None:
    await bring_in(house, row(1))
    whole = await only(house)
    later = await house.call(
        "UpdateMeeting",
        meeting={"name": whole.name, **MINE},
        update_mask="title",
        scope="EDIT_SCOPE_FOLLOWING",
        occurrence="20261208",
    )
    assert list(later.local_fields) == ["title"]
    (line,) = await bring_in(house, row(1, meeting={"title": "Theirs", "notes": "x"}))
    assert list(line.kept) == ["title"]
    after = await house.call("GetMeeting", name=later.name)
    assert (after.title, after.notes) == ("Our own title", "x")
    assert list((await house.call("GetMeeting", name=whole.name)).local_fields) == []


# --- single dates ---------------------------------------------------------------------------------------------------

OFF = {"date": "2026-12-01", "cancelled": True, "reason": "Hall is let"}
MOVED = {"date": "2026-12-08", "start": "2026-12-09T18:00"}


def dates(meeting: Any) -> list[tuple[str, bool, str]]:
    return [(each.date, each.cancelled, each.start) for each in meeting.changes]


async def test_what_the_source_says_of_single_dates_comes_in_and_goes_when_it_no_longer_says_so(house: House) -> None:
    await bring_in(house, row(1, changes=[OFF, MOVED]))
    assert dates(await only(house)) == [("2026-12-01", True, ""), ("2026-12-08", False, "2026-12-09T18:00")]
    (line,) = await bring_in(house, row(1, changes=[MOVED]))
    assert (NAMES[line.outcome], list(line.reasons)) == ("changed", ["changes"])
    assert dates(await only(house)) == [("2026-12-08", False, "2026-12-09T18:00")]
    (line,) = await bring_in(house, row(1, changes=[MOVED]))
    assert NAMES[line.outcome] == "unchanged"


async def test_a_persons_word_about_a_date_stands_against_the_source(house: House) -> None:
    await bring_in(house, row(1, changes=[OFF]))
    name = (await only(house)).name
    await house.call("CancelOccurrence", name=f"{name}/occurrences/20261208", reason="ours")
    await house.call("RestoreOccurrence", name=f"{name}/occurrences/20261201")

    await bring_in(house, row(1, meeting={"notes": "x"}, changes=[OFF, MOVED]))
    assert dates(await only(house)) == [("2026-12-08", True, "")]


async def test_a_change_on_a_date_that_the_series_has_not_does_nothing(house: House) -> None:
    await bring_in(house, row(1, changes=[{"date": "2026-12-02", "cancelled": True}]))
    assert dates(await only(house)) == []


async def test_a_change_that_cannot_be_refuses_its_row_alone(house: House) -> None:
    lines = await bring_in(house, row(1, changes=[{"date": "soon"}]), row(2))
    assert [NAMES[line.outcome] for line in lines] == ["refused", "new"]


async def test_extra_dates_follow_the_source(house: House) -> None:
    def with_extra(*days: str) -> dict[str, Any]:
        extra = [{"date": day} for day in days]
        return row(1, meeting={"schedule": {**row(1)["meeting"]["schedule"], "extra_dates": extra}})

    await bring_in(house, with_extra("2026-12-24"))
    await bring_in(house, with_extra("2026-12-31"))
    assert [each.date for each in (await only(house)).schedule.extra_dates] == ["2026-12-31"]


# --- what no field holds, and what only is tried --------------------------------------------------------------------


async def test_what_no_field_holds_is_kept_as_the_source_has_it(house: House) -> None:
    await bring_in(house, row(1, extra='{"district":"7"}'))
    assert (await only(house)).source.extra == '{"district":"7"}'
    (line,) = await bring_in(house, row(1, extra='{"district":"8"}'))
    assert NAMES[line.outcome] == "changed"


@pytest.mark.parametrize("extra", ["[]", "{", '{"a":"' + "x" * 16_384 + '"}'], ids=["a list", "no JSON", "too large"])
async def test_what_no_field_holds_is_a_json_object_of_at_most_16_kib(house: House, extra: str) -> None:
    (line,) = await bring_in(house, row(1, extra=extra))
    assert NAMES[line.outcome] == "refused"
    assert line.reasons[0].startswith("extra: ")


async def test_a_public_export_takes_nothing_away_that_it_may_not_hold(house: House) -> None:
    online = {"url": "https://meet.example.org/1", "notes": "Passcode 1234"}
    await bring_in(house, row(1, meeting={"mode": "MODE_HYBRID", "online": online}))
    told = row(1, meeting={"mode": "MODE_HYBRID", "online": {"url": online["url"]}}, public_only=True)
    (line,) = await bring_in(house, told)
    assert NAMES[line.outcome] == "unchanged"
    assert (await only(house)).online.notes == "Passcode 1234"

    changed = row(1, meeting={"mode": "MODE_HYBRID", "online": {"url": "https://meet.example.org/2"}}, public_only=True)
    (line,) = await bring_in(house, changed)
    assert list(line.reasons) == ["online"]
    assert (await only(house)).online.notes == ""


async def test_what_is_only_tried_is_answered_and_not_done(house: House) -> None:
    meeting = {"title": "Try", "mode": "MODE_IN_PERSON", "schedule": row(1)["meeting"]["schedule"]}
    tried = await house.call("CreateMeeting", parent=CENTRE, meeting=meeting, validate_only=True, request_id="try")
    assert tried.title == "Try"
    assert (await house.call("ListMeetings", parent=CENTRE)).meetings == []
    made = await house.meeting()
    update = {"meeting": {"name": made.name, "title": "Other"}, "update_mask": "title", "validate_only": True}
    assert (await house.call("UpdateMeeting", **update)).title == "Other"
    split = {**update, "scope": "EDIT_SCOPE_FOLLOWING", "occurrence": "20261208"}
    assert (await house.call("UpdateMeeting", **split)).title == "Other"
    assert await only(house) == made
    await house.call("DeleteMeeting", name=made.name)
    with pytest.raises(Unmet):
        await house.call("UpdateMeeting", **update)


async def test_what_is_public_is_listed_as_everybody_sees_it(house: House) -> None:
    secret = {"title": "Safe house", "address": "7 Hidden Lane", "address_access": "ADDRESS_ACCESS_AREA_ONLY"}
    place = await house.place(**secret, area="North")
    online = {"url": "https://meet.example.org/1", "passcode": "4711", "notes": "knock"}
    await house.meeting(place=place.name, mode="MODE_HYBRID", online=online, capacity=4)
    await house.meeting(title="Unlisted", visibility="VISIBILITY_UNLISTED")

    (found,) = (await house.call("ListMeetings", parent=CENTRE, public_only=True)).meetings
    text = str(found)
    assert (found.title, found.venue.area, found.online.url) == ("Tuesday Group", "North", online["url"])
    assert not [word for word in ("Hidden", "Safe house", "4711", "knock", "capacity") if word in text]
    assert found.HasField("update_time")
