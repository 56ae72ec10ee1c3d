"""Who closes a place is told of others at its address: a list may call one house by several names."""

from __future__ import annotations

import pytest
from openchair.meetings.v1 import closure_pb2, place_pb2

from services.cli.addresses import beside


def place(id: str, address: str, *at: float) -> place_pb2.Place:  # noqa: A002 - the field is named id everywhere
    found = place_pb2.Place(name=f"centres/c/places/{id}", title=id, address=address)
    if at:
        found.latitude, found.longitude = at
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Waldemarstr. 36, 10999 Berlin", "Waldemarstr. 36, 10999 Berlin, Deutschland"),
        ("Schudomastraße 45, 12055 Berlin", "Schudomastr. 45, Berlin"),
        ("Hermann-Elflein-Str. 11, Potsdam", "Hermann-Elflein-Str.11, Potsdam"),
        ("8318 104 Street NW, Edmonton", "8318 104 St NW, Edmonton"),
    ],
)
def test_another_name_of_the_same_house_is_named(one: str, other: str) -> None:
    closure = closure_pb2.Closure(places=["centres/c/places/a"])
    assert beside(closure, [place("a", one), place("b", other), place("c", "Elsewhere 1")]) == ["b"]


def test_what_is_closed_too_is_not_named() -> None:
    closure = closure_pb2.Closure(places=["centres/c/places/a", "centres/c/places/b"])
    assert beside(closure, [place("a", "1 Main St"), place("b", "1 Main St")]) == []


def test_the_same_street_of_another_town_and_an_address_without_a_number_are_other_places() -> None:
    closure = closure_pb2.Closure(places=["centres/c/places/a", "centres/c/places/d"])
    here, there = place("a", "1 Main St, Lewes", 38.77, -75.14), place("b", "1 Main St, Milton", 38.78, -75.31)
    assert beside(closure, [here, there, place("d", "Town hall, Lewes"), place("e", "Town hall, Milton")]) == []


def test_a_closure_of_rooms_or_of_all_names_nothing() -> None:
    for closure in (closure_pb2.Closure(), closure_pb2.Closure(rooms=["centres/c/rooms/r"])):
        assert beside(closure, [place("a", "1 Main St"), place("b", "1 Main St")]) == []
