"""An answer kept ready: the bytes of a feed with the headers of every way it may be asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from services.feeds import gz
from services.feeds.conditions import field, has_tag, http_date, instant_of, takes_gzip
from services.kit.kept import Kept, head_of
from services.recurrence.zones import local_day, midnight

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Headers: TypeAlias = "list[tuple[bytes, bytes]]"

YOUNG = timedelta(minutes=15)

CALENDAR = b"text/calendar; charset=utf-8"
JSON = b"application/json; charset=utf-8"

_SHARED: Headers = [(b"cache-control", b"public, max-age=900"), (b"vary", b"Accept-Encoding")]
_CORS: Headers = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"ETag")]
GUARDED: Headers = [(b"x-robots-tag", b"noindex"), (b"referrer-policy", b"no-referrer")]
"""Of whatever is found by its address alone."""
_OWN: Headers = [(b"cache-control", b"private, no-cache"), (b"vary", b"Accept-Encoding"), *GUARDED]


class Span:
    """The stretch of time in which an answer holds as it is: from `since` to before `until`."""

    def __init__(self, since: datetime, until: datetime) -> None:
        self.since = since
        self.until = until

    def holds(self, now: datetime) -> bool:
        """Whether `now` lies in it. A clock that was set back falls out of it, too."""
        return self.since <= now < self.until


class Stated:
    """Last-Modified and how far it may be trusted.

    While the newest change is under 15 minutes old the header says one second less, and a date alone proves nothing:
    within one second there may be two states, and a date cannot tell them apart (RFC 9110 section 8.8.2.2).

    Nor does it prove anything after a state has `arrived` here later than that: it may be older than `newest`,
    published late because a link was down, and then the header is what it was before, until the centre's next midnight.
    """

    def __init__(self, newest: datetime, now: datetime, arrived: datetime) -> None:
        cut, second = newest.replace(microsecond=0), now.replace(microsecond=0)
        self.young = now < newest + YOUNG
        self.instant = min(cut, second) - timedelta(seconds=1) if self.young else cut
        self.header = http_date(self.instant)
        self.until = newest + YOUNG if self.young else None
        if second < cut:  # the writer's clock is ahead: what is said goes by ours, and for this second only
            self.until = second + timedelta(seconds=1)
        self.proves = not self.young and arrived <= newest + YOUNG


def lasting(newest: datetime, zone: str, now: datetime, arrived: datetime) -> tuple[Stated, Span]:
    """What is said of a page made of records of which the newest is of `newest`, and how long it holds.

    Last-Modified is that of all the centre's records or of its day, whichever is newer.
    """
    today = local_day(now, zone)
    begun, ends = midnight(today, zone), midnight(today + timedelta(days=1), zone)
    stated = Stated(max(newest, begun), now, arrived)
    return stated, Span(begun, min(ends, stated.until) if stated.until else ends)


class Coding:
    """One representation: its tag, and the headers of a 200 and of a 304."""

    def __init__(
        self, etag: bytes, length: int, stated: Stated, usual: Headers, described: Headers, encoding: bytes | None
    ) -> None:
        validators: Headers = [(b"etag", etag), (b"last-modified", stated.header), *usual]
        self.etag = etag
        self.unchanged: Headers = [*validators, (b"x-content-type-options", b"nosniff")]
        type_, *more = described
        self.full: Headers = [type_, (b"content-length", str(length).encode()), *more, *self.unchanged]
        if encoding:
            self.full.append((b"content-encoding", encoding))
        self.unchanged_head = head_of(self.unchanged)
        self.full_head = head_of(self.full)


class Page:
    """A feed as it is served. `span` says how long; the identity bytes are joined when first asked for.

    `guarded`: it is found by its address alone, so it is for no cache that others share, and for no search engine.
    `shared_with_scripts`: those of any other site may read it (CORS), too.
    """

    def __init__(
        self,
        segments: Sequence[gz.Segment],
        stated: Stated,
        span: Span,
        file_name: str,
        *,
        guarded: bool = False,
        content_type: bytes = CALENDAR,
        shared_with_scripts: bool = False,
    ) -> None:
        self.span = span
        self._stated = stated
        self._segments = segments
        self._plain: bytes | None = None
        self._packed = gz.join(segments)
        size = sum(len(segment.plain) for segment in segments)
        plain_tag = gz.etag(segment.digest for segment in segments)
        packed_tag = gz.etag(segment.packed_digest for segment in segments)
        usual = [*(_OWN if guarded else _SHARED), *(_CORS if shared_with_scripts else [])]
        named = (b"content-disposition", f'inline; filename="{file_name}"'.encode())
        described = [(b"content-type", content_type), named]
        self._plain_coding = Coding(plain_tag, size, stated, usual, described, None)
        self._packed_coding = Coding(packed_tag, len(self._packed), stated, usual, described, b"gzip")
        self.weight = 3 * len(self._packed) + 2 * size
        """About how many bytes it keeps: its segments hold both forms, too."""

    def answer(self, headers: Iterable[tuple[bytes, bytes]]) -> tuple[int, Headers, bytes]:
        """Status, headers and body for a GET with these request headers."""
        coding, packed, had = self._chosen(headers)
        if had:
            return 304, coding.unchanged, b""
        return 200, coding.full, self._packed if packed else self._identity()

    def kept(self, headers: Iterable[tuple[bytes, bytes]]) -> Kept:
        """The same answer as the bytes that are written."""
        coding, packed, had = self._chosen(headers)
        if had:
            return Kept(304, coding.unchanged_head, b"")
        return Kept(200, coding.full_head, self._packed if packed else self._identity())

    def _chosen(self, headers: Iterable[tuple[bytes, bytes]]) -> tuple[Coding, bool, bool]:
        """Which representation is asked for, whether it is the packed one, and whether the asker has it already."""
        asked = dict(headers)
        packed = takes_gzip(asked.get(b"accept-encoding", b""))
        coding = self._packed_coding if packed else self._plain_coding
        validated = b"if-none-match" in asked or b"if-modified-since" in asked
        return coding, packed, validated and self._had(asked, headers, coding.etag)

    def _had(self, asked: dict[bytes, bytes], headers: Iterable[tuple[bytes, bytes]], etag: bytes) -> bool:
        """If-None-Match decides; If-Modified-Since counts only without it (RFC 9110 section 13.2.2)."""
        tags = asked.get(b"if-none-match")
        if tags is not None:
            return tags == etag or has_tag(field(headers, b"if-none-match"), etag)
        since = instant_of(asked[b"if-modified-since"])
        return self._stated.proves and since is not None and self._stated.instant <= since

    def _identity(self) -> bytes:
        if self._plain is None:
            self._plain = b"".join(segment.plain for segment in self._segments)
        return self._plain
