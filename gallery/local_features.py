"""Points of a picture that are found again in another one: SIFT with root normalisation, and mutual nearest ones."""

from dataclasses import dataclass

import cv2
import numpy as np

MOST_POINTS = 4000
"""Points of one picture, the strongest; comparing two pictures takes the square of it."""

LEAST_CONTRAST = 0.02
"""Half of OpenCV's own threshold: haze and winter leave little contrast."""

RATIO = 0.9
"""A point counts as found when its second best partner is so much farther; what is wrong in it the fit throws out."""


@dataclass(frozen=True)
class Features:
    """Local features of one picture.

    Attributes:
        points: (N, 2) float64, pixels right and down from the upper left corner.
        descriptors: (N, 128) float32 rows of length 1.
        angles_deg: (N,) float32, the points' own directions, clockwise from the right.
        sizes_px: (N,) float32.
    """

    points: np.ndarray
    descriptors: np.ndarray
    angles_deg: np.ndarray
    sizes_px: np.ndarray

    def __len__(self) -> int:
        return len(self.points)


def root_sift(picture: np.ndarray, mask: np.ndarray | None = None) -> Features:
    """SIFT features, their descriptors compared by the Hellinger distance (Arandjelovic and Zisserman 2012).

    Args:
        picture: (H, W, 3) uint8 RGB.
        mask: (H, W) bool; points are kept where it is true for all the ground that they look at.
    """
    grey = cv2.createCLAHE(2.0, (8, 8)).apply(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    detector = cv2.SIFT.create(nfeatures=MOST_POINTS, contrastThreshold=LEAST_CONTRAST)
    points, descriptors = detector.detectAndCompute(grey, None)
    if descriptors is None:
        return Features(np.empty((0, 2)), np.empty((0, 128), np.float32), *np.empty((2, 0), np.float32))
    found = np.array([(*point.pt, point.angle, point.size) for point in points], np.float64)
    roots = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9))
    features = Features(found[:, :2] + 0.5, roots, found[:, 2].astype(np.float32), found[:, 3].astype(np.float32))
    if mask is None:
        return features
    to_edge_px = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    column, row = (features.points.T - 0.5).round().astype(int)
    kept = to_edge_px[row.clip(0, len(mask) - 1), column.clip(0, mask.shape[1] - 1)] > 2 * features.sizes_px
    return Features(
        features.points[kept], features.descriptors[kept], features.angles_deg[kept], features.sizes_px[kept]
    )


def mutual_matches(first: Features, second: Features, ratio: float = RATIO) -> np.ndarray:
    """Pairs of points that are each other's nearest, and clearly nearer than the second.

    Returns: (M, 2) int64, rows of `first` and of `second`.
    """
    if len(first) < 2 or len(second) < 2:
        return np.empty((0, 2), np.int64)
    cosines = first.descriptors @ second.descriptors.T
    best = cosines.argmax(axis=1)
    rows = np.arange(len(first))
    nearest = np.sqrt(np.maximum(2 - 2 * cosines[rows, best], 0))
    back = cosines.argmax(axis=0)
    cosines[rows, best] = -1
    second_nearest = np.sqrt(np.maximum(2 - 2 * cosines.max(axis=1), 0))
    kept = (back[best] == rows) & (nearest < ratio * second_nearest)
    return np.stack([rows[kept], best[kept]], axis=1)


def alike(first: Features, second: Features, pairs: np.ndarray, angle_deg: float, octaves: float) -> np.ndarray:
    """Which pairs have nearly the same direction and size, as in two pictures that are both north up at one scale.

    Returns: (M,) bool.
    """
    one, other = pairs.T
    turn_deg = (first.angles_deg[one] - second.angles_deg[other] + 180) % 360 - 180
    growth = np.log2(first.sizes_px[one] / second.sizes_px[other])
    return np.asarray((np.abs(turn_deg) <= angle_deg) & (np.abs(growth) <= octaves))
