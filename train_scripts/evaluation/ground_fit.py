"""Fits the likelihood of the ground: a conditional logit over the places that were looked at, and "not in this map"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from itertools import groupby

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from gallery.errors import GalleryError
from gallery.registration.combine import Weights, evidence_table
from gallery.registration.placement import RIGHT_WITHIN_M
from train_scripts.evaluation.ground_rows import GroundRow

HIDDEN_M = 150.0
"""Metres around the truth that are hidden to ask what the rest of the map says: then the place is not in the map.
Ground that lies nearer may be shown by the photo."""

RIDGE = 0.5
"""Weight of the squared distance from the weights before, in log-likelihood: few photos move them little."""

LEAST_LOCATED = 0.7
"""Least probability of a located place: from 0.5 on, other halves than the fit had seen held wrong ones."""

RIGHT_SHARE = 0.95
"""Share of what is called located that is right, in each set by itself."""

LEAST_ROWS = 20
"""Least searches whose place was found, and least whose place was not there, that a fit needs."""

NAMES = tuple(one.name for one in fields(Weights))[:8]

BOUNDS = (*[(0.0, None)] * 5, (0.0, None), (0.0, None), (None, 0.0))


@dataclass(frozen=True, eq=False)
class Search:
    """One search as the fit sees it.

    Attributes:
        group: its set, and whether the place was there.
        evidence: (N, 8) what each of the first eight `Weights` but `absent`, which is 0, is multiplied by.
        right: (N,) bool, candidates at the truth.
        there: the map has the place.
        east_north: (N, 2) metres, of the candidates.
    """

    group: tuple[str, bool]
    evidence: np.ndarray
    right: np.ndarray
    there: bool
    east_north: np.ndarray

    def logs(self, numbers: np.ndarray) -> np.ndarray:
        """(N + 1,) log-likelihood of the candidates, and of "not in this map". Args: numbers: (8,) of the weights."""
        return np.append(self.evidence @ numbers, numbers[5])

    def loss(self, numbers: np.ndarray) -> float:
        """Negative log-likelihood of the truth; of a place that is there but was not looked at, nothing is learned."""
        if self.there and not self.right.any():
            return 0.0
        logs = self.logs(numbers)
        true = logs[:-1][self.right] if self.there else logs[-1:]
        return float(logsumexp(logs) - logsumexp(true))

    def best(self, numbers: np.ndarray) -> tuple[float, bool]:
        """Probability of the likeliest place within `RIGHT_WITHIN_M`, and whether that is right."""
        logs = self.logs(numbers)
        chances = np.exp(logs - logsumexp(logs))[:-1]
        first = int(chances.argmax())
        near = np.hypot(*(self.east_north - self.east_north[first]).T) <= RIGHT_WITHIN_M
        return float(chances[near].sum()), bool(self.there and self.right[first])


def searches_of(rows: Sequence[GroundRow]) -> list[Search]:
    """Each row as it is, and those whose place is in the map again with that place hidden."""
    found = []
    for row in rows:
        everything = np.ones(len(row.candidates), bool)
        if row.candidates:
            found.append(_search(row, everything, not row.elsewhere))
        away = everything if row.elsewhere else np.array(row.off_m) > HIDDEN_M
        if not row.elsewhere and away.any():
            found.append(_search(row, away, False))
    return found


def _search(row: GroundRow, kept: np.ndarray, there: bool) -> Search:
    numbers = np.flatnonzero(kept).tolist()
    candidates = [row.candidates[number] for number in numbers]
    confirmed = [row.confirmed[number] for number in numbers]
    table = evidence_table(candidates, row.pose_stated)
    found, missing = ([one is what for one in confirmed] for what in (True, False))
    return Search(
        group=(row.set, there),
        evidence=np.column_stack([table, np.zeros(len(table)), found, missing]),
        right=np.array([there and row.off_m[number] <= RIGHT_WITHIN_M for number in numbers]),
        there=there,
        east_north=np.array([(one.east_m, one.north_m) for one in candidates]),
    )


def fit(rows: Sequence[GroundRow], before: Weights) -> Weights:
    """Weights fitted to rows of one matcher, near those from before; each set counts alike.

    Raises:
        GalleryError: too few searches.
    """
    searches = searches_of(rows)
    there = sum(one.there and bool(one.right.any()) for one in searches)
    lacking = sum(not one.there for one in searches)
    if min(there, lacking) < LEAST_ROWS:
        raise GalleryError(
            f"{there} searches found their place and {lacking} had none to find: a fit needs {LEAST_ROWS} of each."
        )
    start = np.array(astuple(before)[:8])
    groups = [list(own) for _, own in groupby(sorted(searches, key=_group_of), key=_group_of)]
    share = len(searches) / len(groups)

    def loss(numbers: np.ndarray) -> float:
        told = sum(share * sum(one.loss(numbers) for one in own) / len(own) for own in groups)
        return told + RIDGE * float(((numbers - start) ** 2).sum())

    found = minimize(loss, start, method="L-BFGS-B", bounds=BOUNDS).x
    fitted = replace(before, **dict(zip(NAMES, map(float, found), strict=True)))
    return replace(fitted, located_from=least_probability(searches, fitted))


def least_probability(searches: Sequence[Search], weights: Weights) -> float:
    """The least probability of a located place: enough are right in each set, and none whose place lacks passes."""
    numbers = np.array(astuple(weights)[:8])
    judged = [(one.group[0], *one.best(numbers)) for one in searches]
    bound = max(
        [LEAST_LOCATED, *(chance for one, (_, chance, _) in zip(searches, judged, strict=True) if not one.there)]
    )
    for name in sorted({one for one, _, _ in judged}):
        bound = max(bound, _bound([(chance, right) for own, chance, right in judged if own == name]))
    return float(np.nextafter(bound, math.inf))


def _bound(judged: Sequence[tuple[float, bool]]) -> float:
    """The highest probability at which too few of those from it on are right; 0 where there is none."""
    ordered = sorted(judged, reverse=True)
    right, bound = 0, ordered[0][0]
    for number, (_, one) in enumerate(ordered, 1):
        right += one
        if right / number >= RIGHT_SHARE:
            bound = ordered[number][0] if number < len(ordered) else 0.0
    return bound


def _group_of(search: Search) -> tuple[str, bool]:
    return search.group
