"""The sheet on which a region is laid out: straight streets first, bent and cut to the land at the end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from train_scripts.data.world.noise import noise
from train_scripts.data.world.partition import Chord
from train_scripts.data.world.scene import (
    Areas,
    Boxes,
    Kind,
    Lines,
    Roads,
    Roof,
    Scene,
    Slots,
    Style,
    Trees,
    pack_areas,
)
from train_scripts.data.world.terrain import Terrain

Rgb = tuple[int, int, int]
Row = tuple[float, ...]
Line2d = NDArray[np.floating]  # (n, 2) points
MARGIN_M = 260.0  # what is laid out beyond the region, so that its edge looks like its middle
BEACH_M = 14.0  # nothing is built nearer to the sea
DECK_M = 4.2  # height of a bridge above the water
_ROUNDABOUT = (  # radius in metres, surface, layer
    (17.5, Kind.PAVING, 22),
    (16.0, Kind.ASPHALT, 22),
    (8.6, Kind.PAVING, 24),
    (8.0, Kind.LAWN, 24),
)


@dataclass
class Draft:
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

    def quad(
        self,
        x: float,
        y: float,
        angle: float,
        half_u: float,
        half_v: float,
        kind: Kind,
        layer: int,
        variant: float = 0.5,
        period_m: float = 0.0,
    ) -> None:
        """A turned rectangle on the ground."""
        self.area(rectangle(x, y, angle, half_u, half_v), kind, layer, variant, angle, period_m)

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

    def box(
        self,
        x: float,
        y: float,
        angle: float,
        half_u: float,
        half_v: float,
        eave_m: float,
        roof: Roof,
        colour: Rgb,
        wall: Rgb,
        slope: float = 0.0,
        above_m: float = 0.0,
        check: bool = False,
        room_m: float = 0.0,
    ) -> bool:
        """A building, or with above_m > 0 a part that stands on one. False: there was no room (check=True)."""
        if above_m == 0:
            if check and not self.is_free(rectangle(x, y, angle, half_u + room_m, half_v + room_m)):
                return False
            self.take(rectangle(x, y, angle, half_u, half_v))
        self.boxes.append((x, y, half_u, half_v, angle, above_m, above_m + eave_m, slope, int(roof), *colour, *wall))
        return True

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

    def line(self, x0: float, y0: float, x1: float, y1: float, width_m: float, tone: int = 0) -> None:
        """A painted line."""
        self.lines.append((x0, y0, x1, y1, width_m, tone))

    def slot(self, x: float, y: float, angle: float, chance: float, play_m: float = 0.2, truck: bool = False) -> None:
        """A place for a car."""
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

    def finish(self) -> Scene:
        """The scene: everything bent, cut at the coast and the river, and set on the ground."""
        roads, road_polygons, lines, extra_slots, extra_trees = self._roads()
        areas = self._areas()
        boxes = self._boxes()
        return Scene(
            seed=self.seed,
            size_m=self.size_m,
            style=self.style,
            terrain=self.terrain,
            areas=areas,
            roads=roads,
            lines=self._lines(lines),
            boxes=boxes,
            trees=self._trees(boxes, road_polygons, extra_trees),
            slots=self._slots(extra_slots),
        )

    def _areas(self) -> Areas:
        dense = [densify(p, 14.0) if np.ptp(p, axis=0).max() > 40 else p for p in self.polygons]
        if not dense:
            return pack_areas([], [])
        ends = np.cumsum([len(p) for p in dense])[:-1]
        bent = np.split(self.bend(np.concatenate(dense)), ends)
        return pack_areas(list(bent), self.rows)

    def _boxes(self) -> Boxes:
        table = np.array(self.boxes, np.float64).reshape(-1, 15)
        here, angle = self.bend_directed(table[:, 0], table[:, 1], table[:, 4])
        ground = self.terrain.at(here[:, 0], here[:, 1])
        reach = 0.8 * np.maximum(table[:, 2], table[:, 3])
        keep = (ground.coast_m > BEACH_M + reach) & (ground.river_m > 5 + reach)
        keep &= ~self._cleared(here, reach)
        free = np.array(self.free_boxes, np.float64).reshape(-1, 15)
        free_ground = np.maximum(self.terrain.at(free[:, 0], free[:, 1]).height_m, 0.0)
        table[:, 0:2], table[:, 4] = here, angle
        table = np.concatenate([table[keep], free])
        base = np.concatenate([ground.height_m[keep], free_ground])
        f = table.astype(np.float32)
        return Boxes(
            x=f[:, 0],
            y=f[:, 1],
            half_u=f[:, 2],
            half_v=f[:, 3],
            angle=f[:, 4],
            base_m=base + f[:, 5],
            eave_m=base + f[:, 6],
            slope=f[:, 7],
            roof=table[:, 8].astype(np.uint8),
            colour=np.clip(table[:, 9:12], 0, 255).astype(np.uint8),
            wall=np.clip(table[:, 12:15], 0, 255).astype(np.uint8),
            part=table[:, 5] > 0,
        )

    def _cleared(self, points: NDArray[np.floating], reach: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which of the circles (points, reach) touch a place that must stay free."""
        out = np.zeros(len(points), bool)
        if self.clear and len(points):
            circles = np.array(self.clear)
            for radius in np.unique(circles[:, 2]):
                tree = cKDTree(circles[circles[:, 2] == radius, :2])
                distance, _ = tree.query(points)
                out |= distance < radius + reach
        return out

    def _on_roundabout(self, points: NDArray[np.floating], radius_m: float) -> NDArray[np.bool_]:
        if not self.roundabouts or not len(points):
            return np.zeros(len(points), bool)
        distance, _ = cKDTree(np.array(self.roundabouts)).query(points)
        return np.asarray(distance < radius_m)

    def _trees(
        self, boxes: Boxes, road_polygons: list[NDArray[np.floating]], extra: list[NDArray[np.floating]]
    ) -> Trees:
        table = np.concatenate([*self.trees, np.zeros((0, 6))])
        if len(table):
            table[:, :2] = self.bend(table[:, :2])
        table = np.concatenate([table, *extra])
        ground = self.terrain.at(table[:, 0], table[:, 1])
        table = table[(ground.coast_m > 9) & (ground.river_m > 1.5)]
        half = self.size_m / 2 + 60
        table = table[(np.abs(table[:, 0]) < half) & (np.abs(table[:, 1]) < half)]
        side = int(2 * half) + 1
        built = np.zeros((side, side), np.uint8)
        for polygon in road_polygons:
            cv2.fillPoly(built, [np.round(polygon + half - 0.5).astype(np.int32)], 1)
        c, s = np.cos(boxes.angle), np.sin(boxes.angle)
        u, v = boxes.half_u + 1, boxes.half_v + 1
        corners = [
            np.stack([boxes.x + i * u * c - j * v * s, boxes.y + i * u * s + j * v * c], axis=1)
            for i, j in ((1, 1), (-1, 1), (-1, -1), (1, -1))
        ]
        for rect in np.round(np.stack(corners, axis=1) + half - 0.5).astype(np.int32):
            cv2.fillConvexPoly(built, rect, 1)
        free = built[(table[:, 1] + half).astype(int), (table[:, 0] + half).astype(int)] == 0
        f = table[free].astype(np.float32)
        return Trees(f[:, 0], f[:, 1], f[:, 2], f[:, 3], f[:, 4].astype(np.uint8), f[:, 5])

    def _lines(self, extra: list[tuple[float, ...]]) -> Lines:
        table = np.array(self.lines, np.float64).reshape(-1, 6)
        ends = np.concatenate([self.bend(table[:, 0:2]), self.bend(table[:, 2:4])], axis=1)
        ground = self.terrain.at((ends[:, 0] + ends[:, 2]) / 2, (ends[:, 1] + ends[:, 3]) / 2)
        keep = (ground.coast_m > BEACH_M) & (ground.river_m > 3)
        more = np.array(extra, np.float64).reshape(-1, 6)
        ends = np.concatenate([ends[keep], more[:, :4]]).astype(np.float32)
        rest = np.concatenate([table[keep, 4:], more[:, 4:]])
        free = ~self._on_roundabout((ends[:, :2] + ends[:, 2:]) / 2, 17.0) | (rest[:, 1] == 2)
        ends, rest = ends[free], rest[free]
        return Lines(ends, rest[:, 0].astype(np.float32), rest[:, 1].astype(np.uint8))

    def _slots(self, extra: list[tuple[float, ...]]) -> Slots:
        table = np.array(self.slots, np.float64).reshape(-1, 6)
        here, angle = self.bend_directed(table[:, 0], table[:, 1], table[:, 2])
        table[:, :2], table[:, 2] = here, angle
        table = np.concatenate([table, np.array(extra, np.float64).reshape(-1, 6)])
        ground = self.terrain.at(table[:, 0], table[:, 1])
        dry = (ground.coast_m > BEACH_M) & (ground.river_m > 3)
        f = table[dry & ~self._on_roundabout(table[:, :2], 19.0)].astype(np.float32)
        return Slots(f[:, 0], f[:, 1], f[:, 2], f[:, 3], f[:, 4], f[:, 5] > 0)

    def _roundabouts(self, rng: np.random.Generator) -> list[tuple[float, float]]:
        """Some of the crossings of main roads, in world coordinates."""
        main = [c for c in self.chords if c.width_m >= 8.0]
        ends = np.array([p for c in main for p in ((c.x0, c.y0), (c.x1, c.y1))]).reshape(-1, 2)
        chosen: list[tuple[float, float]] = []
        for x, y in self.bend(ends) if len(ends) else []:
            ground = self.terrain.at(np.array([x]), np.array([y]))
            far = all(math.hypot(x - a, y - b) > 150 for a, b in chosen)
            if rng.random() < 0.22 and far and ground.coast_m[0] > 60 and ground.river_m[0] > 40:
                chosen.append((float(x), float(y)))
        return chosen

    def _roads(self) -> tuple[Roads, list[Line2d], list[Row], list[Row], list[Line2d]]:
        """Asphalt strips, their polygons, markings, traffic and street trees, all in world coordinates."""
        rng = np.random.default_rng(self.seed + 31)
        polygons: list[NDArray[np.floating]] = []
        rows: list[tuple[int, int, float, float, float]] = []
        bridges: list[bool] = []
        lines: list[tuple[float, ...]] = []
        slots: list[tuple[float, ...]] = []
        trees: list[NDArray[np.floating]] = []
        islands: list[NDArray[np.floating]] = []
        for chord in self.chords:
            length = chord.length_m
            steps = max(2, int(length / 7) + 1)
            t = np.linspace(0, 1, steps)[:, None]
            points = self.bend(np.array([[chord.x0, chord.y0]]) * (1 - t) + np.array([[chord.x1, chord.y1]]) * t)
            ground = self.terrain.at(points[:, 0], points[:, 1])
            major = chord.width_m >= 7.5
            good = (ground.coast_m > (BEACH_M if chord.width_m > 4 else 6)) & ((ground.river_m > 4) | major)
            for a, b in _runs(good):
                run = points[a:b]
                if len(run) < 2:
                    continue
                wet = bool(ground.river_m[a:b].min() < 5)
                kind = Kind.GRAVEL if chord.width_m < 4.5 else Kind.ASPHALT
                polygons.append(strip(run, chord.width_m))
                rows.append((int(kind), 20 if kind == Kind.GRAVEL else 21, float(rng.random()), 0.0, 0.0))
                bridges.append(wet and major)
                if kind == Kind.ASPHALT:
                    _mark(lines, slots, run, chord, rng)
                    chance = 0.42 * self.style.trees if chord.urban else (0.3 if major else 0.12)
                    if length > 60 and rng.random() < chance:
                        trees.append(_street_trees(run, chord, rng))
        for rail in self.rails:
            inland = self.terrain.coast_m(rail[:, 0], rail[:, 1]) > BEACH_M + 6
            for a, b in _runs(inland):
                run = rail[a:b].astype(np.float64)
                if len(run) < 8:
                    continue
                for width, kind, layer in ((15.0, Kind.MEADOW, 18), (8.4, Kind.BALLAST, 19)):
                    for k in range(0, len(run) - 1, 12):
                        piece = run[k : k + 13]
                        wet = bool(self.terrain.river_m(piece[:, 0], piece[:, 1]).min() < 5)
                        polygons.append(strip(piece, width))
                        rows.append((int(kind), layer, 0.5, 0.0, 0.0))
                        bridges.append(wet and kind == Kind.BALLAST)
                n = normals(run)
                for off in (-2.8, -1.36, 1.36, 2.8):
                    edge = run + n * off
                    lines += [(*p, *q, 0.2, 2.0) for p, q in pairwise(edge)]
                self.clear += [(float(p[0]), float(p[1]), 9.0) for p in run]
        self.roundabouts = self._roundabouts(rng)
        for x, y in self.roundabouts:
            turn = np.linspace(0, 2 * np.pi, 41)[:-1]
            ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
            for reach, kind, layer in _ROUNDABOUT:
                polygons.append(np.array([[x, y]]) + reach * ring)
                rows.append((int(kind), layer, 0.4, 0.0, 0.0))
                bridges.append(False)
            self.clear.append((x, y, 18.5))
            count = int(rng.integers(0, 7))
            spots = rng.normal(0, 3.0, (count, 2)) + np.array([x, y])
            radius = rng.uniform(1.4, 3.0, count)
            islands.append(np.stack([*spots.T, radius, radius * 2.2, np.zeros(count), rng.random(count)], axis=1))
        for polygon, kind_number in self.piers:
            polygons.append(polygon)
            rows.append((kind_number, 23, 0.5, 0.0, 0.0))
            bridges.append(False)
        order = sorted(range(len(rows)), key=lambda i: rows[i][1])
        flags = np.array([bridges[i] for i in order], bool)
        packed = pack_areas(polygons, rows)
        return Roads(packed, flags), polygons, lines, slots, [*trees, *islands]


