"""Some dates of a series, or one, from a terminal: changed, moved, cancelled, confirmed, as usual again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.cli.when import full, short
from services.recurrence.zones import local_day
from tests.system.coordinator import (
    NEW,
    ZONE,
    asked_json,
    changes_nothing,
    command,
    done,
    events,
    made,
    next_days,
    refused,
    shown,
    starts,
)
from tests.system.running import until

if TYPE_CHECKING:
    from tests.system.running import System

pytest_plugins = ("tests.system.coordinator",)


@pytest.mark.slow
def test_a_change_from_a_date_on_leaves_those_before_and_says_so(system: System) -> None:
    made(system, "Long Walk", "--on=tuesday", "--every=week")
    days = next_days(system, "Long Walk")
    said = done(system, "meeting", "edit", "riverside", "Long Walk", "--at=18:30", "--from", str(days[2]), "--yes")
    assert "dates before it stay as they are" in said
    assert [each[-5:] for each in starts(system, "Long Walk")] == ["19:00", "19:00", "18:30", "18:30", "18:30"]

    other = done(system, "meeting", "edit", "riverside", "Long Walk", "--on=wednesday", "--from", str(days[2]), "--yes")
    assert "Not touched: 2 dates" in other
    part = done(system, "meeting", "edit", "riverside", "Long Walk", "--notes=New", "--dry-run")
    assert f"only its dates until {full(days[1])}" in part
    assert "Not touched: every date" in part
    assert [day.weekday() for day in next_days(system, "Long Walk")] == [1, 1, 2, 2, 2]


def test_a_meeting_that_cannot_have_its_room_is_told_what_is_in_the_way_and_what_would_work(system: System) -> None:
    """On Saturdays the River Hall is the Saturday Night Speaker's from 20:00 on, less 15 minutes before and after."""
    day = next_days(system, "Saturday Night Speaker")[2]
    where = ("--place=Riverside House", "--room=River Hall")
    new = ("--mode=in-person", "--on=saturday", "--at=19:30", "--for=60", "--every=week", *where)
    told = command("meeting", "create", "riverside", "--title=Too Early", *new, "--from", str(day), "--dry-run")
    assert (told.returncode, "or --if-taken skip" in told.stderr) == (1, True)
    words = " ".join(told.stdout.split())
    assert f"{short(day)} 19:30 to 20:30 taken by Saturday Night Speaker, 20:00 to 21:15" in words
    assert f"River Hall, {short(day)} 18:45 to 19:45 (every Saturday)" in words

    made(system, "Quiet Hour", "--on", str(day + timedelta(days=3)), "--for=60")
    move = ("meeting", "move", "riverside", "Quiet Hour", "--on", str(day + timedelta(days=3)), *where)
    moved = ("--to", f"{day} 20:30", "--yes")
    seen = command(*move, *moved[:-1], "--dry-run")
    answer = command(*move, *moved)
    assert (seen.returncode, seen.stdout) == (1, answer.stdout)
    assert answer.returncode == 1, answer.stdout
    words = " ".join(answer.stdout.split())
    assert f"{short(day)} 20:30 to 21:30 taken by Saturday Night Speaker, 20:00 to 21:15" in words
    assert f"River Hall, {short(day)} 21:30 to 22:30\n" in answer.stdout
    assert ", without its room, which is taken)" in done(system, *move, *moved, "--if-taken=skip")
    only = ("--only", str(day), "--notes=Bring a lamp", "--yes")
    assert "Bring a lamp" in done(system, "meeting", "edit", "riverside", "Quiet Hour", *only)


def test_what_would_work_for_a_date_that_cannot_be_restored_is_on_that_date(system: System) -> None:
    made(system, "Evening Prayer", "--on=tuesday", "--every=week")
    day = next_days(system, "Evening Prayer")[2]
    date = ("riverside", "Evening Prayer", "--on", str(day), "--yes")
    done(system, "meeting", "cancel", *date)
    room = "Room of Evening Prayer"
    done(system, "book", "riverside", room, "--on", str(day), "--at=19:00", "--for=60", "--title=Choir", "--yes")
    told = command("meeting", "restore", *date)
    assert told.returncode == 1, told.stdout
    assert f"{room}, {short(day)} 20:00 to 21:30\n" in told.stdout
    assert "dates" not in told.stdout.partition("What would work")[2]


def test_new_days_and_a_new_hour_go_together(system: System) -> None:
    made(system, "Both Ways", "--on=tuesday", "--every=week")
    done(system, "meeting", "edit", "riverside", "Both Ways", "--every=first thursday", "--at=8pm", "--yes")
    assert {(day.weekday(), day.day <= 7) for day in next_days(system, "Both Ways")} == {(3, True)}
    assert {each[-5:] for each in starts(system, "Both Ways")} == {"20:00"}


def test_a_changed_date_that_would_lose_its_day_is_asked_about(system: System) -> None:
    made(system, "Orphan", "--on=tuesday", "--every=week")
    day = next_days(system, "Orphan")[1]
    moved = f"{day + timedelta(days=1)} 17:00"
    done(system, "meeting", "move", "riverside", "Orphan", "--on", str(day), "--to", moved, "--yes")

    code, said = refused(system, "meeting", "edit", "riverside", "Orphan", "--on=friday", "--dry-run")
    assert (code, f"{day:%A} {day.day} {day:%B %Y}" in said, "--keep-changed" in said) == (1, True, True)

    done(system, "meeting", "edit", "riverside", "Orphan", "--on=friday", "--keep-changed", "--yes")
    assert moved.replace(" ", "T") in starts(system, "Orphan")


