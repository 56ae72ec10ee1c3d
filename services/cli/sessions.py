"""The agenda of a retreat from a table: CSV with the columns day, time, minutes, title, room, leader, notes."""

from __future__ import annotations

import csv
import io
import itertools
import sys
from typing import TYPE_CHECKING, Final

from openchair.meetings.v1 import schedule_pb2

from services.cli.shell import USAGE, Failure
from services.cli.when import Unclear, clock, length

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from services.cli.house import House

COLUMNS: Final = ("day", "time", "minutes", "title", "room", "leader", "notes")
_NEEDED: Final = frozenset({"day", "time", "minutes", "title"})
_MOST: Final = 1_000_000


def read(file: Path, house: House, known: Sequence[schedule_pb2.Session]) -> list[schedule_pb2.Session]:
    """The sessions of the table; those that are `known` keep their identity. Raises Failure naming the line."""
    rows = csv.DictReader(io.StringIO(_text(file)), restkey="more")
    columns = {(name or "").strip().casefold(): name for name in rows.fieldnames or ()}
    if missing := sorted(_NEEDED - columns.keys()):
        head = ",".join(COLUMNS)
        raise Failure(f"--agenda: the first line must name the columns ({head}); missing: {', '.join(missing)}", USAGE)
    if odd := sorted(columns.keys() - set(COLUMNS)):
        raise Failure(f"--agenda: there is no column {odd[0]!r}; columns are {', '.join(COLUMNS)}", USAGE)
    found = []
    for row in rows:
        fields = {name: (row.get(column) or "").strip() for name, column in columns.items()}
        if any(fields.values()):
            found.append(_session(fields, rows.line_num, house))
    return _with_ids(found, known)


def _text(file: Path) -> str:
    try:
        data = sys.stdin.buffer.read(_MOST) if str(file) == "-" else file.read_bytes()[:_MOST]
        return data.decode("utf-8-sig")
    except (OSError, AttributeError) as error:
        raise Failure(f"--agenda: {file}: {error}", USAGE) from None
    except UnicodeDecodeError:
        raise Failure(f"--agenda: {file}: is not UTF-8: save it as CSV UTF-8", USAGE) from None


def _session(fields: Mapping[str, str], line: int, house: House) -> schedule_pb2.Session:
    try:
        return schedule_pb2.Session(
            title=fields["title"],
            day=int(fields["day"]),
            time=f"{clock(fields['time']):%H:%M}",
            minutes=length(fields["minutes"]),
            rooms=[house.room(each.strip()).name for each in fields.get("room", "").split(";") if each.strip()],
            leader=fields.get("leader", ""),
            notes=fields.get("notes", ""),
        )
    except Unclear as error:
        raise Failure(f"--agenda, line {line}: {error}", USAGE) from None
    except ValueError:
        raise Failure(f"--agenda, line {line}: day must be a number: 1 is the day on which it begins", USAGE) from None
    except Failure as failure:
        raise Failure(f"--agenda, line {line}: {failure}", failure.code) from None


def _with_ids(
    sessions: list[schedule_pb2.Session], known: Sequence[schedule_pb2.Session]
) -> list[schedule_pb2.Session]:
    """A session that has a known title, or a known time, is the same one, told otherwise; others are new ones."""
    free = list(known)
    for same in (_same_time_and_title, _same_title, _same_time):
        for session in sessions:
            old = next((each for each in free if same(each, session)), None) if not session.id else None
            if old is not None:
                session.id = old.id
                free.remove(old)
    taken = {each.id for each in (*known, *sessions)}
    fresh = (f"s{n}" for n in itertools.count(1) if f"s{n}" not in taken)
    for session in sessions:
        session.id = session.id or next(fresh)
    return sessions


def _same_title(one: schedule_pb2.Session, other: schedule_pb2.Session) -> bool:
    return one.title == other.title


def _same_time(one: schedule_pb2.Session, other: schedule_pb2.Session) -> bool:
    return (one.day, one.time) == (other.day, other.time)


def _same_time_and_title(one: schedule_pb2.Session, other: schedule_pb2.Session) -> bool:
    return _same_title(one, other) and _same_time(one, other)


def said(session: schedule_pb2.Session, house: House) -> str:
    """The session, read back."""
    rooms = ", ".join(house.titles(session.rooms))
    more = ", ".join(filter(None, (rooms, session.leader, session.notes)))
    return f"day {session.day} {session.time} {session.title} ({session.minutes} minutes{', ' if more else ''}{more})"
