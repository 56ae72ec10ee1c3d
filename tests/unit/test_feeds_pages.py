"""A feed over time: what is in it on which day, what its head says, and what conditional requests are told."""

from __future__ import annotations

import asyncio
import gzip
import re
from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar
from openchair.meetings.v1 import meeting_pb2

from services.feeds.conditions import http_date
from tests.unit.feeds_examples import CENTRE, EDMONTON, NOON, WRITTEN, Feeds, centre, gone, id_of, meeting, stated

DAY = timedelta(days=1)


async def titles(feeds: Feeds) -> list[str]:
    return sorted(str(event["SUMMARY"]) for event in Calendar.from_ical(await feeds.body()).events)


async def test_the_head_is_as_interop_lists_it_in_this_order() -> None:
    body = (await Feeds(meeting()).body()).decode().replace("\r\n ", "")

    assert body.split("\r\nBEGIN:VTIMEZONE")[0].split("\r\n") == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Openchair//Feeds 1//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "NAME:Alano Club",
        "X-WR-CALNAME:Alano Club",
        "DESCRIPTION:A house of meetings",
        "X-WR-CALDESC:A house of meetings",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
        "SOURCE;VALUE=URI:https://calendars.example.org/calendars/alano-club.ics",
        "URL:https://calendars.example.org/calendars/alano-club.ics",
        "LAST-MODIFIED:20261101T123015Z",
        "COLOR:teal",
        "X-WR-TIMEZONE:America/Edmonton",
    ]
    assert body.endswith("END:VEVENT\r\nEND:VCALENDAR\r\n")


async def test_a_feed_without_events_still_holds_the_centres_time_zone() -> None:
    calendar = Calendar.from_ical(await Feeds().body())

    assert [zone["TZID"] for zone in calendar.walk("VTIMEZONE")] == [EDMONTON]
    assert "LAST-MODIFIED" not in calendar


async def test_a_change_of_one_meeting_is_served_at_once_and_leaves_the_others_bytes_alone() -> None:
    feeds = Feeds(*map(meeting, range(300)))
    before = await feeds.body()
    feeds.apply(stated(meeting(7, title="New name"), 2, NOON))
    after = await feeds.body()

    assert after == await Feeds(*(meeting(n) if n != 7 else meeting(7, title="New name") for n in range(300))).body()
    assert before.replace(b"SUMMARY:Serenity 7\r\n", b"SUMMARY:New name\r\n") == after


@pytest.mark.parametrize("count", [1, 63, 64, 127, 128, 129, 300])
async def test_growing_one_by_one_gives_the_bytes_of_a_rebuild_from_nothing(count: int) -> None:
    grown = Feeds(*map(meeting, range(count - 1)))
    await grown.body()
    grown.apply(stated(meeting(count - 1)))

    assert await grown.body() == await Feeds(*map(meeting, range(count))).body()
    grown.apply(gone(count - 1))
    assert (await grown.body()).count(b"BEGIN:VEVENT") == count - 1


async def test_a_one_off_leaves_90_local_days_after_its_end_by_itself() -> None:
    feeds = Feeds(meeting(1, "2026-11-24T23:30", ""), meeting(2))
    feeds.clock.jump(datetime(2027, 2, 24, 5, 59, tzinfo=UTC))  # 23:59 of the 90th day after November 25
    assert await titles(feeds) == ["Serenity 1", "Serenity 2"]

    feeds.clock.jump(datetime(2027, 2, 24, 6, 0, tzinfo=UTC))
    assert await titles(feeds) == ["Serenity 2"]


async def test_an_ended_series_leaves_too() -> None:
    feeds = Feeds(meeting(1, rule="FREQ=WEEKLY;BYDAY=TU;COUNT=2"))
    assert await titles(feeds) == ["Serenity 1"]
    feeds.clock.jump(datetime(2027, 3, 5, tzinfo=UTC))
    assert await titles(feeds) == []


