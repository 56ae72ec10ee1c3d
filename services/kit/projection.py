"""A projection: what a process knows of others, held in memory and rebuilt from their stream at any time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

from services.kit.bus_port import Broken, Bus, BusUnavailable, Delivered
from services.kit.event import TOMBSTONE_LIFETIME, Event, Malformed
from services.kit.points import reach

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from structlog.typing import FilteringBoundLogger

    from services.kit.clock import Clock
    from services.kit.streams import StreamState

GRACE = 900.0
"""Seconds that owners have to publish again what a stream lost, before what is missing from it is forgotten."""

LEAST_GRACE = 1 / 10
"""Of the grace, what they have in any case once we are connected again: they may have been away too."""

FIRST_BACKOFF = 0.1
LONGEST_BACKOFF = 5.0

Order: TypeAlias = tuple[int, int]


class Projection:
    """Follows subjects of one stream and hands each newer state to `apply`, on the event loop, one at a time.

    - States are ordered by (epoch, revision): older and equal ones are dropped, `apply` never sees one twice. A
      tombstone is an event without payload. `apply` raises ValueError for an event that it cannot take: it is logged by
      id and skipped, the state of its subject stays as it was.
    - `ready` is set when everything there was at the start has been applied, and stays set: while NATS is away, or the
      stream is read again after a gap, the last state goes on being served and newer states are applied as they come.
    - A stream that lost its past (made anew, rewound, not seen for long) is filled again by its owners. Until then what
      it does not hold yet stays as it was; when the copy of it has been complete for `grace` seconds and is not empty,
      `reset` is called and then `apply` for all of that copy, in one turn of the event loop: no reader sees half of it.
    - An event whose `needs` are not met is held back, and the former state of its subject stays, until they are.
    """

    def __init__(
        self,
        bus: Bus,
        stream: str,
        subjects: Sequence[str],
        apply: Callable[[Event], None],
        reset: Callable[[], None],
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        grace: float = GRACE,
    ) -> None:
        self._bus = bus
        self._stream = stream
        self._subjects = tuple(subjects)
        self._apply = apply
        self._reset = reset
        self._clock = clock
        self._log = log.bind(stream=stream)
        self._grace = grace
        self._orders: dict[str, Order] = {}
        self._graves: dict[str, float] = {}
        self._held: dict[str, Event] = {}
        self._past: tuple[str, int] | None = None
        self._copy: dict[str, Event] | None = None
        self._read: set[str] | None = None
        self._doubted = False
        self._swapping: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._caught_up = False
        self._left = 0.0
        self._lost_at = 0.0
        self.skipped = 0

    @property
    def ready(self) -> asyncio.Event:
        """Set once everything there was at the start has been applied."""
        return self._ready

    @property
    def current(self) -> bool:
        """Whether it follows the stream right now and has caught up with it."""
        return self._caught_up

    @property
    def held(self) -> int:
        """Events held back because what they need has not come."""
        return len(self._held)

    def order(self, subject: str) -> Order | None:
        """The (epoch, revision) last seen of a subject and not held back."""
        return self._orders.get(subject)

    async def run(self) -> None:
        """Follows until cancelled."""
        backoff, told = FIRST_BACKOFF, ""
        try:
            while True:
                try:
                    await self._bus.follow(self._stream, self._subjects, self._begin, self._deliver)
                except (Broken, BusUnavailable) as error:
                    if self._caught_up or str(error) != told:  # once for as long as it stays so
                        self._log.warning("follows again", error=str(error))
                    told = str(error)
                backoff = FIRST_BACKOFF if self._caught_up else min(LONGEST_BACKOFF, backoff * 2)
                self._caught_up = False
                self._left = self._clock.monotonic()
                await self._clock.sleep(backoff)
        finally:
            self._caught_up = False
            self._forget_copy()

    def _begin(self, state: StreamState, pending: int) -> None:
        lost = self._lost(state) or self._doubted
        self._past, self._read, self._doubted = (state.created, state.last_sequence), set(), False
        if lost or self._copy is not None:
            if lost:
                self._lost_at = self._clock.monotonic()
            self._log.warning("the stream lost its past", created=state.created)
            self._forget_copy()
            self._copy = {}
        if pending == 0:
            self._complete()

    def _lost(self, state: StreamState) -> bool:
        """Whether the stream may have forgotten what we never saw: another one, a rewound one, or too long ago."""
        if self._past is None:
            return False
        created, last = self._past
        away = self._clock.monotonic() - self._left
        return created != state.created or state.last_sequence < last or away > TOMBSTONE_LIFETIME

    def _deliver(self, delivered: Delivered) -> None:
        if self._past is not None:
            self._past = (self._past[0], max(self._past[1], delivered.sequence))
        if self._read is not None:
            self._read.add(delivered.subject if isinstance(delivered, Malformed) else delivered.event.subject)
        if isinstance(delivered, Malformed):
            self._skip(f"{delivered.subject} at {delivered.sequence}", delivered.reason)
        else:
            if self._copy is not None:
                self._copy[delivered.event.subject] = delivered.event
            self._take(delivered.event)
        if delivered.pending == 0:
            self._complete()

    def _complete(self) -> None:
        """Nothing is left to catch up with."""
        read, self._read = self._read, None
        if read is not None and self._copy is None and self._misses(read):
            self._doubted = True
            raise Broken("the stream does not hold all that it held: it was set back, and has grown since")
        self._caught_up = True
        self._ready.set()
        if self._copy is not None and self._swapping is None:
            self._swapping = asyncio.create_task(self._swap_later())

    def _misses(self, read: set[str]) -> bool:
        """Whether a whole reading lacks something that we know: streams forget tombstones and nothing else."""
        return any(subject not in read and subject not in self._graves for subject in self._orders)

    def _take(self, event: Event) -> None:
        held = self._held.get(event.subject)
        known = max(self._orders.get(event.subject, (-1, 0)), held.order if held else (-1, 0))
        if event.order <= known:
            return
        self._held.pop(event.subject, None)
        if self._met(event):
            self._show(event)
        else:
            self._held[event.subject] = event

    def _met(self, event: Event) -> bool:
        return all(self._orders.get(subject, (-1, 0))[1] >= revision for subject, revision in event.needs)

    def _show(self, event: Event) -> None:
        """Applies the event, then what it was waited for by."""
        waiting = [event]
        while waiting:
            one = waiting.pop()
            if one.order <= self._orders.get(one.subject, (-1, 0)):
                continue
            self._orders[one.subject] = one.order
            self._remember(one)
            reach("projection.apply")
            try:
                self._apply(one)
            except Exception as error:  # noqa: BLE001 - whatever one event holds must not stop the others
                self._skip(
                    one.id, f"{type(error).__name__}: {error}" if isinstance(error, ValueError) else repr(type(error))
                )
            met = [held.subject for held in self._held.values() if self._met(held)]
            waiting.extend(self._held.pop(subject) for subject in met)

    def _remember(self, event: Event) -> None:
        """A tombstone's order is kept as long as the stream keeps tombstones: after that nothing older can come."""
        now = self._clock.monotonic()
        self._graves.pop(event.subject, None)
        if event.payload is None:
            self._graves[event.subject] = now
        while self._graves:
            oldest = next(iter(self._graves))
            if now - self._graves[oldest] <= TOMBSTONE_LIFETIME:
                return
            del self._graves[oldest], self._orders[oldest]

    def _skip(self, name: str, reason: str) -> None:
        self.skipped += 1
        self._log.error("skipped", id=name, reason=reason)

    async def _swap_later(self) -> None:
        """Counted from the loss, or a connection that comes and goes would put it off for ever."""
        left = self._lost_at + self._grace - self._clock.monotonic()
        await self._clock.sleep(max(left, self._grace * LEAST_GRACE))
        copy, self._copy, self._swapping = self._copy, None, None
        if not copy:
            self._log.warning("the stream is empty: what was known is kept")
            return
        self._orders.clear()
        self._graves.clear()
        self._held.clear()
        self._reset()
        for event in copy.values():
            self._take(event)

    def _forget_copy(self) -> None:
        if self._swapping is not None:
            self._swapping.cancel()
        self._copy, self._swapping = None, None
