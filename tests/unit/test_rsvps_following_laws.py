"""What was heard of a meeting ends the same in whatever order, and however often, its states come."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openchair.meetings.v1 import group_pb2, meeting_pb2, schedule_pb2

from services.kit.clock import Ids, VirtualClock, instant
from services.kit.event import Event as Said
from services.kit.event import subject
from services.kit.paging import Pages
from services.kit.reactor import Poison
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Commit
from services.rsvps import records
from services.rsvps.desk import Desk
from services.rsvps.keys import Secrets
from services.rsvps.reacting import Hearer
from services.rsvps.records import KINDS
from services.rsvps.types import DatedList, Event, GroupCodes, Part, RsvpMode, Rules, SisterDate, Sisters

if TYPE_CHECKING:
    from google.protobuf.message import Message

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CENTRE, MEETING = "centres/house", "centres/house/meetings/first"
DATES = (date(2026, 11, 24), date(2026, 12, 1))
SECRET = ("https://meet.example/secret", "passcode-7", "1 Hidden Street", "Ring twice")


def schedule(day: int, hour: int = 19) -> schedule_pb2.Schedule:
    """Every week, on the weekday of that day of November 2026."""
    return schedule_pb2.Schedule(
        start=f"2026-11-{day}T{hour:02}:00", time_zone="America/Edmonton", minutes=60, rule="FREQ=WEEKLY"
    )


@dataclass
class Edits:
    """A meeting as it is edited, and every state of it that was published, by view."""

    meeting: meeting_pb2.Meeting = field(default_factory=lambda: the_meeting())  # noqa: PLW0108 - it is defined below
    said: list[Said] = field(default_factory=list)
    revisions: dict[str, int] = field(default_factory=lambda: {"public": 0, "private": 0})

    def edit(self, what: str) -> None:
        """One edit, published as the meetings service does it."""
        now, meeting = START + timedelta(minutes=len(self.said)), self.meeting
        if what == "hour":
            meeting.schedule.start = meeting.schedule.start.replace("T19", "T20")
        elif what == "day":
            self._day(instant(now))
        elif what == "cancel":
            meeting.changes.append(meeting_pb2.OccurrenceChange(date="2026-12-01", cancelled=True))
        elif what == "suspend":
            meeting.state = meeting_pb2.MEETING_STATE_SUSPENDED
        elif what == "members":
            meeting.visibility = meeting_pb2.VISIBILITY_MEMBERS
            meeting.invite_group = f"{CENTRE}/groups/owls"
        public = meeting.visibility == meeting_pb2.VISIBILITY_PUBLIC
        self.say("public", meeting if public and what != "gone" else None, now)
        self.say("private", meeting if not public and what != "gone" else meeting_pb2.Meeting(name=MEETING), now)

    def say(self, view: str, message: meeting_pb2.Meeting | None, at: datetime) -> None:
        self.revisions[view] += 1
        self.said.append(said("meeting", "first", message, self.revisions[view], view=view, at=at))

    def _day(self, at: str) -> None:
        old = self.meeting.schedule
        new = schedule(26 if old.start.startswith("2026-11-24") else 24, int(old.start[11:13]))
        self.meeting.day_changes.add(time=at, old_schedule=old, new_schedule=new)
        self.meeting.schedule.CopyFrom(new)


def the_meeting() -> meeting_pb2.Meeting:
    """A weekly meeting on Tuesdays, with all that this service has no business with."""
    url, passcode, address, notes = SECRET
    return meeting_pb2.Meeting(
        name=MEETING,
        lineage="first",
        title="Tuesday Group",
        kind="support-meeting",
        state=meeting_pb2.MEETING_STATE_ACTIVE,
        mode=meeting_pb2.MODE_HYBRID,
        visibility=meeting_pb2.VISIBILITY_PUBLIC,
        schedule=schedule(24),
        venue=meeting_pb2.Venue(address=address),
        online=meeting_pb2.Online(url=url, passcode=passcode),
        notes=notes,
    )


def said(
    kind: str, id_: str, message: Message | None, revision: int, *, view: str = "private", at: datetime = START
) -> Said:
    """What stands in the stream; no message: a tombstone."""
    payload = None
    if message is not None:
        stamped = type(message).FromString(message.SerializeToString())
        stamped.epoch, stamped.revision = 1, revision  # type: ignore[attr-defined]  # every view has them
        stamped.update_time.FromDatetime(at)  # type: ignore[attr-defined]  # as above
        payload = stamped.SerializeToString()
    name = f"openchair.meetings.v1.{kind.capitalize()}"
    return Said(subject("home", view, "meetings", "house", kind, id_), 1, revision, name, instant(at), payload)


class Listener:
    """The service's store, with an event whose dates have lists, and what takes states in."""

    def __init__(self) -> None:
        clock = VirtualClock(START)
        self.store = MemoryStore(KINDS, clock)
        ids = Ids(random.Random(7))  # noqa: S311 - seeded
        self.hearer = Hearer(Desk(self.store, clock, ids, Pages(b"k" * 32), Secrets({"1": b"s" * 32}, "1")), "home")

    async def begin(self) -> None:
        lists = tuple(DatedList(day, 0, f"l{index}") for index, day in enumerate(DATES))
        shared = Sisters("s", "ls", (SisterDate("first", DATES[0]), SisterDate("other", DATES[0])))
        rules = Rules(mode=RsvpMode.OPTIONAL)
        other = Event(id="other", centre="house", rules=Rules(sisters=(shared,)), sistered=True)
        values = (Event(id="first", centre="house", rules=rules, lists=lists), other)
        written = (records.write(None, each, at=instant(START), actor="test") for each in values)
        await self.store.commit(Commit(tuple(written)))

    async def hear(self, states: list[Said]) -> tuple[Part, Event, Event]:
        for each in states:
            await self.hearer.handle(each)
        return (await self.part(), await self.event("first"), await self.event("other"))

    async def part(self) -> Part:
        record = await self.store.get("part", "first")
        assert record is not None
        return records.read(record, Part)

    async def event(self, id_: str) -> Event:
        record = await self.store.get("event", id_)
        assert record is not None
        return records.read(record, Event)


