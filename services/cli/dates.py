"""The dates of a series, reckoned from what it says of itself: as it is, and as it would be after a change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from services.cli.rhythm import said
from services.cli.shell import Failure
from services.cli.when import full
from services.recurrence.schedule import last_key, occurrences
from services.recurrence.wire import key_text, to_deviation, to_schedule
from services.recurrence.zones import midnight

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from openchair.meetings.v1 import meeting_pb2

    from services.recurrence.types import Key, Schedule

AHEAD: Final = timedelta(days=800)
NEXT: Final = 5
_DAY: Final = timedelta(days=1)
_HELD: Final = frozenset({0, 1})  # MEETING_STATE_UNSPECIFIED, MEETING_STATE_ACTIVE
_MOST_MOVED: Final = timedelta(days=62)


class Date(NamedTuple):
    """One date: what it is called inside its series, when it is (naive, local), and what is different on it."""

    meeting: meeting_pb2.Meeting
    key: Key
    local: datetime
    start: datetime
    end: datetime
    change: meeting_pb2.OccurrenceChange | None

    @property
    def name(self) -> str:
        """Its resource name."""
        return f"{self.meeting.name}/occurrences/{key_text(self.key)}"

    @property
    def cancelled(self) -> bool:
        """Whether it is not held."""
        return self.change is not None and self.change.cancelled

    def told(self) -> str:
        """A line about it."""
        return f"{full(self.local)}{_marks(self, self.change) if self.change else ''}"


def _marks(date: Date, change: meeting_pb2.OccurrenceChange) -> str:
    """What is different, and why."""
    moved = "" if date.local.date() == date.key.date else f"instead of {full(date.key.date)}"
    elsewhere = change.HasField("place") and change.venue.title != date.meeting.venue.title
    place = f"at {change.venue.title}" if elsewhere or (change.HasField("place") and not change.lost_rooms) else ""
    lost = _lost(date.meeting, change)
    despite = "held although it is closed then" if change.despite_closures else ""
    said = "cancelled" if change.cancelled else ", ".join(filter(None, (moved, place, lost, despite))) or "changed"
    why = change.reason or change.holiday
    doubt = ", people found nobody there" if change.unconfirmed else ""
    return f"  ({said}{': ' if why else ''}{why}{doubt})"


def _lost(meeting: meeting_pb2.Meeting, change: meeting_pb2.OccurrenceChange) -> str:
    """What it has not, because somebody else has it."""
    host = meeting.online_host in change.lost_rooms
    rooms = len(change.lost_rooms) - host
    parts = ("its room" if rooms == 1 else "its rooms" if rooms else "", "its video account" if host else "")
    what = " and ".join(filter(None, parts))
    return f"without {what}, which {'is' if rooms + host == 1 else 'are'} taken" if what else ""


def of(meeting: meeting_pb2.Meeting, since: datetime, until: datetime) -> list[Date]:
    """What ends after `since` and starts before `until` (instants), cancelled too, in order of time.

    What is suspended or deleted has no dates.
    """
    if meeting.state not in _HELD:
        return []
    schedule = to_schedule(meeting.schedule)
    changes = {(to_deviation(each).key): each for each in meeting.changes}
    found = occurrences(schedule, [to_deviation(each) for each in meeting.changes], since, until)
    return [Date(meeting, each.key, each.local, each.start, each.end, changes.get(each.key)) for each in found]


def rhythm_of(meeting: meeting_pb2.Meeting) -> str:
    """When it is, in words: "every Tuesday, 19:00 to 20:30"."""
    return rhythm(to_schedule(meeting.schedule))


def rhythm(schedule: Schedule) -> str:
    """The same of a schedule."""
    last = schedule.start + timedelta(minutes=schedule.minutes)
    until = f"{last:%H:%M}" if last - schedule.start < _DAY else full(last)
    head = said(schedule.rule, schedule.start) if schedule.rule else full(schedule.start.date())
    more = f", and {len(schedule.extra)} more date{'s' * (len(schedule.extra) > 1)}" if schedule.extra else ""
    return f"{head}, {schedule.start:%H:%M} to {until}{more}"


def coming(parts: Sequence[meeting_pb2.Meeting], now: datetime) -> list[Date]:
    """The dates of a series that are not over, for two years to come."""
    return sorted((each for part in parts for each in of(part, now, now + AHEAD)), key=lambda each: each.start)


def ends(meeting: meeting_pb2.Meeting) -> bool:
    """Whether it has a last date."""
    return last_key(to_schedule(meeting.schedule)) is not None


def on_day(parts: Sequence[meeting_pb2.Meeting], wanted: date) -> Date:
    """The date of a series on a local day: what is held then, else what was moved away from it. Raises Failure."""
    zone = parts[0].schedule.time_zone
    noon = midnight(wanted, zone) + timedelta(hours=12)
    near = [each for part in parts for each in of(part, noon - _MOST_MOVED, noon + _MOST_MOVED)]
    found = [each for each in near if each.local.date() == wanted] or [each for each in near if each.key.date == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        hours = "".join(f"\n  {key_text(each.key)}  {each.told()}" for each in found)
        raise Failure(f"it is held several times on {full(wanted)}: say which by its id (--date-id):{hours}")
    if all(part.state not in _HELD for part in parts):
        raise Failure("it is suspended, and has no dates until it is taken up again: `openchair meeting edit --resume`")
    after = [each for each in near if each.local.date() > wanted][:2]
    hint = " It is next after that on " + " and ".join(full(each.local) for each in after) if after else ""
    raise Failure(f"it is not held on {full(wanted)}.{hint}")


def by_id(parts: Sequence[meeting_pb2.Meeting], wanted: str) -> Date:
    """The date with this id inside the series ("20261224-1"). Raises Failure."""
    for part in parts:
        day = datetime.strptime(wanted[:8], "%Y%m%d").replace(tzinfo=UTC) if wanted[:8].isdecimal() else None
        if day is None:
            break
        for each in of(part, day - _MOST_MOVED, day + _MOST_MOVED):
            if key_text(each.key) == wanted:
                return each
    raise Failure(f"--date-id: it has no date {wanted!r}")


def counted(dates: Sequence[Date], *, endless: bool) -> str:
    """How many dates, and when: "every date from Tuesday 1 December 2026 on", "12 dates from ... to ..."."""
    if not dates:
        return "no date to come"
    if endless:
        return f"every date from {full(dates[0].local.date())} on"
    if len(dates) == 1:
        return f"1 date, {full(dates[0].local.date())}"
    return f"{len(dates)} dates from {full(dates[0].local.date())} to {full(dates[-1].local.date())}"
