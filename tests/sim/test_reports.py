"""A reader's report from the web service to another one, over the transport inside the simulation."""

from __future__ import annotations

import random
from datetime import timedelta

from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.web.reports import COUNTED, Reports
from tests.sim.history import History
from tests.sim.loop import SimLoop, run
from tests.sim.site import START, Site
from tests.system.acts import create_centre, weekly


def test_web_reaches_meetings_as_somebody_without_a_token() -> None:
    chance = random.Random(7)  # noqa: S311 - seeded on purpose

    async def main(loop: SimLoop) -> None:
        site = Site(loop, chance)
        history = History(site)
        await site.start()
        centre = await create_centre(history.stub, "house")
        meeting = weekly("Early risers", f"{START + timedelta(minutes=5):%Y-%m-%dT%H:%M}")
        meeting.schedule.time_zone = "UTC"
        made = await history.stub.CreateMeeting(pb.CreateMeetingRequest(parent=centre, meeting=meeting))
        (web,) = site.of("web")
        assert web.host is not None
        assert web.process is not None
        host = web.host
        reports = Reports(lambda: host.reach.to("meetings"), b"s" * 32)
        name = f"{made.name}/occurrences/{START:%Y%m%d}"
        told = await web.process.run(reports.nobody_here(name, "203.0.113.0/24"))
        assert told.outcome == COUNTED
        unknown = await web.process.run(reports.nobody_here(f"{centre}/meetings/none/occurrences/20261121", ""))
        assert unknown.outcome == "NOT_FOUND"
        (doubt,) = (await history.stub.ListDoubts(pb.ListDoubtsRequest(parent=centre))).doubts
        assert doubt.reports == 1

    run(main, chance)
