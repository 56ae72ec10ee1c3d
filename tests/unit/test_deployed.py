from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
import structlog

from services.feeds.plan import PLAN as FEEDS
from services.kit.clock import Ids
from services.kit.credentials import read_credentials, write_private
from services.kit.deployed import Deployed, refusals
from services.kit.host import streams_of, user_of, users_of
from services.kit.settings import read
from services.meetings.plan import PLAN as MEETINGS
from services.plans import PLANS
from services.rsvps.plan import PLAN as RSVPS
from services.web.plan import PLAN as WEB
from tests.contract.heads_examples import Instantly
from tests.contract.mongo_wire import Fault

if TYPE_CHECKING:
    from pathlib import Path

    from services.kit.host import Plan
    from tests.contract.mongo_wire_fixtures import Wire

pytest_plugins = ("tests.contract.mongo_wire_fixtures",)


@pytest.fixture
def wire(mongo_wire: Wire) -> Wire:
    """That of other modules is another."""
    return mongo_wire


SECRET = "kS8v3Qz0TnYw5LrB1mXc7Hd2Jf9Gp4Ua"
GUESTS = f"1 {base64.b64encode(bytes(range(32))).decode()}"
MONGODB = {"MONGODB_URL": "mongodb://127.0.0.1:27017"}
WHOLE = {
    "NATS_URL": "nats://127.0.0.1:4222",
    "OPENCHAIR_PUBLIC_URL": "https://chairs.example.org",
    "OPENCHAIR_TOKEN_KEYS": "/etc/openchair/keys",
    "OPENCHAIR_PAGE_SECRET": SECRET,
    "OPENCHAIR_GUEST_SECRET": GUESTS,
    "OPENCHAIR_TARGETS": "meetings=grpc://127.0.0.1:50051",
}


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    path = tmp_path / "credentials.json"
    write_private(path, json.dumps({"user": "feeds", "password": SECRET}))
    return path


def refused(plan: Plan, environ: dict[str, str], credentials: Path, *, without: str = "") -> list[str]:
    stated = {**WHOLE, "OPENCHAIR_NATS_CREDENTIALS": str(credentials), **environ}
    return [
        problem.split(" is needed")[0] for problem in refusals(plan, read(stated | ({without: ""} if without else {})))
    ]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
@pytest.mark.parametrize("engine", [{}, MONGODB], ids=["sqlite", "mongodb"])
def test_nothing_is_missing_where_all_is_stated(plan: Plan, engine: dict[str, str], credentials: Path) -> None:
    assert refused(plan, engine, credentials) == []


@pytest.mark.parametrize(
    ("plan", "engine", "key", "needed"),
    [
        (MEETINGS, {}, "NATS_URL", True),
        (MEETINGS, {}, "OPENCHAIR_NATS_CREDENTIALS", True),
        (MEETINGS, {}, "OPENCHAIR_TOKEN_KEYS", False),  # its data folder has them
        (MEETINGS, {}, "OPENCHAIR_PAGE_SECRET", False),  # its folder has one owner
        (MEETINGS, MONGODB, "OPENCHAIR_TOKEN_KEYS", True),
        (MEETINGS, MONGODB, "OPENCHAIR_PAGE_SECRET", True),
        (MEETINGS, MONGODB, "OPENCHAIR_GUEST_SECRET", False),
        (RSVPS, {}, "OPENCHAIR_TOKEN_KEYS", True),  # those of meetings
        (RSVPS, {}, "OPENCHAIR_PAGE_SECRET", True),  # web vouches for networks with it
        (RSVPS, {}, "OPENCHAIR_GUEST_SECRET", False),  # its data folder has it
        (RSVPS, MONGODB, "OPENCHAIR_TOKEN_KEYS", True),
        (RSVPS, MONGODB, "OPENCHAIR_PAGE_SECRET", True),
        (RSVPS, MONGODB, "OPENCHAIR_GUEST_SECRET", True),  # each instance finds the seats that another took
        (FEEDS, {}, "OPENCHAIR_PUBLIC_URL", True),  # it stands in every feed, and several instances must agree
        (FEEDS, {}, "OPENCHAIR_TOKEN_KEYS", True),
        (FEEDS, {}, "OPENCHAIR_PAGE_SECRET", False),
        (WEB, {}, "OPENCHAIR_TOKEN_KEYS", True),
        (WEB, {}, "OPENCHAIR_PAGE_SECRET", True),
        (WEB, {}, "OPENCHAIR_PUBLIC_URL", False),
        (WEB, {}, "OPENCHAIR_TARGETS", True),  # what readers report is passed on
        (FEEDS, {}, "OPENCHAIR_TARGETS", False),
    ],
)
def test_what_a_service_alone_needs_is_asked_for_by_name(
    plan: Plan, engine: dict[str, str], key: str, credentials: Path, *, needed: bool
) -> None:
    assert refused(plan, engine, credentials, without=key) == ([key] if needed else [])


@pytest.mark.parametrize("mode", [0o604, 0o622, 0o666])
def test_credentials_that_others_may_read_or_change_are_refused_and_not_shown(credentials: Path, mode: int) -> None:
    credentials.chmod(mode)
    with pytest.raises(ValueError, match=r"credentials\.json: others may read or change it") as error:
        read_credentials(credentials)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640])
def test_credentials_are_for_their_owner_and_a_group_that_reads(credentials: Path, mode: int) -> None:
    credentials.chmod(mode)
    assert read_credentials(credentials) == ("feeds", SECRET)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"user": "feeds"}', '{"user": "", "password": "x"}', '{"user": 1, "password": 2}', "null"]
)
def test_credentials_that_are_none_are_refused_naming_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "credentials.json"
    write_private(path, text)
    with pytest.raises(ValueError, match=r"credentials\.json: must hold"):
        read_credentials(path)


def test_an_nkey_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "feeds.creds"
    write_private(path, "-----BEGIN NATS USER JWT-----\nx\n------END NATS USER JWT------\n")
    with pytest.raises(ValueError, match="holds an NKEY or a JWT"):
        read_credentials(path)


def test_each_service_publishes_its_own_alone_and_only_one_user_makes_streams() -> None:
    users = {user.name: user for user in users_of(PLANS, "home")}
    assert [name for name, user in users.items() if user.provisions] == ["provisioner"]
    assert {name for name, user in users.items() if user.publishes} == {"meetings", "rsvps"}
    for name in ("meetings", "rsvps"):
        assert all(f".{name}." in subject for subject in users[name].publishes)
    both = ("PUBLIC_home", "PRIVATE_home_meetings")
    assert [user_of(plan, "home").follows for plan in PLANS] == [both] * 4


def test_streams_are_those_that_somebody_publishes_to_or_follows() -> None:
    names = [stream.name for stream in streams_of(PLANS, "home")]
    assert names == ["PUBLIC_home", "PRIVATE_home_meetings", "DEAD_home_rsvps"]
    assert [stream.num_replicas for stream in streams_of(PLANS, "home", 3)] == [3, 3, 3]


async def test_a_database_that_is_away_while_it_is_new_is_waited_for(wire: Wire) -> None:
    settings = read(WHOLE | {"MONGODB_URL": wire.server.url})
    engines = Deployed(MEETINGS, settings, Instantly(), Ids(), structlog.get_logger())
    wire.server.faults += [Fault("update", 14031, skip=1)]  # it opens, and then cannot begin its epoch
    store = await engines.store(MEETINGS)
    assert await store.epoch() > 1
    assert await engines.problems() == []
    await store.close()
