"""The relay: publishes what a service's store has marked, and never an older state over a newer one.

The document is the outbox: a commit marks a view, the relay publishes it and clears the mark. Every publish names the
sequence that its subject's last message must have, so that two relays, a late one, and one that tries again after an
unknown outcome cannot do harm: whoever is wrong is told so, looks, and decides anew.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from services.kit.bus_port import Bus, BusUnavailable, Delivered, Full, Unpublishable, WrongSequence
from services.kit.clock import first
from services.kit.event import Event, Stored
from services.kit.lookback import Lookback
from services.kit.past import CURE
from services.kit.points import reach
from services.kit.streams import stream_of

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

MOST_ALARMS = 100
"""Alarms that are told one by one."""

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


class _Parked(msgspec.Struct, frozen=True):
    """Why a view at that order is not published. `waits`: tried again in each round, other causes in each change."""

    order: Order
    reason: str
    waits: bool = False


class Relay:
    """Publishes the marked views of one store. Run it as a task; a broker that is away holds up nothing but the relay.

    `published` counts messages acknowledged. A view that cannot be published for a reason that waiting does not cure (a
    newer state in the stream than in the store, a message too large, a view that does not render) stays marked, is
    logged once, stands in `alarms`, and is left alone until its record changes or the connection is made anew.

    At each start, after each reconnection and in each new epoch it compares the streams with the store: see `lookback`.
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
        self._lookback = Lookback(
            store, bus, self._publications.values(), site, clock, log, mend=self._mend, marked=self._forgive
        )
        self._parked: dict[Key, _Parked] = {}
        self._full: set[Key] = set()
        self._space_at = 0.0
        self._seen: dict[tuple[Key, Order], float] = {}
        self._reconnected = asyncio.Event()
        self._waiting = False
        self.published = 0
        self.lag = 0
        """Views seen marked and not yet published; counted up to one batch."""
        store.watch(lambda _: self.wake(), kinds=())
        bus.watch(self._connected)

    @property
    def alarms(self) -> list[str]:
        """What cannot be published or should not be in the stream, and why: kind, id, view and reason, no content."""
        texts = [f"{kind} {id_} ({view}): {one.reason}" for (kind, id_, view), one in self._parked.items()]
        parked = {(kind, id_, view) for kind, id_, view in self._parked}
        for subject, reason in self._lookback.strange.items():
            _, _, view, _, _, kind, id_ = subject.split(".")
            texts += [] if (kind, id_, view) in parked else [f"{kind} {id_} ({view}): {reason}"]
        more = len(texts) - MOST_ALARMS
        return texts if more <= 0 else [*texts[:MOST_ALARMS], f"and {more} more"]

    @property
    def oldest(self) -> float:
        """Seconds for which the oldest mark that can be published has been waiting; 0.0: none waits."""
        return self._clock.monotonic() - min(self._seen.values()) if self._seen else 0.0

    async def republish(self) -> int:
        """Marks every view, so that all is published again, and says how many. Raises what the store raises.

        A state that the stream holds already, at the same epoch and revision, is left as it is. Where it would look
        different now, because it is rendered in another way, that is an alarm: only a new epoch helps, as followers do
        not look twice at the same revision.
        """
        count = await self._store.remark()
        self._begin_again()
        return count

    async def begin_epoch(self, at_least: int) -> int:
        """Begins a new epoch in which all is published again, and buries what the store does not know; says which."""
        epoch = await self._store.raise_epoch(at_least)
        self._begin_again()
        return epoch

    def _begin_again(self) -> None:
        self._parked.clear()
        self._lookback.begin_again()
        self.wake()

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
            await first(self._wake, self._clock, POLL)
            if not self._wake.is_set():
                self._lookback.wanted = True  # nothing happened for a while: is the stream still the same?
            self._wake.clear()
            self._reconnected.clear()
            try:
                await self._round()
                backoff, self._waiting = FIRST_BACKOFF, False
            except Exception as error:  # noqa: BLE001 - a relay that ends would publish nothing for ever
                self._complain(error)
                await first(self._reconnected, self._clock, backoff * (0.5 + self._random.random() / 2))
                backoff = min(LONGEST_BACKOFF, backoff * 2)
                self.wake()

    def _complain(self, error: Exception) -> None:
        """Says once per outage that the bus is away, and everything else each time."""
        if not isinstance(error, BusUnavailable):
            self._log.error("could not publish, tries again", error=f"{type(error).__name__}: {error}")
        elif not self._waiting:
            self._log.warning("what changes waits for the bus", lag=self.lag, error=str(error))
        self._waiting = True

    def _connected(self) -> None:
        self._begin_again()
        self._reconnected.set()

    async def _round(self) -> None:
        """Publishes everything marked."""
        if self._clock.monotonic() >= self._space_at:
            self._full.clear()
            self._space_at = self._clock.monotonic() + POLL
        jobs = await self._marked()
        if self._lookback.wanted:
            await self._lookback.run()
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
        """What is marked and can be tried, oldest first; at least one, if there is any behind those that cannot."""
        while True:
            limit = BATCH + len(self._parked)
            records = await self._store.unpublished(limit)
            jobs = [job for record in records for job in self._jobs(record)]
            if jobs or len(records) < limit:
                break
        if len(records) < limit:
            marked = {
                (record.kind, record.id, view.name) for record in records for view in record.views if view.pending
            }
            self._parked = {key: parked for key, parked in self._parked.items() if key in marked}
        now = self._clock.monotonic()
        self._seen = {(job.key, job.order): self._seen.get((job.key, job.order), now) for job in jobs}
        self.lag = len(jobs)
        return jobs

    def _jobs(self, record: Record) -> Iterator[_Job]:
        for view in record.views:
            if not view.pending or self._left_alone((record.kind, record.id, view.name), (record.epoch, view.revision)):
                continue
            publication = self._publications.get((record.kind, view.name))
            if publication is not None:
                yield _Job(record, view, publication)
            else:
                self._park((record.kind, record.id, view.name), (record.epoch, view.revision), "no publication for it")

    def _left_alone(self, key: Key, order: Order) -> bool:
        parked = self._parked.get(key)
        return parked is not None and parked.order == order and (not parked.waits or key in self._full)

    async def _publish(self, job: _Job) -> None:
        """Publishes one view, looking and trying again where the stream holds something else than was thought."""
        try:
            event = job.publication.event(job.record, self._site)
        except Exception as error:  # noqa: BLE001 - one record that does not render must not hold up the others
            self._park(job.key, job.order, f"does not render: {type(error).__name__}")
            return
        expected = job.view.sequence
        stream = stream_of(event.subject)
        for _ in range(ATTEMPTS):
            reach("relay.publish")
            known = self._lookback.reached(stream)
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
            except Full as error:  # what it has can still be replaced: the others go on
                self._full.add(job.key)
                self._park(job.key, job.order, f"waits for space in the stream: {error}", waits=True)
                return
            else:
                reach("relay.published")
                if sequence <= known:
                    self._doubt(stream)  # that number was given before
                await self._done(job, event, sequence)
                return
        raise BusUnavailable(f"{event.id}: the sequence kept moving")

    async def _done(self, job: _Job, event: Event, sequence: int) -> None:
        self._lookback.saw(stream_of(event.subject), sequence)
        await self._store.published(*job.key, job.record.epoch, job.view.revision, sequence)
        reach("relay.cleared")
        self._parked.pop(job.key, None)
        self._seen.pop((job.key, job.order), None)
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
        if (last.sequence if last else 0) < job.view.sequence:
            self._doubt(stream_of(event.subject))  # there was a later one
        if last is None:
            return 0
        if not isinstance(last, Stored) or last.event.order < event.order:
            return last.sequence
        if last.event.order > event.order:
            self._park(job.key, job.order, f"the stream holds {last.event.order}, newer than the store ({CURE})")
        elif last.event.payload != event.payload:
            self._park(job.key, job.order, f"the stream holds another state of the same revision ({CURE})")
        else:
            await self._done(job, event, last.sequence)
        return None

    def _doubt(self, stream: str) -> None:
        self._lookback.doubt(stream)
        self._wake.set()

    def _park(self, key: Key, order: Order, reason: str, *, waits: bool = False) -> None:
        before, self._parked[key] = self._parked.get(key), _Parked(order, reason, waits)
        if before != self._parked[key]:
            kind, id_, view = key
            self._log.error("cannot be published", kind=kind, id=id_, view=view, order=order, reason=reason)

    def _forgive(self) -> None:
        """What the stream held against them may be gone."""
        self._parked.clear()

    async def _mend(self, publication: Publication, record: Record, view: View) -> None:
        await self._publish(_Job(record, view, publication))
