"""What stands on a block of the town."""

from __future__ import annotations

import math

import numpy as np

from train_scripts.data.world.builder import Builder
from train_scripts.data.world.colours import CONTAINERS, FLATS, HALLS, ROOFS, WALLS
from train_scripts.data.world.footprint import Footprint, Point, turned
from train_scripts.data.world.partition import Polygon, area_m2, centroid, edges, extents, inset, longest_edge, margin_m
from train_scripts.data.world.scene import Kind, Roof
from train_scripts.data.world.site_plan import Look


def core(builder: Builder, leaf: Polygon) -> None:
    """Closed rows of town houses around a courtyard."""
    rng, plan = builder.rng, builder.plan
    block = builder.pavement(leaf)
    if len(block) < 3 or area_m2(block) < 500:
        return
    plan.area(block, Kind.YARD, 12, rng.random())
    depth, storeys = rng.uniform(10, 13.5), rng.choice([3, 3, 4, 4, 5])
    inner = inset(block, depth + 2, with_streets=False)
    if inner:
        _courtyard(builder, inner)
    for ax, ay, bx, by, _ in edges(block):
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
                    eave = 3.1 * max(2, storeys + rng.choice([-1, 0, 0, 0, 1]))
                    footprint = Footprint(x, y, angle, w / 2, d / 2)
                    builder.house(footprint, eave, flat=builder.style.flat_roofs, check=False)
            s += w


def _courtyard(builder: Builder, inner: Polygon) -> None:
    rng = builder.rng
    builder.plan.area(inner, rng.choice([Kind.LAWN, Kind.YARD, Kind.PAVING]), 13, rng.random())
    builder.scatter(inner, 0.012 * builder.style.trees, (2.0, 4.2))
    cx, cy = centroid(inner)
    if margin_m(inner, cx, cy) > 9 and rng.random() < 0.45:
        footprint = Footprint(cx, cy, longest_edge(inner)[0], rng.uniform(4, 9), rng.uniform(3, 6))
        builder.box(footprint, rng.uniform(3, 7), Roof.FLAT)


def apartments(builder: Builder, leaf: Polygon) -> None:
    """Slabs in a row on lawns, with car parks."""
    rng, plan = builder.rng, builder.plan
    block = builder.pavement(leaf)
    if len(block) < 3:
        return
    plan.area(block, Kind.LAWN, 12, rng.random())
    angle = longest_edge(block)[0] + rng.choice([0, 0, math.pi / 2])
    u0, u1, v0, v1 = extents(block, angle)
    half_v, half_u = rng.uniform(5.5, 7), rng.uniform(14, 28)
    storeys, flat, gap = rng.choice([3, 4, 5, 8]), rng.random() < 0.7, rng.uniform(17, 26)
    colour = rng.choice(FLATS if flat else ROOFS[builder.style.roofs])
    v, parking = v0 + 10, rng.random() < 0.8
    while v < v1 - 8:
        u = u0 + half_u + 7
        while u < u1 - half_u - 4:
            slab = Footprint(*turned(u, v, angle), angle, half_u, half_v)
            if builder.inside(block, slab.grown(2).corners):
                wall = rng.choice(WALLS[builder.style.walls])
                look = Look(Roof.FLAT, colour, wall) if flat else Look(Roof.HIP, colour, wall, 0.5)
                plan.box(slab, 3 * storeys, look)
                if flat:
                    builder.clutter(slab, 3 * storeys)
                walk = turned(u, v - half_v - 2.2, angle)
                plan.quad(Footprint(*walk, angle, half_u, 0.9), Kind.PAVING, 14)
            u += 2 * half_u + rng.uniform(8, 14)
        if parking and v + half_v + gap / 2 < v1:
            middle = turned((u0 + u1) / 2, v + half_v + gap / 2 + 1, angle)
            builder.parking(middle, angle, 0.32 * (u1 - u0), block)
        v += 2 * half_v + gap
    builder.scatter(block, 0.007 * builder.style.trees, (2.2, 4.6))


