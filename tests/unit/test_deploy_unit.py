"""The systemd unit: hardened, matching how we stop, and pointing at what deploy/install.sh makes."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from services.kit.settings import read
from tests.bench.tools import ROOT

if TYPE_CHECKING:
    from pathlib import Path

UNIT = ROOT / "deploy/systemd/openchair.service"
INSTALL = (ROOT / "deploy/install.sh").read_text()
DRAINS = 15
needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def stated() -> dict[str, list[str]]:
    """Each directive with all its values."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^([A-Z]\w+)=(.*)$", UNIT.read_text(), re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def test_it_runs_as_a_user_of_its_own_that_writes_its_data_and_nothing_else() -> None:
    unit = stated()
    assert unit["User"] == unit["Group"] == ["openchair"]
    assert unit["ProtectSystem"] == ["strict"]
    assert unit["ReadWritePaths"] == ["/var/lib/openchair"]
    for key in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "RestrictSUIDSGID", "PrivateDevices"):
        assert unit[key] == ["true"], key
    assert unit["CapabilityBoundingSet"] == [""]
    assert unit["UMask"] == ["0077"]


def test_it_has_limits_is_started_again_and_has_longer_to_stop_than_we_drain() -> None:
    unit = stated()
    assert unit["MemoryMax"] == ["1G"]
    assert unit["Restart"] == ["on-failure"]
    assert DRAINS < int(unit["TimeoutStopSec"][0].removesuffix("s")) < 2 * DRAINS
    assert unit["KillSignal"] == ["SIGTERM"]
    assert unit["KillMode"] == ["mixed"]  # nats-server is ours to stop


def test_what_it_names_is_what_the_installation_makes() -> None:
    unit = stated()
    assert unit["EnvironmentFile"] == ["/etc/openchair/openchair.env"]
    assert unit["ExecStart"] == ["/opt/openchair/current/.venv/bin/python -m services.everything"]
    for path in ("$root/opt/openchair", "$root/etc/openchair", "$root/var/lib/openchair"):
        assert path in INSTALL


def test_the_settings_that_the_installation_writes_are_ours() -> None:
    (text,) = re.findall(r'openchair\.env" <<EOF\n(.*?)EOF', INSTALL, re.DOTALL)
    lines = dict(line.split("=", 1) for line in text.splitlines() if not line.startswith("#"))
    filled = {key: value.replace("$domain", "chairs.example.org") for key, value in lines.items()}
    settings = read(filled)
    assert (settings.env, settings.public_url) == ("production", "https://chairs.example.org")


@needs_analyze
def test_systemd_takes_every_directive(tmp_path: Path) -> None:
    program = tmp_path / "opt/openchair/current/.venv/bin/python"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / "openchair.service"
    copy.write_text(UNIT.read_text().replace("ExecStart=/opt", f"ExecStart={tmp_path}/opt"))
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if "openchair.service" in line]
    assert (done.returncode, said) == (0, []), done.stderr


@needs_analyze
def test_systemd_itself_counts_it_as_little_exposed() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd cannot look at a file")
    assert done.returncode == 0, done.stdout[-300:]
