"""What a centre's rooms, fellowships and kinds are called, and which of them have a calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.feeds.text import line
from services.formats.kinds import KINDS, kind_name
from services.formats.slugs import slug
from services.formats.told import finds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.feeds.model import Listing
    from services.feeds.picking import Wish

_NAMES = (
    "AA,NA,Al-Anon,Alateen,CA,CMA,GA,OA,ACA,CoDA,DRA,Nar-Anon,SAA,SLAA,SMART,SMART Recovery,Recovery Dharma,"
    "Refuge Recovery,LifeRing,Women for Sobriety,WRAP,Celebrate Recovery,Wellbriety"
)
FELLOWSHIPS = {slug(name): name for name in _NAMES.split(",")}
"""Those of the field: their calendar is there, if empty, also when the last meeting is gone, on all instances."""


def candidates(listing: Listing, wish: Wish) -> Iterable[str]:
    """Ids of the meetings that may be wanted: fewer than all where an index knows."""
    wanted = wish.filter
    if wish.what:
        index = {"room": listing.by_room, "kind": listing.by_kind, "fellowship": listing.by_fellowship}[wish.what]
        return index.get(wish.id, ())
    if wanted.fellowships:
        return set().union(*(listing.by_fellowship.get(each, ()) for each in wanted.fellowships))
    if wanted.kinds:
        return set().union(*(listing.by_kind.get(each, ()) for each in wanted.kinds))
    return listing.meetings


def title_of(listing: Listing, wish: Wish) -> str | None:
    """What a part of a centre is called; None where it has no such part and never had, as far as its records say."""
    if wish.what == "fellowship":
        return _fellowship(listing, wish.id)
    if wish.what == "kind":
        return _kind(listing, wish.id)
    return _room(listing, wish.id)


def _fellowship(listing: Listing, id: str) -> str | None:  # noqa: A002 - named id everywhere
    spelt = sorted({line(listing.meetings[each].fellowship) for each in listing.by_fellowship.get(id, ())})
    return spelt[0] if spelt else FELLOWSHIPS.get(id)


def _kind(listing: Listing, id: str) -> str | None:  # noqa: A002 - the same
    own = {slug(each.id): line(each.title) or each.id for each in listing.centre.kinds} if listing.centre else {}
    if id in own:
        return own[id]
    named = kind_name(id, listing.centre.language if listing.centre else "")
    if named is not None and id in KINDS:
        return named
    return id.replace("-", " ").capitalize() if listing.by_kind.get(id) else None


def _room(listing: Listing, id: str) -> str | None:  # noqa: A002 - the same
    """A room's own record does not say what it is called, as its place may be kept back: meetings held there do."""
    if id not in listing.rooms and id not in listing.by_room:
        return None
    told: set[str] = set()
    for meeting in map(listing.meetings.__getitem__, listing.by_room.get(id, ())):
        pairs = [(meeting.rooms, meeting.venue), *((each.rooms, each.venue) for each in meeting.changes)]
        for rooms, venue in pairs:
            if finds(venue) and len(rooms) == len(venue.rooms):
                titles = (
                    line(title) for name, title in zip(rooms, venue.rooms, strict=True) if name.endswith(f"/{id}")
                )
                told.update(titles)
    return min(filter(None, told), default="Room")
