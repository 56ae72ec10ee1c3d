"""Calendars that are found by their address alone: of unlisted meetings, and of what an invite code opens."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import TYPE_CHECKING, Any

import structlog
from openchair.meetings.v1 import group_pb2, meeting_pb2, place_pb2

from services.feeds.app import Calendars
from services.feeds.invited import Hidden, Invited
from services.feeds.model import Directory
from services.kit import code
from services.kit.clock import VirtualClock, instant
from services.kit.event import Event, subject
from tests.unit.feeds_examples import ADDRESS, CENTRE, NOON, SITE, WRITTEN, Answer, centre, id_of, meeting, stated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

GROUP = f"centres/{CENTRE}/groups/owls"
CODE = code.make(random.Random(3))  # noqa: S311 - seeded
OTHER = code.make(random.Random(4))  # noqa: S311 - seeded
UNLISTED, MEMBERS = meeting_pb2.VISIBILITY_UNLISTED, meeting_pb2.VISIBILITY_MEMBERS
ONLINE = meeting_pb2.Online(
    access=meeting_pb2.ONLINE_ACCESS_INVITE_CODE,
    url="https://meet.example.org/owls",
    passcode="SESAME",
    notes="SESAME too",
)


def private(
    message: meeting_pb2.Meeting | group_pb2.Group | None,
    kind: str,
    id_: str,
    revision: int = 1,
    time: datetime = WRITTEN,
) -> Event:
    """The event of a private view; a tombstone for None."""
    type_ = f"openchair.meetings.v1.{kind.capitalize()}"
    payload = None if message is None else message.SerializeToString(deterministic=True)
    where = subject(SITE, "private", "meetings", CENTRE, kind, id_)
    return Event(where, 1, revision, type_, instant(time), payload)


def hidden(number: int, revision: int = 1, time: datetime = WRITTEN, **fields: Any) -> Event:
    """The private view of a meeting, for members unless said otherwise."""
    fields = {"visibility": MEMBERS, "invite_group": GROUP, **fields}
    return private(meeting(number, **fields), "meeting", id_of(number), revision, time)


def group(*codes: str, revision: int = 1, ends: datetime | None = None) -> Event:
    """The group with these codes; `ends` is when the last of them does."""
    made = group_pb2.Group(name=GROUP, title="Night Owls")
    for each in codes:
        made.invite_codes.add(id=each[:4], digest=code.digest(each))
    if ends is not None:
        made.invite_codes[-1].expire_time.FromDatetime(ends)
    return private(made, "group", "owls", revision)


class Site:
    """Both applications over both directories, on a clock that the test moves."""

    def __init__(self, *events: Event) -> None:
        self.clock = VirtualClock(NOON)
        self.ready = True
        self.public, self.hidden = Directory(), Hidden()
        log = structlog.get_logger()
        self.invited = Invited(self.public, self.hidden, lambda: self.ready, self.clock, ADDRESS, log)
        self.calendars = Calendars(self.public, lambda: True, self.clock, ADDRESS, log, self.invited)
        self.apply(stated(centre()), *events)

    def apply(self, *events: Event) -> None:
        """As the projections do."""
        for event in events:
            secret = ".private." in event.subject
            touched = (self.hidden if secret else self.public).apply(event)
            if touched is not None:
                self.calendars.spoil(touched.centre) if secret else self.calendars.touch(touched)
                self.invited.touch(touched, hidden=secret)

    async def get(self, path: str = f"/invited/{CODE}.ics", method: str = "GET", **headers: str) -> Answer:
        """One request."""
        app = self.invited if path.startswith("/invited/") else self.calendars
        return await _ask(app, path, method, headers)


async def _ask(app: Callable[..., Awaitable[None]], path: str, method: str, headers: dict[str, str]) -> Answer:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    path, _, query = path.partition("?")
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": lines}
    await app(scope, receive, send)
    got = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], got, b"".join(message["body"] for message in sent[1:]))


async def test_a_code_opens_its_groups_meetings_with_their_links_and_no_others() -> None:
    site = Site(
        group(CODE),
        hidden(1, mode=meeting_pb2.MODE_ONLINE, online=ONLINE),
        hidden(2, invite_group=f"centres/{CENTRE}/groups/larks"),
        hidden(3, visibility=UNLISTED, invite_group=""),
    )
    answer = await site.get()
    assert answer.status == 200
    assert b"SUMMARY:Serenity 1" in answer.body
    assert b"https://meet.example.org/owls" in answer.body
    for absent in (b"Serenity 2", b"Serenity 3", b"SESAME", CODE.encode(), CODE.replace("-", "").encode(), b"Alano"):
        assert absent not in answer.body


async def test_it_is_for_no_shared_cache_no_search_engine_and_no_referrer() -> None:
    site = Site(group(CODE), hidden(1))
    for answer in (await site.get(), await site.get(if_none_match=(await site.get()).headers["etag"])):
        assert answer.status in {200, 304}
        assert answer.headers["cache-control"] == "private, no-cache"
        assert (answer.headers["x-robots-tag"], answer.headers["referrer-policy"]) == ("noindex", "no-referrer")
        assert CODE not in str(answer.headers)


async def test_whatever_opens_nothing_is_answered_alike_to_the_byte() -> None:
    ended = NOON - timedelta(seconds=1)
    site = Site(group(CODE, OTHER, ends=ended), hidden(1))
    good = await site.get()
    paths = [
        "",
        "x",
        "../calendars",
        OTHER,
        CODE[:-1],
        f"{CODE}0",
        CODE + "é",
        "0" * 28,
        "A" * 300,
        "%00",
        f"{CODE}.ics",
    ]
    answers = [await site.get(f"/invited/{each}.ics") for each in paths]
    answers += [await site.get(path) for path in ("/invited/", f"/invited/{CODE}", f"/invited/{CODE}/x.ics")]
    site.apply(group(revision=2))
    answers.append(await site.get())
    assert good.status == 200
    assert {answer.status for answer in answers} == {404}
    assert all(answer == answers[0] for answer in answers)


async def test_a_code_is_read_however_it_was_typed() -> None:
    site = Site(group(CODE), hidden(1))
    for typed in (CODE.lower(), CODE.replace("-", ""), CODE.replace("-", " ")):
        assert (await site.get(f"/invited/{typed}.ics")).status == 200


async def test_a_code_ends_with_its_time_and_when_it_is_taken_from_the_group() -> None:
    site = Site(group(CODE, ends=NOON + timedelta(seconds=5)), hidden(1))
    assert (await site.get()).status == 200
    site.clock.jump(NOON + timedelta(seconds=5))
    assert (await site.get()).status == 404
    site.apply(group(CODE, OTHER, revision=2))
    assert (await site.get()).status == 200
    site.apply(group(OTHER, revision=3))
    assert ((await site.get()).status, (await site.get(f"/invited/{OTHER}.ics")).status) == (404, 200)
    site.apply(private(None, "group", "owls", revision=4))
    assert (await site.get(f"/invited/{OTHER}.ics")).status == 404


async def test_until_everything_is_read_in_nobody_is_told_that_there_is_nothing() -> None:
    site = Site(hidden(1, visibility=UNLISTED))
    site.ready = False
    for path in (f"/invited/{CODE}.ics", "/invited/x.ics", f"/calendars/{CENTRE}/meeting/{id_of(1)}.ics"):
        answer = await site.get(path)
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert (await site.get(f"/calendars/{CENTRE}.ics")).status == 200


async def test_what_is_not_public_is_in_no_feed_of_the_centre() -> None:
    site = Site(group(CODE), hidden(1), hidden(2, visibility=UNLISTED), stated(meeting(3)))
    body = (await site.get(f"/calendars/{CENTRE}.ics")).body
    assert (body.count(b"BEGIN:VEVENT"), b"Serenity 3" in body) == (1, True)
    assert (await site.get(f"/calendars/{CENTRE}/meeting/{id_of(1)}.ics")).status == 404


async def test_an_unlisted_meeting_has_its_calendar_at_the_publics_level() -> None:
    venue = meeting_pb2.Venue(
        title="SHELTER", address="SHELTER", notes="SHELTER", address_access=place_pb2.ADDRESS_ACCESS_HOLDERS
    )
    site = Site(hidden(1, visibility=UNLISTED, mode=meeting_pb2.MODE_HYBRID, online=ONLINE, venue=venue))
    answer = await site.get(f"/calendars/{CENTRE}/meeting/{id_of(1)}.ics")
    assert answer.status == 200
    assert b"SUMMARY:Serenity 1" in answer.body
    for absent in (b"SHELTER", b"meet.example.org", b"SESAME"):
        assert absent not in answer.body
    assert answer.headers["cache-control"] == "private, no-cache"


async def test_the_public_id_of_a_series_does_not_open_a_part_that_is_unlisted() -> None:
    lineage = id_of(1)
    site = Site(stated(meeting(1, lineage=lineage)), hidden(2, visibility=UNLISTED, lineage=lineage))
    of_public = await site.get(f"/calendars/{CENTRE}/meeting/{lineage}.ics")
    of_unlisted = await site.get(f"/calendars/{CENTRE}/meeting/{id_of(2)}.ics")
    assert b"Serenity 2" not in of_public.body
    assert (b"Serenity 1" in of_unlisted.body, b"Serenity 2" in of_unlisted.body) == (True, True)


async def test_a_change_that_is_not_public_leaves_public_answers_as_they_are() -> None:
    site = Site(group(CODE), hidden(1), stated(meeting(3)))
    site.clock.jump(NOON + timedelta(hours=1))
    before = await site.get(f"/calendars/{CENTRE}.ics")
    site.apply(hidden(1, 2, NOON + timedelta(hours=1), title="Renamed"))
    assert await site.get(f"/calendars/{CENTRE}.ics") == before
    assert b"Renamed" in (await site.get()).body


async def test_a_change_moves_tag_and_date_and_a_new_name_of_the_centres_zone_too() -> None:
    site = Site(group(CODE), hidden(1))
    site.clock.jump(NOON + timedelta(days=2))
    first = await site.get()
    site.apply(stated(centre("America/Denver"), 2, NOON + timedelta(days=2)))
    second = await site.get()
    site.apply(hidden(1, 2, NOON + timedelta(days=2), title="Renamed"))
    third = await site.get()
    assert len({first.headers["etag"], second.headers["etag"], third.headers["etag"]}) == 3
    assert first.headers["last-modified"] != second.headers["last-modified"]


async def test_instances_that_saw_it_in_another_order_give_equal_bytes() -> None:
    events = [group(CODE), hidden(1), hidden(2), stated(meeting(3))]
    answers = []
    for order in permutations(events):
        site = Site(*order)
        answers.append(await site.get())
    assert all(answer == answers[0] for answer in answers)


async def test_a_meeting_that_leaves_the_group_or_is_gone_leaves_the_calendar() -> None:
    site = Site(group(CODE), hidden(1), hidden(2))
    site.apply(hidden(1, 2, invite_group=f"centres/{CENTRE}/groups/larks"))
    assert b"Serenity 1" not in (await site.get()).body
    site.apply(private(None, "meeting", id_of(2), 2))
    answer = await site.get()
    assert (answer.status, b"VEVENT" in answer.body) == (200, False)


async def test_one_offs_leave_after_ninety_days_as_in_every_feed() -> None:
    site = Site(group(CODE), hidden(1, start="2026-11-24T19:00", rule=""))
    assert b"VEVENT" in (await site.get()).body
    site.clock.jump(datetime(2027, 2, 23, 18, 0, tzinfo=UTC))
    assert b"VEVENT" not in (await site.get()).body


async def test_other_methods_are_turned_away_and_head_has_no_body() -> None:
    site = Site(group(CODE), hidden(1))
    assert (await site.get(method="POST")).status == 405
    head, full = await site.get(method="HEAD"), await site.get()
    assert (head.status, head.headers, head.body) == (200, full.headers, b"")


async def test_from_an_empty_stream_nobody_is_told_that_a_code_opens_nothing() -> None:
    site = Site()
    assert (await site.get()).status == 503
    site.apply(group())
    assert (await site.get()).status == 404
    site.apply(group(CODE, revision=2))
    assert (await site.get()).status == 200
