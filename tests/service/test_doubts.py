"""Reports that nobody was there: who may make them, what they mark, that they cancel nothing, how they end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from openchair.meetings.v1 import meeting_pb2, occurrence_pb2

from services.kit.call import Caller
from services.kit.errors import Exhausted, Invalid, NotFound, Unmet
from services.meetings import doubting
from services.meetings.records import KINDS
from services.meetings.types import Meeting, Status
from services.recurrence.rule import parse_rule
from services.recurrence.types import Key, Schedule
from services.recurrence.zones import to_utc
from tests.service.meetings_house import CENTRE, NOBODY, House

pytest_plugins = ["tests.service.meetings_house"]

FACILITATOR = Caller("ana", {"house": frozenset({"facilitator"})})
FIRST = to_utc(datetime(2026, 11, 24, 19), "America/Edmonton")  # noqa: DTZ001 - a local time
"""When the first Tuesday's begins."""
WEEK = timedelta(weeks=1)
UNCONFIRMED = occurrence_pb2.OCCURRENCE_STATE_UNCONFIRMED
SCHEDULED = occurrence_pb2.OCCURRENCE_STATE_SCHEDULED


def date_of(meeting: Any, week: int = 0) -> str:
    """The name of the occurrence so many weeks after the first."""
    return f"{meeting.name}/occurrences/{datetime(2026, 11, 24, tzinfo=UTC) + week * WEEK:%Y%m%d}"


async def stands_there(house: House, name: str, *who: str, **more: Any) -> Any:
    """Reports, one for each id; the last answer."""
    answers = [
        await house.call("ReportNobodyHere", NOBODY, name=name, request_id=each, **more) for each in who or ("a", "b")
    ]
    return answers[-1]


async def doubts(house: House, **page: Any) -> list[Any]:
    return list((await house.call("ListDoubts", FACILITATOR, parent=CENTRE, **page)).doubts)


async def state(house: House, name: str) -> int:
    """What everybody is told of that date."""
    day = house.clock.now() - timedelta(days=2)
    found = await house.call(
        "ListOccurrences",
        NOBODY,
        parent=CENTRE,
        start_time=f"{day:%Y-%m-%dT%H:%M:%SZ}",
        end_time=f"{day + timedelta(days=4):%Y-%m-%dT%H:%M:%SZ}",
    )
    return next(int(each.state) for each in found.occurrences if each.name == name)


async def public(house: House, meeting: Any) -> Any:
    return await house.call("ViewMeeting", NOBODY, name=meeting.name)


async def test_the_first_report_alarms_the_second_marks_and_none_cancels(house: House) -> None:
    await house.call("UpdateCentre", centre={"name": CENTRE, "phone": "+1 780 555 0100", "crisis_line": "988"})
    meeting = await house.meeting()
    house.clock.jump(FIRST)
    first = await stands_there(house, date_of(meeting), "a")
    assert (first.call, first.crisis_line, first.state) == ("+1 780 555 0100", "988", SCHEDULED)
    (doubt,) = await doubts(house)
    assert (doubt.reports, doubt.occurrence, doubt.title) == (1, date_of(meeting), "Tuesday Group")
    assert await state(house, date_of(meeting)) == SCHEDULED
    assert (await stands_there(house, date_of(meeting), "b")).state == UNCONFIRMED
    assert await state(house, date_of(meeting)) == UNCONFIRMED
    for number in range(30):
        await stands_there(house, date_of(meeting), f"c{number}")
    assert [each.reports for each in await doubts(house)] == [20]
    (change,) = (await public(house, meeting)).changes
    assert (change.unconfirmed, change.cancelled) == (True, False)


async def test_the_alarm_is_a_private_view_and_nothing_of_it_is_public(house: House) -> None:
    meeting = await house.meeting()
    house.clock.jump(FIRST)
    await stands_there(house, date_of(meeting), "a")
    record = await house.store.get("doubt", f"{meeting.lineage}-20261124")
    assert record is not None
    assert [(view.name, view.pending) for view in record.views] == [("private", True)]
    assert "doubt" in {kind.name for kind in KINDS}


