"""A word and a reminder are put into sheets that were rendered once: what comes out is what rendering gives."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st
from openchair.meetings.v1 import meeting_pb2

from services.feeds import shelf
from services.feeds.dress import dressed, undressed
from services.feeds.filters import LONGEST_WORD, NEUTRAL, Filter, parse
from services.feeds.manner import Manner
from services.feeds.picking import Wish
from services.feeds.series import horizon
from services.feeds.text import line
from services.feeds.vevent import render
from tests.unit.feeds_examples import CENTRE, NOON, Feeds, meeting
from tests.unit.feeds_shapes import changed, programmes, retreat

if TYPE_CHECKING:
    import pytest

FEED = f"/calendars/{CENTRE}.ics"
MANY = 10_000 if os.environ.get("OPENCHAIR_GATE") == "1" else 2_000
"""Filters: more than any cache keeps."""


def shapes() -> list[meeting_pb2.Meeting]:
    """On, cancelled, unconfirmed, with an agenda, and with text that looks like what stands in."""
    sly = meeting(9, title=f"x\r\nSUMMARY:{NEUTRAL}\r\nTRIGGER:P0D")
    sly.notes = f"{'x' * 60}\nDESCRIPTION:{NEUTRAL}\nTRIGGER:P0D\n"
    sly.venue.address = f"7 Main St \\nSUMMARY:{NEUTRAL}"
    doubted = changed(meeting(1), "2026-12-08", unconfirmed=True)
    return [
        changed(doubted, "2026-12-15", cancelled=True),
        meeting(2, state=meeting_pb2.MEETING_STATE_CANCELLED),
        meeting(3, title=NEUTRAL),
        retreat(4),
        sly,
        next(iter(programmes().values())),
    ]


def manner(wanted: Filter) -> Manner:
    return Manner(horizon(NOON.date()), house="Alano Club", phone="1").wished(wanted)


@settings(max_examples=25, deadline=None)
@given(
    word=st.text(max_size=LONGEST_WORD).map(line),
    alarm=st.none() | st.integers(0, int(timedelta(days=7).total_seconds())),
    cancelled=st.booleans(),
)
@example(word="Cancelled: Appointment", alarm=None, cancelled=True)
@example(word="Unconfirmed: Appointment", alarm=0, cancelled=True)
@example(word="\\g<1>\\1;,\u2603" + "\U0001f9d8" * 30, alarm=90, cancelled=True)
def test_a_dressed_sheet_is_the_sheet_that_is_rendered_so(word: str, alarm: int | None, *, cancelled: bool) -> None:
    wanted = Filter(word=word, alarm=-1 if alarm is None else alarm, cancelled=cancelled)
    bare = undressed(Wish(filter=wanted))
    for one in shapes():
        sheet = render(one, manner(bare.filter), bare)
        assert dressed(sheet.body, wanted) == render(one, manner(wanted), Wish(filter=wanted)).body


async def test_another_word_and_another_reminder_render_nothing_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    feeds = Feeds(*map(meeting, range(20)))
    await feeds.get(FEED, query=b"discreet=Yoga&alarm=PT1H")
    rendered = []
    monkeypatch.setattr(shelf, "render", lambda *asked: rendered.append(asked))
    answer = await feeds.get(FEED, query=b"discreet=Choir&alarm=PT5M")
    assert (answer.body.count(b"SUMMARY:Choir\r\n"), answer.body.count(b"TRIGGER:-PT5M\r\n")) == (20, 20)
    assert rendered == []


async def test_thousands_of_different_filters_leave_little_behind() -> None:
    feeds = Feeds(meeting())
    feeds.app._filtered._limit = 256 * 1024
    queries = (f"day={n % 7 + 1}&type=t{n}&discreet=w{n}&alarm=PT{n}S".encode() for n in range(MANY))
    for query in queries:
        assert (await feeds.get(FEED, query=query)).status == 200
    kept, made = feeds.app._filtered, feeds.app._shelves[CENTRE]._cuts
    assert len(kept) <= 256
    assert kept.weight <= 256 * 1024
    assert len(made) <= 256
    assert made.weight <= 256 * 4096
    assert parse.cache_info().currsize <= 1024