def houses(builder: Builder, leaf: Polygon) -> None:
    """Detached houses with gardens, hedges, drives and pools."""
    rng, lot = builder.rng, builder.style.lot_m * builder.rng.uniform(0.9, 1.15)
    urban = any(w >= 6.4 for _, _, w in leaf)
    block = builder.pavement(leaf, 1.8) if urban else inset(leaf, 1.2)
    if len(block) < 3 or area_m2(block) < 400:
        return
    builder.plan.area(block, Kind.LAWN, 12, rng.random())
    deep = margin_m(block, *centroid(block))
    setback, twin = rng.uniform(3.5, 7), rng.random() < 0.2
    for ax, ay, bx, by, street in edges(block):
        length, angle = math.hypot(bx - ax, by - ay), math.atan2(by - ay, bx - ax)
        if length < 22 or street < 3:
            continue
        c, s = math.cos(angle), math.sin(angle)
        n = max(1, int((length - 4) / lot))
        w = (length - 4) / n
        for k in range(n):
            along = 2 + (k + 0.5) * w
            if rng.random() >= 0.06:
                front = Footprint(ax + along * c, ay + along * s, angle, w / 2, min(deep, 30.0))
                _plot(builder, block, front, setback, twin)
    builder.scatter(block, 0.0025 * builder.style.trees, (1.8, 4.2))


def _plot(builder: Builder, block: Polygon, plot: Footprint, setback: float, twin: bool) -> None:
    """A house and its garden.

    Args:
        plot: lies around the middle of the side at the street; its half_v is the depth of the whole lot.
        setback: from the street to the house, metres.
        twin: the house reaches its neighbours.
    """
    rng, plan, at = builder.rng, builder.plan, plot.at
    w, depth = 2 * plot.half_u, plot.half_v
    half_u, half_v = min(rng.uniform(4.6, 6.8), w / 2 - 1.2), rng.uniform(4, 5.6)
    if twin:
        half_u = w / 2 - 0.2
    v = setback + half_v + rng.uniform(-0.6, 0.6)
    if margin_m(block, *at(0, v)) < half_v + 1.5 or v + half_v > depth + 6:
        return
    across = math.pi / 2 if not twin and rng.random() < 0.3 and half_u > half_v * 0.8 else 0
    house = Footprint(*at(0, v), plot.angle + across + rng.gauss(0, 0.015), half_u, half_v)
    if not builder.house(house, rng.choice([3.2, 5.6, 5.8, 6.2]), flat=0.12):
        return
    lawn = [at(-w / 2, 0), at(w / 2, 0), at(w / 2, depth), at(-w / 2, depth)]
    if min(margin_m(block, *p) for p in lawn) > -1.0:
        plan.area(lawn, Kind.LAWN, 13, rng.random())
    side = rng.choice([-1, 1])
    drive_u = side * (w / 2 - 1.8)
    drive = plot.part(drive_u, setback / 2 + 2, 1.5, setback / 2 + 2)
    plan.quad(drive, rng.choice([Kind.PAVING, Kind.CONCRETE, Kind.GRAVEL]), 14, rng.random())
    plan.slot(*at(drive_u, setback / 2 + 1), plot.angle + math.pi / 2, 0.5)
    terrace = plot.part(rng.uniform(-2, 2), v + half_v + 1.7, rng.uniform(2, 4), 1.7)
    plan.quad(terrace, Kind.PAVING, 14, rng.random())
    if depth - v - half_v > 7:
        _back_garden(builder, plot, v + half_v, drive_u)
    if rng.random() < 0.6:
        builder.hedge(at(-w / 2, 1.0), at(-w / 2, depth - 1))
    if rng.random() < 0.45:
        builder.hedge(at(-w / 2, 0.4), at(w / 2 - 4 if side > 0 else w / 2, 0.4))
    if rng.random() < 0.5:
        builder.hedge(at(-w / 2, depth - 0.3), at(w / 2, depth - 0.3))
    for _ in range(builder.bulk.poisson(2.7 * builder.style.trees)):
        spot = at(rng.uniform(-w / 2 + 1, w / 2 - 1), rng.uniform(min(v + half_v + 2, depth), depth))
        builder.tree(spot, rng.uniform(1.4, 3.8))


