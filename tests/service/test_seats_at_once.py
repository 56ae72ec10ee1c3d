"""Guests, staff and what is heard of a meeting, all in the same moment: nobody loses a seat that they were told of."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from openchair.rsvps.v1 import rsvp_service_pb2, seat_pb2

from services.kit.call import NOBODY, Call
from services.kit.clock import Ids, instant
from services.kit.errors import Invalid, NotFound
from services.kit.record import transact
from services.kit.store.memory import Disk, MemoryStore
from services.kit.store.port import Answer
from services.rsvps import records
from services.rsvps.reacting import kept
from services.rsvps.records import KINDS
from services.rsvps.types import Differing, OnMove, Part
from tests.contract.heads_examples import Instantly
from tests.service.rsvps_house import CENTRE, DATE, MEETING, House, key_of, shown, weekly

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.kit.clock import VirtualClock
    from services.kit.store.port import Record

GOING = seat_pb2.SEAT_STATE_GOING
SEVEN = datetime(2026, 11, 25, 1, tzinfo=UTC)
EIGHT = datetime(2026, 11, 25, 2, tzinfo=UTC)
"""When the date is, and when it is after it was moved."""


class Store(MemoryStore):
    """A store that has something happen once, after one of its records was read."""

    def __init__(self, clock: VirtualClock, disk: Disk) -> None:
        super().__init__(KINDS, clock, disk)
        self.after: dict[str, Callable[[], Awaitable[None]]] = {}
        """By kind of record."""

    async def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - as in the port
        found = await super().get(kind, id)
        if happens := self.after.pop(kind, None):
            await happens()
        return found


@pytest.fixture
async def houses() -> tuple[House, House]:
    """Two instances of the service on one store."""
    clock, disk = Instantly(), Disk()
    found = [House(Store(clock, disk), clock, alone=False) for _ in range(2)]
    for number, house in enumerate(found):
        house.desk.ids = house.ids = Ids(random.Random(number))  # noqa: S311 - seeded, and not the other's
        await house.store.open()
    await found[0].part()
    await found[0].rules(on_move=OnMove.RELEASE)
    await found[0].sweep()
    return found[0], found[1]


async def hear(house: House, **fields: Any) -> None:
    """What is heard of the meeting: it and its series change in one commit."""

    async def attempt() -> tuple[Any, None]:
        record = await house.store.get("part", MEETING)
        assert record is not None
        before, seen = records.read(record, Part), shown(**fields)
        order = (0, before.public_order[1] + 1)
        part = msgspec.structs.replace(before, public=seen, private=seen, public_order=order, private_order=order)
        return await kept(house.store, record, before, part, instant(house.clock.now())), None

    await transact(house.store, house.clock, house.ids, attempt)


def a_call(name: str) -> Call[Any]:
    """A call about a date."""
    message = rsvp_service_pb2.ReserveRequest(name=name)
    return Call("Reserve", message, NOBODY, float("inf"), Instantly())


async def moved(house: House) -> None:
    """It is an hour later from now on."""
    await hear(house, schedule=weekly(datetime(2026, 11, 24, 20)))  # noqa: DTZ001 - local


@pytest.mark.parametrize("which", ["part", "event"])
async def test_who_makes_a_list_while_its_date_moves_keeps_a_seat_at_the_new_time(
    houses: tuple[House, House], which: str
) -> None:
    house, other = houses
    assert isinstance(house.store, Store)
    house.store.after[which] = lambda: moved(other)
    seat = await house.reserve(1)
    assert seat.start_time.ToDatetime(UTC) == EIGHT
    await house.sweep()
    assert (await other.mine(1)).state == GOING, "it was never moved since the seat was kept"


async def test_who_comes_while_the_date_moves_is_not_released_by_who_came_a_moment_before(
    houses: tuple[House, House],
) -> None:
    house, other = houses
    await house.reserve(1)
    name, call = DATE, a_call(DATE)
    slow = await house.desk.occurrence(name, call)
    assert isinstance(house.store, Store)
    house.store.after["event"] = lambda: moved(other)
    fast = await house.reserve(2)
    assert (fast.state, fast.start_time.ToDatetime(UTC)) == (GOING, EIGHT)
    await house.desk.on_list(slow, lambda sheet, _: sheet.list)
    await house.sweep()
    assert (await other.mine(2)).state == GOING
    ((_, held),) = await house.lists()
    assert held.moves == 1, "it was moved once"


async def test_a_date_of_a_series_with_standing_seats_is_what_it_is_when_it_is_decided_about(
    houses: tuple[House, House],
) -> None:
    house, other = houses
    await house.rules(on_move=OnMove.RELEASE, standing_seats=True)
    await house.reserve(1, f"{CENTRE}/meetings/{MEETING}")
    slow = await house.desk.occurrence(DATE, a_call(DATE))
    await house.reserve(2, f"{CENTRE}/meetings/{MEETING}")
    await moved(other)
    await other.reserve(3)
    await house.desk.on_list(slow, lambda sheet, _: sheet.list)
    await house.sweep()
    assert (await other.mine(3)).state == GOING


@pytest.mark.parametrize("name", [DATE, f"{CENTRE}/meetings/{MEETING}"])
async def test_what_was_given_back_before_there_was_anything_is_not_given_back_by_a_double(
    houses: tuple[House, House], name: str
) -> None:
    house, other = houses
    await house.rules(standing_seats=True)
    request = {"name": name, "guest_key": key_of(1), "request_id": "once-and-for-all"}
    nothing = await house.call("Cancel", **request)
    await house.reserve(1, name)
    assert await other.call("Cancel", **request) == nothing
    kept = [entry async for entry in house.store.dump() if isinstance(entry, Answer)]
    assert [each.expires_at for each in kept] == ["2026-11-24T00:00:00.000Z"], "no time is finer than a day"
    assert (await house.mine(1, name)).state == GOING
    with pytest.raises(Invalid) as refused:
        await other.call("Cancel", **{**request, "guest_key": key_of(2)})
    assert refused.value.reason == "REQUEST_ID_REUSED"


async def test_what_is_given_back_while_the_date_is_off_does_not_come_back_with_it(houses: tuple[House, House]) -> None:
    house, other = houses
    await house.reserve(1)
    await hear(other, changes=(Differing(date=date(2026, 11, 24), ordinal=0, cancelled=True),))
    given = await house.call("Cancel", name=DATE, guest_key=key_of(1))
    assert (given.state, given.end) == (seat_pb2.SEAT_STATE_CANCELLED, seat_pb2.SEAT_END_OWN)
    await hear(other)
    assert (await house.mine(1)).end == seat_pb2.SEAT_END_OWN


@pytest.mark.parametrize("date_name", [DATE, f"{CENTRE}/meetings/{MEETING}/occurrences/20270105"])
async def test_who_keeps_a_date_and_all_dates_at_once_has_one_seat_there(
    houses: tuple[House, House], date_name: str
) -> None:
    house, other = houses
    await house.rules(standing_seats=True)
    assert isinstance(house.store, Store)

    async def standing() -> None:
        await other.reserve(1, f"{CENTRE}/meetings/{MEETING}")

    house.store.after["event"] = standing
    seat = await house.reserve(1, date_name)
    assert (seat.state, seat.standing) == (GOING, True)
    for _, value in await house.lists():
        assert len(await house.seats(value.id)) == 1


async def test_a_date_that_is_none_any_more_by_the_time_it_is_decided_about_is_not_found(
    houses: tuple[House, House],
) -> None:
    house, other = houses
    await house.rules(standing_seats=True)
    await house.reserve(1, f"{CENTRE}/meetings/{MEETING}")
    name = f"{CENTRE}/meetings/{MEETING}/occurrences/20270105"
    slow = await house.desk.occurrence(name, a_call(name))
    await hear(other, schedule=weekly(datetime(2026, 11, 26, 19)))  # noqa: DTZ001 - local
    with pytest.raises(NotFound):
        await house.desk.on_list(slow, lambda sheet, _: sheet.list)
    assert len(await house.lists()) == 3, "two dates and the series"
