"""Lists that a person brings in are read in a child with limits, whoever wrote them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from services.cli import apart, lists
from services.cli.__main__ import main
from services.cli.shell import Failure
from services.formats import bmlt, csv_guide, meeting_guide, packed
from services.formats.records import FILE_BYTES, RECORDS, Unreadable
from services.kit.confined import Limits

ROOT: Final = Path(__file__).parents[2]
TODAY: Final = date(2026, 11, 21)
ZONE: Final = "America/Edmonton"
WORDS: Final = ("--centre=riverside", "--source=list", f"--timezone={ZONE}")
FELLOWSHIP: Final = {"meeting-guide": ("--fellowship=AA",), "csv": ("--fellowship=AA",), "bmlt": ()}
LISTS: Final[dict[packed.Form, bytes]] = {
    "meeting-guide": json.dumps([{"name": "Noon", "slug": "n", "day": 1, "time": "12:00"}, {"name": "Night"}]).encode(),
    "csv": b"Name,Slug,Day,Time\r\nNoon,n,Monday,12:00\r\nNight,,,\r\n",
    "bmlt": (ROOT / "tests" / "data" / "bmlt" / "berlin.json").read_bytes(),
}
NESTED: Final = b"[[[[[]]]]],"
DEEP: Final = b"[" + NESTED * (FILE_BYTES // len(NESTED) - 1) + b"[]]"
"""20 MiB of lists in lists: parsed they take more than a GiB."""
MANY: Final = json.dumps([
    {"name": f"N{n}", "slug": f"n{n}", "day": 1, "time": "12:00", "formatted_address": "1 Main St, Town"}
    for n in range(RECORDS)
]).encode()  # fmt: skip
WIDE: Final = b"Name,Day,Time," + b",".join(b"%d" % n + b"x" * 310 for n in range(190)) + b"\n" + (
    b"Noon,Monday,12:00" + b",y" * 190 + b"\n"
) * 15_000  # fmt: skip
"""6 MB of cells whose columns have long names: records, which name their fields, take 900 MB, and 20 s."""


def environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}",
        "OPENCHAIR_DATA": str(folder),
        "OPENCHAIR_TARGET": "127.0.0.1:1",
    }


def words(form: str, file: object) -> list[str]:
    return ["import", form, str(file), *WORDS, *FELLOWSHIP[form]]


def bring_in(folder: Path, form: str, file: object, *more: str) -> tuple[int, str]:
    """Exit code and standard error of the real command. No server answers it."""
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *words(form, file), *more],
        cwd=ROOT, env=environment(folder), capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stderr.decode()


def rows_of(form: packed.Form, data: bytes) -> list[object]:
    """What the reader of the format gives in this process."""
    if form == "bmlt":
        return [*bmlt.read(data, None, timezone=ZONE, today=TODAY).rows]
    read = csv_guide.read if form == "csv" else meeting_guide.read
    return [*read(data, fellowship="AA", timezone=ZONE, today=TODAY, language="en").rows]


def question(form: packed.Form, data: bytes, zone: str = ZONE) -> bytes:
    more = ("", "") if form == "bmlt" else ("en", "AA")
    return packed.question(packed.Question(form, data, TODAY, zone, *more))


@pytest.mark.parametrize("form", LISTS)
def test_a_list_gives_the_same_rows_by_way_of_bytes(form: packed.Form) -> None:
    found = packed.rows(packed.answer(question(form, LISTS[form])))
    assert found == rows_of(form, LISTS[form])
    assert len(found) > 1


def test_formats_that_a_server_gave_go_along() -> None:
    listed = json.dumps([{"id_bigint": "1", "meeting_name": "Noon", "weekday_tinyint": "2", "start_time": "12:00:00",
                          "formats": "X", "format_shared_id_list": "7", "location_text": "Hall"}]).encode()  # fmt: skip
    formats = json.dumps([{"id": "7", "key_string": "X", "world_id": "SPK", "format_type_enum": "FC1"}]).encode()
    asked = packed.Question("bmlt", listed, TODAY, ZONE, formats=formats)
    found = packed.rows(packed.answer(packed.question(asked)))
    assert found == bmlt.read(listed, formats, timezone=ZONE, today=TODAY).rows
    assert list(found[0].meeting.types) == ["SPK"]


@pytest.mark.parametrize("form", LISTS)
def test_the_reason_against_a_whole_file_comes_back_as_it_is(form: packed.Form) -> None:
    with pytest.raises(Unreadable) as here:
        rows_of(form, b"<!doctype html>")
    with pytest.raises(Unreadable) as there:
        packed.rows(packed.answer(question(form, b"<!doctype html>")))
    assert str(there.value) == str(here.value)


def test_a_zone_that_nobody_knows_is_said_before_a_child_starts() -> None:
    with pytest.raises(ValueError, match="'Mars/X' is not in the tz database"):
        question("csv", b"", "Mars/X")


@pytest.mark.parametrize("form", LISTS)
def test_the_command_reads_nothing_in_its_own_process(
    form: packed.Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list").write_bytes(LISTS[form])
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    for reader in (bmlt, csv_guide, meeting_guide):
        monkeypatch.setattr(reader, "read", lambda *_, **__: pytest.fail("it was read here"))
    with pytest.raises(SystemExit) as ended:
        main(words(form, tmp_path / "list"))
    assert ended.value.code == 4
    assert "no server answers" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["meeting-guide", "bmlt"])
def test_a_list_over_a_limit_is_refused_in_a_line_that_names_it(form: str, tmp_path: Path) -> None:
    file = tmp_path / "list"
    file.write_bytes(DEEP)
    memory = lists.LIMITS.memory // 2**20
    said = f"openchair: {file}: it takes too much: more than {memory} MiB of memory\n"
    assert bring_in(tmp_path, form, file) == (1, said)


@pytest.mark.parametrize(("form", "data"), [("meeting-guide", MANY), ("csv", WIDE)])
async def test_a_list_that_takes_too_long_is_refused_naming_the_time(form: packed.Form, data: bytes) -> None:
    told = apart.Asked(packed.FUNCTION, question(form, data), Limits(cpu=1, wall=60.0))
    with pytest.raises(Failure, match=r"^list: it takes too much: more than 1 seconds of the processor$"):
        await apart.rows(told, "list")


@pytest.mark.slow
async def test_as_many_records_as_a_list_may_have_are_read_within_the_limits() -> None:
    found = await apart.rows(apart.Asked(packed.FUNCTION, question("meeting-guide", MANY), lists.LIMITS), "list")
    assert (len(found), sum(bool(row.refusal) for row in found)) == (RECORDS, 0)


async def test_a_child_that_breaks_is_told_in_words() -> None:
    told = apart.Asked("services.formats.packed:nothing", b"", lists.LIMITS)
    with pytest.raises(Failure, match=r"^list: it broke the program that reads it$"):
        await apart.rows(told, "list")


@pytest.mark.parametrize("form", LISTS)
def test_a_file_without_an_end_is_read_no_further_than_shows_that(form: str, tmp_path: Path) -> None:
    assert bring_in(tmp_path, form, "/dev/zero") == (1, "openchair: /dev/zero: it is larger than 20 MiB\n")


def test_so_are_the_formats_beside_it(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(LISTS["bmlt"])
    ended, said = bring_in(tmp_path, "bmlt", tmp_path / "list", "--formats", "/dev/zero")
    assert (ended, said) == (1, "openchair: /dev/zero: it is larger than 20 MiB\n")


def children_of(pid: int) -> list[int]:
    """Process ids of its children."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_stopped_while_it_is_read_nothing_is_in_and_no_child_is_left(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(WIDE)
    command = subprocess.Popen(
        [sys.executable, "-m", "services.cli", *words("csv", tmp_path / "list")],
        cwd=ROOT, env=environment(tmp_path), stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (reading := children_of(command.pid)) and time.monotonic() < deadline:
        pass
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=60)
    assert (command.returncode, said) == (130, b"openchair: stopped: nothing is in\n")
    assert [pid for pid in reading if Path(f"/proc/{pid}").exists()] == []
