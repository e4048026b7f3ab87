"""Where was this photo taken? Localizer: photo -> Answer, with an optional prior area."""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from gallery.areas import MOST_DEG_PER_M, Area, distances_to_boxes_m, tiles_in
from gallery.embedder import Embedder, read_photo
from gallery.errors import GalleryError, UnreadablePhoto, WrongModel
from gallery.geo import LonLat, distance_m, distances_m
from gallery.judge.agreement import AGREEMENT_OF, place_size_m
from gallery.judge.calibration import CALIBRATION, SHARES, Calibration
from gallery.judge.evidence import BEST, Evidence, evidence_of
from gallery.judge.geometry import LIMIT_S, PICTURE_PX, Check, Verifier
from gallery.judge.local_features import Matcher
from gallery.judge.verdict import judge
from gallery.paths import printable
from gallery.photo.pose import Pose, pose_of, stated_place
from gallery.photo.rectify import seen_from_above
from gallery.photo.views import QueryCrop, QueryViews, guessed_poses, guessed_views, query_views
from gallery.search.answer import Answer, ExifCheck, PhotoProblem
from gallery.search.ranking import Ranker
from gallery.search.scales import scales_of, suited
from gallery.store.gallery import Gallery
from gallery.tiles import Match, Ranking, Tile

ROTATIONS = (1, 4, 16)

FOLLOWED_UP = 12
"""Guessed poses that are searched with all their views, at each scale."""

CHECKED_AMONG = 50
"""Best tiles from among which a place that geometry confirms moves to the front."""

BATCH = 16
"""Photos that are embedded at once when many are answered."""


