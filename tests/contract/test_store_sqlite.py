"""What only the SQLite store promises: group commit, a crash in the middle, a full disk, its file."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from services.kit.clock import SystemClock
from services.kit.store import query, schema, writer
from services.kit.store.port import Commit, Conflict, Kind, OutcomeUnknown, Unwritten, Where
from services.kit.store.sqlite import SqliteStore
from services.kit.store.worker import Job
from tests.contract.store_fixtures import KINDS, MEETING, answer, commit, ids, line, meeting, public, seat, stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytest_plugins = ("tests.contract.store_fixtures",)
MEMBERS = 5


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.db", KINDS, SystemClock())
    await store.open()
    yield store
    await store.close()


async def pragma(store: SqliteStore, text: str) -> object:
    """What a pragma of the writer's connection says."""
    return await store._writer.submit(Job(lambda connection: connection.execute(f"PRAGMA {text}").fetchone()[0]))


# Groups


async def test_commits_that_wait_share_one_transaction(file: SqliteStore) -> None:
    transactions = list[str]()

    def trace(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(lambda sql: transactions.append(sql) if sql == "COMMIT" else None)

    await file._writer.submit(Job(trace))
    await asyncio.gather(*(file.commit(commit(meeting(f"m{n}"))) for n in range(200)))
    assert len(await ids(file, {})) == 100
    assert len(transactions) < 100


async def test_a_commit_of_many_records_takes_few_statements(file: SqliteStore) -> None:
    """For each the writer hands the interpreter over, there and back, while the loop wants it."""
    statements = list[str]()

    def trace(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(statements.append)

    await file._writer.submit(Job(trace))
    new = [msgspec.structs.replace(meeting(f"m{number}"), views=(public(),)) for number in range(13)]
    answers = tuple(answer(f"request-{number}") for number in range(13))
    lines = tuple(line(each.id, each.revision, "book") for each in new)
    await file.commit(Commit(tuple(new), answers, lines))
    written = [each for each in statements if each.startswith(("INSERT", "SELECT", "UPDATE"))]
    assert len(written) <= 13 + 13 + 2 * len((4, 4, 4, 1))
    assert (await stored(file, "m12")).views == (msgspec.structs.replace(public(), pending=True),)
    assert [each.action for each in await file.history("meeting", "m12")] == ["book"]


async def test_when_the_transaction_is_lost_every_member_fails_and_the_store_goes_on(file: SqliteStore) -> None:
    def lose(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    members = [file.commit(commit(meeting("a"))), file._write(lose), file.commit(commit(meeting("b")))]
    outcomes = await asyncio.gather(*members, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unwritten] * 3
    assert await ids(file, {}) == []
    await file.commit(commit(meeting("b")))
    assert await ids(file, {}) == ["b"]


async def test_a_member_that_fails_by_itself_leaves_the_others_alone(file: SqliteStore) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO meta (name, value) VALUES ('half', 1)")
        connection.execute("SELECT * FROM nowhere")

    members = [file.commit(commit(meeting("a"))), file._write(fail), file.commit(commit(meeting("b")))]
    outcomes = await asyncio.gather(*members, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), Unwritten, type(None)]
    assert await ids(file, {}) == ["a", "b"]
    assert await file._read(lambda connection: schema.meta(connection, "half")) is None


async def test_on_a_full_disk_all_members_fail_and_nothing_is_half_written(file: SqliteStore) -> None:
    await file.commit(Commit((meeting("before"),), (), (line("before", 1, "created"),)))
    heard = list[Commit]()
    file.watch(heard.append)
    pages = await pragma(file, "page_count")
    await pragma(file, f"max_page_count = {pages}")
    small = [Commit((meeting(f"small{n}", views=(public(),)),), (answer(f"r{n}"),)) for n in range(3)]
    big = commit(seat("s"), meeting("big", notes="x" * 1_000_000))
    changes = [small[0], big, small[1], commit(meeting("before", 1)), small[2]]
    outcomes = await asyncio.gather(*(file.commit(change) for change in changes), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unwritten] * MEMBERS
    assert await ids(file, {}) == ["before"]
    assert await file.get("seat", "s") is None
    assert await file.unpublished(10) == []
    assert heard == []

    await pragma(file, "max_page_count = 1000000")
    outcomes = await asyncio.gather(*(file.commit(change) for change in changes), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), type(None), type(None), Conflict, type(None)]
    assert await ids(file, {}) == ["before", "big", "small0", "small1", "small2"]
    assert await pragma(file, "integrity_check") == "ok"


async def test_when_the_commit_itself_fails_the_outcome_is_unknown_and_the_store_goes_on() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, of INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED)")

    def insert(to: int | None, connection: sqlite3.Connection) -> int:
        return connection.execute("INSERT INTO t (of) VALUES (?)", (to,)).rowcount

    async def run(*of: int | None) -> list[object]:
        jobs = [Job[object](partial(insert, to)) for to in of]
        writer.group(connection, jobs)
        for job in jobs:
            job.tell()
        return await asyncio.gather(*(job.done for job in jobs), return_exceptions=True)

    assert [type(outcome) for outcome in await run(None, 404)] == [OutcomeUnknown] * 2
    assert await run(None) == [1]
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)
    connection.close()


