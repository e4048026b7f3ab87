"""The last metres: a homography between a photo laid by a coarse pose and the map around that place."""

import math
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import cv2
import numpy as np
from scipy.spatial import cKDTree

from gallery.ground.picture import GroundImage, LaidPhoto, outline_on_ground
from gallery.judge.local_features import edge_distances_px
from gallery.photo.projection import apply, jacobian

M_PER_PX = 0.4
"""Metres a pixel, scale of the comparison, unless the map is coarser: finer detail differs between two dates."""

MARGIN_M = 20.0
"""Metres by which the map is read beyond what the photo shows: the coarse pose may be off by as much."""

NEAR_M = 15.0
"""Metres by which a pair may lie away from where the coarse pose puts it: relief, tilt and that pose's own error."""

WITHIN_M = 2.5
"""Metres, largest distance of an agreeing point from where the fit puts it: relief moves points by about as much."""

LEAST_INLIERS = 10
"""Agreeing points; fewer are no fit, accidents reach them."""

ACCIDENT_SHARE, ACCIDENT_MORE = 0.08, 6
"""Share of the pairs, and points on top of it, that must agree: at wrong places SIFT's fits reached 8.6 % of 200 to 650
pairs (20 of 26 places had such a fit), XFeat had none. Chosen on these same 26 places, and not tested on others; it
also refuses 11 of 26 right fits of SIFT, among them all ten of an airfield."""

SYSTEMATIC_M = 1.5
"""Metres by which relief, lens and the map's own error move a place, however well the points agree."""

MOST_CHANGE = 1.35
"""Factor by which the fit may stretch the coarse pose in any direction: tilt and a wrong height are less."""

MOST_TURN_DEG = 15.0
"""Degrees by which it may turn it: the coarse pose is 5 degrees exact."""

LEAST_SPREAD = 0.02
"""Share of the photo that the agreeing points must enclose: a small patch says little of the rest."""

REACH_M = 220.0
"""Metres to each side of the photo's centre within which points are compared: more takes time."""

LEAST_HELD = 0.2
"""Share of the window that must be ground: less holds too few points."""

EDGE_PX = 6
"""Pixels from the edge of what a picture holds within which points are left out: they look beyond it."""


class Points(Protocol):
    """Finds points in a picture, as the networks of `gallery.judge.local_features` do."""

    least_cosine: float

    def __call__(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(H, W, 3) uint8 to (N, 2) float points, pixels, and (N, D) float32 rows of length 1."""


@dataclass(frozen=True, eq=False)
class FineFit:
    """A photo laid down exactly.

    Attributes:
        east_m: of the ground under the photo's centre.
        north_m: of the ground under the photo's centre.
        radius_m: two standard deviations of it, by the scatter of the agreeing points.
        heading_deg: of the photo's upper side, clockwise from north.
        inliers: points that agree.
        pairs: of points that were near enough.
        to_ground: (3, 3), the photo's pixels to metres east and north of the map's origin.
        outline_m: (4, 2), what the photo shows.
        photo_px: (N, 2), the agreeing points in the photo, pixels.
        ground_m: (N, 2), the same points on the map.
    """

    east_m: float
    north_m: float
    radius_m: float
    heading_deg: float
    inliers: int
    pairs: int
    to_ground: np.ndarray
    outline_m: np.ndarray
    photo_px: np.ndarray
    ground_m: np.ndarray


class SiftPoints:
    """Points without a network: upright RootSIFT, since the photo is laid north up."""

    least_cosine = 0.75

    def __call__(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `Points` says."""
        grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        found, values = cv2.SIFT.create(nfeatures=3000, contrastThreshold=0.015).detectAndCompute(grey, None)
        if not found:
            return np.empty((0, 2)), np.empty((0, 128), np.float32)
        roots = np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1e-9))
        return np.array([point.pt for point in found]) + 0.5, roots.astype(np.float32)


@dataclass(frozen=True)
class CoarsePlace:
    """Where a photo lies, about.

    Attributes:
        east_m: of its centre.
        north_m: of its centre.
        turn_deg: against its assumed heading, clockwise.
        growth: against its assumed scale.
    """

    east_m: float
    north_m: float
    turn_deg: float
    growth: float

    @property
    def point_m(self) -> np.ndarray:
        """(2,) metres east and north."""
        return np.array([self.east_m, self.north_m])


