"""The probability of a photo's place as pictures that lie on a map."""

from dataclasses import dataclass

import numpy as np

from gallery.registration.registrar import Registration

LEAST_SHOWN = 1e-3
"""Share of the likeliest cell below which a part of the ground has nothing to show."""


@dataclass(frozen=True, eq=False)
class HeatPatch:
    """Cells of one part of the ground.

    Attributes:
        box: west, south, east, north, degrees.
        probability: (H, W) float64, of each cell, the first row in the north.
    """

    box: tuple[float, float, float, float]
    probability: np.ndarray


def heat_patches(found: Registration) -> list[HeatPatch]:
    """The parts of the searched ground that hold some of the probability."""
    belief = found.placement.posterior
    grid, most = belief.grid, float(belief.probability.max(initial=0.0))
    patches = []
    for part in found.canvas.parts:
        rows, columns = grid.within(part.bounds_m)
        cells = belief.probability[rows, columns]
        if not cells.size or cells.max() < LEAST_SHOWN * most:
            continue
        left, top = grid.west_m - grid.cell_m / 2, grid.north_m + grid.cell_m / 2
        height, width = cells.shape
        upper_left = left + columns.start * grid.cell_m, top - rows.start * grid.cell_m
        lower_right = upper_left[0] + width * grid.cell_m, upper_left[1] - height * grid.cell_m
        first, last = part.lonlat(*upper_left), part.lonlat(*lower_right)
        patches.append(HeatPatch((first.lon, last.lat, last.lon, first.lat), cells))
    return patches
