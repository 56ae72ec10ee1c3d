"""Makes a MongoDB that was just started a replica set of one, with a user for each service that has a database there.

Again, it changes nothing. replica_set.py HOST:PORT SITE, with the passwords in the files mongodb_root,
mongodb_password and mongodb_password_rsvps of /run/secrets.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
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


USERS = {"meetings": ("openchair", "mongodb_password"), "rsvps": ("openchair-rsvps", "mongodb_password_rsvps")}
"""Of each service its user, and the file of the user's password."""


def prepare(
    command: Command, host: str, site: str, passwords: Mapping[str, str], pause: Callable[[float], None]
) -> None:
    """All of it; `passwords` by service. Raises OperationFailure, TimeoutError."""
    _initiate(command, host)
    _await_primary(command, pause)
    for service, password in passwords.items():
        _user(command, USERS[service][0], password, f"openchair_{site}_{service}")


def _user(command: Command, name: str, password: str, database: str) -> None:
    """A user of one database; one that is there has this password from now on."""
    roles = [{"role": "readWrite", "db": database}]
    try:
        command({"createUser": name, "pwd": password, "roles": roles})
    except OperationFailure as error:
        if error.code != USER_EXISTS:
            raise
        command({"updateUser": name, "pwd": password, "roles": roles})


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
    passwords = {service: (SECRETS / file).read_text().strip() for service, (_, file) in USERS.items()}
    client: MongoClient[dict[str, Any]] = MongoClient(host, username="root", password=root, directConnection=True)
    try:
        prepare(client.admin.command, host, site, passwords, time.sleep)
    except (PyMongoError, TimeoutError) as error:
        print(f"replica set: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    print(f"replica set rs0 at {host}: ready")


if __name__ == "__main__":
    main()
