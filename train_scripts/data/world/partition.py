"""Convex polygons cut into districts, blocks and fields by straight streets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

Corner = tuple[float, float, float]  # x, y in metres, and the width of the street on the edge that starts here
Polygon = list[Corner]  # convex, counter-clockwise


@dataclass(frozen=True)
class Chord:
    """A straight street that cut a polygon in two."""

    x0: float
    y0: float
    x1: float
    y1: float
    width_m: float
    rank: int  # 0: the main roads
    urban: bool

    @property
    def length_m(self) -> float:
        """Its length in metres."""
        return math.hypot(self.x1 - self.x0, self.y1 - self.y0)


def edges(polygon: Polygon) -> Iterator[tuple[float, float, float, float, float]]:
    """Each edge: x and y of its ends, and the width of the street on it."""
    for (ax, ay, width), (bx, by, _) in zip(polygon, [*polygon[1:], *polygon[:1]], strict=True):
        yield ax, ay, bx, by, width


def clip(polygon: Polygon, px: float, py: float, nx: float, ny: float, width: float) -> Polygon:
    """The part of the polygon on the side of (px, py) to which (nx, ny) points; the new edge gets `width`."""
    out: Polygon = []
    signed = [(x - px) * nx + (y - py) * ny for x, y, _ in polygon]
    for i, (ax, ay, aw) in enumerate(polygon):
        j = (i + 1) % len(polygon)
        da, db = signed[i], signed[j]
        if da >= 0:
            out.append((ax, ay, aw))
        if (da >= 0) != (db >= 0):
            t = da / (da - db)
            bx, by, _ = polygon[j]
            out.append((ax + t * (bx - ax), ay + t * (by - ay), width if da >= 0 else aw))
    return out if len(out) >= 3 else []


def inset(polygon: Polygon, extra_m: float, with_streets: bool = True) -> Polygon:
    """The polygon without half of each street at its edges and `extra_m` more."""
    out = polygon
    for ax, ay, bx, by, w in edges(polygon):
        length = math.hypot(bx - ax, by - ay)
        if length < 1e-6 or not out:
            continue
        nx, ny = -(by - ay) / length, (bx - ax) / length
        d = extra_m + (w / 2 if with_streets else 0)
        out = clip(out, ax + nx * d, ay + ny * d, nx, ny, w)
    return out


def area_m2(polygon: Polygon) -> float:
    """Its area in square metres."""
    total = 0.0
    for ax, ay, bx, by, _ in edges(polygon):
        total += ax * by - bx * ay
    return total / 2


def centroid(polygon: Polygon) -> tuple[float, float]:
    """The mean of its corners weighted by the length of their edges (inside, as it is convex)."""
    sx = sy = total = 0.0
    for ax, ay, bx, by, _ in edges(polygon):
        w = math.hypot(bx - ax, by - ay)
        sx, sy, total = sx + w * (ax + bx) / 2, sy + w * (ay + by) / 2, total + w
    return sx / max(total, 1e-9), sy / max(total, 1e-9)


def longest_edge(polygon: Polygon) -> tuple[float, float]:
    """(direction in radians, length in metres) of the longest edge."""
    best = (0.0, 0.0)
    for ax, ay, bx, by, _ in edges(polygon):
        length = math.hypot(bx - ax, by - ay)
        if length > best[1]:
            best = (math.atan2(by - ay, bx - ax), length)
    return best


def extents(polygon: Polygon, angle: float) -> tuple[float, float, float, float]:
    """(lowest u, highest u, lowest v, highest v) in the frame turned by `angle` radians."""
    c, s = math.cos(angle), math.sin(angle)
    us = [x * c + y * s for x, y, _ in polygon]
    vs = [y * c - x * s for x, y, _ in polygon]
    return min(us), max(us), min(vs), max(vs)


def margin_m(polygon: Polygon, x: float, y: float) -> float:
    """Distance from the point to the nearest edge's line, negative outside."""
    best = math.inf
    for ax, ay, bx, by, _ in edges(polygon):
        length = math.hypot(bx - ax, by - ay)
        if length > 1e-6:
            best = min(best, ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length)
    return best


@dataclass(frozen=True)
class Cuts:
    """How a polygon is cut into parts of about one size.

    Attributes:
        long_m, short_m: sides of the parts, metres.
        widths_m: of the streets: of the first cuts first, of all later ones the last.
        irregular: share of a part's side by which a cut leaves its place.
        tilt_rad: largest angle between a cut and the frame.
        urban, first_rank: of the streets.
    """

    long_m: float
    short_m: float
    widths_m: tuple[float, ...]
    irregular: float
    tilt_rad: float
    urban: bool = False
    first_rank: int = 0


def subdivide(polygon: Polygon, rng: Random, angle: float, cuts: Cuts) -> tuple[list[Polygon], list[Chord]]:
    """Cut a polygon in the frame of `angle`. Returns: the parts and the cuts."""
    leaves: list[Polygon] = []
    chords: list[Chord] = []
    todo = [(polygon, 0)]
    while todo:
        part, depth = todo.pop()
        if len(part) < 3:
            continue
        u0, u1, v0, v1 = extents(part, angle)
        ru, rv = (u1 - u0) / cuts.long_m, (v1 - v0) / cuts.short_m
        if max(ru, rv) < rng.uniform(1.35, 1.65):
            leaves.append(part)
            continue
        t = 0.5 + rng.uniform(-1, 1) * cuts.irregular
        pieces = max(ru, rv)
        if pieces > 2.5:  # cut at a whole number of blocks, so that the grid stays even
            t = max(1, round(t * round(pieces))) / round(pieces)
        turn = angle + rng.uniform(-1, 1) * cuts.tilt_rad
        if ru > rv:
            u, v, nx, ny = u0 + t * (u1 - u0), (v0 + v1) / 2, math.cos(turn), math.sin(turn)
        else:
            u, v, nx, ny = (u0 + u1) / 2, v0 + t * (v1 - v0), -math.sin(turn), math.cos(turn)
        c, s = math.cos(angle), math.sin(angle)
        px, py = u * c - v * s, u * s + v * c
        width = cuts.widths_m[min(depth, len(cuts.widths_m) - 1)]
        first, second = clip(part, px, py, nx, ny, width), clip(part, px, py, -nx, -ny, width)
        if not first or not second:
            leaves.append(part)
            continue
        on_line = [p for p in first if abs((p[0] - px) * nx + (p[1] - py) * ny) < 1e-6]
        if len(on_line) >= 2:
            a, b = on_line[0], on_line[-1]
            chords.append(Chord(a[0], a[1], b[0], b[1], width, cuts.first_rank + depth, cuts.urban))
        todo += [(first, depth + 1), (second, depth + 1)]
    return leaves, chords
