"""What is to be done about dates on which a room is taken: "--if-taken skip"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import booking_pb2

from services.cli.shell import USAGE, Failure

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

REFUSE, SKIP, OVERRULE = (
    booking_pb2.CLASH_POLICY_REFUSE,
    booking_pb2.CLASH_POLICY_SKIP,
    booking_pb2.CLASH_POLICY_OVERRULE,
)
POLICIES: Final[Mapping[str, booking_pb2.ClashPolicy.ValueType]] = {
    "refuse": REFUSE,
    "skip": SKIP,
    "overrule": OVERRULE,
}
OPTIONS: Final[Mapping[str, str]] = {"on_clash": "--if-taken", "overrule_reason": "--reason"}
MEANS: Final[Mapping[int, str]] = {
    SKIP: "These dates would be left out. They are remembered, and offered when they become free.",
    OVERRULE: "It would be booked all the same; the reason is kept and shown: ",
}

ADVICE: Final = "Say another time or room, or --if-taken skip: on dates that are taken it is held without that room"
"""What a meeting can do that cannot have its rooms."""


def add_to(parser: Any) -> None:
    """Adds the options."""
    group = parser.add_argument_group("when something is in the way")
    group.add_argument(
        "--if-taken",
        choices=POLICIES,
        default="refuse",
        help="refuse (default); skip: take the free dates; overrule: take it all the same (administrators, --reason)",
    )
    group.add_argument("--reason", metavar="WHY", default="", help="with --if-taken overrule: why; kept and shown")


def policy(asked: argparse.Namespace) -> booking_pb2.ClashPolicy.ValueType:
    """What was asked for. Raises Failure."""
    found = POLICIES[asked.if_taken]
    if found == OVERRULE and not asked.reason.strip():
        raise Failure('--reason: say why it is to be overruled: --if-taken overrule --reason "..."', USAGE)
    if found != OVERRULE and asked.reason:
        raise Failure("--reason goes with --if-taken overrule", USAGE)
    return found
