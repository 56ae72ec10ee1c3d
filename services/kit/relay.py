"""The relay: publishes what a service's store has marked, and never an older state over a newer one.

The document is the outbox: a commit marks a view, the relay publishes it and clears the mark. Every publish names the
sequence that its subject's last message must have, so that two relays, a late one, and one that tries again after an
unknown outcome cannot do harm: whoever is wrong is told so, looks, and decides anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from services.kit.bus_port import Bus, BusUnavailable, Delivered, Unpublishable, WrongSequence
from services.kit.event import Event, Stored
from services.kit.streams import StreamState, stream_of, subjects_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from structlog.typing import FilteringBoundLogger

    from services.kit.clock import Clock
    from services.kit.publication import Publication
    from services.kit.store.port import Record, Store, View

WINDOW = 64
"""Different subjects published at a time."""

BATCH = 512
POLL = 5.0
"""Seconds until the store is asked without a wake-up: other instances of the service may have left something."""

FIRST_BACKOFF = 0.1
LONGEST_BACKOFF = 5.0
ATTEMPTS = 5
"""Times that a wrong sequence is looked into before the view waits for the next round."""

Key: TypeAlias = tuple[str, str, str]
Order: TypeAlias = tuple[int, int]


class _Job(msgspec.Struct, frozen=True):
    """One view of one record, as loaded, and how it is published."""

    record: Record
    view: View
    publication: Publication

    @property
    def key(self) -> Key:
        return (self.record.kind, self.record.id, self.view.name)

    @property
    def order(self) -> Order:
        return (self.record.epoch, self.view.revision)


class Relay:
    """Publishes the marked views of one store. Run it as a task; a broker that is away holds up nothing but the relay.

    `published` counts messages acknowledged, `alarms` views that could not be published for a reason that waiting does
    not cure: a newer state in the stream than in the store, a message too large, a view that does not render. Such a
    view stays marked, is logged once and left alone until its record changes or the connection is made anew.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        publications: Iterable[Publication],
        site: str,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        source: random.Random | None = None,
    ) -> None:
        self._store = store
        self._bus = bus
        self._publications = {(one.kind, one.view): one for one in publications}
        self._site = site
        self._clock = clock
        self._log = log
        self._random = source or random.SystemRandom()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._parked: dict[Key, Order] = {}
        self._pasts: dict[str, tuple[str, int]] = {}
        self._reconnected = asyncio.Event()
        self._look = True
        self._waiting = False
        self.published = 0
        self.alarms = 0
        self.lag = 0
        """Views seen marked and not yet published; counted up to one batch."""
        store.watch(lambda _: self.wake())
        bus.watch(self._connected)

    def wake(self) -> None:
        """Something may have been marked."""
        self._idle.clear()
        self._wake.set()

    async def settled(self) -> None:
        """Comes back when everything that can be published has been."""
        await self._idle.wait()

    async def run(self) -> None:
        """Publishes until cancelled."""
        self.wake()
        backoff = FIRST_BACKOFF
        while True:
            await self._first(self._wake, POLL)
            self._look |= not self._wake.is_set()  # nothing happened for a while: is the stream still the same?
            self._wake.clear()
            self._reconnected.clear()
            try:
                await self._round()
                backoff, self._waiting = FIRST_BACKOFF, False
            except Exception as error:  # noqa: BLE001 - a relay that ends would publish nothing for ever
                self._complain(error)
                await self._first(self._reconnected, backoff * (0.5 + self._random.random() / 2))
                backoff = min(LONGEST_BACKOFF, backoff * 2)
                self.wake()

    def _complain(self, error: Exception) -> None:
        """Says once per outage that the bus is away, and everything else each time."""
        if not isinstance(error, BusUnavailable):
            self._log.error("could not publish, tries again", error=f"{type(error).__name__}: {error}")
        elif not self._waiting:
            self._log.warning("what changes waits for the bus", lag=self.lag, error=str(error))
        self._waiting = True

    async def _first(self, event: asyncio.Event, seconds: float) -> None:
        """Until the event or the time, whichever comes first."""
        tasks = {asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._clock.sleep(seconds))}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _connected(self) -> None:
        self._look = True
        self._parked.clear()
        self._reconnected.set()
        self.wake()

    async def _round(self) -> None:
        """Publishes everything marked."""
        jobs = await self._marked()
        if self._look:
            await self._look_back()
            self._look = False
            jobs = await self._marked()
        while jobs:
            await self._publish_all(jobs)
            jobs = await self._marked()
        if not self._wake.is_set():
            self._idle.set()

    async def _publish_all(self, jobs: Sequence[_Job]) -> None:
        """All of them, some at a time, in about their order; after the first that fails no other is begun."""
        window, failures = asyncio.Semaphore(WINDOW), list[Exception]()

        async def publish(job: _Job) -> None:
            async with window:
                if failures:
                    return
                try:
                    await self._publish(job)
                except Exception as error:  # noqa: BLE001 - raised below, when none is under way any more
                    failures.append(error)

        await asyncio.gather(*(publish(job) for job in jobs))
        if failures:
            raise failures[0]

    async def _marked(self) -> list[_Job]:
        records = await self._store.unpublished(BATCH + len(self._parked))
        jobs = [job for record in records for job in self._jobs(record) if self._parked.get(job.key) != job.order]
        self.lag = len(jobs)
        return jobs

    def _jobs(self, record: Record) -> Iterator[_Job]:
        for view in record.views:
            publication = self._publications.get((record.kind, view.name))
            if not view.pending:
                continue
            if publication is not None:
                yield _Job(record, view, publication)
            elif self._parked.get((record.kind, record.id, view.name)) != (record.epoch, view.revision):
                self._park((record.kind, record.id, view.name), (record.epoch, view.revision), "no publication for it")

    async def _publish(self, job: _Job) -> None:
        """Publishes one view, looking and trying again where the stream holds something else than was thought."""
        try:
            event = job.publication.event(job.record, self._site)
        except Exception as error:  # noqa: BLE001 - one record that does not render must not hold up the others
            self._park(job.key, job.order, f"does not render: {type(error).__name__}")
            return
        expected = job.view.sequence
        for _ in range(ATTEMPTS):
            try:
                sequence = await self._bus.publish(event, expected, lifetime=job.publication.lifetime)
            except WrongSequence:
                seen = await self._look_at(job, event)
                if seen is None:
                    return
                expected = seen
            except Unpublishable as error:
                self._park(job.key, job.order, str(error))
                return
            else:
                await self._done(job, event, sequence)
                return
        raise BusUnavailable(f"{event.id}: the sequence kept moving")

    async def _done(self, job: _Job, event: Event, sequence: int) -> None:
        name = stream_of(event.subject)
        created, last = self._pasts.get(name, ("", 0))
        self._pasts[name] = (created, max(last, sequence))
        await self._store.published(*job.key, job.record.epoch, job.view.revision, sequence)
        self.published += 1
        self.lag = max(0, self.lag - 1)

    async def _look_at(self, job: _Job, event: Event) -> int | None:
        """The sequence to expect instead; None where there is nothing to publish."""
        record = await self._store.get(job.record.kind, job.record.id)
        view = record.view(job.view.name) if record else None
        if record is None or view is None or (record.epoch, view.revision) != job.order:
            return None  # it has moved on: the next round publishes what it is now
        await self._clock.sleep(0.002 * self._random.random())
        return await self._judge(job, event, await self._bus.last(stream_of(event.subject), event.subject))

    async def _judge(self, job: _Job, event: Event, last: Delivered | None) -> int | None:
        """What the stream holds against what the store holds."""
        if last is None:
            if job.view.sequence:
                self._look = True  # there was one: more may be gone
                self._wake.set()
            return 0
        if not isinstance(last, Stored) or last.event.order < event.order:
            return last.sequence
        if last.event.order == event.order:
            await self._done(job, event, last.sequence)
        else:
            self._park(job.key, job.order, f"the stream holds {last.event.order}, newer than the store")
        return None

    def _park(self, key: Key, order: Order, reason: str) -> None:
        self._parked[key] = order
        self.alarms += 1
        kind, id_, view = key
        self._log.error("cannot be published", kind=kind, id=id_, view=view, order=order, reason=reason)

    async def _look_back(self) -> None:
        """Marks everything again where a stream lost its past: made anew, rewound, or emptied while we were away."""
        for name in sorted({self._stream(one) for one in self._publications.values()}):
            state = await self._bus.stream(name)
            if state is None:
                raise BusUnavailable(f"there is no stream {name}")
            lost = await self._lost(name, state)
            if lost:
                count = await self._store.remark()
                self._parked.clear()  # what the stream held against them may be gone too
                self._log.warning("the stream lost its past: publishing everything again", stream=name, records=count)
            self._pasts[name] = (
                state.created,
                state.last_sequence,
            )  # last: until all is marked the loss is not dealt with

    def _stream(self, publication: Publication) -> str:
        return stream_of(subjects_of(self._site, publication.view, publication.service))

    async def _lost(self, name: str, state: StreamState) -> bool:
        if name not in self._pasts:
            return await self._missing(name, state)
        created, last = self._pasts[name]
        return created != state.created or state.last_sequence < last

    async def _missing(self, name: str, state: StreamState) -> bool:
        """Whether the store remembers publishing what the stream does not have; asked once, at the start."""
        present: set[str] | None = None
        for one in self._publications.values():
            if self._stream(one) != name:
                continue
            if present is None:
                present = set(await self._bus.subjects(name, subjects_of(self._site, one.view, one.service)))
            if await self._forgotten(one, state.last_sequence, present):
                return True
        return False

    async def _forgotten(self, publication: Publication, last_sequence: int, present: set[str]) -> bool:
        after = None
        while True:
            page = await self._store.find(publication.kind, {}, (), BATCH, after)
            for record in page.records:
                view = record.view(publication.view)
                if view is None or not view.sequence or not view.digest:
                    continue  # never published, or a tombstone, which the stream forgets in time
                if view.sequence > last_sequence or publication.subject(record, self._site) not in present:
                    return True
            if page.after is None:
                return False
            after = page.after


async def bury(store: Store, bus: Bus, publications: Iterable[Publication], site: str, epoch: int, at: str) -> int:
    """After a restore: publishes a tombstone of the new epoch for each subject in the streams that the store forgot.

    Without it consumers would go on showing what was made after the backup. The tombstone has revision 0, so that an id
    that is made again counts from 1. Says how many there were. Raises BusUnavailable; doing it again is harmless.
    """
    count = 0
    for one in publications:
        pattern = subjects_of(site, one.view, one.service)
        for found in await bus.subjects(stream_of(pattern), pattern):
            kind, id_ = found.split(".")[-2:]
            if kind == one.kind and await store.get(kind, id_) is None:
                count += await _buried(bus, Event(found, epoch, 0, one.type, at, None))
    return count


async def _buried(bus: Bus, event: Event) -> int:
    last = await bus.last(stream_of(event.subject), event.subject)
    if last is None or (isinstance(last, Stored) and last.event.order >= event.order):
        return 0
    with contextlib.suppress(WrongSequence):  # somebody made it again meanwhile
        await bus.publish(event, last.sequence)
    return 1
