"""A reactor: handles each newer state of what it follows, its effect being a commit in its own store.

The instances of a service share the work: each state is handed to one of them, and to another if that one dies. It is
acknowledged after `Handle` has come back, so a state may be handled twice or late, and an older one after a newer one;
the newest is never missed. What cannot be handled becomes a dead letter, and the rest flow on.
"""

from __future__ import annotations

import random
from asyncio import Event as Signal
from asyncio import timeout
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from openchair.admin.v1.dead_letter_pb2 import DeadLetter

from services.kit.bus_port import BusError
from services.kit.clock import instant
from services.kit.dead import DeadLetters
from services.kit.errors import Refusal
from services.kit.event import Event, Malformed
from services.kit.points import reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from structlog.typing import FilteringBoundLogger

    from services.kit.bus_port import Bus, Task
    from services.kit.clock import Clock
    from services.kit.store.port import Store

MOST = 8
"""Times that a state is tried, over about two minutes."""

LONGEST = 60.0
"""Seconds that one attempt may take: what hangs is given up, or nothing would ever follow it."""

PATIENCE = 30.0
FIRST_BACKOFF = 0.1
LONGEST_BACKOFF = 5.0
FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0

Handle: TypeAlias = Callable[[Event], Awaitable[None]]
"""Commits the effect of a state, or nothing where it has it already: it is called at least once, in any order of
subjects, and may be given an older state than it has seen. Raises `Poison` for what it can never handle; whatever else
it raises, and that it takes longer than a minute, means that it is tried again later."""


class Poison(ValueError):  # noqa: N818 - it says what it is
    """A state that cannot be handled, however often. The text names no person and quotes nothing that people wrote."""


