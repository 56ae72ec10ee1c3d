"""Pages in a real browser, 320 CSS pixels wide (WCAG 2.2, 1.4.10): nothing is to be scrolled sideways, all is tappable.

The page stands in a frame of that width, since a browser without a screen is never narrower than 500 pixels.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from openchair.meetings.v1 import centre_pb2

from services.recurrence.wire import parse_key
from services.web.nobody import Standing
from services.web.page import Pages
from services.web.reports import Told
from services.web.subscribe import Site
from services.web.week import one
from tests.unit.test_web_room import INSIDE, booking, place, room
from tests.unit.web_examples import NOON, board, centre_event, closure, event, meeting_event

if TYPE_CHECKING:
    from pathlib import Path

    from services.web.board import Board
    from services.web.page import Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on PATH: none was found")

LONG = "Donaudampfschifffahrtsgesellschaftskapitaenswitwenrentenversicherung" * 3
ADDRESS = f"https://{'long' * 12}.example.org/{'a' * 300}"
MEASURE = """
const frame = document.getElementById("page");
frame.onload = () => {
  const page = frame.contentDocument, width = page.documentElement.clientWidth;
  const shown = [...page.querySelectorAll("body *")].filter((each) => each.getBoundingClientRect().width);
  const wide = shown.filter((each) => each.getBoundingClientRect().right > width + 1);
  const low = shown.filter((each) => each.matches("a,button,summary,input")
    && getComputedStyle(each).display !== "inline" && each.getBoundingClientRect().height < 24);
  const said = { width, scroll: page.documentElement.scrollWidth, wide: wide.map((each) => each.outerHTML.slice(0, 60)),
    low: low.map((each) => each.outerHTML.slice(0, 60)), count: shown.length };
  document.body.innerText = "measured " + JSON.stringify(said) + " end";
};
"""


def measured(folder: Path, page: str) -> dict[str, Any]:
    """What a browser makes of it: all that is folded is open."""
    framed = html.escape(page.replace("<details", "<details open"))
    file = folder / "page.html"
    frame = f'<iframe id="page" style="width:320px;border:0" srcdoc="{framed}"></iframe>'
    file.write_text(f"<!doctype html><meta charset=utf-8><body>{frame}<script>{MEASURE}</script>")
    assert CHROMIUM is not None
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'browser'}", "--dump-dom"]
    done = subprocess.run(
        [CHROMIUM, *options, "--virtual-time-budget=5000", file.as_uri()], capture_output=True, check=True, timeout=120
    )
    found = re.search("measured (.*) end", html.unescape(done.stdout.decode()))
    assert found is not None, done.stderr.decode()[-2000:]
    said: dict[str, Any] = json.loads(found[1])
    return said


def house() -> Board:
    """A centre with long words in everything that is shown of it."""
    fields: dict[str, Any] = {
        "title": LONG,
        "notes": f"{LONG}\n{LONG}",
        "group": LONG,
        "firstVisit": LONG,
        "cost": LONG,
        "website": ADDRESS,
        "mode": "MODE_HYBRID",
        "online": {"access": "ONLINE_ACCESS_PUBLIC", "url": ADDRESS, "phone": "+1 780 555 0100,,123456789#"},
        "venue": {"title": LONG, "address": LONG, "rooms": [LONG], "notes": LONG, "mapUrl": ADDRESS},
        "programmes": [{"weeks": [1, 2, 3, 4, 5], "title": LONG, "notes": LONG}],
    }
    sessions = [
        {"id": f"s{n}", "title": LONG, "day": n, "time": "10:00", "minutes": 60, "roomTitles": [LONG], "notes": LONG}
        for n in (1, 2)
    ]
    made = board(
        meeting_event("now", "2026-11-24T12:00", "FREQ=DAILY", **fields),
        meeting_event("retreat", "2026-11-25T09:00", minutes=3000, sessions=sessions, **fields),
        meeting_event("off", "2026-11-25T09:00", changes=[{"date": "2026-11-25", "cancelled": True, "reason": LONG}]),
        closure(reason=LONG),
        place(title=LONG, address=LONG),
        room(title=LONG, publicBusy=True, equipment=[LONG], accessibility=[LONG], photos=[ADDRESS]),
        meeting_event("held", "2026-11-25T09:00", "FREQ=DAILY", **INSIDE | {"title": LONG}),
        booking("b", "2026-11-25T22:00", 60 * 28),
    )
    made.apply(centre_event(2, title=LONG, description=LONG, crisisLine=f"Call 988 {LONG}", phone="+1 780 555 0100"))
    return made


def pages(shown: Board) -> dict[str, Page | None]:
    """The same as everybody sees it, as holders of a code do, and for whoever stands there alone."""
    made, oak, base = Pages(shown), shown.boards["oak"], "https://chairs.example.org"
    key = parse_key("20261124")
    line = one("oak", oak, Site(base), NOON, ("now", key), others=oak)
    assert oak.centre is not None
    assert line is not None
    asked = {"heading": "Is nobody here?", "text": "", "call": oak.centre.phone, "crisis_line": oak.centre.crisis_line}
    return {
        "week": made.week(base, NOON),
        "invited": made.invited(base, NOON, LONG, oak, "0" * 28, centre="oak", current=True),
        "nobody": made.nobody(at=Standing("oak", oak.centre, line, "", ""), told=Told("asked"), **asked),
        "code": made.asking(missed=True),
        "room": made.room(base, NOON, "oak", "hall"),
    }


@pytest.mark.parametrize("name", ["week", "invited", "nobody", "code", "room"])
def test_nothing_needs_scrolling_sideways_and_all_can_be_tapped(tmp_path: Path, name: str) -> None:
    shown = house()
    other = centre_pb2.Centre(name="centres/elm", title=LONG, time_zone="America/Denver")
    shown.apply(event("centre", "elm", other.SerializeToString(), centre="elm"))
    page = pages(shown)[name]
    assert page is not None
    seen = measured(tmp_path, page.body.decode())
    assert (seen["wide"], seen["low"]) == ([], [])
    assert seen["scroll"] == seen["width"]
    assert seen["count"] > 10
