"""A MongoDB server for tests: the one in MONGODB_URL, or a mongod of our own, or none and a sentence that says so.

Modules that are plugins name this one in `pytest_plugins`: that gives tests the fixture `mongodb_url`, once per run. It
skips where there is no server. Test modules import from it first, so its asserts stay as they are: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_MONGODB = "MongoDB tests need MONGODB_URL, or a mongod on PATH or in OPENCHAIR_MONGOD: none was found"
READY = 60.0
"""Seconds until a new server must be a primary."""


@pytest.fixture(scope="session")
def mongodb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a replica set answers."""
    if url := os.environ.get("MONGODB_URL"):
        yield url
        return
    binary = os.environ.get("OPENCHAIR_MONGOD") or shutil.which("mongod")
    if not binary:
        pytest.skip(NO_MONGODB)
    with running(binary, tmp_path_factory.mktemp("mongod")) as url:
        yield url


@contextmanager
def running(binary: str, folder: Path) -> Iterator[str]:
    """A replica set of one node with its data in the folder, ended by its pid afterwards."""
    port = _free_port()
    where = ["--bind_ip", "127.0.0.1", "--port", str(port), "--dbpath", str(folder), "--nounixsocket"]
    command = [binary, *where, "--replSet", "tests", "--logpath", str(folder / "mongod.log")]
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
    """Removes a database that a test made. Blocks: not in the event loop."""
    client = MongoClient[dict[str, object]](url)
    try:
        client.drop_database(database)
    finally:
        client.close()


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
