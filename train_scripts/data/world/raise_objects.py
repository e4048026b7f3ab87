"""What stands on the ground of a window: cars, buildings and trees."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train_scripts.data.world.canvas import Canvas
from train_scripts.data.world.colours import CARS, TREES
from train_scripts.data.world.noise import Floats, hashed_unit
from train_scripts.data.world.scene import Roof, Scene, Tree
from train_scripts.data.world.shading import TREE_OPACITY, Appearance, sun_vector

_CAR_COLOURS = np.array(CARS, np.float32)


# --- cars ---


@dataclass(frozen=True)
class _Cars:
    """Cars of one size, n of them."""

    x: Floats
    y: Floats
    angle: Floats
    half_u: Floats  # half the length, metres
    half_v: Floats  # half the width, metres
    tall: float
    colour: Floats  # (n, 3)
    truck: bool


def place_cars(canvas: Canvas, scene: Scene, appearance: Appearance) -> None:
    """The cars of the day on their places; in pixels above 1.5 m there are none."""
    slots = scene.slots
    if canvas.gsd > 1.5:
        return
    number = np.arange(len(slots.x))
    taken = hashed_unit(number, appearance.car_seed * 5 + 11) < slots.chance
    shown = canvas.near(slots.x, slots.y, 9.0)
    shown = shown[taken[shown]]
    for truck, half_u, half_v, tall in ((False, 2.25, 0.92, 1.5), (True, 5.2, 1.25, 3.4)):
        chosen = shown[slots.truck[shown] == truck]
        if not len(chosen):
            continue
        roll = hashed_unit(chosen, appearance.car_seed * 5 + 12)
        shift = (roll * 2 - 1) * slots.play_m[chosen]
        angle = slots.angle[chosen]
        x, y = slots.x[chosen] + shift * np.cos(angle), slots.y[chosen] + shift * np.sin(angle)
        size = 0.9 + 0.2 * hashed_unit(chosen, appearance.car_seed * 5 + 13)
        colour = _CAR_COLOURS[(hashed_unit(chosen, appearance.car_seed * 5 + 14) * len(_CAR_COLOURS)).astype(int)]
        if truck:
            colour = colour * 0.5 + 105
        _stamp_cars(canvas, _Cars(x, y, angle, half_u * size, half_v * np.sqrt(size), tall, colour, truck))


def _stamp_cars(canvas: Canvas, cars: _Cars) -> None:
    reach = float(np.hypot(cars.half_u.max(), cars.half_v.max())) + canvas.gsd
    c, s = np.cos(cars.angle), np.sin(cars.angle)
    for stamp in canvas.stamps(cars.x, cars.y, reach, 1_500_000):
        k = stamp.which
        ck, sk = c[k][:, None, None], s[k][:, None, None]
        u, v = stamp.dx * ck + stamp.dy * sk, stamp.dy * ck - stamp.dx * sk
        hu, hv = cars.half_u[k][:, None, None], cars.half_v[k][:, None, None]
        corner = 0.35
        qx, qy = np.abs(u) - hu + corner, np.abs(v) - hv + corner
        outside = np.hypot(np.maximum(qx, 0), np.maximum(qy, 0)) + np.minimum(np.maximum(qx, qy), 0) - corner
        cover = np.clip(0.5 - outside / canvas.gsd, 0, 1)
        n, j, i = stamp.inside(cover > 0.02)
        rr, cc = stamp.row[n, j, 0], stamp.column[n, 0, i]
        un, vn, cover = u[n, j, i] / hu[n, 0, 0], v[n, j, i] / hv[n, 0, 0], cover[n, j, i][:, None]
        colour = cars.colour[k][n]
        paint = colour.astype(np.float32)
        up = np.full(len(un), cars.tall, np.float32)
        if cars.truck:
            up[un > 0.62] = 2.6
            paint = np.where(((un > 0.6) & (un < 0.66))[:, None], paint * 0.5, paint)
        else:
            glass = (((un > 0.12) & (un < 0.42)) | ((un < -0.55) & (un > -0.78))) & (np.abs(vn) < 0.86)
            paint = np.where(glass[:, None], paint * 0.15 + np.array([34, 40, 46], np.float32), paint)
            up[(un > 0.42) | (un < -0.8)] = 0.95
        canvas.albedo[rr, cc] += (paint - canvas.albedo[rr, cc]) * cover
        solid = cover[:, 0] > 0.5
        rr, cc = rr[solid], cc[solid]
        canvas.height[rr, cc] += np.where(canvas.height[rr, cc] > canvas.terrain.height_m[rr, cc] + 0.9, 0, up[solid])
        canvas.wall[rr, cc] = (colour[solid] * 0.7).astype(np.uint8)


# --- buildings ---


@dataclass(frozen=True)
class _Building:
    """One box: half its sides, the turn of its ridge, and its roof."""

    half_u: float
    half_v: float
    cos: float
    sin: float
    eave_m: float
    slope: float
    roof: int


def place_boxes(canvas: Canvas, scene: Scene, appearance: Appearance) -> None:
    """All that is built, the parts on roofs last."""
    boxes, gsd = scene.boxes, canvas.gsd
    reach = np.hypot(boxes.half_u, boxes.half_v) + gsd
    sun = sun_vector(appearance)
    height, width = canvas.kind.shape
    shown = canvas.near(boxes.x, boxes.y, reach)
    shown = shown[np.argsort(boxes.part[shown], kind="stable")]
    for b in shown.tolist():
        x, y, hu, hv = float(boxes.x[b]), float(boxes.y[b]), float(boxes.half_u[b]), float(boxes.half_v[b])
        c, s = math.cos(boxes.angle[b]), math.sin(boxes.angle[b])
        ex, ey = hu * abs(c) + hv * abs(s) + gsd, hu * abs(s) + hv * abs(c) + gsd
        left, right = math.floor((x - ex - canvas.west) / gsd), math.ceil((x + ex - canvas.west) / gsd)
        top, bottom = math.floor((canvas.north - y - ey) / gsd), math.ceil((canvas.north - y + ey) / gsd)
        left, right, top, bottom = max(0, left), min(width, right), max(0, top), min(height, bottom)
        if right <= left or bottom <= top:
            continue
        dx, dy = (canvas.x[:, left:right] - x).astype(np.float32), (canvas.y[top:bottom] - y).astype(np.float32)
        u, v = dx * c + dy * s, dy * c - dx * s
        one = _Building(hu, hv, c, s, float(boxes.eave_m[b]), float(boxes.slope[b]), int(boxes.roof[b]))
        edge = _outside_m(one, u, v)
        z, lit, tone = _roof(one, u, v, edge, sun, gsd)
        window = (slice(top, bottom), slice(left, right))
        free = z >= canvas.height[window] - 0.01
        cover = np.clip(0.5 - edge / gsd, 0, 1)
        solid, alpha = (cover >= 0.5) & free, cover * free
        spots = 1 + 0.05 * canvas.medium[window] + 0.04 * canvas.coarse[window] + 0.03 * canvas.fine[window]
        colour = boxes.colour[b].astype(np.float32) * (tone * spots)[..., None]
        canvas.albedo[window] += (colour - canvas.albedo[window]) * alpha[..., None]
        canvas.height[window][solid] = z[solid]
        canvas.shade[window][solid] = lit[solid]
        canvas.wall[window][solid] = boxes.wall[b]


def _outside_m(box: _Building, u: Floats, v: Floats) -> Floats:
    """Metres from the outline at local coordinates along (u) and across (v) the ridge, negative inside."""
    if box.roof == Roof.ROUND:
        return np.hypot(u, v) - box.half_u
    if box.roof == Roof.BOAT:
        t = np.clip(u / box.half_u, -1, 1)
        bow = np.sqrt(np.clip(1.02 - np.maximum(t + 0.1, 0) ** 2.2, 0, 1))
        return np.maximum(np.abs(v) - box.half_v * bow, np.abs(u) - box.half_u)
    return np.maximum(np.abs(u) - box.half_u, np.abs(v) - box.half_v)


def _roof(
    box: _Building, u: Floats, v: Floats, edge: Floats, sun: tuple[float, float, float], gsd: float
) -> tuple[Floats, Floats, Floats]:
    """(height, light, brightness) of a roof at local coordinates. Args: edge: see `_outside_m`."""
    east, north, up = sun
    sun_u, sun_v = east * box.cos + north * box.sin, north * box.cos - east * box.sin
    roof, eave, slope, hu, hv = box.roof, box.eave_m, box.slope, box.half_u, box.half_v

    def face(slope_u: Floats | float, slope_v: Floats | float) -> Floats:
        length = np.sqrt(1 + np.square(slope_u) + np.square(slope_v))
        return np.clip((up - slope_u * sun_u - slope_v * sun_v) / (up * length), 0, 1.25).astype(np.float32)

    z: Floats
    tone: Floats
    flat = lit = np.ones(u.shape, np.float32)
    fine = float(np.clip(0.5 / gsd - 0.8, 0, 1))
    if roof == Roof.GABLE:
        z = eave + slope * (hv - np.abs(v))
        lit = face(0.0, -slope * np.sign(v))
        tone = flat + 0.09 * np.exp(-((v / 0.25) ** 2)) + 0.05 * fine * np.sin(v * (2 * math.pi / 0.36))
    elif roof == Roof.HIP:
        run_u, run_v = hu - np.abs(u), hv - np.abs(v)
        run = np.minimum(run_u, run_v)
        z = eave + slope * run
        lit = np.where(run_u < run_v, face(-slope * np.sign(u), 0.0), face(0.0, -slope * np.sign(v)))
        hip = 0.05 * np.exp(-(((run_u - run_v) / 0.3) ** 2))
        tone = flat + hip + 0.05 * fine * np.sin(run * (2 * math.pi / 0.36))
    elif roof == Roof.SHED:
        z = eave + slope * (v + hv)
        lit = face(0.0, slope) * flat
        tone = 1 - 0.14 * fine * (np.abs((u / 1.1) % 1 - 0.5) > 0.44)
    elif roof == Roof.SAW:
        t = ((u + hu) / 8.0) % 1
        z = eave + slope * 8 * t * 0.9
        lit = face(slope * 0.9, 0.0) * flat
        tone = np.where(t > 0.86, 0.62, 1.0)
    else:
        z = np.full(u.shape, eave, np.float32)
        tone = flat + 0.10 * (edge > -0.45) - 0.05 * (edge < -0.45) * (edge > -1.0)
        if roof == Roof.BOAT:
            tone = flat - 0.22 * (np.abs(v) < 0.35 * hv) * (u < 0.3 * hu)
    return z.astype(np.float32), lit.astype(np.float32), tone.astype(np.float32)


# --- trees ---


@dataclass(frozen=True)
class _Crowns:
    """The trees of a window, n of them."""

    number: NDArray[np.int64]  # in the scene
    x: Floats
    y: Floats
    radius: Floats
    tall: Floats
    base: Floats  # ground, metres above sea level
    kind: NDArray[np.uint8]
    hue: Floats


def place_trees(canvas: Canvas, scene: Scene, appearance: Appearance) -> None:
    """All trees, where their crowns are the highest thing."""
    trees, gsd = scene.trees, canvas.gsd
    shown = canvas.near(trees.x, trees.y, trees.radius_m * 1.3 + gsd)
    if not len(shown):
        return
    height, width = canvas.kind.shape
    x, y = trees.x[shown].astype(np.float64), trees.y[shown].astype(np.float64)
    column = np.clip(((x - canvas.west) / gsd).astype(int), 0, width - 1)
    row = np.clip(((canvas.north - y) / gsd).astype(int), 0, height - 1)
    base = canvas.terrain.height_m[row, column]
    crowns = _Crowns(
        shown, x, y, trees.radius_m[shown], trees.height_m[shown], base, trees.kind[shown], trees.hue[shown]
    )
    rough = 0.15 * canvas.fine + 0.22 * canvas.medium
    where, m, z = _highest(canvas, crowns, rough)
    higher = z > canvas.height.ravel()[where]
    _paint_crowns(canvas, crowns, rough, appearance, where[higher], m[higher], z[higher])


def _highest(canvas: Canvas, crowns: _Crowns, rough: Floats) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pixels under a crown, which tree is the highest there, and its height above the sea, metres."""
    width = canvas.kind.shape[1]
    keys = np.full(canvas.kind.size, -1, np.int64)
    bins = np.digitize(crowns.radius, [0.8, 1.4, 2.2, 3.2, 4.4])
    for size in np.unique(bins):
        members = np.flatnonzero(bins == size)
        reach = float(crowns.radius[members].max()) * 1.25 + canvas.gsd
        for stamp in canvas.stamps(crowns.x[members], crowns.y[members], reach, 1_000_000):
            k = members[stamp.which]
            radius = crowns.radius[k][:, None, None]
            dx, dy = stamp.dx / radius, stamp.dy / radius
            away = np.sqrt(dx * dx + dy * dy)
            n, j, i = stamp.inside(away < 1.25)
            flat = stamp.row[n, j, 0] * width + stamp.column[n, 0, i]
            t = away[n, j, i] * (1 + rough.ravel()[flat])
            ok = t < 1
            m, flat, t = k[n[ok]], flat[ok], t[ok]
            tall, conifer = crowns.tall[m], crowns.kind[m] == Tree.CONIFER
            dome = np.minimum(crowns.radius[m] * 1.1, 0.75 * tall) * (1 - np.sqrt(1 - t * t))
            z = crowns.base[m] + tall - np.where(conifer, 0.7 * tall * t, dome)
            np.maximum.at(keys, flat, ((z * 100).astype(np.int64) + 100_000) << 32 | m)
    where = np.flatnonzero(keys >= 0)
    m = (keys[where] & 0xFFFFFFFF).astype(np.int64)
    return where, m, ((keys[where] >> 32) - 100_000).astype(np.float32) / 100


