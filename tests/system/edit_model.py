"""A naive model of edits: the table of the design's section 6, day by day, with an arithmetic of its own.

It exists to disagree with the services where one of them is wrong, and shares nothing with them. Local times are naive
and mean the part's zone. A part is never changed, only replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from tests.system.edit_days import DAY, DAYS, Rule, names, ruled, weekday

if TYPE_CHECKING:
    from collections.abc import Mapping


class Key(NamedTuple):
    """A date of a lineage: it keeps its name through every edit."""

    day: date
    ordinal: int = 0

    def __str__(self) -> str:
        return f"{self.day:%Y%m%d}" + (f"-{self.ordinal}" if self.ordinal else "")


class Extra(NamedTuple):
    """A date besides those of the rule; `at` None: the hour of the series."""

    day: date
    ordinal: int = 0
    at: time | None = None

    @property
    def key(self) -> Key:
        return Key(self.day, self.ordinal)


@dataclass(frozen=True)
class Times:
    """When a part takes place."""

    start: datetime
    zone: str
    minutes: int
    rule: Rule | None = None
    extra: tuple[Extra, ...] = ()


@dataclass(frozen=True)
class Changed:
    """What a person set on one date."""

    start: datetime | None = None
    minutes: int | None = None
    title: str | None = None


@dataclass(frozen=True)
class Part:
    """One meeting: a series, or a part of one. `lineage`, `previous` and `next` are numbers of parts."""

    lineage: int
    title: str
    times: Times
    cancelled: Mapping[Key, str] = field(default_factory=dict)
    changed: Mapping[Key, Changed] = field(default_factory=dict)
    deleted: bool = False
    previous: int | None = None
    next: int | None = None

    def told(self) -> tuple[Any, ...]:
        """Everything that was ever said about it to people."""
        return self.title, self.times, self.cancelled, self.changed, self.deleted


class Shown(NamedTuple):
    """One date as people see it; times are UTC."""

    part: int
    identity: tuple[int, Key]
    start: datetime
    end: datetime
    title: str
    cancelled: bool


# --- dates -----------------------------------------------------------------------------------------------------------


@cache
def dates(times: Times) -> tuple[Key, ...]:
    """All dates, in order."""
    regular = {Key(day) for day in ruled(times.start.date(), times.rule)}
    return tuple(sorted(regular | {extra.key for extra in times.extra}))


def endless(times: Times) -> bool:
    return times.rule is not None and times.rule.until is None and times.rule.count is None


def original(times: Times, key: Key) -> datetime:
    """When a date takes place if nothing else was said about it."""
    own = [extra.at for extra in times.extra if extra.key == key and extra.at is not None]
    return datetime.combine(key.day, own[0] if own else times.start.time())


def can_be(times: Times) -> bool:
    """Whether the start is a date of its own rule, and no two occurrences are one."""
    start, hour = times.start.date(), times.start.time()
    days = set(ruled(start, times.rule))
    if start not in days:
        return False
    if any(extra.ordinal == 0 and extra.day in days and extra.at not in {None, hour} for extra in times.extra):
        return False
    if len({extra.key for extra in times.extra}) != len(times.extra):
        return False
    keys = dates(times)
    at = [original(times, key) for key in keys]
    return len(at) == len(set(at))


# --- edits --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Create:
    title: str
    times: Times


@dataclass(frozen=True)
class Update:
    """`fields` are paths of the update mask with the values they get; `following` None is all dates of the part."""

    part: int
    fields: Mapping[str, Any]
    following: Key | None = None
    orphans: str = ""


@dataclass(frozen=True)
class Cancel:
    part: int
    key: Key
    reason: str = ""


@dataclass(frozen=True)
class Restore:
    part: int
    key: Key


@dataclass(frozen=True)
class Change:
    """`fields` are those of the mask; None goes back to the series' own."""

    part: int
    key: Key
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Delete:
    part: int


Edit: TypeAlias = Create | Update | Cancel | Restore | Change | Delete


