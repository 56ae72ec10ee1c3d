from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.feeds import gz
from services.feeds.page import Page, Span, Stated
from services.kit.kept import head_of

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def page() -> Page:
    stated = Stated(NOW - timedelta(days=1), NOW, NOW - timedelta(days=1))
    return Page([gz.segment(b"one"), gz.segment(b"two")], stated, Span(NOW, NOW + timedelta(hours=1)), "house.ics")


@pytest.mark.parametrize(
    "asked",
    [
        [],
        [(b"accept-encoding", b"gzip")],
        [(b"if-none-match", b"*")],
        [(b"if-none-match", b'"other"'), (b"accept-encoding", b"gzip, br")],
        [(b"if-modified-since", b"Sat, 21 Nov 2026 12:00:00 GMT")],
        [(b"if-modified-since", b"Mon, 02 Nov 2026 12:00:00 GMT")],
    ],
)
def test_the_answer_at_hand_is_the_answer_of_the_whole_way(page: Page, asked: list[tuple[bytes, bytes]]) -> None:
    status, headers, body = page.answer(asked)
    assert page.kept(asked) == (status, head_of(headers), body)
