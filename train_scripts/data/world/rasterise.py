"""A window of a scene as pixels: what is where, how high, and the finished picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from train_scripts.data.world.noise import Float32, Floats, hashed_unit, noise, smoothstep
from train_scripts.data.world.scene import Areas, Kind, Roof, Scene, Tree
from train_scripts.data.world.shading import (
    TREE_COLOURS,
    TREE_OPACITY,
    Appearance,
    area_colours,
    cast_shadows,
    light,
    sun_vector,
    texture_table,
)
from train_scripts.data.world.site_plan import DECK_M
from train_scripts.data.world.terrain import Ground

Window = tuple[float, float, float, float]  # west, south, east, north in metres
_SHIFT = 6  # sub-pixel bits of OpenCV's coordinates
_TALLEST_M = 36.0  # above its surroundings, for the reach of shadows
_CAR_COLOURS = np.array(
    [
        *[(214, 214, 212), (190, 192, 194), (150, 152, 156), (96, 98, 102), (52, 54, 58), (40, 42, 46)],
        *[(72, 84, 112), (60, 72, 100), (140, 52, 46), (226, 226, 224), (168, 160, 146), (84, 96, 88)],
    ],
    np.float32,
)


@dataclass(frozen=True)
class Layers:
    """One window; row 0 lies in the north. All arrays have the same height and width."""

    rgb: NDArray[np.uint8]  # (H, W, 3) with light and cast shadows
    height: Float32  # (H, W) metres above sea level, with buildings and trees
    ground: Float32  # (H, W) metres above sea level, the terrain alone
    wall: NDArray[np.uint8]  # (H, W, 3) colour of the walls below the pixel


@dataclass
class _Canvas:
    """The layers of one window while they are painted."""

    west: float
    north: float
    gsd: float
    x: NDArray[np.floating]  # (1, W)
    y: NDArray[np.floating]  # (H, 1)
    paint: NDArray[np.uint8]
    kind: NDArray[np.uint8]
    terrain: Ground
    height: Floats
    wall: NDArray[np.uint8]
    shade: Floats
    albedo: Floats
    fine: Floats
    medium: Floats
    coarse: Floats

    def pixels(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[Floats, Floats]:
        """(columns, rows) of points in metres; whole numbers are the pixels' centres."""
        return (x - self.west) / self.gsd - 0.5, (self.north - y) / self.gsd - 0.5


def rasterise(scene: Scene, window: Window, gsd_m: float, appearance: Appearance | None = None) -> Layers:
    """Paint one window of a scene.

    Everything is a function of the position, so windows and resolutions agree with each other.

    Args:
        scene: the region.
        window: (west, south, east, north) in metres; it may reach beyond the region.
        gsd_m: metres per pixel, 0.05 to 4.
        appearance: season, sun and cars; None is a clear summer day.

    Returns:
        Layers of round((north - south) / gsd_m) rows and round((east - west) / gsd_m) columns.

    Raises:
        ValueError: the window is empty or too large for one call, or gsd_m is out of range.
    """
    appearance = appearance or Appearance()
    west, south, east, north = window
    if not 0.05 <= gsd_m <= 4:
        raise ValueError(f"gsd_m is {gsd_m}; choose 0.05 to 4 metres per pixel.")
    columns, rows = round((east - west) / gsd_m), round((north - south) / gsd_m)
    if columns < 1 or rows < 1 or columns * rows > 40_000_000:
        raise ValueError(f"the window is {columns} x {rows} px; choose 1 to 40 million px, or use rasterise_region.")
    left, right, top, bottom = _margins(gsd_m, appearance)
    canvas = _canvas(
        scene, west - left * gsd_m, north + top * gsd_m, gsd_m, columns + left + right, rows + top + bottom
    )
    _paint_areas(canvas, scene, appearance)
    _paint_water(canvas, appearance)
    _paint_roads(canvas, scene, appearance)
    _texture(canvas, scene, appearance)
    _paint_lines(canvas, scene)
    _raise_bridges(canvas, scene)
    _place_cars(canvas, scene, appearance)
    _place_boxes(canvas, scene, appearance)
    _place_trees(canvas, scene, appearance)
    first_row, first_column = round(-canvas.north / gsd_m), round(canvas.west / gsd_m)
    below = cast_shadows(canvas.height, gsd_m, appearance, first_row, first_column)
    rgb = light(canvas.albedo, canvas.shade, canvas.height, below, gsd_m, appearance)
    inner = (slice(top, top + rows), slice(left, left + columns))
    return Layers(
        rgb=np.ascontiguousarray(rgb[inner]),
        height=np.ascontiguousarray(canvas.height[inner]),
        ground=np.ascontiguousarray(canvas.terrain.height_m[inner]),
        wall=np.ascontiguousarray(canvas.wall[inner]),
    )