def test_one_date_is_cancelled_moved_changed_and_as_usual_again(system: System) -> None:
    made(system, "Single", "--on=tuesday", "--every=week")
    first, second, third, *_ = next_days(system, "Single")
    done(
        system,
        "meeting",
        "cancel",
        "riverside",
        "Single",
        "--on",
        str(first),
        "--because",
        "The speaker is ill",
        "--yes",
    )
    for moved in (f"{second} 16:00", "17:00"):  # a time alone: on the same day
        done(system, "meeting", "move", "riverside", "Single", "--on", str(second), "--to", moved, "--yes")
    done(system, "meeting", "edit", "riverside", "Single", "--only", str(third), "--room=Kitchen", "--yes")
    until(lambda: any("EXDATE" in each for each in events(system, "Single")), "everybody reads it")

    dates = asked_json(system, "meeting", "show", "riverside", "Single")["next_dates"]
    assert [each["cancelled"] for each in dates] == [True, False, False, False, False]
    assert dates[0]["reason"] == "The speaker is ill"
    assert [each["changed"] for each in dates] == [True, True, True, False, False]
    assert dates[1]["local_start"].endswith("17:00")

    where = ("meeting", "edit", "riverside", "Single", "--only", str(third), "--no-place", "--yes")
    assert "(as usual)" in done(system, *where)
    assert not shown(system, "Single")["next_dates"][2]["changed"]

    days = [f"--on={day}" for day in (first, second)]
    done(system, "meeting", "restore", "riverside", "Single", *days, "--yes")
    assert not any(each["changed"] for each in shown(system, "Single")["next_dates"])


def test_an_edit_that_leaves_a_date_as_it_is_asks_and_writes_nothing(system: System) -> None:
    made(system, "Still", "--on=tuesday", "--every=week", "--link=https://example.org/j")
    first, second, *_ = (str(day) for day in next_days(system, "Still"))
    same: tuple[tuple[str, ...], ...] = (
        ("move", "--on", first, "--to=17:00", "--room=Kitchen"),
        ("edit", "--only", first, "--title=Elsewhere", "--link=https://example.org/k"),
    )
    for action, *words in same:
        done(system, "meeting", action, "riverside", "Still", *words, "--yes")
    before = shown(system, "Still")
    for action, *words in (*same, ("edit", "--only", second, "--no-place", "--no-room", "--no-online")):
        changes_nothing(system, "meeting", action, "riverside", "Still", *words)
    assert shown(system, "Still") == before
    done(system, "meeting", "edit", "riverside", "Still", "--only", first, "--no-place", "--yes")
    assert not shown(system, "Still")["parts"][0]["changes"][0].get("rooms")


def test_what_cannot_differ_on_one_date_is_refused_by_its_option(system: System) -> None:
    made(system, "Only", "--on=tuesday", "--every=week")
    code, said = refused(system, "meeting", "edit", "riverside", "Only", "--only=tuesday", "--cost=free", "--yes")
    assert (code, "--cost cannot be different on one date" in said) == (2, True)


def test_doubts_are_listed_answered_and_resolved(system: System) -> None:
    now = datetime.now(UTC)
    words = (f"--on={now:%Y-%m-%d}", f"--at={now:%H:%M}", "--timezone=UTC")  # there every hour is there once
    done(system, "meeting", "create", "riverside", "--title=Empty Room", *NEW[:1], *NEW[2:4], *words, "--yes")
    name = shown(system, "Empty Room")["next_dates"][0]["name"]

    async def report() -> None:
        async with system.meetings({}) as stub:
            for number in range(2):
                await stub.ReportNobodyHere(pb.ReportNobodyHereRequest(name=name, request_id=f"report-{number}"))

    asyncio.run(report())

    (doubt,) = asked_json(system, "meeting", "doubts", "riverside")
    assert (doubt["title"], doubt["reports"], doubt["confirmed"]) == ("Empty Room", 2, False)
    assert "2 reports; nobody has answered yet" in done(system, "meeting", "doubts", "riverside")

    done(system, "meeting", "confirm", "riverside", "Empty Room")
    assert asked_json(system, "meeting", "doubts", "riverside")[0]["confirmed"]
    assert "doubtful no more" in done(system, "meeting", "doubts", "riverside", "--resolve=Empty Room")


def test_what_cannot_be_confirmed_yet_is_said_with_its_date_and_what_is_cancelled_is_passed_over(
    system: System,
) -> None:
    day = local_day(datetime.now(UTC), ZONE) + timedelta(days=2)
    made(system, "Not Yet", f"--on={day}", "--every=week")
    done(system, "meeting", "cancel", "riverside", "Not Yet", f"--on={day}", "--yes")
    code, said = refused(system, "meeting", "confirm", "riverside", "Not Yet")
    assert (code, full(day + timedelta(days=7)) in said) == (1, True), said
