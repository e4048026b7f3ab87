"""What grows or stands on a parcel of the open country."""

from __future__ import annotations

import math

import numpy as np

from train_scripts.data.world.builder import Builder
from train_scripts.data.world.footprint import Footprint, turned
from train_scripts.data.world.noise import noise
from train_scripts.data.world.partition import Polygon, centroid, edges, extents, inset, longest_edge
from train_scripts.data.world.scene import Kind, Roof, Tree
from train_scripts.data.world.site_plan import Look


def field(builder: Builder, leaf: Polygon) -> None:
    """A crop in rows, with a margin and perhaps a hedge."""
    rng, plan = builder.rng, builder.plan
    block = inset(leaf, rng.uniform(0.3, 2.2))
    if len(block) < 3:
        return
    angle = longest_edge(block)[0]
    plan.area(
        block,
        Kind.FIELD,
        10,
        rng.random(),
        angle + rng.choice([0, 0, 0, math.pi / 2]),
        rng.choice([0.75, 1.5, 2.0, 3.0]),
    )
    if rng.random() < 0.25:
        for ax, ay, bx, by, _ in edges(leaf):
            if rng.random() < 0.6:
                builder.tree_row((ax, ay), (bx, by))
    if rng.random() < 0.12:
        builder.tree(builder.point(block), rng.uniform(3, 6))


def meadow(builder: Builder, leaf: Polygon) -> None:
    """Grass with a few trees and bushes."""
    block = inset(leaf, 0.8)
    builder.plan.area(block, Kind.MEADOW, 10, builder.rng.random())
    builder.scatter(block, builder.rng.choice([0.0004, 0.001, 0.003]), (1.2, 4.5), clumps=0.7)


def forest(builder: Builder, leaf: Polygon) -> None:
    """Single trees, close together."""
    rng = builder.rng
    block = inset(leaf, rng.uniform(0.5, 2.5))
    if len(block) < 3:
        return
    builder.plan.area(block, Kind.FOREST, 10, rng.random())
    u0, u1, v0, v1 = extents(block, 0.0)
    step = rng.uniform(4.6, 6.4)
    gx, gy = np.meshgrid(np.arange(u0, u1, step), np.arange(v0, v1, step))
    n = gx.size
    x = gx.ravel() + builder.bulk.uniform(-0.46, 0.46, n) * step
    y = gy.ravel() + builder.bulk.uniform(-0.46, 0.46, n) * step
    keep = builder.inside_many(block, x, y, 1.5) & (builder.bulk.random(n) < rng.uniform(0.82, 0.97))
    if rng.random() < 0.6:  # glades
        keep &= noise(x, y, 75, builder.plan.seed + 45) < rng.uniform(0.35, 0.8)
    x, y = x[keep], y[keep]
    mix = rng.choice([0.03, 0.1, 0.3, 0.55, 0.9])
    patch = np.asarray(noise(x, y, 60, builder.plan.seed + 43))
    conifer = builder.bulk.random(len(x)) + 0.5 * patch < mix
    radius = step * (0.36 + builder.bulk.beta(1.6, 2.4, len(x)) * 0.62) * np.where(conifer, 0.8, 1.0)
    height = np.where(conifer, radius * 4.6, radius * 3.2) + 3
    hue = np.clip(0.5 + 0.25 * patch + builder.bulk.normal(0, 0.2, len(x)), 0, 1)
    builder.plan.plant(x, y, radius, height, conifer.astype(int), hue)


def orchard(builder: Builder, leaf: Polygon) -> None:
    """Fruit trees or vines in rows."""
    rng = builder.rng
    block = inset(leaf, 2.5)
    if len(block) < 3:
        return
    angle = longest_edge(block)[0]
    vines = rng.random() < 0.4
    builder.plan.area(block, Kind.ORCHARD, 10, rng.random(), angle, 0.0)
    u0, u1, v0, v1 = extents(block, angle)
    du, dv = (1.3, 2.6) if vines else (rng.uniform(4, 5.5), rng.uniform(5, 7))
    gu, gv = np.meshgrid(np.arange(u0, u1, du), np.arange(v0, v1, dv))
    c, s, n = math.cos(angle), math.sin(angle), gu.size
    gu, gv = gu.ravel() + builder.bulk.normal(0, 0.15, n), gv.ravel() + builder.bulk.normal(0, 0.1, n)
    x, y = gu * c - gv * s, gu * s + gv * c
    keep = builder.inside_many(block, x, y, 1.5) & (builder.bulk.random(n) < 0.95)
    x, y, n = x[keep], y[keep], int(keep.sum())
    radius = builder.bulk.uniform(0.55, 0.8, n) if vines else builder.bulk.uniform(1.5, 2.4, n)
    builder.plan.plant(x, y, radius, radius * 2 + 0.4, int(Tree.FRUIT), builder.bulk.random(n) * 0.4 + 0.3)


def farm(builder: Builder, leaf: Polygon) -> None:
    """A farmstead between its fields."""
    rng, plan = builder.rng, builder.plan
    field(builder, leaf)
    block = inset(leaf, 4)
    if len(block) < 3:
        return
    ax, ay, _ = block[0]
    x, y = centroid(block)
    x, y = x + (ax - x) * 0.45, y + (ay - y) * 0.45
    angle = longest_edge(block)[0]
    yard = Footprint(x, y, angle, 20, 15)
    plan.quad(yard.resized(34, 27), Kind.LAWN, 12, rng.random())
    plan.quad(yard, Kind.GRAVEL, 13, rng.random())
    for _ in range(9):
        px, py = yard.at(rng.uniform(-22, 22), rng.uniform(-17, 17))
        turn = angle + rng.choice([0, math.pi / 2])
        barn = Footprint(px, py, turn, rng.uniform(7, 16), rng.uniform(4.5, 7.5))
        builder.box(barn, rng.uniform(4, 6.5), Roof.GABLE, 0.6, check=True)
    for _ in range(14):
        spot = yard.at(rng.uniform(-33, 33), rng.choice([-1, 1]) * rng.uniform(19, 27))
        builder.tree(spot, rng.uniform(2, 4.5))


def greenhouses(builder: Builder, leaf: Polygon) -> None:
    """Long glass houses side by side."""
    _rows(builder, leaf, 9.6, 4.5, 2.6, Look(Roof.GABLE, (206, 214, 214), (120, 126, 126), 0.35))


def solar(builder: Builder, leaf: Polygon) -> None:
    """Rows of solar panels."""
    _rows(builder, leaf, 7.0, 1.9, 0.9, Look(Roof.SHED, (44, 52, 74), (120, 126, 126), 0.35))


def _rows(builder: Builder, leaf: Polygon, step: float, half_v: float, eave: float, look: Look) -> None:
    block = inset(leaf, 6)
    if len(block) < 3:
        return
    builder.plan.area(block, Kind.MEADOW, 10, 0.6)
    angle = longest_edge(block)[0]
    u0, u1, v0, v1 = extents(block, angle)
    for v in np.arange(v0 + step, v1 - step / 2, step):
        for u in np.arange(u0 + 14, u1 - 10, 26.0):
            footprint = Footprint(*turned(u, float(v), angle), angle, 13, half_v)
            if builder.inside(block, footprint.corners):
                builder.plan.box(footprint.resized(12.8, half_v), eave, look)
