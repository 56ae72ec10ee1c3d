"""How many bookings of a room one person may have at once, whatever the rules of the room say. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.kit.errors import Exhausted

if TYPE_CHECKING:
    from services.meetings.booking import Person
    from services.meetings.diary import Diary

MOST_OF_ONE: Final = 500
"""Bookings of a room by somebody who keeps no list, those that wait counted, too. A series is one."""


def refuse_many(diary: Diary, person: Person) -> None:
    """Raises Exhausted where one more of the room would be more than one person may have.

    Rules count dates that keep others out; what only competes is in their way, too, and in everybody's lists.
    """
    if person.keeper:
        return
    if sum(each.organiser == person.subject for each in diary.bookings.values()) >= MOST_OF_ONE:
        raise Exhausted(f"at most {MOST_OF_ONE} bookings of a room at once", "TOO_MANY_BOOKINGS")
