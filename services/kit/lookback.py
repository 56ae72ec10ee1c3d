"""The relay's look back: whether streams still are what they were, and what in them should not be there.

It remembers how far each stream was; one that was made anew, or is behind that, has lost its past, and all is marked
to be published again. What should not be in a stream is kept by subject, with the reason, until it is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from services.kit.bus_port import BusUnavailable
from services.kit.clock import instant
from services.kit.event import Malformed, Stored
from services.kit.past import Past, pattern
from services.kit.streams import matches, stream_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from structlog.typing import FilteringBoundLogger

    from services.kit.bus_port import Bus, Delivered
    from services.kit.clock import Clock
    from services.kit.publication import Publication
    from services.kit.store.port import Record, Store, View
    from services.kit.streams import StreamState

STEPS = 256
"""Messages that one look at a stream goes through, in search of what does not belong there."""

MOST = 100
"""Subjects that one look goes through, of those that were strange before: the others have their turn next."""

Mend: TypeAlias = "Callable[[Publication, Record, View], Awaitable[None]]"


class Lookback:
    """Looks back at the streams of one store's publications. `run` it where `wanted`.

    `mend` publishes a view over what is no event. `marked` is called when everything was marked to be published again.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        publications: Iterable[Publication],
        site: str,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        mend: Mend,
        marked: Callable[[], None],
    ) -> None:
        self._store = store
        self._bus = bus
        self._publications = tuple(publications)
        self._site = site
        self._clock = clock
        self._log = log
        self._mend = mend
        self._marked = marked
        self._past = Past(store, bus, site)
        self._pasts: dict[str, tuple[str, int]] = {}
        self._doubted: set[str] = set()
        self._surveyed: int | None = None
        self._walked: dict[tuple[str, str], int] = {}
        self._behind: dict[tuple[str, str], tuple[int, int]] = {}  # of what stood there first: done so far, its end
        self.strange: dict[str, str] = {}
        """What should not be in a stream, and why, by subject."""
        self.wanted = True
        """Whether there is reason to look."""

    def begin_again(self) -> None:
        """The next look compares everything with the store."""
        self._surveyed, self.wanted = None, True

    def doubt(self, stream: str) -> None:
        """It was set back, and may have grown beyond where it was: more may be gone."""
        self._doubted.add(stream)
        self.wanted = True

    def reached(self, stream: str) -> int:
        """The last sequence known of a stream; 0: nothing is known."""
        return self._pasts.get(stream, ("", 0))[1]

    def saw(self, stream: str, sequence: int) -> None:
        """The stream has got that far."""
        created, last = self._pasts.get(stream, ("", 0))
        self._pasts[stream] = (created, max(last, sequence))

    async def run(self) -> None:
        """Marks everything again where a stream lost its past; tells and mends what should not be there.

        Raises BusUnavailable and what the store raises; then it is still wanted.
        """
        surveyed, self.wanted = self._surveyed, False  # before: a connection made meanwhile wants another look
        epoch = self._surveyed = await self._store.epoch()
        try:
            for name, publications in self._by_stream().items():
                await self._look_at(name, publications, epoch, due=surveyed != epoch)
        except BaseException:
            self._surveyed, self.wanted = None if surveyed != epoch else self._surveyed, True
            raise

    async def _look_at(self, name: str, publications: Sequence[Publication], epoch: int, *, due: bool) -> None:
        doubted = name in self._doubted
        state = await self._bus.stream(name)
        if state is None:
            raise BusUnavailable(f"there is no stream {name}")
        missing = await self._survey(publications, state.last_sequence, epoch, due=due)
        if doubted or missing or self._lost(name, state):
            count = await self._store.remark()
            self._marked()
            self._walked |= {
                (one.kind, one.view): 0 for one in publications
            }  # numbers begin again, or were given twice
            self._log.warning("the stream lost its past: publishing everything again", stream=name, records=count)
        # last: until all is marked the loss is not dealt with
        self._pasts[name] = (state.created, state.last_sequence)
        if doubted:
            self._doubted.discard(name)

    def _by_stream(self) -> dict[str, list[Publication]]:
        found: dict[str, list[Publication]] = {}
        for one in self._publications:
            found.setdefault(stream_of(pattern(one, self._site)), []).append(one)
        return dict(sorted(found.items()))

    def _lost(self, name: str, state: StreamState) -> bool:
        created, last = self._pasts.get(name, (state.created, 0))
        return created != state.created or state.last_sequence < last

    async def _survey(self, publications: Sequence[Publication], last_sequence: int, epoch: int, *, due: bool) -> bool:
        """Compares all with the store where it is due, else what is new and what was strange. Is something missing?"""
        missing = False
        for one in publications:
            key = (one.kind, one.view)
            first: Sequence[Delivered] = ()
            subjects = [subject for subject in self.strange if matches(pattern(one, self._site), subject)]
            if due:
                finding = await self._past.survey(one, last_sequence)
                missing |= finding.missing
                ahead = [found.event.subject for found in finding.later if isinstance(found, Stored)]
                subjects = [*subjects, *finding.strays, *ahead]
                before = self._walked.get(key)  # what came since may stand before what we published
                again = before is not None and before < last_sequence
                later = await self._past.later(one, before or 0, STEPS) if again else finding.later
                if before is None:
                    self._behind[key] = (0, finding.highest)
            else:
                walked = min(last_sequence, self._walked.get(key, last_sequence))
                first, later = await self._first(one), await self._past.later(one, walked, STEPS)
                subjects = [*subjects[:MOST], *_foreign([*first, *later], epoch)]
                missing |= await self._past.replaced(one, [*first, *later])
            self._tell(subjects, await self._past.judge_all(one, subjects, epoch, instant(self._clock.now())))
            await self._mend_all(one, [found.subject for found in (*first, *later) if isinstance(found, Malformed)])
            self._walked[key] = later[-1].sequence if later else last_sequence
            if first:
                self._behind[key] = (first[-1].sequence, self._behind[key][1])
        return missing

    async def _first(self, publication: Publication) -> list[Delivered]:
        """The next of what stood there when we began: it may have been written over before anybody looked."""
        at, end = self._behind.get((publication.kind, publication.view), (0, 0))
        return await self._past.later(publication, at, STEPS) if at < end else []

    async def _mend_all(self, publication: Publication, subjects: Sequence[str]) -> None:
        """Publishes again what somebody wrote over with something that is no event."""
        for subject in subjects:
            kind, id_ = subject.split(".")[-2:]
            record = await self._store.get(kind, id_)
            view = record.view(publication.view) if record else None
            if record is not None and view is not None:
                self._log.error("somebody else wrote to a subject of ours: publishing it again", subject=subject)
                await self._mend(publication, record, view)

    def _tell(self, subjects: Sequence[str], wrong: dict[str, str]) -> None:
        """Keeps and logs what is wrong now, and forgets what was."""
        for subject in subjects:
            before = self.strange.pop(subject, "")
            if subject in wrong:
                self.strange[subject] = wrong[subject]
                if before != wrong[subject]:
                    self._log.error("should not be in the stream", subject=subject, reason=wrong[subject])


def _foreign(later: Sequence[Delivered], epoch: int) -> list[str]:
    """Subjects of what none of us can have published in this epoch: somebody else, or one of us that did not know."""
    events = [found for found in later if isinstance(found, Stored)]
    malformed = [found.subject for found in later if isinstance(found, Malformed)]
    return [*malformed, *(found.event.subject for found in events if found.event.epoch < epoch)]
