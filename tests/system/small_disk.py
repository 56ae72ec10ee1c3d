"""A file system with little room, mounted for a test and taken away after it."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1024 * 1024
PIECE = 64 * 1024


class SmallDisk:
    """A disk that a test fills up, and makes room on again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Takes all of the room there is, but for so many bytes."""
        with self._ballast.open("ab", buffering=0) as file:
            while (wanted := min(PIECE, _free(self.path) - leave)) > 0:
                file.write(bytes(wanted))

    def make_room(self) -> None:
        """Gives all of it back."""
        self._ballast.unlink()


@contextmanager
def small_disk(path: Path, size: int) -> Iterator[SmallDisk]:
    """A file system of its own at `path`. Skips the test where nobody may mount one."""
    path.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(path)]
    try:
        refused = subprocess.run(mount, capture_output=True, check=False).returncode
    except FileNotFoundError:
        refused = 1
    if refused:
        pytest.skip("a disk that fills up needs the right to mount one")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def _free(path: Path) -> int:
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize
