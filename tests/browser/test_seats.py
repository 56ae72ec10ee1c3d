"""Seats in a real browser as a telephone shows them: 360 pixels wide, JavaScript off, no name.

The whole system is behind the pages. Whoever is there takes a slip, and a separate program finds it genuine.
"""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import pytest
from openchair.meetings.v1 import meeting_pb2
from openchair.meetings.v1 import meeting_service_pb2 as meetings_pb
from openchair.rsvps.v1 import list_rules_pb2
from openchair.rsvps.v1 import rsvp_service_pb2 as pb
from openchair.rsvps.v1.rsvp_service_pb2_grpc import RsvpServiceStub
from playwright.async_api import async_playwright

from scripts import verify_slip
from services.kit.client import RpcError
from tests.system import acts, canaries
from tests.system.running import System, reached, running, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from playwright.async_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on PATH: none was found")

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "java_script_enabled": False}
WIDE = """[...document.querySelectorAll("body *")].filter((each) => each.getBoundingClientRect().right > 361)
  .map((each) => each.outerHTML.slice(0, 80))"""
"""What stands out of the screen: the test's own look at the page, which runs no script itself."""
LONG = "Donaudampfschifffahrtsgesellschaftskapitaenswitwenrente"
ALLERGY, NAME, ON_SLIP = canaries.word(), f"Ann{canaries.word()[:6]}", canaries.word()


