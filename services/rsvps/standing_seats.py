"""Standing seats, as their guests keep and change them: decided together with the dates ahead that have a list."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace
from openchair.rsvps.v1 import seat_pb2

from services.kit.errors import NotFound, Unmet
from services.rsvps import coming, following, seating, standing
from services.rsvps.application import Application, may_only_show
from services.rsvps.courses import reserved, whole_message
from services.rsvps.several import About, Several
from services.rsvps.types import State
from services.rsvps.wire_seats import seat_message, with_own_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openchair.rsvps.v1 import rsvp_service_pb2

    from services.kit.call import Call
    from services.rsvps.admission import Admission
    from services.rsvps.ahead import Ahead
    from services.rsvps.desk import Desk, Found
    from services.rsvps.several import Sheets
    from services.rsvps.sheet import Sheet
    from services.rsvps.types import Seat

TOGETHER: Final = 24
"""Dates ahead that are decided in one commit with their series; later ones are brought up when they come nearer."""

_FAR: Final = timedelta(days=400)


class StandingSeats:
    """The methods for names of meetings where one keeps a seat on every date."""

    def __init__(self, desk: Desk, ahead: Ahead, admission: Admission) -> None:
        self._desk = desk
        self._ahead = ahead
        self._admission = admission
        self._several = Several(desk)

    async def reserve(self, call: Call[Any], found: Found) -> rsvp_service_pb2.ReserveResponse:
        """Keeps a seat on every date ahead; where one is full a place in its line. The reply says so."""
        application = Application(self._desk, found, call.message, "")

        def decide(about: About, sheets: Sheets, at: str) -> Callable[[], rsvp_service_pb2.ReserveResponse]:
            shared = self._whole(about, sheets, found)
            seat = shared.held(self._mac(shared, call))
            if seat is None or seat.state is not State.GOING:
                seat = self._keep(shared, application, call, seat, at)
                for sheet in _dates(sheets, shared):
                    self._adopt(sheet, seat, call)
            self._ahead.arrange(about, sheets, found.event.id, at)
            return lambda: reserved(self._reply(found, about, sheets, seat, at))

        prepare = functools.partial(self._prepared, found, make=True)
        return await self._several.decided(prepare, decide, call=call, action="standing")

    async def change(self, call: Call[Any], found: Found) -> seat_pb2.Seat:
        """Changes it here and on the dates at hand, where it can be; where it cannot, that date stays as it is."""
        application = Application(self._desk, found, call.message, "")

        def decide(about: About, sheets: Sheets, at: str) -> Callable[[], seat_pb2.Seat]:
            shared = self._whole(about, sheets, found)
            seat = self._held(shared, call, found.name)
            changed = application.changed(shared, seat)
            self._admission.more(call, found, seat, changed)
            if may_only_show(call.message.update_mask):
                shared.put(changed)
            else:
                changed = seating.change(shared, seat, changed, at)
            self._ahead.arrange(about, sheets, found.event.id, at)
            for sheet in _dates(sheets, shared):
                self._change(shared, sheet, changed, at)
            return functools.partial(self._reply, found, about, sheets, changed, at)

        prepare = functools.partial(self._prepared, found)
        return await self._several.decided(prepare, decide, call=call, action="changed")

    async def cancel(self, call: Call[Any], found: Found) -> seat_pb2.Seat:
        """Gives it back on all dates ahead. Repeating it is no error."""

        def decide(about: About, sheets: Sheets, at: str) -> Callable[[], seat_pb2.Seat]:
            shared = self._whole(about, sheets, found)
            seat = shared.held(self._mac(shared, call))
            if seat is not None and seat.state is State.GOING:
                seat = standing.ended(shared, seat)
            self._ahead.arrange(about, sheets, found.event.id, at)
            return functools.partial(self._reply, found, about, sheets, seat, at)

        prepare = functools.partial(self._prepared, found)
        return await self._several.decided(prepare, decide, call=call, action="cancelled")

    async def get_mine(self, call: Call[Any], found: Found) -> seat_pb2.Seat:
        """One's own, with what one wrote, and how it is on the dates ahead."""

        def decide(about: About, sheets: Sheets, at: str) -> Callable[[], seat_pb2.Seat]:
            shared = self._whole(about, sheets, found)
            self._ahead.arrange(about, sheets, found.event.id, at)
            seat = shared.held(self._mac(shared, call))
            message = self._reply(found, about, sheets, seat, at)
            if seat is not None:
                told = self._desk.seals(shared.list).open(seat.id, seat.sealed)
                with_own_words(message, seat, told)
            return lambda: message

        prepare = functools.partial(self._prepared, found)
        return await self._several.decided(prepare, decide, action="standing")

    async def _prepared(self, found: Found, *, make: bool = False) -> About:
        """The series with its next dates; `make`: also those whose lists have to be made by now."""
        about, event = About(), found.event.id
        series = await self._several.load(about, event)
        if series is None:
            raise NotFound(found.name)
        self._several.whole(about, event)
        soon = timedelta(minutes=coming.ahead_minutes(series.event.rules))
        at = self._desk.now()
        near = {each.key for each in coming.dates(series.parts, at, soon)} if make else set()
        for each in coming.dates(series.parts, at, _FAR):
            dated = series.event.dated(each.key)
            if len(about.lists) > TOGETHER:
                break
            if (dated is not None and dated.list) or (each.key in near and not each.off):
                self._several.dated(about, event, each.key)
        return about

    def _whole(self, about: About, sheets: Sheets, found: Found) -> Sheet:
        shared = sheets.get(about.series[found.event.id].event.series)
        if shared is None:
            raise NotFound(found.name)
        return shared

    def _held(self, shared: Sheet, call: Call[Any], name: str) -> Seat:
        """Raises NotFound for who has none."""
        seat = shared.held(self._mac(shared, call))
        if seat is None or seat.state is not State.GOING:
            raise NotFound(name)
        return seat

    def _keep(self, shared: Sheet, application: Application, call: Call[Any], before: Seat | None, at: str) -> Seat:
        """A new one, also for who had one: what was given back of it is not given back of this one."""
        if before is not None:
            shared.drop(before.id)
        seat = seating.reserve(shared, application.asked(shared, self._mac(shared, call), None), at)
        standing.counted(shared)
        return seat

    def _adopt(self, sheet: Sheet, seat: Seat, call: Call[Any]) -> None:
        """Whoever kept this date alone keeps it as one of many now. Raises Unmet for who waits elsewhere too."""
        single = sheet.held(self._mac(sheet, call))
        if single is None or single.state not in seating.LIVE or single.era != sheet.list.era:
            return
        if single.sisters:
            raise Unmet("who waits for several dates gives that back first", "SEVERAL_DATES")
        standing.adopt(sheet, single, seat)

    def _change(self, shared: Sheet, sheet: Sheet, seat: Seat, at: str) -> None:
        mine = sheet.held(seat.mac)
        if mine is None or mine.state not in seating.LIVE or mine.era != sheet.list.era:
            return
        sealed = self._ahead.resealed(shared.list, sheet, seat, mine.id)
        words = replace(mine, answers=seat.answers, sealed=sealed, wait=seat.wait)
        sheet.put(words)
        try:
            wanted = replace(words, party=seat.party, quotas=seat.quotas, where=standing.way(sheet, seat))
            seating.change(sheet, words, wanted, at)
        except Unmet:
            return

    def _mac(self, sheet: Sheet, call: Call[Any]) -> str:
        return self._desk.secrets.mac(sheet.list.secret, sheet.list.centre, sheet.list.id, self._desk.key(call))

    def _reply(self, found: Found, about: About, sheets: Sheets, seat: Seat | None, at: str) -> seat_pb2.Seat:
        """With the dates that there is something to say of, in order: not "going", moved, or to be confirmed."""
        shared = self._whole(about, sheets, found)
        if seat is None:
            return whole_message(found.name, shared, None, at)
        message = whole_message(found.name, shared, shared.seat(seat.id) or seat, at)
        message.standing = True
        dates = sorted(_dates(sheets, shared), key=lambda each: each.list.occasion.start)
        for sheet in dates:
            mine = sheet.held(seat.mac)
            name = self._name(about, found, sheet)
            if mine is not None and name and sheet.list.occasion.start > at:
                date = seat_message(name, sheet.list, mine, at)
                if date.state != seat_pb2.SEAT_STATE_GOING or date.moved or date.HasField("confirm_until_time"):
                    message.dates.append(date)
        return message

    @staticmethod
    def _name(about: About, found: Found, sheet: Sheet) -> str:
        series = about.series[found.event.id]
        key = sheet.list.key
        part = following.part_with(series.parts, key) if key is not None else None
        return following.date_name(part, key) if part is not None and key is not None else ""


def _dates(sheets: Sheets, shared: Sheet) -> Iterator[Sheet]:
    return (sheet for sheet in sheets.values() if sheet is not shared)
