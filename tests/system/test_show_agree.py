"""What is on next, asked of everybody who says it: the service, the calendars, the search and the pages say the same.

One site with three centres: the sample, with whatever a house can have; Berlin, with weeks of the month; and Edmonton.
Between its lists a house is closed, a date is cancelled, and one is moved.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import occurrence_pb2

from services.recurrence.zones import midnight
from tests.system import acts, berlin
from tests.system.days import on_one_day
from tests.system.feed_readers import icalendar_reader
from tests.system.page_lines import page_lines
from tests.system.running import System, running, until
from tests.system.test_edmonton import LIST as EDMONTON

if TYPE_CHECKING:
    from collections.abc import Iterator

ANYBODY: Final[dict[str, list[str]]] = {}
ZONES: Final = {"riverside": acts.ZONE, "berlin": berlin.ZONE, "edmonton": acts.ZONE}
DAYS: Final = 14
MOST: Final = 10
"""Dates that a search tells of one meeting."""
FEWEST: Final = 5
"""Meetings of the shortest list: where the whole one of Edmonton is not at hand, an excerpt stands for it."""
_OFF: Final = occurrence_pb2.OCCURRENCE_STATE_CANCELLED


class Site(NamedTuple):
    """The system, and the moment from which on everybody is asked: minutes ahead, so that nothing begins meanwhile."""

    system: System
    since: datetime

    @property
    def until(self) -> datetime:
        return self.since + timedelta(days=DAYS)

    def has(self, moment: datetime) -> bool:
        return self.since <= moment < self.until


def done(system: System, *arguments: str) -> str:
    answer = system.command(*arguments)
    assert answer.returncode in {0, 3}, answer.stderr + answer.stdout
    return answer.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("three")) as system:
        for centre in ("berlin", "edmonton"):
            done(system, "centre", "create", centre, f"--title={centre}", f"--timezone={ZONES[centre]}")
        berlin.bring_in(system)
        named = ("--centre=edmonton", "--source=aa", f"--timezone={acts.ZONE}", "--fellowship=AA")
        done(system, "import", "meeting-guide", str(EDMONTON), *named)
        by_hand(system)
        yield Site(system, datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=10))


def by_hand(system: System) -> None:
    """A closed house, a cancelled date and a moved one."""
    day = datetime.now(ZoneInfo(berlin.ZONE)).date()
    week = ("--from", f"{day + timedelta(days=1)}", "--until", f"{day + timedelta(days=7)}", "--because=Painting")
    done(system, "close", "berlin", "--place", berlin.HOUSE, *week, "--yes")
    first, second = (
        next(berlin.dates(record, day + timedelta(days=1), 30))
        for record in berlin.RECORDS
        if record["id_bigint"] in {"10969", "10026"}
    )
    start = f"{first.start.astimezone(ZoneInfo(berlin.ZONE)):%Y-%m-%d}"
    done(system, "meeting", "cancel", "berlin", first.title, "--on", start, "--because=Ill", "--yes")
    other = second.start.astimezone(ZoneInfo(berlin.ZONE))
    moved = f"{other + timedelta(days=1, hours=1):%Y-%m-%d %H:%M}"
    done(system, "meeting", "move", "berlin", second.title, "--on", f"{other:%Y-%m-%d}", "--to", moved, "--yes")
    until(lambda: b"Painting" in system.get("/centre/berlin").body, "the page follows")
    until(lambda: b"RECURRENCE-ID" in system.feed("berlin"), "the calendar follows")


class On(NamedTuple):
    """A date that is held: who asks learns at least so much, wherever they ask."""

    start: datetime
    title: str
    special: frozenset[str]


def special(each: Any) -> frozenset[str]:
    return frozenset(programme.title for programme in each.programmes if programme.title)


async def listed(site: Site, centre: str, **more: Any) -> list[occurrence_pb2.Occurrence]:
    async with site.system.meetings(ANYBODY) as stub:
        found = await acts.occurrences(stub, f"centres/{centre}", site.since, DAYS, **more)
    return [each for each in found if site.has(each.start_time.ToDatetime(UTC))]


def held(found: list[occurrence_pb2.Occurrence]) -> Counter[On]:
    return Counter(On(each.start_time.ToDatetime(UTC), each.title.strip(), special(each)) for each in found)


@pytest.mark.parametrize("centre", ZONES)
async def test_calendars_have_the_dates_of_the_service_and_name_what_is_special(site: Site, centre: str) -> None:
    wanted = held(await listed(site, centre))
    seen = icalendar_reader(site.system.feed(centre), site.since, site.until)
    sessions = {
        acts.value(each, "UID") for each in acts.events(site.system.feed(centre)).values() if b"=PARENT:" in each
    }
    shown = Counter((each.start, each.summary.strip()) for each in seen if each.uid not in sessions)
    assert len(wanted) >= FEWEST
    assert {start for start, _ in shown} == {each.start for each in wanted}
    assert Counter(start for start, _ in shown.elements()) == Counter(each.start for each in wanted.elements())
    named = defaultdict(list)
    for start, summary in shown.elements():
        named[start].append(summary)
    for each in wanted.elements():
        assert any(fits(summary, each) for summary in named[each.start]), (each, named[each.start])


def fits(summary: str, each: On) -> bool:
    """Whether a calendar's title is that of the date: the meeting's, and what is special in brackets, in any order."""
    if not each.special:
        return summary == each.title
    return summary.startswith(f"{each.title} (") and set(summary[len(each.title) + 2 : -1].split(", ")) == each.special


@pytest.mark.parametrize("centre", ZONES)
async def test_pages_have_the_dates_of_the_service_and_those_that_are_not_held(site: Site, centre: str) -> None:
    zone, path = ZONES[centre], f"/centre/{centre}"
    today, page = on_one_day(zone, lambda day: (day, site.system.get(path).body.decode()))
    since, end = max(site.since, midnight(today, zone)), midnight(today + timedelta(days=7), zone)
    found = await listed(site, centre, show_cancelled=True)
    on = [each for each in found if each.state != _OFF and since <= each.start_time.ToDatetime(UTC) < end]
    off = [each for each in found if each.state == _OFF and since <= each.start_time.ToDatetime(UTC) < end]
    lines = [each for each in page_lines(page) if each.start >= since]
    assert Counter(On(*each[:3]) for each in lines if each.is_on) == held(on)
    crossed = {(each.start, each.title.strip()) for each in lines if not each.is_on}
    assert {(each.start_time.ToDatetime(UTC), each.title.strip()) for each in off} <= crossed


@pytest.mark.parametrize("centre", ZONES)
async def test_a_search_tells_the_next_dates_of_the_service(site: Site, centre: str) -> None:
    wanted: dict[str, list[On]] = defaultdict(list)
    for each in await listed(site, centre):
        wanted[each.identity.partition("/")[0]].extend(held([each]))
    found: dict[str, list[On]] = {}
    for meeting in await searched(site, centre):
        dates = [
            On(each.start_time.ToDatetime(UTC), (each.title or meeting.title).strip(), frozenset(each.programmes))
            for each in meeting.next_dates
            if each.state != _OFF
        ]
        id_ = meeting.next_dates[0].name.split("/")[3]
        found[id_] = [each for each in dates if site.has(each.start)]
    async with site.system.meetings() as stub:
        lineage = {
            each.name.rpartition("/")[2]: each.lineage for each in await acts.meetings(stub, f"centres/{centre}")
        }
    by_series = {lineage[id_]: dates for id_, dates in found.items()}
    assert {id_ for id_, dates in by_series.items() if dates} == set(wanted)
    for id_, dates in wanted.items():
        first = sorted(dates)[: MOST - 2]  # one may be on just now, and one begin before the moment from which we ask
        assert sorted(by_series[id_])[: len(first)] == first, id_


async def searched(site: Site, centre: str) -> list[pb.FoundMeeting]:
    """All that anybody finds of a centre, each with its next dates."""
    found: list[pb.FoundMeeting] = []
    request = pb.SearchMeetingsRequest(parent=f"centres/{centre}", next_dates=MOST, page_size=100)
    async with site.system.meetings(ANYBODY) as stub:
        while True:
            answer = await stub.SearchMeetings(request)
            found.extend(answer.meetings)
            if not answer.next_page_token:
                return found
            request.page_token = answer.next_page_token


@pytest.mark.parametrize("centre", ZONES)
async def test_the_command_says_what_the_service_says(site: Site, centre: str) -> None:
    told = json.loads(done(site.system, "find", f"--centre={centre}", "--limit=1000", "--dates=1", "--json"))
    first: dict[str, datetime] = {}
    for each in await listed(site, centre):
        start, id_ = each.start_time.ToDatetime(UTC), each.name.split("/")[3]
        first[id_] = min(first.get(id_, start), start)
    said = {each["name"].rpartition("/")[2]: each["next_dates"][0] for each in told["meetings"]}
    next_ = {id_: datetime.fromisoformat(each["start_time"]) for id_, each in said.items()}
    soon = {id_: start for id_, start in next_.items() if site.has(start)}
    assert len(soon) >= FEWEST // 2  # on some days of the week few of them begin within the time that we look at
    assert soon.items() <= first.items()
