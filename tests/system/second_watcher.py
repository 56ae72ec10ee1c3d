"""A service of the tests' own that reacts to what is public: its effect is a commit in its own store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.clock import instant
from services.kit.deployed import alone
from services.kit.host import Plan
from services.kit.reactor import Poison, Reactor
from services.kit.store.port import Audit, Commit, Conflict, Kind, Record
from services.kit.streams import public_stream, subjects_of
from services.meetings.records import PUBLICATIONS

if TYPE_CHECKING:
    from services.kit.clock import Clock
    from services.kit.event import Event
    from services.kit.host import Hosted
    from services.kit.store.port import Store

NAME = "watcher"
EFFECT = "effect"
KNOWN = frozenset(publication.kind for publication in PUBLICATIONS if publication.view == "public")
PATIENCE = 0.6
"""Seconds until the server takes a state from an instance that is silent, and gives it to the other."""


class Hasty(Reactor):
    """One that does not wait long before it tries again."""

    def _delay(self, attempts: int) -> float:
        return super()._delay(attempts) / 100


class Watcher:
    """Keeps the order of the newest state of each subject, with a line in the trail for each that it took."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def handle(self, event: Event) -> None:
        """Commits the effect of a state, once."""
        if event.subject.split(".")[-2] not in KNOWN:
            raise Poison("of no kind that it knows")
        while True:
            before = await self._store.get(EFFECT, effect_of(event.subject))
            if before is not None and order_of(before) >= event.order:
                return
            try:
                await self._store.commit(self._effect(event, before.revision if before else 0))
            except Conflict:
                continue  # the other instance was faster: with the same state, or with another
            return

    def _effect(self, event: Event, revision: int) -> Commit:
        id_, at = effect_of(event.subject), instant(self._clock.now())
        epoch, number = event.order
        state = {"epoch": epoch, "number": number}
        record = Record(EFFECT, id_, revision + 1, {**state}, at, NAME)
        return Commit((record,), audit=(Audit(EFFECT, id_, revision + 1, at, NAME, f"{epoch}:{number}"),))


def effect_of(subject: str) -> str:
    """The id of the effect of a subject's states."""
    return "-".join(subject.split(".")[-2:])


def order_of(effect: Record) -> tuple[int, int]:
    """Of the newest state that had an effect."""
    epoch, number = effect.state["epoch"], effect.state["number"]
    assert isinstance(epoch, int)
    assert isinstance(number, int)
    return epoch, number


async def build(hosted: Hosted) -> None:
    """The reactor."""
    site = hosted.settings.site
    watcher = Watcher(hosted.store, hosted.clock)
    hosted.reactors.append(
        Hasty(
            hosted.bus,
            hosted.store,
            public_stream(site),
            (subjects_of(site, "public", "meetings"),),
            watcher.handle,
            NAME,
            site,
            hosted.clock,
            hosted.log,
            patience=PATIENCE,
            source=hosted.ids.random,
        )
    )


PLAN = Plan(NAME, build, (Kind(EFFECT),), follows=lambda site: (public_stream(site),), reacts=True)

if __name__ == "__main__":
    alone(PLAN)
