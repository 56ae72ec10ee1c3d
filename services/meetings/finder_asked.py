"""What a search asks for, read from its request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeVar

from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.rsvps.v1 import list_rules_pb2

from services.formats import folding
from services.meetings import finder_near
from services.meetings.check import Problems
from services.meetings.desk import CENTRE
from services.meetings.wire import MODES
from services.meetings.wire_details import APPROACHES, LED_BY, WHO_MAY_COME
from services.recurrence.types import RecurrenceError
from services.recurrence.wire import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from services.meetings.types import WhoMayCome

E = TypeVar("E", bound=Enum)

EVERYWHERE: Final = "centres/-"
USUAL_RADIUS: Final = 25.0
LARGEST_RADIUS: Final = 500.0
LONGEST_TEXT: Final = 200
MOST_DATES: Final = 10
MIDNIGHT: Final = 24 * 60

_FREE: Final = frozenset({list_rules_pb2.AVAILABILITY_UNSPECIFIED, list_rules_pb2.AVAILABILITY_OPEN})
_SEATS: Final[Mapping[int, frozenset[int]]] = {
    pb.SEAT_FILTER_UNSPECIFIED: frozenset(),
    pb.SEAT_FILTER_OPEN: _FREE,
    pb.SEAT_FILTER_OPEN_OR_WAITLIST: _FREE | {list_rules_pb2.AVAILABILITY_WAITLIST},
}


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle on the earth; `radius` in metres."""

    middle: finder_near.Point
    radius: float


@dataclass(frozen=True, slots=True)
class Asked:
    """Conditions, all of which must hold. `any_of` and `all_of` are keys of `finder_entry.keys`.

    `centre` is an id; "": all of them. Of the words the last may be the beginning of one. `window` are minutes from
    midnight, from the first on and before the second; where the second is smaller it goes past midnight. `seats` are
    the words (`Availability`) that fit; none: whatever there is.
    """

    centre: str
    words: tuple[str, ...]
    circle: Circle | None
    days: frozenset[int]
    window: tuple[int, int] | None
    any_of: tuple[tuple[str, ...], ...]
    all_of: tuple[str, ...]
    who: frozenset[WhoMayCome]
    open_now: bool
    order: int
    dates: int
    seats: frozenset[int] = frozenset()

    def within(self, minute: int) -> bool:
        """Whether a usual start lies in the window."""
        if self.window is None:
            return True
        since, until = self.window
        return since <= minute < until if since < until else minute >= since or minute < until


def read(request: pb.SearchMeetingsRequest) -> Asked:
    """The conditions. Raises Invalid naming every field that is wrong."""
    centre = "" if request.parent == EVERYWHERE else CENTRE.parse(request.parent, "parent")["centre"]
    problems = Problems()
    asked = Asked(
        centre=centre,
        words=_words(request.text, problems),
        circle=circle(request.near, problems) if request.HasField("near") else None,
        days=_days(request.days, problems),
        window=_window(request, problems),
        any_of=_any_of(request, problems),
        all_of=tuple(
            [f"t{code}" for code in _texts("types", request.types, problems)]
            + [f"a{code}" for code in _texts("accessibility", request.accessibility, problems)]
        ),
        who=frozenset(_members(request.who_may_come, WHO_MAY_COME, "who_may_come", problems)),
        open_now=request.open_now,
        order=_order(request, problems),
        dates=_dates(request.next_dates, problems),
        seats=_seats(request.seats, problems),
    )
    problems.settle()
    return asked


def _words(text: str, problems: Problems) -> tuple[str, ...]:
    if len(text) > LONGEST_TEXT:
        problems.add("text", f"is longer than {LONGEST_TEXT} characters")
        return ()
    return tuple(folding.words(text))


def circle(near: pb.Near, problems: Problems) -> Circle:
    """Around where somebody searches. What is wrong is told of `near`."""
    for field, value, limit in (("latitude", near.latitude, 90), ("longitude", near.longitude, 180)):
        if not abs(value) <= limit:  # so that NaN is refused too
            problems.add(f"near.{field}", f"must lie between -{limit} and {limit} degrees")
    if not 0 <= near.radius_km <= LARGEST_RADIUS:
        problems.add("near.radius_km", f"must lie between 0 and {LARGEST_RADIUS:.0f} km")
    if problems.found:
        return Circle(finder_near.point(0, 0), 0)
    return Circle(finder_near.point(near.latitude, near.longitude), (near.radius_km or USUAL_RADIUS) * 1000)


