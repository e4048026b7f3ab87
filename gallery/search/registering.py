"""Photos laid on the ground of a gallery, as a step of the search: before the embedding where no pose is stated."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from gallery.areas import Area, tiles_in
from gallery.embedder import Photo
from gallery.errors import DamagedGallery, RegistrationError
from gallery.geo import Bounds, LonLat, distance_m, distances_m
from gallery.ground.sheets import open_ground
from gallery.judge.calibration import percent
from gallery.judge.geometry import Check
from gallery.photo.belief import Belief
from gallery.photo.pose import stated_place
from gallery.registration.fine import Points
from gallery.registration.prior import Hint
from gallery.registration.registrar import Registrar, Registration, Stated
from gallery.search.doubt import disagreements
from gallery.search.options import SearchOptions
from gallery.search.scales import typical_side_m
from gallery.store.gallery import Gallery
from gallery.tiles import Ranking, Tile

log = logging.getLogger(__name__)

NEAR_KM = 0.1
"""Kilometres from an area within which the centre of a photo of it may lie: the photo shows ground of it."""

ASSUMED_SIDES = 1.3
"""Tile sides, width of the ground that a photo of unknown height or lens is taken to show: galleries are cut to about
what their photos show."""

PLACES_AMONG = 200
"""Tiles, the best of a large gallery, whose places may be searched around."""

ELSEWHERE_FROM = 0.95
"""Probability of other ground from which on a photo that was searched in all of the ground counts as clearly not there:
no poses are guessed for it, and no tiles are checked. Of 69 right answers on real ground (60 with stated pose)
none gave its place less than 0.3; of 15 searches of photos of elsewhere none gave any place more than 0.013."""

PROPOSED_FROM = 0.9
"""Probability from which a place counts as found on ground that was searched only around the best tiles, where points
have to fit, too: a photo whose heading is stated wrong has the wrong tiles, and fields that look alike are all that the
likelihood then weighs."""

MANY_KM2 = 3.0
"""Square kilometres of ground from which on the same is asked of a place that was found for a stated pose: over so much
ground some of it looks alike under any pose."""


PUT_RIGHT = "The most similar tile lies elsewhere: this place was found by the structure of the ground."

ASSUMED_EXTENT = (
    "The image that the photo fits states neither its extent nor its heading: north and scale are those that were "
    "assumed for it."
)


class Registering:
    """Lays photos on the ground of one gallery, if its ground was made.

    Args:
        gallery: on whose ground.
        points: a network's, for the fine fit; None: SIFT's.
    """

    def __init__(self, gallery: Gallery, points: Points | None) -> None:
        self.gallery = gallery
        try:
            ground = open_ground(gallery)
        except DamagedGallery as error:  # the embedding's answers stay
            log.warning("%s", error)
            ground = None
        self._registrar: Registrar | None = None
        if ground is not None:
            self._registrar = Registrar(ground, self.tile_at, points, ASSUMED_SIDES * typical_side_m(gallery))

    @property
    def ready(self) -> bool:
        """Whether the gallery has its ground."""
        return self._registrar is not None

    def first(self, photo: Photo, options: SearchOptions, near: Area | None) -> bool:
        """Whether a photo is laid on the ground before its tiles are ranked: all that is asked about is searched."""
        if self._registrar is None:
            return False
        share = 1.0 if near is None else float(tiles_in(self.gallery.boxes, near).mean())
        return self._registrar.searches_all(stated_of(photo, options), share)

    def rules_out(self, photo: Photo, options: SearchOptions, near: Area | None, found: Registration | None) -> bool:
        """Whether the ground, all of which was searched, says clearly that a photo shows none of it.

        Args: found: as `register` returns it.
        """
        return found is not None and found.elsewhere >= ELSEWHERE_FROM and self.first(photo, options, near)

    def register(
        self, photo: Photo, options: SearchOptions, near: Area | None, ranking: Ranking | None = None
    ) -> tuple[Registration | None, str]:
        """Lay a photo on the ground.

        Args:
            photo: as the embedder reads it.
            options: of the search.
            near: the area that is asked about.
            ranking: whose best tiles say where to look; None: all of the ground is searched, or what the area holds.

        Returns:
            The result, and a sentence where the photo cannot be laid there.
        """
        if self._registrar is None:
            return None, ""
        places = None if ranking is None else [self._centre(row) for row in ranking.rows[:PLACES_AMONG].tolist()]
        among = None
        if near is not None and ranking is None:
            among = [self._centre(row) for row in np.flatnonzero(tiles_in(self.gallery.boxes, near)).tolist()]
        allowed = None if near is None else partial(_touches, near)
        best, seconds, why = None, 0.0, ""
        for stated in variants_of(photo, options):
            try:
                hint = hint_of(photo, options)
                found = self._registrar.register(photo.image, stated, places, allowed, hint, among=among)
            except RegistrationError as error:
                why = why or str(error)
                continue
            seconds += 0.0 if found is None else found.seconds
            if found is not None and (places is not None or _many(found, stated)):
                found = _doubted(found)
            if found is not None and (best is None or found.probability > best.probability):
                best = found
            if best is not None and best.located:
                break
        return (None, why) if best is None else (replace(best, seconds=seconds), "")

    def follow(
        self, photo: Photo, options: SearchOptions, near: Area | None, last: Registration, reach_m: float
    ) -> Registration | None:
        """The next photo of a flight laid down near the last one; None where it cannot be."""
        if self._registrar is None:
            return None
        allowed = None if near is None else partial(_touches, near)
        stated, hint = stated_of(photo, options), hint_of(photo, options)
        try:
            return self._registrar.follow(photo.image, stated, last, reach_m, allowed, hint)
        except RegistrationError:  # it is asked like any other photo then, which says why
            return None

    def moved_first(self, ranking: Ranking, found: Registration) -> Ranking:
        """A ranking with the tile at the found place before the others."""
        row = self.gallery.row(self.tile_at(found.point).id)
        at = np.flatnonzero(ranking.rows == row)
        score = float(ranking.scores[at[0]]) if len(at) else float(ranking.scores.min(initial=0.0))
        rest = ranking.rows != row
        return Ranking(
            np.r_[row, ranking.rows[rest]].astype(ranking.rows.dtype),
            np.r_[score, ranking.scores[rest]].astype(ranking.scores.dtype),
        )

    def _centre(self, row: int) -> LonLat:
        lon, lat = self.gallery.centres[row].tolist()
        return LonLat(lon, lat)

    def tile_at(self, point: LonLat) -> Tile:
        """The tile that the gallery has at a point; where none covers it, that whose centre lies nearest."""
        covering = self.gallery.tile_at(point)
        if covering is not None:
            return covering
        return self.gallery.tile(int(distances_m(point, *self.gallery.centres.T).argmin()))


def _touches(near: Area, point: LonLat) -> bool:
    """Whether ground that lies around a point touches an area."""
    box = Bounds.around(point, NEAR_KM)
    return bool(tiles_in(np.array([[box.west, box.south, box.east, box.north]]), near)[0])


def stated_of(photo: Photo, options: SearchOptions) -> Stated:
    """What a photo states of its camera, as far as it is to be believed."""
    view = photo.pose
    if view is None:
        return Stated()
    if not options.north_up:
        return Stated(focal_35mm=view.focal_35mm)  # a wrong pose leads astray; the lens is a fact
    return Stated(view.heading_deg, view.pitch_deg, view.height_m, view.focal_35mm, view.roll_deg)


def variants_of(photo: Photo, options: SearchOptions) -> list[Stated]:
    """What a photo states, and the same with each other lens that it states: of them the scale of the ground hangs."""
    stated = stated_of(photo, options)
    others = () if photo.pose is None or stated.height_m is None else photo.pose.other_focals_35mm
    return [stated, *(replace(stated, focal_35mm=other) for other in others)]


def hint_of(photo: Photo, options: SearchOptions) -> Hint | None:
    """Where the photo's own EXIF puts the ground that it shows, if that was allowed to count."""
    stated = stated_place(photo) if options.use_exif_position else None
    return None if stated is None else Hint(stated[0])


