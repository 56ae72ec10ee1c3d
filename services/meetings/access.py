"""Who sees what: the one place where it is decided. Pure; `docs/access.md` is the same as a table.

Everybody may see what is stated to be public. Who knows the link of an unlisted meeting sees that it takes place, and
no more of it than the public sees of others. A code of the meeting's group opens the meeting, its link and an address
that is told to holders; so does a seat that somebody keeps, but not what needs the code. An address of which the public
learns the area only is for the centre's own people.
"""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from typing import TypeVar

from services.meetings.types import AddressAccess, Meeting, OnlineAccess, Visibility

Level = TypeVar("Level", Visibility, OnlineAccess, AddressAccess)


class Audience(enum.Enum):
    """What somebody is to one meeting, or to one place."""

    PUBLIC = "anybody"
    LINK = "knows the link"
    HOLDER = "has a code of the meeting's group"
    SEATED = "keeps a seat"
    STAFF = "belongs to the centre"


_INSIDE = frozenset({Audience.HOLDER, Audience.STAFF})
_SEES = {
    Visibility.PUBLIC: frozenset(Audience),
    Visibility.UNLISTED: frozenset({Audience.LINK, Audience.SEATED, *_INSIDE}),
    Visibility.MEMBERS: _INSIDE,
}
_JOINS = {
    OnlineAccess.PUBLIC: frozenset(Audience),
    OnlineAccess.SEAT_HOLDERS: frozenset({Audience.SEATED, Audience.STAFF}),
    OnlineAccess.INVITE_CODE: _INSIDE,
}
_FINDS = {
    AddressAccess.PUBLIC: frozenset(Audience),
    AddressAccess.AREA_ONLY: frozenset({Audience.STAFF}),
    AddressAccess.HOLDERS: frozenset({Audience.SEATED, *_INSIDE}),
}


def sees(visibility: Visibility, audience: Audience) -> bool:
    """Whether they may learn that the meeting exists."""
    return audience in _SEES[visibility]


def joins(access: OnlineAccess, audience: Audience) -> bool:
    """Whether they may learn the link and the number."""
    return audience in _JOINS[access]


def reads_passcode(access: OnlineAccess, audience: Audience) -> bool:
    """Whether they may learn the passcode and the notes on joining: by a right only, whoever may have the link."""
    return audience in _INSIDE | {Audience.SEATED} and joins(access, audience)


def finds(access: AddressAccess, audience: Audience) -> bool:
    """Whether they may learn the address, what the place is called, and how to get in."""
    return audience in _FINDS[access]


def learns_area(access: AddressAccess, audience: Audience) -> bool:
    """Whether they may learn the area."""
    return access is not AddressAccess.HOLDERS or finds(access, audience)


def no_wider(said: Level, stated: Level) -> Level:
    """`said`, unless somebody would learn by it what is kept from them as long as it is as `stated`: then that."""
    return said if _told(said) <= _told(stated) else stated


@functools.cache
def _told(level: Visibility | OnlineAccess | AddressAccess) -> frozenset[tuple[str, Audience]]:
    """Who learns what at that level."""
    if isinstance(level, Visibility):
        return frozenset(("it", each) for each in _SEES[level])
    if isinstance(level, OnlineAccess):
        return frozenset(("link", each) for each in _JOINS[level])
    area = frozenset(("area", each) for each in Audience if learns_area(level, each))
    return area | {("address", each) for each in _FINDS[level]}


@dataclass(frozen=True)
class Viewer:
    """Somebody who asks a centre: one of its own people, or with a code of `group` (an id; "": none)."""

    staff: bool = False
    group: str = ""

    def audience(self, meeting: Meeting, *, named: bool = False) -> Audience:
        """What they are to a meeting of that centre. `named`: they know its name, which is the link."""
        if self.staff:
            return Audience.STAFF
        if self.group and self.group == meeting.invite_group:
            return Audience.HOLDER
        return Audience.LINK if named and meeting.visibility is Visibility.UNLISTED else Audience.PUBLIC
