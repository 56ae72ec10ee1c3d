"""What became of a seat, and what the service refuses, in plain words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from openchair.rsvps.v1 import seat_pb2

from services.web.seats_rules import span

if TYPE_CHECKING:
    from services.kit.client import Problem

GOING: Final = seat_pb2.SEAT_STATE_GOING
WAITLISTED: Final = seat_pb2.SEAT_STATE_WAITLISTED
OFFERED: Final = seat_pb2.SEAT_STATE_OFFERED
DECLINED: Final = seat_pb2.SEAT_STATE_DECLINED
CANCELLED: Final = seat_pb2.SEAT_STATE_CANCELLED


class Said(NamedTuple):
    """A heading and what it means. `bad`: it is news after which one wants to know of other chairs."""

    title: str
    text: str
    bad: bool = False


_ENDS: Final[dict[int, Said]] = {
    seat_pb2.SEAT_END_OWN: Said("Your seat is given back", "Thank you for telling. Somebody else can have it now."),
    seat_pb2.SEAT_END_MEETING_CANCELLED: Said(
        "It does not take place", "The date was cancelled. Should it be on again, your seat is there again.", bad=True
    ),
    seat_pb2.SEAT_END_MOVED: Said(
        "The date was moved", "So seats were given back. If the new time suits you, keep a seat again.", bad=True
    ),
    seat_pb2.SEAT_END_NOT_CONFIRMED: Said(
        "Your seat was given to others", "It was not confirmed in time. You can ask for one again.", bad=True
    ),
    seat_pb2.SEAT_END_STAFF: Said("Your seat was given back", "Whoever runs it gave it back for you.", bad=True),
}
_NOT_ALL: Final = Said(
    "You are on the waitlist",
    "Not all that you asked for is free. What comes free goes by the order of the line. You can ask for less below.",
    bad=True,
)
_PASSED_OVER: Final = Said(
    "You are on the waitlist",
    "You were asked three times and did not answer, so you are not asked again. Take a place here if one is free.",
    bad=True,
)
_STATES: Final[dict[int, Said]] = {
    GOING: Said("Your seat is kept", "There is a chair for you."),
    WAITLISTED: Said(
        "You are on the waitlist", "All places are taken. One that comes free goes by the order of the line.", bad=True
    ),
    OFFERED: Said("A place is free for you", "Do you want it?"),
    DECLINED: Said("You said no to the place", "You wait no more. You can ask for a seat again.", bad=True),
    CANCELLED: Said("Your seat is given back", "You can keep one again."),
}
EVERY: Final = Said(
    "Your seat is kept", "At every date. Where one is full you wait for a place there: look at the single dates."
)
HELD: Final = frozenset({GOING, WAITLISTED, OFFERED})
INSTEAD: Final = Said(
    "This is another date than the one you asked for first",
    "That one is full. Here is a chair for you: look at the day.",
)
ELSEWHERE: Final = Said(
    "This is another date than the one you looked at", "You asked for any of several dates. Here is what came of it."
)
NONE: Final = Said("These words hold no seat here", "Look at each word, and whether this is the right date.")


def of_seat(seat: seat_pb2.Seat) -> Said:
    """Where somebody stands."""
    if seat.state == CANCELLED:
        return _ENDS.get(seat.end, _STATES[CANCELLED])
    if seat.state == GOING and seat.standing and not seat.HasField("start_time"):
        return EVERY
    if seat.state == WAITLISTED and seat.HasField("draw_time"):
        return Said("You are in the draw", "Lots decide who gets a place. This page will say what came of it.")
    if seat.passed_over:
        return _PASSED_OVER
    if seat.state == WAITLISTED and (seat.quotas or seat.party_size > 1):
        return _NOT_ALL
    return _STATES.get(seat.state, NONE)


UNREACHABLE: Final = "UNREACHABLE"
THANKS: Final = Said("Thank you", "Your answers are counted, without you.")
_OFF: Final = Said("It does not take place", "This date was cancelled.", bad=True)
_NO_SEATS: Final = Said("No seat is needed here", "People just come. So can you.")
_NO_OFFER: Final = Said("The offer is over", "It has gone to somebody else. You keep your place in the line.", bad=True)
_LATE: Final = Said("It is too late to join", "It takes nobody new any more.", bad=True)
_REFUSED: Final = {
    UNREACHABLE: Said("It could not be passed on", "Seats cannot be reached just now. Nothing was lost: try again."),
    "NOT_FOUND": Said("Nothing is here", "There is no such seat or date, or not any more."),
    "NO_SEATS_KEPT": _NO_SEATS,
    "PAST": Said("It has begun, or is over", "Seats are not kept for it any more.", bad=True),
    "DATE_CANCELLED": _OFF,
    "NOT_ON": _OFF,
    "NOT_YET_OPEN": Said("It is too early", "Seats cannot be kept yet."),
    "CLOSED": Said("No more seats are kept", "The time to keep one is over for this date.", bad=True),
    "LIST_CLOSED": Said("No more seats are kept", "The list for this date is closed.", bad=True),
    "LIST_FULL": Said("All places are taken", "Nobody else can wait for one.", bad=True),
    "NOT_ENOUGH_PLACES": Said(
        "So many places are not free", "You keep what you have. Ask for fewer at once.", bad=True
    ),
    "PARTY_TOO_LARGE": Said("So many cannot sit together", "Ask for fewer places at once."),
    "WHOLE_SERIES": Said("A seat here is one for all dates", "Choose “all dates” below."),
    "CUT_OFF_PASSED": Said("It is too late to change it here", "Just come, or stay away: nobody will ask."),
    "LIST_CODE_NEEDED": Said("The code for this list is needed", "Whoever invited you can tell you the code."),
    "LIST_CODE_WRONG": Said("That is not the code of this list", "Whoever invited you can tell you the code."),
    "SEAT_GONE": Said("There is no seat any more", "You can ask for one again.", bad=True),
    "NOT_GOING": Said("There is no seat yet", "You are still waiting for one."),
    "NO_OFFER": _NO_OFFER,
    "OFFER_LAPSED": _NO_OFFER,
    "JOINING_OVER": _LATE,
    "WRONG_CODE": Said("That is not the code in the room", "It changes every minute. Look at it again."),
    "NOT_NOW": Said("Not at this time", "One checks in from 60 minutes before the start to the end."),
    "NOT_CHECKED_IN": Said("You have not checked in", "Slips are for who checked in, until three days after the end."),
    "NOT_A_FIRST_NAME": Said("That name does not fit", "A first name and at most an initial: no address, no number."),
    "SEVERAL_DATES": Said(
        "You wait for several dates", "To ask for something else, leave these waitlists first and then ask anew."
    ),
    "NO_STANDING_SEATS": Said("No seats at every date are kept here", "Keep one at each date that you come to."),
    "DATE_NEEDED": Said("Say which date you mean", "Choose one of the next dates below."),
    "WAY_NOT_OFFERED": Said("It does not take place that way", "Choose how you take part among what there is."),
    "NO_CELEBRATIONS": Said("Nothing is celebrated here", "Leave that part of the form empty."),
    "TOO_MANY": Said("Too many at once", "Please try again in a while."),
    "TOO_MANY_FROM_NETWORK": Said("Too many from your network at once", "Whoever shares your connection counts, too."),
}
_BY_CODE: Final = {
    "INVALID_ARGUMENT": Said("Something is missing or does not fit", "Please look at what is marked below."),
    "RESOURCE_EXHAUSTED": _REFUSED["TOO_MANY"],
    "UNAVAILABLE": _REFUSED[UNREACHABLE],
    "NOT_FOUND": _REFUSED["NOT_FOUND"],
}
_NOT_SAID: Final = {
    "NOT_NOW": Said("Not yet, or not any more", "It can be said from the start until three days after the end."),
    "ANSWERED": Said("You have said it", "It is counted once."),
    "NOT_FOUND": Said("You have not checked in", "It can be said until three days after the end."),
}
"""Of feedback."""
_OTHERWISE: Final = Said("That did not work", "Nothing was changed. You can try again.")


def refused(problem: Problem) -> Said:
    """What the service answered instead of a seat."""
    said = _REFUSED.get(problem.reason) or _BY_CODE.get(problem.code, _OTHERWISE)
    seconds = problem.details.get("retry_after_seconds", "")
    if seconds.isdigit():
        return said._replace(text=f"{said.text} Try again in {span(-(-int(seconds) // 60))}.")
    return said


def not_said(problem: Problem) -> Said:
    """What the service answered to feedback."""
    return _NOT_SAID.get(problem.reason) or refused(problem)
