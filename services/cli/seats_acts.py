"""`openchair seats keep`, `show`, `change`, `give-back`, `accept`, `decline`, `confirm`: one seat, by its six words."""

from __future__ import annotations

import secrets
from argparse import BooleanOptionalAction
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from google.protobuf.json_format import MessageToDict
from openchair.rsvps.v1 import rsvp_service_pb2 as pb
from openchair.rsvps.v1 import seat_pb2

from services.cli import seats_told, seats_words
from services.cli.asking import give, say
from services.cli.facts import lines
from services.cli.house import open_house
from services.cli.seats_answers import answers_of
from services.cli.seats_dates import called, named, series_of
from services.cli.server import PATIENCE
from services.cli.shell import USAGE, Failure, seen
from services.cli.when import full

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Mapping

    from services.cli.server import Site

WAYS: Final = {"in-person": seat_pb2.ATTENDANCE_IN_PERSON, "online": seat_pb2.ATTENDANCE_ONLINE}
_FIELDS: Final[Mapping[str, str]] = {
    "attend": "attendance",
    "people": "party_size",
    "ask_me": "wait",
    "answer": "answers",
    "need": "quotas",
    "first_name": "first_name",
    "chip": "celebration",
    "named": "celebration",
    "milestone": "celebration",
}


class _Target(NamedTuple):
    """What a seat is kept at: its name, the time zone of its meeting, what the meeting is called."""

    name: str
    zone: str
    title: str


def add_fields(parser: Any) -> None:
    """Adds what a guest says of a seat."""
    parser.add_argument("--attend", choices=WAYS, help="how, where both are possible")
    parser.add_argument("--people", type=int, metavar="N", help="so many come together")
    parser.add_argument(
        "--ask-me", action=BooleanOptionalAction, help="when a place comes free for who waits: ask, do not just give"
    )
    parser.add_argument("--answer", action="append", metavar="QUESTION=ANSWER", help="by the question's id")
    parser.add_argument("--need", action="append", metavar="ID", help="a place of this quota, such as wheelchair")
    parser.add_argument("--first-name", metavar="NAME", help='shown to who leads this date; "" takes it back')
    parser.add_argument("--chip", choices=("yes", "no"), help="a chip, where something is celebrated")
    parser.add_argument("--named", metavar="NAME", help='to be called out as; "" takes it back')
    parser.add_argument("--milestone", metavar="TEXT", help='for what, in one\'s own words; "" takes it back')


def add_common(parser: Any) -> None:
    """Adds what every command about one seat takes."""
    parser.add_argument("--always", action="store_true", help="not one date: a standing seat, or a course")
    parser.add_argument("--json", action="store_true", help="the seat as JSON on standard output")


async def keep(site: Site, asked: argparse.Namespace) -> None:
    """A new seat, for oneself or for somebody who stands there."""
    name, zone, title = await _target(site, asked)
    said = seats_words.made()
    request = pb.ReserveRequest(name=name, guest_key=said, on_behalf=asked.for_somebody, request_id=_id())
    await _fill(site, asked, request)
    request.list_code = asked.list_code or ""
    house = await open_house(site, asked.centre)
    also = {each.name: each for each in [await called(site, asked.centre, house, text) for text in asked.also or ()]}
    request.also.extend(also)
    reply = await site.seats.Reserve(request, timeout=PATIENCE)
    if other := also.get(reply.seat.name):
        name, title = other.name, f"{other.meeting.title}, {full(other.local)}: another date than was asked for first"
    say(asked, seen(title))
    _say(asked, reply.seat, zone)
    page = _page(site, name)
    say(asked, f"\nThese six words keep it. They are not kept anywhere else:\n\n{seats_words.card(said)}")
    say(asked, f"\nTyped in at {page} they show it, and give it back.")
    give(asked, {"words": said, "page": page, "seat": _plain(reply.seat)})


def _page(site: Site, name: str) -> str:
    """Where the seat is found by its words."""
    parts = name.split("/")
    return f"{site.address}/m/{parts[3]}/{parts[-1] if 'occurrences' in parts else 'all'}"


