"""What is made of a search: one place, its probability and radius, and whether it counts as located."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gallery.ground.picture import LaidPhoto
from gallery.registration.combine import (
    SIFT,
    XFEAT,
    Grid,
    Posterior,
    Weights,
    fitted,
    likelihood_map,
    log_likelihoods,
    posterior,
)
from gallery.registration.fine import CoarsePlace, FineFit, Points, refined
from gallery.registration.locate import Candidate, Found, GroundMap, Known

LOOKED_AT = 2
"""Places, the likeliest, that are compared finely: each takes a quarter of a second."""

LOOKED_AT_WITHIN = 4.0
"""Natural logarithm by which a place may be less likely than the best one and still be compared finely: a less likely
one would hardly become the best."""

RIGHT_WITHIN_M = 25.0
"""Metres within which a place counts as right."""

CELL_M = 4.0
"""Metres, side of the cells of the probability map: as exact as the closer comparison."""

SHARP_CELLS = 3
"""Cells within which the probability must lie for the fine fit's own radius to be told: else places compete."""

TURNED_FROM_DEG = 150.0
"""Degrees of difference from which on a heading counts as stated the wrong way round."""


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a photo was taken.

    Attributes:
        east_m: of the ground under its centre.
        north_m: of the ground under its centre.
        heading_deg: of its upper side, clockwise from north.
        growth: of the assumed scale.
        probability: that the place is right within 25 m.
        radius_m: holds 95 % of what lies in this map.
        located: whether it counts as found.
        turned_deg: found heading less the assumed one, -180 to 180.
        turned_round: a stated heading points the other way.
        fine: the fine fit, if there is one.
        candidate: that it rests on.
        posterior: over the map.
        candidates: all that were looked at, likeliest first.
        confirmed: for each of them, whether the closer comparison found it; None: it was not compared.
        unhinted: the probability that the same place has without a prior; None where there was no prior.
    """

    east_m: float
    north_m: float
    heading_deg: float
    growth: float
    probability: float
    radius_m: float
    located: bool
    turned_deg: float
    turned_round: bool
    fine: FineFit | None
    candidate: Candidate
    posterior: Posterior
    candidates: tuple[Candidate, ...] = ()
    confirmed: tuple[bool | None, ...] = ()
    unhinted: float | None = None


def placed(
    photo: LaidPhoto,
    ground: GroundMap,
    found: Found,
    known: Known,
    points: Points | None = None,
    log_prior: np.ndarray | None = None,
    weights: Weights | None = None,
) -> Placement | None:
    """Read the answer off a search.

    Args:
        photo: that was searched.
        ground: in which it was searched.
        found: by the search.
        known: how much of the photo's pose is stated.
        points: a network's, None: SIFT's.
        log_prior: of the cells of `grid_of(ground)`, see `combine.posterior`.
        weights: None: those that were fitted for the matcher of the closer comparison.

    Returns:
        None where the search found no place at all.
    """
    candidates = found.candidates
    if not candidates:
        return None
    weights = weights or fitted(SIFT if points is None else XFEAT)
    gains = _gains(grid_of(ground), candidates, log_prior)
    logs = log_likelihoods(candidates, known.pose, weights)
    looked = _looked_at(photo, ground, candidates, logs, gains, points, weights)
    belief = _belief(ground, found, looked.logs, log_prior, weights)
    best = _nearest(candidates, *belief.best())
    candidate, fit = candidates[best], looked.fits.get(best)
    east_m, north_m = (candidate.east_m, candidate.north_m) if fit is None else (fit.east_m, fit.north_m)
    heading_deg = (photo.heading_deg + candidate.turn_deg) % 360 if fit is None else fit.heading_deg
    turned_deg = (heading_deg - photo.heading_deg + 180) % 360 - 180
    spread_m = belief.radius_m()
    probability = belief.within(east_m, north_m, RIGHT_WITHIN_M)
    unhinted = None
    if log_prior is not None:
        unhinted = _belief(ground, found, looked.logs, None, weights).within(east_m, north_m, RIGHT_WITHIN_M)
    order = np.argsort(-(looked.logs + gains), kind="stable").tolist()
    tried = [None if number not in looked.fits else looked.fits[number] is not None for number in order]
    return Placement(
        east_m=east_m,
        north_m=north_m,
        heading_deg=heading_deg,
        growth=candidate.growth,
        probability=probability,
        radius_m=spread_m if fit is None or spread_m > SHARP_CELLS * CELL_M else fit.radius_m,
        located=probability >= weights.located_from,
        turned_deg=turned_deg,
        turned_round=known.heading and abs(turned_deg) >= TURNED_FROM_DEG,
        fine=fit,
        candidate=candidate,
        posterior=belief,
        candidates=tuple(candidates[number] for number in order),
        confirmed=tuple(tried),
        unhinted=unhinted,
    )


def _gains(grid: Grid, candidates: Sequence[Candidate], log_prior: np.ndarray | None) -> np.ndarray:
    """(N,) what a prior adds to the log-likelihood of each candidate."""
    if log_prior is None:
        return np.zeros(len(candidates))
    rows, columns = (
        np.clip(np.rint(np.array(off_m) / grid.cell_m).astype(int), 0, side - 1)
        for off_m, side in zip(
            ([grid.north_m - each.north_m for each in candidates], [each.east_m - grid.west_m for each in candidates]),
            grid.shape,
            strict=True,
        )
    )
    return np.asarray(log_prior[rows, columns])


@dataclass(frozen=True, eq=False)
class _LookedAt:
    """Candidates after the likeliest were compared finely.

    Attributes:
        logs: (N,) log-likelihood of each candidate.
        fits: by number of the candidate; None where one does not fit.
    """

    logs: np.ndarray
    fits: dict[int, FineFit | None]


def _looked_at(
    photo: LaidPhoto,
    ground: GroundMap,
    candidates: Sequence[Candidate],
    logs: np.ndarray,
    gains: np.ndarray,
    points: Points | None,
    weights: Weights,
) -> _LookedAt:
    """The likeliest candidates are compared finely; whether that succeeds speaks for or against them.

    Args: gains: (N,) what a prior adds to each.
    """
    promise = logs + gains
    logs, fits = logs.copy(), {}
    for number in np.argsort(-promise)[:LOOKED_AT].tolist():
        if promise[number] < promise.max() - LOOKED_AT_WITHIN:
            continue
        one = candidates[number]
        coarse = CoarsePlace(one.east_m, one.north_m, one.turn_deg, one.growth)
        fits[number] = refined(photo, ground.ground, coarse, points)
        logs[number] += weights.missing if fits[number] is None else weights.found
    return _LookedAt(logs, fits)


def _belief(
    ground: GroundMap, found: Found, logs: np.ndarray, log_prior: np.ndarray | None, weights: Weights
) -> Posterior:
    """Where the photo may be, after all that was looked at."""
    grid = grid_of(ground)
    likelihood = likelihood_map(grid, found.candidates, logs, _z_at(found, grid), weights)
    return posterior(grid, likelihood, weights.absent, log_prior)


def _nearest(candidates: Sequence[Candidate], east_m: float, north_m: float) -> int:
    """Number of the candidate nearest to a place."""
    far = [math.hypot(candidate.east_m - east_m, candidate.north_m - north_m) for candidate in candidates]
    return int(np.argmin(far))


def grid_of(ground: GroundMap) -> Grid:
    """The cells of a map's probabilities."""
    image = ground.ground
    shape = tuple(max(1, math.ceil(side * image.m_per_px / CELL_M)) for side in image.grey.shape)
    return Grid(image.west_m + CELL_M / 2, image.north_m - CELL_M / 2, CELL_M, (shape[0], shape[1]))


def _z_at(found: Found, grid: Grid) -> np.ndarray:
    """(H, W) coarse correlation in standard deviations at the cells; -inf where no ground lies."""
    scores = found.scores
    east, north = grid.places()
    columns = np.clip(np.rint((east - scores.west_m) / scores.m_per_px).astype(int), 0, scores.z.shape[1] - 1)
    rows = np.clip(np.rint((scores.north_m - north) / scores.m_per_px).astype(int), 0, scores.z.shape[0] - 1)
    return scores.z[np.ix_(rows, columns)].astype(np.float64)
