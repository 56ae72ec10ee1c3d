"""Which events of a file belong together, and which of several versions counts (RFC 5546 section 2.1.5)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from services.formats import words
from services.formats.ics.moments import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from services.formats.ics.components import Event

_LONGEST: Final = 150
_SEQUENCE: Final = 9


@dataclass
class Group:
    """The events of one UID: the one that says the series, those about single dates, and what does not count."""

    uid: str
    master: Event | None = None
    overrides: list[Event] = field(default_factory=list)
    older: list[Event] = field(default_factory=list)
    doubtful: list[Event] = field(default_factory=list)


def groups(events: Iterable[Event]) -> tuple[list[Group], list[Event]]:
    """The groups in the order of the file, and the events without a UID."""
    by_uid: dict[str, list[Event]] = {}
    nameless: list[Event] = []
    for event in events:
        uid = words.line(event.value("UID"))
        (by_uid.setdefault(uid, []) if uid else nameless).append(event)
    return [_group(uid, found) for uid, found in by_uid.items()], nameless


def source_id(uid: str, at: datetime | None = None) -> str:
    """What a series is known by: its UID; a part of it, or one date, with the original start behind it."""
    short = uid
    if len(uid) > _LONGEST:
        short = f"{uid[: _LONGEST - 33]}-{hashlib.sha256(uid.encode()).hexdigest()[:32]}"
    return f"{short}/{at:%Y%m%dT%H%M}" if at else short


def _group(uid: str, events: list[Event]) -> Group:
    group = Group(uid)
    by_date: dict[tuple[str, ...], list[Event]] = {}
    for event in events:
        line = event.one("RECURRENCE-ID")
        key: tuple[str, ...] = (line.parameter("TZID"), line.value.strip().upper()) if line else ()
        by_date.setdefault(key, []).append(event)
    for key, versions in by_date.items():
        newest = _newest(group, versions)
        if key:
            group.overrides.append(newest)
        else:
            group.master = newest
    return group


def _newest(group: Group, versions: list[Event]) -> Event:
    """The newest; of several that are equally new and differ the first, and the others are doubtful."""
    newest = max(versions, key=_age)  # the first of equals
    for event in versions:
        if event is newest:
            continue
        same = _age(event) == _age(newest) and _said(event) != _said(newest)
        (group.doubtful if same else group.older).append(event)
    return newest


def _age(event: Event) -> tuple[int, datetime]:
    """The higher, the newer."""
    sequence = event.value("SEQUENCE")
    number = int(sequence) if sequence.isascii() and sequence.isdecimal() and len(sequence) <= _SEQUENCE else 0
    return number, stamp(event.value("DTSTAMP"))


def _said(event: Event) -> list[tuple[str, str]]:
    return sorted((line.name, line.value) for line in event.lines)