async def test_one_request_id_is_one_report_also_of_somebody_without_a_token(house: House) -> None:
    meeting = await house.meeting()
    house.clock.jump(FIRST)
    for _ in range(3):
        await stands_there(house, date_of(meeting), "same")
    assert [each.reports for each in await doubts(house)] == [1]
    with pytest.raises(Invalid):
        await house.call("ReportNobodyHere", NOBODY, name=date_of(meeting))


async def test_reports_at_once_are_all_counted(house: House) -> None:
    meeting = await house.meeting()
    house.clock.jump(FIRST)
    at_once = asyncio.gather(*(stands_there(house, date_of(meeting), f"r{number}") for number in range(4)))
    while not at_once.done():
        await asyncio.sleep(0)
        if house.clock.asleep:
            await house.clock.advance(0.01)  # whoever was slower waits a moment and decides anew
    await at_once
    assert [each.reports for each in await doubts(house)] == [4]


@pytest.mark.parametrize(("minutes", "taken"), [(-16, False), (-15, True), (60, True), (61, False)])
async def test_reports_are_taken_around_the_start_only(house: House, minutes: int, *, taken: bool) -> None:
    meeting = await house.meeting()
    house.clock.jump(FIRST + timedelta(minutes=minutes))
    if taken:
        await stands_there(house, date_of(meeting), "a")
        return
    with pytest.raises(Unmet) as refusal:
        await stands_there(house, date_of(meeting), "a")
    assert refusal.value.reason == "NOT_NOW"


async def test_a_date_that_was_moved_takes_them_where_it_moved_to(house: House) -> None:
    meeting = await house.meeting()
    await house.call("ChangeOccurrence", name=date_of(meeting), change={"start": "2026-11-24T21:00"})
    house.clock.jump(FIRST)
    with pytest.raises(Unmet):
        await stands_there(house, date_of(meeting), "a")
    house.clock.jump(FIRST + timedelta(hours=2))
    await stands_there(house, date_of(meeting), "a")


async def test_what_does_not_take_place_takes_none(house: House) -> None:
    cancelled, suspended = await house.meeting(), await house.meeting(state="MEETING_STATE_SUSPENDED")
    await house.call("CancelOccurrence", name=date_of(cancelled), reason="Snow")
    house.clock.jump(FIRST)
    for meeting in (cancelled, suspended):
        with pytest.raises(Unmet) as refusal:
            await stands_there(house, date_of(meeting), "a")
        assert refusal.value.reason == "NOT_ON"
    assert await doubts(house) == []


async def test_what_may_not_be_seen_answers_like_what_is_not_there_at_any_hour(house: House) -> None:
    group = (await house.group()).name
    hidden = await house.meeting(visibility="VISIBILITY_MEMBERS", invite_group=group)
    unlisted = await house.meeting(visibility="VISIBILITY_UNLISTED")
    told = set()
    for moment in (FIRST - timedelta(days=3), FIRST):
        house.clock.jump(moment)
        for meeting in (hidden.name, f"{CENTRE}/meetings/none"):
            name = f"{meeting}/occurrences/20261124"
            with pytest.raises(NotFound) as refusal:
                await stands_there(house, name, "a")
            told.add((refusal.value.message.replace(meeting, ""), refusal.value.reason))
    assert len(told) == 1
    await stands_there(house, date_of(unlisted), "a")  # whoever can name it knows its link
    await stands_there(house, date_of(hidden), "b", invite_code=await house.code(group))
    assert len(await doubts(house)) == 2


async def test_a_day_on_which_it_is_not_held_is_not_there(house: House) -> None:
    meeting = await house.meeting()
    with pytest.raises(NotFound):
        await stands_there(house, f"{meeting.name}/occurrences/20261125", "a")


async def test_we_are_on_takes_the_mark_away_and_no_later_report_counts(house: House) -> None:
    meeting = await house.meeting()
    house.clock.jump(FIRST)
    await stands_there(house, date_of(meeting))
    answer = await house.call("ConfirmOccurrence", FACILITATOR, name=date_of(meeting))
    assert answer.state == SCHEDULED == await state(house, date_of(meeting))
    assert (await stands_there(house, date_of(meeting), "c", "d")).state == SCHEDULED
    (doubt,) = await doubts(house)
    assert (doubt.reports, doubt.confirm_time.ToDatetime(UTC)) == (2, FIRST)


