"""Evidence: what speaks for the best tile, by hand and by laws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.judge.evidence import BEST, KINDS, NEAREST, evidence_of
from gallery.tiles import Ranking

STEP_DEG = 0.001  # 111 m


def line_of_tiles(count: int) -> np.ndarray:
    return np.column_stack([np.arange(count) * STEP_DEG, np.zeros(count)])


def ranking(rows: list[int], scores: list[float]) -> Ranking:
    return Ranking(np.array(rows), np.array(scores, np.float32))


def test_evidence_by_hand():
    found = evidence_of(ranking([0, 1, 5, 9], [0.9, 0.8, 0.6, 0.4]), line_of_tiles(10), 120.0, 7)
    assert found is not None
    assert found.score == pytest.approx(0.9) and found.margin == pytest.approx(0.3) and found.agreeing == 2
    assert found.standing == pytest.approx((0.9 - 0.5) / (0.1 + 1e-3), rel=1e-5)
    weights = np.exp(20 * (np.array([0.9, 0.8, 0.6, 0.4]) - 0.9))
    sides = np.array([0, 1, 5, 9]) * 111.3195 / 120
    assert found.scatter == pytest.approx(weights @ sides / weights.sum(), rel=1e-4)
    assert found.inliers == pytest.approx(math.log(8)) and len(found.numbers) == len(KINDS)


def test_without_another_place_nothing_tells_it_apart():
    assert evidence_of(ranking([3, 4], [0.9, 0.8]), line_of_tiles(10), 120.0, 0) is None
    assert evidence_of(ranking([], []), line_of_tiles(10), 120.0, None) is None


@given(st.permutations(range(20)), st.floats(-0.3, 0.3))
def test_evidence_knows_no_rows_and_no_ground(order, shift_deg):
    rows, scores = list(range(20)), [0.9 - 0.02 * number for number in range(20)]
    found = evidence_of(ranking(rows, scores), line_of_tiles(20), 120.0, 3)
    centres = np.empty((20, 2))
    centres[list(order)] = line_of_tiles(20) + np.array([shift_deg, 0])  # in another order, moved along the equator
    moved = evidence_of(ranking([order[row] for row in rows], scores), centres, 120.0, 3)
    assert found is not None and moved is not None
    assert moved.numbers == pytest.approx(found.numbers, rel=1e-6)


def test_only_the_best_tiles_count():
    scores = np.linspace(0.9, 0.1, 3 * BEST)
    whole = evidence_of(Ranking(np.arange(3 * BEST), scores), line_of_tiles(3 * BEST), 120.0, None)
    assert whole == evidence_of(Ranking(np.arange(BEST), scores[:BEST]), line_of_tiles(BEST), 120.0, None)
    assert whole is not None and whole.inliers is None and whole.agreeing <= NEAREST
