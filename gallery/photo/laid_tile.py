"""A drone photo as a tile: the ground that it shows by its pose, and the part of it that lies north up as a picture."""

import math
from dataclasses import dataclass

import numpy as np
from shapely.geometry import Polygon

from gallery.embedder import Photo, StatedPose
from gallery.geo import LonLat, area_m2, moved, wrap_lon
from gallery.imagery.warp import Cutout, cutout_of, size_seen
from gallery.photo.pose import Pose, complete_pose, footprint_of_photo, heading_of, stated_place
from gallery.photo.projection import ground_to_photo
from gallery.photo.rectify import share_shown

LEAST_FILLED = 0.9
"""Share of its tile that a photo must fill: as of a query, to be searched among tiles of a size."""

LEAST_SIDE_M, MOST_SIDE_M = 1.0, 10_000.0
"""Metres, sides between which the largest tile that a photo fills is sought."""

SIDE_WITHIN = 1.005
"""Factor to which that side is found."""


@dataclass(frozen=True)
class LaidTile:
    """Where a photo's tile lies.

    Attributes:
        centre: of its ground.
        footprint: its outline; with a cutout that of the picture, from the upper left corner clockwise.
        cutout: the part of the photo that is its picture, north up; None: all of the photo, as it was taken.
        metres_per_px: of the photo, at the middle.
        placed: how all this is known, as `gallery.tiles.Tile` has it.
    """

    centre: LonLat
    footprint: Polygon
    cutout: Cutout | None
    metres_per_px: float
    placed: str


def laid_tile(photo: Photo, position: LonLat, of_camera: bool, assumed_size_m: float) -> LaidTile:
    """Lay a photo of a gallery on the ground.

    By heading, pitch (else it is taken to look straight down), height and focal length it is brought to the ground
    plane, and the tile is the largest square that it fills. By the heading alone it is turned, and the extent is
    assumed. Without a heading it stays as it was taken.

    Args:
        photo: what an embedder's `read` returns.
        position: what is stated of it.
        of_camera: whether that is where the camera was, or else the middle of the ground.
        assumed_size_m: side of the ground that a photo of unknown height or lens is taken to show.
    """
    stated = None if photo.position is None else photo.pose  # a height without a fix is of another ground
    size = photo.width_px, photo.height_px
    pose = _pose(stated)
    if pose is not None:
        place = stated_place(photo) if of_camera else None
        centre = place[0] if place is not None and place[1] else position
        side_m = largest_side_m(size, pose)
        cutout = _cutout_by_pose(size, pose, side_m)
        pitch = "pitch, " if stated is not None and stated.pitch_deg is not None else ""
        placed = f"estimated from heading, {pitch}height above ground and focal length"
        return LaidTile(centre, _square(centre, side_m), cutout, side_m / size_seen(cutout, size)[0], placed)
    heading_deg = heading_of(photo.pose)
    if heading_deg is not None:
        cutout = _cutout_by_heading(size, heading_deg)
        metres_per_px = assumed_size_m / size_seen(cutout, size)[0]
        placed = f"assumed square of {assumed_size_m:g} m, turned north up by its heading"
        return LaidTile(position, _square(position, assumed_size_m), cutout, metres_per_px, placed)
    footprint, placed = footprint_of_photo(position, *size, stated, assumed_size_m)
    return LaidTile(position, footprint, None, math.sqrt(area_m2(footprint) / math.prod(size)), placed)


def _pose(stated: StatedPose | None) -> Pose | None:
    """The whole pose, with a pitch that is not stated taken for straight down."""
    if stated is None or stated.pitch_deg is not None:
        return complete_pose(stated)
    heading_deg, values = heading_of(stated), (stated.height_m, stated.focal_35mm)
    height_m, focal_mm = (value if value is not None and 0 < value < math.inf else None for value in values)
    if heading_deg is None or height_m is None or focal_mm is None:
        return None
    return Pose(heading_deg, -90.0, height_m, focal_mm)


def largest_side_m(size: tuple[int, int], pose: Pose) -> float:
    """Side of the largest square of ground around the point under its centre that a photo fills to `LEAST_FILLED`.

    Args: size: width and height of the whole picture, pixels.
    """
    low, high = LEAST_SIDE_M, MOST_SIDE_M
    while high > low * SIDE_WITHIN:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if share_shown(size, pose, middle) >= LEAST_FILLED else (low, middle)
    return low


def _cutout_by_pose(size: tuple[int, int], pose: Pose, side_m: float) -> Cutout:
    to_metres = np.array([[side_m, 0, -side_m / 2], [0, -side_m, side_m / 2], [0, 0, 1]])
    return cutout_of(np.diag([1 / size[0], 1 / size[1], 1]) @ ground_to_photo(pose, size) @ to_metres)


def _cutout_by_heading(size: tuple[int, int], heading_deg: float) -> Cutout:
    """The largest square in the photo's middle without an empty corner, once north is up."""
    cos, sin = math.cos(math.radians(heading_deg)), math.sin(math.radians(heading_deg))
    turn = min(size) / (abs(cos) + abs(sin)) * np.array([[cos, sin], [-sin, cos]]) / np.array(size)[:, None]
    return cutout_of(np.vstack([np.column_stack([turn, 0.5 - turn @ [0.5, 0.5]]), [0, 0, 1]]))


def _square(centre: LonLat, side_m: float) -> Polygon:
    """A square that lies north up, from its upper left corner clockwise."""
    half = side_m / 2
    corners = [moved(centre, east * half, north * half) for east, north in ((-1, 1), (1, 1), (1, -1), (-1, -1))]
    return Polygon([(centre.lon + wrap_lon(corner.lon - centre.lon), corner.lat) for corner in corners])
