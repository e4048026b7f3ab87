"""One likelihood over the map from votes, area and priors: where is the photo, and is it in this map at all?"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from gallery.errors import RegistrationError
from gallery.registration.locate import Candidate


@dataclass(frozen=True)
class Weights:
    """How evidence becomes a log-likelihood (natural), a conditional logit fitted on real ground of two dates.

    Attributes:
        z: for a standard deviation of the coarse correlation.
        votes: for a unit of log(1 + weight) of the vote peak.
        lead: for a tenth of the middle correlation above what this photo's wrong places reach.
        stated: added where heading and scale are about the stated ones.
        excess: for a unit of log(1 + weight above that of the photo's next peaks).
        absent: log-likelihood of "not in this map".
        found: added for a place that the closer comparison confirms.
        missing: added for one that it does not.
        located_from: probability from which a place counts as located.
    """

    z: float
    votes: float
    lead: float
    stated: float
    excess: float
    absent: float
    found: float
    missing: float
    located_from: float


FITTED = Path(__file__).with_name("weights.json")
"""What `python -m train_scripts.evaluate_ground fit` writes: weights for each matcher of the closer comparison, and
what they were fitted to."""

XFEAT, SIFT = "xfeat", "sift"


@cache
def fitted(matcher: str) -> Weights:
    """The weights that come with the program. Args: matcher: of the closer comparison, `XFEAT` or `SIFT`."""
    return Weights(**json.loads(FITTED.read_text("utf-8"))["weights"][matcher])


UNSEEN = 4.0
"""Natural logarithm by which places that were not looked at weigh less than candidates."""

Z_FROM, VOTES_FROM = 5.0, 2.0
"""Standard deviations, and log(1 + weight), that an accident reaches anywhere in a square kilometre: evidence counts
from there, and `absent` is of a readable size."""

LEAD_UNIT = 0.1
"""Correlation at the middle scale that `Weights.lead` is told for."""

SPREAD_M = 4.0
"""Metres, standard deviation of a candidate's place: what the closer comparison leaves."""

CUT_AT = 4.0
"""Standard deviations at which that spread is cut."""

FIRST_RADIUS_M = 64.0
"""Metres around the best cell in which a radius is sought first; it is doubled until it holds enough."""


def evidence_table(candidates: Sequence[Candidate], pose_stated: bool) -> np.ndarray:
    """(N, 5) float64, one column for each of the first five `Weights`."""
    z = np.array([each.z for each in candidates])
    score = np.array([each.score for each in candidates])
    weight = np.array([each.weight for each in candidates])
    stated = np.array([each.stated and pose_stated for each in candidates], float)
    compared = score > -1
    lowest = np.sort(score[compared])  # without the best two: one of them may be right
    base = float(lowest[: max(1, len(lowest) - 2)].mean()) if len(lowest) else 0.0
    lead = np.where(compared, score - base, 0) / LEAD_UNIT
    others = np.sort(weight)[::-1][1:4]
    excess = np.log1p(np.maximum(0, weight - (float(others.mean()) if len(others) == 3 else 0.0)))
    return np.column_stack([z - Z_FROM, np.log1p(weight) - VOTES_FROM, lead, stated, excess])


def log_likelihoods(candidates: Sequence[Candidate], pose_stated: bool, weights: Weights) -> np.ndarray:
    """(N,) of each candidate, in the measure of `Weights.absent`."""
    parts = np.array([weights.z, weights.votes, weights.lead, weights.stated, weights.excess])
    return np.asarray(evidence_table(candidates, pose_stated) @ parts)


@dataclass(frozen=True, eq=False)
class Grid:
    """Cells of a map.

    Attributes:
        west_m: of the middle of the first cell.
        north_m: of the middle of the first cell.
        cell_m: a cell's side.
        shape: rows and columns.
    """

    west_m: float
    north_m: float
    cell_m: float
    shape: tuple[int, int]

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """(columns,) metres east and (rows,) metres north of the cells' middles."""
        rows, columns = self.shape
        return self.west_m + np.arange(columns) * self.cell_m, self.north_m - np.arange(rows) * self.cell_m

    def within(self, bounds_m: tuple[float, float, float, float]) -> tuple[slice, slice]:
        """Rows and columns of the cells that a box meets. Args: bounds_m: west, south, east and north edge."""
        west, south, east, north = bounds_m
        left, top = self.west_m - self.cell_m / 2, self.north_m + self.cell_m / 2
        columns = slice(max(0, math.floor((west - left) / self.cell_m)), math.ceil((east - left) / self.cell_m))
        rows = slice(max(0, math.floor((top - north) / self.cell_m)), math.ceil((top - south) / self.cell_m))
        return rows, columns

    def around(self, east_m: float, north_m: float, reach_m: float) -> "Near":
        """The cells whose middles lie so near a place, in a square."""
        row, column = (self.north_m - north_m) / self.cell_m, (east_m - self.west_m) / self.cell_m
        reach = reach_m / self.cell_m
        rows, columns = (
            slice(max(0, math.floor(middle - reach)), max(0, math.ceil(middle + reach) + 1)) for middle in (row, column)
        )
        east, north = self.places()
        return Near(rows, columns, (east[None, columns] - east_m) ** 2 + (north[rows, None] - north_m) ** 2)


@dataclass(frozen=True, eq=False)
class Near:
    """Cells around a place.

    Attributes:
        rows: of the grid.
        columns: of the grid.
        far_m2: (H, W), squared distance of their middles from the place.
    """

    rows: slice
    columns: slice
    far_m2: np.ndarray


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is believed of a photo's place.

    Attributes:
        grid: of the cells.
        probability: (H, W) float64, of each cell; with `absent` they add up to 1.
        absent: that the photo shows none of this map.
    """

    grid: Grid
    probability: np.ndarray
    absent: float

    def best(self) -> tuple[float, float]:
        """East and north of the likeliest cell, metres."""
        row, column = np.unravel_index(int(self.probability.argmax()), self.probability.shape)
        return self.grid.west_m + float(column) * self.grid.cell_m, self.grid.north_m - float(row) * self.grid.cell_m

    def within(self, east_m: float, north_m: float, radius_m: float) -> float:
        """Probability that the photo's centre lies so near a place."""
        near = self.grid.around(east_m, north_m, radius_m)
        return float(self.probability[near.rows, near.columns][near.far_m2 <= radius_m**2].sum())

    def radius_m(self, share: float = 0.95) -> float:
        """Around the likeliest cell, of the circle that holds a share of what lies in this map."""
        wanted = share * float(self.probability.sum())
        if wanted <= 0:
            return math.inf
        reach_m, whole_m = FIRST_RADIUS_M, self.grid.cell_m * math.hypot(*self.grid.shape)
        while reach_m < whole_m and self.within(*self.best(), reach_m) < wanted:
            reach_m *= 2
        near = self.grid.around(*self.best(), reach_m)
        far_m2 = near.far_m2.ravel()
        order = np.argsort(far_m2, kind="stable")
        held = np.cumsum(self.probability[near.rows, near.columns].ravel()[order])
        last = order[min(int(np.searchsorted(held, wanted)), len(order) - 1)]
        return math.sqrt(float(far_m2[last])) + self.grid.cell_m / 2


def posterior(
    grid: Grid, log_likelihood: np.ndarray, log_absent: float, log_prior: np.ndarray | None = None
) -> Posterior:
    """Bayes over the cells and "not in this map".

    Args:
        grid: of the cells.
        log_likelihood: (H, W), of each cell against an accident, natural logarithm; -inf where the photo cannot be.
        log_absent: of the photo being elsewhere, in the same measure, its prior included.
        log_prior: (H, W) natural logarithm of each cell's prior over what it has where nothing is known. It is not
            normalised: a prior whose place is not on the map speaks for the photo being elsewhere. None: all alike.

    Raises:
        RegistrationError: the shapes differ, or the prior excludes every cell.
    """
    if log_likelihood.shape != grid.shape or (log_prior is not None and log_prior.shape != grid.shape):
        raise RegistrationError("Likelihood and prior must have the shape of the grid.")
    total = log_likelihood.astype(np.float64)
    if log_prior is not None:
        if not math.isfinite(float(log_prior.max())):
            raise RegistrationError("The prior leaves no place on this map.")
        total = total + log_prior
    top = max(float(total.max()), log_absent)
    if not math.isfinite(top):
        return Posterior(grid, np.zeros(grid.shape), 1.0)
    cells, absent = np.exp(total - top), math.exp(log_absent - top)
    whole = float(cells.sum()) + absent
    return Posterior(grid, cells / whole, absent / whole)


def likelihood_map(
    grid: Grid, candidates: Sequence[Candidate], logs: np.ndarray, z: np.ndarray, weights: Weights
) -> np.ndarray:
    """(H, W) log-likelihood: that of each candidate spread around it, and little elsewhere, by the coarse correlation.

    Args:
        grid: of the cells.
        candidates: that were looked at.
        logs: (N,) of `log_likelihoods`; the cells around a candidate add up to it.
        z: (H, W) coarse correlation at the cells in standard deviations; -inf where no ground lies.
        weights: that `logs` was made with.
    """
    mass = np.exp(np.minimum(weights.z * (np.asarray(z, np.float64) - Z_FROM) - UNSEEN, 50)) / max(1, z.size)
    for candidate, log in zip(candidates, logs, strict=True):
        near = grid.around(candidate.east_m, candidate.north_m, CUT_AT * SPREAD_M)
        far = near.far_m2 / SPREAD_M**2
        bump = np.where(far < CUT_AT**2, np.exp(-0.5 * far), 0)
        if bump.sum() > 0:
            mass[near.rows, near.columns] += bump / bump.sum() * math.exp(min(float(log), 300.0))
    mass[~np.isfinite(z)] = 0
    with np.errstate(divide="ignore"):
        found: np.ndarray = np.log(mass)
    return found
