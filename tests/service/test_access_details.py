"""Who sees what of agendas, closures, lists and numbers of chairs: everybody who asks, by every level."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from openchair.meetings.v1 import closure_pb2, meeting_pb2

from services.kit.publication import body
from services.meetings.records import PUBLICATIONS
from tests.service.closures_house import close
from tests.service.meetings_house import CENTRE, COORDINATOR, NOBODY, House
from tests.service.test_access_levels import (
    ADDRESS,
    ADDRESSES,
    AREA,
    EXISTS,
    LINK,
    ONLINE,
    PASSCODE,
    VISIBILITIES,
    Asker,
    Case,
    askers,
)
from tests.service.test_meetings_imports import row, take

if TYPE_CHECKING:
    from google.protobuf.message import Message

pytest_plugins = ["tests.service.meetings_house"]

ONE_STORE = pytest.mark.parametrize("house", ["memory"], indirect=True)
"""What is seen is decided after it was read: no store has a say in it."""

MAP = "https://maps.example.org/1"
TOLD = {"first_visit": "Ring twice", "cost": "Ten", "website": "https://retreat.example.org", "scholarship": True}
STAFF_ONLY = {"capacity": 7}
SCHEDULE = {
    "start": "2026-12-01T18:00",
    "time_zone": "America/Edmonton",
    "minutes": 120,
    "extra_dates": [{"date": "2026-12-08"}],
}


async def meetings(house: House, group: str) -> list[Case]:
    """One of each kind, without a link of its own: a closure lends one on one date, and moves it on the other."""
    made = []
    for address, visibility, access in product(ADDRESSES, VISIBILITIES, ONLINE):
        level = {"address_access": f"ADDRESS_ACCESS_{address}", "map_url": MAP, "regions": ["North"]}
        place, other = await house.place(**level), await house.place(**level, title="The other House")
        room = await house.call("CreateRoom", parent=CENTRE, room={"title": "Bakery", "place": place.name})
        session = {"id": "a", "title": "A", "day": 1, "time": "18:00", "minutes": 60, "rooms": [room.name]}
        meeting = await house.meeting(
            schedule=SCHEDULE,
            visibility=f"VISIBILITY_{visibility}",
            invite_group=group,
            place=place.name,
            sessions=[{**session, "leader": "Ana M.", "notes": "Bring a pen"}],
            online_capacity=12,
            **TOLD,
            **STAFF_ONLY,
        )
        link = {"url": "https://lent.example.org", "passcode": "sesame", "notes": "Say friend"}
        only = {"reason": "Flood", "places": [place.name]}
        lent = {"effect": "CLOSURE_EFFECT_ONLINE", "online": {**link, "access": f"ONLINE_ACCESS_{access}"}}
        await close(house, {**only, **lent, "start": "2026-12-01", "end": "2026-12-01"})
        moved = {"effect": "CLOSURE_EFFECT_MOVE", "move_place": other.name}
        await close(house, {**only, **moved, "start": "2026-12-08", "end": "2026-12-08"})
        made.append(Case(visibility, access, address, meeting.name))
    return made


def check_place(who: str, case: Case, venue: Any, title: str) -> None:
    found = case.address in ADDRESS[who]
    assert (venue.title, venue.map_url) == ((title, MAP) if found else ("", "")), (who, case)
    assert list(venue.regions) == (["North"] if case.address in AREA[who] else []), (who, case)


def check_link(who: str, case: Case, online: Any) -> None:
    assert online.url == ("https://lent.example.org" if case.online in LINK[who] else ""), (who, case)
    secret = ("sesame", "Say friend") if case.online in PASSCODE[who] else ("", "")
    assert (online.passcode, online.notes) == secret, (who, case)


def check(who: str, case: Case, meeting: Any) -> None:
    """What the meeting says is what its reader may know."""
    check_place(who, case, meeting.venue, "Church Hall")
    (session,) = meeting.sessions
    assert (session.leader, session.notes) == ("Ana M.", "Bring a pen")
    assert list(session.room_titles) == (["Bakery"] if case.address in ADDRESS[who] else []), (who, case)
    assert {field: getattr(meeting, field) for field in TOLD} == TOLD
    assert (meeting.capacity, meeting.online_capacity) == (7 if who == "staff" else 0, 12), (who, case)
    online, moved = meeting.changes
    assert {online.reason, moved.reason} == {"Flood"}
    check_link(who, case, online.online)
    check_place(who, case, moved.venue, "The other House")


@pytest.fixture
async def scene(house: House) -> tuple[list[Case], list[Asker]]:
    group = (await house.group()).name
    return await meetings(house, group), await askers(house, group)


@ONE_STORE
async def test_a_meeting_says_to_each_reader_what_they_may_know_of_it(
    house: House, scene: tuple[list[Case], list[Asker]]
) -> None:
    cases, everybody = scene
    assert len(everybody) == 13
    for asker, case in product(everybody, cases):
        if case.visibility in EXISTS[asker.kind]:
            request = {"name": case.name, "invite_code": asker.invite_code}
            check(asker.kind, case, await house.call("ViewMeeting", asker.caller, **request))


@ONE_STORE
async def test_dates_in_lists_and_found_ones_say_of_a_closure_what_their_reader_may_know(
    house: House, scene: tuple[list[Case], list[Asker]]
) -> None:
    cases, everybody = scene
    by_name = {case.name: case for case in cases}
    for asker in everybody:
        who = asker.listing
        for each in await house.listed(days=20, caller=asker.caller, invite_code=asker.invite_code):
            case = by_name[each.name.partition("/occurrences/")[0]]
            if each.local_start.startswith("2026-12-01"):
                check_link(who, case, each.online)
            else:
                check_place(who, case, each.venue, "The other House")
        search = {"parent": CENTRE, "next_dates": 2, "invite_code": asker.invite_code, "page_size": 200}
        found = (await house.call("SearchMeetings", asker.caller, **search)).meetings
        assert {each.name for each in found} == {case.name for case in cases if case.visibility in EXISTS[who]}
        for each in found:
            case, (online, moved) = by_name[each.name], each.next_dates
            assert online.url == ("https://lent.example.org" if case.online in LINK[who] else ""), (who, case)
            check_place(who, case, moved.venue, "The other House")


@ONE_STORE
async def test_views_of_meetings_and_closures_hold_what_their_widest_reader_may_see(
    house: House, scene: tuple[list[Case], list[Asker]]
) -> None:
    cases, _ = scene
    for case in cases:
        shown = await views(house, "meeting", case.name)
        for view, who in (("public", "anybody"), ("private", "holder")):
            if shown.get(view) is not None:
                check(who, case, shown[view])
    for closure in (await house.call("ListClosures", page_size=100, parent=CENTRE)).closures:
        message: Any = (await views(house, "closure", closure.name))["public"]
        public = closure.online.access in {0, 1}
        assert (message.online.url != "") is (public and closure.online.url != "")
        assert (message.online.passcode, message.done, message.total) == ("", 0, 0)


async def views(house: House, kind: str, name: str) -> dict[str, Message]:
    """Everything that is published about something."""
    record = await house.store.get(kind, name.rpartition("/")[2])
    assert record is not None
    published = {view.name for view in record.views}
    found = (each for each in PUBLICATIONS if each.kind == kind and each.view in published)
    message = {"meeting": meeting_pb2.Meeting, "closure": closure_pb2.Closure}[kind]
    return {each.view: body(each.event(record, "local"), message) for each in found}


@ONE_STORE
@pytest.mark.parametrize("address", ADDRESSES)
async def test_what_a_list_said_besides_is_withheld_with_the_address_and_local_fields_are_inside(
    house: House, address: str
) -> None:
    assert await take(house, [row(1, extra='{"contact": "at 1 Main St"}')]) == {"new": 1}
    (meeting,) = (await house.call("ListMeetings", parent=CENTRE)).meetings
    await house.call("UpdateMeeting", meeting={"name": meeting.name, "notes": "Ours"})
    level = f"ADDRESS_ACCESS_{address}"
    await house.call("UpdatePlace", place={"name": meeting.place, "address_access": level})
    await house.sweep()
    seen, inside = [await house.call("ViewMeeting", each, name=meeting.name) for each in (NOBODY, COORDINATOR)]
    assert list(inside.local_fields) == ["notes"]
    assert (list(seen.local_fields), seen.source.original) == ([], "")
    assert seen.source.extra == ('{"contact": "at 1 Main St"}' if address == "PUBLIC" else "")