def rectangle(x: float, y: float, angle: float, half_u: float, half_v: float) -> list[tuple[float, float]]:
    """The corners of a turned rectangle, counter-clockwise."""
    c, s = math.cos(angle), math.sin(angle)
    return [
        (x + i * half_u * c - j * half_v * s, y + i * half_u * s + j * half_v * c)
        for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]


def densify(polygon: NDArray[np.floating], step_m: float) -> NDArray[np.floating]:
    """The closed polygon with a point at least every `step_m`."""
    following = np.roll(polygon, -1, axis=0)
    parts = []
    for a, b in zip(polygon, following, strict=True):
        n = max(1, int(np.hypot(*(b - a)) / step_m))
        parts.append(a + (b - a) * (np.arange(n) / n)[:, None])
    return np.concatenate(parts)


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


def _mark(lines: list[Row], slots: list[Row], run: Line2d, chord: Chord, rng: np.random.Generator) -> None:
    """Centre and edge lines, zebra crossings, cars that drive and cars that stand."""
    length = float(np.hypot(*np.diff(run, axis=0).T).sum())
    wide, w = chord.width_m >= 7.5, chord.width_m
    free = 9.0 if chord.urban else 6.0
    if length < 2 * free + 12:
        return
    if wide or w >= 6.5:
        dash, gap = (3.0, 5.0) if wide else (2.0, 6.0)
        starts = np.arange(free, length - free - dash, dash + gap)
        p, _ = _along(run, starts)
        q, _ = _along(run, starts + dash)
        lines += [(*a, *b, 0.16, 0.0) for a, b in zip(p, q, strict=True)]
    if wide:
        n = normals(run)
        for side in (-1, 1):
            edge = run + n * side * (w / 2 - 0.35)
            lines += [(*a, *b, 0.14, 0.0) for a, b in pairwise(edge[1:-1])]
    if chord.urban and w >= 6:
        for place in (free - 3.0, length - free + 3.0):
            if rng.random() < 0.45:
                (p,), (heading,) = _along(run, np.array([place]))
                t, n = np.array([np.cos(heading), np.sin(heading)]), np.array([-np.sin(heading), np.cos(heading)])
                for off in np.arange(-w / 2 + 0.6, w / 2 - 0.3, 1.0):
                    a, b = p + n * off - t * 1.5, p + n * off + t * 1.5
                    lines.append((*a, *b, 0.5, 0.0))
    places = np.arange(8, length - 8, 13.0)
    if len(places):
        p, heading = _along(run, places)
        for side, turn in ((-1, 0.0), (1, np.pi)):
            off = side * w * (0.25 if wide else 0.2)
            x, y = p[:, 0] - np.sin(heading) * off, p[:, 1] + np.cos(heading) * off
            chance = 0.11 if wide else 0.035
            slots += [
                (a, b, h + turn, chance, 4.0, float(rng.random() < 0.09)) for a, b, h in zip(x, y, heading, strict=True)
            ]
    if chord.urban and not wide and w >= 6:
        places = np.arange(12, length - 12, 6.4)
        p, heading = _along(run, places) if len(places) else (np.zeros((0, 2)), np.zeros(0))
        for side in (-1, 1):
            if rng.random() < 0.6:
                off = side * (w / 2 - 1.05)
                x, y = p[:, 0] - np.sin(heading) * off, p[:, 1] + np.cos(heading) * off
                slots += [(a, b, h, 0.42, 0.5, 0.0) for a, b, h in zip(x, y, heading, strict=True)]


def _street_trees(run: NDArray[np.floating], chord: Chord, rng: np.random.Generator) -> NDArray[np.floating]:
    length = float(np.hypot(*np.diff(run, axis=0).T).sum())
    places = np.arange(11, length - 11, rng.uniform(9, 15))
    p, heading = _along(run, places)
    out = []
    for side in (-1, 1):
        off = side * (chord.width_m / 2 + 1.3)
        n = len(p)
        alive = rng.random(n) < 0.85
        x = p[:, 0] - np.sin(heading) * off + rng.normal(0, 0.2, n)
        y = p[:, 1] + np.cos(heading) * off + rng.normal(0, 0.2, n)
        radius = rng.uniform(2.0, 3.4, n)
        out.append(np.stack([x, y, radius, radius * 2.4, np.zeros(n), 0.35 + 0.2 * rng.random(n)], axis=1)[alive])
    return np.concatenate(out)
