"""A photo as if seen from above: brought to the ground plane by the pose that its camera states."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gallery.photo.pose import FILM_DIAGONAL_MM, Pose

NOT_SEEN = (124, 116, 104)
"""Colour of the ground that a photo does not hold: ImageNet's mean, which is zero to the network."""


LEAST_SEEN = 0.02
"""The least share of the middle square that a photo must fill: a smaller patch says less than the photo as it is."""

MOST_PX = 1536
LEAST_PX = 192
SHARE_PX = 64


@dataclass(frozen=True)
class GroundSquare:
    """A north-up square of flat ground around the point under a photo's centre.

    Attributes:
        image: RGB; ground that the photo does not hold has the colour `NOT_SEEN`.
        held: bool, of the image's shape: what the photo does hold.
        side_m: of the square.
        to_photo: (3, 3), homogeneous: pixels of the square to pixels of the photo.
    """

    image: Image.Image
    held: np.ndarray
    side_m: float
    to_photo: np.ndarray

    def cut(self, east_m: float, north_m: float, side_m: float) -> tuple[Image.Image, float]:
        """A smaller square with its middle elsewhere, and the share of it that the photo holds."""
        px = self.image.width / self.side_m
        left = round((self.side_m / 2 + east_m - side_m / 2) * px)
        top = round((self.side_m / 2 - north_m - side_m / 2) * px)
        side_px = round(side_m * px)
        held = self.held[top : top + side_px, left : left + side_px]
        return self.image.crop((left, top, left + side_px, top + side_px)), float(held.mean())


def seen_from_above(image: Image.Image, pose: Pose, side_m: float) -> GroundSquare:
    """The ground that a photo shows, as tiles show it. Roll, lens distortion and relief are not corrected.

    Args:
        image: the whole picture, not cropped.
        pose: of the camera.
        side_m: of the square, metres.

    Returns:
        A square with about the photo's own resolution at its centre, `LEAST_PX` to `MOST_PX` wide.
    """
    whole_px = image.width
    focal_px = pose.focal_35mm / FILM_DIAGONAL_MM * math.hypot(*image.size)
    slant_m = pose.height_m / math.sin(math.radians(-pose.pitch_deg))
    wanted_px = side_m * focal_px / slant_m
    if wanted_px > MOST_PX:  # shrunk by a filter first: the warp itself has none
        width, height = (max(1, round(side * MOST_PX / wanted_px)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
        focal_px = pose.focal_35mm / FILM_DIAGONAL_MM * math.hypot(*image.size)
    side_px = round(min(max(wanted_px, LEAST_PX), MOST_PX))
    to_photo = _ground_to_photo(pose, focal_px, image.size) @ _pixels_to_ground(side_m, side_px)
    held = _held(to_photo, side_px, image.size)
    flat = (to_photo / (to_photo[2, 2] or 1e-9)).ravel()  # Pillow's form: only ratios count
    warped = image.transform((side_px, side_px), Image.Transform.PERSPECTIVE, tuple(flat[:8]), Image.Resampling.BICUBIC)
    filled = Image.new("RGB", warped.size, NOT_SEEN)
    filled.paste(warped, mask=Image.fromarray(held.astype(np.uint8) * 255))
    grown = whole_px / image.width
    return GroundSquare(filled, held, side_m, np.diag([grown, grown, 1.0]) @ to_photo)


def share_shown(size: tuple[int, int], pose: Pose, side_m: float) -> float:
    """Share of a square of ground around the point under its centre that a photo shows, within about 0.02.

    Args: size: width and height of the whole picture, pixels; pose, side_m: as for `seen_from_above`.
    """
    focal_px = pose.focal_35mm / FILM_DIAGONAL_MM * math.hypot(*size)
    to_photo = _ground_to_photo(pose, focal_px, size) @ _pixels_to_ground(side_m, SHARE_PX)
    return float(_held(to_photo, SHARE_PX, size).mean())


def _pixels_to_ground(side_m: float, side_px: int) -> np.ndarray:
    """(3, 3): pixels right and down of the square to metres east and north of its middle."""
    metre = side_m / side_px
    return np.array([[metre, 0, -side_m / 2], [0, -metre, side_m / 2], [0, 0, 1]])


def _ground_to_photo(pose: Pose, focal_px: float, size: tuple[int, int]) -> np.ndarray:
    """(3, 3): metres east and north of the point under the photo's centre to homogeneous pixels of the photo.

    The third coordinate is the distance ahead of the camera in metres: what lies behind it is negative.
    """
    heading, pitch = math.radians(pose.heading_deg), math.radians(pose.pitch_deg)
    ahead = np.array([math.sin(heading) * math.cos(pitch), math.cos(heading) * math.cos(pitch), math.sin(pitch)])
    right = np.array([math.cos(heading), -math.sin(heading), 0.0])
    axes = np.stack([right, np.cross(ahead, right), ahead])  # right, down and ahead of the camera
    camera = -ahead * pose.height_m / math.sin(-pitch)  # from the point that it looks at
    plane = np.array([[1, 0, -camera[0]], [0, 1, -camera[1]], [0, 0, -camera[2]]])
    lens = np.array([[focal_px, 0, size[0] / 2], [0, focal_px, size[1] / 2], [0, 0, 1]])
    projection: np.ndarray = lens @ axes @ plane
    return projection


def _held(to_photo: np.ndarray, side_px: int, size: tuple[int, int]) -> np.ndarray:
    """(side_px, side_px) bool: which pixels of the square lie in the photo."""
    middle = np.arange(side_px) + 0.5
    column, row, ahead = ((line[0] * middle + line[2])[None, :] + (line[1] * middle)[:, None] for line in to_photo)
    inside: np.ndarray = (
        (ahead > 0) & (column >= 0) & (column <= size[0] * ahead) & (row >= 0) & (row <= size[1] * ahead)
    )
    return inside
