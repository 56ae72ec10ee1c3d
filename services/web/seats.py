"""Seats without a script: a page for each meeting and date, one's own seat, and what one does with it.

The words that open a seat are made with the form, and sent back by it: so sending it twice keeps one seat. They stand
in no address but the one that somebody chooses to keep, and no log line holds a path under /m/.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openchair.rsvps.v1 import list_rules_pb2, seat_pb2
from openchair.rsvps.v1 import rsvp_service_pb2 as pb

from services.kit import words
from services.kit.client import Problem
from services.recurrence.zones import to_local
from services.web import seats_forms, seats_said
from services.web.answers import ASKING, answer, local_address
from services.web.nobody import is_own
from services.web.reports import network_of
from services.web.seats_at import ALL, Whereabouts
from services.web.seats_joining import joining
from services.web.seats_marked import marked
from services.web.seats_rules import asked, draw, sentences, takes, ways
from services.web.subscribe import Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from services.kit.clock import Clock
    from services.web.board import Board
    from services.web.invited import Circles
    from services.web.page import Pages
    from services.web.seats_at import At
    from services.web.seats_calls import SeatCalls
    from services.web.seats_forms import Typed

PRIVATE: Final = ASKING | {"cache-control": "private, no-store"}
_SOURCE: Final = random.SystemRandom()
TOGETHER: Final = "together"
SHOWN: Final = frozenset({"first_name", "celebration"})
"""All that can be changed while somebody waits for several dates."""


class Form(NamedTuple):
    """What stands on a page beside the facts."""

    at: At
    available: pb.GetAvailabilityResponse | Problem
    what: Typed
    said: seats_said.Said | None = None
    marked: tuple[str, ...] = ()


class Also(NamedTuple):
    """Another date that somebody waits for, and the place there."""

    at: At
    seat: seat_pb2.Seat


class SeatPages:
    """The requests about seats. `behind_proxy`: nobody but a proxy reaches us."""

    def __init__(
        self,
        pages: Pages,
        clock: Clock,
        board: Board,
        circles: Circles | None,
        calls: SeatCalls,
        *,
        base_url: Callable[[], str | None],
        behind_proxy: bool,
    ) -> None:
        self._pages = pages
        self._clock = clock
        self._where = Whereabouts(board, circles)
        self._calls = calls
        self._base_url = base_url
        self._behind_proxy = behind_proxy

    async def page(self, request: Request) -> Response:
        """The page of a date: what is asked by GET, or with a code; what somebody does by POST and "do"."""
        said = await seats_forms.fields(request) if request.method == "POST" else {}
        at = self.at(request, one(said, "code"))
        if at is None:
            return self.unknown(request, missed="code" in said)
        do = _ACTIONS.get(one(said, "do")) if is_own(request, self._base_url() or "") else None
        if do is not None:
            done: Response = await do(self, request, at, said)
            return done
        return await self._asking(request, at, seats_forms.Typed())

    async def mine(self, request: Request) -> Response:
        """One's own seat, by the address that somebody kept; with a group's code, where its meeting needs one."""
        said = await seats_forms.fields(request) if request.method == "POST" else {}
        at = self.at(request, one(said, "code"))
        if at is None:
            return self.unknown(request, missed="code" in said)
        return await self._found(request, at, request.path_params["guest"])

    def at(self, request: Request, typed: str) -> At | None:
        """What the address is about."""
        site = Site(self.base(request))
        path = request.path_params
        key = path.get("key", "") or request.query_params.get("date", "")
        return self._where.at(path["meeting"], key, typed, site, self._clock.now())

    def sisters(self, request: Request, rules: list_rules_pb2.Invitation) -> list[tuple[str, str]]:
        """Dates that share the waitlist, in words."""
        site, now = Site(self.base(request)), self._clock.now()
        names = [name for each in rules.sister_dates for name in each.names]
        said = ((name, self._where.named(name, site, now)) for name in names)
        return [(name, text) for name, text in said if text]

    def base(self, request: Request) -> str:
        """How others reach the site."""
        return (self._base_url() or local_address(request)).rstrip("/")

    def network(self, request: Request) -> str:
        """The network of the reader."""
        return network_of(request, behind_proxy=self._behind_proxy)

    def unknown(self, request: Request, *, missed: bool) -> Response:
        """The same for what is not there and for what a code opens."""
        asked = f"?{request.url.query}" if request.url.query else ""  # the code of a room, that somebody has scanned
        page = self._pages.seats("seat_code.html", path=f"{request.url.path}{asked}", missed=missed)
        return answer(request, page, 404, ASKING)

    async def keep(self, request: Request, at: At, said: dict[str, list[str]]) -> Response:
        """Keeps a seat; what is refused leaves the form as it was typed."""
        available = await self._available(request, at)
        what, key = seats_forms.typed(said), words.read(one(said, "key")) or words.make(_SOURCE)
        asking = pb.ReserveRequest(name=at.name, guest_key=key, invite_code=at.code, list_code=what.list_code)
        asking.also.extend(what.also)
        seats_forms.say(asking, what, _rules(available))
        reply = await self._calls.ask("Reserve", asking, self.network(request))
        if isinstance(reply, Problem):
            return self._form(request, Form(at, available, what, *_told(reply, asking, _rules(available))), key)
        mine = await self._mine(request, at, key)
        if what.also and (mine is None or not mine.state):
            other = self._other(request, at, reply.seat.name)
            seat = await self._mine(request, other, key) if other is not None else None
            if other is not None and other.name != at.name:
                return await self._own(request, other, key, seat or reply.seat, fresh=True, told=seats_said.INSTEAD)
        return await self._own(request, at, key, mine or reply.seat, fresh=True)

    async def find(self, request: Request, at: At, said: dict[str, list[str]]) -> Response:
        """By words that somebody typed in, or an address that they kept."""
        return await self._found(request, at, one(said, "words").rpartition("/")[2])

    async def _found(self, request: Request, at: At, typed: str) -> Response:
        key = words.read(typed) or typed[: words.LONGEST_TYPED]
        reply = await self._get_mine(request, at, key)
        if isinstance(reply, Problem):
            missed = reply.code == "INVALID_ARGUMENT"
            told = seats_said.NONE if missed else seats_said.refused(reply)
            return await self._asking(request, at, seats_forms.Typed(), told)
        if not reply.state:
            return await self._standing(request, at, key)
        return await self._own(request, at, key, reply)

    async def _standing(self, request: Request, at: At, key: str) -> Response:
        """A standing seat has no seat yet at a date that is far ahead: its own page is shown then."""
        whole = at._replace(key=ALL)
        reply = await self._get_mine(request, whole, key) if at.key != ALL else None
        if isinstance(reply, seat_pb2.Seat) and reply.standing and reply.state == seats_said.GOING:
            return await self._own(request, whole, key, reply)
        return await self._at_a_sister(request, at, key)

    async def _at_a_sister(self, request: Request, at: At, key: str) -> Response:
        """Who waited for several dates has a seat at one of them now, and nothing at the others says so."""
        available = await self._available(request, at)
        for name in (name for each in _rules(available).sister_dates for name in each.names if name != at.name):
            other = self._other(request, at, name)
            seat = await self._mine(request, other, key) if other is not None else None
            if other is not None and seat is not None and seat.state in seats_said.HELD:
                return await self._own(request, other, key, seat, told=seats_said.ELSEWHERE)
        return self._form(request, Form(at, available, seats_forms.Typed(), seats_said.NONE))

    def _other(self, request: Request, at: At, name: str) -> At | None:
        """Another date, by its resource name, as far as this reader may know of it."""
        site, path = Site(self.base(request)), at.dated(name).split("/")
        return self._where.at(path[2], path[3], at.code, site, self._clock.now()) if len(path) > 1 else None

    async def _also(self, request: Request, at: At, key: str, seat: seat_pb2.Seat) -> list[Also]:
        """The other dates that somebody waits for, and where they stand there."""
        others = [other for name in seat.also if (other := self._other(request, at, name)) is not None]
        found = [(other, await self._mine(request, other, key)) for other in others]
        return [Also(other, seat) for other, seat in found if seat is not None and seat.state]

    async def change(self, request: Request, at: At, said: dict[str, list[str]]) -> Response:
        """Changes it, by what the form asks for."""
        available, what = await self._available(request, at), seats_forms.typed(said)
        rules = _rules(available)
        asking = pb.ChangeRequest(name=at.name, guest_key=one(said, "key"), invite_code=at.code)
        seats_forms.say(asking, what, rules)
        mine = await self._mine(request, at, asking.guest_key)
        several = list(mine.also) if mine is not None else []
        asking.update_mask.extend(each for each in _mask(said, rules) if not several or each in SHOWN)
        for name in several:  # what is shown, and taken back, is so at each date that somebody waits for
            there = pb.ChangeRequest()
            there.CopyFrom(asking)
            there.name = name
            await self._calls.ask("Change", there, self.network(request))
        return await self._done(request, at, said, "Change", asking)

    async def cancel(self, request: Request, at: At, said: dict[str, list[str]]) -> Response:
        """Gives it back."""
        return await self._done(request, at, said, "Cancel", pb.CancelRequest)

    async def confirm(self, request: Request, at: At, said: dict[str, list[str]]) -> Response:
        """Says that one still comes."""
        return await self._done(request, at, said, "Confirm", pb.ConfirmRequest)

    async def accept(self, request: Request, at: At, said: dict[str, list[str]]) -> Response:
        """Takes the place that is offered."""
        return await self._done(request, at, said, "AcceptOffer", pb.AcceptOfferRequest)

    async def decline(self, request: Request, at: At, said: dict[str, list[str]]) -> Response:
        """Says no to it."""
        return await self._done(request, at, said, "DeclineOffer", pb.DeclineOfferRequest)

    async def _done(self, request: Request, at: At, said: dict[str, list[str]], method: str, asking: Any) -> Response:
        """Does it, and shows the seat as it is then; what was refused stands above it."""
        key = one(said, "key")
        if isinstance(asking, type):
            asking = asking(name=at.name, guest_key=key, invite_code=at.code)
        reply = await self._calls.ask(method, asking, self.network(request))
        seat = await self._mine(request, at, key)
        if isinstance(reply, Problem):
            rules = _rules(await self._available(request, at))
            told, wrong = _told(reply, asking, rules)
            if seat is None or not seat.state:
                return await self._asking(request, at, seats_forms.typed(said), told, wrong)
            return await self._own(request, at, key, seat, told=told, marked=wrong)
        return await self._own(request, at, key, seat or reply)

    async def _available(self, request: Request, at: At) -> pb.GetAvailabilityResponse | Problem:
        asking = pb.GetAvailabilityRequest(name=at.name, invite_code=at.code)
        reply: pb.GetAvailabilityResponse | Problem = await self._calls.ask(
            "GetAvailability", asking, self.network(request)
        )
        return reply

    async def _get_mine(self, request: Request, at: At, key: str) -> seat_pb2.Seat | Problem:
        asking = pb.GetMineRequest(name=at.name, guest_key=key, invite_code=at.code)
        reply: seat_pb2.Seat | Problem = await self._calls.ask("GetMine", asking, self.network(request))
        return reply

    async def _mine(self, request: Request, at: At, key: str) -> seat_pb2.Seat | None:
        reply = await self._get_mine(request, at, key)
        return None if isinstance(reply, Problem) else reply

    async def _asking(
        self,
        request: Request,
        at: At,
        what: Typed,
        said: seats_said.Said | None = None,
        marked: tuple[str, ...] = (),
    ) -> Response:
        """The page of a date, with what was typed."""
        return self._form(request, Form(at, await self._available(request, at), what, said, marked))

    def _form(self, request: Request, form: Form, key: str = "") -> Response:
        available = form.available
        said = form.said
        if isinstance(available, Problem) and said is None:
            said = seats_said.refused(available)
        page = self._pages.seats(
            "seat.html",
            at=form.at,
            **_shown(available),
            sisters=self.sisters(request, _rules(available)),
            takes=self._takes(form),
            draw=None if isinstance(available, Problem) else draw(available, self._clock.now()),
            typed=form.what,
            said=said,
            marked=form.marked,
            key=key or words.make(_SOURCE),
            base=self.base(request),
            together=request.url.path.endswith(f"/{TOGETHER}"),
            all=ALL,
        )
        return answer(request, page, 200, PRIVATE)

    def _takes(self, form: Form) -> str:
        """Whether a seat can be asked for now; a standing one always, one in a course on its own page ("course")."""
        if isinstance(form.available, Problem):
            return ""
        whole = form.available.invitation.scope == list_rules_pb2.SEAT_SCOPE_SERIES
        if whole != (form.at.key == ALL):
            return "course" if whole else "yes"
        last, zone = form.available.invitation.last_joining_date, form.at.centre.time_zone
        if whole and last and to_local(self._clock.now(), zone).date().isoformat() > last:
            return "late"
        return takes(form.available, self._clock.now())

    async def _own(
        self,
        request: Request,
        at: At,
        key: str,
        seat: seat_pb2.Seat,
        *,
        fresh: bool = False,
        told: seats_said.Said | None = None,
        marked: tuple[str, ...] = (),
    ) -> Response:
        """The page of one's own seat."""
        available = await self._available(request, at)
        joined = await self._calls.joining(at.meeting_name, seat.seat_pass, at.code) if seat.seat_pass else None
        base = self.base(request)
        six = words.read(key)
        page = self._pages.seats(
            "mine.html",
            at=at,
            **_shown(available),
            seat=seat,
            state=seats_said.of_seat(seat),
            states=seats_said,
            refusal=told,
            marked=marked,
            typed=seats_forms.of_seat(seat),
            key=key,
            words=six.split(),
            fresh=fresh,
            link=f"{base}{at.path}/mine/{six.replace(' ', '-') or key}",
            base=base,
            apart={at.dated(each.name) for each in seat.dates},
            others=await self._also(request, at, key, seat),
            joined=joining(joined) if joined is not None else None,
            all=ALL,
        )
        return answer(request, page, 200, PRIVATE)


