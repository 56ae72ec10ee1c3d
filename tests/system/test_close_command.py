"""Closures from a terminal: a day or a room closed, moved elsewhere, extended, taken back, watched."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from services.recurrence.zones import local_day
from tests.system.coordinator import ZONE, Terminal, asked_json, done, events, made, refused, shown
from tests.system.running import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.running import System

pytest_plugins = ("tests.system.coordinator",)


def test_a_snow_day_is_one_line_and_is_taken_back_by_another(system: System) -> None:
    day = local_day(datetime.now(UTC), ZONE) + timedelta(days=3)
    when = f"--on={day}"
    made(system, "Snowed In", when)
    dry = done(system, "close", "riverside", when, "--because=Snow", "--dry-run", "--all")
    assert "Snowed In: cancelled" in dry
    assert not shown(system, "Snowed In")["next_dates"][0]["cancelled"]

    closed = asked_json(system, "close", "riverside", when, "--because=Snow", "--yes")
    assert (closed["done"], closed["closure"]["state"]) == (True, "CLOSURE_STATE_IN_FORCE")
    assert closed["impact"]["cancelled"] == closed["impact"]["occurrences"] > 0
    until(lambda: "STATUS:CONFIRMED" not in "".join(events(system, "Snowed In")), "everybody reads it")
    assert "Snow" in done(system, "close", "list", "riverside")
    assert refused(system, "meeting", "restore", "riverside", "Snowed In", when, "--yes")[0] == 1

    done(system, "meeting", "restore", "riverside", "Snowed In", when, "--despite-closures", "--yes")
    assert not shown(system, "Snowed In")["next_dates"][0]["cancelled"]

    longer = f"{day + timedelta(days=1)}"
    assert (
        longer
        == asked_json(system, "close", "extend", "riverside", "snow", f"--until={longer}", "--yes")["closure"]["end"]
    )
    assert "taken back" in done(system, "close", "withdraw", "riverside", "Snow", "--yes")
    assert "0 closures" in done(system, "close", "list", "riverside")


def test_a_closed_house_moves_elsewhere_and_a_room_alone_closes_alone(system: System) -> None:
    done(system, "place", "create", "riverside", "--title=Library", "--address=2 Church Street")
    day = local_day(datetime.now(UTC), ZONE) + timedelta(days=40)
    made(system, "Mover", f"--on={day}")
    words = ("close", "riverside", "--place=Riverside House", f"--from={day}", f"--until={day}", "--because=Paint")
    closed = asked_json(system, *words, "--move-to=Library", "--yes")
    assert closed["impact"]["moved"] == closed["impact"]["occurrences"] > 0
    assert "at Library: Paint" in done(system, "meeting", "show", "riverside", "Mover")
    room = asked_json(system, "close", "riverside", f"--on={day}", "--room=Willow", "--because=Leak", "--dry-run")
    assert "Mover" not in {each["title"] for each in room["impact"]["dates"]}
    done(system, "close", "withdraw", "riverside", "Paint", "--yes")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--because=x",), "--today"),
        (("--because=x", "--from=24 dec"), "--until"),
        (("--because=x", "--today", "--until=24 dec"), "one day"),
        (("--because=x", "--today", "--link=https://example.org"), "--online"),
        (("--because=x", "--today", "--to-room=Willow"), "--move-to"),
        (("--because=x", "--today", "--holidays=XX"), "--holidays"),
        (("--today",), "--because"),
    ],
)
def test_a_closure_that_is_half_said_is_refused_and_the_rest_named(
    system: System, arguments: tuple[str, ...], says: str
) -> None:
    code, said = refused(system, "close", "riverside", *arguments, "--yes")
    assert (code, says in said) == (2, True), said


@pytest.mark.slow
def test_stopping_to_watch_a_closure_does_not_stop_it(system: System, tmp_path: Path) -> None:
    done(system, "centre", "create", "many", "--title=Many", "--timezone=UTC")
    rows = [
        {"name": f"M{n}", "slug": f"m{n}", "day": n % 7, "time": "12:00", "formatted_address": "1 Main St, Harrow Bend"}
        for n in range(400)
    ]
    (tmp_path / "many.json").write_text(json.dumps(rows), "utf-8")
    words = ("--centre=many", "--source=many", "--timezone=UTC", "--fellowship=AA")
    done(system, "import", "meeting-guide", str(tmp_path / "many.json"), *words)

    watching = Terminal(system, "close", "many", "--from=today", "--until=further notice", "--because=Flood")
    watching.asks()
    watching.answers("y")
    while "It is in force" not in watching.said:
        watching.said += os.read(watching.master, 4096).decode()
    watching.child.send_signal(signal.SIGINT)
    assert watching.ends() == 130, watching.said
    assert "openchair close show many" in watching.said

    def followed() -> bool:
        (closure,) = asked_json(system, "close", "list", "many")
        return bool(closure["state"] == "CLOSURE_STATE_IN_FORCE")

    until(followed, "every meeting has followed")
