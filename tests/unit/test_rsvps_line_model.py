"""The line against a model of it that is slow and plain: everybody in one list, looked at one after the other.

The model says what ADR 0034 says, without an index, without steps, and without knowing when it was asked last.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.clock import moment
from services.kit.errors import Refusal
from services.rsvps import seating, turns
from services.rsvps.sheet import Sheet
from services.rsvps.times import shifted
from services.rsvps.types import PartyRule, Wait, Where
from tests.unit.rsvps_lists import NOW, ONLINE, ROOM, START, Paper, a_list, asked

if TYPE_CHECKING:
    from collections.abc import Callable

CLAIM: Final = 60
CUT_OFF: Final = 120
AHEAD: Final = int((moment(START) - moment(NOW)).total_seconds()) // 60
"""Minutes from the beginning of an example to the start of the date. Time is counted in minutes, from -AHEAD to 0."""

GOING, WAITING, OFFERED, NO, LEFT = "going", "waitlisted", "offered", "declined", "cancelled"
IN, HELD = (GOING, WAITING, OFFERED), (GOING, OFFERED)


@dataclass
class Guest:
    """Somebody who came. `turn`: who came later has a higher one."""

    turn: int
    where: Where
    party: int
    ask: bool
    state: str = WAITING
    until: int = 0
    lapses: int = 0
    sure: bool = False


@dataclass
class Model:
    """Who came, by name; how many places there are, in each way, and how many that somebody let lapse."""

    places: dict[Where, int]
    fill: bool
    confirm: int
    waitlist: int
    now: int = -AHEAD
    guests: dict[str, Guest] = field(default_factory=dict)
    lapsed: dict[Where, int] = field(default_factory=lambda: {ROOM: 0, ONLINE: 0})
    turns: int = 0
    off: bool = False
    released: bool = False

    def free(self, where: Where) -> int:
        return self.places[where] - sum(g.party for g in self.guests.values() if g.where is where and g.state in HELD)

    def queue(self, where: Where) -> list[Guest]:
        waiting = [g for g in self.guests.values() if g.where is where and g.state == WAITING and g.lapses < 3]
        waiting = [g for g in waiting if g.party <= self.places[where]]  # or they would hold up everybody for good
        return sorted(waiting, key=lambda g: g.turn)

    def first_fitting(self, queue: list[Guest], places: int) -> Guest | None:
        for guest in queue:
            if guest.party <= places:
                return guest
            if not self.fill:
                return None
        return None

    def settle(self) -> None:
        """What time and free places make of it."""
        if self.off:
            for guest in self.guests.values():
                if guest.state == OFFERED:
                    guest.state, guest.until = WAITING, 0
        else:
            self.lapse()
            self.release()
            for where in Where:
                while self.now < -CUT_OFF and self.serve(where):
                    pass
        for where in Where:
            waits = any(g.where is where and g.state == WAITING for g in self.guests.values())
            self.lapsed[where] = min(self.lapsed[where], max(0, self.free(where))) if waits else 0

    def lapse(self) -> None:
        for guest in self.guests.values():
            if guest.state == OFFERED and guest.until <= self.now:
                guest.state, guest.until, guest.lapses = WAITING, 0, guest.lapses + 1
                self.lapsed[guest.where] += guest.party

    def release(self) -> None:
        if not self.confirm or self.released or self.now < -self.confirm:
            return
        self.released = True
        for guest in self.guests.values():
            if guest.state == GOING and not guest.sure:
                self.leaves(guest, LEFT)

    def serve(self, where: Where) -> bool:
        queue, free = self.queue(where), self.free(where)
        if free <= 0:
            return False
        again = self.lapsed[where]
        chosen = self.first_fitting(sorted(queue, key=lambda g: (g.lapses, g.turn)) if again else queue, free)
        if chosen is not None:
            self.lapsed[where] = max(0, again - chosen.party)
        elif again:
            chosen = self.first_fitting(queue, free - again)
        if chosen is None:
            return False
        if chosen.ask:
            chosen.state, chosen.until = OFFERED, min(self.now + CLAIM, -CUT_OFF)
        else:
            self.goes(chosen)
        return True

    def goes(self, guest: Guest) -> None:
        late = bool(self.confirm) and not self.released and self.now >= -self.confirm - CLAIM
        guest.state, guest.until, guest.lapses, guest.sure = GOING, 0, 0, guest.sure or late

    def leaves(self, guest: Guest, state: str) -> None:
        guest.state, guest.until, guest.lapses, guest.sure = state, 0, 0, False

    def may_take(self, where: Where, party: int) -> bool:
        """Whether places are free, and nobody who waits would be passed."""
        if self.off or self.now >= 0 or self.free(where) < party:
            return False
        queue = self.queue(where)
        ahead = any(g.party <= self.free(where) for g in queue) if self.fill else bool(queue)
        return self.now >= -CUT_OFF or not ahead

    # What guests do: False where it is refused

    def come(self, who: str, where: Where, party: int, *, ask: bool) -> bool:
        known = self.guests.get(who)
        if known is not None and known.state in IN:
            return True
        if self.off or self.now >= 0 or party > self.places[where]:
            return False
        waiting = sum(g.party for g in self.guests.values() if g.state == WAITING)
        take = self.may_take(where, party)
        if not take and (self.now >= -CUT_OFF or waiting + party > self.waitlist):
            return False
        self.turns = 1 + max((g.turn for g in self.guests.values()), default=0)
        self.guests[who] = Guest(self.turns, where, party, ask)
        if take:
            self.goes(self.guests[who])
        return True

    def leave(self, who: str) -> bool:
        guest = self.guests.get(who)
        if guest is None or guest.state not in IN:
            return guest is not None
        if not self.off and guest.state != WAITING and self.now >= -CUT_OFF:
            return False
        self.leaves(guest, LEFT)
        return True

    def take(self, who: str) -> bool:
        guest = self.guests.get(who)
        if guest is None or guest.state not in IN or self.off:
            return False
        if guest.state == WAITING and not self.may_take(guest.where, guest.party):
            return False
        if guest.state != GOING:
            self.goes(guest)
        return True

    def say_no(self, who: str) -> bool:
        guest = self.guests.get(who)
        if guest is None or guest.state == NO:
            return guest is not None
        if guest.state not in IN or self.off or self.now >= 0 or guest.state == GOING:
            return False
        if guest.state == WAITING and not guest.lapses:
            return False
        self.leaves(guest, NO)
        return True

    def sure(self, who: str) -> bool:
        guest = self.guests.get(who)
        if guest is None or guest.state != GOING or self.off:
            return False
        guest.sure = guest.sure or (bool(self.confirm) and not self.released)
        return True


class Both:
    """The list and the model of it, under the same."""

    def __init__(self, room: int, online: int, *, fill: bool, confirm: int, waitlist: int) -> None:
        self.model = Model({ROOM: room, ONLINE: online}, fill, confirm, waitlist)
        rule = PartyRule.FILL if fill else PartyRule.IN_ORDER
        self.paper = Paper(
            a_list(
                (ROOM, ONLINE),
                capacity=room,
                online_capacity=online,
                party_rule=rule,
                cut_off_minutes=CUT_OFF,
                claim_minutes=CLAIM,
                confirm_before_minutes=confirm,
                waitlist=waitlist,
            )
        )
        self.both(lambda _: None, lambda: True)

    def both(self, command: Callable[[Sheet], Any], act: Callable[[], bool]) -> None:
        """Does it in both, each settled before and after; a refusal leaves what settling made of it."""
        self.model.settle()
        done = act()
        self.model.settle()
        try:
            self.paper.decide(command)
        except Refusal:
            self.paper.settle()
            assert not done
        else:
            assert done
        assert self.said() == self.known()

    def said(self) -> dict[str, tuple[Any, ...]]:
        seats = self.paper.line.seats.values()
        return {
            s.mac: (s.order, s.state.value, s.where, s.party, s.lapses, _minutes(s.offered_until), s.confirmed)
            for s in seats
        }

    def known(self) -> dict[str, tuple[Any, ...]]:
        return {
            who: (g.turn, g.state, g.where, g.party, g.lapses, g.until, g.sure) for who, g in self.model.guests.items()
        }

    def does(self, what: str, who: str, where: Where, number: int, *, yes: bool) -> None:
        """One of the things that happen. "free": the first who goes does not."""
        model, paper = self.model, self.paper
        if what == "free":
            who = next((each for each, guest in model.guests.items() if guest.state == GOING), who)
            what = "leave"
        if what == "come":
            want = asked(who, where=where, party=number, wait=Wait.ASK if yes else Wait.GIVE)
            self.both(lambda s: seating.reserve(s, want, paper.at), lambda: model.come(who, where, number, ask=yes))
        elif what in {"leave", "take", "say_no", "sure"}:
            acts = {"leave": seating.cancel, "take": seating.accept, "say_no": seating.decline, "sure": seating.confirm}
            self.both(lambda s: acts[what](s, _mine(s, who), paper.at), lambda: getattr(model, what)(who))
        elif what == "chairs":
            model.places[where] = number
            fields = {"capacity" if where is ROOM else "online_capacity": number}
            self.follows(rules=msgspec.structs.replace(paper.list.rules, **fields))
        elif what == "off":
            late = model.now >= -model.confirm  # to whoever could not confirm because it was off nothing happens
            model.released = model.released or ((yes or model.off) and late)
            model.off = yes
            self.follows(occasion=msgspec.structs.replace(paper.list.occasion, off=yes))
        else:
            self.waits((5, 20, 60, 150)[number - 1], swept=yes)

    def follows(self, **fields: Any) -> None:
        self.paper.list = msgspec.structs.replace(self.paper.list, **fields)
        self.both(lambda _: None, lambda: True)

    def waits(self, minutes: int, *, swept: bool) -> None:
        """Time goes on. Nothing becomes another thing before it is due, whoever looks; then it is looked after."""
        end = shifted(self.paper.at, minutes)
        while True:
            due = self.paper.due()
            upto = min(due, end) if due is not None else end
            self.nothing_changes_before(upto)
            if due is None or due > end or not swept:
                break
            self.at(due)
        self.at(end)

    def nothing_changes_before(self, upto: str) -> None:
        length = int((moment(upto) - moment(self.paper.at)).total_seconds()) // 60
        before = (self.paper.list, self.paper.line.seats.copy())
        if not before[0].words:
            return  # nothing was ever written of it
        for minutes in {1, length // 3, length // 2, length - 1}:
            if not 0 < minutes < length:
                continue
            sheet = Sheet(msgspec.structs.replace(self.paper.list, due=None), self.paper.line)
            turns.settle(sheet, shifted(self.paper.at, minutes))
            held = msgspec.structs.replace(sheet.list, due=before[0].due)
            assert (held, {each.id: each for each in sheet.seats()}) == before, f"{minutes} minutes later"

    def at(self, when: str) -> None:
        self.paper.at = when
        self.model.now = _minutes(when)
        self.both(lambda _: None, lambda: True)


def _minutes(when: str) -> int:
    """Before the start, below 0; "": 0."""
    return int((moment(when) - moment(START)).total_seconds()) // 60 if when else 0


def _mine(sheet: Sheet, who: str) -> Any:
    seat = sheet.held(who)
    if seat is None:
        raise Refused
    return seat


class Refused(Refusal):
    """There is no such seat."""

    def __init__(self) -> None:
        super().__init__("there is none", "NONE")


WHAT: Final = ("come", "leave", "free", "take", "say_no", "sure", "chairs", "off", "wait")
OFTEN: Final = ("come", "free", "wait", "wait")
STEPS: Final = st.lists(
    st.tuples(
        st.sampled_from((*WHAT, *OFTEN)),
        st.sampled_from([f"p{n}" for n in range(7)]),
        st.sampled_from([ROOM, ROOM, ROOM, ONLINE]),
        st.integers(1, 4),
        st.booleans(),
    ),
    min_size=15,
    max_size=40,
)
COME: Final = st.lists(
    st.tuples(st.sampled_from([1, 1, 2, 3]), st.sampled_from([True, True, False])), min_size=5, max_size=7
)


@settings(max_examples=120, deadline=None)
@given(
    COME, STEPS, st.integers(1, 4), st.booleans(), st.sampled_from([0, 0, 60, 240, 600]), st.sampled_from([5, 5_000])
)
def test_the_line_is_what_the_plain_model_says(
    come: list[tuple[int, bool]],
    steps: list[tuple[str, str, Where, int, bool]],
    room: int,
    fill: bool,
    confirm: int,
    waitlist: int,
) -> None:
    both = Both(room, 2, fill=fill, confirm=confirm, waitlist=waitlist)
    both.waits(AHEAD - 480, swept=True)  # so that much comes near
    for number, (party, ask) in enumerate(come):
        both.does("come", f"p{number}", ROOM, party, yes=ask)
    for what, who, where, number, yes in steps:
        both.does(what, who, where, number, yes=yes)
