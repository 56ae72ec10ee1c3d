"""Whether a SQLite store can be written to just now: asked by readiness, answered by trying it, not too often."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

INTERVAL = 5.0
"""Seconds for which a heartbeat that was written is believed."""
IMPATIENT = 1.0
"""The same for one that was not, or after a write that failed."""
PATIENCE = 2.0
"""Seconds that the writer may take to answer."""
LEAST = 8 * 1024 * 1024
"""Bytes that the disk must have left: a document may be as large (`codec.BYTES`)."""


class Pulse:
    """Tries the writer with a row of its own. `beat` writes it; what it raises is the reason."""

    def __init__(self, path: Path, beat: Callable[[], Awaitable[object]]) -> None:
        self._path = path
        self._beat = beat
        self._beating: asyncio.Task[str] | None = None
        self._reason = ""
        self._believed_until = 0.0

    def doubt(self) -> None:
        """A write failed: what was found before says nothing any more."""
        self._believed_until = min(self._believed_until, time.monotonic() + IMPATIENT)

    async def reason(self) -> str:
        """Why it cannot be written to; "": it can."""
        if time.monotonic() >= self._believed_until:
            await self._look()
        return self._reason or _full(self._path)

    async def end(self) -> None:
        """Waits for what is being tried."""
        if self._beating is not None:
            await self._beating

    async def _look(self) -> None:
        """One heartbeat at a time: a writer that hangs is not given more to do."""
        if self._beating is None:
            self._beating = asyncio.create_task(self._tried())
        beating = self._beating
        done, _ = await asyncio.wait({beating}, timeout=PATIENCE)
        if not done:
            self._reason = "the writer does not answer"
            return
        self._beating = None
        self._reason = beating.result()
        self._believed_until = time.monotonic() + (IMPATIENT if self._reason else INTERVAL)

    async def _tried(self) -> str:
        try:
            await self._beat()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the reason
            return f"cannot be written to: {error}"
        return ""


def _full(path: Path) -> str:
    disk = os.statvfs(path.parent)
    free = disk.f_bavail * disk.f_frsize
    return "" if free >= LEAST else f"the disk of {path} has {free // 1024} KiB left"