class Localizer:
    """Answers photos from one gallery.

    Args:
        matcher: finds and pairs points for the check by geometry; None: SIFT.
        calibration: turns evidence into probabilities; None takes calibration.json of the gallery's folder, else what
            came with the weights; both were fitted to SIFT, and are not taken for another matcher. Without any, a
            simple rule says what is located.
        trust: share of right answers that the located ones shall have, one of `gallery.judge.calibration.SHARES`.

    Raises:
        WrongModel: the gallery was embedded by other weights, or the calibration fitted to others; names both.
        GalleryError: the calibration cannot be read, or trust is out of range.
    """

    def __init__(
        self,
        gallery: Gallery,
        embedder: Embedder,
        matcher: Matcher | None = None,
        calibration: Calibration | None = None,
        trust: float = 0.95,
    ) -> None:
        gallery.require_model(embedder.fingerprint, str(getattr(embedder, "name", "")))
        if trust not in SHARES:
            raise GalleryError(f"trust is {trust:g}, but {', '.join(map(str, SHARES))} are possible.")
        self.calibration = calibration or (calibration_for(gallery, embedder) if matcher is None else None)
        self.trust = trust
        self.gallery = gallery
        self.embedder = embedder
        self._scales = scales_of(gallery) if getattr(embedder, "from_above", False) else ()
        self._rankers: dict[float | None, Ranker] = {None: Ranker(gallery)}
        self._rankers |= {scale.side_m: Ranker(gallery, scale.rows) for scale in self._scales}
        self._verifier = Verifier(gallery, matcher)

    def views(self, photo: Any, rotations: int = 16, north_up: bool = True) -> QueryViews:
        """What is embedded of a photo whose pose is not guessed: `query_views` for this gallery and network."""
        pose = pose_of(photo) if north_up else None
        side_m = suited(self._scales, photo.image.size, pose).side_m if pose and self._scales else None
        return query_views(photo, rotations, north_up, side_m)

    def rank(
        self, photo: Any, k: int, rotations: int = 16, north_up: bool = True, allowed: np.ndarray | None = None
    ) -> tuple[QueryViews, Ranking]:
        """The k best of all tiles for one photo, and the views that they were ranked by, without judging them.

        Args: as for `localize`; photo as `embedder.read` returns it; allowed: (N,) bool, tiles to search, None: all.
        """
        _check(k, rotations)
        [(views, ranking, _, _)] = self._ranked([photo], k, allowed, rotations, north_up)
        return views, ranking

    def evidence(self, ranking: Ranking, check: Check | None) -> Evidence | None:
        """What speaks for a ranking's best place, as calibrations weigh it.

        Args:
            ranking, check: as `rank` and `verify` return them; at least `gallery.judge.evidence.BEST` tiles.
        """
        by_score = np.argsort(-ranking.scores, kind="stable")  # a verified tile may stand before better ones
        ordered = Ranking(ranking.rows[by_score], ranking.scores[by_score])
        inliers = None if check is None else 0 if check.fit is None else check.fit.inliers
        reach_m = place_size_m(self.gallery.tile(int(ordered.rows[0]))) if len(by_score) else 0.0
        return evidence_of(ordered, self.gallery.centres, reach_m, inliers)

    def verify(
        self, photo: Any, views: QueryViews, ranking: Ranking, limit_s: float = LIMIT_S
    ) -> tuple[Check, Ranking]:
        """Lay a photo on the ground around its best tiles; of those that cover the place, the nearest then leads.

        Args:
            photo: as `embedder.read` returns it, with sides of at least `gallery.judge.geometry.PICTURE_PX`.
            views, ranking: as `rank` returns them.
            limit_s: no further tile is looked at after so long; infinite where figures shall not hang on the machine.
        """
        best = self._matches(Ranking(ranking.rows[:CHECKED_AMONG], ranking.scores[:CHECKED_AMONG]))
        check = self._verifier.check(photo.image, views.pose, best, limit_s=limit_s)
        point = None if check.fit is None else check.fit.point
        there = [place for place, match in enumerate(best) if point is not None and match.tile.contains(point)]
        if point is None or not there:
            return check, ranking
        first = min(there, key=lambda place: distance_m(best[place].tile.centre, point))
        order = np.r_[first, np.delete(np.arange(len(ranking.rows)), first)]
        return check, Ranking(ranking.rows[order], ranking.scores[order])

    def judge(self, photo: Any, views: QueryViews, ranking: Ranking, k: int = 5, check: Check | None = None) -> Answer:
        """The answer that `localize` gives for a photo that was ranked, and perhaps verified, before.

        Args:
            photo: as `embedder.read` returns it.
            views: that were searched.
            ranking: of at least k tiles, and of `gallery.judge.evidence.BEST`, unless the gallery has fewer.
            check: what `verify` found.
        """
        return self._judged(photo, ranking, k, None, None, {}, views, check)

    def localize(
        self,
        photo: Any,
        k: int = 5,
        near: Area | None = None,
        rotations: int = 16,
        north_up: bool = True,
        verify: bool = True,
    ) -> Answer:
        """Search the place of one photo.

        Args:
            photo: a path, bytes, a PIL image, or what the embedder's `read` returns, with sides of at least
                `gallery.judge.geometry.PICTURE_PX` if it is to be checked.
            k: how many tiles to show; more than the gallery has gives all.
            near: only tiles that touch this area are searched.
            rotations: how a photo with unknown heading is turned: 1 takes its upper side for north, 4 the best of its
                quarter turns, 16 also guesses pitch and height, as far as the photo does not state them (if the network
                knows views from above; else 16 is 4).
            north_up: use the camera's pose as the photo states it, and search once: brought to the ground plane by
                heading, pitch, height and focal length (if the network has learnt that), or turned so that north is up
                by the heading alone. False ignores the pose (a wrong one leads astray).
            verify: lay the photo on the ground around the best tiles by local features (`gallery.judge.geometry`).
                A place that fits is the answer, and its tile comes first; else the order stays as it is.

        Raises:
            UnreadablePhoto: the photo cannot be read.
            GalleryError: k or rotations are out of range.
        """
        begun = time.perf_counter()
        read = self._read(photo, verify)
        return self._answers([read], [time.perf_counter() - begun], k, near, rotations, north_up, verify)[0]

    def localize_many(
        self,
        photos: Iterable[Any],
        k: int = 5,
        near: Area | None = None,
        rotations: int = 16,
        north_up: bool = True,
        verify: bool = True,
    ) -> list[Answer | PhotoProblem]:
        """The same for many photos, in their order; one that cannot be read does not stop the others."""
        return list(self.stream(photos, k, near, rotations, north_up, verify))

    def stream(
        self,
        photos: Iterable[Any],
        k: int = 5,
        near: Area | None = None,
        rotations: int = 16,
        north_up: bool = True,
        verify: bool = True,
    ) -> Iterator[Answer | PhotoProblem]:
        """`localize_many`, batch by batch."""
        waiting = iter(photos)
        while batch := list(islice(waiting, BATCH)):
            results: list[Answer | PhotoProblem | None] = []
            reads, seconds = [], []
            for photo in batch:
                begun = time.perf_counter()
                try:
                    reads.append(self._read(photo, verify))
                except UnreadablePhoto as error:
                    results.append(PhotoProblem(_name(photo), str(error)))
                    continue
                seconds.append(time.perf_counter() - begun)
                results.append(None)
            answers = iter(self._answers(reads, seconds, k, near, rotations, north_up, verify))
            for result in results:
                yield next(answers) if result is None else result

    def _read(self, photo: Any, verify: bool) -> Any:
        """What the embedder's `read` makes of a photo, with pixels enough for a check by geometry."""
        if hasattr(photo, "image") and hasattr(photo, "position"):
            return photo
        return read_photo(self.embedder, photo, PICTURE_PX if verify else 0)

    def _answers(
        self,
        photos: Sequence[Any],
        read_seconds: Sequence[float],
        k: int,
        near: Area | None,
        rotations: int,
        north_up: bool,
        verify: bool,
    ) -> list[Answer]:
        _check(k, rotations)
        allowed = None if near is None else tiles_in(self.gallery.boxes, near)
        answers = []
        wanted = max(k, BEST, CHECKED_AMONG if verify else 0)
        ranked = self._ranked(photos, wanted, allowed, rotations, north_up)
        for photo, (views, ranking, embed_s, search_s), read_s in zip(photos, ranked, read_seconds, strict=True):
            timings, check = {"read": read_s, "embed": embed_s, "search": search_s}, None
            if verify and len(ranking.rows):
                check, ranking = self.verify(photo, views, ranking)
                timings["verify"] = check.seconds
            answers.append(self._judged(photo, ranking, k, near, allowed, timings, views, check))
        return answers

    def _ranked(
        self, photos: Sequence[Any], k: int, allowed: np.ndarray | None, rotations: int, north_up: bool
    ) -> list[tuple[QueryViews, Ranking, float, float]]:
        """Views, ranking, and seconds of embedding and of searching of each photo; those with one way share batches."""
        guesses = [self._guesses(photo, rotations, north_up) for photo in photos]
        begun = time.perf_counter()
        plain = [
            self.views(photo, rotations, north_up) for photo, poses in zip(photos, guesses, strict=True) if not poses
        ]
        embedded = iter(zip(plain, self._embed([views.views for views in plain]), strict=True))
        embed_s = (time.perf_counter() - begun) / max(1, len(plain))
        ranked = []
        for photo, poses in zip(photos, guesses, strict=True):
            if poses:
                ranked.append(self._guessed(photo.image, poses, k, allowed))
                continue
            begun = time.perf_counter()
            views, vectors = next(embedded)
            ranking = self._ranking(views, vectors, k, allowed)
            ranked.append((views, ranking, embed_s, time.perf_counter() - begun))
        return ranked

    def _ranking(self, views: QueryViews, vectors: np.ndarray, k: int, allowed: np.ndarray | None) -> Ranking:
        """The tiles by all views: turns by the best of them, ground squares together among the tiles of their size."""
        ranker = self._rankers[views.side_m]
        if views.side_m is None:
            return ranker.best_of(vectors, k, allowed)
        return ranker.added_up(vectors, views.views, views.side_m, k, allowed)

    def _guesses(self, photo: Any, rotations: int, north_up: bool) -> list[tuple[Pose, float]]:
        """Poses to try for a photo without one, each with the side of the tiles that its views are searched among."""
        return [
            (pose, scale.side_m)
            for scale in self._scales
            for pose in guessed_poses(photo, rotations, north_up, scale.side_m)
        ]

    def _guessed(
        self, image: Any, guesses: Sequence[tuple[Pose, float]], k: int, allowed: np.ndarray | None
    ) -> tuple[QueryViews, Ranking, float, float]:
        """Rank by the guessed pose whose views the gallery answers with the best score; returns as `_ranked`.

        The middle square under each pose is searched first; only the most promising poses are followed up.
        """
        begun = time.perf_counter()
        middles = [QueryCrop(seen_from_above(image, pose, side_m).image) for pose, side_m in guesses]
        [vectors] = self._embed([middles])
        promising: list[int] = []
        for scale in self._scales:
            own = np.array([number for number, (_, side_m) in enumerate(guesses) if side_m == scale.side_m])
            scores, _ = self._rankers[scale.side_m].search(vectors[own], 1, allowed)
            order = np.argsort(-scores.max(axis=1, initial=-1.0), kind="stable")
            promising += own[order[:FOLLOWED_UP]].tolist()  # scores of two scales do not compare yet
        options = [guessed_views(image, *guesses[number], tried=len(guesses)) for number in promising]
        options = [views for views in options if views.views]
        embedded = self._embed([views.views for views in options])
        embed_s = time.perf_counter() - begun
        rankings = [self._ranking(views, own, k, allowed) for own, views in zip(embedded, options, strict=True)]
        best = max(range(len(options)), key=lambda number: rankings[number].scores.max(initial=-1.0))
        return options[best], rankings[best], embed_s, time.perf_counter() - begun - embed_s

    def _embed(self, searched: Sequence[Sequence[QueryCrop]]) -> list[np.ndarray]:
        """(V, D) unit rows of each photo's views; all photos share batches."""
        images = [view.image for views in searched for view in views]
        if not images:
            return []
        vectors = np.asarray(self.embedder.embed(images), np.float32)
        return np.split(vectors, np.cumsum([len(views) for views in searched])[:-1])

    def _matches(self, ranking: Ranking) -> list[Match]:
        found = zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True)
        return [Match(rank, self.gallery.tile(row), score) for rank, (row, score) in enumerate(found, start=1)]

    def _judged(
        self,
        photo: Any,
        ranking: Ranking,
        k: int,
        near: Area | None,
        allowed: np.ndarray | None,
        timings: dict[str, float],
        views: QueryViews,
        check: Check | None,
    ) -> Answer:
        shown = max(k, AGREEMENT_OF)
        matches = self._matches(Ranking(ranking.rows[:shown], ranking.scores[:shown]))
        if not matches:
            note = (
                f"No tile of the gallery touches the given area; the nearest is {self._nearest_km(near):.3g} km away."
            )
            return Answer(photo.name, (), timings=timings, notes=(note,), seen=views.views[0].image)
        best = matches[0].tile
        evidence = None if self.calibration is None else self.evidence(ranking, check)
        by_chance = self._share_at(best, self._rankers[views.side_m].ranked(allowed))
        belief = judge(matches, views, by_chance, check, evidence, self.calibration, self.trust)
        fit = None if check is None else check.fit
        exif, exif_notes = _exif_check(photo.position, best.centre if fit is None else fit.point)
        notes = [*getattr(photo, "notes", ()), views.note, *belief.reasons, *exif_notes]
        if len(matches) < k:
            notes.append(f"Only {len(matches)} tiles could be searched.")
        if best.placed.startswith(("assumed", "estimated")):
            notes.append(f"The extent of the best tile is not stated by its source: {best.placed}.")
        return Answer(
            photo=photo.name,
            matches=tuple(matches[:k]),
            place=belief.place,
            position=belief.place if belief.located else None,
            verdict="located" if belief.located else "unsure",
            confidence=belief.confidence,
            exif=exif,
            timings=timings,
            notes=tuple(notes),
            seen=views.views[0].image,
            check=check,
        )

    def _share_at(self, tile: Tile, allowed: np.ndarray | None) -> float:
        """Share of the searched tiles that lie at the place of this one."""
        searched = len(self.gallery) if allowed is None else np.count_nonzero(allowed)
        reach_m = place_size_m(tile)
        lons, lats = self.gallery.centres.T
        chosen = np.abs(lats - tile.centre.lat) <= reach_m * MOST_DEG_PER_M  # few are left for the exact distance
        if allowed is not None:
            chosen &= allowed
        return float(np.count_nonzero(distances_m(tile.centre, lons[chosen], lats[chosen]) <= reach_m) / searched)

    def _nearest_km(self, near: Area | None) -> float:
        centre = LonLat(0, 0) if near is None else near.centre
        return float(distances_to_boxes_m(self.gallery.boxes, centre).min()) / 1000


