"""The track of a flight: its photos asked one by one, then heard together."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np
from PIL import Image

from gallery.areas import Area, tiles_in
from gallery.embedder import Photo, read_photo
from gallery.errors import TrackError, UnreadablePhoto
from gallery.geo import LonLat, Position, distance_m
from gallery.judge.geometry import PICTURE_PX
from gallery.registration.places import PlaceProbabilities, place_probabilities
from gallery.registration.registrar import Registration
from gallery.search.answer import Answer, ExifCheck, PhotoProblem
from gallery.search.localizer import Localizer
from gallery.search.options import DEFAULTS, SearchOptions
from gallery.search.scales import typical_side_m
from gallery.telemetry.poses import Poses
from gallery.tiles import Match, Tile
from gallery.track.evidence import TileLikelihood, of_fit, of_ground, of_ranking, silent
from gallery.track.motion import Motion, TilePlane
from gallery.track.smoother import smooth

State = Literal["found", "bridged", "lost"]
"""found: the photo's own match fits the track. bridged: the track knows where it was from the photos around it. lost:
it does not."""

RANKED = 200
"""Best tiles of a photo that are heard; the others count as the last of them."""

CERTAIN = 0.9
"""Share of the posterior within one tile side that a place is claimed from."""

SPEAKS_FOR = 3.0
"""Least ratio of likelihoods, at its place and on other ground, by which a photo itself counts as found."""

ASSUMED_EVERY_S = 5.0
"""Seconds between photos that state no time, when nobody says better."""


MOST_IN_VAIN = 3
"""Photos one after another that are asked again without what they state of their camera, and are not found either: the
next ones are not, until one is found."""

LONGEST_REACH_M = 400.0
"""Metres; where a flight can have gone farther since the last photo, the next one is asked like any other."""


@dataclass(frozen=True)
class Frame:
    """One photo of a flight, not yet read."""

    name: str
    source: Any  # what an embedder reads
    time_s: float | None = None  # since the video began; None: a photo, which may state its time
    poses: Poses | None = None  # a file that states the camera's pose at that time, or of photos by name


@dataclass(frozen=True)
class Sighting:
    """What one photo says before the others are heard; or why it cannot be read."""

    name: str
    problem: str = ""
    taken_at: datetime | None = None
    time_s: float | None = None
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, int))  # (K,) of the best tiles
    scores: np.ndarray = field(default_factory=lambda: np.empty(0))  # (K,) theirs
    best: Match | None = None  # most like it; None where the ground told its place and no tile was ranked
    tile: Tile | None = None  # to be shown beside it: the best one, else that at its place
    fit: Position | None = None  # where geometry laid its centre, around the best tiles
    ground: PlaceProbabilities | None = None  # where on the gallery's ground it lies; None: it was not laid there
    alone: Position | None = None  # where the photo is located by itself
    stated: ExifCheck | None = None  # where it says itself that it was taken
    picture: Image.Image | None = None
    found_without: str = ""  # what the photo states of its camera, and had to be left out for its place to be found


@dataclass(frozen=True)
class Fix:
    """Where one photo of a flight was taken, given all of them."""

    photo: str
    time_s: float  # since the first photo
    taken_at: datetime | None
    state: State
    certainty: float  # share of the posterior within one tile side of the place; not calibrated
    position: Position | None  # None while it is lost; the radius is two standard deviations of the posterior
    sighting: Sighting

    @property
    def error_m(self) -> float | None:
        """Metres from the place that the photo itself states to where it was found, if both are known."""
        stated = self.sighting.stated
        if stated is None or self.position is None:
            return None
        return distance_m(LonLat(stated.lon, stated.lat), LonLat(self.position.lon, self.position.lat))

    def to_dict(self) -> dict[str, Any]:
        """The fix as the command line gives it."""
        stated = self.sighting.stated
        error_m = self.error_m
        return {
            "photo": self.photo,
            "time_s": self.time_s,
            "taken_at": None if self.taken_at is None else self.taken_at.isoformat(),
            "state": self.state,
            "certainty": self.certainty,
            "position": None if self.position is None else vars(self.position).copy(),
            "exif": None if stated is None else {"lon": stated.lon, "lat": stated.lat, "error_m": error_m},
        }


@dataclass(frozen=True)
class Track:
    """A flight, in the order in which its photos were taken."""

    fixes: tuple[Fix, ...]
    problems: tuple[PhotoProblem, ...] = ()
    notes: tuple[str, ...] = ()

    def count(self, state: State) -> int:
        """How many photos are in a state."""
        return sum(fix.state == state for fix in self.fixes)

    def to_dict(self) -> dict[str, Any]:
        """The track as the command line gives it."""
        return {
            "fixes": [fix.to_dict() for fix in self.fixes],
            "problems": [problem.to_dict() for problem in self.problems],
            "notes": list(self.notes),
        }


def sightings(
    localizer: Localizer,
    frames: Iterable[Frame],
    near: Area | None = None,
    options: SearchOptions = DEFAULTS,
    picture_px: int = 0,
    motion: Motion = Motion(),  # noqa: B008  # frozen
    every_s: float | None = None,
) -> Iterator[Sighting]:
    """Ask where each photo was taken, one after another; one that cannot be read does not stop the others.

    Where the gallery has its ground, a photo is looked for near the one before, and only where it is not found there
    it is asked like a photo of its own, if need be without the heading or the height that it states: whole legs of
    flights state them wrongly.

    Args:
        near, options: as for `Localizer.localize`.
        picture_px: longer side of the small picture that is kept of each photo; 0 keeps none.
        motion: what the flight can do.
        every_s: seconds between two photos, in place of what they state.
    """
    last: _Last | None = None
    in_vain = 0
    for frame in frames:
        try:
            photo = read_photo(localizer.embedder, frame.source, PICTURE_PX if options.verify else 0)
        except UnreadablePhoto as error:
            yield Sighting(frame.name, str(error), time_s=frame.time_s)
            continue
        if frame.poses is not None:
            photo = frame.poses.applied(photo, frame.time_s)
        answer = None
        reach_m = math.inf if last is None else last.reach_m(frame, photo, motion, every_s)
        if last is not None and reach_m <= LONGEST_REACH_M and options.verify:
            answer = localizer.follow(photo, last.found, reach_m, near, options)
        if answer is None:
            doubted = replace(options, doubt=options.doubt and in_vain < MOST_IN_VAIN)
            answer = localizer.localize(photo, RANKED, near, doubted)
            in_vain += bool(answer.pose is not None and answer.pose.tried_without)
        if answer.verdict == "located":
            in_vain = 0
        if answer.ground is not None and answer.ground.located:
            last = _Last(answer.ground, frame.time_s, photo.taken_at)
        yield _sighting(localizer, frame, photo, answer, picture_px)


@dataclass(frozen=True)
class _Last:
    """The last photo that the ground located.

    Attributes:
        found: how it lies there.
        time_s: since the video began.
        taken_at: by its own clock.
    """

    found: Registration
    time_s: float | None
    taken_at: datetime | None

    def reach_m(self, frame: Frame, photo: Photo, motion: Motion, every_s: float | None) -> float:
        """How far the flight can have gone until another photo."""
        if every_s is not None:
            since_s = every_s
        elif self.time_s is not None and frame.time_s is not None:
            since_s = frame.time_s - self.time_s
        else:
            first, second = _clock_s([self.taken_at, photo.taken_at])
            since_s = ASSUMED_EVERY_S if first is None or second is None else second - first
        return motion.max_speed_m_s * abs(since_s)


def _sighting(localizer: Localizer, frame: Frame, photo: Photo, answer: Answer, picture_px: int) -> Sighting:
    ground, fit, picture = answer.ground, answer.fit, None
    best = answer.matches[0] if answer.matches else None
    tile = best.tile if best is not None else None if ground is None else localizer.gallery.tile_at(ground.point)
    if ground is not None and ground.located:
        fit = None  # it is that of the ground, and in its probabilities
    if picture_px:
        picture = photo.image.copy()
        picture.thumbnail((picture_px, picture_px))
    return Sighting(
        name=frame.name,
        taken_at=photo.taken_at,
        time_s=frame.time_s,
        rows=np.array([localizer.gallery.row(match.tile.id) for match in answer.matches], int),
        scores=np.array([match.score for match in answer.matches]),
        best=best,
        tile=tile,
        fit=None if fit is None else Position(fit.point.lon, fit.point.lat, fit.radius_m),
        ground=None if ground is None else place_probabilities(ground),
        alone=answer.position,
        stated=answer.exif,
        picture=picture,
        found_without="" if answer.pose is None else answer.pose.found_without,
    )


def track(
    localizer: Localizer,
    seen: Sequence[Sighting],
    motion: Motion = Motion(),  # noqa: B008  # frozen
    every_s: float | None = None,
    near: Area | None = None,
) -> Track:
    """Hear all photos of a flight together.

    Args:
        seen: as `sightings` gives them, in the order of their files; those with times are put in the order of these.
        motion: what the flight can do.
        every_s: seconds between two photos, in place of what they state.
        near: where the flight can have been.

    Raises:
        TrackError: no photo can be read, or the interval is not positive.
    """
    problems = tuple(PhotoProblem(one.name, one.problem) for one in seen if one.problem)
    readable = [one for one in seen if not one.problem]
    if not readable:
        raise TrackError(problems[0].error if len(problems) == 1 else "None of the photos can be read.")
    gallery = localizer.gallery
    ground = TilePlane.of(gallery.centres, typical_side_m(gallery))
    ordered, times_s, notes = in_time(readable, every_s)
    heard = [_evidence(one, ground) for one in ordered]
    likelihoods = np.stack([one.likelihood for one in heard])
    if near is not None:
        likelihoods = likelihoods * tiles_in(gallery.boxes, near)
    posterior = smooth(likelihoods, times_s, ground, motion)
    fixes = [
        Fix(one.name, time_s, one.taken_at, *claim_of(tiles, said, ground), one)
        for one, time_s, tiles, said in zip(ordered, times_s, posterior.tiles, heard, strict=True)
    ]
    return Track(tuple(fixes), problems, (*notes, *_misstated(ordered)))


def _misstated(seen: Sequence[Sighting]) -> Iterator[str]:
    """What photos state wrongly of their camera, a sentence for each quantity."""
    for quantity, count in Counter(one.found_without for one in seen if one.found_without).items():
        yield f"{count} of {len(seen)} photos were found only without the {quantity} that they state."


def in_time(
    seen: Sequence[Sighting], every_s: float | None = None
) -> tuple[list[Sighting], list[float], tuple[str, ...]]:
    """Photos in the order in which they were taken, seconds since the first of them, and what to say of it.

    Raises:
        TrackError: the interval is not a positive number.
    """
    if every_s is not None:
        if not 0 < every_s < float("inf"):
            raise TrackError(f"An interval of {every_s:g} s is not a positive number.")
        return list(seen), [number * every_s for number in range(len(seen))], ()
    stated = [one.time_s for one in seen]
    if None in stated:
        stated = _clock_s([one.taken_at for one in seen])
    since = [at_s for at_s in stated if at_s is not None]
    if len(since) < len(seen):
        note = (
            f"Not every photo states when it was taken: the order of the files counts, {ASSUMED_EVERY_S:g} s between "
            "two of them. State the interval with --every."
        )
        return list(seen), [number * ASSUMED_EVERY_S for number in range(len(seen))], (note,)
    order = sorted(range(len(seen)), key=lambda number: since[number])
    first = since[order[0]]
    return [seen[number] for number in order], [since[number] - first for number in order], ()


def _clock_s(taken: Sequence[datetime | None]) -> list[float | None]:
    """Seconds by the cameras' clocks; time zones count only where every photo states one."""
    known = [at for at in taken if at is not None]
    zoned = all(at.tzinfo is not None for at in known)
    clocks = [at if at is None or zoned else at.replace(tzinfo=None) for at in taken]
    begin = min((at for at in clocks if at is not None), default=datetime.min)
    return [None if at is None else (at - begin) / timedelta(seconds=1) for at in clocks]


