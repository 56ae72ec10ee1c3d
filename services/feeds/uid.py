"""UIDs (RFC 5545 section 3.8.4.7): made of a meeting's id and nothing that could ever change."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from services.recurrence.rule import by_day_text

if TYPE_CHECKING:
    from services.recurrence.types import Rule

DOMAIN = "openchair"
_NEUTRAL = uuid.UUID("5a4a8b0e-3f0c-4f5e-9a39-0f4f0f3f1f55")


def uid(meeting: str, token: str = "", *, discreet: bool = False) -> str:
    """The UID of a series, "<id>@openchair"; of a part, a date alone or an item of its agenda "<id>-2TU@openchair".

    In a discreet feed it names neither the meeting, whose id stands in public addresses, nor this program.
    """
    plain = f"{meeting}-{token}@{DOMAIN}" if token else f"{meeting}@{DOMAIN}"
    return f"{uuid.uuid5(_NEUTRAL, plain)}@calendar" if discreet else plain


def token(rule: Rule) -> str:
    """What tells a part from its siblings: its only BYDAY or BYMONTHDAY, "2TU", "last1FR" for -1FR, "15"."""
    (text,) = (*map(by_day_text, rule.by_day), *map(str, rule.by_month_day))
    return text.replace("-", "last")
