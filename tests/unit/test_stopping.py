"""How a process ends: by itself where it cannot start, and in time whatever is stuck."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from services.kit import host, http, natsd, server, trace
from services.kit.process import run
from services.kit.store.port import Unwritten
from tests.system.running import STOPS_WITHIN

if TYPE_CHECKING:
    import pytest


class Unlucky:
    """A process whose database goes away while it starts."""

    def __init__(self) -> None:
        self.host = SimpleNamespace(failed=asyncio.Event())
        self.stopped = False

    async def start(self) -> None:
        raise Unwritten("the database is away")

    async def stop(self) -> None:
        self.stopped = True


async def test_a_database_that_goes_away_during_the_start_is_a_line_and_no_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    process: Any = Unlucky()
    assert await run(process, str) == 1
    assert process.stopped
    assert capsys.readouterr().err.startswith("openchair: cannot start: the database is away")


def test_what_an_end_waits_for_adds_up_to_less_than_it_may_take() -> None:
    requests = max(http.GRACE, server.GRACE)  # they end side by side, the rest one after another
    assert requests + host.DRAIN + natsd.STOP_WITHIN + trace.LAST_WORDS < STOPS_WITHIN - 2
