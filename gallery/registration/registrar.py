"""Lays photos on the ground of one gallery: what is searched, and what is made of the result."""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from gallery.geo import LonLat, offsets_m
from gallery.ground.picture import LaidPhoto, laid_by_pose, laid_by_scale, similarity
from gallery.ground.sheets import Ground
from gallery.judge.geometry import Alignment, Fit, camera_of, polygon_of
from gallery.photo.pose import FILM_DIAGONAL_MM, Pose
from gallery.photo.projection import apply
from gallery.registration.canvas import NEAR_M, Canvas, Part, around, between, whole
from gallery.registration.fine import FineFit, Points
from gallery.registration.locate import GroundMap, Known
from gallery.registration.placement import RIGHT_WITHIN_M, Placement, grid_of, placed
from gallery.registration.prior import Hint, log_prior
from gallery.tiles import Tile

log = logging.getLogger(__name__)

MOST_PX = 1600
"""Pixels, longer side of the photo that is laid on the ground: finer than the map takes time for nothing."""

ASSUMED_WIDTH_M = 240.0
"""Metres, width of the ground that a photo of unknown height or lens is taken to show; scales from a third to three
times of it are tried."""

ASSUMED_FOCAL_MM = 24.0
"""Millimetres, focal length for 35 mm film of a photo that states none: that of most drones' wide cameras."""

WHOLE_STATED_KM2 = 10.0
"""Square kilometres of ground up to which all of it is searched for a photo whose pose is stated; of more, what lies
around the best tiles. Of 60 photos of another date over 7 km², six had no right place among those around the best eight
tiles; of three of them that were searched for everywhere two were found."""

WHOLE_GUESSED_KM2 = 36.0
"""Square kilometres, the same for a photo whose pose is not stated: its votes find heading and scale better than
guesses."""

WHOLE_FOLLOWED_KM2 = 1.0
"""Square kilometres of ground up to which all of it is searched for the next photo of a flight, for the ground is ready
then; of more, what lies within reach."""

PLACES_STATED, PLACES_GUESSED = 8, 32
"""Places around which a large gallery is searched, for a photo with stated pose and without: each takes time."""


@dataclass(frozen=True)
class Stated:
    """What a photo says of how its camera looked; None where it says nothing.

    Attributes:
        heading_deg: clockwise from north.
        pitch_deg: -90 looks straight down.
        height_m: above the ground.
        focal_35mm: for the diagonal of 36 x 24 mm film, millimetres.
        roll_deg: about the photo's up, positive where its right side dips.
    """

    heading_deg: float | None = None
    pitch_deg: float | None = None
    height_m: float | None = None
    focal_35mm: float | None = None
    roll_deg: float | None = None

    @property
    def known(self) -> Known:
        """Which of heading and scale are about known."""
        return Known(self.heading_deg is not None, self.height_m is not None and self.focal_35mm is not None)

    def completed(self, pose: Pose) -> "Stated":
        """The same, with what is not stated taken from a pose that was found before; a stated lens stays."""
        focal_35mm = self.focal_35mm or pose.focal_35mm
        height_m = pose.height_m * focal_35mm / pose.focal_35mm
        return replace(
            self,
            heading_deg=pose.heading_deg if self.heading_deg is None else self.heading_deg,
            pitch_deg=pose.pitch_deg if self.pitch_deg is None else self.pitch_deg,
            height_m=self.height_m if self.known.scale else height_m,
            focal_35mm=focal_35mm,
        )


@dataclass(frozen=True, eq=False)
class Registration:
    """A photo laid on the ground, believed or not.

    Attributes:
        point: the ground under its centre.
        radius_m: that holds 95 % of the probability in this gallery.
        probability: that the point is right within 25 m of the ground's picture, see `right_within_m`.
        located: whether that is enough.
        heading_deg: of its upper side, clockwise from north.
        growth: the scale found over the stated or assumed one.
        turned_round: a stated heading points the other way.
        pose: of the camera as it was found; where no lens is stated, of an assumed one that shows as much.
        fit: the points that agree, where a fine fit was found.
        placement: what all this was read off, for maps of the probability.
        canvas: that it was found on.
        seconds: that it took.
        searched_km2: of ground.
        assumed_m: how far off the ground's own place may be there, because the extent of its image was assumed.
    """

    point: LonLat
    radius_m: float
    probability: float
    located: bool
    heading_deg: float
    growth: float
    turned_round: bool
    pose: Pose
    fit: Fit | None
    placement: Placement = field(repr=False)
    canvas: Canvas = field(repr=False)
    seconds: float
    searched_km2: float
    assumed_m: float = 0.0

    @property
    def right_within_m(self) -> float:
        """Metres within which `probability` holds on the Earth: the fit is no truer than the picture's own place."""
        return math.hypot(RIGHT_WITHIN_M, self.assumed_m)

    @property
    def elsewhere(self) -> float:
        """Probability that the photo shows none of the ground that was searched."""
        return self.placement.posterior.absent


