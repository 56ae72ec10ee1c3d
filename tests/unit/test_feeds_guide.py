"""Meeting Guide lists over HTTP: what is kept, what a change makes new, who may read them."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from services.feeds.guide import MOST_MAKERS, Guide, Leaflet
from services.feeds.model import Directory
from services.formats.meeting_guide_out import records
from services.kit.clock import VirtualClock
from services.kit.kept import head_of
from tests.unit.feeds_examples import ADDRESS, CENTRE, NOON, WRITTEN, Answer, centre, gone, id_of, meeting, stated
from tests.unit.feeds_shapes import programmes

if TYPE_CHECKING:
    import pytest
    from openchair.meetings.v1 import meeting_pb2

    from services.kit.event import Event

LIST = f"/meeting-guide/{CENTRE}.json"


class Lists:
    """The application with its directory, on a clock that the test moves."""

    def __init__(self, *messages: meeting_pb2.Meeting, ready: bool = True) -> None:
        self.clock = VirtualClock(NOON)
        self.directory = Directory()
        self.app = Guide(self.directory, lambda: ready, self.clock, ADDRESS)
        self.apply(stated(centre()), *map(stated, messages))

    def apply(self, *events: Event) -> None:
        """As the projection does."""
        for event in events:
            touched = self.directory.apply(event)
            if touched is not None:
                self.app.touch(touched)

    async def get(self, path: str = LIST, method: str = "GET", **headers: str) -> Answer:
        """One request."""
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": lines}
        await self.app(scope, receive, send)
        got = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], got, b"".join(message["body"] for message in sent[1:]))

    async def read(self) -> Any:
        answer = await self.get()
        assert answer.status == 200
        return json.loads(answer.body)


def sourced(number: int, slug: str) -> meeting_pb2.Meeting:
    made = meeting(number)
    made.source.source, made.source.id = "list", slug
    return made


async def test_the_list_is_what_the_translation_of_all_public_meetings_gives() -> None:
    every = [*programmes().values(), *map(meeting, range(70))]
    made = await Lists(*every).read()

    assert made == json.loads(json.dumps(records(every, centre(), ADDRESS, date(2026, 11, 21))))
    assert len(made) > 90


async def test_two_series_of_one_slug_are_told_apart_as_the_translation_does() -> None:
    every = [sourced(1, "noon"), sourced(2, "noon"), sourced(3, "night")]
    made = await Lists(*every).read()

    assert made == json.loads(json.dumps(records(every, centre(), ADDRESS, date(2026, 11, 21))))
    assert len({record["slug"] for record in made}) == 3


async def test_it_follows_every_change_and_equals_one_made_from_nothing() -> None:
    lists = Lists(*map(meeting, range(100)), meeting(200, lineage=id_of(199)), meeting(199))
    before = await lists.get()
    changes = [
        stated(meeting(7, title="New"), 2, NOON),
        gone(8, 2, NOON),
        gone(199, 2, NOON),
        stated(meeting(300), 1, NOON),
    ]
    lists.apply(*changes)
    after = await lists.get()
    fresh = Lists(*map(meeting, range(100)), meeting(200, lineage=id_of(199)), meeting(199))
    fresh.apply(*changes)

    assert after == await fresh.get()
    assert after.headers["etag"] != before.headers["etag"]
    assert "New" in {record["name"] for record in await lists.read()}


async def test_of_many_who_ask_for_a_list_few_make_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = Lists(*map(meeting, range(40)))
    made: list[object] = []
    page = Leaflet.page

    def counted(*asked: Any) -> Any:
        made.append(asked)
        return page(*asked)

    monkeypatch.setattr(Leaflet, "page", counted)
    answers = await asyncio.gather(*(lists.get() for _ in range(30)))

    assert {answer.status for answer in answers} == {200}
    assert len(made) <= MOST_MAKERS


async def test_a_part_that_goes_is_no_longer_announced_by_the_part_in_force() -> None:
    first = meeting(1, rule="FREQ=WEEKLY;BYDAY=TU;UNTIL=20270105")
    lists = Lists(first, meeting(2, "2027-01-12T20:00", lineage=id_of(1)))
    assert "2027-01-12" in (await lists.get()).body.decode()
    lists.apply(gone(2, 2, NOON))

    assert "2027-01-12" not in (await lists.get()).body.decode()


async def test_a_change_writes_one_series_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = Lists(*map(meeting, range(50)))
    await lists.get()
    written: list[str] = []

    def write(found: Any, *rest: Any) -> Any:
        every = list(found)
        written.extend(one.name for one in every)
        return records(every, *rest)

    monkeypatch.setattr("services.feeds.guide.records", write)
    lists.apply(stated(meeting(7, title="New"), 2, NOON))
    await lists.get()

    assert written == [meeting(7).name]


async def test_the_next_day_is_another_list_by_itself() -> None:
    lists = Lists(meeting(1, "2026-11-21T19:00", ""), meeting(2))
    assert len(await lists.read()) == 2

    lists.clock.jump(datetime(2026, 11, 22, 7, tzinfo=UTC))
    assert [record["name"] for record in await lists.read()] == ["Serenity 2"]


async def test_what_the_centre_says_of_itself_is_in_it() -> None:
    lists = Lists(meeting(1))
    await lists.get()
    lists.apply(stated(centre(title="New House"), 2, NOON))

    assert (await lists.read())[0]["entity"] == "New House"


async def test_scripts_of_any_site_may_read_it_and_it_is_json() -> None:
    answer = await Lists(meeting()).get()

    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["content-disposition"] == f'inline; filename="{CENTRE}.json"'


async def test_it_has_validators_and_gzip_as_the_calendars_have() -> None:
    lists = Lists(*map(meeting, range(100)))
    plain, packed = await lists.get(), await lists.get(accept_encoding="gzip")

    assert gzip.decompress(packed.body) == plain.body
    assert plain.headers["last-modified"] == "Sat, 21 Nov 2026 06:00:00 GMT"  # the centre's last midnight
    assert (await lists.get(if_none_match=plain.headers["etag"])).status == 304
    head = await lists.get(method="HEAD")
    assert (head.status, head.headers, head.body) == (200, plain.headers, b"")
    kept = lists.app.kept(LIST.encode(), [])
    assert kept is not None
    assert (kept.body, kept.head) == (plain.body, head_of([(k.encode(), v.encode()) for k, v in plain.headers.items()]))
    lists.apply(stated(meeting(1), 2, WRITTEN))
    assert lists.app.kept(LIST.encode(), []) is None


async def test_a_centre_without_a_meeting_has_an_empty_list_and_another_none() -> None:
    lists = Lists()

    assert await lists.read() == []
    for path in ("/meeting-guide/nowhere.json", "/meeting-guide/", f"/meeting-guide/{CENTRE}.ics"):
        assert (await lists.get(path)).status == 404
    assert (await lists.get(method="POST")).status == 405
    assert (await Lists(ready=False).get()).status == 503


async def test_a_centre_that_never_rests_gets_its_list() -> None:
    lists = Lists(*map(meeting, range(100)))
    asked = asyncio.create_task(lists.get())
    revision = 1
    while not asked.done() and revision < 1000:
        revision += 1
        lists.apply(stated(meeting(1, title=f"New {revision}"), revision, NOON))
        await asyncio.sleep(0)

    assert revision < 1000
    assert f"New {revision}" in (await asked).body.decode()
