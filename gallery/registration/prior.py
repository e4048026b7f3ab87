"""A rough idea of where a photo was taken, as a weak prior over the ground: it helps to choose, and may be wrong."""

from dataclasses import dataclass

import numpy as np

from gallery.geo import LonLat, offsets_m
from gallery.registration.canvas import Canvas
from gallery.registration.combine import Grid

SPREAD_M = 150.0
"""Metres, scale of the fall around a hint: positions in files are tens to hundreds of metres off."""

WRONG_HINT = 0.2
"""Share of hints that are taken to say nothing: cameras keep old positions, and software writes its own."""

MOST_GAIN = 8.0
"""Factor by which a right hint makes its own place likelier. It is kept small, for a place counts as located by what
the photo shows: a hint settles between places, and can hardly make one."""


@dataclass(frozen=True)
class Hint:
    """Where a photo's centre may lie on the ground.

    Attributes:
        point: that is stated.
        spread_m: scale of the fall around it.
    """

    point: LonLat
    spread_m: float = SPREAD_M

    def log_gain(self, away_m: np.ndarray) -> np.ndarray:
        """Natural logarithm of the factor by which places so far away are likelier than without the hint.

        A Cauchy distribution of the plane, whose tails are heavy, mixed with a flat one.

        Args:
            away_m: distances from the point, metres, of any shape.
        """
        fall = (1 + (away_m / self.spread_m) ** 2) ** -1.5
        return np.asarray(np.log(WRONG_HINT + (1 - WRONG_HINT) * MOST_GAIN * fall))


def log_prior(hint: Hint, canvas: Canvas, grid: Grid) -> np.ndarray:
    """(H, W) of the cells of a canvas; cells between its parts are as far as can be."""
    prior = np.full(grid.shape, float(hint.log_gain(np.array(np.inf))))
    east, north = grid.places()
    for part in canvas.parts:
        rows, columns = grid.within(part.bounds_m)
        at_east, at_north = offsets_m(part.sheet.origin, hint.point)
        away_east = east[None, columns] - part.east_m - at_east
        away_north = north[rows, None] - part.north_m - at_north
        prior[rows, columns] = hint.log_gain(np.hypot(away_east, away_north))
    return prior
