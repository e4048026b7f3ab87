"""The railway past the town and the harbour in front of it."""

from __future__ import annotations

import math

import numpy as np

from train_scripts.data.world.builder import BOATS, CONTAINERS, HALLS, WALLS, Pen
from train_scripts.data.world.scene import Kind, Roof
from train_scripts.data.world.site_plan import Rgb


def railway(pen: Pen, town: tuple[float, float]) -> None:
    """A double track that passes the town in long curves."""
    rng, size = pen.rng, pen.draft.size_m
    if rng.random() > (0.35 if size < 3000 else 0.9):
        return
    angle, phase = rng.uniform(0, math.pi), rng.uniform(0, 6)
    t = np.arange(-0.8 * size, 0.8 * size, 8.0)
    off = rng.choice([-1, 1]) * rng.uniform(0.09, 0.14) * min(size, 3500)
    v = off + 0.03 * size * np.sin(t * (2 * math.pi / (0.9 * size)) + phase)
    c, s = math.cos(angle), math.sin(angle)
    pen.draft.rails.append(np.stack([town[0] + t * c - v * s, town[1] + t * s + v * c], axis=1))


def harbour(pen: Pen, town: tuple[float, float]) -> None:
    """A quay with sheds and containers, piers and boats, where the town meets the sea."""
    rng, draft, terrain = pen.rng, pen.draft, pen.draft.terrain
    half = draft.size_m / 2
    best = None
    for k in range(72):
        a = 2 * math.pi * k / 72
        r = np.arange(0, 1.3 * draft.size_m, 8.0)
        ray_x, ray_y = town[0] + r * math.cos(a), town[1] + r * math.sin(a)
        coast = terrain.coast_m(ray_x, ray_y)
        sea = np.flatnonzero((coast < 0) & (np.maximum(np.abs(ray_x), np.abs(ray_y)) < half - 260))
        if len(sea) and (best is None or r[sea[0]] < best[0]):
            best = (float(r[sea[0]]), float(ray_x[sea[0]]), float(ray_y[sea[0]]))
    if best is None or best[0] > 1400:
        return
    x, y = best[1:]
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
