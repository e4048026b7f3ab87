"""The railway past the town and the harbour in front of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from train_scripts.data.world.builder import Builder
from train_scripts.data.world.colours import BOATS, CONTAINERS, HALLS, WALLS
from train_scripts.data.world.footprint import Footprint, Point
from train_scripts.data.world.scene import Kind, Roof
from train_scripts.data.world.site_plan import Look, SitePlan

QUAY_M = 190.0
"""Half the length of the quay."""

DECK_M = 1.6
"""Height of the quay above the water."""

CRANE = Look(Roof.FLAT, (176, 128, 48), (150, 110, 50))
CABIN = Look(Roof.FLAT, (226, 226, 222), (90, 96, 104))


def railway(builder: Builder, town: Point) -> None:
    """A double track that passes the town in long curves."""
    rng, size = builder.rng, builder.plan.size_m
    if rng.random() > (0.35 if size < 3000 else 0.9):
        return
    angle, phase = rng.uniform(0, math.pi), rng.uniform(0, 6)
    t = np.arange(-0.8 * size, 0.8 * size, 8.0)
    off = rng.choice([-1, 1]) * rng.uniform(0.09, 0.14) * min(size, 3500)
    v = off + 0.03 * size * np.sin(t * (2 * math.pi / (0.9 * size)) + phase)
    c, s = math.cos(angle), math.sin(angle)
    builder.plan.rails.append(np.stack([town[0] + t * c - v * s, town[1] + t * s + v * c], axis=1))


def harbour(builder: Builder, town: Point) -> None:
    """A quay with sheds and containers, piers and boats, where the town meets the sea."""
    shore = _nearest_shore(builder.plan, town)
    if shore is not None:
        _quay(builder, shore)
        _piers(builder, shore)
        _sails(builder, shore)
        _breakwater(shore)


@dataclass(frozen=True)
class _Shore:
    """A point of the coast, in whose frame a harbour is built: u runs along the coast, v seawards, metres."""

    plan: SitePlan
    x: float
    y: float
    out: float  # direction of the open sea, radians

    @property
    def along(self) -> float:
        return self.out + math.pi / 2

    def at(self, u: float, v: float) -> Point:
        return (
            self.x + u * math.cos(self.along) + v * math.cos(self.out),
            self.y + u * math.sin(self.along) + v * math.sin(self.out),
        )

    def pier(self, corners: Iterable[Point], kind: Kind = Kind.CONCRETE) -> None:
        self.plan.piers.append((np.array([self.at(u, v) for u, v in corners]), int(kind)))

    def box(self, middle: Point, size: Point, heights: Point, look: Look, turn: float = 0.0) -> None:
        """Args: size: half its length and half its width; heights: where it begins and ends above the water."""
        self.plan.float_box(Footprint(*self.at(*middle), self.along + turn, *size), *heights, look)


def _nearest_shore(plan: SitePlan, town: Point) -> _Shore | None:
    """Where the sea begins nearest to the town, well inside the region; None where that is too far."""
    half, terrain = plan.size_m / 2, plan.terrain
    best = None
    for k in range(72):
        a = 2 * math.pi * k / 72
        r = np.arange(0, 1.3 * plan.size_m, 8.0)
        ray_x, ray_y = town[0] + r * math.cos(a), town[1] + r * math.sin(a)
        coast = terrain.coast_m(ray_x, ray_y)
        sea = np.flatnonzero((coast < 0) & (np.maximum(np.abs(ray_x), np.abs(ray_y)) < half - 260))
        if len(sea) and (best is None or r[sea[0]] < best[0]):
            best = (float(r[sea[0]]), float(ray_x[sea[0]]), float(ray_y[sea[0]]))
    if best is None or best[0] > 1400:
        return None
    _, x, y = best
    e = 30.0
    gx = terrain.coast_m(np.array([x + e, x - e]), np.array([y, y]))
    gy = terrain.coast_m(np.array([x, x]), np.array([y + e, y - e]))
    return _Shore(plan, x, y, math.atan2(-(gy[0] - gy[1]), -(gx[0] - gx[1])))


def _quay(builder: Builder, shore: _Shore) -> None:
    """The quay with its sheds, containers and cranes."""
    rng = builder.rng
    for u in np.arange(-QUAY_M, QUAY_M + 1, 38.0):
        builder.plan.clear += [(*shore.at(float(u), v), 34.0) for v in (-42.0, -6.0, 20.0)]
    shore.pier([(-QUAY_M, -60), (QUAY_M, -60), (QUAY_M, 34), (-QUAY_M, 34)])
    for u in np.arange(-QUAY_M + 30, QUAY_M - 30, 62.0):
        if rng.random() < 0.75:
            roof = rng.choice([Roof.GABLE, Roof.FLAT, Roof.SAW])
            look = Look(roof, rng.choice(HALLS), rng.choice(WALLS[0]), 0.2 if roof != Roof.FLAT else 0.0)
            shore.box((u, -36), (24, 11), (DECK_M, 9.5), look)
    for u in np.arange(-QUAY_M + 10, QUAY_M - 10, 14.0):
        for row in range(3):
            if rng.random() < 0.5:
                colour = rng.choice(CONTAINERS)
                heights = DECK_M, DECK_M + 2.6 * rng.choice([1, 2, 3])
                shore.box((u, 2 + 3.0 * row), (6.1, 1.25), heights, Look(Roof.FLAT, colour, colour))
    for u in (-QUAY_M * 0.62, -QUAY_M * 0.5, QUAY_M * 0.1, QUAY_M * 0.22):
        shore.box((u, 27), (5.5, 1.0), (DECK_M, 21), CRANE, math.pi / 2)


def _piers(builder: Builder, shore: _Shore) -> None:
    """Piers with boats on both sides."""
    rng = builder.rng
    count = rng.choice([3, 4, 5])
    for k in range(count):
        u, reach = -QUAY_M + (k + 0.5) * 2 * QUAY_M / count, rng.uniform(80, 150)
        wood = rng.random() < 0.6
        half = 1.8 if wood else 4.0
        corners = [(u - half, 30), (u + half, 30), (u + half, 34 + reach), (u - half, 34 + reach)]
        shore.pier(corners, Kind.WOOD if wood else Kind.CONCRETE)
        step = rng.uniform(5, 7.5)
        for v in np.arange(44, 30 + reach, step):
            for side in (-1, 1):
                if rng.random() < 0.72:
                    length = rng.uniform(3.4, 6.2)
                    boat = Look(Roof.BOAT, rng.choice(BOATS), (200, 200, 200))
                    middle, turn = (u + side * (half + length + 0.6), v), 0 if side > 0 else math.pi
                    shore.box(middle, (length, length * 0.3), (0.0, 1.2), boat, turn)
                    if rng.random() < 0.6:
                        middle = (u + side * (half + length), v)
                        shore.box(middle, (length * 0.3, length * 0.17), (1.2, 2.2), CABIN)


def _sails(builder: Builder, shore: _Shore) -> None:
    """Boats off the town."""
    rng = builder.rng
    for _ in range(14):
        middle = rng.uniform(-700, 700), rng.uniform(150, 600)
        px, py = shore.at(*middle)
        if -700 < float(builder.plan.terrain.coast_m(np.array([px]), np.array([py]))[0]) < -60:
            turn, length = rng.uniform(0, 6.3), rng.uniform(4, 8)
            hull = Look(Roof.BOAT, rng.choice(BOATS), (210, 210, 210))
            shore.box(middle, (length, length * 0.29), (0.0, 1.3), hull, turn)
            shore.box(middle, (length * 0.3, length * 0.16), (1.3, 2.2), CABIN, turn)


def _breakwater(shore: _Shore) -> None:
    """A mole with a lighthouse, and a ship at anchor behind it."""
    u = QUAY_M + 25
    inner = [(u - 66, 246), (u, 194), (u, 30), (u - 30, 30)]
    shore.pier([(u - 30, 20), (u + 9, 20), (u + 9, 200), (u - 60, 252), *inner])
    shore.box((u - 60, 246), (2.4, 2.4), (DECK_M, 14), Look(Roof.ROUND, (190, 60, 50), (232, 230, 226)))
    shore.box((-QUAY_M * 0.2, 190), (48, 8.5), (0.0, 9), Look(Roof.BOAT, (120, 62, 54), (60, 70, 90)), 0.3)
    bridge = Look(Roof.FLAT, (222, 222, 218), (210, 210, 206))
    shore.box((-QUAY_M * 0.2 - 34.4, 190 + 10.6), (6, 6.5), (9, 17), bridge, 0.3)
