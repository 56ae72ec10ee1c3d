"""A centre's list goes out as everybody may see it, and coming in again it changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from services.formats import meeting_guide
from services.formats.meeting_guide_out import records, written
from tests.service.meetings_house import CENTRE, House
from tests.service.test_meetings_imports import NAMES, drain, report, stage

pytest_plugins = ("tests.service.meetings_house",)

LIST = Path(__file__).parent.parent / "data" / "meeting_guide" / "sussexaa.json"
TODAY = date(2026, 11, 21)
BASE = "https://house.example.org"


def read(data: bytes) -> list[dict[str, Any]]:
    rows = meeting_guide.read(data, fellowship="AA", timezone="America/New_York", today=TODAY).rows
    return [MessageToDict(row, preserving_proto_field_name=True) for row in rows]


async def take(house: House, data: bytes, source: str = "list", *, remove_gone: bool = False) -> Counter[str]:
    name = await stage(house, read(data), source)
    await house.call("CommitImport", name=name, remove_gone=remove_gone)
    await drain(house)
    return Counter(NAMES[line.outcome] for line in await report(house, name))


async def export(house: House) -> bytes:
    centre = await house.call("GetCentre", name=CENTRE)
    meetings = (await house.call("ListMeetings", parent=CENTRE, public_only=True, page_size=1000)).meetings
    return written(records(meetings, centre, BASE, TODAY))


async def everything(house: House) -> list[Any]:
    return list((await house.call("ListMeetings", parent=CENTRE, page_size=1000)).meetings)


def listed() -> bytes:
    """The list, with one meeting at a private address and one whose link has a passcode."""
    found = json.loads(LIST.read_text(encoding="utf-8"))
    found.append({"slug": "at-anns", "name": "At Ann's", "day": 1, "time": "19:00", "approximate": "yes",
                  "formatted_address": "12 Secret Ln, Lewes, DE", "location": "Ann's", "region": "Lewes"})  # fmt: skip
    found.append({"slug": "far", "name": "Far", "day": 1, "time": "19:00", "conference_phone": "+15550100",
                  "conference_url": "https://meet.example.org/1", "conference_url_notes": "Passcode 4711"})  # fmt: skip
    return json.dumps(found).encode()


async def test_our_own_list_coming_in_again_changes_nothing_and_takes_nothing_away(house: House) -> None:
    first = await take(house, listed())
    assert set(first) == {"new"}
    before = await everything(house)
    told = await export(house)
    assert b"Secret" not in told
    assert b"4711" not in told

    assert await take(house, told, remove_gone=True) == {"unchanged": first["new"]}
    assert await everything(house) == before
    assert await export(house) == told


async def test_what_was_edited_here_and_what_is_kept_to_few_survive_our_own_list(house: House) -> None:
    await take(house, listed())
    named = {meeting.source.id: meeting for meeting in await everything(house)}
    rooms = [await house.call("CreateRoom", parent=CENTRE, room={"title": "Attic", "place": named["at-anns"].place})]
    edits: list[tuple[str, dict[str, Any]]] = [
        ("at-anns", {"rooms": [rooms[0].name], "capacity": 5}),
        ("far", {"online": {"access": 3, "url": "https://meet.example.org/1", "passcode": "42"}, "title": "Mine"}),
    ]
    for slug, fields in edits:
        mask = ",".join(fields)
        await house.call("UpdateMeeting", meeting={"name": named[slug].name, **fields}, update_mask=mask)
    await house.call("CancelOccurrence", name=f"{named['far'].name}/occurrences/20261130", reason="Let")
    before = await everything(house)

    assert set(await take(house, await export(house), remove_gone=True)) == {"unchanged"}
    assert await everything(house) == before


async def test_what_was_made_here_is_not_made_twice_by_our_own_list(house: House) -> None:
    await house.meeting(title="Ours")
    before = await everything(house)
    assert await take(house, await export(house)) == {"unchanged": 1}
    assert await everything(house) == before


async def test_a_change_in_our_own_list_that_somebody_corrected_comes_in(house: House) -> None:
    await take(house, listed())
    found = json.loads(await export(house))
    found[0]["notes"] = "Corrected by hand"
    assert (await take(house, json.dumps(found).encode()))["changed"] == 1
    (meeting,) = [each for each in await everything(house) if each.notes == "Corrected by hand"]
    assert meeting.title == found[0]["name"]
