"""The meetings service and the feeds in one process, edited side by side with the naive model and compared with it.

Calls go through protobuf bytes and the service's own middlewares. What is committed reaches the feeds as events, out of
order and more than once, as a bus may bring them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.errors import Refusal
from services.kit.store.memory import MemoryStore
from services.meetings.records import KINDS, PUBLICATIONS
from tests.service.meetings_house import CENTRE, House
from tests.system import edit_model as model
from tests.system.acts import events, value
from tests.system.edit_days import Rule
from tests.system.feed_readers import READERS
from tests.unit.feeds_examples import SITE, Feeds

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence

    from services.kit.event import Event
    from services.kit.store.port import Commit

FEED = "/calendars/house.ics"
BEFORE, AFTER = timedelta(days=40), timedelta(days=80)

_PUBLICATIONS = {publication.kind: publication for publication in PUBLICATIONS if publication.view == "public"}
_STAMPS = re.compile(rb"^(?:DTSTAMP|LAST-MODIFIED|RELATED-TO|REFID)[^\r]*\r\n(?: [^\r]*\r\n)*", re.MULTILINE)


class Run:
    """One sequence of edits. `names` are those of the model's parts, in its order."""

    def __init__(self, now: datetime, chance: random.Random) -> None:
        self.model = model.Model()
        self.names: list[str] = []
        self._chance = chance
        self._feeds = Feeds(now=now)
        self._clock = self._feeds.clock
        self._store = MemoryStore(KINDS, self._clock)
        self._house = House(self._store, self._clock)
        self._past: list[Event] = []
        self._commits: list[Commit] = []
        self._feed = b""

    async def start(self) -> None:
        """Opens the centre."""
        await self._store.open()
        await self._house.meetings.load()
        await self._house.centre()
        self._store.watch(self._commits.append)
        await self._publish()

    @property
    def now(self) -> datetime:
        return self._clock.now()

    async def perform(self, edit: model.Edit, seconds: float) -> None:
        """Does the edit after so many seconds, on both sides, and checks what must hold from one state to the next."""
        await self._clock.advance(seconds)
        before_feed = await self._feeds.body(FEED)
        before = list(self.model.parts)
        self._commits.clear()
        refused = await self._edit(edit)
        await self._publish()
        self._feed = await self._feeds.body(FEED)
        self.model.check_apart()
        if refused:
            assert not self._commits, "a refused edit wrote something"
            assert self._feed == before_feed
        else:
            self._check_step(before, events(before_feed), events(self._feed))

    async def compare(self, readers: Iterable[str]) -> None:
        """What is listed, what each reader makes of the feed, and the model are the same."""
        since, until = self.now - BEFORE, self.now + AFTER
        expected = self.model.shown(since, until)
        assert sorted(await self._listed(since, until)) == sorted(map(self._named, expected))
        shown = sorted(
            (self.names[each.part].rpartition("/")[2], each.start, each.end, each.title)
            for each in expected
            if each.start >= since and not each.cancelled
        )
        for reader in readers:
            seen = READERS[reader](self._feed, since, until)
            found = sorted((_meeting(each.uid), *each[1:]) for each in seen)
            assert found == shown, f"{reader}: {set(found) ^ set(shown)}"

    async def compare_rebuilt(self) -> None:
        """Feeds that know nothing but the last state of everything give the same bytes."""
        fresh = Feeds(now=self.now)
        newest = {event.subject: event for event in sorted(self._past, key=lambda event: event.order)}
        fresh.apply(*newest.values())
        assert await fresh.body(FEED) == self._feed

    async def _edit(self, edit: model.Edit) -> set[str]:
        """Both sides refuse for the same reason, or both do it. Gives the reasons."""
        reasons: set[str] = set()
        count = len(self.model.parts)
        try:
            self.model.apply(edit)
        except model.No as no:
            reasons = no.reasons
        method, request = request_of(edit, self.names)
        refusal, reply = await self._answer(method, request)
        assert (refusal in reasons) if refusal else not reasons, f"{refusal or 'done'}; the model says {reasons}"
        if len(self.model.parts) > count:
            self.names.append(reply.name)
        elif not refusal and isinstance(edit, model.Update | model.Delete):
            assert reply.name == self.names[edit.part]
        return reasons

    async def _answer(self, method: str, request: dict[str, Any]) -> tuple[str, Any]:
        """The reason of the refusal, or "" and the reply."""
        try:
            return "", await self._house.call(method, **request)
        except Refusal as refusal:
            return refusal.reason, None

    async def _publish(self) -> None:
        """Brings what is unpublished to the feeds, shuffled, with duplicates, and with some of what came before."""
        records = await self._store.unpublished(1000)
        made = [_PUBLICATIONS[record.kind].event(record, SITE) for record in records]
        again = self._chance.sample(self._past, min(3, len(self._past)))
        brought = [*made, *made[:2], *again]
        self._chance.shuffle(brought)
        self._feeds.apply(*brought)
        self._past += made
        for record, event in zip(records, made, strict=True):
            await self._store.published(record.kind, record.id, "public", event.epoch, event.revision, 1)

    async def _listed(self, since: datetime, until: datetime) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        token = ""
        while True:
            page = await self._house.call(
                "ListOccurrences",
                parent=CENTRE,
                start_time=since.isoformat(),
                end_time=until.isoformat(),
                show_cancelled=True,
                page_size=self._chance.choice([100, 1000]),
                page_token=token,
            )
            found += [_listed(each) for each in page.occurrences]
            if not (token := page.next_page_token):
                return found

    def _named(self, shown: model.Shown) -> tuple[Any, ...]:
        """As the service names it."""
        lineage, key = shown.identity
        name, first = self.names[shown.part], self.names[lineage].rpartition("/")[2]
        return f"{name}/occurrences/{key}", f"{first}/{key}", shown.start, shown.end, shown.title, shown.cancelled

    def _check_step(self, before: list[model.Part], old: dict[str, bytes], new: dict[str, bytes]) -> None:
        """What the step from one feed to the next may change, meeting by meeting."""
        olds, news = _by_meeting(old), _by_meeting(new)
        for number, part in enumerate(before):
            now, id_ = self.model.parts[number], self.names[number].rpartition("/")[2]
            if part == now:
                assert olds.get(id_) == news.get(id_), "the feed of another meeting changed"
            elif id_ in olds:
                self._check_sequence(part, now, olds[id_], news[id_])
        for key in old.keys() & new.keys():
            for stamp in ("DTSTAMP", "LAST-MODIFIED", "SEQUENCE", "CREATED"):
                assert _order(value(new[key], stamp)) >= _order(value(old[key], stamp)), f"{stamp} went back"

    def _check_sequence(self, before: model.Part, now: model.Part, old: list[bytes], new: list[bytes]) -> None:
        """SEQUENCE rises by one if people see something else, and only if something was said (RFC 5545 3.8.7.4)."""
        was, is_ = _sequence(old), _sequence(new)
        if _visible(before) != _visible(now):
            assert is_ == was + 1, "a noticeable change does not count"
        elif before.told() == now.told():
            assert is_ == was, "SEQUENCE rose for nothing"
            assert [_STAMPS.sub(b"", each) for each in old] == [_STAMPS.sub(b"", each) for each in new]
        else:
            assert is_ - was in {0, 1}


