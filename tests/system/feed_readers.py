"""Four calendar programs, each asked the same: which events does this feed show in this window?

Three are Python libraries; the fourth, ical.js (Thunderbird, Nextcloud), runs in one long-lived node process. Events
whose status is CANCELLED are left out, as people do not go there.
"""

from __future__ import annotations

import atexit
import fcntl
import io
import json
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast
from zoneinfo import ZoneInfo, reset_tzpath

import icalendar
import pytest
import recurring_ical_events
import vobject
from dateutil.tz import tzical
from ical.calendar_stream import IcsCalendarStream

from tests.bench.tools import TOOLS

# These programs take a zone by its name from the machine; give them our release, so that both speak of the same rules.
reset_tzpath([])
ZoneInfo.clear_cache()

_ICAL_JS = Path(__file__).with_name("ical_js")
_INSTALLED = _ICAL_JS / "node_modules/.package-lock.json"
"""What npm writes when it is done."""
_LONGEST = timedelta(days=31)  # a meeting's length, and how far we look for what was moved into the window


class Seen(NamedTuple):
    """One event as a client shows it. Times are aware, UTC."""

    uid: str
    start: datetime
    end: datetime
    summary: str


Reader: TypeAlias = Callable[[bytes, datetime, datetime], set[Seen]]


def icalendar_reader(feed: bytes, since: datetime, until: datetime) -> set[Seen]:
    """`icalendar`, its dates by `recurring-ical-events`."""
    calendar = icalendar.Calendar.from_ical(feed)
    for component in calendar.walk():
        assert not component.errors, component.errors
    found = cast("list[Any]", recurring_ical_events.of(calendar).between(since, until))
    return _within(
        (_seen(each["UID"], each.start, each.end, each["SUMMARY"]) for each in found if not _cancelled(each.status)),
        since,
        until,
    )


def ical_reader(feed: bytes, since: datetime, until: datetime) -> set[Seen]:
    """`ical`, the strict parser of Home Assistant."""
    calendar = IcsCalendarStream.calendar_from_ics(feed.decode())
    found = cast("Iterable[Any]", calendar.timeline_tz(UTC).overlapping(since, until))
    return _within(
        (_seen(each.uid, each.start, each.end, each.summary) for each in found if not _cancelled(each.status)),
        since,
        until,
    )


def vobject_reader(feed: bytes, since: datetime, until: datetime) -> set[Seen]:
    """`vobject`, validating. It expands a rule; that an override takes the place of its date is done here."""
    text = feed.decode()
    zones = tzical(io.StringIO(text))
    for name in zones.keys():  # noqa: SIM118 - no dictionary
        vobject.icalendar.registerTzid(name, zones.get(name))  # else it would take pytz's, which expand to a wrong hour
    calendar = vobject.readOne(text)
    assert calendar.validate(raiseException=True)
    events = calendar.contents.get("vevent", [])
    replaced = {
        (event.uid.value, _utc(event.recurrence_id.value)) for event in events if "recurrence-id" in event.contents
    }
    seen = []
    for event in events:
        for start in _vobject_starts(event, until):
            original = "recurrence-id" not in event.contents
            status = event.status.value if "status" in event.contents else None
            if not (original and (event.uid.value, _utc(start)) in replaced) and not _cancelled(status):
                end = start + (_wall(event.dtend.value) - _wall(event.dtstart.value))
                seen.append(_seen(event.uid.value, start, end, event.summary.value))
    return _within(seen, since, until)


def ical_js_reader(feed: bytes, since: datetime, until: datetime) -> set[Seen]:
    """`ical.js` 2.2.1. Skips the test that asks where there is no node, or its one package cannot be had."""
    answer = ical_js({"feed": feed.decode(), "since": since.timestamp(), "until": until.timestamp()})
    return {
        Seen(uid, datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC), summary)
        for uid, start, end, summary in answer["seen"]
    }


def ical_js(request: dict[str, Any]) -> dict[str, Any]:
    """What the long-lived process answers (`ical_js/reader.mjs`). Skips the test where there is none."""
    node = _node()
    assert node.stdin is not None
    assert node.stdout is not None
    node.stdin.write(json.dumps(request) + "\n")
    node.stdin.flush()
    answer: dict[str, Any] = json.loads(node.stdout.readline())
    assert "error" not in answer, answer["error"]
    return answer


READERS: dict[str, Reader] = {
    "icalendar": icalendar_reader,
    "ical": ical_reader,
    "vobject": vobject_reader,
    "ical.js": ical_js_reader,
}


def _vobject_starts(event: Any, until: datetime) -> list[datetime]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # vobject asks the clock in a way Python 3.12 dislikes
        rules = event.getrruleset(addRDate=True)
    if rules is None:
        return [event.dtstart.value]
    earliest = event.dtstart.value - timedelta(days=366)  # an extra date may lie before the start
    return list(rules.between(earliest, until + _LONGEST, inc=True))


@cache
def _node() -> subprocess.Popen[str]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None:
        pytest.skip("ical.js is not asked: there is no node on this machine")
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock-npm").open("w") as lock:  # several processes of the tests want it at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _INSTALLED.is_file():
            _install(npm)
    process = subprocess.Popen(
        [node, str(_ICAL_JS / "reader.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    atexit.register(_end, process)
    return process


def _install(npm: str | None) -> None:
    if npm is None:
        pytest.skip("ical.js is not asked: there is no npm on this machine")
    command = [npm, "ci", "--ignore-scripts"]
    try:
        subprocess.run(command, cwd=_ICAL_JS, check=True, capture_output=True, text=True, timeout=120)
    except subprocess.SubprocessError:
        pytest.skip("ical.js is not asked: npm could not install it")


def _end(process: subprocess.Popen[str]) -> None:
    process.communicate()  # its input ends, and so does it


def _cancelled(status: object) -> bool:
    return str(getattr(status, "value", status)).upper() == "CANCELLED"


def _within(found: Any, since: datetime, until: datetime) -> set[Seen]:
    listed = [each for each in found if since <= each.start < until]
    assert len(listed) == len(set(listed)), "an event is shown twice"
    return set(listed)


def _seen(uid: object, start: datetime, end: datetime, summary: object) -> Seen:
    return Seen(str(uid), _utc(start), _utc(end), str(summary))


def _utc(local: datetime) -> datetime:
    assert local.tzinfo is not None, "a floating time"
    return local.astimezone(UTC)


def _wall(local: datetime) -> datetime:
    return local.replace(tzinfo=None)