def _evidence(one: Sighting, ground: TilePlane) -> TileLikelihood:
    """What a photo says: by a fit around its best tiles, else by the probability over the ground and its tiles."""
    if one.fit is not None:
        return of_fit(one.fit, ground)
    tiles = of_ranking(one.rows, one.scores, len(ground)) if len(one.rows) else silent(len(ground))
    return tiles if one.ground is None else of_ground(one.ground, ground).and_also(tiles)


def claim_of(tiles: np.ndarray, said: TileLikelihood, ground: TilePlane) -> tuple[State, float, Position | None]:
    """What a posterior claims: state, certainty, and position.

    The position is the mean, and the radius two standard deviations, of the posterior within one tile side of where it
    is densest. As far as the photo itself says where within a tile it lies, that place stands for the tile (law of
    total expectation).

    Args: tiles: (N,) chances that the photo shows each tile's ground.
    """
    there = _densest(tiles, ground)
    chances = tiles[there]
    certainty = float(min(chances.sum(), 1.0))
    if certainty < CERTAIN:
        return "lost", certainty, None
    share = np.zeros(len(ground))
    share[there] = chances / chances.sum()
    known = np.flatnonzero(share[said.points.tiles] > 0)
    by_point = share[said.points.tiles[known]] * said.points.shares[known]
    by_tile = np.maximum(share - np.bincount(said.points.tiles[known], by_point, len(ground)), 0)[there]
    points = np.vstack([ground.metres[there], said.points.metres[known]])
    weights = np.append(by_tile, by_point)
    variances_m2 = np.append(np.full(len(there), ground.pitch_m**2 / 12), said.points.variances_m2[known])
    mean = weights @ points
    covariance = (points - mean).T @ (weights[:, None] * (points - mean)) + np.eye(2) * (weights @ variances_m2)
    place = ground.point(mean)
    radius_m = 2 * float(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))
    state: State = "found" if chances @ said.likelihood[there] >= SPEAKS_FOR * chances.sum() else "bridged"
    return state, certainty, Position(place.lon, place.lat, radius_m)


def _densest(tiles: np.ndarray, ground: TilePlane) -> np.ndarray:
    """The tiles within one tile side of where the posterior is densest."""
    middle = ground.metres[np.argmax(tiles)]
    for _ in range(2):  # the likeliest tile may stand at the edge of a cluster
        there = ground.tree.query_ball_point(middle, ground.side_m)
        middle = tiles[there] @ ground.metres[there] / tiles[there].sum()
    return np.asarray(ground.tree.query_ball_point(middle, ground.side_m))
