"""Closures: Preview, Create, Get, List, Update, Withdraw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.errors import Unmet

if TYPE_CHECKING:
    from openchair.meetings.v1 import closure_pb2
    from openchair.meetings.v1 import closure_service_pb2 as pb

    from services.kit.call import Call
    from services.meetings.desk import Desk
    from services.meetings.parts import Parts

NOT_YET = Unmet("closures are not there yet", "NOT_YET")


class Closures:
    """The methods about closures."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts

    async def preview_closure(self, call: Call[pb.PreviewClosureRequest]) -> pb.PreviewClosureResponse:
        """What a closure would do."""
        del call
        raise NOT_YET

    async def create_closure(self, call: Call[pb.CreateClosureRequest]) -> closure_pb2.Closure:
        """A new closure."""
        del call
        raise NOT_YET

    async def get_closure(self, call: Call[pb.GetClosureRequest]) -> closure_pb2.Closure:
        """One closure."""
        del call
        raise NOT_YET

    async def list_closures(self, call: Call[pb.ListClosuresRequest]) -> pb.ListClosuresResponse:
        """A centre's closures."""
        del call
        raise NOT_YET

    async def update_closure(self, call: Call[pb.UpdateClosureRequest]) -> closure_pb2.Closure:
        """Changes the fields of the mask."""
        del call
        raise NOT_YET

    async def withdraw_closure(self, call: Call[pb.WithdrawClosureRequest]) -> closure_pb2.Closure:
        """Takes it back."""
        del call
        raise NOT_YET
