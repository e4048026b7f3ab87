"""Points of the ground that are found again in another picture of it: RootSIFT at a coarse scale, in metres."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from gallery.errors import RegistrationError
from gallery.ground.picture import GroundImage

M_PER_PX = 0.7
"""Metres a pixel, scale at which a map's points are made: coarser than most maps, since season, sensor, blur and relief
differ most in fine detail."""

LEAST_CONTRAST = 0.01
"""Grey values from 0 to 1, least contrast of a point: a quarter of OpenCV's own, haze and dry ground leave little."""

MOST_PER_KM2 = 60_000
"""Points a square kilometre, the strongest of each block: 144 bytes each are 8.6 MB."""

BLOCK_PX = 1024
"""Pixels, side of the squares that a map is read in: memory does not grow with it, and the points spread over it."""

MARGIN_PX = 64
"""Pixels by which squares overlap on each side; points within it belong to the neighbour."""

FILL_PX = (16.0, 4.0)
"""Pixels, standard deviations by which ground is continued beyond its edge, widest first: an edge would make points."""

LEAST_NEAR = 0.02
"""Weight of ground near a pixel from which on it is continued there."""

FILL_SHRUNK = 4
"""Factor by which a picture is shrunk to be continued: what is made is smooth, and only seen beyond the edge."""

CODE = 512.0
"""Factor of the roots of SIFT's values in their stored bytes, which are cut at 255: a root seldom reaches a half."""

FILES = {"x_m": np.float32, "y_m": np.float32, "size_m": np.float32, "angle_deg": np.float32, "descriptors": np.uint8}
"""Arrays of `Keypoints` and their types, each in a file of its name."""


@dataclass(frozen=True, eq=False)
class Keypoints:
    """Points of one picture of the ground; they may be memory-mapped.

    Attributes:
        x_m: (N,) float32, metres east of the local origin.
        y_m: (N,) float32, metres north of it.
        size_m: (N,) float32, diameter of what the point looks at, in metres, as OpenCV gives it.
        angle_deg: (N,) float32, the point's own direction, clockwise from east.
        descriptors: (N, 128) uint8, `CODE` times the roots of SIFT's values divided by their sum.
    """

    x_m: np.ndarray
    y_m: np.ndarray
    size_m: np.ndarray
    angle_deg: np.ndarray
    descriptors: np.ndarray

    def __len__(self) -> int:
        return len(self.x_m)

    def chosen(self, rows: np.ndarray | slice) -> "Keypoints":
        """Some of the points.

        Args:
            rows: (M,) int, (N,) bool, or a slice.
        """
        return Keypoints(*(getattr(self, name)[rows] for name in FILES))

    def save(self, folder: Path) -> None:
        """Write one .npy file for each array; the folder must exist."""
        for name in FILES:
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)

    @staticmethod
    def load(folder: Path, mapped: bool = True) -> "Keypoints":
        """Read what `save` wrote.

        Args:
            mapped: leave the arrays on disk.

        Raises:
            RegistrationError: a file is missing, damaged, or of another type or length.
        """
        arrays = {}
        for name, kind in FILES.items():
            path = folder / f"{name}.npy"
            try:
                array = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
            except (OSError, ValueError, EOFError) as error:
                raise RegistrationError(f"The ground's points cannot be read: {path.name}: {error}") from None
            shape = (128,) if name == "descriptors" else ()
            if array.dtype != kind or array.shape[1:] != shape:
                raise RegistrationError(f"The ground's points cannot be read: {path.name} holds something else.")
            arrays[name] = array
        if len({len(array) for array in arrays.values()}) != 1:
            raise RegistrationError("The ground's points cannot be read: their files differ in length.")
        return Keypoints(**arrays)


def joined(parts: list[Keypoints]) -> Keypoints:
    """The points of several pictures of one frame, in their order."""
    if not parts:
        return nothing()
    return Keypoints(*(np.concatenate([getattr(part, name) for part in parts]) for name in FILES))


def nothing() -> Keypoints:
    """No points."""
    return Keypoints(*(np.empty((0, 128) if name == "descriptors" else 0, kind) for name, kind in FILES.items()))


