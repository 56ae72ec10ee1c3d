"""What every date of a house must be, by the plain reference, and whether store, lists, calendars and search say so.

Series and people's changes are the naive model's, closures and holidays what was committed. Two things are read from
the store, as they depend on what a meeting was when somebody spoke: that a date takes place despite closures, and that
it overrules the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from openchair.meetings.v1 import meeting_pb2, occurrence_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.kit.channel import LocalChannel
from services.meetings.doubting import MARKING, MOST_REPORTS
from services.plans import PLANS
from tests.sim.closing_reference import CANCEL, MOVE, ONLINE, Fate, Held, fate
from tests.sim.house import CENTRE, Dress
from tests.sim.site import Node
from tests.system import edit_model as model
from tests.system.acts import ZONE
from tests.system.edit_days import DAY, Rule, weekday
from tests.system.edit_driver import FEED
from tests.system.feed_readers import READERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from services.kit.store.port import Record
    from tests.sim.house import House
    from tests.sim.site import Site

AHEAD = timedelta(days=80)
FAR = timedelta(days=400)
"""Less than the service looks ahead."""
NEXT = 10
"""Dates of each meeting that a search is asked for."""


@dataclass(frozen=True)
class Series:
    """A meeting as the model has it, and what else bears on its dates."""

    name: str
    lineage: str
    part: model.Part
    dress: Dress
    despite: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        return self.name.rpartition("/")[2]


class Due(NamedTuple):
    """One date as it should be told. `by`: the closure, "holiday", or nothing."""

    name: str
    start: datetime
    end: datetime
    title: str
    state: int
    by: str
    mode: str
    where: str
    programmes: tuple[str, ...]


def said_of(record: Record) -> Any:
    """The document."""
    return record.state


def despite_of(record: Record) -> frozenset[str]:
    """The dates of which somebody said that they take place whatever is closed."""
    return frozenset(_day(each) for each in said_of(record)["changes"] if each.get("despite"))


def series_of(house: House, records: Mapping[str, Record]) -> Iterator[Series]:
    """All that is there: what the model knows, and what came with the list."""
    names = house.history.names
    for name, part in zip(names, house.history.truth.parts, strict=True):
        if not part.deleted:
            lineage = names[part.lineage]
            despite = despite_of(records[name.rpartition("/")[2]])
            yield Series(name, lineage, part, house.dresses[lineage], despite)
    for record in sourced(records):
        yield _listed(house, record, said_of(record)["source"]["id"])


def sourced(records: Mapping[str, Record]) -> list[Record]:
    """The meetings that came with the list."""
    return [each for each in records.values() if each.kind == "meeting" and said_of(each).get("source")]


def _listed(house: House, record: Record, row: str) -> Series:
    name, said = f"{CENTRE}/meetings/{record.id}", house.said[row]
    schedule = said["meeting"]["schedule"]
    times = model.Times(datetime.fromisoformat(schedule["start"]), ZONE, 60, Rule("WEEKLY"))
    title = house.local.get(name, {}).get("title", said["meeting"]["title"])
    overruled = {_day({"date": day, "ordinal": n}) for day, n in said_of(record).get("overruled", ())}
    gone = {model.Key(date.fromisoformat(each["date"])): each["reason"] for each in said["changes"]}
    gone = {key: reason for key, reason in gone.items() if str(key) not in overruled}
    part = model.Part(0, title, times, gone)
    return Series(name, name, part, Dress(place="Chapel"), despite_of(record))


def _day(each: Mapping[str, Any]) -> str:
    return str(each["date"]).replace("-", "") + (f"-{each['ordinal']}" if each.get("ordinal") else "")


# --- what each date is ---


def fates(house: House, series: Series, since: datetime, until: datetime) -> dict[str, Fate]:
    """What closures and holidays make of its dates that are not over."""
    found = {str(key): _fate(house, series, key) for key in model.dates(series.part.times)}
    times = {str(key): _times(series, key) for key in model.dates(series.part.times)}
    return {key: each for key, each in found.items() if each and times[key].end > since and times[key].start < until}


def _times(series: Series, key: model.Key) -> model.Shown:
    return model._shown(0, series.part, key)


def _fate(house: House, series: Series, key: model.Key) -> Fate | None:
    at, dress = _times(series, key), series.dress
    held = Held(at.start, at.end, dress.mode, dress.place, frozenset(dress.rooms), dress.link, dress.holidays)
    return fate(held, house.shut(), ZONE, house.calendar)


def dues(house: House, series: Series, now: datetime) -> Iterator[Due]:
    """Its dates from now on, as they should be told."""
    for key in model.dates(series.part.times):
        at = _times(series, key)
        if at.end > now and at.start < now + AHEAD:
            told = None if at.cancelled or str(key) in series.despite else _fate(house, series, key)
            yield _due(house, series, key, at, told)


def _due(house: House, series: Series, key: model.Key, at: model.Shown, told: Fate | None) -> Due:
    cancelled = at.cancelled or (told is not None and told.effect == CANCEL)
    state = 2 if cancelled else 3 if _unconfirmed(house, f"{series.lineage}/{key}") else 1
    mode = ONLINE if told and told.effect == ONLINE else series.dress.mode
    where = told.place if told and told.effect == MOVE else series.dress.place
    programmes = tuple("Speaker" for week in series.dress.weeks if _is_in(week, key.day))
    name = f"{series.name}/occurrences/{key}"
    return Due(name, at.start, at.end, at.title, state, told.by if told else "", mode, where, programmes[:1])


def _unconfirmed(house: House, identity: str) -> bool:
    told = house.reported.get(identity)
    return told is not None and told.reports >= MARKING and not told.confirmed


def _is_in(week: int, day: date) -> bool:
    """Whether a date is in that week of its month, by its own weekday."""
    same = [day.replace(day=1) + n * DAY for n in range(31)]
    same = [each for each in same if each.month == day.month and weekday(each) == weekday(day)]
    return same.index(day) == (week - 1 if week > 0 else len(same) + week)


# --- what is said ---


async def check_house(site: Site, house: House, records: Mapping[str, Record]) -> list[str]:
    """What store, lists, calendars and search say otherwise than they should."""
    found = Node(site, "meetings-0", tuple(plan for plan in PLANS if plan.name == "meetings"))
    site.watch(found)  # it has an index that it built from what there is
    await site.all_ready()
    stubs = {}
    for node in site.of("meetings"):
        assert node.server is not None
        stubs[node.name] = MeetingServiceStub(cast("Any", LocalChannel(node.server, site.token())))
    feed = (await site.nodes["feeds-1"].get(FEED)).body
    return await otherwise(house, records, stubs, feed, site.clock.now())


async def otherwise(
    house: House, records: Mapping[str, Record], stubs: Mapping[str, MeetingServiceStub], feed: bytes, now: datetime
) -> list[str]:
    """The same of any instances and a feed, at that moment."""
    there = list(series_of(house, records))
    due = {one.name: one for each in there for one in dues(house, each, now)}
    wrong = [*_closed(house, there, records, now), *_reports(house, records), *_corrected(house, records)]
    if house.said.keys() != {said_of(each)["source"]["id"] for each in sourced(records)}:
        wrong.append(f"the list is not all there: {sorted(house.said)}")
    for name, stub in stubs.items():
        wrong += [f"{name} lists otherwise: {each}" for each in await _listed_otherwise(house, stub, due, now)]
        wrong += [f"{name} finds otherwise: {each}" for each in await _found_otherwise(stub, there, due, now)]
    return wrong + [f"the feed shows otherwise: {each}" for each in _fed_otherwise(feed, due, now)]


def _closed(house: House, there: list[Series], records: Mapping[str, Record], now: datetime) -> Iterator[str]:
    """Of each meeting: what stands on it of closures, of dates that are not over, is what the reference says."""
    for series in there:
        expected = fates(house, series, now, now + FAR)
        times = {str(key): _times(series, key) for key in model.dates(series.part.times)}
        found = {_day(each): _stored(each) for each in said_of(records[series.id]).get("closed", ())}
        ahead = {k: v for k, v in found.items() if times[k].end > now and times[k].start < now + FAR}
        for key in sorted(ahead.items() ^ expected.items()):
            yield f"{series.name}: stored {ahead.get(key[0])}, should be {expected.get(key[0])} on {key[0]}"


def _stored(each: Mapping[str, Any]) -> Fate:
    by = f"{CENTRE}/closures/{each['closure']}" if each.get("closure") else "holiday"
    place = f"{CENTRE}/places/{each['place']}" if each.get("place") else ""
    rooms = frozenset(f"{CENTRE}/rooms/{room}" for room in each.get("rooms", ()))
    return Fate(each["effect"].upper(), by, place, rooms, lent=bool(each.get("online")))


def _reports(house: House, records: Mapping[str, Record]) -> Iterator[str]:
    """A doubt counts each report once, and none after somebody said that it is on."""
    for record in records.values():
        if record.kind == "doubt":
            day = _day(record.state)
            told = house.reported[f"{CENTRE}/meetings/{said_of(record)['lineage']}/{day}"]
            stored = (said_of(record)["reports"], said_of(record).get("confirmed_at") is not None)
            if stored != (min(told.reports, MOST_REPORTS), told.confirmed):
                yield f"the doubt {record.id} is {stored}, should be {told}"


def _corrected(house: House, records: Mapping[str, Record]) -> Iterator[str]:
    """What was edited here stays, all else is what the list says."""
    for record in sourced(records):
        local = house.local.get(f"{CENTRE}/meetings/{record.id}", {})
        said = house.said[said_of(record)["source"]["id"]]["meeting"]
        found = {path: said_of(record).get(path) for path in ("title", "notes")}
        if found != {path: local.get(path, said[path]) for path in found}:
            yield f"{record.id} of the list is {found}, should be {said | local}"
        if {*local} != {*said_of(record).get("local_fields", ())}:
            yield f"{record.id} does not know that {sorted(local)} were edited here"


async def _listed_otherwise(house: House, stub: MeetingServiceStub, due: Mapping[str, Due], now: datetime) -> list[Any]:
    request = pb.ListOccurrencesRequest(parent=CENTRE, show_cancelled=True, page_size=1000)
    request.start_time.FromDatetime(now)
    request.end_time.FromDatetime(now + AHEAD)
    titles = dict(zip(house.places, ("Hall", "Annex"), strict=True))
    found: set[Due] = set()
    while True:
        page = await stub.ListOccurrences(request)
        found |= {_told(each) for each in page.occurrences}
        if not (token := page.next_page_token):
            break
        request.page_token = token
    expected = {each._replace(where=titles.get(each.where, each.where)) for each in due.values()}
    return [f"shown {one}" for one in sorted(found - expected)] + [f"missing {one}" for one in sorted(expected - found)]


def _told(each: occurrence_pb2.Occurrence) -> Due:
    return Due(
        each.name,
        each.start_time.ToDatetime(UTC),
        each.end_time.ToDatetime(UTC),
        each.title,
        each.state,
        each.closure or ("holiday" if each.holiday else ""),
        meeting_pb2.Mode.Name(each.mode).removeprefix("MODE_"),
        each.venue.title,
        tuple(programme.title for programme in each.programmes),
    )


async def _found_otherwise(
    stub: MeetingServiceStub, there: list[Series], due: Mapping[str, Due], now: datetime
) -> list[Any]:
    """By its title each meeting is found, or another part of its series; its next dates are those that take place."""
    wrong: list[Any] = []
    lineages = {series.name: series.lineage for series in there}
    for series in there:
        request = pb.SearchMeetingsRequest(parent=CENTRE, text=series.part.title, next_dates=NEXT, page_size=100)
        found = {each.name: each for each in (await stub.SearchMeetings(request)).meetings}
        told = found.get(series.name)
        if told is None and series.lineage in {lineages.get(name) for name in found}:
            continue
        mine = sorted((each.start, each.name) for each in due.values() if _of(each.name) == series.name and _on(each))
        dates = [(each.start_time.ToDatetime(UTC), each.name) for each in told.next_dates if _on(each)] if told else []
        if mine[:NEXT] != [each for each in dates if each[0] < now + AHEAD]:
            wrong.append((series.name, series.part.title, dates, mine))
    return wrong


def _on(each: Due | pb.FoundDate) -> bool:
    """Whether it takes place, as far as anybody knows."""
    return each.state != occurrence_pb2.OCCURRENCE_STATE_CANCELLED


def _of(occurrence: str) -> str:
    return occurrence.partition("/occurrences/")[0]


def _fed_otherwise(feed: bytes, due: Mapping[str, Due], now: datetime) -> list[Any]:
    """Calendar programs show the dates that take place, and no other."""
    expected = {(_of(each.name).rpartition("/")[2], each.start, each.end) for each in due.values() if _on(each)}
    seen = READERS["icalendar"](feed, now, now + AHEAD)
    return sorted({(each.uid[:36], each.start, each.end) for each in seen} ^ {e for e in expected if e[1] >= now})
