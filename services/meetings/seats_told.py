"""What the service of seats tells everybody: whether there is a place on a date. Read from its public stream.

Until that has been read, and where it tells nothing, people just come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openchair.rsvps.v1 import list_rules_pb2

from services.formats.seats import TYPES, Told
from services.kit.projection import Projection
from services.kit.streams import public_stream, subjects_of

if TYPE_CHECKING:
    from services.kit.event import Event
    from services.kit.host import Hosted
    from services.meetings.types import Meeting
    from services.recurrence.types import Key


class SeatsTold:
    """By centre. Kept in memory: whoever starts reads it anew."""

    def __init__(self) -> None:
        self._centres: dict[str, Told] = {}

    def apply(self, event: Event) -> None:
        """Takes in one state. Raises ValueError for what is none; nothing has changed then."""
        if event.type not in TYPES:
            return
        *_, centre, _, record = event.subject.split(".")
        told = self._centres.get(centre) or Told()
        told.apply(event.type, record, event.order, event.payload)
        self._centres[centre] = told

    def reset(self) -> None:
        """Forgets everything, before a rebuild from the stream."""
        self._centres.clear()

    def keeps(self, meeting: Meeting) -> bool:
        """Whether one keeps a seat at a meeting, as far as everybody may know."""
        told = self._centres.get(meeting.centre)
        return told is not None and told.invitation(meeting.lineage) is not None

    def at(self, meeting: Meeting, key: Key) -> list_rules_pb2.Availability.ValueType:
        """Whether there is a place at a meeting on a date; unspecified: one does not keep a seat there."""
        told = self._centres.get(meeting.centre)
        return list_rules_pb2.AVAILABILITY_UNSPECIFIED if told is None else told.at(meeting.lineage, key)

    def projection(self, hosted: Hosted) -> Projection:
        """What keeps it up to date."""
        site = hosted.settings.site
        subjects = [subjects_of(site, "public", "rsvps")]
        return Projection(hosted.bus, public_stream(site), subjects, self.apply, self.reset, hosted.clock, hosted.log)
