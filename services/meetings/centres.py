"""Centres: Create, Get, List, Update, Delete."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from google.protobuf.empty_pb2 import Empty
from openchair.meetings.v1 import centre_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.kit.errors import Exists, Invalid, Unmet, Violation
from services.kit.store.port import In
from services.meetings import records
from services.meetings.desk import CENTRE, Decision, Desk, Held, actor, expect_etag
from services.meetings.masks import merged
from services.meetings.types import Centre, Closure, Status
from services.meetings.types_imports import Import, ImportStatus
from services.meetings.wire import centre_name, stamp
from services.meetings.wire_places import centre_message, read_centre

if TYPE_CHECKING:
    from services.kit.call import Call
    from services.kit.store.port import Record

LIVING: Final = In((Status.ACTIVE.value, Status.SUSPENDED.value))
_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])")
WRITABLE = frozenset(
    {"title", "time_zone", "language", "website", "description", "crisis_line", "phone", "holiday_calendar", "kinds"}
)


class Centres:
    """The methods about centres."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def _centre(self, name: str, field: str = "name") -> Held[Centre]:
        """The centre of that name. Raises Invalid, NotFound."""
        id_ = CENTRE.parse(name, field)["centre"]
        return await self.desk.held("centre", id_, Centre, name, id_)

    async def create_centre(self, call: Call[pb.CreateCentreRequest]) -> centre_pb2.Centre:
        """A new centre, at an id that stands in every address."""
        id_ = call.message.centre_id
        if not _ID.fullmatch(id_):
            raise Invalid(Violation("centre_id", 'must be 2 to 40 of a-z, 0-9 and "-", with "-" not at an end'))

        async def decide(at: str) -> Decision[centre_pb2.Centre]:
            previous = await self.desk.store.get("centre", id_)
            if previous is not None and not previous.gone:
                raise Exists(centre_name(id_))
            blank = Centre(id=id_, centre=id_, created_at=at, title="", zone="")
            centre = read_centre(call.message.centre, blank)
            due = at if centre.holiday_calendar else None
            record = records.write(previous, centre, at=at, actor=actor(call), due_at=due)
            return Decision((record,), stamp(centre_message(centre), record), "create")

        return await self.desk.write(call, decide)

    async def get_centre(self, call: Call[pb.GetCentreRequest]) -> centre_pb2.Centre:
        """One centre."""
        held = await self._centre(call.message.name)
        return stamp(centre_message(held.value), held.record)

    async def list_centres(self, call: Call[pb.ListCentresRequest]) -> pb.ListCentresResponse:
        """All centres of this site, in order of id."""
        found, token = await self.desk.page(call, "centre", Centre)
        return pb.ListCentresResponse(
            centres=[stamp(centre_message(held.value), held.record) for held in found], next_page_token=token
        )

    async def update_centre(self, call: Call[pb.UpdateCentreRequest]) -> centre_pb2.Centre:
        """Changes the fields of the mask; where its zone or its holidays change, the meetings follow one by one."""
        request = call.message

        async def decide(at: str) -> Decision[centre_pb2.Centre]:
            held = await self._centre(request.centre.name, "centre.name")
            expect_etag(request.centre.name, held.record, request.centre.etag)
            wanted, _ = merged(centre_message(held.value), request.centre, request.update_mask, WRITABLE, "centre")
            centre = read_centre(wanted, held.value)
            same = (centre.zone, centre.holiday_calendar) == (held.value.zone, held.value.holiday_calendar)
            record = records.write(
                held.record, centre, at=at, actor=actor(call), due_at=held.record.due_at if same else at
            )
            return Decision((record,), stamp(centre_message(centre), record), "update")

        return await self.desk.write(call, decide)

    async def delete_centre(self, call: Call[pb.DeleteCentreRequest]) -> Empty:
        """Removes an empty centre, and its closures."""

        async def decide(at: str) -> Decision[Empty]:
            held = await self._centre(call.message.name)
            expect_etag(call.message.name, held.record, call.message.etag)
            for kind in ("meeting", "room", "place", "group"):
                page = await self.desk.store.find(kind, {"centre": held.value.id}, limit=1)
                if page.records:
                    raise Unmet(f"the centre still has a {kind}", "CENTRE_IN_USE", {"kind": kind})
            imports = await self.desk.every("import", Import, centre=held.value.id)
            if any(each.value.status is not ImportStatus.DONE for each in imports):
                raise Unmet("the centre still has an import on its way", "CENTRE_IN_USE", {"kind": "import"})
            record = records.write(held.record, held.value, at=at, actor=actor(call), gone=True)
            closures = await self.desk.every("closure", Closure, centre=held.value.id)
            gone = (records.write(each.record, each.value, at=at, actor=actor(call), gone=True) for each in closures)
            return Decision((record, *gone), Empty(), "delete")

        return await self.desk.write(call, decide)


async def kept(desk: Desk, centre: str, name: str, at: str, who: str) -> tuple[Record, ...]:
    """The centre's record moved on, so that nobody deletes it while something is made there. Raises NotFound.

    Where a meeting lives there is no need: for 30 days after that one is deleted nobody deletes the centre, either.
    """
    held = await desk.held("centre", centre, Centre, name, centre)
    living = await desk.store.find("meeting", {"centre": centre, "status": LIVING}, limit=1)
    return () if living.records else (records.touch(held.record, at, who),)
