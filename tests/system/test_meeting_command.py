"""A coordinator's work from a terminal, on the sample: what is shown first, what is asked, what all then read."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.recurrence.zones import local_day
from tests.system.coordinator import (
    NEW,
    ZONE,
    Terminal,
    asked_json,
    changes_nothing,
    done,
    events,
    made,
    next_days,
    refused,
    room_of,
    shown,
    starts,
)
from tests.system.running import ROOT, environment, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.running import System

pytest_plugins = ("tests.system.coordinator",)

TODAY = local_day(datetime.now(UTC), ZONE)
FRIDAY = TODAY + timedelta(weeks=200, days=(4 - TODAY.weekday()) % 7)
"""In the evening nothing else is in the rooms that are asked for; so it is on the Sunday and the Monday after it."""
SUNDAY, MONDAY = FRIDAY + timedelta(days=2), FRIDAY + timedelta(days=3)


def test_a_new_meeting_is_shown_first_and_then_read_by_everybody(system: System) -> None:
    words = (
        "--title=Tuesday Night",
        *NEW,
        "--on=tuesday",
        "--every=week",
        "--type=O,D",
        "--programme=1st week: Speaker",
    )
    dry = done(system, "meeting", "create", "riverside", *words, "--dry-run")
    assert all(text in dry for text in ("every Tuesday, 19:00 to 20:30", "River Hall", "1st week: Speaker"))
    assert refused(system, "meeting", "show", "riverside", "Tuesday Night")[0] == 1

    done(system, "meeting", "create", "riverside", *words, "--yes")
    meeting = shown(system, "tuesday n")["parts"][0]
    assert meeting["schedule"]["rule"] == "FREQ=WEEKLY;BYDAY=TU"
    assert (meeting["types"], meeting["programmes"][0]["title"]) == (["O", "D"], "Speaker")
    until(lambda: events(system, "Tuesday Night"), "everybody reads it")


def test_an_online_meeting_that_nobody_could_join_is_told_of_the_link_of_its_account(system: System) -> None:
    link = "https://meet.example.org/j/1"
    done(system, "room", "create", "riverside", "--video", "--title=Second Account", f"--link={link}")
    when = ("--on=tuesday", "--at=9:00", "--every=week", "--dry-run")
    new = ("meeting", "create", "riverside", "--title=Far Away", "--mode=online", "--host=Second", *when)
    assert f"nobody can join: --link {link}\n" in done(system, *new)
    assert "nobody can join" not in done(system, *new, "--link", link)


def test_without_a_terminal_nothing_changes_unless_yes_is_said(system: System) -> None:
    made(system, "Quiet Hour", "--on=monday", "--every=week")
    before = shown(system, "Quiet Hour")
    for arguments in (
        ("edit", "riverside", "Quiet Hour", "--at=18:00"),
        ("cancel", "riverside", "Quiet Hour", "--on", starts(system, "Quiet Hour")[0][:10]),
        ("delete", "riverside", "Quiet Hour"),
    ):
        code, said = refused(system, "meeting", *arguments)
        assert (code, "--yes" in said) == (2, True)
        assert "Nothing was changed" in done(system, "meeting", *arguments, "--dry-run")
    assert shown(system, "Quiet Hour") == before


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--website=nonsense",), 2, "--website: must be"),
        (("--room=Attic",), 1, "there is no room 'Attic'"),
        (("--programme=often: X",), 2, "--programme: 'often: X'"),
        (("--agenda=/nowhere.csv",), 2, "--agenda: /nowhere.csv"),
        (("--rule=FREQ=HOURLY",), 2, "--rule: FREQ"),
        (("--capacity=-5",), 2, "--capacity: must lie"),
        ((), 2, "say what is to be changed"),
        (("--from=1 jan 2000", "--until=1 jan 2000"), 2, "--every, --until: UNTIL"),
    ],
)
def test_a_refusal_names_the_option_and_nothing_changes(
    system: System, arguments: tuple[str, ...], code: int, says: str
) -> None:
    ended, said = refused(system, "meeting", "edit", "riverside", "Ask-It Basket", *arguments, "--yes")
    assert (ended, says in said) == (code, True), said


def test_an_edit_that_changes_nothing_asks_and_writes_nothing(system: System, tmp_path: Path) -> None:
    secret, agenda = tmp_path / "passcode", tmp_path / "agenda.csv"
    secret.write_text("canary-4713\n", "utf-8")
    words = ("--link=https://example.org/j", f"--passcode-file={secret}", "--type=O,D", "--programme=1st week: Speaker")
    made(system, "Same", "--on=tuesday", "--every=week", *words)
    before, later = shown(system, "Same"), next_days(system, "Same")[2]
    for same in (
        ("--title=Same",),
        ("--at=7pm", "--for=90"),
        ("--every=week",),
        ("--on=tuesday",),
        ("--rule=FREQ=WEEKLY;BYDAY=TU",),
        ("--place=riverside h", f"--room={room_of('Same')}"),
        ("--resume", *words),
        ("--at=19:00", f"--room={room_of('Same')}", "--from", str(later)),
    ):
        changes_nothing(system, "meeting", "edit", "riverside", "Same", *same)
    assert shown(system, "Same") == before

    agenda.write_text("day,time,minutes,title,room\n1,18:00,60,Welcome,Willow\n", "utf-8")
    words = (f"--on={MONDAY}", "--at=17:00", "--for=3h", f"--agenda={agenda}")
    made(system, "Same Day", *words)
    before = shown(system, "Same Day")
    changes_nothing(system, "meeting", "edit", "riverside", "Same Day", *words)
    assert shown(system, "Same Day") == before

    secret.write_text("canary-4714\n", "utf-8")
    done(system, "meeting", "edit", "riverside", "Same", f"--passcode-file={secret}", "--yes")
    assert "canary-4714" in done(system, "meeting", "show", "riverside", "Same", "--show-passcode")


def test_who_says_no_changes_nothing_and_who_says_yes_does(system: System) -> None:
    made(system, "Asked", "--on=tuesday", "--every=week")
    for answer, code, hour in (("n", 1, "19:00"), ("y", 0, "18:00")):
        terminal = Terminal(system, "meeting", "edit", "riverside", "Asked", "--at=18:00")
        assert "every Tuesday, 18:00 to 19:30" in terminal.asks()
        terminal.answers(answer)
        assert terminal.ends() == code, terminal.said
        assert starts(system, "Asked")[0].endswith(hour)


def test_what_somebody_else_changed_meanwhile_is_shown_anew_before_anything_is_done(system: System) -> None:
    made(system, "Between", "--on=tuesday", "--every=week")
    terminal = Terminal(system, "meeting", "edit", "riverside", "Between", "--at=18:00")
    terminal.asks()
    done(system, "meeting", "edit", "riverside", "Between", "--for=2h", "--yes")
    terminal.answers("y")
    again = terminal.asks()
    assert "Somebody else changed it meanwhile" in again
    assert "every Tuesday, 18:00 to 20:00" in again
    assert starts(system, "Between")[0].endswith("19:00")
    terminal.answers("y")
    assert terminal.ends() == 0, terminal.said
    assert shown(system, "Between")["parts"][0]["schedule"]["minutes"] == 120


def test_a_retreat_keeps_its_sessions_and_their_rooms(system: System, tmp_path: Path) -> None:
    agenda = tmp_path / "agenda.csv"
    agenda.write_text("day,time,minutes,title,room\n1,17:00,60,Welcome,River Hall\n3,13:00,60,Goodbye,\n", "utf-8")
    words = ("--mode=in-person", f"--on={FRIDAY}", "--at=17:00", f"--ends={SUNDAY} 15:00", "--place=Riverside House")
    done(
        system, "meeting", "create", "riverside", "--title=Retreat", "--kind=retreat", *words, f"--agenda={agenda}",
        "--cost=by donation", "--scholarship", f"--registration-opens={FRIDAY - timedelta(days=40)} 9:00", "--yes",
    )  # fmt: skip
    retreat = shown(system, "Retreat")["parts"][0]
    assert (retreat["schedule"]["minutes"], retreat["scholarship"]) == (46 * 60, True)
    assert [each.get("room_titles") for each in retreat["sessions"]] == [["River Hall"], None]

    agenda.write_text("day,time,minutes,title,room\n1,18:00,60,Welcome,Willow\n", "utf-8")
    done(system, "meeting", "edit", "riverside", "Retreat", f"--agenda={agenda}", "--yes")
    (session,) = shown(system, "Retreat")["parts"][0]["sessions"]
    assert (session["id"], session["room_titles"]) == (retreat["sessions"][0]["id"], ["Willow Room"])


def test_a_passcode_is_read_from_a_file_and_told_only_where_it_is_asked_for(system: System, tmp_path: Path) -> None:
    made(system, "Locked", "--on=tuesday", "--every=week")
    secret = tmp_path / "passcode"
    secret.write_text("canary-4711\n", "utf-8")
    said = done(
        system, "meeting", "edit", "riverside", "Locked", "--link=https://example.org/j", "--mode=hybrid",
        f"--passcode-file={secret}", "--yes",
    )  # fmt: skip
    public = (said, json.dumps(shown(system, "Locked")), done(system, "meeting", "list", "riverside", "--json"))
    assert not any("canary" in text for text in public)
    assert "canary-4711" in done(system, "meeting", "show", "riverside", "Locked", "--show-passcode")


def test_a_passcode_is_typed_unseen_and_an_agenda_comes_from_another_command(system: System) -> None:
    made(system, "Typed", "--on=tuesday", "--every=week")
    words = ("--link=https://example.org/j", "--mode=hybrid", "--passcode-file=-")
    code, said = refused(system, "meeting", "edit", "riverside", "Typed", *words, "--yes")
    assert (code, "nobody can be asked here" in said) == (2, True)
    terminal = Terminal(system, "meeting", "edit", "riverside", "Typed", *words, "--yes")
    terminal.asks("Passcode: ")
    terminal.answers("canary-4712")
    assert terminal.ends() == 0, terminal.said
    assert "canary" not in terminal.said
    assert "canary-4712" in done(system, "meeting", "show", "riverside", "Typed", "--show-passcode")

    agenda = (f"--on={FRIDAY}", "--at=17:00", f"--ends={SUNDAY} 15:00", "--place=Riverside House", "--agenda=-")
    piped = subprocess.run(
        [sys.executable, "-m", "services.cli", "meeting", "create", "riverside", "--title=Piped", *NEW[:1], *agenda,
         "--yes"],
        cwd=ROOT, env=environment(system.environ), input="day,time,minutes,title\n1,17:00,1h,Welcome\n",
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert piped.returncode == 0, piped.stderr
    assert [each["title"] for each in shown(system, "Piped")["parts"][0]["sessions"]] == ["Welcome"]


def test_what_was_edited_here_stays_until_it_is_given_back_to_its_list(system: System, tmp_path: Path) -> None:
    record = {"name": "Listed", "slug": "l", "day": 2, "time": "19:00", "formatted_address": "1 Main St, Harrow Bend"}
    file = tmp_path / "list.json"

    def comes_in(**fields: Any) -> Any:
        file.write_text(json.dumps([record | fields]), "utf-8")
        words = ("--centre=riverside", "--source=one", "--timezone=America/Edmonton", "--fellowship=AA")
        return asked_json(system, "import", "meeting-guide", str(file), *words)

    comes_in()
    changes_nothing(system, "meeting", "edit", "riverside", "Listed", "--at=19:00", "--title=Listed")
    assert "local_fields" not in shown(system, "Listed")["parts"][0]
    done(system, "meeting", "edit", "riverside", "Listed", "--at=18:30", "--notes=Side door", "--yes")
    assert "kept" in json.dumps(comes_in(notes="Front door", group="Early"))
    part = shown(system, "Listed")["parts"][0]
    assert (part["notes"], part["group"], part["schedule"]["start"][-5:]) == ("Side door", "Early", "18:30")

    code, said = refused(system, "meeting", "edit", "riverside", "Listed", "--follow-source=nonsense", "--yes")
    assert (code, "--follow-source" in said) == (2, True), said
    done(system, "meeting", "edit", "riverside", "Listed", "--follow-source=notes", "--yes")
    assert shown(system, "Listed")["parts"][0]["notes"] == "Side door"
    comes_in(notes="Front door", group="Early")
    part = shown(system, "Listed")["parts"][0]
    assert (part["notes"], part["schedule"]["start"][-5:]) == ("Front door", "18:30")


def test_a_deleted_meeting_is_cancelled_with_all_its_parts(system: System) -> None:
    made(system, "Gone", "--on=tuesday", "--every=week")
    day = next_days(system, "Gone")[2]
    done(system, "meeting", "edit", "riverside", "Gone", "--at=18:00", "--from", str(day), "--yes")
    assert len(asked_json(system, "meeting", "delete", "riverside", "Gone", "--yes")["deleted"]) == 2
    until(lambda: all("STATUS:CANCELLED" in each for each in events(system, "Gone")), "everybody reads it")
    assert refused(system, "meeting", "show", "riverside", "Gone")[0] == 1


def test_a_group_is_called_by_its_title(system: System) -> None:
    done(system, "group", "create", "riverside", "--title=Night Owls")
    made(system, "Owls", "--on=tuesday", "--every=week", "--invite-group=night owls")
    assert "invite group       Night Owls" in done(system, "meeting", "show", "riverside", "Owls")


def test_what_was_said_yes_to_is_done_although_nobody_reads_on(system: System) -> None:
    made(system, "Unread", "--on=tuesday", "--every=week")
    for words, code, hour in (((), 1, "19:00"), (("--yes",), 0, "18:00")):
        reader, writer = os.pipe()
        os.close(reader)  # `| head -0`
        master, slave = pty.openpty()
        child = subprocess.run(
            [sys.executable, "-m", "services.cli", "meeting", "edit", "riverside", "Unread", "--at=18:00", *words],
            cwd=ROOT, env=environment(system.environ), stdin=slave, stdout=writer, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
        for each in (writer, master, slave):
            os.close(each)
        assert child.returncode == code, child.stderr
        assert starts(system, "Unread")[0].endswith(hour)