def calibration_for(gallery: Gallery, embedder: Embedder) -> Calibration | None:
    """The calibration in the gallery's folder, fitted to its own ground, else the one that came with the weights.

    Raises:
        WrongModel: it was fitted to other weights.
        GalleryError: it cannot be read.
    """
    own = gallery.folder / CALIBRATION
    document = getattr(embedder, "calibration", None)
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


def _check(k: int, rotations: int) -> None:
    if k < 1:
        raise GalleryError(f"k is {k}, but at least 1 tile must be asked for.")
    if rotations not in ROTATIONS:
        raise GalleryError(f"rotations is {rotations}, but 1, 4 or 16 are possible.")


def _exif_check(position: Any, found: LonLat) -> tuple[ExifCheck | None, list[str]]:
    """Metres between where the photo says it is and where it was found, and a note on which point the first is."""
    place = stated_place(position)
    if place is None:
        return None, []
    stated, is_ground = place
    if is_ground:
        note = "The EXIF place is where the camera looked, by its heading, pitch and height over flat ground."
    else:
        note = "The EXIF place is the camera's own position: where it looked is not stated well enough."
    return ExifCheck(stated.lon, stated.lat, distance_m(stated, found)), [note]


def _name(photo: Any) -> str:
    """What to call a photo that could not be read: its file name, never its path, as text that can be printed."""
    named = photo if isinstance(photo, str | Path) else getattr(photo, "name", None) or getattr(photo, "filename", "")
    name = Path(named).name if isinstance(named, str | Path) else ""
    return printable(name) or "photo"
