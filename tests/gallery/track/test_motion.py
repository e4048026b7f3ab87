"""How a flight can move: the ground of its tiles, and matrices that neither grow nor prefer a direction."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery.errors import TrackError
from gallery.geo import LonLat
from gallery.track.motion import COURSES, Motion, TilePlane, moves, turns


def test_the_ground_across_the_180th_meridian_is_whole():
    centres = np.array([[179.999, 10.0], [-179.9995, 10.0], [-179.998, 10.0]])
    ground = TilePlane.of(centres, 100.0)
    assert np.ptp(ground.metres[:, 0]) == pytest.approx(0.003 * 109_639, rel=0.01)
    assert ground.point(ground.metres[1]).lon == pytest.approx(-179.9995)


seeds = st.integers(0, 10_000)


def ground_of(random: np.random.Generator, tiles: int, across_m: float = 300.0) -> TilePlane:
    return TilePlane(LonLat(0, 0), random.uniform(0, across_m, (tiles, 2)), 100.0)


@settings(max_examples=25)
@given(st.floats(0.1, 60), seeds)
def test_moves_are_symmetric_and_their_mean_over_the_courses_lets_nothing_grow(seconds, seed):
    ground = ground_of(np.random.default_rng(seed), 20, 1000)
    matrices = moves(ground, seconds, Motion())
    for course, matrix in enumerate(matrices):
        opposite = matrices[(course + COURSES // 2) % COURSES]
        assert np.abs((matrix - opposite.T).toarray()).max() < 1e-12
    mean = sum(matrix.toarray() for matrix in matrices) / COURSES
    assert np.linalg.eigvalsh(mean).max() == pytest.approx(1)
    chances = turns(seconds, Motion())
    assert chances.sum(axis=1) == pytest.approx(np.ones(COURSES)) and np.allclose(chances, chances.T)


@pytest.mark.parametrize("limits", [(0.0, 45.0), (-1.0, 45.0), (math.nan, 45.0), (20.0, 0.0), (math.inf, 45.0)])
def test_limits_are_positive_numbers(limits):
    with pytest.raises(TrackError, match="positive number"):
        Motion(*limits)