async def ended(states: list[Said]) -> tuple[Part, Event, Event]:
    """What is known after these states."""
    listener = Listener()
    await listener.begin()
    return await listener.hear(states)


EDITS = st.lists(st.sampled_from(["hour", "day", "cancel", "suspend", "members", "gone"]), min_size=1, max_size=5)


@settings(max_examples=100, deadline=None)
@given(EDITS, st.randoms(use_true_random=False))
def test_states_in_any_order_and_twice_end_the_same(edits: list[str], source: random.Random) -> None:
    meeting = Edits()
    for each in ("first", *edits):
        meeting.edit(each)
    mixed = meeting.said * 2
    source.shuffle(mixed)
    newest = {each.subject: each for each in meeting.said}
    in_order, in_disorder, alone = (
        asyncio.run(ended(states)) for states in (meeting.said, mixed, list(newest.values()))
    )
    if edits[-1] == "gone":  # where the days went on the way is not said any more: all of it is off
        assert in_disorder[0].shown is in_order[0].shown is alone[0].shown is None
        assert in_disorder[1].private
    else:
        assert in_disorder == in_order == alone


async def test_lists_and_sister_dates_go_where_the_days_go() -> None:
    meeting = Edits()
    meeting.edit("first")
    meeting.edit("day")
    part, event, other = await ended(meeting.said)
    assert [each.date for each in event.lists] == [date(2026, 11, 26), date(2026, 12, 3)]
    assert other.rules.sisters[0].dates == (SisterDate("first", date(2026, 11, 26)), SisterDate("other", DATES[0]))
    assert other.shared == {"s": (f"{MEETING}/occurrences/20261126",)}
    assert part.days_applied


async def test_what_is_heard_first_makes_an_event_and_every_change_makes_it_due() -> None:
    meeting, listener = Edits(), Listener()
    meeting.edit("first")
    for each in meeting.said:
        await listener.hearer.handle(each)
    record = await listener.store.get("event", "first")
    assert record is not None
    assert (record.due_at, record.view("public")) == (instant(START), None)
    kept = Event(id="first", centre="house", series="l9")
    await listener.store.commit(Commit((records.write(record, kept, at=instant(START), actor="test"),)))
    meeting.edit("hour")
    await listener.hearer.handle(meeting.said[-2])
    record = await listener.store.get("event", "first")
    assert record is not None
    assert record.due_at == instant(START)


async def test_nothing_of_links_addresses_and_notes_is_kept() -> None:
    meeting, listener = Edits(), Listener()
    meeting.edit("members")
    for each in meeting.said:
        await listener.hearer.handle(each)
    kept = [str(entry) async for entry in listener.store.dump()]
    assert any("Tuesday Group" in each for each in kept)
    assert not [word for word in SECRET if any(word in each for each in kept)]


async def test_codes_of_a_group_are_kept_until_they_are_taken_back() -> None:
    listener, group = Listener(), group_pb2.Group(name=f"{CENTRE}/groups/owls")
    group.invite_codes.add(id="1", digest="d" * 64)
    group.invite_codes.add(id="2", digest="e" * 64).expire_time.FromDatetime(START)
    await listener.hearer.handle(said("group", "owls", group, 2))
    await listener.hearer.handle(said("group", "owls", None, 1))
    record = await listener.store.get("group", "owls")
    assert record is not None
    assert records.read(record, GroupCodes).digests == (("d" * 64, ""), ("e" * 64, instant(START)))
    await listener.hearer.handle(said("group", "owls", None, 3))
    record = await listener.store.get("group", "owls")
    assert record is not None
    assert records.read(record, GroupCodes).digests == ()


def broken(**fields: object) -> Said:
    meeting = the_meeting()
    meeting.MergeFrom(meeting_pb2.Meeting(**fields))  # type: ignore[arg-type]  # any field of it
    return said("meeting", "first", meeting, 1, view="public")


POISON = {
    "another's name": broken(name="centres/house/meetings/second"),
    "no rule": broken(schedule=schedule_pb2.Schedule(rule="FREQ=HOURLY")),
    "no such day": broken(changes=[meeting_pb2.OccurrenceChange(date="2026-02-30")]),
    "no message": msgspec.structs.replace(said("meeting", "first", the_meeting(), 1), payload=b"\xff"),
    "of another revision": msgspec.structs.replace(said("meeting", "first", the_meeting(), 1), revision=2),
    "a room": said("room", "first", None, 1),
    "another site": Said("openchair.away.public.meetings.house.meeting.first", 1, 1, "x", instant(START), None),
    "a shorter subject": Said("openchair.home.public", 1, 1, "x", instant(START), None),
}


@pytest.mark.parametrize("what", POISON)
async def test_what_can_never_be_read_is_poison_and_is_not_quoted(what: str) -> None:
    listener = Listener()
    with pytest.raises(Poison) as raised:
        await listener.hearer.handle(POISON[what])
    assert not any(word in str(raised.value) for word in ("HOURLY", "second", "away", "2026"))
    assert [entry async for entry in listener.store.dump()] == []
