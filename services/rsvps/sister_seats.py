"""Waiting for sister dates, as guests do it: decided with the lists of all those dates in one commit."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from openchair.rsvps.v1 import rsvp_service_pb2, seat_pb2

from services.kit.errors import Invalid, NotFound, Unmet, Violation
from services.rsvps import following, lists, sisters, turns
from services.rsvps.application import Application
from services.rsvps.reacting import WHO
from services.rsvps.several import About, Several
from services.rsvps.types import End, Scope, SisterDate, State, Wait
from services.rsvps.wire_seats import seat_message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from services.kit.call import Call
    from services.kit.leaves import Head
    from services.kit.store.port import Record
    from services.recurrence.types import Key
    from services.rsvps.desk import Desk, Found
    from services.rsvps.line import Line
    from services.rsvps.several import Sheets
    from services.rsvps.sheet import Sheet
    from services.rsvps.types import Event, Seat, Sisters


class Tied(Exception):  # noqa: N818 - it says what was found
    """The place that is asked about is one in several lines: nothing was decided. It says which, in which list."""

    def __init__(self, list_id: str, mac: str) -> None:
        super().__init__()
        self.list = list_id
        self.mac = mac


class SisterSeats:
    """The methods for who waits, or wants to wait, for several dates."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._several = Several(desk)

    async def reserve(self, call: Call[Any], wanted: Sequence[tuple[Found, str]]) -> rsvp_service_pb2.ReserveResponse:
        """A seat at the first of these dates that has one, or a place in the line of each. Raises Invalid or Unmet.

        Each date comes with what the key is in the list of its series ("": there is none).
        """
        new, macs = self._desk.ids.uuid(), [mac for _, mac in wanted]
        applications = [Application(self._desk, found, call.message, mac) for found, mac in wanted]
        ids: list[str] = []

        async def prepare() -> About:
            about, group, owner = await self._group([found for found, _ in wanted])
            ids[:] = [self._several.dated(about, found.event.id, _key(found)) for found, _ in wanted]
            about.lists[group.list] = owner.id
            about.made[group.list] = self._several.new(owner, group.list, Scope.SISTERS)
            return about

        def decide(about: About, sheets: Sheets, at: str) -> Callable[[], rsvp_service_pb2.ReserveResponse]:
            if not sheets.keys() >= set(ids):  # the time of one is over
                raise NotFound(call.message.name)
            dates = {id_: sheets[id_] for id_ in ids}
            shared = next(sheet for id_, sheet in sheets.items() if id_ not in dates)
            asked = {}
            for id_, application, series_mac in zip(ids, applications, macs, strict=True):
                mac = self._mac(dates[id_], call)
                before = dates[id_].held(mac, *([series_mac] if series_mac else []))
                asked[id_] = application.asked(dates[id_], mac, before)
            first = sisters.wait(dates, shared, asked, (new, self._mac(shared, call)), at)
            sisters.settle(dates, shared, at)
            chosen, seat = sisters.holding(dates, asked) or first
            reply = functools.partial(self._reply, about, dates, shared, chosen, seat, at)
            return lambda: rsvp_service_pb2.ReserveResponse(seat=reply())

        return await self._several.decided(prepare, decide, call=call, action="reserved")

    async def cancel(self, call: Call[Any], tied: Tied) -> seat_pb2.Seat:
        """Leaves every line, with everything that was said there."""

        def act(dates: Sheets, shared: Sheet, place: Seat, _: str) -> tuple[str, Seat]:
            leaf = sisters.leaf_of(shared, tied.list, place)
            if leaf is not None:
                sisters.leave(dates, shared, leaf)
            else:
                sisters.left(dates[tied.list], place)
            return tied.list, replace(turns.gone(place, State.CANCELLED, End.OWN), sisters="")

        return await self._on_place(call, tied, act, "cancelled")

    async def accept(self, call: Call[Any], tied: Tied, chosen: str) -> seat_pb2.Seat:
        """Takes what is offered at a date (its list's id; "": whichever it is), and leaves the other lines."""

        def act(dates: Sheets, shared: Sheet, place: Seat, at: str) -> tuple[str, Seat]:
            leaf = sisters.leaf_of(shared, tied.list, place)
            places = {id_: dates[id_].held(mac) for id_, mac in (leaf.wanted.items() if leaf else ()) if id_ in dates}
            offered = (id_ for id_, each in places.items() if each is not None and each.state is State.OFFERED)
            list_id = chosen or next(offered, tied.list)
            there = places.get(list_id)
            if there is None or not sisters.take(dates, shared, list_id, there, at):
                raise Unmet("nothing is offered at that date", "NO_OFFER")
            return list_id, there

        return await self._on_place(call, tied, act, "accepted")

    async def decline(self, call: Call[Any], tied: Tied) -> seat_pb2.Seat:
        """Says no to this date, and waits on for the others."""

        def act(dates: Sheets, shared: Sheet, place: Seat, at: str) -> tuple[str, Seat]:
            return tied.list, sisters.decline(dates, shared, tied.list, place, at)

        return await self._on_place(call, tied, act, "declined")

    async def also(self, tied: Tied, place: Seat) -> list[str]:
        """The other dates that somebody with this place waits for."""
        about = await self._tied([tied.list], place.sisters, {tied.list: {place.mac}})

        def decide(about: About, sheets: Sheets, _: str) -> Callable[[], list[str]]:
            shared = sheets.get(place.sisters)
            leaf = sisters.leaf_of(shared, tied.list, place) if shared is not None else None
            others = [id_ for id_ in (leaf.wanted if leaf is not None else ()) if id_ != tied.list and id_ in sheets]
            return lambda: [name for id_ in others if (name := _name(about, id_, sheets[id_]))]

        async def prepare() -> About:
            return about

        return await self._several.decided(prepare, decide, actor=WHO)

    async def due(self, record: Record) -> str | None:
        """Takes what came free at a date for who waits elsewhere too, and wants to be given it."""
        if record.state.get("scope") != Scope.DATE.value:
            return None
        eager = await self._desk.heads.look("list", record.id, _eager)
        for shared_id, macs in eager.items():

            def decide(about: About, sheets: Sheets, at: str, shared_id: str = shared_id) -> Callable[[], None]:
                shared = sheets.get(shared_id)
                if shared is not None:
                    dates = {id_: sheet for id_, sheet in sheets.items() if id_ != shared_id}
                    sisters.settle(dates, shared, at, about.gone)
                return lambda: None

            prepare = functools.partial(self._tied, [record.id], shared_id, {record.id: macs})
            await self._several.decided(prepare, decide, actor=WHO, action="given")
        return None

    async def _on_place(
        self,
        call: Call[Any],
        tied: Tied,
        act: Callable[[Sheets, Sheet, Seat, str], tuple[str, Seat]],
        action: str,
    ) -> seat_pb2.Seat:
        """Has something done about one's place in several lines. Raises NotFound where it is none any more."""

        def decide(about: About, sheets: Sheets, at: str) -> Callable[[], seat_pb2.Seat]:
            place = sheets[tied.list].held(tied.mac) if tied.list in sheets else None
            shared = sheets.get(place.sisters) if place is not None else None
            if place is None or shared is None:
                raise NotFound(call.message.name)
            dates = {id_: sheet for id_, sheet in sheets.items() if sheet is not shared}
            sisters.without_gone(shared, tied.list, place, about.gone)
            chosen, seat = act(dates, shared, place, at)
            sisters.settle(dates, shared, at, about.gone)
            return functools.partial(self._reply, about, dates, shared, chosen, seat, at)

        async def prepare() -> About:
            place = await self._desk.heads.look("list", tied.list, lambda head: _held(head, tied.mac))
            if place is None or not place.sisters:
                raise NotFound(call.message.name)
            return await self._tied([tied.list], place.sisters, {tied.list: {place.mac}})

        return await self._several.decided(prepare, decide, call=call, action=action)

    async def _tied(self, dates: Sequence[str], shared_id: str, macs: dict[str, set[str]]) -> About:
        """The sisters' list, these dates, and all others that those with these places wait for."""

        def wanted(head: Head[Line]) -> set[str]:
            leaves = [seat for seat in head.index.seats.values() if seat.wanted]
            mine = [each for each in leaves if any(each.wanted.get(id_) in known for id_, known in macs.items())]
            return {id_ for each in mine for id_ in each.wanted}

        about = About()
        others = await self._desk.heads.look("list", shared_id, wanted)
        for id_ in sorted({shared_id, *dates, *others}):
            record = await self._desk.store.get("list", id_)
            event = str(record.state["event"]) if record is not None and not record.gone else ""
            if event and await self._several.load(about, event) is not None:
                about.lists[id_] = event
            else:
                about.gone.add(id_)
        return about

    async def _group(self, founds: Sequence[Found]) -> tuple[About, Sisters, Event]:
        """The group of sister dates that holds all of these, and the event whose rules have it. Raises Invalid."""
        about = About()
        wanted = {SisterDate(each.event.id, _key(each).date, _key(each).ordinal) for each in founds}
        for each in founds:
            series = await self._several.load(about, each.event.id)
            for group in series.event.rules.sisters if series is not None else ():
                if wanted <= set(group.dates) and series is not None:
                    for other in founds:
                        await self._several.load(about, other.event.id)
                    return about, group, series.event
        raise Invalid(Violation("also", "must be dates that share a waitlist with this one"))

    def _mac(self, sheet: Sheet, call: Call[Any]) -> str:
        return self._desk.secrets.mac(sheet.list.secret, sheet.list.centre, sheet.list.id, self._desk.key(call))

    @staticmethod
    def _reply(about: About, dates: Sheets, shared: Sheet, chosen: str, seat: Seat, at: str) -> seat_pb2.Seat:
        """The seat, or place, at this date as all of it ended."""
        sheet = dates[chosen]
        now = sheet.seat(seat.id) or seat
        leaf = sisters.leaf_of(shared, chosen, now) if now.sisters else None
        message = seat_message(_name(about, chosen, sheet), sheet.list, now, at)
        others = [id_ for id_ in (leaf.wanted if leaf is not None else ()) if id_ != chosen and id_ in dates]
        message.also.extend(name for id_ in others if (name := _name(about, id_, dates[id_])))
        return message


def _key(found: Found) -> Key:
    """The date. Raises Invalid for a whole meeting."""
    if found.key is None or found.occasion is None:
        raise Invalid(Violation("also", "must be dates"))
    return found.key


def _name(about: About, list_id: str, sheet: Sheet) -> str:
    key, series = sheet.list.key, about.of(list_id)
    part = following.part_with(series.parts, key) if key is not None else None
    return following.date_name(part, key) if part is not None and key is not None else ""


def _held(head: Head[Line], mac: str) -> Seat | None:
    return None if lists.guest_list(head) is None else head.index.seats.get(head.index.by_mac.get(mac, ""))


def _eager(head: Head[Line]) -> dict[str, set[str]]:
    """By sisters' list, the places to which something is offered that is to be taken for them at once."""
    found: dict[str, set[str]] = {}
    for seat in head.index.seats.values():
        if seat.sisters and seat.state is State.OFFERED and seat.wait is Wait.GIVE:
            found.setdefault(seat.sisters, set()).add(seat.mac)
    return found
