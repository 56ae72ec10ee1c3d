"""A change through real gRPC, as people see it: in the calendar's bytes, and on the computer of a subscriber."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from openchair.meetings.v1 import meeting_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from tests.system import acts
from tests.system.real_clients import Entry, Subscriber, needs_clients
from tests.system.running import System, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

    from tests.bench.process import Answer

SUBJECT, OTHERS = "Step study", ("Early risers", "Open door", "Candlelight")
WEEKS = 5


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("change")) as started:
        yield started


class House:
    """A centre with four weekly meetings; one of them is changed, and its calendar is watched."""

    def __init__(self, system: System, stub: MeetingServiceStub, id: str) -> None:  # noqa: A002 - the field is named id everywhere
        self.system = system
        self.stub = stub
        self.id = id
        self.name = f"centres/{id}"
        self.first = _next_tuesday()
        self.meeting: meeting_pb2.Meeting
        self.shown: Answer

    async def open(self) -> None:
        """Makes it, and looks at it first."""
        await acts.create_centre(self.stub, self.id)
        for title in OTHERS:
            await acts.create_meeting(self.stub, self.name, title, f"{self.first}T07:00")
        self.meeting = await acts.create_meeting(self.stub, self.name, SUBJECT, f"{self.first}T19:00")
        self.shown = until(lambda: self._with_events(4), "all four are in the calendar")

    def _with_events(self, count: int) -> Answer | None:
        answer = self.system.get(self.path)
        return answer if answer.status == 200 and len(acts.events(answer.body)) == count else None

    @property
    def path(self) -> str:
        return f"/calendars/{self.id}.ics"

    def date(self, week: int) -> date:
        """The date of the meeting in a week, from 0."""
        return self.first + timedelta(weeks=week)

    def occurrence(self, week: int) -> str:
        """The name of a date of the meeting."""
        return f"{self.meeting.name}/occurrences/{self.date(week):%Y%m%d}"

    async def edit(self, *paths: str, following: int | None = None, **fields: object) -> meeting_pb2.Meeting:
        """Changes these fields of the meeting: of all its dates, or from the date of one week on."""
        meeting = meeting_pb2.Meeting(name=self.meeting.name, **fields)  # type: ignore[arg-type]  # any field of it
        request = pb.UpdateMeetingRequest(meeting=meeting)
        request.update_mask.paths.extend(paths)
        if following is not None:
            request.scope, request.occurrence = pb.EDIT_SCOPE_FOLLOWING, f"{self.date(following):%Y%m%d}"
        return await self.stub.UpdateMeeting(request)

    def changed(self) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """The events of the meeting before and after the calendar has another tag. Others' have the same bytes."""
        before = self.shown
        self.shown = until(self._other_tag, "the calendar has another tag")
        old, new = acts.events(before.body), acts.events(self.shown.body)
        assert _others(old) == _others(new)
        assert len(_others(new)) == len(OTHERS)
        assert self.system.get(self.path, if_none_match=before.headers["etag"]).status == 200
        assert self.system.get(self.path, if_none_match=self.shown.headers["etag"]).status == 304
        return _subject(old), _subject(new)

    def _other_tag(self) -> Answer | None:
        answer = self.system.get(self.path)
        return answer if answer.headers["etag"] != self.shown.headers["etag"] else None


def _next_tuesday() -> date:
    """In the centre's zone, at least a day ahead, so that no date passes while the test runs."""
    day = datetime.now(ZoneInfo(acts.ZONE)).date() + timedelta(days=2)
    return day + timedelta(days=(1 - day.weekday()) % 7)


def _others(events: dict[str, bytes]) -> dict[str, bytes]:
    return {key: event for key, event in events.items() if acts.value(event, "SUMMARY") in OTHERS}


def _subject(events: dict[str, bytes]) -> dict[str, bytes]:
    return {key: event for key, event in events.items() if acts.value(event, "SUMMARY") not in OTHERS}


def sequence(event: bytes) -> int:
    return int(acts.value(event, "SEQUENCE"))


def only(events: dict[str, bytes]) -> bytes:
    (event,) = events.values()
    return event


async def test_an_edit_of_all_dates_raises_sequence_by_one_and_leaves_every_other_event_as_it_was(
    system: System,
) -> None:
    async with system.meetings() as stub:
        house = House(system, stub, "edited")
        await house.open()
        await house.edit("schedule.start", schedule={"start": f"{house.first}T18:30"})
        before, after = house.changed()

        assert sequence(only(after)) == sequence(only(before)) + 1
        assert acts.value(only(after), "UID") == acts.value(only(before), "UID")
        assert acts.value(only(after), "DTSTART") == f"{house.first:%Y%m%d}T183000"


async def test_an_edit_that_nobody_would_notice_moves_nothing(system: System) -> None:
    async with system.meetings() as stub:
        house = House(system, stub, "unnoticed")
        await house.open()
        await house.edit("title", title=SUBJECT)
        await acts.create_meeting(stub, house.name, "Later", f"{house.first}T12:00")
        seen = until(lambda: house._with_events(5), "what came after it is in the calendar")
        kept = acts.events(seen.body)

    assert {key: kept[key] for key in acts.events(house.shown.body)} == acts.events(house.shown.body)


