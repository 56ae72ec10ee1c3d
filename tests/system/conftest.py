"""What holds for tests of whole systems, whose clock is that of the machine: no midnight while one looks twice.

At a centre's midnight pages, and calendars with them, begin with another day. A test that compares what it saw with
what it sees some seconds later does not begin in the last seconds before; one that takes longer looks at `days`.
"""

from __future__ import annotations

import pytest

from tests.system import acts, berlin
from tests.system.days import not_over

SHORTLY = 20  # seconds: longer than most tests take


@pytest.fixture(autouse=True)
def whole_day() -> None:
    """Lets midnight pass first, where it is near."""
    for zone in (acts.ZONE, berlin.ZONE, "UTC"):
        not_over(zone, SHORTLY)