def keypoints_of(
    ground: GroundImage,
    most: int | None = None,
    contrast: float = LEAST_CONTRAST,
    on_block: Callable[[float], None] | None = None,
) -> Keypoints:
    """The points of one picture of the ground at its own scale.

    Args:
        ground: of any size; large ones are read in squares.
        most: points kept, the strongest; None: by area, `MOST_PER_KM2`.
        contrast: threshold, as `LEAST_CONTRAST`.
        on_block: told after each square how many square kilometres it was.

    Returns:
        Ordered by place; the same for the same picture.
    """
    height, width = ground.grey.shape
    parts = []
    for top in range(0, height, BLOCK_PX):
        for left in range(0, width, BLOCK_PX):
            area_px = (min(height, top + BLOCK_PX) - top) * (min(width, left + BLOCK_PX) - left)
            area_km2 = area_px * ground.m_per_px**2 * 1e-6
            own = round(area_km2 * MOST_PER_KM2) + 1 if most is None else most
            parts.append(_of_block(ground, top, left, own, contrast))
            if on_block is not None:
                on_block(area_km2)
    points, strength = joined([part for part, _ in parts]), np.concatenate([each for _, each in parts])
    if most is not None and len(points) > most:
        points = points.chosen(np.sort(np.argsort(-strength, kind="stable")[:most]))
    return points


def as_rows(descriptors: np.ndarray) -> np.ndarray:
    """(N, 128) stored bytes to float32 rows of length 1."""
    rows = descriptors.astype(np.float32)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), np.float32)


def _of_block(ground: GroundImage, top: int, left: int, most: int, contrast: float) -> tuple[Keypoints, np.ndarray]:
    """The points of one square of a picture, and how strong each is."""
    height, width = ground.grey.shape
    first_row, first_column = max(0, top - MARGIN_PX), max(0, left - MARGIN_PX)
    rows = slice(first_row, min(height, top + BLOCK_PX + MARGIN_PX))
    columns = slice(first_column, min(width, left + BLOCK_PX + MARGIN_PX))
    grey, held = np.ascontiguousarray(ground.grey[rows, columns]), ground.held[rows, columns]
    if not held.any():
        return nothing(), np.empty(0, np.float32)
    whole = bool(held.all())
    if not whole:  # the colour outside must make no edge: the mean of what is near it inside
        grey = _filled(grey, held)
    detector = cv2.SIFT.create(nfeatures=0, contrastThreshold=contrast)
    found = detector.detect(grey, held.astype(np.uint8))
    if not found:
        return nothing(), np.empty(0, np.float32)
    table = np.array([(*point.pt, point.size, point.angle, point.response) for point in found], np.float32)
    column, row = table[:, 0] + 0.5 + first_column, table[:, 1] + 0.5 + first_row
    kept = (row >= top) & (row < top + BLOCK_PX) & (column >= left) & (column < left + BLOCK_PX)
    if not whole:
        to_edge = cv2.distanceTransform(held.astype(np.uint8), cv2.DIST_L2, 3)
        near = to_edge[table[:, 1].round().astype(int), table[:, 0].round().astype(int)]
        kept &= near > table[:, 2]
    order = np.flatnonzero(kept)
    if len(order) > most:
        order = order[np.argsort(-table[order, 4], kind="stable")[:most]]
    order = order[np.lexsort((table[order, 3], table[order, 2], column[order], row[order]))]
    if not len(order):
        return nothing(), np.empty(0, np.float32)
    _, values = detector.compute(grey, [found[number] for number in order.tolist()])  # of these only: it takes time
    values = np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1e-9))
    codes = np.clip(values * CODE + 0.5, 0, 255).astype(np.uint8)
    x_m, y_m = ground.metres(column[order], row[order])
    size_m = table[order, 2] * ground.m_per_px
    arrays = (x_m.astype(np.float32), y_m.astype(np.float32), size_m.astype(np.float32), table[order, 3], codes)
    return Keypoints(*arrays), table[order, 4]


def _filled(grey: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The picture with what it does not hold filled by a smooth continuation, which is made of a smaller picture."""
    height, width = grey.shape
    small = math.ceil(width / FILL_SHRUNK), math.ceil(height / FILL_SHRUNK)
    share = held.astype(np.float32)
    layers = [cv2.resize(each, small, interpolation=cv2.INTER_AREA) for each in (grey * share, share)]
    filled = np.full(small[::-1], float(grey[held].mean()), np.float32)
    for sigma in FILL_PX:
        top, bottom = (cv2.GaussianBlur(each, (0, 0), sigma / FILL_SHRUNK) for each in layers)
        filled = np.where(bottom > LEAST_NEAR, top / np.maximum(bottom, LEAST_NEAR), filled)
    smooth = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(held, grey, np.clip(smooth, 0, 255).astype(np.uint8))