class Reactor:
    """Follows subjects as one of the instances of a service; what cannot be handled goes to the dead letters.

    A service has one post in a stream, so one reactor for each stream; its `handle` tells kinds apart. A state that
    fails is tried up to `most` times, with growing pauses in which others are handled, unless the store says that it
    is not serving: then the state is not to blame, and all wait.

    `handled` and `failed` count attempts, `dead` letters that this instance wrote, `pending` is how many states waited
    behind the last one taken. `letters` are those of the whole service.
    """

    def __init__(
        self,
        bus: Bus,
        store: Store,
        stream: str,
        subjects: Sequence[str],
        handle: Handle,
        service: str,
        site: str,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        most: int = MOST,
        patience: float = PATIENCE,
        longest: float = LONGEST,
        source: random.Random | None = None,
    ) -> None:
        self._bus = bus
        self._store = store
        self._subjects = tuple(subjects)
        self._handler = handle
        self._clock = clock
        self._log = log.bind(stream=stream)
        self._most = most
        self._patience = patience
        self._longest = longest
        self._random = source or random.SystemRandom()
        self._ready = Signal()
        self._current = False
        self.stream = stream
        self.service = service
        self.letters = DeadLetters(bus, service, site)
        self.handled = 0
        self.failed = 0
        self.dead = 0
        self.pending = 0

    @property
    def ready(self) -> Signal:
        """Set once there was nothing left to take."""
        return self._ready

    @property
    def current(self) -> bool:
        """Whether it works right now, and when it last asked nothing was left to take."""
        return self._current

    async def run(self) -> None:
        """Works until cancelled."""
        backoff, told = FIRST_BACKOFF, ""
        try:
            while True:
                before = self.handled
                try:
                    await self._bus.work(
                        self.stream, self.service, self._subjects, self._work, patience=self._patience, idle=self._idle
                    )
                except BusError as error:
                    if self._current or str(error) != told:  # once for as long as it stays so
                        self._log.warning("works again", error=str(error))
                    told = str(error)
                backoff = FIRST_BACKOFF if self._current or self.handled > before else backoff
                self._current = False
                await self._clock.sleep(backoff * (0.5 + self._random.random() / 2))
                backoff = min(LONGEST_BACKOFF, backoff * 2)
        finally:
            self._current = False

    async def replay(self, subjects: Sequence[str] = ()) -> tuple[int, list[DeadLetter]]:
        """Hands the present states of these subjects, which have letters (none named: of all), to `handle` once more.

        Says how many were handled, whose letters are gone, and gives the letters of those that failed again. Only
        letters of this reactor are looked at. Raises BusUnavailable.
        """
        handled, left = 0, list[DeadLetter]()
        for letter in await self.letters.all():
            if letter.follower != self.stream or (subjects and letter.subject not in subjects):
                continue
            new = await self._again(letter)
            handled += new is None
            left += [new] if new is not None else []
        return handled, left

    def _idle(self) -> None:
        self._current, self.pending = True, 0
        self._ready.set()

    async def _work(self, task: Task) -> None:
        """One state: handled, or to be tried again, or a dead letter. Only then is it acknowledged."""
        delivered = task.delivered
        self.pending = delivered.pending
        self._current = self._current and not delivered.pending
        if isinstance(delivered, Malformed):
            await self._give_up(task, self._letter(delivered.subject, (0, 0), delivered.reason, task.attempts))
            return
        event = delivered.event
        try:
            await self._handle(event)
            await self._forget(event)
        except BusError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one state causes must not stop the others
            self.failed += 1
            if isinstance(error, Poison) or task.attempts >= self._most:
                await self._give_up(task, self._letter(event.subject, event.order, _reason(error), task.attempts))
            else:
                self._log.warning("tries again later", id=event.id, attempts=task.attempts, error=_reason(error))
                await task.again(self._delay(task.attempts))
            return
        await task.done()
        reach("reactor.done")

    async def _handle(self, event: Event) -> None:
        """Handles a state, waiting with it while the store cannot be written to."""
        backoff, told = FIRST_BACKOFF, False
        while True:
            reach("reactor.handle")
            try:
                async with timeout(self._longest):
                    await self._handler(event)
            except Poison:
                raise
            except Exception:
                reason = await self._store.serving()
                if not reason:
                    raise
                if not told:
                    self._log.warning("waits for its store", reason=reason)
                told = True
                await self._clock.sleep(backoff)
                backoff = min(LONGEST_BACKOFF, backoff * 2)
            else:
                reach("reactor.handled")
                self.handled += 1
                return

    async def _forget(self, event: Event) -> None:
        """A letter about this state, or an older one of the subject, has no object any more."""
        letter = await self.letters.get(event.subject)
        if letter is not None and (letter.epoch, letter.revision) <= event.order:
            await self.letters.forget(event.subject, instant(self._clock.now()))

    async def _give_up(self, task: Task, letter: DeadLetter) -> None:
        try:
            await self.letters.write(letter)
            if await self._replaced(task, letter):  # who was given what is there now may have looked for letters before
                await self.letters.retract(letter, instant(self._clock.now()))
        except BusError as error:
            self._log.error("a dead letter cannot be written", about=letter.subject, error=str(error))
            await task.again(self._delay(task.attempts))
            return
        self.dead += 1
        self._log.error("cannot be handled", about=letter.subject, revision=letter.revision, reason=letter.reason)
        await task.done()
        reach("reactor.done")

    async def _replaced(self, task: Task, letter: DeadLetter) -> bool:
        """Whether the stream holds something else in its stead by now."""
        last = await self._bus.last(self.stream, letter.subject)
        return last is not None and last.sequence != task.delivered.sequence

    def _letter(self, about: str, order: tuple[int, int], reason: str, attempts: int) -> DeadLetter:
        epoch, revision = order
        letter = DeadLetter(
            subject=about, epoch=epoch, revision=revision, reason=reason, attempts=attempts, follower=self.stream
        )
        letter.time.FromDatetime(self._clock.now())
        return letter

    def _delay(self, attempts: int) -> float:
        return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** (attempts - 1)) * (0.75 + self._random.random() / 2))

    async def _again(self, letter: DeadLetter) -> DeadLetter | None:
        """The letter that replaces this one; None where there is nothing left to complain of."""
        last = await self._bus.last(self.stream, letter.subject)
        if last is not None:
            order, reason = (letter.epoch, letter.revision), ""
            if isinstance(last, Malformed):
                reason = last.reason
            else:
                order = last.event.order
                try:
                    await self._handler(last.event)
                except Exception as error:  # noqa: BLE001 - it is what the operator wants to know
                    reason = _reason(error)
            if reason:
                new = self._letter(letter.subject, order, reason, letter.attempts + 1)
                await self.letters.write(new)
                return new
        await self.letters.forget(letter.subject, instant(self._clock.now()))
        return None


def _reason(error: Exception) -> str:
    """What an error may tell to operators: its type, and its text only where we wrote it and no one else had a part."""
    name = type(error).__name__
    if isinstance(error, Poison):
        return f"{name}: {error}"
    return f"{name}: {error.reason}" if isinstance(error, Refusal) else name
