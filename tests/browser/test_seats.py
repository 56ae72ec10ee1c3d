"""Pages about seats in a real browser as a telephone shows them: 360 pixels wide, JavaScript off, no name."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import async_playwright

from services.kit.http import HttpServer
from services.rsvps.types import Question, QuestionKind, Quota, Use, Where
from tests.service.web_seats_house import PAGE, Desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser, Page

    from tests.service.rsvps_house import House

pytest_plugins = ["tests.service.rsvps_house"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on PATH: none was found")

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "java_script_enabled": False}
WIDE = """[...document.querySelectorAll("body *")].filter((each) => each.getBoundingClientRect().right > 361)
  .map((each) => each.outerHTML.slice(0, 80))"""
"""What stands out of the screen: the test's own look at the page, which runs no script itself."""
LONG = "Donaudampfschifffahrtsgesellschaftskapitaenswitwenrente"
QUESTIONS = (
    Question(id="diet", title="Do you eat with us?", kind=QuestionKind.CHOICE, choices=("Yes", "Yes, vegan", LONG)),
    Question(id="allergy", title="Allergies", kind=QuestionKind.TEXT, use=Use.ORGANISER),
    Question(id="children", title="Children to be looked after", kind=QuestionKind.NUMBER, lowest=0, highest=5),
)


@pytest.fixture
async def site(alone: House) -> AsyncIterator[str]:
    """The pages at an address of this machine, before the service that keeps the seats."""
    rules: dict[str, Any] = {"questions": QUESTIONS, "party_size": 4, "celebrations": True, "cut_off_minutes": 120}
    await alone.rules(capacity=2, standing_seats=True, quotas=(Quota("ramp", "A place for a wheelchair", 2),), **rules)
    await alone.part(ways=(Where.ROOM, Where.ONLINE))
    desk = Desk(alone)
    await desk.open()
    desk.meeting(mode="MODE_HYBRID", online={"access": "ONLINE_ACCESS_SEAT_HOLDERS"}, notes=LONG)
    server = HttpServer(desk.app(None), "127.0.0.1", 0)
    yield f"http://127.0.0.1:{await server.start()}"
    await server.stop()
    await desk.server.stop(0)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium, as it is installed."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        await started.close()


async def phone(browser: Browser) -> Page:
    """A telephone that was never here."""
    return await (await browser.new_context(**PHONE)).new_page()


async def seen(page: Page, folder: Path, name: str) -> None:
    """Keeps a picture of the whole page: it is as wide as the screen, and nothing stands out of it."""
    picture = await page.screenshot(path=folder / f"{name}.png", full_page=True)
    assert int.from_bytes(picture[16:20], "big") == PHONE["viewport"]["width"], name
    assert await page.evaluate(WIDE) == [], name


async def test_a_seat_is_kept_found_on_another_telephone_by_its_words_and_given_back(
    site: str, browser: Browser, tmp_path: Path
) -> None:
    first = await phone(browser)
    await first.goto(f"{site}{PAGE}")
    await seen(first, tmp_path, "asked")
    await first.get_by_label("How many are you").fill("2")
    await first.get_by_label("Yes, vegan").check()
    await first.get_by_label("Allergies").fill("Nuts")
    await first.get_by_role("button", name="Keep my seat").click()
    assert await first.locator("h1").inner_text() == "Your seat is kept"
    await seen(first, tmp_path, "kept")
    six = await first.locator(".six li").all_inner_texts()
    assert len(six) == 6

    second = await phone(browser)
    await second.goto(f"{site}{PAGE}")
    await second.get_by_label("Your six words").fill(" ".join(word[:4].upper() for word in six))
    await second.get_by_role("button", name="Show my seat").click()
    assert await second.locator(".six li").all_inner_texts() == six
    assert "For 2 people" in await second.locator("main").inner_text()
    await second.locator("summary", has_text="What I said").click()
    assert await second.get_by_label("Allergies").input_value() == "Nuts"
    await seen(second, tmp_path, "found")
    await second.get_by_role("button", name="Give my seat back").click()
    assert await second.locator("h1").inner_text() == "Your seat is given back"
    await seen(second, tmp_path, "given-back")


@pytest.mark.slow
async def test_a_full_date_has_a_waitlist_and_names_other_chairs(site: str, browser: Browser, tmp_path: Path) -> None:
    for title in ("Your seat is kept", "Your seat is kept", "You are on the waitlist"):
        page = await phone(browser)
        await page.goto(f"{site}{PAGE}")
        await page.get_by_role("button", name="Keep my seat").click()
        assert await page.locator("h1").inner_text() == title
    assert "Open chairs instead" in await page.locator("main").inner_text()
    await seen(page, tmp_path, "waitlisted")