def _days(days: Iterable[int], problems: Problems) -> frozenset[int]:
    said = list(days)
    for index, day in enumerate(said[:20]):
        if not 1 <= day <= 7:  # noqa: PLR2004 - ISO 8601 weekdays
            problems.add(f"days[{index}]", "must be from 1 (Monday) to 7 (Sunday)")
    if len(said) > 7:  # noqa: PLR2004 - the same
        problems.add("days", "has more than 7 entries")
    return frozenset(said)


def _window(request: pb.SearchMeetingsRequest, problems: Problems) -> tuple[int, int] | None:
    if not request.from_time and not request.to_time:
        return None
    since = _minute("from_time", request.from_time, 0, problems)
    until = _minute("to_time", request.to_time, MIDNIGHT, problems)
    if since == until:
        problems.add("to_time", "must differ from from_time")
    return since, until


def _minute(field: str, text: str, unsaid: int, problems: Problems) -> int:
    if not text:
        return unsaid
    try:
        at = parse_time(field, text)
    except RecurrenceError as error:
        problems.add(field, error.reason)
        return -1 if unsaid else -2  # no two alike: one fault is told of it
    return at.hour * 60 + at.minute


def _any_of(request: pb.SearchMeetingsRequest, problems: Problems) -> tuple[tuple[str, ...], ...]:
    """Keys, of each tuple of which one must fit."""
    if request.languages:
        for index, tag in enumerate(request.languages):
            problems.language(f"languages[{index}]", tag)
    found = [
        [f"f{folding.fold(each)}" for each in _texts("fellowships", request.fellowships, problems)],
        [f"k{each}" for each in _texts("kinds", request.kinds, problems)],
        [f"l{tag.lower()}" for tag in _texts("languages", request.languages, problems)],
        [f"m{each.value}" for each in _members(request.modes, MODES, "modes", problems)],
        [f"x{each}" for each in _texts("focus", request.focus, problems)],
        [f"p{each.value}" for each in _members(request.approaches, APPROACHES, "approaches", problems)],
        [f"b{each.value}" for each in _members(request.led_by, LED_BY, "led_by", problems)],
        [f"w{each.value}" for each in _members(request.who_may_come, WHO_MAY_COME, "", problems)],
    ]
    return tuple(tuple(dict.fromkeys(each)) for each in found if each)


def _texts(field: str, texts: Sequence[str], problems: Problems) -> tuple[str, ...]:
    """A list of short words; most are not given."""
    return problems.words(field, texts) if texts else ()


def _members(numbers: Sequence[int], choices: Mapping[int, E], field: str, problems: Problems) -> list[E]:
    """The members for enum numbers. Without a `field` nothing is said about wrong ones."""
    if not numbers:
        return []
    said = list(numbers)[:100]
    for index, number in enumerate(said):
        if field and number not in choices:
            problems.add(f"{field}[{index}]", "is not one of the values this field takes")
    return [choices[number] for number in said if number in choices]


def _order(request: pb.SearchMeetingsRequest, problems: Problems) -> int:
    if request.order == pb.SEARCH_ORDER_DISTANCE and not request.HasField("near"):
        problems.add("order", "by distance goes with near")
    if request.order != pb.SEARCH_ORDER_UNSPECIFIED:
        return request.order
    return pb.SEARCH_ORDER_DISTANCE if request.HasField("near") else pb.SEARCH_ORDER_NEXT_DATE


def _seats(wanted: int, problems: Problems) -> frozenset[int]:
    """The words that fit; none: all. Where there is no word people just come."""
    if wanted not in _SEATS:
        problems.add("seats", "is not one of the values this field takes")
    return _SEATS.get(wanted, frozenset())


def _dates(count: int, problems: Problems) -> int:
    if not 0 <= count <= MOST_DATES:
        problems.add("next_dates", f"must lie between 0 and {MOST_DATES}")
    return count or 1
