"""How a region grows from its seed: districts, blocks, houses, fields, woods, harbour."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np

from train_scripts.data.world import countryside, town
from train_scripts.data.world.builder import Builder
from train_scripts.data.world.colours import ROOFS, WALLS
from train_scripts.data.world.finish import finish
from train_scripts.data.world.harbour import harbour, railway
from train_scripts.data.world.noise import noise
from train_scripts.data.world.partition import Cuts, Polygon, centroid, longest_edge, subdivide
from train_scripts.data.world.scene import Kind, Scene, Style
from train_scripts.data.world.site_plan import MARGIN_M, SitePlan
from train_scripts.data.world.terrain import Terrain

Use = Callable[[Builder, Polygon], None]
"""Fills a block."""

Uses = tuple[tuple[Use, float], ...]
"""What may stand on the blocks of a district, with weights."""

CENTRE: Uses = ((town.core, 0.72), (town.apartments, 0.12), (town.park, 0.08), (town.plaza, 0.08))
INDUSTRY: Uses = ((town.industry, 0.8), (town.retail, 0.2))
ESTATE: Uses = ((town.apartments, 0.68), (town.park, 0.12), (town.sports, 0.12), (town.retail, 0.08))
RECREATION: Uses = ((town.sports, 0.55), (town.park, 0.35), (town.retail, 0.1))
SUBURB: Uses = (
    (town.houses, 0.82),
    (town.allotments, 0.04),
    (town.park, 0.05),
    (town.apartments, 0.04),
    (town.sports, 0.02),
    (town.retail, 0.03),
)
VILLAGE: Uses = (
    (town.houses, 0.52),
    (countryside.field, 0.24),
    (countryside.orchard, 0.1),
    (town.sports, 0.08),
    (town.allotments, 0.06),
)
WOODS: Uses = ((countryside.forest, 0.88), (countryside.meadow, 0.12))
FIELDS: Uses = (
    (countryside.field, 0.72),
    (countryside.meadow, 0.1),
    (countryside.forest, 0.07),
    (countryside.orchard, 0.05),
    (countryside.farm, 0.05),
    (countryside.greenhouses, 0.015),
    (countryside.solar, 0.015),
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
    plan = SitePlan(seed, size_m, style, _terrain(seed, size_m, style, rng))
    _Layout(plan, rng).grow()
    return finish(plan)


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


class _Layout:
    """The decisions of one region, all drawn from one random sequence."""

    def __init__(self, plan: SitePlan, rng: Random) -> None:
        self.plan, self.rng, self.style = plan, rng, plan.style
        self.builder = Builder(plan, rng)
        half = plan.size_m / 2
        self.centres: list[tuple[float, float, float, float]] = []  # x, y, reach, strength
        if self.style.urban > 0:
            small = plan.size_m < 3000
            reach = (0.42 if small else 0.20) * plan.size_m * math.sqrt(self.style.urban)
            spread = 0.45 if small else 0.22
            x, y = self._dry_point(rng, spread * half, -spread * half)
            if self.style.coast and not small:
                x, y = self._near_shore(rng, 0.8 * half)
            self.town = (x, y)
            self.centres.append((x, y, reach, 1.0))
            for _ in range(0 if plan.size_m < 900 else 1 if small else 6):
                x, y = self._dry_point(rng, 0.72 * half, -0.72 * half)
                self.centres.append((x, y, rng.uniform(130, 260), 0.55))
        else:
            self.town = (0.0, 0.0)

    def _dry_point(self, rng: Random, high: float, low: float) -> tuple[float, float]:
        x = y = 0.0
        for _ in range(40):
            x, y = rng.uniform(low, high), rng.uniform(low, high)
            if float(self.plan.terrain.coast_m(np.array([x]), np.array([y]))[0]) > 120:
                break
        return x, y

    def _near_shore(self, rng: Random, room_m: float) -> tuple[float, float]:
        points = np.array([(rng.uniform(-room_m, room_m), rng.uniform(-room_m, room_m)) for _ in range(200)])
        away = self.plan.terrain.coast_m(points[:, 0], points[:, 1])
        middle = np.hypot(points[:, 0], points[:, 1])
        best = np.argmin(np.abs(away - 480) + 0.25 * middle)
        return float(points[best, 0]), float(points[best, 1])

    def urbanity(self, x: float, y: float) -> float:
        """0 in the open country to 1 in the town's centre."""
        best = 0.0
        for cx, cy, reach, strength in self.centres:
            best = max(best, strength * math.exp(-(((x - cx) ** 2 + (y - cy) ** 2) / reach**2)))
        return best + 0.10 * float(noise(np.array([x]), np.array([y]), 300, self.plan.seed + 41)[0])

    def grow(self) -> None:
        """Lay everything out."""
        edge = self.plan.size_m / 2 + MARGIN_M - 6
        outer = [(-edge, -edge, 0.0), (edge, -edge, 0.0), (edge, edge, 0.0), (-edge, edge, 0.0)]
        self.plan.area(outer, Kind.MEADOW, 0, 0.4)
        d = self.style.district_m
        main_roads = Cuts(d, d, (11.0, 11.0, 9.0, 8.0), 0.16, 0.22)
        parts, chords = subdivide(outer, self.rng, self.style.grid_angle_rad, main_roads)
        for chord in chords:
            middle = (chord.x0 + chord.x1) / 2, (chord.y0 + chord.y1) / 2
            self.plan.chords.append(replace(chord, urban=self.urbanity(*middle) > 0.25))
        for part in parts:
            self.district(part)
        railway(self.builder, self.town)
        if self.style.coast and self.style.urban > 0:
            harbour(self.builder, self.town)

    def district(self, part: Polygon) -> None:
        """Choose what a district is, and cut it into blocks."""
        rng = self.rng
        x, y = centroid(part)
        if float(self.plan.terrain.coast_m(np.array([x]), np.array([y]))[0]) < -250:
            return
        angle = self.style.grid_angle_rad + rng.choice([0, 0, rng.uniform(-0.5, 0.5)])
        if rng.random() < 0.5:
            angle = longest_edge(part)[0]
        cuts, uses = self._land_use(x, y, rng.random())
        leaves, chords = subdivide(part, rng, angle, cuts)
        self.plan.chords += [c for c in chords if c.width_m > 1]
        for leaf in leaves:
            _pick(rng, uses)(self.builder, leaf)

    def _land_use(self, x: float, y: float, roll: float) -> tuple[Cuts, Uses]:
        """How a district is cut, and what stands on its blocks. Args: x, y: its middle; roll: 0 to 1, drawn."""
        urbanity, b = self.urbanity(x, y), self.style.block_m
        if urbanity > 0.62:
            return Cuts(b * 1.15, b, (7.5, 6.5), 0.12, 0.05, urban=True, first_rank=5), CENTRE
        if urbanity > 0.24:
            if roll < 0.16:
                return Cuts(170, 120, (8.0, 7.0), 0.14, 0.03, urban=True, first_rank=5), INDUSTRY
            if roll < 0.32:
                return Cuts(150, 110, (7.5, 6.5), 0.14, 0.08, urban=True, first_rank=5), ESTATE
            if roll < 0.42:
                return Cuts(280, 215, (6.5,), 0.1, 0.05, urban=True, first_rank=5), RECREATION
            return Cuts(b * 1.9, b * 0.82, (6.5, 6.0), 0.13, 0.07, urban=True, first_rank=5), SUBURB
        if urbanity > 0.13 and roll < 0.65:
            return Cuts(170, 90, (6.0, 5.5), 0.2, 0.2, first_rank=5), VILLAGE
        wood = 0.5 + 0.5 * float(noise(np.array([x]), np.array([y]), 700, self.plan.seed + 42)[0])
        if wood + 0.25 * (roll - 0.5) > 1 - self.style.forest * 1.15:
            return Cuts(260, 260, (3.4,), 0.2, 0.3, first_rank=8), WOODS
        f = self.style.field_m
        return Cuts(f * 1.5, f * 0.8, (3.4, 0.6), 0.22, 0.16, first_rank=8), FIELDS


def _pick(rng: Random, uses: Uses) -> Use:
    """One of the uses, drawn by its weight."""
    roll = rng.random() * sum(weight for _, weight in uses)
    for use, weight in uses:
        roll -= weight
        if roll <= 0:
            return use
    return uses[-1][0]
