"""`openchair book ROOM`: what it would take is shown first; where something is in the way, what would work instead."""

from __future__ import annotations

import secrets
import sys
from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple

from openchair.meetings.v1 import booking_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli import book_clashes, book_dates, book_told, book_when, if_taken
from services.cli.asking import NOTHING, give, go_ahead, say
from services.cli.called import id_of
from services.cli.clashes import attached
from services.cli.dates import rhythm
from services.cli.house import open_house
from services.cli.server import PATIENCE
from services.cli.shell import USAGE, Failure
from services.cli.when import full, span
from services.kit.client import RpcError, explain
from services.recurrence.schedule import dates as keys_of
from services.recurrence.schedule import occurrence
from services.recurrence.wire import from_schedule, parse_date
from services.recurrence.zones import to_local

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from openchair.meetings.v1 import place_pb2

    from services.cli.house import House
    from services.cli.server import Site
    from services.recurrence.types import Schedule


class Plan(NamedTuple):
    """What is to be booked, all for the same time, and what is to be done about dates that are taken."""

    rooms: Sequence[place_pb2.Room]
    schedule: Schedule
    policy: booking_pb2.ClashPolicy.ValueType

    @property
    def names(self) -> list[str]:
        """The rooms' names."""
        return [each.name for each in self.rooms]


async def create(site: Site, asked: argparse.Namespace) -> None:
    """A booking of one room, or of several at once."""
    house = await open_house(site, asked.centre)
    plan = _plan(asked, house)
    while True:
        found = await _check(site, house, asked, plan)
        _tell(asked, house, plan, found)
        if not found.free and plan.policy == if_taken.REFUSE:
            plan = _instead(asked, house, plan, found)
            continue
        if not go_ahead(asked):
            give(asked, {"done": False, "check": book_clashes.plain(found)})
            return
        made = await _book(site, house, asked, plan, seen=found)
        if made is not None:
            give(asked, {"done": True, "bookings": [book_told.plain(each) for each in made]})
            return


def _plan(asked: argparse.Namespace, house: House) -> Plan:
    """Raises Failure."""
    rooms = list({each.name: each for each in map(house.room, asked.rooms)}.values())
    policy = if_taken.policy(asked)
    if asked.hold and (len(rooms) > 1 or policy != if_taken.REFUSE):
        raise Failure("--hold: it is one room that is held, and only where nothing is in the way", USAGE)
    return Plan(rooms, book_when.wanted(asked, house, zone_of(rooms[0], house)), policy)


def zone_of(room: place_pb2.Room, house: House) -> str:
    """The zone in which times of a room are meant."""
    return room.time_zone or house.centre.time_zone


def _booking(asked: argparse.Namespace, plan: Plan) -> booking_pb2.Booking:
    return booking_pb2.Booking(
        schedule=from_schedule(plan.schedule),
        title=asked.title or "",
        attendees=asked.people or 0,
        notes=asked.notes or "",
    )


async def _check(site: Site, house: House, asked: argparse.Namespace, plan: Plan) -> pb.CheckBookingResponse:
    request = pb.CheckBookingRequest(parent=house.centre.name, rooms=plan.names, booking=_booking(asked, plan))
    return await site.rooms.CheckBooking(request, timeout=PATIENCE)


def _tell(asked: argparse.Namespace, house: House, plan: Plan, found: pb.CheckBookingResponse) -> None:
    """What it would take, and what is in the way."""
    say(asked, f"{' and '.join(each.title for each in plan.rooms)}, {rhythm(plan.schedule)}")
    for line in (*_dates(plan.schedule), *_buffers(plan.rooms), *crowded(plan.rooms, asked.people or 0)):
        say(asked, f"  {line}")
    if plan.schedule.rule and found.until:
        say(asked, f"  Looked at: {found.dates} dates, up to {full(parse_date('until', found.until))}.")
    if found.needs_approval:
        say(asked, "  Somebody has to approve it: `openchair book list --waiting` shows whether it is.")
    if found.free:
        say(asked, "  Nothing is in the way.")
        return
    say(asked, "It cannot be had like this:")
    say(asked, "\n".join(f"  {line}" for line in book_clashes.in_the_way(found, house, plan.schedule.zone)))
    if plan.policy in if_taken.MEANS:
        say(asked, if_taken.MEANS[plan.policy] + asked.reason)


def _dates(schedule: Schedule) -> list[str]:
    """The first dates of a series."""
    if schedule.rule is None and not schedule.extra:
        return []
    found = []
    for key in keys_of(schedule, schedule.start.date()):
        each = occurrence(schedule, key)
        found.append(span(each.local, to_local(each.end, schedule.zone)))
        if len(found) == book_told.NEXT:
            break
    return found


def _buffers(rooms: Sequence[place_pb2.Room]) -> list[str]:
    """The minutes that would be kept free around it."""
    before, after = (max(getattr(each, path) for each in rooms) for path in ("before_minutes", "after_minutes"))
    kept = book_told.buffers(before, after)
    return [f"Kept free around it: {kept}."] if kept else []


