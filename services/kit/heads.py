"""Commands on heads and their leaves: decided in memory, many at a time, and committed as one.

A service says what its heads are (`Shape`) and decides with pure functions: what it is given is the head with an index
over its leaves, what it gives back says what becomes of them. Everything else is here: who waits for whom, what is
written, what is told to whom if it cannot be.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from services.kit.batch import COMMANDS, Batch, Command, Outcome, Unsound
from services.kit.clock import instant
from services.kit.errors import Refusal, Unavailable
from services.kit.held import Held
from services.kit.leaves import Changes, Decision, Head, Joint, Key, Shape
from services.kit.mailbox import Mailboxes
from services.kit.middleware import stored_answer
from services.kit.record import FIRST_PAUSE, LONGEST_PAUSE
from services.kit.store.port import Conflict, OutcomeUnknown, Unwritten

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from services.kit.call import Call
    from services.kit.clock import Clock, Ids
    from services.kit.store.port import Record, Store

R = TypeVar("R")

ATTEMPTS = 32
"""How often it is decided anew because another instance was faster."""

KEPT = 100_000
"""Heads and leaves that are kept in memory when nobody is at them, about 1 KB each."""

SLICE = 250
"""Leaves archived in one commit."""


@dataclass(frozen=True)
class Claim(Generic[R]):
    """Which heads (kind, id) a joint command needs, and how it decides on them at an instant (`clock.instant`).

    `moves` are other records that it changes. Whoever of this process changes one of them too waits in turn: else of
    many at once all but one were too late, each time. `after` is done once it is committed, or had nothing to write;
    nobody waits for it, and nobody is told what it raises.
    """

    heads: Sequence[Key]
    decide: Callable[[Mapping[Key, Head[Any]], str], Joint[R]]
    moves: Collection[Key] = ()
    after: Callable[[], Awaitable[None]] | None = None


Prepare: TypeAlias = Callable[[], Awaitable[Claim[R]]]

_HAS_ITS_TURN: ContextVar[bool] = ContextVar("_HAS_ITS_TURN", default=False)
"""Whether this is done while a command is prepared that has others wait: to wait for one of them could be for ever."""


class Heads:
    """The heads of one store, as this process knows them. Other instances may change them too.

    - Commands on one head are decided in order of arrival. Those that wait are decided together, each on what the one
      before it left, and written as one commit. A refused one leaves nothing behind.
    - Nobody is answered before the commit stands, or, where there was nothing to write, before the head in the store
      was seen to be as it was held here. Where another instance was faster everything is decided again.
    - A caller that goes away before it was decided is left out; later its command goes on without it.
    - What is decided for a `call` is answered once per request id, as `middleware.Idempotency` wants it.

    All of it raises what deciding raised, or Unavailable with the reason CONTENTION (others were always faster),
    OUTCOME_UNKNOWN (all who were decided together are told so) or STORE_UNAVAILABLE (nothing was written).
    """

    def __init__(self, store: Store, clock: Clock, ids: Ids, shapes: Iterable[Shape[Any]], *, kept: int = KEPT) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._shapes = {shape.head: shape for shape in shapes}
        self._most = kept
        self._kept: OrderedDict[Key, Held[Any]] = OrderedDict()
        self._sizes: dict[Key, int] = {}
        self._size = 0
        self._mailboxes = Mailboxes[Command](self._serve, COMMANDS)
        self.commits = 0
        self.commands = 0
        self.conflicts = 0

    async def change(
        self,
        kind: str,
        id: str,  # noqa: A002 - the field is named id everywhere
        decide: Callable[[Head[Any], str], Decision[R]],
        *,
        call: Call[Any] | None = None,
        actor: str = "",
    ) -> R:
        """Has one head decided about, together with whoever waits for it too. Gives the decision's reply.

        `decide` gets the head and the present instant (`clock.instant`); it runs again, on newer leaves, where another
        instance was faster. It is pure, and keeps nothing of the head. `actor` is the caller unless it says another.
        """
        key = self._known((kind, id))

        def joint(heads: Mapping[Key, Head[Any]], at: str) -> Joint[R]:
            decision = decide(heads[key], at)
            changes = {} if decision.changes is None else {key: decision.changes}
            return Joint(decision.reply, changes, decision.records, decision.action, decision.reason, decision.last)

        command = Command(joint, call, actor)
        self._mailboxes.post(key, command)
        reply: R = await command.done
        return reply

    async def look(self, kind: str, id: str, read: Callable[[Head[Any]], R]) -> R:  # noqa: A002 - as above
        """What `read` finds in the head as it is stored now. It keeps nothing of the head: that goes on changing."""
        return await self.change(kind, id, lambda head, _: Decision(read(head)))

    def glance(self, kind: str, id: str) -> Record | None:  # noqa: A002 - as above
        """The head as it was seen here last, without a look at the store: it may have moved since. None: unknown."""
        held = self._kept.get((kind, id))
        return held.stored if held is not None else None

    async def together(self, prepare: Prepare[R], *, call: Call[Any] | None = None, actor: str = "") -> R:
        """Changes several heads, and records that are no heads, in one commit. Gives the decision's reply.

        `prepare` loads the other records and says which heads are needed; it runs again, with what it decides, where
        somebody was faster. Those who wait for one of the heads wait for all of this.
        """
        command = Command(None, call, actor)
        self._mailboxes.spawn(self._joint(command, prepare))
        reply: R = await command.done
        return reply

    async def archive(
        self,
        kind: str,
        id: str,  # noqa: A002 - as above
        chosen: Callable[[Record], bool],
        *,
        actor: str = "",
        action: str = "archived",
    ) -> int:
        """Archives the chosen ones of a head's leaves, removed or not, some per commit. Says how many they were."""

        def decide(head: Head[Any], _: str) -> Decision[int]:
            ids = _some(head, chosen)
            return Decision(len(ids), Changes(archived=ids) if ids else None, action)

        return await self._all(kind, id, decide, actor)

    async def forget(
        self,
        kind: str,
        id: str,  # noqa: A002 - as above
        chosen: Callable[[Record], bool],
        *,
        actor: str = "",
        action: str = "forgotten",
    ) -> int:
        """Forgets the chosen ones of a head's leaves for good, some per commit. Says how many they were."""

        def decide(head: Head[Any], _: str) -> Decision[int]:
            ids = _some(head, chosen)
            return Decision(len(ids), Changes(forgotten=ids) if ids else None, action)

        return await self._all(kind, id, decide, actor)

    async def _all(self, kind: str, id_: str, decide: Callable[[Head[Any], str], Decision[int]], actor: str) -> int:
        """Decides until nothing is left to be done, and counts."""
        count = 0
        while done := await self.change(kind, id_, decide, actor=actor):
            count += done
        return count

    async def idle(self) -> None:
        """Comes back when nothing is under way."""
        await self._mailboxes.idle()

    def _known(self, key: Key) -> Key:
        if key[0] not in self._shapes:
            raise ValueError(f"{key[0]!r} is not a kind of head")
        return key

    # One head: whoever waits for it

    async def _serve(self, key: Key, commands: Sequence[Command]) -> Sequence[Command]:
        """Deals with the first of them, and says who has to wait for the next commit."""
        try:
            return await self._settle(key, commands)
        except Exception as error:  # noqa: BLE001 - each is told, nobody waits for ever
            for command in commands:
                command.refuse(_told(error))
            return ()

    async def _settle(self, key: Key, commands: Sequence[Command]) -> Sequence[Command]:
        together = len(commands)
        for turn in range(ATTEMPTS):
            try:
                return commands[await self._try((key,), commands[:together]) :]
            except Conflict:
                if not any(command.done.done() for command in commands[:together]):  # else it was a double, not a rival
                    await self._pause(turn)
            except Unsound:
                continue
            except ValueError as error:  # somebody wants to store what does not fit: who is it?
                if together == 1:
                    commands[0].refuse(error)
                    return commands[1:]
                together = 1
        raise Conflict

    # Several heads: one command

    async def _joint(self, command: Command, prepare: Prepare[Any]) -> None:
        moves: frozenset[Key] = frozenset()
        try:
            for turn in range(ATTEMPTS):
                async with self._in_turn(moves):
                    further = await self._attempt(command, prepare, moves)
                if further is None:
                    await command.told()
                    return
                if further <= moves:  # else it was nobody's rival yet, only too early
                    await self._pause(turn)
                moves |= further
            command.refuse(_told(Conflict()))
        except Refusal as refusal:
            await self._tell_late(Outcome(command, error=refusal))
        except Exception as error:  # noqa: BLE001 - it is told
            command.refuse(_told(error))

    @contextlib.asynccontextmanager
    async def _in_turn(self, moves: frozenset[Key]) -> AsyncIterator[None]:
        """Has these records alone among the commands of this process. They are taken before any head is."""
        async with self._mailboxes.hold(moves):
            token = _HAS_ITS_TURN.set(bool(moves) or _HAS_ITS_TURN.get())
            try:
                yield
            finally:
                _HAS_ITS_TURN.reset(token)

    async def _attempt(self, command: Command, prepare: Prepare[Any], held: frozenset[Key]) -> frozenset[Key] | None:
        """None: it is done. Else which records it moves: it is to be prepared again when it has them for itself."""
        claim = await prepare()
        keys = tuple(sorted({self._known(key) for key in claim.heads}))
        moves = frozenset(key for key in claim.moves if key[0] not in self._shapes)
        if _HAS_ITS_TURN.get() and not held:
            moves = frozenset()
        further = moves - held
        if further and (held or any(map(self._mailboxes.busy, further))):
            return moves
        command.decide, command.after = claim.decide, claim.after
        async with self._mailboxes.hold(further), self._mailboxes.hold(keys):
            try:
                await self._try(keys, [command])
            except Conflict:
                return None if command.done.done() else moves
            except Unsound:
                return None
        return None

    # Deciding and committing

    async def _try(self, keys: Sequence[Key], commands: Sequence[Command]) -> int:
        """Decides and commits once; says how many are dealt with. Raises Conflict where it has to be done again."""
        try:
            fresh = await self._load(keys)
            heads = {key: self._kept[key] for key in keys}
            batch = Batch(heads, instant(self._clock.now()))
            taken = 0
            for command in commands:
                if not command.done.done() and not batch.take(command):
                    break
                taken += 1
            await self._commit(batch, fresh)
        except (Conflict, Unwritten, ValueError):  # nothing was written, and the heads are as they were
            raise
        except BaseException:
            self._drop(keys)
            raise
        finally:
            self._trim(keys)
        self._tell(batch)
        return taken

    async def _commit(self, batch: Batch, fresh: set[Key]) -> None:
        try:
            change = batch.change()
            await self._look_at(head for head in batch.unmoved if head.key not in fresh)
            if change.records or change.answers:
                await self._store.commit(change)
        except (Unwritten, ValueError):
            batch.undo()
            raise
        except Conflict:
            batch.undo()
            self.conflicts += 1
            await self._recover(batch)
            raise
        batch.keep(change)
        self.commits += bool(change.records)
        self.commands += len(batch.outcomes)

    async def _look_at(self, heads: Iterable[Held[Any]]) -> None:
        """Raises Conflict unless they are in the store as they are here."""
        for head in heads:
            if not await head.current(self._store):
                raise Conflict(f"{head.key} has moved")

    async def _recover(self, batch: Batch) -> None:
        """After a Conflict: finds out who was faster and catches up; if it was nobody, trusts nothing it holds."""
        try:
            moved = [await head.load(self._store) for head in batch.heads]
            if any(moved) or await self._answered(batch) or await self._stale(batch.records):
                return
            for head in batch.heads:
                await head.reload(self._store)
        except BaseException:
            self._drop([head.key for head in batch.heads])
            raise

    async def _answered(self, batch: Batch) -> bool:
        """Gives those their answer who were answered before, by another instance or to a double of the request."""
        asked = [outcome.command for outcome in batch.outcomes if outcome.command.request]
        return any([await self._stored(command) for command in asked])

    async def _stored(self, command: Command) -> bool:
        assert command.call is not None
        try:
            stored = await stored_answer(self._store, command.call)
        except Refusal as refusal:
            command.refuse(refusal)
            return True
        if stored is not None:
            command.reply(stored)
        return stored is not None

    async def _stale(self, records: Iterable[Record]) -> bool:
        for record in records:
            found = await self._store.get(record.kind, record.id)
            if (found.revision if found else 0) + 1 != record.revision:
                return True
        return False

    def _tell(self, batch: Batch) -> None:
        for outcome in batch.outcomes:
            if outcome.error is not None and outcome.command.request:
                self._mailboxes.spawn(self._tell_late(outcome))
            else:
                outcome.tell()

    async def _tell_late(self, outcome: Outcome) -> None:
        """Tells a refusal, unless the request was answered before: its double has changed what this one met."""
        try:
            if not (outcome.command.request and await self._stored(outcome.command)):
                outcome.tell()
        except Exception as error:  # noqa: BLE001 - it is told
            outcome.command.refuse(_told(error))

    async def _pause(self, turn: int) -> None:
        await self._clock.sleep(self._ids.random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**turn)))

    # What is kept in memory

    async def _load(self, keys: Iterable[Key]) -> set[Key]:
        """Has these heads in memory, and says which it has just read."""
        fresh = set()
        for key in keys:
            if key in self._kept:
                self._kept.move_to_end(key)
            else:
                head = Held(self._shapes[key[0]], key[1])
                await head.load(self._store)
                self._kept[key] = head
                fresh.add(key)
        return fresh

    def _drop(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._kept.pop(key, None)
            self._size -= self._sizes.pop(key, 0)

    def _trim(self, keys: Iterable[Key]) -> None:
        """Forgets the heads that nobody has been at for longest where there are too many."""
        for key in keys:
            if key in self._kept:
                size = self._kept[key].size
                self._size += size - self._sizes.get(key, 0)
                self._sizes[key] = size
        if self._size > self._most:
            for key in [key for key in self._kept if not self._mailboxes.busy(key)]:
                self._drop([key])
                if self._size <= self._most:
                    break


def _some(head: Head[Any], chosen: Callable[[Record], bool]) -> tuple[str, ...]:
    """Ids of the chosen leaves, as many as one commit takes."""
    leaves = chain(head.removed.values(), head.leaves.values())
    return tuple(islice((leaf.id for leaf in leaves if chosen(leaf)), SLICE))


def _told(error: Exception) -> Exception:
    """What a command is told, an error of its own for each."""
    told: Exception = error
    if isinstance(error, Conflict):
        told = Unavailable("too many others are changing this at once", "CONTENTION")
    elif isinstance(error, OutcomeUnknown):
        told = Unavailable("it is not known whether this was done", "OUTCOME_UNKNOWN")
    elif isinstance(error, Unwritten):
        told = Unavailable("nothing can be written now", "STORE_UNAVAILABLE")
    if told is not error:
        told.__cause__ = error
    return told