_ACTIONS: Final[dict[str, Any]] = {
    "keep": SeatPages.keep,
    "find": SeatPages.find,
    "change": SeatPages.change,
    "give-back": SeatPages.cancel,
    "confirm": SeatPages.confirm,
    "accept": SeatPages.accept,
    "decline": SeatPages.decline,
}


def one(said: dict[str, list[str]], name: str) -> str:
    """A field that comes once; "" without."""
    return said.get(name, [""])[0].strip()


def _rules(available: pb.GetAvailabilityResponse | Problem) -> list_rules_pb2.Invitation:
    """How seats are kept, as far as it is known."""
    return list_rules_pb2.Invitation() if isinstance(available, Problem) else available.invitation


def _shown(available: pb.GetAvailabilityResponse | Problem) -> dict[str, Any]:
    """What a page says of how seats are kept."""
    rules = _rules(available)
    known = available if isinstance(available, pb.GetAvailabilityResponse) else pb.GetAvailabilityResponse()
    return {
        "rules": rules,
        "kept": rules.mode != list_rules_pb2.RSVP_MODE_UNSPECIFIED,
        "course": rules.scope == list_rules_pb2.SEAT_SCOPE_SERIES,
        "sentences": sentences(rules),
        "questions": [asked(each) for each in rules.questions],
        "ways": ways(known.availability),
        "available": known,
    }


def _told(problem: Problem, asking: Any, rules: list_rules_pb2.Invitation) -> tuple[seats_said.Said, tuple[str, ...]]:
    """A refusal in words, and what is wrong with which field."""
    return seats_said.refused(problem), marked(problem, asking, rules)


def _mask(said: dict[str, list[str]], rules: list_rules_pb2.Invitation) -> list[str]:
    """What the form asks for: only that can be changed by it."""
    asks = {
        "attendance": "attendance" in said,
        "party_size": "party" in said,
        "answers": bool(rules.questions),
        "wait": "wait" in said,
        "quotas": bool(rules.quotas),
        "first_name": "first-name" in said,
        "celebration": rules.celebrations,
    }
    return [name for name, there in asks.items() if there]
