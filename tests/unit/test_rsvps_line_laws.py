"""A guest list under everything that can happen to it, in any order, against laws that are checked by brute force."""

from __future__ import annotations

import functools
import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import msgspec
import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.kit.errors import Refusal
from services.rsvps import chairs, seating, turns
from services.rsvps.sheet import Sheet
from services.rsvps.times import shifted, times
from services.rsvps.types import End, PartyRule, Quota, RsvpMode, Seat, State, Wait, Where
from tests.unit.rsvps_line_laws import (
    LIVE,
    SEATED,
    in_order,
    lapsed_passes_on,
    never_oversold,
    newly_served,
    nobody_is_forgotten,
    nobody_is_passed,
    nobody_is_put_out,
    present,
)
from tests.unit.rsvps_lists import ONLINE, ROOM, START, Paper, a_list, asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.rsvps.types import GuestList

A_DAY = 1440
AHEAD = 7 * A_DAY

people = st.sampled_from([f"p{n}" for n in range(10)])
parties = st.sampled_from([1, 1, 1, 2, 3])
waits = st.sampled_from([Wait.ASK, Wait.ASK, Wait.GIVE])
ways_asked = st.sampled_from([ROOM, ROOM, ONLINE])
needs = st.sampled_from([(), (), (), ("beds",), ("ramp",), ("beds", "ramp")])
places = st.integers(1, 4)
minutes = st.sampled_from([5, 30, 119, 121, 360, 720])


Coming: TypeAlias = tuple[str, Where, int, Wait, tuple[str, ...]]
Wish: TypeAlias = tuple[Where, int, Wait, tuple[str, ...]]


