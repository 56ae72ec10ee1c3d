"""What `openchair close` does: a closure with its preview first, and its progress until every meeting has followed."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import closure_pb2
from openchair.meetings.v1 import closure_service_pb2 as pb
from tqdm import tqdm

from services.cli import addresses, impact
from services.cli.asking import give, go_ahead, say, until_current
from services.cli.called import id_of, pages, the_one
from services.cli.following import POLL
from services.cli.house import House, open_house
from services.cli.meeting_where import online
from services.cli.server import PATIENCE
from services.cli.shell import NO_SERVER, STOPPED, USAGE, Failure
from services.kit.client import RpcError, explain

if TYPE_CHECKING:
    import argparse

    from services.cli.server import Site

CANCEL, ONLINE, MOVE = (
    closure_pb2.CLOSURE_EFFECT_CANCEL,
    closure_pb2.CLOSURE_EFFECT_ONLINE,
    closure_pb2.CLOSURE_EFFECT_MOVE,
)
_UNDER_WAY: Final = frozenset({closure_pb2.CLOSURE_STATE_RUNNING, closure_pb2.CLOSURE_STATE_WITHDRAWING})
_TAKEN_BACK: Final = frozenset({closure_pb2.CLOSURE_STATE_WITHDRAWING, closure_pb2.CLOSURE_STATE_WITHDRAWN})
_DAY: Final = timedelta(days=1)


async def create(site: Site, asked: argparse.Namespace) -> None:
    """A new closure."""
    house = await open_house(site, asked.centre)
    closure = _wanted(asked, house)
    found = await impact.ask(site, house.centre.name, closure)
    say(asked, f"{impact.about(closure, house)}: {closure.reason}")
    impact.tell(asked, found)
    impact.tell_lacking(asked, found)
    if others := addresses.beside(closure, house.places):
        named = ", ".join(f'"{title}"' for title in others)
        say(asked, f"Not closed, though at the same address: {named}. With --place they can be named too.")
    if not go_ahead(asked):
        give(asked, {"done": False, "impact": impact.plain(found)})
        return
    request = pb.CreateClosureRequest(parent=house.centre.name, closure=closure, request_id=secrets.token_hex(16))
    made = await site.closures.CreateClosure(request, timeout=PATIENCE)
    say(asked, f"It is in force. Its id is {id_of(made)}.")
    await _finish(site, asked, made, impact.plain(found))


def _wanted(asked: argparse.Namespace, house: House) -> closure_pb2.Closure:
    """The closure that was asked for. Raises Failure."""
    start, end = _times(asked, house)
    closure = closure_pb2.Closure(
        reason=asked.because, start=_text(start), end=_text(end) if end else "", effect=CANCEL
    )
    places = [house.place(each).name for each in asked.place]
    only = places[0] if len(places) == 1 else ""
    closure.rooms.extend(house.room(each, only).name for each in asked.room)
    closure.places.extend([] if closure.rooms and only else places)
    closure.online_too, closure.meetings_only = asked.online_too, asked.meetings_only
    _holidays(asked, house, closure)
    _instead(asked, house, closure)
    return closure


def _times(asked: argparse.Namespace, house: House) -> tuple[date | datetime, date | datetime | None]:
    """From when to when; None: until further notice. Two days, or two moments."""
    if asked.on is not None:
        if asked.first is not None or asked.until is not None:
            raise Failure("--on and --today are one day: leave out --from and --until, or the other way round", USAGE)
        day = house.day("--on", asked.on)
        if asked.from_time is None:
            return day, day
        return datetime.combine(day, asked.from_time), datetime.combine(day + _DAY, time())
    if asked.from_time is not None:
        raise Failure('--from-time goes with --on; with --from say it there: --from "24 dec 14:00"', USAGE)
    if asked.first is None and asked.holidays is None:
        raise Failure('say when: --today, --on DATE, or --from DATE --until DATE (or --until "further notice")', USAGE)
    start = house.moment("--from", asked.first) if asked.first is not None else house.today
    if asked.until is None and asked.holidays is None:
        raise Failure('say until when: --until DATE, the last day, or --until "further notice"', USAGE)
    return _alike(start, house.moment("--until", asked.until) if asked.until else None)


def _alike(start: date | datetime, end: date | datetime | None) -> tuple[date | datetime, date | datetime | None]:
    """Both as days, or both as moments: a first day begins, and a last one ends, at midnight."""
    if isinstance(end, datetime) and not isinstance(start, datetime):
        return datetime.combine(start, time()), end
    if isinstance(start, datetime) and end is not None and not isinstance(end, datetime):
        return start, datetime.combine(end + _DAY, time())
    return start, end


def _text(when: date | datetime) -> str:
    return when.isoformat(timespec="minutes") if isinstance(when, datetime) else when.isoformat()


def _holidays(asked: argparse.Namespace, house: House, closure: closure_pb2.Closure) -> None:
    if asked.holidays is None:
        if asked.holiday:
            raise Failure("--holiday goes with --holidays", USAGE)
        return
    closure.holidays = asked.holidays or house.centre.holiday_calendar
    if not closure.holidays:
        raise Failure(
            "--holidays: whose? Say a country or a part of one (DE-BE, CA-AB), or tell it to the centre:"
            f" openchair centre edit {house.id} --holiday-calendar CA-AB",
            USAGE,
        )
    closure.holiday_names.extend(asked.holiday or ())


def _instead(asked: argparse.Namespace, house: House, closure: closure_pb2.Closure) -> None:
    """What becomes of the dates instead of being cancelled. Raises Failure."""
    if asked.online and asked.move_to:
        raise Failure("--online and --move-to do not go together", USAGE)
    if asked.move_to:
        closure.effect, closure.move_place = MOVE, house.place(asked.move_to).name
        closure.move_rooms.extend(house.room(each, closure.move_place).name for each in asked.to_room)
    elif asked.to_room:
        raise Failure("--to-room goes with --move-to", USAGE)
    if online(asked, closure.online) and not asked.online:
        raise Failure("--link and --phone go with --online", USAGE)
    if asked.online:
        closure.effect = ONLINE
    if not closure.online.ByteSize():
        closure.ClearField("online")


async def every(site: Site, centre: str, *, past: bool = False) -> list[closure_pb2.Closure]:
    """A centre's closures, in order of their start."""
    request = pb.ListClosuresRequest(parent=f"centres/{centre}", show_past=past)
    found = await pages(site.closures.ListClosures, request, "closures", PATIENCE)
    return sorted(found, key=lambda each: (each.start, each.name))


