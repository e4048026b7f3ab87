"""Season, sun and air: the colours of materials, cast shadows, and light."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from train_scripts.data.world.colours import CROPS, GREENS, GROUNDS
from train_scripts.data.world.noise import Float32, hashed_unit
from train_scripts.data.world.scene import Areas, Kind

SEASONS = ("spring", "summer", "autumn", "winter")


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
    for kind, greens in GREENS.items():
        ends[kind] = greens[2 * season : 2 * season + 2]
    for kind, pair in GROUNDS.items():
        ends[kind] = pair
    t = areas.variant[:, None]
    colours = ends[areas.kind, 0] * (1 - t) + ends[areas.kind, 1] * t
    court = areas.kind == Kind.COURT
    colours[court] = np.where(t[court] < 0.5, ends[Kind.COURT, 0], ends[Kind.COURT, 1])
    crops = np.array(CROPS[appearance.season], np.float32)
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