async def test_whoever_says_it_before_anybody_asks_is_believed(house: House) -> None:
    meeting = await house.meeting()
    with pytest.raises(Unmet):
        await house.call("ConfirmOccurrence", FACILITATOR, name=date_of(meeting))
    house.clock.jump(FIRST - timedelta(minutes=30))
    await house.call("ConfirmOccurrence", FACILITATOR, name=date_of(meeting))
    house.clock.jump(FIRST)
    assert (await stands_there(house, date_of(meeting))).state == SCHEDULED
    assert [each.reports for each in await doubts(house)] == [0]


@pytest.mark.parametrize(("weeks", "doubtful"), [(1, True), (8, True), (9, False)])
async def test_two_such_dates_within_60_days_make_a_series_doubtful(
    house: House, weeks: int, *, doubtful: bool
) -> None:
    meeting = await house.meeting()
    house.clock.jump(FIRST)
    await stands_there(house, date_of(meeting))
    assert not (await public(house, meeting)).doubtful
    house.clock.jump(FIRST + weeks * WEEK)
    await house.sweep()
    await stands_there(house, date_of(meeting, weeks), "c", "d")
    assert (await public(house, meeting)).doubtful is doubtful


async def test_a_series_is_doubtful_until_somebody_has_looked_into_it(house: House) -> None:
    meeting = await house.meeting()
    for week in (0, 1):
        house.clock.jump(FIRST + week * WEEK)
        await stands_there(house, date_of(meeting, week), f"a{week}", f"b{week}")
    before = await public(house, meeting)
    resolved = await house.call("ResolveDoubts", name=meeting.name)
    after = await public(house, meeting)
    assert (before.doubtful, resolved.doubtful, after.doubtful) == (True, False, False)
    house.clock.jump(FIRST + 2 * WEEK)
    await stands_there(house, date_of(meeting, 2), "c", "d")
    assert not (await public(house, meeting)).doubtful


async def test_a_date_that_was_on_after_all_makes_no_series_doubtful(house: House) -> None:
    meeting = await house.meeting()
    for week in (0, 1):
        house.clock.jump(FIRST + week * WEEK)
        await stands_there(house, date_of(meeting, week), f"a{week}", f"b{week}")
    await house.call("ConfirmOccurrence", FACILITATOR, name=date_of(meeting, 1))
    assert not (await public(house, meeting)).doubtful


async def test_30_days_later_the_doubt_and_the_mark_are_forgotten_also_after_a_split(house: House) -> None:
    meeting = await house.meeting()
    house.clock.jump(FIRST + WEEK)
    await stands_there(house, date_of(meeting, 1))
    later = await house.call(
        "UpdateMeeting",
        meeting={"name": meeting.name, "title": "B"},
        update_mask="title",
        scope="EDIT_SCOPE_FOLLOWING",
        occurrence="20261201",
    )
    house.clock.jump(FIRST + WEEK + timedelta(days=30, seconds=-1))
    await house.sweep()
    assert len(await doubts(house)) == 1
    house.clock.jump(FIRST + WEEK + timedelta(days=30))
    await house.sweep()
    assert await doubts(house) == []
    for part in (meeting.name, later.name):
        record = await house.store.get("meeting", part.rpartition("/")[2])
        assert record is not None
        assert record.state["unconfirmed"] == []


async def test_a_mark_stays_with_the_part_of_a_series_that_has_the_date(house: House) -> None:
    meeting = await house.meeting()
    house.clock.jump(FIRST + WEEK)
    await stands_there(house, date_of(meeting, 1))
    edit = {"update_mask": "title", "scope": "EDIT_SCOPE_FOLLOWING", "occurrence": "20261201"}
    later = await house.call("UpdateMeeting", meeting={"name": meeting.name, "title": "B"}, **edit)
    assert [each.unconfirmed for each in (await public(house, later)).changes] == [True]
    assert list((await public(house, meeting)).changes) == []
    await house.call("ConfirmOccurrence", FACILITATOR, name=date_of(later, 1))
    (doubt,) = await doubts(house)  # it is the same date, whatever its part is called
    assert (doubt.reports, doubt.HasField("confirm_time")) == (2, True)


