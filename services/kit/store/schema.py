"""Tables and indexes of a SQLite store: made, checked, and brought up to date when it opens.

A kind has a table `record_<kind>` with the state as JSON and a virtual column `f_<field>` for each indexed field. Views
stand apart, so that a commit never writes a sequence. `view.serial` is the number of the commit that marked it and NULL
once published: the order of commits is forgotten with the mark. The tables of kinds have rowids, since without them
every state over a quarter of a page would take pages of its own; but as rowids in rising order would keep the order of
commits, they are random. No other table has any.
"""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

from services.kit.store import check, codec
from services.kit.store.port import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

VERSION = 1
PIECE = 500
"""Documents that are upgraded at a time."""
COLUMNS = "id, revision, version, at, actor, due_at, gone, state"
TABLES = (
    """CREATE TABLE IF NOT EXISTS view (
        kind TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL, at TEXT NOT NULL,
        digest TEXT NOT NULL, sequence INTEGER NOT NULL DEFAULT 0, serial INTEGER,
        PRIMARY KEY (kind, id, name)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS view_pending ON view (serial, kind, id) WHERE serial IS NOT NULL",
    """CREATE TABLE IF NOT EXISTS answer (
        method TEXT NOT NULL, caller TEXT NOT NULL, request_id TEXT NOT NULL, digest TEXT NOT NULL, reply TEXT NOT NULL,
        expires_at TEXT NOT NULL, PRIMARY KEY (method, caller, request_id)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS answer_expires ON answer (expires_at)",
    """CREATE TABLE IF NOT EXISTS audit (
        kind TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, line INTEGER NOT NULL, at TEXT NOT NULL,
        actor TEXT NOT NULL, action TEXT NOT NULL, reason TEXT NOT NULL,
        PRIMARY KEY (kind, id, revision, line)) WITHOUT ROWID""",
)


def writable(path: Path) -> sqlite3.Connection:
    """The connection that writes; a new file is for its owner's eyes alone. Raises OSError, naming the path."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = _connect(path)
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        connection.close()
        raise OSError(f"{path}: its file system cannot hold a write-ahead log")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    return connection


def readable(path: Path) -> sqlite3.Connection:
    """A connection that only reads: one that checkpointed too could corrupt the log (SQLite before 3.51.3)."""
    connection = _connect(path)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA query_only = ON")
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, cached_statements=512)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        connection.close()
        raise OSError(f"{path}: cannot be opened as a database: {error}") from error
    return connection


def prepare(connection: sqlite3.Connection, kinds: Mapping[str, Kind]) -> None:
    """Makes or checks everything in one transaction. Raises ValueError for what this program does not understand."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        _meta(connection)
        for statement in TABLES:
            connection.execute(statement)
        for kind in kinds.values():
            new = _table(connection, kind)
            _indexes(connection, kind)
            _upgrade(connection, kind)
            _refuse_unindexed(connection, kind, new)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def kinds_in(path: Path) -> tuple[Kind, ...]:
    """The kinds that a database was made for, as it says itself. Raises OSError, and ValueError for one not ours."""
    connection = readable(path)
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "meta" not in tables:
            raise ValueError(f"{path}: the file is somebody else's database")
        names = sorted(name.removeprefix("record_") for name in tables if name.startswith("record_"))
        return tuple(
            Kind(name, _declared(connection, name), meta(connection, f"version.{name}") or 1) for name in names
        )
    finally:
        connection.close()


def _declared(connection: sqlite3.Connection, kind: str) -> tuple[tuple[str, ...], ...]:
    """The indexes of a kind, from their names."""
    names = [row[1] for row in connection.execute(f"PRAGMA index_list(record_{kind})") if row[3] == "c"]
    return tuple(sorted(tuple(name.split("__")[2:]) for name in names if name.startswith("find__")))


def meta(connection: sqlite3.Connection, name: str) -> int | None:
    """A number that the store keeps about itself."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else int(row[0])


def keep(connection: sqlite3.Connection, name: str, value: int) -> None:
    """Writes a number that the store keeps about itself."""
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))


def _meta(connection: sqlite3.Connection) -> None:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "meta" not in tables:
        raise ValueError("the file is somebody else's database")
    connection.execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID")
    stored = meta(connection, "schema")
    if stored is not None and stored > VERSION:
        raise ValueError(f"the database has schema {stored}, this program knows {VERSION}: upgrade the program")
    keep(connection, "schema", VERSION)
    if meta(connection, "epoch") is None:
        keep(connection, "epoch", 1)


def _table(connection: sqlite3.Connection, kind: Kind) -> list[str]:
    """The table of a kind; the indexed fields that it did not know before."""
    former = _set_aside(connection, kind)
    connection.execute(f"""CREATE TABLE IF NOT EXISTS record_{kind.name} (
        id TEXT NOT NULL PRIMARY KEY, revision INTEGER NOT NULL, version INTEGER NOT NULL, at TEXT NOT NULL,
        actor TEXT NOT NULL, due_at TEXT, gone INTEGER NOT NULL, state TEXT NOT NULL)""")
    if former:
        copied = f"SELECT random(), {COLUMNS} FROM {former}"  # noqa: S608 - a checked name
        connection.execute(f"INSERT INTO record_{kind.name} (rowid, {COLUMNS}) {copied}")
        connection.execute(f"DROP TABLE {former}")
    there = {row[1] for row in connection.execute(f"PRAGMA table_xinfo(record_{kind.name})")}
    new = [field for field in check.fields(kind) if f"f_{field}" not in there]
    for field in new:  # no type, so that text and numbers are compared as they are
        column = f"f_{field} GENERATED ALWAYS AS (json_extract(state, '$.{field}')) VIRTUAL"
        connection.execute(f"ALTER TABLE record_{kind.name} ADD COLUMN {column}")
    return new


def _set_aside(connection: sqlite3.Connection, kind: Kind) -> str:
    """Renames the table of a kind where it has no rowids, as 0.1.0 made it: to what; "" where there is nothing to do.

    What is copied from it takes less space; the file stays as long as it was, and fills up before it grows.
    """
    name = f"record_{kind.name}"
    made = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ? AND sql LIKE '%WITHOUT ROWID')"
    if not connection.execute(made, (name,)).fetchone()[0]:
        return ""
    connection.execute(f"ALTER TABLE {name} RENAME TO former_{name}")
    return f"former_{name}"


def _refuse_unindexed(connection: sqlite3.Connection, kind: Kind, fields: Iterable[str]) -> None:
    """Raises ValueError where documents lack a field that is indexed now: no search would ever find them."""
    for field in fields:
        lacking = f"SELECT id FROM record_{kind.name} WHERE f_{field} IS NULL AND gone = 0"  # noqa: S608 - checked names
        row = connection.execute(lacking).fetchone()
        if row is not None:
            raise ValueError(f"{kind.name} {row[0]!r} lacks {field!r}, which is indexed now: the kind needs an upgrade")


def _indexes(connection: sqlite3.Connection, kind: Kind) -> None:
    wanted = {f"due_{kind.name}": "(due_at, id) WHERE due_at IS NOT NULL AND gone = 0"}
    for index in kind.indexes:
        columns = ", ".join((*(f"f_{field}" for field in index), "id"))
        wanted["__".join(("find", kind.name, *index))] = f"({columns}) WHERE gone = 0"
    there = {row[1] for row in connection.execute(f"PRAGMA index_list(record_{kind.name})") if row[3] == "c"}
    for name in there - wanted.keys():
        connection.execute(f"DROP INDEX {name}")
    for name in wanted.keys() - there:
        connection.execute(f"CREATE INDEX {name} ON record_{kind.name} {wanted[name]}")


def _upgrade(connection: sqlite3.Connection, kind: Kind) -> None:
    """Writes older documents as this program knows them, once: an index over an old shape would find the wrong ones.

    A program that knows less than the last one says so too: what it writes is upgraded when the newer one comes back.
    """
    if meta(connection, f"version.{kind.name}") == kind.version:
        return
    for id_, version, text in _older(connection, kind):
        state = codec.text(codec.decode(kind, id_, version, text))
        connection.execute(
            f"UPDATE record_{kind.name} SET state = ?, version = ? WHERE id = ?",  # noqa: S608 - a checked name
            (state, kind.version, id_),
        )
    keep(connection, f"version.{kind.name}", kind.version)


def _older(connection: sqlite3.Connection, kind: Kind) -> Iterator[tuple[str, int, str]]:
    """Documents of older versions, some at a time: each may be changed before the next is asked for."""
    after = ""
    while True:
        page = connection.execute(
            f"SELECT id, version, state FROM record_{kind.name} WHERE id > ? AND version < ? ORDER BY id LIMIT {PIECE}",  # noqa: S608 - a checked name
            (after, kind.version),
        ).fetchall()
        yield from page
        if len(page) < PIECE:
            return
        after = page[-1][0]
