"""What is closed, or will be soon, in plain words: closures in force or coming within 14 days. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from openchair.meetings.v1 import closure_pb2

from services.recurrence import wire, zones
from services.recurrence.types import RecurrenceError
from services.web import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from services.web.board import CentreBoard

AHEAD: Final = timedelta(days=14)
IN_FORCE: Final = frozenset({closure_pb2.CLOSURE_STATE_RUNNING, closure_pb2.CLOSURE_STATE_IN_FORCE})
EFFECTS: Final[dict[int, str]] = {
    closure_pb2.CLOSURE_EFFECT_CANCEL: "What would be held there is cancelled.",
    closure_pb2.CLOSURE_EFFECT_ONLINE: "What would be held there is held online where it can be.",
}
_MOST: Final = 5


@dataclass(frozen=True)
class Notice:
    """One closure: "River Hall is closed", "from Thursday 24 December to ...", why, and what comes of it."""

    what: str
    when: str
    reason: str
    effect: str


def notices(board: CentreBoard, zone: str, now: datetime) -> tuple[Notice, ...]:
    """Those of a centre, the earliest first."""
    known = titles(board) if board.closures else {}
    found = []
    for closure in board.closures.values():
        span = _span(closure, zone) if closure.state in IN_FORCE else None
        if span is not None and span[0] < now + AHEAD and (span[1] is None or span[1] > now):
            when = _holidays(closure, board, zone, now) if closure.holidays else _when(closure, zone, now)
            if when:
                found.append(
                    (
                        span[0],
                        closure.name,
                        Notice(_what(closure, known), when, closure.reason, _effect(closure, known)),
                    )
                )
    return tuple(notice for _, _, notice in sorted(found, key=lambda each: each[:2]))


def edges(board: CentreBoard, zone: str) -> Iterator[datetime]:
    """The instants at which one begins, or ends, or comes near."""
    for closure in board.closures.values():
        span = _span(closure, zone)
        if span is not None:
            yield from (span[0], span[0] - AHEAD, *((span[1],) if span[1] else ()))


def titles(board: CentreBoard) -> dict[str, str]:
    """What places and rooms are called, by their names: as much as public meetings say of it."""
    return {name: title for meeting in board.known.values() for name, title in meeting.titles}


def _what(closure: closure_pb2.Closure, known: Mapping[str, str]) -> str:
    names = [*closure.places, *closure.rooms]
    said = list(dict.fromkeys(filter(None, (known.get(name) for name in names))))
    if closure.meetings_only:
        return f"Meetings pause in {_list(said) if said else 'a part of the centre' if names else 'the whole centre'}"
    if not names:
        return "The whole centre is closed"
    if not said:
        return "A part of the centre is closed"
    return f"{_list(said)} {'is' if len(said) == 1 else 'are'} closed"


def _effect(closure: closure_pb2.Closure, known: Mapping[str, str]) -> str:
    if closure.effect == closure_pb2.CLOSURE_EFFECT_MOVE:
        said = [known[name] for name in (closure.move_place, *closure.move_rooms) if name in known]
        return f"What would be held there is held elsewhere{': ' + _list(said) if said else ''}."
    return EFFECTS.get(closure.effect, "")


def _list(said: list[str]) -> str:
    shown = said if len(said) <= _MOST else [*said[:_MOST], f"{len(said) - _MOST} more"]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _span(closure: closure_pb2.Closure, zone: str) -> tuple[datetime, datetime | None] | None:
    """The instants between which it is closed; None: no end is known. Nothing for what cannot be read."""
    try:
        begins = _instant(closure.start, zone)
        return begins, _instant(closure.end, zone, days=1) if closure.end else None
    except RecurrenceError:
        return None


def _instant(text: str, zone: str, days: int = 0) -> datetime:
    if "T" in text:
        return zones.to_utc(wire.parse_local("start", text), zone)
    return zones.midnight(wire.parse_date("start", text) + timedelta(days=days), zone)


def _when(closure: closure_pb2.Closure, zone: str, now: datetime) -> str:
    today = zones.local_day(now, zone)
    begun = _day(closure.start) < today or ("T" not in closure.start and _day(closure.start) <= today)
    if not closure.end:
        return "until further notice" if begun else f"from {_said(closure.start)} until further notice"
    if closure.start == closure.end:
        return f"on {_said(closure.start)}"
    return f"until {_said(closure.end)}" if begun else f"from {_said(closure.start)} to {_said(closure.end)}"


def _holidays(closure: closure_pb2.Closure, board: CentreBoard, zone: str, now: datetime) -> str:
    """The holidays on which it touches something soon: a page knows no calendar of them but what meetings say."""
    today = zones.local_day(now, zone)
    found = {
        date.fromisoformat(change.date): change.holiday
        for changes in board.changes.values()
        for change in changes.values()
        if change.closure == closure.name
    }
    soon = sorted(day for day in found if today <= day < today + AHEAD)
    return f"on {_list([_holiday(day, found[day]) for day in soon])}" if soon else ""


def _holiday(day: date, name: str) -> str:
    return f"{say.day(day)} ({name})" if name else say.day(day)


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])


def _said(text: str) -> str:
    if "T" not in text:
        return say.day(_day(text))
    local = wire.parse_local("start", text)
    return f"{say.day(local.date())}, {say.clock(local)}"
