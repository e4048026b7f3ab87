"""What one photo says of where it was taken, as a likelihood of every tile.

A likelihood is a mixture: with some chance the match is wrong, and then it says nothing of the place. It is given as a
ratio to that of ground which the gallery lacks, where every match is wrong.
"""

from dataclasses import dataclass

import numpy as np

from gallery.geo import LonLat, Position
from gallery.track.motion import TilePlane

WRONG_RANKING = 0.2
"""Share of rankings that are taken to say nothing of the place."""

WRONG_FIT = 0.05
"""Share of geometric fits that are taken to be wrong."""

HALF_BELOW, LOGISTIC_WIDTH = 1.0, 0.5
"""Distance below the best score at which a tile counts half, and width of the fall around it, in standard deviations of
the ranked tiles. These and the share above make the true tiles of three rendered flights likeliest."""


@dataclass(frozen=True)
class TileLikelihood:
    """What one photo says, by itself.

    Attributes:
        likelihood: (N,) how much likelier this photo is at a tile than on other ground.
        fit: where geometry laid the photo's centre; its radius is two standard deviations.
        fit_right: (N,) chance that the fit is right, if the photo shows this tile's ground; 0 without a fit.
    """

    likelihood: np.ndarray
    fit: Position | None
    fit_right: np.ndarray


def silent(count: int) -> TileLikelihood:
    """A photo that says nothing."""
    return TileLikelihood(np.ones(count), None, np.zeros(count))


def of_fit(fit: Position, ground: TilePlane) -> TileLikelihood:
    """A geometric fit: a Gaussian around its point, as wide as its radius and the tiles' grid, or else it is wrong.

    On other ground only a wrong fit can be found at all, so that a fit also speaks against that.
    """
    deviation_m = np.hypot(fit.radius_m / 2, ground.pitch_m / 2)
    away_m = np.linalg.norm(ground.metres - ground.offset_m(LonLat(fit.lon, fit.lat)), axis=1)
    near = np.exp(-0.5 * (away_m / deviation_m) ** 2)
    if_right = (1 - WRONG_FIT) / WRONG_FIT * near * len(ground) / max(near.sum(), 1.0)
    return TileLikelihood(1 + if_right, fit, if_right / (1 + if_right))


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
    return TileLikelihood((1 - WRONG_RANKING) * ratios / ratios.mean() + WRONG_RANKING, None, np.zeros(count))