async def change(site: Site, asked: argparse.Namespace) -> None:
    """Another number of people, way of taking part, answer, name."""
    name, zone, _ = await _target(site, asked)
    paths = list(dict.fromkeys(field for option, field in _FIELDS.items() if getattr(asked, option) is not None))
    if not paths:
        raise Failure("say what is to be changed: `openchair seats change --help` lists it", USAGE)
    request = pb.ChangeRequest(name=name, update_mask=paths, request_id=_id(), guest_key=seats_words.typed())
    if "celebration" in paths:  # what is not said stays
        mine = await site.seats.GetMine(pb.GetMineRequest(name=name, guest_key=request.guest_key), timeout=PATIENCE)
        request.celebration.CopyFrom(mine.celebration)
    await _fill(site, asked, request)
    _told(asked, await site.seats.Change(request, timeout=PATIENCE), zone)


async def show(site: Site, asked: argparse.Namespace) -> None:
    """The seat as it is."""
    await _plainly(site, asked, pb.GetMineRequest(), site.seats.GetMine)


async def give_back(site: Site, asked: argparse.Namespace) -> None:
    """The seat is somebody else's."""
    await _plainly(site, asked, pb.CancelRequest(request_id=_id()), site.seats.Cancel)


async def accept(site: Site, asked: argparse.Namespace) -> None:
    """The place that is offered is taken."""
    await _plainly(site, asked, pb.AcceptOfferRequest(request_id=_id()), site.seats.AcceptOffer)


async def decline(site: Site, asked: argparse.Namespace) -> None:
    """The place that is offered is for the next."""
    await _plainly(site, asked, pb.DeclineOfferRequest(request_id=_id()), site.seats.DeclineOffer)


async def confirm(site: Site, asked: argparse.Namespace) -> None:
    """Who kept it still comes."""
    await _plainly(site, asked, pb.ConfirmRequest(request_id=_id()), site.seats.Confirm)


async def _plainly(site: Site, asked: argparse.Namespace, request: Any, call: Callable[..., Awaitable[Any]]) -> None:
    """One call that takes a name and a key, and gives the seat."""
    request.name, zone, _ = await _target(site, asked)
    request.guest_key = seats_words.typed()
    _told(asked, await call(request, timeout=PATIENCE), zone)


async def _target(site: Site, asked: argparse.Namespace) -> _Target:
    house, series = await series_of(site, asked)
    if asked.always:
        if asked.date:
            raise Failure("--always is for all dates: leave DATE out", USAGE)
        return _Target(series.named.name, series.named.schedule.time_zone, series.named.title)
    date = named(house, series, asked.date, ahead=True)  # once it has begun no seat is kept or given back there
    return _Target(date.name, date.meeting.schedule.time_zone, date.meeting.title)


async def _fill(site: Site, asked: argparse.Namespace, request: Any) -> None:
    """What a guest says of a seat, put into the request."""
    request.attendance = WAYS.get(asked.attend, seat_pb2.ATTENDANCE_UNSPECIFIED)
    request.party_size = asked.people or 0
    request.wait = seat_pb2.WAIT_CHOICE_ASK if asked.ask_me else seat_pb2.WAIT_CHOICE_UNSPECIFIED
    request.quotas.extend(asked.need or ())
    request.first_name = asked.first_name or ""
    if asked.chip is not None:
        request.celebration.chip = asked.chip == "yes"
    for field in ("named", "milestone"):
        if getattr(asked, field) is not None:
            setattr(request.celebration, field, getattr(asked, field))
    if asked.answer:
        found = await site.seats.GetAvailability(pb.GetAvailabilityRequest(name=request.name), timeout=PATIENCE)
        request.answers.extend(answers_of(asked.answer, found.invitation.questions))


def _told(asked: argparse.Namespace, seat: seat_pb2.Seat, zone: str) -> None:
    _say(asked, seat, zone)
    give(asked, {"seat": _plain(seat)})


def _say(asked: argparse.Namespace, seat: seat_pb2.Seat, zone: str) -> None:
    say(asked, "\n".join(lines(seats_told.facts(seat, zone))))
    for each in seat.dates:
        say(asked, "\n".join(("", *lines(seats_told.facts(each, zone)))))


def _plain(seat: seat_pb2.Seat) -> dict[str, Any]:
    return MessageToDict(seat, preserving_proto_field_name=True)


def _id() -> str:
    return secrets.token_hex(16)
