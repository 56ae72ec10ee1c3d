"""Seats in the sample centre: a disk that is full while they are set up ends nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from services.kit.store.port import Unwritten
from services.rsvps import sample
from services.rsvps.types import RsvpMode

if TYPE_CHECKING:
    import pytest

    from tests.service.rsvps_house import House

pytest_plugins = ("tests.service.rsvps_house",)

TITLE = "SMART Recovery"
LOOKS = 5


async def test_rules_that_cannot_be_written_now_are_set_at_a_later_look(
    alone: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await alone.part("smart", centre=sample.CENTRE, title=TITLE)

    async def full(_: object) -> None:
        raise Unwritten("the disk is full")

    loading = asyncio.ensure_future(sample.load(alone.desk))
    with monkeypatch.context() as patch:
        patch.setattr(alone.store, "commit", full)
        await _look(alone, loading)
        assert await alone.event("smart") is None
    await _look(alone, loading)
    event = await alone.event("smart")
    loading.cancel()
    assert event is not None
    assert event.rules.mode is RsvpMode.OPTIONAL


async def _look(house: House, loading: asyncio.Future[None]) -> None:
    """Lets it look some times more; it must go on."""
    for _ in range(LOOKS):
        while not house.clock.asleep:
            assert not (await asyncio.wait({loading}, timeout=0.005))[0], "it has ended"
        await house.clock.advance(0.1)