async def test_closing_lets_what_is_being_written_end(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db", KINDS, SystemClock())
    await store.open()
    writing = [asyncio.ensure_future(store.commit(commit(meeting(f"m{n:02}")))) for n in range(50)]
    reading = [asyncio.ensure_future(store.get("meeting", "m00")) for _ in range(50)]
    await asyncio.gather(*writing[:1], asyncio.ensure_future(store.close()))
    await asyncio.gather(*writing, *reading)
    with pytest.raises(RuntimeError, match="not open"):
        await store.commit(commit(meeting("late")))
    await store.close()
    again = SqliteStore(tmp_path / "store.db", KINDS, SystemClock())
    await again.open()
    assert len(await ids(again, {})) == 50
    await again.close()


# A crash


async def storm(path: Path) -> None:
    """Commits until it is killed: 8 at once, each of 4 records, an answer and a line. Tells of each on stdout."""
    store = SqliteStore(path, KINDS, SystemClock())
    await store.open()

    async def one(name: str, revision: int) -> None:
        leaves = [msgspec.structs.replace(seat(f"{name}-{n}", revision), views=(public(revision),)) for n in range(3)]
        trail = (line(name, revision, "taken"),)
        await store.commit(Commit((meeting(name, revision), *leaves), (answer(f"{name}-{revision}"),), trail))
        os.write(1, f"{name} {revision}\n".encode())

    revision = 0
    while True:
        revision += 1
        await asyncio.gather(*(one(f"m{n}", revision) for n in range(8)))


@pytest.mark.parametrize("acknowledged", [1, 40, 333])
async def test_after_a_kill_every_acknowledged_commit_is_whole_and_none_is_half(
    tmp_path: Path, acknowledged: int
) -> None:
    path = tmp_path / "store.db"
    told = await asyncio.to_thread(_kill_after, path, acknowledged)
    assert sum(told.values()) >= acknowledged
    store = SqliteStore(path, KINDS, SystemClock())
    await store.open()
    assert await pragma(store, "integrity_check") == "ok"
    for n in range(8):
        await _is_whole(store, f"m{n}", told.get(f"m{n}", 0))
    await store.close()


def _kill_after(path: Path, acknowledged: int) -> dict[str, int]:
    """The last revision of each meeting that the child told of before, and while, it was killed."""
    command = [sys.executable, "-m", "tests.contract.test_store_sqlite", str(path)]
    child = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE)
    told = dict[str, int]()
    with child:
        assert child.stdout is not None
        for count, text in enumerate(child.stdout, 1):
            name, revision = text.split()
            told[name.decode()] = int(revision)
            if count == acknowledged:
                child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    return told


async def _is_whole(store: SqliteStore, name: str, told: int) -> None:
    head = await store.get("meeting", name)
    revision = head.revision if head else 0
    assert revision >= told
    for leaf in [await store.get("seat", f"{name}-{n}") for n in range(3)]:
        assert (leaf.revision if leaf else 0) == revision
        assert leaf is None or leaf.views == (public(revision),)
    trail = await store.history("meeting", name, 10_000)
    assert [one.revision for one in trail] == list(range(revision, 0, -1))
    answered = await store._read(
        lambda c: c.execute("SELECT count(*) FROM answer WHERE request_id GLOB ?", (f"{name}-*",)).fetchone()
    )
    assert answered == (revision,)


# The file


async def test_the_file_is_written_as_it_must_be(file: SqliteStore, tmp_path: Path) -> None:
    assert await pragma(file, "journal_mode") == "wal"
    assert await pragma(file, "synchronous") == 2
    assert await pragma(file, "secure_delete") == 1
    assert await asyncio.to_thread(lambda: {p.stat().st_mode & 0o777 for p in tmp_path.iterdir()}) == {0o600}


async def test_the_reader_cannot_write(file: SqliteStore) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await file._read(lambda connection: connection.execute("DELETE FROM meta"))


