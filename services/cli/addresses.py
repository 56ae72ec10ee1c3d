"""Places that are one house under several names: lists write them so, and who closes one may mean all of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from services.formats import folding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openchair.meetings.v1 import closure_pb2, place_pb2

_NEAR: Final = 0.005
"""Degrees, about 500 m: farther apart it is another town's street of that name."""
_SHORT: Final = re.compile(r"strasse$|str$")
_WORDS: Final = {"street": "st", "avenue": "ave", "road": "rd", "boulevard": "blvd", "drive": "dr"}


def beside(closure: closure_pb2.Closure, places: Iterable[place_pb2.Place]) -> list[str]:
    """Titles of places that stand at the address of one that is closed, and are not closed with it."""
    every = list(places)
    closed = [each for each in every if each.name in closure.places]
    others = [each for each in every if each.name not in closure.places]
    return sorted({other.title for other in others if any(_same_house(other, each) for each in closed)})


def _same_house(one: place_pb2.Place, other: place_pb2.Place) -> bool:
    street = _street(one.address)
    if not street or street != _street(other.address):
        return False
    if not all(each.HasField("latitude") and each.HasField("longitude") for each in (one, other)):
        return True
    return abs(one.latitude - other.latitude) < _NEAR and abs(one.longitude - other.longitude) < _NEAR


def _street(address: str) -> tuple[str, ...]:
    """Street and number, as they compare: "Hauptstraße 5" is "Hauptstr. 5"; none of an address without a number."""
    words = [_SHORT.sub("str", _WORDS.get(word, word)) for word in folding.words(address.partition(",")[0])]
    return tuple(words) if any(word[0].isdigit() for word in words) else ()
