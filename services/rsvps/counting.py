"""What stays of a date: numbers of people, of whom nothing else stays. Pure.

Expected: who kept a seat and had it at the start, parties whole. Attended: as counted by who leads, else by check-ins.
Unused: expected less attended, of a date as a whole, never below 0, and 0 where nobody counted who came.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from services.kit.clock import instant, moment
from services.recurrence.schedule import has, occurrence
from services.recurrence.wire import key_text
from services.recurrence.zones import to_local
from services.rsvps import check_in, seating
from services.rsvps.following import days_since, differing, own, part_with
from services.rsvps.types import Count, QuestionKind, Said, SeatFor, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from services.recurrence.types import Key
    from services.rsvps.sheet import Sheet
    from services.rsvps.types import Event, GuestList, Part, Question, Seat

COUNTED_AFTER: Final = check_in.KEPT
"""So long after its end a date is counted: until then heads are counted and feedback is given."""

CLOSES_AFTER: Final = timedelta(days=10)
"""So long after its end a month takes in counts; what comes later is in no export."""


def count_id(event: str, key: Key) -> str:
    """The id of the count of a date: there is one, whoever counts."""
    return f"{event}-{key_text(key)}"


def closes(day: date) -> datetime:
    """The instant at which the month of a local date is closed to counts."""
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return moment(f"{following.isoformat()}T00:00:00.000Z") + CLOSES_AFTER


def blank(event: Event, parts: Sequence[Part], key: Key, at: str) -> Count | None:
    """A date of which nothing is known but that it took place, or did not; None: no part has it."""
    mine = own(event, parts)
    part = part_with(mine, key) or next(filter(None, (_as_it_was(each, key) for each in mine)), None)
    shown = part.shown if part is not None else None
    if part is None or shown is None:
        return None
    change = differing(shown, key)
    when = occurrence(shown.schedule, key, change)
    day = to_local(when.start, shown.schedule.zone).date()
    return Count(
        id=count_id(event.id, key),
        centre=event.centre,
        event=event.id,
        meeting=part.id,
        date=day,
        ordinal=key.ordinal,
        kind=shown.kind,
        rooms=(change.rooms if change is not None else ()) or shown.rooms,
        weekday=day.isoweekday(),
        held=not (when.cancelled or not shown.active or shown.deleted),
        late=instant(closes(day)) <= at,
    )


def _as_it_was(part: Part, key: Key) -> Part | None:
    """The part with the days that it had when a date was over that is none of its dates any more; None: it has none."""
    shown = part.shown
    for at, old, _ in days_since(shown, "") if shown is not None else ():
        if shown is not None and has(old, key) and instant(occurrence(old, key).end) <= at:
            seen = msgspec.structs.replace(shown, schedule=old, changes=(), active=True, deleted=False)
            return msgspec.structs.replace(part, public=seen, private=seen)
    return None


def counted(count: Count, sheet: Sheet) -> Count:
    """The count of a date that has a list, with its seats and marks as they are after its end."""
    held, leaves = sheet.list, list(sheet.leaves())
    if held.occasion.off:
        return msgspec.structs.replace(count, held=False)
    room, online, heads = check_in.counts(sheet)
    known = heads or any(each.use is SeatFor.PRESENT for each in leaves)
    expected = people(leaves, held, State.GOING)
    return msgspec.structs.replace(
        count,
        held=True,
        expected=expected,
        attended_room=room,
        attended_online=online,
        waitlisted=people(leaves, held, State.WAITLISTED),
        unused=max(0, expected - room - online) if known else 0,
        feedback=feedback(held.rules.feedback, leaves),
    )


def enrolled(count: Count, people: int) -> Count:
    """The count of a date of a course, to which so many are enrolled."""
    if not count.held or not people:
        return count
    expected, there = count.expected + people, count.attended_room + count.attended_online
    return msgspec.structs.replace(count, expected=expected, unused=max(0, expected - there) if there else 0)


def enrolled_in(course: GuestList, seats: Iterable[Seat]) -> int:
    """People who have joined a course. That its later dates are off takes nobody from one that was held."""
    on = msgspec.structs.replace(course.occasion, off=False)
    return people(seats, msgspec.structs.replace(course, occasion=on), State.GOING)


def people(seats: Iterable[Seat], guest_list: GuestList, state: State) -> int:
    """How many people are in this state in effect when a date is over; who had an offer that nobody took waited."""
    kept = (each for each in seats if each.use is SeatFor.SEAT)
    return sum(each.party for each in kept if seating.standing_of(guest_list, each, "9999")[0] is state)


def feedback(questions: Iterable[Question], leaves: Iterable[Seat]) -> tuple[Said, ...]:
    """How each question was answered, by those who answered it."""
    marks = [each for each in leaves if each.use is SeatFor.ANSWERED]
    return tuple(_said(question, marks) for question in questions if question.kind is not QuestionKind.TEXT)


def _said(question: Question, marks: Iterable[Seat]) -> Said:
    given = [answer for mark in marks for answer in mark.answers if answer.question == question.id]
    if question.kind is QuestionKind.NUMBER:
        counts: tuple[int, ...] = (sum(answer.number for answer in given),)
    else:
        counts = tuple(sum(n in answer.choices for answer in given) for n in range(len(question.choices)))
    return Said(question.id, question.title, counts, len(given))
