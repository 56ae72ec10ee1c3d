"""A server of seats at one date, and of a bare echo: `python -m tests.bench.rush_server FOLDER STORE [PROFILE]`.

STORE is "sqlite" or the address of a MongoDB. Prints its two ports, then serves until standard input ends. The echo
answers with as many bytes as it is asked for. PROFILE is a file for what cProfile finds in the event loop's thread.
"""

from __future__ import annotations

import asyncio
import cProfile
import gc
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import uvloop

from services.kit.auth import TokenVerifier, load_or_make_keys
from services.kit.clock import Ids, SystemClock, instant
from services.kit.logs import make_log
from services.kit.middleware import outer
from services.kit.paging import Pages
from services.kit.process import GARBAGE
from services.kit.server import GrpcServer
from services.kit.store.mongo import MongoStore
from services.kit.store.port import Commit
from services.kit.store.sqlite import SqliteStore
from services.recurrence.types import Schedule
from services.rsvps import records
from services.rsvps.desk import Desk
from services.rsvps.keys import Secrets
from services.rsvps.records import KINDS
from services.rsvps.service import Rsvps
from services.rsvps.types import Event, Part, RsvpMode, Rules, Shown, Where
from tests.bench.search_server import ECHO

if TYPE_CHECKING:
    from services.kit.clock import Clock
    from services.kit.store.port import Store

PLACES: Final = 100
EVENTS: Final = 20
START: Final = datetime(2100, 1, 4, 19)  # noqa: DTZ001 - local by nature


def name(number: int) -> str:
    """A date of one of the events."""
    return f"centres/house/meetings/retreat-{number}/occurrences/{START:%Y%m%d}"


async def fill(store: Store, clock: Clock) -> None:
    """Retreats with a hundred places each."""
    schedule = Schedule(START, "America/New_York", 600)
    shown = Shown(title="Retreat", kind="retreat", schedule=schedule, ways=(Where.ROOM,), visibility="public")
    rules = Rules(mode=RsvpMode.REQUIRED, capacity=PLACES, waitlist=20_000)
    ids = [f"retreat-{number}" for number in range(EVENTS)]
    parts = [Part(id=id_, centre="house", lineage=id_, public=shown, private=shown) for id_ in ids]
    events = [Event(id=id_, centre="house", rules=rules) for id_ in ids]
    at = instant(clock.now())
    values: list[Part | Event] = [*parts, *events]
    await store.commit(Commit(tuple(records.write(None, each, at=at, actor="bench") for each in values)))


async def main(folder: Path, where: str) -> None:
    """Serves until standard input ends."""
    gc.set_threshold(*GARBAGE)  # as deployed
    clock = SystemClock()
    store: Store = (
        SqliteStore(folder / "rush.db", KINDS, clock)
        if where == "sqlite"
        else MongoStore(where, "openchair_bench_rush", KINDS, clock)
    )
    await store.open()
    await fill(store, clock)
    secrets = Secrets({"1": b"s" * 32}, "1")
    rsvps = Rsvps(Desk(store, clock, Ids(), Pages(b"k" * 32), secrets, alone=where == "sqlite"))
    with (folder / "log").open("w") as text:
        log = make_log(stream=text)
        around = outer(log, Ids(), TokenVerifier(load_or_make_keys(folder / "keys").public, "bench", clock))
        server = GrpcServer(rsvps.services, around, host="127.0.0.1", port=0, clock=clock, log=log)
        echo = grpc.aio.server()
        handler: Any = grpc.unary_unary_rpc_method_handler(_echo)
        echo.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(ECHO, {"Echo": handler}),))
        print(await server.start(), echo.add_insecure_port("127.0.0.1:0"), flush=True)
        await echo.start()
        await asyncio.to_thread(sys.stdin.read)
        await server.stop(0)
        await echo.stop(0)
    await store.close()


async def _echo(request: bytes, _: Any) -> bytes:
    """As many bytes as the first four say."""
    return bytes(int.from_bytes(request[:4], "big"))


if __name__ == "__main__":
    if len(sys.argv) > 3:
        with cProfile.Profile() as profile:
            uvloop.run(main(Path(sys.argv[1]), sys.argv[2]))
        profile.dump_stats(sys.argv[3])
    else:
        uvloop.run(main(Path(sys.argv[1]), sys.argv[2]))