async def test_the_order_of_commits_is_forgotten_once_published(file: SqliteStore) -> None:
    await file.commit(commit(meeting("a", views=(public(),))))
    await file.published("meeting", "a", "public", 1, 1, 41)
    assert await file._read(lambda c: c.execute("SELECT serial FROM view").fetchall()) == [(None,)]
    tables = await file._read(
        lambda c: c.execute("SELECT name, wr FROM pragma_table_list WHERE schema = 'main'").fetchall()
    )
    kept = {name for name, without_rowid in tables if not without_rowid} - {"sqlite_schema"}
    assert kept == {f"record_{kind.name}" for kind in KINDS}


async def test_rowids_tell_nothing_of_the_order_of_commits(file: SqliteStore) -> None:
    names = [f"m{n:02}" for n in range(40)]
    for name in names:
        await file.commit(commit(meeting(name)))
    kept = await file._read(lambda c: c.execute("SELECT id FROM record_meeting ORDER BY rowid").fetchall())
    assert sorted(kept) == [(name,) for name in names]
    assert [id_ for (id_,) in kept] not in (names, names[::-1])


async def test_a_state_over_a_quarter_of_a_page_takes_no_page_of_its_own(file: SqliteStore) -> None:
    await asyncio.gather(*(file.commit(commit(meeting(f"m{n:03}", notes="x" * 1_100))) for n in range(200)))
    pages = await pragma(file, "page_count")
    assert isinstance(pages, int)
    assert pages < 200


@pytest.mark.parametrize(
    ("where", "order"),
    [
        ({"centre": "north"}, ("start",)),
        ({"centre": "north", "seats": 3}, ()),
        ({"open": True}, ("start",)),
        ({}, ("start",)),
    ],
)
@pytest.mark.parametrize("paged", [False, True])
async def test_a_page_is_read_from_an_index(
    file: SqliteStore, where: Where, order: tuple[str, ...], paged: bool
) -> None:
    after = ("x",) * (len(order) + 1) if paged else None
    rest, values = query.condition(query.checked(MEETING, where, order, 10, after))
    sql = f"EXPLAIN QUERY PLAN SELECT * FROM record_meeting {rest}"  # noqa: S608 - a checked name
    plan = [row[3] for row in await file._read(lambda connection: connection.execute(sql, values).fetchall())]
    assert "INDEX find__meeting" in plan[0]
    assert plan[1:] == []  # no sorting


async def test_indexes_follow_what_is_declared(tmp_path: Path) -> None:
    async def indexes(kind: Kind) -> set[str]:
        store = SqliteStore(tmp_path / "store.db", (kind,), SystemClock())
        await store.open()
        found = await store._read(
            lambda c: c.execute("SELECT name FROM pragma_index_list('record_meeting')").fetchall()
        )
        await store.close()
        return {name for (name,) in found if name.startswith("find_")}

    assert await indexes(Kind("meeting", (("centre",),))) == {"find__meeting__centre"}
    assert await indexes(Kind("meeting", (("centre", "start"),))) == {"find__meeting__centre__start"}


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path, KINDS, SystemClock())
    await store.open()
    await store._write(lambda connection: schema.keep(connection, "schema", schema.VERSION + 1))
    await store.close()
    with pytest.raises(ValueError, match=rf"{path}.*schema {schema.VERSION + 1}"):
        await SqliteStore(path, KINDS, SystemClock()).open()


async def test_what_is_not_a_store_of_ours_is_refused_and_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    with pytest.raises(ValueError, match=r"other\.db.*somebody else's"):
        await SqliteStore(other, KINDS, SystemClock()).open()
    text = tmp_path / "text.db"
    text.write_text("not a database " * 100)
    with pytest.raises(OSError, match=r"text\.db"):
        await SqliteStore(text, KINDS, SystemClock()).open()
    with pytest.raises(OSError, match="nowhere"):
        await SqliteStore(tmp_path / "nowhere" / "store.db", KINDS, SystemClock()).open()


async def test_a_file_that_cannot_be_brought_up_to_date_is_an_os_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER)")
        connection.execute("CREATE TABLE view (theirs)")
    with pytest.raises(OSError, match=r"store\.db: no such column"):
        await SqliteStore(path, KINDS, SystemClock()).open()


async def test_the_order_of_marks_outlives_a_restart(tmp_path: Path) -> None:
    for id_ in ("b", "a"):
        store = SqliteStore(tmp_path / "store.db", KINDS, SystemClock())
        await store.open()
        await store.commit(commit(meeting(id_, views=(public(),))))
        assert (await store.unpublished(1))[0] == await stored(store, "b")
        await store.close()


if __name__ == "__main__":
    asyncio.run(storm(Path(sys.argv[1])))
