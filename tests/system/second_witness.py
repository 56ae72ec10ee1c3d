"""What no process may do at any time, however it ends: take in a state that is no newer than one it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.kit.event import Event
    from services.kit.projection import Projection


class Witness:
    """Sees what projections apply. `wrong`: what should not have been."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def watch(self, name: str, projection: Projection) -> None:
        """From now on; until then it has applied nothing."""
        apply, reset, orders = projection._apply, projection._reset, dict[str, tuple[int, int]]()

        def applied(event: Event) -> None:
            before = orders.get(event.subject)
            if before is not None and event.order <= before:
                self.wrong.append(f"{name} took in {event.subject} at {event.order} after {before}")
            orders[event.subject] = event.order
            apply(event)

        def forgot() -> None:
            orders.clear()
            reset()

        projection._apply, projection._reset = applied, forgot
