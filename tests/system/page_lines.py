"""What a page of the week says takes place, read from its HTML: each date with its title and what is special on it."""

from __future__ import annotations

import html
import re
from datetime import datetime
from typing import NamedTuple

_LINE = re.compile(r'<li class="line ([^"]*)" id="([^"]*)">(.*?)(?=<li class="line |</section>)', re.DOTALL)
_TITLE = re.compile(r"<h[3-5]>(.*?)</h[3-5]>", re.DOTALL)
_START = re.compile(r'<time datetime="([^"]+)">')
_SPECIAL = re.compile(r'<p class="special"><strong>(.*?)</strong>', re.DOTALL)
_OFF = frozenset({"cancelled", "away"})


class PageLine(NamedTuple):
    """One date on a page: its start in UTC, the programmes of that day, and whether it is held."""

    start: datetime
    title: str
    special: frozenset[str]
    is_on: bool


def page_lines(page: str) -> list[PageLine]:
    """Every date that stands on the page, in its order; what is closed for now has none."""
    found = []
    for words, _, body in _LINE.findall(page):
        start, title = _START.search(body), _TITLE.search(body)
        assert start, body
        assert title, body
        special = frozenset(map(html.unescape, _SPECIAL.findall(body)))
        is_on = not _OFF & set(words.split())
        found.append(PageLine(datetime.fromisoformat(start[1]), html.unescape(title[1]), special, is_on))
    return found


def from_tomorrow(page: str) -> str:
    """The page without the section of today, which changes from one minute to the next."""
    before, _, rest = page.partition('<section class="day"')
    _, there, later = rest.partition('<section class="day"')
    assert there
    return before + later
