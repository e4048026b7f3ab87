"""A photo as if seen from above: brought to the ground plane by the pose that its camera states."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from gallery.imagery.warp import NOT_SEEN
from gallery.photo.pose import Pose
from gallery.photo.projection import focal_length_px, ground_to_photo, inside_photo

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


def seen_from_above(image: Image.Image, pose: Pose, side_m: float, most_px: int = MOST_PX) -> GroundSquare:
    """The ground that a photo shows, as tiles show it. Lens distortion and relief are not corrected.

    Args:
        image: the whole picture, not cropped.
        pose: of the camera.
        side_m: of the square, metres.
        most_px: as wide as it is needed; at least `LEAST_PX`.

    Returns:
        A square with about the photo's own resolution at its centre, `LEAST_PX` to most_px wide.
    """
    whole_px = image.width
    slant_m = pose.height_m / pose.down
    wanted_px = side_m * focal_length_px(pose.focal_35mm, image.size) / slant_m
    if wanted_px > most_px:  # shrunk by a filter first: the warp itself has none
        width, height = (max(1, round(side * most_px / wanted_px)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
    side_px = round(min(max(wanted_px, LEAST_PX), most_px))
    to_photo = ground_to_photo(pose, image.size) @ _pixels_to_ground(side_m, side_px)
    held = inside_photo(to_photo, (side_px, side_px), image.size)
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
    to_photo = ground_to_photo(pose, size) @ _pixels_to_ground(side_m, SHARE_PX)
    return float(inside_photo(to_photo, (SHARE_PX, SHARE_PX), size).mean())


def _pixels_to_ground(side_m: float, side_px: int) -> np.ndarray:
    """(3, 3): pixels right and down of the square to metres east and north of its middle."""
    metre = side_m / side_px
    return np.array([[metre, 0, -side_m / 2], [0, -metre, side_m / 2], [0, 0, 1]])
