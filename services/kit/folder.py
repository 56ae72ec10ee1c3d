"""The data folder: one owner at a time, and nobody else may look in."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from services.kit.clock import Clock, SystemClock

if TYPE_CHECKING:
    from pathlib import Path

PAUSE = 0.02

OURS = frozenset({"keys", "lost+found"})  # what may be there before us: keys put there by hand, a fresh file system


UNFINISHED = "restore.unfinished"
"""A file that is there from the first to the last step of filling the folder from a backup."""


class FolderTaken(Exception):  # noqa: N818 - said to an operator, not a fault of ours
    """Another process owns the folder. `owner` is its process id, 0 where it is not known."""

    def __init__(self, path: Path, owner: int) -> None:
        self.path = path
        self.owner = owner
        super().__init__(
            f"{path} belongs to the running process {owner or '(unknown)'}: stop it, or use another folder"
        )


class DataFolder:
    """A folder (mode 0700) whose lock is held by its owner and by every child that was handed `lock`.

    The lock is an flock: the kernel drops it when the last process that holds the descriptor is gone, however it went.
    So a folder is free only when no child of a killed owner can still write there.
    """

    def __init__(
        self, path: Path, clock: Clock | None = None, patience: float = 5.0, *, restoring: bool = False
    ) -> None:
        self.path = path
        self._restoring = restoring
        self._clock = clock or SystemClock()
        self._patience = patience
        self._descriptor: int | None = None

    @property
    def lock(self) -> int:
        """The descriptor of the lock, to be inherited by children. Raises RuntimeError before `acquire`."""
        if self._descriptor is None:
            raise RuntimeError(f"{self.path} was not acquired")
        return self._descriptor

    async def acquire(self) -> None:
        """Makes the folder where there is none and becomes its owner.

        A living owner is refused at once; the children of a dead one are given `patience` seconds to follow it.
        Raises FolderTaken, and OSError where the folder cannot be made or holds other things, which would be shut away.
        A folder whose restore was not finished is refused, unless this is its restore.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.path / "lock").exists() and {each.name for each in self.path.iterdir()} - OURS:
            raise FileExistsError(f"{self.path} holds other things: name an empty folder, or one that does not exist")
        self.path.chmod(0o700)
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = self._clock.monotonic() + self._patience
        while not _locked(descriptor):
            owner = _owner(descriptor)
            if _alive(owner) or self._clock.monotonic() >= deadline:
                os.close(descriptor)
                raise FolderTaken(self.path, owner)
            await self._clock.sleep(PAUSE)
        if (self.path / UNFINISHED).exists() and not self._restoring:
            os.close(descriptor)
            raise FileExistsError(
                f"{self.path}: a restore was not finished: run `openchair restore` again,"
                f" or remove {UNFINISHED} in it to go on without"
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Lets go of the folder; children that hold the lock keep it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(descriptor: int) -> int:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else 0


def _alive(process: int) -> bool:
    if process == 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
