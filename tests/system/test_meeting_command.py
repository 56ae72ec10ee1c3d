"""A coordinator's work from a terminal, on the sample: what is shown first, what is asked, what all then read."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.cli.__main__ import main
from services.cli.when import full
from services.recurrence.zones import local_day, to_local
from tests.system.running import PATIENCE, ROOT, System, environment, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONE = "America/Edmonton"
NEW = ("--mode=in-person", "--at=19:00", "--for=1h30", "--place=Riverside House", "--room=River Hall")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("meeting")) as started, pytest.MonkeyPatch.context() as patch:
        until(lambda: b"Big Book Study" in started.feed("riverside"), "the sample is published")
        for name in os.environ.keys() - environment({}).keys():
            patch.delenv(name)
        for name, value in started.environ.items():
            patch.setenv(name, value)
        yield started


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in this process, without a terminal: a new interpreter for each takes longer than what it does."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(out), redirect_stderr(err), Path(os.devnull).open(encoding="utf-8") as nothing:
        before, sys.stdin = sys.stdin, nothing
        try:
            main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            sys.stdin = before
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def done(_: System, *arguments: str) -> str:
    """What the command says, which must succeed."""
    answer = command(*arguments)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def refused(_: System, *arguments: str) -> tuple[int, str]:
    """The exit code of a command that must not succeed, and what it says."""
    answer = command(*arguments)
    assert answer.returncode != 0, answer.stdout
    assert "Traceback" not in answer.stderr
    return answer.returncode, answer.stderr


def asked_json(system: System, *arguments: str) -> Any:
    return json.loads(done(system, *arguments, "--json"))


def made(system: System, title: str, *arguments: str) -> None:
    done(system, "meeting", "create", "riverside", f"--title={title}", *NEW, *arguments, "--yes")


def shown(system: System, title: str) -> Any:
    return asked_json(system, "meeting", "show", "riverside", title)


def starts(system: System, title: str) -> list[str]:
    return [each["local_start"] for each in shown(system, title)["next_dates"]]


def next_days(system: System, title: str) -> list[date]:
    return [datetime.fromisoformat(each).date() for each in starts(system, title)]


def events(system: System, title: str) -> list[str]:
    """Its VEVENTs as everybody reads them."""
    text = system.feed("riverside").decode().replace("\r\n ", "")
    return [part for part in text.split("BEGIN:VEVENT")[1:] if title in part]


class Terminal:
    """The command on a terminal, at which somebody answers."""

    def __init__(self, system: System, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.child = subprocess.Popen(
            [sys.executable, "-m", "services.cli", *arguments],
            cwd=ROOT,
            env=environment(system.environ),
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        self.said = ""

    def asks(self, question: str = "Go ahead? [y/N]") -> str:
        """What it said until it asks, since it asked last."""
        before = len(self.said)
        while question not in self.said[before:]:
            self.said += os.read(self.master, 4096).decode()
        return self.said[before:]

    def answers(self, text: str) -> None:
        os.write(self.master, f"{text}\n".encode())

    def ends(self) -> int:
        """Its exit code, and the rest of what it said in `said`."""
        try:
            while chunk := os.read(self.master, 4096):
                self.said += chunk.decode()
        except OSError:  # the other end is closed
            pass
        os.close(self.master)
        return self.child.wait(PATIENCE)


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
    done(system, "meeting", "edit", "riverside", "Single", "--only", str(third), "--room=Willow", "--yes")
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


def test_what_cannot_differ_on_one_date_is_refused_by_its_option(system: System) -> None:
    made(system, "Only", "--on=tuesday", "--every=week")
    code, said = refused(system, "meeting", "edit", "riverside", "Only", "--only=tuesday", "--cost=free", "--yes")
    assert (code, "--cost cannot be different on one date" in said) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--website=nonsense",), 2, "--website: must be"),
        (("--room=Attic",), 1, "there is no room 'Attic'"),
        (("--programme=often: X",), 2, "--programme: 'often: X'"),
        (("--agenda=/nowhere.csv",), 2, "--agenda: /nowhere.csv"),
        (("--rule=FREQ=YEARLY",), 2, "--rule: FREQ"),
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
    words = ("--mode=in-person", "--on=2031-02-14", "--at=17:00", "--ends=2031-02-16 15:00", "--place=Riverside House")
    done(
        system, "meeting", "create", "riverside", "--title=Retreat", "--kind=retreat", *words, f"--agenda={agenda}",
        "--cost=by donation", "--scholarship", "--registration-opens=2031-01-01 9:00", "--yes",
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

    agenda = ("--on=2031-03-14", "--at=17:00", "--ends=2031-03-16 15:00", "--place=Riverside House", "--agenda=-")
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


def test_doubts_are_listed_answered_and_resolved(system: System) -> None:
    now = to_local(datetime.now(UTC), ZONE)
    words = (f"--on={now:%Y-%m-%d}", f"--at={now:%H:%M}")
    done(system, "meeting", "create", "riverside", "--title=Empty Room", *NEW[:1], *NEW[2:], *words, "--yes")
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


def test_places_and_rooms_are_made_and_what_a_place_says_is_changed(system: System) -> None:
    place = asked_json(system, "place", "create", "riverside", "--title=Parish Hall", "--address=1 Church Street")
    room = asked_json(system, "room", "create", "riverside", "--place=parish", "--title=Crypt", "--capacity=20")
    assert room["place"] == place["name"]
    edited = asked_json(system, "place", "edit", "riverside", "Parish", "--position=53.5,-113.5", "--yes")
    assert (edited["place"]["latitude"], edited["done"]) == (53.5, True)
    assert "Crypt: 20 chairs" in done(system, "room", "list", "riverside")
    code, said = refused(system, "place", "edit", "riverside", "Parish", "--map=nonsense", "--yes")
    assert (code, "--map: must be" in said) == (2, True)
    for what, title in (("place", "Parish"), ("room", "Crypt")):
        code, said = refused(system, what, "edit", "riverside", title, "--yes")
        assert (code, "say what is to be changed" in said) == (2, True)


def test_a_room_is_changed_and_what_nothing_uses_is_deleted(system: System) -> None:
    place = asked_json(system, "place", "create", "riverside", "--title=Granary", "--address=3 Church Street")
    asked_json(system, "room", "create", "riverside", "--place=Granary", "--title=Loft", "--equipment=piano")
    words = ("--capacity=12", "--no-equipment", "--notes=Up the stairs", "--yes")
    edited = asked_json(system, "room", "edit", "riverside", "Loft", *words)
    assert (edited["room"]["capacity"], edited["room"].get("equipment")) == (12, None)
    assert {each["name"] for each in edited["changes"]} == {"capacity", "equipment", "notes"}

    done(system, "meeting", "create", "riverside", "--title=Up There", *NEW[:3], "--on=tuesday", "--every=week",
         "--place=Granary", "--room=Loft", "--yes")  # fmt: skip
    name = shown(system, "Up There")["parts"][0]["id"]
    for what, title in (("room", "Loft"), ("place", "Granary")):
        code, said = refused(system, what, "delete", "riverside", title, "--yes")
        assert (code, f"openchair meeting show riverside {name}" in said) == (1, True), said
    done(system, "meeting", "edit", "riverside", "Up There", "--place=Riverside House", "--no-room", "--yes")

    assert refused(system, "room", "delete", "riverside", "Loft")[0] == 2
    assert not asked_json(system, "room", "delete", "riverside", "Loft", "--dry-run")["done"]
    done(system, "room", "delete", "riverside", "Loft", "--yes")
    gone = asked_json(system, "place", "delete", "riverside", "Granary", "--yes")
    assert gone == {"done": True, "name": place["name"]}
    assert refused(system, "room", "delete", "riverside", "Loft", "--yes")[0] == 1
    assert "Granary" not in done(system, "place", "list", "riverside")


def test_only_a_centre_that_has_nothing_left_is_deleted(system: System) -> None:
    done(system, "centre", "create", "trial", "--title=Trial", "--timezone=UTC")
    done(system, "place", "create", "trial", "--title=Hall")
    code, said = refused(system, "centre", "delete", "trial", "--yes")
    assert (code, "still has a place" in said) == (1, True)
    done(system, "place", "delete", "trial", "Hall", "--yes")
    assert asked_json(system, "centre", "delete", "trial", "--yes")["done"]
    assert "trial" not in done(system, "centre", "list")


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


def test_a_centre_says_whom_to_call_and_whose_holidays_count(system: System) -> None:
    words = ("--phone=+1 780 555 0177", "--holiday-calendar=CA-AB", "--kind=sound-bath: Sound bath")
    changed = asked_json(system, "centre", "edit", "riverside", *words, "--yes")
    assert changed["centre"]["phone"] == "+1 780 555 0177"
    assert changed["centre"]["kinds"][-1] == {"id": "sound-bath", "title": "Sound bath"}
    code, said = refused(system, "centre", "edit", "riverside", "--holiday-calendar=XX", "--yes")
    assert (code, "--holiday-calendar: must be" in said) == (2, True)


def test_a_snow_day_is_one_line_and_is_taken_back_by_another(system: System) -> None:
    day = local_day(datetime.now(UTC), ZONE) + timedelta(days=3)
    when = f"--on={day}"
    made(system, "Snowed In", when)
    dry = done(system, "close", "riverside", when, "--because=Snow", "--dry-run", "--all")
    assert "Snowed In: cancelled" in dry
    assert not shown(system, "Snowed In")["next_dates"][0]["cancelled"]

    closed = asked_json(system, "close", "riverside", when, "--because=Snow", "--yes")
    assert (closed["done"], closed["closure"]["state"]) == (True, "CLOSURE_STATE_IN_FORCE")
    assert closed["impact"]["cancelled"] == closed["impact"]["occurrences"] > 0
    until(lambda: "STATUS:CONFIRMED" not in "".join(events(system, "Snowed In")), "everybody reads it")
    assert "Snow" in done(system, "close", "list", "riverside")
    assert refused(system, "meeting", "restore", "riverside", "Snowed In", when, "--yes")[0] == 1

    done(system, "meeting", "restore", "riverside", "Snowed In", when, "--despite-closures", "--yes")
    assert not shown(system, "Snowed In")["next_dates"][0]["cancelled"]

    longer = f"{day + timedelta(days=1)}"
    assert (
        longer
        == asked_json(system, "close", "extend", "riverside", "snow", f"--until={longer}", "--yes")["closure"]["end"]
    )
    assert "taken back" in done(system, "close", "withdraw", "riverside", "Snow", "--yes")
    assert "0 closures" in done(system, "close", "list", "riverside")


def test_a_closed_house_moves_elsewhere_and_a_room_alone_closes_alone(system: System) -> None:
    done(system, "place", "create", "riverside", "--title=Library", "--address=2 Church Street")
    day = local_day(datetime.now(UTC), ZONE) + timedelta(days=40)
    made(system, "Mover", f"--on={day}")
    words = ("close", "riverside", "--place=Riverside House", f"--from={day}", f"--until={day}", "--because=Paint")
    closed = asked_json(system, *words, "--move-to=Library", "--yes")
    assert closed["impact"]["moved"] == closed["impact"]["occurrences"] > 0
    assert "at Library: Paint" in done(system, "meeting", "show", "riverside", "Mover")
    room = asked_json(system, "close", "riverside", f"--on={day}", "--room=Willow", "--because=Leak", "--dry-run")
    assert "Mover" not in {each["title"] for each in room["impact"]["dates"]}
    done(system, "close", "withdraw", "riverside", "Paint", "--yes")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--because=x",), "--today"),
        (("--because=x", "--from=24 dec"), "--until"),
        (("--because=x", "--today", "--until=24 dec"), "one day"),
        (("--because=x", "--today", "--link=https://example.org"), "--online"),
        (("--because=x", "--today", "--to-room=Willow"), "--move-to"),
        (("--because=x", "--today", "--holidays=XX"), "--holidays"),
        (("--today",), "--because"),
    ],
)
def test_a_closure_that_is_half_said_is_refused_and_the_rest_named(
    system: System, arguments: tuple[str, ...], says: str
) -> None:
    code, said = refused(system, "close", "riverside", *arguments, "--yes")
    assert (code, says in said) == (2, True), said


def test_stopping_to_watch_a_closure_does_not_stop_it(system: System, tmp_path: Path) -> None:
    done(system, "centre", "create", "many", "--title=Many", "--timezone=UTC")
    rows = [
        {"name": f"M{n}", "slug": f"m{n}", "day": n % 7, "time": "12:00", "formatted_address": "1 Main St, Harrow Bend"}
        for n in range(400)
    ]
    (tmp_path / "many.json").write_text(json.dumps(rows), "utf-8")
    words = ("--centre=many", "--source=many", "--timezone=UTC", "--fellowship=AA")
    done(system, "import", "meeting-guide", str(tmp_path / "many.json"), *words)

    watching = Terminal(system, "close", "many", "--from=today", "--until=further notice", "--because=Flood")
    watching.asks()
    watching.answers("y")
    while "It is in force" not in watching.said:
        watching.said += os.read(watching.master, 4096).decode()
    watching.child.send_signal(signal.SIGINT)
    assert watching.ends() == 130, watching.said
    assert "openchair close show many" in watching.said

    def followed() -> bool:
        (closure,) = asked_json(system, "close", "list", "many")
        return bool(closure["state"] == "CLOSURE_STATE_IN_FORCE")

    until(followed, "every meeting has followed")
