"""What training does to its pictures: the published recipe, on OpenCV.

The paper names random cropping, horizontal flips and rotation. The code published with it does more and crops nothing:
JPEG artefacts, colour jitter, blur or sharpening, holes, quarter turns of the satellite picture, and one flip for both
views of a pair. This is the code's recipe; `least_crop` below 1 adds the cropping. One step is a stand-in for
albumentations' with the same range of widths: a round Gaussian for `AdvancedBlur`.
"""

from __future__ import annotations

import math
from typing import Literal

import cv2
import numpy as np

from mean_model.config import Resize
from mean_model.embedder import resized

View = Literal["drone", "satellite"]

CONTRAST = {"drone": 0.7, "satellite": 0.3}
"""Largest change of the contrast by colour jitter; only here and in the quarter turns are the views treated
differently."""

BRIGHTNESS, SATURATION, HUE = 0.15, 0.3, 0.3
"""Largest changes by colour jitter; of the hue in turns."""

_GREY = np.array([0.299, 0.587, 0.114], np.float32)


def augmented(
    picture: np.ndarray,
    view: View,
    size_px: int,
    random: np.random.Generator,
    *,
    least_crop: float = 1.0,
    resize: Resize = "bicubic",
) -> np.ndarray:
    """A picture (H, W, 3) uint8 RGB as a training picture (S, S, 3) uint8.

    Args:
        picture: it is not changed.
        view: whose recipe.
        size_px: side S of the square.
        random: what is drawn with.
        least_crop: smallest share of the area that a random crop keeps; 1 keeps all, as the published code does.
        resize: as the network's photos are resized, see `MeanConfig.resize`.
    """
    if random.random() < 0.5:
        picture = compressed(picture, int(random.integers(90, 101)))
    if least_crop < 1:
        picture = cropped(picture, least_crop, random)
    picture = resized(picture, size_px, resize)
    if random.random() < 0.5:
        picture = jittered(picture, CONTRAST[view], random)
    if random.random() < 0.3:
        if random.random() < 0.5:
            picture = cv2.GaussianBlur(picture, (7, 7), float(random.uniform(0.2, 1.0)))
        else:
            picture = sharpened(picture, float(random.uniform(0.2, 0.5)), float(random.uniform(0.5, 1.0)))
    if random.random() < 0.3:
        picture = grid_dropout(picture) if random.random() < 0.5 else coarse_dropout(picture, random)
    return np.rot90(picture, int(random.integers(4))) if view == "satellite" else picture


def compressed(picture: np.ndarray, quality: int) -> np.ndarray:
    """The picture after a JPEG of this quality, 1 to 100."""
    _, data = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    found = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert found is not None  # it was just encoded
    return cv2.cvtColor(found, cv2.COLOR_BGR2RGB)


def cropped(picture: np.ndarray, least: float, random: np.random.Generator) -> np.ndarray:
    """A random rectangle of the picture: `least` of its area or more, sides 0.9 to 1.1 to each other."""
    height, width = picture.shape[:2]
    area, ratio = height * width * random.uniform(least, 1.0), math.exp(random.uniform(math.log(0.9), math.log(1.1)))
    rows = min(height, max(1, round(math.sqrt(area / ratio))))
    columns = min(width, max(1, round(math.sqrt(area * ratio))))
    top, left = random.integers(height - rows + 1), random.integers(width - columns + 1)
    return picture[top : top + rows, left : left + columns]


def jittered(picture: np.ndarray, contrast: float, random: np.random.Generator) -> np.ndarray:
    """Brightness, contrast, saturation and hue changed in a random order. Args: contrast: its largest change."""
    for step in random.permutation(4):
        match step:
            case 0:
                picture = brightened(picture, _around_one(BRIGHTNESS, random))
            case 1:
                picture = contrasted(picture, _around_one(contrast, random))
            case 2:
                picture = saturated(picture, _around_one(SATURATION, random))
            case _:
                picture = hue_turned(picture, float(random.uniform(-HUE, HUE)))
    return picture


def brightened(picture: np.ndarray, factor: float) -> np.ndarray:
    """Each value times a factor."""
    return cv2.convertScaleAbs(picture, alpha=factor)


def contrasted(picture: np.ndarray, factor: float) -> np.ndarray:
    """Each value's distance to the picture's mean grey times a factor."""
    grey = float(np.array(cv2.mean(picture)[:3], np.float32) @ _GREY)
    table = np.arange(256, dtype=np.float32) * factor + grey * (1 - factor)
    return cv2.LUT(picture, table.round().clip(0, 255).astype(np.uint8))


def saturated(picture: np.ndarray, factor: float) -> np.ndarray:
    """Each pixel's distance to its own grey times a factor."""
    return cv2.transform(picture, factor * np.eye(3, dtype=np.float32) + (1 - factor) * np.tile(_GREY, (3, 1)))


def hue_turned(picture: np.ndarray, turns: float) -> np.ndarray:
    """Hues moved around the circle. Args: turns: of it, -0.5 to 0.5."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV_FULL)
    hue = hsv[:, :, 0]
    np.add(hue, np.uint8(round(turns * 256) % 256), out=hue)  # 256 steps are one turn: overflow is meant
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL)


def sharpened(picture: np.ndarray, share: float, lightness: float) -> np.ndarray:
    """Mix in the picture minus its surroundings, as albumentations' `Sharpen` (0.2 to 0.5, and 0.5 to 1)."""
    kernel = np.full((3, 3), -share, np.float32)
    kernel[1, 1] = (1 - share) + share * (8 + lightness)
    return cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT_101)


def grid_dropout(picture: np.ndarray) -> np.ndarray:
    """Black squares on a grid, as published: cells of a tenth of the side, holes of 0.4 of a cell's (16 % in all)."""
    cell = max(2, min(picture.shape[:2]) // 10)
    hole = max(1, int(0.4 * cell))
    rows, columns = (np.flatnonzero(np.arange(side) % cell < hole) for side in picture.shape[:2])
    result = picture.copy()
    result[rows[:, None], columns] = 0
    return result


def coarse_dropout(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """10 to 25 black rectangles, each side a tenth to a fifth of the picture's."""
    height, width = picture.shape[:2]
    result = picture.copy()
    for _ in range(random.integers(10, 26)):
        rows, columns = (int(random.integers(max(1, side // 10), max(2, side // 5 + 1))) for side in (height, width))
        top, left = random.integers(height - rows + 1), random.integers(width - columns + 1)
        result[top : top + rows, left : left + columns] = 0
    return result


def _around_one(largest: float, random: np.random.Generator) -> float:
    return float(random.uniform(1 - largest, 1 + largest))
