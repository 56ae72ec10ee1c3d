"""What may become of seats, looked at commit by commit in the order of the database, by brute force.

1. No decision has more people going, or offered a place, than there are places, but who were so before.
2. Nobody is served before who came earlier, wants as much and waits; nobody who comes passes who waits.
3. Every change of a seat is its guest's, in the commit that answers it, or what the rules say: given, offered, lapsed,
   released, taken along to the other way.
4. A key holds one seat in a list, with an order that nobody else has.
5. What a guest is answered is what is written.
"""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from openchair.rsvps.v1 import rsvp_service_pb2, seat_pb2

from services.kit.clock import instant
from services.rsvps import records
from services.rsvps.keys import Secrets, read
from services.rsvps.times import shifted, times
from services.rsvps.types import (
    Count,
    End,
    Event,
    GuestList,
    OnMove,
    PartyRule,
    Scope,
    Seat,
    SeatFor,
    State,
    Wait,
    Where,
)
from services.rsvps.wire_seats import STATES
from tests.sim.site import GUEST_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from services.kit.store.port import Answer, Commit, Record
    from tests.sim.history import History, Named

LIVE: Final = frozenset({State.GOING, State.WAITLISTED, State.OFFERED})
SEATED: Final = frozenset({State.GOING, State.OFFERED})
SECRETS: Final = Secrets(dict(GUEST_SECRET), GUEST_SECRET[-1][0])
LEAVES: Final = frozenset({"Cancel", "DeclineOffer", "AcceptOffer", "Reserve"})
"""What may end somebody's place at a date: at another one, too."""


class Did(NamedTuple):
    """One answered command of a guest."""

    method: str
    key: bytes
    reply: seat_pb2.Seat | None


class Held(NamedTuple):
    """A list as it is at one commit: its head, and its seats by id."""

    head: GuestList | None
    seats: dict[str, Seat]

    def live(self) -> list[Seat]:
        """Those that are one, in order."""
        return sorted(filter(self.lives, self.seats.values()), key=lambda each: each.order)

    def lives(self, seat: Seat | None) -> bool:
        """Whether it is one of those."""
        if seat is None or self.head is None or seat.use is not SeatFor.SEAT:
            return False
        return seat.state in LIVE and seat.era == self.head.era

    def taken(self, where: Where) -> int:
        """People who are going or have an offer."""
        return sum(each.party for each in self.live() if each.where is where and each.state in SEATED)


