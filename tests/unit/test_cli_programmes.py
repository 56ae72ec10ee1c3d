"""Programmes and agendas as people write them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, cast

import pytest
from openchair.meetings.v1 import centre_pb2, place_pb2, schedule_pb2

from services.cli.house import House
from services.cli.programmes import read, said
from services.cli.sessions import read as read_sessions
from services.cli.shell import Failure
from services.cli.when import Unclear
from services.recurrence.wire import to_weeks

if TYPE_CHECKING:
    from pathlib import Path

    from services.cli.server import Site

TODAY = date(2026, 11, 26)
P = schedule_pb2.Programme
HALL = place_pb2.Room(name="centres/c/rooms/hall", title="River Hall", place="centres/c/places/p")


@pytest.mark.parametrize(
    ("text", "programme"),
    [
        ("1st week: Speaker", P(weeks=[1], title="Speaker")),
        ("3rd,5th: Business meeting", P(weeks=[3, 5], title="Business meeting")),
        ("first and third week: Steps", P(weeks=[1, 3], title="Steps")),
        ("last: Open, everybody", P(weeks=[-1], title="Open", who_may_come=schedule_pb2.WHO_MAY_COME_EVERYBODY)),
        (
            "2nd: Steps, type ST BE; bring your book",
            P(weeks=[2], title="Steps", types=["ST", "BE"], notes="bring your book"),
        ),
        (
            "every 2 weeks from 2026-12-01: Step study",
            P(rotation=2, turn=1, anchor="2026-12-01", title="Step study"),
        ),
    ],
)
def test_a_programme_is_read_as_it_is_written_and_can_be(text: str, programme: schedule_pb2.Programme) -> None:
    found = read(text, TODAY)
    assert found == programme
    to_weeks(found)
    assert read(said(found), TODAY) == found


@pytest.mark.parametrize("text", ["Speaker", "1st:", "6th: X", "often: X", ": X", "every 2 weeks: X"])
def test_what_is_no_programme_is_refused(text: str) -> None:
    with pytest.raises(Unclear):
        read(text, TODAY)


def house() -> House:
    place = place_pb2.Place(name="centres/c/places/p", title="House")
    return House(cast("Site", None), centre_pb2.Centre(name="centres/c", time_zone="UTC"), [place], [HALL])


def agenda(folder: Path, text: str) -> Path:
    file = folder / "agenda.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_an_agenda_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    file = agenda(
        tmp_path, "\ufeffTitle,Day,Time,Minutes,Room,Leader\nWelcome,1,5pm,30,river,Ana\n,,,,,\nWalk,2,09:00,1h,,\n"
    )
    welcome, walk = read_sessions(file, house(), [])
    assert (welcome.title, welcome.day, welcome.time, welcome.minutes) == ("Welcome", 1, "17:00", 30)
    assert (list(welcome.rooms), welcome.leader) == ([HALL.name], "Ana")
    assert (walk.time, walk.minutes, walk.id) == ("09:00", 60, "s2")


def test_a_session_stays_the_same_one_when_it_is_moved_or_renamed(tmp_path: Path) -> None:
    known = [
        schedule_pb2.Session(id="s1", title="Welcome", day=1, time="17:00", minutes=30),
        schedule_pb2.Session(id="s2", title="Walk", day=2, time="09:00", minutes=60),
    ]
    text = "day,time,minutes,title\n1,18:00,30,Welcome\n2,09:00,60,Walk by the river\n2,11:00,60,Talk\n"
    found = read_sessions(agenda(tmp_path, text), house(), known)
    assert [each.id for each in found] == ["s1", "s2", "s3"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "columns"),
        ("day,time,title\n", "minutes"),
        ("day,time,minutes,title,colour\n", "colour"),
        ("day,time,minutes,title\nmonday,10:00,60,X\n", "line 2: day"),
        ("day,time,minutes,title\n1,late,60,X\n", "line 2: 'late'"),
        ("day,time,minutes,title,room\n1,10:00,60,X,Attic\n", "line 2: there is no room 'Attic'"),
    ],
)
def test_a_table_that_is_no_agenda_is_refused_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(Failure, match=says):
        read_sessions(agenda(tmp_path, text), house(), [])