def hint_notes(photo: Photo, options: SearchOptions, found: Registration | None) -> tuple[str, ...]:
    """What the position in the photo's EXIF did, where it was allowed to count."""
    if not options.use_exif_position:
        return ()
    hint = hint_of(photo, options)
    if hint is None:
        return ("The photo's EXIF states no position that could serve as a hint.",)
    if found is None or found.placement.unhinted is None:
        return ("The position in the photo's EXIF did not count: the photo was not laid on the gallery's ground.",)
    away_m = distance_m(hint.point, found.point)
    return (
        f"The position in the photo's EXIF counted as a weak hint. It is {away_m:,.0f} m from the place found by the "
        f"ground, which without it would have a probability of {percent(found.placement.unhinted)}.",
    )


def _many(found: Registration, stated: Stated) -> bool:
    """Whether so much ground was searched for a stated pose that accidents are to be expected."""
    return stated.known.pose and found.searched_km2 > MANY_KM2


def _doubted(found: Registration) -> Registration:
    """A registration on much ground, or on what tiles proposed: believed only where much speaks for it."""
    sure = found.fit is not None and found.probability >= PROPOSED_FROM
    return found if sure else replace(found, located=False)


def check_of(found: Registration) -> Check:
    """A registration as the geometry's word on an answer."""
    km2 = f"{found.searched_km2:.2g} km²"
    if found.fit is not None:
        told = f"The photo fits the ground here as nowhere else in {km2}: {found.fit.inliers} matching points agree."
    else:
        told = f"The photo fits the ground here as nowhere else in {km2}, by the direction of its edges."
    return Check(found.fit, 1, found.seconds, sentence=told)


def notes_of(found: Registration, stated: Stated, believed: Sequence[Belief], first: Tile | None) -> list[str]:
    """What a registration says of the photo's own statements and of the embedding."""
    if found.assumed_m > 0:  # neither the photo nor its lens is to blame where the map's own extent is a guess
        notes = [ASSUMED_EXTENT]
        return notes if first is None or first.contains(found.point) else [*notes, PUT_RIGHT]
    height_per_mm = found.pose.height_m / found.pose.focal_35mm
    notes = []
    if stated.height_m is not None and stated.focal_35mm is not None and stated.focal_35mm != found.pose.focal_35mm:
        lens, first_lens = round(found.pose.focal_35mm), round(stated.focal_35mm)
        notes.append(f"The statements of the lens disagree: it fits with {lens} mm, not with {first_lens} mm.")
        height_per_mm = found.growth * stated.height_m / stated.focal_35mm
    notes += disagreements(believed, found.heading_deg, height_per_mm)
    if first is not None and not first.contains(found.point):
        notes.append(PUT_RIGHT)
    return notes