def crowded(rooms: Sequence[place_pb2.Room], people: int) -> list[str]:
    """That more are expected than there are chairs, where both are stated. It is no reason to refuse."""
    chairs = sum(each.capacity for each in rooms)
    if not all(each.capacity for each in rooms) or people <= chairs:
        return []
    return [f"More people than chairs: {people} are expected, and there are {chairs} chairs."]


def _instead(asked: argparse.Namespace, house: House, plan: Plan, found: pb.CheckBookingResponse) -> Plan:
    """The plan with what was chosen of what would work. Raises Failure where nothing is."""
    offers = list(found.alternatives)
    if offers:
        say(asked, "What would work:")
        say(asked, "\n".join(book_clashes.instead(found, house, plan.schedule, plan.names)))
    if offers and _can_ask(asked):
        chosen = _chosen(len(offers))
        if chosen is not None:
            say(asked)
            return _with(house, plan, offers[chosen], frozenset(each.room for each in found.clashes))
    else:
        give(asked, {"done": False, "check": book_clashes.plain(found)})
    raise Failure(f"{NOTHING} {_advice(found)}")


def _can_ask(asked: argparse.Namespace) -> bool:
    return not (asked.yes or asked.dry_run or sys.stdin is None or not sys.stdin.isatty())


def _chosen(count: int) -> int | None:
    """The index of the one that is wanted; None: none of them."""
    print(f"Which instead? [1-{count}, nothing: none] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip()
    return int(answer) - 1 if answer.isdecimal() and 1 <= int(answer) <= count else None


def _with(house: House, plan: Plan, offer: booking_pb2.Alternative, taken: frozenset[str]) -> Plan:
    """Another time is one for all rooms; another room takes the place of what is `taken` (names)."""
    policy = if_taken.SKIP if book_clashes.in_part(offer) else plan.policy
    rooms = list(plan.rooms)
    if not offer.start and not book_clashes.in_part(offer):
        rooms = [each for each in rooms if each.name not in taken]
        rooms += [each for each in house.rooms if each.name == offer.room]
    return Plan(rooms, book_clashes.at(plan.schedule, offer.start), policy)


def _advice(found: pb.CheckBookingResponse) -> str:
    """What can be said instead. A rule of the room is for every date: there is no skipping it."""
    ruled = any(each.kind == booking_pb2.CLASH_KIND_RULE for each in found.clashes)
    part = ", or --if-taken skip for the dates that are free" if found.dates > 1 and not ruled else ""
    return f"Say another time or room{part}; `openchair find room` shows what is free"


async def _book(
    site: Site, house: House, asked: argparse.Namespace, plan: Plan, *, seen: pb.CheckBookingResponse
) -> Sequence[booking_pb2.Booking] | None:
    """What was made; None: somebody was faster, and it is to be looked at anew. Raises Failure."""
    try:
        made = [await _hold(site, house, asked, plan)] if asked.hold else await _take(site, house, asked, plan)
    except RpcError as error:
        report = attached(explain(error))
        if report is None:
            raise
        if asked.yes or not seen.free:
            say(asked, "It cannot be had:")
            say(asked, "\n".join(f"  {line}" for line in book_clashes.in_the_way(report, house, plan.schedule.zone)))
            give(asked, {"done": False, "check": book_clashes.plain(report)})
            raise Failure(f"{NOTHING} {_advice(seen)}") from None
        say(asked, "\nSomebody was faster: nothing was booked. How it is now:\n")
        return None
    for each in made:
        say(asked, told(each, house))
    return made


async def _take(site: Site, house: House, asked: argparse.Namespace, plan: Plan) -> Sequence[booking_pb2.Booking]:
    request = pb.BookRoomRequest(
        parent=house.centre.name,
        rooms=plan.names,
        booking=_booking(asked, plan),
        on_clash=plan.policy,
        overrule_reason=asked.reason,
        request_id=secrets.token_hex(16),
    )
    return list((await site.rooms.BookRoom(request, timeout=PATIENCE)).bookings)


async def _hold(site: Site, house: House, asked: argparse.Namespace, plan: Plan) -> booking_pb2.Booking:
    request = pb.HoldRoomRequest(
        parent=house.centre.name,
        room=plan.names[0],
        booking=_booking(asked, plan),
        request_id=secrets.token_hex(16),
    )
    return await site.rooms.HoldRoom(request, timeout=PATIENCE)


def told(booking: booking_pb2.Booking, house: House) -> str:
    """That it is there, and what comes next."""
    id_ = id_of(booking)
    if booking.state == booking_pb2.BOOKING_STATE_HELD:
        until = to_local(booking.expire_time.ToDatetime(tzinfo=UTC), book_dates.zone_of(booking))
        return f"Held until {until:%H:%M}. Before then:\n  openchair book confirm {house.id} {id_}"
    if booking.state == booking_pb2.BOOKING_STATE_PENDING:
        return f"Asked for: it waits for somebody to approve it.\nIts id is {id_}."
    left = len(booking.skipped)
    without = f" without {left} date{'s' * (left != 1)}" if left else ""
    return f"Booked{without}: {book_told.about(booking, house)}.\nIts id is {id_}."
