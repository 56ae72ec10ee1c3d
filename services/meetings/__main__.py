"""The meetings service as a process of its own: `python -m services.meetings`."""

from __future__ import annotations

from services.kit.deployed import alone
from services.meetings.plan import PLAN

if __name__ == "__main__":
    alone(PLAN)
