"""Where on the earth: distances, and the cells of a grid that a circle touches. Pure; degrees are WGS 84."""

from __future__ import annotations

from math import asin, cos, degrees, floor, pi, radians, sin, sqrt
from typing import Final, NamedTuple

RADIUS: Final = 6_371_008.8
"""Of the earth, in metres: the mean one of IUGG. Distances are off by 0.5 % at the most."""

CELL: Final = 0.2
"""Height and width of a cell, in degrees: 22 km from south to north."""

COLUMNS: Final = round(360 / CELL)
DAYS: Final = 8
_SLACK: Final = 1e-6  # degrees: of a decimetre, more than arithmetic loses


class Point(NamedTuple):
    """A place on the earth, in radians, with the cosine of its latitude."""

    latitude: float
    longitude: float
    cosine: float


def point(latitude: float, longitude: float) -> Point:
    """From degrees."""
    return Point(radians(latitude), radians(longitude), cos(radians(latitude)))


def metres(one: Point, other: Point) -> float:
    """How far apart, along a great circle (haversine)."""
    up, along = sin((other[0] - one[0]) / 2), sin((other[1] - one[1]) / 2)
    return 2 * RADIUS * asin(min(1.0, sqrt(up * up + one[2] * other[2] * along * along)))


def cell(latitude: float, longitude: float, day: int) -> int:
    """Number of the cell of a point and an ISO weekday."""
    return (_row(latitude) * COLUMNS + _column(longitude)) * DAYS + day


def cells(middle: Point, radius: float) -> tuple[range, list[int]]:
    """Rows and columns of cells that hold every point within `radius` metres."""
    angle = radius / RADIUS
    low, high = middle.latitude - angle, middle.latitude + angle
    rows = range(_row(max(-90.0, degrees(low) - _SLACK)), _row(min(90.0, degrees(high) + _SLACK)) + 1)
    if low <= -pi / 2 or high >= pi / 2:  # it holds a pole: every longitude comes near
        return rows, list(range(COLUMNS))
    width = degrees(asin(min(1.0, sin(angle) / middle.cosine))) + _SLACK
    west = floor((degrees(middle.longitude) - width + 180) / CELL)
    east = floor((degrees(middle.longitude) + width + 180) / CELL)
    return rows, [column % COLUMNS for column in range(west, min(east, west + COLUMNS - 1) + 1)]


def _row(latitude: float) -> int:
    return floor((latitude + 90) / CELL)


def _column(longitude: float) -> int:
    return floor((longitude + 180) / CELL) % COLUMNS