def _back_garden(builder: Builder, plot: Footprint, wall_v: float, drive_u: float) -> None:
    """A pool, a shed, a bed of vegetables. Args: wall_v: where the house ends; drive_u: where the drive is."""
    rng, plan, depth = builder.rng, builder.plan, plot.half_v
    if rng.random() < 0.10:
        deck = plot.part(rng.uniform(-2, 2), wall_v + 5.4, rng.uniform(3, 4.4), 2.4)
        plan.quad(deck, Kind.PAVING, 14, 0.9)
        plan.quad(deck.resized(rng.uniform(2.2, 3), 1.5), Kind.POOL, 15)
    if rng.random() < 0.35:
        builder.box(plot.part(-drive_u * 0.8, depth - 3, 1.6, 1.3), 2.2, Roof.GABLE, check=True)
    if rng.random() < 0.2:
        plan.quad(plot.part(drive_u * 0.5, depth - 4, 2.4, 1.7), Kind.SOIL, 14, rng.random(), 0.7)


def allotments(builder: Builder, leaf: Polygon) -> None:
    """Small gardens in rows, each with beds, a shed and fruit trees."""
    rng, plan = builder.rng, builder.plan
    block = inset(leaf, 2.0)
    if len(block) < 3:
        return
    plan.area(block, Kind.LAWN, 12, rng.random())
    angle = longest_edge(block)[0]
    u0, u1, v0, v1 = extents(block, angle)
    for row, v in enumerate(np.arange(v0 + 8, v1 - 6, 15.0)):
        for u in np.arange(u0 + 6, u1 - 4, 9.5):
            plot = Footprint(*turned(float(u), float(v), angle), angle, 4.4, 6.2)
            if not builder.inside(block, plot.corners):
                continue
            plan.quad(plot, Kind.LAWN, 13, rng.random())
            for _ in range(rng.randrange(1, 4)):
                bed = plot.part(rng.uniform(-2, 2), rng.uniform(-4, 4), rng.uniform(1, 2.2), rng.uniform(0.8, 1.8))
                plan.quad(bed, Kind.SOIL, 14, rng.random(), 0.6)
            end = 4.6 if row % 2 else -4.6
            if rng.random() < 0.8:
                builder.box(plot.part(rng.uniform(-2, 2), end, 1.7, 1.3), 2.1, Roof.GABLE, check=True)
            if rng.random() < 0.6:
                builder.tree(plot.at(rng.uniform(-3, 3), -end * 0.6), rng.uniform(0.9, 2.0))
            if rng.random() < 0.5:
                builder.hedge(plot.at(4.7, -6), plot.at(4.7, 6), 1.2)
    for v in np.arange(v0 + 15.5, v1 - 6, 30.0):
        a, b = turned(u0 + 3, float(v), angle), turned(u1 - 3, float(v), angle)
        if builder.inside(block, [a, b]):
            builder.path(a, b)


def plaza(builder: Builder, leaf: Polygon) -> None:
    """A square with a church or a town hall."""
    rng, plan = builder.rng, builder.plan
    block = builder.pavement(leaf)
    if len(block) < 3:
        return
    plan.area(block, Kind.PLAZA, 12, rng.random(), longest_edge(block)[0], 4.0)
    x, y = centroid(block)
    angle, room = longest_edge(block)[0], margin_m(block, x, y)
    if room < 14:
        return
    church = Footprint(x, y, angle, min(20.0, room * 0.8), min(8.0, room * 0.35))
    wall = rng.choice(WALLS[builder.style.walls])
    nave = Look(Roof.GABLE, rng.choice(ROOFS[builder.style.roofs]), wall, 1.0)
    plan.box(church, 11, nave)
    if rng.random() < 0.7:
        plan.box(church.part(0, 0, church.half_v * 1.7, church.half_v * 0.6, math.pi / 2), 10, nave)
        tower = Footprint(*church.at(-(church.half_u + 3), 0), angle, 3.6, 3.6)
        plan.box(tower, 25, Look(Roof.HIP, (84, 98, 92), wall, 2.2))
    for ax, ay, bx, by, _ in edges(block):
        n = int(math.hypot(bx - ax, by - ay) / 9)
        for k in range(1, n):
            px, py = ax + (bx - ax) * k / n, ay + (by - ay) * k / n
            builder.tree((px + (x - px) * 0.1, py + (y - py) * 0.1), rng.uniform(2, 2.8))


