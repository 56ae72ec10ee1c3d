"""Guest lists with seats, as a service would write them: what the tests of heads and leaves decide about."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from google.protobuf.wrappers_pb2 import StringValue
from openchair.meetings.v1 import centre_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.kit.call import Call, Caller
from services.kit.clock import Ids, SystemClock, VirtualClock
from services.kit.errors import NotFound, Unmet
from services.kit.heads import Heads
from services.kit.leaves import BY_HEAD, Changes, Decision, Facts, Head, Leaf, Shape
from services.kit.store.port import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.kit.store.port import Document, Record, Store

METHOD = "openchair.meetings.v1.MeetingService/CreateCentre"
KINDS = (Kind("list"), Kind("seat", (BY_HEAD, ("guest",))), Kind("note"))
ROOM = 10
Said = centre_pb2.Centre  # what METHOD answers with


@dataclass
class Seats:
    """Who sits on how many seats."""

    sizes: dict[str, int] = field(default_factory=dict)
    taken: int = 0

    def put(self, leaf: Record) -> None:
        size = leaf.state["size"]
        assert isinstance(size, int)
        assert leaf.id not in self.sizes
        self.sizes[leaf.id] = size
        self.taken += size

    def remove(self, leaf: Record) -> None:
        self.taken -= self.sizes.pop(leaf.id)


def bare(state: Document) -> Document:
    """Nobody needs to know who had the seat."""
    return {"centre": state["centre"]}


LISTS = Shape("list", "seat", lambda _: Seats(), Seats.put, Seats.remove, bare=bare)


class Instantly(VirtualClock):
    """A clock on which a sleep takes no time."""

    def __init__(self) -> None:
        super().__init__(datetime(2026, 11, 21, 12, tzinfo=UTC))

    async def sleep(self, seconds: float) -> None:
        del seconds


def heads_on(store: Store, shape: Shape[Any] = LISTS, kept: int = 100_000) -> Heads:
    """As another instance of the service would have them."""
    source = random.Random(7)  # noqa: S311 - the same pauses in every run
    return Heads(store, SystemClock(), Ids(source), [shape], kept=kept)


def take(seat: str, size: int = 1) -> Callable[[Head[Seats], str], Decision[Said]]:
    """Takes a seat, or changes how many there are, if they fit."""

    def decide(head: Head[Seats], _: str) -> Decision[Said]:
        rest = capacity(head) - head.index.taken + head.index.sizes.get(seat, 0)
        if size > rest:
            raise Unmet(f"{rest} left", "FULL")
        leaf = Leaf(
            seat, {"centre": "oak", "guest": seat, "size": size}, {"public": StringValue(value=f"{seat} {size}")}
        )
        return Decision(Said(name=f"{rest - size} left"), Changes(leaves=(leaf,)), "taken")

    return decide


def leave(seat: str) -> Callable[[Head[Seats], str], Decision[Said]]:
    def decide(head: Head[Seats], _: str) -> Decision[Said]:
        if seat not in head.leaves:
            raise NotFound(seat)
        left = capacity(head) - head.index.taken + head.index.sizes[seat]
        return Decision(Said(name=f"{left} left"), Changes(removed=(seat,)), "left")

    return decide


def resize(room: int) -> Callable[[Head[Seats], str], Decision[Said]]:
    def decide(head: Head[Seats], _: str) -> Decision[Said]:
        if room < head.index.taken:
            raise Unmet("too many are coming", "TAKEN")
        facts = Facts({"centre": "oak", "room": room}, {"public": StringValue(value=str(room))})
        return Decision(Said(name=str(room)), Changes(facts), "resized")

    return decide


def capacity(head: Head[Seats]) -> int:
    room = head.record.state.get("room", ROOM) if head.record else ROOM
    assert isinstance(room, int)
    return room


def a_call(request_id: str, title: str = "") -> Call[Any]:
    message = pb.CreateCentreRequest(centre_id="c", centre=centre_pb2.Centre(title=title), request_id=request_id)
    return Call(METHOD, message, Caller("p1"), float("inf"), SystemClock(), request_id)


async def fold(store: Store, id_: str, kind: str = "seat") -> dict[str, int]:
    """Seats of a list by id, from the store alone."""
    found: dict[str, int] = {}
    after = None
    while True:
        page = await store.find(kind, {"head": id_}, limit=500, after=after)
        found |= {leaf.id: int(str(leaf.state["size"])) for leaf in page.records if not leaf.state["removed"]}
        after = page.after
        if after is None:
            return found


async def held(heads: Heads, id_: str) -> dict[str, int]:
    """Seats of a list by id, from the index; it agrees with itself and with the leaves."""

    def read(head: Head[Seats]) -> dict[str, int]:
        sizes = dict(head.index.sizes)
        assert head.index.taken == sum(sizes.values())
        assert sizes == {id_: leaf.state["size"] for id_, leaf in head.leaves.items()}
        return sizes

    return await heads.look("list", id_, read)