def region_windows(window: Window, gsd_m: float, tile_px: int = 1024) -> Iterator[tuple[int, int, Window]]:
    """(first row, first column, window) of the tiles that cover a window, row by row."""
    west, south, east, north = window
    columns, rows = round((east - west) / gsd_m), round((north - south) / gsd_m)
    for r in range(0, rows, tile_px):
        for c in range(0, columns, tile_px):
            h, w = min(tile_px, rows - r), min(tile_px, columns - c)
            yield r, c, (west + c * gsd_m, north - (r + h) * gsd_m, west + (c + w) * gsd_m, north - r * gsd_m)


def rasterise_region(
    scene: Scene,
    gsd_m: float,
    appearance: Appearance | None = None,
    window: Window | None = None,
    tile_px: int = 1024,
    progress: Callable[[int, int], None] | None = None,
) -> Layers:
    """Paint a large window tile by tile.

    Args:
        scene: the region.
        gsd_m: metres per pixel.
        appearance: season, sun and cars.
        window: (west, south, east, north); None is the whole region.
        tile_px: side of the tiles.
        progress: called with (tiles done, tiles in all).

    Returns:
        The layers of the whole window (10 bytes and more per pixel).
    """
    half = scene.size_m / 2
    window = window or (-half, -half, half, half)
    columns, rows = round((window[2] - window[0]) / gsd_m), round((window[3] - window[1]) / gsd_m)
    out = Layers(
        np.empty((rows, columns, 3), np.uint8),
        np.empty((rows, columns), np.float32),
        np.empty((rows, columns), np.float32),
        np.empty((rows, columns, 3), np.uint8),
    )
    tiles = list(region_windows(window, gsd_m, tile_px))
    for done, (r, c, tile) in enumerate(tiles, 1):
        part = rasterise(scene, tile, gsd_m, appearance)
        h, w = part.height.shape
        out.rgb[r : r + h, c : c + w] = part.rgb
        out.height[r : r + h, c : c + w] = part.height
        out.ground[r : r + h, c : c + w] = part.ground
        out.wall[r : r + h, c : c + w] = part.wall
        if progress:
            progress(done, len(tiles))
    return out


def _margins(gsd: float, appearance: Appearance) -> tuple[int, int, int, int]:
    """Pixels to paint beyond the (left, right, top, bottom) so that shadows from there fall in."""
    east, north, up = sun_vector(appearance)
    reach, near = _TALLEST_M / up, 9.0
    sides = (
        near + max(0.0, -east * reach),
        near + max(0.0, east * reach),
        near + max(0.0, north * reach),
        near + max(0.0, -north * reach),
    )
    left, right, top, bottom = (math.ceil(m / gsd) for m in sides)
    return left, right, top, bottom


