"""What is for the organiser opens in its list and its seat alone, and says nothing by its length."""

from __future__ import annotations

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.kit.clock import Ids
from services.rsvps.keys import Secrets
from services.rsvps.sealing import NOTHING, STEP, Seals, Told
from services.rsvps.types import Answer, GuestList, Occasion, Scope

SECRETS = Secrets({"1": b"a" * 32, "2": b"b" * 32}, "2")
IDS = Ids(random.Random(1))  # noqa: S311 - seeded
LIST = GuestList(
    id="list", centre="house", event="e", scope=Scope.DATE, secret="1", occasion=Occasion(start="", end="", ways=())
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
ANSWERS = st.builds(Answer, TEXT, st.just((1, 2)), st.integers(-5, 5), TEXT)
TOLD = st.builds(
    Told,
    answers=st.lists(ANSWERS, max_size=3).map(tuple),
    first_name=TEXT,
    chip=st.booleans(),
    named=TEXT,
    milestone=TEXT,
)


@given(TOLD)
def test_what_was_told_is_read_back_and_by_nobody_else(told: Told) -> None:
    sealed = Seals(SECRETS, LIST).seal("seat", told, IDS)
    assert Seals(SECRETS, LIST).open("seat", sealed) == told
    assert Seals(SECRETS, LIST).open("other", sealed) == NOTHING
    for field, value in (("id", "list2"), ("centre", "home"), ("secret", "2")):
        elsewhere = msgspec.structs.replace(LIST, **{field: value})
        assert Seals(SECRETS, elsewhere).open("seat", sealed) == NOTHING


def test_nothing_told_is_nothing_stored_and_what_is_gone_opens_as_nothing() -> None:
    seals = Seals(SECRETS, LIST)
    assert seals.seal("seat", NOTHING, IDS) == ""
    for broken in ("", "!", "AAAA", "A" * 400, seals.seal("seat", Told(chip=True), IDS)[:-4] + "AAAA"):
        assert seals.open("seat", broken) == NOTHING


def test_the_length_says_only_how_many_steps_it_takes() -> None:
    seals = Seals(SECRETS, LIST)
    short, longer = (seals.seal("seat", Told(first_name=name), IDS) for name in ("Al", "Maximiliana Alexandra"))
    assert len(short) == len(longer)
    longest = seals.seal("seat", Told(first_name="x" * STEP), IDS)
    assert len(longest) > len(longer)


def test_the_same_text_is_never_sealed_to_the_same() -> None:
    seals = Seals(SECRETS, LIST)
    assert seals.seal("seat", Told(first_name="Al"), IDS) != seals.seal("seat", Told(first_name="Al"), IDS)
