"""The hand that draws what recurs in every part of a region: houses, car parks, pitches, hedges, trees."""

from __future__ import annotations

import math
from random import Random

import numpy as np

from train_scripts.data.world.noise import noise
from train_scripts.data.world.partition import Polygon, extents, inset, margin_m
from train_scripts.data.world.scene import Kind, Roof, Tree
from train_scripts.data.world.site_plan import BEACH_M, Draft, Rgb, rectangle

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


class Pen:
    """Draws on a draft; all its choices come from one random sequence."""

    def __init__(self, draft: Draft, rng: Random) -> None:
        self.draft, self.rng, self.style = draft, rng, draft.style
        self.bulk = np.random.default_rng(draft.seed + 77)

    def dry(self, x: float, y: float, room_m: float) -> bool:
        here = np.array([x]), np.array([y])
        terrain = self.draft.terrain
        return bool(terrain.coast_m(*here)[0] > room_m + BEACH_M and terrain.river_m(*here)[0] > room_m)

    def pavement(self, leaf: Polygon, walk_m: float = 2.0) -> Polygon:
        self.draft.area(inset(leaf, 0.0), Kind.PAVING, 11, self.rng.random())
        return inset(leaf, walk_m)

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
                self.vary(rng.choice(FLATS)),
                wall,
                check=check,
                room_m=0.3,
            ):
                return False
            self.clutter(x, y, angle, half_u, half_v, eave)
            return True
        if half_v > half_u and check:
            half_u, half_v, angle = half_v, half_u, angle + math.pi / 2
        colour, slope = self.vary(rng.choice(ROOFS[style.roofs])), rng.uniform(0.5, 0.95)
        roof = Roof.HIP if check and rng.random() < 0.28 else Roof.GABLE
        if not draft.box(x, y, angle, half_u, half_v, eave, roof, colour, wall, slope, check=check, room_m=0.3):
            return False
        top = eave + slope * half_v
        if rng.random() < 0.7:
            px, py = self.offset(
                x, y, angle, rng.uniform(-0.6, 0.6) * (half_u - half_v * 0.6), rng.choice([-1, 1]) * 0.5
            )
            draft.box(px, py, angle, 0.45, 0.4, 1.5, Roof.FLAT, (120, 96, 88), (128, 84, 70), above_m=top - 0.6)
        if check and rng.random() < 0.35:  # a wing across
            side, wu = rng.choice([-1, 1]), half_v * rng.uniform(0.55, 0.8)
            off = rng.uniform(-0.4, 0.4) * (half_u - wu)
            px, py = self.offset(x, y, angle, off, side * half_v * 0.7)
            draft.box(
                px, py, angle + math.pi / 2, half_v * 0.9, wu, eave * rng.choice([1, 0.6]), roof, colour, wall, slope
            )
        elif rng.random() < 0.16:
            px, py = self.offset(x, y, angle, 0, half_v * 0.5)
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
            self.skylights(x, y, angle, half_u, half_v, eave, slope)
        return True

    def skylights(
        self, x: float, y: float, angle: float, half_u: float, half_v: float, eave: float, slope: float
    ) -> None:
        rng = self.rng
        for _ in range(rng.choice([0, 0, 1, 2, 3])):
            turn, v = angle + rng.choice([0, math.pi]), rng.uniform(0.35, 0.65) * half_v
            px, py = self.offset(x, y, turn, rng.uniform(-0.75, 0.75) * half_u, v)
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
        colour = self.vary(self.rng.choice(FLATS if roof == Roof.FLAT else ROOFS[self.style.roofs]))
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

    def vary(self, colour: Rgb) -> Rgb:
        f, g = self.rng.uniform(0.86, 1.14), self.rng.uniform(-5, 5)
        return (int(colour[0] * f + g), int(colour[1] * f), int(colour[2] * f - g))

    def clutter(self, x: float, y: float, angle: float, half_u: float, half_v: float, eave: float) -> None:
        if eave <= 0:
            return
        for _ in range(self.rng.randrange(1, 3 + int(half_u * half_v / 60))):
            px, py = self.offset(
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
        if (
            half_u < 8
            or not self.inside(block, corners)
            or not draft.is_free(corners)
            or not self.dry(x, y, half_v + 12)
        ):
            return
        draft.area(corners, Kind.ASPHALT, 14, self.rng.random())
        draft.take(corners)
        busy = self.rng.uniform(0.25, 0.85)
        for row in range(rows):
            v0 = -half_v + 8.3 + 16.6 * row
            for side in (-1, 1):
                for u in np.arange(-half_u + 1.6, half_u - 1.4, 2.6):
                    a = self.offset(x, y, angle, u - 1.3, v0 + side * 3.1)
                    b = self.offset(x, y, angle, u - 1.3, v0 + side * 8.1)
                    draft.line(*a, *b, 0.12)
                    px, py = self.offset(x, y, angle, u, v0 + side * 5.6)
                    draft.slot(px, py, angle + side * math.pi / 2, busy)
                if row and self.rng.random() < 0.7:
                    for u in np.arange(-half_u + 6, half_u - 3, 13.0):
                        self.tree(*self.offset(x, y, angle, u, v0 - 8.3), self.rng.uniform(1.6, 2.4))

    def pitch(self, x: float, y: float, angle: float, hu: float, hv: float) -> None:
        draft = self.draft
        draft.quad(x, y, angle, hu + 1.5, hv + 1.5, Kind.PITCH, 14, self.rng.random(), 10.0)
        loops = [rectangle(x, y, angle, hu, hv)]
        for side in (-1, 1):
            px, py = self.offset(x, y, angle, side * hu * 0.84, 0)
            loops.append(rectangle(px, py, angle, hu * 0.16, hv * 0.55))
        loops.append(
            [
                self.offset(x, y, angle, hv * 0.27 * math.cos(a), hv * 0.27 * math.sin(a))
                for a in np.linspace(0, 2 * math.pi, 21)[:-1]
            ]
        )
        for loop in loops:
            for a, b in zip(loop, [*loop[1:], loop[0]], strict=True):
                draft.line(*a, *b, 0.14)
        draft.line(*self.offset(x, y, angle, 0, -hv), *self.offset(x, y, angle, 0, hv), 0.14)

    def court(self, x: float, y: float, angle: float) -> None:
        self.draft.quad(x, y, angle, 17.5, 8.4, Kind.COURT, 14, self.rng.random())
        for half in (5.48, 4.1):
            loop = rectangle(x, y, angle, 11.9, half)
            for a, b in zip(loop, [*loop[1:], loop[0]], strict=True):
                self.draft.line(*a, *b, 0.1)
        for u, v in ((6.4, 4.1), (-6.4, 4.1), (0, 5.6)):
            self.draft.line(*self.offset(x, y, angle, u, -v), *self.offset(x, y, angle, u, v), 0.1)

    def stadium(self, x: float, y: float, angle: float) -> None:
        draft = self.draft

        def oval(extra: float) -> list[tuple[float, float]]:
            out = []
            for a in np.linspace(-math.pi / 2, math.pi / 2, 19):
                out.append(self.offset(x, y, angle, 42.2 + (36.5 + extra) * math.cos(a), (36.5 + extra) * math.sin(a)))
            for a in np.linspace(math.pi / 2, 3 * math.pi / 2, 19):
                out.append(self.offset(x, y, angle, -42.2 + (36.5 + extra) * math.cos(a), (36.5 + extra) * math.sin(a)))
            return out

        draft.take(rectangle(x, y, angle, 80, 46))
        draft.area(oval(8.5), Kind.TARTAN, 14, self.rng.random())
        for lane in np.arange(0, 8.6, 1.22):
            loop = oval(float(lane))
            for a, b in zip(loop, [*loop[1:], loop[0]], strict=True):
                draft.line(*a, *b, 0.06)
        draft.area(oval(0), Kind.LAWN, 15, 0.3)
        self.pitch(x, y, angle, 41, 29)
        px, py = self.offset(x, y, angle, 0, 53)
        draft.box(px, py, angle, 34, 5, 5, Roof.SHED, (176, 178, 180), (150, 150, 150), 0.35)

    def path(self, a: tuple[float, float], b: tuple[float, float], bow: float) -> None:
        t = np.linspace(0, 1, 7)[:, None]
        start, end = np.array(a), np.array(b)
        across = np.array([-(end - start)[1], (end - start)[0]])
        line = start * (1 - t) + end * t + across * (bow * 4 * t * (1 - t))
        n = np.stack([-np.gradient(line[:, 1]), np.gradient(line[:, 0])], axis=1)
        n /= np.maximum(np.hypot(n[:, 0], n[:, 1]), 1e-9)[:, None]
        self.draft.area(
            [tuple(p) for p in np.concatenate([line + n * 1.1, (line - n * 1.1)[::-1]])], Kind.GRAVEL, 14, 0.7
        )

    def hedge(self, a: tuple[float, float], b: tuple[float, float], height: float = 1.5) -> None:
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

    def tree_row(self, a: tuple[float, float], b: tuple[float, float]) -> None:
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

    def tree(self, x: float, y: float, radius: float) -> None:
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

    def scatter(self, block: Polygon, density: float, radii: tuple[float, float], clumps: float = 0.0) -> None:
        if len(block) < 3:
            return
        u0, u1, v0, v1 = extents(block, 0.0)
        n = int(self.bulk.poisson((u1 - u0) * (v1 - v0) * density * (1 + clumps)))
        x, y = self.bulk.uniform(u0, u1, n), self.bulk.uniform(v0, v1, n)
        keep = self.inside_many(block, x, y, 2.5) & self.draft.free_at(x, y)
        if clumps:
            keep &= noise(x, y, 36, self.draft.seed + 44) + self.bulk.normal(0, 0.2, n) > clumps - 0.5
        x, y, n = x[keep], y[keep], int(keep.sum())
        radius = self.bulk.uniform(*radii, n)
        conifer = self.bulk.random(n) < 0.15
        self.draft.plant(x, y, radius, radius * np.where(conifer, 3.4, 2.5), conifer.astype(int), self.bulk.random(n))

    def point(self, block: Polygon) -> tuple[float, float]:
        u0, u1, v0, v1 = extents(block, 0.0)
        x = y = 0.0
        for _ in range(12):
            x, y = self.rng.uniform(u0, u1), self.rng.uniform(v0, v1)
            if margin_m(block, x, y) > 0:
                break
        return x, y

    @staticmethod
    def turned(u: float, v: float, angle: float) -> tuple[float, float]:
        return u * math.cos(angle) - v * math.sin(angle), u * math.sin(angle) + v * math.cos(angle)

    @staticmethod
    def offset(x: float, y: float, angle: float, u: float, v: float) -> tuple[float, float]:
        return x + u * math.cos(angle) - v * math.sin(angle), y + u * math.sin(angle) + v * math.cos(angle)

    @staticmethod
    def inside(block: Polygon, corners: list[tuple[float, float]]) -> bool:
        return all(margin_m(block, *c) > 0 for c in corners)

    @staticmethod
    def inside_many(block: Polygon, x: np.ndarray, y: np.ndarray, room: float) -> np.ndarray:
        keep = np.ones(len(x), bool)
        for i, (ax, ay, _) in enumerate(block):
            bx, by, _ = block[(i + 1) % len(block)]
            length = math.hypot(bx - ax, by - ay)
            if length > 1e-6:
                keep &= ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length > room
        return keep
