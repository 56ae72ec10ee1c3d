"""Groups: Create, Get, List, Update, Delete; and the codes that open their meetings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from google.protobuf.empty_pb2 import Empty
from openchair.meetings.v1 import group_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.kit import code
from services.kit.errors import Invalid, Unmet, Violation
from services.meetings import records
from services.meetings.centres import kept
from services.meetings.codes import LONGEST_GRACE, ending, in_force, write
from services.meetings.desk import CENTRE, GROUP, Decision, Desk, Held, actor, expect_etag
from services.meetings.masks import merged
from services.meetings.places import name_of, refuse_in_use
from services.meetings.types import Code, Group, Meeting, Status
from services.meetings.wire import stamp
from services.meetings.wire_places import group_message, read_group

if TYPE_CHECKING:
    from services.kit.call import Call
    from services.kit.store.port import Record

WRITABLE: Final = frozenset({"title"})


class Groups:
    """The methods about groups."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def _group(self, name: str, field: str = "name") -> Held[Group]:
        """The group of that name. Raises Invalid, NotFound."""
        ids = GROUP.parse(name, field)
        return await self.desk.held("group", ids["group"], Group, name, ids["centre"])

    async def create_group(self, call: Call[pb.CreateGroupRequest]) -> group_pb2.Group:
        """A new group, without a code."""
        centre = CENTRE.parse(call.message.parent, "parent")["centre"]

        async def decide(at: str) -> Decision[group_pb2.Group]:
            standing = await kept(self.desk, centre, call.message.parent, at, actor(call))
            blank = Group(id=self.desk.ids.uuid(), centre=centre, created_at=at, title="")
            record = write(None, read_group(call.message.group, blank), at, actor(call))
            return Decision((record, *standing), message(record, at), "create")

        return await self.desk.write(call, decide)

    async def get_group(self, call: Call[pb.GetGroupRequest]) -> group_pb2.Group:
        """One group, with its codes but for the codes themselves."""
        return message((await self._group(call.message.name)).record, self.desk.now())

    async def list_groups(self, call: Call[pb.ListGroupsRequest]) -> pb.ListGroupsResponse:
        """A centre's groups, in order of id."""
        centre = CENTRE.parse(call.message.parent, "parent")["centre"]
        found, token = await self.desk.page(call, "group", Group, centre=centre)
        now = self.desk.now()
        return pb.ListGroupsResponse(groups=[message(held.record, now) for held in found], next_page_token=token)

    async def update_group(self, call: Call[pb.UpdateGroupRequest]) -> group_pb2.Group:
        """Changes the fields of the mask."""
        request = call.message

        async def decide(at: str) -> Decision[group_pb2.Group]:
            held = await self._group(request.group.name, "group.name")
            expect_etag(request.group.name, held.record, request.group.etag)
            wanted, _ = merged(group_message(held.value), request.group, request.update_mask, WRITABLE, "group")
            record = write(held.record, read_group(wanted, held.value), at, actor(call))
            return Decision((record,), message(record, at), "update")

        return await self.desk.write(call, decide)

    async def delete_group(self, call: Call[pb.DeleteGroupRequest]) -> Empty:
        """Removes a group that no meeting names; its codes end with it."""

        async def decide(at: str) -> Decision[Empty]:
            held = await self._group(call.message.name)
            expect_etag(call.message.name, held.record, call.message.etag)
            meetings = await self.desk.every("meeting", Meeting, centre=held.value.centre, invite_group=held.value.id)
            refuse_in_use([name_of(each.value) for each in meetings if each.value.status is not Status.CANCELLED])
            bare = msgspec.structs.replace(held.value, codes=())
            record = records.write(held.record, bare, at=at, actor=actor(call), gone=True)
            return Decision((record,), Empty(), "delete")

        return await self.desk.write(call, decide)

    async def rotate_invite_code(self, call: Call[pb.RotateInviteCodeRequest]) -> pb.RotateInviteCodeResponse:
        """A new code; those before it end at once, or when the time of grace is over.

        A double of the request is answered without the code: what is stored of it is its digest alone.
        """
        grace = call.message.grace_seconds
        if not 0 <= grace <= LONGEST_GRACE.total_seconds():
            raise Invalid(Violation("grace_seconds", f"must lie between 0 and {LONGEST_GRACE.days} days"))

        async def decide(at: str) -> Decision[pb.RotateInviteCodeResponse]:
            held = await self._group(call.message.name)
            kept = ending(held.value.codes, at, grace)
            typed = code.make(self.desk.ids.random)
            new = Code(id=self.desk.ids.uuid()[:8], created_at=at, digest=code.digest(typed))
            rotated = msgspec.structs.replace(held.value, codes=(new, *kept))
            record = write(held.record, rotated, at, actor(call))
            group = message(record, at)
            reply = pb.RotateInviteCodeResponse(group=group, invite_code=typed)
            return Decision((record,), reply, "rotate", new.id, kept=pb.RotateInviteCodeResponse(group=group))

        return await self.desk.write(call, decide)

    async def revoke_invite_code(self, call: Call[pb.RevokeInviteCodeRequest]) -> group_pb2.Group:
        """Ends one code at once. Raises Unmet for one that is not in force."""
        request = call.message

        async def decide(at: str) -> Decision[group_pb2.Group]:
            held = await self._group(request.name)
            codes = in_force(held.value.codes, at)
            left = tuple(each for each in codes if each.id != request.invite_code_id)
            if len(left) == len(codes):
                raise Unmet("no code in force has this id", "NO_SUCH_CODE", {"name": request.name})
            revoked = msgspec.structs.replace(held.value, codes=left)
            record = write(held.record, revoked, at, actor(call))
            return Decision((record,), message(record, at), "revoke", request.invite_code_id)

        return await self.desk.write(call, decide)


def message(record: Record, now: str) -> group_pb2.Group:
    """A group as it is answered: the codes in force, without their digests."""
    group = records.read(record, Group)
    return stamp(group_message(msgspec.structs.replace(group, codes=in_force(group.codes, now))), record)
