"""Where on a map a photo was taken: votes propose, the area decides, the surroundings refine."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from gallery.ground.keypoints import M_PER_PX, Keypoints, keypoints_of
from gallery.ground.picture import GroundImage, LaidPhoto
from gallery.registration.correlation import Correlator, Hypothesis, LocalFit, Near, Place, ScoreMap, turns_and_growths
from gallery.registration.neighbours import Neighbours, neighbours_among
from gallery.registration.voting import Peak, Range, Votes, paired, photo_keypoints, voted

COARSE_M_PER_PX = 2.0
"""Metres a pixel, scale of the search over the whole map: of 1.2, 2.0 and 2.4 the one that cost least for as many right
places."""

MIDDLE_M_PER_PX = 1.2
"""Metres a pixel, scale at which the best places are compared with each other."""

SWEEP_M_PER_PX = 3.0
"""Metres a pixel, scale at which headings and scales are tried all over the map: at 4 m three of ten were lost."""

STATED_GROWTHS = tuple(1.07**step for step in range(-3, 4))
"""Factors of a stated scale that are tried: it is often 15 % off."""

MOST_POINTS = 1000
"""Points of a photo of known scale that are matched, the strongest; twice as many without one."""

KNOWN_OCTAVES, UNKNOWN_OCTAVES = 0.5, 1.5
"""Powers of two to both sides in which the scale is sought by votes, where it is stated and where it is not."""

KNOWN_TURN_DEG = 15.0
"""Degrees to both sides of a stated heading in which votes are counted apart: few of them would drown among all."""

SWEEP_TURNS_DEG = tuple(range(0, 360, 10))
"""Headings of the sweep, degrees against the assumed one."""

SWEEP_KNOWN_TURNS_DEG = (-10, 0, 10)
"""The same where a heading is stated."""

SWEEP_GROWTHS = (0.87, 1.0, 1.15)
"""Scales of the sweep, factors of a stated one."""

SWEEP_GROWTHS_UNKNOWN = tuple(2.0 ** (step / 4) for step in range(-5, 6))
"""The same where none is stated."""

SWEEP_MOST = 500.0
"""Hypotheses times square kilometres above which nothing is swept: each product takes about 5 ms."""

SWEEP_PLACES, SWEEP_TAKEN = 6, 4
"""Places that a sweep proposes, and how many of their hypotheses are compared at the coarse scale."""

VOTED_HYPOTHESES = 3
"""Hypotheses of the best vote peaks that are compared at the coarse scale."""

CLEAR_LOG_CHANCE = -4.0
"""Natural logarithm of the chance of an accident from which on votes are clear: nothing is swept then."""

COMPARED = 5
"""Places that are compared at the middle scale."""

SAME_M = 25.0
"""Metres; a vote peak so near to a place of the correlation agrees with it."""

NO_VOTES = Votes((), 0, 0, 0)
"""What points say that were not asked."""

ALIKE_M = 15.0
"""Metres between two vote peaks of one heading that are one."""

STRONG_SHARE = 0.6
"""Share of the best peak's weight from which on a peak's own heading and scale are compared, not the correlation's."""

VOTES_Z = 4.0
"""Standard deviations of the correlation that the best vote peak counts for, where places are put in order."""

WITHIN_M, AGAIN_WITHIN_M = 16.0, 8.0
"""Metres by which a place may move when it is compared, first and when its scale is refined."""

NEAR_TURNS_DEG, NEAR_GROWTHS = (-5.0, 0.0, 5.0), (0.93, 1.075)
"""Corrections of heading and scale that are tried when a place is compared."""

STATED_WITHIN_DEG, STATED_WITHIN_OCTAVES = 15.0, 0.4
"""Differences from a stated pose that it is often off by."""


@dataclass(frozen=True)
class Known:
    """How far a photo's assumed pose is known.

    Attributes:
        heading: whether it is stated, and so about known.
        scale: the same of it.
    """

    heading: bool
    scale: bool

    @property
    def pose(self) -> bool:
        """Whether both are."""
        return self.heading and self.scale


