"""What the gallery's ground said of a query: its place, where the truth stood among the places, and what erred."""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from gallery.geo import Bounds, LonLat, distance_m, wrap_lon
from gallery.registration.heat import HeatPatch, heat_patches
from gallery.registration.placement import RIGHT_WITHIN_M
from gallery.registration.registrar import Registration

OUTCOMES: Mapping[str, str] = {
    "agree": "the most similar tile and the ground are both right",
    "rescued": "the embedding alone was wrong, and the ground put it right",
    "retrieval": "retrieval error: the true place was not among those that the photo was laid down at",
    "geometry": "geometry error: the photo was laid down at the true place too, and another one fitted better",
    "unlaid": "the photo was not laid on the ground",
}
"""What became of a query on the ground, in words."""

HEAT_PX = 384
"""Pixels, longer side of a kept picture of the probability."""

SPOT_PX = 3
"""Pixels, side of the smallest spot in it: one of a single pixel is not seen on a map."""


@dataclass(frozen=True)
class GroundFacts:
    """What a registration said of one query.

    Attributes:
        lon: of its most probable place, degrees.
        lat: of its most probable place, degrees.
        probability: that the place is right within 25 m.
        absent: probability that the photo shows none of the searched ground.
        located: whether the place counts as found.
        rank: of the truth among the places that the photo was laid down at, from 1; None: it was at none of them, or
            the truth is not known.
        places: how many these were.
        heat: PNG of the probability over the ground that holds some, grey, its square root.
        box: where that picture lies, degrees; east may go on past 180.
    """

    lon: float
    lat: float
    probability: float
    absent: float
    located: bool
    rank: int | None
    places: int
    heat: bytes
    box: tuple[float, float, float, float]


def ground_facts(found: Registration, truth: LonLat | None) -> GroundFacts:
    """What a registration says, and where a truth stands in it. Args: truth: None: not known."""
    heat, box = _pictured(heat_patches(found))
    return GroundFacts(
        lon=found.point.lon,
        lat=found.point.lat,
        probability=found.probability,
        absent=found.placement.posterior.absent,
        located=found.located,
        rank=None if truth is None else ground_rank(found, truth),
        places=len(found.placement.candidates),
        heat=heat,
        box=box,
    )


def outcome(laid: bool, rank: float, embedding_rank: float) -> str:
    """Which of `OUTCOMES` a query has.

    Args:
        laid: whether the photo was laid down.
        rank: of the truth by the ground, from 1; not a number: it was not laid down there.
        embedding_rank: of the truth by the embedding, from 1; not a number: no true tile was ranked.
    """
    if not laid:
        return "unlaid"
    if rank == 1:
        return "agree" if embedding_rank == 1 else "rescued"
    return "retrieval" if math.isnan(rank) else "geometry"


def ground_counts(table: pd.DataFrame) -> dict[str, int]:
    """How many rows of an inspection's table had which outcome, in the order of `OUTCOMES`."""
    return {name: int((table["on_ground"] == name).sum()) for name in OUTCOMES}


def ground_rank(found: Registration, truth: LonLat) -> int | None:
    """Of a truth among the places that a photo was laid down at, from 1 for the one answered; None: at none of them."""
    if distance_m(found.point, truth) <= max(RIGHT_WITHIN_M, found.radius_m if found.located else 0):
        return 1
    others = [each for each in found.placement.candidates if each != found.placement.candidate]
    for rank, each in enumerate(others, start=2):
        if distance_m(found.canvas.lonlat(each.east_m, each.north_m), truth) <= RIGHT_WITHIN_M:
            return rank
    return None


def _pictured(patches: list[HeatPatch]) -> tuple[bytes, tuple[float, float, float, float]]:
    """All patches as one picture; a cell of it has the highest of what lies there, so that single peaks stay."""
    first = patches[0].box[0] if patches else 0.0
    boxes = [_beside(patch.box, first) for patch in patches] or [(0.0, 0.0, 1e-6, 1e-6)]
    west, south = (min(box[side] for box in boxes) for side in (0, 1))
    east, north = (max(box[side] for box in boxes) for side in (2, 3))
    across = (east - west) * math.cos(math.radians((south + north) / 2))
    scale = HEAT_PX / max(across, north - south)
    size = max(1, round(across * scale)), max(1, round((north - south) * scale))
    heat = np.zeros((size[1], size[0]))
    for patch, box in zip(patches, boxes, strict=True):
        rows, columns = (np.arange(side) + 0.5 for side in patch.probability.shape)
        lat = box[3] - rows / len(rows) * (box[3] - box[1])
        lon = box[0] + columns / len(columns) * (box[2] - box[0])
        row = np.clip((north - lat) / (north - south) * size[1], 0, size[1] - 1).astype(int)
        column = np.clip((lon - west) / (east - west) * size[0], 0, size[0] - 1).astype(int)
        np.maximum.at(heat, (row[:, None], column[None]), patch.probability)
    heat = np.asarray(cv2.dilate(heat, np.ones((SPOT_PX, SPOT_PX))), np.float64)
    grey = np.round(255 * np.sqrt(heat / max(float(heat.max()), 1e-12))).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, "PNG", optimize=True)
    return stream.getvalue(), (west, south, east, north)


def _beside(box: tuple[float, float, float, float], first: float) -> tuple[float, float, float, float]:
    """A box with longitudes that go on from the first one's rather than jump."""
    west = first + wrap_lon(box[0] - first)
    return west, box[1], west + (box[2] - box[0]) % 360, box[3]


@dataclass(frozen=True, eq=False)
class GroundHeat:
    """The kept probability of a query.

    Attributes:
        probability: (H, W) of each pixel, the highest is 1.
        box: Bounds of the picture.
    """

    probability: np.ndarray
    box: Bounds


def heat_of(png: bytes, box: Bounds) -> GroundHeat | None:
    """What `ground_facts` kept; None where it is no such picture, for a report may be somebody else's."""
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            if picture.mode != "L" or max(picture.size) > 2 * HEAT_PX:
                return None
            grey = np.asarray(picture, np.float64)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return GroundHeat((grey / 255) ** 2, box)