async def test_a_cancelled_meeting_stays_struck_through_for_30_local_days() -> None:
    one = meeting(1, state=meeting_pb2.MEETING_STATE_CANCELLED)
    one.cancel_time.FromDatetime(datetime(2026, 11, 20, 20, 0, tzinfo=UTC))
    feeds = Feeds(one)
    feeds.clock.jump(datetime(2026, 12, 21, 5, 59, tzinfo=UTC))
    assert await titles(feeds) == ["Cancelled: Serenity 1"]

    feeds.clock.jump(datetime(2026, 12, 21, 6, 0, tzinfo=UTC))
    assert await titles(feeds) == []


async def test_a_clock_that_is_set_back_gives_the_feed_of_that_day() -> None:
    feeds = Feeds(meeting(1, "2026-11-24T19:00", ""))
    feeds.clock.jump(datetime(2027, 6, 1, tzinfo=UTC))
    assert await titles(feeds) == []
    feeds.clock.jump(NOON)
    assert await titles(feeds) == ["Serenity 1"]


async def test_a_centre_that_moves_to_another_zone_gets_its_feed_anew() -> None:
    feeds = Feeds(meeting(1))
    await feeds.body()
    feeds.apply(stated(centre("Europe/Berlin"), 2, NOON))

    assert await feeds.body() == await _berlin().body()


def _berlin() -> Feeds:
    feeds = Feeds(meeting(1))
    feeds.apply(stated(centre("Europe/Berlin"), 2, NOON))
    return feeds


async def test_one_meeting_that_cannot_be_rendered_leaves_the_rest_alone() -> None:
    timeless = meeting(3)
    timeless.update_time.seconds = 10**15
    feeds = Feeds(meeting(1, zone="Mars/Olympus"), meeting(2), timeless)

    assert await titles(feeds) == ["Serenity 2"]


async def test_the_feed_of_a_meeting_holds_all_parts_of_its_lineage_by_the_id_of_any() -> None:
    feeds = Feeds(meeting(1), meeting(2, lineage=id_of(1)), meeting(3))
    first = await feeds.body(f"/calendars/{CENTRE}/meeting/{id_of(1)}.ics")
    second = await feeds.body(f"/calendars/{CENTRE}/meeting/{id_of(2)}.ics")

    assert sorted(str(event["SUMMARY"]) for event in Calendar.from_ical(first).events) == ["Serenity 1", "Serenity 2"]
    assert first.split(b"BEGIN:VTIMEZONE")[1] == second.split(b"BEGIN:VTIMEZONE")[1]
    assert b"\r\nNAME:Serenity 2\r\n" in second


async def test_who_subscribed_to_a_meeting_by_its_first_part_keeps_it_when_that_part_is_gone() -> None:
    feeds = Feeds(meeting(1), meeting(2, lineage=id_of(1)))
    path = f"/calendars/{CENTRE}/meeting/{id_of(1)}.ics"
    assert await feeds.body(path)
    feeds.apply(gone(1))

    body = await feeds.body(path)
    assert [str(event["SUMMARY"]) for event in Calendar.from_ical(body).events] == ["Serenity 2"]
    assert f"{path}\r\n" in body.decode().replace("\r\n ", "")


async def test_a_change_that_comes_while_much_is_rendered_is_in_the_feed() -> None:
    feeds = Feeds(*map(meeting, range(100)))
    reading = asyncio.create_task(feeds.body())
    await asyncio.sleep(0)  # the first slice is rendered
    feeds.apply(stated(meeting(3, title="Meanwhile"), 2), gone(90), stated(meeting(200)))

    body = await reading
    assert body == await feeds.body()
    assert body.count(b"BEGIN:VEVENT") == 100
    assert b"SUMMARY:Meanwhile" in body


