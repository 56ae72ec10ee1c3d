"""Search as one would write it who has no index: every meeting's message, looked at condition by condition.

What somebody may see of a meeting is its message for them: what does not stand there finds nothing.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from openchair.meetings.v1 import meeting_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.formats.folding import fold, words
from services.meetings.access import Audience, Viewer, sees
from services.meetings.wire import meeting_message
from services.recurrence.schedule import dates, occurrences
from services.recurrence.weeks import falls_on
from services.recurrence.wire import to_weeks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from services.meetings.types import Meeting
    from services.recurrence.types import Occurrence

AHEAD = (timedelta(days=80), timedelta(days=400))
"""Windows that are looked through: the first one holds enough dates of what is held each week."""

ENOUGH = 10
"""So many dates may be asked for."""


class Hit(NamedTuple):
    """One that was found: its place in the order, its id, metres."""

    key: tuple[int | str, str]
    name: str
    metres: int | None
    seen: Seen


class Dates:
    """When a meeting is held, whoever looks."""

    def __init__(self, meeting: Meeting, moment: datetime) -> None:
        self.meeting = meeting
        self.moment = moment

    @cached_property
    def to_come(self) -> list[Occurrence]:
        """What is not over: that is held, or if there is none, what is cancelled."""
        found: list[Occurrence] = []
        held: list[Occurrence] = []
        for ahead in AHEAD:
            found = occurrences(self.meeting.schedule, self.meeting.changes, self.moment, self.moment + ahead)
            held = [each for each in found if not each.cancelled]
            if len(held) >= ENOUGH:
                break
        return held or found

    @cached_property
    def weekdays(self) -> set[int]:
        """Of its dates: of as many as tell, and of all extra ones."""
        schedule = self.meeting.schedule
        found = [key.date for key, _ in zip(dates(schedule), range(30), strict=False)]
        return {day.isoweekday() for day in (*found, *(extra.date for extra in schedule.extra))}


class Seen:
    """A meeting as one audience sees it."""

    def __init__(self, meeting: Meeting, audience: Audience, held: Dates) -> None:
        self.meeting = meeting
        self.message = meeting_message(meeting, audience)
        self.held = held
        self.fellowship = fold(meeting.fellowship)
        said = self.message
        self.name, self.kind, self.mode, self.start = said.name, said.kind, said.mode, said.schedule.start[11:]
        self.approach, self.led_by, self.focus, self.types = (
            said.approach,
            said.led_by,
            set(said.focus),
            set(said.types),
        )
        self.tags = [tag.lower() for tag in (said.language, *said.other_languages)]

    @cached_property
    def words(self) -> str:
        """What text finds it by: its words, between spaces."""
        said, venue = self.message, self.message.venue
        texts = [said.title, said.group, said.fellowship, said.notes, venue.title, venue.area, venue.address]
        found = {word for text in (*texts, *venue.regions, *(p.title for p in said.programmes)) for word in words(text)}
        return f" {' '.join(found)} "

    @cached_property
    def title(self) -> str:
        """As it is ordered by."""
        return fold(self.message.title)

    @cached_property
    def vector(self) -> tuple[float, float, float] | None:
        """Where it is held; None: nowhere, or that is not known."""
        venue = self.message.venue
        known = venue.HasField("latitude") and self.mode != meeting_pb2.MODE_ONLINE
        return _vector(venue.latitude, venue.longitude) if known else None

    @cached_property
    def accessibility(self) -> set[str]:
        """Of the meeting and of its place."""
        return {*self.message.accessibility, *self.message.venue.accessibility}

    @cached_property
    def who(self) -> int:
        """Who may come to the next date."""
        day = self.held.to_come[0].key.date
        said = [p.who_may_come for p in self.message.programmes if p.who_may_come and falls_on(to_weeks(p), day)]
        return said[0] if said else self.message.who_may_come


class Everything:
    """All meetings as of a moment, as each audience sees them."""

    def __init__(self, meetings: Sequence[Meeting], moment: datetime) -> None:
        self._held = [(each, Dates(each, moment)) for each in meetings]
        self._seen: dict[tuple[int, Audience], Seen] = {}
        self._known: dict[tuple[tuple[str, Viewer], ...], list[Seen]] = {}

    def search(self, request: pb.SearchMeetingsRequest, viewer: Mapping[str, Viewer]) -> list[Hit]:
        """Everything that fits, in order. `viewer` is who asks, to each centre."""
        found: dict[str, tuple[bool, datetime, str, Hit]] = {}
        rows = self._visible(viewer)
        for condition in conditions(request):
            rows = [seen for seen in rows if condition(seen)]
        for seen in rows:
            here = metres(request, seen)
            hit = Hit(order(request, seen, here), seen.name, here, seen)
            first = seen.held.to_come[0]  # one that is held, if there is any
            row = (first.cancelled, first.start, seen.meeting.id, hit)
            lineage = seen.meeting.lineage
            found[lineage] = min(row, found.get(lineage, row), key=lambda each: each[:3])
        return sorted((row[3] for row in found.values()), key=lambda hit: hit.key)

    def _visible(self, viewer: Mapping[str, Viewer]) -> list[Seen]:
        """The meetings that they may know of, each as they may see it."""
        who = tuple(sorted(viewer.items(), key=str))
        if who not in self._known:
            audiences = [viewer[each.centre].audience(each) for each, _ in self._held]
            self._known[who] = [
                self._as(index, audience)
                for index, audience in enumerate(audiences)
                if sees(self._held[index][0].visibility, audience)
            ]
        return self._known[who]

    def _as(self, index: int, audience: Audience) -> Seen:
        """A meeting as they see it, made once."""
        if (index, audience) not in self._seen:
            meeting, held = self._held[index]
            self._seen[index, audience] = Seen(meeting, audience, held)
        return self._seen[index, audience]


Condition: TypeAlias = "Callable[[Seen], bool]"


def conditions(asked: pb.SearchMeetingsRequest) -> list[Condition]:
    """Those that are given, and that it is not over."""
    days, types, accessibility, focus = set(asked.days), set(asked.types), set(asked.accessibility), set(asked.focus)
    kinds, approaches, led_by, who = (
        set(asked.kinds),
        set(asked.approaches),
        set(asked.led_by),
        set(asked.who_may_come),
    )
    fellowships, modes = {fold(each) for each in asked.fellowships}, {*asked.modes, meeting_pb2.MODE_HYBRID}
    languages, parent = [each.lower() for each in asked.languages], f"{asked.parent}/"
    *whole, last = words(asked.text) or [""]
    given: list[tuple[object, Condition]] = [
        (asked.parent != "centres/-", lambda seen: seen.name.startswith(parent)),
        (asked.days, lambda seen: not days.isdisjoint(seen.held.weekdays)),
        (asked.kinds, lambda seen: seen.kind in kinds),
        (asked.fellowships, lambda seen: seen.fellowship in fellowships),
        (asked.types, lambda seen: types <= seen.types),
        (asked.accessibility, lambda seen: accessibility <= seen.accessibility),
        (asked.modes, lambda seen: seen.mode in modes),
        (asked.focus, lambda seen: not focus.isdisjoint(seen.focus)),
        (asked.approaches, lambda seen: seen.approach in approaches),
        (asked.led_by, lambda seen: seen.led_by in led_by),
        (asked.languages, lambda seen: spoken(languages, seen.tags)),
        (asked.from_time or asked.to_time, lambda seen: in_window(asked, seen.start)),
        (asked.text, lambda seen: worded(whole, last, seen)),
        (asked.HasField("near"), lambda seen: metres(asked, seen) is not None),
        (True, lambda seen: bool(seen.held.to_come)),
        (asked.who_may_come, lambda seen: seen.who in who),
        (asked.open_now, open_now),
    ]
    return [condition for is_given, condition in given if is_given]


def spoken(languages: Sequence[str], tags: Sequence[str]) -> bool:
    """ "pt" finds "pt-BR", not the other way round."""
    return any(tag == one or tag.startswith(f"{one}-") for one in languages for tag in tags)


def in_window(request: pb.SearchMeetingsRequest, start: str) -> bool:
    """Times of day compare as their texts do."""
    since, until = request.from_time or "00:00", request.to_time or "24:00"
    return since <= start < until if since < until else start >= since or start < until


def worded(whole: Sequence[str], last: str, seen: Seen) -> bool:
    """Each word stands there, the last one as a beginning."""
    return all(f" {word} " in seen.words for word in whole) and f" {last}" in seen.words


def open_now(seen: Seen) -> bool:
    """Being held, or within half an hour."""
    return any(not e.cancelled and e.start <= seen.held.moment + timedelta(minutes=30) for e in seen.held.to_come)


def metres(request: pb.SearchMeetingsRequest, seen: Seen) -> int | None:
    """How far, by the chord through the earth; None: too far, or it is not known where."""
    if seen.vector is None or not request.HasField("near"):
        return None
    here = _vector(request.near.latitude, request.near.longitude)
    found = 2 * 6_371_008.8 * math.asin(min(1.0, math.dist(here, seen.vector) / 2))
    return round(found) if found <= (request.near.radius_km or 25) * 1000 else None


@cache
def _vector(latitude: float, longitude: float) -> tuple[float, float, float]:
    up, along = math.radians(latitude), math.radians(longitude)
    return math.cos(up) * math.cos(along), math.cos(up) * math.sin(along), math.sin(up)


def order(request: pb.SearchMeetingsRequest, seen: Seen, here: int | None) -> tuple[int | str, str]:
    """Where it stands."""
    if request.order == pb.SEARCH_ORDER_TITLE:
        return seen.title, seen.meeting.id
    by_distance = request.order in {pb.SEARCH_ORDER_DISTANCE, pb.SEARCH_ORDER_UNSPECIFIED}
    if by_distance and here is not None:
        return here, seen.meeting.id
    return int(seen.held.to_come[0].start.timestamp()), seen.meeting.id


def told(hit: Hit, count: int) -> tuple[object, ...]:
    """What a list says of it, as far as it is told here."""
    said = hit.seen.message
    following = [
        (f"{e.key.date:%Y%m%d}" + (f"-{e.key.ordinal}" if e.key.ordinal else ""), e.start.astimezone(UTC), e.cancelled)
        for e in hit.seen.held.to_come[: count or 1]
    ]
    return (
        hit.name,
        said.title,
        said.venue.SerializeToString(deterministic=True),
        said.online.url,
        hit.metres,
        following,
    )
