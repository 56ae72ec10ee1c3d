"""What the methods work with: the store, the heads, the secrets, and how an occurrence's list is found."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.kit.clock import instant
from services.kit.heads import Heads
from services.kit.vouch import Vouch
from services.rsvps.budgets import Budgets
from services.rsvps.lists import SHAPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.kit.clock import Clock, Ids
    from services.kit.paging import Pages
    from services.kit.store.port import Store
    from services.rsvps.keys import Secrets


@dataclass
class Desk:
    """What the methods work with."""

    store: Store
    clock: Clock
    ids: Ids
    pages: Pages
    secrets: Secrets
    wake: Callable[[], None] = lambda: None
    alone: bool = False
    """Whether nobody else writes this store."""
    budgets: Budgets = field(default_factory=Budgets)
    vouch: Vouch = field(default_factory=Vouch)

    def now(self) -> str:
        """The present instant, as it is stored."""
        return instant(self.clock.now())

    @functools.cached_property
    def heads(self) -> Heads:
        """The guest lists and their seats, for whoever decides about them."""
        return Heads(self.store, self.clock, self.ids, (SHAPE,))
