"""What a store takes at first sight it takes at a close look too."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.store import check
from services.kit.store.port import Commit, Document, Kind, Record

KINDS = {"thing": Kind("thing")}
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63) - 2, 2**63 + 1),
    st.floats(),
    st.text(max_size=4),
    st.sampled_from(["plain", "grün", "\ud800", b"bytes", (1,)]),
)
KEYS = st.one_of(st.sampled_from(["title", "_x", "T1", "", "$set", "a.b", "a\0", "größe", "\ud800"]), st.integers(0, 1))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=12,
)


def refused(state: Document, *, close: bool, monkeypatch: pytest.MonkeyPatch) -> str:
    """Why it is refused; "" where it is not."""
    with monkeypatch.context() as patch:
        if close:
            patch.setattr(check, "_plain", lambda _: False)
        try:
            check.change(KINDS, Commit((Record("thing", "a", 1, state, "2026-11-21T12:00:00.000Z", "x"),)))
        except ValueError as error:
            return str(error)
    return ""


@given(state=st.dictionaries(KEYS, VALUES, max_size=4))
def test_the_first_look_takes_nothing_that_the_close_one_refuses(state: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        assert refused(state, close=False, monkeypatch=patch) == refused(state, close=True, monkeypatch=patch)


@pytest.mark.parametrize("levels", [check.DEPTH - 1, check.DEPTH, check.DEPTH + 1])
def test_both_count_the_same_depth(levels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    state: Document = {}
    for _ in range(levels - 1):
        state = {"deep": state}
    told = refused(state, close=False, monkeypatch=monkeypatch)
    assert told == refused(state, close=True, monkeypatch=monkeypatch)
    assert ("deeper" in told) == (levels > check.DEPTH)


def test_what_holds_itself_twice_is_refused_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    state: Document = {}
    state["left"] = state["right"] = state
    assert "deeper" in refused(state, close=False, monkeypatch=monkeypatch)


def test_what_is_plain_is_taken_at_first_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_value", None)
    state: Document = {
        "title": "Open chair",
        "size": 2,
        "open": True,
        "none": None,
        "all": [{"each": ["x", 2**63 - 1]}],
    }
    assert refused(state, close=False, monkeypatch=monkeypatch) == ""
