"""A retreat of three days with sessions side by side, from a table of a coordinator to everybody's calendars."""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from tests.system import acts
from tests.system.feed_readers import READERS
from tests.system.real_clients import Entry, Subscriber, needs_clients
from tests.system.running import System, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TITLE: Final = "Winter retreat"
FIRST: Final = datetime.now(ZoneInfo(acts.ZONE)).date() + timedelta(days=1)
AGENDA: Final = """\
day,time,minutes,title,room,leader,notes
1,17:00,1h,Welcome,Big Room,Ana M.,
2,07:30,45,Morning sit,Quiet Room,Joe,
2,07:30,45,Walk by the river,,Ana M.,Good shoes
2,14:00,2h,"Newcomers' questions, and answers",Big Room,Joe,
2,14:00,2h,Art table,Quiet Room,,
3,13:00,1h,Goodbye,Big Room,,
"""


class Session(NamedTuple):
    """One line of the table, as people would put it into a calendar."""

    day: int
    start: str
    minutes: int
    title: str
    where: str

    def begins(self) -> datetime:
        local = datetime.combine(on(self.day), time.fromisoformat(self.start), ZoneInfo(acts.ZONE))
        return local.astimezone(UTC)

    def shown(self) -> tuple[datetime, datetime, str]:
        return self.begins(), self.begins() + timedelta(minutes=self.minutes), self.title


SESSIONS: Final = (
    Session(1, "17:00", 60, "Welcome", "Big Room, Harbour House, 12 Quay Street, Harrow Bend"),
    Session(2, "07:30", 45, "Morning sit", "Quiet Room, Harbour House, 12 Quay Street, Harrow Bend"),
    Session(2, "07:30", 45, "Walk by the river", "Harbour House, 12 Quay Street, Harrow Bend"),
    Session(2, "14:00", 120, "Art table", "Quiet Room, Harbour House, 12 Quay Street, Harrow Bend"),
    Session(
        2, "14:00", 120, "Newcomers' questions, and answers", "Big Room, Harbour House, 12 Quay Street, Harrow Bend"
    ),
    Session(3, "13:00", 60, "Goodbye", "Big Room, Harbour House, 12 Quay Street, Harrow Bend"),
)


def on(day: int) -> date:
    """A day of the retreat, from 1 on."""
    return FIRST + timedelta(days=day - 1)


def whole() -> tuple[datetime, datetime, str]:
    """The retreat itself."""
    start, end = SESSIONS[0].begins(), SESSIONS[-1].begins() + timedelta(hours=2)
    return start, end, TITLE


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    table = tmp_path_factory.mktemp("table") / "agenda.csv"
    table.write_text(AGENDA, encoding="utf-8")
    with running(tmp_path_factory.mktemp("retreat")) as started:
        done(started, "centre", "create", "harbour", "--title=Harbour", f"--timezone={acts.ZONE}")
        house = ("--title=Harbour House", "--address=12 Quay Street, Harrow Bend")
        done(started, "place", "create", "harbour", *house)
        for room in ("Big Room", "Quiet Room"):
            done(started, "room", "create", "harbour", "--place=Harbour", f"--title={room}")
        when = (f"--on={FIRST}", "--at=17:00", f"--ends={on(3)} 15:00")
        what = (f"--title={TITLE}", "--kind=retreat", "--mode=in-person", "--place=Harbour", f"--agenda={table}")
        said = done(started, "meeting", "create", "harbour", *what, *when, "--cost=by donation", "--yes")
        assert all(each.title in said for each in SESSIONS)
        until(lambda: len(acts.events(started.feed("harbour"))) == 1 + len(SESSIONS), "the calendar has it")
        yield started


def done(system: System, *arguments: str) -> str:
    answer = system.command(*arguments)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_sees_the_retreat_and_each_session_when_it_is(system: System, reader: str) -> None:
    start, _, _ = whole()
    seen = READERS[reader](system.feed("harbour"), start - timedelta(days=2), start + timedelta(days=9))
    assert sorted(each[1:] for each in seen) == sorted([whole(), *(each.shown() for each in SESSIONS)])


def test_a_session_belongs_to_its_retreat_and_says_its_room(system: System) -> None:
    events = list(acts.events(system.feed("harbour")).values())
    (retreat,) = (each for each in events if acts.value(each, "SUMMARY") == TITLE)
    sessions = [each for each in events if each is not retreat]
    assert acts.value(retreat, "RELATED-TO") == ""
    assert {acts.value(each, "RELATED-TO") for each in sessions} == {acts.value(retreat, "UID")}
    assert all(b"RELATED-TO;RELTYPE=PARENT:" in each for each in sessions)
    places = {text(each, "SUMMARY"): text(each, "LOCATION") for each in sessions}
    assert places == {each.title: each.where for each in SESSIONS}


def text(event: bytes, name: str) -> str:
    return acts.value(event, name).replace("\\,", ",")


@needs_clients
def test_khal_shows_it_day_by_day(system: System, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{system.http_port}/calendars/harbour.ics"
    reader = Subscriber(tmp_path / "reader", url, acts.ZONE)
    reader.fetch()
    found = reader.agenda(FIRST, 3)
    sessions = [Entry(f"{on(each.day)}", each.start, each.title) for each in SESSIONS]
    assert sorted(each for each in found if TITLE not in each.title) == sorted(sessions)
    assert sum(TITLE in each.title for each in found) == len({each.day for each in SESSIONS}), (
        "it stands under each day"
    )


def test_the_page_tells_what_happens_when_with_what_is_side_by_side_under_one_hour(system: System) -> None:
    page = html.unescape(system.get("/centre/harbour").body.decode()).replace("\xa0", " ")
    (agenda,) = re.findall(r'<details class="more agenda">(.*?)</details>', page, re.DOTALL)
    days = re.split(r"<h4>", agenda)[1:]
    assert [each.partition("<")[0] for each in days] == [
        f"{on(day):%A} {on(day).day} {on(day):%B}" for day in (1, 2, 3)
    ]
    assert [re.findall(r"<dt>(.*?)</dt>", each) for each in days] == [["5:00 pm"], ["7:30 am", "2:00 pm"], ["1:00 pm"]]
    told = re.findall(r"<dd><strong>(.*?)</strong>", agenda)
    assert sorted(told) == sorted(each.title for each in SESSIONS)
    assert [each.count("<dd>") for each in days[1].split("<dt>")[1:]] == [2, 2]
