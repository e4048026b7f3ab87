"""Sizes and overlap of tiles, as far as they make sense. Cheap to import: the command line asks before all else."""

import math
from collections.abc import Sequence

from gallery.errors import BuildError

MOST_OVERLAP = 0.95
"""Share of a tile that its neighbour may show too."""


def require_overlap(overlap: float) -> None:
    """Refuse an overlap that leaves nothing of a step, or gaps.

    Raises:
        BuildError: it is out of range.
    """
    if not 0 <= overlap <= MOST_OVERLAP:
        raise BuildError(f"An overlap of {overlap:g} is not between 0 and {MOST_OVERLAP:g}.")


def sizes_of(tile_size_m: float | Sequence[float]) -> tuple[float, ...]:
    """One or several sides of tiles, metres.

    Raises:
        BuildError: one is not a positive number, or stands there twice.
    """
    sizes_m = tuple(map(float, tile_size_m)) if isinstance(tile_size_m, Sequence) else (float(tile_size_m),)
    for size_m in sizes_m:
        if not (size_m > 0 and math.isfinite(size_m)):
            raise BuildError(f"A tile size of {size_m:g} m is not a positive number.")
    if not sizes_m or len(set(sizes_m)) < len(sizes_m):
        raise BuildError("Tile sizes must be one or more different numbers.")
    return sizes_m
