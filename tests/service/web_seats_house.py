"""Pages about seats before the service that keeps them, both in this process: what a browser would see and send."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx
from google.protobuf.json_format import ParseDict
from openchair.meetings.v1 import centre_pb2, group_pb2, meeting_pb2

from services.kit import code
from services.kit.channel import LocalChannel, LocalServer
from services.kit.clock import instant
from services.kit.event import Event, subject
from services.kit.network import reader
from services.kit.reach import Unknown
from services.rsvps.records import PUBLICATIONS
from services.web.app import Web
from services.web.board import CENTRE, MEETING, Board
from services.web.invited import GROUP, Circles
from services.web.page import Pages
from services.web.seats_calls import SeatCalls
from tests.contract.bus_fixtures import LOG

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from tests.service.rsvps_house import House

BASE = "https://chairs.example.org"
PAGE = "/m/tuesday/20261124"
INVITE = "7K3M-QP2X-9TRB-4HVW-8NDC-5JFY-6GZA"


class Desk:
    """A browser before the pages. `reached` False: the service cannot be reached."""

    def __init__(self, house: House) -> None:
        self.house = house
        vouch = house.desk.vouch
        self.server = LocalServer(house.rsvps.services, (), clock=house.clock, network=reader(vouch))
        self.calls = SeatCalls(self._reach, vouch)
        self.others: dict[str, LocalServer] = {}
        self.board, self.circles = Board(), Circles()
        self.reached = self.ready = True
        self.address = "203.0.113.7"

    def _reach(self, service: str) -> Any:
        if not self.reached or service not in self.others | {"rsvps": self.server}:
            raise Unknown(service)
        return LocalChannel(self.others.get(service, self.server))

    async def open(self) -> None:
        """The service answers, and the pages know a centre with a meeting on Tuesdays."""
        await self.server.start()
        centre = {"title": "The House", "timeZone": "America/Edmonton", "crisisLine": "Call 988", "language": "en"}
        self.tell("centre", "house", ParseDict({"name": "centres/house", **centre}, centre_pb2.Centre()))
        self.meeting()

    def meeting(self, id_: str = "tuesday", view: str = "public", **fields: Any) -> None:
        """What the pages hear of a meeting."""
        plain = {
            "name": f"centres/house/meetings/{id_}",
            "title": "Tuesday Group",
            "mode": "MODE_IN_PERSON",
            "state": "MEETING_STATE_ACTIVE",
            "visibility": "VISIBILITY_PUBLIC",
            "venue": {"title": "Church Hall", "address": "1 Main St"},
            "schedule": {
                "start": "2026-11-24T19:00",
                "timeZone": "America/Edmonton",
                "minutes": 60,
                "rule": "FREQ=WEEKLY",
            },
        }
        self.tell("meeting", id_, ParseDict(plain | fields, meeting_pb2.Meeting()), view)

    def group(self) -> None:
        """A group with a code, of which the pages hear."""
        codes = [{"id": "1", "digest": code.digest(INVITE)}]
        known = {"name": "centres/house/groups/owls", "title": "Night Owls", "inviteCodes": codes}
        self.tell("group", "owls", ParseDict(known, group_pb2.Group()), "private")

    def tell(self, kind: str, id_: str, message: Message, view: str = "public") -> None:
        """An event arrives."""
        types = {"centre": CENTRE, "meeting": MEETING, "group": GROUP}
        where = subject("local", view, "meetings", "house", kind, id_)
        now = instant(self.house.clock.now())
        said = Event(where, 1, 1, types[kind], now, message.SerializeToString())
        (self.board if view == "public" else self.circles).apply(said)

    async def follow(self) -> None:
        """The pages take in what the service has published meanwhile."""
        for each in PUBLICATIONS:
            for record in (await self.house.store.find(each.kind, {}, limit=100)).records:
                if each.view == "public" and record.view("public") is not None:
                    self.board.apply(each.event(record, "local"))

    def app(self, base_url: str | None = BASE) -> Any:
        """The pages."""
        return Web(
            Pages(self.board),
            self.house.clock,
            lambda: base_url,
            ready=lambda: self.ready,
            current=lambda: True,
            log=LOG,
            board=self.board,
            circles=self.circles,
            seats=self.calls,
            behind_proxy=True,
        ).app()

    async def ask(self, path: str = PAGE, data: Any = None, **headers: str) -> httpx.Response:
        """A request; with `data` a form that was sent."""
        lines = {"accept-encoding": "identity", "x-forwarded-for": self.address} | {
            key.replace("_", "-"): value for key, value in headers.items()
        }
        transport = httpx.ASGITransport(self.app(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            return await client.request("GET" if data is None else "POST", path, data=data, headers=lines)

    async def keep(self, path: str = PAGE, **fields: Any) -> str:
        """What the first form of the page does; the six words that came back."""
        page = (await self.ask(path)).text
        kept = await self.ask(path, hidden(page) | fields)
        return six(kept.text)


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the first form on a page."""
    form = re.search(r"<form class=\"seat\".*?</form>", page, re.DOTALL)
    assert form is not None, page
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[0]))


def six(page: str) -> str:
    """The six words on a page; "" without."""
    found = re.search(r'<ol class="six">(.*?)</ol>', page, re.DOTALL)
    return " ".join(re.findall(r"<li>(\w+)</li>", found[1])) if found else ""


def title(page: str) -> str:
    """What a page says first."""
    found = re.search(r'<h1 class="name">(.*?)</h1>', page)
    return found[1] if found else ""