async def _find(site: Site, asked: argparse.Namespace) -> closure_pb2.Closure:
    """One that is in force or to come. Raises Failure."""
    return the_one("closure", asked.closure, await every(site, asked.centre), lambda each: each.reason)


async def listed(site: Site, asked: argparse.Namespace) -> None:
    """The closures there are."""
    house = await open_house(site, asked.centre)
    found = await every(site, asked.centre, past=asked.past)
    if asked.json:
        print(json.dumps([impact.plain_closure(each) for each in found], ensure_ascii=False, indent=1))
        return
    for each in found:
        say(asked, f"{id_of(each)}  {impact.about(each, house)}: {each.reason}  ({impact.state(each)})")
    say(asked, f"{len(found)} closure{'s' * (len(found) != 1)}")


async def shown(site: Site, asked: argparse.Namespace) -> None:
    """One of them, and what it makes of which dates."""
    house = await open_house(site, asked.centre)
    meant = the_one("closure", asked.closure, await every(site, asked.centre, past=True), lambda each: each.reason)
    closure = await site.closures.GetClosure(pb.GetClosureRequest(name=meant.name), timeout=PATIENCE)
    found = await impact.ask(site, house.centre.name, closure_pb2.Closure(name=closure.name))
    if asked.json:
        give(asked, {"closure": impact.plain_closure(closure), "impact": impact.plain(found)})
        return
    say(asked, f"{id_of(closure)}  {impact.about(closure, house)}: {closure.reason}  ({impact.state(closure)})")
    impact.tell(asked, found, head="Were it in force: " if closure.state in _TAKEN_BACK else "")
    impact.tell_lost(asked, closure)
    impact.tell_shut_out(asked, found)


