"""Standing seats on the dates ahead: lists are made in time, and brought up by whoever comes first."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from services.kit.clock import instant, moment
from services.rsvps import coming, lists, records, standing
from services.rsvps.reacting import WHO, parts_of
from services.rsvps.several import About, Several
from services.rsvps.types import Event, Scope, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.kit.leaves import Head
    from services.kit.store.port import Record
    from services.recurrence.types import Key
    from services.rsvps.desk import Desk, Found
    from services.rsvps.line import Line
    from services.rsvps.several import Sheets
    from services.rsvps.sheet import Sheet
    from services.rsvps.types import GuestList, Seat

FAR: Final = timedelta(days=62)
"""How far ahead the next date is looked for whose list is to be made; then it is looked again."""

ACTION: Final = "standing"


class Ahead:
    """Brings the lists of dates up to the standing seats there are."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._several = Several(desk)

    async def first(self, found: Found) -> Found:
        """What has to be done before a date is decided about: those with standing seats are in its list, or made it."""
        event = found.event
        if found.key is None or found.occasion is None or event.rules.scope is Scope.SERIES or not event.series:
            return found
        series, anybody = await self._desk.heads.look("list", event.series, _counted)
        if series == 0 or (found.list and await self._desk.heads.look("list", found.list, _standing) == series):
            return found
        if not found.list and not anybody:
            return found
        await self.bring(event.id, found.key)
        return await self._desk.again(found)

    async def due(self, record: Record) -> str | None:
        """Makes, and brings up, the lists of the next dates. It says when the next one is to be made."""
        event, at = records.read(record, Event), self._desk.now()
        if not event.series or event.rules.scope is Scope.SERIES:
            return None
        parts = await parts_of(self._desk.store, event.id)
        soon = timedelta(minutes=coming.ahead_minutes(event.rules))
        _, anybody = await self._desk.heads.look("list", event.series, _counted)
        for each in coming.dates(parts, at, FAR + soon):
            dated = event.dated(each.key)  # there may be lists that were made earlier than they had to be
            made = dated is not None and dated.list != ""
            if made or (anybody and not each.off and each.start <= instant(moment(at) + soon)):
                await self.bring(event.id, each.key)
        later = (each.start for each in coming.dates(parts, at, soon + FAR) if each.start > instant(moment(at) + soon))
        return instant(moment(next(later, instant(moment(at) + soon + FAR))) - soon)

    async def bring(self, event_id: str, key: Key) -> None:
        """Brings the list of one date up, in one commit with the list of the series; nothing, where it is."""

        async def prepare() -> About:
            about = About()
            series = await self._several.load(about, event_id)
            if series is not None and series.event.series:
                self._several.whole(about, event_id)
                self._several.dated(about, event_id, key)
            return about

        await self._several.decided(prepare, functools.partial(self._brought, event_id), actor=WHO, action=ACTION)

    def _brought(self, event_id: str, about: About, sheets: Sheets, at: str) -> Callable[[], None]:
        if event_id in about.series:
            self.arrange(about, sheets, event_id, at)
        return lambda: None

    def arrange(self, about: About, sheets: Sheets, event_id: str, at: str) -> None:
        """Brings the dates at hand up to the series' list, which is among them."""
        series = sheets.get(about.series[event_id].event.series)
        if series is None:
            return
        for id_, sheet in sheets.items():
            if standing.behind(sheet.list, series.list):
                seats, fresh = series.seats(), id_ in about.made
                resealed = functools.partial(self.resealed, series.list, sheet)
                standing.arrange(sheet, series.list, seats, at, new=self._desk.ids.uuid, resealed=resealed, fresh=fresh)

    def resealed(self, series: GuestList, sheet: Sheet, seat: Seat, id_: str) -> str:
        """What was sealed for the series, sealed for a date, under the id of the seat there."""
        if not seat.sealed:
            return ""
        told = self._desk.seals(series).open(seat.id, seat.sealed)
        return self._desk.seals(sheet.list).seal(id_, told, self._desk.ids)


def _counted(head: Head[Line]) -> tuple[int, bool]:
    """How often the standing seats have changed, and whether there are any."""
    value = lists.guest_list(head)
    anybody = any(state is State.GOING for _, _, state in head.index.people)
    return (0, False) if value is None else (value.standing, anybody)


def _standing(head: Head[Line]) -> int:
    value = lists.guest_list(head)
    return -1 if value is None else value.standing