@dataclass
class Trail:
    """What the store of seats holds, as commits have made it. `wrong`: what must never happen and did."""

    history: History
    events: dict[str, Event] = field(default_factory=dict)
    lists: dict[str, Held] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        before = self.history.site.noted

        def noted(node: Named, change: Commit) -> None:
            before(node, change)
            if node.name.startswith("rsvps"):
                self._noted(node, change)

        self.history.site.noted = noted

    def mac(self, list_id: str, key: bytes) -> str:
        """What a key is in a list."""
        return SECRETS.mac("1", "house", list_id, key)

    def macs(self, held: GuestList, key: bytes) -> set[str]:
        """What a key may be in a list: of itself, or of a standing seat's date."""
        event = self.events.get(held.event)
        series = {self.mac(event.series, key)} if event is not None and event.series else set()
        return {self.mac(held.id, key)} | series

    def _noted(self, node: Named, change: Commit) -> None:
        before: dict[str, Held] = {}
        for record in change.records:
            if record.kind == "event":
                self.events[record.id] = records.read(record, Event)
            elif record.kind == "list":
                was = self._touch(record.id, before)
                self.lists[record.id] = was._replace(head=None if record.gone else records.read(record, GuestList))
        for record in change.records:
            if record.kind == "seat":
                self._leaf(record, before)
        for lost in change.forgotten:
            for list_id in [id_ for id_, held in self.lists.items() if lost.id in held.seats]:
                self._touch(list_id, before)
                del self.lists[list_id].seats[lost.id]
        did = [each for answer in change.answers if (each := self._did(answer)) is not None]
        at = instant(self.history.site.clock.now())  # of the process that writes
        for list_id, held in before.items():
            wrong = [*self._judged(held, self.lists[list_id], did, at)]
            wrong += _counted(held, self.lists[list_id], change)
            self.wrong += [f"{at} {node.name}: {each} (did {[one.method for one in did]})" for each in wrong]
        self.wrong += [f"{at} {node.name}: {each}" for one in did for each in self._told(one, before)]

    def _touch(self, list_id: str, before: dict[str, Held]) -> Held:
        if list_id not in before:
            before[list_id] = held = self.lists.get(list_id, Held(None, {}))
            self.lists[list_id] = held._replace(seats=dict(held.seats))
        return self.lists[list_id]

    def _leaf(self, record: Record, before: dict[str, Held]) -> None:
        seats = self._touch(str(record.state["head"]), before).seats
        if record.gone or record.state.get("removed"):
            seats.pop(record.id, None)
        else:
            seats[record.id] = records.read(record, Seat)

    def _did(self, answer: Answer) -> Did | None:
        command = self.history.commands.get(answer.key.request_id)
        if command is None or "guest_key" not in command.fields or command.method == "CheckIn":
            return None
        body = base64.b64decode(answer.reply)
        reserved = command.method == "Reserve"
        reply = rsvp_service_pb2.ReserveResponse.FromString(body).seat if reserved else seat_pb2.Seat.FromString(body)
        return Did(command.method, read(command.fields["guest_key"]), reply)

    # Laws

    def _judged(self, was: Held, now: Held, did: list[Did], at: str) -> Iterator[str]:
        if now.head is None:
            return
        yield from _unique(now)
        if was.head is not None:
            self.happened["counted"] += now.head.ended and not was.head.ended
            self.happened["moved"] += now.head.moves > was.head.moves
            self.happened["released"] += now.head.era > was.head.era
            yield from _carried(was.head, now.head)
        for id_ in sorted({*was.seats} | {*now.seats}):
            a, b = was.seats.get(id_), now.seats.get(id_)
            if a != b:
                mine = {one.method for one in did if self.macs(now.head, one.key) & {x.mac for x in (a, b) if x}}
                yield from self._changed(was, now, a, b, mine, at)
        if now.head.scope is Scope.SISTERS or (now.head.scope is Scope.SERIES) != (
            now.head.rules.scope is Scope.SERIES
        ):
            return
        yield from _oversold(was, now)
        yield from _passed(was, now, did, at, self)

    def _changed(self, was: Held, now: Held, a: Seat | None, b: Seat | None, mine: set[str], at: str) -> Iterator[str]:
        one = b or a
        assert one is not None
        assert now.head is not None
        if one.use is not SeatFor.SEAT or now.head.scope is Scope.SISTERS:
            return
        lived, lives = was.lives(a), now.lives(b)
        said = f"{now.head.date or now.head.scope.value} {one.id[:8]}: {_word(a)} -> {_word(b)}"
        if lived and not lives:
            if not self._may_end(now.head, a, b, mine):
                yield f"{said}: nobody gave it back"
        elif lives and not lived:
            self.happened["date of a standing seat"] += bool(one.standing)
            self.happened["one of several dates"] += bool(one.sisters)
            if "Reserve" not in mine and not self._stands(now.head, b):
                yield f"{said}: nobody asked for it"
        elif lives and lived and a is not None and b is not None:
            self.happened[f"{a.state.value} -> {b.state.value}"] += a.state is not b.state
            yield from (f"{said}: {each}" for each in _moved(now, a, b, mine, at))

    def _may_end(self, head: GuestList, a: Seat | None, b: Seat | None, mine: set[str]) -> bool:
        assert a is not None
        if mine & LEAVES or a.sisters:
            return True
        if b is not None and b.end is End.NOT_CONFIRMED:
            return head.rules.confirm_before_minutes > 0
        return b is None and bool(a.standing) and not self._stands(head, a)

    def _stands(self, head: GuestList, seat: Seat | None) -> bool:
        """Whether it is a date of a standing seat that holds."""
        event = self.events.get(head.event)
        if event is None or not event.series or seat is None or event.series not in self.lists:
            return False
        whole = self.lists[event.series].seats.get(seat.standing)
        return whole is not None and whole.state is State.GOING

    def _told(self, one: Did, before: Mapping[str, Held]) -> Iterator[str]:
        """What a guest is answered is one of the states that their seat was in, before or after the commit."""
        if one.reply is None:
            return
        states = set[seat_pb2.SeatState.ValueType]()
        touched = {id_: (held, self.lists[id_]) for id_, held in before.items()}
        for held in (*self.lists.values(), *(each for pair in touched.values() for each in pair)):
            if held.head is not None:
                macs = self.macs(held.head, one.key)
                mine = (seat for seat in held.seats.values() if seat.mac in macs and seat.use is SeatFor.SEAT)
                states |= {state for seat in mine for state in _states(held.head, seat)}
        if one.method == "Cancel":
            states |= {seat_pb2.SEAT_STATE_UNSPECIFIED, seat_pb2.SEAT_STATE_CANCELLED}  # nothing is left of it
        if one.reply.state not in states:
            yield f"{one.method} was answered {one.reply.state}, the seats of that key are {sorted(states)}"


