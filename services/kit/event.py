"""What travels on the bus: the whole state of one aggregate's view at one revision."""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, frozen=True):
    """A state, not a happening. Ordered by (epoch, revision); `payload` None is a tombstone.

    Subject: openchair.<site>.<public|private>.<service>.<scope>.<kind>.<id>. CloudEvents 1.0, binary mode: `id` is
    "<subject>:<epoch>:<revision>", `type` the full name of the payload's message. `needs` are subjects with the revision
    each must have reached before this event may be shown ("a cut series and its continuation").
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
    """An event as it stands in a stream."""

    event: Event
    sequence: int
    pending: int = 0


def subject(site: str, view: str, service: str, scope: str, kind: str, id: str) -> str:  # noqa: A002
    """The subject of one aggregate's view. Raises ValueError for a token that is not url-safe."""
    tokens = (site, view, service, scope, kind, id)
    for token in tokens:
        if not token or not token.replace("-", "").replace("_", "").isalnum() or not token.isascii():
            raise ValueError(f"{token!r} cannot stand in a subject")
    return ".".join(("openchair", *tokens))
