"""Slips that are void: a number each, kept until the slip would have expired."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from openchair.rsvps.v1 import rsvp_service_pb2

from services.kit.clock import instant
from services.kit.middleware import answer_for
from services.kit.store.port import Audit, Commit, Forgotten
from services.rsvps import records
from services.rsvps.slip_wanted import MOST_DAYS
from services.rsvps.types import Revoked

if TYPE_CHECKING:
    from services.kit.call import Call
    from services.kit.store.port import Store


def record_id(centre: str, slip: str) -> str:
    """The id of its record: no centre can revoke, or keep from being revoked, what is another's."""
    return f"{slip}-{centre}"


async def is_revoked(store: Store, centre: str, slip: str) -> bool:
    """Whether the centre has revoked a slip with that number."""
    record = await store.get("revoked", record_id(centre, slip))
    return record is not None and not record.gone


async def revoked(
    store: Store, call: Call[Any], centre: str, slip: str
) -> tuple[Commit, rsvp_service_pb2.RevokeAttendanceSlipResponse]:
    """The commit that says so; where it was said before nothing but the answer."""
    reply, now = rsvp_service_pb2.RevokeAttendanceSlipResponse(), call.clock.now()
    id_ = record_id(centre, slip)
    if await store.get("revoked", id_) is not None:
        return Commit((), answer_for(call, reply)), reply
    at, who = instant(now), call.caller.subject
    due_at = instant(now + timedelta(days=MOST_DAYS + 2))  # whatever its time zone
    record = records.write(None, Revoked(id=id_, centre=centre), at=at, actor=who, due_at=due_at)
    audit = Audit("revoked", id_, record.revision, at, who, "revoked")
    return Commit((record,), answer_for(call, reply), (audit,)), reply


async def forgotten(store: Store, id_: str) -> tuple[Commit, None]:
    """The commit after which nothing of it is left."""
    record = await store.get("revoked", id_)
    if record is None:
        return Commit(()), None
    return Commit((), forgotten=(Forgotten("revoked", id_, record.revision),)), None