def _canvas(scene: Scene, west: float, north: float, gsd: float, columns: int, rows: int) -> _Canvas:
    x = (west + (np.arange(columns) + 0.5) * gsd)[None, :]
    y = (north - (np.arange(rows) + 0.5) * gsd)[:, None]
    terrain = scene.terrain.at(x, y)
    seed = scene.seed * 64 + 100
    shape = (rows, columns)
    zeros = np.zeros(shape, np.float32)
    fine = noise(x, y, 0.55, seed) if gsd <= 0.6 else zeros
    if gsd <= 0.25:
        fine = 0.75 * fine + 0.5 * noise(x, y, 0.2, seed + 1)
    return _Canvas(
        west=west, north=north, gsd=gsd, x=x, y=y,
        paint=np.zeros((*shape, 3), np.uint8),
        kind=np.zeros(shape, np.uint8),
        terrain=terrain,
        height=terrain.height_m.copy(),
        wall=np.full((*shape, 3), (96, 90, 80), np.uint8),
        shade=np.ones(shape, np.float32),
        albedo=np.zeros((0, 0, 3), np.float32),
        fine=fine,
        medium=noise(x, y, 2.6, seed + 2),
        coarse=0.65 * noise(x, y, 13, seed + 3) + 0.55 * noise(x, y, 55, seed + 4),
    )  # fmt: skip


def _points(canvas: _Canvas, areas: Areas, i: int) -> NDArray[np.int32]:
    part = areas.points[areas.starts[i] : areas.starts[i + 1]]
    columns, rows = canvas.pixels(part[:, 0].astype(np.float64), part[:, 1].astype(np.float64))
    return np.round(np.stack([columns, rows], axis=1) * (1 << _SHIFT)).astype(np.int32)


def _visible(canvas: _Canvas, bounds: Floats) -> NDArray[np.int64]:
    west, east, south, north = canvas.x[0, 0] - 1, canvas.x[0, -1] + 1, canvas.y[-1, 0] - 1, canvas.y[0, 0] + 1
    return np.flatnonzero(
        (bounds[:, 0] < east) & (bounds[:, 2] > west) & (bounds[:, 1] < north) & (bounds[:, 3] > south)
    )


def _near(canvas: _Canvas, x: Floats, y: Floats, room: float | Floats) -> NDArray[np.int64]:
    return np.flatnonzero(
        (x > canvas.x[0, 0] - room)
        & (x < canvas.x[0, -1] + room)
        & (y > canvas.y[-1, 0] - room)
        & (y < canvas.y[0, 0] + room)
    )


