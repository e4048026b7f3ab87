"""What somebody sets of a photo's pose, in place of what its file states. Cheap to import."""

import math
from dataclasses import dataclass

from gallery.errors import GalleryError

HEADINGS_DEG = (-180.0, 360.0)
"""Degrees clockwise from north that a heading may be given as."""

PITCHES_DEG = (-90.0, -20.0)
"""Degrees from level: straight down, and the flattest view that a place can be told of."""

HEIGHTS_M = (2.0, 3000.0)
"""Metres above ground, lowest and highest, of a drone photo."""

FOCALS_MM = (5.0, 1000.0)
"""Millimetres, shortest and longest focal length for 35 mm film of a drone's camera."""

QUANTITIES = {"heading": "heading_deg", "pitch": "pitch_deg", "height": "height_m", "lens": "focal_35mm"}
"""The quantities of a pose by their names, and what they are called in code."""


@dataclass(frozen=True)
class PoseCorrection:
    """Values that count in place of those of a photo's file; None leaves a file's own.

    Attributes:
        heading_deg: clockwise from north, that the photo's up points to.
        pitch_deg: -90 looks straight down.
        height_m: above the ground.
        focal_35mm: for the diagonal of 36 x 24 mm film, millimetres.
        left_out: names of `QUANTITIES` that do not count, whatever the file states.

    Raises:
        GalleryError: a value that no drone photo has.
    """

    heading_deg: float | None = None
    pitch_deg: float | None = None
    height_m: float | None = None
    focal_35mm: float | None = None
    left_out: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for value, (least, most), sentence in (
            (
                self.heading_deg,
                HEADINGS_DEG,
                "A heading of {0:g} degrees does not exist: give 0 to 360, clockwise from north.",
            ),
            (
                self.pitch_deg,
                PITCHES_DEG,
                "A pitch of {0:g} degrees is not one that a place can be told of: give -90, straight down, to {2:g}.",
            ),
            (
                self.height_m,
                HEIGHTS_M,
                "A height of {0:g} m above the ground is not that of a drone photo: give {1:g} to {2:g}.",
            ),
            (
                self.focal_35mm,
                FOCALS_MM,
                "A focal length of {0:g} mm for 35 mm film is not that of a drone's camera: give {1:g} to {2:g}.",
            ),
        ):
            if value is not None and not (math.isfinite(value) and least <= value <= most):
                raise GalleryError(sentence.format(value, least, most))

    @property
    def empty(self) -> bool:
        """Whether it changes nothing."""
        return self == NOTHING_SET


NOTHING_SET = PoseCorrection()
