"""Commands that are decided in turn and written as one Commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from services.kit.clock import day
from services.kit.errors import Exhausted, Invalid, Violation
from services.kit.leaves import Head, Joint, Key
from services.kit.middleware import answer_for
from services.kit.store.port import Answer, Audit, Commit, Forgotten, RequestKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.kit.call import Call
    from services.kit.held import Held, Step
    from services.kit.store.port import Record

Decide: TypeAlias = Callable[[Mapping[Key, Head[Any]], str], Joint[Any]]

COMMANDS = 128
RECORDS = 512
BYTES = 2 * 1024 * 1024
"""Of states and answers. MongoDB takes 16 MiB in one entry of its log, and slows down long before."""

MOST = 4 * BYTES
"""What a single command may write: more than that in one step is refused."""

RECORD_BYTES = 400
"""What a record costs beside its state: ids, times, views, a line of the trail."""

_encode = msgspec.json.Encoder().encode


class Unsound(Exception):  # noqa: N818 - it says what has become of the index
    """An index failed while it was changed: nobody knows what is in it now."""


class Command:
    """Somebody who waits for a decision. `decide` may be said later, before it is taken."""

    def __init__(self, decide: Decide | None, call: Call[Any] | None, actor: str) -> None:
        self.decide = decide
        self.call = call
        self.after: Callable[[], Awaitable[None]] | None = None
        self.actor = actor or ((call.caller.subject or "guest") if call else "system")
        self.context = copy_context()
        self.done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.request: RequestKey | None = None
        """Under which key its answer is kept; None: it is not."""
        if call and call.request_id:
            self.request = RequestKey(call.method, call.caller.subject, call.request_id)

    def reply(self, reply: object) -> None:
        """Answers it, if anybody still waits."""
        if not self.done.done():
            self.done.set_result(reply)

    async def told(self) -> None:
        """It knows what became of it: what is to be done after that."""
        if self.after is not None:
            await self.after()

    def refuse(self, error: BaseException) -> None:
        """Tells it why not, if anybody still waits."""
        if not self.done.done():
            self.done.set_exception(error)


class Outcome(msgspec.Struct):
    """What becomes of a command if the commit succeeds: a reply or an error."""

    command: Command
    reply: Any = None
    error: Exception | None = None

    def tell(self) -> None:
        """Says it."""
        if self.error is None:
            self.command.reply(self.reply)
        else:
            self.command.refuse(self.error)


class Batch:
    """Decides commands on heads that nobody else changes meanwhile, each seeing what was decided before it.

    One that is refused leaves nothing behind. No leaf is changed twice: its revision counts its changes. `take` says
    False for a command that has to wait for the next commit.
    """

    def __init__(self, heads: Mapping[Key, Held[Any]], at: str) -> None:
        self._by_key = heads
        self._at = at
        self._coarse = any(head.shape.coarse for head in heads.values())
        self._actor = ""
        self._moved: dict[Key, None] = {}
        self._answers: dict[RequestKey, tuple[Answer, Any]] = {}
        self._audit: list[Audit] = []
        self._bytes = 0
        self._last = False
        self.records: list[Record] = []
        self.outcomes: list[Outcome] = []

    @property
    def heads(self) -> list[Held[Any]]:
        """All that it may change."""
        return list(self._by_key.values())

    @property
    def unmoved(self) -> list[Held[Any]]:
        """Heads that were looked at and are not changed: the commit does not show whether they are as they were."""
        return [head for key, head in self._by_key.items() if key not in self._moved]

    def take(self, command: Command) -> bool:
        """Decides it. Raises Unsound, with the command answered, if an index failed."""
        if self._last or len(self.outcomes) >= COMMANDS:
            return False
        try:
            outcome = self._double(command) or self._decided(command)
        except Unsound:
            raise
        except Exception as error:  # noqa: BLE001 - it is the caller's: a refusal, or a fault in deciding
            outcome = Outcome(command, error=error)
        if outcome is not None:
            self.outcomes.append(outcome)
        return outcome is not None

    def change(self) -> Commit:
        """All of it."""
        heads = [self._by_key[key] for key in self._moved]
        records = [head.written(head.shape.stamp(self._at), self._actor) for head in heads]
        leaves = [leaf for head in heads for leaf in head.touched.values()]
        answers = tuple(answer for answer, _ in self._answers.values())
        lost = [leaf for head in heads for leaf in head.forgotten.values()]
        forgotten = tuple(Forgotten(leaf.kind, leaf.id, leaf.revision) for leaf in lost)
        return Commit((*records, *leaves, *self.records), answers, tuple(self._audit), forgotten)

    def keep(self, change: Commit) -> None:
        """It is committed."""
        written = {(record.kind, record.id): record for record in change.records}
        for key in self._moved:
            self._by_key[key].keep(written[key])

    def undo(self) -> None:
        """It is not: the heads are as they were."""
        for key in self._moved:
            self._by_key[key].undo()

    def _double(self, command: Command) -> Outcome | None:
        """What a request gets that was answered in this very batch."""
        answered = self._answers.get(command.request) if command.request else None
        if answered is None or command.call is None:
            return None
        answer, reply = answered
        if answer_for(command.call, reply)[0].digest != answer.digest:
            raise Invalid(Violation("request_id", "was used for another request"), reason="REQUEST_ID_REUSED")
        return Outcome(command, reply)

    def _decided(self, command: Command) -> Outcome | None:
        assert command.decide is not None
        joint = command.decide(self._by_key, self._at)
        steps = {key: self._step(key, joint, command) for key in joint.changes}
        kept = joint.reply if joint.kept is None else joint.kept
        answers = answer_for(command.call, kept, coarse=self._coarse) if command.call else ()
        if not self._fits(steps, joint, answers):
            return None
        self._do(command, steps)
        self.records += joint.records
        if steps or joint.records:
            self._actor, self._last = command.actor, joint.last
            self._audit += self._lines(command, steps, joint)
        self._answers |= {answer.key: (answer, joint.reply) for answer in answers}
        return Outcome(command, joint.reply)

    def _step(self, key: Key, joint: Joint[Any], command: Command) -> Step:
        if key not in self._by_key:
            raise ValueError(f"{key} was not asked for")
        head = self._by_key[key]
        return head.step(joint.changes[key], head.shape.stamp(self._at), command.actor)

    def _fits(self, steps: Mapping[Key, Step], joint: Joint[Any], answers: Sequence[Answer]) -> bool:
        """Whether it can be part of this commit. Raises Exhausted for what no commit takes."""
        weight = count = 0
        for step in steps.values():
            for _, after in step.leaves:
                weight += RECORD_BYTES + len(_encode(after.state))
            if step.facts:
                weight += len(_encode(step.facts.state))
            count += len(step.leaves) + len(step.forgotten)
        for record in joint.records:
            weight += RECORD_BYTES + len(_encode(record.state))
        for answer in answers:
            weight += RECORD_BYTES + len(answer.reply)
        if weight > MOST:
            raise Exhausted("this is more than can be changed in one step", "TOO_LARGE")
        count += len(joint.records)
        for head in self._by_key.values():
            count += len(head.touched) + len(head.forgotten)
        full = self._bytes + weight > BYTES or count > RECORDS
        if self._moved and (full or self._changed_twice(steps)):
            return False
        self._bytes += weight
        return True

    def _changed_twice(self, steps: Mapping[Key, Step]) -> bool:
        for key, step in steps.items():
            head = self._by_key[key]
            if not (head.touched.keys().isdisjoint(step.ids) and head.forgotten.keys().isdisjoint(step.ids)):
                return True
        return False

    def _do(self, command: Command, steps: Mapping[Key, Step]) -> None:
        try:
            for key, step in steps.items():
                self._moved[key] = None
                head = self._by_key[key]
                head.do(step, head.shape.stamp(self._at), command.actor)
        except Exception as error:
            command.refuse(error)
            raise Unsound from error

    def _lines(self, command: Command, steps: Mapping[Key, Step], joint: Joint[Any]) -> list[Audit]:
        """One line for each head, for each other record and, where the shape says so, for each leaf."""
        at = day(self._at) if self._coarse else self._at
        said = (at, command.actor, joint.action, joint.reason)
        written = [(*key, self._by_key[key].revision + 1) for key in steps]
        for key, step in steps.items():
            if self._by_key[key].shape.trail:
                written += [(after.kind, after.id, after.revision) for _, after in step.leaves]
        written += [(record.kind, record.id, record.revision) for record in joint.records]
        return [Audit(kind, id_, revision, *said) for kind, id_, revision in written]