def _paint_crowns(
    canvas: Canvas,
    crowns: _Crowns,
    rough: Floats,
    appearance: Appearance,
    where: NDArray[np.int64],
    m: NDArray[np.int64],
    z: Floats,
) -> None:
    """Colour, light and height of the pixels `where`, which the trees `m` cover up to the heights z."""
    width = canvas.kind.shape[1]
    row, column = where // width, where % width
    radius, kind = crowns.radius[m], crowns.kind[m]
    dx = (canvas.x[0, column] - crowns.x[m]).astype(np.float32) / radius
    dy = (canvas.y[row, 0] - crowns.y[m]).astype(np.float32) / radius
    away = np.sqrt(dx * dx + dy * dy)
    t = np.minimum(away * (1 + rough[row, column]), 1)
    east, north, up = sun_vector(appearance)
    bulge = np.where(kind == Tree.CONIFER, 1.1, 1.15 * t / np.sqrt(1.15 - t * t)).astype(np.float32)
    nx, ny = dx / np.maximum(away, 1e-3) * bulge, dy / np.maximum(away, 1e-3) * bulge
    leaf = 0.35 * canvas.fine[row, column]
    lit = (up + nx * east + ny * north) / (up * np.sqrt(1 + nx * nx + ny * ny)) * (1 + leaf)
    table = np.array(TREES[appearance.season], np.float32).reshape(-1, 2, 3)
    hue = crowns.hue[m][:, None]
    colour = table[kind, 0] * (1 - hue) + table[kind, 1] * hue
    colour *= (0.88 + 0.24 * hashed_unit(crowns.number[m], 5))[:, None] * (
        1 + 0.10 * canvas.fine[row, column] + 0.05 * canvas.medium[row, column]
    )[:, None]
    cover = np.clip((1 - t) * radius / canvas.gsd + 0.35, 0, 1)
    leafy = (kind == Tree.BROADLEAF) | (kind == Tree.FRUIT)
    cover = np.where(leafy, cover * TREE_OPACITY[appearance.season], cover)[:, None]
    canvas.albedo[row, column] += (colour - canvas.albedo[row, column]) * cover
    shade = canvas.shade[row, column]
    canvas.shade[row, column] = shade + (np.clip(lit, 0.15, 1.3) - shade) * cover[:, 0]
    canvas.height[row, column] = z
    canvas.wall[row, column] = (colour * 0.62).astype(np.uint8)
