"""A request for a seat as the rules of the line take it: made for the list as it is when it is decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from services.kit.errors import Invalid, Violation
from services.rsvps import asking
from services.rsvps.sealing import NOTHING, Told
from services.rsvps.seating import Asked

if TYPE_CHECKING:
    from collections.abc import Collection

    from services.rsvps.desk import Desk, Found
    from services.rsvps.sheet import Sheet
    from services.rsvps.types import Rules, Seat

SHOWN: Final = frozenset({"first_name", "celebration"})
"""What can be said and taken back until the date begins."""
CHANGED: Final = SHOWN | {"attendance", "party_size", "answers", "wait", "quotas"}


def may_only_show(mask: Collection[str]) -> bool:
    """Whether a change is of what is shown alone."""
    return bool(mask) and set(mask) <= SHOWN


class Application:
    """What one request asks for. `series_mac` is the HMAC of its key in the series' list ("": there is none)."""

    def __init__(self, desk: Desk, found: Found, message: Any, series_mac: str) -> None:
        self._desk = desk
        self._found = found
        self._message = message
        self._id = desk.ids.uuid()
        self.series_mac = series_mac

    def asked(self, sheet: Sheet, mac: str, before: Seat | None) -> Asked:
        """A seat to be kept; `before` is that of the same key which is no more. Raises Invalid and Unmet."""
        message, rules = self._message, sheet.list.rules
        id_ = self._id if before is None else before.id
        total, private = asking.answers(message.answers, rules)
        celebration = message.celebration if message.HasField("celebration") else None
        told = asking.told(private, asking.first_name(message.first_name), celebration, rules, NOTHING)
        return Asked(
            id=id_,
            mac=mac,
            series_mac=self.series_mac,
            where=asking.where(message.attendance, sheet.list.occasion.ways),
            party=asking.party(message.party_size),
            wait=asking.wait(message.wait),
            quotas=asking.quotas(message.quotas, rules),
            answers=total,
            sealed=self._sealed(sheet, id_, told),
            wanted={},
        )

    def changed(self, sheet: Sheet, seat: Seat) -> Seat:
        """The seat as it is asked to be. Raises Invalid and Unmet."""
        message, rules, mask = self._message, sheet.list.rules, set(self._message.update_mask)
        if not mask or mask - CHANGED:
            raise Invalid(Violation("update_mask", f"must name fields of {sorted(CHANGED)}"))
        fields: dict[str, Any] = {}
        if "attendance" in mask:
            fields["where"] = asking.where(message.attendance, sheet.list.occasion.ways)
        if "party_size" in mask:
            fields["party"] = asking.party(message.party_size)
        if "wait" in mask:
            fields["wait"] = asking.wait(message.wait)
        if "quotas" in mask:
            fields["quotas"] = asking.quotas(message.quotas, rules)
        if mask & {"answers", *SHOWN}:
            fields |= self._words(sheet, seat, rules, mask)
        return msgspec.structs.replace(seat, **fields)

    def _words(self, sheet: Sheet, seat: Seat, rules: Rules, mask: set[str]) -> dict[str, Any]:
        """What the guest wrote, where it changes."""
        message = self._message
        before = self._desk.seals(sheet.list).open(seat.id, seat.sealed)
        total, private = seat.answers, before.answers
        if "answers" in mask:
            total, private = asking.answers(message.answers, rules)
        name = asking.first_name(message.first_name) if "first_name" in mask else before.first_name
        celebration = message.celebration if "celebration" in mask else None
        told = asking.told(private, name, celebration, rules, before)
        return {"answers": total, "sealed": self._sealed(sheet, seat.id, told)}

    def _sealed(self, sheet: Sheet, id_: str, told: Told) -> str:
        return "" if told == NOTHING else self._desk.seals(sheet.list).seal(id_, told, self._desk.ids)
