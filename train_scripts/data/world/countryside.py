"""What grows or stands on a parcel of the open country."""

from __future__ import annotations

import math

import numpy as np

from train_scripts.data.world.builder import Pen
from train_scripts.data.world.noise import noise
from train_scripts.data.world.partition import Polygon, centroid, extents, inset, longest_edge
from train_scripts.data.world.scene import Kind, Roof, Tree
from train_scripts.data.world.site_plan import Rgb, rectangle


def field(pen: Pen, leaf: Polygon) -> None:
    """A crop in rows, with a margin and perhaps a hedge."""
    rng, draft = pen.rng, pen.draft
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
                pen.tree_row((ax, ay), (bx, by))
    if rng.random() < 0.12:
        pen.tree(*pen.point(block), rng.uniform(3, 6))


def meadow(pen: Pen, leaf: Polygon) -> None:
    """Grass with a few trees and bushes."""
    block = inset(leaf, 0.8)
    pen.draft.area(block, Kind.MEADOW, 10, pen.rng.random())
    pen.scatter(block, pen.rng.choice([0.0004, 0.001, 0.003]), (1.2, 4.5), clumps=0.7)


def forest(pen: Pen, leaf: Polygon) -> None:
    """Single trees, close together."""
    rng = pen.rng
    block = inset(leaf, rng.uniform(0.5, 2.5))
    if len(block) < 3:
        return
    pen.draft.area(block, Kind.FOREST, 10, rng.random())
    u0, u1, v0, v1 = extents(block, 0.0)
    step = rng.uniform(4.6, 6.4)
    gx, gy = np.meshgrid(np.arange(u0, u1, step), np.arange(v0, v1, step))
    n = gx.size
    x = gx.ravel() + pen.bulk.uniform(-0.46, 0.46, n) * step
    y = gy.ravel() + pen.bulk.uniform(-0.46, 0.46, n) * step
    keep = pen.inside_many(block, x, y, 1.5) & (pen.bulk.random(n) < rng.uniform(0.82, 0.97))
    if rng.random() < 0.6:  # glades
        keep &= noise(x, y, 75, pen.draft.seed + 45) < rng.uniform(0.35, 0.8)
    x, y = x[keep], y[keep]
    mix = rng.choice([0.03, 0.1, 0.3, 0.55, 0.9])
    patch = np.asarray(noise(x, y, 60, pen.draft.seed + 43))
    conifer = pen.bulk.random(len(x)) + 0.5 * patch < mix
    radius = step * (0.36 + pen.bulk.beta(1.6, 2.4, len(x)) * 0.62) * np.where(conifer, 0.8, 1.0)
    height = np.where(conifer, radius * 4.6, radius * 3.2) + 3
    hue = np.clip(0.5 + 0.25 * patch + pen.bulk.normal(0, 0.2, len(x)), 0, 1)
    pen.draft.plant(x, y, radius, height, conifer.astype(int), hue)


def orchard(pen: Pen, leaf: Polygon) -> None:
    """Fruit trees or vines in rows."""
    rng = pen.rng
    block = inset(leaf, 2.5)
    if len(block) < 3:
        return
    angle = longest_edge(block)[0]
    vines = rng.random() < 0.4
    pen.draft.area(block, Kind.ORCHARD, 10, rng.random(), angle, 0.0)
    u0, u1, v0, v1 = extents(block, angle)
    du, dv = (1.3, 2.6) if vines else (rng.uniform(4, 5.5), rng.uniform(5, 7))
    gu, gv = np.meshgrid(np.arange(u0, u1, du), np.arange(v0, v1, dv))
    c, s, n = math.cos(angle), math.sin(angle), gu.size
    gu, gv = gu.ravel() + pen.bulk.normal(0, 0.15, n), gv.ravel() + pen.bulk.normal(0, 0.1, n)
    x, y = gu * c - gv * s, gu * s + gv * c
    keep = pen.inside_many(block, x, y, 1.5) & (pen.bulk.random(n) < 0.95)
    x, y, n = x[keep], y[keep], int(keep.sum())
    radius = pen.bulk.uniform(0.55, 0.8, n) if vines else pen.bulk.uniform(1.5, 2.4, n)
    pen.draft.plant(x, y, radius, radius * 2 + 0.4, int(Tree.FRUIT), pen.bulk.random(n) * 0.4 + 0.3)


def farm(pen: Pen, leaf: Polygon) -> None:
    """A farmstead between its fields."""
    rng, draft = pen.rng, pen.draft
    field(pen, leaf)
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
        px, py = pen.offset(x, y, angle, rng.uniform(-22, 22), rng.uniform(-17, 17))
        pen.box(
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
        pen.tree(
            *pen.offset(x, y, angle, rng.uniform(-33, 33), rng.choice([-1, 1]) * rng.uniform(19, 27)),
            rng.uniform(2, 4.5),
        )


def greenhouses(pen: Pen, leaf: Polygon) -> None:
    """Long glass houses side by side."""
    _rows(pen, leaf, 9.6, 4.5, Roof.GABLE, (206, 214, 214), 2.6, 0.35)


def solar(pen: Pen, leaf: Polygon) -> None:
    """Rows of solar panels."""
    _rows(pen, leaf, 7.0, 1.9, Roof.SHED, (44, 52, 74), 0.9, 0.35)


def _rows(
    pen: Pen, leaf: Polygon, step: float, half_v: float, roof: Roof, colour: Rgb, eave: float, slope: float
) -> None:
    block = inset(leaf, 6)
    if len(block) < 3:
        return
    pen.draft.area(block, Kind.MEADOW, 10, 0.6)
    angle = longest_edge(block)[0]
    u0, u1, v0, v1 = extents(block, angle)
    for v in np.arange(v0 + step, v1 - step / 2, step):
        for u in np.arange(u0 + 14, u1 - 10, 26.0):
            x, y = pen.turned(u, float(v), angle)
            if pen.inside(block, rectangle(x, y, angle, 13, half_v)):
                pen.draft.box(x, y, angle, 12.8, half_v, eave, roof, colour, (120, 126, 126), slope)
