"""What recurs in every part of a region: houses, car parks, pitches, hedges, trees."""

from __future__ import annotations

import math
from random import Random

import numpy as np

from train_scripts.data.world.colours import FLATS, HALLS, ROOFS, WALLS, Rgb
from train_scripts.data.world.footprint import Footprint, Point
from train_scripts.data.world.noise import noise
from train_scripts.data.world.partition import Polygon, edges, extents, inset, margin_m
from train_scripts.data.world.scene import Kind, Roof, Tree
from train_scripts.data.world.site_plan import BEACH_M, Look, SitePlan

CHIMNEY = Look(Roof.FLAT, (120, 96, 88), (128, 84, 70))
GREY: Rgb = (130, 130, 130)


class Builder:
    """Puts on a site plan what recurs everywhere; all its choices come from one random sequence."""

    def __init__(self, plan: SitePlan, rng: Random) -> None:
        self.plan, self.rng, self.style = plan, rng, plan.style
        self.bulk = np.random.default_rng(plan.seed + 77)

    def dry(self, x: float, y: float, room_m: float) -> bool:
        """Whether the sea and the river are this far away."""
        here = np.array([x]), np.array([y])
        terrain = self.plan.terrain
        return bool(terrain.coast_m(*here)[0] > room_m + BEACH_M and terrain.river_m(*here)[0] > room_m)

    def pavement(self, leaf: Polygon, walk_m: float = 2.0) -> Polygon:
        """Pave a block up to its streets. Returns: what is left of it inside the pavement."""
        self.plan.area(inset(leaf, 0.0), Kind.PAVING, 11, self.rng.random())
        return inset(leaf, walk_m)

    # ---- buildings

    def house(self, footprint: Footprint, eave: float, flat: float = 0.0, check: bool = True) -> bool:
        """A building with a roof of the region's palette, and what stands on the roof.

        Args:
            eave: height of the walls, metres.
            flat: chance of a flat roof.
            check: only where there is room; such a house may have a wing.

        Returns: whether it was built.
        """
        rng, style = self.rng, self.style
        wall = rng.choice(WALLS[style.walls])
        if rng.random() < flat:
            if not self._build(footprint, eave, Look(Roof.FLAT, self.vary(rng.choice(FLATS)), wall), check):
                return False
            self.clutter(footprint, eave)
            return True
        if footprint.half_v > footprint.half_u and check:
            footprint = footprint.part(0, 0, footprint.half_v, footprint.half_u, math.pi / 2)
        colour, slope = self.vary(rng.choice(ROOFS[style.roofs])), rng.uniform(0.5, 0.95)
        look = Look(Roof.HIP if check and rng.random() < 0.28 else Roof.GABLE, colour, wall, slope)
        if not self._build(footprint, eave, look, check):
            return False
        self._chimney(footprint, eave, slope)
        if check and rng.random() < 0.35:
            self._wing(footprint, eave, look)
        elif rng.random() < 0.16:
            self._solar_panels(footprint, eave, slope)
        elif look.roof == Roof.GABLE:
            self._skylights(footprint, eave, slope)
        return True

    def _build(self, footprint: Footprint, height_m: float, look: Look, check: bool) -> bool:
        if check:
            return self.plan.box_if_free(footprint, height_m, look, room_m=0.3)
        self.plan.box(footprint, height_m, look)
        return True

    def _chimney(self, footprint: Footprint, eave: float, slope: float) -> None:
        rng = self.rng
        if rng.random() < 0.7:
            u, v = rng.uniform(-0.6, 0.6) * (footprint.half_u - footprint.half_v * 0.6), rng.choice([-1, 1]) * 0.5
            self.plan.box(footprint.part(u, v, 0.45, 0.4), 1.5, CHIMNEY, above_m=eave + slope * footprint.half_v - 0.6)

    def _wing(self, footprint: Footprint, eave: float, look: Look) -> None:
        rng = self.rng
        side, half_v = rng.choice([-1, 1]), footprint.half_v * rng.uniform(0.55, 0.8)
        u = rng.uniform(-0.4, 0.4) * (footprint.half_u - half_v)
        wing = footprint.part(u, side * footprint.half_v * 0.7, footprint.half_v * 0.9, half_v, math.pi / 2)
        self.plan.box(wing, eave * rng.choice([1, 0.6]), look)

    def _solar_panels(self, footprint: Footprint, eave: float, slope: float) -> None:
        half_v = footprint.half_v
        panels = footprint.part(0, half_v * 0.5, footprint.half_u * 0.6, half_v * 0.3)
        look = Look(Roof.SHED, (40, 46, 66), (50, 50, 60), -slope)
        self.plan.box(panels, 0.12 + half_v * 0.6 * slope, look, above_m=eave + half_v * 0.2 * slope)

    def _skylights(self, footprint: Footprint, eave: float, slope: float) -> None:
        rng, look = self.rng, Look(Roof.SHED, (74, 84, 96), (80, 76, 72), -slope)
        for _ in range(rng.choice([0, 0, 1, 2, 3])):
            turn, v = rng.choice([0, math.pi]), rng.uniform(0.35, 0.65) * footprint.half_v
            side = footprint.part(0, 0, footprint.half_u, footprint.half_v, turn)
            window = side.part(rng.uniform(-0.75, 0.75) * footprint.half_u, v, 0.4, 0.5)
            self.plan.box(window, slope + 0.08, look, above_m=eave + slope * (footprint.half_v - v - 0.5))

    def box(self, footprint: Footprint, eave: float, roof: Roof, slope: float = 0.5, check: bool = False) -> None:
        """A plain building in the region's colours. Args: check: only where there is room."""
        colour = self.vary(self.rng.choice(FLATS if roof == Roof.FLAT else ROOFS[self.style.roofs]))
        self._build(footprint, eave, Look(roof, colour, self.rng.choice(WALLS[self.style.walls]), slope), check)

    def vary(self, colour: Rgb) -> Rgb:
        """A colour like it."""
        f, g = self.rng.uniform(0.86, 1.14), self.rng.uniform(-5, 5)
        return (int(colour[0] * f + g), int(colour[1] * f), int(colour[2] * f - g))

    def clutter(self, footprint: Footprint, eave: float) -> None:
        """Machines on a flat roof."""
        rng = self.rng
        for _ in range(rng.randrange(1, 3 + int(footprint.half_u * footprint.half_v / 60))):
            u, v = rng.uniform(-0.8, 0.8) * footprint.half_u, rng.uniform(-0.75, 0.75) * footprint.half_v
            s = rng.uniform(0.6, 1.8)
            machine = footprint.part(u, v, s * rng.uniform(0.7, 1.6), s)
            self.plan.box(machine, rng.uniform(0.7, 2), Look(Roof.FLAT, rng.choice(HALLS), GREY), above_m=eave - 0.2)

    # ---- car parks and sports

    def parking(self, middle: Point, angle: float, half_u: float, block: Polygon, rows: int = 1) -> None:
        """A car park, where there is room: aisles with bays on both sides."""
        plan, rng = self.plan, self.rng
        footprint = Footprint(*middle, angle, half_u, 8.3 * rows)
        if (
            half_u < 8
            or not self.inside(block, footprint.corners)
            or not plan.is_free(footprint.corners)
            or not self.dry(*middle, footprint.half_v + 12)
        ):
            return
        plan.area(footprint.corners, Kind.ASPHALT, 14, rng.random())
        plan.take(footprint.corners)
        busy = rng.uniform(0.25, 0.85)
        for row in range(rows):
            v0 = -footprint.half_v + 8.3 + 16.6 * row
            for side in (-1, 1):
                for u in np.arange(-half_u + 1.6, half_u - 1.4, 2.6):
                    plan.line(footprint.at(u - 1.3, v0 + side * 3.1), footprint.at(u - 1.3, v0 + side * 8.1), 0.12)
                    plan.slot(*footprint.at(u, v0 + side * 5.6), angle + side * math.pi / 2, busy)
                if row and rng.random() < 0.7:
                    for u in np.arange(-half_u + 6, half_u - 3, 13.0):
                        self.tree(footprint.at(u, v0 - 8.3), rng.uniform(1.6, 2.4))

    def pitch(self, footprint: Footprint) -> None:
        """A football pitch."""
        hu, hv = footprint.half_u, footprint.half_v
        self.plan.quad(footprint.grown(1.5), Kind.PITCH, 14, self.rng.random(), 10.0)
        areas = [footprint.part(side * hu * 0.84, 0, hu * 0.16, hv * 0.55).corners for side in (-1, 1)]
        circle = [
            footprint.at(hv * 0.27 * math.cos(a), hv * 0.27 * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 21)[:-1]
        ]
        for loop in (footprint.corners, *areas, circle):
            self.plan.outline(loop, 0.14)
        self.plan.line(footprint.at(0, -hv), footprint.at(0, hv), 0.14)

    def court(self, middle: Point, angle: float) -> None:
        """A tennis court."""
        footprint = Footprint(*middle, angle, 17.5, 8.4)
        self.plan.quad(footprint, Kind.COURT, 14, self.rng.random())
        for half in (5.48, 4.1):
            self.plan.outline(footprint.resized(11.9, half).corners, 0.1)
        for u, v in ((6.4, 4.1), (-6.4, 4.1), (0, 5.6)):
            self.plan.line(footprint.at(u, -v), footprint.at(u, v), 0.1)

    def stadium(self, middle: Point, angle: float) -> None:
        """A pitch within a track of eight lanes, and a stand."""
        plan, footprint = self.plan, Footprint(*middle, angle, 80, 46)

        def oval(extra: float) -> list[Point]:
            return [
                footprint.at(end * 42.2 + (36.5 + extra) * math.cos(a), (36.5 + extra) * math.sin(a))
                for end, first in ((1, -math.pi / 2), (-1, math.pi / 2))
                for a in np.linspace(first, first + math.pi, 19)
            ]

        plan.take(footprint.corners)
        plan.area(oval(8.5), Kind.TARTAN, 14, self.rng.random())
        for lane in np.arange(0, 8.6, 1.22):
            plan.outline(oval(float(lane)), 0.06)
        plan.area(oval(0), Kind.LAWN, 15, 0.3)
        self.pitch(footprint.resized(41, 29))
        plan.box(footprint.part(0, 53, 34, 5), 5, Look(Roof.SHED, (176, 178, 180), (150, 150, 150), 0.35))

    # ---- paths and plants

    def path(self, a: Point, b: Point, bow: float = 0.0) -> None:
        """A gravel path. Args: bow: how far it swings to the left, in lengths."""
        t = np.linspace(0, 1, 7)[:, None]
        start, end = np.array(a), np.array(b)
        across = np.array([-(end - start)[1], (end - start)[0]])
        line = start * (1 - t) + end * t + across * (bow * 4 * t * (1 - t))
        n = np.stack([-np.gradient(line[:, 1]), np.gradient(line[:, 0])], axis=1)
        n /= np.maximum(np.hypot(n[:, 0], n[:, 1]), 1e-9)[:, None]
        self.plan.area(
            [tuple(p) for p in np.concatenate([line + n * 1.1, (line - n * 1.1)[::-1]])], Kind.GRAVEL, 14, 0.7
        )

    def hedge(self, a: Point, b: Point, height: float = 1.5) -> None:
        """A row of bushes. Args: height: metres."""
        length = math.hypot(b[0] - a[0], b[1] - a[1])
        n = int(length / 1.1)
        if n < 3:
            return
        x, y = self._between(a, b, np.linspace(0, 1, n), 0.1)
        radius, tall = self.bulk.uniform(0.6, 0.95, n), self.bulk.uniform(0.85, 1.2, n) * height
        self.plan.plant(x, y, radius, tall, int(Tree.BUSH), np.full(n, self.rng.random()))

    def tree_row(self, a: Point, b: Point) -> None:
        """An avenue, or a wild hedge."""
        length, bushy = math.hypot(b[0] - a[0], b[1] - a[1]), self.rng.random() < 0.5
        n = int(length / (2.6 if bushy else 8))
        t = self.bulk.random(n) if bushy else np.linspace(0.02, 0.98, max(n, 1))
        n = len(t)
        x, y = self._between(a, b, t, 0.7)
        radius = self.bulk.gamma(4, 0.45, n) + 0.7 if bushy else self.bulk.uniform(2.4, 4, n)
        radius = np.minimum(radius, 4.5)
        self.plan.plant(x, y, radius, radius * 2.3, int(Tree.BROADLEAF), self.bulk.random(n))

    def _between(self, a: Point, b: Point, t: np.ndarray, spread_m: float) -> tuple[np.ndarray, np.ndarray]:
        """X and y of points near the line from a to b, at these shares of it."""
        x, y = (
            start + (end - start) * t + self.bulk.normal(0, spread_m, len(t)) for start, end in zip(a, b, strict=True)
        )
        return x, y

    def tree(self, at: Point, radius: float) -> None:
        """A tree. Args: radius: of its crown, metres."""
        kind = Tree.CONIFER if self.rng.random() < 0.14 else Tree.BROADLEAF
        height = radius * (3.6 if kind == Tree.CONIFER else 2.5)
        x, y, r, h, hue = np.array([[*at, radius, height, self.rng.random()]]).T
        self.plan.plant(x, y, r, h, int(kind), hue)

    def scatter(self, block: Polygon, density: float, radii: tuple[float, float], clumps: float = 0.0) -> None:
        """Trees all over a block.

        Args:
            density: trees in a square metre.
            radii: least and largest crown, metres.
            clumps: how far they stand in groups, 0 to 1.
        """
        if len(block) < 3:
            return
        u0, u1, v0, v1 = extents(block, 0.0)
        n = int(self.bulk.poisson((u1 - u0) * (v1 - v0) * density * (1 + clumps)))
        x, y = self.bulk.uniform(u0, u1, n), self.bulk.uniform(v0, v1, n)
        keep = self.inside_many(block, x, y, 2.5) & self.plan.free_at(x, y)
        if clumps:
            keep &= noise(x, y, 36, self.plan.seed + 44) + self.bulk.normal(0, 0.2, n) > clumps - 0.5
        x, y, n = x[keep], y[keep], int(keep.sum())
        radius = self.bulk.uniform(*radii, n)
        conifer = self.bulk.random(n) < 0.15
        self.plan.plant(x, y, radius, radius * np.where(conifer, 3.4, 2.5), conifer.astype(int), self.bulk.random(n))

    def point(self, block: Polygon) -> Point:
        """A random point, most likely inside."""
        u0, u1, v0, v1 = extents(block, 0.0)
        x = y = 0.0
        for _ in range(12):
            x, y = self.rng.uniform(u0, u1), self.rng.uniform(v0, v1)
            if margin_m(block, x, y) > 0:
                break
        return x, y

    @staticmethod
    def inside(block: Polygon, corners: list[Point]) -> bool:
        """Whether all corners are on the block."""
        return all(margin_m(block, *c) > 0 for c in corners)

    @staticmethod
    def inside_many(block: Polygon, x: np.ndarray, y: np.ndarray, room: float) -> np.ndarray:
        """Which points are on the block, this far from its edges."""
        keep = np.ones(len(x), bool)
        for ax, ay, bx, by, _ in edges(block):
            length = math.hypot(bx - ax, by - ay)
            if length > 1e-6:
                keep &= ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length > room
        return keep