async def test_doubts_are_listed_newest_first_a_page_at_a_time(house: House) -> None:
    meeting = await house.meeting()
    for week in range(3):
        house.clock.jump(FIRST + week * WEEK)
        await stands_there(house, date_of(meeting, week), f"w{week}")
    found, token = [], ""
    for _ in range(3):
        page = await house.call("ListDoubts", FACILITATOR, parent=CENTRE, page_size=1, page_token=token)
        found += [each.occurrence for each in page.doubts]
        token = page.next_page_token
    assert found == [date_of(meeting, week) for week in (2, 1, 0)]
    assert token == ""


async def test_a_flood_is_refused_until_the_next_minute_and_doubles_cost_nothing(house: House) -> None:
    meetings = [await house.meeting() for _ in range(4)]
    house.clock.jump(FIRST)
    for number in range(doubting.MOST_PER_MINUTE):
        await stands_there(house, date_of(meetings[number % 4]), f"r{number}")
    with pytest.raises(Exhausted) as refusal:
        await stands_there(house, date_of(meetings[0]), "more")
    assert refusal.value.reason == "TOO_MANY_REPORTS"
    await stands_there(house, date_of(meetings[0]), "r0")
    house.clock.jump(FIRST + timedelta(minutes=1))
    await stands_there(house, date_of(meetings[0]), "more")


async def test_who_reports_is_nowhere_and_only_staff_confirm_list_and_resolve(house: House) -> None:
    meeting = await house.meeting()
    house.clock.jump(FIRST)
    await stands_there(house, date_of(meeting), "a")
    trail = [str(each) async for each in house.store.dump() if "report-nobody-here" in str(each)]
    assert trail
    assert all("guest" in each for each in trail)
    for method, name in (("ConfirmOccurrence", date_of(meeting)), ("ResolveDoubts", meeting.name)):
        with pytest.raises(Exception, match="token"):
            await house.call(method, NOBODY, name=name)


# --- the rules ------------------------------------------------------------------------------------------------------

SERIES = Meeting(
    id="m",
    centre="c",
    created_at="",
    lineage="m",
    title="M",
    status=Status.ACTIVE,
    schedule=Schedule(datetime(2026, 1, 1, 19), "UTC", 60, parse_rule("FREQ=DAILY")),  # noqa: DTZ001 - local times are naive
)


def keys(*days: int) -> list[Key]:
    start = datetime(2026, 1, 1, tzinfo=UTC).date()
    return [Key(start + timedelta(days=day)) for day in days]


def test_what_a_series_remembers_stays_small() -> None:
    meeting = SERIES
    for key in keys(*range(60)):
        meeting = doubting.marked(meeting, key)
    assert len(meeting.doubted) == doubting.MOST_DATES
    spread = SERIES
    for key in keys(0, 70, 140):
        spread = doubting.marked(spread, key)
    assert (spread.doubted, spread.doubtful) == ((keys(140)[0],), False)


def test_a_flag_goes_with_a_confirmation_only_while_no_two_of_the_others_lie_near_each_other() -> None:
    meeting = SERIES
    for key in keys(0, 30, 140):
        meeting = doubting.marked(meeting, key)
    first, second, third = keys(0, 30, 140)
    assert doubting.confirmed(meeting, third).doubtful
    assert not doubting.confirmed(meeting, first).doubtful
    assert not doubting.confirmed(meeting, second).doubtful


def test_a_mark_raises_the_sequence_and_forgetting_it_does_not() -> None:
    (key,) = keys(3)
    marked = doubting.marked(SERIES, key)
    assert marked.sequence == 1
    assert doubting.marked(marked, key) == marked
    assert doubting.unmarked(marked, key).sequence == 1
    assert doubting.confirmed(marked, key).sequence == 2


def test_two_on_one_day_are_one_such_date() -> None:
    (day,) = keys(3)
    meeting = doubting.marked(doubting.marked(SERIES, day), Key(day.date, 1))
    assert not meeting.doubtful
    assert meeting_pb2.Meeting(doubtful=meeting.doubtful) == meeting_pb2.Meeting()
