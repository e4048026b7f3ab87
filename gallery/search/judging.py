"""What is made of a searched photo: checked by geometry, weighed by its evidence, and told as an Answer."""

import numpy as np

from gallery.areas import MOST_DEG_PER_M, Area, distances_to_boxes_m
from gallery.constants import SHARES
from gallery.embedder import Embedder, Photo
from gallery.errors import GalleryError, WrongModel
from gallery.geo import LonLat, Position, distance_m, distances_m
from gallery.judge.agreement import AGREEMENT_OF
from gallery.judge.calibration import CALIBRATION, Calibration, percent
from gallery.judge.evidence import Evidence, evidence_of
from gallery.judge.geometry import Check, Verifier
from gallery.judge.local_features import Matcher
from gallery.judge.verdict import Verdict, judge
from gallery.photo.pose import stated_place
from gallery.photo.views import QueryViews
from gallery.registration.registrar import Registration
from gallery.search.answer import Answer, ExifCheck
from gallery.search.registering import check_of
from gallery.search.view_search import Searched
from gallery.store.gallery import Gallery
from gallery.tiles import Match, Ranking, Tile

CHECKED_AMONG = 50
"""Best tiles from among which a place that geometry confirms moves to the front."""


UNCALIBRATED = 0.25
"""Probability above which the ground's best place goes before that of the best tile, where nothing was calibrated."""


class Judge:
    """Judges what was searched in one gallery.

    Args:
        matcher: finds and pairs points for the check by geometry; None: SIFT.
        calibration: turns evidence into probabilities; None: a simple rule says what is located.
        trust: share of right answers that the located ones shall have, one of `gallery.constants.SHARES`.

    Raises:
        GalleryError: trust is out of range.
    """

    def __init__(
        self, gallery: Gallery, matcher: Matcher | None, calibration: Calibration | None, trust: float
    ) -> None:
        if trust not in SHARES:
            raise GalleryError(f"trust is {trust:g}, but {', '.join(map(str, SHARES))} are possible.")
        self.gallery = gallery
        self.calibration = calibration
        self.trust = trust
        self._verifier = Verifier(gallery, matcher)

    def verify(self, photo: Photo, views: QueryViews, ranking: Ranking, limit_s: float) -> tuple[Check, Ranking]:
        """Lay a photo on the ground as `Localizer.verify` does."""
        best = self._matches(ranking, CHECKED_AMONG)
        check = self._verifier.check(photo.image, views.pose, best, limit_s=limit_s)
        point = None if check.fit is None else check.fit.point
        there = [place for place, match in enumerate(best) if point is not None and match.tile.contains(point)]
        if point is None or not there:
            return check, ranking
        first = min(there, key=lambda place: distance_m(best[place].tile.centre, point))
        order = np.r_[first, np.delete(np.arange(len(ranking.rows)), first)]
        return check, Ranking(ranking.rows[order], ranking.scores[order])

    def evidence(self, ranking: Ranking, check: Check | None) -> Evidence | None:
        """Weigh a ranking as `Localizer.evidence` does."""
        by_score = np.argsort(-ranking.scores, kind="stable")  # a verified tile may stand before better ones
        ordered = Ranking(ranking.rows[by_score], ranking.scores[by_score])
        inliers = None if check is None else 0 if check.fit is None else check.fit.inliers
        reach_m = self.gallery.tile(int(ordered.rows[0])).side_m if len(by_score) else 0.0
        return evidence_of(ordered, self.gallery.centres, reach_m, inliers)

    def answer(self, searched: Searched, k: int, near: Area | None = None) -> Answer:
        """What is known about a photo that was searched, and perhaps verified.

        Args:
            k: how many tiles to show.
            near: the area that was searched.
        """
        photo, views, check = searched.photo, searched.views, searched.check
        seen = views.views[0].image
        matches = self._matches(searched.ranking, max(k, AGREEMENT_OF))
        if not matches:
            return Answer(photo.name, (), timings=searched.timings, notes=(self._nothing_found(near),), seen=seen)
        best = matches[0].tile
        evidence = None if self.calibration is None else self.evidence(searched.ranking, check)
        by_chance = self._share_at(best, searched.among)
        verdict = judge(matches, views, by_chance, check, evidence, self.calibration, self.trust)
        verdict = _with_ground(verdict, searched.registration)
        fit = None if check is None else check.fit
        found = searched.registration
        point = LonLat(verdict.place.lon, verdict.place.lat) if found is not None and found.located else best.centre
        exif, exif_notes = _exif_check(photo, point if fit is None else fit.point)
        notes = [*photo.notes, views.note, *searched.notes, *verdict.reasons, *exif_notes]
        if len(matches) < k:
            notes.append(f"Only {len(matches)} tiles could be searched.")
        if best.placed.startswith(("assumed", "estimated")):
            notes.append(f"The extent of the best tile is not stated by its source: {best.placed}.")
        return Answer(
            photo=photo.name,
            matches=tuple(matches[:k]),
            place=verdict.place,
            position=verdict.place if verdict.located else None,
            verdict="located" if verdict.located else "unsure",
            confidence=verdict.confidence,
            exif=exif,
            timings=searched.timings,
            notes=tuple(notes),
            seen=seen,
            check=check,
            ground=searched.registration,
        )

    def followed(self, photo: Photo, found: Registration, notes: tuple[str, ...]) -> Answer:
        """The answer of a photo that the ground located, whose tiles were not ranked."""
        place = Position(found.point.lon, found.point.lat, found.radius_m)
        exif, exif_notes = _exif_check(photo, found.point)
        return Answer(
            photo=photo.name,
            matches=(),
            place=place,
            position=place,
            verdict="located",
            confidence=found.probability,
            exif=exif,
            timings={"register": found.seconds},
            notes=(*photo.notes, *notes, *exif_notes),
            check=check_of(found),
            ground=found,
        )

    def _matches(self, ranking: Ranking, most: int) -> list[Match]:
        """The best tiles of a ranking, `most` of them at most."""
        found = zip(ranking.rows[:most].tolist(), ranking.scores[:most].tolist(), strict=True)
        return [Match(rank, self.gallery.tile(row), score) for rank, (row, score) in enumerate(found, start=1)]

    def _nothing_found(self, near: Area | None) -> str:
        """Why no tile answers, as a sentence."""
        if near is None:
            return "No tile of the gallery was searched."
        away_km = float(distances_to_boxes_m(self.gallery.boxes, near.centre).min()) / 1000
        return f"No tile of the gallery touches the given area; the nearest is {away_km:.3g} km away."

    def _share_at(self, tile: Tile, among: np.ndarray | None) -> float:
        """Share of the searched tiles that lie at the place of this one."""
        searched = len(self.gallery) if among is None else np.count_nonzero(among)
        reach_m = tile.side_m
        lons, lats = self.gallery.centres.T
        chosen = np.abs(lats - tile.centre.lat) <= reach_m * MOST_DEG_PER_M  # few are left for the exact distance
        if among is not None:
            chosen &= among
        return float(np.count_nonzero(distances_m(tile.centre, lons[chosen], lats[chosen]) <= reach_m) / searched)


