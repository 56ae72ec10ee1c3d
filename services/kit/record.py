"""The next revision of a record, and the one loop that decides and commits."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

from services.kit import errors
from services.kit.store.port import Commit, Conflict, OutcomeUnknown, Record, Store, Unwritten, View

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from google.protobuf.message import Message

    from services.kit.clock import Clock, Ids
    from services.kit.store.port import Document

T = TypeVar("T")
NOTHING = ""
FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.5


def revise(
    previous: Record | None,
    *,
    kind: str,
    id: str,  # noqa: A002 - the field is named id everywhere
    state: Document,
    at: str,
    actor: str,
    views: Mapping[str, Message | None],
    due_at: str | None = None,
    gone: bool = False,
) -> Record:
    """The record after a change at `at` (`clock.instant`) by `actor`: revision + 1, or 1 where there was none.

    `views` is the content of each view, without epoch and revision; None is no content. A view's revision and time rise
    only where its content changed. A view that lost its content stays, as a tombstone; one that never had any is left
    out; one that is not named stays as it was, or loses its content where the record is `gone`.
    """
    before = {view.name: view for view in previous.views} if previous else {}
    named = {**(dict.fromkeys(before) if gone else {}), **views}
    raised = {name: _view(before.get(name), name, content, at) for name, content in named.items()}
    after = {**before, **{name: view for name, view in raised.items() if view is not None}}
    return Record(
        kind=kind,
        id=id,
        revision=previous.revision + 1 if previous else 1,
        state=state,
        at=at,
        actor=actor,
        epoch=previous.epoch if previous else 0,
        due_at=due_at,
        gone=gone,
        views=tuple(view for _, view in sorted(after.items())),
    )


def digest(content: Message | None) -> str:
    """SHA-256 of the message's deterministic bytes, in hex; "" for no content."""
    return NOTHING if content is None else hashlib.sha256(content.SerializeToString(deterministic=True)).hexdigest()


def _view(before: View | None, name: str, content: Message | None, at: str) -> View | None:
    new = digest(content)
    if before is None:
        return None if new == NOTHING else View(name, 1, at, new)
    if before.digest == new:
        return before
    return View(name, before.revision + 1, at, new, sequence=before.sequence)


async def transact(
    store: Store, clock: Clock, ids: Ids, attempt: Callable[[], Awaitable[tuple[Commit, T]]], *, attempts: int = 8
) -> T:
    """Runs `attempt`, which loads and decides, and commits what it says; on a Conflict once more, after a random pause.

    An empty Commit is not committed. Raises what `attempt` raises, or errors.Unavailable with the reason CONTENTION
    (others were always faster), OUTCOME_UNKNOWN (look before trying again) or STORE_UNAVAILABLE (nothing was written).
    """
    for turn in range(attempts):
        change, result = await attempt()
        try:
            if change.records or change.answers or change.audit or change.forgotten:
                await store.commit(change)
        except Conflict:
            if turn + 1 < attempts:
                await clock.sleep(ids.random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**turn)))
        except OutcomeUnknown as unknown:
            raise errors.Unavailable("it is not known whether this was done", "OUTCOME_UNKNOWN") from unknown
        except Unwritten as unwritten:
            raise errors.Unavailable("nothing can be written now", "STORE_UNAVAILABLE") from unwritten
        else:
            return result
    raise errors.Unavailable("too many others are changing this at once", "CONTENTION")
