"""How long an end may take, whatever is stuck."""

from __future__ import annotations

from services.kit import host, http, natsd, server, trace
from tests.system.running import STOPS_WITHIN


def test_what_an_end_waits_for_adds_up_to_less_than_it_may_take() -> None:
    requests = max(http.GRACE, server.GRACE)  # they end side by side, the rest one after another
    assert requests + host.DRAIN + natsd.STOP_WITHIN + trace.LAST_WORDS < STOPS_WITHIN - 2
