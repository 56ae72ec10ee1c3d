"""Group commit: writes that wait share one transaction, a SAVEPOINT each, and one fsync."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from services.kit import points
from services.kit.store.port import OutcomeUnknown, Unwritten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.kit.store.worker import Job


def group(connection: sqlite3.Connection, members: Sequence[Job[object]]) -> None:
    """Runs the members in one transaction. A member's own failure leaves the others alone.

    Where the transaction itself is lost (a full disk ends it, and a later COMMIT would keep only what came after),
    every member fails and nothing is written.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        for member in members:
            _member(connection, member)
        points.reach("store.commit")
    except Exception as error:  # noqa: BLE001 - each member is told
        _lost(connection, members, Unwritten, error)
        return
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        # A full disk never takes the frame that commits; after any other fault a restart may still find it.
        _lost(connection, members, Unwritten if _disk_full(error) else OutcomeUnknown, error)
        return
    points.reach("store.committed")
    for after in {member.after for member in members if member.error is None and member.after is not None}:
        with contextlib.suppress(sqlite3.Error):
            after(connection)


def empty_log(connection: sqlite3.Connection) -> None:
    """Has the log hold nothing of the past, unless somebody reads just now: then it is overwritten or emptied later."""
    wait = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {wait}")


def scatter(connection: sqlite3.Connection) -> None:
    """Writes the file anew in the order of rowids and indexes: within a page SQLite leaves things as they came."""
    connection.execute("VACUUM")
    empty_log(connection)


def _member(connection: sqlite3.Connection, member: Job[object]) -> None:
    connection.execute("SAVEPOINT member")
    try:
        member.result = member.work(connection)
    except Exception as error:
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO member")
        member.error = Unwritten(str(error)) if isinstance(error, sqlite3.Error) else error
    connection.execute("RELEASE member")


def _disk_full(error: Exception) -> bool:
    """Whether the disk is full."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def _lost(
    connection: sqlite3.Connection, members: Sequence[Job[object]], verdict: type[Exception], cause: Exception
) -> None:
    for member in members:
        member.error = verdict(str(cause))
    if connection.in_transaction:
        connection.execute("ROLLBACK")