class Lists(RuleBasedStateMachine):
    """One list, ten people, a clock."""

    @initialize(
        room=places,
        online=places,
        waitlist=st.sampled_from([0, 0, 0, -1, 2, 4]),
        party_rule=st.sampled_from(PartyRule),
        draw=st.sampled_from([0, 0, 0, 6]),
        cut_off=st.sampled_from([0, 180]),
        confirm=st.sampled_from([0, 0, 600, 60]),
        ahead=st.sampled_from([AHEAD, AHEAD, AHEAD, A_DAY, 400, 200]),
        beds=st.integers(1, 3),
        come=st.lists(st.tuples(people, ways_asked, parties, waits, needs), min_size=6, max_size=9),
        back=st.integers(0, 2),
    )
    def begin(
        self, room: int, online: int, waitlist: int, beds: int, confirm: int, come: list[Coming], **fields: Any
    ) -> None:
        """A list whose date is a week ahead, or nearly there; some come at once, and some do not come after all."""
        kept = a_list(
            (ROOM, ONLINE),
            capacity=room,
            online_capacity=online,
            waitlist=waitlist,
            party_size=3,
            party_rule=fields["party_rule"],
            opens_before_minutes=AHEAD,
            draw_hours=fields["draw"],
            cut_off_minutes=fields["cut_off"],
            confirm_before_minutes=confirm,
            claim_minutes=120,
            quotas=(Quota("beds", "Beds", beds), Quota("ramp", "Ramp", 1)),
        )
        self.paper = Paper(kept, shifted(START, -fields["ahead"]))
        self.kept: dict[str, Seat] = {}
        """What people asked for last; nothing of those who left."""
        self.left: set[str] = set()
        self.turned: set[str] = set()
        self._head(closed=False)
        self.reserve(come)
        for who in [seat.mac for seat in self._seats() if seat.state is State.GOING][: fields["back"]]:
            self.cancel(who, staff=True)

    # What guests do

    @rule(come=st.lists(st.tuples(people, ways_asked, parties, waits, needs), min_size=1, max_size=6))
    def reserve(self, come: list[Coming]) -> None:
        """Several keep a seat, one after the other; who has one is told the same one."""
        for who, where, party, wait, quotas in come:
            had = self._live(who)
            want = asked(who, where=where, party=party, wait=wait, quotas=quotas)
            seat = self._tries(functools.partial(_kept, want=want, at=self.paper.at))
            if seat is None:
                continue
            before, after = seat
            if had:
                assert after == before, "a second seat with the same key is the same seat"
                continue
            assert (after.mac, after.party, after.quotas) == (who, party, tuple(sorted(quotas)))
            self.kept[who] = after
            self.left.discard(who)

    @precondition(lambda self: any(map(self._live, self.paper.line.by_mac)))
    @rule(data=st.data(), wishes=st.lists(st.tuples(ways_asked, parties, waits, needs), min_size=1, max_size=4))
    def change(self, data: st.DataObject, wishes: list[Wish]) -> None:
        """Some want another seat; each gets it, or keeps what there was."""
        for where, party, wait, quotas in wishes:
            who = data.draw(st.sampled_from(sorted(filter(self._live, self.paper.line.by_mac))))
            before = self.paper.seat(who)
            want = msgspec.structs.replace(before, where=where, party=party, wait=wait, quotas=quotas)
            self._changes(who, want)

    def _changes(self, who: str, want: Seat) -> None:
        after = self._tries(lambda sheet: seating.change(sheet, self._mine(sheet, who), want, self.paper.at))
        if after is not None:
            self.kept[who] = after
            self._asked_at_the_end(after)

    def _asked_at_the_end(self, after: Seat) -> None:
        """Who waits and asks for more waits behind everybody; who does not, stays."""
        held, before = self.paper.seen[1]
        had = before[after.id]
        more = after.party > had.party or after.where is not had.where or set(after.quotas) > set(had.quotas)
        if more and had.state is State.WAITLISTED and (held.drawn or self.paper.at >= times(held).draw):
            assert after.order > max(seat.order for seat in before.values())

    @rule(who=people)
    def leave(self, who: str) -> None:
        """Somebody gives back what they have, if it is not too late."""
        assume(who in self.paper.line.by_mac)
        self.cancel(who, staff=False)

    def cancel(self, who: str, *, staff: bool) -> None:
        """Gives it back."""
        end = End.STAFF if staff else End.OWN
        if self._tries(lambda sheet: seating.cancel(sheet, self._mine(sheet, who), self.paper.at, end)) is not None:
            self._leaves(who)

    @precondition(lambda self: any(seat.state in SEATED for seat in self._seats()))
    @rule(data=st.data(), count=st.integers(1, 3))
    def give_back(self, data: st.DataObject, count: int) -> None:
        """Some of those who have a place, or are offered one, do not come."""
        going = sorted(seat.mac for seat in self._seats() if seat.state in SEATED)
        for who in data.draw(st.lists(st.sampled_from(going), max_size=count, unique=True)):
            if self.paper.seat(who).state in SEATED:
                self.cancel(who, staff=True)

    @rule(who=people)
    def accept(self, who: str) -> None:
        """Takes what is offered."""
        assume(self._live(who))
        seat = self._tries(lambda sheet: seating.accept(sheet, self._mine(sheet, who), self.paper.at))
        assert seat is None or seat.state is State.GOING

    @precondition(lambda self: any(self.paper.line.offers.values()))
    @rule(data=st.data(), no=st.booleans())
    def answer(self, data: st.DataObject, *, no: bool) -> None:
        """Says yes or no to an offer that holds."""
        seats = [seat for seat in self.paper.line.seats.values() if seat.state is State.OFFERED]
        who = data.draw(st.sampled_from(sorted(seat.mac for seat in seats)))
        act = seating.decline if no else seating.accept
        if self._tries(lambda sheet: act(sheet, self._mine(sheet, who), self.paper.at)) is not None and no:
            self._leaves(who)

    @rule(who=people)
    def confirm(self, who: str) -> None:
        """Still comes."""
        assume(self._live(who))
        self._tries(lambda sheet: seating.confirm(sheet, self._mine(sheet, who), self.paper.at))

    # What else happens

    @rule(later=minutes)
    def wait(self, later: int) -> None:
        """Time goes on, and nobody looks."""
        self.paper.at = shifted(self.paper.at, later)

    @rule()
    def sweep(self) -> None:
        """Somebody looks after the list when it is due; before that there is nothing to do."""
        due = self.paper.due()
        if due is None or due > shifted(self.paper.at, A_DAY):
            return
        self.paper.at = max(self.paper.at, shifted(due, -1))
        self._decide(lambda _: None)
        before = (self.paper.line.seats.copy(), self.paper.list)
        if self.paper.due() == due:
            self.paper.at = max(self.paper.at, due)
            self._decide(lambda _: None)
            assert before != (self.paper.line.seats, self.paper.list), "it was due, and nothing was to be done"

    @precondition(lambda self: any(self.paper.line.offers.values()))
    @rule(count=st.integers(1, 5))
    def lapse(self, count: int) -> None:
        """Nobody answers: what is offered lapses, goes on to others, and lapses again."""
        for _ in range(count):
            until = Sheet(self.paper.list, self.paper.line).lapsing()
            if until is not None:
                self.paper.at = max(self.paper.at, until)
                self._decide(lambda _: None)

    @rule(room=places, online=places, beds=st.integers(1, 3))
    def capacities(self, room: int, online: int, beds: int) -> None:
        """Chairs are put out or taken away; nobody loses one."""
        quotas = (Quota("beds", "Beds", beds), Quota("ramp", "Ramp", 1))
        self._rules(capacity=room, online_capacity=online, quotas=quotas)

    @rule(party_rule=st.sampled_from(PartyRule))
    def others_rule(self, party_rule: PartyRule) -> None:
        """Parties may be passed, or not any more."""
        self._rules(party_rule=party_rule)

    @rule(what=st.sampled_from(["off", "closed", "people just come", "room", "online"]), later=minutes)
    def for_a_while(self, what: str, later: int) -> None:
        """The date is called off and back on; seats are not kept, and are again; it is held in one way, and in both."""
        self._turn(what, on=True)
        self.wait(later)
        self._turn(what, on=False)

    @rule(what=st.sampled_from(["off", "closed", "people just come", "room", "online"]))
    def for_longer(self, what: str) -> None:
        """The same, while other things happen; or it ends."""
        self._turn(what, on=what not in self.turned)

    @rule(days=st.integers(-1, 2), release=st.sampled_from([False, False, True]))
    def moved(self, days: int, *, release: bool) -> None:
        """The date is moved; seats stay, or are released."""
        start = shifted(self.paper.list.occasion.start, days * A_DAY)
        assume(start > self.paper.at)
        if release:
            again: dict[str, Any] = {"era": self.paper.list.era + 1, "passed": {}, "drawn": False}
            self._head(**again)
            self.kept.clear()
        self._occasion(start=start, end=shifted(start, 90))

    @rule(seed=st.integers(0, 3))
    def restart(self, seed: int) -> None:
        """A process starts, and knows the same."""
        before = vars(self.paper.line)
        self.paper.restart(random.Random(seed))  # noqa: S311 - an order, not a secret
        assert vars(self.paper.line) == before

    # Laws

    @invariant()
    def everybody_is_in_one_state(self) -> None:
        """Of each person is one leaf; its state, its end and its offer go together."""
        for seat in self._seats():
            assert (seat.end is not None) == (seat.state is State.CANCELLED)
            assert bool(seat.offered_until) == (seat.state is State.OFFERED)
        assert len({seat.mac for seat in self._seats()}) == len(self._seats())

    @invariant()
    def who_left_is_not_brought_back(self) -> None:
        """Not by an offer, not by a place that comes free."""
        for who in self.left:
            assert self.paper.seat(who).state not in LIVE, f"{who} had left"

    @invariant()
    def a_party_is_whole(self) -> None:
        """Everybody has as many places as they asked for, where they asked for them, or none."""
        for who, wanted in self.kept.items():
            seat = self.paper.seat(who)
            if seat.state in LIVE:
                assert (seat.party, seat.where) == (wanted.party, wanted.where)
                assert seat.quotas == wanted.quotas

    @invariant()
    def waiting_does_not_change_the_order(self) -> None:
        """A place in the line is another one only for who asked for more."""
        for who, wanted in self.kept.items():
            assert self.paper.seat(who).order == wanted.order
        orders = [seat.order for seat in self._seats()]
        assert len(set(orders)) == len(orders)

    def _laws(self) -> None:
        """What holds of every decision, and after it."""
        seen = self.paper.seen
        for (_, before), (after, now) in pairwise(seen):
            never_oversold(after, before, now)
        for (was, before), (after, now) in (seen[:2], seen[2:]):
            in_order(was, after, before, now)
            lapsed_passes_on(was, after, before, now)
            nobody_is_put_out(after, before, now, self.paper.at)
            if self._paused(after):
                assert not newly_served(after, before, now), "nobody is served now"
        if self.paper.at < times(seen[1][0]).cut_off:
            nobody_is_passed(seen[1][0], seen[1][1], seen[2][1], self.paper.at)
        self._nothing_left_free()
        self._offers_hold()
        self._word_is_true()
        again = Sheet(self.paper.list, self.paper.line)
        again.list = msgspec.structs.replace(again.list, due=None)  # so that it is looked at
        turns.settle(again, self.paper.at)
        assert again.changes(turns.next_due(again, self.paper.at)) is None, "what is settled is settled"

    def _nothing_left_free(self) -> None:
        held = self.paper.list
        if self._paused(held):
            return
        for where in held.occasion.ways:
            nobody_is_forgotten(held, present(held, self.paper.line.seats), where)

    def _paused(self, held: GuestList) -> bool:
        """Whether nothing that is free is given or offered."""
        at, found = self.paper.at, times(held)
        off = held.occasion.off or held.rules.mode is RsvpMode.OFF
        return off or at >= found.cut_off or (not held.drawn and at < found.draw)

    def _offers_hold(self) -> None:
        held = self.paper.list
        for seat in present(held, self.paper.line.seats):
            if seat.state is State.OFFERED:
                assert not held.occasion.off
                assert self.paper.at < seat.offered_until <= times(held).cut_off
        assert not held.passed or all(count > 0 for count in held.passed.values())

    def _word_is_true(self) -> None:
        """The word is what happens to whoever comes alone just now."""
        for where in self.paper.list.occasion.ways:
            sheet = Sheet(self.paper.list, self.paper.line)
            if self.paper.list.rules.mode is RsvpMode.OFF or self.paper.at < times(self.paper.list).opens:
                continue
            try:
                state = seating.reserve(sheet, asked("new", where=where), self.paper.at).state
            except Refusal:
                assert self.paper.list.words[where.value] == chairs.FULL
            else:
                word = chairs.OPEN if state is State.GOING else chairs.WAITLIST
                assert self.paper.list.words[where.value] == word

    # How it is done

    def _tries(self, act: Callable[[Sheet], Any]) -> Any:
        try:
            return self._decide(act)
        except Refusal:
            return None

    def _decide(self, act: Callable[[Sheet], Any]) -> Any:
        reply = self.paper.decide(act)
        self._laws()
        return reply

    def _mine(self, sheet: Sheet, who: str) -> Seat:
        seat = sheet.held(who)
        assert seat is not None
        return seat

    def _leaves(self, who: str) -> None:
        self.kept.pop(who, None)
        self.left.add(who)

    def _head(self, **fields: Any) -> None:
        """As whoever follows the meeting does it: before the list is settled."""
        self.paper.list = msgspec.structs.replace(self.paper.list, **fields)
        self._decide(lambda _: None)

    def _turn(self, what: str, *, on: bool) -> None:
        self.turned = self.turned | {what} if on else self.turned - {what}
        ways = tuple(where for where in Where if where.value not in self.turned) or (ROOM, ONLINE)
        self._occasion(off="off" in self.turned, ways=ways)
        self._head(closed="closed" in self.turned)
        self._rules(mode=RsvpMode.OFF if "people just come" in self.turned else RsvpMode.OPTIONAL)

    def _rules(self, **fields: Any) -> None:
        self._head(rules=msgspec.structs.replace(self.paper.list.rules, **fields))

    def _occasion(self, **fields: Any) -> None:
        self._head(occasion=msgspec.structs.replace(self.paper.list.occasion, **fields))

    def _live(self, who: str) -> bool:
        seat = self.paper.line.seats.get(self.paper.line.by_mac.get(who, ""))
        return seat is not None and seat.state in LIVE and seat.era == self.paper.list.era

    def _seats(self) -> list[Seat]:
        return list(self.paper.line.seats.values())


def _kept(sheet: Sheet, want: seating.Asked, at: str) -> tuple[Seat | None, Seat]:
    """What somebody has before and after keeping a seat."""
    return sheet.held(want.mac), seating.reserve(sheet, want, at)


def _run(examples: int, steps: int) -> None:
    checks = [HealthCheck.filter_too_much, HealthCheck.too_slow]
    found = settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(cast("Any", Lists), settings=found)


def test_whatever_happens_to_a_list_its_laws_hold() -> None:
    """The everyday form."""
    _run(100, 30)


@pytest.mark.slow
def test_whatever_happens_to_a_list_its_laws_hold_at_length() -> None:
    """The long form."""
    _run(1_500, 50)
