"""Commits as SQL, and rows as records. Every function runs in the thread that owns the connection."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from services.kit.store import codec
from services.kit.store.port import Answer, Audit, Commit, Conflict, Forgotten, Kind, Record, RequestKey

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from services.kit.store.port import Entry

LINES = "SELECT coalesce(max(line), 0) FROM audit WHERE kind = ? AND id = ? AND revision = ?"
INSERT_AUDIT = "INSERT INTO audit (kind, id, revision, line, at, actor, action, reason) VALUES "
INSERT_ANSWER = "INSERT INTO answer (method, caller, request_id, digest, reply, expires_at) VALUES "
UNLESS_KEPT = """ ON CONFLICT DO UPDATE SET digest = excluded.digest, reply = excluded.reply,
    expires_at = excluded.expires_at WHERE answer.expires_at <= ?"""
TOGETHER = (16, 1)
"""Rows in one statement: each one costs a handing over of the interpreter, there and back. Of large rows with many
indexes a few at a time cost half as much again as one by one."""
SMALL = (16, 4, 1)
"""The same of rows that are small."""
RAISE_VIEW = "INSERT INTO view (kind, id, name, revision, at, digest, serial) VALUES "
UNLESS_AS_NEW = """ ON CONFLICT DO UPDATE SET revision = excluded.revision, at = excluded.at, digest = excluded.digest,
    serial = coalesce(serial, excluded.serial) WHERE excluded.revision > revision"""
PUBLISHED = """UPDATE view SET sequence = ?, serial = CASE WHEN revision = ? AND ? THEN NULL ELSE serial END
    WHERE kind = ? AND id = ? AND name = ?"""

ANSWERS = "SELECT method, caller, request_id, digest, reply, expires_at FROM answer ORDER BY expires_at"
AUDIT = "SELECT kind, id, revision, at, actor, action, reason FROM audit ORDER BY kind, id, revision, line"


class Prepared(NamedTuple):
    """A checked commit on its way: its states as JSON, the instant it was asked for."""

    change: Commit
    texts: Sequence[str]
    now: str


def write(connection: sqlite3.Connection, kinds: Mapping[str, Kind], prepared: Prepared, serial: int) -> None:
    """Writes a commit. Raises Conflict and leaves the rest to a rollback."""
    change = prepared.change
    _answers(connection, change.answers, prepared.now)
    new: dict[str, list[tuple[Any, ...]]] = {}
    for record, text in zip(change.records, prepared.texts, strict=True):
        row = _row(kinds[record.kind].version, record, text)
        if record.revision == 1:
            new.setdefault(record.kind, []).append(row)
        else:
            _update(connection, record, row)
    for kind, rows in new.items():
        _insert(connection, kind, rows)
    _views(connection, change.records, serial)
    _lines(connection, change.audit, {(record.kind, record.id, record.revision) for record in change.records})
    for one in change.forgotten:
        _forget(connection, one)


def _forget(connection: sqlite3.Connection, one: Forgotten) -> None:
    """Every row of it; `secure_delete` sees to the bytes."""
    statement = f"DELETE FROM record_{one.kind} WHERE id = ? AND revision = ?"  # noqa: S608 - a checked name
    if connection.execute(statement, (one.id, one.revision)).rowcount != 1:
        raise Conflict(f"{one.kind} {one.id!r} is not at revision {one.revision}")
    for table in ("view", "audit"):
        connection.execute(f"DELETE FROM {table} WHERE kind = ? AND id = ?", (one.kind, one.id))  # noqa: S608 - ours


def take_record(connection: sqlite3.Connection, kind: Kind, record: Record, text: str, serial: int) -> None:
    """Inserts a record of a dump at its own revision, all its views marked. Raises ValueError where it is there."""
    row = (record.id, record.revision, kind.version, record.at, record.actor, record.due_at, record.gone, text)
    statement = f"""INSERT INTO record_{kind.name} (rowid, id, revision, version, at, actor, due_at, gone, state)
        VALUES (random(), ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""  # noqa: S608 - a checked name
    if connection.execute(statement, row).rowcount != 1:
        raise ValueError(f"{kind.name} {record.id!r} stands twice in the dump")
    _views(connection, (record,), serial)


def take(connection: sqlite3.Connection, entry: Answer | Audit) -> None:
    """Inserts an answer or a line of a dump."""
    if isinstance(entry, Audit):
        _lines(connection, (entry,))
    else:
        _answers(connection, (entry,), entry.expires_at)


def everything(connection: sqlite3.Connection, kinds: Mapping[str, Kind], epoch: int) -> Iterator[Entry]:
    """All records, answers and lines, in the snapshot that the connection has begun.

    Raises ValueError where there are records of a kind that this program does not know: they would be left out.
    """
    _refuse_unknown(connection, kinds)
    for kind in kinds.values():
        for row in connection.execute(select(kind, "ORDER BY id")):
            yield record(kind, epoch, row)
    for key in connection.execute(ANSWERS):
        yield Answer(RequestKey(*key[:3]), *key[3:])
    for line in connection.execute(AUDIT):
        yield Audit(*line)


def _refuse_unknown(connection: sqlite3.Connection, kinds: Mapping[str, Kind]) -> None:
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'record_*'"
    ).fetchall()
    for (name,) in tables:
        kind = name.removeprefix("record_")
        if kind not in kinds and connection.execute(f"SELECT EXISTS (SELECT 1 FROM {name})").fetchone()[0]:  # noqa: S608 - a table of ours
            raise ValueError(
                f"there are records of kind {kind!r}, which this program does not know: upgrade the program"
            )