def _paint_areas(canvas: _Canvas, scene: Scene, appearance: Appearance) -> None:
    areas = scene.areas
    colours = area_colours(areas, appearance, scene.style.dryness)
    rowed: list[tuple[NDArray[np.int32], int]] = []
    for i in _visible(canvas, areas.bounds).tolist():
        points = _points(canvas, areas, i)
        cv2.fillPoly(canvas.paint, [points], colours[i].tolist(), cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(canvas.kind, [points], int(areas.kind[i]), cv2.LINE_8, _SHIFT)
        if areas.period_m[i] > 0:
            rowed.append((points, i))
    for points, i in rowed:
        _rows(canvas, areas, points, i)


def _rows(canvas: _Canvas, areas: Areas, points: NDArray[np.int32], i: int) -> None:
    """Crop rows, mown stripes, slabs: a wave across the area, finer than the pixels it fades out."""
    left, top = np.maximum((points.min(axis=0) >> _SHIFT) - 1, 0)
    right, bottom = (points.max(axis=0) >> _SHIFT) + 2
    right, bottom = min(int(right), canvas.kind.shape[1]), min(int(bottom), canvas.kind.shape[0])
    if right <= left or bottom <= top:
        return
    mask = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(mask, [points - np.array([left, top], np.int32) * (1 << _SHIFT)], 1, cv2.LINE_8, _SHIFT)
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


def _paint_water(canvas: _Canvas, appearance: Appearance) -> None:
    coast, river = canvas.terrain.coast_m, canvas.terrain.river_m
    if coast.min() > 60 and river.min() > 14:
        return
    base = canvas.paint.astype(np.float32)

    def blend(colour: NDArray[np.floating] | tuple[int, int, int], alpha: Floats) -> None:
        nonlocal base
        base += (np.asarray(colour, np.float32) - base) * alpha[..., None]

    if coast.min() < 60:
        rough = noise(canvas.x, canvas.y, 170, 901)
        rock = smoothstep(rough, 0.25, 0.45)
        beach = coast + 5 * canvas.coarse + 1.5 * canvas.medium
        blend((150, 146, 100), 0.55 * smoothstep(-beach, -38, -20))  # dune grass
        blend((210, 194, 158), smoothstep(-beach, -22, -14) * (1 - rock))
        blend((130, 122, 112), smoothstep(-(coast + 4 * canvas.medium), -13, -8) * rock)
        blend((176, 158, 124), 0.7 * smoothstep(-coast, -4.5, -1.0) * (1 - rock))  # wet sand
        wet = smoothstep(-coast, -0.8, 0.4)
        depth = np.maximum(-coast + 7 * canvas.coarse, 0)
        t = (1 - np.exp(-depth / 34))[..., None]
        deep = (1 - np.exp(-depth / 230))[..., None]
        shallow, middle, far = (np.array(c, np.float32) for c in ((146, 170, 150), (66, 116, 124), (34, 66, 92)))
        water = (shallow * (1 - t) + middle * t) * (1 - deep) + far * deep
        blend(water, wet)
        surf = np.exp(-(((coast + 3.2 + 1.6 * canvas.medium) / 1.5) ** 2)) + 0.6 * np.exp(
            -(((coast + 10 + 5 * canvas.coarse) / 1.3) ** 2)
        )
        blend((226, 230, 228), 0.6 * np.clip(surf * (0.55 + 0.6 * canvas.coarse + 0.5 * canvas.medium), 0, 1))
        sand = (beach < 17) & (coast >= 0)
        canvas.kind[sand] = Kind.SAND
        canvas.kind[sand & (rock > 0.5) & (coast < 12)] = Kind.ROCK
        canvas.kind[coast < 0] = Kind.SEA
    if river.min() < 14:
        bank = river + 2.0 * canvas.medium
        land = smoothstep(coast, 2, 16)
        blend((104, 104, 66), 0.75 * smoothstep(-bank, -9, -4) * land)
        blend((138, 124, 98), 0.8 * smoothstep(-bank, -2.6, -0.8) * land)
        t = (1 - np.exp(-np.maximum(-river, 0) / 5))[..., None]
        water = np.array((110, 116, 88), np.float32) * (1 - t) + np.array((62, 82, 76), np.float32) * t
        sea = smoothstep(-coast, -30, 45)
        blend(water, smoothstep(-river, -0.5, 0.5) * (1 - sea))
        wet_river = (river < 0) & (coast > 0)
        canvas.kind[wet_river] = Kind.RIVER
    canvas.paint[:] = np.clip(base, 0, 255).astype(np.uint8)


def _paint_roads(canvas: _Canvas, scene: Scene, appearance: Appearance) -> None:
    areas = scene.roads.areas
    colours = area_colours(areas, appearance, scene.style.dryness)
    shown = _visible(canvas, areas.bounds).tolist()
    points = {i: _points(canvas, areas, i) for i in shown}
    for i in shown:
        cv2.fillPoly(canvas.paint, [points[i]], colours[i].tolist(), cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(canvas.kind, [points[i]], int(areas.kind[i]), cv2.LINE_8, _SHIFT)


def _texture(canvas: _Canvas, scene: Scene, appearance: Appearance) -> None:
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


def _wear(canvas: _Canvas, scene: Scene, amount: Floats) -> None:
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


def _paint_lines(canvas: _Canvas, scene: Scene) -> None:
    ends = scene.lines.ends
    low, high = np.minimum(ends[:, :2], ends[:, 2:]), np.maximum(ends[:, :2], ends[:, 2:])
    shown = _visible(canvas, np.concatenate([low, high], axis=1))
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
            points = np.round(np.stack([columns, rows], axis=-1) * (1 << _SHIFT)).astype(np.int32)
            thick = max(1, round(float(width) / canvas.gsd))
            layer = np.zeros_like(mark)
            strength = int(255 * min(1.0, float(width) / canvas.gsd))
            cv2.polylines(layer, list(points), False, strength, thick, cv2.LINE_AA, _SHIFT)
            np.maximum(mark, layer, out=mark)
        worn = np.clip(0.78 + 0.3 * canvas.medium, 0.35, 0.92)
        if tone == 2:  # roads cover the rails where they cross
            worn = worn * ((canvas.kind == Kind.BALLAST) | (canvas.kind == Kind.CONCRETE))
        alpha = (mark.astype(np.float32) / 255 * worn)[..., None]
        canvas.albedo += (np.array(colour, np.float32) - canvas.albedo) * alpha


def _raise_bridges(canvas: _Canvas, scene: Scene) -> None:
    areas = scene.roads.areas
    shown = _visible(canvas, areas.bounds)
    high = shown[(scene.roads.bridge[shown]) | (areas.layer[shown] == 23)]
    for i in high.tolist():
        mask = np.zeros(canvas.kind.shape, np.uint8)
        cv2.fillPoly(mask, [_points(canvas, areas, i)], 1, cv2.LINE_8, _SHIFT)
        rows, columns = np.nonzero(mask)
        deck: Floats
        if areas.layer[i] == 23:
            deck = np.full(rows.shape, np.float32(1.6))
        else:
            deck = DECK_M - 0.07 * np.maximum(canvas.terrain.river_m[rows, columns] - 6, 0)
        canvas.height[rows, columns] = np.maximum(canvas.height[rows, columns], deck)
        canvas.shade[rows, columns] = 1
        canvas.wall[rows, columns] = (150, 146, 138)


def _place_cars(canvas: _Canvas, scene: Scene, appearance: Appearance) -> None:
    slots = scene.slots
    if canvas.gsd > 1.5:
        return
    number = np.arange(len(slots.x))
    taken = hashed_unit(number, appearance.car_seed * 5 + 11) < slots.chance
    shown = _near(canvas, slots.x, slots.y, 9.0)
    shown = shown[taken[shown]]
    for truck, half_u, half_v, tall in ((False, 2.25, 0.92, 1.5), (True, 5.2, 1.25, 3.4)):
        chosen = shown[slots.truck[shown] == truck]
        if not len(chosen):
            continue
        roll = hashed_unit(chosen, appearance.car_seed * 5 + 12)
        shift = (roll * 2 - 1) * slots.play_m[chosen]
        c, s = np.cos(slots.angle[chosen]), np.sin(slots.angle[chosen])
        x, y = slots.x[chosen] + shift * c, slots.y[chosen] + shift * s
        size = 0.9 + 0.2 * hashed_unit(chosen, appearance.car_seed * 5 + 13)
        colour = _CAR_COLOURS[(hashed_unit(chosen, appearance.car_seed * 5 + 14) * len(_CAR_COLOURS)).astype(int)]
        if truck:
            colour = colour * 0.5 + 105
        _stamp_cars(canvas, x, y, c, s, half_u * size, half_v * np.sqrt(size), tall, colour, truck)


def _stamp_cars(
    canvas: _Canvas, x: Floats, y: Floats, c: Floats, s: Floats, half_u: Floats, half_v: Floats, tall: float,
    colour: Floats, truck: bool,
) -> None:  # fmt: skip
    reach = float(np.hypot(half_u.max(), half_v.max())) + canvas.gsd
    side = int(2 * reach / canvas.gsd) + 2
    height, width = canvas.kind.shape
    for start in range(0, len(x), max(1, 1_500_000 // side**2)):
        k = slice(start, start + max(1, 1_500_000 // side**2))
        column = (
            np.floor((x[k] - reach - canvas.west) / canvas.gsd).astype(int)[:, None, None]
            + np.arange(side)[None, None, :]
        )
        row = (
            np.floor((canvas.north - y[k] - reach) / canvas.gsd).astype(int)[:, None, None]
            + np.arange(side)[None, :, None]
        )
        dx = (canvas.west + (column + 0.5) * canvas.gsd - x[k][:, None, None]).astype(np.float32)
        dy = (canvas.north - (row + 0.5) * canvas.gsd - y[k][:, None, None]).astype(np.float32)
        ck, sk = c[k][:, None, None], s[k][:, None, None]
        u, v = dx * ck + dy * sk, dy * ck - dx * sk
        hu, hv = half_u[k][:, None, None], half_v[k][:, None, None]
        corner = 0.35
        qx, qy = np.abs(u) - hu + corner, np.abs(v) - hv + corner
        outside = np.hypot(np.maximum(qx, 0), np.maximum(qy, 0)) + np.minimum(np.maximum(qx, qy), 0) - corner
        cover = np.clip(0.5 - outside / canvas.gsd, 0, 1)
        inside = (cover > 0.02) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        n, j, i = np.nonzero(inside)
        rr, cc = row[n, j, 0], column[n, 0, i]
        un, vn, cover = u[n, j, i] / hu[n, 0, 0], v[n, j, i] / hv[n, 0, 0], cover[n, j, i][:, None]
        paint = colour[k][n].astype(np.float32)
        up = np.full(len(un), tall, np.float32)
        if truck:
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
        canvas.wall[rr, cc] = (colour[k][n][solid] * 0.7).astype(np.uint8)


def _place_boxes(canvas: _Canvas, scene: Scene, appearance: Appearance) -> None:
    boxes, gsd = scene.boxes, canvas.gsd
    reach = np.hypot(boxes.half_u, boxes.half_v) + gsd
    sun = sun_vector(appearance)
    height, width = canvas.kind.shape
    shown = _near(canvas, boxes.x, boxes.y, reach)
    shown = shown[np.argsort(boxes.part[shown], kind="stable")]
    for b in shown.tolist():
        x, y, hu, hv = float(boxes.x[b]), float(boxes.y[b]), float(boxes.half_u[b]), float(boxes.half_v[b])
        c, s = math.cos(boxes.angle[b]), math.sin(boxes.angle[b])
        ex, ey = hu * abs(c) + hv * abs(s) + gsd, hu * abs(s) + hv * abs(c) + gsd
        left, right = (
            max(0, math.floor((x - ex - canvas.west) / gsd)),
            min(width, math.ceil((x + ex - canvas.west) / gsd)),
        )
        top, bottom = (
            max(0, math.floor((canvas.north - y - ey) / gsd)),
            min(height, math.ceil((canvas.north - y + ey) / gsd)),
        )
        if right <= left or bottom <= top:
            continue
        dx, dy = (canvas.x[:, left:right] - x).astype(np.float32), (canvas.y[top:bottom] - y).astype(np.float32)
        u, v = dx * c + dy * s, dy * c - dx * s
        roof, slope, eave = int(boxes.roof[b]), float(boxes.slope[b]), float(boxes.eave_m[b])
        if roof == Roof.ROUND:
            edge = np.hypot(u, v) - hu
        elif roof == Roof.BOAT:
            t = np.clip(u / hu, -1, 1)
            edge = np.maximum(
                np.abs(v) - hv * np.sqrt(np.clip(1.02 - np.maximum(t + 0.1, 0) ** 2.2, 0, 1)), np.abs(u) - hu
            )
        else:
            edge = np.maximum(np.abs(u) - hu, np.abs(v) - hv)
        cover = np.clip(0.5 - edge / gsd, 0, 1)
        z, lit, tone = _roof(roof, u, v, hu, hv, eave, slope, c, s, sun, edge, gsd)
        place = (slice(top, bottom), slice(left, right))
        free = z >= canvas.height[place] - 0.01
        solid = (cover >= 0.5) & free
        alpha = cover * free
        spots = 1 + 0.05 * canvas.medium[place] + 0.04 * canvas.coarse[place] + 0.03 * canvas.fine[place]
        colour = boxes.colour[b].astype(np.float32) * (tone * spots)[..., None]
        canvas.albedo[place] += (colour - canvas.albedo[place]) * alpha[..., None]
        canvas.height[place][solid] = z[solid]
        canvas.shade[place][solid] = lit[solid]
        canvas.wall[place][solid] = boxes.wall[b]


def _roof(
    roof: int, u: Floats, v: Floats, hu: float, hv: float, eave: float, slope: float, c: float, s: float,
    sun: tuple[float, float, float], edge: Floats, gsd: float,
) -> tuple[Floats, Floats, Floats]:  # fmt: skip
    """(height, light, brightness) of a roof at local coordinates along (u) and across (v) its ridge."""
    east, north, up = sun
    sun_u, sun_v = east * c + north * s, north * c - east * s

    def face(slope_u: Floats | float, slope_v: Floats | float) -> Floats:
        length = np.sqrt(1 + np.square(slope_u) + np.square(slope_v))
        return np.clip((up - slope_u * sun_u - slope_v * sun_v) / (up * length), 0, 1.25).astype(np.float32)

    z: Floats
    tone: Floats
    flat = np.ones(u.shape, np.float32)
    fine = float(np.clip(0.5 / gsd - 0.8, 0, 1))
    if roof == Roof.GABLE or (roof == Roof.HIP and hu <= 0):
        z = eave + slope * (hv - np.abs(v))
        tone = flat + 0.09 * np.exp(-((v / 0.25) ** 2)) + 0.05 * fine * np.sin(v * (2 * math.pi / 0.36))
        return z.astype(np.float32), face(0.0, -slope * np.sign(v)), tone.astype(np.float32)
    if roof == Roof.HIP:
        run_u, run_v = hu - np.abs(u), hv - np.abs(v)
        ends = run_u < run_v
        z = eave + slope * np.minimum(run_u, run_v)
        lit = np.where(ends, face(-slope * np.sign(u), 0.0), face(0.0, -slope * np.sign(v)))
        tone = (
            flat
            + 0.05 * np.exp(-(((run_u - run_v) / 0.3) ** 2))
            + 0.05 * fine * np.sin(np.minimum(run_u, run_v) * (2 * math.pi / 0.36))
        )
        return z.astype(np.float32), lit.astype(np.float32), tone.astype(np.float32)
    if roof == Roof.SHED:
        z = eave + slope * (v + hv)
        seam = 1 - 0.14 * fine * (np.abs((u / 1.1) % 1 - 0.5) > 0.44)
        return z.astype(np.float32), face(0.0, slope) * flat, seam.astype(np.float32)
    if roof == Roof.SAW:
        t = ((u + hu) / 8.0) % 1
        z = eave + slope * 8 * t * 0.9
        tone = np.where(t > 0.86, 0.62, 1.0)
        return z.astype(np.float32), face(slope * 0.9, 0.0) * flat, tone.astype(np.float32)
    tone = flat + 0.10 * (edge > -0.45) - 0.05 * (edge < -0.45) * (edge > -1.0)
    if roof == Roof.BOAT:
        tone = flat - 0.22 * (np.abs(v) < 0.35 * hv) * (u < 0.3 * hu)
    z = np.full(u.shape, eave, np.float32)
    return z, flat, tone.astype(np.float32)


def _place_trees(canvas: _Canvas, scene: Scene, appearance: Appearance) -> None:
    trees, gsd = scene.trees, canvas.gsd
    shown = _near(canvas, trees.x, trees.y, trees.radius_m * 1.3 + gsd)
    if not len(shown):
        return
    height, width = canvas.kind.shape
    x, y = trees.x[shown].astype(np.float64), trees.y[shown].astype(np.float64)
    radius, tall, kind = trees.radius_m[shown], trees.height_m[shown], trees.kind[shown]
    column0 = np.clip(((x - canvas.west) / gsd).astype(int), 0, width - 1)
    row0 = np.clip(((canvas.north - y) / gsd).astype(int), 0, height - 1)
    base = canvas.terrain.height_m[row0, column0]
    keys = np.full(height * width, -1, np.int64)
    rough = 0.15 * canvas.fine + 0.22 * canvas.medium
    bins = np.digitize(radius, [0.8, 1.4, 2.2, 3.2, 4.4])
    for size in np.unique(bins):
        members = np.flatnonzero(bins == size)
        reach = float(radius[members].max()) * 1.25 + gsd
        side = int(2 * reach / gsd) + 2
        step = max(1, 1_000_000 // side**2)
        for start in range(0, len(members), step):
            k = members[start : start + step]
            column = (
                np.floor((x[k] - reach - canvas.west) / gsd).astype(int)[:, None, None] + np.arange(side)[None, None, :]
            )
            row = (
                np.floor((canvas.north - y[k] - reach) / gsd).astype(int)[:, None, None]
                + np.arange(side)[None, :, None]
            )
            dx = (canvas.west + (column + 0.5) * gsd - x[k][:, None, None]).astype(np.float32) / radius[k][
                :, None, None
            ]
            dy = (canvas.north - (row + 0.5) * gsd - y[k][:, None, None]).astype(np.float32) / radius[k][:, None, None]
            away = np.sqrt(dx * dx + dy * dy)
            n, j, i = np.nonzero((away < 1.25) & (column >= 0) & (column < width) & (row >= 0) & (row < height))
            flat = row[n, j, 0] * width + column[n, 0, i]
            t = away[n, j, i] * (1 + rough.ravel()[flat])
            ok = t < 1
            n, flat, t = n[ok], flat[ok], t[ok]
            m = k[n]
            z = (
                base[m]
                + tall[m]
                - np.where(
                    kind[m] == Tree.CONIFER,
                    0.7 * tall[m] * t,
                    np.minimum(radius[m] * 1.1, 0.75 * tall[m]) * (1 - np.sqrt(1 - t * t)),
                )
            )
            np.maximum.at(keys, flat, ((z * 100).astype(np.int64) + 100_000) << 32 | m)
    where = np.flatnonzero(keys >= 0)
    m = (keys[where] & 0xFFFFFFFF).astype(np.int64)
    z = ((keys[where] >> 32) - 100_000).astype(np.float32) / 100
    higher = z > canvas.height.ravel()[where]
    where, m, z = where[higher], m[higher], z[higher]
    row, column = where // width, where % width
    dx = (canvas.x[0, column] - x[m]).astype(np.float32) / radius[m]
    dy = (canvas.y[row, 0] - y[m]).astype(np.float32) / radius[m]
    away = np.sqrt(dx * dx + dy * dy)
    t = np.minimum(away * (1 + rough[row, column]), 1)
    east, north, up = sun_vector(appearance)
    bulge = np.where(kind[m] == Tree.CONIFER, 1.1, 1.15 * t / np.sqrt(1.15 - t * t)).astype(np.float32)
    nx, ny = dx / np.maximum(away, 1e-3) * bulge, dy / np.maximum(away, 1e-3) * bulge
    leaf = 0.35 * canvas.fine[row, column]
    lit = (up + nx * east + ny * north) / (up * np.sqrt(1 + nx * nx + ny * ny)) * (1 + leaf)
    table = np.array(TREE_COLOURS[appearance.season], np.float32)
    hue = trees.hue[shown][m][:, None]
    colour = table[kind[m], 0] * (1 - hue) + table[kind[m], 1] * hue
    colour *= (0.88 + 0.24 * hashed_unit(shown[m], 5))[:, None] * (
        1 + 0.10 * canvas.fine[row, column] + 0.05 * canvas.medium[row, column]
    )[:, None]
    cover = np.clip((1 - t) * radius[m] / gsd + 0.35, 0, 1)
    leafy = (kind[m] == Tree.BROADLEAF) | (kind[m] == Tree.FRUIT)
    cover = np.where(leafy, cover * TREE_OPACITY[appearance.season], cover)[:, None]
    canvas.albedo[row, column] += (colour - canvas.albedo[row, column]) * cover
    shade = canvas.shade[row, column]
    canvas.shade[row, column] = shade + (np.clip(lit, 0.15, 1.3) - shade) * cover[:, 0]
    canvas.height[row, column] = z
    canvas.wall[row, column] = (colour * 0.62).astype(np.uint8)
