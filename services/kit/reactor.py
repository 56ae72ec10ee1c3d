"""A reactor: handles each newer state of what it follows, its effect being a commit in its own store.

Interface only until it is filled in: see `Handle`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from services.kit.event import Event

Handle: TypeAlias = Callable[[Event], Awaitable[None]]
"""Commits the effect of a state, or nothing where it has it already: it is called at least once, in any order of
subjects, and may be given an older state than it has seen. Raises `Poison` for what it can never handle; whatever else
it raises means that it is tried again later."""


class Poison(ValueError):  # noqa: N818 - it says what it is
    """A state that cannot be handled, however often. The text names no person and quotes nothing that people wrote."""


class Reactor:
    """Follows subjects as one of the instances of a service; what cannot be handled goes to the dead letters."""
