"""Rooms from a terminal, on the sample: who finds, books, is refused, waits, gives back and gets what became free."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from openchair.meetings.v1 import place_pb2
from openchair.meetings.v1 import room_service_pb2 as pb
from openchair.meetings.v1.room_service_pb2_grpc import RoomServiceStub

from tests.system.coordinator import Terminal, asked_json, command, done, refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.running import System

pytest_plugins = ("tests.system.coordinator",)

TUESDAY, THURSDAY = "2031-04-15", "2031-04-17"
CANARY = "canary quilt"


@pytest.fixture(scope="module")
def rooms(system: System) -> System:
    """Rooms of their own, so that nothing else is in the way: the Den must be approved."""
    for title in ("Attic", "Annex", "Den", "Loft"):
        words = ("--place=Riverside House", f"--title={title}", "--capacity=12")
        done(system, "room", "create", "riverside", *words, *(["--equipment=loom"] if title != "Loft" else []))
    asyncio.run(_approved(system, "Den", place_pb2.APPROVAL_HOLDS))
    asyncio.run(_approved(system, "Loft", place_pb2.APPROVAL_COMPETES))
    return system


async def _approved(system: System, title: str, approval: place_pb2.Approval.ValueType) -> None:
    async with system.channel() as channel:
        stub = RoomServiceStub(channel)
        listed = await stub.ListRooms(pb.ListRoomsRequest(parent="centres/riverside", page_size=100))
        (room,) = [each for each in listed.rooms if each.title == title]
        room.rules.approval = approval
        request = pb.UpdateRoomRequest(room=room)
        request.update_mask.paths.append("rules")
        await stub.UpdateRoom(request)


@contextmanager
def somebody(system: System, subject: str, role: str = "facilitator") -> Iterator[None]:
    """Commands are those of this person meanwhile."""
    token = done(system, "token", f"--subject={subject}", f"--role={role}@riverside").strip()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENCHAIR_TOKEN", token)
        patch.setitem(system.environ, "OPENCHAIR_TOKEN", token)
        yield


def booked(system: System, room: str, *words: str) -> Any:
    return asked_json(system, "book", "riverside", room, *words, "--yes")["bookings"][0]


def listed(system: System, *words: str) -> list[str]:
    """Titles of what is listed, in its order."""
    return [each.get("title", "") for each in asked_json(system, "book", "list", "riverside", *words)]


def test_a_free_room_is_found_and_booked_with_the_command_that_is_said(rooms: System) -> None:
    words = ("--on", TUESDAY, "--at=19:00", "--for=60", "--with=loom", "--people=10")
    told = done(rooms, "find", "room", "riverside", *words)
    assert max(map(len, told.splitlines()[:-1])) <= 80
    assert "Tue 15 Apr 2031 19:00 to 20:00" in " ".join(told.split())
    with somebody(rooms, "ann"):
        found = asked_json(rooms, "find", "room", "riverside", *words)["rooms"]
    assert {each["room"]["title"] for each in found} == {"Attic", "Annex", "Den"}
    assert [each["room"]["title"] for each in found if each.get("needs_approval")] == ["Den"]
    window = ("--between", TUESDAY, THURSDAY, "--for=2h", "--with=loom")
    assert len(asked_json(rooms, "find", "room", "riverside", *window)["rooms"]) == 3

    dry = done(rooms, "book", "riverside", "Attic", "--on", TUESDAY, "--at=19:00", "--title=Choir", "--dry-run")
    assert "Attic, Tuesday 15 April 2031, 19:00 to 20:00" in dry
    assert "Nothing is in the way" in dry
    assert "Choir" not in listed(rooms, "--room=Attic")
    until = ("--every=week", "--until=2031-06-30")
    made = booked(rooms, "Attic", "--on", TUESDAY, "--at=19:00", "--title=Choir", *until)
    assert made["schedule"]["rule"] == "FREQ=WEEKLY;BYDAY=TU;UNTIL=20310630"
    shown = done(rooms, "book", "show", "riverside", "choir")
    assert "every Tuesday, until Monday 30 June 2031, 19:00 to 20:00" in shown
    assert "Tue 15 Apr 2031 19:00 to 20:00" in shown


def test_whoever_is_refused_reads_what_is_in_the_way_and_takes_what_would_work_by_its_number(rooms: System) -> None:
    booked(rooms, "Annex", "--on", TUESDAY, "--at=19:00", f"--title={CANARY}")
    words = ("book", "riverside", "Annex", "--on", TUESDAY, "--at=19:30", "--title=Weaving")
    with somebody(rooms, "ann"):
        answer = command(*words, "--yes")
        assert answer.returncode == 1
        assert "19:00 to 20:00" in answer.stdout
        assert "What would work:" in answer.stdout
        assert CANARY not in answer.stdout + answer.stderr
        told = command(*words, "--yes", "--json")
        assert (told.returncode, json.loads(told.stdout)["check"]["clashes"][0]["kind"]) == (1, "CLASH_KIND_TAKEN")

        terminal = Terminal(rooms, *words)
        offered = terminal.asks("nothing: none]")
        assert "IN THE WAY" in offered
        number = next(line.split()[0] for line in offered.splitlines() if "Annex, Tue 15 Apr 2031" in line)
        terminal.answers(number)
        assert "Nothing is in the way" in terminal.asks()
        terminal.answers("y")
        assert terminal.ends() == 0, terminal.said
        assert listed(rooms, "--mine") == ["Weaving"]
        assert CANARY not in done(rooms, "book", "list", "riverside", "--room=Annex")

        terminal = Terminal(rooms, *words)
        terminal.asks("nothing: none]")
        terminal.answers("")
        assert terminal.ends() == 1
        assert "Nothing was changed" in terminal.said


def test_another_room_takes_the_place_of_the_one_that_is_taken(rooms: System) -> None:
    booked(rooms, "Annex", "--on", THURSDAY, "--at=12:00", "--title=Lunch")
    terminal = Terminal(rooms, "book", "riverside", "Annex", "--on", THURSDAY, "--at=12:00", "--title=Soup", "--json")
    offered = terminal.asks("nothing: none]")
    number = next(line.split()[0] for line in offered.splitlines() if "Attic, at the same time" in line)
    terminal.answers(number)
    assert "Attic, Thursday 17 April 2031, 12:00 to 13:00" in terminal.asks()
    terminal.answers("y")
    assert terminal.ends() == 0, terminal.said
    (made,) = [each for each in asked_json(rooms, "book", "list", "riverside") if each.get("title") == "Soup"]
    assert made["name"] in json.dumps(asked_json(rooms, "book", "list", "riverside", "--room=Attic"))


def test_of_those_who_compete_the_first_that_is_approved_has_it_and_the_other_reads_why_not(rooms: System) -> None:
    for subject, title in (("ann", "Pottery"), ("ben", "Glazing")):
        with somebody(rooms, subject):
            made = booked(rooms, "Loft", "--on", TUESDAY, "--at=9:00", f"--title={title}")
            assert made["competes"] is True
    done(rooms, "book", "approve", "riverside", "Glazing", "--yes")
    answer = command("book", "approve", "riverside", "Pottery", "--yes")
    assert answer.returncode == 1
    assert "taken by Glazing, 09:00 to 10:00" in answer.stdout
    assert "Nothing was changed." in answer.stderr
    assert listed(rooms, "--waiting", "--room=Loft") == ["Pottery"]
    done(rooms, "book", "decline", "riverside", "Pottery", "--yes")


def test_a_series_does_without_what_is_taken_and_gets_it_when_it_is_given_back(rooms: System) -> None:
    booked(rooms, "Annex", "--on", "2031-04-24", "--at=18:00", "--title=Board")
    series = ("--on", THURSDAY, "--at=18:00", "--every=week", "--until=2031-05-31", "--title=Looms")
    assert refused(rooms, "book", "riverside", "Annex", *series, "--yes")[0] == 1
    with somebody(rooms, "ann"):
        made = booked(rooms, "Annex", *series, "--if-taken=skip")
        assert [each["slot"]["key"] for each in made["skipped"]] == ["20310424"]
        assert listed(rooms, "--without-room") == ["Looms"]
        assert listed(rooms, "--offered") == []
        assert "none of the dates" in refused(rooms, "book", "take", "riverside", "Looms", "--yes")[1]

    done(rooms, "book", "release", "riverside", "Board", "--yes")
    with somebody(rooms, "ann"):
        assert "Looms" in done(rooms, "book", "list", "riverside", "--offered")
        taken = done(rooms, "book", "take", "riverside", "Looms", "--yes")
        assert "Thu 24 Apr 2031 18:00 to 19:00" in taken
        assert "It has all its dates now." in taken
        assert listed(rooms, "--offered") == []


def test_what_waits_is_approved_or_declined_and_nobody_else_gets_it_meanwhile(rooms: System) -> None:
    with somebody(rooms, "ann"):
        at = ("--on", TUESDAY, "--title=Spinning")
        assert "Somebody has to approve it" in done(rooms, "book", "riverside", "Den", *at, "--at=9:00", "--dry-run")
        assert booked(rooms, "Den", *at, "--at=9:00")["state"] == "BOOKING_STATE_PENDING"
        booked(rooms, "Den", "--on", TUESDAY, "--at=11:00", "--title=Dyeing")
        assert refused(rooms, "book", "approve", "riverside", "Spinning", "--yes")[0] == 1
    with somebody(rooms, "ben"):
        words = ("book", "riverside", "Den", "--on", TUESDAY, "--at=9:30", "--yes")
        assert refused(rooms, *words)[0] == 1

    assert listed(rooms, "--waiting", "--room=Den") == ["Spinning", "Dyeing"]
    assert "openchair book approve riverside ID" in done(rooms, "book", "list", "riverside", "--waiting")
    assert "Spinning" in done(rooms, "book", "approve", "riverside", "Spinning", "--yes")
    done(rooms, "book", "decline", "riverside", "Dyeing", "--because=The kiln is on", "--yes")
    assert listed(rooms, "--waiting", "--room=Den") == []
    said = refused(rooms, "book", "approve", "riverside", "Spinning", "--yes")[1]
    assert "it does not wait for approval. It is: booked" in said
    assert "there is no booking 'Dyeing'" in refused(rooms, "book", "show", "riverside", "Dyeing")[1]


def test_what_is_held_keeps_others_out_and_becomes_a_booking(rooms: System) -> None:
    with somebody(rooms, "ann"):
        held = booked(rooms, "Attic", "--on", THURSDAY, "--at=8:00", "--hold")
        assert held["state"] == "BOOKING_STATE_HELD"
    with somebody(rooms, "ben"):
        words = ("book", "riverside", "Attic", "--on", THURSDAY, "--at=8:00", "--yes")
        assert refused(rooms, *words)[0] == 1
    with somebody(rooms, "ann"):
        made = asked_json(rooms, "book", "confirm", "riverside", held["id"][:8], "--title=Carding", "--people=3")
        assert made["booking"]["state"] == "BOOKING_STATE_CONFIRMED"
        assert (made["booking"]["title"], made["booking"]["attendees"]) == ("Carding", 3)
        assert "it is not held" in refused(rooms, "book", "confirm", "riverside", "Carding")[1]


def test_one_date_those_that_follow_or_all_are_changed_and_given_back(rooms: System) -> None:
    series = ("--on", TUESDAY, "--at=14:00", "--every=week", "--until=2031-06-30", "--title=Sewing")
    booked(rooms, "Annex", *series)
    change = ("book", "change", "riverside", "Sewing")
    said = done(rooms, *change, "--only=2031-04-22", "--to=2031-04-23 15:00", "--yes")
    assert "only Tuesday 22 April 2031 14:00" in said
    assert "Wednesday 23 April 2031, 15:00 to 16:00" in said
    assert "Nothing would be different." in done(rooms, *change, "--at=14:00", "--yes")
    done(rooms, *change, "--at=14:30", "--yes")
    starts = done(rooms, "book", "show", "riverside", "Sewing")
    assert "Tue 15 Apr 2031 14:30 to 15:30" in starts
    assert "Wed 23 Apr 2031 15:00 to 16:00" in starts

    booked(rooms, "Annex", "--on", "2031-05-06", "--at=16:00", "--title=Lecture")
    code, why = refused(rooms, *change, "--at=15:30", "--yes")
    assert (code, "nothing was changed" in why) == (1, True)
    assert "say which dates" in refused(rooms, "book", "release", "riverside", "Sewing", "--yes")[1]
    done(rooms, "book", "release", "riverside", "Sewing", "--only=2031-04-29", "--yes")
    done(rooms, "book", "release", "riverside", "Sewing", "--from=2031-05-13", "--yes")
    told = done(rooms, "book", "show", "riverside", "Sewing")
    assert "29 Apr" not in told
    assert "Tue 6 May 2031 14:30" in told
    assert "13 May" not in told
    with somebody(rooms, "ben"):
        assert refused(rooms, "book", "release", "riverside", "Lecture", "--yes")[0] == 1
        mine = asked_json(rooms, "book", "list", "riverside", "--room=Annex")
        assert {each.get("title") for each in mine} <= {"busy"}


def test_a_room_that_is_booked_is_not_deleted_and_what_is_booked_is_named(rooms: System) -> None:
    made = booked(rooms, "Loft", "--on", "2031-09-09", "--at=9:00", "--title=Kiln")
    done(rooms, "book", "approve", "riverside", "Kiln", "--yes") if made["state"] == "BOOKING_STATE_PENDING" else None
    code, said = refused(rooms, "room", "delete", "riverside", "Loft", "--yes")
    assert (code, f"openchair book show riverside {made['id']}" in said) == (1, True), said
    for called in (made["id"], made["id"][:8], made["name"]):
        assert asked_json(rooms, "book", "show", "riverside", called)["title"] == "Kiln"
    assert "there is no booking 'x'" in refused(rooms, "book", "show", "riverside", made["name"][:-36] + "x")[1]


async def _account(system: System) -> None:
    """An account to meet online, open on weekdays."""
    room = place_pb2.Room(title="Meeting One", kind=place_pb2.ROOM_KIND_VIDEO, before_minutes=15, after_minutes=60)
    room.opening_hours.add(weekdays=[1, 2, 3, 4, 5], opens="09:00", closes="22:00")
    room.rules.longest_minutes = 120
    async with system.channel() as channel:
        request = pb.CreateRoomRequest(parent="centres/riverside", room=room)
        await RoomServiceStub(channel).CreateRoom(request)


def test_an_account_to_meet_online_is_found_and_booked_within_its_hours_and_rules(rooms: System) -> None:
    asyncio.run(_account(rooms))
    found = asked_json(rooms, "find", "room", "riverside", "--video", "--on", TUESDAY, "--at=10:00")["rooms"]
    assert [each["room"]["title"] for each in found] == ["Video Account", "Meeting One"]
    words = ("book", "riverside", "Meeting", "--on")
    told = done(rooms, *words, TUESDAY, "--at=10:00", "--dry-run")
    assert "Kept free around it: 15 minutes before and 1 hour after." in told
    with somebody(rooms, "ann"):
        for day, more, says in (
            (TUESDAY, ("--for=3h",), "against a rule of the room: at most"),
            ("2031-04-20", (), "not open on "),
            (TUESDAY, ("--until=2031-05-01", "--every=day"), "not open on "),
        ):
            answer = command(*words, day, "--at=10:00", *more, "--yes")
            assert (answer.returncode, says in answer.stdout) == (1, True), answer.stdout


def test_somebody_who_comes_says_so(rooms: System) -> None:
    tower = ("--place=Riverside House", "--title=Tower", "--timezone=UTC")  # here an hour may be there twice
    done(rooms, "room", "create", "riverside", *tower)
    soon = datetime.now(UTC) + timedelta(minutes=10)
    words = ("--on", soon.date().isoformat(), f"--at={soon:%H:%M}", "--for=30", "--title=Coaching")
    booked(rooms, "Tower", *words)
    assert asked_json(rooms, "book", "check-in", "riverside", "Coaching")["booking"]["checked_in"]
    assert "somebody came" in done(rooms, "room", "calendar", "riverside", "Tower")
    booked(rooms, "Attic", "--on", THURSDAY, "--at=10:00", "--title=Later")
    assert refused(rooms, "book", "check-in", "riverside", "Later")[0] == 1


def test_what_is_on_is_shown_day_by_day_and_what_is_private_is_only_busy(rooms: System) -> None:
    booked(rooms, "Attic", "--on", "2031-07-08", "--at=10:00", f"--title={CANARY}")
    week = ("room", "calendar", "riverside", "Attic", "--week", "--from=2031-07-08")
    told = done(rooms, *week)
    assert "Attic, Mon 7 Jul 2031 to Sun 13 Jul 2031" in told
    assert f"10:00 to 11:00  {CANARY}" in told
    with somebody(rooms, "ben"):
        seen = done(rooms, *week)
        assert "10:00 to 11:00  busy" in seen
        assert CANARY not in seen + done(rooms, *week, "--json")
        assert "Tue 8 Jul 2031 10:00 to 11:00" in done(rooms, "room", "busy", "riverside", "Attic", *week[4:])


def test_a_report_is_a_table_csv_or_json(rooms: System, tmp_path: Path) -> None:
    booked(rooms, "Attic", "--on", "2031-08-05", "--at=10:00", "--for=90", "--title=Report")
    report = ("room", "report", "riverside", "Attic", "--from=2031-08-05", "--to=2031-08-12")
    weeks = asked_json(rooms, *report)["weeks"]
    assert [(each["week"], each.get("booked_minutes", 0)) for each in weeks] == [("2031-08-04", 90), ("2031-08-11", 0)]
    told = done(rooms, *report)
    assert "1h30" in told
    assert max(map(len, told.splitlines())) <= 80
    file = tmp_path / "rooms.csv"
    done(rooms, *report, "--csv", str(file))
    lines = list(csv.DictReader(io.StringIO(file.read_text("utf-8"), newline="")))
    assert [(each["title"], each["booked_minutes"]) for each in lines] == [("Attic", "90"), ("Attic", "0")]
    assert done(rooms, *report, "--csv=-").startswith("week,room,title")
    assert "--csv: " in refused(rooms, *report, "--csv=/nowhere/rooms.csv")[1]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("book", "riverside", "Attic", "--on=2031-04-20", "--at=19:00", "--people=-2"), 2, "--people: must be"),
        (("book", "riverside", "Attic", "--on=2031-04-20", "--at=19:00", "--title=\u202eX"), 2, "--title: "),
        (("book", "riverside", "Attic", "--on=2020-04-20", "--at=19:00"), 2, "--on, --at: lies in the past"),
        (("book", "riverside", "Attic", "--on=2031-04-20", "--at=19:00", "--for=40 days"), 2, "--for: must be"),
        (("book", "nowhere", "Attic", "--on=2031-04-20", "--at=19:00"), 1, "there is no centre 'nowhere' here"),
        (("book", "show", "riverside", "Nothing"), 1, "there is no booking 'Nothing' here"),
        (("find", "room", "riverside", "--between=2031-04-01", "2031-06-30"), 2, "argument --between"),
        (
            ("find", "room", "riverside", "--between", "2031-04-01", "2031-06-30"),
            2,
            "--between: at most 31 days at once",
        ),
        (("find", "room", "riverside", "--on=2031-04-20", "--at=19:00", "--people=-1"), 2, "--people: must be"),
        (("room", "calendar", "riverside", "Cupboard"), 1, "there is no room 'Cupboard'"),
        (("room", "calendar", "riverside", "Attic", "--until=2040-01-01"), 2, "--until: at most"),
        (("room", "report", "riverside", "--from=2020-01-01", "--to=2031-01-01"), 2, "--to: at most 53 weeks"),
    ],
)
def test_a_refusal_names_the_option_and_nothing_is_booked(
    rooms: System, words: tuple[str, ...], code: int, says: str
) -> None:
    before = listed(rooms)
    asks = words[0] == "book" and words[1] != "show"
    ended, said = refused(rooms, *words, *(["--yes"] if asks else []))
    assert (ended, says in said) == (code, True), said
    assert listed(rooms) == before


def test_without_a_terminal_nothing_is_booked_unless_yes_is_said(rooms: System) -> None:
    before = listed(rooms)
    code, said = refused(rooms, "book", "riverside", "Attic", "--on=2031-04-20", "--at=19:00")
    assert (code, "--yes" in said) == (2, True)
    assert listed(rooms) == before
    assert os.environ.get("OPENCHAIR_TOKEN") is None


def test_a_clash_is_overruled_only_by_who_may_and_says_why(rooms: System) -> None:
    booked(rooms, "Attic", "--on=2031-09-02", "--at=10:00", "--title=First")
    words = ("book", "riverside", "Attic", "--on=2031-09-02", "--at=10:00", "--title=Second", "--if-taken=overrule")
    for role, code in (("facilitator", 1), ("coordinator", 1), ("administrator", 0)):
        with somebody(rooms, "kim", role):
            assert command(*words, "--reason=The mayor comes", "--yes").returncode == code, role
    over = "Tue 2 Sep 2031 10:00 to 11:00: taken by First, 10:00 to 11:00"
    shown = done(rooms, "book", "show", "riverside", "Second")
    assert all(words in shown for words in ("overruled: The mayor comes", "overruled by", "kim", over))
    listing = done(rooms, "book", "list", "riverside", "--overruled")
    assert f"  overruled by kim: The mayor comes\n  over: {over}" in listing
    done(rooms, "book", "release", "riverside", "First", "--all", "--yes")
    assert "The mayor comes" not in done(rooms, "book", "list", "riverside", "--overruled")
    settled = done(rooms, "book", "list", "riverside", "--overruled", "--settled")
    assert "  overruled by kim: The mayor comes\n  over: in nobody's way any more" in settled
    code, said = refused(rooms, "book", "list", "riverside", "--settled")
    assert (code, "--settled goes with --overruled" in said) == (1, True)


def test_of_a_series_that_was_cut_the_part_is_found_that_has_the_date(rooms: System) -> None:
    day = date.fromisoformat(THURSDAY)
    words = ("--on", THURSDAY, "--at=6:00", "--every=week", f"--until={day + timedelta(weeks=5)}", "--title=Rowing")
    booked(rooms, "Attic", *words)
    done(rooms, "book", "change", "riverside", "Rowing", f"--from={day + timedelta(weeks=3)}", "--at=7:00", "--yes")
    early, late = (f"--only={day + timedelta(weeks=n)}" for n in (1, 4))
    assert "06:00 to 07:00" in done(rooms, "book", "release", "riverside", "Rowing", early, "--yes")
    assert "07:00 to 08:00" in done(rooms, "book", "release", "riverside", "Rowing", late, "--yes")
    assert "several bookings" in refused(rooms, "book", "release", "riverside", "Rowing", "--all", "--yes")[1]


def test_who_finds_no_room_is_told_what_is_in_the_way_and_what_no_room_has(rooms: System) -> None:
    words = ("--on", TUESDAY, "--at=4:00", "--for=60")
    for title in ("Attic", "Annex", "Den"):
        booked(rooms, title, *words, "--title=Night watch")
    told = done(rooms, "find", "room", "riverside", *words, "--with=loom")
    assert "Attic  taken by Night watch, 04:00 to 05:00" in told
    assert "--between 2031-04-15 2031-04-18 --for 60" in told
    told = done(rooms, "find", "room", "riverside", *words, "--with=harp", "--people=4000")
    assert "no room has 'harp'" in told
    assert "no room has 4000 chairs: the largest, River Hall, has 80" in told


def test_what_a_program_gets_says_what_is_nothing_too(rooms: System) -> None:
    words = ("--on", TUESDAY, "--at=2:00", "--for=60", "--people=40")
    assert "More people than chairs: 40 are expected, and there are 12" in done(
        rooms, "book", "riverside", "Loft", *words, "--dry-run"
    )
    made = booked(rooms, "Loft", *words)
    assert (made["title"], made["competes"], made["skipped"]) == ("", False, [])
    ended = command("book", "riverside", "Loft", *words, "--json", "--yes")
    check = json.loads(ended.stdout)["check"]
    assert (ended.returncode, check["free"], check["needs_approval"]) == (1, False, False)
    week = asked_json(rooms, "room", "report", "riverside", "Loft")["weeks"][0]
    assert {"booked_minutes", "used_minutes", "free_minutes", "bookings", "peaks"} <= week.keys()


def test_what_is_on_is_shown_of_one_room_or_of_the_whole_house(rooms: System) -> None:
    booked(rooms, "Loft", "--on=2031-04-22", "--at=1:00", "--title=Weaving")
    day = ("--from=2031-04-22", "--until=2031-04-22")
    told = done(rooms, "room", "calendar", "riverside", *day)
    heads = [each for each in told.splitlines() if each.endswith(", Tue 22 Apr 2031")]
    assert [each.partition(",")[0] for each in heads if each[0] in "AL"] == ["Annex", "Attic", "Lantern Studio", "Loft"]
    assert told.partition("Loft, ")[2].splitlines()[1].split()[:4] == ["01:00", "to", "02:00", "Weaving"]
    one = asked_json(rooms, "room", "calendar", "riverside", "Loft", *day)
    every = asked_json(rooms, "room", "calendar", "riverside", *day)["calendars"]
    assert [each["events"] for each in every if each["room"]["title"] == "Loft"] == [one["events"]]
