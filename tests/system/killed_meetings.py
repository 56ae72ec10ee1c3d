"""The meetings service alone in a process that ends itself as `killed` does.

python -m tests.system.killed_meetings
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from services.kit import points
from services.kit.deployed import alone
from services.meetings.plan import PLAN
from tests.system.killed import KILLER

if TYPE_CHECKING:
    from services.kit.host import Hosted


async def build(hosted: Hosted) -> None:
    """The service, and where it is told when to end."""
    await PLAN.build(hosted)
    hosted.mounts["/kill"] = KILLER.app


if __name__ == "__main__":
    points.listen(KILLER.reached)
    alone(replace(PLAN, build=build))
