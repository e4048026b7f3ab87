"""The layers of one window while they are painted, and where things lie in its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train_scripts.data.world.noise import Floats, noise
from train_scripts.data.world.scene import Areas, Scene
from train_scripts.data.world.terrain import TerrainPoints

SHIFT = 6  # sub-pixel bits of OpenCV's coordinates


@dataclass
class Canvas:
    """The layers of one window while they are painted."""

    west: float
    north: float
    gsd: float
    x: NDArray[np.floating]  # (1, W)
    y: NDArray[np.floating]  # (H, 1)
    paint: NDArray[np.uint8]
    kind: NDArray[np.uint8]
    terrain: TerrainPoints
    height: Floats
    wall: NDArray[np.uint8]
    shade: Floats
    albedo: Floats
    fine: Floats
    medium: Floats
    coarse: Floats

    def pixels(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[Floats, Floats]:
        """(columns, rows) of points in metres; whole numbers are the pixels' centres."""
        return (x - self.west) / self.gsd - 0.5, (self.north - y) / self.gsd - 0.5

    def polygon(self, areas: Areas, i: int) -> NDArray[np.int32]:
        """The corners (n, 2) of an area as OpenCV wants them."""
        part = areas.points[areas.starts[i] : areas.starts[i + 1]]
        columns, rows = self.pixels(part[:, 0].astype(np.float64), part[:, 1].astype(np.float64))
        return np.round(np.stack([columns, rows], axis=1) * (1 << SHIFT)).astype(np.int32)

    def visible(self, bounds: Floats) -> NDArray[np.int64]:
        """Which of the bounds (N, 4) reach into the window."""
        west, east, south, north = self.x[0, 0] - 1, self.x[0, -1] + 1, self.y[-1, 0] - 1, self.y[0, 0] + 1
        return np.flatnonzero(
            (bounds[:, 0] < east) & (bounds[:, 2] > west) & (bounds[:, 1] < north) & (bounds[:, 3] > south)
        )

    def near(self, x: Floats, y: Floats, room: float | Floats) -> NDArray[np.int64]:
        """Which of the points lie in the window or this far around it."""
        return np.flatnonzero(
            (x > self.x[0, 0] - room)
            & (x < self.x[0, -1] + room)
            & (y > self.y[-1, 0] - room)
            & (y < self.y[0, 0] + room)
        )

    def stamps(self, x: Floats, y: Floats, reach: float, most_px: int) -> Iterator[Stamp]:
        """Square pieces of the window around each of the points, not many more pixels than `most_px` at a time."""
        side = int(2 * reach / self.gsd) + 2
        step = max(1, most_px // side**2)
        for start in range(0, len(x), step):
            k = slice(start, start + step)
            column = np.floor((x[k] - reach - self.west) / self.gsd).astype(int)[:, None, None]
            column = column + np.arange(side)[None, None, :]
            row = np.floor((self.north - y[k] - reach) / self.gsd).astype(int)[:, None, None]
            row = row + np.arange(side)[None, :, None]
            dx = (self.west + (column + 0.5) * self.gsd - x[k][:, None, None]).astype(np.float32)
            dy = (self.north - (row + 0.5) * self.gsd - y[k][:, None, None]).astype(np.float32)
            yield Stamp(k, column, row, dx, dy, self.kind.shape)


@dataclass(frozen=True)
class Stamp:
    """Square pieces of a window, n of them, around the points `which`."""

    which: slice
    column: NDArray[np.int64]  # (n, 1, side)
    row: NDArray[np.int64]  # (n, side, 1)
    dx: Floats  # (n, 1, side) metres east of the point
    dy: Floats  # (n, side, 1) metres north of it
    window: tuple[int, ...]  # rows and columns of the window

    def inside(self, mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], ...]:
        """(number of the piece, its row, its column) of the pixels of a mask (n, side, side) within the window."""
        height, width = self.window
        within = (self.column >= 0) & (self.column < width) & (self.row >= 0) & (self.row < height)
        return np.nonzero(mask & within)


def blank_canvas(scene: Scene, west: float, north: float, gsd: float, columns: int, rows: int) -> Canvas:
    """A window of bare ground. Args: west, north: its corner, metres."""
    x = (west + (np.arange(columns) + 0.5) * gsd)[None, :]
    y = (north - (np.arange(rows) + 0.5) * gsd)[:, None]
    terrain = scene.terrain.at(x, y)
    seed = scene.seed * 64 + 100
    shape = (rows, columns)
    zeros = np.zeros(shape, np.float32)
    fine = noise(x, y, 0.55, seed) if gsd <= 0.6 else zeros
    if gsd <= 0.25:
        fine = 0.75 * fine + 0.5 * noise(x, y, 0.2, seed + 1)
    return Canvas(
        west=west, north=north, gsd=gsd, x=x, y=y,
        paint=np.zeros((*shape, 3), np.uint8),
        kind=np.zeros(shape, np.uint8),
        terrain=terrain,
        height=terrain.height_m.copy(),
        wall=np.full((*shape, 3), (96, 90, 80), np.uint8),
        shade=np.ones(shape, np.float32),
        albedo=np.zeros((0, 0, 3), np.float32),
        fine=fine,
        medium=noise(x, y, 2.6, seed + 2),
        coarse=0.65 * noise(x, y, 13, seed + 3) + 0.55 * noise(x, y, 55, seed + 4),
    )  # fmt: skip
