"""What a coordinator changed by hand in a list's meeting stays through the next import, and can be given back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from tests.system import acts
from tests.system.feed_readers import icalendar_reader
from tests.system.running import System, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ZONE: Final = ZoneInfo(acts.ZONE)
NOW: Final = datetime.now(UTC)
WEEKS: Final = 5
OURS: Final = "Women's Big Book"
HALL: Final = "Parish Hall"


class Edited(NamedTuple):
    """The running site with the list's file, and the dates that were cancelled and moved by hand."""

    system: System
    file: Path
    cancelled: datetime
    moved: datetime
    moved_to: datetime


def record(**more: Any) -> dict[str, Any]:
    """The list's meeting: tomorrow's weekday, 19:00."""
    day = (NOW.astimezone(ZONE).date() + timedelta(days=1)).isoweekday() % 7
    return {
        "slug": "big-book", "name": "Big Book", "day": day, "time": "19:00", "end_time": "20:00", "types": ["B", "O"],
        "location": "Old Mill", "formatted_address": "1 Main St, Edmonton", "notes": "Doors open at six.", **more,
    }  # fmt: skip


def starts() -> list[datetime]:
    """The list's own dates, from tomorrow on."""
    first = datetime.combine(
        NOW.astimezone(ZONE).date() + timedelta(days=1), datetime.min.time().replace(hour=19), ZONE
    )
    return [(first + timedelta(weeks=number)).astimezone(UTC) for number in range(WEEKS)]


def done(system: System, *arguments: str) -> str:
    answer = system.command(*arguments)
    assert answer.returncode == 0, answer.stderr + answer.stdout
    return answer.stdout


def bring_in(site: Edited, **more: Any) -> str:
    site.file.write_text(json.dumps([record(**more)]), encoding="utf-8")
    named = ("--centre=house", "--source=list", f"--timezone={acts.ZONE}", "--fellowship=AA")
    return done(site.system, "import", "meeting-guide", str(site.file), *named)


def local(moment: datetime) -> str:
    return f"{moment.astimezone(ZONE):%Y-%m-%d %H:%M}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Edited]:
    with running(tmp_path / "site") as system:
        done(system, "centre", "create", "house", "--title=House", f"--timezone={acts.ZONE}")
        done(system, "place", "create", "house", f"--title={HALL}", "--address=9 Church St, Edmonton")
        first, second, third, *_ = starts()
        found = Edited(system, tmp_path / "list.json", second, third, third + timedelta(days=1, hours=-2))
        assert first > NOW
        bring_in(found)
        done(system, "meeting", "edit", "house", "Big Book", f"--title={OURS}", f"--place={HALL}", "--yes")
        day = local(second)[:10]
        done(system, "meeting", "cancel", "house", OURS, "--on", day, "--because=Ill", "--yes")
        move = ("--on", local(third)[:10], "--to", local(found.moved_to), "--because=Let")
        done(system, "meeting", "move", "house", OURS, *move, "--yes")
        yield found


def shown(site: Edited) -> list[tuple[datetime, str]]:
    seen = icalendar_reader(site.system.feed("house"), NOW, NOW + timedelta(weeks=WEEKS))
    return sorted((each.start, each.summary) for each in seen)


def expected(site: Edited, title: str, later: timedelta = timedelta()) -> list[tuple[datetime, str]]:
    """The list's dates but for what was said by hand about two of them."""
    plain = [each + later for each in starts() if each not in {site.cancelled, site.moved}]
    return sorted((each, title) for each in [*plain, site.moved_to] if each < NOW + timedelta(weeks=WEEKS))


def places(site: Edited) -> set[str]:
    return {
        acts.value(each, "LOCATION").partition("\\,")[0] for each in acts.events(site.system.feed("house")).values()
    }


def reads(site: Edited, wanted: list[tuple[datetime, str]]) -> None:
    until(lambda: shown(site) == wanted, f"the calendar shows {wanted}, not {shown(site)}")


def test_what_was_edited_here_stays_and_the_rest_follows_the_list(site: Edited) -> None:
    reads(site, expected(site, OURS))
    other = {"name": "Big Book Study", "location": "New Mill", "formatted_address": "2 Main St, Edmonton"}
    said = bring_in(site, **other, notes="Doors open at five.", time="19:30", end_time="20:30")

    assert "changed: when it is, its notes" in said
    assert "kept as it was edited here: where it is, its title" in said
    reads(site, expected(site, OURS, timedelta(minutes=30)))
    assert places(site) == {HALL}
    assert all("five" in acts.value(each, "DESCRIPTION") for each in acts.events(site.system.feed("house")).values())

    again = bring_in(site, **other, notes="Doors open at five.", time="19:30", end_time="20:30")
    assert "unchanged" in again
    assert "kept as it was edited here: where it is, its title" in again


@pytest.mark.slow
def test_a_field_that_is_given_back_is_the_lists_again_after_its_next_import(site: Edited) -> None:
    other = {"name": "Big Book Study", "location": "New Mill", "formatted_address": "2 Main St, Edmonton"}
    bring_in(site, **other)
    done(site.system, "meeting", "edit", "house", OURS, "--follow-source", "title", "--yes")
    reads(site, expected(site, OURS))
    said = bring_in(site, **other)
    assert "changed: its title" in said
    assert "kept as it was edited here: where it is" in said
    reads(site, expected(site, "Big Book Study"))
    assert places(site) == {HALL}

    done(site.system, "meeting", "edit", "house", "Big Book Study", "--follow-source", "place", "--yes")
    assert "kept" not in bring_in(site, **other)
    until(lambda: places(site) == {"New Mill"}, "it is where the list says")
    reads(site, expected(site, "Big Book Study"))