def request_of(edit: model.Edit, names: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The method and its request, as in JSON; `names` are those of the model's parts."""
    if isinstance(edit, model.Create):
        meeting = {"title": edit.title, "mode": "MODE_IN_PERSON", "schedule": _schedule(vars(edit.times))}
        return "CreateMeeting", {"parent": CENTRE, "meeting": meeting}
    name = names[edit.part]
    if isinstance(edit, model.Delete):
        return "DeleteMeeting", {"name": name}
    if isinstance(edit, model.Update):
        return "UpdateMeeting", _update(name, edit)
    name = f"{name}/occurrences/{edit.key}"
    if isinstance(edit, model.Cancel):
        return "CancelOccurrence", {"name": name, "reason": edit.reason}
    if isinstance(edit, model.Restore):
        return "RestoreOccurrence", {"name": name}
    change = {field: _plain(value) for field, value in edit.fields.items() if value is not None}
    return "ChangeOccurrence", {"name": name, "change": change, "update_mask": ",".join(edit.fields)}


@cache
def clients() -> tuple[str, ...]:
    """The readers besides `icalendar` that can run here; that one is missing is reported by the feed gate."""
    found = [name for name in READERS if name != "icalendar"]
    empty = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n"
    try:
        READERS["ical.js"](empty, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
    except pytest.skip.Exception:
        found.remove("ical.js")
    return tuple(found)


def _visible(part: model.Part) -> object:
    """Everything that people can see of a part, at any time."""
    alone = model.Model()
    alone.parts.append(part)
    return alone.shown(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def _sequence(meeting: list[bytes]) -> int:
    (sequence,) = {value(event, "SEQUENCE") for event in meeting}  # an override is never below its master
    return int(sequence)


def _by_meeting(found: dict[str, bytes]) -> dict[str, list[bytes]]:
    grouped: defaultdict[str, list[bytes]] = defaultdict(list)
    for key, event in found.items():
        grouped[_meeting(key)].append(event)
    return grouped


def _meeting(uid: str) -> str:
    """The id of the meeting that a UID belongs to: it begins with it."""
    return uid[:36]


def _order(stamp: str) -> tuple[int, str]:
    """Compares numbers as numbers, and instants of one form as text."""
    return len(stamp), stamp


def _listed(each: Any) -> tuple[Any, ...]:
    start, end = each.start_time.ToDatetime(UTC), each.end_time.ToDatetime(UTC)
    return each.name, each.identity, start, end, each.title, each.state == 2


def _update(name: str, edit: model.Update) -> dict[str, Any]:
    schedule = {path[9:]: value for path, value in edit.fields.items() if path.startswith("schedule.")}
    meeting: dict[str, Any] = {"name": name, "schedule": _schedule(schedule)}
    if "title" in edit.fields:
        meeting["title"] = edit.fields["title"]
    request: dict[str, Any] = {"meeting": meeting, "update_mask": ",".join(edit.fields).replace("extra", "extraDates")}
    if edit.following is not None:
        request |= {"scope": "EDIT_SCOPE_FOLLOWING", "occurrence": str(edit.following)}
    if edit.orphans:
        request["orphans"] = f"ORPHAN_POLICY_{edit.orphans.upper()}"
    return request


def _schedule(fields: dict[str, Any]) -> dict[str, Any]:
    names = {"zone": "time_zone", "extra": "extra_dates"}
    return {names.get(name, name): _plain(value) for name, value in fields.items()}


def _plain(value: Any) -> Any:
    """A value of the model as a request in JSON has it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes")
    if isinstance(value, Rule):
        return str(value)
    if isinstance(value, tuple):
        return [{"date": str(day), "ordinal": ordinal, "time": _time(at)} for day, ordinal, at in value]
    return value


def _time(at: time | None) -> str:
    return at.isoformat(timespec="minutes") if at else ""
