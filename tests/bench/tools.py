"""The programs that a measurement needs: from PATH, else from Debian's packages, unpacked beside the code.

Nothing is installed and no service is started: the packages are fetched with apt-get and unpacked to `.tools`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
PACKAGES = {"wrk": "wrk", "nginx": "nginx-light", "caddy": "caddy"}
SECONDS = 120


class Missing(Exception):  # noqa: N818 - a reason to measure less, not a fault
    """A program is neither here nor to be had. Its text says what to type."""


def tool(name: str) -> str:
    """Path of the program, fetched if need be. Raises Missing."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        TOOLS.mkdir(exist_ok=True)
        with (TOOLS / "lock").open("w") as lock:  # several processes of the tests may want one at once
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _unpacked(name) is None:
                _fetch(PACKAGES[name])
            found = _unpacked(name)
    if found is None:
        raise Missing(f"{name} is not here: sudo apt-get install {PACKAGES[name]}")
    return found


def library_path() -> str:
    """LD_LIBRARY_PATH for unpacked programs."""
    return ":".join(str(path) for path in (TOOLS / "root").rglob("*-linux-gnu*") if path.is_dir())


def _unpacked(name: str) -> str | None:
    paths = [TOOLS / "root/usr/bin" / name, TOOLS / "root/usr/sbin" / name]
    return next((str(path) for path in paths if path.exists()), None)


def _fetch(package: str) -> None:
    """Downloads the package with what it needs and unpacks it. Says nothing where that is not possible."""
    if not all(shutil.which(name) for name in ("apt-get", "dpkg")):
        return
    packages = TOOLS / "packages"
    (packages / "partial").mkdir(parents=True, exist_ok=True)
    options = ["-o", f"Dir::Cache::archives={packages}", "-o", "Debug::NoLocking=1"]
    download = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "--download-only", *options, package]
    if not _run(download) and os.geteuid() == 0 and _run(["apt-get", "update", "-qq"]):
        _run(download)
    for path in packages.glob("*.deb"):
        done = path.with_suffix(".unpacked")
        if not done.exists():  # what is unpacked may be running
            _run(["dpkg", "-x", str(path), str(TOOLS / "root")])
            done.touch()


def _run(command: list[str]) -> bool:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
    return done.returncode == 0