class No(Exception):  # noqa: N818 - an answer
    """The edit is refused for one of these reasons."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(*reasons)
        self.reasons = set(reasons)


INVALID, ABSENT, ORPHANED, DELETED = "INVALID_FIELD", "NOT_FOUND", "ORPHANED_OCCURRENCES", "MEETING_CANCELLED"


class Model:
    """All parts there ever were, numbered as they came."""

    def __init__(self) -> None:
        self.parts: list[Part] = []

    def apply(self, edit: Edit) -> None:
        """Raises No, and nothing has changed."""
        if isinstance(edit, Create):
            if not can_be(edit.times):
                raise No(INVALID)
            self.parts.append(Part(len(self.parts), edit.title, edit.times))
            return
        part = self.parts[edit.part]
        if part.deleted:
            raise No(DELETED)
        if isinstance(edit, Update):
            self._update(edit, part)
        elif isinstance(edit, Delete):
            self._delete(edit.part, part)
        else:
            self.parts[edit.part] = _single(part, edit)

    def shown(self, since: datetime, until: datetime) -> list[Shown]:
        """What ends after `since` and starts before `until`, in no order."""
        living = [(number, part) for number, part in enumerate(self.parts) if not part.deleted]
        found = [_shown(number, part, key) for number, part in living for key in dates(part.times)]
        return [each for each in found if each.start < until and each.end > since]

    def check_apart(self) -> None:
        """The dates of each part lie after those of the part before it."""
        for number, part in enumerate(self.parts):
            if part.next is not None and not part.deleted:
                after = self.parts[part.next]
                assert after.previous == number
                assert not endless(part.times)
                assert dates(part.times)[-1].day < dates(after.times)[0].day

    def _update(self, edit: Update, part: Part) -> None:
        number = edit.part
        if edit.following is not None:
            if edit.following not in dates(part.times):
                raise No(ABSENT)
            if edit.following.day > dates(part.times)[0].day:
                self._split(edit, part, edit.following.day)
                return
        before = None if part.previous is None else self.parts[part.previous]
        self.parts[number] = edited(part, edit, before, self._next(part))

    def _split(self, edit: Update, part: Part, day: date) -> None:
        number = len(self.parts)
        cut = replace(_of(part, lambda key: key.day < day), times=head(part.times, day), next=number)
        rest = replace(_of(part, lambda key: key.day >= day), times=tail(part.times, day), previous=edit.part)
        rest = edited(rest, edit, cut, self._next(part))
        self.parts[edit.part] = cut
        self.parts.append(rest)
        if rest.next is not None:
            self.parts[rest.next] = replace(self.parts[rest.next], previous=number)

    def _delete(self, number: int, part: Part) -> None:
        self.parts[number] = replace(part, deleted=True, previous=None, next=None)
        if part.previous is not None:
            self.parts[part.previous] = replace(self.parts[part.previous], next=part.next)
        if part.next is not None:
            self.parts[part.next] = replace(self.parts[part.next], previous=part.previous)

    def _next(self, part: Part) -> Part | None:
        return None if part.next is None else self.parts[part.next]


def edited(part: Part, edit: Update, before: Part | None, after: Part | None) -> Part:
    """All dates of the part, with the fields of the edit. Raises No."""
    new = {path.removeprefix("schedule."): value for path, value in edit.fields.items() if path != "title"}
    times = replace(part.times, **new)
    if times.rule is not None and times.rule != part.times.rule and "start" not in new:
        earliest = dates(before.times)[-1].day + DAY if before else date.min
        first = derived(part.times.start.date(), times.rule, earliest)
        times = replace(times, start=datetime.combine(first, times.start.time()))
    if not can_be(times):
        raise No(INVALID)
    gone = sorted(set(part.changed) - set(part.cancelled) - set(dates(times)))
    if gone and not edit.orphans:
        raise No(ORPHANED, *([] if apart(times, before, after) else [INVALID]))
    if edit.orphans == "keep":
        own = {extra.key: extra.at for extra in part.times.extra}
        kept = (Extra(key.day, key.ordinal, own.get(key)) for key in gone)
        times = replace(times, extra=tuple(sorted((*times.extra, *kept), key=lambda extra: extra.key)))
    if not can_be(times) or not apart(times, before, after):
        raise No(INVALID)
    there = set(dates(times))
    return replace(_of(part, there.__contains__), title=edit.fields.get("title", part.title), times=times)


def derived(anchor: date, rule: Rule, earliest: date) -> date:
    """Where a series starts when its rule changes and no start is named: in the same week (month), if it can."""
    if names(rule, anchor, anchor):
        return anchor
    into = (weekday(anchor) - DAYS.index(rule.week_start)) % 7
    day = anchor.replace(day=1) if rule.frequency == "MONTHLY" else anchor - into * DAY
    day = max(day, earliest)
    while not names(rule, anchor, day):
        day += DAY
    return day


def apart(times: Times, before: Part | None, after: Part | None) -> bool:
    """Whether its dates lie after those of the part before and before those of the next."""
    keys = dates(times)
    if before is not None and keys[0].day <= dates(before.times)[-1].day:
        return False
    return after is None or (not endless(times) and keys[-1].day < dates(after.times)[0].day)


def head(times: Times, day: date) -> Times:
    """What lies before a day: it ends with its last date."""
    days = [each for each in ruled(times.start.date(), times.rule) if each < day]
    extra = tuple(each for each in times.extra if each.day < day)
    if not days:
        return only_extra(times, extra)
    rule = times.rule
    if rule is not None and len(days) < len(ruled(times.start.date(), rule)):
        rule = replace(rule, until=days[-1], count=None)
    return replace(times, rule=rule, extra=extra)


def tail(times: Times, day: date) -> Times:
    """What lies on or after a day, with what is left of its COUNT."""
    days = ruled(times.start.date(), times.rule)
    left = [each for each in days if each >= day]
    extra = tuple(each for each in times.extra if each.day >= day)
    if not left:
        return only_extra(times, extra)
    rule = times.rule
    if rule is not None and rule.count is not None:
        rule = replace(rule, count=len(left))
    return replace(times, start=datetime.combine(left[0], times.start.time()), rule=rule, extra=extra)


def only_extra(times: Times, extra: tuple[Extra, ...]) -> Times:
    """Nothing but extra dates: the first is the start, and the others keep their hours."""
    hour = times.start.time()
    firsts = sorted(each.key for each in extra if each.ordinal == 0)
    if not firsts:
        raise No(INVALID)
    rest = tuple(Extra(each.day, each.ordinal, each.at or hour) for each in extra if each.key != firsts[0])
    return replace(times, start=original(times, firsts[0]), rule=None, extra=rest)


def _of(part: Part, mine: Any) -> Part:
    """The part with what was said about those of its dates that are `mine`."""
    return replace(
        part,
        cancelled={key: reason for key, reason in part.cancelled.items() if mine(key)},
        changed={key: changed for key, changed in part.changed.items() if mine(key)},
    )


def _single(part: Part, edit: Cancel | Restore | Change) -> Part:
    key = edit.key
    if key not in dates(part.times):
        raise No(ABSENT)
    if isinstance(edit, Cancel):
        return replace(part, cancelled={**part.cancelled, key: edit.reason})
    others = {each: changed for each, changed in part.changed.items() if each != key}
    if isinstance(edit, Restore):
        return replace(part, cancelled={k: v for k, v in part.cancelled.items() if k != key}, changed=others)
    changed = replace(part.changed.get(key, Changed()), **edit.fields)
    return replace(part, changed=others if changed == Changed() else {**others, key: changed})


def _shown(number: int, part: Part, key: Key) -> Shown:
    changed = part.changed.get(key, Changed())
    local = changed.start or original(part.times, key)
    start = local.replace(tzinfo=ZoneInfo(part.times.zone)).astimezone(UTC)
    end = start + timedelta(minutes=changed.minutes or part.times.minutes)
    return Shown(number, (part.lineage, key), start, end, changed.title or part.title, key in part.cancelled)
