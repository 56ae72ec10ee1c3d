"""The series of VEVENTs that a meeting is shown as, and the dates that stand alone as no series of it is wanted.

What deviates goes to the series that generates its date; extra dates go to the one that begins first. A date that the
reader did not ask for is taken out of its series. Where a rule cannot say what is special, or wanted, on which date,
the dates of some months are looked at one by one (`Horizon`).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from services.feeds.days import restricted
from services.feeds.parts import Part, parts_of
from services.feeds.programmes import on, specials_of
from services.formats.seats import NONE
from services.recurrence.schedule import added, any_left, dates, has, last_end, recurrence_id
from services.recurrence.types import Deviation, Key
from services.recurrence.wire import key_text, to_deviation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from openchair.meetings.v1 import meeting_pb2
    from openchair.meetings.v1.schedule_pb2 import Programme

    from services.feeds.picking import Pick
    from services.feeds.programmes import Special
    from services.formats.seats import Chairs, Word
    from services.recurrence.types import Schedule

_BEHIND, _AHEAD = 1, 6  # months


class Horizon(NamedTuple):
    """Local days, both inclusive, whose dates are looked at one by one."""

    first: date
    last: date


def horizon(today: date) -> Horizon:
    """From the beginning of last month to the end of the fifth month from now: it moves once a month."""
    month = today.year * 12 + today.month - 1
    first, after = (date(each // 12, each % 12 + 1, 1) for each in (month - _BEHIND, month + _AHEAD))
    return Horizon(first, after - timedelta(days=1))


class Date(NamedTuple):
    """One date that stands for itself. Times are naive and local; `original` is its RECURRENCE-ID."""

    key: Key
    original: datetime
    start: datetime
    minutes: int
    change: meeting_pb2.OccurrenceChange | None
    programmes: tuple[Programme, ...] = ()
    word: Word | None = None

    @property
    def cancelled(self) -> bool:
        """Whether it does not take place."""
        return self.change is not None and self.change.cancelled


class Series(NamedTuple):
    """A master with its dates. Times are naive and local.

    `extra` are the RDATEs, `cancelled` the EXDATEs, `changed` the overrides. `single` is the date of a one-off, or the
    only one left of some: with nothing that recurs beside it, `ical` would show it and its override.
    """

    meeting: str
    token: str
    schedule: Schedule
    extra: tuple[datetime, ...]
    cancelled: tuple[datetime, ...]
    changed: tuple[Date, ...]
    single: Date | None
    any_left: bool
    programmes: tuple[Programme, ...]


class Layout(NamedTuple):
    """How a meeting is shown: `alone` are events of their own. `last_end` None: it goes on for ever."""

    series: tuple[Series, ...]
    alone: tuple[Date, ...]
    last_end: datetime | None
    laying: Laying


class Laying:
    """What is known while a meeting is laid out. `dated`: it depends on the horizon."""

    def __init__(
        self, meeting: meeting_pb2.Meeting, schedule: Schedule, pick: Pick, window: Horizon, chairs: Chairs = NONE
    ) -> None:
        self.id = meeting.name.rpartition("/")[2]
        self.specials: tuple[Special, ...] = specials_of(meeting)
        self.schedule = schedule
        self.pick = pick
        self.window = window
        self.chairs = chairs
        self.dated = False
        self.alone: list[Date] = []

    def date(self, key: Key, change: meeting_pb2.OccurrenceChange | None = None) -> Date:
        """A date as it takes place."""
        original = recurrence_id(self.schedule, key)
        special = on(self.specials, key.date) if self.specials else ()
        word = self.chairs.word(key)
        if change is None:
            return Date(key, original, original, self.schedule.minutes, None, special, word)
        said = to_deviation(change)
        return Date(key, original, said.start or original, said.minutes or self.schedule.minutes, change, special, word)

    def takes(self, one: Date) -> bool:
        """Whether the reader asked for it."""
        return self.pick.everything or self.pick.takes(one.start.date(), one.change, one.programmes)

    def stand_alone(self, found: Iterable[Date]) -> None:
        """These have no series to belong to. Of what may go on for ever, those before the horizon are over."""
        for one in found:
            if self.takes(one):
                self.dated = True
                if self.window.first <= one.start.date() or self.schedule.rule is None:
                    self.alone.append(one)

    def within(self, schedule: Schedule) -> Iterator[Key]:
        """The dates of its rule in the horizon: at most one a day, some two hundred."""
        self.dated = True
        return dates(replace(schedule, extra=()), self.window.first, self.window.last)


def lay_out(
    meeting: meeting_pb2.Meeting,
    schedule: Schedule,
    pick: Pick,
    window: Horizon,
    *,
    struck: bool = False,
    chairs: Chairs = NONE,
) -> Layout:
    """How a meeting is shown. `struck`: cancelled dates are shown as such.

    Raises:
        RecurrenceError: a programme that cannot be.
    """
    laying = Laying(meeting, schedule, pick, window, chairs)
    changes = {to_deviation(change).key: change for change in meeting.changes}
    found: list[Series] = []
    for part in parts_of(schedule, laying.specials):
        own = {key: changes.pop(key) for key in list(changes) if has(part.schedule, key)}
        found += _part(laying, part, {key: laying.date(key, change) for key, change in own.items()}, struck=struck)
    deviations = [to_deviation(change) for change in meeting.changes]
    return Layout(tuple(found), tuple(laying.alone), last_end(schedule, deviations), laying)


def _part(laying: Laying, part: Part, changed: dict[Key, Date], *, struck: bool) -> list[Series]:
    """The series of one part, as far as its dates are wanted. What is wanted and in none of them stands alone."""
    shown = {key: each for key, each in changed.items() if struck or not each.cancelled}
    extra = {each.key: laying.date(each.key) for each in added(part.schedule) if each.key not in changed}
    kept = _kept(laying, part, {**extra, **shown})
    found = []
    for schedule in kept or ():
        own = {key: each for key, each in changed.items() if has(schedule, key)}
        shown = {key: each for key, each in shown.items() if key not in own}
        extra = {} if schedule.extra else extra
        found += _series(laying, part._replace(schedule=schedule), own, struck=struck)
    if kept is None:
        unchanged = (laying.date(key) for key in laying.within(part.schedule) if key not in changed)
        laying.stand_alone(unchanged)
    laying.stand_alone(shown[key] for key in sorted(shown))
    laying.stand_alone(extra[key] for key in sorted(extra))
    return found


def _kept(laying: Laying, part: Part, singly: dict[Key, Date]) -> list[Schedule] | None:
    """What of a part's rule is wanted, as schedules; None: no rule says which dates."""
    if laying.pick.everything:
        return [part.schedule]
    if part.schedule.rule is None:
        return _kept_once(laying, part.schedule, singly)
    regular = laying.pick.regular(part.programmes)
    if regular:
        return restricted(part.schedule, laying.pick.days)
    return None if regular is None else []