def refuse_unless_empty(connection: sqlite3.Connection, kinds: Mapping[str, Kind]) -> None:
    """Raises ValueError where there is any record, answer or line."""
    for name in (*(f"record_{kind}" for kind in kinds), "answer", "audit"):
        if connection.execute(f"SELECT EXISTS (SELECT 1 FROM {name})").fetchone()[0]:  # noqa: S608 - a checked name
            raise ValueError("the store is not empty: it cannot be filled")


def _views(connection: sqlite3.Connection, records: Iterable[Record], serial: int) -> None:
    """Marks those that have moved."""
    marks = [
        (record.kind, record.id, view.name, view.revision, view.at, view.digest, serial)
        for record in records
        for view in record.views
    ]
    _together(connection, RAISE_VIEW, marks, UNLESS_AS_NEW, sizes=SMALL)


def _lines(
    connection: sqlite3.Connection, lines: Sequence[Audit], new: Collection[tuple[str, str, int]] = frozenset()
) -> None:
    """Each gets the number after the last of its record's revision. Of those that are `new` there is none yet."""
    last = dict.fromkeys(new, 0)
    rows = []
    for line in lines:
        of = (line.kind, line.id, line.revision)
        last[of] = number = 1 + (last[of] if of in last else connection.execute(LINES, of).fetchone()[0])
        rows.append((*of, number, line.at, line.actor, line.action, line.reason))
    _together(connection, INSERT_AUDIT, rows, sizes=SMALL)


def _answers(connection: sqlite3.Connection, answers: Sequence[Answer], now: str) -> None:
    rows = [(*_of(each.key), each.digest, each.reply, each.expires_at) for each in answers]
    if _together(connection, INSERT_ANSWER, rows, UNLESS_KEPT, (now,)) != len(rows):
        raise Conflict(f"{answers[0].key.method}: a request is answered already")


def _of(key: RequestKey) -> tuple[str, str, str]:
    return (key.method, key.caller, key.request_id)


def _row(version: int, record: Record, text: str) -> tuple[Any, ...]:
    return (record.revision, version, record.at, record.actor, record.due_at, record.gone, text, record.id)


