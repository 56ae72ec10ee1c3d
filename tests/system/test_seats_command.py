"""Seats from a terminal, on the sample: rules, a seat on paper, found again by its six words, chairs to put out."""

from __future__ import annotations

import io
import json
import random
import re
import sys
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from services.cli.__main__ import main
from services.kit import words
from services.recurrence.zones import local_day
from services.rsvps.secrets import FILE
from tests.system.coordinator import ZONE, asked_json, command, done, made, next_days, refused
from tests.system.running import System, until

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ("tests.system.coordinator",)
HOUSE = "riverside"
KEY = "k3y-of-nine-owls-and-a-heron-at-dusk"


def said(text: str, *arguments: str) -> str:
    """What a command says to whoever types this text."""
    out = io.StringIO()
    with redirect_stdout(out), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO(f"{text}\n"))
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert not ended.value.code
    return out.getvalue()


def lines(system: System) -> bytes:
    """The sample's calendar, its lines not folded."""
    return system.feed(HOUSE).replace(b"\r\n ", b"")


@pytest.fixture(scope="module")
def supper(system: System) -> str:
    """A meeting of the sample at which one keeps a seat, once it is set up."""
    until(lambda: lines(system).count(b"Keep a seat") >= 4, "the sample has seats, and calendars say so")
    return "SMART Recovery"


@pytest.fixture(scope="module")
def meal(system: System, supper: str) -> str:
    """A meeting of our own at which one keeps a seat: whatever day it is, it is not on and does not begin just now."""
    assert supper
    day = local_day(datetime.now(UTC), ZONE) + timedelta(days=2)
    made(system, "Shared Meal", f"--on={day}", "--every=week", "--mode=hybrid", "--link=https://example.org/meal")
    places = ("--mode=optional", "--capacity=16", "--online-capacity=30", "--standing=yes", "--celebrations=yes")
    rules = ("seats", "rules", HOUSE, "Shared Meal", *places, "--yes")
    until(lambda: command(*rules).returncode == 0, "the meeting was heard of")
    until(lambda: b"SUMMARY:Shared Meal" in lines(system), "the calendar has it")
    return "Shared Meal"


def test_the_sample_shows_seats_of_every_sort(system: System, supper: str) -> None:
    rules = {title: asked_json(system, "seats", "rules", HOUSE, title) for title in (supper, "Winter", "Sleeping")}
    assert rules[supper]["standing_seats"] is True
    assert rules["Winter"]["mode"] == "RSVP_MODE_REQUIRED"
    assert [each["title"] for each in rules["Winter"]["questions"]] == ["What do you eat?", "What else should we know?"]
    assert rules["Sleeping"]["scope"] == "SEAT_SCOPE_SERIES"


def test_rules_are_shown_before_they_are_set_and_what_is_wrong_is_told_by_its_option(system: System) -> None:
    words_ = ("seats", "rules", HOUSE, "Gentle Yoga")
    dry = done(system, *words_, "--mode=optional", "--capacity=30", "--waitlist=none", "--opens=14 days", "--dry-run")
    assert "-> optional" in dry
    assert "14 days before the start" in dry
    assert "mode" not in asked_json(system, *words_)
    done(system, *words_, "--mode=optional", "--capacity=30", "--question=Mat: own | borrowed", "--yes")
    shown = done(system, *words_)
    assert "Mat: own | borrowed" in shown
    assert "organisers" not in shown
    named = done(system, *words_, "--question=Anything else", "--yes")
    assert re.search(r"People keep a seat at http://\S+/m/\S+", named)
    assert "organisers" in done(system, *words_)
    assert "people just come" in done(system, "seats", "rules", HOUSE, "Alateen")
    assert "--capacity" in refused(system, *words_, "--capacity=5001", "--yes")[1]


def test_a_seat_is_kept_for_somebody_who_stands_there_and_found_by_the_words_on_paper(
    system: System, meal: str
) -> None:
    kept = asked_json(system, "seats", "keep", HOUSE, meal, "--attend=in-person", "--for-somebody")
    assert words.read(kept["words"]) == kept["words"]
    assert kept["seat"]["state"] == "SEAT_STATE_GOING"
    paper = done(system, "seats", "keep", HOUSE, meal, "--attend=online", "--for-somebody")
    assert len([line for line in paper.splitlines() if line.startswith("|")]) == 6
    assert paper.startswith(f"{meal}\n")
    page = kept["page"]
    assert page in done(system, "seats", "keep", HOUSE, meal, "--attend=online", "--for-somebody")
    assert "Keep my seat" in system.get(page[page.index("/m/") :]).body.decode()
    assert "going" in said(kept["words"].upper(), "seats", "show", HOUSE, meal)
    assert "chairs to put out  1" in done(system, "seats", "needs", HOUSE, meal)
    assert "given back" in said(kept["words"], "seats", "give-back", HOUSE, meal)
    assert "no seat" in said(words.make(random.SystemRandom()), "seats", "show", HOUSE, meal)
    assert "six of our words" in command("seats", "show", HOUSE, meal).stderr


