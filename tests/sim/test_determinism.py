"""A run is a function of its seed and of nothing else: not of the machine's clock or randomness, nor of how Python
hashes text. A run that failed once would otherwise not be seen again.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.sim.test_edits_under_faults import simulate

ROOT = Path(__file__).parents[2]
SEED = 11
COMMANDS = 5
"""Of each caller, where so few are enough to have all parts of a site do something."""

LONGEST = 280
"""Seconds of the machine, which may be busy with much else."""

SAYS = f"from tests.sim.test_edits_under_faults import simulate; print(simulate({SEED}).digest)"
DRAWN = "from tests.sim.test_determinism import drawn; print(drawn({!r}))"


def elsewhere(says: str, hash_seed: str) -> subprocess.Popen[str]:
    """Another process that says what it makes of the same seed."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", says],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        text=True,
    )


def drawn(kind: str) -> str:
    """What a short run has drawn in the end: it tells apart runs of which a single step has another place."""
    module: Any = importlib.import_module(f"tests.sim.test_{kind}_under_faults")
    made: list[random.Random] = []

    class Kept(random.Random):
        def __init__(self, seed: int) -> None:
            super().__init__(seed)
            made.append(self)

    with mock.patch.object(random, "Random", Kept), mock.patch.object(module, "COMMANDS", COMMANDS):
        module.simulate(SEED)
    return hashlib.sha256(repr([each.getstate() for each in made]).encode()).hexdigest()


def told(other: subprocess.Popen[str]) -> str:
    """What it said."""
    return other.communicate(timeout=LONGEST)[0].strip()


def test_one_seed_is_one_run_in_any_process_and_another_is_another() -> None:
    other = elsewhere(SAYS, "1")  # no other process has that by chance
    here = simulate(SEED)
    assert simulate(SEED) == here
    assert simulate(SEED + 1).digest != here.digest
    assert told(other) == here.digest


@pytest.mark.parametrize(
    "kind", ["seats", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("closures", "rooms"))]
)
def test_one_seed_draws_the_same_in_any_process_whatever_is_simulated(kind: str) -> None:
    other = elsewhere(DRAWN.format(kind), "1")
    here = drawn(kind)
    assert told(other) == here