async def test_an_answer_has_the_headers_that_clients_need() -> None:
    answer = await Feeds(meeting()).get(accept_encoding="gzip")

    assert answer.status == 200
    assert answer.headers == {
        "content-type": "text/calendar; charset=utf-8",
        "content-length": str(len(answer.body)),
        "content-disposition": 'inline; filename="alano-club.ics"',
        "content-encoding": "gzip",
        "etag": answer.headers["etag"],
        "last-modified": "Sat, 21 Nov 2026 06:00:00 GMT",  # midnight in Edmonton: newer than all records
        "cache-control": "public, max-age=900",
        "vary": "Accept-Encoding",
        "x-content-type-options": "nosniff",
    }
    assert re.fullmatch('"[0-9a-f]{32}"', answer.headers["etag"])


async def test_both_codings_are_the_same_feed_under_tags_of_their_own() -> None:
    feeds = Feeds(*map(meeting, range(200)))
    plain, packed = await feeds.get(), await feeds.get(accept_encoding="gzip")

    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["etag"] != plain.headers["etag"]
    assert "content-encoding" not in plain.headers


async def test_head_has_the_headers_of_get_and_no_body() -> None:
    feeds = Feeds(meeting())
    for encoding in ("gzip", "identity"):
        got, head = await feeds.get(accept_encoding=encoding), await feeds.get(method="HEAD", accept_encoding=encoding)
        assert head == got._replace(body=b"")


async def test_a_known_tag_gets_304_with_both_validators() -> None:
    feeds = Feeds(meeting())
    first = await feeds.get()
    again = await feeds.get(if_none_match=f'"other", W/{first.headers["etag"]}')

    assert (again.status, again.body) == (304, b"")
    assert {"etag", "last-modified", "cache-control", "vary"} <= set(again.headers)
    assert again.headers["etag"] == first.headers["etag"]


async def test_the_tag_wins_over_the_date() -> None:
    feeds = Feeds(meeting())
    feeds.clock.jump(NOON + DAY)
    date = (await feeds.get()).headers["last-modified"]

    assert (await feeds.get(if_modified_since=date)).status == 304
    assert (await feeds.get(if_modified_since=date, if_none_match='"other"')).status == 200
    assert (await feeds.get(if_modified_since="garbage")).status == 200


async def test_an_older_date_gets_the_feed() -> None:
    feeds = Feeds(meeting())

    assert (await feeds.get(if_modified_since="Sat, 21 Nov 2026 05:59:59 GMT")).status == 200


async def test_while_the_newest_change_is_young_the_date_says_one_second_less_and_proves_nothing() -> None:
    feeds = Feeds(meeting())
    feeds.apply(stated(meeting(title="New"), 2, NOON - timedelta(minutes=14)))
    young = await feeds.get()
    assert young.headers["last-modified"] == http_date(NOON - timedelta(minutes=14, seconds=1)).decode()
    assert (await feeds.get(if_modified_since=young.headers["last-modified"])).status == 200
    assert (await feeds.get(if_none_match=young.headers["etag"])).status == 304

    feeds.clock.jump(NOON + timedelta(minutes=1))
    old = await feeds.get()
    assert old.headers["last-modified"] == http_date(NOON - timedelta(minutes=14)).decode()
    assert old.headers["etag"] == young.headers["etag"]
    assert (await feeds.get(if_modified_since=young.headers["last-modified"])).status == 200
    assert (await feeds.get(if_modified_since=old.headers["last-modified"])).status == 304


async def test_after_a_state_that_came_late_a_date_proves_nothing_until_the_next_midnight() -> None:
    feeds = Feeds(meeting(1), now=NOON - DAY)
    feeds.apply(stated(meeting(2), 1, NOON - DAY))
    feeds.clock.jump(NOON)
    before = (await feeds.get()).headers["last-modified"]
    assert (await feeds.get(if_modified_since=before)).status == 304

    feeds.apply(stated(meeting(1, title="Moved"), 2, NOON - timedelta(hours=20)))  # committed while a link was down
    late = await feeds.get(if_modified_since=before)
    assert (late.status, late.headers["last-modified"]) == (200, before)

    feeds.clock.jump(NOON + DAY)
    after = (await feeds.get()).headers["last-modified"]
    assert (await feeds.get(if_modified_since=after)).status == 304


