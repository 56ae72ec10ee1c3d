"""What is wrong with a form, each by what the form calls the field. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from openchair.rsvps.v1.list_rules_pb2 import Invitation

    from services.kit.client import Problem

_FIELDS: Final = {
    "attendance": "How you take part",
    "party_size": "How many you are",
    "quotas": "What you need a place of",
    "first_name": "The first name",
    "celebration.named": "What you are called out as",
    "celebration.milestone": "For what",
    "also": "The other dates",
    "guest_key": "The six words",
}
_ANSWER: Final = re.compile(r"answers\[(\d+)\]")
_INDEX: Final = re.compile(r"\[\d+\]")


def marked(problem: Problem, asking: Any, rules: Invitation) -> tuple[str, ...]:
    """A line for each field that does not fit; `asking` is the request that was refused."""
    return tuple(_line(each.field, each.reason, asking, rules) for each in problem.violations)


def _line(field: str, reason: str, asking: Any, rules: Invitation) -> str:
    for each in rules.questions:
        if field == "answers" and repr(each.id) in reason:
            return f"{each.title}: has to be answered"
    answer = _ANSWER.match(field)
    given = getattr(asking, "answers", ())
    if answer and int(answer[1]) < len(given):
        titles = {each.id: each.title for each in rules.questions}
        return f"{titles.get(given[int(answer[1])].question, 'An answer')}: {reason}"
    title = _FIELDS.get(_INDEX.sub("", field), "")
    return f"{title}: {reason}" if title else reason
