"""A file in which an older version booked rooms is opened: what it holds is found by what is asked now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from services.kit.clock import VirtualClock
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Commit, Kind, Record
from services.kit.store.sqlite import SqliteStore
from services.meetings.records import KINDS
from tests.service.bookings_house import ANA, MAY, at, book, room
from tests.service.meetings_house import START, House

if TYPE_CHECKING:
    from pathlib import Path

NEW = {"booking": "overrules", "past": "organiser"}
"""What version 2 of each kind has besides."""


def _older(kind: Kind) -> Kind:
    """The kind as version 1 was."""
    indexes = tuple(index for index in kind.indexes if NEW[kind.name] not in index)
    return Kind(kind.name, indexes=(*indexes, ("centre",)))


async def _written() -> list[Record]:
    """Two bookings, of which one overrules the other, and a piece of history, as version 1 wrote them."""
    clock = VirtualClock(START)
    house = House(MemoryStore(KINDS, clock), clock)
    await house.meetings.load()
    await house.centre()
    name = await room(house)
    for day in ("2026-11-23", "2026-11-30"):
        await book(house, ANA, name, at(f"{day}T19:00"))
    how = {"on_clash": "CLASH_POLICY_OVERRULE", "overrule_reason": "The pipes"}
    await book(house, MAY, name, at("2026-11-30T19:00"), **how)
    clock.jump(datetime(2026, 11, 26, 12, tzinfo=UTC))
    await house.sweep()
    found = [each for kind in NEW for each in (await house.store.find(kind, {}, limit=10)).records]
    return [
        msgspec.structs.replace(
            each, revision=1, state={field: said for field, said in each.state.items() if field != NEW[each.kind]}
        )
        for each in found
    ]


async def test_bookings_and_history_of_an_older_version_are_found_by_what_is_asked_now(tmp_path: Path) -> None:
    kinds = tuple(kind for kind in KINDS if kind.name in NEW)
    older = SqliteStore(tmp_path / "store.db", tuple(_older(kind) for kind in kinds), VirtualClock(START))
    await older.open()
    written = await _written()
    assert [each.kind for each in written] == ["booking", "booking", "past"]
    await older.commit(Commit(tuple(written), (), ()))
    await older.close()
    store = SqliteStore(tmp_path / "store.db", kinds, VirtualClock(START))
    await store.open()
    for overrules in (False, True):
        where = {"centre": "house", "overrules": overrules, "removed": False}
        (found,) = (await store.find("booking", where)).records
        assert bool(found.state["overruled"]) is overrules
    (past,) = (await store.find("past", {"centre": "house", "organiser": "ana"})).records
    assert past.state["organiser"] == "ana"
    await store.close()
