"""A small gallery with its ground, and photos cut out of it, with edges at the scale of the points."""

import math
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from pyproj import Transformer

from gallery import Gallery
from gallery.geo import LonLat
from gallery.ground.sheets import make_ground
from gallery.registration.registrar import Registrar
from tests.helpers.builders import FakeEmbedder, build_region

SIDE_PX = 640
"""Pixels of the region's side; one shows a metre, as `build_region` lays it."""

PHOTO_PX = (400, 300)
"""Width and height of the photos."""


def patchwork(side_px: int = SIDE_PX, seed: int = 0) -> np.ndarray:
    """(3, H, W) uint8: ground strewn with turned rectangles of every grey, none of them twice."""
    random = np.random.default_rng(seed)
    grey = np.full((side_px, side_px), 120, np.uint8)
    for _ in range(side_px * side_px // 250):
        box = (tuple(random.uniform(0, side_px, 2)), tuple(random.uniform(4, 30, 2)), float(random.uniform(0, 180)))
        cv2.fillPoly(grey, [cv2.boxPoints(box).astype(np.int32)], int(random.integers(20, 236)))
    return np.repeat(cv2.GaussianBlur(grey, (0, 0), 0.8)[None], 3, axis=0)


def gallery_with_ground(folder: Path, seed: int = 0) -> Gallery:
    """The gallery `g` of a patchwork with its ground made."""
    gallery = build_region(folder, FakeEmbedder(), patchwork(seed=seed))
    make_ground(gallery)
    return gallery


def registrar_of(gallery: Gallery, **more: object) -> Registrar:
    """What lays photos on the ground of a gallery, its first tile standing for all."""
    from gallery.ground.sheets import open_ground

    ground = open_ground(gallery)
    assert ground is not None
    return Registrar(ground, lambda point: gallery.tile(0), **more)


def photo_of(
    pixels: np.ndarray, column: float, row: float, heading_deg: float, m_per_px: float = 0.7
) -> tuple[Image.Image, LonLat]:
    """A photo that looks straight down on a region, and the ground under its centre.

    Args:
        pixels: (3, H, W), of the region.
        column, row: of its centre there, pixels of a metre.
        heading_deg: of its upper side.
    """
    width, height = PHOTO_PX
    cos, sin = m_per_px * math.cos(math.radians(heading_deg)), m_per_px * math.sin(math.radians(heading_deg))
    to_region = np.array(
        [
            [cos, -sin, column - cos * width / 2 + sin * height / 2],
            [sin, cos, row - sin * width / 2 - cos * height / 2],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    taken = cv2.warpAffine(np.ascontiguousarray(pixels[0]), to_region, PHOTO_PX, flags=flags, borderValue=0)
    lon, lat = Transformer.from_crs("EPSG:32633", "OGC:CRS84", always_xy=True).transform(
        500_000 + column, 5_000_000 - row
    )
    return Image.fromarray(taken).convert("RGB"), LonLat(lon, lat)
