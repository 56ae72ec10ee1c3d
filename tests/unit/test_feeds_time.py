"""Nothing stale is served: what has lived through midnights and months equals what was made from nothing just then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from openchair.meetings.v1 import meeting_pb2

from tests.unit.feeds_examples import CENTRE, NOON, Feeds, centre, meeting, stated
from tests.unit.feeds_shapes import agendas, changed, doubted, programmes, roomy, special

FEED = f"/calendars/{CENTRE}.ics"
ASKED = (
    (FEED, ""),
    (FEED, "day=tu,we"),
    (FEED, "type=sp&cancelled=show"),
    (FEED, "mode=online"),
    (FEED, "discreet=Yoga&alarm=PT5M"),
    (FEED, "fellowship=aa"),
    (f"/calendars/{CENTRE}/room/hearth.ics", ""),
    (f"/calendars/{CENTRE}/kind/retreat.ics", ""),
)
MIDNIGHT = datetime(2026, 11, 22, 7, tzinfo=UTC)  # in Edmonton
MONTH = datetime(2026, 12, 1, 7, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MOMENTS = (
    NOON,
    MIDNIGHT - SECOND,
    MIDNIGHT,
    MONTH - SECOND,
    MONTH,
    MONTH + timedelta(days=62),
    MONTH + timedelta(days=300),
    NOON,  # a clock that is set back
)


def house(now: datetime) -> Feeds:
    """Programmes, retreats, rooms, what is doubted, what ends, was called off, or is online in the month after next."""
    ending = meeting(400, "2026-11-20T19:00", "FREQ=DAILY;COUNT=3")
    once = meeting(401, "2026-09-01T19:00", "")
    off = meeting(402, state=meeting_pb2.MEETING_STATE_CANCELLED)
    monthly = meeting(403, "2026-11-15T19:00", "FREQ=MONTHLY;BYMONTHDAY=15")
    moved = changed(meeting(404), "2027-01-05", mode=meeting_pb2.MODE_ONLINE)
    speaker = special(meeting(406, "2026-11-24T19:00", "FREQ=WEEKLY;BYDAY=TU,TH"), "Speaker", 3, types=["SP"])
    shapes = [speaker, *programmes().values(), *agendas().values(), *roomy().values(), *doubted().values()]
    feeds = Feeds(ending, once, off, monthly, moved, *shapes, now=now)
    own = centre()
    own.phone = "+1 780 555 0100"
    feeds.apply(stated(own, 2))
    return feeds


@pytest.mark.parametrize(("path", "query"), ASKED)
@pytest.mark.sampled(3)
async def test_a_page_that_was_kept_over_time_is_the_page_of_that_moment(path: str, query: str) -> None:
    lived = house(NOON)
    bodies = set()
    for moment in MOMENTS:
        lived.clock.jump(moment)
        fresh = house(moment)
        one, other = [await each.get(path, query=query.encode()) for each in (lived, fresh)]
        assert one.status == 200
        assert one.body == other.body, moment
        assert one.headers["etag"] == other.headers["etag"]
        bodies.add(one.body)
    assert len(bodies) > 1 or "kind" in path or "mode" in query
