"""Streets, rails and roundabouts of a site plan, with their markings, traffic and trees, in world coordinates."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from train_scripts.data.world.partition import Chord
from train_scripts.data.world.scene import Kind, Roads, pack_areas
from train_scripts.data.world.site_plan import BEACH_M, Line2d, Row, SitePlan

_ROUNDABOUT = (  # radius in metres, surface, layer
    (17.5, Kind.PAVING, 22),
    (16.0, Kind.ASPHALT, 22),
    (8.6, Kind.PAVING, 24),
    (8.0, Kind.LAWN, 24),
)


@dataclass
class Streets:
    """What the streets are made of while they are laid, in world coordinates."""

    polygons: list[Line2d] = field(default_factory=list)
    rows: list[tuple[int, int, float, float, float]] = field(default_factory=list)
    bridges: list[bool] = field(default_factory=list)
    lines: list[Row] = field(default_factory=list)
    slots: list[Row] = field(default_factory=list)
    trees: list[Line2d] = field(default_factory=list)
    islands: list[Line2d] = field(default_factory=list)  # trees on roundabouts, after those of the streets

    def surface(self, polygon: Line2d, kind: int, layer: int, variant: float = 0.5, bridge: bool = False) -> None:
        """Pave a polygon."""
        self.polygons.append(polygon)
        self.rows.append((int(kind), layer, variant, 0.0, 0.0))
        self.bridges.append(bridge)

    def packed(self) -> Roads:
        """The surfaces in the order of painting."""
        order = sorted(range(len(self.rows)), key=lambda i: self.rows[i][1])
        return Roads(pack_areas(self.polygons, self.rows), np.array([self.bridges[i] for i in order], bool))


def lay_streets(plan: SitePlan) -> Streets:
    """Asphalt strips, their markings, traffic and street trees, all in world coordinates."""
    rng = np.random.default_rng(plan.seed + 31)
    streets = Streets()
    for chord in plan.chords:
        _pave(plan, streets, chord, rng)
    for rail in plan.rails:
        _lay_rail(plan, streets, rail)
    plan.roundabouts = _roundabouts(plan, rng)
    for x, y in plan.roundabouts:
        _build_roundabout(plan, streets, x, y, rng)
    for polygon, kind in plan.piers:
        streets.surface(polygon, kind, 23)
    return streets


def _pave(plan: SitePlan, streets: Streets, chord: Chord, rng: np.random.Generator) -> None:
    """A street, as far as it runs over land or bridges."""
    steps = max(2, int(chord.length_m / 7) + 1)
    t = np.linspace(0, 1, steps)[:, None]
    points = plan.bend(np.array([[chord.x0, chord.y0]]) * (1 - t) + np.array([[chord.x1, chord.y1]]) * t)
    ground = plan.terrain.at(points[:, 0], points[:, 1])
    major = chord.width_m >= 7.5
    good = (ground.coast_m > (BEACH_M if chord.width_m > 4 else 6)) & ((ground.river_m > 4) | major)
    for a, b in _runs(good):
        run = points[a:b]
        if len(run) < 2:
            continue
        bridge = bool(ground.river_m[a:b].min() < 5) and major
        if chord.width_m < 4.5:
            streets.surface(strip(run, chord.width_m), Kind.GRAVEL, 20, float(rng.random()), bridge)
            continue
        streets.surface(strip(run, chord.width_m), Kind.ASPHALT, 21, float(rng.random()), bridge)
        _mark(streets, run, chord, rng)
        chance = 0.42 * plan.style.trees if chord.urban else (0.3 if major else 0.12)
        if chord.length_m > 60 and rng.random() < chance:
            streets.trees.append(_street_trees(run, chord, rng))


def _lay_rail(plan: SitePlan, streets: Streets, rail: Line2d) -> None:
    """A double track on ballast, with room on both sides."""
    inland = plan.terrain.coast_m(rail[:, 0], rail[:, 1]) > BEACH_M + 6
    for a, b in _runs(inland):
        run = rail[a:b].astype(np.float64)
        if len(run) < 8:
            continue
        for width, kind, layer in ((15.0, Kind.MEADOW, 18), (8.4, Kind.BALLAST, 19)):
            for k in range(0, len(run) - 1, 12):
                piece = run[k : k + 13]
                wet = bool(plan.terrain.river_m(piece[:, 0], piece[:, 1]).min() < 5)
                streets.surface(strip(piece, width), kind, layer, bridge=wet and kind == Kind.BALLAST)
        n = normals(run)
        for off in (-2.8, -1.36, 1.36, 2.8):
            streets.lines += [(*p, *q, 0.2, 2.0) for p, q in pairwise(run + n * off)]
        plan.clear += [(float(p[0]), float(p[1]), 9.0) for p in run]


def _build_roundabout(plan: SitePlan, streets: Streets, x: float, y: float, rng: np.random.Generator) -> None:
    """A ring of asphalt around a lawn with trees."""
    turn = np.linspace(0, 2 * np.pi, 41)[:-1]
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    for reach, kind, layer in _ROUNDABOUT:
        streets.surface(np.array([[x, y]]) + reach * ring, kind, layer, 0.4)
    plan.clear.append((x, y, 18.5))
    count = int(rng.integers(0, 7))
    spots = rng.normal(0, 3.0, (count, 2)) + np.array([x, y])
    radius = rng.uniform(1.4, 3.0, count)
    streets.islands.append(np.stack([*spots.T, radius, radius * 2.2, np.zeros(count), rng.random(count)], axis=1))


def _roundabouts(plan: SitePlan, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Some of the crossings of main roads, in world coordinates."""
    main = [c for c in plan.chords if c.width_m >= 8.0]
    ends = np.array([p for c in main for p in ((c.x0, c.y0), (c.x1, c.y1))]).reshape(-1, 2)
    chosen: list[tuple[float, float]] = []
    for x, y in plan.bend(ends) if len(ends) else []:
        ground = plan.terrain.at(np.array([x]), np.array([y]))
        far = all(math.hypot(x - a, y - b) > 150 for a, b in chosen)
        if rng.random() < 0.22 and far and ground.coast_m[0] > 60 and ground.river_m[0] > 40:
            chosen.append((float(x), float(y)))
    return chosen


