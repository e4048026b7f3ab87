"""What lies on the ground of a window: areas, water, roads, lines, and the texture of it all."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from train_scripts.data.world.canvas import SHIFT, Canvas
from train_scripts.data.world.noise import Floats, noise, smoothstep
from train_scripts.data.world.scene import Areas, Kind, Scene
from train_scripts.data.world.shading import Appearance, area_colours, sun_vector, texture_table

_BRIDGE_M = 4.2  # height of a bridge above the water
_PIER_M = 1.6  # height of a pier above the water


def paint_areas(canvas: Canvas, scene: Scene, appearance: Appearance) -> None:
    """Areas of the ground, with rows of crops and the like."""
    areas = scene.areas
    colours = area_colours(areas, appearance, scene.style.dryness)
    rowed: list[tuple[NDArray[np.int32], int]] = []
    for i in canvas.visible(areas.bounds).tolist():
        points = canvas.polygon(areas, i)
        cv2.fillPoly(canvas.paint, [points], colours[i].tolist(), cv2.LINE_AA, SHIFT)
        cv2.fillPoly(canvas.kind, [points], int(areas.kind[i]), cv2.LINE_8, SHIFT)
        if areas.period_m[i] > 0:
            rowed.append((points, i))
    for points, i in rowed:
        _rows(canvas, areas, points, i)


def _rows(canvas: Canvas, areas: Areas, points: NDArray[np.int32], i: int) -> None:
    """Crop rows, mown stripes, slabs: a wave across the area, finer than the pixels it fades out."""
    left, top = np.maximum((points.min(axis=0) >> SHIFT) - 1, 0)
    right, bottom = (points.max(axis=0) >> SHIFT) + 2
    right, bottom = min(int(right), canvas.kind.shape[1]), min(int(bottom), canvas.kind.shape[0])
    if right <= left or bottom <= top:
        return
    mask = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(mask, [points - np.array([left, top], np.int32) * (1 << SHIFT)], 1, cv2.LINE_8, SHIFT)
    mask &= canvas.kind[top:bottom, left:right] == areas.kind[i]
    x, y = canvas.x[:, left:right], canvas.y[top:bottom]
    angle, period, kind = float(areas.angle[i]), float(areas.period_m[i]), int(areas.kind[i])
    across = (
        y * math.cos(angle) - x * math.sin(angle) + 0.10 * canvas.medium[top:bottom, left:right] * (kind == Kind.FIELD)
    ).astype(np.float32)
    wave = np.zeros(mask.shape, np.float32)
    strength = float(np.clip((period / canvas.gsd - 1.8) / 2.0, 0, 1))
    if kind == Kind.PITCH:
        along = (x * math.cos(angle) + y * math.sin(angle)).astype(np.float32)
        wave += 0.05 * np.tanh(6 * np.sin(along * np.float32(2 * math.pi / period)))
    elif strength > 0:
        wave += 0.10 * strength * np.sin(across * np.float32(2 * math.pi / period))
    if kind == Kind.FIELD:  # tramlines of the tractor, and broad bands of work
        tram = np.abs((across / 18.0 + areas.variant[i]) % 1 - 0.5) * 18
        for off in (0.0, 1.9):
            wave -= 0.16 * np.exp(-(((tram - off) / max(0.35, 0.6 * canvas.gsd)) ** 2)) * min(1.0, 0.5 / canvas.gsd)
        wave += 0.035 * np.sin(across * np.float32(2 * math.pi / 36.0) + 9 * areas.variant[i])
    roi = canvas.paint[top:bottom, left:right]
    factor = (1 + wave * mask)[..., None]
    roi[:] = np.clip(roi * factor, 0, 255).astype(np.uint8)


def paint_water(canvas: Canvas) -> None:
    """Sea and river with their banks, as deep as the terrain says."""
    coast, river = canvas.terrain.coast_m, canvas.terrain.river_m
    if coast.min() > 60 and river.min() > 14:
        return
    base = canvas.paint.astype(np.float32)
    if coast.min() < 60:
        _paint_coast(canvas, base, coast)
    if river.min() < 14:
        _paint_river(canvas, base, river, coast)
    canvas.paint[:] = np.clip(base, 0, 255).astype(np.uint8)


def _blend(base: Floats, colour: NDArray[np.floating] | tuple[int, int, int], alpha: Floats) -> None:
    base += (np.asarray(colour, np.float32) - base) * alpha[..., None]


def _paint_coast(canvas: Canvas, base: Floats, coast: Floats) -> None:
    rough = noise(canvas.x, canvas.y, 170, 901)
    rock = smoothstep(rough, 0.25, 0.45)
    beach = coast + 5 * canvas.coarse + 1.5 * canvas.medium
    _blend(base, (150, 146, 100), 0.55 * smoothstep(-beach, -38, -20))  # dune grass
    _blend(base, (210, 194, 158), smoothstep(-beach, -22, -14) * (1 - rock))
    _blend(base, (130, 122, 112), smoothstep(-(coast + 4 * canvas.medium), -13, -8) * rock)
    _blend(base, (176, 158, 124), 0.7 * smoothstep(-coast, -4.5, -1.0) * (1 - rock))  # wet sand
    wet = smoothstep(-coast, -0.8, 0.4)
    depth = np.maximum(-coast + 7 * canvas.coarse, 0)
    t = (1 - np.exp(-depth / 34))[..., None]
    deep = (1 - np.exp(-depth / 230))[..., None]
    shallow, middle, far = (np.array(c, np.float32) for c in ((146, 170, 150), (66, 116, 124), (34, 66, 92)))
    _blend(base, (shallow * (1 - t) + middle * t) * (1 - deep) + far * deep, wet)
    surf = np.exp(-(((coast + 3.2 + 1.6 * canvas.medium) / 1.5) ** 2)) + 0.6 * np.exp(
        -(((coast + 10 + 5 * canvas.coarse) / 1.3) ** 2)
    )
    foam = 0.6 * np.clip(surf * (0.55 + 0.6 * canvas.coarse + 0.5 * canvas.medium), 0, 1)
    _blend(base, (226, 230, 228), foam)
    sand = (beach < 17) & (coast >= 0)
    canvas.kind[sand] = Kind.SAND
    canvas.kind[sand & (rock > 0.5) & (coast < 12)] = Kind.ROCK
    canvas.kind[coast < 0] = Kind.SEA


def _paint_river(canvas: Canvas, base: Floats, river: Floats, coast: Floats) -> None:
    bank = river + 2.0 * canvas.medium
    land = smoothstep(coast, 2, 16)
    _blend(base, (104, 104, 66), 0.75 * smoothstep(-bank, -9, -4) * land)
    _blend(base, (138, 124, 98), 0.8 * smoothstep(-bank, -2.6, -0.8) * land)
    t = (1 - np.exp(-np.maximum(-river, 0) / 5))[..., None]
    water = np.array((110, 116, 88), np.float32) * (1 - t) + np.array((62, 82, 76), np.float32) * t
    sea = smoothstep(-coast, -30, 45)
    _blend(base, water, smoothstep(-river, -0.5, 0.5) * (1 - sea))
    canvas.kind[(river < 0) & (coast > 0)] = Kind.RIVER


def paint_roads(canvas: Canvas, scene: Scene, appearance: Appearance) -> None:
    """Paved strips, piers and rail beds."""
    areas = scene.roads.areas
    colours = area_colours(areas, appearance, scene.style.dryness)
    shown = canvas.visible(areas.bounds).tolist()
    points = {i: canvas.polygon(areas, i) for i in shown}
    for i in shown:
        cv2.fillPoly(canvas.paint, [points[i]], colours[i].tolist(), cv2.LINE_AA, SHIFT)
        cv2.fillPoly(canvas.kind, [points[i]], int(areas.kind[i]), cv2.LINE_8, SHIFT)


def texture(canvas: Canvas, scene: Scene, appearance: Appearance) -> None:
    """Grain, wear and light of what is painted so far."""
    table = texture_table()[canvas.kind]
    amount = table[..., 0] * canvas.fine + table[..., 1] * canvas.medium + table[..., 2] * canvas.coarse + 1
    hue = table[..., 3] * canvas.coarse
    _wear(canvas, scene, amount)
    canvas.albedo = canvas.paint.astype(np.float32)
    canvas.albedo *= amount[..., None]
    canvas.albedo[..., 0] *= 1 + hue
    canvas.albedo[..., 2] *= 1 - 0.6 * hue
    east, north, up = sun_vector(appearance)
    dy, dx = np.gradient(cv2.blur(canvas.terrain.height_m, (3, 3)), canvas.gsd)
    canvas.shade[:] = np.clip((up - dx * east + dy * north) / up, 0, 1.5)
    canvas.shade[(canvas.kind == Kind.SEA) | (canvas.kind == Kind.RIVER)] = 1


def _wear(canvas: Canvas, scene: Scene, amount: Floats) -> None:
    """Patches of newer asphalt and the joints of concrete slabs."""
    seed = scene.seed * 64 + 110
    asphalt = canvas.kind == Kind.ASPHALT
    if asphalt.any():
        patch = smoothstep(noise(canvas.x, canvas.y, 6.5, seed), 0.72, 0.78)
        patch -= 0.6 * smoothstep(noise(canvas.x, canvas.y, 9, seed + 1), 0.8, 0.9)
        amount -= 0.10 * patch * asphalt
    concrete = canvas.kind == Kind.CONCRETE
    if concrete.any() and canvas.gsd <= 1.0:
        c, s = math.cos(scene.style.grid_angle_rad), math.sin(scene.style.grid_angle_rad)
        half = max(0.06, 0.5 * canvas.gsd)
        strength = 0.10 * min(1.0, 0.06 / half + 0.15)
        for across in (canvas.y * c - canvas.x * s, canvas.x * c + canvas.y * s):
            joint = np.abs((across.astype(np.float32) / 5.0) % 1 - 0.5) * 5.0 < half
            amount -= strength * (joint & concrete)
        stain = smoothstep(noise(canvas.x, canvas.y, 4.5, seed + 2), 0.6, 1.1)
        amount -= 0.12 * stain * concrete


def paint_lines(canvas: Canvas, scene: Scene) -> None:
    """Markings, worn in places; in pixels above 1.2 m there are none."""
    ends = scene.lines.ends
    low, high = np.minimum(ends[:, :2], ends[:, 2:]), np.maximum(ends[:, :2], ends[:, 2:])
    shown = canvas.visible(np.concatenate([low, high], axis=1))
    if canvas.gsd > 1.2 or not len(shown):
        return
    tones = scene.lines.tone[shown]
    for tone, colour in ((2, (92, 76, 66)), (1, (206, 178, 96)), (0, (226, 224, 216))):
        if not (tones == tone).any():
            continue
        mark = np.zeros(canvas.kind.shape, np.uint8)
        widths = scene.lines.width_m[shown]
        for width in np.unique(widths[tones == tone]):
            chosen = ends[shown[(widths == width) & (tones == tone)]].reshape(-1, 2, 2).astype(np.float64)
            columns, rows = canvas.pixels(chosen[..., 0], chosen[..., 1])
            points = np.round(np.stack([columns, rows], axis=-1) * (1 << SHIFT)).astype(np.int32)
            thick = max(1, round(float(width) / canvas.gsd))
            layer = np.zeros_like(mark)
            strength = int(255 * min(1.0, float(width) / canvas.gsd))
            cv2.polylines(layer, list(points), False, strength, thick, cv2.LINE_AA, SHIFT)
            np.maximum(mark, layer, out=mark)
        worn = np.clip(0.78 + 0.3 * canvas.medium, 0.35, 0.92)
        if tone == 2:  # roads cover the rails where they cross
            worn = worn * ((canvas.kind == Kind.BALLAST) | (canvas.kind == Kind.CONCRETE))
        alpha = (mark.astype(np.float32) / 255 * worn)[..., None]
        canvas.albedo += (np.array(colour, np.float32) - canvas.albedo) * alpha


def raise_bridges(canvas: Canvas, scene: Scene) -> None:
    """Decks of bridges and piers."""
    areas = scene.roads.areas
    shown = canvas.visible(areas.bounds)
    high = shown[(scene.roads.bridge[shown]) | (areas.layer[shown] == 23)]
    for i in high.tolist():
        mask = np.zeros(canvas.kind.shape, np.uint8)
        cv2.fillPoly(mask, [canvas.polygon(areas, i)], 1, cv2.LINE_8, SHIFT)
        rows, columns = np.nonzero(mask)
        deck: Floats
        if areas.layer[i] == 23:
            deck = np.full(rows.shape, np.float32(_PIER_M))
        else:
            deck = _BRIDGE_M - 0.07 * np.maximum(canvas.terrain.river_m[rows, columns] - 6, 0)
        canvas.height[rows, columns] = np.maximum(canvas.height[rows, columns], deck)
        canvas.shade[rows, columns] = 1
        canvas.wall[rows, columns] = (150, 146, 138)
