"""Meetings where two things meet: an import and a coordinator, two commands at once, a message and its retry."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.formats import meeting_guide
from services.kit.clock import SystemClock
from services.kit.errors import Invalid, NotFound, Unavailable, Unmet
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Conflict
from services.meetings.records import KINDS, PUBLICATIONS
from tests.service.meetings_house import CENTRE, NOBODY, START, House

if TYPE_CHECKING:
    from services.kit.store.port import Commit

pytest_plugins = ("tests.service.meetings_house",)

HALL = {"title": "Hall", "address": "1 Main St", "area": "Old Town"}
TUESDAYS = {"start": "2026-11-24T19:00", "time_zone": "America/Edmonton", "minutes": 60, "rule": "FREQ=WEEKLY;BYDAY=TU"}


def row(number: int, source_id: str, place: dict[str, Any] | None = None, **meeting: Any) -> dict[str, Any]:
    said = {"title": source_id, "mode": "MODE_IN_PERSON", "schedule": TUESDAYS, **meeting}
    return {"number": number, "source_id": source_id, "meeting": said, **({"place": place} if place else {})}


async def staged(house: House, *rows: dict[str, Any]) -> str:
    intent = await house.call("CreateImport", parent=CENTRE, **{"import": {"source": "town"}})
    await house.call("AddImportRows", name=intent.name, rows=list(rows))
    return str(intent.name)


async def imported(house: House, *rows: dict[str, Any], remove_gone: bool = False) -> list[int]:
    """The outcomes, in the order of the report."""
    name = await staged(house, *rows)
    await house.call("CommitImport", name=name, remove_gone=remove_gone)
    await house.sweep()
    return [line.outcome for line in (await house.call("GetImport", name=name)).report]


async def titles(house: House) -> list[str]:
    return sorted(each.title for each in (await house.call("ListMeetings", parent=CENTRE)).meetings)


async def split_at(house: House, title: str, date: str) -> str:
    found = await house.call("ListMeetings", parent=CENTRE)
    name = next(each.name for each in found.meetings if each.title == title)
    edit = {"meeting": {"name": name, "title": f"{title} later"}, "scope": "EDIT_SCOPE_FOLLOWING", "occurrence": date}
    await house.call("UpdateMeeting", **edit)
    return str(name)


async def test_an_import_of_the_same_leaves_a_place_as_the_coordinator_made_it(house: House) -> None:
    await imported(house, row(1, "a", HALL))
    (place,) = (await house.call("ListPlaces", parent=CENTRE)).places
    await house.call("UpdatePlace", place={"name": place.name, "notes": "ring twice"})
    await imported(house, row(1, "a", HALL))
    assert (await house.call("GetPlace", name=place.name)).notes == "ring twice"


async def test_an_import_never_makes_public_what_was_withheld_here(house: House) -> None:
    online = {"url": "https://meet.example.org/a", "access": "ONLINE_ACCESS_PUBLIC"}
    said = {"online": online, "visibility": "VISIBILITY_PUBLIC"}
    await imported(house, row(1, "a", HALL, **said))
    (place,) = (await house.call("ListPlaces", parent=CENTRE)).places
    (meeting,) = (await house.call("ListMeetings", parent=CENTRE)).meetings
    await house.call("UpdatePlace", place={"name": place.name, "address_access": "ADDRESS_ACCESS_AREA_ONLY"})
    kept = {"visibility": "VISIBILITY_UNLISTED", "online": {**online, "access": "ONLINE_ACCESS_INVITE_CODE"}}
    await house.call("UpdateMeeting", meeting={"name": meeting.name, **kept})
    await imported(house, row(1, "a", HALL, **said, notes="new at the source"))
    meeting = await house.call("GetMeeting", name=meeting.name)
    assert (meeting.notes, meeting.visibility, meeting.online.access) == ("new at the source", 2, 3)
    assert (await house.call("GetPlace", name=place.name)).address_access == 2


async def test_a_part_does_not_wait_for_one_that_an_import_made_less_than_public(house: House) -> None:
    await imported(house, row(1, "a"))
    name = await split_at(house, "a", "20261208")
    assert (await house.call("GetMeeting", name=name)).next_part_revision == 1
    await imported(house, row(1, "a", visibility="VISIBILITY_UNLISTED"))
    first = await house.call("GetMeeting", name=name)
    assert (first.next_part != "", first.next_part_revision, first.visibility) == (True, 0, 1)
    assert (await house.call("GetMeeting", name=first.next_part)).visibility == 2


async def test_what_is_gone_from_the_source_goes_with_all_its_parts(house: House) -> None:
    others = [row(number, f"other {number}") for number in range(2, 8)]
    await imported(house, row(1, "a"), *others)
    await split_at(house, "a", "20261208")
    await imported(house, *others, remove_gone=True)
    assert await titles(house) == [each["source_id"] for each in others]


async def test_an_import_finds_the_living_part_of_a_series_whose_first_part_was_deleted(house: House) -> None:
    await imported(house, row(1, "a"))
    await house.call("DeleteMeeting", name=await split_at(house, "a", "20261208"))
    assert await imported(house, row(1, "a")) == [3]
    assert await titles(house) == ["a later"]


async def test_a_one_off_whose_date_changed_at_the_source_moves(house: House) -> None:
    once = {**TUESDAYS, "rule": ""}
    await imported(house, row(1, "a", schedule=once))
    assert await imported(house, row(1, "a", schedule={**once, "start": "2026-12-05T19:00"})) == [2]
    assert [each.local_start for each in await house.listed()] == ["2026-12-05T19:00"]


async def test_rows_with_a_double_may_be_sent_again(house: House) -> None:
    intent = await house.call("CreateImport", parent=CENTRE, **{"import": {"source": "town"}})
    request = {"name": intent.name, "rows": [row(1, "a"), row(2, "a")], "request_id": "once"}
    first = await house.call("AddImportRows", **request)
    assert await house.call("AddImportRows", **request) == first


async def test_an_import_keeps_its_centre(house: House) -> None:
    name = await staged(house, row(1, "a"))
    with pytest.raises(Unmet) as refusal:
        await house.call("DeleteCentre", name=CENTRE)
    assert refusal.value.details == {"kind": "import"}
    await house.call("DeleteImport", name=name)
    await house.call("DeleteCentre", name=CENTRE)
    with pytest.raises(NotFound):
        await house.call("CreateImport", parent=CENTRE, **{"import": {"source": "town"}})


class Crowded(MemoryStore):
    """A store in which somebody else is always faster at a kind of record."""

    crowded = ""

    async def commit(self, change: Commit) -> None:
        """Raises Conflict for records of that kind."""
        if any(record.kind == self.crowded for record in change.records):
            raise Conflict("somebody was faster")
        await super().commit(change)


async def test_a_row_is_not_refused_because_others_were_faster_but_taken_later() -> None:
    clock = SystemClock()
    store = Crowded(KINDS, clock)
    await store.open()
    house = House(store, clock)  # type: ignore[arg-type]  # transact sleeps between its attempts
    await house.centre()
    name = await staged(house, row(1, "a"))
    await house.call("CommitImport", name=name)
    store.crowded = "meeting"
    with pytest.raises(Unavailable):
        await house.sweep()
    store.crowded = ""
    await house.sweep()
    assert [line.outcome for line in (await house.call("GetImport", name=name)).report] == [1]


async def test_two_neighbouring_parts_edited_at_once_never_overlap() -> None:
    clock = SystemClock()
    store = MemoryStore(KINDS, clock)
    await store.open()
    house = House(store, clock)  # type: ignore[arg-type]  # transact sleeps between its attempts
    await house.centre()
    first = (await house.meeting()).name
    later = await house.call(
        "UpdateMeeting",
        meeting={"name": first, "title": "B"},
        scope="EDIT_SCOPE_FOLLOWING",
        occurrence="20270105",
    )

    def until(day: str) -> dict[str, Any]:
        schedule = {"rule": f"FREQ=WEEKLY;BYDAY=TU;UNTIL={day}"}
        return {"meeting": {"name": first, "schedule": schedule}, "update_mask": "schedule.rule"}

    await house.call("UpdateMeeting", **until("20261201"))
    earlier = {"meeting": {"name": later.name, "schedule": {"start": "2026-12-08T19:00"}}}
    done = await asyncio.gather(
        house.call("UpdateMeeting", **until("20261229")),
        house.call("UpdateMeeting", **earlier, update_mask="schedule.start"),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Invalid) for each in done) == 1


async def test_a_link_for_one_date_is_no_more_public_than_the_series(house: House) -> None:
    online = {"url": "https://meet.example.org/a", "access": "ONLINE_ACCESS_SEAT_HOLDERS"}
    meeting = await house.meeting(online=online)
    change = {"online": {"url": "https://meet.example.org/b"}}
    await house.call("ChangeOccurrence", name=f"{meeting.name}/occurrences/20261124", change=change)
    edited = await house.call("UpdateMeeting", meeting={"name": meeting.name, **change})
    assert edited.online.access == 2
    assert [each.online.url for each in await house.listed(days=12, caller=NOBODY)] == ["", ""]


@pytest.mark.parametrize("access", ["ADDRESS_ACCESS_AREA_ONLY", "ADDRESS_ACCESS_HOLDERS"])
async def test_names_of_a_place_and_its_rooms_are_as_private_as_its_address(house: House, access: str) -> None:
    place = await house.place(title="CANARY-1", address="CANARY-2", notes="CANARY-3", address_access=access)
    room = {"title": "CANARY-4", "notes": "CANARY-5", "place": place.name}
    made = await house.call("CreateRoom", parent=CENTRE, room=room)
    assert made.title == "CANARY-4"
    events = [
        publication.event(record, "local").payload or b""
        for record in await house.store.unpublished(100)
        for publication in PUBLICATIONS
        if publication.kind == record.kind
    ]
    assert any(place.name.encode() in event for event in events)
    assert not any(b"CANARY" in event for event in events)


async def test_a_window_beyond_all_calendars_is_refused(house: House) -> None:
    with pytest.raises(Invalid) as refusal:
        await house.call("ListOccurrences", parent=CENTRE, start_time="9999-12-30T00:00:00Z")
    assert refusal.value.violations[0].field == "start_time"


async def test_a_deleted_meeting_says_so_when_it_is_edited(house: House) -> None:
    meeting = await house.meeting()
    await house.call("DeleteMeeting", name=meeting.name)
    with pytest.raises(Unmet) as refusal:
        await house.call("UpdateMeeting", meeting={"name": meeting.name, "title": "X"})
    assert refusal.value.reason == "MEETING_CANCELLED"


async def test_a_part_cannot_begin_with_the_second_occurrence_of_a_day(house: House) -> None:
    extra = [{"date": "2026-12-01", "ordinal": 1, "time": "20:00"}]
    meeting = await house.meeting(schedule={**TUESDAYS, "rule": "", "extra_dates": extra})
    with pytest.raises(Invalid) as refusal:
        await split_following(house, meeting.name, "20261201-1")
    assert refusal.value.violations[0].field == "occurrence"


async def split_following(house: House, name: str, occurrence: str) -> None:
    edit = {"meeting": {"name": name, "title": "X"}, "scope": "EDIT_SCOPE_FOLLOWING", "occurrence": occurrence}
    await house.call("UpdateMeeting", **edit)


async def test_a_kept_date_that_would_meet_twice_at_one_hour_is_refused_by_name(house: House) -> None:
    meeting = await house.meeting()
    await house.call("ChangeOccurrence", name=f"{meeting.name}/occurrences/20261201", change={"title": "Birthday"})
    extra = [{"date": "2026-12-01", "ordinal": 1, "time": "19:00"}]
    schedule = {**TUESDAYS, "start": "2026-11-26T19:00", "rule": "FREQ=WEEKLY;BYDAY=TH", "extra_dates": extra}
    with pytest.raises(Invalid) as refusal:
        await house.call(
            "UpdateMeeting", meeting={"name": meeting.name, "schedule": schedule}, orphans="ORPHAN_POLICY_KEEP"
        )
    assert refusal.value.violations[0].field.startswith("meeting.schedule.extra_dates")


async def test_a_meeting_never_grows_larger_than_an_event_may_be(house: House) -> None:
    meeting = await house.meeting()

    async def fill() -> None:
        for week in range(200):
            day = START.date() + timedelta(days=3, weeks=week)
            name = f"{meeting.name}/occurrences/{day:%Y%m%d}"
            await house.call("ChangeOccurrence", name=name, change={"notes": "n" * 8_000})

    with pytest.raises(Unmet) as refusal:
        await fill()
    assert refusal.value.reason == "MEETING_TOO_LARGE"


async def test_two_lists_of_one_source_come_in_one_after_the_other(house: House) -> None:
    older, newer = await staged(house, row(1, "a", notes="old")), await staged(house, row(1, "a", notes="new"))
    await house.call("CommitImport", name=older)
    with pytest.raises(Unmet) as refusal:
        await house.call("CommitImport", name=newer)
    assert refusal.value.reason == "IMPORT_RUNNING"
    await house.sweep()
    await house.call("CommitImport", name=newer)
    await house.sweep()
    assert [each.notes for each in (await house.call("ListMeetings", parent=CENTRE)).meetings] == ["new"]


@pytest.mark.parametrize(
    "line", ["PW: 1234", "pw 1234", "PIN: 1234", "Access code 1234", "Code: 1234", "mdp: 12", "Pass: 1", "clave: 12"]
)
def test_what_looks_like_a_passcode_in_a_list_is_in_no_public_field(line: str) -> None:
    record = {"name": "A", "slug": "a", "day": 1, "time": "19:00", "location": "Hall", "address": "1 Main St"}
    record |= {"conference_url": "https://meet.example.org/a", "notes": f"Welcome\n{line}", "location_notes": line}
    text = json.dumps([record]).encode()
    (said,) = meeting_guide.read(text, fellowship="AA", timezone="UTC", today=START.date()).rows
    assert (said.meeting.notes, said.meeting.online.notes, said.place.notes) == ("Welcome", line, "")
