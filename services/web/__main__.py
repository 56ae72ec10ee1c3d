"""The web service as a process of its own: `python -m services.web`."""

from __future__ import annotations

from services.kit.deployed import alone
from services.web.plan import PLAN

if __name__ == "__main__":
    alone(PLAN)
