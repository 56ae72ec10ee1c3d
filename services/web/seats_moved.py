"""Where an address that somebody kept leads by now: a series that was split, a date on another day. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.clock import instant
from services.recurrence.edits import map_date
from services.recurrence.schedule import has, occurrence
from services.recurrence.wire import to_schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.recurrence.types import Key
    from services.web.board import CentreBoard


def parts(board: CentreBoard, meeting: str) -> Iterator[str]:
    """The meeting, then the parts of its series that come after it, then those before; as far as readers see them."""
    yield meeting
    for side in ("next_part", "previous_part"):
        seen, each = {meeting}, meeting
        while (each := getattr(board.meetings[each], side).rpartition("/")[2]) in board.meetings and each not in seen:
            seen.add(each)
            yield each


def dated(board: CentreBoard, meeting: str, key: Key) -> tuple[str, Key] | None:
    """The part that has the date, and the date as it is called now; None where it is none."""
    for part in parts(board, meeting):
        now = _now(board, part, key)
        if now is not None:
            return part, now
    return None


def _now(board: CentreBoard, part: str, key: Key) -> Key | None:
    """What was over when the days were changed stayed where it was: its page is gone."""
    if has(board.schedules[part], key):
        return key
    went: Key | None = key
    for change in board.meetings[part].day_changes:
        old, new = to_schedule(change.old_schedule), to_schedule(change.new_schedule)
        if went is None or not has(old, went):
            continue
        went = None if instant(occurrence(old, went).end) <= change.time else map_date(old, new, went)
    return went if went is not None and has(board.schedules[part], went) else None
