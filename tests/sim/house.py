"""A house with rooms, closures, public holidays, reports and lists: what a seed does to it, and what is true then.

`House` keeps, in the order of commits, what was said: which closures lie over it, who stands there alone, what a list
says and what was edited here. What all of it makes of each date is the checker's (`house_checker`).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, cast

from openchair.meetings.v1 import closure_pb2, import_pb2, meeting_pb2, place_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import room_service_pb2 as rooms_pb
from openchair.meetings.v1.room_service_pb2_grpc import RoomServiceStub

from services.kit.channel import LocalChannel
from tests.sim.closing_reference import Shut
from tests.system import edit_model as model
from tests.system.acts import ZONE
from tests.system.edit_days import Rule
from tests.system.edit_driver import request_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.kit.store.port import Answer, Commit
    from tests.sim.edits import Edits
    from tests.sim.history import Command, History, Named

CENTRE = "centres/house"
SOURCE = "list"
LISTED = 4  # meetings of the list
LINK = "https://meet.example/lent"
MODES = ("IN_PERSON",) * 3 + ("HYBRID", "ONLINE")
RULES = ("ANY_DAY",) * 3 + ("NOT_ON_HOLIDAYS", "ALSO_ON_HOLIDAYS")
CALENDARS = ("", "US", "CA-AB", "DE-BE")
NOON = time(13)
"""When the run begins, at the house: whoever is there then can be found alone."""
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True)
class Dress:
    """What a series has besides its times. `place` is a name; `weeks` are those of its speaker."""

    mode: str = "IN_PERSON"
    place: str = ""
    rooms: tuple[str, ...] = ()
    link: bool = False
    holidays: str = "ANY_DAY"
    weeks: tuple[int, ...] = ()

    def fields(self) -> dict[str, Any]:
        """As a request in JSON has it."""
        found: dict[str, Any] = {"mode": f"MODE_{self.mode}"}
        found |= {"holidays": f"HOLIDAY_RULE_{self.holidays}"} if self.holidays != "ANY_DAY" else {}
        found |= {"place": self.place, "rooms": list(self.rooms)} if self.place else {}
        found |= {"online": {"url": "https://meet.example/own"}} if self.link else {}
        return found | ({"programmes": [{"weeks": list(self.weeks), "title": "Speaker"}]} if self.weeks else {})


@dataclass
class Reported:
    """Reports about one date, as they were committed."""

    reports: int = 0
    confirmed: bool = False


@dataclass
class House:
    """What is true of the house now, and how it comes to be."""

    history: History
    edits: Edits
    places: list[str] = field(default_factory=list)
    rooms: list[str] = field(default_factory=list)
    calendar: str = ""
    dresses: dict[str, Dress] = field(default_factory=dict)
    closures: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Those in force, by name: the fields of their requests, and `made`."""
    ever: list[str] = field(default_factory=list)
    reported: dict[str, Reported] = field(default_factory=dict)
    """By identity of the date: its lineage and its day."""
    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What the list says, by source id."""
    local: dict[str, dict[str, str]] = field(default_factory=dict)
    """What was edited here, by name of the meeting."""
    closed: dict[str, int] = field(default_factory=dict)
    """How often the reconciler wrote each meeting."""

    def __post_init__(self) -> None:
        self.chance = self.history.site.chance
        self._states: dict[str, Any] = {}
        self._staged: dict[str, dict[str, Any]] = {}
        self._count = 0
        self.history.forgets = self._forget
        before = self.history.site.noted
        self.history.site.noted = lambda node, change: self._noted(before, node, change)

    def shut(self) -> list[Shut]:
        """The closures in force, for the reference."""
        return [_shut(name, fields) for name, fields in self.closures.items()]

    # --- what there is from the beginning ---

    async def furnish(self) -> None:
        """Two places with two rooms each."""
        rooms = RoomServiceStub(cast("Any", LocalChannel(self.history.site)))
        for title in ("Hall", "Annex"):
            place = place_pb2.Place(title=title, address=f"1 {title} St")
            self.places.append(
                (await self.history.stub.CreatePlace(pb.CreatePlaceRequest(parent=CENTRE, place=place))).name
            )
            for n in (1, 2):
                room = place_pb2.Room(title=f"{title} {n}", place=self.places[-1])
                self.rooms.append((await rooms.CreateRoom(rooms_pb.CreateRoomRequest(parent=CENTRE, room=room))).name)

    def dress(self) -> Dress:
        """What a new series has besides its times."""
        chance, mode = self.chance, self.chance.choice(MODES)
        number = chance.randrange(len(self.places))
        rooms = tuple(chance.sample(self.rooms_of(self.places[number]), chance.choice((0, 1, 1, 2))))
        where = (self.places[number], rooms) if mode != "ONLINE" and chance.random() < 0.9 else ("", ())
        weeks = chance.choice(((), (), (), (3,), (1, -1)))
        link = mode == "ONLINE" or (mode == "HYBRID" and chance.random() < 0.5)
        return Dress(mode, *where, link, chance.choice(RULES), weeks)

    def rooms_of(self, place: str) -> list[str]:
        number = self.places.index(place)
        return self.rooms[2 * number : 2 * number + 2]

    # --- what people do ---

    async def create_noon(self) -> None:
        """A series that is held every day, and as the run begins."""
        today = self.history.site.clock.now().date()
        times = model.Times(datetime.combine(today, NOON), ZONE, 90, Rule("DAILY"))
        await self.create(model.Create(self._text("Noon"), times), 1, 10.0)

    async def create(self, edit: model.Create, tries: int, seconds: float) -> Command:
        """A new series, with a place, a mode and the rest."""
        dress = self.dress()
        _, fields = request_of(edit, [])
        fields["meeting"] |= dress.fields()
        return await self.history.send(
            "CreateMeeting", fields, tries, seconds, edit, lambda answer: self._dressed(answer, dress)
        )

    async def edit(self, tries: int, seconds: float) -> None:
        """Any edit of what the model knows."""
        edit = self.edits.any(self.history.truth.parts, self.history.site.clock.now().date())
        if isinstance(edit, model.Create):
            await self.create(edit, tries, seconds)
        else:
            await self.history.do(edit, tries, seconds)

    async def shut_something(self, tries: int, seconds: float) -> None:
        """A closure is made, changed or taken back; sometimes the holidays of the centre are others."""
        kind = self.chance.choice(("create",) * 6 + ("update",) * 3 + ("withdraw",) * 2 + ("calendar",))
        if kind == "calendar":
            await self._recalendar(tries, seconds)
        elif kind == "create" or not self.ever:
            await self._close(tries, seconds)
        elif kind == "update":
            await self._change(self._any_closure(), tries, seconds)
        else:
            await self.withdraw(self._any_closure(), tries, seconds)

    def _any_closure(self) -> str:
        """By preference one that is in force."""
        return self.chance.choice([*list(self.closures) * 3, *self.ever])

    async def close(self, fields: dict[str, Any], tries: int, seconds: float) -> Command:
        """That closure."""
        return await self.history.send(
            *("CreateClosure", {"parent": CENTRE, "closure": fields}, tries, seconds),
            then=lambda answer: self._shut(answer, fields),
        )

    async def withdraw(self, name: str, tries: int, seconds: float) -> Command:
        """It is taken back."""
        return await self.history.send(
            *("WithdrawClosure", {"name": name}, tries, seconds),
            then=lambda _: self.closures.pop(name, None),
        )

    async def stand_there(self, tries: int, seconds: float) -> None:
        """Somebody reports a date of today, or says that it is on."""
        now = self.history.site.clock.now()
        around = self.history.truth.shown(now - HOUR, now + HOUR)
        near = [(each.part, each.identity[1]) for each in around if abs(each.start - now) < HOUR]
        if not near:
            return
        number, key = self.chance.choice(near)
        part = self.history.truth.parts[number]
        name, identity = f"{self.history.names[number]}/occurrences/{key}", f"{self.history.names[part.lineage]}/{key}"
        method = self.chance.choice(("ReportNobodyHere",) * 9 + ("ConfirmOccurrence",))
        confirms = method == "ConfirmOccurrence"
        await self.history.send(
            method, {"name": name}, tries, seconds, then=lambda _: self._told(identity, confirms=confirms)
        )

    async def bring(self, tries: int, seconds: float) -> None:
        """The list comes in once more, with other titles and notes, and some dates taken out."""
        rows = {f"row-{n}": self._row(n) for n in range(LISTED)}
        made: list[str] = []
        request = {"parent": CENTRE, "import": {"source": SOURCE}}
        await self.history.send(
            "CreateImport", request, tries, seconds, then=lambda answer: made.append(_import(answer))
        )
        if not made:
            return
        fields = {"name": made[0], "rows": list(rows.values())}
        await self.history.send(
            "AddImportRows", fields, tries, seconds, then=lambda _: self._staged.update({made[0]: rows})
        )
        await self.history.send(
            *("CommitImport", {"name": made[0]}, tries, seconds),
            then=lambda _: self.said.update(self._staged.get(made[0], {})),
        )

    async def correct(self, tries: int, seconds: float) -> None:
        """Somebody edits what came with the list, or says that a date which the list takes out takes place."""
        listed = [id_ for id_, state in self._states.items() if state.get("source")]
        if not listed:
            return
        id_ = self.chance.choice(sorted(listed))
        name = f"{CENTRE}/meetings/{id_}"
        if self.chance.random() < 0.3 and self._states[id_]["changes"]:
            date = self.chance.choice(self._states[id_]["changes"])["date"].replace("-", "")
            await self.history.send("RestoreOccurrence", {"name": f"{name}/occurrences/{date}"}, tries, seconds)
            return
        path = self.chance.choice(("title", "notes"))
        value = self._text(f"Our {path}")
        fields = {"meeting": {"name": name, path: value}, "update_mask": path}
        await self.history.send(
            *("UpdateMeeting", fields, tries, seconds),
            then=lambda _: self.local.setdefault(name, {}).update({path: value}),
        )

    # --- how it is drawn ---

    def drawn(self) -> dict[str, Any]:
        """Any closure, as a request in JSON has it."""
        chance = self.chance
        fields: dict[str, Any] = {**self._when(), "reason": self._text("Closed")}
        scope = chance.choice(("centre", "centre", "places", "places", "rooms"))
        fields |= {} if scope == "centre" else {scope: [chance.choice(getattr(self, scope))]}
        effect = chance.choice(("CANCEL",) * 3 + ("ONLINE", "ONLINE", "MOVE", "MOVE"))
        fields["effect"] = f"CLOSURE_EFFECT_{effect}"
        if effect == "ONLINE" and chance.random() < 0.5:
            fields["online"] = {"url": LINK}
        if effect == "MOVE":
            to = chance.choice([each for each in self.places if each not in fields.get("places", [])])
            inside = [each for each in self.rooms_of(to) if each not in fields.get("rooms", [])]
            fields |= {"move_place": to, "move_rooms": chance.sample(inside, chance.choice((0, 1)))}
        if scope == "centre" and effect == "CANCEL":
            fields["online_too"] = chance.random() < 0.3
        return fields | ({"holidays": chance.choice(CALENDARS[1:])} if chance.random() < 0.2 else {})

    def _when(self) -> dict[str, str]:
        chance = self.chance
        first = self.history.site.clock.now().date() + chance.randint(-5, 15) * DAY
        last = max(first, self.history.site.clock.now().date()) + chance.randint(3, 40) * DAY
        if chance.random() < 0.25:
            return {"start": f"{first}T{chance.choice(('00:00', '12:30', '19:30'))}", "end": f"{last}T23:00"}
        return {"start": str(first), "end": str(last) if chance.random() < 0.8 else ""}

    def _row(self, number: int) -> dict[str, Any]:
        times = {"start": f"2026-11-2{number + 2}T19:00", "time_zone": ZONE, "minutes": 60, "rule": "FREQ=WEEKLY"}
        meeting = {"title": self._text("Listed"), "notes": self._text("As listed"), "mode": "MODE_IN_PERSON"}
        away = [f"2026-12-{number + 6 + 7 * week:02}" for week in range(3) if self.chance.random() < 0.3]
        return {
            "number": number + 1,
            "source_id": f"row-{number}",
            "meeting": meeting | {"schedule": times},
            "place": {"title": "Chapel", "address": "3 Chapel St"},
            "changes": [{"date": each, "cancelled": True, "reason": "Not there"} for each in away],
        }

    async def _close(self, tries: int, seconds: float) -> None:
        await self.close(self.drawn(), tries, seconds)

    async def _change(self, name: str, tries: int, seconds: float) -> None:
        drawn = self.drawn()
        mask = self.chance.choice((["reason"], ["start", "end"], ["start", "end"], [*drawn]))
        fields = {path: drawn[path] for path in mask}
        request = {"closure": {"name": name, **fields}, "update_mask": _mask(mask)}
        await self.history.send(
            "UpdateClosure", request, tries, seconds, then=lambda _: self.closures[name].update(fields)
        )

    async def _recalendar(self, tries: int, seconds: float) -> None:
        code = self.chance.choice(CALENDARS)
        fields = {"centre": {"name": CENTRE, "holiday_calendar": code}, "update_mask": _mask(["holiday_calendar"])}
        await self.history.send("UpdateCentre", fields, tries, seconds, then=lambda _: setattr(self, "calendar", code))

    def _text(self, word: str) -> str:
        self._count += 1
        return f"{word} number {self._count}"

    # --- what was committed ---

    def _dressed(self, answer: Answer, dress: Dress) -> None:
        made = meeting_pb2.Meeting.FromString(base64.b64decode(answer.reply))
        self.dresses[made.name] = dress

    def _shut(self, answer: Answer, fields: dict[str, Any]) -> None:
        made = closure_pb2.Closure.FromString(base64.b64decode(answer.reply))
        self.closures[made.name] = fields | {"made": (made.create_time.ToNanoseconds(), made.name)}
        self.ever.append(made.name)

    def _told(self, identity: str, *, confirms: bool) -> None:
        told = self.reported.setdefault(identity, Reported())
        told.confirmed |= confirms
        told.reports += not confirms

    def _forget(self) -> None:
        """The database is an older one of itself: what is kept is told again."""
        self.calendar, self.ever = "", []
        for said in (self.closures, self.reported, self.said, self.local, self._states):
            said.clear()

    def _noted(self, before: Any, node: Named, change: Commit) -> None:
        before(node, change)
        for record in change.records:
            if record.kind == "meeting":
                closes = any(line.action == "close" and line.id == record.id for line in change.audit)
                if closes:
                    self.closed[record.id] = self.closed.get(record.id, 0) + 1
                if closes and record.id in self._states and _said(self._states[record.id]) == _said(record.state):
                    self.history.wrong.append(f"{node.name} wrote {record.id}, which was as the closures say already")
                self._states[record.id] = record.state


def _mask(paths: Iterable[str]) -> str:
    """As JSON has it."""
    return ",".join(re.sub("_(.)", lambda found: found[1].upper(), path) for path in paths)


def _said(state: Any) -> Any:
    return state.get("closed")


def _import(answer: Answer) -> str:
    return import_pb2.Import.FromString(base64.b64decode(answer.reply)).name


def _shut(name: str, fields: dict[str, Any]) -> Shut:
    return Shut(
        name,
        fields["made"],
        fields["effect"].removeprefix("CLOSURE_EFFECT_"),
        fields["start"],
        fields.get("end", ""),
        frozenset(fields.get("places", ())),
        frozenset(fields.get("rooms", ())),
        fields.get("online_too", False),
        fields.get("holidays", ""),
        fields.get("move_place", ""),
        frozenset(fields.get("move_rooms", ())),
        "online" in fields,
    )
