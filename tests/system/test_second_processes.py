"""The same as `test_second_instance`, with processes of their own on MongoDB, where there is one.

The stand-in shows that the scenario runs; it proves nothing about a server, and is left to the gate.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, cast

import pytest

from services.kit.deployed import refusals
from services.kit.settings import read
from tests.contract.mongo_wire import MongoWire
from tests.contract.mongod import mongodb_url as mongodb_url  # noqa: PLC0414 - a fixture
from tests.system.second_processes import Processes, Sequential
from tests.system.second_site import SERVICES
from tests.system.test_second_instance import scenario, seeds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.system.second_site import Site


@pytest.fixture(params=[pytest.param("stand-in", marks=pytest.mark.slow), "server"])
async def url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Where the database is."""
    if request.param == "server":
        yield request.getfixturevalue("mongodb_url")
        return
    wire = MongoWire()
    await wire.start()
    yield wire.url
    await wire.stop()
    assert wire.surprises == []


def test_what_its_services_are_told_is_all_that_they_need(tmp_path: Path) -> None:
    """Seen every day, also where no process of it can be started for want of a database."""
    site = Processes("mongodb://127.0.0.1:1/", tmp_path, random.Random(0))  # noqa: S311 - it decides nothing
    site.broker.configure()
    wrong = {plan.name: refusals(plan, read(site.environ(plan))) for plan in SERVICES}
    assert wrong == {plan.name: [] for plan in SERVICES}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", seeds(1, 5))
async def test_processes_on_one_database_end_in_the_same_place_too(url: str, seed: int, tmp_path: Path) -> None:
    site = Processes(url, tmp_path, random.Random(seed))  # noqa: S311 - seeded on purpose
    try:
        await site.start()
        await scenario(cast("Site", site), Sequential(site), tmp_path, callers=1)
    except BaseException as error:
        error.add_note(f"again: SEED={seed} .venv/bin/python -m pytest tests/system/test_second_processes.py")
        for node in site.nodes.values():
            print(f"{node.name}: {node.system.said()}")  # noqa: T201 - pytest shows it
        raise
    finally:
        await site.stop()
