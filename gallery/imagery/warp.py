"""Pictures seen through a homography, so that they lie north up: the middle of a photo, a turned part of a raster."""

import math

import numpy as np
from PIL import Image

NOT_SEEN = (124, 116, 104)
"""Colour of the ground that a picture does not hold: ImageNet's mean, which is zero to the network."""

Cutout = tuple[float, ...]
"""(3, 3) row by row: from a picture to what it is taken of, both as unit squares whose first corner is the upper left
one; the third coordinate is positive where there is something to see."""


def cutout_of(matrix: np.ndarray) -> Cutout:
    """The numbers of a cutout. Args: matrix: (3, 3)."""
    return tuple(float(number) for number in (matrix / abs(matrix[2] @ [0.5, 0.5, 1])).ravel())


def grown(cutout: Cutout | None, sides: float) -> Cutout:
    """A cutout of more around the same middle. Args: cutout: None: the whole; sides: so many times as wide and high."""
    wider = np.array([[sides, 0, (1 - sides) / 2], [0, sides, (1 - sides) / 2], [0, 0, 1]])
    return cutout_of((np.eye(3) if cutout is None else np.reshape(cutout, (3, 3))) @ wider)


def seen_through(image: Image.Image, cutout: Cutout, max_px: int) -> Image.Image:
    """What a cutout shows of a picture; what the picture does not hold has the colour `NOT_SEEN`.

    Args:
        image: RGB, all that the cutout is of.
        cutout: what is shown.
        max_px: longer side of the result, at most; else its middle has the picture's own resolution.
    """
    wide, high = size_seen(cutout, image.size)
    shrunk = min(1.0, max_px / max(wide, high))
    if shrunk < 1:  # by a filter first: the warp itself has none
        small = max(1, round(image.width * shrunk)), max(1, round(image.height * shrunk))
        image = image.resize(small, Image.Resampling.BICUBIC, reducing_gap=3.0)
    size = max(1, round(wide * shrunk)), max(1, round(high * shrunk))
    back = np.diag([*image.size, 1.0]) @ np.reshape(cutout, (3, 3)) @ np.diag([1 / size[0], 1 / size[1], 1.0])
    flat = (back / (back[2, 2] or 1e-9)).ravel()  # Pillow's form: only ratios count
    warped = image.transform(size, Image.Transform.PERSPECTIVE, tuple(flat[:8]), Image.Resampling.BICUBIC)
    filled = Image.new("RGB", size, NOT_SEEN)
    filled.paste(warped, mask=Image.fromarray(held_by(cutout, size).astype(np.uint8) * 255))
    return filled


def through(values: np.ndarray, cutout: Cutout, size: tuple[int, int]) -> np.ndarray:
    """(height, width): the nearest of (H, W) values that a cutout without perspective shows; zero outside of them.

    Args: size: width and height of the result.
    """
    rows, columns = np.nonzero(held_by(cutout, size))
    units = np.column_stack([(columns + 0.5) / size[0], (rows + 0.5) / size[1], np.ones(len(rows))])
    x, y, _ = np.reshape(cutout, (3, 3)) @ units.T
    seen = np.zeros(size[::-1], values.dtype)
    height, width = values.shape
    seen[rows, columns] = values[
        np.minimum(y * height, height - 1).astype(int), np.minimum(x * width, width - 1).astype(int)
    ]
    return seen


def size_seen(cutout: Cutout, size_px: tuple[int, int]) -> tuple[float, float]:
    """Width and height, pixels, that give the middle of a cutout the resolution of what it is of.

    Args: size_px: width and height of that.
    """
    matrix = np.diag([*size_px, 1.0]) @ np.reshape(cutout, (3, 3))
    x, y, ahead = matrix @ [0.5, 0.5, 1]
    right, down = ((matrix[:2, axis] * ahead - np.array([x, y]) * matrix[2, axis]) / ahead**2 for axis in (0, 1))
    return math.hypot(*right), math.hypot(*down)


def held_by(cutout: Cutout, size: tuple[int, int]) -> np.ndarray:
    """(height, width) bool: where the picture of a cutout shows something. Args: size: width and height, pixels."""
    columns, rows = (np.arange(size[0]) + 0.5) / size[0], (np.arange(size[1]) + 0.5) / size[1]
    lines = np.reshape(cutout, (3, 3))
    x, y, ahead = ((line[0] * columns + line[2])[None, :] + (line[1] * rows)[:, None] for line in lines)
    return np.asarray((ahead > 0) & (x >= 0) & (x <= ahead) & (y >= 0) & (y <= ahead))


def reached(cutout: Cutout) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what a cutout without perspective shows, in unit squares."""
    corners = np.array([(0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)]) @ np.reshape(cutout, (3, 3)).T
    left, top = corners[:, :2].min(axis=0)
    right, bottom = corners[:, :2].max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def sides_to_show_all(cutout: Cutout, most: float) -> float:
    """How many times as wide and high a cutout must be to show all that it is of. Args: most: not more than this."""
    corners = np.array([(0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)]) @ np.linalg.inv(np.reshape(cutout, (3, 3))).T
    if corners[:, 2].min() <= 0:  # beyond the horizon
        return most
    return float(min(most, 2 * np.abs(corners[:, :2] / corners[:, 2:] - 0.5).max()))
