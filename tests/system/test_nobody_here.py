"""Somebody stands there alone, before the whole running system: the button, the alarm, the mark, and the answer."""

from __future__ import annotations

import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from openchair.meetings.v1 import centre_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from tests.system import acts
from tests.system.running import System, running, until

if TYPE_CHECKING:
    from pathlib import Path

UNCONFIRMED = "Unconfirmed: people found nobody there."


def report(system: System, path: str, address: str) -> str:
    """What the button does, from a network of its own; a proxy on this machine says which."""
    url = f"http://127.0.0.1:{system.http_port}{path}"
    body = urlencode({"sure": "1"}).encode()
    request = urllib.request.Request(url, body, {"X-Forwarded-For": address})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
        return str(answer.read().decode())


def page(system: System) -> str:
    return system.get("/centre/door").body.decode()


async def test_from_the_button_to_the_mark_and_back(tmp_path: Path) -> None:
    with running(tmp_path) as system:
        async with system.meetings() as stub:
            centre = await acts.create_centre(stub, "door")
            telephone = centre_pb2.Centre(name=centre, phone="+1 780 555 0100")
            await stub.UpdateCentre(pb.UpdateCentreRequest(centre=telephone))
            start = datetime.now(UTC) + timedelta(minutes=2)
            risers = acts.beginning("Early risers", start)
            meeting = await stub.CreateMeeting(pb.CreateMeetingRequest(parent=centre, meeting=risers))
            path = f"/nobody-here/door/{meeting.name.rpartition('/')[2]}/{start:%Y%m%d}"
            until(lambda: path in page(system), "the button is there")
            first = report(system, path, "203.0.113.7")
            assert "It is noted" in first
            assert "+1 780 555 0100" in first
            report(system, path, "198.51.100.7")
            until(lambda: UNCONFIRMED in page(system), "the mark is shown")
            (doubt,) = (await stub.ListDoubts(pb.ListDoubtsRequest(parent=centre))).doubts
            assert doubt.reports == 2
            await stub.ConfirmOccurrence(pb.ConfirmOccurrenceRequest(name=doubt.occurrence))
            until(lambda: UNCONFIRMED not in page(system), "the mark is gone")
            assert "203.0.113" not in system.said()
