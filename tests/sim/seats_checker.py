"""What must be true of seats after any run, once it is healed and quiet, and some days later.

1. Each list says of its date what the meetings' service says: when it is, whether it takes place, in which ways; its
   rules are those that were acknowledged last. So nobody is sent to a date that is not there.
2. What is free is with who waits for it; who has a standing seat is in the list of every date ahead that has one.
3. Every instance, one that knows nothing but the store too, tells each guest what is written, and nobody else more.
4. Days later each date is counted once, as held or not.

What became of seats on the way is judged by `seats_trail`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from openchair.meetings.v1 import meeting_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub
from openchair.rsvps.v1 import rsvp_service_pb2 as seats_pb
from openchair.rsvps.v1 import seat_pb2
from openchair.rsvps.v1.rsvp_service_pb2_grpc import RsvpServiceStub

from services.kit.auth import audience_of, make_token
from services.kit.channel import LocalChannel
from services.kit.client import RpcError, explain
from services.kit.clock import instant
from services.recurrence.wire import key_text
from services.rsvps import following
from services.rsvps.line import LAPSES
from services.rsvps.times import times
from services.rsvps.types import PartyRule, RsvpMode, Scope, SeatFor, State, Where
from services.rsvps.wire_seats import STATES
from tests.sim.checker import stored
from tests.sim.loop import LoopClock
from tests.sim.seat_guests import CENTRE, GUESTS, key_of
from tests.sim.seats_trail import Held, Trail, in_effect, may_fit
from tests.sim.site import KEY, SITE, START

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openchair.meetings.v1.occurrence_pb2 import Occurrence

    from services.rsvps.types import Event, GuestList, Seat
    from tests.sim.seat_keepers import Keepers
    from tests.sim.site import Node, Site

AHEAD: Final = timedelta(days=60)
SOON: Final = timedelta(minutes=2)
"""So near to an instant what a list says of itself may just be about to change."""
WAYS: Final = {
    meeting_pb2.MODE_IN_PERSON: {Where.ROOM},
    meeting_pb2.MODE_ONLINE: {Where.ONLINE},
    meeting_pb2.MODE_HYBRID: {Where.ROOM, Where.ONLINE},
}
LATER: Final = timedelta(days=6)
"""So much later everything near is counted."""


@dataclass
class Truth:
    """Dates as the meetings' service tells them, by identity ("<lineage>/<date>")."""

    dates: dict[str, Occurrence]
    now: datetime

    def of(self, event: Event, key: Any) -> Occurrence | None:
        """What a date is; None: it is none."""
        return self.dates.get(f"{event.id}/{key_text(key)}")


async def truth(site: Site) -> Truth:
    """All dates that are near, called off or not."""
    now = site.clock.now()
    stub = MeetingServiceStub(cast("Any", LocalChannel(site)))
    request = pb.ListOccurrencesRequest(parent=CENTRE, show_cancelled=True, page_size=1000)
    request.start_time.FromDatetime(now - timedelta(days=3))
    request.end_time.FromDatetime(now + AHEAD)
    found: dict[str, Occurrence] = {}
    while True:
        page = await stub.ListOccurrences(request)
        found.update({each.identity: each for each in page.occurrences})
        request.page_token = page.next_page_token
        if not request.page_token:
            return Truth(found, now)


async def wrong(site: Site, keepers: Keepers, trail: Trail) -> list[str]:
    """Everything that is."""
    known = await truth(site)
    found = [
        *trail.wrong,
        *await _as_written(site, trail),
        *_followed(trail, known),
        *_ruled(keepers, trail),
        *_tied(trail),
    ]
    for held in trail.lists.values():
        if held.head is not None and held.head.scope is Scope.DATE:
            found += [f"{held.head.date}: {each}" for each in (*_free(held, known.now), *_worded(held, known.now))]
            found += [f"{held.head.date}: {each}" for each in _standing(trail, held, known)]
    for node in site.of("rsvps"):
        found += [f"{node.name}: {each}" for each in await _told(node, trail, known)]
    return found


async def _as_written(site: Site, trail: Trail) -> list[str]:
    """The store holds what its commits wrote."""
    there: defaultdict[str, set[str]] = defaultdict(set)
    for record in await stored(site, "rsvps"):
        if record.kind == "seat" and not record.gone and not record.state.get("removed"):
            there[str(record.state["head"])].add(record.id)
    written = {id_: {*held.seats} for id_, held in trail.lists.items() if held.seats}
    lists = sorted({*written} | {*there})
    return [f"list {id_} holds other seats than were written" for id_ in lists if written.get(id_) != there.get(id_)]


# Dates and rules