def _insert(connection: sqlite3.Connection, kind: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """New records. Raises Conflict where one of them is there."""
    # Rowids are random: those of neighbours in a commit tell nothing.
    statement = f"INSERT INTO record_{kind} (rowid, revision, version, at, actor, due_at, gone, state, id) VALUES "  # noqa: S608 - a checked name
    if _together(connection, statement, rows, " ON CONFLICT DO NOTHING", first="random(), ") != len(rows):
        raise Conflict(f"{kind}: a new one is there already")


def _update(connection: sqlite3.Connection, record: Record, row: tuple[Any, ...]) -> None:
    """Another revision of a record. Raises Conflict where it is not at the one before."""
    statement = f"""UPDATE record_{record.kind}
        SET revision = ?, version = ?, at = ?, actor = ?, due_at = ?, gone = ?, state = ?
        WHERE id = ? AND revision = ?"""  # noqa: S608 - a checked name
    if connection.execute(statement, (*row, record.revision - 1)).rowcount != 1:
        raise Conflict(f"{record.kind} {record.id!r} is not at revision {record.revision - 1}")


def _together(
    connection: sqlite3.Connection,
    statement: str,
    rows: Sequence[tuple[Any, ...]],
    rest: str = "",
    values: tuple[Any, ...] = (),
    *,
    first: str = "",
    sizes: Sequence[int] = TOGETHER,
) -> int:
    """Executes a statement that ends with VALUES for rows, so many at a time, and says how many were written.

    `rest` follows the rows, with `values` of its own; `first` is what each row begins with.
    """
    done = start = 0
    while start < len(rows):
        many = next(each for each in sizes if each <= len(rows) - start)
        taken = rows[start : start + many]
        row = f"({first}{', '.join('?' * len(taken[0]))})"
        given = [*chain.from_iterable(taken), *values]
        done += connection.execute(f"{statement}{', '.join([row] * many)}{rest}", given).rowcount
        start += many
    return done


def select(kind: Kind, rest: str) -> str:
    """The statement that reads records of a kind, views and all, in one snapshot."""
    return f"""SELECT id, revision, version, at, actor, due_at, gone, state, (SELECT json_group_array(
        json_array(name, view.revision, view.at, digest, serial IS NOT NULL, sequence)) FROM view
        WHERE view.kind = '{kind.name}' AND view.id = r.id) FROM record_{kind.name} r {rest}"""  # noqa: S608 - a checked name


def record(kind: Kind, epoch: int, row: tuple[Any, ...]) -> Record:
    """The record in a row of `select`."""
    id_, revision, version, at, actor, due_at, gone, text, views = row
    state = codec.decode(kind, id_, version, text)
    return Record(kind.name, id_, revision, state, at, actor, epoch, due_at, bool(gone), codec.views(views))


def published(
    connection: sqlite3.Connection, of: tuple[str, str, str], revision: int, sequence: int, *, current: bool
) -> None:
    """Keeps the sequence of a view (kind, id, name); clears its mark at this revision, of the `current` epoch."""
    connection.execute(PUBLISHED, (sequence, revision, current, *of))


def pending(connection: sqlite3.Connection, kinds: Mapping[str, Kind], limit: int) -> list[tuple[str, str]]:
    """Kind and id of records with a pending view, oldest commit first."""
    found: dict[tuple[str, str], None] = {}
    for kind, id_ in connection.execute("SELECT kind, id FROM view WHERE serial IS NOT NULL ORDER BY serial, kind, id"):
        if len(found) == limit:
            break
        if kind in kinds:
            found[kind, id_] = None
    return list(found)


def answer(connection: sqlite3.Connection, key: RequestKey, now: str) -> Answer | None:
    """What this request was answered, while that is kept."""
    row = connection.execute(
        """SELECT digest, reply, expires_at FROM answer
        WHERE method = ? AND caller = ? AND request_id = ? AND expires_at > ?""",
        (key.method, key.caller, key.request_id, now),
    ).fetchone()
    return None if row is None else Answer(key, *row)


def history(connection: sqlite3.Connection, kind: str, id: str, limit: int) -> list[Audit]:  # noqa: A002 - as in the port
    """The audit trail of one record, newest first."""
    rows = connection.execute(
        """SELECT kind, id, revision, at, actor, action, reason FROM audit WHERE kind = ? AND id = ?
        ORDER BY revision DESC, line DESC LIMIT ?""",
        (kind, id, limit),
    )
    return [Audit(*row) for row in rows]
