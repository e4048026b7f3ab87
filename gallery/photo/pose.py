"""How a photo's camera looked at the ground, and where: what it states, and the ground that it shows."""

import math
from dataclasses import dataclass, replace

from shapely.geometry import Polygon

from gallery.embedder import Photo, StatedPose
from gallery.errors import AreaError
from gallery.geo import LonLat, destination, looked_at, rectangle

NADIR_WITHIN_DEG = 20.0
"""A footprint is worked out from a photo only when it looks down to within this angle."""


FILM_DIAGONAL_MM = math.hypot(36, 24)


def footprint_of_photo(
    centre: LonLat, width_px: int, height_px: int, pose: StatedPose | None, assumed_size_m: float
) -> tuple[Polygon, str]:
    """Outline on the ground of a photo whose extent nobody stated, and how it was found.

    With a height above ground and a focal length (and no sign of an oblique view): the pinhole footprint, turned to
    the heading. Else: a square of assumed_size_m around the position.
    """
    height_m, focal_35mm = (None, None) if pose is None else (pose.height_m, pose.focal_35mm)
    looks_down = pose is None or pose.pitch_deg is None or pose.pitch_deg <= -90 + NADIR_WITHIN_DEG
    if pose is not None and height_m and focal_35mm and height_m > 0 and focal_35mm > 0 and looks_down:
        diagonal_m = height_m * FILM_DIAGONAL_MM / focal_35mm
        diagonal_px = math.hypot(width_px, height_px)
        width_m, height_m = diagonal_m * width_px / diagonal_px, diagonal_m * height_px / diagonal_px
        outline = rectangle(centre, width_m, height_m, pose.heading_deg or 0.0)
        how = "estimated from height above ground and focal length"
        return outline, how if pose.heading_deg is not None else f"{how}, heading unknown"
    return rectangle(centre, assumed_size_m, assumed_size_m), f"assumed square of {assumed_size_m:g} m"


LEAST_DOWN_DEG = 30.0
"""Degrees below the horizon; flatter views are not rectified: a degree of error then moves the ground by too much."""

LEAST_DOWN_FOR_PLACE_DEG = 20.0
"""Degrees below the horizon; of a flatter view the camera's own position is taken: hills move the ground that it shows
by hundreds of metres."""


MOST_ROLL_DEG = 45.0
"""Degrees; no aircraft takes photos of the ground while it rolls by more."""


@dataclass(frozen=True)
class Pose:
    """How a camera looked at the ground, by its own statement."""

    heading_deg: float  # clockwise from north, that the photo's up points to
    pitch_deg: float  # of the camera before it rolls, -90 looks straight down
    height_m: float  # above the ground, which drones give as above the take-off point
    focal_35mm: float  # focal length for the diagonal of 36 x 24 mm film, millimetres
    roll_deg: float = 0.0  # about the direction of the photo's up, positive where its right side dips

    @property
    def down(self) -> float:
        """Sine of the angle by which the camera looks below the horizon."""
        return math.sin(math.radians(-self.pitch_deg)) * math.cos(math.radians(self.roll_deg))


def complete_pose(stated: StatedPose | None) -> Pose | None:
    """The pose that a photo states, if it is complete and looks down enough."""
    if stated is None:
        return None
    values = (stated.heading_deg, stated.pitch_deg, stated.height_m, stated.focal_35mm)
    numbers = [float(value) for value in values if value is not None and math.isfinite(value)]
    if len(numbers) < len(values):
        return None
    roll_deg = stated.roll_deg
    pose = Pose(*numbers)
    if roll_deg is not None and math.isfinite(roll_deg):
        pose = replace(pose, roll_deg=roll_deg)
    looks_down = -90 <= pose.pitch_deg <= -LEAST_DOWN_DEG and pose.down >= math.sin(math.radians(LEAST_DOWN_DEG)) - 1e-9
    return pose if looks_down and pose.height_m > 0 and pose.focal_35mm > 0 else None


def heading_of(stated: StatedPose | None) -> float | None:
    """Degrees clockwise from north, in [0, 360), that the photo's up points to by its own statement."""
    heading_deg = None if stated is None else stated.heading_deg
    return None if heading_deg is None or not math.isfinite(heading_deg) else heading_deg % 360


def stated_place(photo: Photo) -> tuple[LonLat, bool] | None:
    """Where a photo says it was taken; None where it does not say.

    Returns: the point on flat ground that the camera looked at by heading, pitch and height, and True; where the photo
    does not state them, or looks too near the horizon, the camera's own position, and False.
    """
    if photo.position is None:
        return None
    try:
        camera = LonLat(photo.position.lon, photo.position.lat)
    except AreaError:
        return None
    heading_deg, pose = heading_of(photo.pose), photo.pose
    if pose is None or heading_deg is None or pose.pitch_deg is None or pose.height_m is None:
        return camera, False
    if not (-90 <= pose.pitch_deg <= -LEAST_DOWN_FOR_PLACE_DEG and 0 < pose.height_m < math.inf):
        return camera, False
    return _looked_at(camera, heading_deg, pose.pitch_deg, pose.height_m, pose.roll_deg or 0.0), True


def _looked_at(camera: LonLat, heading_deg: float, pitch_deg: float, height_m: float, roll_deg: float) -> LonLat:
    """The ground under a photo's centre. Args: as of a `Pose`; a roll that cannot be right is not used."""
    if not roll_deg or not abs(roll_deg) <= MOST_ROLL_DEG:
        return looked_at(camera, heading_deg, pitch_deg, height_m)
    pitch, roll = math.radians(-pitch_deg), math.radians(roll_deg)
    forward_m, left_m = height_m / math.tan(pitch), height_m * math.tan(roll) / math.sin(pitch)
    azimuth_deg = heading_deg - math.degrees(math.atan2(left_m, forward_m))
    return destination(camera, azimuth_deg, math.hypot(forward_m, left_m))
