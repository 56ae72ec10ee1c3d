"""Imports through the service: staged, in force by one commit, one by one, the same again, gone, and back."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.clock import instant
from services.kit.errors import Invalid, NotFound, Unmet
from services.meetings import rows as import_rows
from tests.service.meetings_house import CENTRE, NOBODY, House

if TYPE_CHECKING:
    from openchair.meetings.v1 import import_pb2

pytest_plugins = ("tests.service.meetings_house",)

NAMES = {0: "-", 1: "new", 2: "changed", 3: "unchanged", 4: "gone", 5: "refused"}


def row(number: int, **fields: Any) -> dict[str, Any]:
    meeting = {
        "title": f"Group {number}",
        "mode": "MODE_IN_PERSON",
        "schedule": {
            "start": "2026-11-24T19:00",
            "time_zone": "America/Edmonton",
            "minutes": 60,
            "rule": "FREQ=WEEKLY;BYDAY=TU",
        },
        **fields.pop("meeting", {}),
    }
    place = {"title": f"Hall {number % 3}", "address": f"{number % 3} Main St"}
    return {"number": number, "source_id": f"g{number}", "meeting": meeting, "place": place, **fields}


async def stage(house: House, rows: list[dict[str, Any]], source: str = "list") -> str:
    made = await house.call("CreateImport", parent=CENTRE, **{"import": {"source": source}})
    for start in range(0, len(rows), 500):
        await house.call("AddImportRows", name=made.name, rows=rows[start : start + 500])
    return str(made.name)


async def take(house: House, rows: list[dict[str, Any]], *, remove_gone: bool = False) -> Counter[str]:
    name = await stage(house, rows)
    await house.call("CommitImport", name=name, remove_gone=remove_gone)
    await drain(house)
    reply = await house.call("GetImport", name=name)
    assert getattr(reply, "import").state == 3
    return Counter(NAMES[line.outcome] for line in await report(house, name))


async def drain(house: House) -> None:
    """What is due now, not what is due later (a report that is to be forgotten)."""
    await house.sweep()


async def report(house: House, name: str) -> list[Any]:
    lines, token = [], ""
    while True:
        reply = await house.call("GetImport", name=name, page_token=token, page_size=2)
        lines += reply.report
        token = reply.next_page_token
        if not token:
            return lines


async def test_what_is_staged_is_not_in_force_and_says_what_would_become_of_it(house: House) -> None:
    name = await stage(house, [row(n) for n in range(1, 6)])
    assert [NAMES[line.outcome] for line in await report(house, name)] == ["new"] * 5
    assert await house.listed() == []
    assert (await house.call("ListPlaces", parent=CENTRE)).places == []


async def test_an_import_brings_meetings_and_places_and_the_same_again_changes_nothing(house: House) -> None:
    rows = [row(n) for n in range(1, 6)]
    assert await take(house, rows) == {"new": 5}
    assert len((await house.call("ListPlaces", parent=CENTRE)).places) == 3
    before = await house.call("ListMeetings", parent=CENTRE)
    await house.clock.advance(9 * 86400)
    later = [
        row(n, meeting={"schedule": {**row(n)["meeting"]["schedule"], "start": "2026-12-08T19:00"}})
        for n in range(1, 6)
    ]
    assert await take(house, later) == {"unchanged": 5}
    assert await house.call("ListMeetings", parent=CENTRE) == before


async def test_a_row_as_it_came_is_not_looked_at_again_and_a_refused_one_stays_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(n) for n in range(1, 6)]
    await take(house, rows)
    looked_at = list[int]()
    problems = import_rows.problems

    def look(each: import_pb2.ImportRow) -> tuple[str, ...]:
        looked_at.append(each.number)
        return problems(each)

    monkeypatch.setattr(import_rows, "problems", look)
    again = [*rows[:3], row(4, refusal="it has no time"), row(5, meeting={"title": ""})]
    name = await stage(house, again)
    planned = [NAMES[line.outcome] for line in await report(house, name)]
    assert planned == ["unchanged", "unchanged", "unchanged", "refused", "refused"]
    await house.call("CommitImport", name=name)
    await drain(house)
    assert [NAMES[line.outcome] for line in await report(house, name)] == planned
    assert set(looked_at) == {4, 5}


async def test_a_changed_row_says_which_fields_and_keeps_the_start_and_the_changed_dates(house: House) -> None:
    await take(house, [row(1)])
    (meeting,) = (await house.call("ListMeetings", parent=CENTRE)).meetings
    await house.call("CancelOccurrence", name=f"{meeting.name}/occurrences/20261201")
    schedule = {**row(1)["meeting"]["schedule"], "start": "2026-12-08T20:00"}
    name = await stage(house, [row(1, meeting={"title": "New", "schedule": schedule})])
    (line,) = await report(house, name)
    assert (NAMES[line.outcome], list(line.reasons)) == ("changed", ["title", "schedule"])
    await house.call("CommitImport", name=name)
    await drain(house)
    assert [each.local_start for each in await house.listed(days=18)] == ["2026-11-24T20:00", "2026-12-08T20:00"]


async def test_a_row_that_cannot_be_is_refused_with_its_reason_and_the_rest_comes_in(house: House) -> None:
    rows = [
        row(1),
        row(2, meeting={"title": ""}),
        row(3, meeting={"title": "a\u202eb"}),
        row(4, refusal="it has no time"),
        row(5, source_id="g1"),
        row(6),
    ]
    name = await stage(house, rows)
    await house.call("CommitImport", name=name)
    await drain(house)
    lines = {line.number: line for line in await report(house, name)}
    assert [NAMES[lines[n].outcome] for n in range(1, 7)] == ["new", "refused", "refused", "refused", "refused", "new"]
    assert lines[2].reasons == ["title: must not be empty"]
    assert "U+202E" in lines[3].reasons[0]
    assert lines[4].reasons == ["it has no time"]
    assert lines[5].reasons == ["another row has the same source_id"]


async def test_what_is_gone_is_told_and_removed_only_when_asked(house: House) -> None:
    rows = [row(n) for n in range(1, 11)]
    await take(house, rows)
    assert await take(house, rows[:9]) == {"unchanged": 9, "gone": 1}
    assert len((await house.call("ListMeetings", parent=CENTRE)).meetings) == 10
    assert await take(house, rows[:9], remove_gone=True) == {"unchanged": 9, "gone": 1}
    assert len((await house.call("ListMeetings", parent=CENTRE)).meetings) == 9


async def test_a_source_that_shrinks_by_more_than_a_fifth_is_not_believed(house: House) -> None:
    rows = [row(n) for n in range(1, 11)]
    await take(house, rows)
    name = await stage(house, rows[:7])
    with pytest.raises(Unmet) as refusal:
        await house.call("CommitImport", name=name, remove_gone=True)
    assert (refusal.value.reason, refusal.value.details) == ("SOURCE_SHRANK", {"gone": "3", "known": "10"})
    empty = await house.call("CreateImport", parent=CENTRE, **{"import": {"source": "list"}})
    with pytest.raises(Unmet):
        await house.call("CommitImport", name=empty.name, remove_gone=True)


async def test_a_meeting_that_comes_back_is_the_same_one_and_goes_on_counting(house: House) -> None:
    rows = [row(n) for n in range(1, 11)]
    await take(house, rows)
    known = {each.title: each for each in (await house.call("ListMeetings", parent=CENTRE)).meetings}
    await take(house, rows[:9], remove_gone=True)
    assert await take(house, rows) == {"unchanged": 9, "changed": 1}
    back = await house.call("GetMeeting", name=known["Group 10"].name)
    assert (back.state, back.sequence) == (1, known["Group 10"].sequence + 2)


async def test_an_import_that_was_stopped_goes_on_where_it_was_and_does_nothing_twice(house: House) -> None:
    name = await stage(house, [row(n) for n in range(1, 41)])
    await house.call("CommitImport", name=name)
    (due,) = await house.store.due(instant(house.clock.now()), 10)
    going = asyncio.ensure_future(house.meetings.due["import"](due))
    half: list[Any] = []
    while len(half) < 4:
        half = list((await house.call("ListMeetings", parent=CENTRE)).meetings)
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    assert len((await house.call("ListMeetings", parent=CENTRE)).meetings) < 40
    await drain(house)
    assert [NAMES[line.outcome] for line in await report(house, name)] == ["new"] * 40
    whole = {each.name: each for each in (await house.call("ListMeetings", parent=CENTRE)).meetings}
    assert len(whole) == 40
    assert all(whole[each.name] == each for each in half)


async def test_an_import_never_committed_is_forgotten_after_a_day(house: House) -> None:
    name = await stage(house, [row(1)])
    await house.clock.advance(86_401)
    await drain(house)
    with pytest.raises(NotFound):
        await house.call("GetImport", name=name)
    assert (await house.store.find("rows", {})).records == ()


async def test_deleting_is_for_what_is_not_in_force(house: House) -> None:
    name = await stage(house, [row(1)])
    await house.call("CommitImport", name=name)
    with pytest.raises(Unmet):
        await house.call("DeleteImport", name=name)
    other = await stage(house, [row(1)])
    await house.call("DeleteImport", name=other)
    with pytest.raises(NotFound):
        await house.call("GetImport", name=other)


async def test_a_call_sent_again_takes_its_own_place(house: House) -> None:
    name = await stage(house, [row(1), row(2)])
    again = await house.call("AddImportRows", name=name, rows=[row(1), row(2, meeting={"title": "Second"})])
    assert again.rows == 2
    assert [line.title for line in await report(house, name)] == ["Group 1", "Second"]


async def test_a_split_meeting_takes_an_import_in_its_last_part(house: House) -> None:
    await take(house, [row(1)])
    (meeting,) = (await house.call("ListMeetings", parent=CENTRE)).meetings
    part = await house.call(
        "UpdateMeeting",
        meeting={"name": meeting.name, "title": "Local"},
        scope="EDIT_SCOPE_FOLLOWING",
        occurrence="20261208",
    )
    assert await take(house, [row(1)]) == {"unchanged": 1}
    assert await take(house, [row(1, meeting={"notes": "new"})]) == {"changed": 1}
    assert (await house.call("GetMeeting", name=part.name)).notes == "new"
    assert (await house.call("GetMeeting", name=meeting.name)).notes == ""


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row(n) for n in range(1, 502)],
        [row(2), row(1)],
        [row(0)],
    ],
    ids=["none", "501", "falling", "zero"],
)
async def test_a_call_that_is_wrong_as_a_whole_stages_nothing(house: House, rows: list[dict[str, Any]]) -> None:
    name = await stage(house, [])
    with pytest.raises(Invalid) as refusal:
        await house.call("AddImportRows", name=name, rows=rows)
    assert refusal.value.violations[0].field == "rows"
    assert getattr(await house.call("GetImport", name=name), "import").rows == 0


@pytest.mark.parametrize("source", ["", "Two Words", "a/b", "x" * 61])
async def test_a_source_has_a_plain_name(house: House, source: str) -> None:
    with pytest.raises(Invalid) as refusal:
        await stage(house, [], source)
    assert refusal.value.violations[0].field == "import.source"


async def test_what_was_deleted_here_is_not_brought_back_by_the_next_list(house: House) -> None:
    await take(house, [row(1), row(2)])
    (meeting, _) = (await house.call("ListMeetings", parent=CENTRE)).meetings
    await house.call("DeleteMeeting", name=meeting.name)
    name = await stage(house, [row(1, meeting={"notes": "x"}), row(2, meeting={"notes": "x"})])
    lines = await report(house, name)
    assert sorted(NAMES[line.outcome] for line in lines) == ["changed", "unchanged"]
    assert ["it was deleted here, so it is not brought back"] in [list(line.reasons) for line in lines]
    await house.call("CommitImport", name=name)
    await drain(house)
    assert len((await house.call("ListMeetings", parent=CENTRE)).meetings) == 1


async def test_a_corrected_address_stays_as_withheld_as_the_one_before(house: House) -> None:
    await take(house, [row(1)])
    (place,) = (await house.call("ListPlaces", parent=CENTRE)).places
    await house.call("UpdatePlace", place={"name": place.name, "address_access": "ADDRESS_ACCESS_AREA_ONLY"})
    await house.sweep()
    moved = {**row(1), "place": {"title": "Hall 1", "address": "9 Other St", "area": "Town"}}
    assert await take(house, [moved]) == {"changed": 1}
    (seen, *_) = await house.listed(days=7, caller=NOBODY)
    assert (seen.venue.address, seen.venue.area) == ("", "Town")


async def test_the_id_of_an_imported_place_tells_nothing_of_its_address(house: House) -> None:
    await take(house, [row(1)])
    (first,) = (await house.call("ListPlaces", parent=CENTRE)).places
    await house.call("DeleteMeeting", name=(await house.call("ListMeetings", parent=CENTRE)).meetings[0].name)
    await house.call("DeletePlace", name=first.name)
    await take(house, [row(1, source_id="other")])
    (again,) = (await house.call("ListPlaces", parent=CENTRE)).places
    assert again.name != first.name
