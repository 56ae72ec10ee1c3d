"""Which representation a request gets, and whether it has it already: RFC 9110 sections 12.5.3 and 13."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_TAG = re.compile(rb'(?:W/)?("[^"]*")')
_LONGEST = 4096  # bytes of a header that we look at


@lru_cache(256)
def takes_gzip(accept_encoding: bytes) -> bool:
    """Whether gzip is acceptable: named, or covered by "*", and not with a quality of 0."""
    weights = dict(map(_weighted, accept_encoding[:_LONGEST].lower().split(b",")))
    return weights.get(b"gzip", weights.get(b"x-gzip", weights.get(b"*", 0.0))) > 0


def has_tag(if_none_match: bytes, etag: bytes) -> bool:
    """Whether one of the tags is this one, by weak comparison (RFC 9110 section 8.8.3.2); "*" is every one."""
    return if_none_match.strip() == b"*" or etag in _TAG.findall(if_none_match[:_LONGEST])


@lru_cache(256)
def instant_of(http_date: bytes) -> datetime | None:
    """The instant of an HTTP date; None for what is no date, which is then as if it had not been sent."""
    try:
        when = parsedate_to_datetime(http_date[:64].decode("ascii"))
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter: a date beyond the calendar, here or in UTC
        return None


def http_date(when: datetime) -> bytes:
    """IMF-fixdate, RFC 9110 section 5.6.7; parts of a second are cut off."""
    return format_datetime(when.astimezone(UTC), usegmt=True).encode("ascii")


def field(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """The value of a header, several lines of it joined (RFC 9110 section 5.2); empty where it was not sent."""
    return b", ".join(value for key, value in headers if key == name)


def _weighted(item: bytes) -> tuple[bytes, float]:
    coding, _, rest = item.partition(b";")
    name, _, quality = rest.strip().partition(b"=")
    if name.strip() != b"q":
        return coding.strip(), 1.0
    try:
        return coding.strip(), float(quality)
    except ValueError:
        return coding.strip(), 0.0