class Registrar:
    """Lays photos on a gallery's ground. The map of the whole ground is kept, where it is small enough.

    Args:
        ground: of the gallery.
        tile_at: the tile that covers a point best; a fit's points are told from its centre.
        points: a network's for the fine fit; None: SIFT's.
        assumed_width_m: ground that a photo of unknown height or lens is taken to show.
    """

    def __init__(
        self,
        ground: Ground,
        tile_at: Callable[[LonLat], Tile],
        points: Points | None = None,
        assumed_width_m: float = ASSUMED_WIDTH_M,
    ) -> None:
        self.ground = ground
        self._tile_at = tile_at
        self._points = points
        self._assumed_width_m = assumed_width_m
        self._lock = threading.Lock()
        self._whole: tuple[Canvas, GroundMap] | None = None

    def searches_all(self, stated: Stated, share: float = 1.0) -> bool:
        """Whether such a photo is searched in all of the ground that is asked about, so that no place need be proposed.

        Args:
            stated: what the photo says of its camera.
            share: of the ground, that is asked about.
        """
        limit_km2 = WHOLE_STATED_KM2 if stated.known.pose else WHOLE_GUESSED_KM2
        return self.ground.area_km2 * share <= limit_km2

    def register(
        self,
        image: Image.Image,
        stated: Stated,
        places: Sequence[LonLat] | None = None,
        allowed: Callable[[LonLat], bool] | None = None,
        hint: Hint | None = None,
        near_m: float = NEAR_M,
        voting: bool = True,
        among: Sequence[LonLat] | None = None,
    ) -> Registration | None:
        """Search the place of a photo.

        Args:
            image: the photo, upright and whole.
            stated: what it says of its camera.
            places: around which it may lie, most promising first; None: all of the ground is searched.
            allowed: whether a place lies in the area that is asked about; None: all do.
            hint: where it may lie, as a weak prior; where places are given, it is looked around too.
            near_m: to each side of a place, in which it is looked around.
            voting: as for `GroundMap.search`.
            among: without `places`, all of the ground that these span is searched; None: all of it.

        Returns:
            None where no place was found at all.

        Raises:
            RegistrationError: the photo cannot be laid on the ground, with the reason in one sentence.
        """
        begun = time.perf_counter()
        photo, known = laid_photo(image, stated, self._assumed_width_m)
        if hint is not None and places is not None:
            places = [hint.point, *places]
        canvas, ground_map = self._searched(stated, places, near_m, among)
        if not canvas.parts:
            return None
        found = ground_map.search(photo, known, voting=voting)
        if allowed is not None:
            kept = [each for each in found.candidates if allowed(canvas.lonlat(each.east_m, each.north_m))]
            found = replace(found, candidates=tuple(kept))
        prior = None if hint is None else log_prior(hint, canvas, grid_of(ground_map))
        place = placed(photo, ground_map, found, known, self._points, prior)
        if place is None:
            return None
        part = canvas.part_at(place.east_m, place.north_m)
        point = part.lonlat(place.east_m, place.north_m)
        north_deg = part.north_deg(place.east_m, place.north_m)
        place = replace(place, heading_deg=(place.heading_deg + north_deg) % 360)
        pose = _found_pose(stated, place, image.size, self._assumed_width_m)
        fine = None if place.fine is None else _Lain(place.fine, part, photo, image.size, point, north_deg)
        return Registration(
            point=point,
            radius_m=math.hypot(place.radius_m, part.sheet.assumed_m),
            probability=place.probability,
            located=place.located,
            heading_deg=place.heading_deg,
            growth=place.growth,
            turned_round=place.turned_round,
            pose=pose,
            fit=None if fine is None else fine.fit(self._tile_at(point), pose),
            placement=place,
            canvas=canvas,
            seconds=time.perf_counter() - begun,
            searched_km2=ground_map.area_m2 / 1e6,
            assumed_m=part.sheet.assumed_m,
        )

    def follow(
        self,
        image: Image.Image,
        stated: Stated,
        last: Registration,
        reach_m: float,
        allowed: Callable[[LonLat], bool] | None = None,
        hint: Hint | None = None,
    ) -> Registration | None:
        """Search the place of the next photo of a flight: within reach of the last one, and looking as that did.

        Most are located by the correlation and the fine fit alone; the points of the others vote too.

        Args:
            image: as for `register`.
            stated: what the photo says of its camera; what it does not say is taken from the last one.
            last: where the photo before was found.
            reach_m: metres that the flight can have gone since.
            allowed: as for `register`.
            hint: as for `register`.

        Raises:
            RegistrationError: as for `register`.
        """
        places = None if self.ground.area_km2 <= WHOLE_FOLLOWED_KM2 else [last.point]
        asked = image, stated.completed(last.pose), places, allowed, hint, NEAR_M + reach_m
        found = self.register(*asked, voting=False)
        return found if found is not None and found.located else self.register(*asked)

    def _searched(
        self, stated: Stated, places: Sequence[LonLat] | None, near_m: float, among: Sequence[LonLat] | None
    ) -> tuple[Canvas, GroundMap]:
        if places is None and among is not None:
            canvas = between(self.ground, among, near_m)
            return canvas, GroundMap(canvas.picture, canvas.keypoints)
        if places is None:
            with self._lock:
                if self._whole is None:
                    canvas = whole(self.ground)
                    self._whole = canvas, GroundMap(canvas.picture, canvas.keypoints)
                return self._whole
        most = PLACES_STATED if stated.known.pose else PLACES_GUESSED
        canvas = around(self.ground, places, most, near_m)
        return canvas, GroundMap(canvas.picture, canvas.keypoints)


