"""All services, their stores and a nats-server in one process: what `make run` starts.

The same services and contracts as anywhere else; only the engines are embedded: SQLite and a supervised nats-server
under the data folder, which this process owns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.embedded import Embedded
from services.kit.process import Process, main
from services.plans import PLANS

if TYPE_CHECKING:
    from services.kit.clock import Clock, Ids
    from services.kit.logs import Log
    from services.kit.settings import Settings


def make(settings: Settings, clock: Clock, ids: Ids, log: Log) -> Process:
    """The whole system."""
    return Process(PLANS, Embedded(settings, clock, ids, log), settings, clock, ids, log)


def welcome(system: Process, settings: Settings, seconds: float) -> str:
    """What a person sees first."""
    base = settings.public_url or system.address
    sample = "   (the sample: riverside)" if settings.development else ""
    lines = [
        f"Openchair is ready ({seconds:.1f} s). Ctrl-C stops it.",
        "",
        f"  Meetings, and how to subscribe   {base}/",
        f"  Calendar of a centre             {base}/calendars/<centre>.ics{sample}",
        f"  gRPC                             {settings.host}:{system.grpc_port}",
        f"  Data                             {settings.data.resolve()}",
    ]
    if settings.public_url is None:
        lines += ["", "  These addresses work on this machine only: set OPENCHAIR_PUBLIC_URL for others to reach it."]
    return "\n".join(lines)


def refuse(settings: Settings) -> list[str]:
    """This process brings its own engines; it does not silently leave out what was asked for."""
    return [
        f"{key}: everything in one process runs on its own engines; leave it out"
        for key, value in (("MONGODB_URL", settings.mongodb_url), ("NATS_URL", settings.nats_url))
        if value
    ]


if __name__ == "__main__":
    main(make, welcome, refuse)
