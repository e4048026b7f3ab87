"""Ground of houses and fields, and straight views of it: what registration is tested on."""

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from affine import Affine
from pyproj import CRS, Transformer
from rasterio.warp import Resampling, reproject

from gallery.geo import LonLat
from gallery.ground.picture import CENTRED, GroundImage, similarity
from tests.helpers.builders import write_raster


def terrain(side_px: int, seed: int = 0) -> np.ndarray:
    """(H, W) uint8: turned rectangles over each other, with a little noise; every place differs from every other."""
    rng = np.random.default_rng(seed)
    total = np.zeros((side_px, side_px), np.float32)
    for _ in range(round(260 * (side_px / 400) ** 2)):
        centre, sides = rng.uniform(0, side_px, 2), rng.uniform(4, 40, 2)
        box = cv2.boxPoints((centre.tolist(), sides.tolist(), float(rng.uniform(0, 180)))).astype(np.int32)
        cv2.fillPoly(total, [box], float(rng.uniform(0, 255)))
    noisy = cv2.GaussianBlur(total, (0, 0), 1) + rng.normal(0, 3, total.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def ground_of(seed: int = 0, side_px: int = 400, m_per_px: float = 1.0) -> GroundImage:
    """A map of such ground whose upper left corner is the origin."""
    grey = terrain(side_px, seed)
    return GroundImage(grey, np.ones(grey.shape, bool), m_per_px, 0.0, 0.0)


def view(
    ground: GroundImage,
    at_m: tuple[float, float],
    heading_deg: float,
    m_per_px: float,
    size_px: tuple[int, int] = (160, 120),
) -> np.ndarray:
    """(H, W) uint8: what a camera that looks straight down sees of a map around a place, east and north."""
    width, height = size_px
    flat = np.array([[m_per_px, 0, -m_per_px * width / 2], [0, -m_per_px, m_per_px * height / 2], [0, 0, 1]])
    to_map = np.array([[1, 0, at_m[0]], [0, 1, at_m[1]], [0, 0, 1.0]]) @ similarity(heading_deg, 1) @ flat
    map_px = np.array(
        [[ground.m_per_px, 0, ground.west_m], [0, -ground.m_per_px, ground.north_m], [0, 0, 1.0]], np.float64
    )
    matrix = np.linalg.inv(CENTRED) @ np.linalg.inv(map_px) @ to_map @ CENTRED
    return cv2.warpPerspective(ground.grey, matrix, size_px, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def write_terrain(path: Path, crs: str, centre: LonLat, grey: np.ndarray) -> Callable[[float, float], LonLat]:
    """A GeoTIFF in any coordinate system of ground that lies north up around a place, a metre a pixel.

    Returns: where metres east and north of the ground's upper left corner lie.
    """
    side = grey.shape[0]
    local = CRS.from_proj4(f"+proj=aeqd +lat_0={centre.lat} +lon_0={centre.lon} +datum=WGS84")
    x, y = Transformer.from_crs("OGC:CRS84", crs, always_xy=True).transform(centre.lon, centre.lat)
    wide = math.ceil(1.45 * side)
    where = Affine(1, 0, x - wide / 2, 0, -1, y + wide / 2)
    pixels = np.zeros((3, wide, wide), np.uint8)
    laid = {"src_transform": Affine(1, 0, -side / 2, 0, -1, side / 2), "src_crs": local.to_wkt()}
    reproject(np.stack([grey] * 3), pixels, **laid, dst_transform=where, dst_crs=crs, resampling=Resampling.bilinear)
    write_raster(path, crs, pixels=pixels, transform=where, nodata=0)
    to_lonlat = Transformer.from_crs(local, "OGC:CRS84", always_xy=True)
    return lambda east_m, north_m: LonLat(*to_lonlat.transform(east_m - side / 2, north_m + side / 2))
