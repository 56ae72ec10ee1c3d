"""The command for people: every foreseeable mistake is answered in words, with an exit code, and no traceback."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from services.cli.shell import site_address
from services.kit.auth import load_or_make_keys
from services.kit.settings import read
from tests.system.running import System, environment, running

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
LIST = b'[{"name": "Noon", "slug": "noon", "day": 1, "time": "12:00"}]'
IMPORT = ("import", "meeting-guide", "-", "--centre=c", "--source=s", "--fellowship=AA")


def openchair(folder: Path, *arguments: str, **environ: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}",
            "OPENCHAIR_DATA": str(folder),
            "OPENCHAIR_TARGET": "127.0.0.1:1",
            **environ,
        },
        input=LIST,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "says"),
    [
        (("centre", "list"), {}, 4, "no server answers at 127.0.0.1:1"),
        ((*IMPORT, "--timezone=UTC"), {}, 4, "no server answers at 127.0.0.1:1"),
        ((*IMPORT, "--timezone=Mars/X"), {}, 2, "--timezone"),
        ((*IMPORT, "--timezone=UTC"), {"OPENCHAIR_TARGET": "nonsense"}, 2, "OPENCHAIR_TARGET"),
        ((*IMPORT, "--timezone=UTC"), {"OPENCHAIR_TOKEN": "caf\u00e9"}, 2, "OPENCHAIR_TOKEN"),
        (("token", "--subject=kim", "--role=king"), {}, 2, "king"),
        (("token", "--subject=kim", "--role=member", "--minutes=90"), {}, 2, "an hour"),
        (("backup", "/nowhere/x.backup"), {}, 1, "/nowhere is no folder"),
        (("streams", "check"), {}, 2, "NATS_URL is needed"),
        (("streams", "check"), {"NATS_URL": "nats://127.0.0.1:1"}, 2, "OPENCHAIR_NATS_CREDENTIALS is needed"),
        (("group", "list", "c"), {}, 4, "no server answers at 127.0.0.1:1"),
        (("group", "rotate", "c", "g", "--grace=soon"), {}, 2, "30m, 12h, 7d"),
        (("group", "create", "no id!", "--title=G"), {}, 2, "id of a centre"),
        (("centre", "create", "c", "--title=C", "--timezone=UTC"), {"OPENCHAIR_TARGE": "x"}, 2, "OPENCHAIR_TARGET"),
    ],
)
def test_a_mistake_is_said_in_words(
    tmp_path: Path, arguments: tuple[str, ...], environ: dict[str, str], code: int, says: str
) -> None:
    load_or_make_keys(tmp_path / "keys")
    ended, _, said = openchair(tmp_path, *arguments, **environ)
    assert (ended, "Traceback" in said) == (code, False)
    assert says in said


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.touch()
    ended, _, said = openchair(place, "token", "--subject=kim", "--role=member")
    assert (ended, "Traceback" in said) == (1, False)
    assert "OPENCHAIR_DATA" in said


def test_a_key_that_others_may_read_is_named_and_not_taken_for_a_wrong_address(tmp_path: Path) -> None:
    load_or_make_keys(tmp_path / "keys")
    (tmp_path / "keys" / "token.key").chmod(0o644)
    ended, _, said = openchair(tmp_path, *IMPORT, "--timezone=UTC")
    assert (ended, "token.key" in said, "OPENCHAIR_TARGET" in said) == (1, True, False)


@pytest.mark.parametrize(("output", "code", "says"), [("| true", 0, ""), ("> /dev/full", 1, "No space left")])
def test_an_output_that_takes_no_more_is_no_traceback(tmp_path: Path, output: str, code: int, says: str) -> None:
    load_or_make_keys(tmp_path / "keys")
    command = f"{sys.executable} -m services.cli token --subject kim --role member {output}; exit ${{PIPESTATUS[0]}}"
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}", "OPENCHAIR_DATA": str(tmp_path)}
    done = subprocess.run(["/bin/bash", "-c", command], cwd=ROOT, env=environ, capture_output=True, check=False)
    assert done.returncode == code
    assert says in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert "Exception ignored" not in done.stderr.decode()


def test_a_token_is_made_with_the_keys_of_a_server_and_never_with_new_ones(tmp_path: Path) -> None:
    ended, output, said = openchair(tmp_path, "token", "--subject=kim", "--role=member")
    assert (ended, output) == (1, "")
    assert all(word in said for word in (str(tmp_path / "keys"), "OPENCHAIR_DATA", "make run"))
    assert list(tmp_path.iterdir()) == []

    load_or_make_keys(tmp_path / "keys")
    assert openchair(tmp_path, "token", "--subject=kim", "--role=member")[0] == 0


@pytest.mark.parametrize("arguments", [(), ("import",), ("centre",), ("group",)])
def test_without_a_command_it_says_what_there_is(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended, output, said = openchair(tmp_path, *arguments)
    assert (ended, said) == (0, "")
    assert output.startswith("usage: openchair")


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"OPENCHAIR_HOST": "::1"}, "http://[::1]:8080"),
        ({"OPENCHAIR_PUBLIC_URL": "https://chairs.example.org"}, "https://chairs.example.org"),
        ({"OPENCHAIR_TARGET": "chairs.example.org:443"}, ""),
    ],
)
def test_an_address_that_is_told_is_never_this_computers_for_a_server_elsewhere(
    environ: dict[str, str], address: str
) -> None:
    assert site_address(read(environ)) == address


def test_it_says_its_version(tmp_path: Path) -> None:
    assert re.fullmatch(r"openchair \d+\.\d+\.\d+\S*\n", openchair(tmp_path, "--version")[1])


@pytest.mark.parametrize(
    "command",
    [
        *((), ("import", "meeting-guide"), ("import", "status"), ("centre", "create"), ("centre", "list"), ("token",)),
        *(("group", action) for action in ("create", "list", "open", "close", "rotate", "revoke")),
        *(("backup",), ("restore",), ("republish",), ("dead", "list"), ("dead", "replay"), ("streams", "config")),
    ],
)
def test_help_teaches_with_an_example_and_the_exit_codes(tmp_path: Path, command: tuple[str, ...]) -> None:
    ended, output, _ = openchair(tmp_path, *command, "--help")
    assert ended == 0
    assert re.search(rf"^ +openchair {' '.join(command)}", output, re.MULTILINE)
    assert re.findall(r"^  (\d+)  +\S", output, re.MULTILINE) == ["0", "1", "2", "3", "4", "130"]


# --- with a server ----------------------------------------------------------------------------------------------

OPTIONS = ("--timezone=UTC", "--fellowship=AA")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("cli")) as started:
        yield started


def records(count: int) -> list[dict[str, Any]]:
    usual = {"time": "12:00", "formatted_address": "1 Main St, Town"}
    return [{"name": f"Noon {n}", "slug": f"noon-{n}", "day": n % 7, **usual} for n in range(1, count + 1)]


def list_of(folder: Path, found: list[dict[str, Any]]) -> str:
    path = folder / "list.json"
    path.write_text(json.dumps(found))
    return str(path)


def bring_in(system: System, file: str, source: str, *options: str) -> tuple[int, str, str]:
    named = ("--centre=riverside", f"--source={source}", *OPTIONS)
    done = system.command("import", "meeting-guide", file, *named, *options)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("import meeting-guide FILE --centre nope --source s", 1, "--centre: there is no centre 'nope' here"),
        ("import meeting-guide FILE --centre nope --source s", 1, "openchair centre create nope"),
        ("import meeting-guide FILE --centre nope --source s", 1, "openchair centre list"),
        ("import meeting-guide FILE --centre a/b --source s", 2, "--centre: 'a/b' is not the id of a centre"),
        ("import meeting-guide FILE --centre riverside --source S!", 2, "--source: must be 1 to 60 of"),
        ("import meeting-guide FILE --centre riverside --source a-", 2, "--source: must be 1 to 60 of"),
        ("centre create x --title X --timezone UTC", 2, "ID: must be 2 to 40 of"),
        ("centre create xy --title X --timezone Mars/X", 2, "--timezone: 'Mars/X' is not"),
        ("centre create xy --title X --timezone UTC --language 12", 2, "--language: "),
        ("centre create riverside --title X --timezone UTC", 1, "there is a centre 'riverside' already"),
        ("import status centres/riverside/imports/x", 1, "there is no import 'centres/riverside/imports/x' here"),
        ("import status riverside", 2, "'riverside' is not the name of an import"),
    ],
)
def test_a_refusal_speaks_of_the_commands_own_options(
    system: System, tmp_path: Path, command: str, code: int, says: str
) -> None:
    words = [list_of(tmp_path, records(1)) if word == "FILE" else word for word in command.split()]
    done = system.command(*words, *(OPTIONS if "FILE" in command else ()))
    assert done.returncode == code
    assert says in done.stderr
    for foreign in ("NOT_FOUND", "INVALID", "parent", "time_zone", "centre_id", "centre."):
        assert foreign not in done.stderr


def test_keys_of_another_folder_and_roles_that_do_not_suffice_are_named(system: System, tmp_path: Path) -> None:
    create = ("centre", "create", "other", "--title=X", "--timezone=UTC")
    target = {"OPENCHAIR_TARGET": system.environ["OPENCHAIR_TARGET"]}
    assert "OPENCHAIR_DATA" in openchair(tmp_path, *create, **target)[2]
    load_or_make_keys(tmp_path / "keys")
    assert f"the keys in {tmp_path / 'keys'} are not those of the server" in openchair(tmp_path, *create, **target)[2]
    token = system.command("token", "--subject=kim", "--role=member").stdout.strip()
    ended, _, said = openchair(tmp_path, *create, **target, OPENCHAIR_TOKEN=token)
    assert (ended, "your token does not allow this" in said) == (1, True)


def test_centres_are_listed_in_columns_or_as_json(system: System) -> None:
    made = system.command("centre", "create", "zz", "--title=Last One", "--timezone=UTC")
    assert (made.returncode, f"http://127.0.0.1:{system.http_port}/calendars/zz.ics\n" in made.stdout) == (0, True)
    lines = system.command("centre", "list").stdout.splitlines()
    assert lines[0].split() == ["ID", "TIME", "ZONE", "TITLE"]
    (last,) = (line for line in lines if line.startswith("zz "))
    assert last.split() == ["zz", "UTC", "Last", "One"]
    assert last.index("UTC") == lines[0].index("TIME")
    found = json.loads(system.command("centre", "list", "--json").stdout)
    assert {"id": "zz", "title": "Last One", "time_zone": "UTC"} in found
    assert lines[-1] == f"{len(found)} centres"


def test_a_report_has_what_happened_in_columns_and_the_counts_at_its_end(system: System, tmp_path: Path) -> None:
    found = [*records(2), {"name": "Shut", "slug": "s", "day": 1, "time": "9:00", "types": ["TC"], "location": "Hall"}]
    file = list_of(tmp_path, [{"name": "No day", "slug": "by-appointment"}, *found])
    looked = bring_in(system, file, "report", "--dry-run")
    assert "Would import, of 4 records:\n  3 new\n" in looked[1]
    assert looked[1].endswith("Nothing was changed.\n")
    code, said, errors = bring_in(system, file, "report")
    assert (code, errors) == (3, "")
    assert re.sub(r"status \S+", "status NAME", said) == (
        "new      2  noon-1          Noon 1\n"
        "new      3  noon-2          Noon 2\n"
        "new      4  s               Shut\n"
        "            closed for now: it is listed so, without dates\n"
        "refused  1  by-appointment\n"
        "            it has no day and time (by appointment?): only meetings with a day and a time have dates\n"
        "\n"
        "Imported, of 4 records:\n"
        "  3 new\n"
        "  0 changed\n"
        "  0 unchanged\n"
        "  1 refused (see above; not in)\n"
        "  1 of these closed for now (suspended): listed so, without dates\n"
        "To see this again (for 30 days): openchair import status NAME\n"
    )
    again = system.command("import", "status", said.split()[-1])
    assert (again.returncode, again.stdout) == (3, said)


def test_a_report_as_json_is_all_there_is_on_standard_output(system: System, tmp_path: Path) -> None:
    file = list_of(tmp_path, records(2))
    code, said, _ = bring_in(system, file, "json", "--json")
    report = json.loads(said)
    assert (code, report["counts"], report["closed_for_now"]) == (0, {"new": 2}, [])
    assert json.loads(system.command("import", "status", report["import"], "--json").stdout) == report


def test_a_list_that_lost_many_is_not_taken_and_says_which_option_made_it_so(system: System, tmp_path: Path) -> None:
    bring_in(system, list_of(tmp_path, records(5)), "shrunk")
    code, _, said = bring_in(system, list_of(tmp_path, records(2)), "shrunk", "--remove-gone")
    assert (code, "--remove-gone: 3 of the 5 meetings" in said) == (1, True)
    assert (
        "  3 gone from the list, still in the calendar" in bring_in(system, list_of(tmp_path, records(2)), "shrunk")[1]
    )


def test_what_changed_is_said_in_words(system: System, tmp_path: Path) -> None:
    bring_in(system, list_of(tmp_path, records(1)), "words")
    said = bring_in(system, list_of(tmp_path, [records(1)[0] | {"time": "13:00"}]), "words")[1]
    assert "changed: when it is\n" in said


# --- stopped with Ctrl-C, at a terminal --------------------------------------------------------------------------


def stopped_at(system: System, file: str, source: str, stage: str) -> tuple[int, str]:
    """Interrupts an import once its progress bar shows that stage. Its exit code and what the terminal showed."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    named = ("--centre=riverside", f"--source={source}", *OPTIONS)
    command = [sys.executable, "-m", "services.cli", "import", "meeting-guide", file, *named]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(system.environ), stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        seen, interrupted = "", False
        deadline = time.monotonic() + 60
        while (more := _read(ours)) and time.monotonic() < deadline:
            seen += more
            if stage in seen and not interrupted:
                interrupted = True
                process.send_signal(signal.SIGINT)
        os.close(ours)
        return process.wait(30), seen.replace("\r\n", "\n")


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 4096).decode()
    except OSError:  # the last one at the other side has gone
        return ""


def test_stopped_before_it_is_sent_nothing_is_in(system: System, tmp_path: Path) -> None:
    file = list_of(tmp_path, records(8_000))
    code, seen = stopped_at(system, file, "early", "Sending")
    assert (code, "Traceback" in seen) == (130, False)
    assert seen.endswith("openchair: stopped: nothing is in\n")
    assert "  3 new\n  0 changed\n  0 unchanged\n" in bring_in(system, list_of(tmp_path, records(3)), "early")[1]


@pytest.mark.slow
def test_stopped_after_that_it_goes_on_and_its_result_can_be_seen(system: System, tmp_path: Path) -> None:
    code, seen = stopped_at(system, list_of(tmp_path, records(1_500)), "late", "Importing")
    assert (code, "Traceback" in seen) == (130, False)
    assert "The import goes on by itself on the server" in seen
    command = seen.splitlines()[-1].split()
    assert command[:3] == ["openchair", "import", "status"]
    done = system.command(*command[1:], "--json")
    assert (done.returncode, done.stderr) == (0, "")  # and no progress bar where there is no terminal
    assert json.loads(done.stdout)["counts"] == {"new": 1_500}
