"""Dead letters: which states a service could not handle. They name the state and never hold it.

A letter is a message in a stream that the service alone reads and writes, under a subject of its own for each state's
subject: a letter about a newer state replaces the one before.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from openchair.admin.v1.dead_letter_pb2 import DeadLetter

from services.kit.bus_port import BusUnavailable, WrongSequence
from services.kit.clock import instant
from services.kit.event import Event, Stored, subject
from services.kit.streams import dead_stream, subjects_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.kit.bus_port import Bus, Delivered

TYPE = "openchair.admin.v1.DeadLetter"
FORGOTTEN = 3600
"""Seconds that the tombstone of a letter stays: nobody follows them."""

ATTEMPTS = 5
AT_ONCE = 32
DIGEST = 12  # hexadecimal digits, enough to tell apart what one service cannot handle


class DeadLetters:
    """The letters of one service. Every method raises BusUnavailable."""

    def __init__(self, bus: Bus, service: str, site: str) -> None:
        self._bus = bus
        self._service = service
        self._site = site
        self._stream = dead_stream(site, service)

    async def all(self) -> list[DeadLetter]:
        """Every letter, in the order of their addresses."""
        letters, after = await self.page(1000)
        while after:
            more, after = await self.page(1000, after)
            letters += more
        return letters

    async def page(self, size: int, after: str = "") -> tuple[list[DeadLetter], str]:
        """Up to so many letters, and where to go on ("": that was the last). `after` is where a former page ended."""
        addresses = [address for address in await self._addresses() if address > after]
        letters: list[DeadLetter] = []
        for start in range(0, len(addresses), AT_ONCE):
            for address, letter in await self._read(addresses[start : start + AT_ONCE]):
                if len(letters) == size:
                    return letters, after
                after = address
                letters += [letter] if letter is not None else []
        return letters, ""

    async def get(self, about: str) -> DeadLetter | None:
        """The letter about the state of a subject, if there is one."""
        ((_, letter),) = await self._read([self.address(about)])
        return letter

    async def write(self, letter: DeadLetter) -> None:
        """Writes a letter over the one before about the same subject, unless that is about a newer state.

        `time` and `subject` are set.
        """
        order = (letter.epoch, letter.revision)

        def due(before: DeadLetter | None) -> bool:
            return before is None or not letter.revision or (before.epoch, before.revision) <= order

        at = instant(letter.time.ToDatetime())
        await self._put(self.address(letter.subject), at, letter.SerializeToString(deterministic=True), due)

    async def forget(self, about: str, at: str) -> bool:
        """Leaves a tombstone of a letter; says whether there was one. `at` is `clock.instant`."""
        return await self._put(self.address(about), at, None, lambda before: before is not None)

    async def retract(self, letter: DeadLetter, at: str) -> bool:
        """The same, for this very letter and no other that has replaced it."""
        return await self._put(self.address(letter.subject), at, None, lambda before: before == letter)

    def address(self, about: str) -> str:
        """The subject of the letter about a subject, whatever that looks like."""
        digest = hashlib.sha256(about.encode("utf-8", "surrogateescape")).hexdigest()
        tokens = about.split(".")
        if len(tokens) == 7:  # noqa: PLR2004 - the shape of our subjects
            try:
                id_ = f"{tokens[6]}-{digest[:DIGEST]}"  # two services, or two views, may have the same id
                return subject(self._site, "dead", self._service, tokens[4], tokens[5], id_)
            except ValueError:
                pass
        return subject(self._site, "dead", self._service, "unknown", "unknown", digest)

    async def _addresses(self) -> list[str]:
        return sorted(await self._bus.subjects(self._stream, subjects_of(self._site, "dead", self._service)))

    async def _read(self, addresses: list[str]) -> list[tuple[str, DeadLetter | None]]:
        return await asyncio.gather(*(self._one(address) for address in addresses))

    async def _one(self, address: str) -> tuple[str, DeadLetter | None]:
        return address, _letter(await self._bus.last(self._stream, address))

    async def _put(
        self, address: str, at: str, payload: bytes | None, due: Callable[[DeadLetter | None], bool]
    ) -> bool:
        """Puts it there if that is `due`, given the letter that is there; says whether it was."""
        for _ in range(ATTEMPTS):
            last = await self._bus.last(self._stream, address)
            if not due(_letter(last)):
                return False
            revision = last.event.revision if isinstance(last, Stored) else 0
            letter = Event(address, 1, revision + 1, TYPE, at, payload)
            try:
                await self._bus.publish(letter, last.sequence if last else 0, lifetime=FORGOTTEN)
            except WrongSequence:
                continue  # another instance was faster
            return True
        raise BusUnavailable(f"{address}: others were always faster")


def _letter(last: Delivered | None) -> DeadLetter | None:
    """The letter that a message is."""
    if not isinstance(last, Stored) or last.event.payload is None or last.event.type != TYPE:
        return None
    try:
        return DeadLetter.FromString(last.event.payload)
    except DecodeError:
        return None
