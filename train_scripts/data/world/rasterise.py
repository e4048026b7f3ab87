"""A window of a scene as pixels: what is where, how high, and the finished picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train_scripts.data.world.canvas import blank_canvas
from train_scripts.data.world.noise import Float32
from train_scripts.data.world.paint_ground import (
    paint_areas,
    paint_lines,
    paint_roads,
    paint_water,
    raise_bridges,
    texture,
)
from train_scripts.data.world.raise_objects import place_boxes, place_cars, place_trees
from train_scripts.data.world.scene import Scene
from train_scripts.data.world.shading import Appearance, cast_shadows, light, sun_vector

Window = tuple[float, float, float, float]  # west, south, east, north in metres
_TALLEST_M = 36.0  # above its surroundings, for the reach of shadows


@dataclass(frozen=True)
class Layers:
    """One window; row 0 lies in the north. All arrays have the same height and width."""

    rgb: NDArray[np.uint8]  # (H, W, 3) with light and cast shadows
    height: Float32  # (H, W) metres above sea level, with buildings and trees
    ground: Float32  # (H, W) metres above sea level, the terrain alone
    wall: NDArray[np.uint8]  # (H, W, 3) colour of the walls below the pixel


def rasterise(scene: Scene, window: Window, gsd_m: float, appearance: Appearance | None = None) -> Layers:
    """Paint one window of a scene.

    Everything is a function of the position, so windows and resolutions agree with each other.

    Args:
        scene: the region.
        window: (west, south, east, north) in metres; it may reach beyond the region.
        gsd_m: metres per pixel, 0.05 to 4.
        appearance: season, sun and cars; None is a clear summer day.

    Returns:
        Layers of round((north - south) / gsd_m) rows and round((east - west) / gsd_m) columns.

    Raises:
        ValueError: the window is empty or too large for one call, or gsd_m is out of range.
    """
    appearance = appearance or Appearance()
    west, south, east, north = window
    if not 0.05 <= gsd_m <= 4:
        raise ValueError(f"gsd_m is {gsd_m}; choose 0.05 to 4 metres per pixel.")
    columns, rows = round((east - west) / gsd_m), round((north - south) / gsd_m)
    if columns < 1 or rows < 1 or columns * rows > 40_000_000:
        raise ValueError(f"the window is {columns} x {rows} px; choose 1 to 40 million px.")
    left, right, top, bottom = _margins(gsd_m, appearance)
    canvas = blank_canvas(
        scene, west - left * gsd_m, north + top * gsd_m, gsd_m, columns + left + right, rows + top + bottom
    )
    paint_areas(canvas, scene, appearance)
    paint_water(canvas)
    paint_roads(canvas, scene, appearance)
    texture(canvas, scene, appearance)
    paint_lines(canvas, scene)
    raise_bridges(canvas, scene)
    place_cars(canvas, scene, appearance)
    place_boxes(canvas, scene, appearance)
    place_trees(canvas, scene, appearance)
    first_row, first_column = round(-canvas.north / gsd_m), round(canvas.west / gsd_m)
    below = cast_shadows(canvas.height, gsd_m, appearance, first_row, first_column)
    rgb = light(canvas.albedo, canvas.shade, canvas.height, below, gsd_m, appearance)
    inner = (slice(top, top + rows), slice(left, left + columns))
    return Layers(
        rgb=np.ascontiguousarray(rgb[inner]),
        height=np.ascontiguousarray(canvas.height[inner]),
        ground=np.ascontiguousarray(canvas.terrain.height_m[inner]),
        wall=np.ascontiguousarray(canvas.wall[inner]),
    )


def _margins(gsd: float, appearance: Appearance) -> tuple[int, int, int, int]:
    """Pixels to paint beyond the (left, right, top, bottom) so that shadows from there fall in."""
    east, north, up = sun_vector(appearance)
    reach, near = _TALLEST_M / up, 9.0
    sides = (
        near + max(0.0, -east * reach),
        near + max(0.0, east * reach),
        near + max(0.0, north * reach),
        near + max(0.0, -north * reach),
    )
    left, right, top, bottom = (math.ceil(m / gsd) for m in sides)
    return left, right, top, bottom
