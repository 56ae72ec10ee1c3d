"""What becomes of a wish for a room: it is granted, in part where that was asked for, or refused. Pure."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from services.kit.clock import instant, moment
from services.kit.errors import Invalid, Violation
from services.meetings import booking_rules
from services.meetings.alternatives import Wanted
from services.meetings.availability import Booker, Hindrance, Obstacle, hindrances
from services.meetings.clashes import Asker, refusal
from services.meetings.types_rooms import Approval, Booking, BookingState, ClashPolicy, Skipped, WhoMayBook
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.schedule import first_key, has, last_key, occurrence, recurrence_id
from services.recurrence.timetable import LOOKED_AT, minute, stretches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.meetings.closing import Frame
    from services.meetings.diary import Diary
    from services.meetings.types_rooms import Room
    from services.recurrence.types import Key, Schedule

MOST_SKIPPED: Final = 200
HOLD_MINUTES: Final = 10
"""Of a room whose rules say nothing."""

MOST_FOUND: Final = 5_000
"""Hindrances that are looked at before a wish is answered; one that meets so many is refused."""

MOST_REFUSED: Final = 1_000
"""Hindrances that are looked for where the first of them is a refusal: as many as are counted."""

_LOOKED_AT: Final = LOOKED_AT // timedelta(minutes=1)
_YEAR: Final = 400 * 24 * 60
_SURELY_APART: Final = 20 * 60
"""Minutes that lie between the starts of any two dates of a rule, whatever the clock does: it has one on a day."""


class Person(NamedTuple):
    """Who asks for a booking, and how a clash is to be answered.

    `had` is what whoever it is for has had of rooms lately (`had.knowing`).
    """

    subject: str
    level: WhoMayBook
    keeper: bool
    policy: ClashPolicy = ClashPolicy.REFUSE
    reason: str = ""
    had: tuple[tuple[str, Pattern], ...] = ()

    @property
    def asker(self) -> Asker:
        """What they may learn of what is in the way."""
        return Asker(self.subject, self.keeper)

    def books_for(self, organiser: str) -> Booker:
        """For whom the rules are asked: quotas count for whoever booked, rights are those of whoever asks."""
        return Booker(organiser, self.level, self.had)


class Wish(NamedTuple):
    """A booking as it is wanted, its pattern with every date that is asked for.

    `taken` is what it has already (None: nothing yet): no reason to refuse. `patient` are keys of dates that it has
    done without before, and may again. `ignoring` are bookings that would be given up, `keeps` is what is kept of them
    besides. With `rules` those for people are asked; with `only_quotas` of them those that count what somebody has.
    """

    booking: Booking
    person: Person
    taken: Pattern | None = None
    patient: frozenset[Key] = frozenset()
    ignoring: frozenset[str] = frozenset()
    rules: bool = True
    only_quotas: bool = False
    keeps: tuple[Pattern, ...] = ()

    def booker(self) -> Booker | None:
        """For whom the rules are asked; None: they are not."""
        if not self.rules:
            return None
        who, room = self.person.books_for(self.booking.organiser), self.booking.room
        return who._replace(had=(*who.had, *((room, each) for each in self.keeps)))


def granted(room: Room, diaries: Mapping[str, Diary], wish: Wish, at: str, frame: Frame) -> Booking:
    """The booking with the dates that it gets. Raises a refusal that says what is in the way."""
    found = in_the_way(room, diaries, wish, at, frame)
    if not found:
        return wish.booking
    if wish.person.policy is ClashPolicy.OVERRULE:
        said = wish.person
        return msgspec.structs.replace(wish.booking, overruled=said.reason, overruled_by=said.subject)
    asked = [each for each in found if each.key not in wish.patient or each.kind is Obstacle.RULE]
    refused = asked if wish.person.policy is ClashPolicy.REFUSE else [e for e in asked if e.kind is Obstacle.RULE]
    if refused:
        raise _refusal(wish, refused)
    return _with_what_is_free(wish, found, at)


def refuse_given(room: Room, diaries: Mapping[str, Diary], wish: Wish, at: str, frame: Frame) -> None:
    """Raises a refusal where what a hold has was given away meanwhile: of clocks that differ one may find it free.

    Somebody else has any of its time, or its person has as much of the room already as the quotas allow.
    """
    ways = in_the_way(room, diaries, wish, at, frame)
    found = [each for each in ways if each.kind is Obstacle.TAKEN or each.rule.startswith("QUOTA")]
    if found:
        raise _refusal(wish, found)


def in_the_way(room: Room, diaries: Mapping[str, Diary], wish: Wish, at: str, frame: Frame) -> list[Hindrance]:
    """What bears on dates that the booking does not have already."""
    of_its_own = wish.taken is not None or bool(wish.patient)
    found = _hindrances(room, diaries, wish, at, frame, MOST_FOUND if of_its_own else MOST_REFUSED)
    skips = wish.person.policy is ClashPolicy.SKIP and not of_its_own
    if skips and len(found) >= MOST_REFUSED and _may_be_skipped(found):  # many are in the way of each
        found = _hindrances(room, diaries, wish, at, frame, MOST_FOUND)
    if wish.only_quotas:
        found = [each for each in found if each.kind is not Obstacle.RULE or each.rule.startswith("QUOTA")]
    if len(found) >= MOST_FOUND:  # the list was cut: what it has says nothing about the rest
        return found
    return [each for each in found if not (wish.taken and _holds(wish.taken, each))]


def _hindrances(
    room: Room, diaries: Mapping[str, Diary], wish: Wish, at: str, frame: Frame, most: int
) -> list[Hindrance]:
    booking = wish.booking
    return hindrances(
        msgspec.structs.replace(room, before=booking.before, after=booking.after),  # the minutes that it was made with
        diaries,
        booking.pattern,
        at,
        ignoring=wish.ignoring,
        closures=frame.closures,
        zone=frame.zone,
        booker=wish.booker(),
        most=most,
    )


def _may_be_skipped(found: Sequence[Hindrance]) -> bool:
    """Whether these dates may be done without, as far as they were listed."""
    return len({each.key for each in found}) <= MOST_SKIPPED and all(each.kind is not Obstacle.RULE for each in found)


def _holds(pattern: Pattern, found: Hindrance) -> bool:
    """Whether the pattern takes that time already. Rules are about dates, too: those that it has were allowed."""
    own = stretches(pattern, found.start, found.end)
    return any(each.start <= found.start and found.end <= each.end for each in own)


def _with_what_is_free(wish: Wish, found: Sequence[Hindrance], at: str) -> Booking:
    pattern = wish.booking.pattern
    slots = {each: None for hindrance in found for each in slots_of(pattern, hindrance.key)}
    left = less(pattern, slots)
    if len(slots) > MOST_SKIPPED or len(found) >= MOST_FOUND or not takes_anything(left, at):
        raise _refusal(wish, found)
    skipped = sorted((Skipped(each) for each in slots), key=lambda each: each.slot.start)
    return msgspec.structs.replace(wish.booking, pattern=left, skipped=tuple(skipped))


def slots_of(pattern: Pattern, key: Key) -> list[Slot]:
    """The stretches of one of its dates, whether it is taken or not; local times as the pattern has them."""
    single = [slot for slot in pattern.slots if slot.key == key]
    if single or pattern.schedule is None or not has(pattern.schedule, key):
        return single
    return [Slot(key.date, key.ordinal, recurrence_id(pattern.schedule, key), pattern.schedule.minutes)]


def _refusal(wish: Wish, found: Sequence[Hindrance]) -> Exception:
    booking, person = wish.booking, wish.person
    wanted = Wanted(
        booking.centre,
        (booking.room,),
        booking.pattern,
        wish.booker(),
        ignoring=wish.ignoring,
        attendees=booking.attendees,
    )
    return refusal(booking.centre, found, person.asker, wanted)


def less(pattern: Pattern, slots: Mapping[Slot, None]) -> Pattern:
    """The pattern without the dates of these slots."""
    gone = {each.key for each in slots}
    return msgspec.structs.replace(
        pattern,
        without=tuple(sorted({*pattern.without, *gone})),
        slots=tuple(each for each in pattern.slots if each not in slots),
    )


def takes_anything(pattern: Pattern, at: str) -> bool:
    """Whether anything of it is still to come, or on. A series without end always has something."""
    if pattern.schedule is not None and last_key(pattern.schedule) is None:
        return True
    now = minute(moment(at))
    return bool(stretches(pattern, now, now + _LOOKED_AT))


def refuse_impossible(schedule: Schedule, at: str, field: str, gap: int = 0) -> None:
    """Raises Invalid for what nobody can take: dates that are over, dates without that gap between each other."""
    first = occurrence(schedule, first_key(schedule))
    if first.end <= moment(at):
        raise Invalid(Violation(f"{field}.start", "lies in the past"))
    if overlaps_itself(Pattern(zone=schedule.zone, schedule=schedule), gap, minute(first.start)):
        raise Invalid(Violation(f"{field}.minutes", "is so long that the dates overlap each other"))


def overlaps_itself(pattern: Pattern, gap: int, since: int) -> bool:
    """Whether two of its dates overlap or have fewer minutes between them, within the year after that minute."""
    schedule = pattern.schedule
    if not pattern.slots and (schedule is None or (not schedule.extra and schedule.minutes + gap <= _SURELY_APART)):
        return False
    dates = stretches(pattern, since, since + _YEAR)
    return any(before.end + gap > after.start for before, after in itertools.pairwise(dates))


def gap_of(before: int, after: int) -> int:
    """Minutes that lie between two bookings of a room with these buffers; also between the dates of one."""
    return max(before, after)


def standing(booking: Booking, room: Room, person: Person) -> Booking:
    """The booking as the room's rules have it: confirmed, or waiting. Those who keep the list approve their own."""
    approval = booking_rules.approval(room.rules, person.books_for(person.subject))
    waits = approval is not Approval.NONE
    return msgspec.structs.replace(
        booking,
        state=BookingState.PENDING if waits else BookingState.CONFIRMED,
        competes=approval is Approval.COMPETES,
        expires_at="",
    )


def held(booking: Booking, room: Room, at: str) -> Booking:
    """The booking as a hold."""
    minutes = room.rules.hold_minutes or HOLD_MINUTES
    expires = instant(moment(at) + timedelta(minutes=minutes))
    return msgspec.structs.replace(booking, state=BookingState.HELD, expires_at=expires)


def of_room(booking: Booking, room: Room) -> Booking:
    """The booking with what is copied of the room."""
    return msgspec.structs.replace(
        booking, room=room.id, before=room.before, after=room.after, public_busy=room.public_busy
    )
