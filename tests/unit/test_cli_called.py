"""What commands share: how things are found, how options are named, which action goes without saying."""

from __future__ import annotations

import pytest
from openchair.meetings.v1 import place_pb2

from services.cli.__main__ import COMMANDS, parser
from services.cli.called import folded, the_one
from services.cli.meeting import OPTIONS
from services.cli.shell import Failure
from services.cli.terms import failure, option_of
from services.kit.client import Problem
from services.kit.settings import read

PLACES = [
    place_pb2.Place(name=f"centres/c/places/{id_}", title=title)
    for id_, title in (("a", "Café  Río"), ("b", "Café Río Annex"), ("c", "Hall"), ("d", "Hall"))
]


def found(wanted: str) -> str:
    return the_one("place", wanted, PLACES, lambda each: each.title).name.rpartition("/")[2]


def test_a_thing_is_found_by_id_by_title_and_by_its_beginning_whatever_the_case() -> None:
    assert [found(each) for each in ("d", "CAFE RIO", "café río a")] == ["d", "a", "b"]
    assert folded("Ångström  X") == "angstrom x"


def test_the_first_eight_letters_of_an_id_are_enough_and_fewer_are_not() -> None:
    long = place_pb2.Place(name="centres/c/places/28821358-2cd2-4016-b7f1-96d9d5c337d8", title="Attic")
    assert the_one("place", "28821358", [*PLACES, long], lambda each: each.title) is long
    with pytest.raises(Failure, match="there is no place"):
        the_one("place", "2882135", [*PLACES, long], lambda each: each.title)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [("hall", "c  Hall\n  d  Hall"), ("cafe", "b  Caf"), ("attic", "place list"), ("annex", "There is:\n  b  Caf")],
)
def test_what_names_several_things_or_none_lists_them_with_their_ids(wanted: str, says: str) -> None:
    with pytest.raises(Failure, match=says):
        found(wanted)


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (
            Problem("RESOURCE_EXHAUSTED", "at most 5 holds at once", "TOO_MANY_HOLDS"),
            "refused: at most 5 holds at once",
        ),
        (Problem("RESOURCE_EXHAUSTED", "Concurrent RPC limit exceeded!"), "the server has too much to do"),
    ],
)
def test_more_than_somebody_may_have_is_not_called_a_busy_server(problem: Problem, says: str) -> None:
    assert str(failure(problem, OPTIONS, read({}))).startswith(says)


@pytest.mark.parametrize(
    ("field", "option"),
    [
        ("meeting.notes", "--notes"),
        ("meeting.types[3]", "--type"),
        ("meeting.programmes[0].title", "--programme"),
        ("meeting.sessions[12].rooms", "--agenda"),
        ("meeting.schedule.extra_dates[0].date", "--also"),
        ("meeting.online.url", "--link"),
        ("change.rooms[0]", "--room"),
        ("epoch", ""),
    ],
)
def test_a_refusal_names_the_option_of_the_nearest_field(field: str, option: str) -> None:
    assert option_of(field, OPTIONS) == option


def test_changed_dates_that_lose_their_day_are_told_in_full_with_both_answers() -> None:
    problem = Problem("FAILED_PRECONDITION", "...", "ORPHANED_OCCURRENCES", {"occurrences": "20261224, 20261231-1"})
    said = str(failure(problem, OPTIONS, read({})))
    assert all(
        word in said
        for word in ("Thursday 24 December 2026", "Thursday 31 December 2026", "--keep-changed", "--drop-changed")
    )


def test_close_needs_no_word_for_its_usual_action() -> None:
    asked = parser().parse_args(["close", "riverside", "--today", "--because", "Snow"])
    assert (asked.centre, asked.on, asked.because) == ("riverside", "today", "Snow")
    assert parser().parse_args(["close", "list", "riverside"]).centre == "riverside"
    assert parser().parse_args(["close", "--today", "--because", "Snow", "riverside"]).centre == "riverside"


def test_every_field_of_a_meeting_that_can_be_written_has_an_option() -> None:
    writable = {
        "state", "title", "kind", "fellowship", "types", "mode", "language", "accessibility", "notes", "group",
        "visibility", "invite_group", "schedule", "place", "rooms", "online", "approach", "focus", "led_by",
        "who_may_come", "first_visit", "other_languages", "capacity", "online_capacity", "holidays", "programmes",
        "sessions", "cost", "scholarship", "registration_opens", "website", "online_host",
    }  # fmt: skip
    from services.meetings.series import WRITABLE  # noqa: PLC0415 - the one place where the two are compared

    assert writable == WRITABLE
    assert all(option_of(f"meeting.{field}", OPTIONS) for field in writable)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_asked_for_says_the_same_alone_as_among_all(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for known in (parser(), parser(name)):
        with pytest.raises(SystemExit):
            known.parse_args([name, "--help"])
    among, alone = capsys.readouterr().out.split(f"usage: openchair {name}")[1:]
    assert among == alone
