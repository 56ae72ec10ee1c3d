"""Calendars through the service: what comes in, comes again, changes and goes is what the calendar says."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict

from tests.service.meetings_house import CENTRE, NOBODY, House
from tests.service.test_meetings_imports import report
from tests.unit.ics_examples import event, read, text

pytest_plugins = ("tests.service.meetings_house",)

WEDNESDAY = "DTSTART;TZID=America/Edmonton:20261125T190000"  # four days after the house's clock


def about(day: str, *lines: str, start: str = "", more: str = "") -> list[str]:
    begin = f"DTSTART;TZID=America/Edmonton:{start or day + 'T190000'}"
    return event(f"RECURRENCE-ID{more};TZID=America/Edmonton:{day}T190000", *lines, start=begin)


async def take(house: House, *lines: str, remove_gone: bool = False) -> list[Any]:
    """Brings a calendar in. The lines of the report."""
    made = await house.call("CreateImport", parent=CENTRE, **{"import": {"source": "hall"}})
    rows = [MessageToDict(row, preserving_proto_field_name=True) for row in read(text(*lines))]
    await house.call("AddImportRows", name=made.name, rows=rows)
    await house.call("CommitImport", name=made.name, remove_gone=remove_gone)
    await house.sweep()
    return await report(house, made.name)


async def told(house: House, days: int = 40) -> list[tuple[str, str]]:
    """When what is."""
    return [(each.local_start, each.title) for each in await house.listed(days=days) if each.state == 1]


def dates(found: list[tuple[str, str]]) -> list[str]:
    return [start for start, _ in found]


async def test_the_same_calendar_again_changes_nothing(house: House) -> None:
    lines = [*event("RRULE:FREQ=WEEKLY", start=WEDNESDAY), *about("20261202", start="20261203T180000")]
    assert [line.outcome for line in await take(house, *lines)] == [1]
    before = await house.call("ListMeetings", parent=CENTRE)
    assert dates(await told(house, 20)) == ["2026-11-25T19:00", "2026-12-03T18:00", "2026-12-09T19:00"]
    await house.clock.advance(86400)
    assert [line.outcome for line in await take(house, *lines)] == [3]
    assert await house.call("ListMeetings", parent=CENTRE) == before


async def test_what_is_taken_out_of_the_calendar_is_no_longer_told(house: House) -> None:
    await take(house, *event("RRULE:FREQ=WEEKLY", start=WEDNESDAY))
    await take(house, *event("RRULE:FREQ=WEEKLY", "EXDATE;TZID=America/Edmonton:20261202T190000", start=WEDNESDAY))
    assert dates(await told(house, 20)) == ["2026-11-25T19:00", "2026-12-09T19:00"]
    await take(house, *event("RRULE:FREQ=WEEKLY", start=WEDNESDAY))
    assert dates(await told(house, 20)) == ["2026-11-25T19:00", "2026-12-02T19:00", "2026-12-09T19:00"]


async def test_every_second_week_follows_the_calendar_to_the_other_week(house: House) -> None:
    await take(house, *event("RRULE:FREQ=WEEKLY;INTERVAL=2", start=WEDNESDAY))
    (line,) = await take(house, *event("RRULE:FREQ=WEEKLY;INTERVAL=2", start=WEDNESDAY.replace("1125", "1202")))
    assert line.outcome == 2
    assert dates(await told(house, 30)) == ["2026-12-02T19:00", "2026-12-16T19:00"]


async def test_a_series_that_begins_later_now_is_not_told_before(house: House) -> None:
    await take(house, *event("RRULE:FREQ=WEEKLY", start=WEDNESDAY))
    await take(house, *event("RRULE:FREQ=WEEKLY", start=WEDNESDAY.replace("1125", "1209")))
    assert dates(await told(house, 30)) == ["2026-12-09T19:00", "2026-12-16T19:00"]


async def test_dates_one_by_one_follow_the_calendar(house: House) -> None:
    await take(house, *event("RDATE;TZID=America/Edmonton:20261127T190000,20261201T120000", start=WEDNESDAY))
    assert dates(await told(house)) == ["2026-11-25T19:00", "2026-11-27T19:00", "2026-12-01T12:00"]
    await take(house, *event("RDATE;TZID=America/Edmonton:20261130T190000", start=WEDNESDAY))
    assert dates(await told(house)) == ["2026-11-25T19:00", "2026-11-30T19:00"]


async def test_this_and_following_comes_in_as_two_and_becomes_one_again(house: House) -> None:
    series = event("RRULE:FREQ=WEEKLY", start=WEDNESDAY)
    later = about("20261209", "LOCATION:Park House\\, 9 Elm St", start="20261209T180000", more=";RANGE=THISANDFUTURE")
    others = [line for n in range(5) for line in event(uid=f"past{n}", start=WEDNESDAY.replace("2026", "2025"))]
    await take(house, *series, *others)
    assert [line.outcome for line in await take(house, *series, *others, *later)] == [2, *[3] * 5, 1]
    assert dates(await told(house, 26)) == [
        "2026-11-25T19:00",
        "2026-12-02T19:00",
        "2026-12-09T18:00",
        "2026-12-16T18:00",
    ]
    lines = await take(house, *series, *others, remove_gone=True)
    assert [line.outcome for line in lines] == [2, *[3] * 5, 4]
    assert dates(await told(house, 26)) == [
        "2026-11-25T19:00",
        "2026-12-02T19:00",
        "2026-12-09T19:00",
        "2026-12-16T19:00",
    ]


async def test_what_the_calendar_took_back_goes_whether_or_not_what_is_gone_is_removed(house: House) -> None:
    series = event("RRULE:FREQ=WEEKLY", start=WEDNESDAY)
    later = about("20261209", "LOCATION:Park House\\, 9 Elm St", start="20261209T180000", more=";RANGE=THISANDFUTURE")
    await take(house, *series, *later)
    lines = await take(house, *series)
    assert [(line.outcome, bool(line.reasons)) for line in lines] == [(2, True), (4, True)]
    assert dates(await told(house, 26)) == [f"2026-{day}T19:00" for day in ("11-25", "12-02", "12-09", "12-16")]


async def test_what_came_of_a_series_stays_while_the_series_itself_is_missing(house: House) -> None:
    later = about("20261209", "LOCATION:Park House\\, 9 Elm St", start="20261209T180000", more=";RANGE=THISANDFUTURE")
    await take(house, *event("RRULE:FREQ=WEEKLY", start=WEDNESDAY), *later)
    await take(house, *event(uid="another", start=WEDNESDAY))
    assert "2026-12-16T18:00" in dates(await told(house, 26))


async def test_a_date_held_elsewhere_is_told_once_and_where_it_is(house: House) -> None:
    elsewhere = about("20261202", "LOCATION:Park House\\, 9 Elm St")
    await take(house, *event("RRULE:FREQ=WEEKLY", start=WEDNESDAY), *elsewhere)
    found = [each for each in await house.listed(days=20) if each.state == 1]
    assert [(each.local_start, each.venue.address) for each in found] == [
        ("2026-11-25T19:00", "Hall, 1 Main St"),
        ("2026-12-02T19:00", "Park House, 9 Elm St"),
        ("2026-12-09T19:00", "Hall, 1 Main St"),
    ]


async def test_what_the_calendar_cancels_is_not_told_any_more(house: House) -> None:
    await take(house, *event("RRULE:FREQ=WEEKLY", start=WEDNESDAY))
    await take(house, *event("RRULE:FREQ=WEEKLY", "STATUS:CANCELLED", "SEQUENCE:1", start=WEDNESDAY))
    assert await told(house) == []


async def test_an_event_that_can_no_longer_be_read_is_reported_and_stays_as_it_was(house: House) -> None:
    await take(house, *event("RRULE:FREQ=WEEKLY", start=WEDNESDAY))
    (line,) = await take(house, *event("RRULE:FREQ=SECONDLY", start=WEDNESDAY), remove_gone=True)
    assert (line.outcome, line.number) == (5, 1)
    assert dates(await told(house, 12)) == ["2026-11-25T19:00", "2026-12-02T19:00"]


async def test_what_is_marked_private_is_not_told_to_the_public(house: House) -> None:
    await take(house, *event("RRULE:FREQ=WEEKLY", "CLASS:PRIVATE", start=WEDNESDAY))
    assert len(await house.listed(days=12)) == 2
    assert await house.listed(12, NOBODY) == []
