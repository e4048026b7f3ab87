"""Fits and figures of probabilities: hand-made cases, laws, and a brute-force twin of the coverage."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gallery.constants import SHARES
from gallery.errors import GalleryError
from gallery.judge.calibration_fit import BELIEVED_ELSEWHERE, fit, reliability_of
from gallery.judge.evidence import KINDS, Evidence

RANDOM = np.random.default_rng(3)
NONE = np.zeros(2000, bool)


def test_figures_by_hand():
    probability = np.array([0.95, 0.95, 0.75, 0.35, 0.32, 0.05])
    right = np.array([True, True, False, True, False, False])
    found = reliability_of(probability, right)
    assert (found.answers, found.right) == (6, 3)
    assert found.coverage == {"0.9": 2 / 6, "0.95": 2 / 6, "0.99": 2 / 6}
    assert found.auc_pr == pytest.approx((2 / 3) * 1 + (1 / 3) * (3 / 4))
    assert [(one.count, one.right) for one in found.bins] == [(1, 0), (2, 0.5), (1, 0), (2, 1)]
    errors = [0.05 * 1, abs(0.335 - 0.5) * 2, 0.75 * 1, 0.05 * 2]
    assert found.calibration_error == pytest.approx(sum(errors) / 6)


@given(
    arrays(np.float64, st.integers(1, 30), elements=st.sampled_from([0.0, 0.2, 0.5, 0.5001, 0.9, 1.0])),
    st.randoms(use_true_random=False),
)
def test_coverage_equals_trying_every_bound(probability, random):
    right = np.array([random.random() < 0.7 for _ in probability])
    found = reliability_of(probability, right)
    for share in SHARES:
        kept = [probability >= bound for bound in probability]
        enough = [int(own.sum()) for own in kept if right[own].mean() >= share]
        assert found.coverage[str(share)] == max(enough, default=0) / len(right)
    assert sum(one.count for one in found.bins) == len(right)
    assert 0 <= found.calibration_error <= 1
    assert (found.auc_pr is None) == (right.all() or not right.any())


def answers(count: int, inliers: bool = True) -> tuple[list[Evidence], np.ndarray]:
    """Evidence whose margin alone tells how probably an answer is right."""
    numbers = RANDOM.normal(size=(count, len(KINDS)))
    right = RANDOM.random(count) < 1 / (1 + np.exp(-3 * numbers[:, 1]))
    return [Evidence(*row[:-1], row[-1] if inliers else None) for row in numbers.tolist()], right


@pytest.mark.parametrize("inliers", [True, False])
def test_a_fit_finds_what_tells(inliers):
    evidence, right = answers(2000, inliers)
    fitted = fit(evidence, right, [f"{number // 2}" for number in range(2000)], NONE)
    assert np.argmax(np.abs(fitted.weights)) == 1 and len(fitted.weights) == len(KINDS) - (not inliers)
    unseen, truth = answers(2000, inliers)
    found = reliability_of(np.array([fitted.probability(one) for one in unseen]), truth)
    assert found.calibration_error < 0.04 and found.auc_pr is not None and found.auc_pr > 0.85
    for share, least in fitted.located_at.items():
        assert least is not None
        kept = np.array([fitted.probability(one) >= least for one in unseen])
        assert kept.any() and truth[kept].mean() > share - 0.04
    bounds = [fitted.located_at[share] or 1 for share in SHARES]
    assert bounds == sorted(bounds) and (fitted.photos, fitted.elsewhere) == (2000, 0)


def test_photos_of_elsewhere_are_hardly_ever_located():
    evidence, right = answers(2000)
    elsewhere = NONE.copy()
    elsewhere[:800] = True
    right[:800] = False
    evidence[:800] = [replace(one, margin=one.margin - 1.5) for one in evidence[:800]]
    plain, strict = (
        fit(evidence, right, [str(number) for number in range(2000)], which) for which in (NONE, elsewhere)
    )
    for share in SHARES:
        least, before = strict.located_at[share], plain.located_at[share]
        assert least is not None and before is not None and least >= before
        believed = [strict.probability(one) >= least for one in evidence[:800]]
        assert np.mean(believed) <= (1 - share) * BELIEVED_ELSEWHERE + 2 / 800


def test_too_few_answers_are_refused():
    evidence, _ = answers(40)
    with pytest.raises(GalleryError, match="at least 10 of each"):
        fit(evidence, np.arange(40) < 9, [str(number) for number in range(40)], NONE[:40])
    with pytest.raises(GalleryError, match="5 photos"):
        fit(evidence, np.arange(40) < 20, ["one"] * 40, NONE[:40])


def test_answers_that_tell_nothing_are_never_located():
    evidence, _ = answers(400)
    fitted = fit(evidence, RANDOM.random(400) < 0.3, [str(number) for number in range(400)], NONE[:400])
    assert fitted.located_at[0.99] is None or fitted.probability(evidence[0]) < 0.99