def _followed(trail: Trail, known: Truth) -> Iterator[str]:
    for event in trail.events.values():
        for dated in event.lists:
            held = trail.lists[dated.list].head if dated.list else None
            if held is None or (not held.occasion.off and held.occasion.end <= instant(known.now + SOON)):
                continue
            said = f"the list of {key_text(dated.key)} of {event.id[:8]}"
            if held.key != dated.key:
                yield f"{said} believes that it is of {held.key}"
            if held.rules != following.rules_for(event, dated.key):
                yield f"{said} has other rules than its event"
            yield from (f"{said} {each}" for each in _is(held, known.of(event, dated.key)))


def _is(held: GuestList, date: Occurrence | None) -> Iterator[str]:
    """What it says otherwise than is true."""
    off = date is None or date.state == 2
    if held.occasion.off != off:
        yield f"says that it is {'off' if held.occasion.off else 'on'}, which it is not"
    elif date is not None and not off:
        start, end = (instant(each.ToDatetime(UTC)) for each in (date.start_time, date.end_time))
        if (held.occasion.start, held.occasion.end) != (start, end):
            yield f"says {held.occasion.start} to {held.occasion.end}; it is {start} to {end}"
        if {*held.occasion.ways} != WAYS[date.mode]:
            yield f"says {held.occasion.ways}; it is held {meeting_pb2.Mode.Name(date.mode)}"


def _ruled(keepers: Keepers, trail: Trail) -> Iterator[str]:
    """What was acknowledged last holds."""
    for name, told in keepers.told.items():
        event = trail.events[name.rpartition("/")[2]]
        rules = event.rules
        found = (rules.capacity, rules.online_capacity, rules.waitlist, rules.cut_off_minutes, rules.standing_seats)
        said = (told.capacity, told.online_capacity, told.waitlist, told.cut_off_minutes, told.standing_seats)
        if found != said:
            yield f"{name} has the rules {found}; {said} were acknowledged"


# Who has what


def _free(held: Held, now: datetime) -> Iterator[str]:
    """What is free although somebody waits who could have it."""
    head = held.head
    assert head is not None
    if head.occasion.off or head.rules.mode is RsvpMode.OFF or head.rules.scope is Scope.SERIES or head.passed:
        return
    if instant(now + SOON) >= times(head).cut_off:
        return
    for where, most in ((Where.ROOM, head.rules.capacity), (Where.ONLINE, head.rules.online_capacity)):
        if where not in head.occasion.ways:
            continue
        waits = [s for s in held.live() if s.where is where and s.state is State.WAITLISTED and s.lapses < LAPSES]
        waits = [each for each in waits if may_fit(head, each)]
        free = most - held.taken(where) if most else sum(each.party for each in waits)
        if head.rules.party_rule is PartyRule.IN_ORDER:
            waits = waits[:1]
        yield from (f"{free} are free, and #{each.order} ({each.party}) waits" for each in waits if each.party <= free)


def _worded(held: Held, now: datetime) -> Iterator[str]:
    """A list that says there is a place where there is none, or the other way round."""
    head = held.head
    assert head is not None
    if head.rules.mode is RsvpMode.OFF or head.rules.scope is Scope.SERIES or head.occasion.end <= instant(now + SOON):
        return
    closed = head.occasion.off or head.closed or times(head).closes <= instant(now - SOON)
    for where in head.occasion.ways:
        most = head.rules.capacity if where is Where.ROOM else head.rules.online_capacity
        waits = any(each.where is where and each.state is State.WAITLISTED for each in held.live())
        free = not most or held.taken(where) < most
        word = head.words.get(where.value)
        if (closed and word != "full") or (word == "open" and not free):
            yield f"it says {word!r} ({where.value}), and there is no place"
        if times(head).closes > instant(now + SOON) and not closed and free and not waits and word != "open":
            yield f"it says {word!r} ({where.value}), and there is a place"


def _standing(trail: Trail, held: Held, known: Truth) -> Iterator[str]:
    """Who has a standing seat is in it, if it takes place and is ahead."""
    head = held.head
    assert head is not None
    event = trail.events.get(head.event)
    if event is None or event.series not in trail.lists or event.rules.scope is Scope.SERIES:
        return
    if head.occasion.off or head.rules.mode is RsvpMode.OFF or head.closed:
        return
    if times(head).closes <= instant(known.now + SOON) or head.id not in {each.list for each in event.lists}:
        return
    whole = trail.lists[event.series].seats.values()
    wanted = {each.id for each in whole if each.state is State.GOING and each.use is SeatFor.SEAT}
    there = {each.standing for each in held.seats.values() if each.standing}
    if wanted != there:
        yield f"{len(wanted - there)} standing seats are not in it, {len(there - wanted)} that ended are"


def _tied(trail: Trail) -> Iterator[str]:
    """Places in several lines that belong together, of which some are missing."""
    wanted, there = set[tuple[str, str, str]](), set[tuple[str, str, str]]()
    for id_, held in trail.lists.items():
        for seat in held.seats.values():
            wanted |= {(id_, other, mac) for other, mac in seat.wanted.items()}
            there |= {(seat.sisters, id_, seat.mac)} if seat.sisters else set()
    yield from (f"somebody waits in list {other}, and has no place there" for _, other, _ in wanted - there)
    yield from (f"a place in list {other} belongs to nobody" for _, other, _ in there - wanted)


