"""Codes that people type: how they are made, read and kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit import code
from services.kit.clock import Ids

if TYPE_CHECKING:
    import random

SHOWN = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){6}")
EXAMPLE = "7K3M-0Q1V-3Y62-09W2-D4WH-SRJX-KNQD"


def test_a_code_has_at_least_128_random_bits_in_blocks_of_four() -> None:
    made = [code.make(Ids().random) for _ in range(200)]
    assert all(SHOWN.fullmatch(each) for each in made)
    assert len(set(made)) == len(made)
    assert len(set("".join(made)) - {"-"}) ** code.SYMBOLS >= 2**128


@given(st.randoms(use_true_random=False))
def test_a_code_is_shown_again_as_it_was_made(source: random.Random) -> None:
    made = code.make(source)
    assert code.shown(made.lower().replace("-", " ")) == made


@pytest.mark.parametrize(
    "typed",
    [
        EXAMPLE.lower(),
        EXAMPLE.replace("-", ""),
        f"  {EXAMPLE.replace('-', ' - ')}  ",
        EXAMPLE.replace("0", "o").replace("1", "l"),
        EXAMPLE.replace("0", "O").replace("1", "I"),
        EXAMPLE.replace("1", "i"),
        EXAMPLE.replace("-", "\u2011"),  # as word processors break it
        EXAMPLE.replace("-", " \u2013 "),  # as telephones write it
        EXAMPLE.replace("-", "\u00a0") + "\r\n",
    ],
)
def test_case_blocks_and_look_alikes_do_not_matter(typed: str) -> None:
    assert (code.digest(typed), code.shown(typed)) == (code.digest(EXAMPLE), EXAMPLE)


@pytest.mark.parametrize(
    "typed",
    ["", "-", EXAMPLE[:-1], f"{EXAMPLE}0", EXAMPLE.replace("7", "U"), f"{EXAMPLE}é", EXAMPLE + "-" * 100, "x" * 10_000],
)
def test_what_is_no_code_has_the_digest_of_no_code(typed: str) -> None:
    assert code.shown(typed) == ""
    assert code.digest(typed) == code.digest("")


@given(st.text())
def test_any_text_can_be_asked_about(typed: str) -> None:
    assert len(code.digest(typed)) == 64
