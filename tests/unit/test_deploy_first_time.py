"""What is made once for containers: passwords and keys for real, and a replica set against a stand-in."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from pymongo.errors import OperationFailure

from scripts import replica_set
from scripts.deployment import prepare
from services.kit.auth import load_public_keys
from services.kit.credentials import read_credentials
from services.kit.settings import read
from tests.system.running import ROOT, environment

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = read({"OPENCHAIR_PUBLIC_URL": "https://chairs.example.org", "OPENCHAIR_SITE": "riverside"})
PRIVATE = ("nats/*", "secrets/*", "keys/token.key")


def test_all_is_for_its_owner_alone_and_is_what_settings_take(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    prepare(folder, SETTINGS)
    files = [path for pattern in PRIVATE for path in folder.glob(pattern)]
    assert len(files) >= 12
    assert {path.stat().st_mode & 0o077 for path in (folder, *files)} == {0}
    assert len({path.stat().st_uid for path in (folder, *files)}) == 1
    secrets = folder / "secrets"
    stated = read(
        {
            "MONGODB_URL_FILE": str(secrets / "mongodb_url"),
            "OPENCHAIR_PAGE_SECRET_FILE": str(secrets / "page_secret"),
            "OPENCHAIR_GUEST_SECRET_FILE": str(secrets / "guest_secret"),
        }
    )
    assert stated.page_secret
    assert (secrets / "mongodb_password").read_text() in (stated.mongodb_url or "")
    assert [version for version, _ in stated.guest_secret or ()] == ["1"]
    rsvps = (secrets / "mongodb_url_rsvps").read_text()
    assert rsvps.startswith("mongodb://openchair-rsvps:")
    assert (secrets / "mongodb_password").read_text() not in rsvps
    assert load_public_keys(folder / "keys/token.pub")
    assert read_credentials(folder / "nats/web.json").user == "web"


def test_containers_do_not_run_as_root(tmp_path: Path) -> None:
    prepare(tmp_path / "site", SETTINGS)
    lines = (tmp_path / "site/compose.env").read_text().splitlines()
    (user,) = [line.partition("=")[2] for line in lines if line.startswith("SITE_USER=")]
    assert not user.startswith("0:")
    assert int(user.partition(":")[0]) == (tmp_path / "site/secrets/mongodb_root").stat().st_uid


def test_again_it_keeps_every_password_and_key(tmp_path: Path) -> None:
    prepare(tmp_path / "site", SETTINGS)
    before = {path: path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()}
    prepare(tmp_path / "site", SETTINGS)
    assert {path: path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_the_address_has_to_be_stated_the_first_time_and_no_second_time(tmp_path: Path) -> None:
    def run(**environ: str) -> int:
        command = [sys.executable, "-m", "scripts.deployment", str(tmp_path / "site")]
        return subprocess.run(command, cwd=ROOT, env=environment(environ), capture_output=True, check=False).returncode

    assert run() == 2
    assert not (tmp_path / "site").exists()
    assert run(OPENCHAIR_PUBLIC_URL="https://chairs.example.org", OPENCHAIR_SITE="riverside") == 0
    before = (tmp_path / "site/compose.env").read_text()
    assert run() == 0
    assert (tmp_path / "site/compose.env").read_text() == before


class Standin:
    """No MongoDB: what its manual says these four commands answer, and no more."""

    def __init__(self) -> None:
        self.members: list[dict[str, Any]] | None = None
        self.users: dict[str, Any] = {}
        self.asked: list[str] = []
        self.elections = 2

    def command(self, document: dict[str, Any]) -> dict[str, Any]:
        name = next(iter(document))
        self.asked.append(name)
        if name == "replSetGetStatus" and self.members is None:
            raise OperationFailure("no replset config has been received", 94)
        if name == "replSetInitiate":
            self.members = document[name]["members"]
        if name == "hello":
            self.elections -= 1
            return {"isWritablePrimary": self.members is not None and self.elections < 0}
        if name == "createUser" and document[name] in self.users:
            raise OperationFailure("User already exists", 51003)
        if name in {"createUser", "updateUser"}:
            self.users[document[name]] = (document["pwd"], document["roles"])
        return {"ok": 1}

    def prepare(self, password: str) -> None:
        replica_set.prepare(
            self.command,
            "mongodb:27017",
            "riverside",
            {"meetings": password, "rsvps": f"{password} of rsvps"},
            lambda _: None,
        )


def test_a_new_database_becomes_a_replica_set_of_one_with_a_user_for_each_database() -> None:
    mongodb = Standin()
    mongodb.prepare("first")
    assert mongodb.members == [{"_id": 0, "host": "mongodb:27017"}]
    assert mongodb.users == {
        "openchair": ("first", [{"role": "readWrite", "db": "openchair_riverside_meetings"}]),
        "openchair-rsvps": ("first of rsvps", [{"role": "readWrite", "db": "openchair_riverside_rsvps"}]),
    }
    assert mongodb.asked.index("createUser") > mongodb.asked.index("hello")


def test_again_it_is_initiated_no_second_time_and_the_password_is_the_one_that_is_stated() -> None:
    mongodb = Standin()
    mongodb.prepare("first")
    mongodb.asked.clear()
    mongodb.prepare("second")
    assert "replSetInitiate" not in mongodb.asked
    assert mongodb.users["openchair"][0] == "second"


def test_what_the_database_refuses_is_not_taken_for_done() -> None:
    def refuse(_: dict[str, Any]) -> dict[str, Any]:
        raise OperationFailure("not authorized", 13)

    with pytest.raises(OperationFailure, match="not authorized"):
        replica_set.prepare(refuse, "mongodb:27017", "riverside", {"meetings": "first"}, lambda _: None)