def park(builder: Builder, leaf: Polygon) -> None:
    """Lawns, paths, trees in groups, perhaps a pond."""
    rng, plan = builder.rng, builder.plan
    block = builder.pavement(leaf)
    if len(block) < 3:
        return
    plan.area(block, Kind.LAWN, 12, rng.random())
    x, y = centroid(block)
    room = margin_m(block, x, y)
    for ax, ay, bx, by, _ in edges(block):
        if rng.random() < 0.8:
            t = rng.uniform(0.25, 0.75)
            builder.path((ax + (bx - ax) * t, ay + (by - ay) * t), (x, y), rng.uniform(-0.25, 0.25))
    ring = [
        (x + 0.55 * room * math.cos(a), y + 0.55 * room * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 25)[:-1]
    ]
    for a, b in zip(ring, [*ring[1:], ring[0]], strict=True):
        builder.path(a, b)
    if room > 22 and rng.random() < 0.6:
        pond = [
            (
                x + room * (0.36 + 0.07 * math.sin(3 * a + x)) * math.cos(a),
                y + room * (0.28 + 0.06 * math.cos(2 * a)) * math.sin(a),
            )
            for a in np.linspace(0, 2 * math.pi, 30)[:-1]
        ]
        plan.area(pond, Kind.POND, 16)
        plan.take(pond)
    else:
        plan.area(
            [(x + 5 * math.cos(a), y + 5 * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 20)[:-1]], Kind.PLAZA, 16
        )
    builder.scatter(block, 0.011, (2.4, 5.5), clumps=0.6)


def sports(builder: Builder, leaf: Polygon) -> None:
    """A stadium with its track, or pitches and tennis courts."""
    rng, plan = builder.rng, builder.plan
    block = builder.pavement(leaf)
    if len(block) < 3:
        return
    plan.area(block, Kind.LAWN, 12, rng.random())
    angle = longest_edge(block)[0]
    x, y = centroid(block)
    for long in (angle, angle + math.pi / 2):
        if builder.dry(x, y, 100) and builder.inside(block, Footprint(x, y, long, 88, 47).corners):
            builder.stadium((x, y), long)
            builder.scatter(block, 0.003, (2.5, 4.5))
            return
    u0, u1, v0, v1 = extents(block, angle)
    v = v0 + 4
    while v < v1 - 20:
        u, tallest = u0 + 4, 20.0
        while u < u1 - 15:
            kind = rng.choice(["pitch", "court", "court", "small", "park"])
            hu, hv = {"pitch": (48.0, 31.0), "small": (22.0, 12.0), "court": (18.3, 9.2), "park": (20.0, 14.0)}[kind]
            footprint = Footprint(*turned(u + hu, v + hv, angle), angle, hu, hv)
            if not (
                builder.inside(block, footprint.corners)
                and plan.is_free(footprint.corners)
                and builder.dry(footprint.x, footprint.y, hu + 10)
            ):
                u += 7
                continue
            plan.take(footprint.grown(1).corners)
            if kind in ("pitch", "small"):
                builder.pitch(footprint.grown(-2))
            elif kind == "court":
                builder.court((footprint.x, footprint.y), angle)
            else:
                builder.parking((footprint.x, footprint.y), angle, hu - 2, block)
            tallest = max(tallest, 2 * hv + 4)
            u += 2 * hu + 4
        v += tallest
    builder.scatter(block, 0.004, (2.2, 4.4))