def test_a_list_is_closed_and_taken_up_again_and_calendars_say_so(system: System, meal: str) -> None:
    done(system, "seats", "close", HOUSE, meal, "--yes")
    until(lambda: b"Shared Meal (full)" in lines(system), "the calendar says it")
    assert "FULL" in done(system, "find", "shared", "meal", "--centre", HOUSE)
    assert "Shared Meal" not in done(system, "find", "shared", "meal", "--centre", HOUSE, "--open")
    done(system, "seats", "reopen", HOUSE, meal, "--yes")
    until(lambda: b"Shared Meal (full)" not in lines(system), "it is open again")


def test_the_address_of_a_seat_leads_to_it_after_the_series_was_split(system: System) -> None:
    done(system, "seats", "rules", HOUSE, "Wise Inquiry", "--mode=optional", "--yes")
    last = next_days(system, "Wise Inquiry")[-1]
    kept = asked_json(system, "seats", "keep", HOUSE, "Wise Inquiry", str(last), "--attend=in-person")
    link = f"{kept['page'][kept['page'].index('/m/') :]}/mine/{kept['words'].replace(' ', '-')}"
    until(lambda: b"Your seat is kept" in system.get(link).body, "the page of the seat")
    done(system, "meeting", "edit", HOUSE, "Wise Inquiry", "--at=19:30", f"--from={last}", "--yes")

    def moved() -> bool:
        page = system.get(link).body
        return b"7:30" in page and b"Your seat is kept" in page

    until(moved, "the seat is on the page of the new part")


def test_sister_dates_are_said_by_titles_and_days_and_the_first_with_a_place_is_kept(system: System) -> None:
    here, there = "Big Book Study", "Courage to Change"
    first, other = (next_days(system, title)[-1] for title in (here, there))
    done(system, "seats", "rules", HOUSE, there, "--mode=optional", "--yes")
    rules = ("seats", "rules", HOUSE, here, "--mode=optional", "--capacity=1", "--yes")
    done(system, *rules, f"--sisters={here}: {first} | {there}: {other}")
    assert "Nothing would be different" in done(system, *rules, f"--sisters={there}: {other} | {here}: {first}")
    keep = ("seats", "keep", HOUSE, here, str(first), "--attend=in-person", f"--also={there}: {other}")
    one, two = asked_json(system, *keep), asked_json(system, *keep)
    assert one["seat"]["state"] == two["seat"]["state"] == "SEAT_STATE_GOING"
    assert two["page"].endswith(f"/{two['seat']['name'].split('/')[3]}/{other:%Y%m%d}")
    assert "another date than was asked for" in done(system, *keep)


def test_what_somebody_celebrates_is_changed_piece_by_piece(system: System, meal: str) -> None:
    kept = asked_json(system, "seats", "keep", HOUSE, meal, "--attend=in-person", "--chip=yes", "--named=Kim")
    said(kept["words"], "seats", "change", HOUSE, meal, "--milestone=one year")
    shown = json.loads(said(kept["words"], "seats", "show", HOUSE, meal, "--json"))
    assert shown["seat"]["celebration"] == {"chip": True, "named": "Kim", "milestone": "one year"}


def test_a_standing_seat_is_kept_with_always(system: System, meal: str) -> None:
    kept = asked_json(system, "seats", "keep", HOUSE, meal, "--attend=in-person", "--always")
    assert kept["seat"]["standing"] is True


def test_figures_of_nothing_are_a_row_of_noughts(system: System) -> None:
    assert "advertised" in done(system, "statistics", HOUSE)
    assert "advertised" in done(system, "statistics", HOUSE, "--by=kind", "--by=month", "--export=csv")


def test_keys_of_slips_are_for_everybody_and_what_is_no_slip_is_refused(system: System) -> None:
    assert "BEGIN PUBLIC KEY" in done(system, "slip", "keys", HOUSE)
    assert "no slip" in refused(system, "slip", "verify", "OCS1.x.y.z")[1]


@pytest.mark.slow
def test_a_backup_holds_the_secret_and_seats_are_found_where_it_was_put_back(
    system: System, meal: str, tmp_path: Path
) -> None:
    kept = asked_json(system, "seats", "keep", HOUSE, meal, "--attend=in-person")
    key, file = tmp_path / "key", tmp_path / "chairs.backup"
    key.write_text(KEY)
    key.chmod(0o600)
    done(system, "backup", "--key-file", str(key), str(file))
    other = System(tmp_path / "other")
    put = other.command("restore", "--key-file", str(key), str(file))
    assert put.returncode == 0, put.stderr
    assert (other.data / "keys" / FILE).read_bytes() == (system.data / "keys" / FILE).read_bytes()
    try:
        other.start()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in other.environ.items():
                patch.setenv(name, value)
            assert "going" in said(kept["words"], "seats", "show", HOUSE, meal)
    finally:
        other.clean()
