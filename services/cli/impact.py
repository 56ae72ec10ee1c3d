"""What a closure makes of which dates, in words and for programs."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToDict
from openchair.meetings.v1 import closure_pb2
from openchair.meetings.v1 import closure_service_pb2 as pb

from services.cli.asking import say
from services.cli.called import id_of
from services.cli.server import PATIENCE
from services.cli.when import full

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from services.cli.house import House
    from services.cli.server import Site

MOST: Final = 1_000
SHOWN: Final = 12
FEW: Final = 4
_OUTCOMES: Final = {0: "stays", 1: "cancelled", 2: "online", 3: "moved"}
_STATES: Final = {
    closure_pb2.CLOSURE_STATE_RUNNING: "in force; the meetings follow",
    closure_pb2.CLOSURE_STATE_IN_FORCE: "in force, and every meeting has followed",
    closure_pb2.CLOSURE_STATE_WITHDRAWING: "taken back; the meetings follow",
    closure_pb2.CLOSURE_STATE_WITHDRAWN: "taken back, and every meeting has followed",
    closure_pb2.CLOSURE_STATE_ENDED: "over",
}


async def ask(
    site: Site, parent: str, closure: closure_pb2.Closure, *, withdrawal: bool = False
) -> pb.PreviewClosureResponse:
    """What it would do, or, by its name, does (or its withdrawal would): the counts, and up to a thousand dates."""
    request = pb.PreviewClosureRequest(parent=parent, closure=closure, page_size=MOST, withdrawal=withdrawal)
    return await site.closures.PreviewClosure(request, timeout=PATIENCE)


def about(closure: closure_pb2.Closure, house: House) -> str:
    """What is closed, and when: "River Hall, from Monday 7 December 2026 to Friday 11 December 2026"."""
    what = " and ".join(house.titles([*closure.places, *closure.rooms])) or house.centre.title
    what = f"meetings only: {what}" if closure.meetings_only else what
    return f"{what}, {_when(closure)}{_how(closure, house)}"


def _when(closure: closure_pb2.Closure) -> str:
    start = _read(closure.start)
    if not closure.end:
        when = f"from {full(start)} until further notice"
    elif closure.end == closure.start:
        when = full(start)
    else:
        when = f"from {full(start)} to {full(_read(closure.end))}"
    if not closure.holidays:
        return when
    names = f" ({', '.join(closure.holiday_names)})" if closure.holiday_names else ""
    return f"on public holidays of {closure.holidays}{names}, {when}"


def _read(text: str) -> date | datetime:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def _how(closure: closure_pb2.Closure, house: House) -> str:
    if closure.effect == closure_pb2.CLOSURE_EFFECT_ONLINE:
        return ", held online"
    if closure.effect == closure_pb2.CLOSURE_EFFECT_MOVE:
        return f", held at {', '.join(house.titles([closure.move_place, *closure.move_rooms]))}"
    return ""


def summary(found: pb.PreviewClosureResponse) -> str:
    """In one line: "37 dates of 12 meetings: 30 cancelled, 5 online, 2 moved; 3 stay"."""
    counts = ((found.cancelled, "cancelled"), (found.online, "online"), (found.moved, "moved"))
    parts = ", ".join(f"{count} {word}" for count, word in counts if count)
    kept = f"{found.kept} stay{'s' * (found.kept == 1)}" if found.kept else ""
    outcome = "; ".join(filter(None, (parts, kept))) or "none"
    return f"{_many(found.occurrences, 'date')} of {_many(found.meetings, 'meeting')}: {outcome}"


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def tell(asked: argparse.Namespace, found: pb.PreviewClosureResponse, head: str = "") -> None:
    """The counts, and the first dates; with --all, every date."""
    say(asked, head + summary(found))
    every = getattr(asked, "all", False)
    changed = [each for each in found.impacts if each.outcome]
    _tell_some(asked, changed, found.cancelled + found.online + found.moved, MOST if every else SHOWN)
    stays = [each for each in found.impacts if not each.outcome]
    _tell_some(asked, stays, found.kept, MOST if every else FEW)
    if found.until and found.occurrences:
        say(asked, f"Looked at up to {full(date.fromisoformat(found.until[:10]))}.")


def _tell_some(asked: argparse.Namespace, found: Sequence[closure_pb2.ClosureImpact], of: int, most: int) -> None:
    for each in found[:most]:
        say(asked, f"  {line(each)}")
    rest = of - len(found[:most])
    if rest > 0:
        say(asked, f"  and {rest} more" + ("" if most == MOST else " (--all shows them)"))


def tell_lost(asked: argparse.Namespace, closure: closure_pb2.Closure) -> None:
    """The dates that have no room any more because of it, or because of its being taken back."""
    have = "has" if closure.lost_count == 1 else "have"
    _tell_lost(asked, closure, f"{have} no room now")


def tell_lacking(asked: argparse.Namespace, found: pb.PreviewClosureResponse) -> None:
    """The dates that would have no room, and the bookings in what is closed."""
    _tell_lost(asked, found, "would have no room")
    tell_shut_out(asked, found)


def tell_shut_out(asked: argparse.Namespace, found: pb.PreviewClosureResponse) -> None:
    """The bookings by people in what is closed."""
    if not found.closed_booking_count:
        return
    say(asked, f"{_many(found.closed_booking_count, 'booking')} would stay, and nobody is let in. Tell who booked:")
    shown = found.closed_bookings if getattr(asked, "all", False) else found.closed_bookings[:SHOWN]
    for each in shown:
        more = f" and {_many(each.dates - 1, 'more date')}" if each.dates > 1 else ""
        what = ", ".join(filter(None, (each.title, each.room_title, each.organiser)))
        say(asked, f"  {full(datetime.fromisoformat(each.local_start))}{more}  {what}")
    if rest := found.closed_booking_count - len(shown):
        say(asked, f"  and {rest} more" + (" (--all shows them)" if len(found.closed_bookings) > len(shown) else ""))


def _tell_lost(asked: argparse.Namespace, found: closure_pb2.Closure | pb.PreviewClosureResponse, how: str) -> None:
    if not found.lost_count:
        return
    say(asked, f"{_many(found.lost_count, 'date')} {how}, since somebody else has it:")
    shown = found.lost if getattr(asked, "all", False) else found.lost[:SHOWN]
    for each in shown:
        by = f" ({each.taken_by})" if each.taken_by else ""
        say(asked, f"  {full(datetime.fromisoformat(each.local_start))}  {each.title}: without {each.room_title}{by}")
    if rest := found.lost_count - len(shown):
        say(asked, f"  and {rest} more" + (" (--all shows them)" if len(found.lost) > len(shown) else ""))


def line(each: closure_pb2.ClosureImpact) -> str:
    """A date, and what becomes of it."""
    place = f" to {each.to}" if each.to and each.outcome == closure_pb2.CLOSURE_EFFECT_MOVE else ""
    why = f" ({each.reason})" if each.reason else ""
    return f"{full(datetime.fromisoformat(each.local_start))}  {each.title}: {_OUTCOMES[each.outcome]}{place}{why}"


def state(closure: closure_pb2.Closure) -> str:
    """How far it is."""
    text = _STATES.get(closure.state, "")
    return f"{text}: {closure.done} of {closure.total}" if text.endswith("follow") else text


def plain_closure(closure: closure_pb2.Closure) -> dict[str, Any]:
    """For a program, without a passcode."""
    shown = closure_pb2.Closure()
    shown.CopyFrom(closure)
    if shown.HasField("online"):
        shown.online.ClearField("passcode")
    said: dict[str, Any] = MessageToDict(shown, preserving_proto_field_name=True)
    return {"id": id_of(closure), **said}


def plain(found: pb.PreviewClosureResponse) -> dict[str, Any]:
    """For a program: the counts, and up to a thousand dates."""
    counts = ("occurrences", "meetings", "cancelled", "online", "moved", "kept")
    dates = [
        {
            "name": each.occurrence,
            "title": each.title,
            "local_start": each.local_start,
            "outcome": _OUTCOMES[each.outcome],
            "reason": each.reason,
        }
        for each in found.impacts
    ]
    lost = [MessageToDict(each, preserving_proto_field_name=True) for each in found.lost]
    said = {**{name: getattr(found, name) for name in counts}, "until": found.until, "dates": dates}
    shut = [MessageToDict(each, preserving_proto_field_name=True) for each in found.closed_bookings]
    closed = {"closed_booking_count": found.closed_booking_count, "closed_bookings": shut}
    return {**said, "lost_count": found.lost_count, "lost": lost, **closed}
