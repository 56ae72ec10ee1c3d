"""The service: its methods, each in the module of what it is about, and what it does when something is due."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import closure_service_pb2, meeting_service_pb2, room_service_pb2

from services.kit.middleware import Idempotency
from services.kit.service import Service
from services.kit.validation import Validation
from services.meetings.booking_lists import BookingLists
from services.meetings.bookings import Bookings
from services.meetings.centres import Centres
from services.meetings.closures import Closures
from services.meetings.codes import Expiry
from services.meetings.doubts import Doubts
from services.meetings.forgetting import Forgetting
from services.meetings.free_rooms import FreeRooms
from services.meetings.groups import Groups
from services.meetings.importing import Importing
from services.meetings.imports import Imports
from services.meetings.intake import Intake
from services.meetings.lapsing import Lapsing
from services.meetings.listing import Listing
from services.meetings.occurrences import Occurrences
from services.meetings.parts import Parts
from services.meetings.places import Places
from services.meetings.rebookings import Rebookings
from services.meetings.reclosing import Reclosing
from services.meetings.room_calendar import RoomCalendar
from services.meetings.rooms import Rooms
from services.meetings.rows import TEXT
from services.meetings.sample import Sample
from services.meetings.searching import Searching
from services.meetings.seats_told import SeatsTold
from services.meetings.series import Series
from services.meetings.venues import Venues
from services.meetings.viewing import Viewing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from google.protobuf.message import Message

    from services.kit.call import Call, Method
    from services.kit.store.port import Record
    from services.meetings.desk import Desk

VALIDATION = Validation(TEXT)
LATE: Final = frozenset(
    f"openchair.meetings.v1.RoomService/{name}"
    for name in ("BookRoom", "HoldRoom", "ConfirmHold", "ApproveBooking", "DeclineBooking")
)
"""What decides about rooms with the call (`ledger`): a double meets what it was answered when that is committed."""


async def validate(call: Call[Any], method: Method) -> Message:
    """Looks at everything but the rows of an import: what is wrong with one of them is a line of its report."""
    if not isinstance(call.message, meeting_service_pb2.AddImportRowsRequest):
        return await VALIDATION(call, method)
    bare = meeting_service_pb2.AddImportRowsRequest(name=call.message.name, request_id=call.message.request_id)

    async def rest(_: Call[Any]) -> Message:
        return await method(call)

    return await VALIDATION(dataclasses.replace(call, message=bare), rest)


class Meetings:
    """Everything the service does. `load` it before it answers."""

    def __init__(self, desk: Desk) -> None:
        parts = Parts(desk)
        importing = Importing(desk, parts, Intake(desk, parts))
        venues, reclosing = Venues(desk, parts), Reclosing(desk, parts)
        self.listing, self.board = Listing(desk.store, desk.clock), desk.board
        self.seats_told = SeatsTold()
        self.searching = Searching(desk, self.listing.finder, self.seats_told)
        centres, places, rooms, series = Centres(desk), Places(desk), Rooms(desk), Series(desk, parts)
        occurrences, groups, bookings = Occurrences(desk, parts, self.listing), Groups(desk), Bookings(desk, parts)
        lapsing = Lapsing(desk, parts)
        middleware = (validate, Idempotency(desk.store, LATE))
        self.services = (
            Service(
                meeting_service_pb2.DESCRIPTOR.services_by_name["MeetingService"],
                centres,
                places,
                series,
                occurrences,
                groups,
                Viewing(desk, parts),
                Imports(desk, importing),
                self.searching,
                Doubts(desk, parts),
                middleware=middleware,
            ),
            Service(
                closure_service_pb2.DESCRIPTOR.services_by_name["ClosureService"],
                Closures(desk, parts),
                middleware=middleware,
            ),
            Service(
                room_service_pb2.DESCRIPTOR.services_by_name["RoomService"],
                rooms,
                bookings,
                Rebookings(desk, parts),
                BookingLists(desk, parts),
                FreeRooms(desk, parts),
                RoomCalendar(desk, parts),
                middleware=middleware,
            ),
        )
        self.sample = Sample(centres, groups, places, rooms, series, occurrences, bookings, desk.clock)
        self.due: Mapping[str, Callable[[Record], Awaitable[None]]] = {
            "centre": reclosing.centre_due,
            "closure": reclosing.due,
            "import": importing.due,
            "place": venues.place_due,
            "room": venues.room_due,
            "meeting": venues.meeting_due,
            "group": Expiry(desk).due,
            "doubt": Forgetting(desk).due,
            "booking": lapsing.due,
            "past": lapsing.forget,
        }

    async def load(self) -> None:
        """Reads what is kept in memory."""
        await self.listing.load()
