"""The calendars of a centre: the whole, its parts, and how an address asks for less. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from openchair.meetings.v1 import meeting_pb2

from services.formats.slugs import slug
from services.web import say
from services.web.notices import titles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from services.web.board import CentreBoard
    from services.web.subscribe import Site, Subscription

MOST: Final = 60
"""Calendars that are listed of one sort."""


class Part(NamedTuple):
    """One sort of calendars: "By room", and each of them."""

    title: str
    calendars: tuple[Subscription, ...]


class Example(NamedTuple):
    """An ending of an address, and what it leaves in."""

    ending: str
    means: str


EXAMPLES: Final = (
    Example("?day=sa,su", "what is on at weekends"),
    Example("?mode=online", "what can be joined online"),
    Example("?fellowship=aa&kind=support-meeting&type=BE", "AA meetings for beginners (any code of the fellowship)"),
    Example("?language=es", "what is held in Spanish"),
    Example("?accessible=wheelchair", "where a wheelchair gets in"),
    Example("?cancelled=show", "cancelled dates stay, marked as cancelled"),
    Example("?alarm=PT1H", "a reminder an hour before"),
    Example("?discreet=1", "every entry is called \u201cAppointment\u201d, and says nothing else"),
)


def parts(id: str, board: CentreBoard, site: Site, kinds: Mapping[str, str]) -> tuple[Part, ...]:  # noqa: A002 - named id everywhere
    """The calendars of fellowships, kinds and rooms that the centre has more than one of."""
    living = [each for each in board.known.values() if each.state == meeting_pb2.MEETING_STATE_ACTIVE]
    fellowships = {slug(each.fellowship): each.fellowship for each in living if slug(each.fellowship)}
    sorts = {each.kind: say.kind(each.kind, kinds) or "Support meeting" for each in living if each.kind}
    rooms = {name.rpartition("/")[2]: title for name, title in titles(board).items() if "/rooms/" in name}
    found = (("fellowship", fellowships), ("kind", sorts), ("room", rooms))
    return tuple(
        Part(f"By {by}", tuple(_each(id, by, named, site))) for by, named in found if len(named) > (by != "room")
    )


def examples(id: str, site: Site) -> tuple[Example, ...]:  # noqa: A002 - the same
    """Whole addresses that ask for less."""
    base = site.centre(id, "").address
    return tuple(Example(base + each.ending, each.means) for each in EXAMPLES)


def _each(id: str, by: str, named: Mapping[str, str], site: Site) -> Iterator[Subscription]:  # noqa: A002 - the same
    for key, title in sorted(named.items(), key=lambda pair: pair[1].casefold())[:MOST]:
        part = site.part(id, by, key, title)
        yield replace(part, page=f"/centre/{id}/room/{key}") if by == "room" else part
