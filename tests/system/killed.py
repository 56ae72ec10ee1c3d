"""Openchair in a process that ends itself, by kill -9, when it comes to a named point of the way of a change.

    python -m tests.system.killed                everything, and a service beside it that reacts (`follower`)
    python -m tests.system.killed restore ...    the command `openchair restore ...`

KILL_AT says where: "relay.publish:3" is the third time that it comes to that point. While everything runs, a GET of
/kill/relay.publish/3 says so too, counted from then on.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from services import everything
from services.cli import __main__ as command
from services.kit import points
from services.kit.embedded import Embedded
from services.kit.http import respond_text
from services.kit.process import Process, main
from services.plans import PLANS
from tests.system import follower

if TYPE_CHECKING:
    from services.kit.clock import Clock, Ids
    from services.kit.host import Hosted
    from services.kit.http import Receive, Scope, Send
    from services.kit.logs import Log
    from services.kit.settings import Settings


class Killer:
    """Ends this process at the nth time that it comes to a point, in whichever thread that is."""

    def __init__(self, at: str) -> None:
        point, _, nth = at.partition(":")
        self._point, self._left = point, int(nth or 1)
        self._lock = threading.Lock()

    def arm(self, point: str, nth: int) -> None:
        """From here on it is the nth time that counts."""
        with self._lock:
            self._point, self._left = point, nth

    def reached(self, point: str) -> None:
        """The process has come there."""
        with self._lock:
            if point == self._point:
                self._left -= 1
                if self._left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

    async def app(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """GET /kill/<point>/<nth>."""
        _, _, point, nth = scope["path"].split("/")
        self.arm(point, int(nth))
        await respond_text(send, 200, "It will be.")


KILLER = Killer(os.environ.get("KILL_AT", ""))


def make(settings: Settings, clock: Clock, ids: Ids, log: Log) -> Process:
    """The whole system and the follower."""

    async def build(hosted: Hosted) -> None:
        await follower.build(hosted)
        hosted.mounts["/kill"] = KILLER.app

    plans = (*PLANS, follower.plan(build))
    return Process(plans, Embedded(settings, clock, ids, log), settings, clock, ids, log)


if __name__ == "__main__":
    points.listen(KILLER.reached)
    if sys.argv[1:]:
        command.main(sys.argv[1:])
    else:
        main(make, everything.welcome, everything.refuse)