class Site(NamedTuple):
    """What the telephones call: a date with many chairs and one with a single chair, both within the hour."""

    system: System
    page: str
    small: str
    date: str
    """The name of the date with many chairs."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("seats"), {"OPENCHAIR_LOG_LEVEL": "debug"}) as system:
        start = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=40)
        names = asyncio.run(_opened(system, start))
        pages = [f"/m/{name.rpartition('/')[2]}/{start:%Y%m%d}" for name in names]
        for page in pages:
            until(lambda page=page: b"Keep my seat" in system.get(page).body, "the page has a form")  # type: ignore[misc]
        yield Site(system, pages[0], pages[1], f"{names[0]}/occurrences/{start:%Y%m%d}")


async def _opened(system: System, start: datetime) -> list[str]:
    """The names of the two meetings, once seats are kept there."""
    async with system.meetings() as stub:
        centre = await acts.create_centre(stub, "oak")
        asked = [_meeting(title, start) for title in ("Tuesday Group", "Small Circle")]
        made = [await stub.CreateMeeting(meetings_pb.CreateMeetingRequest(parent=centre, meeting=one)) for one in asked]
    names = [each.name for each in made]
    async with system.channel() as channel:
        staff = RsvpServiceStub(channel)
        await reached(lambda: _ruled(staff, names), "the meetings are heard of")
    return names


def _meeting(title: str, start: datetime) -> meeting_pb2.Meeting:
    meeting = acts.beginning(title, start)
    if title == "Tuesday Group":
        meeting.mode = meeting_pb2.MODE_HYBRID
        meeting.online.url = f"https://meet.example.org/{LONG}"
        meeting.online.access = meeting_pb2.ONLINE_ACCESS_SEAT_HOLDERS
    return meeting


async def _ruled(staff: RsvpServiceStub, names: list[str]) -> bool:
    choice, text, number = (
        list_rules_pb2.QUESTION_KIND_CHOICE,
        list_rules_pb2.QUESTION_KIND_TEXT,
        list_rules_pb2.QUESTION_KIND_NUMBER,
    )
    rules = list_rules_pb2.ListRules(
        name=f"{names[0]}/listRules",
        mode=list_rules_pb2.RSVP_MODE_OPTIONAL,
        capacity=40,
        party_size=4,
        celebrations=True,
        standing_seats=True,
        organisers=["tester"],
        quotas=[list_rules_pb2.Quota(title="A place for a wheelchair", places=2)],
        questions=[
            list_rules_pb2.Question(title="Do you eat with us?", kind=choice, choices=["Yes", "Yes, vegan", LONG]),
            list_rules_pb2.Question(title="Allergies", kind=text, use=list_rules_pb2.QUESTION_USE_ORGANISER),
            list_rules_pb2.Question(title="Children to be looked after", kind=number, highest=5),
        ],
    )
    small = list_rules_pb2.ListRules(name=f"{names[1]}/listRules", mode=list_rules_pb2.RSVP_MODE_REQUIRED, capacity=1)
    try:
        for each in (rules, small):
            await staff.SetListRules(pb.SetListRulesRequest(list_rules=each))
    except RpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return False
    return True


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium, as it is installed."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        await started.close()


async def phone(browser: Browser, site: Site, page: str) -> Page:
    """A telephone that was never here, before this page."""
    opened = await (await browser.new_context(**PHONE)).new_page()
    await opened.goto(f"http://127.0.0.1:{site.system.http_port}{page}")
    return opened


async def seen(page: Page, folder: Path, name: str, title: str) -> None:
    """What the page says first. Keeps a picture of all of it: as wide as the screen, and nothing stands out of it."""
    assert await page.locator("h1").inner_text() == title
    picture = await page.screenshot(path=folder / f"{name}.png", full_page=True)
    assert int.from_bytes(picture[16:20], "big") == PHONE["viewport"]["width"], name
    assert await page.evaluate(WIDE) == [], name


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def test_a_seat_is_kept_found_on_another_telephone_by_its_words_and_given_back(
    site: Site, browser: Browser, tmp_path: Path
) -> None:
    first = await phone(browser, site, site.page)
    await seen(first, tmp_path, "asked", "Tuesday Group")
    assert "meet.example.org" not in await first.content()
    await first.get_by_label("How many are you").fill("2")
    await first.get_by_label("Yes, vegan").check()
    await first.get_by_label("Allergies").fill(ALLERGY)
    await first.locator("summary", has_text="More, if you like").click()
    await first.get_by_label("A first name to show").fill(NAME)
    await press(first, "Keep my seat")
    await seen(first, tmp_path, "kept", "Your seat is kept")
    six = await first.locator(".six li").all_inner_texts()
    assert len(six) == 6
    assert "meet.example.org" in await first.locator("main").inner_text()

    second = await phone(browser, site, site.page)
    await second.get_by_label("Your six words").fill(" ".join(word[:4].upper() for word in six))
    await press(second, "Show my seat")
    assert await second.locator(".six li").all_inner_texts() == six
    assert "For 2 people" in await second.locator("main").inner_text()
    await second.locator("summary", has_text="What I said").click()
    assert await second.get_by_label("Allergies").input_value() == ALLERGY
    await seen(second, tmp_path, "found", "Your seat is kept")
    await press(second, "Give my seat back")
    await seen(second, tmp_path, "given-back", "Your seat is given back")
    _nowhere_in_a_file(site, {f"words with {sign!r}": sign.join(six) for sign in " -"})


async def test_a_slip_is_taken_printed_and_found_genuine_by_a_program_with_the_public_key_alone(
    site: Site, browser: Browser, tmp_path: Path
) -> None:
    async with site.system.channel() as channel:
        code = await RsvpServiceStub(channel).GetCheckInCode(pb.GetCheckInCodeRequest(name=site.date))
    page = await phone(browser, site, f"{site.page}/here")
    await page.get_by_label("The code that is shown in the room").fill(code.words)
    await press(page, "Check in")
    await seen(page, tmp_path, "checked-in", "You are checked in")
    await page.get_by_label("A name").fill(ON_SLIP)
    async with page.expect_download() as coming:
        await press(page, "Make the slip")
    printed, key = tmp_path / "slip.pdf", tmp_path / "oak.pem"
    await (await coming.value).save_as(printed)
    key.write_text(site.system.command("slip", "keys", "oak").stdout)

    found = verified(key, printed)
    assert (found.returncode, json.loads(found.stdout)["person"]) == (0, ON_SLIP), found.stderr
    genuine = printed.read_bytes()
    for changed in (_with(genuine, person="Somebody Else"), _with(genuine, valid_until="2099-12-31")):
        printed.write_bytes(changed)
        assert verified(key, printed).returncode == 1
    _nowhere_in_a_file(site, {"code": code.words, "token": verify_slip.IN_PDF.findall(genuine)[0].decode()})


def verified(key: Path, slip: Path) -> subprocess.CompletedProcess[str]:
    """The program, beside nothing of this project."""
    program = shutil.copy(verify_slip.__file__, slip.parent / "verify.py")
    command = [sys.executable, "-I", program, key, slip]
    return subprocess.run(
        command, cwd=slip.parent, capture_output=True, text=True, check=False, env={"LANG": "C.UTF-8"}
    )


def _with(pdf: bytes, **other: str) -> bytes:
    """The slip saying something else, under the same signature."""
    (token,) = verify_slip.IN_PDF.findall(pdf)
    head, key, content, signature = token.decode().split(".")
    said = json.loads(base64.urlsafe_b64decode(content + "=="))
    text = json.dumps(said | other, ensure_ascii=False, separators=(",", ":")).encode()
    changed = base64.urlsafe_b64encode(text).decode().rstrip("=")
    return pdf.replace(token, f"{head}.{key}.{changed}.{signature}".encode())


def _nowhere_in_a_file(site: Site, words: dict[str, str]) -> None:
    """Whatever somebody typed or was told stands in no database, stream or log, though all is logged that can be."""
    log = site.system.log.read_text()
    assert "Reserve" in log
    words |= {"answer": ALLERGY, "first name": NAME, "name on a slip": ON_SLIP}
    assert canaries.found(canaries.files(site.system.log.parent), words) == set()


@pytest.mark.slow
async def test_who_waits_is_told_of_other_chairs_asked_when_one_comes_free_and_takes_it(
    site: Site, browser: Browser, tmp_path: Path
) -> None:
    first = await phone(browser, site, site.small)
    await press(first, "Keep my seat")
    await seen(first, tmp_path, "kept", "Your seat is kept")
    second = await phone(browser, site, site.small)
    await second.locator("summary", has_text="More, if you like").click()
    await second.get_by_label("Ask me first").check()
    await press(second, "Keep my seat")
    await seen(second, tmp_path, "waitlisted", "You are on the waitlist")
    assert "Open chairs instead" in await second.locator("main").inner_text()
    six = await second.locator(".six li").all_inner_texts()

    await press(first, "Give my seat back")
    third = await phone(browser, site, site.small)
    await third.get_by_label("Your six words").fill(" ".join(six))
    await press(third, "Show my seat")
    await seen(third, tmp_path, "offered", "A place is free for you")
    await press(third, "Yes, I take it")
    await seen(third, tmp_path, "taken", "Your seat is kept")