def _with_ground(verdict: Verdict, found: Registration | None) -> Verdict:
    """The verdict with what the ground says: believed where that is located, and taken where it is the likelier one."""
    if found is None or (not found.located and found.probability <= (verdict.confidence or UNCALIBRATED)):
        return verdict
    if verdict.located and not found.located:
        return verdict
    place = Position(found.point.lon, found.point.lat, found.radius_m)
    told = (
        f"The place is right within {found.right_within_m:.0f} m with a probability of {percent(found.probability)}, "
        "by the ground."
    )
    if found.located:
        return Verdict(place, True, found.probability, (check_of(found).reason, told))
    return Verdict(place, False, found.probability, (*verdict.reasons, told))


def calibration_for(gallery: Gallery, embedder: Embedder) -> Calibration | None:
    """The calibration in the gallery's folder, fitted to its own ground, else the one that came with the weights.

    Raises:
        WrongModel: it was fitted to other weights.
        GalleryError: it cannot be read.
    """
    own = gallery.folder / CALIBRATION
    document = embedder.calibration
    if own.is_file():
        found = Calibration.read(own)
    elif document is not None:
        found = Calibration.from_dict(document)
    else:
        return None
    if found.fingerprint != embedder.fingerprint:
        raise WrongModel(
            f"{CALIBRATION} was fitted to weights {found.fingerprint}, not to {embedder.fingerprint}: remove it, or "
            "make it again with python -m train_scripts.calibrate."
        )
    return found


def _exif_check(photo: Photo, found: LonLat) -> tuple[ExifCheck | None, list[str]]:
    """Metres between where the photo says it is and where it was found, and a note on which point the first is."""
    place = stated_place(photo)
    if place is None:
        return None, []
    stated, is_ground = place
    if is_ground:
        note = "The EXIF place is where the camera looked, by its heading, pitch and height over flat ground."
    else:
        note = "The EXIF place is the camera's own position: where it looked is not stated well enough."
    return ExifCheck(stated.lon, stated.lat, distance_m(stated, found)), [note]