async def test_last_modified_never_goes_back_when_the_newest_meeting_is_deleted() -> None:
    feeds = Feeds(meeting(1))
    feeds.apply(stated(meeting(2), 1, NOON - timedelta(hours=3)))
    before = (await feeds.get()).headers["last-modified"]
    feeds.apply(gone(2, 2, NOON - timedelta(hours=2)))
    after = await feeds.get()

    assert after.headers["last-modified"] == http_date(NOON - timedelta(hours=2)).decode()
    assert (await feeds.get(if_modified_since=before)).status == 200


async def test_a_new_local_day_moves_last_modified_to_its_midnight() -> None:
    feeds = Feeds(meeting())
    await feeds.get()
    feeds.clock.jump(NOON + DAY)

    assert (await feeds.get()).headers["last-modified"] == "Sun, 22 Nov 2026 06:00:00 GMT"


async def test_a_date_is_never_later_than_now_also_when_the_writers_clock_is_ahead() -> None:
    feeds = Feeds(meeting())
    feeds.apply(stated(meeting(title="New"), 2, NOON + timedelta(minutes=5)))

    assert (await feeds.get()).headers["last-modified"] == http_date(NOON - timedelta(seconds=1)).decode()


async def test_while_the_writers_clock_is_ahead_early_and_late_readers_are_told_the_same() -> None:
    early, late = Feeds(meeting()), Feeds(meeting())
    for feeds in (early, late):
        feeds.apply(stated(meeting(title="New"), 2, NOON + timedelta(minutes=5)))
    for minutes in (0, 3, 6, 30):
        now = NOON + timedelta(minutes=minutes)
        early.clock.jump(now)
        await early.get()
        early.clock.jump(now + timedelta(minutes=1))
        late.clock.jump(now + timedelta(minutes=1))
        assert await early.get() == await late.get()
        late.app.reset()


@pytest.mark.parametrize(
    "path",
    [
        "/calendars/unknown-centre.ics",
        f"/calendars/{CENTRE}",
        f"/calendars/{CENTRE}/meeting/{id_of(99)}.ics",
        f"/calendars/unknown-centre/meeting/{id_of(1)}.ics",
        "/calendars/../etc/passwd.ics",
        f"/calendars/{CENTRE}.ics/",
        f"/calendars/{CENTRE}.ics\n",
        "/calendars/" + "x" * 5000 + ".ics",
    ],
)
async def test_what_is_unknown_gets_one_and_the_same_404(path: str) -> None:
    feeds = Feeds(meeting())

    assert (await feeds.get(path)).status == 404
    assert await feeds.get(path) == await feeds.get("/calendars/nothing.ics")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
async def test_other_methods_are_told_which_are_allowed(method: str) -> None:
    answer = await Feeds(meeting()).get(method=method)

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_before_the_first_catching_up_it_is_503_with_a_time_to_come_back_never_404() -> None:
    feeds = Feeds(meeting(), ready=False)

    for path in (f"/calendars/{CENTRE}.ics", "/calendars/unknown.ics"):
        answer = await feeds.get(path)
        assert (answer.status, answer.headers["retry-after"], answer.headers["cache-control"]) == (503, "5", "no-store")


async def test_an_unknown_query_is_ignored_and_a_huge_one_refused() -> None:
    feeds = Feeds(meeting())

    assert await feeds.get(query=b"utm_source=x") == await feeds.get()
    assert (await feeds.get(query=b"x" * 2049)).status == 414


async def test_after_a_reset_only_what_comes_again_is_there() -> None:
    feeds = Feeds(meeting(1), meeting(2))
    await feeds.body()
    feeds.directory.reset()
    feeds.app.reset()
    assert (await feeds.get()).status == 503  # of nothing at all it is not said that it is gone
    feeds.apply(stated(centre()), stated(meeting(2)))

    assert await titles(feeds) == ["Serenity 2"]


def test_examples_are_written_before_noon() -> None:
    assert WRITTEN < NOON
