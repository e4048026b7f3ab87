"""Where was this photo taken? Localizer: photo -> Answer, with an optional prior area."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from gallery.areas import Area, tiles_in
from gallery.embedder import Embedder, Photo, read_photo
from gallery.errors import UnreadablePhoto
from gallery.judge.calibration import Calibration
from gallery.judge.evidence import BEST, Evidence
from gallery.judge.geometry import LIMIT_S, PICTURE_PX, Check
from gallery.judge.local_features import Matcher
from gallery.paths import printable
from gallery.photo.belief import Belief, corrected
from gallery.photo.correction import PoseCorrection
from gallery.photo.views import QueryViews, laid_views
from gallery.registration.fine import Points
from gallery.registration.registrar import Registration
from gallery.search.answer import Answer, PhotoProblem
from gallery.search.doubt import PoseReport, believed_of, disagreements, doubts_of
from gallery.search.guessing import Guess, guesses_of, search_guessed
from gallery.search.judging import CHECKED_AMONG, Judge, calibration_for
from gallery.search.options import DEFAULTS, SearchOptions
from gallery.search.registering import Registering, check_of, hint_notes, notes_of, stated_of
from gallery.search.scales import suited
from gallery.search.view_search import Question, Searched, ViewSearch
from gallery.store.gallery import Gallery
from gallery.telemetry.poses import Poses
from gallery.tiles import Ranking

QUARTER_TURNS = 4
"""Turns of a photo that is looked for again."""

BATCH = 16
"""Photos that are embedded at once when many are answered."""


class Localizer:
    """Answers photos from one gallery.

    Args:
        matcher: finds and pairs points for the check by geometry; None: SIFT.
        calibration: turns evidence into probabilities; None takes calibration.json of the gallery's folder, else what
            came with the weights; both were fitted to SIFT, and are not taken for another matcher. Without any, a
            simple rule says what is located.
        points: a network's, that photos are laid down finely by; None: SIFT's.
        trust: share of right answers that the located ones shall have, one of `gallery.constants.SHARES`.

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
        points: Points | None = None,
    ) -> None:
        gallery.require_model(embedder.fingerprint, embedder.name)
        self.calibration = calibration or (calibration_for(gallery, embedder) if matcher is None else None)
        self.gallery = gallery
        self.embedder = embedder
        self._search = ViewSearch(gallery, embedder)
        self._judge = Judge(gallery, matcher, self.calibration, trust)
        self._points = points
        self._ground = Registering(gallery, points)

    def lay_down(self) -> None:
        """Use the gallery's ground from now on, where it was made since the gallery was opened."""
        self._ground = Registering(self.gallery, self._points)

    def localize(
        self,
        photo: Any,
        k: int = 5,
        near: Area | None = None,
        options: SearchOptions = DEFAULTS,
        poses: Poses | None = None,
    ) -> Answer:
        """Search the place of one photo.

        Args:
            photo: a path, bytes, a PIL image, or what the embedder's `read` returns, with sides of at least
                `gallery.judge.geometry.PICTURE_PX` if it is to be checked.
            k: how many tiles to show; more than the gallery has gives all.
            near: only tiles that touch this area are searched.
            options: how the photo is searched.
            poses: what a file states of photos, in place of what they state themselves.

        Raises:
            UnreadablePhoto: the photo cannot be read.
            GalleryError: k is out of range, or the gallery's files are damaged.
        """
        question = self._question(k, near, options)
        begun = time.perf_counter()
        read = self._read(photo, options, poses)
        return self._answers([read], [time.perf_counter() - begun], question)[0]

    def localize_many(
        self,
        photos: Iterable[Any],
        k: int = 5,
        near: Area | None = None,
        options: SearchOptions = DEFAULTS,
        poses: Poses | None = None,
    ) -> list[Answer | PhotoProblem]:
        """The same for many photos, in their order; one that cannot be read does not stop the others."""
        return list(self.stream(photos, k, near, options, poses=poses))

    def stream(
        self,
        photos: Iterable[Any],
        k: int = 5,
        near: Area | None = None,
        options: SearchOptions = DEFAULTS,
        batch: int = BATCH,
        poses: Poses | None = None,
    ) -> Iterator[Answer | PhotoProblem]:
        """`localize_many`, batch by batch. Args: batch: photos that are searched together, at least 1."""
        question = self._question(k, near, options)
        waiting = iter(photos)
        while together := list(islice(waiting, batch)):
            results: list[Answer | PhotoProblem | None] = []
            reads, seconds = [], []
            for photo in together:
                begun = time.perf_counter()
                try:
                    reads.append(self._read(photo, options, poses))
                except UnreadablePhoto as error:
                    results.append(PhotoProblem(_name(photo), str(error)))
                    continue
                seconds.append(time.perf_counter() - begun)
                results.append(None)
            answers = iter(self._answers(reads, seconds, question))
            for result in results:
                yield next(answers) if result is None else result

    def follow(
        self,
        photo: Photo,
        last: Registration,
        reach_m: float,
        near: Area | None = None,
        options: SearchOptions = DEFAULTS,
    ) -> Answer | None:
        """The next photo of a flight, laid on the ground near the last one: nothing is embedded, no tile is ranked.

        Args:
            photo: as `embedder.read` returns it, with sides of at least `gallery.judge.geometry.PICTURE_PX`.
            last: how the photo before lies on the ground.
            reach_m: metres that the flight can have gone since.
            near, options: as for `localize`.

        Returns:
            The answer without tiles; None where the photo is not located there, and has to be asked like any other.
        """
        found = self._ground.follow(photo, options, near, last, reach_m)
        if found is None or not found.located:
            return None
        return self._judge.followed(photo, found, hint_notes(photo, options, found))

    # --- the same step by step, for those who measure ---

    def views(self, photo: Photo, options: SearchOptions = DEFAULTS) -> QueryViews:
        """What is embedded of a photo whose pose is not guessed. Args: photo: as `embedder.read` returns it."""
        return self._search.views(photo, options)

    def rank(
        self, photo: Photo, k: int, options: SearchOptions = DEFAULTS, allowed: np.ndarray | None = None
    ) -> tuple[QueryViews, Ranking]:
        """The k best of all tiles for one photo, and the views that they were ranked by, without judging them.

        Args:
            photo: as `embedder.read` returns it.
            allowed: (N,) bool, the tiles to search; None: all.
        """
        [searched] = self._searched([photo], Question(k, options, allowed=allowed))
        return searched.views, searched.ranking

    def verify(
        self, photo: Photo, views: QueryViews, ranking: Ranking, limit_s: float = LIMIT_S
    ) -> tuple[Check, Ranking]:
        """Lay a photo on the ground around its best tiles; of those that cover the place, the nearest then leads.

        Args:
            photo: as `embedder.read` returns it, with sides of at least `gallery.judge.geometry.PICTURE_PX`.
            views, ranking: as `rank` returns them.
            limit_s: no further tile is looked at after so long; infinite where figures shall not hang on the machine.
        """
        return self._judge.verify(photo, views, ranking, limit_s)

    def evidence(self, ranking: Ranking, check: Check | None) -> Evidence | None:
        """What speaks for a ranking's best place, as calibrations weigh it.

        Args:
            ranking, check: as `rank` and `verify` return them; at least `gallery.judge.evidence.BEST` tiles.
        """
        return self._judge.evidence(ranking, check)

    def register(self, photo: Photo, ranking: Ranking, options: SearchOptions = DEFAULTS) -> Registration | None:
        """Lay a photo on the gallery's ground, as far as it is searched; None where it cannot be laid there.

        Args:
            photo: as `embedder.read` returns it, with sides of at least `gallery.judge.geometry.PICTURE_PX`.
            ranking: as `rank` returns it: of a large gallery, what lies around its best tiles is searched.
        """
        everywhere = self._ground.first(photo, options, None)
        return self._ground.register(photo, options, None, None if everywhere else ranking)[0]

    def judge(
        self,
        photo: Photo,
        views: QueryViews,
        ranking: Ranking,
        k: int = 5,
        check: Check | None = None,
        registration: Registration | None = None,
    ) -> Answer:
        """The answer that `localize` gives for a photo that was ranked, and perhaps verified, before.

        Args:
            photo: as `embedder.read` returns it.
            views: that were searched.
            ranking: of at least k tiles, and of `gallery.judge.evidence.BEST`, unless the gallery has fewer.
            check: what `verify` found.
            registration: what `register` found; where that is located, it counts in place of the check.
        """
        among = self._search.ranker(views.side_m).ranked(None)
        searched = Searched(photo, views, ranking, among, check, registration)
        if registration is not None and registration.located:
            searched = self._laid(searched, registration, DEFAULTS)
        return self._judge.answer(searched, k)

    def led(self, ranking: Ranking, found: Registration | None) -> Ranking:
        """A ranking with the tile at the place that the ground located first; as it is, where it located none."""
        return ranking if found is None or not found.located else self._ground.moved_first(ranking, found)

    @property
    def on_ground(self) -> bool:
        """Whether the gallery has its ground."""
        return self._ground.ready

    def _question(self, k: int, near: Area | None, options: SearchOptions) -> Question:
        self.gallery.require_sound()
        return Question(k, options, near, None if near is None else tiles_in(self.gallery.boxes, near))

    def _read(self, photo: Any, options: SearchOptions, poses: Poses | None) -> Photo:
        """What the embedder's `read` makes of a photo, with pixels enough for a check by geometry, and corrected."""
        read = read_photo(self.embedder, photo, PICTURE_PX if options.verify else 0)
        return corrected(read if poses is None else poses.applied(read), options.correction)

    def _answers(self, photos: Sequence[Photo], read_seconds: Sequence[float], question: Question) -> list[Answer]:
        answers = []
        for searched, read_s in zip(self._looked_up(photos, question), read_seconds, strict=True):
            searched = replace(searched, timings={"read": read_s, **searched.timings})
            answers.append(self._answer(searched, question))
        return answers

    def _looked_up(self, photos: Sequence[Photo], question: Question) -> Iterator[Searched]:
        """Each photo searched, and laid on the ground or checked by geometry."""
        for searched in self._searched(photos, self._judged(question)):
            if question.options.verify and len(searched.ranking.rows):
                searched = self._checked(self._registered(searched, question), question)
            notes = hint_notes(searched.photo, question.options, searched.registration)
            yield replace(searched, notes=(*searched.notes, *notes))

    @staticmethod
    def _judged(question: Question) -> Question:
        """The same for as many tiles as are judged, which are more than are shown."""
        return replace(question, k=max(question.k, BEST, CHECKED_AMONG if question.options.verify else 0))

    def _answer(self, searched: Searched, question: Question) -> Answer:
        """The answer of a photo that was looked up; where it is unsure, what it states is left out, one by one."""
        answer = self._judge.answer(searched, question.k, question.near)
        believed = believed_of(searched.photo, question.options)
        report = PoseReport(believed)
        if not believed or answer.verdict == "located" or not answer.matches:
            return replace(answer, pose=report if believed else None)
        begun = time.perf_counter()
        for quantity in doubts_of(believed, question.options):
            report = replace(report, tried_without=(*report.tried_without, quantity))
            without = corrected(searched.photo, PoseCorrection(left_out=frozenset([quantity])))
            again = self._again(without, question)
            if again is None:
                continue
            found = self._judge.answer(again, question.k, question.near)
            if found.verdict == "located":
                told = f"The place was found without the {quantity} that the file states."
                notes = dict.fromkeys([told, *_disagreeing(again, believed), *searched.notes, *found.notes])
                timings = {**answer.timings, "again": time.perf_counter() - begun}
                report = replace(report, found_without=quantity)
                kept = tuple(note for note in notes if note != again.views.note)
                return replace(found, notes=kept, timings=timings, pose=report)
        timings = {**answer.timings, "again": time.perf_counter() - begun} if report.tried_without else answer.timings
        return replace(answer, notes=(report.sentence, *answer.notes), timings=timings, pose=report)

    def _again(self, photo: Photo, question: Question) -> Searched | None:
        """A photo with a statement left out; None where all of the ground was searched and does not hold its place."""
        options = question.options
        if not self._ground.first(photo, options, question.near):
            [again] = self._looked_up([photo], question)
            return again
        found, _ = self._ground.register(photo, options, question.near)
        if found is None or not found.located:
            return None
        [plain] = self._searched([photo], _unguessed(self._judged(question)))
        laid = self._checked(replace(plain, registration=found), question)
        return replace(laid, notes=(*laid.notes, *hint_notes(photo, options, found)))

    def _without_pose(self, photo: Photo, poses: Sequence[Guess], question: Question) -> Searched:
        """A photo that does not state its pose: the ground gives it where it can, else it is guessed."""
        search, options = self._search, question.options
        if not (options.verify and self._ground.first(photo, options, question.near)):
            return search_guessed(search, photo, poses, question)
        found, note = self._ground.register(photo, options, question.near)
        if found is not None and found.located:
            return self._by_ground(photo, found, question)
        if self._ground.rules_out(photo, options, question.near, found):
            [guessed] = self._searched([photo], _unguessed(question))
        else:
            guessed = search_guessed(search, photo, poses, question)
        timings = guessed.timings if found is None else {"register": found.seconds, **guessed.timings}
        return replace(guessed, registration=found, notes=(note,) if note else (), timings=timings)

    def _by_ground(self, photo: Photo, found: Registration, question: Question) -> Searched:
        """A photo that the ground located, with its tiles ranked by the pose that was found."""
        search = self._search
        begun = time.perf_counter()
        side_m = suited(search.scales, photo.image.size, found.pose).side_m
        views = laid_views(photo.image, found.pose, side_m, search.view_px)
        [vectors] = search.embed([views.views])
        timings = {"register": found.seconds, "embed": time.perf_counter() - begun}
        begun = time.perf_counter()
        ranking = search.rank(views, vectors, question)
        timings["search"] = time.perf_counter() - begun
        among = search.ranker(side_m).ranked(question.allowed)
        return Searched(photo, views, ranking, among, registration=found, timings=timings)

    def _registered(self, searched: Searched, question: Question) -> Searched:
        """The photo laid on the ground around its best tiles, unless that was done before."""
        before = searched.registration
        if (before is not None and before.located) or searched.notes or not self._ground.ready:
            return searched
        if self._ground.rules_out(searched.photo, question.options, question.near, before):
            return searched
        all_ground = before is None and self._ground.first(searched.photo, question.options, question.near)
        ranking = None if all_ground else searched.ranking
        found, note = self._ground.register(searched.photo, question.options, question.near, ranking)
        notes = (note,) if note else ()
        timings = searched.timings
        if found is not None:
            timings = {**timings, "register": timings.get("register", 0.0) + found.seconds}
        if before is not None and (found is None or found.probability < before.probability):
            found = before
        return replace(searched, registration=found, notes=notes, timings=timings)

    def _checked(self, searched: Searched, question: Question) -> Searched:
        """The tile at the place that the ground or geometry confirms comes first."""
        found = searched.registration
        if found is not None and found.located:
            return self._laid(searched, found, question.options)
        if self._ground.rules_out(searched.photo, question.options, question.near, found):
            check = Check(
                None, 0, 0.0, sentence="No tile was checked: the ground says clearly that the photo is not here."
            )
            return replace(searched, check=check)
        check, ranking = self.verify(searched.photo, searched.views, searched.ranking)
        timings = {**searched.timings, "verify": check.seconds}
        return replace(searched, ranking=ranking, check=check, timings=timings)

    def _laid(self, searched: Searched, found: Registration, options: SearchOptions) -> Searched:
        """The tile at the place that the ground located comes first."""
        first = self.gallery.tile(int(searched.ranking.rows[0]))
        photo = searched.photo
        notes = notes_of(found, stated_of(photo, options), believed_of(photo, options), first)
        ranking = self._ground.moved_first(searched.ranking, found)
        return replace(searched, ranking=ranking, check=check_of(found), notes=tuple(notes))

    def _searched(self, photos: Sequence[Photo], question: Question) -> list[Searched]:
        """The best tiles of each photo; those whose pose is not guessed share batches."""
        search, options = self._search, question.options
        guesses = [guesses_of(photo, search.scales, options) for photo in photos]
        begun = time.perf_counter()
        plain = [search.views(photo, options) for photo, poses in zip(photos, guesses, strict=True) if not poses]
        embedded = iter(zip(plain, search.embed([views.views for views in plain]), strict=True))
        embed_s = (time.perf_counter() - begun) / max(1, len(plain))
        found = []
        for photo, poses in zip(photos, guesses, strict=True):
            if poses:
                found.append(self._without_pose(photo, poses, question))
                continue
            begun = time.perf_counter()
            views, vectors = next(embedded)
            ranking = search.rank(views, vectors, question)
            timings = {"embed": embed_s, "search": time.perf_counter() - begun}
            among = search.ranker(views.side_m).ranked(question.allowed)
            found.append(Searched(photo, views, ranking, among, timings=timings))
        return found


