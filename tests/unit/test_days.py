"""How tests of whole systems get over midnight: what they compare was seen on one day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from tests.system import days

if TYPE_CHECKING:
    import pytest

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)


def test_a_look_over_midnight_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    told, looked = iter([MONDAY, TUESDAY, TUESDAY]), list[date]()
    monkeypatch.setattr(days, "today", lambda _: next(told))
    days.on_one_day("UTC", looked.append)
    assert looked == [MONDAY, TUESDAY]


def test_the_last_seconds_of_a_day_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    told = iter([MONDAY, TUESDAY, MONDAY, TUESDAY, TUESDAY, TUESDAY])
    monkeypatch.setattr(days, "today", lambda _zone, _seconds=0: next(told))
    days.not_over("UTC", 20)
    assert list(told) == []
