"""iCalendar files that mean harm, by what they try. Made here: none of them is worth keeping."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

START: Final = "DTSTART;TZID=Europe/Berlin:20260105T190000"


def calendar(*lines: str, more: Iterable[str] = ()) -> bytes:
    """A calendar of these lines."""
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *lines, *more, "END:VCALENDAR", ""]).encode()


def event(*lines: str, uid: str = "a@example.org", start: str = START) -> list[str]:
    """An event, 90 minutes long, with these lines."""
    always = (f"UID:{uid}", "SUMMARY:Evening group", start, "DURATION:PT90M", "LOCATION:Hall\\, 1 Main St")
    return ["BEGIN:VEVENT", *always, *lines, "END:VEVENT"]


def rule(text: str) -> bytes:
    """A calendar of one event with that rule."""
    return calendar(*event(f"RRULE:{text}"))


def bomb() -> bytes:
    """Some 200 KiB that unpack to 200 MiB."""
    return gzip.compress(b"BEGIN:VCALENDAR\r\n" + b" " * (200 * 2**20), 6)


def heavy() -> bytes:
    """Every event asks for all that a rule may ask for."""
    days = ",".join(str(day) for day in range(1, 32))
    costly = f"RRULE:FREQ=DAILY;BYMONTHDAY={days};BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12"
    start = "DTSTART;TZID=Europe/Berlin:19000101T190000"
    return calendar(*(line for number in range(9_000) for line in event(costly, uid=f"e{number}", start=start)))


def zones() -> bytes:
    """Nine thousand zones of its own, each to be compared with all there are."""
    lines: list[str] = []
    for number in range(4_000):
        part = ("DTSTART:19700101T000000", "TZOFFSETFROM:+0117", f"TZOFFSETTO:+{number % 14:02d}17")
        lines += ["BEGIN:VTIMEZONE", f"TZID:Zone {number}", "BEGIN:STANDARD", *part, "END:STANDARD", "END:VTIMEZONE"]
    for number in range(4_000):
        lines += event(uid=f"e{number}", start=f"DTSTART;TZID=Zone {number}:20260105T190000")
    return calendar(*lines)


WHOLE: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    "a million BEGINs, side by side": (
        lambda: calendar(*("BEGIN:VTODO\r\nEND:VTODO" for _ in range(500_000))),
        "more than 20,000 components",
    ),
    "a million BEGINs, one in the other": (lambda: b"BEGIN:VCALENDAR\r\n" * 1_000_000, "3 levels deep"),
    "four levels": (
        lambda: calendar("BEGIN:VEVENT", "BEGIN:VALARM", "BEGIN:X-DEEP", "END:X-DEEP", "END:VALARM", "END:VEVENT"),
        "3 levels deep",
    ),
    "a long line": (lambda: calendar("X-LONG:" + "a" * 65_536), "line 3 is longer than 64 KiB"),
    "a gzip bomb": (bomb, "20 MiB when it is unpacked"),
    "a gzip file that was cut off": (lambda: gzip.compress(rule("FREQ=DAILY"))[:-12], "truncated"),
    "NUL bytes": (lambda: calendar(*event("DESCRIPTION:a\0b")), "NUL (line 9)"),
    "too large": (lambda: b"BEGIN:VCALENDAR\r\n" + b"X-A:b\r\n" * 3_200_000, "larger than 20 MiB"),
    "METHOD:CANCEL": (lambda: calendar("METHOD:CANCEL", *event()), "METHOD of its calendar is CANCEL (line 3)"),
    "latin-1": (lambda: calendar(*event()).replace(b"group", b"Gespr\xe4ch"), "not UTF-8 (line 5)"),
}
"""Files that are refused as a whole, and what the refusal says."""

EVENTS: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    "SECONDLY a thousand million times": (lambda: rule("FREQ=SECONDLY;COUNT=1000000000"), "FREQ=SECONDLY"),
    "MINUTELY": (lambda: rule("FREQ=MINUTELY"), "FREQ=MINUTELY"),
    "HOURLY": (lambda: rule("FREQ=HOURLY;INTERVAL=24"), "FREQ=HOURLY"),
    "DAILY a thousand million times": (lambda: rule("FREQ=DAILY;COUNT=1000000000"), "COUNT=1000000000"),
    "INTERVAL=0": (lambda: rule("FREQ=DAILY;INTERVAL=0"), "INTERVAL=0"),
    "never a date but the first": (
        lambda: rule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=3;UNTIL=20270101"),
        "cannot be",
    ),
    "BY-combinations": (
        lambda: rule("FREQ=YEARLY;BYYEARDAY=" + ",".join(map(str, range(1, 367))) + ";BYMONTH=1,2"),
        "more than 400 combinations",
    ),
    "every minute of a day": (lambda: rule("FREQ=DAILY;BYHOUR=0,1,2,3;BYMINUTE=1,2,3"), "BYHOUR"),
    "a huge RDATE list": (
        lambda: calendar(*event(*(f"RDATE:2026010{n % 9 + 1}T{n % 24:02d}0000Z" for n in range(1_001)))),
        "more than 1,000 RDATE",
    ),
    "a huge EXDATE list": (
        lambda: calendar(*event("RRULE:FREQ=DAILY", "EXDATE:" + ",".join(["20260105T180000Z"] * 1_001))),
        "more than 1,000 EXDATE",
    ),
    "EXRULE": (
        lambda: calendar(*event("RRULE:FREQ=DAILY", "EXRULE:FREQ=WEEKLY")),
        "EXRULE, which is not supported (line 10)",
    ),
}
"""Files of one event, which is refused, and what the refusal says."""

GREEDY: Final[dict[str, Callable[[], bytes]]] = {"heavy rules": heavy, "heavy zones": zones}
"""Files that run into the limits of the process that reads them."""
