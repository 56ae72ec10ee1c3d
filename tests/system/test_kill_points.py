"""kill -9 at every named point of the way of a change: nothing is lost, nothing happens twice."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from services.kit.points import POINTS
from tests.system.kill_rounds import PROGRAM, House
from tests.system.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.running import System

KEY = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I="
ROUNDS = 20
EVERYDAY = 5


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    key = tmp_path / "key"
    key.write_text(f"{KEY}\n")
    with running(tmp_path / "site", {"OPENCHAIR_BACKUP_KEY_FILE": str(key)}, PROGRAM) as started:
        yield started


def drawn(seed: int) -> random.Random:
    """The same choices each time."""
    return random.Random(seed)  # noqa: S311 - see above


async def kill(system: System, folder: Path, seed: int, points: list[str]) -> None:
    """A round for each of these points; each fails where its point is not come to."""
    house = House(system, folder, drawn(seed))
    await house.furnish()
    for point in points:
        await house.round(point)
    await house.close()


async def test_killed_at_some_points_it_loses_nothing_and_does_nothing_twice(system: System, tmp_path: Path) -> None:
    assert len(POINTS) > EVERYDAY
    await kill(system, tmp_path, 0, drawn(0).sample(POINTS, EVERYDAY))


@pytest.mark.slow
async def test_killed_at_each_point_it_loses_nothing_and_does_nothing_twice(system: System, tmp_path: Path) -> None:
    await kill(system, tmp_path, 0, drawn(0).sample(POINTS, len(POINTS)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 11))
async def test_killed_again_and_again_it_loses_nothing_and_does_nothing_twice(
    system: System, tmp_path: Path, seed: int
) -> None:
    await kill(system, tmp_path, seed, drawn(seed).choices(POINTS, k=ROUNDS))
