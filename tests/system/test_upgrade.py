"""An installation made by deploy/install.sh, and `openchair upgrade` on it, with the real program throughout."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.system import acts
from tests.system.releases import Computer, Origin
from tests.system.running import ROOT, environment, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENDS = "\nraise SystemExit('this version ends at once')\n"
ENDS_ON_REAL_DATA = """
import os, sys
if os.environ["OPENCHAIR_DATA"].endswith("lib/openchair"):
    open(os.environ["OPENCHAIR_DATA"] + "/scribble", "w").close()
    sys.exit("this version ends on real data")
"""

pytestmark = pytest.mark.skipif(not (shutil.which("git") and shutil.which("make")), reason="needs git and make")


@pytest.fixture
def computer(tmp_path: Path) -> Iterator[Computer]:
    """Installed, and running the first version, with a meeting."""
    made = Computer(tmp_path / "root", Origin(tmp_path / "origin"))
    try:
        done = made.install()
        assert done.returncode == 0, done.stderr + done.stdout
        made.furnish()
        made.start()
        yield made
    finally:
        made.clean()


async def furnish(computer: Computer) -> None:
    async with computer.system.meetings() as stub:
        await acts.create_centre(stub, "house")
        await acts.create_meeting(stub, "centres/house", "Evening", "2026-11-24T19:00")
    shows(computer)


def shows(computer: Computer) -> None:
    """Until the calendar has the meeting."""
    until(lambda: b"Evening" in computer.system.get("/calendars/house.ics").body, "the calendar has the meeting")


def asked(computer: Computer) -> list[str]:
    return (computer.root / "asked").read_text().split("\n")[1:-1]


def beside(computer: Computer) -> list[str]:
    return sorted(path.name.partition(".")[2].partition("-")[0] for path in computer.data.parent.iterdir())


async def test_the_newest_version_runs_afterwards_on_the_data_of_before(computer: Computer) -> None:
    await furnish(computer)
    second = computer.origin.commit("Shorter pages", {"services/everything.py": "\n# 2\n"})
    checked = computer.command("upgrade", "--check")
    assert (checked.returncode, "Shorter pages" in checked.stdout) == (0, True), checked.stderr
    assert (computer.current, asked(computer)) == (computer.origin.first[:12], [])

    done = computer.command("upgrade")
    assert done.returncode == 0, done.stderr + done.stdout
    assert computer.current == second[:12]
    assert computer.unreadable() == []
    assert asked(computer) == ["stop openchair", "start openchair"]
    assert computer.system.readiness().ready
    shows(computer)
    assert beside(computer) == ["", "before"]
    assert not (computer.data / "backups/newest").exists()
    assert not list(computer.data.glob("backups/*"))  # what the trial was made of counts as no backup
    again = computer.command("upgrade")
    assert (again.returncode, "This is it already" in again.stdout) == (0, True)


@pytest.mark.slow
async def test_a_version_that_does_not_come_up_on_a_copy_is_not_started(computer: Computer) -> None:
    await furnish(computer)
    computer.origin.commit("Broken", {"services/kit/process.py": ENDS})
    done = computer.command("upgrade")
    assert done.returncode == 1
    assert "this version ends at once" in done.stderr
    assert "Nothing was changed" in done.stderr
    assert (computer.current, asked(computer), beside(computer)) == (computer.origin.first[:12], [], [""])
    assert computer.system.readiness().ready


@pytest.mark.slow
async def test_a_version_that_comes_up_on_a_copy_only_is_taken_back_with_its_data(computer: Computer) -> None:
    await furnish(computer)
    computer.origin.commit("Broken later", {"services/kit/process.py": ENDS_ON_REAL_DATA})
    done = computer.command("upgrade", "--patience", "12")
    assert done.returncode == 1
    assert "did not come up" in done.stderr
    assert computer.current == computer.origin.first[:12]
    assert asked(computer) == ["stop openchair", "start openchair"] * 2
    assert computer.system.readiness().ready
    shows(computer)
    assert beside(computer) == ["", "failed"]
    assert not (computer.data / "scribble").exists()


def test_only_what_came_of_the_version_that_runs_is_taken(computer: Computer) -> None:
    computer.origin.git("checkout", "--quiet", "--orphan", "other")
    computer.origin.commit("Another past")
    computer.origin.git("tag", "v9")
    for wanted, says in (("v9", "a database is not taken back"), ("v10", "there is no version 'v10'")):
        done = computer.command("upgrade", "--to", wanted)
        assert (done.returncode, says in done.stderr) == (1, True), done.stderr
    assert asked(computer) == []


@pytest.mark.slow
def test_installing_again_keeps_settings_data_and_the_version(computer: Computer) -> None:
    settings = computer.settings.read_text()
    computer.origin.commit("Newer")
    done = computer.install()
    assert done.returncode == 0, done.stderr
    assert computer.settings.read_text() == settings
    assert computer.current == computer.origin.first[:12]
    assert computer.unreadable() == []
    assert (computer.data.stat().st_mode & 0o777, computer.settings.stat().st_mode & 0o777) == (0o700, 0o640)
    for path in ("etc/systemd/system/openchair.service", "etc/caddy/Caddyfile", "usr/local/bin/openchair"):
        assert (computer.root / path).exists()
    assert "OPENCHAIR_DOMAIN=chairs.example.org" in (computer.root / "etc/openchair/caddy.env").read_text()
    assert computer.command("centre", "list").returncode == 0
    (computer.root / "etc/caddy/Caddyfile").write_text("of somebody's own\n")
    assert computer.install().returncode == 0
    assert (computer.root / "etc/caddy/Caddyfile.~1~").read_text() == "of somebody's own\n"


@pytest.mark.slow
async def test_a_backup_of_one_computer_is_put_back_on_another(computer: Computer, tmp_path: Path) -> None:
    await furnish(computer)
    key, file = tmp_path / "key", computer.root / "var/backups/openchair/chairs.backup"
    key.write_text("k3y-of-nine-owls-and-a-heron-at-dusk")
    key.chmod(0o600)
    made = computer.command("backup", "--key-file", str(key), str(file))
    assert made.returncode == 0, made.stderr
    async with computer.system.meetings() as stub:
        await acts.create_centre(stub, "later")
    computer.systemctl("stop")
    done = computer.command("restore", "--replace", "--key-file", str(key), str(file))
    assert done.returncode == 0, done.stderr
    computer.start()
    shows(computer)
    assert "later" not in computer.command("centre", "list").stdout


@pytest.mark.parametrize("name", ["", "-x", "chairs example", "Chairs.example.org", "a/b", "$(id)"])
def test_what_is_no_name_of_a_site_is_refused_before_anything_is_done(tmp_path: Path, name: str) -> None:
    command = ["sh", str(ROOT / "deploy/install.sh"), name]
    done = subprocess.run(command, env=environment({"DESTDIR": str(tmp_path)}), capture_output=True, check=False)
    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])
