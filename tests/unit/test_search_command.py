"""`openchair find`: what its options ask for, and what is told of each meeting that was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import ParseDict
from openchair.meetings.v1 import meeting_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.cli import find
from services.cli.__main__ import parser
from services.cli.finds import table

if TYPE_CHECKING:
    from argparse import Namespace


def asked(*arguments: str) -> Namespace:
    return parser().parse_args(["find", *arguments])


def found(**fields: Any) -> pb.FoundMeeting:
    """A meeting of next Tuesday."""
    whole = {
        "title": "Tuesday Group",
        "mode": "MODE_IN_PERSON",
        "venue": {"title": "Church Hall", "address": "1 Main St"},
        "next_dates": [{"local_start": "2026-11-24T19:00", "state": "OCCURRENCE_STATE_SCHEDULED"}],
        **fields,
    }
    return ParseDict(whole, pb.FoundMeeting())


def line(**fields: Any) -> str:
    return " ".join(table([found(**fields)])[1].split())


def date(**fields: Any) -> list[dict[str, Any]]:
    return [{"local_start": "2026-11-24T19:00", **fields}]


def test_options_become_conditions() -> None:
    message = find.request(
        asked(
            *("big", "book", "--near", "53.5,-113.4", "--radius", "5", "--day", "tue", "--day", "sun"),
            *("--from", "5pm", "--to", "22:00", "--fellowship", "AA", "--kind", "workshop", "--type", "O", "--now"),
            *("--language", "pt", "--mode", "hybrid", "--mode", "online", "--accessible", "wheelchair", "--dates", "3"),
        )
    )
    expected = pb.SearchMeetingsRequest(
        parent="centres/-",
        text="big book",
        near=pb.Near(latitude=53.5, longitude=-113.4, radius_km=5),
        days=[2, 7],
        from_time="17:00",
        to_time="22:00",
        fellowships=["AA"],
        kinds=["workshop"],
        types=["O"],
        languages=["pt"],
        modes=[meeting_pb2.MODE_HYBRID, meeting_pb2.MODE_ONLINE],
        accessibility=["wheelchair"],
        open_now=True,
        next_dates=3,
    )
    assert message == expected
    assert find.request(asked("--centre", "oak")) == pb.SearchMeetingsRequest(parent="centres/oak", next_dates=1)


@pytest.mark.parametrize(
    "wrong",
    [
        "--near=here",
        "--near=53.5",
        "--near=91,0",
        "--near=nan,0",
        "--day=someday",
        "--from=late",
        "--mode=by-post",
        "--limit=0",
        "--radius=far",
        "--dates=x",
    ],
)
def test_an_option_that_is_wrong_is_named(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        asked(wrong)
    assert ended.value.code == 2
    assert wrong.partition("=")[0] in capsys.readouterr().err


def test_a_line_says_when_what_where_and_how_to_join() -> None:
    assert line(fellowship="AA", distance_m=1_234) == (
        "Tuesday 24 November 2026 19:00 Tuesday Group (AA) 1.2 km: Church Hall, 1 Main St come"
    )


def test_whoever_looks_for_a_language_by_its_name_is_told_how_it_is_found() -> None:
    assert "--language es" in find.nothing(asked("spanish"))
    assert "--language" not in find.nothing(asked("--day", "tue"))


def test_columns_stand_under_their_heads() -> None:
    lines = table([found(), found(title="A much longer title than that")])
    assert len({text.index("Church Hall") for text in lines[1:]} | {lines[0].index("WHERE")}) == 1


def test_whoever_should_not_just_go_is_told() -> None:
    assert "CANCELLED; flooded" in line(next_dates=date(state="OCCURRENCE_STATE_CANCELLED", reason="flooded"))
    assert "not confirmed: ask" in line(next_dates=date(state="OCCURRENCE_STATE_UNCONFIRMED"))
    assert "people found nobody lately" in line(doubtful=True)


def test_a_date_that_is_elsewhere_is_shown_there() -> None:
    moved = line(distance_m=500, next_dates=date(venue={"title": "Library"}, title="Special"))
    assert "Special Library come" in moved
    assert "500 m" not in moved
    away = line(next_dates=date(mode="MODE_ONLINE", url="https://meet.example/2"))
    assert away.endswith("online https://meet.example/2")


def test_what_is_not_told_is_said_to_be_so() -> None:
    assert "Old Town" in line(venue={"area": "Old Town"})
    assert "not told to everybody" in line(venue={})
    assert line(mode="MODE_ONLINE").endswith("ask: the link is not public")


def test_an_area_that_the_address_names_is_not_said_twice() -> None:
    said = line(venue={"title": "Hall", "address": "1 Main St, Old Town", "area": "Old Town"})
    assert said.count("Old Town") == 1
    assert "1 Main St, Old Town" in line(venue={"title": "Hall", "address": "1 Main St", "area": "Old Town"})


def test_every_date_has_its_line() -> None:
    dates = [*date(), {"local_start": "2026-12-01T19:00"}]
    assert [text.split()[1] for text in table([found(next_dates=dates)])[1:]] == ["24", "1"]
    assert "no date soon" in line(next_dates=[])
