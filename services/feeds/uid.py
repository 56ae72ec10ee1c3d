"""UIDs (RFC 5545 section 3.8.4.7): made of a meeting's id and nothing that could ever change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.recurrence.rule import by_day_text

if TYPE_CHECKING:
    from services.recurrence.types import Rule

DOMAIN = "openchair"


def uid(meeting: str, token: str = "") -> str:
    """The UID of a series, "<id>@openchair"; of a part of one that is shown token by token, "<id>-2TU@openchair"."""
    return f"{meeting}-{token}@{DOMAIN}" if token else f"{meeting}@{DOMAIN}"


def token(rule: Rule) -> str:
    """What tells a part from its siblings: its only BYDAY or BYMONTHDAY, "2TU", "last1FR" for -1FR, "15"."""
    (text,) = (*map(by_day_text, rule.by_day), *map(str, rule.by_month_day))
    return text.replace("-", "last")
