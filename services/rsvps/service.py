"""The service: its methods, each in the module of what it is about, and what it does when something is due."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from openchair.rsvps.v1 import rsvp_service_pb2

from services.kit.middleware import Idempotency, store_faults
from services.kit.service import Service
from services.kit.validation import TextRules, Validation
from services.rsvps import slip_token
from services.rsvps.admission import Admission
from services.rsvps.ahead import Ahead
from services.rsvps.bringing import Bringing
from services.rsvps.figures import Figures
from services.rsvps.forgetting import RETENTION, Forgetting
from services.rsvps.needs import NeedsOfLists
from services.rsvps.nobody import LATE, guests_are_nobody
from services.rsvps.presence import Presence
from services.rsvps.rules import ListsRules
from services.rsvps.seats import Seats
from services.rsvps.sister_seats import SisterSeats
from services.rsvps.slips import Slips
from services.rsvps.slips import forget as forget_slip
from services.rsvps.tries import Tries
from services.rsvps.whole import WholeMeetings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from services.kit.store.port import Record
    from services.rsvps.centres import Centres
    from services.rsvps.desk import Desk

TEXTS: Final = TextRules(longest={"openchair.rsvps.v1.VerifyAttendanceSlipRequest.token": slip_token.LONGEST})
"""A slip with long titles is longer than a line."""


class Rsvps:
    """Everything the service does. `centres` are those that it has heard of, `base_url` is where the pages are.

    `days`: how long after its date a list is kept.
    """

    def __init__(
        self, desk: Desk, centres: Centres | None = None, base_url: str = "", *, days: int = RETENTION
    ) -> None:
        ahead, admission, shared = Ahead(desk), Admission(desk), SisterSeats(desk)
        desk.first = ahead.first
        whole = WholeMeetings(desk, ahead, admission)
        self.services = (
            Service(
                rsvp_service_pb2.DESCRIPTOR.services_by_name["RsvpService"],
                ListsRules(desk),
                Seats(desk, admission, shared, whole),
                Presence(desk, base_url),
                NeedsOfLists(desk),
                Slips(desk, centres),
                Figures(desk),
                middleware=(
                    Validation(TEXTS),
                    store_faults,
                    guests_are_nobody,
                    Tries(desk),
                    Idempotency(desk.store, LATE),
                ),
            ),
        )
        self.bringing = Bringing(desk)
        self.bringing.of_list.append(shared.due)
        self.bringing.of_event += [ahead.due, Forgetting(desk, days).step]
        self.due: Mapping[str, Callable[[Record], Awaitable[None]]] = {
            "event": self.bringing.event_due,
            "list": self.bringing.list_due,
            "revoked": functools.partial(forget_slip, desk),
        }
