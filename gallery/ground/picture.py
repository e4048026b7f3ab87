"""Pictures of the ground in a local metric frame: of a map, and of a photo that is laid on the ground plane."""

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from gallery.errors import RegistrationError
from gallery.photo.correction import FOCALS_MM, HEIGHTS_M
from gallery.photo.pose import Pose
from gallery.photo.projection import apply, ground_to_photo, inside_photo, jacobian, outline_px

LEAST_DOWN_DEG = 20.0
"""Degrees below the horizon; a flatter view is refused: a degree of error in pitch then moves the ground by a tenth of
its distance."""

SCALES_M_PER_PX = (0.001, 20.0)
"""Metres of ground, least and most, that a photo's pixel may show."""

LEAST_SIDE_PX = 16
"""Pixels of a photo's shorter side; smaller ones show no structure."""

LEAST_AHEAD = 0.25
"""Smallest third coordinate, as a share of that at the photo's centre, of ground that is laid: ground farther than four
times as far is drawn by too few pixels."""

MOST_LAID_PX = 64_000_000
"""Pixels of the largest picture that a photo is laid into; only a pose that cannot be right asks for more."""

SHRUNK_FROM = 1.5
"""Photo pixels in a pixel of the picture from which on the photo is shrunk first: a warp takes single pixels."""

CENTRED = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
"""From OpenCV's pixels, where the middle of the first is (0, 0), to those of this module, where it is (0.5, 0.5)."""


@dataclass(frozen=True, eq=False)
class GroundImage:
    """A north-up grey picture of flat ground.

    Attributes:
        grey: (H, W) uint8.
        held: (H, W) bool, where there is ground in it.
        m_per_px: metres that a pixel's side shows.
        west_m: metres east of the local origin, of the left edge of the first column.
        north_m: metres north of the local origin, of the upper edge of the first row.
    """

    grey: np.ndarray
    held: np.ndarray
    m_per_px: float
    west_m: float
    north_m: float

    def metres(self, columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """East and north, metres, of places in pixels; the middle of the first pixel is (0.5, 0.5)."""
        return self.west_m + columns * self.m_per_px, self.north_m - rows * self.m_per_px

    def pixel(self, east_m: float, north_m: float) -> tuple[float, float]:
        """Column and row of a place in metres; the middle of the first pixel is (0.5, 0.5)."""
        return (east_m - self.west_m) / self.m_per_px, (self.north_m - north_m) / self.m_per_px

    def at_scale(self, m_per_px: float) -> "GroundImage":
        """The same ground at another scale, shrunk by averaging.

        The last row and column may reach past the picture by part of a pixel.
        """
        if abs(m_per_px / self.m_per_px - 1) < 1e-6:
            return self
        factor = self.m_per_px / m_per_px
        layers: list[np.ndarray] = [self.grey * self.held.astype(np.float32), self.held.astype(np.float32)]
        if factor < 1:  # blurred, then interpolated: `resize` by areas would shift by parts of a pixel
            sigma = 0.4 / factor
            layers = [cv2.GaussianBlur(each, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) for each in layers]
        matrix = np.array([[factor, 0, 0.5 * factor - 0.5], [0, factor, 0.5 * factor - 0.5]], np.float64)
        height, width = (max(1, math.ceil(side * factor - 1e-6)) for side in self.grey.shape)
        flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
        grey, share = (
            np.asarray(cv2.warpAffine(each, matrix, (width, height), flags=flags, borderMode=border)) for each in layers
        )
        held = np.asarray(share > 0.5)
        shrunk = np.clip(grey / np.maximum(share, 1e-3) + 0.5, 0, 255).astype(np.uint8)
        return GroundImage(np.where(held, shrunk, 0), held, m_per_px, self.west_m, self.north_m)


@dataclass(frozen=True, eq=False)
class LaidPhoto:
    """A photo with a way to lay it on flat ground by its stated or assumed pose.

    Attributes:
        grey: (H, W) uint8, the whole photo, or one shrunk from it.
        to_ground: (3, 3) homogeneous, pixels (the middle of the first is (0.5, 0.5)) to metres east and north of the
            ground under the photo's centre; third coordinate 1 at the centre, 0 at the horizon.
        heading_deg: clockwise from north, that was stated or assumed for it.
    """

    grey: np.ndarray
    to_ground: np.ndarray
    heading_deg: float

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.grey.shape
        return width, height

    @property
    def m_per_px(self) -> float:
        """Metres that a pixel shows at the photo's centre."""
        width, height = self.size_px
        return math.sqrt(abs(float(np.linalg.det(jacobian(self.to_ground, width / 2, height / 2)))))

    def corrected(self, turn_deg: float, growth: float) -> np.ndarray:
        """(3, 3): `to_ground` under another heading and scale.

        Args:
            turn_deg: clockwise, added to the heading.
            growth: the ground shown is so many times as wide.
        """
        return np.asarray(similarity(turn_deg, growth) @ self.to_ground)

    def laid(
        self, m_per_px: float, turn_deg: float = 0.0, growth: float = 1.0, reach_m: float = math.inf
    ) -> GroundImage:
        """The photo as a north-up picture of the ground, its origin at the ground under the photo's centre.

        Args:
            m_per_px: of the picture.
            turn_deg: as for `corrected`.
            growth: as for `corrected`.
            reach_m: ground farther east, west, north or south of the centre is left out.

        Raises:
            RegistrationError: the pose does not lay it on the ground, or on too much of it.
        """
        to_ground = self.corrected(turn_deg, growth)
        outline = outline_on_ground(to_ground, self.size_px)
        if not np.isfinite(outline).all():
            raise RegistrationError("The photo's pose does not lay it on the ground.")
        low, high = np.maximum(outline.min(axis=0), -reach_m), np.minimum(outline.max(axis=0), reach_m)
        west, south = (math.floor(value / m_per_px) for value in low)
        east, north = (math.ceil(value / m_per_px) for value in high)
        size = max(east - west, 1), max(north - south, 1)
        if math.prod(size) > MOST_LAID_PX:
            raise RegistrationError(
                "The photo would cover too much ground: its height or focal length cannot be right."
            )
        pixels_to_ground = np.array([[m_per_px, 0, west * m_per_px], [0, -m_per_px, north * m_per_px], [0, 0, 1.0]])
        to_photo = np.linalg.inv(to_ground) @ pixels_to_ground
        source, to_source = self._shrunk(self.m_per_px * growth / m_per_px)
        backward = np.linalg.inv(CENTRED) @ to_source @ to_photo @ CENTRED
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        grey = cv2.warpPerspective(source, backward, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        held = inside_photo(to_photo, size, self.size_px)
        return GroundImage(grey, held, m_per_px, west * m_per_px, north * m_per_px)

    def _shrunk(self, factor: float) -> tuple[np.ndarray, np.ndarray]:
        """The photo at a scale that a warp may take single pixels of, and (3, 3) the way from its pixels to those."""
        if factor * SHRUNK_FROM >= 1:
            return self.grey, np.eye(3)
        width, height = self.size_px
        size = max(1, round(width * factor)), max(1, round(height * factor))
        if size not in self._sources:
            self._sources[size] = np.asarray(cv2.resize(self.grey, size, interpolation=cv2.INTER_AREA))
        return self._sources[size], np.diag([size[0] / width, size[1] / height, 1.0])

    @cached_property
    def _sources(self) -> dict[tuple[int, int], np.ndarray]:
        """The photo at the sizes that it was shrunk to: hundreds of headings share one."""
        return {}


def laid_by_scale(grey: np.ndarray, m_per_px: float, heading_deg: float = 0.0) -> LaidPhoto:
    """A photo that looks straight down.

    Args:
        grey: (H, W) uint8.
        m_per_px: of the photo.
        heading_deg: of its upper side, clockwise from north.

    Raises:
        RegistrationError: the scale is nonsense, or the photo has no extent.
    """
    if not (math.isfinite(m_per_px) and SCALES_M_PER_PX[0] <= m_per_px <= SCALES_M_PER_PX[1]):
        raise RegistrationError(f"A photo with {m_per_px:g} metres of ground a pixel cannot be laid on a map.")
    width, height = _size_px(grey)
    flat = np.array([[m_per_px, 0, -m_per_px * width / 2], [0, -m_per_px, m_per_px * height / 2], [0, 0, 1.0]])
    return LaidPhoto(grey, similarity(heading_deg, 1.0) @ flat, heading_deg)


def laid_by_pose(grey: np.ndarray, pose: Pose) -> LaidPhoto:
    """A photo whose camera states how it looked; lens distortion and relief are not corrected.

    Args:
        grey: (H, W) uint8, the whole picture.
        pose: of its camera.

    Raises:
        RegistrationError: the pose is nonsense or too flat.
    """
    width, height = _size_px(grey)
    _require_sane(pose)
    to_ground = np.linalg.inv(ground_to_photo(pose, (width, height)))
    centre = to_ground @ np.array([width / 2, height / 2, 1.0])
    return LaidPhoto(grey, to_ground / centre[2], pose.heading_deg)


def similarity(turn_deg: float, growth: float) -> np.ndarray:
    """(3, 3): metres east and north, turned clockwise and stretched about the origin."""
    cos, sin = growth * math.cos(math.radians(turn_deg)), growth * math.sin(math.radians(turn_deg))
    return np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1.0]])


