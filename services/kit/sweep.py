"""The only timer that survives: hands records whose time has come to whoever decides about their kind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from services.kit.clock import instant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from structlog.typing import FilteringBoundLogger

    from services.kit.clock import Clock
    from services.kit.store.port import Record, Store

BATCH = 100
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0
EXPIRE_EVERY = 600.0


class _Waiting(msgspec.Struct, frozen=True):
    """A revision that was handed over and is due all the same: `until`, monotonic, it is not handed over again."""

    revision: int
    times: int
    until: float


class Sweeper:
    """Hands over what is due, oldest first, one at a time, and forgets answers whose time is over.

    A handler commits; that the revision moves makes it happen once, however many sweepers there are. A record that is
    still due at the same revision (its handler failed, or did nothing) waits, longer each time, and delays no other.
    `period` is in seconds of the clock.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        handlers: Mapping[str, Callable[[Record], Awaitable[None]]],
        period: float = 1.0,
        *,
        log: FilteringBoundLogger,
    ) -> None:
        self._store = store
        self._clock = clock
        self._handlers = handlers
        self._period = period
        self._log = log
        self._poked = asyncio.Event()
        self._waiting: dict[tuple[str, str], _Waiting] = {}
        self._expire_at = clock.monotonic()

    def wake(self) -> None:
        """Something may be due now: `run` does not wait for the rest of its period."""
        self._poked.set()

    async def run(self) -> None:
        """Sweeps until it is cancelled. A store that cannot be read is asked again after a period."""
        while True:
            self._poked.clear()
            try:
                handed = await self.once()
            except Exception as error:  # noqa: BLE001 - the timer must go on
                self._log.warning("sweep_failed", error=type(error).__name__)
                handed = 0
            if handed < BATCH:
                await self._pause()

    async def once(self) -> int:
        """Hands over what is due now, at most a batch of it, and says how many."""
        now = self._clock.now()
        if self._clock.monotonic() >= self._expire_at:
            await self._store.expire(instant(now))
            self._expire_at = self._clock.monotonic() + EXPIRE_EVERY
        due = await self._store.due(instant(now), BATCH + len(self._waiting))
        self._forget(due)
        ready = [record for record in due if self._ready(record)][:BATCH]
        for record in ready:
            await self._hand(record)
        return len(ready)

    def _forget(self, due: list[Record]) -> None:
        """Keeps only who is still due at the revision that was handed over."""
        still = {(record.kind, record.id): record.revision for record in due}
        self._waiting = {key: wait for key, wait in self._waiting.items() if still.get(key) == wait.revision}

    def _ready(self, record: Record) -> bool:
        wait = self._waiting.get((record.kind, record.id))
        return wait is None or self._clock.monotonic() >= wait.until

    async def _hand(self, record: Record) -> None:
        key = (record.kind, record.id)
        times = self._waiting[key].times + 1 if key in self._waiting else 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (times - 1))
        self._waiting[key] = _Waiting(record.revision, times, self._clock.monotonic() + pause)
        try:
            await self._handlers[record.kind](record)
        except Exception as error:  # noqa: BLE001 - one record's fault is not another's; its text may name people
            self._log.warning("due_failed", kind=record.kind, id=record.id, error=type(error).__name__, times=times)

    async def _pause(self) -> None:
        poke = asyncio.ensure_future(self._poked.wait())
        period = asyncio.ensure_future(self._clock.sleep(self._period))
        try:
            await asyncio.wait((poke, period), return_when=asyncio.FIRST_COMPLETED)
        finally:
            poke.cancel()
            period.cancel()
