"""How a region grows from its seed: districts, blocks, houses, fields, woods, harbour."""

from __future__ import annotations

import math
from random import Random

import numpy as np

from train_scripts.data.draft import BEACH_M, MARGIN_M, Draft, Rgb, rectangle
from train_scripts.data.noise import noise
from train_scripts.data.partition import (
    Polygon,
    area_m2,
    centroid,
    extents,
    inset,
    longest_edge,
    margin_m,
    subdivide,
)
from train_scripts.data.scene import Kind, Roof, Scene, Style, Tree
from train_scripts.data.terrain import Terrain

ROOFS: tuple[tuple[Rgb, ...], ...] = (
    ((148, 94, 74), (138, 86, 68), (158, 106, 84), (126, 80, 66), (92, 88, 88), (118, 98, 86), (136, 100, 82)),  # clay
    ((96, 94, 96), (82, 82, 86), (112, 108, 106), (128, 96, 82), (104, 92, 84), (74, 76, 82)),  # slate
    ((178, 124, 92), (188, 138, 104), (168, 108, 80), (196, 152, 118), (150, 98, 76), (176, 164, 148)),  # south
    ((118, 90, 74), (138, 98, 78), (100, 84, 74), (128, 116, 106), (90, 94, 90), (150, 130, 110)),  # shingle
)
FLATS: tuple[Rgb, ...] = (
    (168, 166, 162),
    (148, 146, 144),
    (186, 184, 180),
    (120, 120, 122),
    (158, 152, 142),
    (134, 138, 132),
)
HALLS: tuple[Rgb, ...] = (
    (176, 180, 184),
    (150, 156, 162),
    (196, 196, 194),
    (128, 140, 150),
    (162, 150, 140),
    (110, 118, 126),
)
WALLS: tuple[tuple[Rgb, ...], ...] = (
    ((214, 206, 190), (200, 188, 168), (226, 222, 212), (190, 170, 146), (180, 130, 108), (206, 196, 150)),
    ((152, 104, 84), (168, 118, 96), (196, 190, 182), (142, 96, 80), (178, 170, 160), (130, 92, 78)),
    ((232, 226, 214), (224, 210, 184), (214, 186, 150), (222, 200, 178), (236, 232, 226), (204, 172, 140)),
)
CONTAINERS: tuple[Rgb, ...] = (
    (150, 62, 48),
    (48, 84, 122),
    (64, 108, 78),
    (176, 130, 60),
    (150, 150, 150),
    (110, 60, 50),
)
BOATS: tuple[Rgb, ...] = (
    (226, 226, 222),
    (206, 210, 212),
    (60, 84, 120),
    (190, 176, 150),
    (150, 60, 54),
    (236, 234, 228),
)


def random_style(seed: int, size_m: float) -> Style:
    """A style drawn from the seed: most small regions lie inland, large ones are islands or have a shore."""
    rng = Random(f"style {seed}")
    large = size_m >= 3000
    return Style(
        coast=large or rng.random() < 0.3,
        island=large and rng.random() < 0.5,
        river=rng.random() < (0.9 if large else 0.4),
        hills_m=rng.uniform(8, 40),
        grid_angle_rad=rng.uniform(0, math.pi / 2),
        district_m=rng.uniform(330, 520),
        block_m=rng.uniform(62, 105),
        lot_m=rng.uniform(14, 22),
        field_m=rng.uniform(90, 220),
        urban=rng.choice([0.8, 1.0, 1.0, 1.3] if large else [0.0, 0.25, 0.5, 0.7, 1.0, 1.4]),
        forest=rng.uniform(0.1, 0.4),
        trees=rng.uniform(0.5, 1.5),
        warp_m=rng.choice([6.0, 14.0, 22.0, 30.0]),
        roofs=rng.randrange(len(ROOFS)),
        walls=rng.randrange(len(WALLS)),
        flat_roofs=rng.uniform(0.1, 0.6),
        dryness=rng.uniform(0, 0.8),
    )


def build_scene(seed: int, size_m: float = 4096, style: Style | None = None) -> Scene:
    """Lay out a region.

    Args:
        seed: which region; the same seed gives the same region on every machine.
        size_m: its side in metres, 256 to 8192.
        style: its character; None draws one from the seed.

    Returns:
        The scene, x metres east and y metres north of its centre.

    Raises:
        ValueError: size_m is out of range.
    """
    if not 256 <= size_m <= 8192:
        raise ValueError(f"size_m is {size_m}; choose a side from 256 to 8192 metres.")
    style = style or random_style(seed, size_m)
    rng = Random(f"layout {seed}")
    draft = Draft(seed, size_m, style, _terrain(seed, size_m, style, rng))
    _Layout(draft, rng).grow()
    return draft.finish()


def _terrain(seed: int, size_m: float, style: Style, rng: Random) -> Terrain:
    angle = rng.uniform(0, 2 * math.pi)
    shore = rng.uniform(0, 2 * math.pi)
    source = -10.0 * size_m
    if style.coast and style.island:
        source = -0.30 * size_m
    elif style.coast:
        angle = shore + math.pi + rng.uniform(-0.4, 0.4)  # to the sea
    return Terrain(
        seed=seed * 64,
        size_m=size_m,
        coast="none" if not style.coast else "island" if style.island else "shore",
        hills_m=style.hills_m,
        shore_angle=shore,
        shore_offset_m=rng.uniform(0.22, 0.34) * size_m,
        river=style.river,
        river_angle=angle,
        river_offset_m=rng.uniform(-0.16, 0.16) * size_m,
        river_half_width_m=rng.uniform(9, 20),
        river_source_m=source,
        meanders=(
            (rng.uniform(0.02, 0.05) * min(size_m, 2500), rng.uniform(900, 1500), rng.uniform(0, 6)),
            (rng.uniform(14, 34), rng.uniform(330, 520), rng.uniform(0, 6)),
            (rng.uniform(2, 7), rng.uniform(120, 180), rng.uniform(0, 6)),
        ),
    )


def style_has_port(style: Style, size_m: float) -> bool:
    """Whether the town stands at the sea."""
    return style.coast and size_m >= 3000


