"""Who comes to the end of a line in which nothing moves: what is left out for them would have changed nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from services.kit.errors import Refusal
from services.rsvps import seating, turns
from services.rsvps.sheet import Sheet
from services.rsvps.times import shifted
from services.rsvps.types import End, PartyRule, Quota, Wait
from tests.unit.rsvps_lists import ONLINE, ROOM, Paper, a_list, asked

if TYPE_CHECKING:
    from collections.abc import Sequence

ACTS = st.one_of(
    st.tuples(
        st.just("come"),
        st.fixed_dictionaries(
            {
                "party": st.integers(1, 3),
                "wait": st.sampled_from(Wait),
                "where": st.sampled_from([ROOM, ONLINE]),
                "quotas": st.sampled_from([(), ("bed",)]),
            }
        ),
    ),
    st.tuples(st.just("leave"), st.integers(0, 30)),
    st.tuples(st.just("later"), st.sampled_from([1, 61, 60 * 24, 60 * 24 * 9])),
)
RULES = st.fixed_dictionaries(
    {
        "capacity": st.integers(0, 3),
        "online_capacity": st.integers(0, 2),
        "waitlist": st.integers(0, 5),
        "party_rule": st.sampled_from(PartyRule),
        "claim_minutes": st.just(60),
        "cut_off_minutes": st.sampled_from([0, 120]),
        "closes_before_minutes": st.sampled_from([0, 240]),
        "quotas": st.sampled_from([(), (Quota("bed", "Bed", 1),)]),
    }
)


def joins(paper: Paper, who: str, wish: dict[str, Any]) -> bool:
    """Has somebody come; whether that was decided without settling, which then has to say the same."""
    sheet = Sheet(paper.list, paper.line)
    turns.settle(sheet, paper.at)
    try:
        seating.reserve(sheet, asked(who, **wish), paper.at)
    except Refusal:
        return False
    short = turns.undisturbed(sheet, paper.at)
    if short:
        held, seats = sheet.list, sorted(sheet.leaves(), key=lambda each: each.id)
        turns.settle(sheet, paper.at)
        assert sheet.list == held
        assert sorted(sheet.leaves(), key=lambda each: each.id) == seats
        assert (turns.next_due(sheet, paper.at) or "") == held.due
    paper.decide(lambda kept: seating.reserve(kept, asked(who, **wish), paper.at))
    return short


def happens(paper: Paper, acts: Sequence[tuple[str, Any]]) -> int:
    """Has it happen; how often it was short."""
    count = 0
    for number, (act, what) in enumerate(acts):
        if act == "come":
            count += joins(paper, f"g{number}", what)
        elif act == "later":
            paper.at = shifted(paper.at, what)
        elif mac := next((mac for at, mac in enumerate(paper.line.by_mac) if at == what), ""):
            seat = paper.seat(mac)
            paper.decide(partial(seating.cancel, seat=seat, at=paper.at, end=End.STAFF))
    return count


@given(RULES, st.sampled_from([(ROOM,), (ROOM, ONLINE)]), st.lists(ACTS, max_size=30))
def test_what_is_not_settled_is_settled(rules: dict[str, Any], ways: Any, acts: list[tuple[str, Any]]) -> None:
    paper = Paper(a_list(ways, **rules))
    paper.settle()
    happens(paper, acts)


def test_most_of_a_rush_is_decided_so() -> None:
    paper = Paper(a_list())
    paper.settle()
    short = happens(paper, [("come", {"wait": Wait.ASK})] * 50)
    assert short == 50 - 2  # all but those who are seated


def test_the_last_who_may_wait_is_not_decided_so() -> None:
    paper = Paper(a_list(waitlist=3))
    paper.settle()
    assert happens(paper, [("come", {})] * 5) == 2
    assert list(paper.list.words.values()) == ["full"]