def normals(line: NDArray[np.floating]) -> NDArray[np.floating]:
    """The unit vectors to the left at every point of a line (n, 2)."""
    tangent = np.gradient(line, axis=0)
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-9)[:, None]
    return np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)


def strip(line: NDArray[np.floating], width_m: float) -> NDArray[np.floating]:
    """The polygon of a road of this width along the line, a little longer at both ends."""
    n = normals(line)
    first, last = line[0] - line[1], line[-1] - line[-2]
    line = line.copy()
    line[0] += first / max(np.hypot(*first), 1e-9) * 0.8
    line[-1] += last / max(np.hypot(*last), 1e-9) * 0.8
    return np.concatenate([line + n * width_m / 2, (line - n * width_m / 2)[::-1]])


def _runs(good: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _along(line: Line2d, places: NDArray[np.floating]) -> tuple[Line2d, NDArray[np.floating]]:
    steps = np.hypot(*np.diff(line, axis=0).T)
    at = np.concatenate([[0], np.cumsum(steps)])
    point = np.stack([np.interp(places, at, line[:, 0]), np.interp(places, at, line[:, 1])], axis=1)
    ahead = np.stack([np.interp(places + 1.5, at, line[:, 0]), np.interp(places + 1.5, at, line[:, 1])], axis=1)
    behind = np.stack([np.interp(places - 1.5, at, line[:, 0]), np.interp(places - 1.5, at, line[:, 1])], axis=1)
    return point, np.arctan2(ahead[:, 1] - behind[:, 1], ahead[:, 0] - behind[:, 0])


def _mark(streets: Streets, run: Line2d, chord: Chord, rng: np.random.Generator) -> None:
    """Centre and edge lines, zebra crossings, cars that drive and cars that stand."""
    length = float(np.hypot(*np.diff(run, axis=0).T).sum())
    free = 9.0 if chord.urban else 6.0  # of markings at both ends
    if length < 2 * free + 12:
        return
    w = chord.width_m
    wide = w >= 7.5
    if w >= 6.5:
        _paint_centre(streets.lines, run, (free, length - free), wide)
    if wide:
        n = normals(run)
        for side in (-1, 1):
            edge = run + n * side * (w / 2 - 0.35)
            streets.lines += [(*a, *b, 0.14, 0.0) for a, b in pairwise(edge[1:-1])]
    if chord.urban and w >= 6:
        for at_m in (free - 3.0, length - free + 3.0):
            if rng.random() < 0.45:
                _paint_zebra(streets.lines, run, at_m, w)
    for side, turn in ((-1, 0.0), (1, np.pi)):
        x, y, heading = _beside(run, np.arange(8, length - 8, 13.0), side * w * (0.25 if wide else 0.2))
        chance = 0.11 if wide else 0.035
        streets.slots += [
            (a, b, h + turn, chance, 4.0, float(rng.random() < 0.09)) for a, b, h in zip(x, y, heading, strict=True)
        ]
    if chord.urban and not wide and w >= 6:
        for side in (-1, 1):
            if rng.random() < 0.6:
                x, y, heading = _beside(run, np.arange(12, length - 12, 6.4), side * (w / 2 - 1.05))
                streets.slots += [(a, b, h, 0.42, 0.5, 0.0) for a, b, h in zip(x, y, heading, strict=True)]


def _paint_centre(lines: list[Row], run: Line2d, ends: tuple[float, float], wide: bool) -> None:
    dash, gap = (3.0, 5.0) if wide else (2.0, 6.0)
    starts = np.arange(ends[0], ends[1] - dash, dash + gap)
    p, _ = _along(run, starts)
    q, _ = _along(run, starts + dash)
    lines += [(*a, *b, 0.16, 0.0) for a, b in zip(p, q, strict=True)]


def _paint_zebra(lines: list[Row], run: Line2d, at_m: float, width_m: float) -> None:
    (p,), (heading,) = _along(run, np.array([at_m]))
    t, n = np.array([np.cos(heading), np.sin(heading)]), np.array([-np.sin(heading), np.cos(heading)])
    for off in np.arange(-width_m / 2 + 0.6, width_m / 2 - 0.3, 1.0):
        lines.append((*(p + n * off - t * 1.5), *(p + n * off + t * 1.5), 0.5, 0.0))


def _beside(
    run: Line2d, places: NDArray[np.floating], off_m: float
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """x, y and heading of points to the left of a line, by where along it they lie, metres."""
    points, heading = _along(run, places)
    return points[:, 0] - np.sin(heading) * off_m, points[:, 1] + np.cos(heading) * off_m, heading


def _street_trees(run: NDArray[np.floating], chord: Chord, rng: np.random.Generator) -> NDArray[np.floating]:
    length = float(np.hypot(*np.diff(run, axis=0).T).sum())
    places = np.arange(11, length - 11, rng.uniform(9, 15))
    n, out = len(places), []
    for side in (-1, 1):
        alive = rng.random(n) < 0.85
        x, y, _ = _beside(run, places, side * (chord.width_m / 2 + 1.3))
        x, y = x + rng.normal(0, 0.2, n), y + rng.normal(0, 0.2, n)
        radius = rng.uniform(2.0, 3.4, n)
        out.append(np.stack([x, y, radius, radius * 2.4, np.zeros(n), 0.35 + 0.2 * rng.random(n)], axis=1)[alive])
    return np.concatenate(out)
