"""Seats in the sample centre: so that there is something to look at on a computer that somebody tries this on.

The sample's meetings come from elsewhere, a moment after the start: this waits for them, sets how seats are kept at
some, through the service's own method, and is done. It is for a new database, in development, and for nothing else.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import ParseDict
from openchair.rsvps.v1 import list_rules_pb2, rsvp_service_pb2

from services.kit.call import EVERYWHERE, Call, Caller
from services.kit.errors import Refusal
from services.kit.service import NEVER
from services.rsvps import records
from services.rsvps.rules import ListsRules
from services.rsvps.types import Part

if TYPE_CHECKING:
    from services.kit.host import Hosted
    from services.rsvps.desk import Desk

CENTRE: Final = "riverside"
METHOD: Final = "/openchair.rsvps.v1.RsvpService/SetListRules"
_CALLER: Final = Caller("sample", {EVERYWHERE: frozenset({"operator"})})
_LOOK, _LOOKS = 0.1, 600  # seconds; a minute


async def is_wanted(hosted: Hosted) -> bool:
    """Whether this is a new database on somebody's own computer."""
    if not hosted.settings.development or hosted.engine != "sqlite":
        return False
    pages = [await hosted.store.find(kind, {}, limit=1) for kind in ("part", "event")]
    return not any(page.records for page in pages)


async def load(desk: Desk) -> None:
    """Sets the rules of each of the sample's meetings as it is heard of; then there is nothing to do any more."""
    text = resources.files(__package__).joinpath("sample.json").read_text(encoding="utf-8")
    waiting: dict[str, Any] = json.loads(text)["rules"]
    for _ in range(_LOOKS):
        await _set(desk, waiting)
        if not waiting:
            break
        await desk.clock.sleep(_LOOK)
    await asyncio.Event().wait()  # what a service does all the time never ends by itself


async def _set(desk: Desk, waiting: dict[str, Any]) -> None:
    """Those that are there; they wait no more. Who is refused waits for the next look."""
    page = await desk.store.find("part", {"centre": CENTRE}, limit=500)
    for part in (records.read(record, Part) for record in page.records if not record.gone):
        title = part.public.title if part.public is not None else ""
        if title not in waiting:
            continue
        said = waiting[title]
        rules = ParseDict(said, list_rules_pb2.ListRules())
        rules.name = f"centres/{CENTRE}/meetings/{part.id}/listRules"
        request = rsvp_service_pb2.SetListRulesRequest(list_rules=rules)
        with suppress(Refusal):  # a full disk, say: no process ends for want of its sample
            await ListsRules(desk).set_list_rules(Call(METHOD, request, _CALLER, NEVER, desk.clock))
            del waiting[title]
