"""The agenda of a date on a page: its items, each in the rooms that it has then."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pytest
from openchair.meetings.v1 import schedule_pb2

from services.web.agenda import agenda

USUAL: Final = datetime.fromisoformat("2030-06-01T09:00")
WALK: Final = schedule_pb2.Session(
    id="walk",
    title="Walk",
    day=1,
    time="10:00",
    minutes=60,
    rooms=["r/hearth", "r/attic"],
    room_titles=["Hearth", "Attic"],
)


@pytest.mark.parametrize(
    ("roomed", "without", "named"),
    [
        (True, (), "Hearth, Attic"),
        (True, ("r/hearth", "r/cellar"), "Attic"),
        (False, (), ""),
        (False, ("r/attic",), ""),
    ],
)
def test_an_item_names_the_rooms_that_its_date_has(roomed: bool, without: tuple[str, ...], named: str) -> None:
    ((day,),) = [agenda([WALK], USUAL, roomed=roomed, without=without)]
    assert [item.rooms for slot in day.slots for item in slot.items] == [named]


def test_of_an_item_whose_titles_are_not_all_told_none_is_where_one_is_missing() -> None:
    told = schedule_pb2.Session()
    told.CopyFrom(WALK)
    del told.room_titles[1:]
    ((day,),) = [agenda([told], USUAL, without=("r/hearth",))]
    assert [item.rooms for slot in day.slots for item in slot.items] == [""]
