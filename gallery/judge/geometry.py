"""Does a photo lie on the ground around a tile? Local features, a homography, and gates that refuse an accident."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from PIL import Image
from shapely.geometry import Polygon

from gallery.errors import GalleryError
from gallery.geo import LonLat, distance_m, moved, offsets_m, wrap_lon
from gallery.interruption import stop_if_asked
from gallery.judge.local_features import Features, Matcher, RootSift, alike
from gallery.photo.pose import FILM_DIAGONAL_MM, Pose
from gallery.photo.projection import apply, focal_length_px, jacobian, outline_px
from gallery.photo.rectify import seen_from_above
from gallery.store.gallery import Gallery
from gallery.tiles import Match, Tile

LEAST_INLIERS = 12
"""Points that must agree: over twice what accidents reach on the ground plane."""

LEAST_INLIERS_ANYHOW = 16
"""The same where points may match in any turn and size: of a photo as it is, or when they have neither of their own."""

CLEAR_INLIERS = 24
"""Agreeing points at which the search for a better place stops."""

REACH_SIDES = 2.0
"""Width of the ground around a tile that is read, in tile sides: a photo's centre may lie anywhere in the tile."""

SAME_GROUND_SIDES = 0.6
"""Tile sides between the centres of two tiles that are both looked at, at least."""

GROUND_PX = 480
"""Longer side of the ground around a tile when it is compared: finer detail is less often the same in both pictures,
and takes the place of what is."""

PICTURE_PX = 1000
"""Longer side of a photo that is compared as it is, and of ground that is drawn."""

MOST_PLACES = 10
"""Most places that are looked at where nothing fits."""

LIMIT_S = 3.0
"""Seconds after which no further tile is looked at."""

WITHIN_PX = 4.0
"""Largest distance of an agreeing point from where the fit puts it."""

ALIKE_DEG, ALIKE_OCTAVES = 25.0, 0.6
"""Largest difference of two views of one point on the ground plane, in direction (degrees) and size (octaves)."""

FLATTEST = 6.0
"""Largest factor by which the ground may be drawn out at a photo's centre: a view 10 degrees above the horizon."""

LEAST_SPREAD = 0.01
"""Share of the photo that the agreeing points must enclose."""

RELIEF_M = 16.0
"""Metres by which roofs and tree tops differ from a plane, such that 95 % of rendered photos lie within."""

MOST_SCALE_ERROR = 2.0
"""Largest factor between the scale that a fit finds and that of the stated pose."""

ALIKE_MARGIN = 0.02
"""Difference in score below which the best tiles of two places look alike. Of rendered photos without a fit, so close
are 1 in 20 of the right answers, and nearly half of the answers where the gallery lacks the place."""

