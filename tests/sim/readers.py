"""Somebody who looks at the calendars all the time, and remembers what each process has shown already."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from services.kit.streams import public_stream
from tests.sim.site import SITE
from tests.system.edit_driver import FEED

if TYPE_CHECKING:
    from tests.sim.site import Node, Site

PAGE = "/centre/house"
STREAM = public_stream(SITE)
EVERY = 0.5
"""Seconds between two looks."""

HIDDEN = b"Secret"
"""A word of titles that were never public."""

_EVENT = re.compile(rb"^BEGIN:VEVENT\r\n(.*?)^END:VEVENT\r\n", re.MULTILINE | re.DOTALL)
_LINES = re.compile(rb"^(UID|RECURRENCE-ID|SEQUENCE)[^\r]*?:([^\r]*)\r$", re.MULTILINE)


class Readers:
    """Looks at every instance. `wrong`: a process that showed an older state after a newer one, or stopped showing."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._seen: dict[tuple[str, bytes], int] = {}
        self._served: set[str] = set()
        self.looks = 0
        self.wrong: list[str] = []

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            for node in (*self._site.of("feeds"), *self._site.of("web")):
                if node.front is not None and node.process is not None and node.process.alive:
                    await self._look(node, node.process.name)
            if any(HIDDEN in message.payload for message in self._site.broker.kept(STREAM).messages.values()):
                self.wrong.append("the public stream holds a title that was never public")

    async def _look(self, node: Node, process: str) -> None:
        answer = await node.get(PAGE if node.name.startswith("web") else FEED)
        if not answer.status:
            return  # it was killed meanwhile
        self.looks += 1
        if HIDDEN in answer.body:
            self.wrong.append(f"{process} showed a title that was never public")
        if answer.status == 200:
            self._served.add(process)
            self._compare(process, answer.body)
        elif process in self._served:
            self.wrong.append(f"{process} said {answer.status} after it had served the feed")

    def _compare(self, process: str, feed: bytes) -> None:
        """SEQUENCE rises with what people notice, in the order of commits, whatever clocks say (RFC 5545 3.8.7.4).

        One date may have said more than its series: that there is no place on it.
        """
        for event in _EVENT.findall(feed):
            said = dict(_LINES.findall(event))
            one, sequence = said[b"UID"] + b" " + said.get(b"RECURRENCE-ID", b""), int(said[b"SEQUENCE"])
            before = self._seen.get((process, one), 0)
            if sequence < before:
                self.wrong.append(f"{process} showed {one.decode()} at {sequence} after it had shown it at {before}")
            self._seen[process, one] = max(before, sequence)