def refined(photo: LaidPhoto, ground: GroundImage, place: CoarsePlace, points: Points | None = None) -> FineFit | None:
    """Fit a photo to the map around a coarse place.

    Args:
        photo: laid by its assumed pose.
        ground: the map.
        place: where the photo may lie.
        points: a network's; None: SIFT's.

    Returns:
        None where too few points agree, or on something implausible.
    """
    scale = max(M_PER_PX, ground.m_per_px)
    laid = photo.laid(scale, place.turn_deg, place.growth, REACH_M)
    pairs = _paired(laid, ground, place, SiftPoints() if points is None else points)
    if pairs is None:
        return None
    matrix, agreeing = cv2.findHomography(
        pairs.photo_m, pairs.ground_m, cv2.USAC_MAGSAC, WITHIN_M, maxIters=2000, confidence=0.999
    )
    if matrix is None:
        return None
    inside = agreeing.ravel() > 0
    if inside.sum() < max(LEAST_INLIERS, ACCIDENT_MORE + ACCIDENT_SHARE * len(inside)):
        return None
    agreed = _Pairs(pairs.photo_m[inside], pairs.ground_m[inside])
    area_m2 = float(laid.held.sum()) * scale**2
    if not _is_small_change(matrix) or agreed.enclosed_m2 < LEAST_SPREAD * area_m2:
        return None
    return _fit(photo, place, agreed, matrix, len(inside))


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Points of a photo and of the map that may be one, metres from the coarse place.

    Attributes:
        photo_m: (N, 2), where the coarse pose puts the photo's points.
        ground_m: (N, 2), where the map's lie.
    """

    photo_m: np.ndarray
    ground_m: np.ndarray

    @property
    def enclosed_m2(self) -> float:
        """Area that the photo's points enclose."""
        return float(cv2.contourArea(cv2.convexHull(self.photo_m.astype(np.float32))))


def _paired(laid: GroundImage, ground: GroundImage, place: CoarsePlace, finder: Points) -> _Pairs | None:
    """Mutual nearest points near where the coarse pose puts them; None where there are too few."""
    scale, (height, width) = laid.m_per_px, laid.grey.shape
    margin = math.ceil(MARGIN_M / scale)
    corner = place.point_m + np.array([laid.west_m - margin * scale, laid.north_m + margin * scale])
    around = _window(ground, float(corner[0]), float(corner[1]), scale, (height + 2 * margin, width + 2 * margin))
    if around.held.mean() < LEAST_HELD:
        return None
    (own_px, own), (their_px, theirs) = _found(finder, laid), _found(finder, around)
    if min(len(own), len(theirs)) < LEAST_INLIERS:
        return None
    own_m = np.column_stack(laid.metres(*own_px.T))
    their_m = np.column_stack(around.metres(*their_px.T)) - place.point_m
    own_rows, their_rows = _near(own_m, their_m)
    cosines = np.einsum("nd,nd->n", own[own_rows], theirs[their_rows])
    kept = cosines > finder.least_cosine
    own_rows, their_rows = _mutual(own_rows[kept], their_rows[kept], cosines[kept])
    return _Pairs(own_m[own_rows], their_m[their_rows]) if len(own_rows) >= LEAST_INLIERS else None


def _near(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P,) and (P,) rows of (N, 2) and (M, 2) points that lie within `NEAR_M` of each other."""
    near = cKDTree(first).query_ball_tree(cKDTree(second), NEAR_M)
    counts = [len(each) for each in near]
    return np.repeat(np.arange(len(near)), counts), np.fromiter(chain.from_iterable(near), np.int64, sum(counts))


def _mutual(first: np.ndarray, second: np.ndarray, cosines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those of (P,) pairs of rows in which either row is the other's most alike."""
    order = np.lexsort((second, first, -cosines))
    first, second = first[order], second[order]
    best_of_first, best_of_second = (np.unique(rows, return_index=True)[1] for rows in (first, second))
    both = np.intersect1d(best_of_first, best_of_second)
    both = both[np.argsort(first[both])]
    return first[both], second[both]


