"""Filters of feeds: what a query means, what is refused, and which pages are kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from openchair.meetings.v1 import meeting_pb2, place_pb2

from services.feeds import app, cuts, vevent
from services.feeds.cuts import Recent
from services.feeds.filters import LONGEST_TITLE, Filter, FilterError, parse
from services.feeds.shelf import Shelf
from services.kit.clock import instant
from services.kit.event import Event, subject
from tests.unit.feeds_examples import CENTRE, NOON, SITE, WRITTEN, Feeds, gone, meeting, stated

FEED = f"/calendars/{CENTRE}.ics"


def _room(id_: str) -> Event:
    named = place_pb2.Room(name=f"centres/{CENTRE}/rooms/{id_}", place=f"centres/{CENTRE}/places/p")
    where = subject(SITE, "public", "meetings", CENTRE, "room", id_)
    return Event(where, 1, 1, named.DESCRIPTOR.full_name, instant(WRITTEN), named.SerializeToString())


def titles(body: bytes) -> list[str]:
    return sorted(str(event["SUMMARY"]) for event in Calendar.from_ical(body).events)


async def shown(feeds: Feeds, query: str = "", path: str = FEED) -> list[str]:
    answer = await feeds.get(path, query=query.encode())
    assert answer.status == 200, answer.body
    return titles(answer.body)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("kind=retreat,social", "kind=Social&kind=retreat,social"),
        ("fellowship=Al-Anon", "fellowship=al+anon"),
        ("day=mo,tu", "day=2,1"),
        ("day=TU", "day=2"),
        ("type=bt,O", "type=o,BT"),
        ("language=pt-BR", "language=PT_br"),
        ("mode=in-person", "mode=In_Person"),
        ("alarm=PT60M", "alarm=pt1h"),
        ("alarm=P7D", "alarm=P1W"),
        ("discreet=1", "discreet=Appointment"),
        ("day=1&mode=online", "mode=online&utm_source=x&day=mo"),
        ("discreet=0&cancelled=hide", ""),
        ("accessible=Step-Free", "accessible=step+free"),
    ],
)
def test_the_same_wish_spelt_differently_is_one_filter(one: str, other: str) -> None:
    assert parse(one.encode()) == parse(other.encode())


@given(st.binary(max_size=80))
def test_no_query_is_anything_but_a_filter_or_a_refusal(query: bytes) -> None:
    try:
        wanted = parse(query)
    except FilterError:
        return
    assert parse(wanted.query().encode()) == wanted


@given(
    st.fixed_dictionaries(
        {
            "kinds": st.sets(st.sampled_from(["retreat", "support-meeting"])).map(sorted).map(tuple),
            "days": st.sets(st.integers(0, 6)).map(sorted).map(tuple),
            "alarm": st.integers(-1, 604_800),
            "cancelled": st.booleans(),
            "word": st.sampled_from(["", "Appointment", "Yoga & tea", "1,2", "Überraschung"]),
        }
    )
)
def test_the_query_of_a_filter_means_that_filter(said: dict[str, Any]) -> None:
    wanted = Filter(**said)

    assert parse(wanted.query().encode()) == wanted


@pytest.mark.parametrize(
    "query",
    [
        "day=tuesday",
        "day=8",
        "day=",
        "mode=zoom",
        "kind=",
        "kind=a,,b",
        "fellowship=%E2%80%A6",
        "language=e%20s",
        "accessible=,",
        "type=",
        "cancelled=yes",
        "alarm=1h",
        "alarm=P8D",
        "alarm=P",
        "alarm=PT",
        "alarm=-PT1H",
        "discreet=",
        "discreet=" + "x" * 41,
    ],
)
async def test_a_value_that_means_nothing_is_refused_naming_its_parameter_and_what_it_takes(query: str) -> None:
    answer = await Feeds(meeting()).get(FEED, query=query.encode())

    assert answer.status == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.body.decode().startswith(f'"{query.partition("=")[0]}" takes ')


async def test_parameters_that_are_not_ours_are_nobodys_business() -> None:
    feeds = Feeds(meeting(1), meeting(2))

    assert await shown(feeds, "utm_source=x&fbclid=1") == ["Serenity 1", "Serenity 2"]


@pytest.mark.parametrize(
    ("mistyped", "meant"),
    [
        *(("days", "day"), ("kinds", "kind"), ("fellowhip", "fellowship"), ("Mode", "mode"), ("languages", "language")),
        *(("day[]", "day"), ("mode[]", "mode"), ("Day", "day")),
    ],
)
async def test_a_mistyped_parameter_is_refused_since_it_would_show_everything(mistyped: str, meant: str) -> None:
    answer = await Feeds(meeting()).get(FEED, query=f"{mistyped}=x".encode())

    assert (answer.status, answer.body.decode().strip()) == (400, f'"{mistyped}" takes nothing here; "{meant}" does.')


@pytest.mark.parametrize(
    ("query", "title"),
    [
        (b"mode=online&fellowship=AA&day=su,sa&type=be", "Alano Club (AA · BE · online · Sa · Su)"),
        (b"kind=retreat&fellowship=al-anon&language=pt-BR", "Alano Club (retreat · al-anon · pt-br)"),
        (b"accessible=" + b",".join(b"way-%d" % number for number in range(40)), "Alano Club (way-0 · way-1 · way-10"),
        (b"alarm=PT1H&cancelled=show", "Alano Club"),
    ],
)
async def test_two_calendars_of_a_centre_are_told_apart_by_their_titles(query: bytes, title: str) -> None:
    answer = await Feeds(meeting()).get(FEED, query=query)
    lines = answer.body.replace(b"\r\n ", b"").decode().splitlines()
    said = {name: text for name, _, text in (each.partition(":") for each in lines[:20])}

    assert said["X-WR-CALNAME"] == said["NAME"]
    assert said["NAME"].startswith(title)
    assert len(said["NAME"]) <= max(len(title), len("Alano Club ()") + LONGEST_TITLE)


async def test_a_filter_of_meetings_takes_those_that_fit_every_parameter_by_any_of_its_values() -> None:
    feeds = Feeds(
        meeting(1),
        meeting(2, fellowship="Al-Anon", language="es"),
        meeting(3, fellowship="NA", kind="retreat", other_languages=["es-MX"]),
        meeting(4, fellowship="", accessibility=["Wheelchair"]),
    )
    for query, numbers in {
        "fellowship=al-anon,NA": [2, 3],
        "fellowship=ga": [],
        "kind=retreat": [3],
        "kind=retreat,support-meeting": [1, 2, 3, 4],
        "language=es": [2, 3],
        "language=es-mx": [3],
        "accessible=wheelchair": [4],
        "fellowship=na&kind=support-meeting": [],
    }.items():
        assert await shown(feeds, query) == [f"Serenity {number}" for number in numbers], query


async def test_somebody_who_cannot_climb_stairs_is_not_sent_to_another_place_than_the_one_without() -> None:
    moved = meeting(1, accessibility=["wheelchair"])
    moved.changes.add(date="2026-12-08", place=f"centres/{CENTRE}/places/q")
    moved.changes[0].venue.title = "Cellar"
    (event,) = Calendar.from_ical((await Feeds(moved).get(FEED, query=b"accessible=wheelchair")).body).events

    assert event["EXDATE"].to_ical() == b"20261208T190000"


async def test_one_wish_has_one_page_however_it_is_spelt_and_a_change_of_the_centre_spoils_it() -> None:
    feeds = Feeds(meeting(1), meeting(2, fellowship="NA"))
    first = await feeds.get(FEED, query=b"fellowship=na&day=tu,we")
    second = await feeds.get(FEED, query=b"day=3,2&fellowship=NA&x=1")

    assert (first.body, first.headers) == (second.body, second.headers)
    assert len(feeds.app._filtered) == 1
    feeds.apply(stated(meeting(2, fellowship="NA", title="New"), 2, NOON))
    assert len(feeds.app._filtered) == 0
    assert await shown(feeds, "fellowship=na&day=tu") == ["New"]


async def test_a_filtered_feed_follows_every_change_and_equals_one_made_from_nothing() -> None:
    feeds = Feeds(*(meeting(n, fellowship="NA" if n % 2 else "AA") for n in range(40)))
    queries = ["fellowship=na", "discreet=1", "day=tu&fellowship=na"]
    for query in queries:
        await shown(feeds, query)
    feeds.apply(
        stated(meeting(3, fellowship="AA"), 2, NOON), gone(5, 2, NOON), stated(meeting(50, fellowship="NA"), 1, NOON)
    )
    fresh = Feeds(*(meeting(n, fellowship="NA" if n % 2 and n != 3 else "AA") for n in range(40) if n != 5))
    fresh.apply(stated(meeting(50, fellowship="NA"), 1, NOON))

    for query in queries:
        assert (await feeds.get(FEED, query=query.encode())).body == (await fresh.get(FEED, query=query.encode())).body


async def test_a_change_renders_one_meeting_of_a_filtered_feed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    feeds = Feeds(*map(meeting, range(50)))
    await shown(feeds, "discreet=1")
    rendered = []

    def render(one: meeting_pb2.Meeting, *rest: Any) -> vevent.Sheet:
        rendered.append(one.name)
        return vevent.render(one, *rest)

    monkeypatch.setattr("services.feeds.shelf.render", render)
    feeds.apply(stated(meeting(7, title="New"), 2, NOON))
    await shown(feeds, "discreet=1")

    assert rendered == [meeting(7).name]


async def test_what_changes_while_a_feed_is_put_together_is_in_it() -> None:
    feeds = Feeds(*map(meeting, range(200)))
    asked = asyncio.create_task(feeds.get(FEED, query=b"day=tu"))
    number = 0
    while not asked.done():
        if number < 25:
            feeds.apply(stated(meeting(number, title=f"New {number}"), 2, NOON))
            number += 1
        await asyncio.sleep(0)

    assert number > 12
    assert {f"New {each}" for each in range(number)} <= set(titles((await asked).body))


async def test_a_centre_that_never_rests_gets_its_filtered_feeds_too() -> None:
    feeds = Feeds(*map(meeting, range(100)))
    asked = asyncio.create_task(feeds.get(FEED, query=b"day=tu"))
    revision = 1
    while not asked.done() and revision < 1000:
        revision += 1
        feeds.apply(stated(meeting(1, title=f"New {revision}"), revision, NOON))
        await asyncio.sleep(0)

    assert (await asked).status == 200
    assert revision < 1000


def test_of_too_much_that_is_kept_what_was_not_asked_for_longest_goes() -> None:
    kept: Recent[str, int] = Recent(3, 100)
    for name, weight in {"a": 10, "b": 10, "c": 10}.items():
        kept.put(name, 1, weight)
    kept.get("a")
    kept.put("d", 1, 10)
    assert kept.names() == ["c", "a", "d"]
    kept.put("e", 1, 95)
    assert kept.names() == ["e"]
    kept.put("f", 1, 500)
    assert (kept.names(), kept.weight) == (["f"], 500)


async def test_however_many_words_people_choose_few_pages_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MOST_FILTERED", 5)
    monkeypatch.setattr("services.feeds.shelf.MOST_CUTS", 5)
    feeds = Feeds(meeting())
    for number in range(20):
        await shown(feeds, f"discreet=word{number}&type=type{number}")

    assert len(feeds.app._filtered) == 5
    assert len(feeds.app._shelves[CENTRE]._cuts) == 5
    assert cuts.MOST_CUTS > 5


async def test_wishes_that_only_choose_weigh_something_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.feeds.shelf.MOST_BYTES", 10 * 30 * cuts.ENTRY)
    feeds = Feeds(*map(meeting, range(30)))
    for number in range(20):
        await shown(feeds, f"fellowship=aa,other{number}")

    assert len(feeds.app._shelves[CENTRE]._cuts) == 10


async def test_many_words_at_a_time_are_answered_all_and_few_at_a_time() -> None:
    feeds = Feeds(*map(meeting, range(40)))
    answers = await asyncio.gather(*(feeds.get(FEED, query=f"discreet=word{n}".encode()) for n in range(9)))

    assert [answer.body.count(f"SUMMARY:word{n}\r\n".encode()) for n, answer in enumerate(answers)] == [40] * 9
    assert not feeds.app._makers.locked()


async def test_of_many_who_ask_for_the_same_few_make_it(monkeypatch: pytest.MonkeyPatch) -> None:
    feeds = Feeds(*map(meeting, range(40)))
    made: list[object] = []
    page = Shelf.page

    def counted(*asked: Any) -> Any:
        made.append(asked)
        return page(*asked)

    monkeypatch.setattr(Shelf, "page", counted)
    answers = await asyncio.gather(*(feeds.get(FEED, query=b"day=tu") for _ in range(30)))

    assert {answer.status for answer in answers} == {200}
    assert len(made) <= app.MOST_MAKERS


@pytest.mark.parametrize(("query", "says"), [(b"day=tu", True), (b"type=O", True), (b"mode=online", False)])
async def test_a_calendar_whose_dates_end_in_some_months_says_so(query: bytes, *, says: bool) -> None:
    body = (await Feeds(meeting()).get(FEED, query=query)).body.replace(b"\r\n ", b"")

    assert (b"DESCRIPTION:A house of meetings\\nWhere no rule says" in body) is says
    assert (b"up to the end of the fifth month from now.\r\n" in body) is says


async def test_filtered_feeds_have_validators_and_the_last_modified_of_the_whole_centre() -> None:
    feeds = Feeds(meeting(1), meeting(2, fellowship="NA"))
    whole, part = await feeds.get(), await feeds.get(FEED, query=b"fellowship=na")

    assert part.headers["last-modified"] == whole.headers["last-modified"]
    assert part.headers["etag"] != whole.headers["etag"]
    assert (await feeds.get(FEED, query=b"fellowship=na", if_none_match=part.headers["etag"])).status == 304
    head = await feeds.get(FEED, "HEAD", query=b"fellowship=na")
    assert (head.status, head.headers, head.body) == (200, part.headers, b"")