async def _told(node: Node, trail: Trail, known: Truth) -> list[str]:
    """What an instance tells each guest of each date that has a list."""
    assert node.server is not None
    stub, found = RsvpServiceStub(cast("Any", LocalChannel(node.server))), []
    for event in trail.events.values():
        for dated in event.lists:
            date = known.of(event, dated.key)
            held = trail.lists.get(dated.list, Held(None, {}))
            if held.head is None or date is None:
                continue
            for who in range(GUESTS):
                seat, mine = await _mine(stub, date.name, who), _seat(trail, held, who)
                wrong_ = _differs(seat, held.head, mine, known.now)
                found += [f"guest {who} at {date.name[-17:]}: {each}" for each in wrong_]
    return found


async def _mine(stub: Any, name: str, who: int) -> seat_pb2.Seat | None:
    try:
        found: seat_pb2.Seat = await stub.GetMine(seats_pb.GetMineRequest(name=name, guest_key=key_of(who)))
    except RpcError as error:
        if explain(error).code != "NOT_FOUND":
            raise
        return None
    return found


def _seat(trail: Trail, held: Held, who: int) -> Seat | None:
    head = held.head
    assert head is not None
    macs = trail.macs(head, who.to_bytes(16, "big"))
    mine = (each for each in held.seats.values() if each.mac in macs and each.use is SeatFor.SEAT)
    return min(mine, key=lambda each: bool(each.standing), default=None)


def _differs(told: seat_pb2.Seat | None, head: GuestList, seat: Seat | None, now: datetime) -> Iterator[str]:
    if told is None:
        yield "there is no such date"
        return
    if seat is None:
        if told.state:
            yield f"is told {told.state}, and has nothing"
        return
    states = {STATES[in_effect(head, seat, instant(at))] for at in (now - SOON, now + SOON)}
    if told.state not in states:
        yield f"is told {seat_pb2.SeatState.Name(told.state)}, which is {seat.state.value} ({head.occasion})"
    if instant(told.start_time.ToDatetime(UTC)) != head.occasion.start:
        yield f"is told another time than {head.occasion.start}"


# Days later


async def counted(site: Site, trail: Trail, before: Truth) -> list[str]:
    """Each date that is over by then is counted once; every instance says so."""
    found: Counter[str] = Counter()
    held: dict[str, bool] = {}
    for record in await stored(site, "rsvps"):
        if record.kind == "count" and not record.gone:
            identity = f"{record.state['event']}/{record.id.removeprefix(str(record.state['event']) + '-')}"
            found[identity] += 1
            held[identity] = bool(record.state["held"])
    soon, late = before.now + SOON, before.now + LATER - timedelta(days=5, hours=2)
    over = {i: d for i, d in before.dates.items() if d.end_time.ToDatetime(UTC) < late}
    ends = {  # a list keeps the time that people know of for as long as its date is off
        f"{event.id}/{key_text(each.key)}": head.occasion.end
        for event in trail.events.values()
        for each in event.lists
        if each.list and (head := trail.lists[each.list].head) is not None
    }
    wrong_ = [f"{identity} is counted {many} times" for identity, many in found.items() if many > 1]
    for identity, date in over.items():
        known = identity.partition("/")[0] in trail.events and ends.get(identity, "") < instant(late)
        if known and date.end_time.ToDatetime(UTC) > soon - timedelta(hours=1):
            if not found[identity]:
                wrong_.append(f"{identity} ({'list' if identity in ends else 'no list'}) is not counted")
            elif held[identity] != (date.state != 2):
                wrong_.append(f"{identity} is counted as {'held' if held[identity] else 'not held'}")
    totals = {await _advertised(site, node, before.now + LATER) for node in site.of("rsvps")}
    if totals != {sum(found.values())}:
        wrong_.append(f"instances count {totals} dates, there are {sum(found.values())}")
    return wrong_


async def _advertised(site: Site, node: Node, now: datetime) -> int:
    late = LoopClock(site.loop, START + LATER - timedelta(minutes=30))
    token = make_token(
        KEY, "p1", {"*": ["operator"]}, audience=audience_of(SITE), lifetime=timedelta(hours=1), clock=late
    )
    assert node.server is not None
    stub: Any = RsvpServiceStub(cast("Any", LocalChannel(node.server, token)))
    first, last = now - timedelta(days=30), now + timedelta(days=30)
    asked = seats_pb.GetStatisticsRequest(parent=CENTRE, first_date=str(first.date()), last_date=str(last.date()))
    reply = await stub.GetStatistics(asked)
    return sum(int(row.advertised.value) for row in reply.rows)
