from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.errors import Invalid
from services.kit.names import Pattern, is_id, is_name

BOOKS = Pattern("shelves/{shelf}/books/{book}")
IDS = st.text("abcXYZ019-_", min_size=1, max_size=64)


@given(IDS, IDS)
def test_a_name_reads_back_as_the_ids_it_was_made_of(shelf: str, book: str) -> None:
    name = BOOKS.format(shelf=shelf, book=book)
    assert BOOKS.parse(name, "name") == {"shelf": shelf, "book": book}
    assert is_name(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shelves/a",
        "shelves/a/books/",
        "shelves/a/books/b/pages/c",
        "shelves/a/books/b\n",
        "shelves//books/b",
        "shelves/a.b/books/c",
        "shelves/../books/c",
        "shelves/é/books/c",
        "shelves/a/books/" + "b" * 65,
        "shelves/*/books/>",
        "SHELVES/a/books/b",
    ],
)
def test_what_is_no_name_of_the_pattern_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        BOOKS.parse(text, "book.name")
    (violation,) = refused.value.violations
    assert violation.field == "book.name"
    assert violation.reason == "must be a name like 'shelves/{shelf}/books/{book}'"


def test_an_id_is_a_url_safe_token_of_at_most_64_characters() -> None:
    assert is_id("a" * 64)
    assert not any(is_id(text) for text in ("", "a" * 65, "a.b", "a b", "a\n", "é", "*"))


def test_formatting_refuses_wrong_ids_and_wrong_variables() -> None:
    with pytest.raises(ValueError, match="shelf"):
        BOOKS.format(shelf="a/b", book="c")
    with pytest.raises(ValueError, match="takes shelf, book"):
        BOOKS.format(shelf="a")


@pytest.mark.parametrize("pattern", ["", "shelves", "shelves/x", "shelves/{a}/books/{a}", "shelves/{a}//{b}", "{A}/b"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="not a pattern"):
        Pattern(pattern)
