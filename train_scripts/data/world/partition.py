"""Convex polygons cut into districts, blocks and fields by straight streets."""

from __future__ import annotations

import math
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
    for i, (ax, ay, w) in enumerate(polygon):
        bx, by, _ = polygon[(i + 1) % len(polygon)]
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
    for i, (ax, ay, _) in enumerate(polygon):
        bx, by, _ = polygon[(i + 1) % len(polygon)]
        total += ax * by - bx * ay
    return total / 2


def centroid(polygon: Polygon) -> tuple[float, float]:
    """The mean of its corners weighted by the length of their edges (inside, as it is convex)."""
    sx = sy = total = 0.0
    for i, (ax, ay, _) in enumerate(polygon):
        bx, by, _ = polygon[(i + 1) % len(polygon)]
        w = math.hypot(bx - ax, by - ay)
        sx, sy, total = sx + w * (ax + bx) / 2, sy + w * (ay + by) / 2, total + w
    return sx / max(total, 1e-9), sy / max(total, 1e-9)


def longest_edge(polygon: Polygon) -> tuple[float, float]:
    """(direction in radians, length in metres) of the longest edge."""
    best = (0.0, 0.0)
    for i, (ax, ay, _) in enumerate(polygon):
        bx, by, _ = polygon[(i + 1) % len(polygon)]
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
    for i, (ax, ay, _) in enumerate(polygon):
        bx, by, _ = polygon[(i + 1) % len(polygon)]
        length = math.hypot(bx - ax, by - ay)
        if length > 1e-6:
            best = min(best, ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length)
    return best


def subdivide(
    polygon: Polygon,
    rng: Random,
    angle: float,
    long_m: float,
    short_m: float,
    widths_m: tuple[float, ...],
    irregular: float = 0.1,
    tilt_rad: float = 0.0,
    urban: bool = False,
    first_rank: int = 0,
) -> tuple[list[Polygon], list[Chord]]:
    """Cut a polygon until its parts are about long_m by short_m in the frame of `angle`.

    The first cuts get the first of `widths_m`, all later ones the last. Returns the parts and the cuts.
    """
    leaves: list[Polygon] = []
    chords: list[Chord] = []
    todo = [(polygon, 0)]
    while todo:
        part, depth = todo.pop()
        if len(part) < 3:
            continue
        u0, u1, v0, v1 = extents(part, angle)
        ru, rv = (u1 - u0) / long_m, (v1 - v0) / short_m
        if max(ru, rv) < rng.uniform(1.35, 1.65):
            leaves.append(part)
            continue
        t = 0.5 + rng.uniform(-1, 1) * irregular
        pieces = max(ru, rv)
        if pieces > 2.5:  # cut at a whole number of blocks, so that the grid stays even
            t = max(1, round(t * round(pieces))) / round(pieces)
        turn = angle + rng.uniform(-1, 1) * tilt_rad
        if ru > rv:
            u, v, nx, ny = u0 + t * (u1 - u0), (v0 + v1) / 2, math.cos(turn), math.sin(turn)
        else:
            u, v, nx, ny = (u0 + u1) / 2, v0 + t * (v1 - v0), -math.sin(turn), math.cos(turn)
        c, s = math.cos(angle), math.sin(angle)
        px, py = u * c - v * s, u * s + v * c
        width = widths_m[min(depth, len(widths_m) - 1)]
        first, second = clip(part, px, py, nx, ny, width), clip(part, px, py, -nx, -ny, width)
        if not first or not second:
            leaves.append(part)
            continue
        on_line = [p for p in first if abs((p[0] - px) * nx + (p[1] - py) * ny) < 1e-6]
        if len(on_line) >= 2:
            a, b = on_line[0], on_line[-1]
            chords.append(Chord(a[0], a[1], b[0], b[1], width, first_rank + depth, urban))
        todo += [(first, depth + 1), (second, depth + 1)]
    return leaves, chords
