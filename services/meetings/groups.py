"""Groups and their invite codes: the methods' places. Until they are filled in, every one of them refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.errors import Unmet

if TYPE_CHECKING:
    from google.protobuf.empty_pb2 import Empty
    from openchair.meetings.v1 import group_pb2, meeting_pb2
    from openchair.meetings.v1 import meeting_service_pb2 as pb

    from services.kit.call import Call


def _not_yet() -> Unmet:
    return Unmet("groups are not kept yet", "NOT_YET")


class Groups:
    """The methods about groups."""

    async def create_group(self, call: Call[pb.CreateGroupRequest]) -> group_pb2.Group:
        """A new group."""
        raise _not_yet()

    async def get_group(self, call: Call[pb.GetGroupRequest]) -> group_pb2.Group:
        """One group."""
        raise _not_yet()

    async def list_groups(self, call: Call[pb.ListGroupsRequest]) -> pb.ListGroupsResponse:
        """A centre's groups."""
        raise _not_yet()

    async def update_group(self, call: Call[pb.UpdateGroupRequest]) -> group_pb2.Group:
        """Changes a group."""
        raise _not_yet()

    async def delete_group(self, call: Call[pb.DeleteGroupRequest]) -> Empty:
        """Removes a group."""
        raise _not_yet()

    async def rotate_invite_code(self, call: Call[pb.RotateInviteCodeRequest]) -> pb.RotateInviteCodeResponse:
        """A new code."""
        raise _not_yet()

    async def revoke_invite_code(self, call: Call[pb.RevokeInviteCodeRequest]) -> group_pb2.Group:
        """Ends a code."""
        raise _not_yet()

    async def view_meeting(self, call: Call[pb.ViewMeetingRequest]) -> meeting_pb2.Meeting:
        """A meeting as its caller may see it."""
        raise _not_yet()
