"""What holds for every test: long forms run only with OPENCHAIR_GATE=1 (`make gate`), and skipping is explained."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo, reset_tzpath

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

GATE = os.environ.get("OPENCHAIR_GATE") == "1"

settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=not GATE)
settings.load_profile("ours")
"""How fast an example is made says how busy the machine is. Everyday the examples of a test are the same each time, so
that what fails is what was changed; the gate looks for others."""

# What tests reckon themselves goes by the release of the time zones that the product goes by, whatever the machine has.
reset_tzpath([])
ZoneInfo.clear_cache()

FIRST = ("system", "sim")
"""Folders whose files take longest: they come first, so that at the end no worker waits long for another."""
LONGER = 10
"""How many times the examples that are stated a property test has in the gate."""
EVERYDAY = 0.4
"""Which part of the examples that are stated a property test has everyday."""
FEWEST = 8


def pytest_configure() -> None:
    """What is started by tests can be interrupted, even where all of this was started in the background of a shell."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.parent.name not in FIRST)
    for item in items:
        _scale(item, LONGER if GATE else EVERYDAY)
        if not GATE and item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="a long form (make gate)"))
    if not GATE:
        _sample(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Each reason once, with how many tests it kept from running."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    if reasons:
        terminalreporter.section("skipped, and why")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:5}  {reason}")


def _sample(items: list[pytest.Item]) -> None:
    """Of the forms of a test with `sampled(n)` every nth stays."""
    seen: Counter[str] = Counter()
    for item in items:
        marker = item.get_closest_marker("sampled")
        if marker is not None:
            name = item.nodeid.partition("[")[0]
            if seen[name] % marker.args[0]:
                item.add_marker(pytest.mark.skip(reason="one of many forms (make gate)"))
            seen[name] += 1


def _scale(item: pytest.Item, factor: float) -> None:
    """Hypothesis has no public way to change the settings of a test from outside."""
    test: Any = getattr(item, "obj", None)
    test = getattr(test, "__func__", test)
    if not is_hypothesis_test(test) or getattr(test, "scaled", False):
        return
    stated: Any = getattr(test, "_hypothesis_internal_use_settings", settings.default)
    examples = max(min(FEWEST, stated.max_examples), round(stated.max_examples * factor))
    test._hypothesis_internal_use_settings = settings(stated, max_examples=examples)
    test.scaled = True
