"""Rules of lists, and whether there are places: methods of the RsvpService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec.structs import replace
from openchair.rsvps.v1 import list_rules_pb2, rsvp_service_pb2

from services.kit.clock import moment
from services.kit.errors import Stale, Unmet
from services.kit.heads import Claim
from services.kit.leaves import Joint
from services.kit.names import Pattern
from services.rsvps import following, keys, records, ruling, wire
from services.rsvps.places import Places
from services.rsvps.reacting import parts_of, shared
from services.rsvps.sister_names import names_of, read_sisters
from services.rsvps.types import DatedList, Event, Use

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.kit.call import Call
    from services.kit.leaves import Head
    from services.kit.leaves import Key as HeadKey
    from services.kit.store.port import Record
    from services.recurrence.types import Key
    from services.rsvps.desk import Desk, Found
    from services.rsvps.sheet import Sheet
    from services.rsvps.types import Rules

OF_MEETING: Final = Pattern("centres/{centre}/meetings/{meeting}/listRules")
OF_DATE: Final = Pattern("centres/{centre}/meetings/{meeting}/occurrences/{occurrence}/listRules")
_LAST: Final = "/listRules"


class Held(NamedTuple):
    """An event as it is stored (None: it is not yet), and what of it a name is about."""

    found: Found
    record: Record | None
    event: Event

    @property
    def key(self) -> Key | None:
        """The date; None: the whole series."""
        return self.found.key

    @property
    def rules(self) -> Rules:
        """What holds there now."""
        return following.rules_for(self.event, self.key)


class ListsRules:
    """Rules of lists, and whether there are places."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._places = Places(desk)

    async def set_list_rules(self, call: Call[rsvp_service_pb2.SetListRulesRequest]) -> list_rules_pb2.ListRules:
        """SetListRules. Lists that there are follow at their next decision; they are due at once."""
        message = call.message.list_rules

        async def prepare() -> Claim[list_rules_pb2.ListRules]:
            held = await self._held(message.name, call, "list_rules.name")
            etag = ruling.etag(held.rules)
            if message.etag and message.etag != etag:
                raise Stale(message.name, etag)
            event = await self._ruled(held, message, call.caller.subject)
            at = self._desk.now()
            event = replace(event, ruled_at=at)
            reply = await self._message(held._replace(event=event), message.name)
            due = at if following.has_lists(event) or held.record is None else held.record.due_at
            written = records.write(held.record, event, at=at, actor=call.caller.subject, due_at=due)

            def decide(_: Mapping[HeadKey, Head[Any]], __: str) -> Joint[list_rules_pb2.ListRules]:
                return Joint(reply, {}, (written,), "set rules")

            return Claim((), decide)

        reply = await self._desk.heads.together(prepare, call=call)
        self._desk.wake()
        return reply

    async def get_list_rules(self, call: Call[rsvp_service_pb2.GetListRulesRequest]) -> list_rules_pb2.ListRules:
        """GetListRules."""
        held = await self._held(call.message.name, call, "name")
        return await self._message(held, call.message.name)

    async def get_availability(
        self, call: Call[rsvp_service_pb2.GetAvailabilityRequest]
    ) -> rsvp_service_pb2.GetAvailabilityResponse:
        """GetAvailability."""
        return await self._places.availability(call)

    async def close_list(self, call: Call[rsvp_service_pb2.CloseListRequest]) -> rsvp_service_pb2.CloseListResponse:
        """CloseList. Repeating it is no error."""
        found = await self._desk.occurrence(call.message.name, call)
        closed = not call.message.reopen

        def decide(sheet: Sheet, at: str) -> rsvp_service_pb2.CloseListResponse:
            if sheet.list.occasion.end <= at:
                raise Unmet("the date is over", "DATE_PAST", {"name": found.name})
            sheet.list = replace(sheet.list, closed=closed)
            return rsvp_service_pb2.CloseListResponse()

        action = "close" if closed else "reopen"
        return await self._desk.on_list(found, decide, call=call, action=action)

    async def _held(self, name: str, call: Call[Any], field: str) -> Held:
        """What the name of rules is about, as it is stored. Raises Invalid, NotFound."""
        if OF_DATE.matches(name):
            found = await self._desk.occurrence(name.removesuffix(_LAST), call)
        else:
            OF_MEETING.parse(name, field)
            found = await self._desk.meeting(name.removesuffix(_LAST), call)
        record = await self._desk.store.get("event", found.event.id)
        event = found.event if record is None or record.gone else records.read(record, Event)
        return Held(found, record, event)

    async def _ruled(self, held: Held, message: list_rules_pb2.ListRules, who: str) -> Event:
        """The event with what was asked for; `who` asks. Raises Invalid, Unmet."""
        event = held.event
        if held.key is not None:
            room, online = ruling.of_date(message, await self._message(held._replace(event=event), message.name))
            return _with_capacity(event, held.key, room, online)
        answered = following.has_lists(event)
        rules = ruling.read(message, event.rules, self._new_id, answered=answered)
        if answered and rules.scope is not event.rules.scope:
            raise Unmet("people keep seats already: it can be no other kind of list any more", "SCOPE_IN_USE")
        if not rules.organisers and any(each.use is Use.ORGANISER for each in rules.questions):
            rules = replace(rules, organisers=(who,))  # else guests would be asked what nobody can read
        rules = replace(rules, code=self._code(event, message.list_code))
        rules = replace(rules, sisters=await read_sisters(self._desk, event, message.sister_dates, self._new_id))
        ruled = replace(event, rules=rules, sistered=bool(rules.sisters))
        private = following.is_private(await parts_of(self._desk.store, event.id))
        return await shared(self._desk.store, replace(ruled, private=private))

    def _code(self, event: Event, said: str) -> str:
        if not said:
            return event.rules.code
        return "" if said == "-" else keys.list_code(self._desk.secrets, event.centre, event.id, said)

    def _new_id(self) -> str:
        return f"{self._desk.ids.random.getrandbits(40):010x}"

    async def _message(self, held: Held, name: str) -> list_rules_pb2.ListRules:
        sisters = await names_of(self._desk, held.event) if held.event.sistered else []
        message = wire.rules_message(name, held.rules, sisters)
        message.etag = ruling.etag(held.rules)
        if held.event.ruled_at:
            message.update_time.FromDatetime(moment(held.event.ruled_at))
        return message


def _with_capacity(event: Event, key: Key, room: int, online: int) -> Event:
    """The event with capacities of one date; those of the whole series are not its own."""
    dated = event.dated(key) or DatedList(key.date, key.ordinal, "")
    own = replace(
        dated,
        capacity=None if room == event.rules.capacity else room,
        online_capacity=None if online == event.rules.online_capacity else online,
    )
    others = [each for each in event.lists if each.key != key]
    bare = not own.list and own.capacity is None and own.online_capacity is None
    lists = others if bare else [*others, own]
    return replace(event, lists=tuple(sorted(lists, key=lambda each: each.key)))