def _is_small_change(matrix: np.ndarray) -> bool:
    """Whether a homography neither mirrors, nor stretches or turns the ground much at its origin."""
    affine = jacobian(matrix, 0.0, 0.0)
    wide, narrow = np.linalg.svd(affine, compute_uv=False)
    turn_deg = math.degrees(math.atan2(affine[0, 1] - affine[1, 0], affine[0, 0] + affine[1, 1]))
    stretched = wide > MOST_CHANGE or narrow < 1 / MOST_CHANGE
    return bool(np.linalg.det(affine) > 0 and not stretched and abs(turn_deg) <= MOST_TURN_DEG)


def _fit(photo: LaidPhoto, place: CoarsePlace, agreed: _Pairs, matrix: np.ndarray, pairs: int) -> FineFit:
    """What a homography says. Args: matrix: (3, 3), metres from the coarse place to such metres."""
    shift = np.array([[1, 0, place.east_m], [0, 1, place.north_m], [0, 0, 1.0]])
    coarse = photo.corrected(place.turn_deg, place.growth)
    to_ground = shift @ matrix @ coarse
    width, height = photo.size_px
    centre, above = apply(to_ground, np.array([[width / 2, height / 2], [width / 2, height / 2 - 1]]))
    return FineFit(
        east_m=float(centre[0]),
        north_m=float(centre[1]),
        radius_m=math.hypot(_scatter_m(agreed, matrix), 2 * SYSTEMATIC_M),
        heading_deg=math.degrees(math.atan2(above[0] - centre[0], above[1] - centre[1])) % 360,
        inliers=len(agreed.photo_m),
        pairs=pairs,
        to_ground=to_ground,
        outline_m=outline_on_ground(to_ground, photo.size_px),
        photo_px=apply(np.linalg.inv(coarse), agreed.photo_m),
        ground_m=agreed.ground_m + place.point_m,
    )


def _scatter_m(agreed: _Pairs, matrix: np.ndarray) -> float:
    """Two standard deviations of where the coarse place comes to lie, by how the agreeing points scatter."""
    count = len(agreed.photo_m)
    residuals = apply(matrix, agreed.photo_m) - agreed.ground_m
    deviation_m = math.sqrt(float((residuals**2).sum()) / max(2 * count - 8, 1))
    off_m2, spread_m2 = np.sum(agreed.photo_m.mean(axis=0) ** 2), agreed.photo_m.var(axis=0).sum()
    lever = 1 + float(off_m2 / max(spread_m2, 1e-6))
    return 2 * deviation_m * math.sqrt(2 * lever / count)


def _found(finder: Points, ground: GroundImage) -> tuple[np.ndarray, np.ndarray]:
    """Points that lie well within what the picture holds."""
    points, rows = finder(cv2.cvtColor(ground.grey, cv2.COLOR_GRAY2RGB))
    if not len(points):
        return points, rows
    kept = edge_distances_px(points, ground.held) > EDGE_PX
    return points[kept], rows[kept]


def _window(ground: GroundImage, west_m: float, north_m: float, m_per_px: float, shape: tuple[int, int]) -> GroundImage:
    """A part of a map at another scale; where the map ends nothing is held."""
    step = m_per_px / ground.m_per_px
    column, row = ground.pixel(west_m, north_m)
    matrix = np.array([[step, 0, column + step / 2 - 0.5], [0, step, row + step / 2 - 0.5]])
    first_row, first_column = max(0, int(row) - 8), max(0, int(column) - 8)
    rows = slice(first_row, max(0, int(row + shape[0] * step) + 8))
    columns = slice(first_column, max(0, int(column + shape[1] * step) + 8))
    grey, held = ground.grey[rows, columns], ground.held[rows, columns]
    if not grey.size:
        return GroundImage(np.zeros(shape, np.uint8), np.zeros(shape, bool), m_per_px, west_m, north_m)
    if step > 1.2:
        grey = cv2.GaussianBlur(grey, (0, 0), 0.4 * step)
    matrix[:, 2] -= (first_column, first_row)
    size, inverse = shape[::-1], cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(grey, matrix, size, flags=cv2.INTER_LINEAR | inverse, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(held.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST | inverse) > 0
    return GroundImage(warped, inside, m_per_px, west_m, north_m)
