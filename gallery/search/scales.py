"""The scales of a gallery: tiles of one size on the ground, and which size suits a photo."""

from dataclasses import dataclass

import numpy as np

from gallery.photo.pose import Pose
from gallery.photo.rectify import share_shown
from gallery.store.gallery import Gallery

LEAST_SHOWN = 0.9
"""Share of a tile's size that a photo must show around its centre to be searched among such tiles: the largest that it
fills, else the smallest. Settled with 150 rendered photos of 50 to 300 m of height, over tiles of 80, 160 and 320 m."""

SAMPLED = 99
"""Tiles, spread evenly over those of a scale, that tell how large they are."""


@dataclass(frozen=True, eq=False)
class Scale:
    """Tiles of one size.

    Attributes:
        side_m: median of their longer sides on the ground.
        rows: (N,) bool, which tiles of the gallery they are; None: all of them.
    """

    side_m: float
    rows: np.ndarray | None = None


def scales_of(gallery: Gallery) -> tuple[Scale, ...]:
    """The scales that a gallery was built with, the smallest tiles first."""
    stated = gallery.scales_m
    sizes = np.unique(stated)
    if len(sizes) < 2:
        return (Scale(typical_side_m(gallery)),)
    scales = (stated == size for size in sizes)
    return tuple(sorted((Scale(typical_side_m(gallery, rows), rows) for rows in scales), key=lambda one: one.side_m))


def typical_side_m(gallery: Gallery, among: np.ndarray | None = None) -> float:
    """Median of the tiles' longer sides, metres, over a sample spread evenly. Args: among: (N,) bool, None: all."""
    rows = np.arange(len(gallery)) if among is None else np.flatnonzero(among)
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), SAMPLED)).astype(int))]
    return float(np.median([gallery.tile(int(row)).side_m for row in chosen]))


def suited(scales: tuple[Scale, ...], size: tuple[int, int], pose: Pose) -> Scale:
    """The scale among which a photo of a stated pose is searched. Args: size: of the picture, pixels."""
    filled = (scale for scale in reversed(scales) if share_shown(size, pose, scale.side_m) >= LEAST_SHOWN)
    return next(filled, scales[0])
