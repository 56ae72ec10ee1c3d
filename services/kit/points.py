"""Named points on the way of a change, for whoever wants to see what happens if it stops there.

Nothing happens at them in production. A test installs a listener that ends the process, or holds it.

store.commit        in the writer, just before a transaction is committed
store.committed     in the writer, just after
relay.publish       before a state is published
relay.published     the broker has it, its mark is still set
relay.cleared       its mark is cleared
projection.apply    before a follower takes in a state
reactor.handle      before a state is handled
reactor.handled     its effect is committed, the broker does not know it is dealt with
reactor.done        the broker knows
intent.slice        before a slice of an intent is put into force
intent.kept         the slice and its progress are committed
backup.part         a piece of a backup is in its file
restore.fill        a piece of a backup is in the new store
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

POINTS: Final = tuple(line.split()[0] for line in (__doc__ or "").splitlines() if "." in line.split(" ", 1)[0])

_listeners: list[Callable[[str], None]] = []


def reach(point: str) -> None:
    """This process has come to that point."""
    for listener in _listeners:
        listener(point)


def listen(listener: Callable[[str], None]) -> None:
    """Calls `listener` at every point, in whichever thread comes there."""
    _listeners.append(listener)