LEAST_AHEAD = 0.2
"""Smallest third coordinate, as a share of that at the photo's centre, of what is drawn: five times as far ahead is too
near the horizon."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """What a fit rests on: the points that agree, and the homography that they agree on.

    Attributes:
        tile: around which the ground was compared; metres count east and north of its centre.
        size_px: width and height of the photo.
        photo_px: (N, 2) float32, the points in the photo, right and down of its upper left corner.
        ground_m: (N, 2) float32, the same points on the ground.
        to_ground: (3, 3), pixels of the photo to those metres; third coordinate 1 at its centre, 0 at the horizon.
    """

    tile: Tile
    size_px: tuple[int, int]
    photo_px: np.ndarray
    ground_m: np.ndarray
    to_ground: np.ndarray

    @property
    def outline_px(self) -> np.ndarray:
        """(4, 2) corners of the part of the photo that lies well below the horizon, upper left first."""
        return outline_px(self.to_ground, self.size_px, LEAST_AHEAD)

    @property
    def outline_m(self) -> np.ndarray:
        """(4, 2) the same corners on the ground."""
        return apply(self.to_ground, self.outline_px)


@dataclass(frozen=True)
class Fit:
    """A photo that was laid on the ground.

    Attributes:
        inliers: points that agree.
        point: the ground under the photo's centre.
        radius_m: around it, at two standard deviations: from the scatter of the agreeing points, from roofs and trees
            that an oblique view moves, and half a tile where the tile's own place is assumed.
        footprint: what the photo shows, WGS84 degrees; of a photo with horizon only what lies well below it.
        heading_deg: where its upper side points, clockwise from north.
        camera: where the camera was, and its height above that ground in metres, if the focal length is known.
        alignment: the points that agree, for drawings.
    """

    inliers: int
    point: LonLat
    radius_m: float
    footprint: Polygon
    heading_deg: float
    camera: tuple[LonLat, float] | None
    alignment: Alignment = field(repr=False, compare=False)


@dataclass(frozen=True)
class Check:
    """What the geometry says of an answer: the best fit, or none, and what was looked at."""

    fit: Fit | None
    tiles: int  # whose ground was compared
    seconds: float
    problem: str = ""  # why the ground of some tile could not be read
    alike: bool = False  # the best tiles of two places look alike
    sentence: str = ""  # what a registration says; empty: the fit says it

    @property
    def reason(self) -> str:
        """A sentence on it."""
        if self.sentence:
            return self.sentence
        if self.fit is None and self.problem:
            return f"Not all of the best tiles could be checked by geometry. {self.problem}"
        if self.fit is None:
            where = "the best tile" if self.tiles == 1 else f"the {self.tiles} best tiles"
            alike = " The best tiles of two places look alike." if self.alike else ""
            return f"No place fits: too few points of the photo were found again around {where}.{alike}"
        return f"{self.fit.inliers} matching points agree on one place."

    def to_dict(self) -> dict[str, Any]:
        """The same for the command line and the web API."""
        if self.fit is None:
            return {"inliers": 0, "reason": self.reason, "footprint": None, "heading_deg": None, "camera": None}
        camera = self.fit.camera
        return {
            "inliers": self.fit.inliers,
            "reason": self.reason,
            "footprint": [list(corner) for corner in self.fit.footprint.exterior.coords],
            "heading_deg": self.fit.heading_deg,
            "camera": camera and {"lon": camera[0].lon, "lat": camera[0].lat, "height_m": camera[1]},
        }


@dataclass(frozen=True)
class Looks:
    """A picture of the photo with its features, and how its pixels become those of the photo."""

    features: Features
    to_photo: np.ndarray  # (3, 3) homogeneous
    size_px: tuple[int, int]  # of the photo
    on_ground: bool  # north up and at a known scale


class Verifier:
    """Lays photos on the ground of one gallery; it keeps the features of the tiles that it looked at last.

    Args:
        gallery: whose pictures are read.
        matcher: finds and pairs points; None: SIFT.
        kept: tiles whose features are kept.
    """

    def __init__(self, gallery: Gallery, matcher: Matcher | None = None, kept: int = 64) -> None:
        self.gallery = gallery
        self.matcher: Matcher = RootSift() if matcher is None else matcher
        self._ground = lru_cache(kept)(self._look_at)  # several photos may be checked at once: it bears that

    def check(
        self,
        image: Image.Image,
        pose: Pose | None,
        matches: Sequence[Match],
        *,
        most: int = MOST_PLACES,
        limit_s: float = LIMIT_S,
    ) -> Check:
        """Compare a photo with the ground around its best tiles, best first.

        It ends with the first clear fit, after `most` places, or when the time is up. A tile whose source is gone is
        left out: the answer by embedding does not hang on it.

        Args:
            image: the photo, upright and whole.
            pose: of its camera, stated or guessed; None compares it as it is.
            matches: best first.
        """
        begun = time.perf_counter()
        side_m = max((offset for match in matches[:1] for offset in match.tile.sides_m), default=0.0)
        photo: Looks | None = None
        best: Fit | None = None
        tried: list[LonLat] = []
        problem = ""
        for match in matches:
            stop_if_asked()
            if len(tried) == most or (tried and time.perf_counter() - begun > limit_s):
                break
            near_m = SAME_GROUND_SIDES * side_m
            if any(distance_m(centre, match.tile.centre) < near_m for centre in tried):
                continue
            tried.append(match.tile.centre)
            try:
                features, to_metres = self._ground(match.tile.id)
            except GalleryError as error:
                problem = str(error)
                continue
            if photo is None:
                photo = _looks(image, pose, side_m * REACH_SIDES, _metres_per_px(to_metres), self.matcher)
            pairs = self.matcher.pairs(photo.features, features)
            fit = _fit(photo, pose, match.tile, features, pairs, to_metres)
            if fit is not None and (best is None or fit.inliers > best.inliers):
                best = fit
            if best is not None and best.inliers >= CLEAR_INLIERS:
                break
        return Check(best, len(tried), time.perf_counter() - begun, problem, look_alike(matches, side_m))

    def _look_at(self, tile_id: str) -> tuple[Features, np.ndarray]:
        """The features of the ground around a tile, and the way from its pixels to metres east and north of it."""
        tile = self.gallery.tile(self.gallery.row(tile_id))
        image, to_metres = ground_around(self.gallery, tile, REACH_SIDES, GROUND_PX)
        return self.matcher.features(np.asarray(image)), to_metres


def look_alike(matches: Sequence[Match], apart_m: float) -> bool:
    """Whether the best tile at another place scores nearly as high as the best one of all.

    Args:
        matches: best first.
        apart_m: centres of tiles at two places lie farther apart.
    """
    if not matches:
        return False
    best = matches[0]
    others = (match for match in matches if distance_m(best.tile.centre, match.tile.centre) > apart_m)
    return any(best.score - match.score < ALIKE_MARGIN for match in others)


def ground_around(gallery: Gallery, tile: Tile, sides: float, max_px: int) -> tuple[Image.Image, np.ndarray]:
    """The ground around a tile, some tile sides wide, its longer side at most max_px.

    Returns: the picture, and (3, 3), its pixels to metres east and north of the tile's centre.

    Raises:
        GalleryError: its source is not there any more, or is damaged.
    """
    image, place = gallery.around(tile, sides, max_px)
    return image, _to_metres(place, tile.centre, image.size)


def _looks(image: Image.Image, pose: Pose | None, side_m: float, metres_per_px: float, matcher: Matcher) -> Looks:
    """The features of a photo: on the ground plane where its pose is known, else as it is."""
    if pose is not None:
        ground = seen_from_above(image, pose, side_m)
        side_px = round(side_m / metres_per_px)
        picture = np.asarray(ground.image.resize((side_px, side_px), Image.Resampling.BICUBIC))
        held = cv2.resize(ground.held.astype(np.uint8), (side_px, side_px), interpolation=cv2.INTER_NEAREST) > 0
        grown = ground.image.width / side_px
        return Looks(matcher.features(picture, held), ground.to_photo @ np.diag([grown, grown, 1.0]), image.size, True)
    shrunk = min(1.0, PICTURE_PX / max(image.size))
    size = max(1, round(image.width * shrunk)), max(1, round(image.height * shrunk))
    picture = np.asarray(image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0))
    to_photo = np.diag([image.width / size[0], image.height / size[1], 1.0])
    return Looks(matcher.features(picture), to_photo, image.size, False)


def _fit(
    photo: Looks, pose: Pose | None, tile: Tile, features: Features, pairs: np.ndarray, to_metres: np.ndarray
) -> Fit | None:
    """The homography that most pairs agree on, if it is one that a camera over flat ground can make."""
    if photo.on_ground:
        pairs = pairs[alike(photo.features, features, pairs, ALIKE_DEG, ALIKE_OCTAVES)]
    least = LEAST_INLIERS if photo.on_ground and features.oriented else LEAST_INLIERS_ANYHOW
    if len(pairs) < least:
        return None
    seen, there = photo.features.points[pairs[:, 0]], features.points[pairs[:, 1]]
    between, agreeing = cv2.findHomography(seen, there, cv2.USAC_MAGSAC, WITHIN_PX, maxIters=5000, confidence=0.9999)
    if between is None:
        return None
    inside = agreeing.ravel() > 0
    if inside.sum() < least:
        return None
    photo_px, metres = apply(photo.to_photo, seen[inside]), apply(to_metres, there[inside])
    middle = np.array(photo.size_px) / 2
    to_ground = to_metres @ between @ np.linalg.inv(photo.to_photo)
    to_ground /= to_ground[2] @ [*middle, 1]
    if not plausible(to_ground, photo_px, photo.size_px, pose if photo.on_ground else None):
        return None
    [[east_m, north_m]] = apply(to_ground, middle[None])
    at_centre = jacobian(to_ground, *middle)
    up = at_centre @ [0.0, -1.0]
    alignment = Alignment(tile, photo.size_px, photo_px.astype(np.float32), metres.astype(np.float32), to_ground)
    return Fit(
        inliers=len(photo_px),
        point=moved(tile.centre, east_m, north_m),
        radius_m=math.hypot(
            _scatter_m(photo_px, metres, to_ground, middle),
            RELIEF_M * _tangent(at_centre),
            tile.assumed_m,
        ),
        footprint=polygon_of(tile.centre, alignment.outline_m),
        heading_deg=math.degrees(math.atan2(up[0], up[1])) % 360,
        camera=camera_of(alignment, pose),
        alignment=alignment,
    )


def plausible(to_ground: np.ndarray, photo_px: np.ndarray, size_px: tuple[int, int], pose: Pose | None) -> bool:
    """Whether a camera above the ground can see it so: no folding, no mirror, points well spread, the stated scale.

    Args:
        to_ground: pixels of the photo to metres east and north, third coordinate 1 at the photo's centre.
        photo_px: (N, 2) agreeing points.
        size_px: of the photo.
        pose: as stated or guessed, if the scale is to fit it.
    """
    ahead = np.column_stack([photo_px, np.ones(len(photo_px))]) @ to_ground[2]
    enclosed_px = cv2.contourArea(cv2.convexHull(photo_px.astype(np.float32)))
    if ahead.min() <= 0 or enclosed_px < LEAST_SPREAD * math.prod(size_px):
        return False
    at_centre = jacobian(to_ground, size_px[0] / 2, size_px[1] / 2)
    wide, narrow = np.linalg.svd(at_centre, compute_uv=False)
    if np.linalg.det(at_centre) >= 0 or wide > FLATTEST * narrow:  # rows run down, north runs up: turned over
        return False
    if pose is None:
        return True
    slant_m = pose.height_m / pose.down
    stated = slant_m * FILM_DIAGONAL_MM / (pose.focal_35mm * math.hypot(*size_px))  # across the view
    return bool(1 / MOST_SCALE_ERROR < narrow / stated < MOST_SCALE_ERROR)


def _tangent(at_centre: np.ndarray) -> float:
    """Tangent of the angle between the view and straight down, from how much the ground is drawn out."""
    wide, narrow = np.linalg.svd(at_centre, compute_uv=False)
    return math.sqrt(max((wide / narrow) ** 2 - 1, 0.0))


def _metres_per_px(to_metres: np.ndarray) -> float:
    return math.sqrt(abs(np.linalg.det(to_metres[:2, :2])))


def _to_metres(place: Tile, origin: LonLat, size_px: tuple[int, int]) -> np.ndarray:
    """(3, 3): pixels of a picture to metres east and north of a point."""
    width, height = size_px
    there = np.array([offsets_m(origin, corner) for corner in place.corners], np.float32)
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    return np.asarray(cv2.getPerspectiveTransform(corners, there))


def polygon_of(origin: LonLat, metres: np.ndarray) -> Polygon:
    """(N, 2) metres east and north of a point as a polygon of WGS84 degrees."""
    corners = [moved(origin, float(east), float(north)) for east, north in metres]
    return Polygon([(origin.lon + wrap_lon(corner.lon - origin.lon), corner.lat) for corner in corners])


def _scatter_m(photo_px: np.ndarray, metres: np.ndarray, to_ground: np.ndarray, at: np.ndarray) -> float:
    """Two standard deviations of where a least-squares homography puts a point, given how its points scatter.

    Args: to_ground: with third coordinate 1 at the point `at`, from which pixels are counted here: the upper left
        corner of a photo may lie on the horizon, where that coordinate is 0.
    """
    matrix = to_ground @ np.array([[1, 0, at[0]], [0, 1, at[1]], [0, 0, 1]])
    photo_px = photo_px - at

    def rows(points: np.ndarray) -> np.ndarray:
        """(2 N, 8) derivative of the mapped points by the first eight numbers of the homography."""
        x, y = points.T
        w = matrix[2, 0] * x + matrix[2, 1] * y + 1
        mapped = apply(matrix, points)
        zero, one = np.zeros_like(x), np.ones_like(x)
        east = np.stack([x, y, one, zero, zero, zero, -mapped[:, 0] * x, -mapped[:, 0] * y], 1) / w[:, None]
        north = np.stack([zero, zero, zero, x, y, one, -mapped[:, 1] * x, -mapped[:, 1] * y], 1) / w[:, None]
        return np.stack([east, north], axis=1).reshape(-1, 8)

    residuals = (apply(matrix, photo_px) - metres).ravel()
    freedom = max(len(residuals) - 8, 1)
    scale = np.abs(rows(photo_px)).max(axis=0)  # pixels and ratios differ by many powers of ten
    design = rows(photo_px) / scale
    covariance = np.linalg.pinv(design.T @ design) * (residuals @ residuals) / freedom
    lever = rows(np.zeros((1, 2))) / scale
    return float(2 * math.sqrt(max(np.linalg.eigvalsh(lever @ covariance @ lever.T)[-1], 0.0)))


def camera_of(alignment: Alignment, pose: Pose | None) -> tuple[LonLat, float] | None:
    """Where a camera of the stated focal length was, from points on flat ground."""
    if pose is None:
        return None
    focal_px = focal_length_px(pose.focal_35mm, alignment.size_px)
    lens = np.array([[focal_px, 0, alignment.size_px[0] / 2], [0, focal_px, alignment.size_px[1] / 2], [0, 0, 1]])
    middle = alignment.ground_m.mean(axis=0)
    flat = np.column_stack([alignment.ground_m - middle, np.zeros(len(alignment.ground_m))])
    found, turn, shift = cv2.solvePnP(flat, alignment.photo_px, lens, None, flags=cv2.SOLVEPNP_IPPE)
    if not found:
        return None
    turn, shift = cv2.solvePnPRefineLM(flat, alignment.photo_px, lens, None, turn, shift)
    east_m, north_m, height_m = (-cv2.Rodrigues(turn)[0].T @ shift).ravel()
    if height_m <= 0:
        return None
    return moved(alignment.tile.centre, float(east_m + middle[0]), float(north_m + middle[1])), float(height_m)