@dataclass(frozen=True, eq=False)
class _Lain:
    """A fine fit on a canvas.

    Attributes:
        fine: the fit.
        part: of the canvas, that it lies on.
        photo: that was laid.
        size_px: width and height of the whole photo, from which that was shrunk.
        point: the ground under its centre.
        north_deg: where the canvas's north points there, clockwise from true north.
    """

    fine: FineFit
    part: Part
    photo: LaidPhoto
    size_px: tuple[int, int]
    point: LonLat
    north_deg: float

    def fit(self, tile: Tile, pose: Pose) -> Fit:
        """The same as the pages and exports know it: metres from the centre of a tile, pixels of the whole photo."""
        shrunk = self.photo.size_px[0] / self.size_px[0]
        north_up = similarity(self.north_deg, 1.0)
        to_ground = north_up @ self.fine.to_ground @ np.diag([shrunk, shrunk, 1.0])
        [centre] = apply(to_ground, np.array([self.size_px]) / 2)
        east, north = np.array(offsets_m(tile.centre, self.point)) - centre
        to_tile = np.array([[1, 0, east], [0, 1, north], [0, 0, 1.0]])
        to_ground = to_tile @ to_ground
        to_ground /= to_ground[2] @ [self.size_px[0] / 2, self.size_px[1] / 2, 1]
        photo_px = (self.fine.photo_px / shrunk).astype(np.float32)
        ground_m = apply(to_tile @ north_up, self.fine.ground_m).astype(np.float32)
        alignment = Alignment(tile, self.size_px, photo_px, ground_m, to_ground)
        return Fit(
            inliers=self.fine.inliers,
            point=self.point,
            radius_m=math.hypot(self.fine.radius_m, self.part.sheet.assumed_m),
            footprint=polygon_of(tile.centre, alignment.outline_m),
            heading_deg=(self.fine.heading_deg + self.north_deg) % 360,
            camera=camera_of(alignment, pose),
            alignment=alignment,
        )


def laid_photo(image: Image.Image, stated: Stated, assumed_width_m: float = ASSUMED_WIDTH_M) -> tuple[LaidPhoto, Known]:
    """A photo brought to the ground plane by what it states; what it does not state is assumed, and searched.

    Raises:
        RegistrationError: the stated pose is nonsense, or looks too near the horizon.
    """
    grey = image.convert("L")
    if max(grey.size) > MOST_PX:
        grey.thumbnail((MOST_PX, MOST_PX), Image.Resampling.BICUBIC, reducing_gap=3.0)
    pixels, known = np.asarray(grey), stated.known
    heading = 0.0 if stated.heading_deg is None else stated.heading_deg
    if stated.height_m is None or stated.focal_35mm is None:
        return laid_by_scale(pixels, assumed_width_m / max(pixels.shape), heading), known
    pitch = -90.0 if stated.pitch_deg is None else max(stated.pitch_deg, -90.0)
    pose = Pose(heading, pitch, stated.height_m, stated.focal_35mm, stated.roll_deg or 0.0)
    return laid_by_pose(pixels, pose), known


def _found_pose(stated: Stated, place: Placement, size_px: tuple[int, int], assumed_width_m: float) -> Pose:
    """The pose of the camera that a placement means: the scale found is put down to the height."""
    pitch = -90.0 if stated.pitch_deg is None else max(stated.pitch_deg, -90.0)
    if stated.height_m is not None and stated.focal_35mm is not None:
        height_m = stated.height_m * place.growth
        return Pose(place.heading_deg, pitch, height_m, stated.focal_35mm, stated.roll_deg or 0.0)
    focal = ASSUMED_FOCAL_MM if stated.focal_35mm is None else stated.focal_35mm
    diagonal_m = assumed_width_m * place.growth * math.hypot(*size_px) / max(size_px)
    return Pose(place.heading_deg, -90.0, diagonal_m * focal / FILM_DIAGONAL_MM, focal)
