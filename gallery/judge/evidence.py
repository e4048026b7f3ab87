"""How far to believe an answer: the evidence that a search leaves, and the probability that it gave to known photos."""

import math
from dataclasses import astuple, dataclass, fields
from typing import Literal

import numpy as np

from gallery.geo import LonLat, distances_m
from gallery.tiles import Ranking

SearchMode = Literal["stated", "guessed", "turned"]
"""How a photo was searched: by the pose that it states, by one that was guessed, or only turned. Each has its own
calibration: a guess is the best of many, and its scores mean less."""


RIGHT_M = 25.0
"""Metres between truth and place that count as right even where the place's radius is smaller: the bound of visual
place recognition."""


BEST = 50
"""Best tiles that evidence is taken from."""

NEAREST = 10
"""Best tiles that agreement and scatter are taken from."""

SHARPNESS = 20.0
"""Sharpness of the weights exp(SHARPNESS * score) by which tiles count for the scatter."""

FARTHEST_SIDES = 10.0
"""Most that one tile adds to the scatter, in tile sides."""


@dataclass(frozen=True)
class Evidence:
    """What speaks for the first place of a ranking.

    Attributes:
        score: of its best tile, a cosine.
        margin: of that score over the best one at another place.
        standing: of that score over those at other places, in their standard deviations.
        agreeing: how many of the `NEAREST` best tiles lie at the place.
        scatter: mean distance of these tiles from the place, weighted by score, in tile sides: the idea of SUE (Zaffar
            et al., CVPR 2024).
        inliers: log(1 + points that agree in the geometric check), 0 where nothing fits; None: it was not asked.
    """

    score: float
    margin: float
    standing: float
    agreeing: float
    scatter: float
    inliers: float | None

    @property
    def numbers(self) -> tuple[float, ...]:
        """The numbers that are known, in the order of `KINDS`."""
        return tuple(number for number in astuple(self) if number is not None)


KINDS = tuple(field.name for field in fields(Evidence))


def is_right(error_m: float, radius_m: float) -> bool:
    """Whether a place counts as right that lies error_m from the truth."""
    return error_m <= max(radius_m, RIGHT_M)


def evidence_of(ranking: Ranking, centres: np.ndarray, reach_m: float, inliers: int | None) -> Evidence | None:
    """The evidence for a ranking's first place; None where all that was ranked lies there: nothing tells it apart.

    Args:
        ranking: by score, best first; `BEST` tiles are looked at.
        centres: (N, 2) degrees, of all tiles of the gallery.
        reach_m: tiles whose centres lie so near to the best one's are at its place.
        inliers: of the geometric check, if it was asked.
    """
    scores = ranking.scores[:BEST].astype(np.float64)
    if not len(scores):
        return None
    lons, lats = centres[ranking.rows[:BEST]].T
    away_m = distances_m(LonLat(float(lons[0]), float(lats[0])), lons, lats)
    others = scores[away_m > reach_m]
    if not len(others):
        return None
    weights = np.exp(SHARPNESS * (scores[:NEAREST] - scores[0]))
    sides = np.minimum(away_m[:NEAREST] / reach_m, FARTHEST_SIDES)
    return Evidence(
        score=float(scores[0]),
        margin=float(scores[0] - others[0]),
        standing=float((scores[0] - others.mean()) / (others.std() + 1e-3)),
        agreeing=float((away_m[:NEAREST] <= reach_m).sum()),
        scatter=float(weights @ sides / weights.sum()),
        inliers=None if inliers is None else math.log1p(inliers),
    )
