"""The feeds service as a process of its own: `python -m services.feeds`."""

from __future__ import annotations

from services.feeds.plan import PLAN
from services.kit.deployed import alone

if __name__ == "__main__":
    alone(PLAN)
