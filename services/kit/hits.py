"""How often an app answered what: plain integers on the way, read when somebody asks.

This stands on the path of every poll, so it adds to a number and does nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

    from services.kit.http import App, Receive, Scope, Send
    from services.kit.kept import Keeper, Kept

FAULT = 500
"""What is answered for an app that failed before it answered."""


class Hits:
    """Answers by HTTP status: `made` by the app, `kept` ones that were at hand."""

    def __init__(self) -> None:
        self.made: defaultdict[int, int] = defaultdict(int)
        self.kept: defaultdict[int, int] = defaultdict(int)


class CountedKeeper:
    """A keeper whose answers are counted: who asks for one writes it. `kept` asks it."""

    def __init__(self, keeper: Keeper, hits: Hits) -> None:
        ask, counts = keeper.kept, hits.kept

        def kept(url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Kept | None:
            answer = ask(url, headers)
            if answer is not None:
                counts[answer[0]] += 1
            return answer

        self.kept = kept


def counted(app: App, hits: Hits) -> App:
    """The app, its answers counted."""
    made = hits.made

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: MutableMapping[str, Any]) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                made[message["status"]] += 1
            await send(message)

        try:
            await app(scope, receive, sending)
        except Exception:
            made[FAULT] += not begun
            raise

    return counting