def outline_on_ground(to_ground: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """(4, 2) metres: the corners of what a photo shows, upper left first and clockwise.

    Corners too near the horizon are drawn towards the centre.
    """
    return apply(to_ground, outline_px(to_ground, size_px, LEAST_AHEAD))


def _require_sane(pose: Pose) -> None:
    if not all(map(math.isfinite, (pose.heading_deg, pose.pitch_deg, pose.height_m, pose.focal_35mm, pose.roll_deg))):
        raise RegistrationError("The photo's pose holds a value that is no number.")
    if not -90 <= pose.pitch_deg <= -LEAST_DOWN_DEG:
        raise RegistrationError(
            f"A view with a pitch of {pose.pitch_deg:g} degrees does not look down enough to be laid on a map."
        )
    if pose.down < math.sin(math.radians(LEAST_DOWN_DEG)) - 1e-9:
        raise RegistrationError(
            f"A view with a roll of {pose.roll_deg:g} degrees does not look down enough to be laid on a map."
        )
    if not HEIGHTS_M[0] <= pose.height_m <= HEIGHTS_M[1]:
        raise RegistrationError(f"A height of {pose.height_m:g} m above the ground is not that of a drone photo.")
    if not FOCALS_MM[0] <= pose.focal_35mm <= FOCALS_MM[1]:
        raise RegistrationError(
            f"A focal length of {pose.focal_35mm:g} mm for 35 mm film is not that of a drone's camera."
        )


def _size_px(grey: np.ndarray) -> tuple[int, int]:
    if grey.ndim != 2 or grey.dtype != np.uint8 or min(grey.shape) < LEAST_SIDE_PX:
        raise RegistrationError(f"A grey photo of at least {LEAST_SIDE_PX} x {LEAST_SIDE_PX} pixels is needed.")
    return int(grey.shape[1]), int(grey.shape[0])
