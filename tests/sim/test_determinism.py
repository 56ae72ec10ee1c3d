"""A run is a function of its seed and of nothing else: not of the machine's clock, nor of how Python hashes text."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.sim.test_edits_under_faults import simulate

ROOT = Path(__file__).parents[2]
SEED = 11
SAYS = f"from tests.sim.test_edits_under_faults import simulate; print(simulate({SEED}).digest)"


def elsewhere(hash_seed: str) -> str:
    """What another process makes of the same seed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SAYS],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_one_seed_is_one_run_in_any_process_and_another_is_another() -> None:
    here = simulate(SEED)
    assert simulate(SEED) == here
    assert {elsewhere("1"), elsewhere("2")} == {here.digest}
    assert simulate(SEED + 1).digest != here.digest
