"""What one photo says of where it was taken, as a likelihood of every tile.

A likelihood is a mixture: with some chance the match is wrong, and then it says nothing of the place. It is given as a
ratio to that of ground which the gallery lacks, where every match is wrong.
"""

from dataclasses import dataclass, field

import numpy as np

from gallery.geo import LonLat, Position, all_offsets_m
from gallery.registration.places import PlaceProbabilities
from gallery.track.motion import Motion, TilePlane

WRONG_GROUND = 0.1
"""Share of the probabilities over the ground that are taken to say nothing of the place, nor whether it is there."""

LEAST_ABSENT = 0.02
"""Least chance of other ground that such a probability is taken to leave: no photo speaks more strongly than this."""

AWAY_ODDS = Motion.away / (1 - Motion.away)
"""Odds of other ground before anything is seen, which a photo's probabilities contain and the track counts too."""

WRONG_RANKING = 0.2
"""Share of rankings that are taken to say nothing of the place."""

WRONG_FIT = 0.05
"""Share of geometric fits that are taken to be wrong."""

HALF_BELOW, LOGISTIC_WIDTH = 1.0, 0.5
"""Distance below the best score at which a tile counts half, and width of the fall around it, in standard deviations of
the ranked tiles. These and the share above make the true tiles of three rendered flights likeliest."""


@dataclass(frozen=True)
class Points:
    """Places of a photo's centre that are known better than its tile.

    Attributes:
        metres: (P, 2) on the plane of the tiles.
        variances_m2: (P,) to each side.
        tiles: (P,) rows of the tiles that they are given for.
        shares: (P,) chance of the place, if the photo shows that tile's ground; of one tile they add up to 1 at most.
    """

    metres: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    variances_m2: np.ndarray = field(default_factory=lambda: np.empty(0))
    tiles: np.ndarray = field(default_factory=lambda: np.empty(0, int))
    shares: np.ndarray = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True)
class TileLikelihood:
    """What one photo says, by itself.

    Attributes:
        likelihood: (N,) how much likelier this photo is at a tile than on other ground.
        points: where within the tiles it lies, as far as that is known.
    """

    likelihood: np.ndarray
    points: Points = field(default_factory=Points)

    def and_also(self, other: "TileLikelihood") -> "TileLikelihood":
        """Two words of one photo, each about the tile; where within it comes from this one."""
        return TileLikelihood(self.likelihood * other.likelihood, self.points)


def silent(count: int) -> TileLikelihood:
    """A photo that says nothing."""
    return TileLikelihood(np.ones(count))


def of_ground(places: PlaceProbabilities, ground: TilePlane) -> TileLikelihood:
    """The probability over the gallery's ground, the answer "not on this ground" included.

    The chance of each place goes to the tile whose centre lies nearest, the rest evenly to all on the searched ground;
    tiles that were not searched are as likely as other ground is under a probability that says nothing.
    """
    metres = np.stack(all_offsets_m(ground.origin, places.lons, places.lats), axis=1)
    tiles = ground.tree.query(metres)[1] if len(metres) else np.empty(0, int)
    searched = np.zeros(len(ground), bool)
    for box in places.searched:
        low = ground.offset_m(LonLat(box.west, box.south))
        high = ground.offset_m(LonLat(box.east, box.north))
        searched |= ((ground.metres >= low) & (ground.metres <= high)).all(axis=1)
    chances = np.bincount(tiles, places.chances, len(ground)).astype(float)
    chances[searched] += places.rest / max(1, int(searched.sum()))
    scale = (1 - WRONG_GROUND) * AWAY_ODDS * len(ground) / max(places.absent, LEAST_ABSENT)
    likelihood = scale * chances + WRONG_GROUND
    shares = scale * places.chances / likelihood[tiles]
    return TileLikelihood(likelihood, Points(metres, places.spreads_m**2, tiles, shares))


def of_fit(fit: Position, ground: TilePlane) -> TileLikelihood:
    """A geometric fit: a Gaussian around its point, as wide as its radius and the tiles' grid, or else it is wrong.

    On other ground only a wrong fit can be found at all, so that a fit also speaks against that.
    """
    deviation_m = np.hypot(fit.radius_m / 2, ground.pitch_m / 2)
    away_m = np.linalg.norm(ground.metres - ground.offset_m(LonLat(fit.lon, fit.lat)), axis=1)
    near = np.exp(-0.5 * (away_m / deviation_m) ** 2)
    if_right = (1 - WRONG_FIT) / WRONG_FIT * near * len(ground) / max(near.sum(), 1.0)
    tiles = np.flatnonzero(near > 0)
    point = ground.offset_m(LonLat(fit.lon, fit.lat))
    variances_m2 = np.full(len(tiles), (fit.radius_m / 2) ** 2)
    shares = (if_right / (1 + if_right))[tiles]
    return TileLikelihood(1 + if_right, Points(np.tile(point, (len(tiles), 1)), variances_m2, tiles, shares))


def of_ranking(rows: np.ndarray, scores: np.ndarray, count: int) -> TileLikelihood:
    """A ranking without a fit: a logistic function of each tile's score, or else it is wrong.

    Tiles that were not ranked count as the last one. A logistic function levels off where several tiles look right,
    which a softmax does not (arXiv:1910.12121).

    Args:
        rows: (K,) of the best tiles.
        scores: (K,) of them.
        count: of all tiles.
    """
    if len(rows) < 2 or np.ptp(scores) == 0:
        return silent(count)
    below = (scores.max() - scores) / scores.std()
    likely = 1 / (1 + np.exp((below - HALF_BELOW) / LOGISTIC_WIDTH))
    ratios = np.full(count, likely.min())
    ratios[rows] = likely
    return TileLikelihood((1 - WRONG_RANKING) * ratios / ratios.mean() + WRONG_RANKING)
