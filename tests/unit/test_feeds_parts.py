"""The small parts of the feeds: joined gzip, conditional requests, time zones, the directory."""

from __future__ import annotations

import gzip
import io
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dateutil.tz import tzical
from hypothesis import given
from hypothesis import strategies as st
from openchair.meetings.v1 import meeting_pb2, place_pb2

from services.feeds import gz
from services.feeds.conditions import has_tag, http_date, instant_of, takes_gzip
from services.feeds.model import Directory, MisfitError, Touched
from services.feeds.vtimezone import vtimezone
from services.kit.event import Event
from services.recurrence.zones import to_utc, zone
from tests.unit.feeds_examples import CENTRE, WRITTEN, centre, gone, id_of, meeting, stated


@given(st.lists(st.binary(max_size=2000)))
def test_segments_compressed_one_by_one_are_one_gzip_of_the_whole(parts: list[bytes]) -> None:
    joined = gz.join([gz.segment(part) for part in parts])

    assert gzip.decompress(joined) == b"".join(parts)
    assert int.from_bytes(joined[-8:-4], "little") == zlib.crc32(b"".join(parts))


def test_the_tag_moves_with_any_segment() -> None:
    tags = {gz.etag(part.digest for part in map(gz.segment, parts)) for parts in ([b"a", b"b"], [b"b", b"a"], [b"a"])}

    assert len(tags) == 3


