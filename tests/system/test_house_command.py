"""Centres, places and rooms from a terminal: made, changed, and deleted where nothing uses them."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.cli.when import short
from services.recurrence.zones import local_day
from tests.system.coordinator import NEW, ZONE, asked_json, changes_nothing, done, refused, shown

if TYPE_CHECKING:
    from tests.system.running import System

pytest_plugins = ("tests.system.coordinator",)

EVE = date(local_day(datetime.now(UTC), ZONE).year + 1, 12, 24)


def states(system: System) -> list[str]:
    """The etags of the centre, the place Barn and the room Hayloft."""

    async def of_centre() -> str:
        async with system.meetings() as stub:
            return (await stub.GetCentre(pb.GetCentreRequest(name="centres/riverside"))).etag

    found = [asyncio.run(of_centre())]
    for what, title in (("place", "Barn"), ("room", "Hayloft")):
        listed = asked_json(system, what, "list", "riverside")
        found += [each["etag"] for each in listed if each["title"] == title]
    return found


def test_places_and_rooms_are_made_and_what_a_place_says_is_changed(system: System) -> None:
    place = asked_json(system, "place", "create", "riverside", "--title=Parish Hall", "--address=1 Church Street")
    room = asked_json(system, "room", "create", "riverside", "--place=parish", "--title=Crypt", "--capacity=20")
    assert room["place"] == place["name"]
    edited = asked_json(system, "place", "edit", "riverside", "Parish", "--position=53.5,-113.5", "--yes")
    assert (edited["place"]["latitude"], edited["done"]) == (53.5, True)
    told = done(system, "room", "list", "riverside")
    assert max(map(len, told.splitlines())) <= 80
    (line,) = [each.split() for each in told.splitlines() if "Crypt" in each]
    assert line == ["Crypt", "20", room["id"][:8]]
    assert asked_json(system, "room", "show", "riverside", room["id"][:8])["name"] == room["name"]
    code, said = refused(system, "room", "create", "riverside", "--place=parish", "--title=CRYPT")
    assert (code, f'--title: there is a room "Crypt" already, {room["id"]}' in said) == (1, True), said
    code, said = refused(system, "place", "edit", "riverside", "Parish", "--map=nonsense", "--yes")
    assert (code, "--map: must be" in said) == (2, True)
    for what, title in (("place", "Parish"), ("room", "Crypt")):
        code, said = refused(system, what, "edit", "riverside", title, "--yes")
        assert (code, "say what is to be changed" in said) == (2, True)


def test_a_room_is_changed_and_what_nothing_uses_is_deleted(system: System) -> None:
    place = asked_json(system, "place", "create", "riverside", "--title=Granary", "--address=3 Church Street")
    asked_json(system, "room", "create", "riverside", "--place=Granary", "--title=Loft", "--equipment=piano")
    words = ("--capacity=12", "--no-equipment", "--notes=Up the stairs", "--yes")
    edited = asked_json(system, "room", "edit", "riverside", "Loft", *words)
    assert (edited["room"]["capacity"], edited["room"]["equipment"]) == (12, [])
    assert {each["name"] for each in edited["changes"]} == {"capacity", "equipment", "notes"}

    done(system, "meeting", "create", "riverside", "--title=Up There", *NEW[:3], "--on=tuesday", "--every=week",
         "--place=Granary", "--room=Loft", "--yes")  # fmt: skip
    name = shown(system, "Up There")["parts"][0]["id"]
    for what, title in (("room", "Loft"), ("place", "Granary")):
        code, said = refused(system, what, "delete", "riverside", title, "--yes")
        assert (code, f"openchair meeting show riverside {name}" in said) == (1, True), said
    done(system, "meeting", "edit", "riverside", "Up There", "--place=Riverside House", "--no-room", "--yes")

    assert refused(system, "room", "delete", "riverside", "Loft")[0] == 2
    assert not asked_json(system, "room", "delete", "riverside", "Loft", "--dry-run")["done"]
    done(system, "room", "delete", "riverside", "Loft", "--yes")
    gone = asked_json(system, "place", "delete", "riverside", "Granary", "--yes")
    assert gone == {"done": True, "name": place["name"]}
    assert refused(system, "room", "delete", "riverside", "Loft", "--yes")[0] == 1
    assert "Granary" not in done(system, "place", "list", "riverside")


def test_an_edit_that_changes_nothing_asks_and_writes_nothing(system: System) -> None:
    house = ("--position=53.1,-113.1", "--region=Alberta", "--address-for=area-only", "--area=Old Mill", "--notes=Ring")
    room = ("--capacity=12", "--equipment=piano,screen", "--notes=Up the stairs")
    done(system, "place", "create", "riverside", "--title=Barn", *house)
    done(system, "room", "create", "riverside", "--place=Barn", "--title=Hayloft", *room)
    phone = ("--phone=+1 780 555 0178", "--kind=tea: Tea")
    done(system, "centre", "edit", "riverside", *phone, "--yes")

    before = states(system)
    changes_nothing(system, "place", "edit", "riverside", "Barn", "--title=Barn", *house)
    changes_nothing(system, "room", "edit", "riverside", "Hayloft", "--title=Hayloft", *room)
    changes_nothing(system, "centre", "edit", "riverside", "--title=Riverside Recovery Centre", *phone)
    assert states(system) == before

    done(system, "place", "edit", "riverside", "Barn", "--notes=Knock", *house[:-1], "--yes")
    done(system, "room", "edit", "riverside", "Hayloft", "--capacity=13", "--yes")
    done(system, "centre", "edit", "riverside", "--kind=tea: Tea time", "--yes")
    assert [now == then for now, then in zip(states(system), before, strict=True)] == [False] * 3


def test_only_a_centre_that_has_nothing_left_is_deleted(system: System) -> None:
    done(system, "centre", "create", "trial", "--title=Trial", "--timezone=UTC")
    done(system, "place", "create", "trial", "--title=Hall")
    code, said = refused(system, "centre", "delete", "trial", "--yes")
    assert (code, "still has a place" in said) == (1, True)
    done(system, "place", "delete", "trial", "Hall", "--yes")
    assert asked_json(system, "centre", "delete", "trial", "--yes")["done"]
    assert "trial" not in done(system, "centre", "list")


def test_a_centre_says_whom_to_call_and_whose_holidays_count(system: System) -> None:
    words = ("--phone=+1 780 555 0177", "--holiday-calendar=CA-AB", "--kind=sound-bath: Sound bath")
    changed = asked_json(system, "centre", "edit", "riverside", *words, "--yes")
    assert changed["centre"]["phone"] == "+1 780 555 0177"
    assert changed["centre"]["kinds"][-1] == {"id": "sound-bath", "title": "Sound bath"}
    code, said = refused(system, "centre", "edit", "riverside", "--holiday-calendar=XX", "--yes")
    assert (code, "--holiday-calendar: must be" in said) == (2, True)


def test_all_that_a_room_is_is_said_in_words_shown_and_changed(system: System) -> None:
    asked_json(system, "place", "create", "riverside", "--title=Mill", "--address=9 Church Street")
    for title in ("East Room", "West Room"):
        asked_json(system, "room", "create", "riverside", "--place=Mill", f"--title={title}")
    hall = ("--place=Mill", "--title=Mill Hall", "--part=East Room", "--part=West Room", "--setup=15", "--teardown=30")
    asked_json(system, "room", "create", "riverside", *hall, "--hours=mon-fri 09:00-22:00", f"--closed={EVE}: Eve")
    words = ("--who=coordinators", "--quota=2 per week", "--approval=holds", "--public-busy", "--days-ahead=90")
    edited = asked_json(system, "room", "edit", "riverside", "Mill Hall", *words, "--hours=sat 10am-6pm", "--yes")
    assert [each["name"] for each in edited["changes"]] == [
        "hours", "busy times", "who may book", "days ahead", "quotas", "approval",
    ]  # fmt: skip
    told = done(system, "room", "show", "riverside", "Mill Hall")
    for line in (
        "parts              East Room, West Room",
        "hours              Sat 10:00-18:00",
        f"{EVE.year} closed: Eve",
    ):
        assert line in told, told
    assert "not together with  Mill Hall" in done(system, "room", "show", "riverside", "East Room")
    changes_nothing(
        system, "room", "edit", "riverside", "Mill Hall", *words, "--setup=15m", "--part=east", "--part=west"
    )

    code, said = refused(system, "room", "edit", "riverside", "East Room", "--part=Mill Hall", "--yes")
    assert (code, "--part: would make it a part of itself" in said) == (2, True), said
    code, said = refused(system, "room", "edit", "riverside", "Mill Hall", "--shortest=90", "--longest=60", "--yes")
    assert (code, "--longest: must not be less" in said) == (2, True), said
    code, said = refused(system, "room", "create", "riverside", "--place=Mill", "--title=X", "--hours=whenever")
    assert (code, "argument --hours" in said) == (2, True), said

    video = ("--video", "--title=Account 1", "--capacity=100", "--link=https://example.org/j/1")
    assert asked_json(system, "room", "create", "riverside", *video)["kind"] == "ROOM_KIND_VIDEO"
    listed = done(system, "room", "list", "riverside")
    assert "Video accounts\n" in listed
    assert "made of Piano Side" in listed
    code, said = refused(system, "room", "edit", "riverside", "Account 1", "--link=http://example.org", "--yes")
    assert (code, "--link: must be an https address" in said) == (2, True), said


def test_parts_that_are_booked_at_the_same_time_are_refused_with_a_table(system: System) -> None:
    day = date(EVE.year, 1, 12)
    asked_json(system, "place", "create", "riverside", "--title=Forge", "--address=11 Church Street")
    for title in ("Anvil", "Bellows"):
        asked_json(system, "room", "create", "riverside", "--place=Forge", f"--title={title}")
        done(system, "meeting", "create", "riverside", f"--title={title} Group", "--mode=in-person", "--at=19:00",
             "--for=1h", f"--on={day}", "--place=Forge", f"--room={title}", "--yes")  # fmt: skip
    code, said = refused(system, "room", "edit", "riverside", "Anvil", "--part=Bellows", "--yes")
    assert code == 1
    assert f"{short(day)} 19:00 to 20:00" in said, said
    assert "taken by" in said, said