async def test_a_date_that_is_moved_stands_beside_its_series_and_neither_falls_behind(system: System) -> None:
    async with system.meetings() as stub:
        house = House(system, stub, "moved")
        await house.open()
        change = meeting_pb2.OccurrenceChange(start=f"{house.date(1)}T20:15")
        await stub.ChangeOccurrence(pb.ChangeOccurrenceRequest(name=house.occurrence(1), change=change))
        before, after = house.changed()

    uid = acts.value(only(before), "UID")
    override = after[f"{uid} {house.date(1):%Y%m%d}T190000"]
    assert set(after) == {uid, f"{uid} {house.date(1):%Y%m%d}T190000"}
    assert acts.value(override, "DTSTART") == f"{house.date(1):%Y%m%d}T201500"
    assert sequence(after[uid]) == sequence(override) == sequence(only(before)) + 1


async def test_a_cancelled_date_is_an_exception_of_its_series_and_comes_back_when_restored(system: System) -> None:
    async with system.meetings() as stub:
        house = House(system, stub, "cancelled")
        await house.open()
        await stub.CancelOccurrence(pb.CancelOccurrenceRequest(name=house.occurrence(2), reason="Snow"))
        before, after = house.changed()
        assert acts.value(only(after), "EXDATE") == f"{house.date(2):%Y%m%d}T190000"
        assert sequence(only(after)) == sequence(only(before)) + 1

        await stub.RestoreOccurrence(pb.RestoreOccurrenceRequest(name=house.occurrence(2)))
        before, after = house.changed()
        assert acts.value(only(after), "EXDATE") == ""
        assert sequence(only(after)) == sequence(only(before)) + 1


async def test_this_and_following_makes_two_series_and_no_reader_sees_half_of_it(system: System) -> None:
    async with system.meetings() as stub:
        house = House(system, stub, "split")
        await house.open()
        part = await house.edit("schedule.start", following=2, schedule={"start": f"{house.date(2)}T20:00"})
        before, after = house.changed()

    old = acts.value(only(before), "UID")
    assert len(after) == 2  # at the first sight of the new tag both are there
    assert acts.value(after[old], "RRULE").startswith("FREQ=WEEKLY;UNTIL=")
    assert sequence(after[old]) == sequence(only(before)) + 1
    (new,) = (event for key, event in after.items() if key != old)
    assert part.name.endswith(acts.value(new, "UID").partition("@")[0])
    assert acts.value(new, "DTSTART") == f"{house.date(2):%Y%m%d}T200000"


async def test_a_deleted_meeting_is_shown_as_cancelled(system: System) -> None:
    async with system.meetings() as stub:
        house = House(system, stub, "deleted")
        await house.open()
        await stub.DeleteMeeting(pb.DeleteMeetingRequest(name=house.meeting.name))
        before, after = house.changed()

    assert acts.value(only(after), "STATUS") == "CANCELLED"
    assert acts.value(only(after), "SUMMARY") == f"Cancelled: {SUBJECT}"
    assert sequence(only(after)) == sequence(only(before)) + 1


@needs_clients
@pytest.mark.slow
async def test_a_subscriber_sees_each_change_at_the_next_look(system: System, tmp_path: Path) -> None:
    async with system.meetings() as stub:
        house = House(system, stub, "subscribed")
        await house.open()
        reader = Subscriber(tmp_path / "reader", f"http://127.0.0.1:{system.http_port}{house.path}", acts.ZONE)

        def agenda() -> list[Entry]:
            reader.fetch()
            return [each for each in reader.agenda(house.first, WEEKS * 7) if each.title not in OTHERS]

        def at(*hours: str | None) -> list[Entry]:
            """An entry for each week that has an hour."""
            return [Entry(f"{house.date(week)}", hour, SUBJECT) for week, hour in enumerate(hours) if hour]

        assert agenda() == at(*["19:00"] * WEEKS)

        await house.edit("schedule.start", schedule={"start": f"{house.first}T18:30"})
        house.changed()
        assert agenda() == at(*["18:30"] * WEEKS)

        change = meeting_pb2.OccurrenceChange(start=f"{house.date(1)}T20:15")
        await stub.ChangeOccurrence(pb.ChangeOccurrenceRequest(name=house.occurrence(1), change=change))
        house.changed()
        assert agenda() == at("18:30", "20:15", "18:30", "18:30", "18:30")

        await stub.CancelOccurrence(pb.CancelOccurrenceRequest(name=house.occurrence(2)))
        house.changed()
        assert agenda() == at("18:30", "20:15", None, "18:30", "18:30")

        part = await house.edit("schedule.start", following=3, schedule={"start": f"{house.date(3)}T12:00"})
        house.changed()
        assert agenda() == at("18:30", "20:15", None, "12:00", "12:00")

        await stub.DeleteMeeting(pb.DeleteMeetingRequest(name=part.name))
        house.changed()
        shown = [each for each in agenda() if not each.title.startswith("Cancelled: ")]
        assert shown == at("18:30", "20:15")
