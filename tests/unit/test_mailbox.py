"""Who waits for what is dealt with together."""

from __future__ import annotations

import asyncio
from contextvars import Context, copy_context
from typing import TYPE_CHECKING

from services.kit import mailbox
from services.kit.mailbox import Mailboxes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from services.kit.leaves import Key

KEY = ("list", "one")
MANY = 32


class Asking:
    """Somebody who waits."""

    def __init__(self) -> None:
        self.context: Context = copy_context()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Desk:
    """Deals with whoever waits, and keeps how many they were."""

    def __init__(self) -> None:
        self.together: list[int] = []
        self.boxes = Mailboxes[Asking](self._run, 128)

    async def _run(self, _: Key, taken: Sequence[Asking]) -> Sequence[Asking]:
        self.together.append(len(taken))
        await asyncio.sleep(0.002)  # what a commit takes
        for each in taken:
            each.done.set_result(None)
        return ()

    async def ask(self) -> None:
        asking = Asking()
        self.boxes.post(KEY, asking)
        await asking.done


async def test_who_comes_again_one_after_the_other_is_dealt_with_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "SHARE", 1000.0)
    monkeypatch.setattr(mailbox, "LONGEST", 5.0)
    desk = Desk()

    async def caller(number: int) -> None:
        for _ in range(3):
            await desk.ask()
            for _ in range(number):  # each is a little later than the one before
                await asyncio.sleep(0)

    await asyncio.gather(*(caller(number) for number in range(MANY)))
    await desk.boxes.idle()
    assert desk.together == [MANY] * 3


async def test_who_is_alone_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "SHARE", 1e9)
    monkeypatch.setattr(mailbox, "LONGEST", 1e9)
    desk = Desk()
    async with asyncio.timeout(60):
        for _ in range(5):
            await desk.ask()
    assert desk.together == [1] * 5


async def test_nobody_waits_long_for_who_does_not_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "SHARE", 1e9)
    desk = Desk()
    async with asyncio.timeout(60):
        await asyncio.gather(*(desk.ask() for _ in range(MANY)))
        await desk.ask()
    assert desk.together == [MANY, 1]
