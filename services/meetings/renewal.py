"""What an older version stored is shown as this one shows it: looked for once, when the service starts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from services.kit.record import transact
from services.kit.store.port import Commit, Record
from services.meetings import records
from services.meetings.desk import ATTEMPTS, Desk, trail

if TYPE_CHECKING:
    from services.kit.logs import Log

PAUSE = 5.0
"""Seconds that the start of the process has for itself; also until it goes on where the store did not do its part."""
SLICE = 50
WHO = "openchair"


class Renewal:
    """Brings views up that are not what they should be by now, one commit each.

    Views may have been stored before there were others, or when more was told in them. It may be interrupted, and
    several instances may do it at once: what is as it should be is left alone.
    """

    def __init__(self, desk: Desk, log: Log) -> None:
        self._desk = desk
        self._log = log

    async def run(self) -> None:
        """Goes through everything once; then there is nothing to do until it is cancelled."""
        while True:
            await self._desk.clock.sleep(PAUSE)
            try:
                if renewed := await self.renew():
                    self._log.info("stored by an older version, now shown anew", records=renewed)
                break
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the store, it must not end the process
                self._log.warning("could not bring up what is shown, tries again", error=type(error).__name__)
        await asyncio.Event().wait()

    async def renew(self) -> int:
        """How many records had to be brought up."""
        return sum([await self._renew_kind(kind) for kind in records.SHOWN])

    async def _renew_kind(self, kind: str) -> int:
        renewed, after = 0, None
        while True:
            page = await self._desk.store.find(kind, {}, limit=SLICE, after=after)
            for record in page.records:
                if not records.as_shown(record):
                    renewed += await self._renew_one(record)
            await asyncio.sleep(0)  # others get their turn
            if (after := page.after) is None:
                return renewed

    async def _renew_one(self, found: Record) -> bool:
        """Whether it still had to be."""

        async def attempt() -> tuple[Commit, bool]:
            record = await self._desk.store.get(found.kind, found.id)
            if record is None or records.as_shown(record):
                return Commit(()), False
            at = self._desk.now()
            renewed = records.shown(record, at, WHO)
            return Commit((renewed,), (), trail((renewed,), at, WHO, "show")), True

        return await transact(self._desk.store, self._desk.clock, self._desk.ids, attempt, attempts=ATTEMPTS)
