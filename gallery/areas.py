"""Where a photo can have been taken, known beforehand: a box or a circle, and the tiles that touch it."""

import math
from dataclasses import dataclass

import numpy as np

from gallery.errors import AreaError
from gallery.geo import Bounds, LonLat, distances_m

MOST_DEG_PER_M = 1 / 110_000
"""Degrees of latitude that a metre covers at most: a quick first look before the exact distance."""


@dataclass(frozen=True)
class Near:
    """A prior: the photo shows ground within radius_km of a point.

    Raises:
        AreaError: the point does not exist or the radius is not a positive number.
    """

    lon: float
    lat: float
    radius_km: float

    def __post_init__(self) -> None:
        LonLat(self.lon, self.lat)
        if not (math.isfinite(self.radius_km) and self.radius_km > 0):
            raise AreaError(f"A radius of {self.radius_km:g} km is not a positive number.")


Area = Bounds | Near
"""Where a photo can have been taken, known beforehand."""


def tiles_in(boxes: np.ndarray, area: Area) -> np.ndarray:
    """Which tiles touch an area.

    Args:
        boxes: (N, 4) west, south, east, north in degrees; east may go on past 180.
        area: a box, or a circle (a tile counts when the nearest point of its box lies within the radius).

    Returns: (N,) bool.
    """
    if isinstance(area, Near):
        radius_m, point = area.radius_km * 1000, LonLat(area.lon, area.lat)
        reach_deg = radius_m * MOST_DEG_PER_M
        inside = (boxes[:, 1] <= point.lat + reach_deg) & (boxes[:, 3] >= point.lat - reach_deg)
        inside[inside] = distances_to_boxes_m(boxes[inside], point) <= radius_m
        return inside
    west, south, east, north = boxes.T
    touches_lat = (south <= area.north) & (north >= area.south)
    start, width = area.west, area.width_deg
    touches_lon = np.zeros(len(boxes), bool)
    for turn in (-360, 0, 360):
        touches_lon |= (west + turn <= start + width) & (east + turn >= start)
    return touches_lat & touches_lon


def distances_to_boxes_m(boxes: np.ndarray, point: LonLat) -> np.ndarray:
    """Metres from a point to the nearest point of each box, 0 inside. Returns: (N,)."""
    west, south, east, north = boxes.T
    middle = (west + east) / 2
    near_lon = point.lon + np.round((middle - point.lon) / 360) * 360  # the point's meridian on the box's turn
    lons, lats = np.clip(near_lon, west, east), np.clip(np.full(len(boxes), point.lat), south, north)
    return distances_m(point, lons, lats)
