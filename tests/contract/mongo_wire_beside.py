"""The stand-in for a MongoDB server in a thread of its own, for processes that tests start and wait for."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.contract.mongo_wire import MongoWire

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def beside(lifetime: float = 60.0) -> Iterator[str]:
    """Where it answers. `lifetime`: seconds that a transaction may take."""
    loop, wire = asyncio.new_event_loop(), MongoWire(lifetime=lifetime)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(wire.start(), loop).result(5)
        yield wire.url
        asyncio.run_coroutine_threadsafe(wire.stop(), loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
    assert wire.surprises == []
