"""Whatever somebody asks of closures: what is wrong is named by its field, what is not theirs is not there, nothing is
written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.kit.clock import VirtualClock
from services.kit.errors import Invalid, NotFound, Refusal
from services.kit.store.memory import MemoryStore
from services.meetings.records import KINDS
from tests.service.meetings_house import CENTRE, START, House
from tests.service.test_in_force import FLOOD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NAMED = "closure.name"
BY_NAME = {
    "GetClosure": "name",
    "WithdrawClosure": "name",
    "UpdateClosure": NAMED,
    "PreviewClosure": NAMED,
}
NONE_SUCH = (f"{CENTRE}/closures/none", "centres/other/closures/{id}", "centres/none/closures/{id}")


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock = VirtualClock(START)
    store = MemoryStore(KINDS, clock)
    await store.open()
    house = House(store, clock)
    await house.meetings.load()
    await house.centre()
    yield house
    await store.close()


def by_name(method: str, name: str) -> dict[str, Any]:
    if BY_NAME[method] == "name":
        return {"name": name}
    asked = {"closure": {"name": name, "reason": "Other"}}
    return {"parent": CENTRE, **asked} if method == "PreviewClosure" else {**asked, "update_mask": "reason"}


async def everything(house: House) -> dict[str, list[int]]:
    """Revisions of all that there is."""
    kinds = ("centre", "closure", "meeting", "room", "place")
    found = {kind: (await house.store.find(kind, {}, limit=100)).records for kind in kinds}
    return {kind: [each.revision for each in records] for kind, records in found.items()}


async def refused(house: House, method: str, **request: Any) -> Refusal:
    before = await everything(house)
    with pytest.raises(Refusal) as error:
        await house.call(method, **request)
    assert await everything(house) == before
    return error.value


async def closed(house: House) -> Any:
    await house.call("CreateCentre", centre_id="other", centre={"title": "Other", "time_zone": "Europe/Berlin"})
    made = await house.call("CreateClosure", parent=CENTRE, closure=FLOOD)
    await house.sweep()
    return made


async def test_closures_that_are_none_or_of_another_centre_are_answered_alike(house: House) -> None:
    made = await closed(house)
    id_ = made.name.rpartition("/")[2]
    for method in BY_NAME:
        said = set[str]()
        for name in (each.format(id=id_) for each in NONE_SUCH):
            error = await refused(house, method, **by_name(method, name))
            assert isinstance(error, NotFound)
            said.add(str(error).replace(name, ""))
        assert len(said) == 1


async def test_a_name_that_is_none_is_named(house: House) -> None:
    await closed(house)
    for method, field in BY_NAME.items():
        for name in ("nonsense", f"{CENTRE}/closures/", f"{CENTRE}/closures/a/b", f"{CENTRE}/closures/{'x' * 10_000}"):
            error = await refused(house, method, **by_name(method, name))
            assert isinstance(error, Invalid)
            assert field in {each.field for each in error.violations}


MANY = [f"Day {number}" for number in range(1_000)]
TYPO = ["Christmas Day", "Chrismas Day"]
CREATE, LIST, UPDATE = "CreateClosure", "ListClosures", "UpdateClosure"


@pytest.mark.parametrize(
    ("method", "field", "request_"),
    [
        (CREATE, "parent", {"parent": "centres/"}),
        (CREATE, "parent", {"parent": "x" * 10_000}),
        (CREATE, "closure.reason", {"closure": {**FLOOD, "reason": "Sn\x00ow"}}),
        (CREATE, "closure.reason", {"closure": {**FLOOD, "reason": "Sn\x1b[31mow"}}),
        (CREATE, "closure.reason", {"closure": {**FLOOD, "reason": "Snow \u202ewons"}}),
        (CREATE, "closure.reason", {"closure": {**FLOOD, "reason": "x" * 1_000_000}}),
        (CREATE, "closure.end", {"closure": {**FLOOD, "end": "2026-11-30T10:00"}}),
        (CREATE, "closure.end", {"closure": {**FLOOD, "end": "12026-11-30"}}),
        (CREATE, "closure.end", {"closure": {**FLOOD, "start": "0001-01-01", "end": "0001-01-02"}}),
        (CREATE, "closure.places", {"closure": {**FLOOD, "places": [f"{CENTRE}/places/p"] * 10_000}}),
        (CREATE, "closure.rooms", {"closure": {**FLOOD, "rooms": [f"{CENTRE}/rooms/r"] * 10_000}}),
        (CREATE, "closure.rooms[0]", {"closure": {**FLOOD, "rooms": ["centres/other/rooms/r"]}}),
        (CREATE, "closure.holiday_names", {"closure": {**FLOOD, "holidays": "US", "holiday_names": MANY}}),
        (CREATE, "closure.holiday_names[1]", {"closure": {**FLOOD, "holidays": "US", "holiday_names": TYPO}}),
        (CREATE, "closure.holidays", {"closure": {**FLOOD, "holidays": "x" * 10_000}}),
        *(
            (CREATE, "closure.online.url", {"closure": {**FLOOD, "effect": 3, "online": {"url": url}}})
            for url in ("javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "http:", "//meet.example", "x")
        ),
        (LIST, "page_size", {"page_size": -1}),
        (LIST, "page_token", {"page_token": "forged"}),
        (LIST, "page_token", {"page_token": "x" * 100_000}),
        (UPDATE, "update_mask", {"update_mask": "nonsense"}),
        (UPDATE, "update_mask", {"update_mask": "state"}),
        (UPDATE, "update_mask", {"update_mask": "name"}),
        ("PreviewClosure", "page_size", {"closure": FLOOD, "page_size": -1}),
        ("PreviewClosure", "page_token", {"closure": FLOOD, "page_token": "forged"}),
        ("PreviewClosure", NAMED, {"closure": FLOOD, "withdrawal": True}),
    ],
)
async def test_what_is_wrong_is_named(house: House, method: str, field: str, request_: dict[str, Any]) -> None:
    made = await closed(house)
    parent = {} if method == UPDATE else {"parent": CENTRE}
    closure = {"closure": {"name": made.name, "reason": "Other"}} if method == UPDATE else {}
    error = await refused(house, method, **{**parent, **closure, **request_})
    assert isinstance(error, Invalid)
    assert field in {each.field for each in error.violations}


async def test_holidays_are_known_by_name_in_the_years_of_the_closure_and_stay_so(house: House) -> None:
    """Some have their name in some years only; what was taken once is not in the way of other changes."""
    wish = {**FLOOD, "holidays": "US", "holiday_names": ["Christmas Day", "New Year's Day (observed)"]}
    made = await house.call(CREATE, parent=CENTRE, closure=wish)
    await house.call(UPDATE, closure={"name": made.name, "end": "2026-12-02"}, update_mask="end")
    error = await refused(house, CREATE, parent=CENTRE, closure={**wish, "end": "2026-12-31"})
    assert isinstance(error, Invalid)
    assert [each.field for each in error.violations] == ["closure.holiday_names[1]"]


async def test_a_page_token_of_another_list_is_none_here(house: House) -> None:
    await closed(house)
    for number in range(3):
        await house.call(CREATE, parent=CENTRE, closure={**FLOOD, "reason": f"No. {number}"})
    token = (await house.call(LIST, parent=CENTRE, page_size=1)).next_page_token
    assert token
    for method, request in (
        (LIST, {"parent": "centres/other", "page_token": token}),
        (LIST, {"parent": CENTRE, "show_past": True, "page_token": token}),
        ("PreviewClosure", {"parent": CENTRE, "closure": FLOOD, "page_token": token}),
        ("ListRooms", {"parent": CENTRE, "page_token": token}),
    ):
        error = await refused(house, method, **request)
        assert isinstance(error, Invalid)
        assert {each.field for each in error.violations} == {"page_token"}
