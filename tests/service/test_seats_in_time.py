"""What guests and others are told stays true as time goes on, whether anybody looked after the lists or not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from openchair.rsvps.v1 import list_rules_pb2, seat_pb2

from services.kit.clock import instant
from services.kit.errors import Invalid, Unmet
from services.kit.store.port import Commit
from services.rsvps import records
from services.rsvps.reacting import kept
from services.rsvps.types import Count, Differing, Event, Part, Scope, Shown
from tests.service.rsvps_house import CENTRE, DATE, MEETING, OPERATOR, House, key_of, shown, weekly

pytest_plugins = ("tests.service.rsvps_house",)


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


NAME = f"{CENTRE}/meetings/{MEETING}"
FAR = f"{NAME}/occurrences/20261222"
GOING, WAITLISTED = seat_pb2.SEAT_STATE_GOING, seat_pb2.SEAT_STATE_WAITLISTED
OPEN, WAITLIST, FULL = (
    list_rules_pb2.AVAILABILITY_OPEN,
    list_rules_pb2.AVAILABILITY_WAITLIST,
    list_rules_pb2.AVAILABILITY_FULL,
)
LAST_BEGUN = datetime(2026, 12, 2, 1, 30, tzinfo=UTC)  # the second date, 19:00 to 20:00 there


async def look_after(house: House) -> None:
    """Has the event looked after now, with all that is due."""
    record, at = await house.store.get("event", MEETING), instant(house.clock.now())
    assert record is not None
    written = records.write(record, records.read(record, Event), at=at, actor="test", due_at=at)
    await house.store.commit(Commit((written,)))
    await house.sweep()


async def counts(house: House) -> list[Count]:
    page = await house.store.find("count", {"centre": "house"}, ("date",), 1000)
    return [records.read(record, Count) for record in page.records]


async def word(house: House, name: str = NAME) -> Any:
    return (await house.call("GetAvailability", name=name)).availability.in_person


@pytest.fixture
async def course(alone: House) -> House:
    """A course of two dates that one has joined."""
    await alone.part(schedule=weekly(rule="FREQ=WEEKLY;COUNT=2"))
    await alone.rules(scope=Scope.SERIES, capacity=2)
    await alone.reserve(1, NAME)
    await look_after(alone)
    return alone


@pytest.mark.parametrize("swept", [False, True])
async def test_a_course_goes_on_until_its_last_date_is_over_and_is_not_called_off_by_that(
    course: House, *, swept: bool
) -> None:
    for when in (LAST_BEGUN, datetime(2026, 12, 2, 3, tzinfo=UTC), datetime(2026, 12, 9, tzinfo=UTC)):
        course.to(when)
        if swept:
            await look_after(course)
        mine = await course.mine(1, NAME)
        assert (mine.state, mine.end) == (GOING, seat_pb2.SEAT_END_UNSPECIFIED), when
    await look_after(course)
    assert [(each.date.day, each.held, each.expected) for each in await counts(course)] == [(24, True, 1), (1, True, 1)]


async def test_whoever_is_enrolled_was_expected_at_the_last_date_that_was_held(course: House) -> None:
    called_off = (Differing(date=date(2026, 12, 8), cancelled=True),)
    await course.part(schedule=weekly(rule="FREQ=WEEKLY;COUNT=3"), changes=called_off)
    await look_after(course)
    course.to(datetime(2026, 12, 2, 3, tzinfo=UTC))
    await look_after(course)
    assert await word(course) == FULL, "its last date that is on is over"
    course.to(datetime(2026, 12, 16, tzinfo=UTC))
    await look_after(course)
    assert [each.expected for each in await counts(course)] == [1, 1, 0]


async def test_a_course_that_is_prolonged_when_it_was_over_goes_on(course: House) -> None:
    course.to(datetime(2026, 12, 3, tzinfo=UTC))
    await look_after(course)
    with pytest.raises(Unmet, match="begun"):
        await course.reserve(2, NAME)
    await course.part(schedule=weekly(rule="FREQ=WEEKLY;COUNT=4"))
    await look_after(course)
    assert (await course.reserve(2, NAME)).state == GOING


async def test_the_word_of_a_course_says_when_nobody_joins_any_more(course: House) -> None:
    """The day after the last joining date begins at midnight there: 06:00 UTC."""
    await course.reserve(2, NAME)
    await course.reserve(3, NAME)
    await course.rules(scope=Scope.SERIES, capacity=2, last_joining_date=date(2026, 11, 25))
    await look_after(course)
    midnight = datetime(2026, 11, 26, 6, tzinfo=UTC)
    for when, said in ((midnight - timedelta(minutes=1), WAITLIST), (midnight, FULL)):
        course.to(when)
        await course.sweep()
        ((record, known),) = await course.lists()
        assert (known.words["room"] == "full") is (said == FULL), "in the stream"
        assert await word(course) == said
        assert record.due_at is not None
    with pytest.raises(Unmet) as refused:
        await course.reserve(4, NAME)
    assert refused.value.reason == "JOINING_OVER"
    await course.call("Cancel", name=NAME, guest_key=key_of(1))
    assert (await course.mine(3, NAME)).state == GOING, "who waits moves up all the same"


async def test_nobody_is_told_to_confirm_by_an_instant_that_is_over(alone: House) -> None:
    await alone.rules(confirm_before_minutes=1440)
    assert (await alone.reserve(1)).HasField("confirm_until_time")
    alone.to(datetime(2026, 11, 24, 4, tzinfo=UTC))
    late = await alone.reserve(2)
    assert (late.state, late.HasField("confirm_until_time")) == (GOING, False)
    await alone.rules(confirm_before_minutes=2880)
    assert not (await alone.mine(2)).HasField("confirm_until_time"), "it was over when the rule was made"


async def test_who_has_a_standing_seat_has_it_at_a_date_that_nobody_came_to_yet(alone: House) -> None:
    await alone.rules(capacity=2, standing_seats=True)
    await alone.reserve(1, NAME)
    assert await word(alone, FAR) == OPEN
    await alone.reserve(2, NAME)
    assert await word(alone, FAR) == WAITLIST, "the word is what happens to whoever comes"
    assert len(await alone.lists()) == 3, "whoever asks makes no list: the series, and two dates ahead"
    assert not (await alone.mine(3, FAR)).state
    assert len(await alone.lists()) == 3
    assert ((await alone.mine(1, FAR)).state, (await alone.mine(1, FAR)).standing) == (GOING, True)
    assert (await alone.reserve(3, FAR)).state == WAITLISTED


async def test_a_date_with_a_capacity_of_its_own_is_counted_like_any(alone: House) -> None:
    await look_after(alone)
    await alone.call("SetListRules", OPERATOR, list_rules={"name": f"{DATE}/listRules", "mode": 1, "capacity": 7})
    alone.to(datetime(2026, 12, 12, 12, tzinfo=UTC))
    await alone.sweep()
    assert [each.date.day for each in await counts(alone)] == [24, 1, 8]
    event = await alone.event()
    assert event is not None
    assert event.lists == (), "what was said of a date that is over is kept no longer"


async def heard(house: House, id_: str, seen: Shown) -> None:
    """A newer state of a part of the series, taken in as the stream brings it."""
    record = await house.store.get("part", id_)
    before = Part(id=id_, centre="house", lineage=MEETING) if record is None else records.read(record, Part)
    part = msgspec.structs.replace(before, public=seen, private=seen)
    await house.store.commit(await kept(house.store, record, before, part, instant(house.clock.now())))
    await house.sweep()


@pytest.mark.parametrize("cut_first", [True, False])
async def test_seats_go_along_where_a_second_part_is_held_on_other_days(alone: House, *, cut_first: bool) -> None:
    """From the third date on it is on Wednesdays: what was kept for that Tuesday is kept for the Wednesday."""
    third = f"{NAME}/occurrences/20261208"
    await alone.reserve(1, DATE)
    await alone.reserve(1, third)
    await alone.reserve(2, third)
    tuesdays, wednesdays = (weekly(datetime(2026, 12, day, 19)) for day in (8, 9))  # noqa: DTZ001 - local times
    said = [
        (MEETING, shown(schedule=weekly(rule="FREQ=WEEKLY;UNTIL=20261201"))),
        ("second", shown(schedule=wednesdays, day_changes=((instant(alone.clock.now()), tuesdays, wednesdays),))),
    ]
    for id_, seen in said if cut_first else reversed(said):
        await heard(alone, id_, seen)
    for name in (third, f"{CENTRE}/meetings/second/occurrences/20261209"):
        mine = await alone.mine(1, name)
        assert (mine.state, mine.moved) == (GOING, True), name
        assert mine.start_time.ToDatetime(UTC) == datetime(2026, 12, 10, 1, tzinfo=UTC)
    first = await alone.mine(1, DATE)
    assert (first.state, first.moved) == (GOING, False)


async def test_a_date_that_was_held_is_counted_though_the_days_were_changed_since(alone: House) -> None:
    await look_after(alone)
    await alone.reserve(1, DATE)
    alone.to(datetime(2026, 11, 25, 12, tzinfo=UTC))
    thursdays = weekly(datetime(2026, 11, 26, 19))  # noqa: DTZ001 - a local time
    changed = shown(schedule=thursdays, day_changes=((instant(alone.clock.now()), weekly(), thursdays),))
    await heard(alone, MEETING, changed)
    alone.to(datetime(2026, 11, 29, 12, tzinfo=UTC))
    await alone.sweep()
    (count,) = await counts(alone)
    assert (count.date, count.weekday, count.held, count.expected) == (date(2026, 11, 24), 2, True, 1)


IMPOSSIBLE: dict[str, dict[str, Any]] = {
    "draw_hours": {"opens_before_minutes": 600, "draw_hours": 2},
    "opens_before_minutes": {"scope": "SEAT_SCOPE_SERIES", "opens_before_minutes": 600},
    "closes_before_minutes": {"scope": "SEAT_SCOPE_SERIES", "closes_before_minutes": 600},
    "cut_off_minutes": {"scope": "SEAT_SCOPE_SERIES", "cut_off_minutes": 600},
}


@pytest.mark.parametrize("field", IMPOSSIBLE)
async def test_rules_that_would_never_hold_are_refused(alone: House, field: str) -> None:
    """A draw that an offer of its places could not follow; what hangs on a start, where there is no one start."""
    rules = {"name": f"{NAME}/listRules", "mode": "RSVP_MODE_OPTIONAL", **IMPOSSIBLE[field]}
    with pytest.raises(Invalid) as refused:
        await alone.call("SetListRules", OPERATOR, list_rules=rules)
    assert [each.field for each in refused.value.violations] == [f"list_rules.{field}"]
