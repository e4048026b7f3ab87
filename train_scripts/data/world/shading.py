"""Season, sun and air: the colours of materials, cast shadows, and light."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from train_scripts.data.world.noise import Float32, hashed_unit
from train_scripts.data.world.scene import Areas, Kind

SEASONS = ("spring", "summer", "autumn", "winter")
Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Appearance:
    """When and how a scene is seen; the places stay where they are."""

    season: str = "summer"  # one of SEASONS
    sun_azimuth_deg: float = 150.0  # clockwise from north
    sun_elevation_deg: float = 48.0  # 15 to 85
    haze: float = 0.05  # 0 clear to 1
    car_seed: int = 0  # which cars stand where
    crop_seed: int = 0  # what grows on which field this year
    exposure: float = 1.0  # 0.7 to 1.3
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)  # gains of red, green, blue

    def __post_init__(self) -> None:
        if self.season not in SEASONS:
            raise ValueError(f"season is {self.season!r}; choose one of {', '.join(SEASONS)}.")
        if not 10 <= self.sun_elevation_deg <= 90:
            raise ValueError(f"sun_elevation_deg is {self.sun_elevation_deg}; choose 10 to 90.")


def random_appearance(rng: np.random.Generator) -> Appearance:
    """Another day: season, sun, haze, cars, crops and camera tint drawn from `rng`."""
    return Appearance(
        season=SEASONS[int(rng.choice(4, p=[0.25, 0.4, 0.2, 0.15]))],
        sun_azimuth_deg=float(rng.uniform(90, 270)),
        sun_elevation_deg=float(rng.uniform(24, 68)),
        haze=float(rng.beta(1.2, 6)),
        car_seed=int(rng.integers(1 << 30)),
        crop_seed=int(rng.integers(1 << 30)),
        exposure=float(rng.uniform(0.86, 1.14)),
        tint=(float(rng.uniform(0.96, 1.04)), float(rng.uniform(0.98, 1.02)), float(rng.uniform(0.94, 1.06))),
    )


# (first colour, last colour) between which an area's variant chooses, for spring, summer, autumn, winter
_GREENS: dict[Kind, tuple[tuple[Rgb, Rgb], ...]] = {
    Kind.MEADOW: (
        ((92, 112, 58), (118, 130, 72)),
        ((100, 112, 64), (150, 140, 92)),
        ((120, 116, 72), (136, 124, 82)),
        ((122, 116, 84), (140, 130, 98)),
    ),
    Kind.LAWN: (
        ((84, 112, 56), (106, 126, 68)),
        ((78, 102, 52), (134, 128, 84)),
        ((98, 106, 62), (120, 116, 76)),
        ((112, 112, 78), (128, 122, 92)),
    ),
    Kind.FOREST: (
        ((66, 78, 46), (84, 90, 56)),
        ((52, 62, 40), (66, 72, 46)),
        ((96, 78, 50), (112, 88, 56)),
        ((98, 88, 68), (112, 98, 76)),
    ),
    Kind.ORCHARD: (
        ((104, 122, 66), (132, 132, 88)),
        ((118, 120, 76), (150, 136, 96)),
        ((126, 116, 78), (144, 124, 88)),
        ((128, 118, 90), (144, 130, 104)),
    ),
    Kind.PITCH: (
        ((74, 112, 54), (88, 122, 62)),
        ((72, 108, 56), (92, 120, 66)),
        ((78, 106, 58), (96, 114, 66)),
        ((98, 110, 72), (110, 116, 80)),
    ),
}
_CROPS: dict[str, tuple[Rgb, ...]] = {
    "spring": (
        (86, 116, 54),
        (98, 124, 60),
        (186, 174, 66),
        (138, 112, 86),
        (152, 126, 98),
        (112, 128, 68),
        (76, 104, 52),
        (122, 100, 78),
    ),
    "summer": (
        (192, 170, 116),
        (176, 156, 104),
        (92, 114, 58),
        (78, 102, 52),
        (204, 186, 136),
        (152, 140, 88),
        (110, 122, 66),
        (146, 120, 92),
    ),
    "autumn": (
        (138, 110, 82),
        (120, 96, 74),
        (176, 156, 112),
        (110, 118, 66),
        (158, 132, 98),
        (96, 108, 60),
        (148, 122, 94),
        (186, 166, 124),
    ),
    "winter": (
        (126, 104, 82),
        (112, 94, 76),
        (104, 114, 70),
        (142, 124, 98),
        (134, 116, 92),
        (118, 122, 82),
        (152, 138, 112),
        (98, 84, 70),
    ),
}
_FIXED: dict[Kind, tuple[Rgb, Rgb]] = {
    Kind.SOIL: ((118, 94, 72), (136, 110, 84)),
    Kind.ASPHALT: ((98, 98, 100), (122, 120, 118)),
    Kind.PAVING: ((146, 142, 136), (168, 160, 150)),
    Kind.CONCRETE: ((164, 160, 152), (184, 180, 172)),
    Kind.GRAVEL: ((164, 150, 126), (182, 168, 144)),
    Kind.SAND: ((204, 188, 154), (216, 202, 168)),
    Kind.POND: ((60, 78, 70), (72, 92, 80)),
    Kind.POOL: ((108, 182, 196), (124, 194, 204)),
    Kind.TARTAN: ((158, 84, 66), (168, 92, 76)),
    Kind.COURT: ((72, 108, 112), (166, 98, 70)),
    Kind.PLAZA: ((172, 160, 144), (186, 176, 162)),
    Kind.WOOD: ((142, 124, 102), (156, 138, 116)),
    Kind.SOLAR: ((48, 54, 74), (56, 62, 84)),
    Kind.YARD: ((138, 132, 122), (158, 148, 136)),
    Kind.SEA: ((60, 90, 100), (60, 90, 100)),
    Kind.RIVER: ((78, 92, 76), (78, 92, 76)),
    Kind.ROCK: ((128, 120, 110), (128, 120, 110)),
    Kind.BALLAST: ((122, 112, 104), (122, 112, 104)),
}
TREE_COLOURS: dict[str, tuple[tuple[Rgb, Rgb], ...]] = {  # broadleaf, conifer, bush, fruit, palm
    "spring": (
        ((84, 106, 54), (114, 126, 72)),
        ((48, 70, 44), (62, 80, 50)),
        ((76, 102, 50), (96, 116, 60)),
        ((150, 140, 122), (112, 126, 72)),
        ((84, 106, 58), (96, 112, 62)),
    ),
    "summer": (
        ((66, 88, 48), (98, 110, 64)),
        ((46, 64, 46), (60, 76, 52)),
        ((60, 84, 44), (80, 98, 52)),
        ((74, 96, 50), (98, 112, 62)),
        ((78, 100, 54), (92, 108, 60)),
    ),
    "autumn": (
        ((156, 108, 48), (98, 104, 54)),
        ((44, 62, 40), (56, 72, 46)),
        ((100, 92, 50), (84, 92, 52)),
        ((148, 112, 56), (112, 104, 58)),
        ((84, 100, 56), (92, 106, 60)),
    ),
    "winter": (
        ((112, 98, 80), (92, 86, 68)),
        ((46, 62, 44), (56, 72, 50)),
        ((88, 88, 62), (76, 82, 56)),
        ((112, 100, 84), (98, 90, 72)),
        ((86, 98, 62), (92, 102, 64)),
    ),
}
TREE_OPACITY = {"spring": 0.93, "summer": 1.0, "autumn": 0.92, "winter": 0.5}  # of broadleaf crowns

# by kind: how much noise of 0.5 m, 2.5 m, 14 m and how much drift of hue
_TEXTURE: dict[Kind, tuple[float, float, float, float]] = {
    Kind.MEADOW: (0.07, 0.08, 0.10, 0.07),
    Kind.FIELD: (0.05, 0.05, 0.07, 0.04),
    Kind.FOREST: (0.14, 0.12, 0.08, 0.05),
    Kind.LAWN: (0.05, 0.05, 0.06, 0.06),
    Kind.SOIL: (0.08, 0.08, 0.05, 0.02),
    Kind.ASPHALT: (0.035, 0.035, 0.05, 0.005),
    Kind.PAVING: (0.05, 0.04, 0.04, 0.01),
    Kind.CONCRETE: (0.035, 0.05, 0.05, 0.01),
    Kind.GRAVEL: (0.07, 0.06, 0.06, 0.02),
    Kind.SAND: (0.03, 0.03, 0.04, 0.02),
    Kind.POND: (0.02, 0.03, 0.05, 0.02),
    Kind.POOL: (0.04, 0.05, 0.0, 0.0),
    Kind.TARTAN: (0.02, 0.03, 0.04, 0.0),
    Kind.PITCH: (0.03, 0.03, 0.05, 0.03),
    Kind.COURT: (0.015, 0.03, 0.03, 0.0),
    Kind.PLAZA: (0.04, 0.03, 0.04, 0.01),
    Kind.WOOD: (0.08, 0.04, 0.03, 0.01),
    Kind.SOLAR: (0.02, 0.02, 0.0, 0.0),
    Kind.ORCHARD: (0.08, 0.08, 0.08, 0.06),
    Kind.YARD: (0.06, 0.06, 0.06, 0.02),
    Kind.SEA: (0.02, 0.03, 0.03, 0.01),
    Kind.RIVER: (0.02, 0.03, 0.04, 0.01),
    Kind.BALLAST: (0.12, 0.06, 0.04, 0.01),
    Kind.ROCK: (0.16, 0.14, 0.08, 0.02),
}


def texture_table() -> Float32:
    """(kinds, 4) amplitudes of fine, medium and coarse noise and of hue."""
    return np.array([_TEXTURE[kind] for kind in Kind], np.float32)


def area_colours(areas: Areas, appearance: Appearance, dryness: float) -> Float32:
    """(N, 3) colours in 0..255 of the areas."""
    season = SEASONS.index(appearance.season)
    ends = np.zeros((len(Kind), 2, 3), np.float32)
    for kind, greens in _GREENS.items():
        ends[kind] = np.array(greens[season], np.float32)
    for kind, pair in _FIXED.items():
        ends[kind] = np.array(pair, np.float32)
    t = areas.variant[:, None]
    colours = ends[areas.kind, 0] * (1 - t) + ends[areas.kind, 1] * t
    court = areas.kind == Kind.COURT
    colours[court] = np.where(t[court] < 0.5, ends[Kind.COURT, 0], ends[Kind.COURT, 1])
    crops = np.array(_CROPS[appearance.season], np.float32)
    number = np.arange(len(areas.kind))
    drawn = hashed_unit(number, appearance.crop_seed * 7 + 3)
    field = areas.kind == Kind.FIELD
    spread = 0.9 + 0.2 * areas.variant[:, None]
    colours[field] = (crops[(drawn * len(crops)).astype(int)] * spread)[field]
    green = np.isin(areas.kind, [int(k) for k in (Kind.MEADOW, Kind.LAWN, Kind.ORCHARD)])
    dry = np.array([1 + 0.16 * dryness, 1 + 0.03 * dryness, 1 + 0.02 * dryness], np.float32)
    colours[green] *= dry
    return colours.astype(np.float32)


def sun_vector(appearance: Appearance) -> tuple[float, float, float]:
    """(east, north, up) of length 1, towards the sun."""
    azimuth, elevation = math.radians(appearance.sun_azimuth_deg), math.radians(appearance.sun_elevation_deg)
    return math.sin(azimuth) * math.cos(elevation), math.cos(azimuth) * math.cos(elevation), math.sin(elevation)


def cast_shadows(
    height_m: Float32, gsd_m: float, appearance: Appearance, first_row: int = 0, first_column: int = 0
) -> Float32:
    """How far each pixel lies below the shadow of what stands between it and the sun.

    The map is sheared until the sun's rays are its columns; one running maximum is then the whole sweep.

    Args:
        height_m: (H, W), row 0 in the north.
        gsd_m: metres per pixel.
        appearance: gives the sun.
        first_row: number of row 0 in the grid of the whole world, so that tiles agree.
        first_column: the same of column 0.

    Returns:
        (H, W) metres, 0 in the light.
    """
    east, north, up = sun_vector(appearance)
    flat = math.hypot(east, north)
    if flat < 1e-6:
        return np.zeros_like(height_m)
    toward_row, toward_column = -north / flat, east / flat
    data, row0, column0 = height_m, first_row, first_column
    transposed = abs(toward_column) > abs(toward_row)
    if transposed:
        data, toward_row, toward_column = data.T, toward_column, toward_row
        row0, column0 = column0, row0
    flipped = toward_row > 0
    if flipped:
        data, toward_row, row0 = data[::-1], -toward_row, -(row0 + data.shape[0] - 1)
    rows, columns = data.shape
    shear = toward_column / -toward_row
    fall = gsd_m / -toward_row * up / flat
    offsets = np.floor((np.arange(rows) + row0) * shear + 0.5).astype(int)
    offsets -= offsets.min()
    sheared = np.full((rows, columns + int(offsets.max())), -1e4, np.float32)
    for r, o in enumerate(offsets.tolist()):
        sheared[r, o : o + columns] = data[r]
    sheared += (np.arange(rows, dtype=np.float32) * np.float32(fall))[:, None]
    above = np.maximum.accumulate(sheared, axis=0)
    above -= sheared
    out = np.empty_like(data)
    for r, o in enumerate(offsets.tolist()):
        out[r] = above[r, o : o + columns]
    if flipped:
        out = out[::-1]
    return np.ascontiguousarray(out.T if transposed else out)


def light(
    albedo: Float32, shade: Float32, height_m: Float32, below_m: Float32, gsd_m: float, appearance: Appearance
) -> NDArray[np.uint8]:
    """The picture.

    Args:
        albedo: (H, W, 3) colours of materials in 0..255; overwritten.
        shade: (H, W) light of the sun on the surface, 1 on flat ground.
        height_m: (H, W) surface.
        below_m: (H, W) of `cast_shadows`.
        gsd_m: metres per pixel.
        appearance: sun, haze and camera.

    Returns:
        (H, W, 3) uint8.
    """
    soft = max(0.35, 0.7 * gsd_m)
    lit = 1 - np.clip((below_m - 0.12) / soft, 0, 1)
    side = 3 if gsd_m > 0.3 else 5
    lit = cv2.blur(lit, (side, side))
    k = max(3, round(4.0 / gsd_m) | 1)
    around = cv2.blur(cv2.blur(height_m, (k, k)), (k, k))
    sky = 1 - np.clip((around - height_m - 0.1) * 0.07, 0, 0.38)
    sky += np.clip((height_m - around) * 0.008, 0, 0.05)
    low = max(0.0, (45 - appearance.sun_elevation_deg) / 45)
    ambient = 0.43 + 0.25 * appearance.haze
    direct = (1 - ambient) * np.clip(shade, 0, 1.5) * lit
    warm = np.array([1 + 0.05 * low, 1.0, 1 - 0.09 * low], np.float32)
    cold = np.array([0.90, 0.99, 1.13], np.float32)
    haze = 0.75 * appearance.haze
    air = np.array([186, 196, 208], np.float32)
    for c in range(3):
        channel = direct * warm[c] + (ambient * cold[c]) * sky
        channel *= albedo[..., c]
        channel *= appearance.exposure * appearance.tint[c] * 1.04 * (1 - haze)
        albedo[..., c] = channel + haze * air[c] * 0.85
    over = np.maximum(albedo - 215, 0)  # a soft shoulder instead of clipped whites
    return np.clip(np.where(over > 0, 215 + 40 * (1 - np.exp(-over / 40)), albedo), 0, 255).astype(np.uint8)


def sun_direction(appearance: Appearance) -> np.ndarray:
    """(3,) unit vector east, north, up towards the sun."""
    azimuth, elevation = np.radians([appearance.sun_azimuth_deg, appearance.sun_elevation_deg])
    return np.array(
        [np.sin(azimuth) * np.cos(elevation), np.cos(azimuth) * np.cos(elevation), np.sin(elevation)], np.float32
    )


def days_of_one_place(count: int, random: np.random.Generator, same_year: float) -> list[Appearance]:
    """Random days over one place. With the chance `same_year` a day finds the first day's crops on the fields."""
    days = [random_appearance(random) for _ in range(count)]
    crops = days[0].crop_seed
    return [replace(day, crop_seed=crops) if random.random() < same_year else day for day in days]
