"""Points of a picture that are found again in another one: SIFT with root normalisation, or those of a network."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

MOST_POINTS = 4000
"""Most points of one picture, the strongest: comparing two pictures takes the square of it."""

LEAST_CONTRAST = 0.02
"""Least contrast of a point, half of OpenCV's own threshold: haze and winter leave little."""

RATIO = 0.9
"""Largest ratio of the distances to a point's best and second best partner; what is wrong then the fit throws out."""


@dataclass(frozen=True)
class Features:
    """Local features of one picture.

    Attributes:
        points: (N, 2) float64, pixels right and down from the upper left corner.
        descriptors: (N, D) float32 rows of length 1.
        angles_deg: (N,) float32, the points' own directions, clockwise from the right; None: they have none.
        sizes_px: (N,) float32; None: they have none.
    """

    points: np.ndarray
    descriptors: np.ndarray
    angles_deg: np.ndarray | None = None
    sizes_px: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.points)

    @property
    def oriented(self) -> bool:
        """Whether the points have a direction and a size of their own."""
        return self.angles_deg is not None and self.sizes_px is not None


class Matcher(Protocol):
    """How points are found in two pictures and paired; several threads may ask at once."""

    def features(self, picture: np.ndarray, mask: np.ndarray | None = None) -> Features:
        """The points of a picture. Args: picture: (H, W, 3) uint8 RGB. mask: (H, W) bool, where points may lie."""

    def pairs(self, first: Features, second: Features) -> np.ndarray:
        """(M, 2) int64, rows of `first` and of `second` that may be one point; each row at most once."""


class RootSift:
    """The matcher that needs no weights."""

    def features(self, picture: np.ndarray, mask: np.ndarray | None = None) -> Features:
        """Find points as `root_sift` does."""
        return root_sift(picture, mask)

    def pairs(self, first: Features, second: Features) -> np.ndarray:
        """Pair points as `mutual_matches` does."""
        return mutual_matches(first, second)


class Detector(Protocol):
    """A network that finds points with neither direction nor size."""

    least_cosine: float  # of the descriptors of one point in two pictures
    sees_px: float  # how far around a point its descriptor looks

    def __call__(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(H, W, 3) uint8 RGB to (N, 2) points, counted as in `Features`, and (N, D) rows of length 1."""


class NetworkPoints:
    """The matcher by a network: mutual nearest points whose descriptors are near enough."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector

    def features(self, picture: np.ndarray, mask: np.ndarray | None = None) -> Features:
        """The network's points that lie well within the mask."""
        points, descriptors = self.detector(picture)
        kept = np.ones(len(points), bool) if mask is None else edge_distances_px(points, mask) > self.detector.sees_px
        return Features(points[kept].astype(np.float64), descriptors[kept].astype(np.float32))

    def pairs(self, first: Features, second: Features) -> np.ndarray:
        """Mutual nearest points whose cosine is high enough."""
        pairs = mutual_matches(first, second, ratio=1.0)
        cosines = (first.descriptors[pairs[:, 0]] * second.descriptors[pairs[:, 1]]).sum(axis=1)
        return np.asarray(pairs[cosines > self.detector.least_cosine])


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
    places, angles_deg, sizes_px = found[:, :2] + 0.5, found[:, 2].astype(np.float32), found[:, 3].astype(np.float32)
    if mask is None:
        return Features(places, roots, angles_deg, sizes_px)
    kept = edge_distances_px(places, mask) > 2 * sizes_px
    return Features(places[kept], roots[kept], angles_deg[kept], sizes_px[kept])


def edge_distances_px(points: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(N,): how far the nearest pixel lies from each of (N, 2) points where the mask, (H, W) bool, is false."""
    to_edge_px = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    column, row = (points.T - 0.5).round().astype(int)
    return np.asarray(to_edge_px[row.clip(0, len(mask) - 1), column.clip(0, mask.shape[1] - 1)])


def mutual_matches(first: Features, second: Features, ratio: float = RATIO) -> np.ndarray:
    """Pairs of points that are each other's nearest, and clearly nearer than the second.

    Returns: (M, 2) int64, rows of `first` and of `second`.
    """
    if len(first) < 2 or len(second) < 2:
        return np.empty((0, 2), np.int64)
    cosines = first.descriptors @ second.descriptors.T
    rows, best = np.arange(len(first)), cosines.argmax(axis=1)
    highest = cosines[rows, best]
    mutual = highest == cosines.max(axis=0)[best]  # argmax down the columns would take five times as long
    cosines[rows, best] = -1
    nearest, second_nearest = (np.sqrt(np.maximum(2 - 2 * one, 0)) for one in (highest, cosines.max(axis=1)))
    kept = mutual & (nearest < ratio * second_nearest)
    return np.stack([rows[kept], best[kept]], axis=1)


def alike(first: Features, second: Features, pairs: np.ndarray, angle_deg: float, octaves: float) -> np.ndarray:
    """Which pairs have nearly the same direction and size, as in two pictures that are both north up at one scale.

    Returns: (M,) bool; true for points that have neither.
    """
    if first.angles_deg is None or first.sizes_px is None or second.angles_deg is None or second.sizes_px is None:
        return np.ones(len(pairs), bool)
    one, other = pairs.T
    turn_deg = (first.angles_deg[one] - second.angles_deg[other] + 180) % 360 - 180
    growth = np.log2(first.sizes_px[one] / second.sizes_px[other])
    return np.asarray((np.abs(turn_deg) <= angle_deg) & (np.abs(growth) <= octaves))
