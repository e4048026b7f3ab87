"""What is believed of a photo's place, told by longitude and latitude: it outlives the map that it was found on."""

import math
from dataclasses import dataclass, replace

import numpy as np

from gallery.geo import Bounds, LonLat, distances_m, moved_all
from gallery.registration.placement import RIGHT_WITHIN_M
from gallery.registration.registrar import Registration

LEAST_KEPT = 1e-4
"""Share of the probability on the map below which a cell is not kept by itself: together they are the rest."""


@dataclass(frozen=True, eq=False)
class PlaceProbabilities:
    """The probability of a photo's place over the ground that was searched, and beyond.

    With the rest and `absent` the chances add up to 1.

    Attributes:
        lons: (M,) degrees, of the places that hold most of it.
        lats: (M,) degrees.
        chances: (M,) of each place.
        spreads_m: (M,) standard deviation of each place to each side.
        rest: spread evenly over the searched ground.
        absent: that the photo shows none of that ground.
        searched: boxes of that ground.
    """

    lons: np.ndarray
    lats: np.ndarray
    chances: np.ndarray
    spreads_m: np.ndarray
    rest: float
    absent: float
    searched: tuple[Bounds, ...]


def place_probabilities(found: Registration) -> PlaceProbabilities:
    """The probabilities of a registration; cells around its place count as that place, as exact as its radius."""
    belief = found.placement.posterior
    grid, there = belief.grid, float(belief.probability.sum())
    east, north = grid.places()
    lons, lats, chances, boxes = [], [], [], []
    for part in found.canvas.parts:
        rows, columns = grid.within(part.bounds_m)
        cells = belief.probability[rows, columns]
        row, column = np.nonzero(cells > LEAST_KEPT * there)
        origin = part.sheet.origin
        own_lons, own_lats = moved_all(
            np.full(len(row), origin.lon),
            np.full(len(row), origin.lat),
            east[columns][column] - part.east_m,
            north[rows][row] - part.north_m,
        )
        lons.append(own_lons)
        lats.append(own_lats)
        chances.append(cells[row, column])
        boxes.append(part.box)
    all_chances = np.concatenate(chances)
    told = PlaceProbabilities(
        lons=np.concatenate(lons),
        lats=np.concatenate(lats),
        chances=all_chances,
        spreads_m=np.full(len(all_chances), math.hypot(grid.cell_m, found.assumed_m / 2)),
        rest=max(0.0, there - float(all_chances.sum())),
        absent=belief.absent,
        searched=tuple(boxes),
    )
    return told if found.fit is None else _as_one(told, found.point, found.fit.radius_m / 2)


def _as_one(told: PlaceProbabilities, point: LonLat, spread_m: float) -> PlaceProbabilities:
    """The same with the places around a point as that point."""
    at = distances_m(point, told.lons, told.lats) <= RIGHT_WITHIN_M
    return replace(
        told,
        lons=np.append(told.lons[~at], point.lon),
        lats=np.append(told.lats[~at], point.lat),
        chances=np.append(told.chances[~at], told.chances[at].sum()),
        spreads_m=np.append(told.spreads_m[~at], spread_m),
    )
