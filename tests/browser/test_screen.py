"""The page for a screen in the room, in a real browser: nobody can scroll there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import async_playwright

from services.web.board import Board
from services.web.page import Pages
from tests.browser.test_seats import CHROMIUM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on PATH: none was found")
LONGEST = ("umbrella", "strategy", "purchase", "universe")
ADDRESS = "https://chairs.example.org/m/9b7800f9-f7d1-4d33-9a1d-5a04852267df/20261121/here"


@pytest.fixture
async def screen() -> AsyncIterator[Page]:
    """A small one, without JavaScript."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = await started.new_context(viewport={"width": 1280, "height": 720}, java_script_enabled=False)
        yield await context.new_page()
        await started.close()


async def test_the_square_and_the_words_are_seen_without_scrolling(screen: Page) -> None:
    page = Pages(Board()).seats("screen.html", at=None, url=f"{ADDRESS}?here=dUqgx4W-O64", typed=ADDRESS, words=LONGEST)
    await screen.set_content(page.body.decode())
    for part in (".qr", ".six"):
        box = await screen.locator(part).bounding_box()
        assert box is not None
        assert (box["width"] > 300, box["y"] + box["height"] <= 720) == (True, True), (part, box)
