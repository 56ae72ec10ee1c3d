from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.kit.call import NOBODY, Call
from services.kit.clock import Ids, SystemClock
from services.kit.errors import Invalid
from services.kit.paging import LARGEST_SIZE, Pages, page_key, page_size

PAGES = Pages(b"k" * 32)
POSITIONS = st.lists(st.text() | st.integers(-(2**63), 2**63 - 1) | st.booleans(), min_size=1).map(tuple)


def a_call(method: str = "x.v1.X/List", **fields: Any) -> Call[Any]:
    return Call(method, pb.ListMeetingsRequest(**fields), NOBODY, 0.0, SystemClock())


@given(POSITIONS)
def test_a_token_goes_on_where_the_page_ended(after: tuple[Any, ...]) -> None:
    token = PAGES.token(a_call(parent="a/b"), after)
    back = PAGES.position(a_call(parent="a/b", page_token=token))
    assert back == after
    assert [type(value) for value in back or ()] == [type(value) for value in after]


def test_no_token_is_the_start_and_no_position_is_the_end() -> None:
    assert PAGES.position(a_call()) is None
    assert not PAGES.token(a_call(), None)


def test_the_size_of_the_next_page_may_differ() -> None:
    token = PAGES.token(a_call(parent="a/b", page_size=10), ("x",))
    assert PAGES.position(a_call(parent="a/b", page_size=50, page_token=token)) == ("x",)


@pytest.mark.parametrize("other", [{"parent": "a/c"}, {"parent": "a/b", "source": "s"}, {"method": "x.v1.X/ListAll"}])
def test_a_token_of_another_query_is_refused(other: dict[str, str]) -> None:
    token = PAGES.token(a_call(parent="a/b"), ("x",))
    asked = {"parent": "a/b", **other}
    with pytest.raises(Invalid) as refused:
        PAGES.position(a_call(**asked, page_token=token))
    assert [violation.field for violation in refused.value.violations] == ["page_token"]


def test_a_token_of_another_key_is_refused() -> None:
    token = Pages(b"other key of the site").token(a_call(), ("x",))
    with pytest.raises(Invalid):
        PAGES.position(a_call(page_token=token))


@given(st.text(max_size=80))
def test_a_made_up_token_is_refused(text: str) -> None:
    if text:
        with pytest.raises(Invalid):
            PAGES.position(a_call(page_token=text))


def test_every_changed_bit_of_a_token_is_refused() -> None:
    token = PAGES.token(a_call(), ("abc", 7))
    for index, character in enumerate(token):
        changed = token[:index] + ("A" if character != "A" else "B") + token[index + 1 :]
        with pytest.raises(Invalid):
            PAGES.position(a_call(page_token=changed))


def test_a_huge_token_is_refused() -> None:
    with pytest.raises(Invalid):
        PAGES.position(a_call(page_token="A" * 100_000))


def test_page_sizes() -> None:
    assert page_size(0) == 100
    assert page_size(7) == 7
    assert page_size(10_000) == LARGEST_SIZE
    assert page_size(0, default=20) == 20
    with pytest.raises(Invalid):
        page_size(-1)


def test_a_site_with_a_secret_has_one_key_and_one_without_a_new_one_each_time() -> None:
    assert page_key("s" * 32, Ids()) == page_key("s" * 32, Ids()) != page_key("t" * 32, Ids())
    assert page_key(None, Ids()) != page_key(None, Ids())
    assert len(page_key(None, Ids())) == len(page_key("s" * 32, Ids())) == 32


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        Pages(b"short")
