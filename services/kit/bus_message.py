"""How an event travels as a message, whichever bus carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.bus_port import Unpublishable
from services.kit.event import Malformed, Stored, headers, received

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.kit.bus_port import Delivered
    from services.kit.event import Event

HEADER_BLOCK = len("NATS/1.0\r\n\r\n")  # around the header lines


def outgoing(event: Event, expected: int, traceparent: str, lifetime: int) -> dict[str, str]:
    """The header lines under which an event is published."""
    lines = headers(event, traceparent) | {"Nats-Expected-Last-Subject-Sequence": str(expected)}
    if event.payload is None:
        lines["Nats-TTL"] = str(lifetime)
    return lines


def check_size(lines: Mapping[str, str], payload: bytes, most: int) -> None:
    """Raises Unpublishable where the server would hang up: it counts headers too, which its client does not."""
    if size(lines, payload) > most:
        raise Unpublishable("larger than the server takes, headers and all")


def size(lines: Mapping[str, str], payload: bytes) -> int:
    """Bytes of a message on the wire, its subject aside."""
    return HEADER_BLOCK + sum(len(f"{name}: {value}\r\n".encode()) for name, value in lines.items()) + len(payload)


def delivered(subject: str, lines: Mapping[str, str], payload: bytes, sequence: int, pending: int) -> Delivered:
    """What a stored message is."""
    try:
        return Stored(received(subject, lines, payload), sequence, pending, lines.get("traceparent", ""))
    except ValueError as error:
        return Malformed(subject, sequence, str(error), pending)
