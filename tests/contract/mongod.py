"""A MongoDB server for tests: the one in MONGODB_URL, or a mongod of our own, or none and a sentence that says so.

Modules that are plugins name this one in `pytest_plugins`: that gives tests the fixtures `mongodb_url` and
`mongodb_databases`, once per run. They skip where there is no server. Test modules import from it first, so its asserts
stay as they are: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from tests.bench.process import free_port

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator
    from pathlib import Path

NO_MONGODB = "MongoDB tests need MONGODB_URL, or a mongod on PATH or in OPENCHAIR_MONGOD: none was found"
READY = 120.0
"""Seconds until a new server must be a primary: an unoptimised one, beside others that start."""
CLEANING: Final = 30_000
"""Milliseconds that one step of cleaning up may take."""
SMALL: Final = (
    *("--wiredTigerCacheSizeGB", "0.5"),
    *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    *("--setParameter", "transactionLifetimeLimitSeconds=15"),
)
"""Each worker has a server of its own. What a killed process has locked is free again after 15 to 25 seconds."""


LEAKS: Final = "ignore:unclosed <socket:ResourceWarning"
"""The driver leaves a socket to the collector where it is closed while it connects: that comes up in any later test."""


@pytest.fixture(scope="session")
def mongodb_url(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a replica set answers."""
    pytestconfig.addinivalue_line("filterwarnings", LEAKS)
    if url := os.environ.get("MONGODB_URL"):
        yield url
        return
    binary = os.environ.get("OPENCHAIR_MONGOD") or shutil.which("mongod")
    if not binary:
        pytest.skip(NO_MONGODB)
    with running(binary, tmp_path_factory.mktemp("mongod")) as url:
        yield url


class Databases:
    """Databases that tests have one after another: one takes a server a hundred tables to make, and seconds.

    What comes back is emptied, and is given to whoever wants the same shape. A database that cannot be emptied, or that
    may have come to another shape, is dropped. That never fails a test.
    """

    def __init__(self, url: str) -> None:
        self._client = MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=CLEANING, timeoutMS=CLEANING)
        self._free: dict[Hashable, list[str]] = {}

    def take(self, shape: Hashable) -> str:
        """The name of an empty one that nobody else has. One that is new has nothing in it at all."""
        free = self._free.setdefault(shape, [])
        return free.pop() if free else new_name()

    def give_back(self, name: str, shape: Hashable) -> None:
        """Empties it for the next. Blocks: not in the event loop."""
        try:
            database = self._client.get_database(name, write_concern=WriteConcern("majority"))
            for collection in sorted(database.list_collection_names(), reverse=True):
                database[collection].delete_many({})
        except PyMongoError as error:
            print(f"{name} is not emptied: {error}")  # noqa: T201 - pytest shows it
            self.drop(name)
        else:
            self._free.setdefault(shape, []).append(name)

    def drop(self, name: str) -> None:
        """Removes it. Blocks: not in the event loop."""
        try:
            self._client.drop_database(name)
        except PyMongoError as error:
            print(f"{name} is not dropped: {error}")  # noqa: T201 - as above

    def close(self) -> None:
        """Removes what is free."""
        for name in (name for free in self._free.values() for name in free):
            self.drop(name)
        self._client.close()


@pytest.fixture(scope="session")
def mongodb_databases(mongodb_url: str) -> Iterator[Databases]:
    """Databases on that server."""
    databases = Databases(mongodb_url)
    yield databases
    databases.close()


def new_name() -> str:
    """A name that no database has, far below the 63 bytes that one may take."""
    return f"openchair_test_{uuid.uuid4().hex}"


@contextmanager
def running(binary: str, folder: Path) -> Iterator[str]:
    """A replica set of one node with its data in the folder, ended by its pid afterwards."""
    port = free_port()
    where = ["--bind_ip", "127.0.0.1", "--port", str(port), "--dbpath", str(folder), "--nounixsocket"]
    command = [binary, *where, *SMALL, "--replSet", "tests", "--logpath", str(folder / "mongod.log")]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        _initiate(process, port, folder / "mongod.log")
        yield f"mongodb://127.0.0.1:{port}/?replicaSet=tests"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def drop(url: str, database: str) -> None:
    """Removes a database that a test made, if that can be done. Blocks: not in the event loop."""
    databases = Databases(url)
    databases.drop(database)
    databases.close()


def _initiate(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Makes the server a set of itself and waits until it is primary."""
    client = MongoClient[dict[str, object]](
        "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=int(READY * 1000)
    )
    members = {"_id": "tests", "members": [{"_id": 0, "host": f"127.0.0.1:{port}"}]}
    try:
        client.admin.command("replSetInitiate", members)
        deadline = time.monotonic() + READY
        while not client.admin.command("hello").get("isWritablePrimary"):
            assert time.monotonic() < deadline, "the new server did not become a primary"
            time.sleep(0.05)  # another process: there is nothing to wait on
    except PyMongoError as error:
        said = log.read_text()[-2000:] if log.exists() else ""
        raise AssertionError(f"mongod (exit {process.poll()}) did not start: {error}\n{said}") from error
    finally:
        client.close()
