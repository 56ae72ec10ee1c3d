"""The law that every index over leaves has to obey, for the test of each `Shape`."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from services.kit.leaves import Shape
    from services.kit.store.port import Record

I = TypeVar("I")  # noqa: E741 - an index


def obeys(shape: Shape[I], leaves: Sequence[Record], seen: Callable[[I], object], seed: int = 1) -> None:
    """Asserts that an index depends on nothing but which leaves are in it, whatever was put and removed before.

    `seen` makes of an index what can be compared: everything that a decision may look at.
    """
    source = random.Random(seed)  # noqa: S311 - the same order in every run
    inside: dict[str, Record] = {}
    index = shape.empty("head")
    for leaf in source.choices(leaves, k=4 * len(leaves)):
        if leaf.id in inside:
            shape.remove(index, inside.pop(leaf.id))
        else:
            shape.put(index, leaf)
            inside[leaf.id] = leaf
        afresh = shape.empty("head")
        for other in source.sample(list(inside.values()), len(inside)):
            shape.put(afresh, other)
        assert seen(index) == seen(afresh), f"after {leaf.id}"
