"""The sheet on which a region is laid out: straight streets first, bent and cut to the land at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from train_scripts.data.world.colours import Rgb
from train_scripts.data.world.footprint import Footprint, Point
from train_scripts.data.world.noise import noise
from train_scripts.data.world.partition import Chord
from train_scripts.data.world.scene import Kind, Roof, Style
from train_scripts.data.world.terrain import Terrain

Row = tuple[float, ...]
Line2d = NDArray[np.floating]  # (n, 2) points
MARGIN_M = 260.0  # what is laid out beyond the region, so that its edge looks like its middle
BEACH_M = 14.0  # nothing is built nearer to the sea


@dataclass(frozen=True)
class Look:
    """The roof of what is built, and its colours."""

    roof: Roof
    colour: Rgb  # of the roof
    wall: Rgb
    slope: float = 0.0  # rise over run of the roof


@dataclass
class SitePlan:
    """Objects in straight coordinates, before `finish` bends them."""

    seed: int
    size_m: float
    style: Style
    terrain: Terrain
    polygons: list[NDArray[np.floating]] = field(default_factory=list)
    rows: list[tuple[int, int, float, float, float]] = field(default_factory=list)
    boxes: list[tuple[float, ...]] = field(default_factory=list)
    trees: list[NDArray[np.floating]] = field(default_factory=list)
    lines: list[tuple[float, ...]] = field(default_factory=list)
    slots: list[tuple[float, ...]] = field(default_factory=list)
    chords: list[Chord] = field(default_factory=list)
    piers: list[tuple[NDArray[np.floating], int]] = field(default_factory=list)  # in world coordinates
    free_boxes: list[tuple[float, ...]] = field(default_factory=list)  # in world coordinates, on water too
    rails: list[NDArray[np.floating]] = field(default_factory=list)  # in world coordinates
    clear: list[tuple[float, float, float]] = field(default_factory=list)  # circles (world) where no house may stand
    roundabouts: list[tuple[float, float]] = field(default_factory=list)  # in world coordinates
    taken: NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        side = int(self.size_m + 2 * MARGIN_M) + 2
        self.taken = np.zeros((side, side), np.uint8)

    # ---- placing

    def area(
        self,
        corners: Sequence[tuple[float, ...]],
        kind: Kind,
        layer: int,
        variant: float = 0.5,
        angle: float = 0.0,
        period_m: float = 0.0,
    ) -> None:
        """A polygon on the ground."""
        if len(corners) >= 3:
            self.polygons.append(np.array([c[:2] for c in corners], np.float64))
            self.rows.append((int(kind), layer, variant, angle, period_m))

    def quad(self, footprint: Footprint, kind: Kind, layer: int, variant: float = 0.5, period_m: float = 0.0) -> None:
        """A turned rectangle on the ground."""
        self.area(footprint.corners, kind, layer, variant, footprint.angle, period_m)

    def is_free(self, corners: Sequence[tuple[float, float]]) -> bool:
        """Whether nothing is built at the corners, the middles of the sides and the centre."""
        off = self.size_m / 2 + MARGIN_M
        last = self.taken.shape[0] - 1
        points = list(corners)
        points += [
            ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in zip(corners, [*corners[1:], corners[0]], strict=True)
        ]
        points.append((sum(c[0] for c in corners) / len(corners), sum(c[1] for c in corners) / len(corners)))
        for px, py in points:
            i, j = int(px + off), int(py + off)
            if not (0 <= i <= last and 0 <= j <= last) or self.taken[j, i]:
                return False
        return True

    def free_at(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether nothing is built at each of the points."""
        off, last = self.size_m / 2 + MARGIN_M, self.taken.shape[0] - 1
        i, j = np.clip((x + off).astype(int), 0, last), np.clip((y + off).astype(int), 0, last)
        return np.asarray(self.taken[j, i] == 0)

    def take(self, corners: Sequence[tuple[float, float]]) -> None:
        """Note that the ground there is built upon."""
        off = self.size_m / 2 + MARGIN_M
        cv2.fillPoly(self.taken, [np.round(np.array(corners) + off - 0.5).astype(np.int32)], 1)

    def box(self, footprint: Footprint, height_m: float, look: Look, above_m: float = 0.0) -> None:
        """A building, or with above_m > 0 a part that stands on one. Args: height_m: of its walls."""
        if above_m == 0:
            self.take(footprint.corners)
        self.boxes.append(_box_row(footprint, above_m, above_m + height_m, look))

    def box_if_free(self, footprint: Footprint, height_m: float, look: Look, room_m: float) -> bool:
        """A building, where nothing stands on its ground and this far around it. Returns: whether it was built."""
        free = self.is_free(footprint.grown(room_m).corners)
        if free:
            self.box(footprint, height_m, look)
        return free

    def float_box(self, footprint: Footprint, above_m: float, top_m: float, look: Look) -> None:
        """A box in world coordinates, on water too, between two heights above it or above the ground."""
        self.free_boxes.append(_box_row(footprint, above_m, top_m, look))

    def plant(
        self,
        x: NDArray[np.floating],
        y: NDArray[np.floating],
        radius: NDArray[np.floating],
        height: NDArray[np.floating],
        kind: NDArray[np.integer] | int,
        hue: NDArray[np.floating],
    ) -> None:
        """Trees, as arrays of one length."""
        if len(x):
            self.trees.append(np.stack([x, y, radius, height, np.broadcast_to(kind, x.shape), hue], axis=1))

    def line(self, a: Point, b: Point, width_m: float) -> None:
        """A painted line."""
        self.lines.append((*a, *b, width_m, 0))

    def outline(self, corners: Sequence[Point], width_m: float) -> None:
        """Painted lines around a polygon."""
        for a, b in zip(corners, [*corners[1:], corners[0]], strict=True):
            self.line(a, b, width_m)

    def slot(self, x: float, y: float, angle: float, chance: float, play_m: float = 0.2, truck: bool = False) -> None:
        """Where a car may stand or drive."""
        self.slots.append((x, y, angle, chance, play_m, float(truck)))

    # ---- bending

    def bend(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Straight coordinates (n, 2) to world coordinates."""
        x, y = points[:, 0], points[:, 1]
        amount = self.style.warp_m
        dx = amount * noise(x, y, 430, self.seed + 21) + 0.22 * amount * noise(x, y, 130, self.seed + 22)
        dy = amount * noise(x, y, 430, self.seed + 23) + 0.22 * amount * noise(x, y, 130, self.seed + 24)
        return np.stack([x + dx, y + dy], axis=1).astype(np.float64)

    def bend_directed(
        self, x: NDArray[np.floating], y: NDArray[np.floating], angle: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """World points (n, 2) and directions of straight ones."""
        here = self.bend(np.stack([x, y], axis=1))
        ahead = self.bend(np.stack([x + 4 * np.cos(angle), y + 4 * np.sin(angle)], axis=1))
        return here, np.arctan2(ahead[:, 1] - here[:, 1], ahead[:, 0] - here[:, 0])


def _box_row(footprint: Footprint, above_m: float, top_m: float, look: Look) -> Row:
    colours = *look.colour, *look.wall
    return (
        footprint.x,
        footprint.y,
        footprint.half_u,
        footprint.half_v,
        footprint.angle,
        above_m,
        top_m,
        look.slope,
        int(look.roof),
        *colours,
    )
