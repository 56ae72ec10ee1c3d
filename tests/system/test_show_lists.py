"""Real lists come in, go out, come in at another centre and go out again: nothing is lost, and nothing changes.

Three lists, each with habits of its own: Edmonton (hours of twelve, days as lists, no zone), Sussex (ids and districts,
places of which only the area is told), and online meetings of the whole world (days from 1 to 7, lengths, no address).
"""

from __future__ import annotations

import html
import json
import os
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import pytest

from tests.system import acts
from tests.system.feed_readers import icalendar_reader
from tests.system.running import ROOT, System, running, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WHOLE: Final = ROOT.parent / "shared" / "data" / "recovery"
EXCERPTS: Final = ROOT / "tests" / "data" / "meeting_guide"
LONG: Final = os.environ.get("OPENCHAIR_GATE") == "1"
"""Before a release the whole lists travel, where they are beside the checkout; else some records of each."""
LISTS: Final = {
    "edmonton": ("meeting_guide_feed_edmonton.json", "edmonton.json", "America/Edmonton"),
    "sussex": ("meeting_guide_feed_sussexaa.json", "sussexaa.json", "America/New_York"),
    "oiaa": ("oiaa_online_meetings.json", "oiaa.json", "UTC"),
}
DAYS: Final = 60
NEVER: Final = frozenset({"conference_url_notes", "conference_phone_notes", "last_contact"})
"""Where passcodes are written, and what names people: never in a list that goes out."""
_OPENS: Final = re.compile(r"pass ?(?:code|word)|\bpw\b", re.IGNORECASE)
_SECRET: Final = re.compile(r"redacted|pass|pw|\bpin\b|contrase|clave", re.IGNORECASE)


Record: TypeAlias = "dict[str, Any]"


class Trip(NamedTuple):
    """A list as it came, as it went out, and as it went out of the centre that read that; and both calendars."""

    came: list[Record]
    refused: set[str]
    out: list[Record]
    again: list[Record]
    zone: str
    calendars: tuple[bytes, bytes]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("lists")) as started:
        yield started


@pytest.fixture(scope="module", params=LISTS)
def trip(request: pytest.FixtureRequest, system: System, tmp_path_factory: pytest.TempPathFactory) -> Trip:
    whole, excerpt, zone = LISTS[request.param]
    file = WHOLE / whole if LONG and (WHOLE / whole).exists() else EXCERPTS / excerpt
    folder = tmp_path_factory.mktemp(request.param)
    first, refused = through(system, request.param, zone, file, folder / "first.json")
    again, none = through(system, f"{request.param}-again", zone, folder / "first.json", folder / "again.json")
    assert not none
    calendars = (calendar(system, request.param, first), calendar(system, f"{request.param}-again", again))
    return Trip(json.loads(file.read_text(encoding="utf-8")), refused, first, again, zone, calendars)


def calendar(system: System, centre: str, listed: list[Record]) -> bytes:
    """Its feed, with as many series as are listed and not closed."""
    on = sum(record["attendance_option"] != "inactive" for record in listed)
    until(lambda: len(acts.events(system.feed(centre))) == on, "the calendar has them")
    return system.feed(centre)


def through(system: System, centre: str, zone: str, file: Path, out: Path) -> tuple[list[Record], set[str]]:
    """What goes out of a new centre that a list has come into, and who was refused."""
    done = system.command("centre", "create", centre, "--title", "Intergroup", "--timezone", zone)
    assert done.returncode == 0, done.stderr
    named = ("--centre", centre, "--source", "list", "--timezone", zone, "--fellowship", "AA")
    report = json.loads(system.command("import", "meeting-guide", str(file), *named, "--json").stdout)
    done = system.command("export", "meeting-guide", centre, "-o", str(out))
    assert done.returncode == 0, done.stderr
    refused = {line["source_id"] for line in report["records"] if line["outcome"] == "ROW_OUTCOME_REFUSED"}
    return json.loads(out.read_text(encoding="utf-8")), refused


def told(record: Record) -> str:
    """The identity of a record that goes out, at its source."""
    return str(record.get("openchair", {}).get("source_id") or record["slug"])


def area_only(record: Record) -> bool:
    """Whether the public learns no more than the area: then its identity at the source is not told either."""
    return record.get("approximate") == "yes" and bool(record.get("location"))


@pytest.mark.sampled(3)
def test_who_is_refused_has_no_hour(trip: Trip) -> None:
    by_slug = {record["slug"]: record for record in trip.came}
    assert all(not by_slug[slug].get("time") for slug in trip.refused)
    assert len(trip.out) == len(trip.came) - len(trip.refused)


def test_each_record_goes_out_under_its_own_name_and_each_field_with_it(trip: Trip) -> None:
    out = {told(record): record for record in trip.out}
    there = [record for record in trip.came if record["slug"] not in trip.refused]
    missing = [record for record in there if record["slug"] not in out]
    assert all(map(area_only, missing))
    assert {plain(record["name"]) for record in missing} <= {record["name"] for record in trip.out}
    lost = {
        (record["slug"], field)
        for record in there
        for field in record.keys() - NEVER
        if record["slug"] in out and not kept(field, record, out[record["slug"]])
    }
    assert lost == set()


def test_what_opens_a_room_or_names_somebody_does_not_go_out(trip: Trip) -> None:
    assert not any(NEVER & record.keys() for record in trip.out)
    assert not [record["slug"] for record in trip.out if _OPENS.search(record.get("notes", ""))]


