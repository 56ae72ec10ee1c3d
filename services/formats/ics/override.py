"""What an event says about one date of a series, or about all dates from one on (RECURRENCE-ID)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from openchair.meetings.v1 import meeting_pb2 as meetings

    from services.formats.ics.components import Event
    from services.formats.ics.details import Details


class Override(NamedTuple):
    """An event about one date of a series (`at`, its original start), or about all dates from there on."""

    event: Event
    at: datetime
    start: datetime
    minutes: int | None
    details: Details
    follows: bool
    cancelled: bool
    fault: str = ""

    @property
    def shift(self) -> timedelta:
        """How far it moves."""
        return self.start - self.at


def elsewhere(series: Details, said: Details) -> bool:
    """Whether one date is held at another place than the series."""
    if said.place is None:
        return False
    return series.place is None or said.place.address != series.place.address


def where_to(series: Details, said: Details) -> str:
    """Why such a date is not held where the series is; of one that is for members only it is not said."""
    told = said.place is not None and (series.hidden or not said.hidden)
    return f"Held elsewhere: {said.place.address}" if told and said.place else ""


def say(change: meetings.OccurrenceChange, series: Details, said: Details) -> None:
    """The texts that differ. What is for members only is not told of one date of a public series."""
    if said.hidden and not series.hidden:
        return
    if said.title and said.title != series.title:
        change.title = said.title
    if said.notes != series.notes:
        change.notes = said.notes
    if said.mode != series.mode:
        change.mode = said.mode
    if said.online is not None and said.online != series.online:
        change.online.CopyFrom(said.online)
