"""Calendars of parts of a centre: its fellowships, kinds, rooms and meetings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from openchair.meetings.v1 import centre_pb2, place_pb2

from services.formats.slugs import slug
from tests.unit.feeds_examples import CENTRE, NOON, Feeds, centre, id_of, meeting, stated
from tests.unit.feeds_shapes import ROOMS, changed, held_in, retreat, room, roomy, special, venue
from tests.unit.test_feeds_filters import FEED, _room, shown, titles


async def test_parts_of_a_centre_are_named_after_it_and_say_their_own_address() -> None:
    feeds = Feeds(held_in(1, "hearth", fellowship="Al-Anon", kind="sound-bath"), meeting(2, fellowship="NA"))
    own = centre()
    own.kinds.add(id="sound-bath", title="Sound bath")
    feeds.apply(stated(own, 2, NOON))
    for part, name in {
        "fellowship/al-anon": "Al-Anon",
        "kind/sound-bath": "Sound bath",
        "room/hearth": ROOMS["hearth"],
    }.items():
        calendar = Calendar.from_ical((await feeds.get(f"/calendars/{CENTRE}/{part}.ics")).body)
        assert calendar["X-WR-CALNAME"] == calendar["NAME"] == f"Alano Club: {name}"
        assert str(calendar["SOURCE"]).endswith(f"/calendars/{CENTRE}/{part}.ics")
        assert [str(event["SUMMARY"]) for event in calendar.events] == ["Serenity 1"]
    filtered = Calendar.from_ical((await feeds.get(FEED, query=b"day=2&utm=1&fellowship=NA")).body)
    assert str(filtered["SOURCE"]).endswith(f"/calendars/{CENTRE}.ics?fellowship=na&day=tu")


async def test_what_a_centre_has_or_the_field_knows_has_a_calendar_and_what_it_never_had_has_none() -> None:
    feeds = Feeds(meeting(1, fellowship="Hearth Circle"))
    feeds.apply(stated(centre_pb2.Centre(name="centres/other", title="Other", time_zone="UTC")))
    for part, status in {
        "fellowship/hearth-circle": 200,
        "fellowship/na": 200,  # its last meeting here may have ended
        "fellowship/hearth": 404,
        "kind/retreat": 200,
        "kind/retreats": 404,
        "room/hearth": 404,
        "building/hearth": 404,
    }.items():
        assert (await feeds.get(f"/calendars/{CENTRE}/{part}.ics")).status == status, part
    assert (await feeds.get("/calendars/nowhere/fellowship/na.ics")).status == 404


async def test_a_room_of_the_centre_without_a_meeting_has_an_empty_calendar() -> None:
    feeds = Feeds(meeting())
    feeds.apply(_room("attic"))
    answer = await feeds.get(f"/calendars/{CENTRE}/room/attic.ics")

    assert (answer.status, titles(answer.body)) == (200, [])
    assert b"NAME:Alano Club: Room\r\n" in answer.body


async def test_a_fellowship_is_found_by_any_spelling_and_has_one_page() -> None:
    feeds = Feeds(meeting(1, fellowship="Al-Anon"))
    found = [
        await feeds.get(f"/calendars/{CENTRE}/fellowship/{name}.ics") for name in ("al-anon", "Al-Anon", "AL_ANON")
    ]

    assert len({answer.body for answer in found}) == 1
    assert len(feeds.app._pages) == 1


async def test_a_room_at_a_place_that_is_kept_back_shows_and_names_nothing() -> None:
    hidden = held_in(1, "hearth")
    hidden.venue.address_access = place_pb2.ADDRESS_ACCESS_HOLDERS
    feeds = Feeds(hidden)
    feeds.apply(_room("hearth"))
    answer = await feeds.get(f"/calendars/{CENTRE}/room/hearth.ics")

    assert titles(answer.body) == []
    assert b"Hearth" not in answer.body


async def test_what_left_a_room_with_its_last_date_is_not_called_off_there() -> None:
    feeds = Feeds(roomy()["only one date left, elsewhere"])

    assert await shown(feeds, path=f"/calendars/{CENTRE}/room/hearth.ics") == []
    assert await shown(feeds, path=f"/calendars/{CENTRE}/room/attic.ics") == ["Serenity 161"]


async def test_an_item_of_an_agenda_is_not_in_the_calendar_of_a_room_that_its_date_has_not() -> None:
    path = f"/calendars/{CENTRE}/room/hearth.ics"
    assert await shown(Feeds(retreat(1)), path=path) == ["Morning sit"]
    without = retreat(1)
    without.changes.add(date="2027-05-07", agenda_without=[room("hearth")])
    assert await shown(Feeds(without), path=path) == []


async def test_a_room_that_a_date_is_moved_to_without_a_place_is_not_told_as_the_old_one() -> None:
    moved = held_in(1, "hearth")
    moved.changes.add(date="2026-12-08", rooms=[room("attic")])
    master, override = Calendar.from_ical(await Feeds(moved).body()).events

    assert "Hearth Room" in str(master["LOCATION"])
    assert override["LOCATION"] == "St Mary's, 10 Main St, Edmonton"


async def test_one_meeting_takes_filters_too() -> None:
    feeds = Feeds(special(meeting(1), "Speaker", 3, types=["SP"]))
    path = f"/calendars/{CENTRE}/meeting/{id_of(1)}.ics"

    assert await shown(feeds, "type=sp", path) == ["Serenity 1 (Speaker)"]
    assert await shown(feeds, "fellowship=na", path) == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Al-Anon", "al-anon"),
        ("Recovery Dharma", "recovery-dharma"),
        ("Ñandú & Çà", "nandu-ca"),
        ("  ", ""),
        ("Straße", "strasse"),
        ("日本", ""),
    ],
)
def test_a_slug_is_lower_case_letters_figures_and_hyphens(text: str, address: str) -> None:
    assert slug(text) == address


@given(st.text())
def test_the_slug_of_a_slug_is_itself(text: str) -> None:
    assert slug(slug(text)) == slug(text)


async def test_a_date_that_has_lost_its_room_is_not_in_the_calendar_of_that_room() -> None:
    """Whoever stands at that door finds somebody else there. As its home says it, and where it names the room still."""
    there = {"place": f"centres/{CENTRE}/places/p", "venue": venue(["attic"])}
    lost = [room("hearth")]
    for fields in ({**there, "rooms": [room("attic")]}, {**there, "rooms": [*lost, room("attic")]}, {}):
        feeds = Feeds(changed(held_in(1, "hearth", "attic"), "2026-12-08", lost_rooms=lost, **fields))
        hearth, attic = [await feeds.body(f"/calendars/{CENTRE}/room/{name}.ics") for name in ("hearth", "attic")]
        left_out = b"EXDATE;TZID=America/Edmonton:20261208T190000"
        assert (left_out in hearth, left_out in attic) == (True, False), fields