def test_another_centre_reads_the_same_and_tells_the_same(trip: Trip) -> None:
    first, again = ({record["slug"]: record for record in each} for each in (trip.out, trip.again))
    own = {slug for slug, record in first.items() if slug not in again}
    assert all(
        area_only(first[slug]) or told(first[slug]) != slug or "withheld" in first[slug]["openchair"] for slug in own
    )
    assert {slug: first[slug] for slug in first.keys() - own} == {
        slug: again[slug] for slug in again.keys() & first.keys()
    }
    assert sorted(record["name"] for record in trip.out) == sorted(record["name"] for record in trip.again)


def test_both_calendars_have_the_dates_that_the_list_says_by_the_clock_of_each_place(trip: Trip) -> None:
    since = datetime.now(UTC).replace(microsecond=0)
    wanted = Counter(
        (start, plain(record["name"]))
        for record in trip.came
        if record["slug"] not in trip.refused and not shut(record)
        for start in weekly_starts(record, trip.zone, since)
    )
    assert wanted
    for feed in trip.calendars:
        seen = icalendar_reader(feed, since, since + timedelta(days=DAYS))
        assert Counter((each.start, each.summary.strip()) for each in seen) == wanted


def shut(record: Record) -> bool:
    """Closed for now: nobody can go there, nor join from afar."""
    return record.get("attendance_option") == "inactive" or (
        "TC" in record.get("types", []) and not record.get("conference_url") and not record.get("conference_phone")
    )


def weekly_starts(record: Record, zone: str, since: datetime) -> Iterator[datetime]:
    """Each date of the next weeks, by the record's own zone. Day 7 is a Sunday, too."""
    there = ZoneInfo(record.get("timezone") or zone)
    form = "%I:%M %p" if record["time"][-1] in "Mm" else "%H:%M"
    hour = datetime.strptime(record["time"], form).time()  # noqa: DTZ007 - an hour, no instant
    days = {day % 7 for day in (record["day"] if isinstance(record["day"], list) else [record["day"]])}
    for number in range(DAYS + 2):
        day = since.astimezone(there).date() + timedelta(days=number)
        start = datetime.combine(day, hour, there).astimezone(UTC)
        if day.isoweekday() % 7 in days and since <= start < since + timedelta(days=DAYS):
            yield start


# --- how a field that came in goes out, where it is not the same ------------------------------------------------------


def plain(value: Any) -> Any:
    """Entities and blanks of other systems mean nothing."""
    return " ".join(html.unescape(value).split()) if isinstance(value, str) else value


def kept(field: str, came: Record, out: Record) -> bool:
    """Whether a field is there, in the words of the specification."""
    value = plain(came[field])
    if value is False or value in ("", None, []):
        return True
    if field in _OTHERWISE:
        return _OTHERWISE[field](came, out)
    return bool(plain(out.get(field)) == value)


def _hour(came: Record, out: Record) -> bool:
    said = came["time"]
    form = "%I:%M %p" if said[-1] in "Mm" else "%H:%M"
    return bool(f"{datetime.strptime(said, form):%H:%M}" == out["time"])  # noqa: DTZ007 - an hour, no instant


def _days(came: Record, out: Record) -> bool:
    said, told_ = (
        {each % 7 for each in (day if isinstance(day, list) else [day])} for day in (came["day"], out["day"])
    )
    return said == told_


def _length(came: Record, out: Record) -> bool:
    start, end = (datetime.strptime(out[each], "%H:%M") for each in ("time", "end_time"))  # noqa: DTZ007 - the same
    lasts = timedelta(minutes=came["duration"])
    return (end - start) % timedelta(days=1) == lasts % timedelta(days=1)


def _codes(came: Record, out: Record) -> bool:
    spoken = {code.upper() for code in came.get("languages", [])}
    return set(filter(None, came["types"])) - spoken <= set(out.get("types", []))


def _lines(field: str, came: Record, out: Record) -> bool:
    """All but what may hold a passcode, which is left out by the line."""
    said = [plain(line) for line in came[field].splitlines()]
    there = plain(f"{out.get(field, '')} {out.get('notes', '')}")
    return all(line in there for line in said if not _SECRET.search(line))


def _stamp(came: Record, out: Record) -> bool:
    for form in ("%m/%d/%Y %I:%M:%S %p", "%Y-%m-%d %H:%M:%S"):
        try:
            stamp = datetime.strptime(came["updated"], form)  # noqa: DTZ007 - UTC
        except ValueError:
            continue
        return bool(f"{stamp:%Y-%m-%d %H:%M:%S}" == out["updated"])
    return False


_OTHERWISE: Final[dict[str, Callable[[Record, Record], bool]]] = {
    "time": _hour,
    "day": _days,
    "duration": _length,
    "types": _codes,
    "updated": _stamp,
    "notes": lambda came, out: _lines("notes", came, out),
    "group_notes": lambda came, out: _lines("group_notes", came, out),
    "address": lambda came, out: plain(came["address"]) == out["formatted_address"],
    "slug": lambda came, out: came["slug"] == told(out),
    "languages": lambda came, out: came["languages"][0] == out["openchair"]["meeting"]["language"],
    "updatedAt": lambda came, out: came["updatedAt"][:10] == out["updated"][:10],
    "_id": lambda came, _: bool(came["slug"]),
    "id": lambda came, _: bool(came["slug"]),
}
