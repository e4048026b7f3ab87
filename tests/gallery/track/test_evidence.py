"""What one photo says of its place: mean one, most for the best tile, and fits that reach no farther."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery.geo import LonLat, Position, moved
from gallery.search.scales import typical_side_m
from gallery.track.evidence import of_fit, of_ranking, silent
from gallery.track.motion import TilePlane


def fit_at(point: LonLat, radius_m: float = 4.0) -> Position:
    return Position(point.lon, point.lat, radius_m)


@settings(max_examples=40)
@given(st.integers(0, 1000), st.floats(-0.5, 0.9))
def test_evidence_has_the_mean_of_silence_and_likes_the_best_tile_most(seed, least):
    random = np.random.default_rng(seed)
    rows = random.permutation(50)[:20]
    scores = np.sort(random.uniform(least, 1, 20))[::-1]
    said = of_ranking(rows, scores, 50)
    assert said.likelihood.mean() == pytest.approx(1) and said.likelihood.argmax() == rows[0]
    assert (said.likelihood > 0).all() and not said.fit_right.any()
    shifted = of_ranking(rows, 2 * scores + 3, 50)
    assert shifted.likelihood == pytest.approx(said.likelihood)


def test_scores_that_are_all_alike_say_nothing():
    assert np.array_equal(of_ranking(np.arange(5), np.full(5, 0.3), 9).likelihood, silent(9).likelihood)


def test_a_fit_speaks_for_the_tiles_around_it_and_for_none_far_away(gallery):
    ground = TilePlane.of(gallery.centres, typical_side_m(gallery))
    tile = gallery.tile(40)
    said = of_fit(fit_at(tile.centre), ground)
    assert said.likelihood.argmax() == 40 and said.fit_right[40] > 0.99
    outside = of_fit(fit_at(moved(tile.centre, 90_000, 0)), ground)
    assert outside.likelihood.max() < 1.01, "a fit that lies nowhere in the gallery speaks for no tile"