@pytest.mark.parametrize(
    ("accepted", "gzipped"),
    [
        (b"", False),
        (b"gzip", True),
        (b"deflate, GZIP;q=0.5, br", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000", False),
        (b"*", True),
        (b"*;q=0", False),
        (b"gzip;q=0, *", False),
        (b"identity", False),
        (b"gzip;q=wrong", False),
        (b"x-gzip", True),
    ],
)
def test_gzip_goes_to_whom_it_is_acceptable(accepted: bytes, gzipped: bool) -> None:
    assert takes_gzip(accepted) is gzipped


@pytest.mark.parametrize(
    ("sent", "had"),
    [
        (b'"abc"', True),
        (b'W/"abc"', True),
        (b'"x", W/"y" , "abc"', True),
        (b"*", True),
        (b'"ab"', False),
        (b"abc", False),
        (b"", False),
        (b'"x,abc"', False),
    ],
)
def test_a_tag_is_found_in_a_list_weak_or_not(sent: bytes, had: bool) -> None:
    assert has_tag(sent, b'"abc"') is had


def test_http_dates_are_read_back_and_nonsense_is_none() -> None:
    assert http_date(WRITTEN) == b"Sun, 01 Nov 2026 12:30:15 GMT"
    assert instant_of(http_date(WRITTEN)) == WRITTEN.replace(microsecond=0)
    assert instant_of(b"yesterday") is None
    assert instant_of(b"\xff") is None


@pytest.mark.parametrize("beyond", [b"Fri, 31 Dec 9999 23:59:59 -0100", b"1 Jan 99999999999 00:00:00 GMT"])
def test_a_date_beyond_the_calendar_is_as_if_it_had_not_been_sent(beyond: bytes) -> None:
    assert instant_of(beyond) is None


@pytest.mark.parametrize(
    "name",
    [
        "America/Edmonton",
        "America/New_York",
        "Europe/London",
        "Europe/Dublin",
        "Australia/Sydney",
        "America/Nuuk",
        "Asia/Jerusalem",
        "Asia/Gaza",
        "Africa/Casablanca",
        "Asia/Tokyo",
        "America/Sao_Paulo",
        "Australia/Lord_Howe",
        "UTC",
    ],
)
def test_a_vtimezone_says_what_the_zone_does_from_2020_on(name: str) -> None:
    said = tzical(_file(vtimezone(name))).get()
    noon = datetime(2020, 1, 2, 12)  # noqa: DTZ001 - local

    wrong = [
        day
        for number in range(0, 365 * 12, 3)
        if to_utc(day := noon + timedelta(days=number), zone(name)) != day.replace(tzinfo=said).astimezone(UTC)
    ]
    assert wrong == []


def test_a_zone_with_a_yearly_rule_is_two_observances_with_an_rrule_and_no_rdate() -> None:
    text = vtimezone("Europe/London").decode()

    assert text.count("RRULE:FREQ=YEARLY") == 2
    assert "RDATE" not in text
    assert "BEGIN:DAYLIGHT" in text


def test_changes_that_no_rrule_states_are_listed() -> None:
    assert b"RDATE" in vtimezone("Asia/Gaza") or vtimezone("Asia/Gaza").count(b"DTSTART") > 50


def test_an_event_says_which_feeds_it_touches() -> None:
    directory = Directory()

    assert directory.apply(stated(centre())) == Touched(CENTRE, None)
    assert directory.apply(stated(meeting(7))) == Touched(CENTRE, id_of(7))
    assert directory.apply(stated(place_pb2.Place(name=f"centres/{CENTRE}/places/p1"))) == Touched(CENTRE, None)


def test_older_and_equal_states_change_nothing_also_after_a_tombstone() -> None:
    directory = Directory()
    directory.apply(stated(meeting(1), 5))

    assert directory.apply(stated(meeting(1, title="old"), 4)) is None
    assert directory.apply(stated(meeting(1, title="again"), 5)) is None
    assert directory.apply(gone(1, 6)) == Touched(CENTRE, id_of(1))
    assert directory.apply(stated(meeting(1), 5)) is None
    assert directory.listings[CENTRE].meetings == {}


def test_the_newest_time_counts_every_record_and_tombstones() -> None:
    directory = Directory()
    later = WRITTEN + timedelta(hours=1)
    directory.apply(stated(meeting(1)))
    directory.apply(stated(place_pb2.Place(name=f"centres/{CENTRE}/places/p1"), 1, later))
    assert directory.listings[CENTRE].newest == later
    directory.apply(gone(1, 2, later + timedelta(hours=1)))
    assert directory.listings[CENTRE].newest == later + timedelta(hours=1)


@pytest.mark.parametrize("visibility", [meeting_pb2.VISIBILITY_UNLISTED, meeting_pb2.VISIBILITY_MEMBERS])
def test_what_is_not_public_is_not_taken_in(visibility: int) -> None:
    directory = Directory()
    directory.apply(stated(meeting(1, visibility=visibility)))

    assert directory.listings[CENTRE].meetings == {}


def _with(event: Event, **other: Any) -> Event:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return Event(**(fields | other))


@pytest.mark.parametrize(
    "event",
    [
        _with(stated(meeting(1)), payload=b"\xff\xff\xff"),
        _with(stated(meeting(1)), subject=stated(meeting(2)).subject),
        _with(stated(meeting(1)), subject="openchair.home.public"),
        _with(stated(centre()), subject=f"openchair.home.public.meetings.other.centre.{CENTRE}"),
    ],
)
def test_an_event_that_contradicts_itself_is_refused_and_changes_nothing(event: Event) -> None:
    directory = Directory()

    with pytest.raises(MisfitError):
        directory.apply(event)
    assert directory.listings == {}


def test_a_centre_in_an_unknown_zone_is_refused_and_its_last_state_stays() -> None:
    directory = Directory()
    directory.apply(stated(centre()))

    with pytest.raises(ValueError, match="zone"):
        directory.apply(stated(centre("Mars/Olympus"), 2))
    assert directory.listings[CENTRE].centre == centre()


def test_a_lineage_is_all_parts_by_the_id_of_any() -> None:
    directory = Directory()
    for number, lineage in ((1, 1), (2, 1), (3, 3)):
        directory.apply(stated(meeting(number, lineage=id_of(lineage))))

    listing = directory.listings[CENTRE]
    assert listing.lineage(id_of(2)) == listing.lineage(id_of(1)) == sorted([id_of(1), id_of(2)])
    assert listing.lineage(id_of(9)) == []


def test_a_lineage_is_found_by_its_own_id_when_its_first_part_is_gone() -> None:
    directory = Directory()
    directory.apply(stated(meeting(1)))
    directory.apply(stated(meeting(2, lineage=id_of(1))))
    directory.apply(gone(1))

    assert directory.listings[CENTRE].lineage(id_of(1)) == [id_of(2)]
    directory.apply(gone(2))
    assert directory.listings[CENTRE].lineage(id_of(1)) == []


def _file(body: bytes) -> Any:
    return io.StringIO(body.decode())
