"""Makes a MongoDB that was just started a replica set of one, and the user that meetings is. Again, it changes nothing.

replica_set.py HOST:PORT SITE, with the passwords in the files mongodb_root and mongodb_password of /run/secrets.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

Command: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Runs a command on the database `admin`. Raises OperationFailure."""

SECRETS = Path("/run/secrets")
NOT_YET_INITIALIZED, ALREADY_INITIALIZED, USER_EXISTS = 94, 23, 51003
PATIENCE = 60.0
"""Seconds until it has to be the primary."""


def prepare(command: Command, host: str, site: str, password: str, pause: Callable[[float], None]) -> None:
    """All of it. Raises OperationFailure, TimeoutError."""
    _initiate(command, host)
    _await_primary(command, pause)
    roles = [{"role": "readWrite", "db": f"openchair_{site}_meetings"}]
    try:
        command({"createUser": "openchair", "pwd": password, "roles": roles})
    except OperationFailure as error:
        if error.code != USER_EXISTS:
            raise
        command({"updateUser": "openchair", "pwd": password, "roles": roles})


def _initiate(command: Command, host: str) -> None:
    try:
        command({"replSetGetStatus": 1})
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
        members = [{"_id": 0, "host": host}]
        try:
            command({"replSetInitiate": {"_id": "rs0", "members": members}})
        except OperationFailure as second:
            if second.code != ALREADY_INITIALIZED:  # somebody was quicker
                raise


def _await_primary(command: Command, pause: Callable[[float], None]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not command({"hello": 1}).get("isWritablePrimary"):
        if time.monotonic() > deadline:
            raise TimeoutError("the replica set has no primary")
        pause(0.5)


def main() -> None:
    """Entry point."""
    host, site = sys.argv[1:]
    root = (SECRETS / "mongodb_root").read_text().strip()
    password = (SECRETS / "mongodb_password").read_text().strip()
    client: MongoClient[dict[str, Any]] = MongoClient(host, username="root", password=root, directConnection=True)
    try:
        prepare(client.admin.command, host, site, password, time.sleep)
    except (PyMongoError, TimeoutError) as error:
        print(f"replica set: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    print(f"replica set rs0 at {host}: ready")


if __name__ == "__main__":
    main()
