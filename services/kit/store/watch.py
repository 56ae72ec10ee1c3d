"""Who is told of each commit, in the event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from services.kit.store.port import Commit


class Listeners:
    """Functions that are called with every commit, in the order in which they were added."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Commit], None]] = []
        self._kinds: frozenset[str] | None = frozenset()

    def add(self, listener: Callable[[Commit], None], kinds: Iterable[str] | None = None) -> None:
        """Calls this one too from now on. `kinds`: whose records it looks at; None: at all."""
        self._kinds = None if kinds is None or self._kinds is None else self._kinds | frozenset(kinds)
        self._listeners.append(listener)

    def tell(self, change: Callable[[Collection[str] | None], Commit]) -> None:
        """Calls each with the commit, which is made once, if anybody listens. A fault of one is not another's.

        `change` makes it with the records of those kinds (None: of all) that anybody looks at.
        """
        if not self._listeners:
            return
        commit = change(self._kinds)
        for listener in tuple(self._listeners):
            try:
                listener(commit)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the commit stands, whoever failed to hear of it
                fault = {"message": "a listener of the store failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(fault)
