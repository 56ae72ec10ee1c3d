"""Search as one would write it who has no index: every meeting's message, looked at condition by condition.

What somebody may see of a meeting is its message for them: what does not stand there finds nothing.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import cached_property
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

AHEAD = timedelta(days=400)


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
        found = occurrences(self.meeting.schedule, self.meeting.changes, self.moment, self.moment + AHEAD)
        return [each for each in found if not each.cancelled] or found

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

    @cached_property
    def words(self) -> set[str]:
        """What text finds it by."""
        said, venue = self.message, self.message.venue
        texts = [said.title, said.group, said.fellowship, said.notes, venue.title, venue.area, venue.address]
        return {word for text in (*texts, *venue.regions, *(p.title for p in said.programmes)) for word in words(text)}

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
        held = [Dates(each, moment) for each in meetings]
        self._seen = {
            audience: [Seen(each, audience, when) for each, when in zip(meetings, held, strict=True)]
            for audience in (Audience.PUBLIC, Audience.HOLDER, Audience.STAFF)
        }
        self._known: dict[tuple[tuple[str, Viewer], ...], list[Seen]] = {}

    def search(self, request: pb.SearchMeetingsRequest, viewer: Mapping[str, Viewer]) -> list[Hit]:
        """Everything that fits, in order. `viewer` is who asks, to each centre."""
        found: dict[str, tuple[datetime, str, Hit]] = {}
        rows = self._visible(viewer)
        for condition in conditions(request):
            rows = [seen for seen in rows if condition(seen)]
        for seen in rows:
            here = metres(request, seen)
            hit = Hit(order(request, seen, here), seen.message.name, here, seen)
            row = (seen.held.to_come[0].start, seen.meeting.id, hit)
            lineage = seen.meeting.lineage
            found[lineage] = min(row, found.get(lineage, row), key=lambda each: each[:2])
        return sorted((row[2] for row in found.values()), key=lambda hit: hit.key)

    def _visible(self, viewer: Mapping[str, Viewer]) -> list[Seen]:
        """The meetings that they may know of, each as they may see it."""
        who = tuple(sorted(viewer.items(), key=str))
        if who not in self._known:
            audiences = [viewer[each.meeting.centre].audience(each.meeting) for each in self._seen[Audience.PUBLIC]]
            rows = [self._seen[audience][index] for index, audience in enumerate(audiences)]
            self._known[who] = [
                seen for seen, audience in zip(rows, audiences, strict=True) if sees(seen.meeting.visibility, audience)
            ]
        return self._known[who]


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
        (asked.parent != "centres/-", lambda seen: seen.message.name.startswith(parent)),
        (asked.days, lambda seen: not days.isdisjoint(seen.held.weekdays)),
        (asked.kinds, lambda seen: seen.message.kind in kinds),
        (asked.fellowships, lambda seen: seen.fellowship in fellowships),
        (asked.types, lambda seen: types <= set(seen.message.types)),
        (asked.accessibility, lambda seen: accessibility <= seen.accessibility),
        (asked.modes, lambda seen: seen.message.mode in modes),
        (asked.focus, lambda seen: not focus.isdisjoint(seen.message.focus)),
        (asked.approaches, lambda seen: seen.message.approach in approaches),
        (asked.led_by, lambda seen: seen.message.led_by in led_by),
        (asked.languages, lambda seen: spoken(languages, seen.message)),
        (asked.from_time or asked.to_time, lambda seen: in_window(asked, seen.message.schedule.start[11:])),
        (asked.text, lambda seen: worded(whole, last, seen)),
        (asked.HasField("near"), lambda seen: metres(asked, seen) is not None),
        (True, lambda seen: bool(seen.held.to_come)),
        (asked.who_may_come, lambda seen: seen.who in who),
        (asked.open_now, open_now),
    ]
    return [condition for is_given, condition in given if is_given]


def spoken(languages: Sequence[str], said: meeting_pb2.Meeting) -> bool:
    """ "pt" finds "pt-BR", not the other way round."""
    tags = [tag.lower() for tag in (said.language, *said.other_languages)]
    return any(tag == one or tag.startswith(f"{one}-") for one in languages for tag in tags)


def in_window(request: pb.SearchMeetingsRequest, start: str) -> bool:
    """Times of day compare as their texts do."""
    since, until = request.from_time or "00:00", request.to_time or "24:00"
    return since <= start < until if since < until else start >= since or start < until


def worded(whole: Sequence[str], last: str, seen: Seen) -> bool:
    """Each word stands there, the last one as a beginning."""
    return all(word in seen.words for word in whole) and (not last or any(w.startswith(last) for w in seen.words))


def open_now(seen: Seen) -> bool:
    """Being held, or within half an hour."""
    return any(not e.cancelled and e.start <= seen.held.moment + timedelta(minutes=30) for e in seen.held.to_come)


def metres(request: pb.SearchMeetingsRequest, seen: Seen) -> int | None:
    """How far, by the chord through the earth; None: too far, or it is not known where."""
    venue = seen.message.venue
    if not request.HasField("near") or not venue.HasField("latitude"):
        return None
    if seen.message.mode == meeting_pb2.MODE_ONLINE:
        return None
    one, other = (
        _vector(*at) for at in ((request.near.latitude, request.near.longitude), (venue.latitude, venue.longitude))
    )
    found = 2 * 6_371_008.8 * math.asin(min(1.0, math.dist(one, other) / 2))
    return round(found) if found <= (request.near.radius_km or 25) * 1000 else None


def _vector(latitude: float, longitude: float) -> tuple[float, float, float]:
    up, along = math.radians(latitude), math.radians(longitude)
    return math.cos(up) * math.cos(along), math.cos(up) * math.sin(along), math.sin(up)


def order(request: pb.SearchMeetingsRequest, seen: Seen, here: int | None) -> tuple[int | str, str]:
    """Where it stands."""
    if request.order == pb.SEARCH_ORDER_TITLE:
        return fold(seen.message.title), seen.meeting.id
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
