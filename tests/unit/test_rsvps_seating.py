"""Seats, offers, parties, draws: what each rule says, by example."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from services.kit.errors import Invalid, Refusal, Unmet
from services.rsvps import chairs, seating, turns
from services.rsvps.line import Line
from services.rsvps.sheet import Sheet
from services.rsvps.times import shifted, times
from services.rsvps.types import End, PartyRule, Quota, RsvpMode, Scope, Seat, State, Wait, Where
from tests.unit.rsvps_lists import NOW, ONLINE, ROOM, START, Paper, a_list, asked

if TYPE_CHECKING:
    from collections.abc import Iterable

BEDS = (Quota("beds", "Beds", 1),)


def _paper(**fields: Any) -> Paper:
    return Paper(a_list(**fields))


def _come(paper: Paper, *who: str, **fields: Any) -> None:
    for one in who:
        paper.decide(functools.partial(seating.reserve, asked=asked(one, **fields), at=paper.at))


def _leave(paper: Paper, *who: str) -> None:
    for one in who:
        paper.decide(functools.partial(seating.cancel, seat=paper.seat(one), at=paper.at))


def _states(paper: Paper) -> dict[str, State]:
    return {mac: paper.seat(mac).state for mac in paper.line.by_mac}


def _of(paper: Paper, state: State) -> list[str]:
    return [mac for mac, found in _states(paper).items() if found is state]


def _names(numbers: Iterable[int]) -> list[str]:
    return [f"p{number}" for number in numbers]


def _refused(paper: Paper, who: str, **fields: Any) -> str:
    with pytest.raises(Unmet) as refused:
        _come(paper, who, **fields)
    return refused.value.reason


def test_places_go_by_arrival_and_come_free_in_order() -> None:
    """Exactly as many as there are chairs; thirty go, thirty are asked in order; for ten that lapse ten more."""
    paper = _paper(capacity=100)
    _come(paper, *_names(range(160)), wait=Wait.ASK)
    assert _of(paper, State.GOING) == _names(range(100))
    assert _of(paper, State.WAITLISTED) == _names(range(100, 160))
    _leave(paper, *_names(range(30)))
    assert sorted(_of(paper, State.OFFERED)) == _names(range(100, 130))
    for who in _names(range(100, 120)):
        paper.decide(functools.partial(seating.accept, seat=paper.seat(who), at=paper.at))
    paper.pass_to(shifted(NOW, 12 * 60 + 5))
    assert sorted(_of(paper, State.OFFERED)) == _names(range(130, 140)), "to those who were not asked yet"
    assert [paper.seat(who).lapses for who in _names(range(120, 130))] == [1] * 10
    _leave(paper, "p30")
    assert "p120" in _of(paper, State.OFFERED), "who let it lapse is in the old place in the line"


def test_an_offer_lapses_whether_anybody_looked_or_not() -> None:
    """At the instant itself it cannot be taken any more."""
    paper = _paper(capacity=1)
    _come(paper, "a", "b", "c", wait=Wait.ASK)
    _leave(paper, "a")
    until = paper.seat("b").offered_until
    assert until == shifted(NOW, 720)
    assert seating.standing_of(paper.list, paper.seat("b"), shifted(until, -1)) == (State.OFFERED, None)
    assert seating.standing_of(paper.list, paper.seat("b"), until) == (State.WAITLISTED, None)
    paper.at = until
    with pytest.raises(Unmet) as refused:
        paper.decide(lambda sheet: seating.accept(sheet, paper.seat("b"), paper.at))
    assert refused.value.reason == "OFFER_LAPSED"
    paper.settle()
    assert _states(paper) == {"a": State.CANCELLED, "b": State.WAITLISTED, "c": State.OFFERED}


def test_who_let_three_offers_lapse_is_passed_over_and_may_still_take_what_is_free() -> None:
    """It is asked no more, and newcomers are not kept waiting for it."""
    paper = _paper(capacity=1)
    _come(paper, "a", "b", wait=Wait.ASK)
    _leave(paper, "a")
    paper.pass_to(shifted(NOW, 4 * 721))
    assert (paper.seat("b").state, paper.seat("b").lapses) == (State.WAITLISTED, 3)
    assert paper.list.words == {"room": chairs.OPEN}
    paper.decide(lambda sheet: seating.accept(sheet, paper.seat("b"), paper.at))
    assert paper.seat("b").state is State.GOING


@pytest.mark.parametrize("end", ["cancelled", "declined"])
def test_nothing_is_offered_to_who_left(end: str) -> None:
    """Not after giving back an accepted place, not after a no."""
    paper = _paper(capacity=1)
    _come(paper, "a", "b", wait=Wait.ASK)
    _leave(paper, "a")
    act = seating.cancel if end == "cancelled" else seating.decline
    if end == "cancelled":
        paper.decide(lambda sheet: seating.accept(sheet, paper.seat("b"), paper.at))
    for _ in range(2):
        paper.decide(lambda sheet: act(sheet, paper.seat("b"), paper.at))
    paper.pass_to(shifted(NOW, 3000))
    assert paper.seat("b").state.value == end
    _come(paper, "c", "b")
    assert _states(paper) == {"a": State.CANCELLED, "b": State.WAITLISTED, "c": State.GOING}


@pytest.mark.parametrize(("rule", "third"), [(PartyRule.IN_ORDER, State.WAITLISTED), (PartyRule.FILL, State.GOING)])
def test_a_party_is_seated_together_and_the_rule_says_who_may_pass_it(rule: PartyRule, third: State) -> None:
    """Two chairs, a party of three first in line: kept for it, or filled meanwhile."""
    paper = _paper(capacity=3, party_rule=rule)
    _come(paper, "x")
    _come(paper, "family", party=3)
    _come(paper, "one")
    assert _states(paper) == {"x": State.GOING, "family": State.WAITLISTED, "one": third}
    _leave(paper, "x", "one")
    assert paper.seat("family").state is State.GOING


def test_who_waits_for_a_need_keeps_back_only_who_has_it_too() -> None:
    """One bed, chairs enough."""
    paper = _paper(capacity=9, quotas=BEDS)
    _come(paper, "a", "b", "c", quotas=("beds",))
    _come(paper, "d")
    assert _of(paper, State.GOING) == ["a", "d"]
    _leave(paper, "a")
    assert sorted(_of(paper, State.GOING)) == ["b", "d"]


def test_a_party_that_waits_for_places_keeps_its_needs_and_is_not_passed_for_want_of_them() -> None:
    """Or who comes online would take one of its beds, and then who came later its places in the room."""
    paper = Paper(a_list((ROOM, ONLINE), capacity=3, online_capacity=1, quotas=(Quota("beds", "Beds", 3),)))
    _come(paper, "first", where=ROOM)
    _come(paper, "family", where=ROOM, party=3, quotas=("beds",))
    _come(paper, "later", where=ROOM)
    _come(paper, "online", where=ONLINE, quotas=("beds",))
    assert _of(paper, State.WAITLISTED) == ["family", "later", "online"]
    _leave(paper, "first")
    assert _of(paper, State.WAITLISTED) == ["later", "online"]


def test_a_party_for_which_there_are_too_few_chairs_by_now_holds_up_nobody() -> None:
    paper = _paper(capacity=3, quotas=(Quota("beds", "Beds", 2),))
    _come(paper, "first", "second")
    _come(paper, "family", party=3)
    _come(paper, "couple", party=2, quotas=("beds",))
    _come(paper, "later", quotas=("beds",))
    paper.has(capacity=2, quotas=BEDS)
    _leave(paper, "first")
    assert _of(paper, State.GOING) == ["second", "later"]
    paper.has(capacity=9, quotas=BEDS)
    assert _of(paper, State.WAITLISTED) == ["couple"]


def test_a_party_that_waits_for_a_need_keeps_it_from_who_came_later() -> None:
    """One of two beds is free, and a party of two waits for both."""
    paper = _paper(capacity=9, quotas=(Quota("beds", "Beds", 2),))
    _come(paper, "a", quotas=("beds",))
    _come(paper, "two", party=2, quotas=("beds",))
    _come(paper, "b", quotas=("beds",))
    paper.settle()
    assert _of(paper, State.WAITLISTED) == ["two", "b"]
    paper.has(capacity=8)
    assert _of(paper, State.WAITLISTED) == ["two", "b"]
    _leave(paper, "a")
    assert (paper.seat("two").state, paper.seat("b").state) == (State.GOING, State.WAITLISTED)


def test_more_places_are_taken_only_past_nobody() -> None:
    """Free ones, yes; before somebody who waits, no; and what there is stays."""
    paper = _paper(capacity=3)
    _come(paper, "a")
    more = paper.decide(lambda sheet: seating.change(sheet, paper.seat("a"), _with(paper.seat("a"), party=2), paper.at))
    assert more.party == 2
    _come(paper, "b", "c")
    with pytest.raises(Unmet) as refused:
        paper.decide(lambda sheet: seating.change(sheet, paper.seat("b"), _with(paper.seat("b"), party=2), paper.at))
    assert refused.value.reason == "NOT_ENOUGH_PLACES"
    assert paper.seat("b").party == 1
    paper.decide(lambda sheet: seating.change(sheet, paper.seat("a"), _with(paper.seat("a"), party=1), paper.at))
    assert paper.seat("c").state is State.GOING, "fewer places free the others"


def test_asking_for_more_in_the_line_is_asking_at_its_end() -> None:
    """Asking for less, or for something else to be told, is not."""
    paper = _paper(capacity=1)
    _come(paper, "x", "a", "b", party=1)
    asks = _with(paper.seat("a"), wait=Wait.ASK)
    paper.decide(lambda sheet: seating.change(sheet, paper.seat("a"), asks, paper.at))
    assert list(_line(paper)) == ["a", "b"]
    paper.has(capacity=2, waitlist=9)
    _come(paper, "c")
    paper.decide(lambda sheet: seating.change(sheet, paper.seat("b"), _with(paper.seat("b"), party=2), paper.at))
    assert list(_line(paper)) == ["c", "b"]


def test_lots_are_drawn_among_all_who_came_in_the_first_hours() -> None:
    """Nobody has a place before; the order is not that of arrival; whoever comes later is behind; no second lot."""
    paper = Paper(a_list(capacity=5, opens_before_minutes=2880, draw_hours=2), shifted(START, -2880))
    _come(paper, *_names(range(40)))
    assert set(_states(paper).values()) == {State.WAITLISTED}
    lot = paper.seat("p7").order
    _leave(paper, "p7")
    _come(paper, "p7")
    assert paper.seat("p7").order == lot
    paper.pass_to(shifted(START, -2880 + 120))
    first = _of(paper, State.GOING)
    assert len(first) == 5
    assert sorted(first) != _names(range(5))
    _come(paper, "late")
    assert list(_line(paper))[-1] == "late"
    others = Paper(msgspec.structs.replace(a_list(capacity=5, opens_before_minutes=2880, draw_hours=2), id="l2"))
    others.at = shifted(START, -2880)
    _come(others, *_names(range(40)))
    assert list(_line(others))[:5] != list(first), "another list, other lots"


def test_lots_are_drawn_in_time_for_who_is_asked() -> None:
    """At the latest a claim window before the cut-off, however many hours the rules say."""
    kept = a_list(opens_before_minutes=2880, draw_hours=168, cut_off_minutes=60, claim_minutes=600)
    assert times(kept).draw == shifted(START, -660)


def test_who_does_not_confirm_is_released_and_the_next_are_given_the_place() -> None:
    """By an instant that lay ahead when somebody last looked; otherwise nobody is."""
    paper = _paper(capacity=2, confirm_before_minutes=1440)
    _come(paper, "a", "b", "c")
    paper.decide(lambda sheet: seating.confirm(sheet, paper.seat("b"), paper.at))
    assert paper.due() == shifted(START, -1440)
    paper.pass_to(shifted(START, -1440))
    assert (paper.seat("a").state, paper.seat("a").end) == (State.CANCELLED, End.NOT_CONFIRMED)
    assert sorted(_of(paper, State.GOING)) == ["b", "c"]
    paper.pass_to(shifted(START, -1))
    assert sorted(_of(paper, State.GOING)) == ["b", "c"], "who came to it later need not confirm"
    moved = _paper(capacity=2, confirm_before_minutes=1440)
    _come(moved, "a")
    sooner = msgspec.structs.replace(moved.list.occasion, start=shifted(NOW, 60))
    moved.list = msgspec.structs.replace(moved.list, occasion=sooner)
    moved.settle()
    assert moved.seat("a").state is State.GOING, "nobody was told so"


def test_after_the_cut_off_the_line_does_not_move_and_nobody_is_asked() -> None:
    """What is free then is for who takes it; no offer holds longer than that."""
    paper = _paper(capacity=1, cut_off_minutes=120)
    _come(paper, "a", "b", "c", wait=Wait.ASK)
    paper.pass_to(shifted(START, -130))
    _leave(paper, "a")
    assert paper.seat("b").offered_until == shifted(START, -120)
    paper.pass_to(shifted(START, -60))
    assert sorted(_of(paper, State.WAITLISTED)) == ["b", "c"]
    assert paper.list.words == {"room": chairs.OPEN}
    with pytest.raises(Unmet, match="too late"):
        paper.decide(lambda sheet: seating.change(sheet, paper.seat("c"), _with(paper.seat("c"), party=2), paper.at))
    paper.decide(lambda sheet: seating.accept(sheet, paper.seat("c"), paper.at))
    assert paper.seat("c").state is State.GOING
    with pytest.raises(Unmet) as late:
        _leave(paper, "c")
    assert late.value.reason == "CUT_OFF_PASSED"
    assert _refused(paper, "d") == "LIST_FULL"


def test_a_date_that_is_off_keeps_its_seats_for_when_it_is_back() -> None:
    """Meanwhile they are cancelled for whoever asks, and nothing is offered; an offer that was open is made anew."""
    paper = _paper(capacity=1)
    _come(paper, "a", "b", wait=Wait.ASK)
    _leave(paper, "a")
    _off(paper, off=True)
    assert seating.standing_of(paper.list, paper.seat("b"), NOW) == (State.CANCELLED, End.MEETING_CANCELLED)
    assert (paper.list.words, paper.due()) == ({"room": chairs.FULL}, None)
    paper.at = shifted(NOW, 3000)
    _off(paper, off=False)
    assert (paper.seat("b").state, paper.seat("b").lapses) == (State.OFFERED, 0)
    assert paper.seat("b").offered_until == shifted(paper.at, 720)


def test_seats_of_before_a_move_are_released_and_kept_anew_by_the_same_key() -> None:
    """By a higher era: nothing is written for it."""
    paper = _paper(capacity=1)
    _come(paper, "a", "b")
    paper.list = msgspec.structs.replace(paper.list, era=1)
    paper.settle()
    assert seating.standing_of(paper.list, paper.seat("a"), NOW) == (State.CANCELLED, End.MOVED)
    assert paper.list.words == {"room": chairs.OPEN}
    _come(paper, "b", "a")
    assert _states(paper) == {"b": State.GOING, "a": State.WAITLISTED}
    assert len(paper.line.seats) == 2


def test_fewer_chairs_take_no_seat_away() -> None:
    """It is reached as seats are given back."""
    paper = _paper(capacity=3)
    _come(paper, "a", "b", "c", "d")
    paper.has(capacity=1)
    _leave(paper, "a", "b")
    assert _of(paper, State.GOING) == ["c"]
    paper.has(capacity=2)
    assert sorted(_of(paper, State.GOING)) == ["c", "d"]


def test_a_second_time_with_the_same_key_is_the_same_seat() -> None:
    """Also under the key of the series, also when no more are taken."""
    paper = _paper(capacity=1)
    _come(paper, "a")
    before = paper.seat("a")
    paper.list = msgspec.structs.replace(paper.list, closed=True)
    again = paper.decide(lambda sheet: seating.reserve(sheet, asked("other", series_mac="a", party=3), paper.at))
    assert again == before == paper.seat("a")
    assert len(paper.line.seats) == 1


def test_what_was_said_is_gone_with_the_seat() -> None:
    """Answers, needs, the sealed: nothing of it stays."""
    paper = _paper(capacity=1, quotas=BEDS)
    _come(paper, "a", sealed="sealed", quotas=("beds",))
    _leave(paper, "a")
    assert (paper.seat("a").sealed, paper.seat("a").quotas, paper.seat("a").answers) == ("", (), ())


@pytest.mark.parametrize(
    ("reason", "fields"),
    [
        ("NO_SEATS_KEPT", {"mode": RsvpMode.OFF}),
        ("NOT_YET_OPEN", {"opens_before_minutes": 60}),
        ("CLOSED", {"closes_before_minutes": 20_000}),
        ("PARTY_TOO_LARGE", {"capacity": 1}),
        ("PARTY_TOO_LARGE", {"quotas": BEDS, "capacity": 9}),
    ],
)
def test_a_refusal_says_why(reason: str, fields: dict[str, Any]) -> None:
    """With a reason that stays the same."""
    paper = _paper(**fields)
    quotas = ("beds",) if "quotas" in fields else ()
    assert _refused(paper, "a", party=2, quotas=quotas) == reason


def test_a_list_that_has_begun_is_closed_or_off_takes_nobody() -> None:
    """Each for its own reason."""
    closed, off, begun = _paper(), _paper(), _paper()
    closed.list = msgspec.structs.replace(closed.list, closed=True)
    _off(off, off=True)
    begun.at = START
    reasons = [_refused(paper, "a") for paper in (closed, off, begun)]
    assert reasons == ["LIST_CLOSED", "DATE_CANCELLED", "PAST"]


@pytest.mark.parametrize("fields", [{"party": 0}, {"party": 21}, {"quotas": ("none",)}, {"where": None}])
def test_what_does_not_fit_is_invalid(fields: dict[str, Any]) -> None:
    """A party of nobody, too large a one, an unknown need; no word on how, where both are possible."""
    paper = _paper(ways=(ROOM, ONLINE))
    with pytest.raises(Invalid):
        _come(paper, "a", **{"where": ROOM, **fields})


def test_the_line_is_as_long_as_the_rules_say() -> None:
    """Counted in people; none where there is none; and the word says so."""
    paper = _paper(capacity=1, waitlist=2)
    _come(paper, "a", "b")
    assert paper.list.words == {"room": chairs.WAITLIST}
    _come(paper, "c")
    assert (paper.list.words, _refused(paper, "d")) == ({"room": chairs.FULL}, "LIST_FULL")
    none = _paper(capacity=1, waitlist=-1)
    _come(none, "a")
    assert (none.list.words, _refused(none, "b")) == ({"room": chairs.FULL}, "LIST_FULL")


def test_a_list_is_due_when_its_word_becomes_another_one() -> None:
    """Open until it closes; of a line until it does not move any more."""
    paper = _paper(capacity=1, closes_before_minutes=30, cut_off_minutes=60)
    paper.settle()
    _come(paper, "a")
    assert paper.due() == shifted(START, -60)
    paper.pass_to(shifted(START, -60))
    assert (paper.list.words, paper.due()) == ({"room": chairs.FULL}, None)
    free = _paper(capacity=2, closes_before_minutes=30, cut_off_minutes=60)
    _come(free, "a")
    assert free.due() == shifted(START, -30)
    free.pass_to(shifted(START, -30))
    assert (free.list.words, free.due()) == ({"room": chairs.FULL}, None)


def test_an_offer_ends_with_a_cut_off_that_came_sooner() -> None:
    """The date was moved ahead, or the rules are others."""
    paper = _paper(capacity=1, claim_minutes=10_080)
    _come(paper, "a", "b", wait=Wait.ASK)
    _leave(paper, "a")
    paper.has(cut_off_minutes=7 * 1440)
    paper.settle()
    assert paper.seat("b").offered_until == shifted(START, -7 * 1440) == paper.due()


def test_a_large_room_fills_in_steps_that_a_commit_can_hold() -> None:
    """What is left is due at once."""
    paper = _paper(capacity=1)
    paper.decide(_nine_hundred_wait)
    paper.has(capacity=0)
    assert len(_of(paper, State.GOING)) == 1 + turns.MOST
    assert paper.due() == paper.at
    assert _refused_or_waits(paper)
    paper.pass_to(paper.at)
    assert len(_of(paper, State.GOING)) == 901


def test_who_waits_for_sister_dates_is_offered_a_place_and_never_given_it() -> None:
    """And the list is due at once, for whoever takes it for all of the dates."""
    paper = _paper(capacity=1)
    paper.decide(lambda sheet: sheet.put(msgspec.structs.replace(_waiting(1), sisters="l9")))
    assert paper.seat("m1").state is State.OFFERED
    assert paper.due() == paper.at


def test_standing_seats_have_no_limit_and_a_course_has() -> None:
    """In the list of a series."""
    held = msgspec.structs.replace(a_list(capacity=1), scope=Scope.SERIES)
    standing, course = Paper(held), Paper(msgspec.structs.replace(held, rules=_scoped(held.rules)))
    _come(standing, "a", "b")
    _come(course, "a", "b")
    assert _of(standing, State.GOING) == ["a", "b"]
    assert _of(course, State.WAITLISTED) == ["b"]


def test_a_list_that_nothing_came_of_is_not_made() -> None:
    """Only looking at it, or being refused, leaves nothing; the first seat makes it."""
    fresh = msgspec.structs.replace(a_list(), due=None)
    sheet = Sheet(fresh, Line("l1"))
    turns.settle(sheet, NOW)
    assert sheet.changes(turns.next_due(sheet, NOW)) is None
    seating.reserve(sheet, asked("a"), NOW)
    changes = sheet.changes(turns.next_due(sheet, NOW))
    assert changes is not None
    assert changes.facts is not None
    assert len(changes.leaves) == 1


def test_the_head_is_written_only_where_something_of_it_changes() -> None:
    """Another place in a line that is long already is a leaf and nothing else."""
    paper = _paper(capacity=1)
    _come(paper, "a", "b")
    sheet = Sheet(paper.list, paper.line)
    turns.settle(sheet, NOW)
    seating.reserve(sheet, asked("c"), NOW)
    turns.settle(sheet, NOW)
    changes = sheet.changes(turns.next_due(sheet, NOW))
    assert changes is not None
    assert (changes.facts, len(changes.leaves)) == (None, 1)


def _with(seat: Seat, **fields: Any) -> Seat:
    return msgspec.structs.replace(seat, **fields)


def _line(paper: Paper) -> Iterable[str]:
    sheet = Sheet(paper.list, paper.line)
    return [seat.mac for where in Where for seat in sheet.waiting(where)]


def _off(paper: Paper, *, off: bool) -> None:
    occasion = msgspec.structs.replace(paper.list.occasion, off=off)
    paper.list = msgspec.structs.replace(paper.list, occasion=occasion)
    paper.settle()


def _nine_hundred_wait(sheet: Sheet) -> None:
    for number in range(900):
        sheet.put(_waiting(number))


def _waiting(number: int) -> Seat:
    return Seat(id=f"s{number}", centre="c", mac=f"m{number}", order=number + 1, state=State.WAITLISTED)


def _scoped(rules: Any) -> Any:
    return msgspec.structs.replace(rules, scope=Scope.SERIES)


def _refused_or_waits(paper: Paper) -> bool:
    """Whether a newcomer has to wait for all who wait: they are not done yet."""
    try:
        _come(paper, "new")
    except Refusal:
        return True
    return paper.seat("new").order == 901
