"""A house that can be closed: what tests of closures do and look at.

Test modules import from it first, so its asserts stay as they are: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openchair.meetings.v1 import closure_service_pb2

from services.meetings import records
from services.meetings.reclosing import LOOKS_AGAIN
from services.meetings.types import Meeting
from tests.service import meetings_house
from tests.service.meetings_house import CENTRE, COORDINATOR, House

if TYPE_CHECKING:
    from services.kit.store.port import Record

meetings_house.MESSAGES.update(vars(closure_service_pb2))

FLOOD = {"reason": "Closed: the cellar is under water", "effect": "CLOSURE_EFFECT_CANCEL", "start": "2026-12-01"}
WEEK = {**FLOOD, "end": "2026-12-14"}
LINK = {"url": "https://meet.example/lent"}
RUNNING, IN_FORCE, WITHDRAWN, ENDED = 1, 2, 4, 5
CANCELLED = 2


async def close(house: House, closure: dict[str, Any], **more: Any) -> Any:
    """A closure, and the meetings have followed."""
    made = await house.call("CreateClosure", COORDINATOR, parent=CENTRE, closure=closure, **more)
    await house.sweep()
    return made


async def past_second_look(house: House) -> None:
    await house.clock.advance(LOOKS_AGAIN.total_seconds())
    await house.sweep()


async def shown(house: House, days: int = 30) -> dict[str, tuple[bool, str]]:
    """Each date of the next days: whether it is cancelled, and by which closure or holiday."""
    listed = await house.listed(days, show_cancelled=True)
    return {each.local_start[5:10]: (each.state == CANCELLED, each.closure or each.holiday) for each in listed}


async def document(house: House, name: str) -> Record:
    record = await house.store.get("meeting", name.rpartition("/")[2])
    assert record is not None
    return record


async def public(house: House, name: str) -> tuple[int, bytes]:
    """The SEQUENCE, and all else that everybody is told, as bytes."""
    record = await document(house, name)
    message = records.public_view(records.read(record, Meeting))
    sequence = message.sequence  # type: ignore[union-attr]  # a public meeting
    message.ClearField("sequence")  # type: ignore[union-attr]  # the same
    return sequence, message.SerializeToString(deterministic=True)  # type: ignore[union-attr]  # the same


async def seen(house: House, name: str) -> Any:
    return await house.call("GetClosure", name=name)
