from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.clock import instant, moment

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=zones)  # noqa: DTZ001 - the zone is drawn


@given(moments)
def test_an_instant_is_the_same_moment_in_utc_cut_to_milliseconds(when: datetime) -> None:
    text = instant(when)
    assert len(text) == 24
    assert moment(text) == when - timedelta(microseconds=when.microsecond % 1000)
    assert moment(text).tzinfo is UTC


@given(moments, moments)
def test_instants_sort_as_moments_do(one: datetime, other: datetime) -> None:
    assert (instant(one) < instant(other)) == (moment(instant(one)) < moment(instant(other)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-21",
        "2026-11-21T12:00:00Z",
        "2026-11-21T12:00:00.000000Z",
        "2026-11-21T12:00:00.000+00:00",
        "2026-11-21T12:00:00,000Z",
        "2026-W47-6T12:00:00.000Z",
        "2026-11-21T24:00:00.000Z",
        "2026-02-30T12:00:00.000Z",
        "2026-11-21T12:00:00.000Z\n",
    ],
)
def test_nothing_else_is_an_instant(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        moment(text)
