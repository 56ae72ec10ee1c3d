"""What is asked of closures: previews, the same twice, what is wrong with one and is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.kit.errors import Invalid, NotFound, Stale, Unmet
from tests.service.closures_house import (
    FLOOD,
    WEEK,
    WITHDRAWN,
    close,
    document,
    seen,
)
from tests.service.meetings_house import CENTRE, COORDINATOR, House

if TYPE_CHECKING:
    from openchair.meetings.v1 import meeting_pb2


pytest_plugins = ("tests.service.meetings_house",)


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
