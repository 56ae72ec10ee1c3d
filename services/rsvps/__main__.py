"""The rsvps service as a process of its own: `python -m services.rsvps`."""

from __future__ import annotations

from services.kit.deployed import alone
from services.rsvps.plan import PLAN

if __name__ == "__main__":
    alone(PLAN)