@dataclass(frozen=True)
class Candidate:
    """A place that may be the right one, with what speaks for it.

    Attributes:
        east_m: of the photo's centre.
        north_m: of the photo's centre.
        turn_deg: against its assumed heading, clockwise.
        growth: against its assumed scale.
        z: coarse correlation, in standard deviations of this photo's own scores over the map.
        score: correlation at the middle scale, -1: not compared.
        weight: of the best agreeing vote peak, 0: none.
        votes: of that peak.
        log_chance: of that peak.
        stated: whether heading and scale are about those that are stated.
    """

    east_m: float
    north_m: float
    turn_deg: float
    growth: float
    z: float
    score: float
    weight: float
    votes: int
    log_chance: float
    stated: bool


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found.

    Attributes:
        candidates: places, most promising first.
        votes: of the photo's points, for all headings.
        scores: of the coarse correlation.
        seconds: of processor time, by step.
    """

    candidates: tuple[Candidate, ...]
    votes: Votes
    scores: ScoreMap
    seconds: dict[str, float] = field(default_factory=dict)


class GroundMap:
    """A map that photos are searched in; what a search needs of it is made once, when it is first needed.

    Args:
        ground: a picture of it.
        keypoints: of it; None: they are found.
        neighbours: among their descriptors; None: by `neighbours_among`.
    """

    def __init__(
        self, ground: GroundImage, keypoints: Keypoints | None = None, neighbours: Neighbours | None = None
    ) -> None:
        self.ground = ground
        self.keypoints = keypoints_of(ground.at_scale(M_PER_PX)) if keypoints is None else keypoints
        self.neighbours = neighbours or neighbours_among(self.keypoints.descriptors)
        self.area_m2 = float(ground.held.sum()) * ground.m_per_px**2

    @cached_property
    def coarse(self) -> Correlator:
        """For the search over all of it."""
        return Correlator(self.ground, COARSE_M_PER_PX)

    @cached_property
    def middle(self) -> Near:
        """For the comparison of places."""
        return Near(self.ground, MIDDLE_M_PER_PX)

    @cached_property
    def sweeper(self) -> Correlator:
        """For headings and scales that nothing is known of."""
        return Correlator(self.ground, SWEEP_M_PER_PX)

    def search(self, photo: LaidPhoto, known: Known, compared: int = COMPARED, voting: bool = True) -> Found:
        """Search the place of a photo.

        Args:
            photo: laid by its stated or assumed pose.
            known: how much of that is stated.
            compared: places that are compared at the middle scale; three times as many are told.
            voting: whether its points vote; without them half the time is spared, and less speaks for each place.

        Raises:
            RegistrationError: the photo shows too little ground to be compared.
        """
        clock = _Clock()
        votes, peaks = self._votes(photo, known, clock) if voting else (NO_VOTES, [])
        swept = self._swept(photo, known, votes)
        clock.done("sweep")
        scores = self.coarse(photo, _hypotheses(known, votes.peaks, swept))
        clock.done("coarse")
        places = _places(scores, peaks, compared + 3)
        top = votes.peaks[0].weight if votes.peaks else 1.0
        places.sort(key=lambda place: -place.promise(top))
        candidates = [self._compared(photo, place, top) for place in places[:compared]]
        candidates += [_candidate(place, None) for place in places[compared : 3 * compared]]
        clock.done("near")
        return Found(tuple(candidates), votes, scores, clock.seconds)

    def _votes(self, photo: LaidPhoto, known: Known, clock: "_Clock") -> tuple[Votes, list[Peak]]:
        """The votes for all headings, and their peaks with those for headings near a stated one."""
        points = photo_keypoints(photo, M_PER_PX, MOST_POINTS if known.scale else 2 * MOST_POINTS)
        clock.done("points")
        pairs = paired(points, self.keypoints, self.neighbours)
        clock.done("match")
        area_m2 = photo.grey.size * photo.m_per_px**2
        octaves = KNOWN_OCTAVES if known.scale else UNKNOWN_OCTAVES
        votes = voted(pairs, Range.around(None, octaves), area_m2, len(points))
        peaks = list(votes.peaks)
        if known.heading:
            near = voted(pairs, Range.around(KNOWN_TURN_DEG, octaves), area_m2, len(points))
            peaks += [peak for peak in near.peaks if not any(_alike(peak, other) for other in peaks)]
        clock.done("vote")
        return votes, peaks

    def _swept(self, photo: LaidPhoto, known: Known, votes: Votes) -> list[Hypothesis]:
        """What the best places of a sweep over all headings and scales say, if it is needed and can be afforded."""
        clear = bool(votes.peaks) and votes.peaks[0].log_chance <= CLEAR_LOG_CHANCE
        growths = SWEEP_GROWTHS if known.scale else SWEEP_GROWTHS_UNKNOWN
        turns = SWEEP_KNOWN_TURNS_DEG if known.heading else SWEEP_TURNS_DEG
        if known.pose or clear or len(growths) * len(turns) * self.area_m2 * 1e-6 > SWEEP_MOST:
            return []
        found = self.sweeper(photo, turns_and_growths(turns, growths)).peaks(SWEEP_PLACES)
        return [place.hypothesis for place in found[:SWEEP_TAKEN]]

    def _compared(self, photo: LaidPhoto, place: "_Proposed", top_weight: float) -> Candidate:
        """A place compared at the middle scale, with small corrections of heading and scale."""
        start = place.start(top_weight)
        turns = [Hypothesis(start.turn_deg + turn, start.growth) for turn in NEAR_TURNS_DEG]
        fit = self.middle(photo, place.east_m, place.north_m, turns, WITHIN_M)
        if fit is None:
            return _candidate(place, None)
        growths = [Hypothesis(fit.hypothesis.turn_deg, start.growth * growth) for growth in NEAR_GROWTHS]
        again = self.middle(photo, fit.east_m, fit.north_m, growths, AGAIN_WITHIN_M)
        return _candidate(place, again if again is not None and again.score > fit.score else fit)


class _Clock:
    """Processor time of the steps of a search."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._begun = time.process_time()

    def done(self, step: str) -> None:
        """A step has ended, and the next begins."""
        now = time.process_time()
        self.seconds[step], self._begun = now - self._begun, now