def industry(builder: Builder, leaf: Polygon) -> None:
    """Halls, tanks, yards, lorries."""
    rng, plan = builder.rng, builder.plan
    block = builder.pavement(leaf, 1.0)
    if len(block) < 3:
        return
    plan.area(block, rng.choice([Kind.CONCRETE, Kind.ASPHALT, Kind.YARD]), 12, rng.random())
    green = inset(block, 4, with_streets=False)
    angle = longest_edge(block)[0]
    for _ in range(70):
        _hall(builder, block, builder.point(green or block), angle)
    for _ in range(rng.randrange(8)):
        x, y = builder.point(green or block)
        r = rng.uniform(3, 8)
        height, look = rng.uniform(6, 14), Look(Roof.ROUND, rng.choice(FLATS), (190, 190, 188))
        plan.box_if_free(Footprint(x, y, 0, r, r), height, look, room_m=1.5)
    for _ in range(14):
        builder.parking(builder.point(green or block), angle, rng.uniform(14, 30), block)
    for _ in range(rng.randrange(30)):
        footprint = Footprint(*builder.point(green or block), angle, 6.1, 1.25)
        height = 2.6 * rng.choice([1, 1, 2])
        look = Look(Roof.FLAT, rng.choice(CONTAINERS), rng.choice(CONTAINERS))
        plan.box_if_free(footprint, height, look, room_m=0.4)
    for ax, ay, bx, by, _ in edges(block):
        if rng.random() < 0.5:
            builder.hedge((ax, ay), (bx, by), 1.6)


def _hall(builder: Builder, block: Polygon, middle: Point, angle: float) -> None:
    """A hall where there is room, with lorries in front of it."""
    rng, plan = builder.rng, builder.plan
    hall = Footprint(*middle, angle, rng.uniform(12, 38), rng.uniform(8, 24))
    around = hall.grown(5).corners
    if not builder.inside(block, around) or not plan.is_free(around):
        return
    roof = rng.choice([Roof.FLAT, Roof.FLAT, Roof.GABLE, Roof.SAW])
    eave, colour = rng.uniform(6, 12), rng.choice(HALLS)
    slope = {Roof.FLAT: 0.0, Roof.GABLE: 0.16, Roof.SAW: 0.35}[roof]
    if plan.box_if_free(hall, eave, Look(roof, colour, rng.choice(HALLS), slope), room_m=4):
        if roof == Roof.FLAT:
            builder.clutter(hall, eave)
        for _ in range(rng.randrange(5)):
            lorry = hall.at(rng.uniform(-hall.half_u, hall.half_u), -hall.half_v - 7)
            plan.slot(*lorry, angle + math.pi / 2, 0.7, 0.3, truck=True)


def retail(builder: Builder, leaf: Polygon) -> None:
    """A market hall and its large car park."""
    rng, plan = builder.rng, builder.plan
    block = builder.pavement(leaf)
    if len(block) < 3:
        return
    plan.area(block, Kind.ASPHALT, 12, rng.random())
    angle = longest_edge(block)[0]
    u0, u1, v0, v1 = extents(block, angle)
    hu, hv = 0.36 * (u1 - u0), min(30.0, 0.22 * (v1 - v0))
    hall = Footprint(*turned((u0 + u1) / 2, v1 - hv - 6, angle), angle, hu, hv)
    if builder.inside(block, hall.corners):
        plan.box(hall, 7, Look(Roof.FLAT, rng.choice(FLATS), rng.choice(HALLS)))
        builder.clutter(hall, 7)
    rows = max(1, int((v1 - v0 - 2 * hv - 14) / 17))
    middle = turned((u0 + u1) / 2, (v0 + v1 - 2 * hv) / 2 - 3, angle)
    builder.parking(middle, angle, 0.42 * (u1 - u0), block, rows)
