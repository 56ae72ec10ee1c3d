"""What becomes of a site of two instances: one after the other, in an order that the seed draws, everything once."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.kit.bus_port import BusError
from services.kit.clock import instant
from services.kit.event import Event, headers, subject
from services.kit.store.port import Answer
from services.kit.streams import private_stream
from tests.sim.site import SITE
from tests.system.second_site import PUBLIC

if TYPE_CHECKING:
    from pathlib import Path

    from services.kit.store.port import Entry
    from tests.sim.history import History
    from tests.system.second_site import Node, Site

LOSSY = 0.1
"""How many of the answers to publishes are lost."""

PAUSE = 0.25
"""Seconds of the machine between two faults, on average."""

WIPED = (PUBLIC, private_stream(SITE, "meetings"))
"""Streams that may lose their past. Dead letters stand in one that nothing fills again: it stays."""


@dataclass
class Copy:
    """A stream at an earlier time, and which injected messages must have a letter if it comes back."""

    folder: Path
    lasting: set[str]


class Faults:
    """`injected`: subjects of what others wrote; `lasting`: of what of that is in the stream and stays wrong."""

    def __init__(self, site: Site, history: History, folder: Path) -> None:
        self._site = site
        self._history = history
        self._chance = site.chance
        self._folder = folder
        self._copies: dict[str, list[Copy]] = {name: [] for name in WIPED}
        self._backups: dict[str, list[list[Entry]]] = {name: [] for name in site.databases}
        self._thawing: list[asyncio.Task[None]] = []
        self._count = 0
        self.lasting: set[str] = set()
        self.injected: set[str] = set()
        self.happened: Counter[str] = Counter()

    async def run(self) -> None:
        """All of them; first what later ones go back to."""
        self._site.lossy = LOSSY
        await self._backed_up("meetings")
        await self._copied()
        kinds = [self._restarted, self._killed, self._frozen, self._wiped, self._rolled_back, self._restored]
        kinds += [self._restarted, self._frozen, self._poisoned, self._poisoned, self._new_epoch, self._saved]
        self._chance.shuffle(kinds)
        for kind in kinds:
            await asyncio.sleep(self._chance.expovariate(1 / PAUSE))
            name = kind.__name__.removeprefix("_")
            self.happened[name] += 1
            self._site.log.info("fault", kind=name)
            await kind()

    async def heal(self) -> None:
        """Puts everything right."""
        for task in self._thawing:
            task.cancel()
        await asyncio.gather(*self._thawing, return_exceptions=True)
        self._site.lossy = 0.0
        for node in self._site.nodes.values():
            node.thaw()
        self._site.log.info("healed")
        await self._poisoned()

    async def _restarted(self) -> None:
        node = self._any()
        await node.stop()
        await asyncio.sleep(self._chance.random() * PAUSE)
        await node.start()

    async def _killed(self) -> None:
        node = self._any()
        await node.kill()
        await asyncio.sleep(self._chance.random() * PAUSE)
        await node.start()

    async def _frozen(self) -> None:
        """It thaws by itself, after some other faults."""
        node = self._any("meetings") if self._chance.random() < 0.6 else self._any()
        node.freeze()
        self._thawing.append(asyncio.create_task(self._thaw(node), name=f"thaws {node.name}"))

    async def _thaw(self, node: Node) -> None:
        gate = node.gate
        await asyncio.sleep(self._chance.random() * 6 * PAUSE)
        if node.gate is gate:
            node.thaw()

    async def _wiped(self) -> None:
        name = self._chance.choice(WIPED)
        if name == PUBLIC:
            self.lasting = set()
        await self._site.wipe(name)

    async def _saved(self) -> None:
        """What later faults may go back to."""
        await self._backed_up("meetings")
        await self._copied()

    async def _copied(self) -> None:
        site = self._site
        await site.broker_away()
        for name in WIPED:
            self._count += 1
            copy = Copy(self._folder / f"copy-{self._count}", set(self.lasting))
            site.copy_stream(name, copy.folder)
            self._copies[name].append(copy)
        await site.broker_back()

    async def _rolled_back(self) -> None:
        site, name = self._site, self._chance.choice(WIPED)
        copy = self._chance.choice(self._copies[name])
        await site.broker_away()
        site.put_stream(name, copy.folder)
        if name == PUBLIC:
            self.lasting &= copy.lasting
        await site.broker_back()

    async def _backed_up(self, service: str) -> None:
        self._backups[service].append([entry async for entry in self._site.databases[service].store.dump()])

    async def _restored(self) -> None:
        """The database of meetings: both instances are stopped meanwhile, as the operator has to."""
        site, backup = self._site, self._chance.choice(self._backups["meetings"])
        nodes = site.of("meetings")
        for node in nodes:
            await (node.stop if self._chance.random() < 0.5 else node.kill)()
        await site.databases["meetings"].close()  # what was under way ends here
        kept = {entry.key.request_id for entry in backup if isinstance(entry, Answer)}
        self._history.set_back(kept)
        await site.databases["meetings"].restore(backup, int(site.clock.now().timestamp()))
        for node in nodes:
            await node.start()

    async def _new_epoch(self) -> None:
        """As `openchair republish --new-epoch`, while all goes on."""
        nodes = [node for node in self._site.of("meetings") if not node.frozen]
        if nodes:
            await self._chance.choice(nodes).begin_epoch()

    async def _poisoned(self) -> None:
        """Messages that somebody else wrote: on subjects of nobody, of what there is, and of what there never was."""
        for view, kind in (
            ("public", "strange"),
            ("public", "stranger"),
            ("public", "meeting"),
            ("private", "meeting"),
        ):
            await self._malformed(view, kind, self._new_id())
        for name in self._chance.sample(self._history.names, min(2, len(self._history.names))):
            await self._malformed("public", "meeting", name.rpartition("/")[2])
        for kind in ("strange", "meeting"):
            await self._put(subject(SITE, "public", "meetings", "house", kind, self._new_id()), well_formed=True)

    async def _malformed(self, view: str, kind: str, id_: str) -> None:
        await self._put(subject(SITE, view, "meetings", "house", kind, id_), well_formed=False)

    async def _put(self, where: str, *, well_formed: bool) -> None:
        """One message. Those of a kind that nobody publishes stay, and must have a letter."""
        said = Event(where, 1, 1, "openchair.test.v1.Thing", instant(self._site.clock.now()), b"state")
        lines = headers(said) if well_formed else {"ce-specversion": "0.1"}
        self.injected.add(where)
        try:
            await self._site.tools["meetings"]._ask(where, b"state", lines)
        except BusError:
            return  # it may be there or not
        if ".strange" in where:
            self.lasting.add(where)

    def _new_id(self) -> str:
        self._count += 1
        return f"poison-{self._count}"

    def _any(self, service: str = "") -> Node:
        return self._chance.choice([node for node in self._site.nodes.values() if service in ("", node.plan.name)])
