"""Between messages and the frame in which meetings are held: centres, places, groups with their codes."""

from __future__ import annotations

import msgspec
from openchair.meetings.v1 import centre_pb2, group_pb2, place_pb2

from services.meetings.access import Audience, finds, learns_area
from services.meetings.check import Problems
from services.meetings.types import Centre, Group, KindOfMeeting, Place, Position
from services.meetings.wire import ADDRESS_ACCESS, centre_name, child_name, say_position, timestamp
from services.meetings.wire_details import number


def centre_message(centre: Centre) -> centre_pb2.Centre:
    """A centre, all of which is public."""
    return centre_pb2.Centre(
        name=centre_name(centre.id),
        create_time=timestamp(centre.created_at),
        title=centre.title,
        time_zone=centre.zone,
        language=centre.language,
        website=centre.website,
        description=centre.description,
        crisis_line=centre.crisis_line,
        phone=centre.phone,
        holiday_calendar=centre.holiday_calendar,
        kinds=[centre_pb2.Kind(id=kind.id, title=kind.title) for kind in centre.kinds],
    )


def read_centre(message: centre_pb2.Centre, base: Centre) -> Centre:
    """`base` with what the message says. Raises Invalid naming every field that is wrong."""
    problems = Problems("centre.")
    centre = msgspec.structs.replace(
        base,
        title=problems.title("title", message.title),
        zone=problems.zone("time_zone", message.time_zone),
        language=problems.language("language", message.language),
        website=problems.url("website", message.website),
        description=problems.text("description", message.description),
        crisis_line=problems.line("crisis_line", message.crisis_line),
        phone=problems.phone("phone", message.phone),
        holiday_calendar=problems.holiday_calendar("holiday_calendar", message.holiday_calendar),
        kinds=tuple(
            KindOfMeeting(
                id=problems.slug(f"kinds[{n}].id", kind.id), title=problems.title(f"kinds[{n}].title", kind.title)
            )
            for n, kind in enumerate(message.kinds)
        ),
    )
    if len({kind.id for kind in centre.kinds}) < len(centre.kinds):
        problems.add("kinds", "has two with the same id")
    problems.settle()
    return centre


def place_message(place: Place, audience: Audience = Audience.STAFF) -> place_pb2.Place:
    """A place; what is for others holds no more than its stated level."""
    message = place_pb2.Place(
        name=child_name(place.centre, "places", place.id),
        create_time=timestamp(place.created_at),
        address_access=number(ADDRESS_ACCESS, place.address_access),  # type: ignore[arg-type]  # the wire's number
        accessibility=place.accessibility,
    )
    if learns_area(place.address_access, audience):
        message.area = place.area
        message.regions.extend(place.regions)
    if finds(place.address_access, audience):
        message.title = place.title  # it may name the house, or be its address
        message.map_url = place.map_url
        message.address, message.notes, message.approximate = place.address, place.notes, place.approximate
        say_position(message, place.position)
    return message


def read_place(message: place_pb2.Place, base: Place, prefix: str = "place.") -> Place:
    """`base` with what the message says. Raises Invalid naming every field that is wrong."""
    problems = Problems(prefix)
    place = msgspec.structs.replace(
        base,
        title=problems.title("title", message.title),
        address=problems.line("address", message.address, 500),
        area=problems.line("area", message.area),
        address_access=problems.choice("address_access", message.address_access, ADDRESS_ACCESS, base.address_access),
        position=_read_position(message, problems),
        approximate=message.approximate,
        accessibility=problems.words("accessibility", message.accessibility),
        notes=problems.text("notes", message.notes),
        map_url=problems.url("map_url", message.map_url),
        regions=problems.words("regions", message.regions),
    )
    problems.settle()
    return place


def _read_position(message: place_pb2.Place, problems: Problems) -> Position | None:
    if message.HasField("latitude") != message.HasField("longitude"):
        problems.add("latitude", "latitude and longitude go together")
    if not message.HasField("latitude"):
        return None
    for field, limit in (("latitude", 90), ("longitude", 180)):
        if not abs(getattr(message, field)) <= limit:  # so that NaN is refused too
            problems.add(field, f"must lie between -{limit} and {limit} degrees")
            return None
    return Position(round(message.latitude * 1e7), round(message.longitude * 1e7))


def group_message(group: Group, *, digests: bool = False) -> group_pb2.Group:
    """A group with its codes: without digests for people, with them on the private stream."""
    message = group_pb2.Group(
        name=child_name(group.centre, "groups", group.id), create_time=timestamp(group.created_at), title=group.title
    )
    for code in group.codes:
        said = message.invite_codes.add(id=code.id, create_time=timestamp(code.created_at))
        if code.expires_at is not None:
            said.expire_time.CopyFrom(timestamp(code.expires_at))
        if digests:
            said.digest = code.digest
    return message


def read_group(message: group_pb2.Group, base: Group) -> Group:
    """`base` with what the message says, but for the codes. Raises Invalid naming every field that is wrong."""
    problems = Problems("group.")
    group = msgspec.structs.replace(base, title=problems.title("title", message.title))
    problems.settle()
    return group