def _kept_once(laying: Laying, schedule: Schedule, singly: dict[Key, Date]) -> list[Schedule] | None:
    """The same of a one-off and its extra dates: all of them or each for itself."""
    first = Key(schedule.start.date())
    every = [singly.get(first) or laying.date(first), *(each for key, each in singly.items() if key != first)]
    taken = [laying.takes(each) for each in every]
    if all(taken):
        return [schedule]
    return None if any(taken) else []


def _series(laying: Laying, part: Part, changed: dict[Key, Date], *, struck: bool) -> list[Series]:
    """One series; none where all that would be left of it is not wanted."""
    schedule = part.schedule
    called_off = {key for key, each in changed.items() if each.cancelled}
    unwanted = {key for key, each in changed.items() if not laying.takes(each)} - (set() if struck else called_off)
    listed = {each.key for each in added(schedule)}
    unwanted |= {key for key in listed - changed.keys() if not laying.takes(laying.date(key))}
    gone = [Deviation(date=key.date, ordinal=key.ordinal, cancelled=True) for key in called_off | unwanted]
    left = any_left(schedule, gone)
    if unwanted and not left:
        return []
    named = listed - unwanted - (set() if struck or not left else called_off)
    out = unwanted | (set() if struck else called_off)
    overrides = {key: each for key, each in changed.items() if key not in out} | _special(laying, part, changed, named)
    overrides |= _worded(laying, schedule, {*changed, *overrides, *out})
    single = Key(schedule.start.date()) if schedule.rule is None and not named else None
    return [
        Series(
            laying.id,
            part.token,
            schedule,
            extra=tuple(_listed(schedule, named)),
            cancelled=tuple(sorted(recurrence_id(schedule, key) for key in out - listed)),
            changed=tuple(overrides[key] for key in sorted(overrides)),
            single=(changed.get(single) or laying.date(single)) if single else None,
            any_left=left,
            programmes=part.programmes or (),
        )
    ]


def _special(laying: Laying, part: Part, changed: dict[Key, Date], named: set[Key]) -> dict[Key, Date]:
    """Dates of which the master does not say what is special: some extra ones, and all where its rule cannot say it."""
    if not laying.specials:
        return {}
    differing = [] if part.programmes is not None else list(laying.within(part.schedule))
    found = (laying.date(key) for key in (*differing, *named) if key not in changed)
    return {each.key: each for each in found if each.programmes != (part.programmes or ()) and laying.takes(each)}


def _worded(laying: Laying, schedule: Schedule, known: set[Key]) -> dict[Key, Date]:
    """Dates in the horizon with a word of their own: the master does not say it."""
    first, last = laying.window
    told = [key for key, word in laying.chairs.dates.items() if word.differs]
    laying.dated = laying.dated or bool(told)
    near = (key for key in told if first <= key.date <= last and key not in known and has(schedule, key))
    return {each.key: each for each in map(laying.date, near) if laying.takes(each)}


def _listed(schedule: Schedule, extra: set[Key]) -> Iterator[datetime]:
    """The RDATEs. Beside no RRULE they name DTSTART too: ical.js and `ical` would leave it out."""
    if extra and schedule.rule is None:
        yield schedule.start
    yield from sorted(recurrence_id(schedule, key) for key in extra)


def alone_token(key: Key) -> str:
    """What tells a date that stands alone from the series: in capitals, as no id of an agenda's item is."""
    return f"D{key_text(key)}"
