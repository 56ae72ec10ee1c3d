"""Busy times over HTTP: methods, conditions, codings, what is kept ready, and who waits for whom."""

from __future__ import annotations

import asyncio
import gzip
from datetime import timedelta

import pytest

from tests.unit.busy_examples import PATH, Times, booking, ended, room
from tests.unit.feeds_examples import NOON, stated


def house() -> Times:
    return Times(stated(room()), stated(booking(1, "2026-11-24T19:00", "FREQ=WEEKLY")))


async def test_the_headers_are_those_of_a_calendar() -> None:
    answer = await house().get(accept_encoding="gzip")
    assert answer.headers == {
        "content-type": "text/calendar; charset=utf-8",
        "content-length": str(len(answer.body)),
        "content-disposition": f'inline; filename="alano-club-{PATH.split("/")[-1][:8]}.ifb"',
        "content-encoding": "gzip",
        "etag": answer.headers["etag"],
        "last-modified": "Sat, 21 Nov 2026 06:00:00 GMT",
        "cache-control": "public, max-age=900",
        "vary": "Accept-Encoding",
        "x-content-type-options": "nosniff",
    }


async def test_both_codings_are_the_same_times_under_tags_of_their_own() -> None:
    times = house()
    plain, packed = await times.get(), await times.get(accept_encoding="gzip")
    assert gzip.decompress(packed.body) == plain.body
    assert plain.headers["etag"] != packed.headers["etag"]


async def test_who_has_it_already_is_told_so_and_nothing_else() -> None:
    times = house()
    times.clock.jump(NOON + timedelta(days=1))
    had = await times.get()
    assert (await times.get(if_none_match=had.headers["etag"])).status == 304
    assert (await times.get(if_modified_since=had.headers["last-modified"])).status == 304
    times.apply(stated(booking(2, "2026-11-24T09:00"), 1, NOON))
    assert (await times.get(if_none_match=had.headers["etag"])).status == 200


async def test_a_change_of_this_second_is_not_hidden_by_a_date() -> None:
    times = house()
    times.apply(stated(booking(2, "2026-11-23T09:00"), 1, NOON))
    had = await times.get()
    times.apply(ended(booking(2), 2))
    assert (await times.get(if_modified_since=had.headers["last-modified"])).status == 200


async def test_a_state_that_comes_late_has_its_readers_download_again() -> None:
    """A date proves nothing then: what arrived is older than the newest that was there (ADR 0013)."""
    times = house()
    times.clock.jump(NOON + timedelta(days=1))
    had = await times.get()
    assert (await times.get(if_modified_since=had.headers["last-modified"])).status == 304
    times.apply(stated(booking(2, "2026-11-24T09:00")))
    assert (await times.get(if_modified_since=had.headers["last-modified"])).status == 200


async def test_head_has_the_headers_of_get_and_no_body() -> None:
    times = house()
    assert await times.get(method="HEAD") == (await times.get())._replace(body=b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PROPFIND", "OPTIONS"])
async def test_any_other_method_is_told_which_there_are(method: str) -> None:
    answer = await house().get(method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_what_a_link_has_collected_does_not_matter_and_is_bounded() -> None:
    times = house()
    assert await times.get(query=b"utm_source=mail&day=mo") == await times.get()
    assert (await times.get(query=b"x" * 2049)).status == 414


async def test_until_it_has_caught_up_it_says_later_and_never_that_there_is_nothing() -> None:
    times = house()
    times.ready = False
    answer = await times.get()
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    times.ready = True
    times.app.reset()
    assert (await times.get()).status == 503


async def test_what_is_kept_ready_is_the_same_answer() -> None:
    times = house()
    assert times.app.kept(PATH.encode(), []) is None
    answer = await times.get()
    kept = times.app.kept(PATH.encode(), [(b"accept-encoding", b"identity")])
    assert kept is not None
    assert (kept.status, kept.body) == (200, answer.body)
    assert times.app.kept(PATH.encode() + b"?x=1", []) is None
    times.apply(stated(booking(2, "2026-11-23T09:00"), 1, NOON))
    assert times.app.kept(PATH.encode(), []) is None


async def test_a_change_that_comes_while_much_is_laid_out_is_in_the_answer() -> None:
    times = Times(
        stated(room()), *(stated(booking(n, f"2026-11-{22 + n // 10}T{n % 10 + 8:02}:00")) for n in range(60))
    )
    reading = asyncio.create_task(times.periods())
    await asyncio.sleep(0)
    times.apply(stated(booking(99, "2026-12-24T19:00"), 1, NOON))
    assert await reading == await times.periods()
    assert any("20261225T010000Z" in value for _, value in await reading)


async def test_whoever_changes_without_end_keeps_nobody_waiting_for_ever() -> None:
    times = Times(stated(room()), *(stated(booking(n)) for n in range(60)))
    reading = asyncio.create_task(times.get())
    for turn in range(1000):
        times.apply(stated(booking(99), turn + 1, NOON + timedelta(seconds=turn)))
        await asyncio.sleep(0)
        if reading.done():
            break
    assert reading.done()
    assert (await reading).status == 200


async def test_a_room_that_is_closed_to_all_while_it_is_read_is_not_told() -> None:
    times = Times(stated(room()), *(stated(booking(n)) for n in range(60)))
    reading = asyncio.create_task(times.get())
    await asyncio.sleep(0)
    times.apply(stated(room(public_busy=False), 2, NOON))
    assert (await reading).status == 404
