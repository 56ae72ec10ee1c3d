"""What a service shows of its records: how a record becomes an event, and an event a message again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, TypeAlias, TypeVar

from google.protobuf.message import DecodeError, Message

from services.kit.clock import instant, moment
from services.kit.event import TOMBSTONE_LIFETIME, Event, subject
from services.kit.store.port import Record

M = TypeVar("M", bound=Message)

Render: TypeAlias = Callable[[Record], Message | None]
Needs: TypeAlias = Callable[[Record], Sequence[tuple[str, str, int]]]


@dataclass(frozen=True)
class Publication:
    """How one view ("public", "private") of one kind of record is published.

    `type` is the full name of the message that `render` makes; None from `render`, and a record that is gone, become a
    tombstone. `scope` names the field of the state that stands in the subject. `needs` lists (kind, id, revision) of
    records of the same scope and view that must be shown first. `lifetime`: seconds that a tombstone is kept.
    """

    kind: str
    view: str
    service: str
    type: str
    render: Render
    scope: str
    needs: Needs | None = None
    lifetime: int = TOMBSTONE_LIFETIME

    def subject(self, record: Record, site: str) -> str:
        """Where the record is published. Raises ValueError for ids that are not url-safe tokens."""
        return self._subject(record, site, self.kind, record.id)

    def event(self, record: Record, site: str) -> Event:
        """The record's view as it is now, with the revision and time of the view.

        Raises ValueError where the record has no such view or the message is not of the declared type.
        """
        view = record.view(self.view)
        if view is None:
            raise ValueError(f"{record.kind} {record.id} has no view {self.view}")
        message = None if record.gone else self.render(record)
        payload = None if message is None else self._stamped(message, record.epoch, view.revision, view.at)
        needs = () if payload is None or self.needs is None else self.needs(record)
        return Event(
            self.subject(record, site),
            record.epoch,
            view.revision,
            self.type,
            view.at,
            payload,
            tuple((self._subject(record, site, kind, id_), revision) for kind, id_, revision in needs),
        )

    def _subject(self, record: Record, site: str, kind: str, id: str) -> str:  # noqa: A002 - named id everywhere
        return subject(site, self.view, self.service, str(record.state[self.scope]), kind, id)

    def _stamped(self, message: Any, epoch: int, revision: int, at: str) -> bytes:
        if message.DESCRIPTOR.full_name != self.type:
            raise ValueError(f"{message.DESCRIPTOR.full_name} rendered, {self.type} declared")
        message.epoch, message.revision = epoch, revision
        if "etag" in message.DESCRIPTOR.fields_by_name:  # of what is written by its etag; readers need none
            message.etag = ""
        message.update_time.FromDatetime(moment(at))
        return bytes(message.SerializeToString(deterministic=True))


class Packed(MutableMapping[str, M]):
    """Messages by name, kept as bytes: a fifth of the space. Each look at one reads it anew, in a few microseconds."""

    def __init__(self, message: type[M]) -> None:
        self._message: Any = message
        self._kept: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> M:
        found: M = self._message.FromString(self._kept[name])
        return found

    def __setitem__(self, name: str, message: M) -> None:
        self._kept[name] = message.SerializeToString()

    def __delitem__(self, name: str) -> None:
        del self._kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, name: object) -> bool:
        return name in self._kept


def body(event: Event, message: type[M]) -> M:
    """The message that an event carries. Raises ValueError where it is none, or disagrees with the event's headers."""
    if event.payload is None or event.type != message.DESCRIPTOR.full_name:
        raise ValueError(f"{event.id} carries no {message.DESCRIPTOR.full_name}")
    try:
        found: Any = message.FromString(event.payload)
    except DecodeError:
        raise ValueError(f"{event.id} cannot be read") from None
    if (found.epoch, found.revision) != event.order or instant(found.update_time.ToDatetime(UTC)) != event.time:
        raise ValueError(f"{event.id} and what it carries disagree")
    result: M = found
    return result
