"""A camera over flat ground: the homography between its photo and the ground, and what follows from one."""

import math

import numpy as np

from gallery.photo.pose import FILM_DIAGONAL_MM, Pose


def focal_length_px(focal_35mm: float, size_px: tuple[int, int]) -> float:
    """Focal length in pixels. Args: focal_35mm: for 35 mm film, millimetres; size_px: of the whole picture."""
    return focal_35mm / FILM_DIAGONAL_MM * math.hypot(*size_px)


def ground_to_photo(pose: Pose, size_px: tuple[int, int]) -> np.ndarray:
    """(3, 3): metres east and north of the point under the photo's centre to homogeneous pixels of the photo.

    The third coordinate is the distance ahead of the camera in metres: what lies behind it is negative.
    """
    focal_px = focal_length_px(pose.focal_35mm, size_px)
    heading, pitch = math.radians(pose.heading_deg), math.radians(pose.pitch_deg)
    ahead = np.array([math.sin(heading) * math.cos(pitch), math.cos(heading) * math.cos(pitch), math.sin(pitch)])
    right = np.array([math.cos(heading), -math.sin(heading), 0.0])
    cos, sin = math.cos(math.radians(pose.roll_deg)), math.sin(math.radians(pose.roll_deg))
    right, ahead = right * cos + ahead * sin, ahead * cos - right * sin  # its right side dips: it looks to the left
    axes = np.stack([right, np.cross(ahead, right), ahead])  # right, down and ahead of the camera
    camera = -ahead * pose.height_m / pose.down  # from the point that it looks at
    plane = np.array([[1, 0, -camera[0]], [0, 1, -camera[1]], [0, 0, -camera[2]]])
    lens = np.array([[focal_px, 0, size_px[0] / 2], [0, focal_px, size_px[1] / 2], [0, 0, 1]])
    projection: np.ndarray = lens @ axes @ plane
    return projection


def inside_photo(to_photo: np.ndarray, size_px: tuple[int, int], photo_px: tuple[int, int]) -> np.ndarray:
    """(rows, columns) bool: which pixels of a picture of the ground lie in a photo.

    Args:
        to_photo: (3, 3), pixels of the picture to those of the photo, third coordinate positive ahead of the camera.
        size_px: width and height of the picture.
        photo_px: width and height of the photo.
    """
    columns, rows = np.arange(size_px[0]) + 0.5, np.arange(size_px[1]) + 0.5
    x, y, ahead = ((line[0] * columns + line[2])[None, :] + (line[1] * rows)[:, None] for line in to_photo)
    inside: np.ndarray = (ahead > 0) & (x >= 0) & (x <= photo_px[0] * ahead) & (y >= 0) & (y <= photo_px[1] * ahead)
    return inside


def outline_px(to_ground: np.ndarray, size_px: tuple[int, int], least_ahead: float) -> np.ndarray:
    """(4, 2) corners of the part of a photo that lies well below the horizon, upper left first and clockwise.

    Args:
        to_ground: (3, 3), pixels of the photo to metres, third coordinate positive where it shows ground.
        size_px: width and height of the photo.
        least_ahead: smallest third coordinate as a share of that at the photo's centre; corners beyond are drawn
            towards the centre.
    """
    width, height = size_px
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    middle = np.array([width / 2, height / 2])
    ahead = np.column_stack([corners, np.ones(4)]) @ to_ground[2] / (to_ground[2] @ [*middle, 1.0])
    reach = np.where(ahead < least_ahead, (1 - least_ahead) / np.maximum(1 - ahead, 1e-9), 1.0)
    return np.asarray(middle + reach[:, None] * (corners - middle))


def apply(homography: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(N, 2) points through a (3, 3) homography."""
    moved_points = np.column_stack([points, np.ones(len(points))]) @ homography.T
    return np.asarray(moved_points[:, :2] / moved_points[:, 2:])


def jacobian(homography: np.ndarray, x: float, y: float) -> np.ndarray:
    """(2, 2) derivative of a homography at a point."""
    u, v, w = homography @ [x, y, 1.0]
    top = homography[:2, :2] * w - np.outer([u, v], homography[2, :2])
    return np.asarray(top / w**2)
