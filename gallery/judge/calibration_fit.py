"""Is a probability to be believed? Fits one to answers whose truth is known, and measures any."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gallery.constants import SHARES
from gallery.errors import GalleryError
from gallery.judge.calibration import Logistic
from gallery.judge.evidence import Evidence

FOLDS = 5
LEAST_OF_EACH = 10
"""Least right answers, and least wrong ones, that a fit needs."""

BINS = 10

LEAST_LOCATED = 0.8
"""Least probability of a located answer, however right the others are."""

BELIEVED_ELSEWHERE = 0.1
"""Largest share of the photos of elsewhere that may be located, as a part of the share of answers that may be wrong:
nobody knows how many of a user's photos show places that the gallery lacks, and there no answer is right."""


@dataclass(frozen=True)
class Bin:
    """Answers of similar probability: how many, their mean probability, and the share that was right (0 to 1)."""

    count: int
    probability: float
    right: float


@dataclass(frozen=True)
class Reliability:
    """How well probabilities tell right answers from wrong ones.

    Attributes:
        answers, right: how many.
        auc_pr: area under the curve of precision over recall of right answers, as average precision; None where all
            or none are right.
        coverage: for each precision, the largest share of all answers that can be kept, most probable first, such that
            so many of them are right.
        calibration_error: ECE: mean distance of probability and share of right answers over `BINS` bins of equal
            width, weighted by their counts.
        bins: of the reliability plot, without empty ones.
    """

    answers: int
    right: int
    auc_pr: float | None
    coverage: dict[str, float]
    calibration_error: float
    bins: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return asdict(self)


def reliability_of(probability: np.ndarray, right: np.ndarray) -> Reliability:
    """Figures of (N,) probabilities, given which of the N answers are right; N at least 1."""
    number = np.minimum((probability * BINS).astype(int), BINS - 1)
    bins = tuple(
        Bin(int(own.sum()), float(probability[own].mean()), float(right[own].mean()))
        for own in (number == which for which in range(BINS))
        if own.any()
    )
    return Reliability(
        answers=len(right),
        right=int(right.sum()),
        auc_pr=float(average_precision_score(right, probability)) if 0 < right.sum() < len(right) else None,
        coverage={str(share): _keepable(probability, right, share)[0] / len(right) for share in SHARES},
        calibration_error=sum(one.count * abs(one.probability - one.right) for one in bins) / len(right),
        bins=bins,
    )


def _keepable(probability: np.ndarray, right: np.ndarray, share: float) -> tuple[int, float | None]:
    """How many of the most probable answers can be kept so that a share of them is right, and the least probability.

    Answers of equal probability are kept or refused together.
    """
    order = np.argsort(-probability, kind="stable")
    sorted_ = probability[order]
    precision = np.cumsum(right[order]) / np.arange(1, len(right) + 1)
    last_of_ties = np.append(sorted_[1:] < sorted_[:-1], True)
    enough = np.flatnonzero(last_of_ties & (precision >= share))
    return (int(enough[-1]) + 1, float(sorted_[enough[-1]])) if len(enough) else (0, None)


def fit(evidence: Sequence[Evidence], right: np.ndarray, photos: Sequence[str], elsewhere: np.ndarray) -> Logistic:
    """A probability fitted to answers by logistic regression (L2, standardised).

    The least probability of a located answer is chosen on answers that the fit has not seen: `FOLDS` folds, all answers
    of a photo in one. From it on, the asked share is right, of the photos of elsewhere `BELIEVED_ELSEWHERE` at most are
    located, and it is not below `LEAST_LOCATED`.

    Args:
        evidence: of N answers that were all checked by geometry, or all not.
        right: (N,) bool.
        photos: N names; a photo may have been asked several times.
        elsewhere: (N,) bool, of photos whose place the gallery lacked.

    Raises:
        GalleryError: too few answers are right or wrong, or too few photos were asked.
    """
    if min(right.sum(), (~right).sum()) < LEAST_OF_EACH or len(set(photos)) < FOLDS:
        raise GalleryError(
            f"{int(right.sum())} answers are right and {int((~right).sum())} wrong: a calibration needs at least "
            f"{LEAST_OF_EACH} of each, and {FOLDS} photos. Give more photos."
        )
    numbers = np.array([one.numbers for one in evidence])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    unseen = cross_val_predict(model, numbers, right, groups=photos, cv=GroupKFold(FOLDS), method="predict_proba")[:, 1]
    standard, regression = model.fit(numbers, right)[0], model[1]
    return Logistic(
        mean=tuple(map(float, standard.mean_)),
        scale=tuple(map(float, standard.scale_)),
        weights=tuple(map(float, regression.coef_[0])),
        bias=float(regression.intercept_[0]),
        located_at={share: _bound(unseen, right, elsewhere, share) for share in SHARES},
        photos=len(right),
        elsewhere=int(elsewhere.sum()),
    )


def _bound(probability: np.ndarray, right: np.ndarray, elsewhere: np.ndarray, share: float) -> float | None:
    """The least probability of a located answer; None where no bound is high enough."""
    kept = _keepable(probability, right, share)[1]
    bound = None if kept is None else max(kept, LEAST_LOCATED)
    foreign = np.sort(probability[elsewhere])[::-1]
    allowed = math.floor(len(foreign) * (1 - share) * BELIEVED_ELSEWHERE)
    if bound is None or len(foreign) <= allowed:
        return bound
    above = probability[probability > foreign[allowed]]
    return max(bound, float(above.min())) if len(above) else None
