"""The calendars over HTTP, as calendar programs ask for them, asked of the running system."""

from __future__ import annotations

import errno
import gzip
import socket
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

from tests.system import acts
from tests.system.running import PATIENCE, System, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.process import Answer

FEED = "/calendars/riverside.ics"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("http")) as started:
        yield started


def lasting(answer: Answer) -> dict[str, str]:
    """The headers that say something of the calendar, not of the moment."""
    return {name: value for name, value in answer.headers.items() if name != "date"}


def test_a_calendar_has_the_headers_that_clients_go_by(system: System) -> None:
    answer = system.get(FEED)

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("inline; filename=")
    assert answer.headers["cache-control"] == "public, max-age=900"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["etag"].startswith('"')
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert answer.body.startswith(b"BEGIN:VCALENDAR\r\n")


def test_a_meeting_has_a_calendar_of_its_own(system: System) -> None:
    uid = next(iter(acts.events(system.feed("riverside"))))[:36]  # of its agenda, or one of its weeks, too
    answer = system.get(f"/calendars/riverside/meeting/{uid}.ics")

    assert answer.status == 200
    assert {key[:36] for key in acts.events(answer.body)} == {uid}


@pytest.mark.parametrize("encoding", ["", "gzip", "gzip;q=0"])
def test_head_says_what_get_says(system: System, encoding: str) -> None:
    got, asked = (system.get(FEED, method, accept_encoding=encoding) for method in ("GET", "HEAD"))

    assert (asked.status, asked.body) == (200, b"")
    assert lasting(asked) == lasting(got)


@pytest.mark.parametrize("accept", ["gzip", "br, gzip;q=0.1", "*", "deflate, gzip;q=1.0, *;q=0"])
def test_who_takes_gzip_gets_the_same_calendar_packed_under_a_tag_of_its_own(system: System, accept: str) -> None:
    plain, packed = system.get(FEED), system.get(FEED, accept_encoding=accept)

    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["etag"] != plain.headers["etag"]
    assert len(packed.body) * 2 < len(plain.body)


@pytest.mark.parametrize("refused", ["gzip;q=0", "identity", "gzip; q=0.0, *;q=0", "br"])
def test_who_does_not_take_gzip_gets_it_plain(system: System, refused: str) -> None:
    answer = system.get(FEED, accept_encoding=refused)

    assert "content-encoding" not in answer.headers
    assert answer.body == system.get(FEED).body


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"a,b", W/"c", {}', "*"])
def test_a_reader_who_has_it_is_told_so_with_the_same_validators(system: System, form: str) -> None:
    had = system.get(FEED).headers
    answer = system.get(FEED, if_none_match=form.format(had["etag"]))

    assert (answer.status, answer.body) == (304, b"")
    for name in ("etag", "last-modified", "cache-control", "vary"):
        assert answer.headers[name] == had[name]
    assert "content-type" not in answer.headers


def test_a_tag_counts_for_its_own_coding_only(system: System) -> None:
    tag = system.get(FEED).headers["etag"]

    assert system.get(FEED, if_none_match=tag, accept_encoding="gzip").status == 200
    assert system.get(FEED, "HEAD", if_none_match=tag).status == 304


def test_another_tag_wins_over_a_date_that_is_late_enough(system: System) -> None:
    late = format_datetime(
        parsedate_to_datetime(system.get(FEED).headers["last-modified"]) + timedelta(days=2), usegmt=True
    )

    assert system.get(FEED, if_none_match='"other"', if_modified_since=late).status == 200
    assert system.get(FEED, if_none_match='"other"').status == 200


def test_a_date_alone_proves_nothing_while_the_calendar_is_young_and_nonsense_never_does(system: System) -> None:
    said = system.get(FEED).headers["last-modified"]

    for date in (said, "Thu, 01 Jan 1970 00:00:00 GMT", "yesterday", ""):
        assert system.get(FEED, if_modified_since=date).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/calendars/nowhere.ics",
        "/calendars/riverside",
        "/calendars/",
        "/calendars/riverside.ics/",
        "/calendars/Riverside.ics",
        "/calendars/riverside/meeting/none.ics",
        "/calendars/riverside/meeting/.ics",
        "/calendars/riverside/room/x.ics",
        "/calendars/../calendars/riverside.ics",
        "/calendars/..%2f..%2fmeetings.sqlite",
        "/calendars/%2e%2e/keys/token.key",
        "/../keys/token.key",
        "/calendars/riverside.ics%00",
        "/calendars/riverside%0d%0aX-Header:%20x.ics",
        "//calendars/riverside.ics",
        "/nowhere",
    ],
)
def test_what_is_not_there_is_not_found_and_nothing_of_the_machine_is_told(system: System, path: str) -> None:
    answer = system.get(path)

    assert answer.status == 404
    assert "x-header" not in answer.headers
    assert str(system.data).encode() not in answer.body
    assert b"BEGIN" not in answer.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "TRACE"])
def test_a_calendar_is_only_read(system: System, method: str) -> None:
    answer = system.get(FEED, method)

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_query_is_ignored_and_a_huge_one_refused(system: System) -> None:
    assert system.get(f"{FEED}?utm_source=mail").body == system.get(FEED).body
    assert system.get(f"{FEED}?{'x' * 3000}").status == 414


@pytest.mark.parametrize(
    "request_text",
    [
        b"GET " + FEED.encode() + b"?" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
        b"GET  HTTP/9.9\r\n\r\n",
        b"BREW " + FEED.encode() + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=["a huge target", "TLS", "no HTTP", "no method"],
)
def test_what_is_no_sound_request_is_turned_away_and_others_are_served(system: System, request_text: bytes) -> None:
    first = _raw(system, request_text).split(b"\r\n")[0]

    assert first == b"" or first.split(b" ")[1][:1] == b"4"
    assert system.get(FEED).status == 200


def _raw(system: System, request_text: bytes) -> bytes:
    """Whatever comes back until the server hangs up; we have nothing more to say."""
    with socket.create_connection(("127.0.0.1", system.http_port), PATIENCE) as connection:
        answer = b""
        try:
            connection.sendall(request_text)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                answer += piece
        except OSError as error:  # it hung up before we had said all
            if error.errno not in {errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN}:
                raise
        return answer