async def withdraw(site: Site, asked: argparse.Namespace) -> None:
    """Takes it back."""

    async def attempt() -> None:
        house = await open_house(site, asked.centre)
        closure = await _find(site, asked)
        meant = closure_pb2.Closure(name=closure.name)
        found = await impact.ask(site, house.centre.name, meant, withdrawal=True)
        say(asked, f"This closure would be taken back: {impact.about(closure, house)}: {closure.reason}")
        impact.tell(asked, found, head="It now means ")
        say(asked, "Every date that is not over would be what it is without this closure.")
        impact.tell_lacking(asked, found)
        if not go_ahead(asked):
            give(asked, {"done": False, "impact": impact.plain(found)})
            return
        request = pb.WithdrawClosureRequest(name=closure.name, etag=closure.etag, request_id=secrets.token_hex(16))
        taken = await site.closures.WithdrawClosure(request, timeout=PATIENCE)
        await _finish(site, asked, taken, impact.plain(found))

    await until_current(asked, attempt)


async def extend(site: Site, asked: argparse.Namespace) -> None:
    """Another end, another reason; the house, or meetings only."""
    if asked.until is None and asked.because is None and asked.meetings_only is None:
        raise Failure("say what is to be different: --until, --because, --meetings-only or --no-meetings-only", USAGE)

    async def attempt() -> None:
        house = await open_house(site, asked.centre)
        before = await _find(site, asked)
        closure = closure_pb2.Closure()
        closure.CopyFrom(before)
        paths = _extended(asked, house, closure)
        found = await impact.ask(site, house.centre.name, closure)
        say(asked, f"Now:  {impact.about(before, house)}: {before.reason}")
        say(asked, f"Then: {impact.about(closure, house)}: {closure.reason}")
        impact.tell(asked, found)
        impact.tell_lacking(asked, found)
        if not go_ahead(asked):
            give(asked, {"done": False, "impact": impact.plain(found)})
            return
        request = pb.UpdateClosureRequest(closure=closure, request_id=secrets.token_hex(16))
        request.update_mask.paths.extend(paths)
        await _finish(site, asked, await site.closures.UpdateClosure(request, timeout=PATIENCE), impact.plain(found))

    await until_current(asked, attempt)


def _extended(asked: argparse.Namespace, house: House, closure: closure_pb2.Closure) -> list[str]:
    """Puts what is new into the message, and names the paths."""
    paths = []
    if asked.until is not None:
        end = house.moment("--until", asked.until) if asked.until else None
        if end is not None and "T" in closure.start and not isinstance(end, datetime):
            end = datetime.combine(end + _DAY, time())
        if isinstance(end, datetime) and "T" not in closure.start:
            closure.start += "T00:00"
            paths.append("start")
        closure.end = _text(end) if end else ""
        paths.append("end")
    if asked.because is not None:
        closure.reason = asked.because
        paths.append("reason")
    if asked.meetings_only is not None:
        closure.meetings_only = asked.meetings_only
        paths.append("meetings_only")
    return paths


async def _finish(site: Site, asked: argparse.Namespace, closure: closure_pb2.Closure, told: dict[str, Any]) -> None:
    """Waits until every meeting has followed, and says so."""
    if not asked.no_wait:
        closure = await _followed(site, closure)
    say(asked, f"{impact.state(closure)[0].upper()}{impact.state(closure)[1:]}.")
    impact.tell_lost(asked, closure)
    give(asked, {"done": True, "closure": impact.plain_closure(closure), "impact": told})


async def _followed(site: Site, closure: closure_pb2.Closure) -> closure_pb2.Closure:
    """It goes on without us: stopping does not stop the closure."""
    name = closure.name
    try:
        with tqdm(desc="Meetings", unit=" meetings", disable=None) as bar:
            while closure.state in _UNDER_WAY:
                await asyncio.sleep(POLL)
                closure = await site.closures.GetClosure(pb.GetClosureRequest(name=name), timeout=PATIENCE)
                bar.total = closure.total
                bar.update(closure.done - bar.n)
    except asyncio.CancelledError:
        raise Failure(f"stopped watching. {_going_on(name)}", STOPPED) from None
    except RpcError as error:
        if explain(error).code not in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}:
            raise
        raise Failure(f"the server went away. {_going_on(name)}", NO_SERVER) from None
    return closure


def _going_on(name: str) -> str:
    _, centre, _, id_ = name.split("/")
    return f"The closure goes on by itself on the server. To see how far it is:\n  openchair close show {centre} {id_}"