def _unguessed(question: Question) -> Question:
    """The same without poses that are guessed: the photo is turned by quarters at most."""
    options = replace(question.options, rotations=min(question.options.rotations, QUARTER_TURNS))
    return replace(question, options=options)


def _disagreeing(searched: Searched, believed: Sequence[Belief]) -> list[str]:
    """What of a photo's pose is not as it was believed, by the ground or by the fit of its points."""
    ground, views = searched.registration, searched.views
    if ground is not None and ground.located:
        if ground.assumed_m > 0:  # the map's own north and scale are guesses
            return []
        return disagreements(believed, ground.heading_deg, ground.pose.height_m / ground.pose.focal_35mm)
    fit = None if searched.check is None else searched.check.fit
    if fit is None or fit.alignment.tile.assumed_m > 0:
        return []
    height = None if fit.camera is None or views.pose is None else fit.camera[1] / views.pose.focal_35mm
    return disagreements(believed, fit.heading_deg, height)


def _name(photo: Any) -> str:
    """What to call a photo that could not be read: its file name, never its path, as text that can be printed."""
    named = photo if isinstance(photo, str | Path) else getattr(photo, "name", None) or getattr(photo, "filename", "")
    name = Path(named).name if isinstance(named, str | Path) else ""
    return printable(name) or "photo"
