"""How a feed is shown: what of a wish is not about which dates, and what of the centre stands in its events."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from services.feeds.filters import Filter
    from services.feeds.series import Horizon


class Manner(NamedTuple):
    """`holder`: for whoever has a code of the meeting's group. `struck`: cancelled dates are shown as such.

    `word`: what every event is called in a discreet feed; "": it is not discreet. `house` is the centre's title and
    `phone` whom to call about its meetings. `window`: where dates are looked at one by one.
    """

    window: Horizon
    holder: bool = False
    struck: bool = False
    alarm: timedelta | None = None
    word: str = ""
    house: str = ""
    phone: str = ""

    def wished(self, wanted: Filter) -> Manner:
        """The same with what a filter says."""
        alarm = timedelta(seconds=wanted.alarm) if wanted.alarm >= 0 else None
        return self._replace(struck=wanted.cancelled, alarm=alarm, word=wanted.word)