@dataclass(frozen=True)
class _Proposed:
    """A place that votes or correlation propose.

    Attributes:
        east_m: of the photo's centre.
        north_m: of the photo's centre.
        hypothesis: of the correlation there, else of the peak.
        z: of the correlation there, standard deviations.
        peak: the heaviest that agrees.
    """

    east_m: float
    north_m: float
    hypothesis: Hypothesis
    z: float
    peak: Peak | None

    def promise(self, top_weight: float) -> float:
        """By which places are put in order. Args: top_weight: of the heaviest peak."""
        return self.z + VOTES_Z * (self.peak.weight / top_weight if self.peak else 0.0)

    def start(self, top_weight: float) -> Hypothesis:
        """What a closer comparison begins with."""
        if self.peak is None or self.peak.weight < STRONG_SHARE * top_weight:
            return self.hypothesis
        return Hypothesis(self.peak.turn_deg, self.peak.growth)


def _hypotheses(known: Known, peaks: Sequence[Peak], swept: Sequence[Hypothesis]) -> list[Hypothesis]:
    """What is compared with the whole map: the stated pose, those of the best votes, and those of the sweep."""
    stated = [Hypothesis(0.0, growth) for growth in STATED_GROWTHS] if known.pose else []
    chosen = list(stated)
    for peak in peaks:
        if len(chosen) == len(stated) + VOTED_HYPOTHESES:
            break
        if all(_differs(peak, other) for other in chosen):
            chosen.append(Hypothesis(peak.turn_deg, peak.growth))
    chosen += [each for each in dict.fromkeys(swept) if each not in chosen]
    return chosen or [Hypothesis(0.0, 1.0)]


def _places(scores: ScoreMap, peaks: Sequence[Peak], most: int) -> list[_Proposed]:
    """The best places of the correlation, each with the vote peak that agrees, and the vote peaks elsewhere."""

    def agrees(peak: Peak, place: Place | _Proposed) -> bool:
        return math.hypot(peak.east_m - place.east_m, peak.north_m - place.north_m) < SAME_M

    places = []
    for place in scores.peaks(most):
        agreeing = [peak for peak in peaks if agrees(peak, place)]
        best = max(agreeing, key=lambda peak: peak.weight, default=None)
        places.append(_Proposed(place.east_m, place.north_m, place.hypothesis, place.z, best))
    for peak in peaks:
        if not any(agrees(peak, place) for place in places):
            hypothesis = Hypothesis(peak.turn_deg, peak.growth)
            z = scores.z_near(peak.east_m, peak.north_m)
            places.append(_Proposed(peak.east_m, peak.north_m, hypothesis, z, peak))
    return places


def _candidate(place: _Proposed, fit: LocalFit | None) -> Candidate:
    """A place with all that speaks for it. Args: fit: None: it was not compared."""
    hypothesis = place.hypothesis if fit is None else fit.hypothesis
    turn_deg, growth = hypothesis.turn_deg, hypothesis.growth
    near_stated = abs((turn_deg + 180) % 360 - 180) <= STATED_WITHIN_DEG
    return Candidate(
        east_m=place.east_m if fit is None else fit.east_m,
        north_m=place.north_m if fit is None else fit.north_m,
        turn_deg=turn_deg,
        growth=growth,
        z=place.z,
        score=-1.0 if fit is None else fit.score,
        weight=place.peak.weight if place.peak else 0.0,
        votes=place.peak.votes if place.peak else 0,
        log_chance=place.peak.log_chance if place.peak else 0.0,
        stated=near_stated and abs(math.log2(growth)) <= STATED_WITHIN_OCTAVES,
    )


def _alike(one: Peak, other: Peak) -> bool:
    """Whether two vote peaks are one."""
    near = math.hypot(one.east_m - other.east_m, one.north_m - other.north_m) < ALIKE_M
    return near and one.turn_deg == other.turn_deg


def _differs(peak: Peak, other: Hypothesis) -> bool:
    """Whether a peak's heading and scale differ from a hypothesis so much that both are worth comparing."""
    turn = abs((peak.turn_deg - other.turn_deg + 180) % 360 - 180)
    return turn > 4 or abs(math.log2(peak.growth / other.growth)) > 0.1