def _states(head: GuestList, seat: Seat) -> set[seat_pb2.SeatState.ValueType]:
    """As a guest may be told of it: an offer may have lapsed that nobody has taken back yet."""
    return {STATES[in_effect(head, seat, at)] for at in ("", "9999")}


def in_effect(head: GuestList, seat: Seat, at: str) -> State:
    """What a seat is, as the contract has it, said plainly."""
    if seat.state not in LIVE:
        return seat.state
    if head.occasion.off or seat.era != head.era:
        return State.CANCELLED
    lapsed = seat.state is State.OFFERED and seat.offered_until <= at
    return State.WAITLISTED if lapsed else seat.state


def _word(seat: Seat | None) -> str:
    if seat is None:
        return "none"
    return f"{seat.state.value}/{seat.where.value}/{seat.party}/#{seat.order}/{seat.end.value if seat.end else ''}"


def _unique(held: Held) -> Iterator[str]:
    seats = [each for each in held.seats.values() if each.use is SeatFor.SEAT]
    if len({each.mac for each in seats}) < len(seats):
        yield "a key has two seats in one list"
    if len({each.order for each in seats}) < len(seats):
        yield "two seats have one place in the line"


def _counted(was: Held, now: Held, change: Commit) -> Iterator[str]:
    """What is counted of a date is who was going, and who checked in or was counted."""
    counts = [records.read(each, Count) for each in change.records if each.kind == "count"]
    if was.head is None or now.head is None or was.head.ended or not now.head.ended or len(counts) != 1:
        return
    (count,) = counts
    if not count.held or now.head.rules.scope is Scope.SERIES:
        return
    marks = sum(each.party for each in was.seats.values() if each.use is SeatFor.PRESENT and each.where is Where.ROOM)
    heads = marks if was.head.head_room is None else was.head.head_room
    going = sum(each.party for each in was.live() if each.state is State.GOING)
    if (count.expected, count.attended_room) != (going, heads):
        yield f"{count.expected} expected and {count.attended_room} there; {going} were going, {heads} came"


def may_fit(head: GuestList, seat: Seat) -> bool:
    """Whether there are so many places in all: who is more by now holds up nobody."""
    most = head.rules.capacity if seat.where is Where.ROOM else head.rules.online_capacity
    return not most or seat.party <= most


