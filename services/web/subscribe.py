"""Addresses to subscribe to, in every form that calendars take them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import segno

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Subscription:
    """One calendar. `google` and `outlook` fetch from their own machines: they need an address that is public.

    `page` is the path of a page about the same ("": there is none).
    """

    address: str
    name: str
    page: str = ""

    @property
    def webcal(self) -> str:
        """What a device's own calendar opens."""
        return "webcal://" + self.address.partition("://")[2]

    @property
    def google(self) -> str:
        """Google Calendar's page that adds it."""
        return "https://calendar.google.com/calendar/r?cid=" + quote(self.webcal, safe="")

    @property
    def outlook(self) -> str:
        """Outlook.com's page that adds it."""
        return (
            "https://outlook.live.com/calendar/0/addfromweb"
            f"?url={quote(self.address, safe='')}&name={quote(self.name, safe='')}"
        )


class Site:
    """The address under which this site is reached, "https://chairs.example.org"; no slash at its end."""

    def __init__(self, base_url: str) -> None:
        self.base = base_url.rstrip("/")
        self.is_local = urlsplit(self.base).hostname in _LOOPBACK

    def centre(self, centre: str, title: str) -> Subscription:
        """Everything that a centre publishes."""
        return Subscription(f"{self.base}/calendars/{centre}.ics", title)

    def meeting(self, centre: str, meeting: str, title: str) -> Subscription:
        """One meeting with all its dates."""
        return Subscription(f"{self.base}/calendars/{centre}/meeting/{meeting}.ics", title)

    def part(self, centre: str, by: str, id: str, title: str) -> Subscription:  # noqa: A002 - named id everywhere
        """A part of what a centre publishes: `by` "room", "fellowship" or "kind"."""
        return Subscription(f"{self.base}/calendars/{centre}/{by}/{id}.ics", title)

    def freebusy(self, centre: str, room: str) -> str:
        """When a room is taken, for programs that plan."""
        return f"{self.base}/freebusy/{centre}/{room}.ifb"

    def guide(self, centre: str) -> str:
        """Its meetings as other sites and apps read them (Meeting Guide)."""
        return f"{self.base}/meeting-guide/{centre}.json"

    def page(self, centre: str) -> str:
        """The centre's own page, at the part about calendars."""
        return f"{self.base}/centre/{centre}#{centre}-calendar"


class InvitedSite(Site):
    """The same for the page of an invite code: there is one calendar, of everything that the code opens."""

    def __init__(self, base_url: str, code: str) -> None:
        super().__init__(base_url)
        self._calendar = Subscription(f"{self.base}/invited/{code}.ics", "My meetings")
        self.discreet = Subscription(f"{self.base}/invited/{code}.ics?discreet=1", "Calendar")
        """The same, saying nothing of what it is about."""

    def centre(self, centre: str, title: str) -> Subscription:
        """Everything that the code opens."""
        del centre, title
        return self._calendar

    def meeting(self, centre: str, meeting: str, title: str) -> Subscription:
        """The same: what is not public has no calendar of its own."""
        del centre, meeting, title
        return self._calendar


@functools.lru_cache(64)
def qr(text: str) -> str:
    """A QR code (ISO/IEC 18004) as an SVG element; black on white, also where the page is dark."""
    code = segno.make(text, error="m", micro=False)
    svg: str = code.svg_inline(
        scale=4, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True
    )
    return svg