class _Layout:
    """The decisions of one region, all drawn from one random sequence."""

    def __init__(self, draft: Draft, rng: Random) -> None:
        self.draft, self.rng, self.style = draft, rng, draft.style
        self.bulk = np.random.default_rng(draft.seed + 77)
        half = draft.size_m / 2
        self.centres: list[tuple[float, float, float, float]] = []  # x, y, reach, strength
        if self.style.urban > 0:
            small = draft.size_m < 3000
            reach = (0.42 if small else 0.20) * draft.size_m * math.sqrt(self.style.urban)
            spread = 0.45 if small else 0.22
            x, y = self._dry_point(rng, spread * half, -spread * half)
            if style_has_port(self.style, draft.size_m):
                x, y = self._near_shore(rng, 0.8 * half)
            self.town = (x, y)
            self.centres.append((x, y, reach, 1.0))
            for _ in range(0 if draft.size_m < 900 else 1 if small else 6):
                x, y = self._dry_point(rng, 0.72 * half, -0.72 * half)
                self.centres.append((x, y, rng.uniform(130, 260), 0.55))
        else:
            self.town = (0.0, 0.0)

    def _dry_point(self, rng: Random, high: float, low: float) -> tuple[float, float]:
        x = y = 0.0
        for _ in range(40):
            x, y = rng.uniform(low, high), rng.uniform(low, high)
            if float(self.draft.terrain.coast_m(np.array([x]), np.array([y]))[0]) > 120:
                break
        return x, y

    def _dry(self, x: float, y: float, room_m: float) -> bool:
        here = np.array([x]), np.array([y])
        terrain = self.draft.terrain
        return bool(terrain.coast_m(*here)[0] > room_m + BEACH_M and terrain.river_m(*here)[0] > room_m)

    def _near_shore(self, rng: Random, room_m: float) -> tuple[float, float]:
        points = np.array([(rng.uniform(-room_m, room_m), rng.uniform(-room_m, room_m)) for _ in range(200)])
        away = self.draft.terrain.coast_m(points[:, 0], points[:, 1])
        middle = np.hypot(points[:, 0], points[:, 1])
        best = np.argmin(np.abs(away - 480) + 0.25 * middle)
        return float(points[best, 0]), float(points[best, 1])

    def urbanity(self, x: float, y: float) -> float:
        """0 in the open country to 1 in the town's centre."""
        best = 0.0
        for cx, cy, reach, strength in self.centres:
            best = max(best, strength * math.exp(-(((x - cx) ** 2 + (y - cy) ** 2) / reach**2)))
        return best + 0.10 * float(noise(np.array([x]), np.array([y]), 300, self.draft.seed + 41)[0])

    def grow(self) -> None:
        """Lay everything out."""
        edge = self.draft.size_m / 2 + MARGIN_M - 6
        outer = [(-edge, -edge, 0.0), (edge, -edge, 0.0), (edge, edge, 0.0), (-edge, edge, 0.0)]
        self.draft.area(outer, Kind.MEADOW, 0, 0.4)
        d = self.style.district_m
        parts, chords = subdivide(
            outer, self.rng, self.style.grid_angle_rad, d, d, (11.0, 11.0, 9.0, 8.0), irregular=0.16, tilt_rad=0.22
        )
        for chord in chords:
            mid = ((chord.x0 + chord.x1) / 2, (chord.y0 + chord.y1) / 2)
            town = self.urbanity(*mid) > 0.25
            self.draft.chords.append(
                type(chord)(chord.x0, chord.y0, chord.x1, chord.y1, chord.width_m, chord.rank, town)
            )
        for part in parts:
            self.district(part)
        self.railway()
        if self.style.coast and self.style.urban > 0:
            self.harbour()

    # ---- districts

    def district(self, part: Polygon) -> None:
        """Choose what a district is, and cut it into blocks."""
        rng, style = self.rng, self.style
        x, y = centroid(part)
        if float(self.draft.terrain.coast_m(np.array([x]), np.array([y]))[0]) < -250:
            return
        u = self.urbanity(x, y)
        angle = style.grid_angle_rad + rng.choice([0, 0, rng.uniform(-0.5, 0.5)])
        if rng.random() < 0.5:
            angle = longest_edge(part)[0]
        b, roll = style.block_m, rng.random()
        if u > 0.62:
            leaves, chords = subdivide(part, rng, angle, b * 1.15, b, (7.5, 6.5), 0.12, 0.05, urban=True, first_rank=5)
            table = ((self.core, 0.72), (self.apartments, 0.12), (self.park, 0.08), (self.plaza, 0.08))
        elif u > 0.24:
            if roll < 0.16:
                leaves, chords = subdivide(part, rng, angle, 170, 120, (8.0, 7.0), 0.14, 0.03, urban=True, first_rank=5)
                table = ((self.industry, 0.8), (self.retail, 0.2))
            elif roll < 0.32:
                leaves, chords = subdivide(part, rng, angle, 150, 110, (7.5, 6.5), 0.14, 0.08, urban=True, first_rank=5)
                table = ((self.apartments, 0.68), (self.park, 0.12), (self.sports, 0.12), (self.retail, 0.08))
            elif roll < 0.42:
                leaves, chords = subdivide(part, rng, angle, 280, 215, (6.5,), 0.1, 0.05, urban=True, first_rank=5)
                table = ((self.sports, 0.55), (self.park, 0.35), (self.retail, 0.1))
            else:
                leaves, chords = subdivide(
                    part, rng, angle, b * 1.9, b * 0.82, (6.5, 6.0), 0.13, 0.07, urban=True, first_rank=5
                )
                table = (
                    (self.houses, 0.82),
                    (self.allotments, 0.04),
                    (self.park, 0.05),
                    (self.apartments, 0.04),
                    (self.sports, 0.02),
                    (self.retail, 0.03),
                )
        elif u > 0.13 and roll < 0.65:
            leaves, chords = subdivide(part, rng, angle, 170, 90, (6.0, 5.5), 0.2, 0.2, urban=False, first_rank=5)
            table = (
                (self.houses, 0.52),
                (self.field, 0.24),
                (self.orchard, 0.1),
                (self.sports, 0.08),
                (self.allotments, 0.06),
            )
        else:
            wood = 0.5 + 0.5 * float(noise(np.array([x]), np.array([y]), 700, self.draft.seed + 42)[0])
            if wood + 0.25 * (roll - 0.5) > 1 - style.forest * 1.15:
                leaves, chords = subdivide(part, rng, angle, 260, 260, (3.4,), 0.2, 0.3, first_rank=8)
                table = ((self.forest, 0.88), (self.meadow, 0.12))
            else:
                f = style.field_m
                leaves, chords = subdivide(part, rng, angle, f * 1.5, f * 0.8, (3.4, 0.6), 0.22, 0.16, first_rank=8)
                table = (
                    (self.field, 0.72),
                    (self.meadow, 0.1),
                    (self.forest, 0.07),
                    (self.orchard, 0.05),
                    (self.farm, 0.05),
                    (self.greenhouses, 0.015),
                    (self.solar, 0.015),
                )
        self.draft.chords += [c for c in chords if c.width_m > 1]
        for leaf in leaves:
            roll = rng.random() * sum(w for _, w in table)
            for use, weight in table:
                roll -= weight
                if roll <= 0:
                    break
            use(leaf)

    # ---- the town

    def _pavement(self, leaf: Polygon, walk_m: float = 2.0) -> Polygon:
        self.draft.area(inset(leaf, 0.0), Kind.PAVING, 11, self.rng.random())
        return inset(leaf, walk_m)

    def core(self, leaf: Polygon) -> None:
        """Closed rows of town houses around a courtyard."""
        rng, draft = self.rng, self.draft
        block = self._pavement(leaf)
        if len(block) < 3 or area_m2(block) < 500:
            return
        draft.area(block, Kind.YARD, 12, rng.random())
        depth, storeys = rng.uniform(10, 13.5), rng.choice([3, 3, 4, 4, 5])
        inner = inset(block, depth + 2, with_streets=False)
        if inner:
            draft.area(inner, rng.choice([Kind.LAWN, Kind.YARD, Kind.PAVING]), 13, rng.random())
            self._scatter(inner, 0.012 * self.style.trees, (2.0, 4.2))
            cx, cy = centroid(inner)
            if margin_m(inner, cx, cy) > 9 and rng.random() < 0.45:
                self.box(
                    cx, cy, longest_edge(inner)[0], rng.uniform(4, 9), rng.uniform(3, 6), rng.uniform(3, 7), Roof.FLAT
                )
        for i, (ax, ay, _) in enumerate(block):
            bx, by, _ = block[(i + 1) % len(block)]
            length, angle = math.hypot(bx - ax, by - ay), math.atan2(by - ay, bx - ax)
            s = 0.0
            while s < length - 7:
                w = min(rng.uniform(9, 19), length - s)
                if length - s - w < 7:
                    w = length - s
                if rng.random() < 0.95:
                    d = depth * rng.uniform(0.9, 1.08)
                    x = ax + (s + w / 2) * math.cos(angle) - d / 2 * math.sin(angle)
                    y = ay + (s + w / 2) * math.sin(angle) + d / 2 * math.cos(angle)
                    if margin_m(block, x, y) > d / 2 - 1.5:
                        self.house(
                            x,
                            y,
                            angle,
                            w / 2,
                            d / 2,
                            3.1 * max(2, storeys + rng.choice([-1, 0, 0, 0, 1])),
                            flat=self.style.flat_roofs,
                            check=False,
                        )
                s += w

    def apartments(self, leaf: Polygon) -> None:
        """Slabs in a row on lawns, with car parks."""
        rng, draft = self.rng, self.draft
        block = self._pavement(leaf)
        if len(block) < 3:
            return
        draft.area(block, Kind.LAWN, 12, rng.random())
        angle = longest_edge(block)[0] + rng.choice([0, 0, math.pi / 2])
        u0, u1, v0, v1 = extents(block, angle)
        half_v, half_u = rng.uniform(5.5, 7), rng.uniform(14, 28)
        storeys, flat, gap = rng.choice([3, 4, 5, 8]), rng.random() < 0.7, rng.uniform(17, 26)
        colour = rng.choice(FLATS if flat else ROOFS[self.style.roofs])
        v, parking = v0 + 10, rng.random() < 0.8
        while v < v1 - 8:
            u = u0 + half_u + 7
            while u < u1 - half_u - 4:
                x, y = self._turned(u, v, angle)
                if self._inside(block, rectangle(x, y, angle, half_u + 2, half_v + 2)):
                    wall = rng.choice(WALLS[self.style.walls])
                    draft.box(
                        x,
                        y,
                        angle,
                        half_u,
                        half_v,
                        3 * storeys,
                        Roof.FLAT if flat else Roof.HIP,
                        colour,
                        wall,
                        0 if flat else 0.5,
                    )
                    self._clutter(x, y, angle, half_u, half_v, 3 * storeys if flat else 0)
                    px, py = self._turned(u, v - half_v - 2.2, angle)
                    draft.quad(px, py, angle, half_u, 0.9, Kind.PAVING, 14)
                u += 2 * half_u + rng.uniform(8, 14)
            if parking and v + half_v + gap / 2 < v1:
                self.parking(
                    *self._turned((u0 + u1) / 2, v + half_v + gap / 2 + 1, angle),
                    angle,
                    0.32 * (u1 - u0),
                    block,
                    rows=1,
                )
            v += 2 * half_v + gap
        self._scatter(block, 0.007 * self.style.trees, (2.2, 4.6))

    def houses(self, leaf: Polygon) -> None:
        """Detached houses with gardens, hedges, drives and pools."""
        rng, draft, lot = self.rng, self.draft, self.style.lot_m * self.rng.uniform(0.9, 1.15)
        urban = any(w >= 6.4 for _, _, w in leaf)
        block = self._pavement(leaf, 1.8) if urban else inset(leaf, 1.2)
        if len(block) < 3 or area_m2(block) < 400:
            return
        draft.area(block, Kind.LAWN, 12, rng.random())
        cx, cy = centroid(block)
        deep = margin_m(block, cx, cy)
        setback, twin = rng.uniform(3.5, 7), rng.random() < 0.2
        for i, (ax, ay, street) in enumerate(block):
            bx, by, _ = block[(i + 1) % len(block)]
            length, angle = math.hypot(bx - ax, by - ay), math.atan2(by - ay, bx - ax)
            if length < 22 or street < 3:
                continue
            c, s = math.cos(angle), math.sin(angle)
            n = max(1, int((length - 4) / lot))
            w = (length - 4) / n
            depth = min(deep, 30.0)
            for k in range(n):
                along = 2 + (k + 0.5) * w

                def at(
                    u: float, v: float, along: float = along, ax: float = ax, ay: float = ay, c: float = c, s: float = s
                ):
                    return ax + (along + u) * c - v * s, ay + (along + u) * s + v * c

                if rng.random() < 0.06:
                    continue
                half_u, half_v = min(rng.uniform(4.6, 6.8), w / 2 - 1.2), rng.uniform(4, 5.6)
                if twin:
                    half_u = w / 2 - 0.2
                v = setback + half_v + rng.uniform(-0.6, 0.6)
                x, y = at(0, v)
                if margin_m(block, x, y) < half_v + 1.5 or v + half_v > depth + 6:
                    continue
                turn = (
                    angle
                    + (math.pi / 2 if not twin and rng.random() < 0.3 and half_u > half_v * 0.8 else 0)
                    + rng.gauss(0, 0.015)
                )
                if not self.house(x, y, turn, half_u, half_v, rng.choice([3.2, 5.6, 5.8, 6.2]), flat=0.12):
                    continue
                lawn = [at(-w / 2, 0), at(w / 2, 0), at(w / 2, depth), at(-w / 2, depth)]
                if min(margin_m(block, *p) for p in lawn) > -1.0:
                    draft.area(lawn, Kind.LAWN, 13, rng.random())
                side = rng.choice([-1, 1])
                dx = side * (w / 2 - 1.8)
                draft.quad(
                    *at(dx, setback / 2 + 2),
                    angle,
                    1.5,
                    setback / 2 + 2,
                    rng.choice([Kind.PAVING, Kind.CONCRETE, Kind.GRAVEL]),
                    14,
                    rng.random(),
                )
                px, py = at(dx, setback / 2 + 1)
                draft.slot(px, py, angle + math.pi / 2, 0.5)
                draft.quad(
                    *at(rng.uniform(-2, 2), v + half_v + 1.7),
                    angle,
                    rng.uniform(2, 4),
                    1.7,
                    Kind.PAVING,
                    14,
                    rng.random(),
                )
                back = depth - v - half_v
                if back > 7:
                    if rng.random() < 0.10:
                        q = at(rng.uniform(-2, 2), v + half_v + 5.4)
                        draft.quad(*q, angle, rng.uniform(3, 4.4), 2.4, Kind.PAVING, 14, 0.9)
                        draft.quad(*q, angle, rng.uniform(2.2, 3), 1.5, Kind.POOL, 15)
                    if rng.random() < 0.35:
                        q = at(-dx * 0.8, depth - 3)
                        self.box(*q, angle, 1.6, 1.3, 2.2, Roof.GABLE, check=True)
                    if rng.random() < 0.2:
                        draft.quad(*at(dx * 0.5, depth - 4), angle, 2.4, 1.7, Kind.SOIL, 14, rng.random(), 0.7)
                if rng.random() < 0.6:
                    self._hedge(at(-w / 2, 1.0), at(-w / 2, depth - 1))
                if rng.random() < 0.45:
                    self._hedge(at(-w / 2, 0.4), at(-dx * side * 0 + (w / 2 - 4 if side > 0 else w / 2), 0.4))
                if rng.random() < 0.5:
                    self._hedge(at(-w / 2, depth - 0.3), at(w / 2, depth - 0.3))
                count = self.bulk.poisson(2.7 * self.style.trees)
                for _ in range(count):
                    q = at(rng.uniform(-w / 2 + 1, w / 2 - 1), rng.uniform(min(v + half_v + 2, depth), depth))
                    self._tree(*q, rng.uniform(1.4, 3.8))
        self._scatter(block, 0.0025 * self.style.trees, (1.8, 4.2))

    def allotments(self, leaf: Polygon) -> None:
        """Small gardens in rows, each with beds, a shed and fruit trees."""
        rng, draft = self.rng, self.draft
        block = inset(leaf, 2.0)
        if len(block) < 3:
            return
        draft.area(block, Kind.LAWN, 12, rng.random())
        angle = longest_edge(block)[0]
        u0, u1, v0, v1 = extents(block, angle)
        for row, v in enumerate(np.arange(v0 + 8, v1 - 6, 15.0)):
            for u in np.arange(u0 + 6, u1 - 4, 9.5):
                x, y = self._turned(float(u), float(v), angle)
                if not self._inside(block, rectangle(x, y, angle, 4.4, 6.2)):
                    continue
                draft.quad(x, y, angle, 4.4, 6.2, Kind.LAWN, 13, rng.random())
                for _ in range(rng.randrange(1, 4)):
                    px, py = self._turned2(x, y, angle, rng.uniform(-2, 2), rng.uniform(-4, 4))
                    draft.quad(px, py, angle, rng.uniform(1, 2.2), rng.uniform(0.8, 1.8), Kind.SOIL, 14, rng.random(), 0.6)
                end = 4.6 if row % 2 else -4.6
                if rng.random() < 0.8:
                    self.box(*self._turned2(x, y, angle, rng.uniform(-2, 2), end), angle, 1.7, 1.3, 2.1, Roof.GABLE, check=True)
                if rng.random() < 0.6:
                    self._tree(*self._turned2(x, y, angle, rng.uniform(-3, 3), -end * 0.6), rng.uniform(0.9, 2.0))
                if rng.random() < 0.5:
                    self._hedge(self._turned2(x, y, angle, 4.7, -6), self._turned2(x, y, angle, 4.7, 6), 1.2)
        for v in np.arange(v0 + 15.5, v1 - 6, 30.0):
            a, b = self._turned(u0 + 3, float(v), angle), self._turned(u1 - 3, float(v), angle)
            if self._inside(block, [a, b]):
                self._path(a, b, 0.0)

    def plaza(self, leaf: Polygon) -> None:
        """A square with a church or a town hall."""
        rng, draft = self.rng, self.draft
        block = self._pavement(leaf)
        if len(block) < 3:
            return
        draft.area(block, Kind.PLAZA, 12, rng.random(), longest_edge(block)[0], 4.0)
        x, y = centroid(block)
        angle, room = longest_edge(block)[0], margin_m(block, x, y)
        if room < 14:
            return
        hu, hv = min(20.0, room * 0.8), min(8.0, room * 0.35)
        wall = rng.choice(WALLS[self.style.walls])
        colour = rng.choice(ROOFS[self.style.roofs])
        draft.box(x, y, angle, hu, hv, 11, Roof.GABLE, colour, wall, 1.0)
        if rng.random() < 0.7:
            draft.box(x, y, angle + math.pi / 2, hv * 1.7, hv * 0.6, 10, Roof.GABLE, colour, wall, 1.0)
            draft.box(
                x - (hu + 3) * math.cos(angle),
                y - (hu + 3) * math.sin(angle),
                angle,
                3.6,
                3.6,
                25,
                Roof.HIP,
                (84, 98, 92),
                wall,
                2.2,
            )
        for i, (ax, ay, _) in enumerate(block):
            bx, by, _ = block[(i + 1) % len(block)]
            n = int(math.hypot(bx - ax, by - ay) / 9)
            for k in range(1, n):
                px, py = ax + (bx - ax) * k / n, ay + (by - ay) * k / n
                self._tree(px + (x - px) * 0.1, py + (y - py) * 0.1, rng.uniform(2, 2.8))

    def park(self, leaf: Polygon) -> None:
        """Lawns, paths, trees in groups, perhaps a pond."""
        rng, draft = self.rng, self.draft
        block = self._pavement(leaf)
        if len(block) < 3:
            return
        draft.area(block, Kind.LAWN, 12, rng.random())
        x, y = centroid(block)
        room = margin_m(block, x, y)
        for i, (ax, ay, _) in enumerate(block):
            bx, by, _ = block[(i + 1) % len(block)]
            if rng.random() < 0.8:
                t = rng.uniform(0.25, 0.75)
                self._path((ax + (bx - ax) * t, ay + (by - ay) * t), (x, y), rng.uniform(-0.25, 0.25))
        ring = [
            (x + 0.55 * room * math.cos(a), y + 0.55 * room * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 25)[:-1]
        ]
        for a, b in zip(ring, [*ring[1:], ring[0]], strict=True):
            self._path(a, b, 0.0)
        if room > 22 and rng.random() < 0.6:
            pond = [
                (
                    x + room * (0.36 + 0.07 * math.sin(3 * a + x)) * math.cos(a),
                    y + room * (0.28 + 0.06 * math.cos(2 * a)) * math.sin(a),
                )
                for a in np.linspace(0, 2 * math.pi, 30)[:-1]
            ]
            draft.area(pond, Kind.POND, 16)
            draft.take(pond)
        else:
            draft.area(
                [(x + 5 * math.cos(a), y + 5 * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 20)[:-1]],
                Kind.PLAZA,
                16,
            )
        self._scatter(block, 0.011, (2.4, 5.5), clumps=0.6)

    def sports(self, leaf: Polygon) -> None:
        """A stadium with its track, or pitches and tennis courts."""
        rng, draft = self.rng, self.draft
        block = self._pavement(leaf)
        if len(block) < 3:
            return
        draft.area(block, Kind.LAWN, 12, rng.random())
        angle = longest_edge(block)[0]
        x, y = centroid(block)
        for long in (angle, angle + math.pi / 2):
            if self._dry(x, y, 100) and self._inside(block, rectangle(x, y, long, 88, 47)):
                self._stadium(x, y, long)
                self._scatter(block, 0.003, (2.5, 4.5))
                return
        u0, u1, v0, v1 = extents(block, angle)
        v = v0 + 4
        while v < v1 - 20:
            u, tallest = u0 + 4, 20.0
            while u < u1 - 15:
                kind = rng.choice(["pitch", "court", "court", "small", "park"])
                hu, hv = {"pitch": (48.0, 31.0), "small": (22.0, 12.0), "court": (18.3, 9.2), "park": (20.0, 14.0)}[
                    kind
                ]
                px, py = self._turned(u + hu, v + hv, angle)
                corners = rectangle(px, py, angle, hu, hv)
                if self._inside(block, corners) and draft.is_free(corners) and self._dry(px, py, hu + 10):
                    draft.take(rectangle(px, py, angle, hu + 1, hv + 1))
                    if kind in ("pitch", "small"):
                        self._pitch(px, py, angle, hu - 2, hv - 2)
                    elif kind == "court":
                        self._court(px, py, angle)
                    else:
                        self.parking(px, py, angle, hu - 2, block, rows=1)
                    tallest = max(tallest, 2 * hv + 4)
                    u += 2 * hu + 4
                else:
                    u += 7
            v += tallest
        self._scatter(block, 0.004, (2.2, 4.4))

    def industry(self, leaf: Polygon) -> None:
        """Halls, tanks, yards, lorries."""
        rng, draft = self.rng, self.draft
        block = self._pavement(leaf, 1.0)
        if len(block) < 3:
            return
        draft.area(block, rng.choice([Kind.CONCRETE, Kind.ASPHALT, Kind.YARD]), 12, rng.random())
        green = inset(block, 4, with_streets=False)
        angle = longest_edge(block)[0]
        for _ in range(70):
            x, y = self._point(green or block)
            hu, hv = rng.uniform(12, 38), rng.uniform(8, 24)
            rect = rectangle(x, y, angle, hu + 5, hv + 5)
            if not self._inside(block, rect) or not draft.is_free(rect):
                continue
            roof = rng.choice([Roof.FLAT, Roof.FLAT, Roof.GABLE, Roof.SAW])
            eave, colour = rng.uniform(6, 12), rng.choice(HALLS)
            slope = {Roof.FLAT: 0.0, Roof.GABLE: 0.16, Roof.SAW: 0.35}[roof]
            if draft.box(x, y, angle, hu, hv, eave, roof, colour, rng.choice(HALLS), slope, check=True, room_m=4):
                if roof == Roof.FLAT:
                    self._clutter(x, y, angle, hu, hv, eave)
                for _ in range(rng.randrange(5)):
                    q = self._turned2(x, y, angle, rng.uniform(-hu, hu), -hv - 7)
                    draft.slot(*q, angle + math.pi / 2, 0.7, 0.3, truck=True)
        for _ in range(rng.randrange(8)):
            x, y = self._point(green or block)
            r = rng.uniform(3, 8)
            draft.box(
                x,
                y,
                0,
                r,
                r,
                rng.uniform(6, 14),
                Roof.ROUND,
                rng.choice(FLATS),
                (190, 190, 188),
                check=True,
                room_m=1.5,
            )
        for _ in range(14):
            x, y = self._point(green or block)
            self.parking(x, y, angle, rng.uniform(14, 30), block, rows=1)
        for _ in range(rng.randrange(30)):
            x, y = self._point(green or block)
            draft.box(
                x,
                y,
                angle,
                6.1,
                1.25,
                2.6 * rng.choice([1, 1, 2]),
                Roof.FLAT,
                rng.choice(CONTAINERS),
                rng.choice(CONTAINERS),
                check=True,
                room_m=0.4,
            )
        for i, (ax, ay, _) in enumerate(block):
            bx, by, _ = block[(i + 1) % len(block)]
            if rng.random() < 0.5:
                self._hedge((ax, ay), (bx, by), 1.6)

    def retail(self, leaf: Polygon) -> None:
        """A market hall and its large car park."""
        rng, draft = self.rng, self.draft
        block = self._pavement(leaf)
        if len(block) < 3:
            return
        draft.area(block, Kind.ASPHALT, 12, rng.random())
        angle = longest_edge(block)[0]
        u0, u1, v0, v1 = extents(block, angle)
        hu, hv = 0.36 * (u1 - u0), min(30.0, 0.22 * (v1 - v0))
        x, y = self._turned((u0 + u1) / 2, v1 - hv - 6, angle)
        if self._inside(block, rectangle(x, y, angle, hu, hv)):
            draft.box(x, y, angle, hu, hv, 7, Roof.FLAT, rng.choice(FLATS), rng.choice(HALLS))
            self._clutter(x, y, angle, hu, hv, 7)
        x, y = self._turned((u0 + u1) / 2, (v0 + v1 - 2 * hv) / 2 - 3, angle)
        rows = max(1, int((v1 - v0 - 2 * hv - 14) / 17))
        self.parking(x, y, angle, 0.42 * (u1 - u0), block, rows=rows)

    # ---- the country

    def field(self, leaf: Polygon) -> None:
        """A crop in rows, with a margin and perhaps a hedge."""
        rng, draft = self.rng, self.draft
        block = inset(leaf, rng.uniform(0.3, 2.2))
        if len(block) < 3:
            return
        angle = longest_edge(block)[0]
        draft.area(
            block,
            Kind.FIELD,
            10,
            rng.random(),
            angle + rng.choice([0, 0, 0, math.pi / 2]),
            rng.choice([0.75, 1.5, 2.0, 3.0]),
        )
        if rng.random() < 0.25:
            for i, (ax, ay, _) in enumerate(leaf):
                bx, by, _ = leaf[(i + 1) % len(leaf)]
                if rng.random() < 0.6:
                    self._tree_row((ax, ay), (bx, by))
        if rng.random() < 0.12:
            self._tree(*self._point(block), rng.uniform(3, 6))

    def meadow(self, leaf: Polygon) -> None:
        """Grass with a few trees and bushes."""
        block = inset(leaf, 0.8)
        self.draft.area(block, Kind.MEADOW, 10, self.rng.random())
        self._scatter(block, self.rng.choice([0.0004, 0.001, 0.003]), (1.2, 4.5), clumps=0.7)

    def forest(self, leaf: Polygon) -> None:
        """Single trees, close together."""
        rng = self.rng
        block = inset(leaf, rng.uniform(0.5, 2.5))
        if len(block) < 3:
            return
        self.draft.area(block, Kind.FOREST, 10, rng.random())
        u0, u1, v0, v1 = extents(block, 0.0)
        step = rng.uniform(4.6, 6.4)
        gx, gy = np.meshgrid(np.arange(u0, u1, step), np.arange(v0, v1, step))
        n = gx.size
        x = gx.ravel() + self.bulk.uniform(-0.46, 0.46, n) * step
        y = gy.ravel() + self.bulk.uniform(-0.46, 0.46, n) * step
        keep = self._inside_many(block, x, y, 1.5) & (self.bulk.random(n) < rng.uniform(0.82, 0.97))
        if rng.random() < 0.6:  # glades
            keep &= noise(x, y, 75, self.draft.seed + 45) < rng.uniform(0.35, 0.8)
        x, y = x[keep], y[keep]
        mix = rng.choice([0.03, 0.1, 0.3, 0.55, 0.9])
        patch = np.asarray(noise(x, y, 60, self.draft.seed + 43))
        conifer = self.bulk.random(len(x)) + 0.5 * patch < mix
        radius = step * (0.36 + self.bulk.beta(1.6, 2.4, len(x)) * 0.62) * np.where(conifer, 0.8, 1.0)
        height = np.where(conifer, radius * 4.6, radius * 3.2) + 3
        hue = np.clip(0.5 + 0.25 * patch + self.bulk.normal(0, 0.2, len(x)), 0, 1)
        self.draft.plant(x, y, radius, height, conifer.astype(int), hue)

    def orchard(self, leaf: Polygon) -> None:
        """Fruit trees or vines in rows."""
        rng = self.rng
        block = inset(leaf, 2.5)
        if len(block) < 3:
            return
        angle = longest_edge(block)[0]
        vines = rng.random() < 0.4
        self.draft.area(block, Kind.ORCHARD, 10, rng.random(), angle, 0.0)
        u0, u1, v0, v1 = extents(block, angle)
        du, dv = (1.3, 2.6) if vines else (rng.uniform(4, 5.5), rng.uniform(5, 7))
        gu, gv = np.meshgrid(np.arange(u0, u1, du), np.arange(v0, v1, dv))
        c, s, n = math.cos(angle), math.sin(angle), gu.size
        gu, gv = gu.ravel() + self.bulk.normal(0, 0.15, n), gv.ravel() + self.bulk.normal(0, 0.1, n)
        x, y = gu * c - gv * s, gu * s + gv * c
        keep = self._inside_many(block, x, y, 1.5) & (self.bulk.random(n) < 0.95)
        x, y, n = x[keep], y[keep], int(keep.sum())
        radius = self.bulk.uniform(0.55, 0.8, n) if vines else self.bulk.uniform(1.5, 2.4, n)
        self.draft.plant(x, y, radius, radius * 2 + 0.4, int(Tree.FRUIT), self.bulk.random(n) * 0.4 + 0.3)

    def farm(self, leaf: Polygon) -> None:
        """A farmstead between its fields."""
        rng, draft = self.rng, self.draft
        self.field(leaf)
        block = inset(leaf, 4)
        if len(block) < 3:
            return
        ax, ay, _ = block[0]
        x, y = centroid(block)
        x, y = x + (ax - x) * 0.45, y + (ay - y) * 0.45
        angle = longest_edge(block)[0]
        draft.quad(x, y, angle, 34, 27, Kind.LAWN, 12, rng.random())
        draft.quad(x, y, angle, 20, 15, Kind.GRAVEL, 13, rng.random())
        for _ in range(9):
            px, py = self._turned2(x, y, angle, rng.uniform(-22, 22), rng.uniform(-17, 17))
            self.box(
                px,
                py,
                angle + rng.choice([0, math.pi / 2]),
                rng.uniform(7, 16),
                rng.uniform(4.5, 7.5),
                rng.uniform(4, 6.5),
                Roof.GABLE,
                check=True,
                slope=0.6,
            )
        for _ in range(14):
            self._tree(
                *self._turned2(x, y, angle, rng.uniform(-33, 33), rng.choice([-1, 1]) * rng.uniform(19, 27)),
                rng.uniform(2, 4.5),
            )

    def greenhouses(self, leaf: Polygon) -> None:
        """Long glass houses side by side."""
        self._rows(leaf, 9.6, 4.5, Roof.GABLE, (206, 214, 214), 2.6, 0.35)

    def solar(self, leaf: Polygon) -> None:
        """Rows of solar panels."""
        self._rows(leaf, 7.0, 1.9, Roof.SHED, (44, 52, 74), 0.9, 0.35)

    def _rows(
        self, leaf: Polygon, step: float, half_v: float, roof: Roof, colour: Rgb, eave: float, slope: float
    ) -> None:
        block = inset(leaf, 6)
        if len(block) < 3:
            return
        self.draft.area(block, Kind.MEADOW, 10, 0.6)
        angle = longest_edge(block)[0]
        u0, u1, v0, v1 = extents(block, angle)
        for v in np.arange(v0 + step, v1 - step / 2, step):
            for u in np.arange(u0 + 14, u1 - 10, 26.0):
                x, y = self._turned(u, float(v), angle)
                if self._inside(block, rectangle(x, y, angle, 13, half_v)):
                    self.draft.box(x, y, angle, 12.8, half_v, eave, roof, colour, (120, 126, 126), slope)

    # ---- railway and harbour

    def railway(self) -> None:
        """A double track that passes the town in long curves."""
        rng, size = self.rng, self.draft.size_m
        if rng.random() > (0.35 if size < 3000 else 0.9):
            return
        angle, phase = rng.uniform(0, math.pi), rng.uniform(0, 6)
        t = np.arange(-0.8 * size, 0.8 * size, 8.0)
        off = rng.choice([-1, 1]) * rng.uniform(0.09, 0.14) * min(size, 3500)
        v = off + 0.03 * size * np.sin(t * (2 * math.pi / (0.9 * size)) + phase)
        c, s = math.cos(angle), math.sin(angle)
        self.draft.rails.append(np.stack([self.town[0] + t * c - v * s, self.town[1] + t * s + v * c], axis=1))


    def harbour(self) -> None:
        """A quay with sheds and containers, piers and boats, where the town meets the sea."""
        rng, draft, terrain = self.rng, self.draft, self.draft.terrain
        half = draft.size_m / 2
        best = None
        for k in range(72):
            a = 2 * math.pi * k / 72
            r = np.arange(0, 1.3 * draft.size_m, 8.0)
            x, y = self.town[0] + r * math.cos(a), self.town[1] + r * math.sin(a)
            coast = terrain.coast_m(x, y)
            sea = np.flatnonzero((coast < 0) & (np.maximum(np.abs(x), np.abs(y)) < half - 260))
            if len(sea) and (best is None or r[sea[0]] < best[0]):
                best = (float(r[sea[0]]), float(x[sea[0]]), float(y[sea[0]]))
        if best is None or best[0] > 1400:
            return
        _, x, y = best
        e = 30.0
        gx = terrain.coast_m(np.array([x + e, x - e]), np.array([y, y]))
        gy = terrain.coast_m(np.array([x, x]), np.array([y + e, y - e]))
        out = math.atan2(-(gy[0] - gy[1]), -(gx[0] - gx[1]))
        along = out + math.pi / 2

        def at(u: float, v: float) -> tuple[float, float]:  # u along the coast, v seawards
            return x + u * math.cos(along) + v * math.cos(out), y + u * math.sin(along) + v * math.sin(out)

        def box(
            u: float,
            v: float,
            turn: float,
            hu: float,
            hv: float,
            above: float,
            top: float,
            roof: Roof,
            colour: Rgb,
            wall: Rgb,
            slope: float = 0.0,
        ) -> None:
            draft.free_boxes.append((*at(u, v), hu, hv, along + turn, above, top, slope, int(roof), *colour, *wall))

        quay = 190.0
        for u in np.arange(-quay, quay + 1, 38.0):
            draft.clear += [(*at(float(u), v), 34.0) for v in (-42.0, -6.0, 20.0)]
        draft.piers.append((np.array([at(-quay, -60), at(quay, -60), at(quay, 34), at(-quay, 34)]), int(Kind.CONCRETE)))
        for u in np.arange(-quay + 30, quay - 30, 62.0):
            if rng.random() < 0.75:
                roof = rng.choice([Roof.GABLE, Roof.FLAT, Roof.SAW])
                box(
                    u,
                    -36,
                    0,
                    24,
                    11,
                    1.6,
                    9.5,
                    roof,
                    rng.choice(HALLS),
                    rng.choice(WALLS[0]),
                    0.2 if roof != Roof.FLAT else 0.0,
                )
        for u in np.arange(-quay + 10, quay - 10, 14.0):
            for row in range(3):
                if rng.random() < 0.5:
                    c = rng.choice(CONTAINERS)
                    box(u, 2 + 3.0 * row, 0, 6.1, 1.25, 1.6, 1.6 + 2.6 * rng.choice([1, 2, 3]), Roof.FLAT, c, c)
        for u in (-quay * 0.62, -quay * 0.5, quay * 0.1, quay * 0.22):
            box(u, 27, math.pi / 2, 5.5, 1.0, 1.6, 21, Roof.FLAT, (176, 128, 48), (150, 110, 50))
        count = rng.choice([3, 4, 5])
        for k in range(count):
            u, reach = -quay + (k + 0.5) * 2 * quay / count, rng.uniform(80, 150)
            wood = rng.random() < 0.6
            hw = 1.8 if wood else 4.0
            draft.piers.append(
                (
                    np.array([at(u - hw, 30), at(u + hw, 30), at(u + hw, 34 + reach), at(u - hw, 34 + reach)]),
                    int(Kind.WOOD if wood else Kind.CONCRETE),
                )
            )
            step = rng.uniform(5, 7.5)
            for v in np.arange(44, 30 + reach, step):
                for side in (-1, 1):
                    if rng.random() < 0.72:
                        length = rng.uniform(3.4, 6.2)
                        box(
                            u + side * (hw + length + 0.6),
                            v,
                            0 if side > 0 else math.pi,
                            length,
                            length * 0.3,
                            0.0,
                            1.2,
                            Roof.BOAT,
                            rng.choice(BOATS),
                            (200, 200, 200),
                        )
                        if rng.random() < 0.6:
                            box(
                                u + side * (hw + length),
                                v,
                                0,
                                length * 0.3,
                                length * 0.17,
                                1.2,
                                2.2,
                                Roof.FLAT,
                                (226, 226, 222),
                                (90, 96, 104),
                            )
        for _ in range(14):  # sails off the town
            u, v = rng.uniform(-700, 700), rng.uniform(150, 600)
            px, py = at(u, v)
            if -700 < float(terrain.coast_m(np.array([px]), np.array([py]))[0]) < -60:
                turn, length = rng.uniform(0, 6.3), rng.uniform(4, 8)
                box(u, v, turn, length, length * 0.29, 0.0, 1.3, Roof.BOAT, rng.choice(BOATS), (210, 210, 210))
                box(u, v, turn, length * 0.3, length * 0.16, 1.3, 2.2, Roof.FLAT, (226, 226, 222), (90, 96, 104))
        wall_u = quay + 25
        draft.piers.append(
            (
                np.array(
                    [
                        at(wall_u - 30, 20),
                        at(wall_u + 9, 20),
                        at(wall_u + 9, 200),
                        at(wall_u - 60, 252),
                        at(wall_u - 66, 246),
                        at(wall_u, 194),
                        at(wall_u, 30),
                        at(wall_u - 30, 30),
                    ]
                ),
                int(Kind.CONCRETE),
            )
        )
        box(wall_u - 60, 246, 0, 2.4, 2.4, 1.6, 14, Roof.ROUND, (190, 60, 50), (232, 230, 226))
        box(-quay * 0.2, 190, 0.3, 48, 8.5, 0.0, 9, Roof.BOAT, (120, 62, 54), (60, 70, 90))
        box(-quay * 0.2 - 34.4, 190 + 10.6, 0.3, 6, 6.5, 9, 17, Roof.FLAT, (222, 222, 218), (210, 210, 206))

    # ---- small things

    def house(
        self,
        x: float,
        y: float,
        angle: float,
        half_u: float,
        half_v: float,
        eave: float,
        flat: float = 0.0,
        check: bool = True,
    ) -> bool:
        """A building with a roof of the region's palette, and what stands on the roof."""
        rng, draft, style = self.rng, self.draft, self.style
        wall = rng.choice(WALLS[style.walls])
        if rng.random() < flat:
            if not draft.box(
                x,
                y,
                angle,
                half_u,
                half_v,
                eave,
                Roof.FLAT,
                self._vary(rng.choice(FLATS)),
                wall,
                check=check,
                room_m=0.3,
            ):
                return False
            self._clutter(x, y, angle, half_u, half_v, eave)
            return True
        if half_v > half_u and check:
            half_u, half_v, angle = half_v, half_u, angle + math.pi / 2
        colour, slope = self._vary(rng.choice(ROOFS[style.roofs])), rng.uniform(0.5, 0.95)
        roof = Roof.HIP if check and rng.random() < 0.28 else Roof.GABLE
        if not draft.box(x, y, angle, half_u, half_v, eave, roof, colour, wall, slope, check=check, room_m=0.3):
            return False
        top = eave + slope * half_v
        if rng.random() < 0.7:
            px, py = self._turned2(
                x, y, angle, rng.uniform(-0.6, 0.6) * (half_u - half_v * 0.6), rng.choice([-1, 1]) * 0.5
            )
            draft.box(px, py, angle, 0.45, 0.4, 1.5, Roof.FLAT, (120, 96, 88), (128, 84, 70), above_m=top - 0.6)
        if check and rng.random() < 0.35:  # a wing across
            side, wu = rng.choice([-1, 1]), half_v * rng.uniform(0.55, 0.8)
            off = rng.uniform(-0.4, 0.4) * (half_u - wu)
            px, py = self._turned2(x, y, angle, off, side * half_v * 0.7)
            draft.box(
                px, py, angle + math.pi / 2, half_v * 0.9, wu, eave * rng.choice([1, 0.6]), roof, colour, wall, slope
            )
        elif rng.random() < 0.16:
            px, py = self._turned2(x, y, angle, 0, half_v * 0.5)
            draft.box(
                px,
                py,
                angle,
                half_u * 0.6,
                half_v * 0.3,
                0.12 + half_v * 0.6 * slope,
                Roof.SHED,
                (40, 46, 66),
                (50, 50, 60),
                -slope,
                above_m=eave + half_v * 0.2 * slope,
            )
        elif roof == Roof.GABLE:
            self._skylights(x, y, angle, half_u, half_v, eave, slope)
        return True

    def _skylights(self, x: float, y: float, angle: float, half_u: float, half_v: float, eave: float, slope: float) -> None:
        rng = self.rng
        for _ in range(rng.choice([0, 0, 1, 2, 3])):
            turn, v = angle + rng.choice([0, math.pi]), rng.uniform(0.35, 0.65) * half_v
            px, py = self._turned2(x, y, turn, rng.uniform(-0.75, 0.75) * half_u, v)
            foot = eave + slope * (half_v - v - 0.5)
            self.draft.box(
                px, py, turn, 0.4, 0.5, slope + 0.08, Roof.SHED, (74, 84, 96), (80, 76, 72), -slope, above_m=foot
            )

    def box(
        self,
        x: float,
        y: float,
        angle: float,
        half_u: float,
        half_v: float,
        eave: float,
        roof: Roof,
        check: bool = False,
        slope: float = 0.5,
    ) -> bool:
        """A plain building in the region's colours."""
        colour = self._vary(self.rng.choice(FLATS if roof == Roof.FLAT else ROOFS[self.style.roofs]))
        return self.draft.box(
            x,
            y,
            angle,
            half_u,
            half_v,
            eave,
            roof,
            colour,
            self.rng.choice(WALLS[self.style.walls]),
            slope,
            check=check,
            room_m=0.3,
        )

    def _vary(self, colour: Rgb) -> Rgb:
        f, g = self.rng.uniform(0.86, 1.14), self.rng.uniform(-5, 5)
        return (int(colour[0] * f + g), int(colour[1] * f), int(colour[2] * f - g))

    def _clutter(self, x: float, y: float, angle: float, half_u: float, half_v: float, eave: float) -> None:
        if eave <= 0:
            return
        for _ in range(self.rng.randrange(1, 3 + int(half_u * half_v / 60))):
            px, py = self._turned2(
                x, y, angle, self.rng.uniform(-0.8, 0.8) * half_u, self.rng.uniform(-0.75, 0.75) * half_v
            )
            s = self.rng.uniform(0.6, 1.8)
            self.draft.box(
                px,
                py,
                angle,
                s * self.rng.uniform(0.7, 1.6),
                s,
                self.rng.uniform(0.7, 2),
                Roof.FLAT,
                self.rng.choice(HALLS),
                (130, 130, 130),
                above_m=eave - 0.2,
            )

    def parking(self, x: float, y: float, angle: float, half_u: float, block: Polygon, rows: int) -> None:
        """A car park: aisles with bays on both sides."""
        draft = self.draft
        half_v = 8.3 * rows
        corners = rectangle(x, y, angle, half_u, half_v)
        if half_u < 8 or not self._inside(block, corners) or not draft.is_free(corners) or not self._dry(x, y, half_v + 12):
            return
        draft.area(corners, Kind.ASPHALT, 14, self.rng.random())
        draft.take(corners)
        busy = self.rng.uniform(0.25, 0.85)
        for row in range(rows):
            v0 = -half_v + 8.3 + 16.6 * row
            for side in (-1, 1):
                for u in np.arange(-half_u + 1.6, half_u - 1.4, 2.6):
                    a = self._turned2(x, y, angle, u - 1.3, v0 + side * 3.1)
                    b = self._turned2(x, y, angle, u - 1.3, v0 + side * 8.1)
                    draft.line(*a, *b, 0.12)
                    px, py = self._turned2(x, y, angle, u, v0 + side * 5.6)
                    draft.slot(px, py, angle + side * math.pi / 2, busy)
                if row and self.rng.random() < 0.7:
                    for u in np.arange(-half_u + 6, half_u - 3, 13.0):
                        self._tree(*self._turned2(x, y, angle, u, v0 - 8.3), self.rng.uniform(1.6, 2.4))

    def _pitch(self, x: float, y: float, angle: float, hu: float, hv: float) -> None:
        draft = self.draft
        draft.quad(x, y, angle, hu + 1.5, hv + 1.5, Kind.PITCH, 14, self.rng.random(), 10.0)
        loops = [rectangle(x, y, angle, hu, hv)]
        for side in (-1, 1):
            px, py = self._turned2(x, y, angle, side * hu * 0.84, 0)
            loops.append(rectangle(px, py, angle, hu * 0.16, hv * 0.55))
        loops.append(
            [
                self._turned2(x, y, angle, hv * 0.27 * math.cos(a), hv * 0.27 * math.sin(a))
                for a in np.linspace(0, 2 * math.pi, 21)[:-1]
            ]
        )
        for loop in loops:
            for a, b in zip(loop, [*loop[1:], loop[0]], strict=True):
                draft.line(*a, *b, 0.14)
        draft.line(*self._turned2(x, y, angle, 0, -hv), *self._turned2(x, y, angle, 0, hv), 0.14)

    def _court(self, x: float, y: float, angle: float) -> None:
        self.draft.quad(x, y, angle, 17.5, 8.4, Kind.COURT, 14, self.rng.random())
        for half in (5.48, 4.1):
            loop = rectangle(x, y, angle, 11.9, half)
            for a, b in zip(loop, [*loop[1:], loop[0]], strict=True):
                self.draft.line(*a, *b, 0.1)
        for u, v in ((6.4, 4.1), (-6.4, 4.1), (0, 5.6)):
            self.draft.line(*self._turned2(x, y, angle, u, -v), *self._turned2(x, y, angle, u, v), 0.1)

    def _stadium(self, x: float, y: float, angle: float) -> None:
        draft = self.draft

        def oval(extra: float) -> list[tuple[float, float]]:
            out = []
            for a in np.linspace(-math.pi / 2, math.pi / 2, 19):
                out.append(
                    self._turned2(x, y, angle, 42.2 + (36.5 + extra) * math.cos(a), (36.5 + extra) * math.sin(a))
                )
            for a in np.linspace(math.pi / 2, 3 * math.pi / 2, 19):
                out.append(
                    self._turned2(x, y, angle, -42.2 + (36.5 + extra) * math.cos(a), (36.5 + extra) * math.sin(a))
                )
            return out

        draft.take(rectangle(x, y, angle, 80, 46))
        draft.area(oval(8.5), Kind.TARTAN, 14, self.rng.random())
        for lane in np.arange(0, 8.6, 1.22):
            loop = oval(float(lane))
            for a, b in zip(loop, [*loop[1:], loop[0]], strict=True):
                draft.line(*a, *b, 0.06)
        draft.area(oval(0), Kind.LAWN, 15, 0.3)
        self._pitch(x, y, angle, 41, 29)
        px, py = self._turned2(x, y, angle, 0, 53)
        draft.box(px, py, angle, 34, 5, 5, Roof.SHED, (176, 178, 180), (150, 150, 150), 0.35)

    def _path(self, a: tuple[float, float], b: tuple[float, float], bow: float) -> None:
        t = np.linspace(0, 1, 7)[:, None]
        start, end = np.array(a), np.array(b)
        across = np.array([-(end - start)[1], (end - start)[0]])
        line = start * (1 - t) + end * t + across * (bow * 4 * t * (1 - t))
        n = np.stack([-np.gradient(line[:, 1]), np.gradient(line[:, 0])], axis=1)
        n /= np.maximum(np.hypot(n[:, 0], n[:, 1]), 1e-9)[:, None]
        self.draft.area(
            [tuple(p) for p in np.concatenate([line + n * 1.1, (line - n * 1.1)[::-1]])], Kind.GRAVEL, 14, 0.7
        )

    def _hedge(self, a: tuple[float, float], b: tuple[float, float], height: float = 1.5) -> None:
        length = math.hypot(b[0] - a[0], b[1] - a[1])
        n = int(length / 1.1)
        if n < 3:
            return
        t = np.linspace(0, 1, n)
        x, y = (
            a[0] + (b[0] - a[0]) * t + self.bulk.normal(0, 0.1, n),
            a[1] + (b[1] - a[1]) * t + self.bulk.normal(0, 0.1, n),
        )
        self.draft.plant(
            x,
            y,
            self.bulk.uniform(0.6, 0.95, n),
            self.bulk.uniform(0.85, 1.2, n) * height,
            int(Tree.BUSH),
            np.full(n, self.rng.random()),
        )

    def _tree_row(self, a: tuple[float, float], b: tuple[float, float]) -> None:
        length, bushy = math.hypot(b[0] - a[0], b[1] - a[1]), self.rng.random() < 0.5
        n = int(length / (2.6 if bushy else 8))
        t = self.bulk.random(n) if bushy else np.linspace(0.02, 0.98, max(n, 1))
        n = len(t)
        x, y = (
            a[0] + (b[0] - a[0]) * t + self.bulk.normal(0, 0.7, n),
            a[1] + (b[1] - a[1]) * t + self.bulk.normal(0, 0.7, n),
        )
        radius = self.bulk.gamma(4, 0.45, n) + 0.7 if bushy else self.bulk.uniform(2.4, 4, n)
        radius = np.minimum(radius, 4.5)
        self.draft.plant(x, y, radius, radius * 2.3, int(Tree.BROADLEAF), self.bulk.random(n))

    def _tree(self, x: float, y: float, radius: float) -> None:
        kind = Tree.CONIFER if self.rng.random() < 0.14 else Tree.BROADLEAF
        height = radius * (3.6 if kind == Tree.CONIFER else 2.5)
        self.draft.plant(
            np.array([x]),
            np.array([y]),
            np.array([radius]),
            np.array([height]),
            int(kind),
            np.array([self.rng.random()]),
        )

    def _scatter(self, block: Polygon, density: float, radii: tuple[float, float], clumps: float = 0.0) -> None:
        if len(block) < 3:
            return
        u0, u1, v0, v1 = extents(block, 0.0)
        n = int(self.bulk.poisson((u1 - u0) * (v1 - v0) * density * (1 + clumps)))
        x, y = self.bulk.uniform(u0, u1, n), self.bulk.uniform(v0, v1, n)
        keep = self._inside_many(block, x, y, 2.5) & self.draft.free_at(x, y)
        if clumps:
            keep &= noise(x, y, 36, self.draft.seed + 44) + self.bulk.normal(0, 0.2, n) > clumps - 0.5
        x, y, n = x[keep], y[keep], int(keep.sum())
        radius = self.bulk.uniform(*radii, n)
        conifer = self.bulk.random(n) < 0.15
        self.draft.plant(x, y, radius, radius * np.where(conifer, 3.4, 2.5), conifer.astype(int), self.bulk.random(n))

    def _point(self, block: Polygon) -> tuple[float, float]:
        u0, u1, v0, v1 = extents(block, 0.0)
        x = y = 0.0
        for _ in range(12):
            x, y = self.rng.uniform(u0, u1), self.rng.uniform(v0, v1)
            if margin_m(block, x, y) > 0:
                break
        return x, y

    @staticmethod
    def _turned(u: float, v: float, angle: float) -> tuple[float, float]:
        return u * math.cos(angle) - v * math.sin(angle), u * math.sin(angle) + v * math.cos(angle)

    @staticmethod
    def _turned2(x: float, y: float, angle: float, u: float, v: float) -> tuple[float, float]:
        return x + u * math.cos(angle) - v * math.sin(angle), y + u * math.sin(angle) + v * math.cos(angle)

    @staticmethod
    def _inside(block: Polygon, corners: list[tuple[float, float]]) -> bool:
        return all(margin_m(block, *c) > 0 for c in corners)

    @staticmethod
    def _inside_many(block: Polygon, x: np.ndarray, y: np.ndarray, room: float) -> np.ndarray:
        keep = np.ones(len(x), bool)
        for i, (ax, ay, _) in enumerate(block):
            bx, by, _ = block[(i + 1) % len(block)]
            length = math.hypot(bx - ax, by - ay)
            if length > 1e-6:
                keep &= ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length > room
        return keep
