"""What travels on the bus: the whole state of one aggregate's view at one revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.kit.clock import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

TOMBSTONE_LIFETIME = 90 * 24 * 3600
"""Seconds that a tombstone stays in its stream."""


class Event(msgspec.Struct, frozen=True):
    """A state, not a happening. Ordered by (epoch, revision); `payload` None is a tombstone.

    Revisions start at 1; 0 is a tombstone of what a new epoch does not know (`past`).

    Subject: openchair.<site>.<public|private>.<service>.<scope>.<kind>.<id>. CloudEvents 1.0, binary mode: `id` is
    "<subject>:<epoch>:<revision>", `type` the full name of the payload's message. `needs` are subjects with the
    revision each must have reached before this event may be shown ("a cut series and its continuation").
    """

    subject: str
    epoch: int
    revision: int
    type: str
    time: str
    payload: bytes | None
    needs: tuple[tuple[str, int], ...] = ()

    @property
    def id(self) -> str:
        """The CloudEvents id."""
        return f"{self.subject}:{self.epoch}:{self.revision}"

    @property
    def order(self) -> tuple[int, int]:
        """What states are compared by."""
        return (self.epoch, self.revision)


class Stored(msgspec.Struct, frozen=True):
    """An event as it stands in a stream. `traceparent`: of the span that published it, as it came; "" without one."""

    event: Event
    sequence: int
    pending: int = 0
    traceparent: str = ""


class Malformed(msgspec.Struct, frozen=True):
    """A message in a stream that is no event of ours; `reason` says what is wrong with it, and nothing it holds."""

    subject: str
    sequence: int
    reason: str
    pending: int = 0


def subject(site: str, view: str, service: str, scope: str, kind: str, id: str) -> str:  # noqa: A002 - named id everywhere
    """The subject of one aggregate's view. Raises ValueError for a token that is not url-safe."""
    tokens = (site, view, service, scope, kind, id)
    for token in tokens:
        if not token or not token.replace("-", "").replace("_", "").isalnum() or not token.isascii():
            raise ValueError(f"{token!r} cannot stand in a subject")
    return ".".join(("openchair", *tokens))


def headers(event: Event, traceparent: str = "") -> dict[str, str]:
    """The event's attributes as headers (CloudEvents 1.0, binary mode; `ce-needs` and `ce-tombstone` are ours)."""
    _, site, _, service, *_ = event.subject.split(".")
    lines = {
        "ce-specversion": "1.0",
        "ce-id": event.id,
        "ce-type": event.type,
        "ce-source": f"/openchair/{site}/{service}",
        "ce-time": event.time,
        "ce-subject": event.subject,
        "ce-datacontenttype": "application/protobuf",
    }
    if event.payload is None:
        lines["ce-tombstone"] = "true"
    if event.needs:
        lines["ce-needs"] = " ".join(f"{subject}@{revision}" for subject, revision in event.needs)
    if traceparent:
        lines["traceparent"] = traceparent
    return lines


def received(subject: str, headers: Mapping[str, str], payload: bytes) -> Event:
    """The event that a message is. Raises ValueError, saying what is wrong with it and nothing of what it holds."""
    if headers.get("ce-specversion") != "1.0":
        raise ValueError("not a CloudEvents 1.0 message")
    if headers.get("ce-subject") != subject:
        raise ValueError("ce-subject is not the subject it came on")
    tombstone = headers.get("ce-tombstone") == "true"
    epoch, revision = _order(subject, headers.get("ce-id", ""), least=0 if tombstone else 1)
    if tombstone == bool(payload):
        raise ValueError("a tombstone with a payload" if tombstone else "no payload, and not a tombstone")
    if not headers.get("ce-type"):
        raise ValueError("no ce-type")
    at = headers.get("ce-time", "")
    try:
        moment(at)
    except ValueError:
        raise ValueError("ce-time is no instant") from None
    needs = _needs(headers.get("ce-needs", ""))
    return Event(subject, epoch, revision, headers["ce-type"], at, None if tombstone else payload, needs)


def _order(subject: str, id: str, least: int) -> tuple[int, int]:  # noqa: A002 - the attribute's name
    prefix, _, rest = id.rpartition(f"{subject}:")
    epoch, _, revision = rest.partition(":")
    if prefix or not _number(epoch) or not _number(revision) or int(revision) < least:
        raise ValueError("ce-id is not <subject>:<epoch>:<revision>")
    return int(epoch), int(revision)


def _needs(text: str) -> tuple[tuple[str, int], ...]:
    needs = []
    for need in text.split():
        wanted, _, revision = need.rpartition("@")
        if not wanted or not _number(revision):
            raise ValueError("ce-needs is not a list of <subject>@<revision>")
        needs.append((wanted, int(revision)))
    return tuple(needs)


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19  # noqa: PLR2004 - digits of an int64
