"""Pictures of a fit: lines between the points that agree, and the photo laid on its ground."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from gallery.judge.geometry import PICTURE_PX, Alignment, Fit, ground_around
from gallery.photo.projection import apply, jacobian
from gallery.store.gallery import Gallery

MOST_LINES = 60
"""Most lines that are drawn: more of them hide the pictures."""

PANEL_PX = 560
"""Side that photo and ground share where they stand beside or above each other, pixels."""

GROUND_PX = 800
"""Longer side of the ground under the photo, pixels."""

MARGIN = 0.08
"""Ground that is shown beyond the photo on each side, as a share of what the photo shows."""

MOST_SIDES = 5.0
"""Tile sides beyond which ground is not drawn: a photo with horizon reaches far."""

GAP_PX = 8

COLOURS = ((230, 159, 0), (86, 180, 233), (240, 228, 66), (0, 158, 115), (204, 121, 167), (255, 255, 255))
"""Colours that everybody tells apart (Okabe and Ito 2008) and that stand out from the ground, and white."""

OUTLINE = (74, 222, 128)
DARK = (15, 23, 42)
CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])  # of a square
SUBPIXEL_BITS = 4  # of OpenCV's drawing coordinates


@dataclass(frozen=True)
class GroundPicture:
    """A picture of the ground that a photo shows, with some around it.

    Attributes:
        picture: (H, W, 3) uint8 RGB.
        to_px: (3, 3), metres east and north of the alignment's tile to pixels of the picture.
    """

    picture: np.ndarray
    to_px: np.ndarray


@dataclass(frozen=True)
class Overlay:
    """A fit as pictures, RGB without metadata.

    Attributes:
        beside: photo and ground side by side, with lines between points that agree; the ground is turned as the photo.
        below: the same with the ground below the photo, for narrow screens.
        ground: north up, with the photo's outline.
        photo: the same ground with the photo laid on it, as far as it lies well below the horizon.
    """

    beside: Image.Image
    below: Image.Image
    ground: Image.Image
    photo: Image.Image


def overlay_of(image: Image.Image, fit: Fit, gallery: Gallery) -> Overlay:
    """Draw a fit.

    Args:
        image: the photo that was laid, or a copy of another size.
        gallery: whose ground it was laid on.

    Raises:
        GalleryError: the source of the ground is not there any more, or is damaged.
    """
    alignment, photo = fit.alignment, np.asarray(image.convert("RGB"))
    ups_deg = (0.0, fit.heading_deg)
    read = ground_around(gallery, alignment.tile, _reach_sides(alignment, ups_deg), PICTURE_PX)
    north_up, turned = (ground_under(alignment, *read, up_deg) for up_deg in ups_deg)
    beside, below = (lines(photo, alignment, turned, stacked) for stacked in (False, True))
    plain, laid = (
        outlined(picture, alignment, north_up) for picture in (north_up.picture, lay(photo, alignment, north_up))
    )
    return Overlay(*map(Image.fromarray, (beside, below, plain, laid)))


def ground_under(alignment: Alignment, image: Image.Image, to_metres: np.ndarray, up_deg: float = 0.0) -> GroundPicture:
    """The ground that a photo shows, and a margin.

    Args:
        image, to_metres: the ground around the alignment's tile, as `ground_around` returns it.
        up_deg: which direction is up, clockwise from north.
    """
    turn, frame = _frame(alignment, up_deg)
    edges = apply(turn @ to_metres, CORNERS * image.size)
    left, bottom = np.maximum(frame.min(axis=0), edges.min(axis=0))
    right, top = np.minimum(frame.max(axis=0), edges.max(axis=0))
    px_per_m = GROUND_PX / max(right - left, top - bottom)
    to_px = np.array([[px_per_m, 0, -left * px_per_m], [0, -px_per_m, top * px_per_m], [0, 0, 1]]) @ turn
    size = max(1, round((right - left) * px_per_m)), max(1, round((top - bottom) * px_per_m))
    return GroundPicture(_warped(np.asarray(image), to_px @ to_metres, size), to_px)


def _frame(alignment: Alignment, up_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """(3, 3): metres east and north to metres right and up; (4, 2): there, the corners of a frame around the photo."""
    cos, sin = math.cos(math.radians(up_deg)), math.sin(math.radians(up_deg))
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    shown = apply(turn, alignment.outline_m)
    least, most = shown.min(axis=0), shown.max(axis=0)
    return turn, least + (CORNERS * (1 + 2 * MARGIN) - MARGIN) * (most - least)


def _reach_sides(alignment: Alignment, ups_deg: Sequence[float]) -> float:
    """How many tile sides wide the ground has to be read to fill the frames."""
    frames = [apply(np.linalg.inv(turn), frame) for turn, frame in (_frame(alignment, up_deg) for up_deg in ups_deg)]
    farthest_m = max(float(np.abs(frame).max()) for frame in frames)
    return min(max(2 * farthest_m / min(alignment.tile.sides_m), 1.0), MOST_SIDES)


def lay(photo: np.ndarray, alignment: Alignment, ground: GroundPicture) -> np.ndarray:
    """The ground's picture with the part of the photo on it that lies well below the horizon.

    Args: photo: (H, W, 3) uint8 RGB, of any size.

    Returns: (H, W, 3) uint8, of the ground's shape.
    """
    height, width = ground.picture.shape[:2]
    between = ground.to_px @ alignment.to_ground @ _to_alignment(photo, alignment)
    held = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(held, _fixed(apply(ground.to_px, alignment.outline_m)), 255, cv2.LINE_AA, SUBPIXEL_BITS)
    share = held[..., None] / 255
    warped = _warped(photo, between, (width, height))
    return np.asarray((share * warped + (1 - share) * ground.picture).round(), np.uint8)


def outlined(picture: np.ndarray, alignment: Alignment, ground: GroundPicture) -> np.ndarray:
    """A copy of a picture of the ground, with the outline of what the photo shows."""
    drawn = picture.copy()
    corners = _fixed(apply(ground.to_px, alignment.outline_m))
    for colour, thick_px in ((DARK, 4), (OUTLINE, 2)):
        cv2.polylines(drawn, [corners], True, colour, thick_px, cv2.LINE_AA, SUBPIXEL_BITS)
    return drawn


def lines(photo: np.ndarray, alignment: Alignment, ground: GroundPicture, stacked: bool = False) -> np.ndarray:
    """Photo and ground side by side, or the ground below, with lines between points that agree.

    Args: photo: (H, W, 3) uint8 RGB, of any size.

    Returns: (H, W, 3) uint8.
    """
    panels, starts, ends = panels_of(photo, alignment, ground, stacked)
    drawn = _joined(panels, stacked)
    chosen = spread(alignment.photo_px, MOST_LINES)
    across = 0 if stacked else 1  # lines are told apart best when neighbours differ in colour
    chosen = chosen[np.argsort(alignment.photo_px[chosen, across], kind="stable")]
    plain = drawn.copy()
    for number, (start, end) in enumerate(zip(_fixed(starts[chosen]), _fixed(ends[chosen]), strict=True)):
        for colour, thick_px in ((DARK, 3), (COLOURS[number % len(COLOURS)], 1)):
            cv2.line(drawn, start, end, colour, thick_px, cv2.LINE_AA, SUBPIXEL_BITS)
    drawn = cv2.addWeighted(drawn, 0.75, plain, 0.25, 0)
    for number, ends_of_line in enumerate(zip(_fixed(starts[chosen]), _fixed(ends[chosen]), strict=True)):
        for point in ends_of_line:
            for colour, radius_px in ((DARK, 5), (COLOURS[number % len(COLOURS)], 3)):
                cv2.circle(drawn, point, radius_px << SUBPIXEL_BITS, colour, cv2.FILLED, cv2.LINE_AA, SUBPIXEL_BITS)
    return np.asarray(drawn)


def panels_of(
    photo: np.ndarray, alignment: Alignment, ground: GroundPicture, stacked: bool
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray, np.ndarray]:
    """Photo and ground at one height, or at one width, and where their points come to lie in the joined picture.

    Returns: the panels, and (N, 2) pixels of the points in the photo and on the ground.
    """
    shared = 1 if stacked else 0
    scales = [PANEL_PX / picture.shape[shared] for picture in (photo, ground.picture)]
    panels = _scaled(photo, scales[0]), _scaled(ground.picture, scales[1])
    starts = apply(np.linalg.inv(_to_alignment(photo, alignment)), alignment.photo_px) * scales[0]
    ends = apply(ground.to_px, alignment.ground_m) * scales[1]
    shift = panels[0].shape[1 - shared] + GAP_PX
    return panels, starts, ends + ([0, shift] if stacked else [shift, 0])


def spread(points: np.ndarray, most: int) -> np.ndarray:
    """Rows of at most `most` points that lie evenly among all, each as far as can be from those before it.

    Args: points: (N, 2).

    Returns: (min(N, most),) int64, the first one next to the middle (farthest-first traversal, Gonzalez 1985).
    """
    nearest = np.full(len(points), np.inf)
    chosen = [int(np.linalg.norm(points - points.mean(axis=0), axis=1).argmin())]
    while len(chosen) < min(most, len(points)):
        nearest = np.minimum(nearest, np.linalg.norm(points - points[chosen[-1]], axis=1))
        nearest[chosen] = -1  # points may fall together
        chosen.append(int(nearest.argmax()))
    return np.array(chosen)


def _to_alignment(photo: np.ndarray, alignment: Alignment) -> np.ndarray:
    """(3, 3): pixels of a copy of the photo to those of the photo that was laid."""
    width, height = alignment.size_px
    return np.diag([width / photo.shape[1], height / photo.shape[0], 1.0])


def _warped(picture: np.ndarray, to_px: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture through a homography, shrunk by a filter first where that makes it smaller at its middle."""
    height, width = picture.shape[:2]
    shrunk = math.sqrt(abs(np.linalg.det(jacobian(to_px, width / 2, height / 2))))
    small = _scaled(picture, min(shrunk, 1.0))
    grown = np.diag([width / small.shape[1], height / small.shape[0], 1.0])
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # OpenCV counts from the middle of the first pixel
    between = np.linalg.inv(half) @ to_px @ grown @ half
    return np.asarray(cv2.warpPerspective(small, between, size, flags=cv2.INTER_LINEAR, borderValue=DARK))


def _scaled(picture: np.ndarray, scale: float) -> np.ndarray:
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return picture if scale == 1 else np.asarray(cv2.resize(picture, size, interpolation=how))


def _joined(panels: tuple[np.ndarray, np.ndarray], stacked: bool) -> np.ndarray:
    """Two panels with a dark gap between."""
    shape = (GAP_PX, panels[0].shape[1], 3) if stacked else (panels[0].shape[0], GAP_PX, 3)
    gap = np.full(shape, DARK, np.uint8)
    return np.concatenate([panels[0], gap, panels[1]], axis=0 if stacked else 1)


def _fixed(points: np.ndarray) -> np.ndarray:
    """(N, 2) int32: points as OpenCV's drawing functions take them, counted from the middle of the first pixel."""
    return np.asarray(((points - 0.5) * (1 << SUBPIXEL_BITS)).round(), np.int32)
