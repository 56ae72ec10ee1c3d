"""Berlin's list in a running site: what is special in which week, and a house that closes for a fortnight.

What is expected is reckoned from the file (`berlin`). Seen from outside: over gRPC, in the calendar, on the page, in
the list for other sites, and in a calendar program on a person's computer.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from openchair.meetings.v1 import occurrence_pb2, schedule_pb2

from services.recurrence.zones import local_day, midnight
from tests.system import acts, berlin
from tests.system.days import on_one_day
from tests.system.feed_readers import icalendar_reader
from tests.system.page_lines import from_tomorrow, page_lines
from tests.system.real_clients import BIN, Entry, Subscriber, needs_clients
from tests.system.running import System, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator

CENTRE: Final = "centres/berlin"
DAYS: Final = 120
CLOSED: Final = 14
AROUND: Final = 20
_STAMPS: Final = re.compile(rb"^(SEQUENCE|DTSTAMP|LAST-MODIFIED):[^\r]*\r\n", re.MULTILINE)


@cache
def now() -> datetime:
    """When this was asked first, which is after the list came in: its dates are known from that day on."""
    return datetime.now(UTC).replace(microsecond=0)


def first_day() -> date:
    """The date in Berlin then."""
    return local_day(now(), berlin.ZONE)


def shut_from() -> date:
    """The first day on which the house is closed."""
    return first_day() + timedelta(days=2)


class Seen(NamedTuple):
    """The centre from outside at one moment. `agenda` is what khal shows; None where it is not installed."""

    feed: bytes
    page: str
    guide: list[dict[str, Any]]
    agenda: list[Entry] | None

    @property
    def plain_feed(self) -> bytes:
        """Without what tells one version from another."""
        return _STAMPS.sub(b"", self.feed)

    @property
    def plain_guide(self) -> list[dict[str, Any]]:
        """The same of the list."""
        return [{name: value for name, value in record.items() if name != "updated"} for record in self.guide]


class Closing(NamedTuple):
    """What was seen before a house was closed, while it was, and after; and all dates as the service had them then.

    All on one day, since a page begins with the day it is.
    """

    day: date
    before: Seen
    closed: Seen
    after: Seen
    listed: list[occurrence_pb2.Occurrence]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("berlin")) as system:
        made = system.command("centre", "create", "berlin", "--title", "NA Berlin", "--timezone", berlin.ZONE)
        assert made.returncode == 0, made.stderr
        done = berlin.bring_in(system, "--json")
        assert json.loads(done.stdout)["counts"] == {"new": len(berlin.RECORDS)}, done.stderr
        until(lambda: system.feed("berlin").count(b"BEGIN:VEVENT") >= len(berlin.RECORDS), "the calendar has them")
        yield system


async def listed(system: System, days: int, **more: Any) -> list[occurrence_pb2.Occurrence]:
    async with system.meetings() as stub:
        return [each for each in await acts.occurrences(stub, CENTRE, now(), days, **more) if start_of(each) >= now()]


def start_of(each: occurrence_pb2.Occurrence) -> datetime:
    return each.start_time.ToDatetime(UTC)


def expected(days: int) -> list[tuple[berlin.Held, dict[str, Any]]]:
    end = now() + timedelta(days=days)
    return [(each, record) for each, record in berlin.held(first_day(), days + 2) if now() <= each.start < end]


def test_the_list_has_each_format_of_one_week() -> None:
    keys = {key for record in berlin.RECORDS for key in record["formats"].split(",")}
    assert {
        "Sp1",
        "Sp2",
        "Sp3",
        "Sp4",
        "Sp5",
        "SpL",
        "O1",
        "O2",
        "O4",
        "O5",
        "FuAL",
        "Wo1",
        "Wo2",
        "Wo3",
        "Wo4",
    } <= keys


async def test_each_week_of_the_month_is_a_programme_of_its_own(site: System) -> None:
    async with site.meetings() as stub:
        found = {meeting.source.id: meeting for meeting in await acts.meetings(stub, CENTRE)}
    for record in berlin.RECORDS:
        meeting = found[record["id_bigint"]]
        keys = [re.fullmatch(r"(Sp|O|FuA)([1-5L])", key) for key in record["formats"].split(",")]
        said = {(berlin.ABOUT[key[1]], -1 if key[2] == "L" else int(key[2])) for key in keys if key}
        assert {(each.title, week) for each in meeting.programmes for week in each.weeks} == said, record
        opens = {each.title for each in meeting.programmes if each.who_may_come == schedule_pb2.WHO_MAY_COME_EVERYBODY}
        assert opens == {"Open"} & {title for title, _ in said}
        assert ("MONTHLY" in meeting.schedule.rule) is ("Wo" in record["formats"])


async def test_what_is_special_is_told_on_its_dates_and_on_no_other_over_grpc(site: System) -> None:
    said = Counter(
        (start_of(each), each.title.strip(), frozenset(special.title for special in each.programmes))
        for each in await listed(site, DAYS)
    )
    assert said == Counter(tuple(each) for each, _ in expected(DAYS))


def test_a_calendar_names_it_on_each_day_of_the_next_four_months(site: System) -> None:
    seen = icalendar_reader(site.feed("berlin"), now(), now() + timedelta(days=DAYS))
    by_day = Counter((each.start, each.summary) for each in seen)
    assert by_day == Counter((each.start, each.summary(berlin.about(record))) for each, record in expected(DAYS))


def test_the_page_says_what_is_special_on_the_days_it_shows(site: System) -> None:
    day, page = on_one_day(berlin.ZONE, lambda day: (day, site.get("/centre/berlin").body.decode()))
    end = midnight(day + timedelta(days=7), berlin.ZONE)
    lines, since = page_lines(page), datetime.now(UTC) + timedelta(hours=1)
    shown = Counter((each.start, each.title, each.special) for each in lines if each.start > since)
    wanted = [each for each, _ in expected(9) if since < each.start < end]
    assert shown == Counter(map(tuple, wanted))
    assert all(each.is_on for each in lines)


# --- a house is closed for a fortnight, and opened again --------------------------------------------------------------


def look(system: System, reader: Subscriber | None) -> Seen:
    if reader is not None:
        reader.fetch()
    return Seen(
        system.feed("berlin"),
        system.get("/centre/berlin").body.decode(),
        json.loads(system.get("/meeting-guide/berlin.json").body),
        reader.agenda(first_day() + timedelta(days=1), AROUND) if reader is not None else None,
    )


def close(system: System, *words: str) -> None:
    done = system.command("close", *words, "--yes")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "every meeting has followed" in done.stdout


def follows(system: System, feed: bytes, *, same: bool) -> None:
    """Waits until the calendar is as it was, or is not."""
    until(lambda: (_STAMPS.sub(b"", system.feed("berlin")) == _STAMPS.sub(b"", feed)) is same, "the calendar follows")


@pytest.fixture(scope="module")
def closing(site: System, tmp_path_factory: pytest.TempPathFactory) -> Closing:
    reader = None
    if (BIN / "khal").exists() and (BIN / "vdirsyncer").exists():
        url = f"http://127.0.0.1:{site.http_port}/calendars/berlin.ics"
        reader = Subscriber(tmp_path_factory.mktemp("reader") / "reader", url, berlin.ZONE)
    return on_one_day(berlin.ZONE, lambda day: closed_and_opened(site, reader, day))


def closed_and_opened(site: System, reader: Subscriber | None, day: date) -> Closing:
    before = look(site, reader)
    until_day = shut_from() + timedelta(days=CLOSED - 1)
    when = ("--from", f"{shut_from()}", "--until", f"{until_day}", "--because", "New floor")
    close(site, "berlin", "--place", berlin.HOUSE, *when)
    follows(site, before.feed, same=False)
    until(lambda: "New floor" in site.get("/centre/berlin").body.decode(), "the page follows")
    found = asyncio.run(listed(site, 40, show_cancelled=True))
    closed = look(site, reader)
    close(site, "withdraw", "berlin", "New floor")
    follows(site, before.feed, same=True)
    until(lambda: "New floor" not in site.get("/centre/berlin").body.decode(), "the page follows")
    return Closing(day, before, closed, look(site, reader), found)


def shut() -> Counter[tuple[datetime, str]]:
    """What the closure takes away, by the file: all that is in that house on these days."""
    days = {shut_from() + timedelta(days=number) for number in range(CLOSED)}
    found = [each for each, record in berlin.held(first_day(), 40) if berlin.in_house(record)]
    return Counter(
        (each.start, each.title) for each in found if each.start.astimezone(ZoneInfo(berlin.ZONE)).date() in days
    )


def test_the_closure_cancels_the_dates_of_that_house_and_no_other(closing: Closing) -> None:
    cancelled = [each for each in closing.listed if each.state == occurrence_pb2.OCCURRENCE_STATE_CANCELLED]
    assert len(shut()) >= 6
    assert Counter((start_of(each), each.title.strip()) for each in cancelled) == shut()
    assert {each.reason for each in cancelled} == {"New floor"}
    assert all(each.closure.startswith(f"{CENTRE}/closures/") for each in cancelled)


def test_calendars_lack_just_these_dates(closing: Closing) -> None:
    end = now() + timedelta(days=DAYS)
    before, closed = (icalendar_reader(seen.feed, now(), end) for seen in (closing.before, closing.closed))
    assert closed < before
    assert Counter(each.start for each in before - closed) == Counter(start for start, _ in shut().elements())


@needs_clients
def test_a_person_sees_them_go_and_come_back(closing: Closing) -> None:
    before, closed, after = (seen.agenda for seen in (closing.before, closing.closed, closing.after))
    assert before is not None
    assert closed is not None
    gone = Counter(before) - Counter(closed)
    local = [start.astimezone(ZoneInfo(berlin.ZONE)) for start, _ in shut().elements()]
    assert Counter((each.date, each.time) for each in gone.elements()) == Counter(
        (f"{each:%Y-%m-%d}", f"{each:%H:%M}") for each in local
    )
    assert not Counter(closed) - Counter(before)
    assert after == before


def test_the_page_shows_them_cancelled_and_says_why(closing: Closing) -> None:
    end = midnight(closing.day + timedelta(days=7), berlin.ZONE)
    off = [each for each in page_lines(closing.closed.page) if not each.is_on]
    assert Counter((each.start, each.title) for each in off) == Counter(
        each for each in shut().elements() if each[0] < end
    )
    assert closing.closed.page.count("New floor") > len(off)


def test_taken_back_it_leaves_nothing_behind(closing: Closing) -> None:
    assert closing.after.plain_feed == closing.before.plain_feed
    assert from_tomorrow(closing.after.page) == from_tomorrow(closing.before.page)
    assert closing.after.plain_guide == closing.before.plain_guide
    assert closing.closed.plain_guide != closing.before.plain_guide


def test_those_who_subscribed_are_told_by_a_higher_number(closing: Closing) -> None:
    before, closed, after = (acts.events(seen.feed) for seen in (closing.before, closing.closed, closing.after))
    numbers = [
        {key: int(acts.value(event, "SEQUENCE")) for key, event in each.items()} for each in (before, closed, after)
    ]
    changed = [key for key in numbers[0] if numbers[1][key] != numbers[0][key]]
    assert changed
    assert all(numbers[0][key] < numbers[1][key] < numbers[2][key] for key in changed)
