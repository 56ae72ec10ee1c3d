"""What a stream holds of a service against what its store knows: what is missing, left over, or from another future.

The database is the truth. A state that it does not know and that is of an older epoch is buried: a tombstone of the
present epoch goes over it. One of the same epoch, or a newer one, means that the database is an older copy of itself,
which nobody can tell but an operator.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec

from services.kit.bus_port import Bus, Delivered, WrongSequence
from services.kit.event import Event, Stored
from services.kit.streams import stream_of, subjects_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from services.kit.publication import Publication
    from services.kit.store.port import Record, Store, View

PAGE = 512
AT_ONCE = 64
CURE = "openchair republish --new-epoch"
MOST_AHEAD = 1000
"""States from another future that are looked for: one of them is reason enough to act."""


class Finding(msgspec.Struct):
    """What a survey of one publication found.

    `missing`: the stream lost something that the store remembers publishing. `strays` are subjects of no view,
    `later` what was published after anything that the store knows of.
    """

    missing: bool = False
    highest: int = 0
    strays: list[str] = []
    later: list[Delivered] = []


class Past:
    """The streams' side of one store's publications. Its methods raise BusUnavailable and what the store raises."""

    def __init__(self, store: Store, bus: Bus, site: str) -> None:
        self._store = store
        self._bus = bus
        self._site = site

    async def survey(self, publication: Publication, last_sequence: int) -> Finding:
        """Goes through all records and all subjects, once; looks closer only at those that do not match."""
        stream = stream_of(self._pattern(publication))
        present = set(await self._bus.subjects(stream, self._pattern(publication)))
        finding, unknown, graves = Finding(), set(present), list[tuple[int, str]]()
        newest = (0, "")
        async for record in self._records(publication.kind):
            view = record.view(publication.view)
            if view is None:
                continue
            subject = publication.subject(record, self._site)
            unknown.discard(subject)
            finding.highest = max(finding.highest, view.sequence)
            if view.sequence and view.digest:
                newest = max(newest, (view.sequence, subject))
                if not finding.missing and (view.sequence > last_sequence or subject not in present):
                    finding.missing = await self._lost(subject, view.sequence)
            elif view.sequence:
                graves.append((view.sequence, subject))
        finding.strays, more = await self._not_found(publication, unknown)
        graves += more
        finding.missing = finding.missing or await self._rewound(newest, graves)
        if finding.highest and not finding.missing:
            finding.later = await self.later(publication, finding.highest, MOST_AHEAD)
            finding.missing = await self.replaced(publication, finding.later)
        return finding

    async def judge(self, publication: Publication, subject: str, epoch: int, at: str) -> str:
        """Buries what is left over from an older epoch; says what is wrong where that does not help, else "".

        The tombstone has revision 0, so that an id that is made again counts from 1.
        """
        last = await self._bus.last(stream_of(subject), subject)
        record = await self._store.get(*_key(subject))  # after the stream: whoever publishes has committed before
        if last is None:
            return ""
        view = record.view(publication.view) if record else None
        if record is not None and view is not None:
            late = isinstance(last, Stored) and last.event.order > (record.epoch, view.revision)
            return _newer(last.event) if late and isinstance(last, Stored) else ""
        if not isinstance(last, Stored) or last.event.epoch < epoch:
            with contextlib.suppress(WrongSequence):  # somebody made it again meanwhile
                await self._bus.publish(Event(subject, epoch, 0, publication.type, at, None), last.sequence)
            return ""
        return "" if last.event.payload is None else _newer(last.event)

    async def judge_all(self, publication: Publication, subjects: Sequence[str], epoch: int, at: str) -> dict[str, str]:
        """What is wrong, by subject."""
        wrong: dict[str, str] = {}
        for start in range(0, len(subjects), AT_ONCE):
            some = subjects[start : start + AT_ONCE]
            reasons = await asyncio.gather(*(self.judge(publication, one, epoch, at) for one in some))
            wrong |= {one: reason for one, reason in zip(some, reasons, strict=True) if reason}
        return wrong

    def _pattern(self, publication: Publication) -> str:
        return pattern(publication, self._site)

    async def _records(self, kind: str) -> AsyncIterator[Record]:
        page = await self._store.find(kind, {}, (), PAGE, None)
        while True:
            for record in page.records:
                yield record
            if page.after is None:
                return
            page = await self._store.find(kind, {}, (), PAGE, page.after)

    async def replaced(self, publication: Publication, found: Sequence[Delivered]) -> bool:
        """Whether one of these stands where we published another state: the stream was set back to another past.

        Twice set back, and the second time to what stood there before the first, it is ahead of all that we know; what
        was published in between is gone, whatever numbers it had.
        """
        for one in found:
            if isinstance(one, Stored) and await self._elsewhere(publication, one):
                return True
        return False

    async def _elsewhere(self, publication: Publication, one: Stored) -> bool:
        """Whether it is not what we published last, and that is gone. Whoever publishes commits before."""
        record = await self._store.get(*_key(one.event.subject))
        view = record.view(publication.view) if record else None
        if record is None or view is None or view.pending or view.sequence == one.sequence:
            return False
        last = await self._bus.last(stream_of(one.event.subject), one.event.subject)
        if not isinstance(last, Stored):
            return False  # a tombstone that outlived itself, or what is published again over it
        if last.event.order == (record.epoch, view.revision):
            return last.sequence != view.sequence
        return last.event.order < (record.epoch, view.revision) or last.sequence < view.sequence

    async def _lost(self, subject: str, sequence: int) -> bool:
        """Another relay may have published it since we asked."""
        last = await self._bus.last(stream_of(subject), subject)
        return last is None or last.sequence < sequence

    async def _rewound(self, newest: tuple[int, str], graves: list[tuple[int, str]]) -> bool:
        """Whether what was published last is gone again: a stream that was set back may have grown since.

        Whoever is set back loses its end, so that one look tells. A tombstone may also have outlived itself.
        """
        for sequence, subject in [*sorted((one for one in graves if one > newest), reverse=True), newest]:
            last = await self._bus.last(stream_of(subject), subject) if sequence else None
            if last is not None:
                return last.sequence < sequence
        return False

    async def _not_found(self, publication: Publication, subjects: set[str]) -> tuple[list[str], list[tuple[int, str]]]:
        """Of subjects that no search leads to: those of no view, and of gone records with their sequences."""
        views = {subject: await self._view(publication, subject) for subject in sorted(subjects)}
        strays = [subject for subject, view in views.items() if view is None]
        return strays, [(view.sequence, subject) for subject, view in views.items() if view is not None]

    async def _view(self, publication: Publication, subject: str) -> View | None:
        """The view that was published there: a record that never had it did not publish it."""
        record = await self._store.get(*_key(subject))
        return record.view(publication.view) if record else None

    async def later(self, publication: Publication, sequence: int, most: int) -> list[Delivered]:
        """What was published above a sequence: up to so many messages, in their order."""
        found: list[Delivered] = []
        where = self._pattern(publication)
        while len(found) < most:
            one = await self._bus.next(stream_of(where), where, sequence)
            if one is None:
                break
            sequence = one.sequence
            found.append(one)
        return found


def pattern(publication: Publication, site: str) -> str:
    """The subjects of a publication."""
    prefix = subjects_of(site, publication.view, publication.service).removesuffix(">")
    return f"{prefix}*.{publication.kind}.*"


def _key(subject: str) -> tuple[str, str]:
    kind, id_ = subject.split(".")[-2:]
    return kind, id_


def _newer(event: Event) -> str:
    return f"the stream holds {event.order}, newer than the store: the database is an older copy ({CURE})"
