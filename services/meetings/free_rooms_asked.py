"""What somebody wants a room for, read from the request of FindFreeRooms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from services.formats.folding import fold
from services.meetings import finder_asked
from services.meetings.booking import refuse_impossible
from services.meetings.check import MAX_CHAIRS, Problems, possible
from services.meetings.desk import PLACE
from services.meetings.types_rooms import RoomKind
from services.recurrence.pattern import Pattern
from services.recurrence.schedule import FIRST_YEAR, LAST_YEAR
from services.recurrence.types import RecurrenceError
from services.recurrence.wire import parse_date

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openchair.meetings.v1 import room_service_pb2 as pb

    from services.meetings.finder_asked import Circle
    from services.meetings.types_rooms import Room

KINDS: Final = {1: RoomKind.ROOM, 2: RoomKind.VIDEO}
LONGEST_WINDOW: Final = 31  # days
_DAY: Final = 1440


@dataclass(frozen=True, slots=True)
class Window:
    """Some time from one local day to the end of another, of so many minutes."""

    first: date
    last: date
    minutes: int


@dataclass(frozen=True, slots=True)
class Sought:
    """Conditions, all of which must hold. Either `pattern` or `window` is there. Words are folded; `place` is an id."""

    pattern: Pattern | None
    window: Window | None
    kind: RoomKind
    capacity: int
    equipment: frozenset[str]
    accessibility: frozenset[str]
    place: str
    circle: Circle | None
    partly: bool

    def fits(self, room: Room) -> bool:
        """Whether it would do if it is free. One whose size is not known does for nobody who states theirs."""
        return (
            room.kind is self.kind
            and room.capacity >= self.capacity
            and self.place in ("", room.place)
            and self.equipment <= folded(room.equipment)
            and self.accessibility <= folded(room.accessibility)
        )


def folded(words: Iterable[str]) -> frozenset[str]:
    """Words as they are compared: "Step-free" is "step-free"."""
    return frozenset(map(fold, words))


def read(request: pb.FindFreeRoomsRequest, at: str) -> Sought:
    """The conditions, at the instant `at`. Raises Invalid naming every field that is wrong."""
    problems = Problems()
    pattern, window = _pattern(request, problems), _window(request, problems)
    if not 0 <= request.capacity <= MAX_CHAIRS:
        problems.add("capacity", f"must be from 0 to {MAX_CHAIRS}")
    sought = Sought(
        pattern=pattern,
        window=window,
        kind=problems.choice("kind", request.kind, KINDS, RoomKind.ROOM),
        capacity=request.capacity,
        equipment=folded(problems.words("equipment", request.equipment)),
        accessibility=folded(problems.words("accessibility", request.accessibility)),
        place=PLACE.parse(request.place, "place")["place"] if request.place else "",
        circle=finder_asked.circle(request.near, problems) if request.HasField("near") else None,
        partly=request.partly,
    )
    problems.settle()
    if pattern is not None and pattern.schedule is not None:
        possible(pattern.schedule, "schedule")
        refuse_impossible(pattern.schedule, at, "schedule")
    return sought


def _pattern(request: pb.FindFreeRoomsRequest, problems: Problems) -> Pattern | None:
    windowed = bool(request.first_date or request.last_date or request.minutes)
    if request.HasField("schedule") == windowed:
        both = "goes without first_date, last_date and minutes"
        problems.add("schedule", both if windowed else "or first_date, last_date and minutes must be given")
    if not request.HasField("schedule"):
        return None
    schedule = problems.schedule("schedule", request.schedule)
    return None if schedule is None else Pattern(zone=schedule.zone, schedule=schedule)


def _window(request: pb.FindFreeRoomsRequest, problems: Problems) -> Window | None:
    if request.HasField("schedule") or not (request.first_date or request.last_date or request.minutes):
        return None
    first = _date("first_date", request.first_date, problems)
    last = _date("last_date", request.last_date, problems)
    if first is None or last is None:
        return None
    days = (last - first).days + 1
    if days < 1:
        problems.add("last_date", "must not lie before first_date")
    elif days > LONGEST_WINDOW:
        problems.add("last_date", f"is more than {LONGEST_WINDOW} days after first_date, both counted")
    elif not 1 <= request.minutes <= days * _DAY:
        problems.add("minutes", f"must be from 1 to {days * _DAY}, which is all of the window")
    return Window(first, last, request.minutes)


def _date(field: str, text: str, problems: Problems) -> date | None:
    try:
        day = parse_date(field, text)
    except RecurrenceError as error:
        problems.add(field, error.reason)
        return None
    if not FIRST_YEAR <= day.year < LAST_YEAR:
        problems.add(field, f"must lie in the years {FIRST_YEAR} to {LAST_YEAR - 1}")
        return None
    return day


def over(window: Window, today: date) -> bool:
    """Whether it is plain in every time zone that the window is over."""
    return window.last < today - timedelta(days=1)
