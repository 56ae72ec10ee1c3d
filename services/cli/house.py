"""A centre as commands know it: its time zone, places, rooms and groups, each found by what people call it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import room_service_pb2 as rooms_pb

from services.cli.called import pages, the_one
from services.cli.server import PATIENCE
from services.cli.shell import USAGE, Failure
from services.cli.when import Unclear, day, moment
from services.kit.client import RpcError, explain
from services.kit.clock import SystemClock
from services.recurrence.zones import local_day

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from openchair.meetings.v1 import centre_pb2, group_pb2, place_pb2

    from services.cli.server import Site


@dataclass
class House:
    """One centre, and what it has. As it was when the command began."""

    site: Site
    centre: centre_pb2.Centre
    places: list[place_pb2.Place]
    rooms: list[place_pb2.Room]
    groups: list[group_pb2.Group] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The centre's id."""
        return self.centre.name.partition("/")[2]

    @property
    def today(self) -> date:
        """The date it is there."""
        return local_day(SystemClock().now(), self.centre.time_zone)

    def day(self, option: str, text: str) -> date:
        """The date that an option names. Raises Failure."""
        try:
            return day(text, self.today)
        except Unclear as error:
            raise Failure(f"{option}: {error}", USAGE) from None

    def moment(self, option: str, text: str) -> date | datetime:
        """The date, or date and time, that an option names. Raises Failure."""
        try:
            return moment(text, self.today)
        except Unclear as error:
            raise Failure(f"{option}: {error}", USAGE) from None

    def place(self, wanted: str) -> place_pb2.Place:
        """The place that is called so. Raises Failure."""
        return the_one("place", wanted, self.places, lambda each: each.title)

    def room(self, wanted: str, place: str = "") -> place_pb2.Room:
        """The room that is called so, of one place where its name is given. Raises Failure."""
        rooms = [each for each in self.rooms if not place or each.place == place]
        return the_one("room", wanted, rooms, lambda each: each.title)

    def titles(self, names: Sequence[str]) -> list[str]:
        """What places, rooms and groups are called; the name itself of one that is gone."""
        known = {each.name: each.title for things in (self.places, self.rooms, self.groups) for each in things}
        return [known.get(name, name) for name in names]

    def group(self, wanted: str) -> group_pb2.Group:
        """The group with invite codes that is called so. Raises Failure."""
        return the_one("group", wanted, self.groups, lambda each: each.title)


async def open_house(site: Site, centre: str) -> House:
    """The centre with this id."""
    name = f"centres/{centre}"
    found = await site.meetings.GetCentre(pb.GetCentreRequest(name=name), timeout=PATIENCE)
    places = await pages(site.meetings.ListPlaces, pb.ListPlacesRequest(parent=name), "places", PATIENCE)
    rooms = await pages(site.rooms.ListRooms, rooms_pb.ListRoomsRequest(parent=name), "rooms", PATIENCE)
    return House(site, found, places, rooms, await _groups(site, name))


async def _groups(site: Site, centre: str) -> list[group_pb2.Group]:
    """A centre's groups with invite codes; none for who may not know them: a facilitator sees meetings all the same."""
    try:
        return await pages(site.meetings.ListGroups, pb.ListGroupsRequest(parent=centre), "groups", PATIENCE)
    except RpcError as error:
        if explain(error).code != "PERMISSION_DENIED":
            raise
        return []
