"""What stands on a block of the town."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from train_scripts.data.world.builder import CONTAINERS, FLATS, HALLS, ROOFS, WALLS, Pen
from train_scripts.data.world.partition import Polygon, area_m2, centroid, extents, inset, longest_edge, margin_m
from train_scripts.data.world.scene import Kind, Roof
from train_scripts.data.world.site_plan import rectangle


def core(pen: Pen, leaf: Polygon) -> None:
    """Closed rows of town houses around a courtyard."""
    rng, draft = pen.rng, pen.draft
    block = pen.pavement(leaf)
    if len(block) < 3 or area_m2(block) < 500:
        return
    draft.area(block, Kind.YARD, 12, rng.random())
    depth, storeys = rng.uniform(10, 13.5), rng.choice([3, 3, 4, 4, 5])
    inner = inset(block, depth + 2, with_streets=False)
    if inner:
        draft.area(inner, rng.choice([Kind.LAWN, Kind.YARD, Kind.PAVING]), 13, rng.random())
        pen.scatter(inner, 0.012 * pen.style.trees, (2.0, 4.2))
        cx, cy = centroid(inner)
        if margin_m(inner, cx, cy) > 9 and rng.random() < 0.45:
            pen.box(cx, cy, longest_edge(inner)[0], rng.uniform(4, 9), rng.uniform(3, 6), rng.uniform(3, 7), Roof.FLAT)
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
                    pen.house(
                        x,
                        y,
                        angle,
                        w / 2,
                        d / 2,
                        3.1 * max(2, storeys + rng.choice([-1, 0, 0, 0, 1])),
                        flat=pen.style.flat_roofs,
                        check=False,
                    )
            s += w


def apartments(pen: Pen, leaf: Polygon) -> None:
    """Slabs in a row on lawns, with car parks."""
    rng, draft = pen.rng, pen.draft
    block = pen.pavement(leaf)
    if len(block) < 3:
        return
    draft.area(block, Kind.LAWN, 12, rng.random())
    angle = longest_edge(block)[0] + rng.choice([0, 0, math.pi / 2])
    u0, u1, v0, v1 = extents(block, angle)
    half_v, half_u = rng.uniform(5.5, 7), rng.uniform(14, 28)
    storeys, flat, gap = rng.choice([3, 4, 5, 8]), rng.random() < 0.7, rng.uniform(17, 26)
    colour = rng.choice(FLATS if flat else ROOFS[pen.style.roofs])
    v, parking = v0 + 10, rng.random() < 0.8
    while v < v1 - 8:
        u = u0 + half_u + 7
        while u < u1 - half_u - 4:
            x, y = pen.turned(u, v, angle)
            if pen.inside(block, rectangle(x, y, angle, half_u + 2, half_v + 2)):
                wall = rng.choice(WALLS[pen.style.walls])
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
                pen.clutter(x, y, angle, half_u, half_v, 3 * storeys if flat else 0)
                px, py = pen.turned(u, v - half_v - 2.2, angle)
                draft.quad(px, py, angle, half_u, 0.9, Kind.PAVING, 14)
            u += 2 * half_u + rng.uniform(8, 14)
        if parking and v + half_v + gap / 2 < v1:
            pen.parking(
                *pen.turned((u0 + u1) / 2, v + half_v + gap / 2 + 1, angle),
                angle,
                0.32 * (u1 - u0),
                block,
                rows=1,
            )
        v += 2 * half_v + gap
    pen.scatter(block, 0.007 * pen.style.trees, (2.2, 4.6))


def houses(pen: Pen, leaf: Polygon) -> None:
    """Detached houses with gardens, hedges, drives and pools."""
    rng, draft, lot = pen.rng, pen.draft, pen.style.lot_m * pen.rng.uniform(0.9, 1.15)
    urban = any(w >= 6.4 for _, _, w in leaf)
    block = pen.pavement(leaf, 1.8) if urban else inset(leaf, 1.2)
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
            at = partial(pen.offset, ax + along * c, ay + along * s, angle)
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
            if not pen.house(x, y, turn, half_u, half_v, rng.choice([3.2, 5.6, 5.8, 6.2]), flat=0.12):
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
                    pen.box(*q, angle, 1.6, 1.3, 2.2, Roof.GABLE, check=True)
                if rng.random() < 0.2:
                    draft.quad(*at(dx * 0.5, depth - 4), angle, 2.4, 1.7, Kind.SOIL, 14, rng.random(), 0.7)
            if rng.random() < 0.6:
                pen.hedge(at(-w / 2, 1.0), at(-w / 2, depth - 1))
            if rng.random() < 0.45:
                pen.hedge(at(-w / 2, 0.4), at(-dx * side * 0 + (w / 2 - 4 if side > 0 else w / 2), 0.4))
            if rng.random() < 0.5:
                pen.hedge(at(-w / 2, depth - 0.3), at(w / 2, depth - 0.3))
            count = pen.bulk.poisson(2.7 * pen.style.trees)
            for _ in range(count):
                q = at(rng.uniform(-w / 2 + 1, w / 2 - 1), rng.uniform(min(v + half_v + 2, depth), depth))
                pen.tree(*q, rng.uniform(1.4, 3.8))
    pen.scatter(block, 0.0025 * pen.style.trees, (1.8, 4.2))


def allotments(pen: Pen, leaf: Polygon) -> None:
    """Small gardens in rows, each with beds, a shed and fruit trees."""
    rng, draft = pen.rng, pen.draft
    block = inset(leaf, 2.0)
    if len(block) < 3:
        return
    draft.area(block, Kind.LAWN, 12, rng.random())
    angle = longest_edge(block)[0]
    u0, u1, v0, v1 = extents(block, angle)
    for row, v in enumerate(np.arange(v0 + 8, v1 - 6, 15.0)):
        for u in np.arange(u0 + 6, u1 - 4, 9.5):
            x, y = pen.turned(float(u), float(v), angle)
            if not pen.inside(block, rectangle(x, y, angle, 4.4, 6.2)):
                continue
            draft.quad(x, y, angle, 4.4, 6.2, Kind.LAWN, 13, rng.random())
            for _ in range(rng.randrange(1, 4)):
                px, py = pen.offset(x, y, angle, rng.uniform(-2, 2), rng.uniform(-4, 4))
                draft.quad(px, py, angle, rng.uniform(1, 2.2), rng.uniform(0.8, 1.8), Kind.SOIL, 14, rng.random(), 0.6)
            end = 4.6 if row % 2 else -4.6
            if rng.random() < 0.8:
                pen.box(*pen.offset(x, y, angle, rng.uniform(-2, 2), end), angle, 1.7, 1.3, 2.1, Roof.GABLE, check=True)
            if rng.random() < 0.6:
                pen.tree(*pen.offset(x, y, angle, rng.uniform(-3, 3), -end * 0.6), rng.uniform(0.9, 2.0))
            if rng.random() < 0.5:
                pen.hedge(pen.offset(x, y, angle, 4.7, -6), pen.offset(x, y, angle, 4.7, 6), 1.2)
    for v in np.arange(v0 + 15.5, v1 - 6, 30.0):
        a, b = pen.turned(u0 + 3, float(v), angle), pen.turned(u1 - 3, float(v), angle)
        if pen.inside(block, [a, b]):
            pen.path(a, b, 0.0)


def plaza(pen: Pen, leaf: Polygon) -> None:
    """A square with a church or a town hall."""
    rng, draft = pen.rng, pen.draft
    block = pen.pavement(leaf)
    if len(block) < 3:
        return
    draft.area(block, Kind.PLAZA, 12, rng.random(), longest_edge(block)[0], 4.0)
    x, y = centroid(block)
    angle, room = longest_edge(block)[0], margin_m(block, x, y)
    if room < 14:
        return
    hu, hv = min(20.0, room * 0.8), min(8.0, room * 0.35)
    wall = rng.choice(WALLS[pen.style.walls])
    colour = rng.choice(ROOFS[pen.style.roofs])
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
            pen.tree(px + (x - px) * 0.1, py + (y - py) * 0.1, rng.uniform(2, 2.8))


def park(pen: Pen, leaf: Polygon) -> None:
    """Lawns, paths, trees in groups, perhaps a pond."""
    rng, draft = pen.rng, pen.draft
    block = pen.pavement(leaf)
    if len(block) < 3:
        return
    draft.area(block, Kind.LAWN, 12, rng.random())
    x, y = centroid(block)
    room = margin_m(block, x, y)
    for i, (ax, ay, _) in enumerate(block):
        bx, by, _ = block[(i + 1) % len(block)]
        if rng.random() < 0.8:
            t = rng.uniform(0.25, 0.75)
            pen.path((ax + (bx - ax) * t, ay + (by - ay) * t), (x, y), rng.uniform(-0.25, 0.25))
    ring = [
        (x + 0.55 * room * math.cos(a), y + 0.55 * room * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 25)[:-1]
    ]
    for a, b in zip(ring, [*ring[1:], ring[0]], strict=True):
        pen.path(a, b, 0.0)
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
    pen.scatter(block, 0.011, (2.4, 5.5), clumps=0.6)


def sports(pen: Pen, leaf: Polygon) -> None:
    """A stadium with its track, or pitches and tennis courts."""
    rng, draft = pen.rng, pen.draft
    block = pen.pavement(leaf)
    if len(block) < 3:
        return
    draft.area(block, Kind.LAWN, 12, rng.random())
    angle = longest_edge(block)[0]
    x, y = centroid(block)
    for long in (angle, angle + math.pi / 2):
        if pen.dry(x, y, 100) and pen.inside(block, rectangle(x, y, long, 88, 47)):
            pen.stadium(x, y, long)
            pen.scatter(block, 0.003, (2.5, 4.5))
            return
    u0, u1, v0, v1 = extents(block, angle)
    v = v0 + 4
    while v < v1 - 20:
        u, tallest = u0 + 4, 20.0
        while u < u1 - 15:
            kind = rng.choice(["pitch", "court", "court", "small", "park"])
            hu, hv = {"pitch": (48.0, 31.0), "small": (22.0, 12.0), "court": (18.3, 9.2), "park": (20.0, 14.0)}[kind]
            px, py = pen.turned(u + hu, v + hv, angle)
            corners = rectangle(px, py, angle, hu, hv)
            if pen.inside(block, corners) and draft.is_free(corners) and pen.dry(px, py, hu + 10):
                draft.take(rectangle(px, py, angle, hu + 1, hv + 1))
                if kind in ("pitch", "small"):
                    pen.pitch(px, py, angle, hu - 2, hv - 2)
                elif kind == "court":
                    pen.court(px, py, angle)
                else:
                    pen.parking(px, py, angle, hu - 2, block, rows=1)
                tallest = max(tallest, 2 * hv + 4)
                u += 2 * hu + 4
            else:
                u += 7
        v += tallest
    pen.scatter(block, 0.004, (2.2, 4.4))


def industry(pen: Pen, leaf: Polygon) -> None:
    """Halls, tanks, yards, lorries."""
    rng, draft = pen.rng, pen.draft
    block = pen.pavement(leaf, 1.0)
    if len(block) < 3:
        return
    draft.area(block, rng.choice([Kind.CONCRETE, Kind.ASPHALT, Kind.YARD]), 12, rng.random())
    green = inset(block, 4, with_streets=False)
    angle = longest_edge(block)[0]
    for _ in range(70):
        x, y = pen.point(green or block)
        hu, hv = rng.uniform(12, 38), rng.uniform(8, 24)
        rect = rectangle(x, y, angle, hu + 5, hv + 5)
        if not pen.inside(block, rect) or not draft.is_free(rect):
            continue
        roof = rng.choice([Roof.FLAT, Roof.FLAT, Roof.GABLE, Roof.SAW])
        eave, colour = rng.uniform(6, 12), rng.choice(HALLS)
        slope = {Roof.FLAT: 0.0, Roof.GABLE: 0.16, Roof.SAW: 0.35}[roof]
        if draft.box(x, y, angle, hu, hv, eave, roof, colour, rng.choice(HALLS), slope, check=True, room_m=4):
            if roof == Roof.FLAT:
                pen.clutter(x, y, angle, hu, hv, eave)
            for _ in range(rng.randrange(5)):
                q = pen.offset(x, y, angle, rng.uniform(-hu, hu), -hv - 7)
                draft.slot(*q, angle + math.pi / 2, 0.7, 0.3, truck=True)
    for _ in range(rng.randrange(8)):
        x, y = pen.point(green or block)
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
        x, y = pen.point(green or block)
        pen.parking(x, y, angle, rng.uniform(14, 30), block, rows=1)
    for _ in range(rng.randrange(30)):
        x, y = pen.point(green or block)
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
            pen.hedge((ax, ay), (bx, by), 1.6)


def retail(pen: Pen, leaf: Polygon) -> None:
    """A market hall and its large car park."""
    rng, draft = pen.rng, pen.draft
    block = pen.pavement(leaf)
    if len(block) < 3:
        return
    draft.area(block, Kind.ASPHALT, 12, rng.random())
    angle = longest_edge(block)[0]
    u0, u1, v0, v1 = extents(block, angle)
    hu, hv = 0.36 * (u1 - u0), min(30.0, 0.22 * (v1 - v0))
    x, y = pen.turned((u0 + u1) / 2, v1 - hv - 6, angle)
    if pen.inside(block, rectangle(x, y, angle, hu, hv)):
        draft.box(x, y, angle, hu, hv, 7, Roof.FLAT, rng.choice(FLATS), rng.choice(HALLS))
        pen.clutter(x, y, angle, hu, hv, 7)
    x, y = pen.turned((u0 + u1) / 2, (v0 + v1 - 2 * hv) / 2 - 3, angle)
    rows = max(1, int((v1 - v0 - 2 * hv - 14) / 17))
    pen.parking(x, y, angle, 0.42 * (u1 - u0), block, rows=rows)