def _carried(was: GuestList, now: GuestList) -> Iterator[str]:
    """A date at another time says so, and releases its seats where people were told so; nothing else does."""
    moved = not now.occasion.off and bool(was.occasion.start) and was.occasion.start != now.occasion.start
    if now.scope is Scope.DATE and (now.moves - was.moves, now.era - was.era) != (
        int(moved),
        int(moved and was.rules.on_move is OnMove.RELEASE),
    ):
        times_ = f"from {was.occasion} to {now.occasion}, moves {was.moves} {now.moves}"
        yield f"{now.date}: {times_}, era {was.era} {now.era}, {was.rules.on_move.value}"


def _oversold(was: Held, now: Held) -> Iterator[str]:
    assert now.head is not None
    rules = now.head.rules
    for where, most in ((Where.ROOM, rules.capacity), (Where.ONLINE, rules.online_capacity)):
        taken = now.taken(where)
        before = was.taken(where) if was.head is not None and was.head.era == now.head.era else 0
        if most and taken > max(most, before):
            yield f"{now.head.date}: {taken} people for {most} places, and before {before} ({where.value})"


def _moved(now: Held, a: Seat, b: Seat, mine: set[str], at: str) -> Iterator[str]:
    """One that was and is."""
    assert now.head is not None
    turned = a.where is not b.where and now.head.occasion.ways == (b.where,)
    if (a.where is not b.where and not turned) or a.party != b.party:
        if not mine & {"Change", "Reserve"}:
            yield "nobody asked for another one"
        return
    if mine or turned:
        return
    yield from _stepped(now.head, a, b, at)
    if a.order != b.order:
        yield "its place in the line is another one"


def _stepped(head: GuestList, a: Seat, b: Seat, at: str) -> Iterator[str]:
    """What time and free places made of one, and nobody who asked."""
    steps = (a.state, b.state)
    if steps == (State.WAITLISTED, State.GOING) and b.wait is not Wait.GIVE:
        yield "it was given to who wants to be asked"
    elif steps == (State.OFFERED, State.WAITLISTED):
        if a.offered_until > at and not head.occasion.off:
            yield f"an offer until {a.offered_until} was taken back"
    elif b.state is State.OFFERED and b.offered_until != a.offered_until:
        last = min(shifted(at, head.rules.claim_minutes), times(head).cut_off)
        if b.offered_until > last:
            yield f"it is offered until {b.offered_until}, and the rules say {last}"
    elif steps == (State.OFFERED, State.GOING) and not a.sisters and b.wait is not Wait.GIVE:
        yield "nobody took what was offered"
    elif a.state is State.GOING and b.state is not State.GOING:
        yield "a seat was taken away"


def _passed(was: Held, now: Held, did: list[Did], at: str, trail: Trail) -> Iterator[str]:
    """Who is served now while somebody waits who was before them, wants no more and has let nothing lapse."""
    assert now.head is not None
    if was.head is None or was.head.era != now.head.era or at >= times(now.head).cut_off or now.head.passed:
        return
    macs = {mac for one in did for mac in trail.macs(now.head, one.key)}
    waited = {id_: each for id_, each in was.seats.items() if was.lives(each) and each.state is State.WAITLISTED}
    waits = [
        each
        for id_, each in now.seats.items()
        if id_ in waited
        and each == waited[id_]
        and each.mac not in macs
        and each.lapses == 0
        and may_fit(now.head, each)
    ]
    strict = now.head.rules.party_rule is PartyRule.IN_ORDER
    for seat in now.live():
        before = was.seats.get(seat.id)
        served = before is None or not was.lives(before) or before.state is State.WAITLISTED
        if seat.state in SEATED and served and seat.lapses == 0:
            yield from _before(waits, seat, strict=strict)


def _before(waits: Iterable[Seat], seat: Seat, *, strict: bool) -> Iterator[str]:
    for each in waits:
        fits = strict or each.party <= seat.party
        if each.where is seat.where and each.order < seat.order and fits:
            yield f"#{seat.order} ({seat.party}) was served before #{each.order} ({each.party})"
